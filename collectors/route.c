/*
 * mailmonRouteTable: round trips. A message with a Message-ID of its own is submitted to one service and
 * looked for in the mailbox of another, until it is found, or given up as lost. When a run fails, each hop
 * of the way is asked, in order, and the row points at the first that is not well.
 *
 * A message that was given up is looked for again with each later run: what arrives after all turns
 * "lost" into "late". All messages carry X-Mailmond-Route; the first run after a start removes what a crash
 * left behind. Invariant: a trip waits for exactly one thing: its timer, a probe, or the next tick.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "../agent/log.h"
#include "prober.h"
#include "response.h"

#define FIRST_LOOK_MS 100  /* after the message was accepted; then twice as long each time */
#define LOOK_MAX_MS   5000 /* between two looks */
#define FAILURES_MAX  3    /* looks that fail in a row before the mailbox is called unreadable */
#define LEFT_MAX      8    /* messages of earlier runs that are still looked for */
#define LEFT_MS       (7 * 86400000LL)
#define SWEEP_MAX     100 /* POP3: of the newest messages */
#define HOPS_MAX      16
#define SPREAD_MS     5000
#define BY_INTERVAL   60 /* config_route.minute */

enum phase {
    PHASE_IDLE,
    PHASE_SWEEP,
    PHASE_LEFT,
    PHASE_SUBMIT,
    PHASE_WAIT,
    PHASE_LOOK,
    PHASE_HOPS
};

struct left {
    char id[96];
    int64_t sent_ms; /* CLOCK_MONOTONIC */
};

struct trip {
    const struct config_route *config;
    const struct config_response *submit, *retrieve; /* retrieve NULL: nowhere */
    struct route *row;
    struct source *source;
    char password[256], submit_password[256];
    char fault[320]; /* why it cannot be run; empty: it can */
    enum phase phase;
    bool swept;
    int64_t next_ms; /* of the next run */
    char id[96];     /* of the message under way, without <> */
    int64_t sent_ms, accepted_ms, look_ms, pause_ms;
    unsigned failures;  /* looks in a row */
    char accepted[200]; /* what the server said when it took the message */
    enum route_status outcome;
    char text[256]; /* of a failure */
    uint64_t submit_us, retrieve_us;
    unsigned hop; /* that is asked */
    struct left left[LEFT_MAX];
    unsigned left_count;
    bool lost_last; /* the last run was lost, and its message is the newest left */
};

static struct {
    struct collect *collect;
    struct trip *trips;
    unsigned count;
    uv_timer_t timer;
    bool timed; /* the timer was made */
    bool cleaned;
    char host[256];
    uint64_t sequence;
} self;

static int64_t now_ms(void)
{
    return (int64_t)(uv_hrtime() / 1000000);
}

static void arm(void);
static void submit(struct trip *t);

/* The end of a run */

/* A row for what the last run was. */
static void put_run(struct trip *t, int64_t transit_ms)
{
    struct route *r = t->row;
    bool arrived = t->outcome == ROUTE_DELIVERED || t->outcome == ROUTE_LATE;
    bool submitted = t->outcome != ROUTE_SUBMIT_FAILED;
    uint64_t submit_ms = (t->submit_us + 500) / 1000, retrieve_ms = (t->retrieve_us + 500) / 1000;
    r->status = t->outcome;
    r->last_run_at = self.collect->monotonic_ms;
    r->submit_ms = submitted ? submit_ms : MODEL_ABSENT;
    r->transit_ms = arrived && t->retrieve ? (uint64_t)transit_ms : MODEL_ABSENT;
    r->retrieve_ms = arrived && t->retrieve ? retrieve_ms : MODEL_ABSENT;
    r->total_ms = !arrived      ? MODEL_ABSENT
                  : t->retrieve ? submit_ms + (uint64_t)transit_ms + retrieve_ms
                                : submit_ms;
    r->runs++;
    r->failures += t->outcome != ROUTE_DELIVERED;
    if (t->outcome == ROUTE_DELIVERED) {
        r->total_sum_ms += r->total_ms;
        r->total_count++;
        r->mean_ms = (r->total_sum_ms + r->total_count / 2) / r->total_count;
        if (r->minimum_ms == MODEL_ABSENT || r->total_ms < r->minimum_ms)
            r->minimum_ms = r->total_ms;
        if (r->maximum_ms == MODEL_ABSENT || r->total_ms > r->maximum_ms)
            r->maximum_ms = r->total_ms;
    }
}

