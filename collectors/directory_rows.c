/* See directory_rows.h. */
#include <stdio.h>
#include "directory_rows.h"

#define LDAP_PORT  389
#define LDAPS_PORT 636
#define PAGE_KB    4 /* of mdb on every platform of today; percentages do not depend on it */

enum { UA_INITIATOR = 1 };

#define DESCRIPTION SLICE("directory server (LDAP)")

bool directory_rows_is(const struct appl *a)
{
    return slice_eq(TEXT_GET(a->description), DESCRIPTION);
}

bool directory_rows_place(struct directory_rows *d, struct slice name)
{
    d->appl = names_place(d->names, d->model, MODEL_APPL, name);
    if (!d->appl)
        return false;
    TEXT_SET(d->appl->name, name);
    TEXT_SET(d->appl->description, DESCRIPTION);
    d->appl->is_mta = 0;
    model_dirty(d->model, MODEL_APPL, d->appl);
    return true;
}

/* Status */

/* applOperStatus; MODEL_ABSENT: it cannot be told. */
static uint64_t oper_status(const struct ldap_result *r)
{
    const uint64_t *n = r->facts.numbers;
    bool full = n[LDAP_THREADS_PENDING] != MODEL_ABSENT && n[LDAP_THREADS_MAX] != MODEL_ABSENT &&
                n[LDAP_THREADS_ACTIVE] >= n[LDAP_THREADS_MAX] && n[LDAP_THREADS_PENDING] > 0;
    bool connected = r->steps_us[LDAP_STEP_CONNECT] != MODEL_ABSENT;
    switch (r->status) {
    case RESPONSE_UP:
        return full ? APPL_CONGESTED : APPL_UP;
    case RESPONSE_CONGESTED:
        return APPL_CONGESTED;
    case RESPONSE_DOWN:
    case RESPONSE_REFUSED:
        return APPL_DOWN;
    case RESPONSE_TIMED_OUT: /* takes connections, or not even those */
        return connected ? APPL_HALTED : APPL_DOWN;
    case RESPONSE_PROTOCOL_ERROR:
        return APPL_HALTED;
    case RESPONSE_AUTH_FAILED: /* it answered that; or its socket is not for us */
        return connected ? APPL_UP : MODEL_ABSENT;
    case RESPONSE_TLS_ERROR:
        return APPL_UP;
    default:
        return MODEL_ABSENT;
    }
}

static void set_status(struct directory_rows *d, uint64_t status, int64_t now_ms)
{
    if (d->appl->status == status)
        return;
    d->appl->status = status;
    d->appl->status_changed_at = now_ms;
    model_dirty(d->model, MODEL_APPL, d->appl);
}

/* Counters */

static bool restarted(const struct directory_memory *m, const struct ldap_facts *f)
{
    uint64_t raw = f->numbers[LDAP_CONNECTIONS], was = m->shown[LDAP_CONNECTIONS];
    bool fewer = raw != MODEL_ABSENT && raw < was; /* even with ours */
    return f->started_s != m->started_s || fewer;
}

/* A counter without our share; never less than was shown. */
static uint64_t counter(struct directory_rows *d, const struct ldap_result *r, enum ldap_number n)
{
    uint64_t raw = r->facts.numbers[n], ours = d->memory.own[n] + r->included[n];
    if (raw == MODEL_ABSENT)
        return MODEL_ABSENT;
    uint64_t value = raw > ours ? raw - ours : 0;
    if (value < d->memory.shown[n])
        value = d->memory.shown[n];
    d->memory.shown[n] = value;
    return value;
}

static uint64_t level(const struct ldap_result *r, enum ldap_number n)
{
    uint64_t raw = r->facts.numbers[n];
    return raw == MODEL_ABSENT ? MODEL_ABSENT : raw > r->included[n] ? raw - r->included[n] : 0;
}

void directory_rows_own(struct directory_rows *d, const uint64_t own[LDAP_NUMBERS])
{
    for (int i = 0; i < LDAP_NUMBERS; i++)
        d->memory.own[i] += own[i];
}

/* An instant of the server's clock on ours. */
static int64_t instant(const struct ldap_facts *f, int64_t s, int64_t now_ms)
{
    return f->now_s == 0 || s == 0 ? MODEL_NEVER : now_ms - (f->now_s - s) * 1000;
}

/* Tables */

