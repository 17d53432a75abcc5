/*
 * The rows of access services: applTable, mailmonAccessTable, and for each open session assocTable and
 * mailmonSessionTable. Invariant: a session has its two rows from the next tick on, or none if a table was full,
 * and its service's levels count it once.
 */
#include <stdio.h>
#include <stdlib.h>
#include "access_internal.h"

#define UA_INITIATOR   1 /* assocApplicationType, RFC 2788 */
#define PEER_INITIATOR 3

const struct access_protocol_name access_protocols[ACCESS_PROTOCOLS] = {
    [ACCESS_NONE] = {"", 0},
    [ACCESS_IMAP] = {"imap", 143},
    [ACCESS_POP3] = {"pop3", 110},
    [ACCESS_LMTP] = {"lmtp", 24},
    [ACCESS_MANAGESIEVE] = {"managesieve", 4190},
    [ACCESS_SUBMISSION] = {"submission", 587},
    [ACCESS_HTTP] = {"http", 80},
};

static const char *const descriptions[ACCESS_PROTOCOLS] = {
    [ACCESS_NONE] = "",
    [ACCESS_IMAP] = "IMAP service",
    [ACCESS_POP3] = "POP3 service",
    [ACCESS_LMTP] = "LMTP service: final delivery",
    [ACCESS_MANAGESIEVE] = "ManageSieve service",
    [ACCESS_SUBMISSION] = "submission service: its messages are the MTA's too",
    [ACCESS_HTTP] = "HTTP service",
};

/* Counters that a service of this kind always can tell begin at zero. */
static void begin_counters(struct access_service *s, unsigned protocol)
{
    struct access *a = s->access;
    s->appl->accumulated_inbound = s->appl->rejected_inbound = 0;
    a->connections = a->limit_reached = a->max_connections = 0;
    if (protocol == ACCESS_LMTP) {
        a->appended = 0;
        return;
    }
    a->failed_connections = a->failed_logins = a->good_logins = a->tls_sessions = 0;
}

static void name_service(const struct access_log *log, unsigned protocol, struct appl *a)
{
    char text[128];
    int n = snprintf(text, sizeof text, "%s of %s", descriptions[protocol], log->server->name);
    TEXT_SET(a->description, ((struct slice){text, (size_t)n}));
}

struct access_service *access_service(struct access_log *log, unsigned protocol)
{
    if (protocol == ACCESS_NONE || protocol >= ACCESS_PROTOCOLS)
        return NULL;
    struct access_service *s = &log->services[protocol];
    if (s->appl)
        return s;
    struct model *m = log->tally->model;
    char text[128];
    struct text64 name = {0}; /* it is copied whole */
    snprintf(text, sizeof text, "%s/%s", log->name, access_protocols[protocol].name);
    TEXT_SET(name, slice_of(text));
    uint32_t key[3] = {names_index(log->tally->names, MODEL_APPL, 0, TEXT_GET(name)), 0, 0};
    if (!key[0])
        return NULL;
    bool is_new = !model_find(m, MODEL_ACCESS, key, NULL);
    struct access_service made = {model_place(m, MODEL_APPL, key, NULL), NULL};
    made.access = made.appl ? model_place(m, MODEL_ACCESS, key, NULL) : NULL;
    if (!made.access)
        return NULL;
    made.appl->name = name;
    made.appl->is_mta = 0;
    name_service(log, protocol, made.appl);
    if (is_new)
        begin_counters(&made, protocol);
    made.appl->inbound = made.access->current_connections = 0;
    if (protocol != ACCESS_LMTP)
        made.access->users_logged_in = 0;
    model_dirty(m, MODEL_APPL, made.appl);
    model_dirty(m, MODEL_ACCESS, made.access);
    *s = made;
    return s;
}

