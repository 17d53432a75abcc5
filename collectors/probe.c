/*
 * The engine of the probes: their life, deadlines and results. One epoll set, level-triggered; a probe
 * owns its socket, its TLS connection, its dialog and a copy of its request. It is reported once, when
 * its result stands; if a farewell is still to be heard out then, it lingers for a second at most.
 *
 * Deadlines: `due_ms` of the engine is a lower bound of those of all probes. The list is looked
 * through when that time is reached, so that a probe that ends in time costs no timer.
 */
#include "../agent/clock.h"
#include "probe_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define TIMEOUT_MS      30000
#define STEP_TIMEOUT_MS 10000
#define EVENTS          64

/*
 * The kernel stamps packets as long as a socket wants it, and needs a while to begin: this one, which
 * is for nothing else, wants it as long as there are probes.
 */
static int keep_stamps(void)
{
    int on = 1, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    return fd;
}

struct probes *probes_new(unsigned most)
{
    struct probes *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->most = most;
    p->due_ms = INT64_MAX;
    p->epoll = epoll_create1(EPOLL_CLOEXEC);
    p->resolver = p->epoll < 0 ? NULL : resolver_new(p->epoll);
    p->trusts = tls_trusts_new();
    p->stamps = keep_stamps();
    if (p->resolver && p->trusts)
        return p;
    probes_free(p);
    return NULL;
}

void probe_close_socket(struct probe *b)
{
    if (b->fd >= 0)
        close(b->fd);
    b->fd = -1;
}

