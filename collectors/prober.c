/*
 * The collector's side of mailmond-probe: a socket pair of whole messages, and a list of what was
 * asked. At most IN_FLIGHT requests are over there at once; the others wait here.
 */
#include "prober.h"
#include "ldap_probe.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "../agent/log.h"
#include "../agent/program.h"

#define IN_FLIGHT    1000
#define AGAIN_MS     1000 /* after a death it is started again no sooner */
#define ASKED_ONCE   64   /* answers taken in one go */
#define GRACE_MS     5000 /* an answer that is so late for so long does not come any more */
#define MESSAGE_HEAD 32   /* of the room of a socket, the kernel takes so much for a message */

struct asked {
    struct asked *next;
    uint64_t id;
    uint32_t timeout_ms;
    int64_t due_ms; /* 0: it was not sent yet */
    void (*done)(void *arg, const struct probe_result *result);
    void *arg;
    size_t size;
    char message[]; /* the id, then the packed request */
};

static struct {
    struct collect *collect;
    uv_process_t process;
    uv_poll_t poll;
    int fd;
    size_t most; /* octets that the socket takes as one message */
    bool running, failed;
    int64_t start_ms, overdue_ms; /* no start before; since when an answer is overdue, or 0 */
    uint64_t last_id;
    unsigned in_flight;
    struct asked *first, **end;
} self = {.fd = -1};

static void free_asked(struct asked *a)
{
    explicit_bzero(a->message, a->size);
    free(a);
}

static void report_lost(void)
{
    struct asked *a = self.first;
    struct probe_result r = {.status = RESPONSE_UNKNOWN, .cert_not_after_s = INT64_MIN};
    for (unsigned i = 0; i < STEPS; i++)
        r.steps_us[i] = PROBE_NO_TIME;
    r.messages = r.unseen = DIALOG_UNKNOWN;
    snprintf(r.reply, sizeof r.reply, "the probing process died");
    self.first = NULL;
    self.end = &self.first;
    self.in_flight = 0;
    for (struct asked *next; a; a = next) {
        next = a->next;
        a->done(a->arg, &r);
        free_asked(a);
    }
}

static void on_poll_closed(uv_handle_t *h)
{
    (void)h;
    close(self.fd);
    self.fd = -1;
}

static void on_exit_closed(uv_handle_t *h)
{
    (void)h;
    self.running = false;
}

static void on_ended(uv_process_t *process, int64_t status, int signal)
{
    if (!self.collect->stopping)
        log_warning("mailmond-probe ended: %s %d; the probes under way are lost",
                    signal ? "signal" : "status", signal ? signal : (int)status);
    uv_close((uv_handle_t *)process, on_exit_closed);
    if (!uv_is_closing((uv_handle_t *)&self.poll))
        uv_close((uv_handle_t *)&self.poll, on_poll_closed);
    report_lost();
}