static void show_user(const struct access_tally *t, const struct access_session *x,
                      struct session *row)
{
    char text[32];
    if (t->users == USERS_PLAIN) {
        TEXT_SET(row->user, TEXT_GET(x->user));
    } else if (t->users == USERS_HASHED && TEXT_GET(x->user).n) {
        int n = snprintf(text, sizeof text, "%016llx",
                         (unsigned long long)slice_hash(TEXT_GET(x->user), t->salt));
        TEXT_SET(row->user, ((struct slice){text, (size_t)n}));
    }
}

/* Rows are placed once a tick: most sessions of a log that is caught up with are over by then. false: there is
 * no room. */
static bool place_rows(void *arg, struct access_session *x)
{
    struct access_tally *t = arg;
    uint32_t key[3] = {x->appl, x->assoc ? x->assoc : names_next(t->names, MODEL_ASSOC, x->appl),
                       0};
    struct assoc *a = key[1] ? model_place(t->model, MODEL_ASSOC, key, NULL) : NULL;
    if (!a)
        return false;
    if (!x->assoc)
        access_session_changed(&t->sessions, x);
    x->assoc = key[1];
    x->flags |= ACCESS_SESSION_SHOWN;
    TEXT_SET(a->remote, TEXT_GET(x->remote));
    a->protocol_port = x->protocol;
    a->type = x->user_id ? UA_INITIATOR : PEER_INITIATOR;
    a->since_at = x->since_ms - t->real_minus_monotonic_ms;
    struct session *row = model_place(t->model, MODEL_SESSION, key, NULL);
    if (!row)
        return true;
    show_user(t, x, row);
    if (TEXT_GET(x->method).n)
        TEXT_SET(row->authentication, TEXT_GET(x->method));
    row->since_at = a->since_at;
    return true;
}

/* The row of a session's peer, if it has one, has so many sessions now. */
static void show_peer(struct access_tally *t, struct peer *p, uint32_t sessions)
{
    if (!p)
        return;
    p->current = sessions;
    model_touch_row(t->model, MODEL_PEER, p);
}

void access_open(struct access_log *log, struct access_service *s, const struct access_session *x,
                 struct peer *p)
{
    struct access_tally *t = log->tally;
    uint64_t from = p ? tally_peer_hash(p) : 0;
    if (t->peers && !p)
        p = tally_peer_find(t->peers, s->appl, TEXT_GET(x->remote), &from);
    if (t->peers)
        show_peer(t, p, access_peers_opened(&t->peers_now, from));
    if (log->counted_elsewhere[s - log->services])
        return;
    s->appl->inbound = ++s->access->current_connections;
    if (s->access->current_connections > s->access->max_connections)
        s->access->max_connections = s->access->current_connections;
    model_dirty(t->model, MODEL_ACCESS, s->access);
    model_touch_row(t->model, MODEL_APPL, s->appl);
}

static void remove_rows(struct access_tally *t, const struct access_session *x)
{
    uint32_t key[3] = {x->appl, x->assoc, 0};
    if (!(x->flags & ACCESS_SESSION_SHOWN))
        return;
    void *assoc = model_find(t->model, MODEL_ASSOC, key, NULL);
    void *session = model_find(t->model, MODEL_SESSION, key, NULL);
    if (assoc)
        model_remove(t->model, MODEL_ASSOC, assoc);
    if (session)
        model_remove(t->model, MODEL_SESSION, session);
}

void access_close(struct access_log *log, struct access_service *s, struct access_session *x)
{
    struct access_tally *t = log->tally;
    uint64_t user = x->user_id, from;
    uint32_t appl = x->appl;
    struct peer *p =
        t->peers ? tally_peer_find(t->peers, s->appl, TEXT_GET(x->remote), &from) : NULL;
    if (t->peers)
        show_peer(t, p, access_peers_closed(&t->peers_now, from));
    remove_rows(t, x);
    access_session_remove(&t->sessions, x);
    if (!log->counted_elsewhere[s - log->services] && s->access->current_connections)
        s->access->current_connections--;
    s->appl->inbound = s->access->current_connections;
    if (user && s->access->users_logged_in && s->access->users_logged_in != MODEL_ABSENT &&
        !access_session_of(&t->sessions, appl, user))
        s->access->users_logged_in--;
    model_dirty(t->model, MODEL_ACCESS, s->access);
    model_touch_row(t->model, MODEL_APPL, s->appl);
}

