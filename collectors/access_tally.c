/*
 * What each event of an access service counts. Invariant: every counter is a function of the events
 * given so far.
 */
#include <stdio.h>
#include "access_internal.h"
#include "log_event.h"
#include "own.h"

/* A wrong password is answered after Dovecot's auth_failure_delay (2 s); a passdb that did not know a user whom
 * the next one knows is no failure and takes no time. */
#define FAILED_MS 2000
/* Dovecot's login process logs that a session begins while another process serves it, and logs its end. */
#define EARLY_MS 10000

typedef void handler(struct access_log *log, struct access_service *s, const struct event *e);

static int64_t instant(const struct access_log *log, const struct event *e)
{
    return e->time_ms - log->tally->real_minus_monotonic_ms;
}

static struct peer *find_peer(const struct access_log *log, const struct access_service *s,
                              const struct event *e)
{
    struct access_tally *t = log->tally;
    struct peer *p = t->peers ? tally_peer_of(t->peers, s->appl, e) : NULL;
    if (p && p->current == 0) /* perhaps a new row */
        p->current = access_peers_count(&t->peers_now, tally_peer_hash(p));
    return p;
}

/* Counts a connection; its peer's row, if it has one. */
static struct peer *count_connection(struct access_log *log, struct access_service *s,
                                     const struct event *e)
{
    s->appl->accumulated_inbound++;
    s->appl->last_inbound_at = s->access->last_connection_at = instant(log, e);
    s->access->connections++;
    model_dirty(log->tally->model, MODEL_APPL, s->appl);
    model_dirty(log->tally->model, MODEL_ACCESS, s->access);
    struct peer *p = find_peer(log, s, e);
    if (p)
        p->connections++;
    return p;
}

/* A counter that this service was not known to have. */
static void add(uint64_t *counter, uint64_t n)
{
    *counter = (*counter == MODEL_ABSENT ? 0 : *counter) + n;
}

/* Failed attempts before the end of a connection */

static struct attempts *attempts_of(struct access_tally *t, uint64_t id)
{
    return &t->attempts[(id >> 32) % ATTEMPTS];
}

/* Names of sessions of two hosts do not meet. */
static uint64_t session_id(const struct access_log *log, struct slice name)
{
    return access_hash((uint32_t)slice_hash(slice_of(log->host), 0), name);
}

static void on_auth_verbose(struct access_log *log, struct access_service *s, const struct event *e)
{
    (void)s;
    uint64_t id = session_id(log, e->other_id);
    struct attempts *a = attempts_of(log->tally, id);
    if (a->id != id)
        *a = (struct attempts){.id = id, .first_ms = e->time_ms};
    a->count++;
    log->tally->attempts_changed = true;
}

/* How many attempts failed on this connection before now; forgets them. */
static uint64_t take_attempts(const struct access_log *log, const struct event *e)
{
    struct access_tally *t = log->tally;
    uint64_t id = session_id(log, e->other_id);
    struct attempts *a = attempts_of(t, id);
    if (!id || a->id != id)
        return 0;
    uint64_t count = e->time_ms - a->first_ms >= FAILED_MS ? a->count : 0;
    *a = (struct attempts){0};
    t->attempts_changed = true;
    return count;
}

static void count_failures(struct access_service *s, struct peer *p, uint64_t n)
{
    add(&s->access->failed_logins, n);
    if (p)
        p->auth_failures += n;
}

/* Sessions whose end is logged before their begin */

static struct early_end *end_of(struct access_tally *t, uint64_t id)
{
    return &t->ends[(id >> 32) % ENDS];
}

static void end_came_early(struct access_tally *t, uint64_t id, int64_t at_ms)
{
    *end_of(t, id) = (struct early_end){id, at_ms};
    t->attempts_changed = true;
}

/* Did the session of this name, which begins at that time, end already? Forgets it. */
static bool take_end(struct access_tally *t, uint64_t id, int64_t since_ms)
{
    struct early_end *end = end_of(t, id);
    if (!id || end->id != id || llabs(since_ms - end->at_ms) > EARLY_MS)
        return false;
    *end = (struct early_end){0};
    t->attempts_changed = true;
    return true;
}

/* Logins */

