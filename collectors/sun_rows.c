/*
 * Rows of Sun's utilities, see sun_rows.h. Invariant: a reading and the counters that it moved are in the same
 * checkpoint.
 */
#include "sun_rows.h"
#include "sun_counters.h"
#include "sun_source.h"
#include "sun_utility.h"

#include <stdlib.h>
#include <unistd.h>

#define READINGS        512
#define ACCESS_COUNTERS 4

/* The last reading of a row's counters. key: applIndex << 16 | mtaGroupIndex, 0 for an access service. */
struct reading {
    uint32_t key;
    bool changed;
    struct sun_counted channel;
    int64_t start_ms; /* of the access service's process */
    uint64_t access[ACCESS_COUNTERS];
};
STORE_LAYOUT(struct reading, 328);

static struct reading *readings[READINGS];

static struct reading *reading_of(uint32_t appl, uint32_t group)
{
    uint32_t key = appl << 16 | group;
    for (unsigned i = 0; i < READINGS; i++) {
        if (!readings[i] && (readings[i] = calloc(1, sizeof *readings[i])))
            readings[i]->key = key;
        if (!readings[i] || readings[i]->key == key)
            return readings[i];
    }
    return NULL;
}

static bool load_one(void *arg, uint32_t slot, const void *data, size_t size)
{
    (void)arg;
    struct reading *r = reading_of(slot >> 16, slot & 0xffff);
    if (!r || size != sizeof *r)
        return r == NULL;
    memcpy(r, data, size);
    r->key = slot;
    r->changed = false;
    r->channel.last.channel = (struct slice){NULL, 0};
    return true;
}

bool sun_rows_load(struct collect *c)
{
    return !c->store || store_load(c->store, STORE_SUN_READINGS, load_one, NULL);
}

bool sun_rows_save(struct checkpoint *to)
{
    bool ok = true;
    for (unsigned i = 0; i < READINGS && readings[i]; i++) {
        if (readings[i]->changed)
            ok &= checkpoint_put(to, STORE_SUN_READINGS, readings[i]->key, readings[i],
                                 sizeof *readings[i]);
        readings[i]->changed = false;
    }
    return ok;
}

/* ---- imsimta counters ---- */

static void add_line(const struct sun_counters *d, enum sun_line line, uint64_t *messages,
                     uint64_t *recipients, uint64_t *bytes, uint64_t block)
{
    if (!(d->lines & 1u << line))
        return;
    uint64_t *const to[3] = {messages, recipients, bytes};
    for (unsigned k = 0; k < 3; k++) {
        uint64_t n = d->line[line][k] > 0 ? (uint64_t)d->line[line][k] : 0;
        *to[k] = (*to[k] == MODEL_ABSENT ? 0 : *to[k]) + (k == SUN_BLOCKS ? n * block : n);
    }
}

static void add_single(const struct sun_counters *d, enum sun_single which, uint64_t *to,
                       uint64_t unit)
{
    if (d->singles & 1u << which)
        *to = (*to == MODEL_ABSENT ? 0 : *to) + (uint64_t)d->single[which] * unit;
}

static void add_counters(struct group *g, const struct sun_counters *d, uint64_t block)
{
    add_line(d, SUN_RECEIVED, &g->received_messages, &g->received_recipients, &g->received_bytes,
             block);
    add_line(d, SUN_DELIVERED, &g->transmitted_messages, &g->transmitted_recipients,
             &g->transmitted_bytes, block);
    add_line(d, SUN_SUBMITTED, &g->submitted_messages, &g->submitted_recipients,
             &g->submitted_bytes, block);
    add_line(d, SUN_ATTEMPTED, &g->attempted_messages, &g->attempted_recipients,
             &g->attempted_bytes, block);
    add_line(d, SUN_REJECTED, &g->rejected_messages, &g->rejected_recipients, &g->rejected_bytes,
             block);
    add_line(d, SUN_FAILED, &g->failed_messages, &g->failed_recipients, &g->failed_bytes, block);
    add_single(d, SUN_FIRST_TIME, &g->delivered_first_time, 1);
    add_single(d, SUN_QUEUE_S, &g->queue_time_sum_ms, 1000);
    add_single(d, SUN_QUEUE_COUNT, &g->queue_time_count, 1);
    add_single(d, SUN_QUEUE_FIRST_S, &g->queue_time_first_sum_ms, 1000);
    add_single(d, SUN_QUEUE_FIRST_COUNT, &g->queue_time_first_count, 1);
    add_single(d, SUN_IN_ASSOCS, &g->accumulated_inbound, 1);
    add_single(d, SUN_OUT_ASSOCS, &g->accumulated_outbound, 1);
}