/* Ends its part in the world; it is freed at the end of the turn, since events may name it. */
void probe_bury(struct probe *b)
{
    struct probes *p = b->of;
    resolve_forget(b->lookup);
    b->lookup = NULL;
    if (b->tls && b->fd >= 0) {
        tls_close(b->tls);
        struct slice last = tls_pending(b->tls);
        if (last.n)
            send(b->fd, last.p, last.n, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    probe_close_socket(b);
    if (b->before)
        b->before->next = b->next;
    else
        p->first = b->next;
    if (b->next)
        b->next->before = b->before;
    b->phase = OVER;
    b->next = p->graves;
    p->graves = b;
    p->count--;
}

static void free_probe(struct probe *b)
{
    tls_free(b->tls);
    free(b->addresses);
    free(b->rest);
    explicit_bzero(b->packed, b->packed_size); /* there may be a password in it */
    free(b);
}

static void free_graves(struct probes *p)
{
    for (struct probe *b = p->graves, *next; b; b = next) {
        next = b->next;
        free_probe(b);
    }
    p->graves = NULL;
}

void probes_free(struct probes *p)
{
    if (!p)
        return;
    while (p->first)
        probe_bury(p->first);
    free_graves(p);
    resolver_free(p->resolver);
    tls_trusts_free(p->trusts);
    if (p->stamps >= 0)
        close(p->stamps);
    if (p->epoll >= 0)
        close(p->epoll);
    free(p);
}

/* Time */

void probe_set_due(struct probe *b, int64_t due_ms)
{
    b->due_ms = due_ms < b->end_ms ? due_ms : b->end_ms;
    if (b->due_ms < b->of->due_ms)
        b->of->due_ms = b->due_ms;
}

/* A step, or a part of it, begins to be timed now. */
void probe_begin_step(struct probe *b)
{
    b->mark_us = clock_us(CLOCK_MONOTONIC);
    probe_set_due(b, b->mark_us / 1000 + b->request.step_timeout_ms);
}

void probe_time_step(struct probe *b, enum dialog_step step, int64_t until_us)
{
    int64_t us = until_us > b->mark_us ? until_us - b->mark_us : 0;
    uint32_t *total = &b->result.steps_us[step];
    uint64_t sum = (*total == PROBE_NO_TIME ? 0 : *total) + (uint64_t)us;
    *total = sum < PROBE_NO_TIME ? (uint32_t)sum : PROBE_NO_TIME - 1;
    b->mark_us = b->mark_us > until_us ? b->mark_us : until_us;
}

/* Results */

static void report(struct probe *b)
{
    struct probe_result *r = &b->result;
    if (!b->done)
        return;
    void (*done)(void *, const struct probe_result *) = b->done;
    b->done = NULL;
    r->total_us = 0;
    for (unsigned i = 0; i < STEPS; i++)
        if (r->steps_us[i] != PROBE_NO_TIME)
            r->total_us += r->steps_us[i];
    r->messages = b->dialog.messages;
    r->unseen = b->dialog.unseen;
    r->found = b->dialog.found;
    done(b->arg, r);
}

void probe_report_fault(struct probe *b, enum response_status status, enum dialog_step step,
                        const char *text)
{
    b->result.status = status;
    b->result.step = step;
    snprintf(b->result.reply, sizeof b->result.reply, "%s: %s", dialog_step_names[step], text);
    report(b);
}

/* Ends for a reason that no server gave. */
void probe_fail(struct probe *b, enum response_status status, enum dialog_step step,
                const char *text)
{
    probe_report_fault(b, status, step, text);
    probe_bury(b);
}

/* The dialog's verdict stands. */
void probe_conclude(struct probe *b)
{
    const struct dialog *d = &b->dialog;
    b->result.status = d->verdict;
    b->result.step = d->failed;
    snprintf(b->result.reply, sizeof b->result.reply, "%s", d->text[0] ? d->text : d->reply);
    report(b);
}

static void set_defaults(struct probe *b)
{
    struct probe_request *r = &b->request;
    r->port = r->port ? r->port : dialog_port(r->protocol);
    r->timeout_ms = r->timeout_ms ? r->timeout_ms : TIMEOUT_MS;
    r->step_timeout_ms = r->step_timeout_ms ? r->step_timeout_ms : STEP_TIMEOUT_MS;
    r->want.host = r->want.host ? r->want.host : r->host;
    b->result.cert_not_after_s = INT64_MIN;
    for (unsigned i = 0; i < STEPS; i++)
        b->result.steps_us[i] = PROBE_NO_TIME;
}

bool probes_start(struct probes *p, const struct probe_request *r,
                  void (*done)(void *arg, const struct probe_result *result), void *arg)
{
    size_t size = probe_packed_size(r);
    struct probe *b = p->count < p->most ? calloc(1, sizeof *b + size) : NULL;
    if (!b || !(b->addresses = calloc(1, sizeof *b->addresses))) {
        free(b);
        return false;
    }
    b->packed_size = size;
    probe_pack(r, b->packed);
    probe_unpack((struct slice){b->packed, size}, &b->request);
    b->watch.ready = probe_on_ready;
    b->of = p;
    b->done = done;
    b->arg = arg;
    b->fd = -1;
    set_defaults(b);
    b->end_ms = clock_ms(CLOCK_MONOTONIC) + b->request.timeout_ms;
    b->due_ms = b->end_ms;
    b->next = p->first;
    if (p->first)
        p->first->before = b;
    p->first = b;
    p->count++;
    dialog_start(&b->dialog, b->request.protocol, &b->request.want);
    b->phase = RESOLVING;
    probe_set_due(b, 0); /* begun in the next turn: `done` is never called from here */
    return true;
}

/* A deadline passed. */
static void expire(struct probe *b, int64_t now)
{
    static const enum dialog_step steps[] = {
        [RESOLVING] = STEP_RESOLVE, [CONNECTING] = STEP_CONNECT, [SECURING] = STEP_TLS};
    char text[160];
    bool whole = now >= b->end_ms;
    uint32_t limit_ms = whole ? b->request.timeout_ms : b->request.step_timeout_ms;
    if (b->phase == PARTING) {
        probe_bury(b);
        return;
    }
    if (b->phase == TALKING) {
        snprintf(text, sizeof text,
                 b->dialog.octets ? "no whole answer within %g s%s, only %llu octets"
                                  : "no answer within %g s%s",
                 limit_ms / 1000.0, whole ? " in all" : "", (unsigned long long)b->dialog.octets);
        probe_time_step(b, dialog_step(&b->dialog), now * 1000);
        dialog_fail(&b->dialog, RESPONSE_TIMED_OUT, text);
        probe_conclude(b);
        probe_part(b);
        return;
    }
    snprintf(text, sizeof text, "no answer%s%s within %g s%s", b->result.address[0] ? " from " : "",
             b->result.address, limit_ms / 1000.0, whole ? " in all" : "");
    probe_time_step(b, steps[b->phase], now * 1000);
    probe_fail(b, RESPONSE_TIMED_OUT, steps[b->phase], text);
}

/* Begins what is new, ends what is overdue, and finds the next deadline. */
static void check_deadlines(struct probes *p)
{
    int64_t now = clock_ms(CLOCK_MONOTONIC);
    p->due_ms = INT64_MAX;
    for (struct probe *b = p->first, *next; b; b = next) {
        next = b->next;
        if (b->due_ms == 0)
            probe_find_address(b);
        else if (b->due_ms <= now)
            expire(b, now);
        if (b->phase != OVER && b->due_ms < p->due_ms)
            p->due_ms = b->due_ms;
    }
}

static int wait_time(const struct probes *p, int wait_ms)
{
    int64_t left = p->due_ms == INT64_MAX ? INT64_MAX : p->due_ms - clock_ms(CLOCK_MONOTONIC);
    if (left < 0)
        left = 0;
    if (wait_ms >= 0 && wait_ms < left)
        left = wait_ms;
    return left > INT32_MAX ? -1 : (int)left;
}

void probes_turn(struct probes *p, int wait_ms)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(p->epoll, events, EVENTS, resolver_wait(p->resolver, wait_time(p, wait_ms)));
    for (int i = 0; i < n; i++) {
        struct watch *w = events[i].data.ptr;
        w->ready(w, events[i].events);
    }
    resolver_due(p->resolver);
    if (p->due_ms <= clock_ms(CLOCK_MONOTONIC))
        check_deadlines(p);
    free_graves(p);
}

bool probes_watch(struct probes *p, int fd, struct watch *w)
{
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = w};
    return epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &e) == 0;
}