static void take_appl(struct directory_rows *d, const struct ldap_result *r, int64_t now_ms)
{
    struct appl *a = d->appl;
    uint64_t connections = a->accumulated_inbound;
    int64_t started = instant(&r->facts, r->facts.started_s, now_ms);
    a->accumulated_inbound = counter(d, r, LDAP_CONNECTIONS);
    a->inbound = level(r, LDAP_OPEN);
    if ((a->inbound != MODEL_ABSENT && a->inbound > 0) ||
        (connections != MODEL_ABSENT && a->accumulated_inbound != connections))
        a->last_inbound_at = now_ms;
    if (started != MODEL_NEVER && (a->started_at == MODEL_NEVER || started - a->started_at > 2000 ||
                                   a->started_at - started > 2000))
        a->started_at = started;
    model_dirty(d->model, MODEL_APPL, a);
}

static void take_ds(struct directory_rows *d, const struct ldap_result *r)
{
    uint32_t key[3] = {d->appl->row.key[0], 0, 0};
    struct ds *ds = model_place(d->model, MODEL_DS, key, NULL);
    struct slice version = TEXT_GET(r->facts.version), context = TEXT_GET(r->facts.context);
    char text[200];
    if (!ds)
        return;
    int n = snprintf(text, sizeof text, "%.*s%s%.*s", (int)version.n, version.p ? version.p : "",
                     context.n ? ", " : "", (int)context.n, context.p ? context.p : "");
    TEXT_SET(ds->description, ((struct slice){text, (size_t)n}));
    ds->server_type = (r->facts.front_end ? 1u : 0u) | 2u;
    ds->master_entries = r->facts.numbers[LDAP_MASTER_ENTRIES];
    ds->copy_entries = r->facts.numbers[LDAP_COPY_ENTRIES];
    ds->cache_entries = r->facts.numbers[LDAP_CACHE_ENTRIES];
    ds->cache_hits = counter(d, r, LDAP_CACHE_HITS);
    ds->slave_hits = counter(d, r, LDAP_SLAVE_HITS);
    model_touch(d->model, MODEL_DS);
}

static void take_operations(struct directory_rows *d, const struct ldap_result *r)
{
    static const struct {
        enum ldap_number number;
        size_t offset;
    } columns[] = {
        {LDAP_UNAUTH_BINDS, offsetof(struct ds_ops, unauth_binds)},
        {LDAP_SIMPLE_BINDS, offsetof(struct ds_ops, simple_auth_binds)},
        {LDAP_STRONG_BINDS, offsetof(struct ds_ops, strong_auth_binds)},
        {LDAP_BIND_SECURITY_ERRORS, offsetof(struct ds_ops, bind_security_errors)},
        {LDAP_INITIATED, offsetof(struct ds_ops, in_ops)},
        {LDAP_READ, offsetof(struct ds_ops, read_ops)},
        {LDAP_COMPARE, offsetof(struct ds_ops, compare_ops)},
        {LDAP_ADD, offsetof(struct ds_ops, add_entry_ops)},
        {LDAP_DELETE, offsetof(struct ds_ops, remove_entry_ops)},
        {LDAP_MODIFY, offsetof(struct ds_ops, modify_entry_ops)},
        {LDAP_MODRDN, offsetof(struct ds_ops, modify_rdn_ops)},
        {LDAP_LIST, offsetof(struct ds_ops, list_ops)},
        {LDAP_SEARCH, offsetof(struct ds_ops, search_ops)},
        {LDAP_ONE_LEVEL, offsetof(struct ds_ops, one_level_search_ops)},
        {LDAP_SUBTREE, offsetof(struct ds_ops, whole_subtree_search_ops)},
        {LDAP_REFERRALS, offsetof(struct ds_ops, referrals)},
        {LDAP_CHAININGS, offsetof(struct ds_ops, chainings)},
        {LDAP_SECURITY_ERRORS, offsetof(struct ds_ops, security_errors)},
        {LDAP_ERRORS, offsetof(struct ds_ops, errors)},
        {LDAP_BYTES_RECEIVED, offsetof(struct ds_ops, in_bytes)},
        {LDAP_BYTES_SENT, offsetof(struct ds_ops, out_bytes)},
    };
    uint32_t key[3] = {d->appl->row.key[0], 1, 0};
    struct ds_ops *ops = model_place(d->model, MODEL_DS_OPS, key, NULL);
    if (!ops)
        return;
    ops->protocol_port = LDAP_PORT;
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        *(uint64_t *)(void *)((char *)ops + columns[i].offset) = counter(d, r, columns[i].number);
    model_touch(d->model, MODEL_DS_OPS);
}