void access_close_all(struct access_log *log)
{
    for (unsigned p = 0; p < ACCESS_PROTOCOLS; p++)
        if (log->services[p].appl)
            access_tally_reconcile(log, p, NULL, NULL);
}

void access_tally_reconcile(struct access_log *log, enum access_protocol protocol,
                            bool (*live)(void *arg, const struct access_session *s), void *arg)
{
    struct access_service *s = &log->services[protocol];
    struct access_sessions *all = &log->tally->sessions;
    for (uint32_t i = 0; s->appl && i < all->high; i++)
        if (all->rows[i].appl == s->appl->row.key[0] && !(live && live(arg, &all->rows[i])))
            access_close(log, s, &all->rows[i]);
}

void access_tally_found(struct access_log *log, const struct access_found *f)
{
    struct access_tally *t = log->tally;
    struct access_service *s = access_service(log, f->protocol);
    uint32_t appl = s ? s->appl->row.key[0] : 0;
    uint64_t user_id = access_hash(appl, f->user);
    if (!s || (f->since_ms
                   ? access_session_began(&t->sessions, appl, user_id, f->since_ms, ACCESS_SAME_MS)
                   : access_session_find(&t->sessions, appl, 0, user_id, f->process) != NULL))
        return;
    struct access_session x = {.id = access_hash_process(appl, f->process),
                               .user_id = user_id,
                               .since_ms = f->since_ms ? f->since_ms : t->now_ms,
                               .appl = appl,
                               .process = f->process,
                               .protocol = access_protocols[f->protocol].port};
    struct access_session *old = access_session_by_id(&t->sessions, appl, x.id);
    if (old)
        access_close(log, s, old);
    bool first = !access_session_of(&t->sessions, appl, user_id);
    TEXT_SET(x.user, t->users == USERS_HIDDEN ? SLICE("") : f->user);
    TEXT_SET(x.remote, f->remote);
    TEXT_SET(x.method, f->method);
    struct access_session *made = access_session_add(&t->sessions, &x);
    if (!made)
        return;
    access_open(log, s, made, NULL);
    if (first && s->access->users_logged_in != MODEL_ABSENT)
        s->access->users_logged_in++;
}

struct access_log *access_tally_find(const struct access_tally *t,
                                     const struct access_server *server, struct slice name)
{
    for (struct access_log *l = t->logs; l; l = l->next)
        if (l->server == server && slice_eq(slice_of(l->name), name))
            return l;
    return NULL;
}

void access_tally_counted_elsewhere(struct access_log *log, enum access_protocol protocol)
{
    log->counted_elsewhere[protocol] = true;
}

void access_tally_levels(struct access_tally *t)
{
    model_sort(t->model, MODEL_PEER);
    access_sessions_place(&t->sessions, place_rows, t);
}

static int by_hash(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* A user's hash in a session is of one service: here it is of the name. */
uint64_t access_tally_users(const struct access_log *log)
{
    const struct access_tally *t = log->tally;
    uint64_t *hashes = calloc(t->sessions.high + 1, sizeof *hashes), users = 0;
    uint32_t count = 0;
    if (!hashes || t->users == USERS_HIDDEN) {
        free(hashes);
        return MODEL_ABSENT;
    }
    for (uint32_t i = 0; i < t->sessions.high; i++) {
        const struct access_session *x = &t->sessions.rows[i];
        bool ours = false;
        for (unsigned p = 1; x->user_id && p < ACCESS_PROTOCOLS; p++)
            ours |= log->services[p].appl && log->services[p].appl->row.key[0] == x->appl;
        if (ours)
            hashes[count++] = slice_hash(TEXT_GET(x->user), 0);
    }
    qsort(hashes, count, sizeof *hashes, by_hash);
    for (uint32_t i = 0; i < count; i++)
        users += i == 0 || hashes[i] != hashes[i - 1];
    free(hashes);
    return users;
}
