/*
 * mailmonResponseTable and mailmonStepTable: each configured service is asked at its interval, and what
 * came of it becomes its row. Counts, minimum, maximum and mean outlive a restart; the last result does
 * not. A source's row tells whether we could ask at all; a server that is down is no fault of ours.
 */
#include "response.h"

#include <stdio.h>
#include <stdlib.h>
#include "../agent/log.h"
#include "prober.h"

#define AGAIN_MS  1000
#define REFUSALS  3
#define SPREAD_MS 5000 /* the first probes after a start are spread over this time */

struct asked_service {
    const struct config_response *config;
    struct response *row;
    struct source *source;
    char password[256];
    char fault[320]; /* why it cannot be asked; empty: it can */
    bool busy;
    unsigned refusals; /* so often in a row it could not be asked */
    int64_t next_ms, began_ms;
    enum response_status said; /* the status that was logged last; 0: none */
    struct waiter {
        void (*done)(void *arg, const struct response *row);
        void *arg;
    } * waiters; /* who asked for a result out of turn */
    unsigned waiter_count;
};

static struct {
    struct collect *collect;
    struct asked_service *services;
    unsigned count;
    bool cleaned;
} self;

static uint64_t rounded_ms(uint64_t us)
{
    return (us + 500) / 1000;
}

/* The steps it came to; rows of others go. */
static void put_steps(struct collect *c, const struct response *row, const uint32_t *steps_us)
{
    for (uint32_t i = 1; i < STEPS; i++) {
        uint32_t key[3] = {row->row.key[0], i, 0};
        struct step *s = steps_us[i] == PROBE_NO_TIME
                             ? model_find(c->model, MODEL_STEP, key, NULL)
                             : model_place(c->model, MODEL_STEP, key, NULL);
        if (s && steps_us[i] == PROBE_NO_TIME) {
            model_remove(c->model, MODEL_STEP, s);
        } else if (s) {
            TEXT_SET(s->name, slice_of(dialog_step_names[i]));
            s->last_us = steps_us[i];
        }
    }
    model_touch(c->model, MODEL_STEP);
}

static void put_certificate(struct collect *c, struct response *row, const struct probe_result *r)
{
    bool seen = r->cert_not_after_s != INT64_MIN;
    if (!seen && row->cert_not_after_at == MODEL_NEVER)
        return;
    /* If TLS did not come so far, what is known of the certificate stays; the days go by. */
    int64_t until_ms = seen ? r->cert_not_after_s * 1000 - collect_real_ms(c)
                            : row->cert_not_after_at - c->monotonic_ms;
    row->cert_not_after_at = c->monotonic_ms + until_ms;
    row->cert_days_left = until_ms >= 0 ? until_ms / 86400000 : -(-until_ms / 86400000) - 1;
    if (seen)
        TEXT_SET(row->cert_error, r->cert_error[0] ? slice_of(r->cert_error) : SLICE(""));
}

static void count(struct response *row, enum response_status status, uint64_t total_ms)
{
    bool good = status == RESPONSE_UP || status == RESPONSE_SLOW;
    row->checks++;
    row->failures += !good;
    row->consecutive_failures = good ? 0 : row->consecutive_failures + 1;
    if (!good)
        return;
    row->total_sum_ms += total_ms;
    row->total_count++;
    if (row->minimum_ms == MODEL_ABSENT || total_ms < row->minimum_ms)
        row->minimum_ms = total_ms;
    if (row->maximum_ms == MODEL_ABSENT || total_ms > row->maximum_ms)
        row->maximum_ms = total_ms;
}

static void set_mean(struct response *row)
{
    if (row->total_count)
        row->mean_ms = (row->total_sum_ms + row->total_count / 2) / row->total_count;
}

/* A time that was measured to an answer, or to a deadline; else there is none. */
static bool has_total(const struct probe_result *r)
{
    return r->status == RESPONSE_UP || r->status == RESPONSE_TIMED_OUT;
}