/* Servers that this one has copies from: the row of one that is gone goes. */
static void take_consumers(struct directory_rows *d, const struct ldap_facts *f, int64_t now_ms)
{
    uint32_t appl = d->appl->row.key[0], keep[LDAP_CONSUMERS_MAX] = {0};
    for (uint64_t i = 0; i < f->consumer_count; i++) {
        const struct ldap_consumer *c = &f->consumers[i];
        struct slice provider = TEXT_GET(c->provider);
        char name[320];
        snprintf(name, sizeof name, "%llu/%llu %.*s", (unsigned long long)c->database,
                 (unsigned long long)c->number, (int)provider.n, provider.p ? provider.p : "");
        keep[i] = names_index(d->names, MODEL_DS_INT, appl, slice_of(name));
        uint32_t key[3] = {appl, keep[i], 1};
        struct ds_int *row = keep[i] ? model_place(d->model, MODEL_DS_INT, key, NULL) : NULL;
        if (!row)
            continue;
        if (row->created_at == MODEL_NEVER)
            row->created_at = now_ms;
        TEXT_SET(row->url, provider);
        row->last_attempt_at = instant(f, c->last_connect_s, now_ms);
        row->last_success_at = instant(f, c->last_contact_s, now_ms);
    }
    for (uint32_t i = d->model->tables[MODEL_DS_INT].count; i-- > 0;) {
        struct ds_int *row = model_row(d->model, MODEL_DS_INT, i);
        bool known = row->row.key[0] != appl;
        for (int k = 0; k < LDAP_CONSUMERS_MAX && !known; k++)
            known = keep[k] == row->row.key[1];
        if (!known)
            model_remove(d->model, MODEL_DS_INT, row);
    }
    model_touch(d->model, MODEL_DS_INT);
}

static void set_trend(struct disk *row, struct trend *t, int64_t now_ms)
{
    int64_t change;
    row->fill_rate_kb_per_hour = INT64_MIN;
    row->hours_to_full = MODEL_ABSENT;
    trend_add(t, now_ms, (int64_t)row->available_kb);
    if (!trend_per_hour(t, &change))
        return;
    row->fill_rate_kb_per_hour = -change;
    if (change < 0)
        row->hours_to_full = row->available_kb / (uint64_t)-change;
}

/* An mdb database has a size that it cannot grow beyond: a disk that fills, in all that matters. */
static void take_databases(struct directory_rows *d, const struct ldap_facts *f, int64_t now_ms)
{
    struct slice name = TEXT_GET(d->appl->name);
    for (uint64_t i = 0; i < f->database_count; i++) {
        const struct ldap_database *b = &f->databases[i];
        struct slice context = TEXT_GET(b->context);
        char path[256];
        if (b->pages_max == MODEL_ABSENT || b->pages_used == MODEL_ABSENT || b->pages_max == 0 ||
            b->pages_max > UINT32_MAX)
            continue;
        int n = snprintf(path, sizeof path, "%.*s: mdb %.*s", (int)name.n, name.p, (int)context.n,
                         context.p ? context.p : "");
        struct slice text = {path, (size_t)n < sizeof path ? (size_t)n : sizeof path - 1};
        struct disk *row = names_place(d->names, d->model, MODEL_DISK, text);
        if (!row)
            continue;
        uint64_t free_pages = b->pages_free == MODEL_ABSENT ? 0 : b->pages_free;
        uint64_t used = b->pages_used > free_pages ? b->pages_used - free_pages : 0;
        uint64_t available = used < b->pages_max ? b->pages_max - used : 0;
        TEXT_SET(row->path, text);
        row->kind = DISK_OTHER;
        row->total_kb = b->pages_max * PAGE_KB;
        row->available_kb = available * PAGE_KB;
        row->total_mb = row->total_kb / 1024;
        row->available_mb = row->available_kb / 1024;
        row->percent_available = available * 100 / b->pages_max;
        row->last_stat_at = now_ms;
        set_trend(row, &d->available_kb[i], now_ms);
    }
    model_touch(d->model, MODEL_DISK);
}

/* Connections */

/* Ours is not shown: by its port, or where that is not told, the newest of those that tell none. */
static const struct ldap_session *our_session(const struct ldap_result *r)
{
    const struct ldap_facts *f = &r->facts;
    const struct ldap_session *newest = NULL;
    bool told = false;
    for (uint64_t i = 0; i < f->session_count; i++) {
        const struct ldap_session *s = &f->sessions[i];
        if (r->local_port && s->peer_port == r->local_port)
            return s;
        told |= s->peer_port != MODEL_ABSENT;
        if (s->peer_port == MODEL_ABSENT &&
            (!newest || s->since_s > newest->since_s ||
             (s->since_s == newest->since_s && s->number > newest->number)))
            newest = s;
    }
    return r->local_port && told ? NULL : newest; /* NULL: ours is beyond those listed */
}

/* "gidNumber=0+uidNumber=0,cn=peercred,cn=external,cn=auth": by what means; p NULL: not told */
static struct slice mechanism(struct slice user)
{
    if (user.n == 0)
        return SLICE("anonymous");
    if (!slice_ends(user, SLICE(",cn=auth")))
        return (struct slice){NULL, 0};
    user.n -= strlen(",cn=auth");
    size_t at = user.n;
    while (at && user.p[at - 1] != ',')
        at--;
    user = slice_skip(user, at);
    return slice_take(&user, SLICE("cn=")) ? user : (struct slice){NULL, 0};
}