/* What is stored is seen in the queue directory, if there is one to see. */
static void set_stored(const struct sun_output *to, struct group *g,
                       const struct sun_counted *counted, const struct sun_counters *d,
                       uint64_t block)
{
    if (!(d->lines & 1u << SUN_STORED))
        return;
    g->stored_minimum_messages = counted->minimum[SUN_MESSAGES];
    g->stored_minimum_recipients = counted->minimum[SUN_RECIPIENTS];
    g->stored_minimum_blocks = counted->minimum[SUN_BLOCKS];
    const char *queue = to->of->config->queue_directory;
    bool looked_at = queue && !to->collect->config->no_directory_scan;
    if (looked_at && access(queue, R_OK | X_OK) == 0)
        return;
    g->stored_messages = (uint64_t)d->line[SUN_STORED][SUN_MESSAGES];
    g->stored_recipients = (uint64_t)d->line[SUN_STORED][SUN_RECIPIENTS];
    g->stored_bytes = (uint64_t)d->line[SUN_STORED][SUN_BLOCKS] * block;
}

bool sun_take_counters(const struct sun_output *to, struct slice text, bool well)
{
    (void)well;
    struct sun_counters now, delta;
    uint64_t block = sun_source_block_size(to->of->config);
    bool any = false;
    while (sun_counters_next(&text, &now)) {
        struct group *g =
            now.lines ? tally_channel(to->collect->tally, to->of->appl, now.channel) : NULL;
        struct reading *r = g ? reading_of(g->row.key[0], g->row.key[1]) : NULL;
        if (!r)
            continue;
        sun_counters_since(&r->channel, &now, &delta);
        r->changed = any = true;
        add_counters(g, &delta, block);
        set_stored(to, g, &r->channel, &delta, block);
        model_dirty(to->collect->model, MODEL_GROUP, g);
    }
    return any;
}

/* ---- counterutil ---- */

static struct access *access_row(const struct sun_output *to, const char *protocol,
                                 const char *title)
{
    char text[80];
    struct text64 name = {0}; /* it is copied whole */
    struct collect *c = to->collect;
    snprintf(text, sizeof text, "%s/%s", to->of->config->name, protocol);
    TEXT_SET(name, slice_of(text));
    uint32_t key[3] = {names_index(c->names, MODEL_APPL, 0, TEXT_GET(name)), 0, 0};
    struct appl *a = key[0] ? model_place(c->model, MODEL_APPL, key, NULL) : NULL;
    if (!a)
        return NULL;
    a->name = name;
    a->is_mta = 0;
    TEXT_SET(a->description, slice_of(title));
    model_dirty(c->model, MODEL_APPL, a);
    return model_place(c->model, MODEL_ACCESS, key, NULL);
}

static void set_instant(const struct collect *c, struct slice value, int64_t *at)
{
    int64_t ms;
    if (sun_take_service_time(&value, &ms))
        *at = ms - c->real_minus_monotonic_ms;
}

/* A counter of the server's process: what came since the last reading, all of it after a restart. */
static void count_on(struct reading *r, unsigned which, uint64_t now, uint64_t *counter)
{
    uint64_t last = r->access[which];
    *counter = (*counter == MODEL_ABSENT ? 0 : *counter) + (now < last ? now : now - last);
    r->access[which] = now;
}

static void take_value(const struct collect *c, const struct sun_counter *value, struct reading *r,
                       struct access *a)
{
    struct slice text = value->value;
    uint64_t n = 0;
    if (slice_eq(value->name, SLICE("currentStartTime")))
        set_instant(c, text, &a->start_at);
    else if (slice_eq(value->name, SLICE("lastConnectionTime")))
        set_instant(c, text, &a->last_connection_at);
    else if (!slice_number(&text, &n))
        return;
    else if (slice_eq(value->name, SLICE("maxConnections")))
        a->max_connections = n;
    else if (slice_eq(value->name, SLICE("numCurrentConnections")))
        a->current_connections = n;
    else if (slice_eq(value->name, SLICE("numConnections")))
        count_on(r, 0, n, &a->connections);
    else if (slice_eq(value->name, SLICE("numFailedConnections")))
        count_on(r, 1, n, &a->failed_connections);
    else if (slice_eq(value->name, SLICE("numFailedLogins")))
        count_on(r, 2, n, &a->failed_logins);
    else if (slice_eq(value->name, SLICE("numGoodLogins")))
        count_on(r, 3, n, &a->good_logins);
}

