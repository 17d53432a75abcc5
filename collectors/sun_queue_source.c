/*
 * The queues of Sun's channels, as levels of their groups: a worker scans the directories, this file
 * puts what it found into the rows. A scan is begun again when the interval has passed, or twenty
 * times what the last one took. Recipients that wait are known to the log alone. Where the product's own
 * subagent was told not to scan, neither is anything scanned here, and nothing is said of the queues.
 */
#include "collector.h"
#include "sun_queue.h"

#include <stdlib.h>

#define REST 20 /* a scan may take a twentieth of the time */

struct sun_queue_source {
    struct sun_queue_source *next;
    const struct instance_of_mta *of;
    struct source *row;
    struct sun_queue found;
    uv_work_t work;
    int64_t now_ms; /* of the scan at work */
    int64_t next_ms;
    bool busy;
};

static struct sun_queue_source *sources;
static struct collect *collect;

/* Rows of ages, made when a channel first has mail. */
static void set_ages(const struct group *g, const uint64_t buckets[AGE_BUCKETS])
{
    for (uint32_t b = 1; b <= AGE_BUCKETS; b++) {
        uint32_t key[3] = {g->row.key[0], g->row.key[1], b};
        struct age *a = model_place(collect->model, MODEL_AGE, key, NULL);
        if (!a)
            return;
        a->up_to_min = b == AGE_BUCKETS ? 0 : (uint64_t)5 << (b - 1);
        a->messages = buckets[b - 1];
    }
}

static void set_channel(struct group *g, const struct sun_queue_channel *c)
{
    g->stored_messages = c->messages;
    g->stored_bytes = c->bytes;
    g->held = c->held;
    g->deferred = c->tried;
    g->active = c->messages - c->held;
    g->oldest_at = c->oldest_ms ? c->oldest_ms - collect->real_minus_monotonic_ms : MODEL_NEVER;
    g->oldest_id = c->message_id;
    if (!c->messages)
        TEXT_SET(g->oldest_id, SLICE(""));
    set_ages(g, c->buckets);
}

/* A channel without a directory has no mail. */
static void clear_channels(const struct appl *a)
{
    static const struct sun_queue_channel none = {.name = ""};
    for (uint32_t n = 0; n < collect->model->tables[MODEL_GROUP].count; n++) {
        struct group *g = model_row(collect->model, MODEL_GROUP, n);
        if (g->row.key[0] == a->row.key[0] && g->hierarchy == -2)
            set_channel(g, &none);
    }
}

static void forget_channels(const struct appl *a)
{
    for (uint32_t n = 0; n < collect->model->tables[MODEL_GROUP].count; n++) {
        struct group *g = model_row(collect->model, MODEL_GROUP, n);
        if (g->row.key[0] != a->row.key[0] || g->hierarchy != -2)
            continue;
        g->stored_messages = g->stored_bytes = g->stored_recipients = MODEL_ABSENT;
        g->held = g->deferred = g->active = MODEL_ABSENT;
        g->oldest_at = MODEL_NEVER;
    }
}

/* Where the log began after some of the mail came, nobody knows the recipients of it. */
static void set_recipients(struct appl *a)
{
    a->stored_recipients = tally_waiting(collect->tally, a);
    for (uint32_t n = 0; n < collect->model->tables[MODEL_GROUP].count; n++) {
        struct group *g = model_row(collect->model, MODEL_GROUP, n);
        if (g->row.key[0] != a->row.key[0] || g->hierarchy != -2)
            continue;
        if (g->stored_recipients == MODEL_ABSENT || g->stored_recipients < g->stored_messages)
            g->stored_recipients = a->stored_recipients = MODEL_ABSENT;
        else if (!g->stored_messages)
            g->stored_recipients = 0;
    }
}

static void merge(struct sun_queue_source *q)
{
    struct appl *a = q->of->appl;
    bool whole = q->found.status == SOURCE_OK;
    a->stored_messages = a->stored_bytes = a->stored_recipients = whole ? 0 : MODEL_ABSENT;
    if (whole)
        clear_channels(a);
    else
        forget_channels(a);
    for (unsigned i = 0; whole && i < q->found.count; i++) {
        const struct sun_queue_channel *c = &q->found.channels[i];
        struct group *g = tally_channel(collect->tally, a, slice_of(c->name));
        if (!g)
            continue;
        set_channel(g, c);
        a->stored_messages += c->messages;
        a->stored_bytes += c->bytes;
    }
    if (whole)
        set_recipients(a);
    model_touch(collect->model, MODEL_APPL);
    model_touch(collect->model, MODEL_GROUP);
    model_touch(collect->model, MODEL_AGE);
}

static void run(uv_work_t *work)
{
    struct sun_queue_source *q = work->data;
    sun_queue_scan(q->of->config->queue_directory, q->now_ms, &q->found);
}

static void done(uv_work_t *work, int status)
{
    struct sun_queue_source *q = work->data;
    q->busy = false;
    if (status == UV_ECANCELED || collect->stopping)
        return;
    merge(q);
    int64_t rest = (int64_t)q->found.duration_us / 1000 * REST;
    int64_t interval = (int64_t)collect->config->queue_interval_s * 1000;
    q->next_ms = collect->monotonic_ms + (rest > interval ? rest : interval);
    q->row->duration_ms = q->found.duration_us / 1000;
    q->row->items += q->found.files;
    model_dirty(collect->model, MODEL_SOURCE, q->row);
    source_status(collect, q->row, q->found.status, q->found.error);
}

static bool open_queue(struct collect *c, const struct instance_of_mta *i)
{
    struct sun_queue_source *q = calloc(1, sizeof *q);
    struct source *row = source_place_queue(c, i);
    if (!q || !row) {
        free(q);
        return false;
    }
    if (c->config->no_directory_scan) {
        source_status(c, row, SOURCE_DISABLED, "local.snmp.directoryscan = 0");
        free(q);
        return true;
    }
    *q = (struct sun_queue_source){.next = sources, .of = i, .row = row};
    q->found.channels = calloc(SUN_CHANNELS_MAX, sizeof *q->found.channels);
    q->work.data = q;
    sources = q;
    return q->found.channels != NULL;
}

static bool start(struct collect *c)
{
    collect = c;
    for (unsigned n = 0; n < c->instance_count; n++)
        if (c->instances[n].mta == &mta_sun && c->instances[n].config->queue_directory &&
            !open_queue(c, &c->instances[n]))
            return false;
    return true;
}

static void tick(struct collect *c)
{
    for (struct sun_queue_source *q = sources; q && c->caught_up; q = q->next) {
        if (q->busy || c->monotonic_ms < q->next_ms)
            continue;
        q->now_ms = collect_real_ms(c);
        q->busy = uv_queue_work(c->loop, &q->work, run, done) == 0;
    }
}

/* A scan that runs is waited for. */
static void stop(struct collect *c)
{
    (void)c;
    for (struct sun_queue_source *q = sources; q; q = q->next)
        if (q->busy)
            uv_cancel((uv_req_t *)&q->work);
}

const struct collector collector_sun_queue = {"sun queue", start, tick, NULL, stop};