static void begin_session(struct access_log *log, struct access_service *s, const struct event *e,
                          struct peer *p)
{
    struct access_tally *t = log->tally;
    uint32_t appl = s->appl->row.key[0];
    uint64_t name = access_hash(appl, e->other_id);
    struct access_session x = {.id = name ? name : access_hash_process(appl, e->access.process),
                               .flags = name ? ACCESS_SESSION_NAMED : 0,
                               .user_id = access_hash(appl, e->address),
                               .since_ms = e->time_ms,
                               .appl = appl,
                               .process = e->access.process,
                               .protocol = access_protocols[e->access.protocol].port};
    if (take_end(t, name, e->time_ms))
        return;
    struct access_session *old = access_session_by_id(&t->sessions, appl, x.id);
    if (!old) /* the server listed it before this line was read */
        old = access_session_by_id(&t->sessions, appl, access_hash_process(appl, x.process));
    if (old)
        access_close(log, s, old); /* or its end was not logged: the name is in use again */
    bool first = x.user_id && !access_session_of(&t->sessions, appl, x.user_id);
    TEXT_SET(x.user, t->users == USERS_HIDDEN ? SLICE("") : e->address);
    TEXT_SET(x.remote, e->peer);
    TEXT_SET(x.method, e->relay);
    struct access_session *made = access_session_add(&t->sessions, &x);
    if (!made)
        return;
    access_open(log, s, made, p);
    if (first)
        add(&s->access->users_logged_in, 1);
}

static void on_login(struct access_log *log, struct access_service *s, const struct event *e)
{
    struct peer *p = count_connection(log, s, e);
    add(&s->access->good_logins, 1);
    if (e->flags & EVENT_TLS)
        add(&s->access->tls_sessions, 1);
    uint64_t failed = take_attempts(log, e);
    if (failed)
        count_failures(s, p, failed);
    begin_session(log, s, e, p);
}

static void on_login_abort(struct access_log *log, struct access_service *s, const struct event *e)
{
    struct peer *p = count_connection(log, s, e);
    take_attempts(log, e);
    if (e->flags & EVENT_CONNECTION)
        add(&s->access->failed_connections, 1);
    else
        count_failures(s, p, e->access.attempts);
}

static void on_login_fail(struct access_log *log, struct access_service *s, const struct event *e)
{
    count_failures(s, find_peer(log, s, e), 1);
    model_dirty(log->tally->model, MODEL_ACCESS, s->access);
}

static void on_login_limit(struct access_log *log, struct access_service *s, const struct event *e)
{
    s->access->limit_reached++;
    s->appl->rejected_inbound++;
    model_dirty(log->tally->model, MODEL_APPL, s->appl);
    model_dirty(log->tally->model, MODEL_ACCESS, s->access);
    struct peer *p = find_peer(log, s, e);
    if (p)
        p->rejected++;
}

static void on_full(struct access_log *log, struct access_service *s, const struct event *e)
{
    s->access->limit_reached++;
    s->appl->log_congested_at = instant(log, e);
    model_dirty(log->tally->model, MODEL_APPL, s->appl);
    model_dirty(log->tally->model, MODEL_ACCESS, s->access);
}

/* Does the server's own counter tell it? Then the log's is not added. */
static bool by_metric(const struct access_service *s, enum access_metric k)
{
    return s->access->metric_before[k] != MODEL_ABSENT;
}

static void add_octets(struct access_service *s, const struct event *e)
{
    if (e->access.in != EVENT_NOT_TOLD && !by_metric(s, ACCESS_METRIC_OCTETS_IN))
        add(&s->access->octets_in, e->access.in);
    if (e->access.out != EVENT_NOT_TOLD)
        add(&s->access->octets_out, e->access.out);
}

/* What a session's last lines tell of it. */
static void add_totals(struct access_service *s, const struct event *e)
{
    add_octets(s, e);
    if (e->access.fetched != EVENT_NOT_TOLD_U32)
        add(&s->access->fetched, e->access.fetched);
    if (e->access.expunged != EVENT_NOT_TOLD_U32)
        add(&s->access->expunged, e->access.expunged);
}

static void end_session(struct access_log *log, struct access_service *s, const struct event *e)
{
    struct access_tally *t = log->tally;
    uint32_t appl = s->appl->row.key[0];
    uint64_t name = access_hash(appl, e->other_id);
    struct access_session *x = access_session_find(
        &t->sessions, appl, name, access_hash(appl, e->address), e->access.process);
    if (name &&
        (!x || !(x->flags & ACCESS_SESSION_NAMED))) /* none, or one that the server listed */
        end_came_early(t, name, e->time_ms);
    if (x)
        access_close(log, s, x);
}