static void fill_session(struct directory_rows *d, const struct ldap_session *s, uint32_t assoc,
                         int64_t since_at)
{
    uint32_t key[3] = {d->appl->row.key[0], assoc, 0};
    struct assoc *a = model_place(d->model, MODEL_ASSOC, key, NULL);
    struct session *row = a ? model_place(d->model, MODEL_SESSION, key, NULL) : NULL;
    struct slice peer = TEXT_GET(s->peer);
    if (!row)
        return;
    TEXT_SET(a->remote, peer.p ? peer : SLICE("localhost"));
    a->protocol_port = s->local_port == LDAPS_PORT ? LDAPS_PORT : LDAP_PORT;
    a->type = UA_INITIATOR;
    if (a->since_at == MODEL_NEVER)
        a->since_at = row->since_at = since_at;
    TEXT_SET(row->user, TEXT_GET(s->user));
    TEXT_SET(row->authentication, mechanism(TEXT_GET(s->user)));
}

static struct directory_session *find_session(struct directory_rows *d,
                                              const struct ldap_session *s)
{
    for (unsigned i = 0; i < d->open_count; i++)
        if (d->open[i].number == s->number && d->open[i].since_s == s->since_s)
            return &d->open[i];
    if (d->open_count == LDAP_SESSIONS_MAX)
        return NULL;
    struct directory_session *n = &d->open[d->open_count];
    *n = (struct directory_session){.number = s->number, .since_s = s->since_s};
    n->assoc = names_next(d->names, MODEL_ASSOC, d->appl->row.key[0]);
    d->open_count += n->assoc != 0;
    return n->assoc ? n : NULL;
}

static void drop_session(struct directory_rows *d, unsigned i)
{
    uint32_t key[3] = {d->appl->row.key[0], d->open[i].assoc, 0};
    void *a = model_find(d->model, MODEL_ASSOC, key, NULL);
    void *row = model_find(d->model, MODEL_SESSION, key, NULL);
    if (a)
        model_remove(d->model, MODEL_ASSOC, a);
    if (row)
        model_remove(d->model, MODEL_SESSION, row);
    d->open[i] = d->open[--d->open_count];
}

static void take_sessions(struct directory_rows *d, const struct ldap_result *r, int64_t now_ms)
{
    const struct ldap_facts *f = &r->facts;
    const struct ldap_session *ours = our_session(r);
    for (unsigned i = 0; i < d->open_count; i++)
        d->open[i].seen = false;
    for (uint64_t i = 0; i < f->session_count && d->sessions; i++) {
        const struct ldap_session *s = &f->sessions[i];
        struct directory_session *known = s == ours ? NULL : find_session(d, s);
        if (!known)
            continue;
        known->seen = true;
        fill_session(d, s, known->assoc, instant(f, s->since_s, now_ms));
    }
    for (unsigned i = d->open_count; i-- > 0;)
        if (!d->open[i].seen)
            drop_session(d, i);
    model_touch(d->model, MODEL_ASSOC);
    model_touch(d->model, MODEL_SESSION);
}

/* The whole */

static void take_numbers(struct directory_rows *d, const struct ldap_result *r, int64_t now_ms)
{
    if (restarted(&d->memory, &r->facts))
        d->memory = (struct directory_memory){.started_s = r->facts.started_s};
    take_appl(d, r, now_ms);
    take_ds(d, r);
    take_operations(d, r);
    take_consumers(d, &r->facts, now_ms);
    take_databases(d, &r->facts, now_ms);
    take_sessions(d, r, now_ms);
}

static void no_levels(struct directory_rows *d)
{
    d->appl->inbound = MODEL_ABSENT;
    for (unsigned i = d->open_count; i-- > 0;)
        drop_session(d, i);
    model_touch(d->model, MODEL_APPL);
    model_touch(d->model, MODEL_ASSOC);
    model_touch(d->model, MODEL_SESSION);
}

void directory_rows_take(struct directory_rows *d, const struct ldap_result *r, int64_t now_ms)
{
    if (TEXT_GET(r->facts.version).p)
        TEXT_SET(d->appl->version, TEXT_GET(r->facts.version));
    if (r->monitor)
        take_numbers(d, r, now_ms);
    else
        no_levels(d);
    directory_rows_own(d, r->own);
    set_status(d, oper_status(r), now_ms);
}

void directory_rows_unknown(struct directory_rows *d, int64_t now_ms)
{
    no_levels(d);
    set_status(d, MODEL_ABSENT, now_ms);
}
