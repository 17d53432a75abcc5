/*
 * The access tally: made, freed, configured, and in the store. What is read back was written by this
 * program, and is checked all the same.
 */
#include <stdio.h>
#include <sys/random.h>
#include "access_internal.h"

#define SESSIONS_MAX 65536

/* STORE_ACCESS_HEADER: one record. */
struct header {
    uint64_t salt;
    struct attempts attempts[ATTEMPTS];
    struct early_end ends[ENDS]; /* an older store ends before them */
};
STORE_LAYOUT(struct header, 10248);
STORE_LAYOUT(struct access_session, 232);

struct access_tally *access_tally_new(struct model *model, struct names *names, struct tally *peers,
                                      enum access_users users)
{
    struct access_tally *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->model = model;
    t->names = names;
    t->peers = peers;
    t->users = users;
    t->attempts_changed = true; /* the header is to be stored */
    if (getrandom(&t->salt, sizeof t->salt, 0) != (ssize_t)sizeof t->salt)
        t->salt = (uint64_t)(uintptr_t)t;
    if (access_sessions_init(&t->sessions, SESSIONS_MAX) && access_peers_init(&t->peers_now))
        return t;
    access_tally_free(t);
    return NULL;
}

void access_tally_free(struct access_tally *t)
{
    if (!t)
        return;
    for (struct access_log *l = t->logs, *next; l; l = next) {
        next = l->next;
        for (struct access_tag *g = l->tags, *following; g; g = following) {
            following = g->next;
            free(g);
        }
        free(l);
    }
    access_sessions_free(&t->sessions);
    access_peers_free(&t->peers_now);
    free(t);
}

void access_tally_clock(struct access_tally *t, int64_t real_minus_monotonic_ms,
                        int64_t monotonic_ms)
{
    t->now_ms = real_minus_monotonic_ms + monotonic_ms;
    t->real_minus_monotonic_ms = real_minus_monotonic_ms;
}

struct access_log *access_tally_log(struct access_tally *t, const struct access_server *server,
                                    struct slice name, uint32_t source)
{
    struct access_log *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    *l = (struct access_log){.next = t->logs, .tally = t, .server = server, .source = source};
    snprintf(l->name, sizeof l->name, "%.*s", (int)name.n, name.p);
    return t->logs = l;
}

const char *access_tally_name(const struct access_log *log)
{
    return log->name;
}

void access_tally_host(struct access_log *log, struct slice host)
{
    slice_copy(log->host, sizeof log->host, host);
}

void *access_tally_of_host(void *log, struct slice host)
{
    const struct access_log *like = log;
    char name[128];
    size_t own = strlen(like->host) + 1;
    if (strlen(like->name) < own)
        return NULL;
    int n = snprintf(name, sizeof name, "%.*s/%s", (int)host.n, host.p, like->name + own);
    struct access_log *made =
        access_tally_log(like->tally, like->server, (struct slice){name, (size_t)n}, like->source);
    if (!made)
        return NULL;
    access_tally_host(made, host);
    for (const struct access_tag *g = like->tags; g; g = g->next)
        if (!access_tally_tag(made, slice_of(g->text)))
            return NULL;
    return made;
}

bool access_tally_tag(struct access_log *log, struct slice tag)
{
    struct access_tag *g = calloc(1, sizeof *g);
    if (!g)
        return false;
    snprintf(g->text, sizeof g->text, "%.*s", (int)tag.n, tag.p);
    g->next = log->tags;
    log->tags = g;
    return true;
}

struct appl *access_tally_service(struct access_log *log, enum access_protocol protocol)
{
    struct access_service *s = access_service(log, protocol);
    return s ? s->appl : NULL;
}

struct appl *access_tally_appl(const struct access_log *log, enum access_protocol protocol)
{
    return log->services[protocol].appl;
}

struct access *access_tally_access(const struct access_log *log, enum access_protocol protocol)
{
    return log->services[protocol].access;
}

