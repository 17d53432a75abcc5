/*
 * Failures an hour: a group's attempted and failed messages within the last 60 minutes, from one
 * snapshot of its counters a minute. Until a full hour has been seen the cells are absent: a log that
 * is read from its beginning would count its past as this hour's.
 */
#include "collector.h"

#define MINUTES   60
#define MINUTE_MS 60000

struct snapshot {
    uint64_t attempted[MINUTES], failed[MINUTES];
    unsigned taken; /* snapshots so far */
};

static struct snapshot **snapshots; /* by position of the group's row */
static uint32_t capacity;
static int64_t next_ms;

static bool start(struct collect *c)
{
    capacity = c->model->tables[MODEL_GROUP].capacity;
    snapshots = calloc(capacity, sizeof *snapshots);
    return snapshots != NULL;
}

static void take(struct collect *c, struct group *g)
{
    struct snapshot **s = &snapshots[model_position(c->model, MODEL_GROUP, g)];
    if (!*s && !(*s = calloc(1, sizeof **s)))
        return;
    unsigned slot = (*s)->taken % MINUTES;
    if ((*s)->taken >= MINUTES) {
        g->attempted_per_hour = g->attempted_messages - (*s)->attempted[slot];
        g->failed_per_hour = g->failed_messages - (*s)->failed[slot];
        model_touch(c->model, MODEL_GROUP);
    }
    (*s)->attempted[slot] = g->attempted_messages;
    (*s)->failed[slot] = g->failed_messages;
    (*s)->taken++;
}

static void tick(struct collect *c)
{
    if (!c->caught_up || c->monotonic_ms < next_ms)
        return;
    next_ms = c->monotonic_ms + MINUTE_MS;
    for (uint32_t i = 0; i < c->model->tables[MODEL_GROUP].count; i++) {
        struct group *g = model_row(c->model, MODEL_GROUP, i);
        if (g->attempted_messages != MODEL_ABSENT)
            take(c, g);
    }
}

static void stop(struct collect *c)
{
    (void)c;
    for (uint32_t i = 0; i < capacity; i++)
        free(snapshots[i]);
    free(snapshots);
    snapshots = NULL;
}

const struct collector collector_rate = {"rate", start, tick, NULL, stop};