static void on_logout(struct access_log *log, struct access_service *s, const struct event *e)
{
    add_totals(s, e);
    s->appl->last_inbound_at = instant(log, e);
    model_dirty(log->tally->model, MODEL_APPL, s->appl);
    model_dirty(log->tally->model, MODEL_ACCESS, s->access);
    end_session(log, s, e);
}

static void on_traffic(struct access_log *log, struct access_service *s, const struct event *e)
{
    add_totals(s, e);
    model_dirty(log->tally->model, MODEL_ACCESS, s->access);
}

static void on_peer_open(struct access_log *log, struct access_service *s, const struct event *e)
{
    begin_session(log, s, e, count_connection(log, s, e));
}

static void on_peer_close(struct access_log *log, struct access_service *s, const struct event *e)
{
    s->appl->last_inbound_at = instant(log, e);
    model_dirty(log->tally->model, MODEL_APPL, s->appl);
    end_session(log, s, e);
}

static void on_stored(struct access_log *log, struct access_service *s, const struct event *e)
{
    if (!by_metric(s, ACCESS_METRIC_APPENDED))
        add(&s->access->appended, e->recipients);
    add_octets(s, e);
    model_dirty(log->tally->model, MODEL_ACCESS, s->access);
}

static void on_deleted(struct access_log *log, struct access_service *s, const struct event *e)
{
    add(&s->access->expunged, e->recipients);
    model_dirty(log->tally->model, MODEL_ACCESS, s->access);
}

static void on_selected(struct access_log *log, struct access_service *s, const struct event *e)
{
    (void)e;
    if (!by_metric(s, ACCESS_METRIC_SELECTED))
        add(&s->access->mailboxes_selected, 1);
    model_dirty(log->tally->model, MODEL_ACCESS, s->access);
}

static handler *const handlers[EVENT_KINDS] = {
    [EVENT_LOGIN] = on_login,           [EVENT_LOGOUT] = on_logout,
    [EVENT_TRAFFIC] = on_traffic,       [EVENT_LOGIN_ABORT] = on_login_abort,
    [EVENT_LOGIN_FAIL] = on_login_fail, [EVENT_LOGIN_LIMIT] = on_login_limit,
    [EVENT_SERVER_FULL] = on_full,      [EVENT_PEER_OPEN] = on_peer_open,
    [EVENT_PEER_CLOSE] = on_peer_close, [EVENT_STORED] = on_stored,
    [EVENT_DELETED] = on_deleted,       [EVENT_SELECTED] = on_selected,
};

/* The server as a whole */

static void set_status(struct access_log *log, const struct event *e, uint64_t status)
{
    for (unsigned p = 0; p < ACCESS_PROTOCOLS; p++) {
        struct access_service *s = &log->services[p];
        if (!s->appl)
            continue;
        s->appl->log_status = status;
        s->appl->log_congested_at = MODEL_NEVER;
        if (status == APPL_UP) {
            s->appl->started_at = s->access->start_at = instant(log, e);
            if (e->text.n)
                TEXT_SET(s->appl->version, e->text);
        }
        model_dirty(log->tally->model, MODEL_APPL, s->appl);
        model_dirty(log->tally->model, MODEL_ACCESS, s->access);
    }
}

/* Which services there are is known by the log only when they are first used: what a start said is
 * said of those too. */
static void inherit(struct access_log *log, struct access_service *s)
{
    for (unsigned p = 0; p < ACCESS_PROTOCOLS; p++) {
        const struct access_service *o = &log->services[p];
        if (!o->appl || o == s || o->appl->log_status == MODEL_ABSENT)
            continue;
        s->appl->log_status = o->appl->log_status;
        s->appl->started_at = o->appl->started_at;
        s->access->start_at = o->access->start_at;
        s->appl->version = o->appl->version;
        return;
    }
}

static bool on_server(struct access_log *log, const struct event *e)
{
    if (e->kind == EVENT_STARTED) {
        access_close_all(log);
        set_status(log, e, APPL_UP);
    } else if (e->kind == EVENT_STOPPED) {
        set_status(log, e, APPL_DOWN);
    } else if (e->kind == EVENT_AUTH_VERBOSE) {
        on_auth_verbose(log, NULL, e);
    } else {
        return false;
    }
    return true;
}