static void send_waiting(void)
{
    bool full = false;
    for (struct asked *a = self.first; a && !full && self.in_flight < IN_FLIGHT; a = a->next) {
        if (a->due_ms)
            continue;
        full = send(self.fd, a->message, a->size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0;
        if (full)
            break;
        a->due_ms = self.collect->monotonic_ms + a->timeout_ms + GRACE_MS;
        self.in_flight++;
    }
}

static void take_answer(const struct prober_answer *answer)
{
    struct asked **at = &self.first, *a;
    while (*at && (*at)->id != answer->id)
        at = &(*at)->next;
    if (!(a = *at))
        return;
    *at = a->next;
    if (!*at)
        self.end = at;
    self.in_flight--;
    a->done(a->arg, &answer->result);
    free_asked(a);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct prober_answer answer;
    (void)poll, (void)status, (void)events;
    for (unsigned i = 0; i < ASKED_ONCE; i++) {
        ssize_t n = recv(self.fd, &answer, sizeof answer, MSG_DONTWAIT);
        if (n != sizeof answer) {
            if (n == 0) /* its end is told by on_ended */
                uv_poll_stop(&self.poll);
            break;
        }
        take_answer(&answer);
    }
    if (self.running)
        send_waiting();
}

static bool spawn(int theirs)
{
    char path[600];
    if (!program_beside("mailmond-probe", path, sizeof path))
        return false;
    char *arguments[] = {path, NULL};
    uv_stdio_container_t io[] = {{.flags = UV_INHERIT_FD, .data.fd = theirs},
                                 {.flags = UV_IGNORE},
                                 {.flags = UV_INHERIT_FD, .data.fd = 2}};
    uv_process_options_t o = {
        .exit_cb = on_ended, .file = path, .args = arguments, .stdio_count = 3, .stdio = io};
    int error = uv_spawn(self.collect->loop, &self.process, &o);
    if (error) { /* the handle is in the loop's list all the same */
        self.running = true;
        uv_close((uv_handle_t *)&self.process, on_exit_closed);
    }
    if (error && !self.failed)
        log_error("%s: %s; nothing is probed", path, uv_strerror(error));
    self.failed = error != 0;
    return error == 0;
}

/* Makes room for the longest request, as far as the kernel allows it: what is longer would never be sent. */
static size_t make_room(int fd)
{
    int room = PROBE_PACKED_MAX + 1024;
    socklen_t size = sizeof room;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, size);
    if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, &size) != 0 || room < MESSAGE_HEAD)
        return 0;
    return (size_t)room - MESSAGE_HEAD;
}

static bool start(struct collect *c)
{
    int pair[2];
    if (self.running || self.fd >= 0)
        return self.running && !uv_is_closing((uv_handle_t *)&self.process);
    if (c->monotonic_ms < self.start_ms ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return false;
    self.start_ms = c->monotonic_ms + AGAIN_MS;
    self.collect = c;
    bool ok = spawn(pair[1]);
    close(pair[1]);
    self.fd = pair[0];
    self.most = make_room(self.fd);
    if (!ok || uv_poll_init(c->loop, &self.poll, self.fd) != 0 ||
        uv_poll_start(&self.poll, UV_READABLE, on_ready) != 0) {
        close(self.fd);
        self.fd = -1;
        return false;
    }
    self.end = &self.first;
    return self.running = true;
}

bool prober_ask(struct collect *c, const struct probe_request *r,
                void (*done)(void *arg, const struct probe_result *result), void *arg)
{
    if (ldap_probe_is(r->protocol))
        return ldap_probe_ask(c, r, done, arg);
    size_t size = sizeof(uint64_t) + probe_packed_size(r);
    if (!start(c))
        return false;
    struct asked *a = size <= self.most ? calloc(1, sizeof *a + size) : NULL;
    if (!a)
        return false;
    *a = (struct asked){.id = ++self.last_id,
                        .timeout_ms = r->timeout_ms ? r->timeout_ms : 30000,
                        .done = done,
                        .arg = arg,
                        .size = size};
    memcpy(a->message, &a->id, sizeof a->id);
    probe_pack(r, a->message + sizeof a->id);
    *self.end = a;
    self.end = &a->next;
    send_waiting();
    return true;
}

/* Twice the grace, in two parts: after a pause of the whole machine, the answers are still to come. */
void prober_watch(const struct collect *c)
{
    bool overdue = false;
    if (!self.running || uv_is_closing((uv_handle_t *)&self.process))
        return;
    for (const struct asked *a = self.first; a && !overdue; a = a->next)
        overdue = a->due_ms && c->monotonic_ms > a->due_ms;
    if (!overdue) {
        self.overdue_ms = 0;
    } else if (!self.overdue_ms) {
        self.overdue_ms = c->monotonic_ms;
    } else if (c->monotonic_ms - self.overdue_ms > GRACE_MS) {
        log_error("mailmond-probe does not answer any more: it is killed and started anew");
        self.overdue_ms = 0;
        uv_process_kill(&self.process, SIGKILL);
    }
}

void prober_stop(void)
{
    for (struct asked *a = self.first, *next; a; a = next) {
        next = a->next;
        free_asked(a);
    }
    self.first = NULL;
    self.end = &self.first;
    if (self.fd >= 0) /* it ends when it sees that we are gone */
        shutdown(self.fd, SHUT_RDWR);
}