static void end_run(struct trip *t, int64_t transit_ms, uint64_t fault_response)
{
    static const char *const words[] = {"",     "unknown", "delivered",     "not submitted",
                                        "lost", "late",    "not to be read"};
    enum route_status before = (enum route_status)t->row->status;
    put_run(t, transit_ms);
    t->row->fault_response = fault_response;
    TEXT_SET(t->row->fault_text, slice_of(t->text));
    t->row->leftovers = t->left_count;
    t->phase = PHASE_IDLE;
    t->source->items++;
    source_status(self.collect, t->source, SOURCE_OK, "");
    model_dirty(self.collect->model, MODEL_ROUTE, t->row);
    if (t->outcome == before || (t->outcome == ROUTE_DELIVERED && before == ROUTE_UNKNOWN))
        return;
    log_msg(t->outcome == ROUTE_DELIVERED ? LOG_LEVEL_NOTICE : LOG_LEVEL_WARNING,
            "route %s: the message is %s%s%s", t->config->name, words[t->outcome],
            t->text[0] ? ": " : "", t->text);
}

static void remember(struct trip *t)
{
    if (!t->retrieve)
        return;
    if (t->left_count == LEFT_MAX)
        memmove(&t->left[0], &t->left[1], --t->left_count * sizeof t->left[0]);
    struct left *l = &t->left[t->left_count++];
    snprintf(l->id, sizeof l->id, "%s", t->id);
    l->sent_ms = t->sent_ms;
}

/* Hops */

static const char *hop_name(const struct trip *t, unsigned i)
{
    const struct config_strings *hops = &t->config->hops;
    if (i == 0)
        return t->submit->name;
    if (i <= hops->count)
        return hops->items[i - 1];
    return i == hops->count + 1 && t->retrieve ? t->retrieve->name : NULL;
}

static uint64_t hop_row(const char *name)
{
    return names_index(self.collect->names, MODEL_RESPONSE, 0, slice_of(name));
}

static void ask_hop(struct trip *t);

static void on_hop(void *arg, const struct response *row)
{
    struct trip *t = arg;
    if (row->status == RESPONSE_UP || row->status == RESPONSE_SLOW ||
        row->status == RESPONSE_UNKNOWN) {
        t->hop++;
        ask_hop(t);
        return;
    }
    struct slice reply = TEXT_GET(row->last_reply);
    snprintf(t->text, sizeof t->text, "%s: %.*s", hop_name(t, t->hop), (int)reply.n,
             reply.p ? reply.p : "");
    end_run(t, 0, row->row.key[0]);
}

/* All hops answer, and yet it failed: then it was what was said to the message or the mailbox itself. */
static void blame(struct trip *t)
{
    uint64_t fault = t->outcome == ROUTE_SUBMIT_FAILED     ? hop_row(t->submit->name)
                     : t->outcome == ROUTE_RETRIEVE_FAILED ? hop_row(t->retrieve->name)
                                                           : 0;
    end_run(t, 0, fault);
}

static void ask_hop(struct trip *t)
{
    for (const char *name; (name = hop_name(t, t->hop)) && t->hop < HOPS_MAX; t->hop++)
        if (response_now(self.collect, name, on_hop, t))
            return;
    blame(t);
}

static void fail(struct trip *t, enum route_status outcome)
{
    t->outcome = outcome;
    t->phase = PHASE_HOPS;
    t->hop = 0;
    t->lost_last = outcome == ROUTE_LOST;
    if (outcome != ROUTE_SUBMIT_FAILED)
        remember(t);
    ask_hop(t);
}

/* Looking into the mailbox */

static const char *search_header(const struct trip *t)
{
    return t->config->search_header ? t->config->search_header : "Message-ID";
}

static bool look(struct trip *t, const char *header, const char *value, uint32_t most,
                 void (*done)(void *arg, const struct probe_result *r))
{
    struct probe_request r;
    response_request(t->retrieve, t->password, &r);
    if (!r.want.mailbox && (r.protocol == PROTOCOL_IMAP || r.protocol == PROTOCOL_IMAPS))
        r.want.mailbox = "INBOX";
    r.want.search_header = header;
    r.want.search_value = value;
    r.want.search_max = most;
    r.want.remove = 1;
    return prober_ask(self.collect, &r, done, t);
}