/* A server that was started anew counts from zero, even if it has more by now. */
static void judge_start(struct slice text, struct reading *r)
{
    struct sun_counter c;
    int64_t ms;
    while (sun_counter_next(&text, &c))
        if (slice_eq(c.name, SLICE("currentStartTime")) && sun_take_service_time(&c.value, &ms)) {
            if (r->start_ms && r->start_ms != ms)
                memset(r->access, 0, sizeof r->access);
            r->start_ms = ms;
        }
}

static bool take_access(const struct sun_output *to, struct slice text, const char *protocol,
                        const char *title)
{
    struct sun_counter c;
    bool any = false;
    struct access *a = access_row(to, protocol, title);
    struct reading *r = a ? reading_of(a->row.key[0], 0) : NULL;
    if (!r)
        return true; /* there is no room: the table counts that */
    judge_start(text, r);
    for (; sun_counter_next(&text, &c); any = true)
        take_value(to->collect, &c, r, a);
    uint32_t key[3] = {a->row.key[0], 0, 0};
    struct appl *appl = model_find(to->collect->model, MODEL_APPL, key, NULL);
    if (appl) {
        appl->inbound = a->current_connections;
        appl->accumulated_inbound = a->connections;
        appl->last_inbound_at = a->last_connection_at;
        appl->started_at = a->start_at;
    }
    r->changed = true;
    model_dirty(to->collect->model, MODEL_ACCESS, a);
    return any;
}

bool sun_take_imap(const struct sun_output *to, struct slice text, bool well)
{
    (void)well;
    return take_access(to, text, "imap", "IMAP service of sun");
}

bool sun_take_pop(const struct sun_output *to, struct slice text, bool well)
{
    (void)well;
    return take_access(to, text, "pop3", "POP3 service of sun");
}

bool sun_take_http(const struct sun_output *to, struct slice text, bool well)
{
    (void)well;
    return take_access(to, text, "http", "HTTP service of sun");
}

/* ---- The message store ---- */

static struct mail_store *store_row(const struct sun_output *to)
{
    struct collect *c = to->collect;
    struct slice name = slice_of(to->of->config->name);
    struct mail_store *s = names_place(c->names, c->model, MODEL_MAIL_STORE, name);
    if (s)
        TEXT_SET(s->name, name);
    return s;
}

static bool has(struct slice text, struct slice word)
{
    return slice_search(text, word) < text.n;
}

/* By the words of db_stat, and by counterutil's names of the same. */
static bool take_statistic(struct mail_store *s, struct slice what, uint64_t value)
{
    if (has(what, SLICE("eadlock")))
        s->deadlocks = value;
    else if (has(what, SLICE("urrent number of locks")) || slice_eq(what, SLICE("nlocks")))
        s->locks = value;
    else if (has(what, SLICE("umber of transactions currently active")) ||
             has(what, SLICE("urrent number of transactions")) ||
             has(what, SLICE("ctive transactions")) || slice_eq(what, SLICE("nactive")))
        s->transactions = value;
    else
        return false;
    return true;
}

bool sun_take_database(const struct sun_output *to, struct slice text, bool well)
{
    (void)well;
    struct mail_store *s = store_row(to);
    struct slice again = text, what;
    struct sun_counter c;
    uint64_t value;
    bool any = false;
    while (s && sun_statistic_next(&text, &value, &what))
        any |= take_statistic(s, what, value);
    while (s && sun_counter_next(&again, &c))
        if (slice_number(&c.value, &value))
            any |= take_statistic(s, c.name, value);
    if (s)
        model_dirty(to->collect->model, MODEL_MAIL_STORE, s);
    return any || !s;
}

bool sun_take_stored(const struct sun_output *to, struct slice text, bool well)
{
    (void)text;
    struct mail_store *s = store_row(to);
    if (s)
        s->status = well ? MAIL_STORE_OK : MAIL_STORE_FAILED;
    model_touch(to->collect->model, MODEL_MAIL_STORE);
    return true;
}