/* Log events */

static const struct {
    const char *name;
    uint64_t severity;
} levels[] = {{"", 0},
              {"warnings", SEVERITY_WARNING},
              {"errors", SEVERITY_MINOR},
              {"fatal errors", SEVERITY_CRITICAL}};

static struct log_event *event_row(struct access_log *log, const char *name, uint64_t severity)
{
    char text[128];
    int n = snprintf(text, sizeof text, "%s: %s", log->name, name);
    return log_event_place(log->tally->model, log->tally->names,
                           (struct slice){text, (size_t)n < sizeof text ? (size_t)n : 0}, severity,
                           log->source);
}

void access_restore_log_events(struct access_log *log)
{
    const struct model *m = log->tally->model;
    for (uint32_t i = 0; i < m->tables[MODEL_LOG_EVENT].count; i++) {
        const struct log_event *row = model_row(m, MODEL_LOG_EVENT, i);
        struct slice name = TEXT_GET(row->name);
        if (!slice_take(&name, slice_of(log->name)) || !slice_take(&name, SLICE(": ")))
            continue;
        for (unsigned n = LEVEL_WARNING; n <= LEVEL_FATAL; n++)
            if (slice_eq(name, slice_of(levels[n].name)))
                log->levels[n] = event_row(log, levels[n].name, levels[n].severity);
        for (unsigned n = 0; log->server->patterns[n].name; n++) {
            const struct access_pattern *p = &log->server->patterns[n];
            if (slice_eq(name, slice_of(p->name)))
                log->patterns[n + 1] = event_row(log, p->name, p->severity);
        }
    }
}

static void count_log_event(struct access_log *log, const struct event *e)
{
    struct slice line = log->tally->users == USERS_PLAIN ? e->text : (struct slice){NULL, 0};
    unsigned level = e->access.level, pattern = e->access.pattern;
    if (level && !log->levels[level])
        log->levels[level] = event_row(log, levels[level].name, levels[level].severity);
    if (level && log->levels[level])
        log_event_count(log->tally->model, log->levels[level], instant(log, e), line);
    if (!pattern)
        return;
    const struct access_pattern *is = &log->server->patterns[pattern - 1];
    if (!log->patterns[pattern])
        log->patterns[pattern] = event_row(log, is->name, is->severity);
    if (log->patterns[pattern])
        log_event_count(log->tally->model, log->patterns[pattern], instant(log, e), line);
}

/* Whose line it is: the instance that the tag names, else the one whose log it is. */
static struct access_log *log_of(struct access_log *log, const struct event *e)
{
    for (struct access_log *l = log->tally->logs; e->app.n && l; l = l->next)
        for (const struct access_tag *tag = l->tags; tag; tag = tag->next)
            if (l->server == log->server && slice_eq(slice_of(tag->text), e->app) &&
                strcmp(l->host, log->host) == 0)
                return l;
    return log;
}

/* Of a service whose connections and logins another source counts: only what that does not tell. */
static void handle_rest(handler *h, struct access_log *log, struct access_service *s,
                        const struct event *e)
{
    struct access *a = s->access;
    const struct access before = *a;
    const uint64_t accumulated = s->appl->accumulated_inbound;
    h(log, s, e);
    a->connections = before.connections;
    a->failed_connections = before.failed_connections;
    a->good_logins = before.good_logins;
    a->failed_logins = before.failed_logins;
    s->appl->accumulated_inbound = accumulated;
}

void access_tally_event(void *counter, const struct event *e)
{
    struct access_log *log = log_of(counter, e);
    if (e->access.level || e->access.pattern)
        count_log_event(log, e);
    handler *h = (unsigned)e->kind < EVENT_KINDS ? handlers[e->kind] : NULL;
    if (on_server(log, e) || !h || e->access.protocol >= ACCESS_PROTOCOLS ||
        slice_eq(e->peer, SLICE(OWN_ADDRESS))) /* mailmond's own probe is no user */
        return;
    bool is_new = !log->services[e->access.protocol].appl;
    struct access_service *s = access_service(log, e->access.protocol);
    if (s && is_new)
        inherit(log, s);
    if (s && log->counted_elsewhere[e->access.protocol])
        handle_rest(h, log, s, e);
    else if (s)
        h(log, s, e);
}