static void wait_for_look(struct trip *t)
{
    t->phase = PHASE_WAIT;
    t->look_ms = now_ms() + t->pause_ms;
    t->pause_ms = t->pause_ms * 2 > LOOK_MAX_MS ? LOOK_MAX_MS : t->pause_ms * 2;
    arm();
}

static void deliver(struct trip *t, const struct probe_result *r)
{
    int64_t transit_ms = now_ms() - t->accepted_ms - (int64_t)(r->total_us / 1000);
    int64_t age_ms = now_ms() - t->sent_ms;
    t->retrieve_us = r->total_us;
    t->text[0] = '\0';
    t->outcome = ROUTE_DELIVERED;
    t->lost_last = false;
    if (age_ms > (int64_t)t->config->late_s * 1000) {
        t->outcome = ROUTE_LATE;
        snprintf(t->text, sizeof t->text, "arrived after %lld s", (long long)(age_ms / 1000));
    }
    end_run(t, transit_ms > 0 ? transit_ms : 0, 0);
}

static void on_look(void *arg, const struct probe_result *r)
{
    struct trip *t = arg;
    int64_t age_ms = now_ms() - t->sent_ms;
    bool lost = age_ms >= (int64_t)t->config->lost_s * 1000;
    if (r->status == RESPONSE_UP && r->found) {
        deliver(t, r);
        return;
    }
    t->failures = r->status == RESPONSE_UP ? 0 : t->failures + 1;
    if (t->failures)
        snprintf(t->text, sizeof t->text, "%s: %.200s", t->retrieve->name, r->reply);
    else
        snprintf(t->text, sizeof t->text, "accepted (%.100s), not found within %lld s", t->accepted,
                 (long long)(age_ms / 1000));
    if (t->failures >= FAILURES_MAX || (t->failures && lost))
        fail(t, ROUTE_RETRIEVE_FAILED);
    else if (lost)
        fail(t, ROUTE_LOST);
    else
        wait_for_look(t);
}

static void start_look(struct trip *t)
{
    char value[100];
    snprintf(value, sizeof value, "<%s>", t->id);
    t->phase = PHASE_LOOK;
    if (look(t, search_header(t), value, 0, on_look))
        return;
    snprintf(t->text, sizeof t->text, "mailmond-probe cannot be asked");
    fail(t, ROUTE_RETRIEVE_FAILED);
}

/* Messages of earlier runs */

static void drop_left(struct trip *t, unsigned i)
{
    t->left_count--;
    memmove(&t->left[i], &t->left[i + 1], (t->left_count - i) * sizeof t->left[0]);
    t->row->leftovers = t->left_count;
}

static void on_left(void *arg, const struct probe_result *r)
{
    struct trip *t = arg;
    if (r->status == RESPONSE_UP && r->found && t->left_count) {
        long long age_s = (now_ms() - t->left[0].sent_ms) / 1000;
        bool newest = t->left_count == 1 && t->lost_last;
        log_notice("route %s: a message that was given up arrived within %lld s", t->config->name,
                   age_s);
        drop_left(t, 0);
        if (newest && t->row->status == ROUTE_LOST) {
            char text[64];
            snprintf(text, sizeof text, "arrived within %lld s", age_s);
            t->row->status = ROUTE_LATE;
            TEXT_SET(t->row->fault_text, slice_of(text));
            t->lost_last = false;
        }
        model_dirty(self.collect->model, MODEL_ROUTE, t->row);
    } else if (t->left_count && now_ms() - t->left[0].sent_ms > LEFT_MS) {
        drop_left(t, 0);
    } else if (r->status == RESPONSE_UP && t->left_count > 1) { /* another one next time */
        struct left first = t->left[0];
        memmove(&t->left[0], &t->left[1], (t->left_count - 1) * sizeof t->left[0]);
        t->left[t->left_count - 1] = first;
    }
    submit(t);
}

static void on_sweep(void *arg, const struct probe_result *r)
{
    struct trip *t = arg;
    t->swept = r->status == RESPONSE_UP;
    if (t->swept && r->found)
        log_notice("route %s: removed %u messages of runs before mailmond was started",
                   t->config->name, r->found);
    submit(t);
}

/* Submission */