uint64_t access_tally_salt(const struct access_tally *t)
{
    return t->salt;
}

bool access_tally_save(struct access_tally *t, struct checkpoint *c)
{
    bool ok = access_sessions_save(&t->sessions, c);
    if (!t->attempts_changed)
        return ok;
    struct header h = {.salt = t->salt};
    memcpy(h.attempts, t->attempts, sizeof h.attempts);
    memcpy(h.ends, t->ends, sizeof h.ends);
    t->attempts_changed = false;
    return checkpoint_put(c, STORE_ACCESS_HEADER, 0, &h, sizeof h) && ok;
}

static bool load_session(void *arg, uint32_t slot, const void *data, size_t size)
{
    struct access_tally *t = arg;
    return access_session_restore(&t->sessions, slot, data, size);
}

static bool load_header(void *arg, uint32_t slot, const void *data, size_t size)
{
    struct access_tally *t = arg;
    struct header h = {0};
    if (slot != 0 || (size != sizeof h && size != offsetof(struct header, ends)))
        return false;
    memcpy(&h, data, size);
    t->attempts_changed = false;
    t->salt = h.salt;
    memcpy(t->attempts, h.attempts, sizeof t->attempts);
    memcpy(t->ends, h.ends, sizeof t->ends);
    return true;
}

/* Services that the store knows, of the instances there are. */
static void restore_services(struct access_log *l)
{
    for (uint32_t i = 0; i < l->tally->model->tables[MODEL_ACCESS].count; i++) {
        const struct access *a = model_row(l->tally->model, MODEL_ACCESS, i);
        const struct appl *appl = model_find(l->tally->model, MODEL_APPL, a->row.key, NULL);
        struct slice name = appl ? TEXT_GET(appl->name) : (struct slice){NULL, 0};
        if (!slice_take(&name, slice_of(l->name)) || !slice_take(&name, SLICE("/")))
            continue;
        for (unsigned p = 1; p < ACCESS_PROTOCOLS; p++)
            if (slice_eq(name, slice_of(access_protocols[p].name)))
                access_service(l, p);
    }
}

/* The service of a session: NULL if its instance is configured no more. */
static struct access_service *service_of(const struct access_tally *t, uint32_t appl,
                                         struct access_log **log)
{
    for (struct access_log *l = t->logs; l; l = l->next)
        for (unsigned p = 1; p < ACCESS_PROTOCOLS; p++)
            if (l->services[p].appl && l->services[p].appl->row.key[0] == appl) {
                *log = l;
                return &l->services[p];
            }
    return NULL;
}

/* Rows and levels of the sessions that were open. */
static void restore_sessions(struct access_tally *t)
{
    for (uint32_t i = 0; i < t->sessions.high; i++) {
        struct access_session *x = &t->sessions.rows[i];
        struct access_log *log = NULL;
        if (!x->appl)
            continue;
        struct access_service *s = service_of(t, x->appl, &log);
        if (!s) {
            access_session_remove(&t->sessions, x);
            continue;
        }
        access_open(log, s, x, NULL);
    }
}

/* Distinct users: each is counted at the first of its sessions. */
static void restore_users(struct access_tally *t)
{
    for (uint32_t i = 0; i < t->sessions.high; i++) {
        const struct access_session *x = &t->sessions.rows[i];
        struct access_log *log = NULL;
        struct access_service *s = x->appl && x->user_id ? service_of(t, x->appl, &log) : NULL;
        if (s && !access_session_before(&t->sessions, x->appl, x->user_id, i))
            s->access->users_logged_in++;
    }
}

bool access_tally_load(struct access_tally *t, struct store *s)
{
    if (!store_load(s, STORE_ACCESS_SESSIONS, load_session, t) ||
        !store_load(s, STORE_ACCESS_HEADER, load_header, t))
        return false;
    for (struct access_log *l = t->logs; l; l = l->next) {
        restore_services(l);
        access_restore_log_events(l);
    }
    restore_sessions(t);
    restore_users(t);
    return true;
}