/* One line for each change of state. */
static void tell(struct asked_service *s, enum response_status status, const char *reply)
{
    static const char *const words[] = {
        "",          "unknown",        "up",           "slow",     "down", "refused", "timed out",
        "TLS error", "protocol error", "login failed", "congested"};
    bool good = status == RESPONSE_UP || status == RESPONSE_SLOW;
    if (status == s->said)
        return;
    if (!good || (s->said && s->said != RESPONSE_UP) || status == RESPONSE_SLOW)
        log_msg(good ? LOG_LEVEL_NOTICE : LOG_LEVEL_WARNING, "response %s: %s%s%s", s->config->name,
                words[status], good ? "" : ": ", good ? "" : reply);
    s->said = status;
}

static uint64_t appl_index(const struct collect *c, const char *name)
{
    for (uint32_t i = 0; name && i < c->model->tables[MODEL_APPL].count; i++) {
        const struct appl *a = model_row(c->model, MODEL_APPL, i);
        if (slice_eq(TEXT_GET(a->name), slice_of(name)))
            return a->row.key[0];
    }
    return MODEL_ABSENT;
}

static uint64_t known(uint64_t value)
{
    return value == DIALOG_UNKNOWN ? MODEL_ABSENT : value;
}

static void put_result(struct asked_service *s, const struct probe_result *r)
{
    struct collect *c = self.collect;
    struct response *row = s->row;
    enum response_status status = response_judge(s->config, r);
    row->status = status;
    row->last_check_at = c->monotonic_ms;
    row->total_ms = has_total(r) ? rounded_ms(r->total_us) : MODEL_ABSENT;
    row->appl = appl_index(c, s->config->appl);
    TEXT_SET(row->last_reply, slice_of(r->reply));
    row->mailbox_messages = known(r->messages);
    row->mailbox_unseen = known(r->unseen);
    put_certificate(c, row, r);
    count(row, status, rounded_ms(r->total_us));
    set_mean(row);
    put_steps(c, row, r->steps_us);
    model_dirty(c->model, MODEL_RESPONSE, row);
    tell(s, status, r->reply);
}

static void answer_waiters(struct asked_service *s)
{
    struct waiter *waiters = s->waiters;
    unsigned count = s->waiter_count;
    s->waiters = NULL;
    s->waiter_count = 0;
    for (unsigned i = 0; i < count; i++)
        waiters[i].done(waiters[i].arg, s->row);
    free(waiters);
}

static void on_result(void *arg, const struct probe_result *r)
{
    struct asked_service *s = arg;
    struct collect *c = self.collect;
    s->busy = false;
    if (c->stopping)
        return;
    s->source->duration_ms = (uint64_t)(uv_now(c->loop) - (uint64_t)s->began_ms);
    if (r->status == RESPONSE_UNKNOWN) { /* we could not ask */
        s->row->status = RESPONSE_UNKNOWN;
        model_touch(c->model, MODEL_RESPONSE);
        source_status(c, s->source, SOURCE_STALE, r->reply);
    } else {
        s->source->items++;
        put_result(s, r);
        source_status(c, s->source, SOURCE_OK, "");
    }
    answer_waiters(s);
}

static void ask(struct collect *c, struct asked_service *s)
{
    struct probe_request request;
    if (s->fault[0]) {
        source_status(c, s->source, SOURCE_DENIED, s->fault);
        return;
    }
    response_request(s->config, s->config->user ? s->password : NULL, &request);
    s->began_ms = (int64_t)uv_now(c->loop);
    s->busy = prober_ask(c, &request, on_result, s);
    s->refusals = s->busy ? 0 : s->refusals + 1;
    if (s->busy)
        return;
    s->next_ms = c->monotonic_ms + AGAIN_MS; /* it is being started anew */
    if (s->refusals >= REFUSALS)
        source_status(c, s->source, SOURCE_MISSING, "mailmond-probe cannot be started");
}