static size_t write_message(const struct trip *t, char *out, size_t size)
{
    char date[64];
    time_t real = (time_t)(collect_real_ms(self.collect) / 1000);
    struct tm local;
    if (!localtime_r(&real, &local) ||
        !strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S %z", &local))
        return 0;
    int n = snprintf(out, size,
                     "From: %s\nTo: %s\nSubject: mailmond round trip %.200s\nDate: %s\n"
                     "Message-ID: <%s>\nX-Mailmond-Route: %.200s@%.200s\n%s"
                     "MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n\n"
                     "This message measures how long mail takes. mailmond removes it when it is "
                     "found.\n",
                     t->config->sender ? t->config->sender : t->config->recipient,
                     t->config->recipient, t->config->name, date, t->id, t->config->name, self.host,
                     t->config->search_header ? "" : "Auto-Submitted: auto-generated\n");
    return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

static void on_submitted(void *arg, const struct probe_result *r)
{
    struct trip *t = arg;
    t->submit_us = r->total_us;
    t->accepted_ms = now_ms();
    if (r->status != RESPONSE_UP) {
        snprintf(t->text, sizeof t->text, "%s: %.200s", t->submit->name, r->reply);
        fail(t, ROUTE_SUBMIT_FAILED);
        return;
    }
    snprintf(t->accepted, sizeof t->accepted, "%.199s", r->reply);
    if (t->retrieve) {
        t->pause_ms = FIRST_LOOK_MS;
        t->failures = 0;
        wait_for_look(t);
        return;
    }
    t->outcome = ROUTE_DELIVERED;
    t->text[0] = '\0';
    end_run(t, 0, 0);
}

static void submit(struct trip *t)
{
    char message[2048];
    struct probe_request r;
    t->phase = PHASE_SUBMIT;
    t->sent_ms = now_ms();
    snprintf(t->id, sizeof t->id, "%u.%llx.%llx.mailmond@%.40s", t->row->row.key[0],
             (unsigned long long)collect_real_ms(self.collect), (unsigned long long)++self.sequence,
             self.host);
    response_request(t->submit, t->submit->user ? t->submit_password : NULL, &r);
    r.want.sender = t->config->sender ? t->config->sender : t->config->recipient;
    r.want.recipient = t->config->recipient;
    r.want.message = message;
    t->submit_us = t->retrieve_us = 0;
    if (write_message(t, message, sizeof message) && prober_ask(self.collect, &r, on_submitted, t))
        return;
    t->phase = PHASE_IDLE;
    source_status(self.collect, t->source, SOURCE_STALE, "mailmond-probe cannot be asked");
}

/* Cleans up what earlier runs left, one step before each message. */
static void begin(struct trip *t)
{
    char value[420];
    if (t->retrieve && !t->swept && !t->config->search_header) {
        snprintf(value, sizeof value, "%.200s@%.200s", t->config->name, self.host);
        t->phase = PHASE_SWEEP;
        if (look(t, "X-Mailmond-Route", value, SWEEP_MAX, on_sweep))
            return;
    }
    if (t->left_count) {
        snprintf(value, sizeof value, "<%s>", t->left[0].id);
        t->phase = PHASE_LEFT;
        if (look(t, search_header(t), value, SWEEP_MAX, on_left))
            return;
    }
    submit(t);
}

/* Times */

static void on_timer(uv_timer_t *timer)
{
    (void)timer;
    int64_t now = now_ms();
    for (unsigned i = 0; i < self.count; i++)
        if (self.trips[i].phase == PHASE_WAIT && self.trips[i].look_ms <= now)
            start_look(&self.trips[i]);
    arm();
}

/* The timer rings at the next look. */
static void arm(void)
{
    int64_t next = INT64_MAX;
    for (unsigned i = 0; i < self.count; i++)
        if (self.trips[i].phase == PHASE_WAIT && self.trips[i].look_ms < next)
            next = self.trips[i].look_ms;
    if (next == INT64_MAX) {
        uv_timer_stop(&self.timer);
        return;
    }
    int64_t in_ms = next - now_ms();
    uv_update_time(self.collect->loop);
    uv_timer_start(&self.timer, on_timer, in_ms > 0 ? (uint64_t)in_ms : 0, 0);
}

/* When the run after this one is due. */
static int64_t next_run(const struct trip *t, const struct collect *c)
{
    if (t->config->minute == BY_INTERVAL)
        return c->monotonic_ms + (int64_t)t->config->interval_s * 1000;
    time_t real = (time_t)(collect_real_ms(c) / 1000);
    struct tm local;
    if (!localtime_r(&real, &local))
        return c->monotonic_ms + 3600000;
    int minutes = ((int)t->config->minute - local.tm_min + 60) % 60;
    if (minutes == 0)
        minutes = 60;
    return c->monotonic_ms + ((int64_t)minutes * 60 - local.tm_sec) * 1000;
}

static void tick(struct collect *c)
{
    if (!self.cleaned)
        model_remove_nameless(c->model, MODEL_ROUTE, offsetof(struct route, name));
    self.cleaned = true;
    for (unsigned i = 0; i < self.count; i++) {
        struct trip *t = &self.trips[i];
        if (t->phase != PHASE_IDLE || c->monotonic_ms < t->next_ms)
            continue;
        t->next_ms = next_run(t, c);
        if (t->fault[0])
            source_status(c, t->source, SOURCE_DENIED, t->fault);
        else
            begin(t);
    }
}

/* Start */

static void read_passwords(struct trip *t)
{
    if (t->retrieve)
        response_password(t->retrieve->password_file, t->password, sizeof t->password, t->fault,
                          sizeof t->fault);
    if (!t->fault[0] && t->submit->user)
        response_password(t->submit->password_file, t->submit_password, sizeof t->submit_password,
                          t->fault, sizeof t->fault);
}

static bool place(struct collect *c, struct trip *t)
{
    const struct config_route *r = t->config;
    struct route *row = names_place(c->names, c->model, MODEL_ROUTE, slice_of(r->name));
    char name[80], target[300];
    if (!row)
        return false;
    t->row = row;
    TEXT_SET(row->name, slice_of(r->name));
    TEXT_SET(row->submit_host, slice_of(t->submit->host));
    TEXT_SET(row->retrieve_host, slice_of(t->retrieve ? t->retrieve->host : ""));
    TEXT_SET(row->user, slice_of(t->retrieve ? t->retrieve->user : r->recipient));
    row->status = ROUTE_UNKNOWN;
    row->fault_response = 0;
    TEXT_SET(row->fault_text, SLICE(""));
    row->leftovers = 0;
    if (row->total_count)
        row->mean_ms = (row->total_sum_ms + row->total_count / 2) / row->total_count;
    model_dirty(c->model, MODEL_ROUTE, row);
    snprintf(name, sizeof name, "route %s", r->name);
    snprintf(target, sizeof target, "%s to %s", t->submit->name,
             t->retrieve ? t->retrieve->name : "nowhere");
    t->source = source_place(c, SOURCE_PROBE, name, target, 0, r->interval_s);
    return t->source != NULL;
}

static bool start(struct collect *c)
{
    const struct config_route *configured = c->config->routes.items;
    self.collect = c;
    self.cleaned = false;
    self.count = 0;
    self.trips = calloc(c->config->routes.count + 1, sizeof *self.trips);
    if (!self.trips)
        return false;
    if (gethostname(self.host, sizeof self.host - 1) != 0 || !self.host[0])
        snprintf(self.host, sizeof self.host, "localhost");
    self.timed = c->config->routes.count > 0 && uv_timer_init(c->loop, &self.timer) == 0;
    for (unsigned i = 0; i < c->config->routes.count; i++) {
        struct trip *t = &self.trips[self.count];
        *t = (struct trip){.config = &configured[i],
                           .submit = config_response_named(c->config, configured[i].submit),
                           .retrieve = config_response_named(c->config, configured[i].retrieve)};
        if (!t->submit || !self.timed || !place(c, t)) {
            log_warning("route %s: no room for a further row: it is not run", configured[i].name);
            continue;
        }
        read_passwords(t);
        t->next_ms = t->config->minute == BY_INTERVAL
                         ? c->monotonic_ms + (int64_t)i * SPREAD_MS / c->config->routes.count
                         : next_run(t, c);
        if (t->config->minute != BY_INTERVAL)
            t->source->status = SOURCE_OK; /* not stale: the first run is not due for an hour */
        self.count++;
    }
    return true;
}

static void stop(struct collect *c)
{
    (void)c;
    prober_stop();
    if (self.timed)
        uv_close((uv_handle_t *)&self.timer, NULL);
    self.timed = false;
    explicit_bzero(self.trips, self.count * sizeof *self.trips);
    free(self.trips);
    self.trips = NULL;
    self.count = 0;
}

const struct collector collector_route = {"route", start, tick, NULL, stop};