bool response_now(struct collect *c, const char *name,
                  void (*done)(void *arg, const struct response *row), void *arg)
{
    for (unsigned i = 0; i < self.count; i++) {
        struct asked_service *s = &self.services[i];
        if (!s->row || strcmp(s->config->name, name) != 0)
            continue;
        if (!s->busy)
            ask(c, s);
        struct waiter *more =
            s->busy ? realloc(s->waiters, (s->waiter_count + 1) * sizeof *more) : NULL;
        if (!more)
            return false;
        s->waiters = more;
        s->waiters[s->waiter_count++] = (struct waiter){done, arg};
        return true;
    }
    return false;
}

/* Give or take a twentieth, so that probes of one interval do not stay together. */
static int64_t jittered(uint32_t interval_s)
{
    int64_t ms = (int64_t)interval_s * 1000, span = ms / 10;
    return ms - span / 2 + (span ? random() % span : 0);
}

static void tick(struct collect *c)
{
    if (!self.cleaned)
        model_remove_nameless(c->model, MODEL_RESPONSE, offsetof(struct response, name));
    self.cleaned = true;
    prober_watch(c);
    for (unsigned i = 0; i < self.count; i++) {
        struct asked_service *s = &self.services[i];
        if (s->busy || c->monotonic_ms < s->next_ms)
            continue;
        s->next_ms = c->monotonic_ms + jittered(s->config->interval_s);
        ask(c, s);
    }
}

static bool place(struct collect *c, struct asked_service *s)
{
    const struct config_response *r = s->config;
    struct response *row = names_place(c->names, c->model, MODEL_RESPONSE, slice_of(r->name));
    char name[80], target[300];
    if (!row)
        return false;
    s->row = row;
    TEXT_SET(row->name, slice_of(r->name));
    TEXT_SET(row->host, slice_of(r->host));
    row->protocol = response_protocol_named(r->protocol);
    row->port = r->port ? r->port : response_port((enum response_protocol)row->protocol);
    row->status = RESPONSE_UNKNOWN;
    row->warn_after_ms = r->warn_after_ms;
    row->fail_after_ms = r->fail_after_ms;
    row->appl = appl_index(c, r->appl);
    set_mean(row);
    model_dirty(c->model, MODEL_RESPONSE, row);
    snprintf(name, sizeof name, "probe %s", r->name);
    snprintf(target, sizeof target, "%s://%s:%u", r->protocol, r->host, (unsigned)row->port);
    s->source = source_place(c, SOURCE_PROBE, name, target, 0, r->interval_s);
    return s->source != NULL;
}

static bool start(struct collect *c)
{
    const struct config_response *configured = c->config->responses.items;
    self.collect = c;
    self.cleaned = false;
    self.count = c->config->responses.count;
    self.services = calloc(self.count + 1, sizeof *self.services);
    if (!self.services)
        return false;
    srandom((unsigned)c->monotonic_ms);
    for (unsigned i = 0; i < self.count; i++) {
        struct asked_service *s = &self.services[i];
        s->config = &configured[i];
        s->next_ms = c->monotonic_ms + (int64_t)i * SPREAD_MS / self.count;
        if (s->config->user)
            response_password(s->config->password_file, s->password, sizeof s->password, s->fault,
                              sizeof s->fault);
        if (!place(c, s)) {
            log_warning("response %s: no room for a further row: it is not asked", s->config->name);
            s->next_ms = INT64_MAX;
        }
    }
    return true;
}

static void stop(struct collect *c)
{
    (void)c;
    prober_stop();
    for (unsigned i = 0; i < self.count; i++)
        free(self.services[i].waiters);
    explicit_bzero(self.services, self.count * sizeof *self.services);
    free(self.services);
    self.services = NULL;
    self.count = 0;
}

const struct collector collector_response = {"response", start, tick, NULL, stop};
