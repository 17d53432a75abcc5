/*
 * When queued mail is tried next, where only the mail system's own command tells: Exim's retry hints,
 * OpenSMTPD's scheduler. It runs beside the loop with a deadline. Invariant: what it tells are levels of
 * the newest answer; if it fails they are absent, and no counter ever comes from it.
 */
#include <errno.h>
#include <stdio.h>
#include "child.h"

#define OUTPUT_MAX (64 << 20)
#define TIMEOUT_S  30
#define WORDS_MAX  32

struct queue_command {
    const struct instance_of_mta *of;
    struct source *row;
    struct child *child;
    int64_t next_ms, asked_ms;
};

static struct queue_command *commands;
static struct collect *collect;

/* How many messages are tried now and how many wait; entries of one message stand together. */
struct states {
    struct slice id;
    bool active, waits;
    uint64_t active_count, waiting_count;
};

static void count_state(struct states *s, const struct mta_attempt *a)
{
    if (!slice_eq(s->id, a->message)) {
        s->active_count += s->active;
        s->waiting_count += s->waits && !s->active;
        *s = (struct states){a->message, false, false, s->active_count, s->waiting_count};
    }
    s->active |= a->active;
    s->waits |= a->waits;
}

static void show_states(const struct queue_command *q, struct states *s)
{
    struct group *g =
        tally_find_group(collect->tally, q->of->appl, slice_of(q->of->mta->queues[0].name));
    count_state(s, &(struct mta_attempt){.message = {NULL, 0}});
    if (!g || !(q->of->mta->flags & MTA_ATTEMPTS_HAVE_STATES))
        return;
    g->active = s->active_count;
    g->deferred = s->waiting_count;
    model_touch(collect->model, MODEL_GROUP);
}

static void take(struct queue_command *q, struct slice text)
{
    struct tally *t = collect->tally;
    const struct appl *appl = q->of->appl;
    int64_t now_s = collect_real_ms(collect) / 1000;
    struct states states = {{NULL, 0}, false, false, 0, 0};
    struct mta_attempt a;
    uint64_t items = 0;
    for (; q->of->mta->attempt(&text, now_s, &a); items++) {
        count_state(&states, &a);
        if (a.at_s >= now_s) /* an older hint of Exim tells nothing */
            tally_attempt(t, appl, &a, a.at_s * 1000 - collect->real_minus_monotonic_ms);
    }
    show_states(q, &states);
    q->row->items = items;
}

/* Nobody knows any more. */
static void forget(struct queue_command *q)
{
    struct group *g =
        tally_find_group(collect->tally, q->of->appl, slice_of(q->of->mta->queues[0].name));
    tally_attempts_forget(collect->tally, q->of->appl);
    if (g && q->of->mta->flags & MTA_ATTEMPTS_HAVE_STATES)
        g->active = g->deferred = MODEL_ABSENT;
    model_touch(collect->model, MODEL_GROUP);
}

static void done(void *arg, const char *error, struct slice text)
{
    struct queue_command *q = arg;
    char why[320] = "";
    q->child = NULL;
    q->row->duration_ms = (uint64_t)(collect->monotonic_ms - q->asked_ms);
    forget(q);
    if (!*error)
        take(q, text);
    else
        snprintf(why, sizeof why,
                 "%.80s: %s; if only %s or root may run it, let sudo do so (docs/%s.md)",
                 q->of->config->queue_command.items[0], error, q->of->mta->account,
                 q->of->mta->name);
    source_status(collect, q->row, *error ? SOURCE_STALE : SOURCE_OK, why);
}

static bool start(struct collect *c)
{
    collect = c;
    commands = calloc(c->instance_count + 1, sizeof *commands);
    if (!commands)
        return false;
    unsigned n = 0;
    for (unsigned i = 0; i < c->instance_count; i++) {
        const struct instance_of_mta *m = &c->instances[i];
        char name[80];
        if (!m->config->queue_command.count || !m->mta->attempt)
            continue;
        struct queue_command *q = &commands[n++];
        snprintf(name, sizeof name, "%s next attempts", m->config->name);
        q->of = m;
        q->row = source_place(c, SOURCE_COMMAND, name, m->config->queue_command.items[0],
                              m->appl->row.key[0], m->config->queue_command_interval_s);
        if (!q->row)
            return false;
    }
    return true;
}

/* Times of day that it prints are UTC. */
static void ask(struct queue_command *q)
{
    static const char *const utc[] = {"TZ=UTC0", NULL};
    const struct config_strings *words = &q->of->config->queue_command;
    const char *argv[WORDS_MAX + 1] = {0};
    char error[256];
    for (unsigned i = 0; i < words->count && i < WORDS_MAX; i++)
        argv[i] = words->items[i];
    q->child = child_start_with(collect->loop, argv, utc, OUTPUT_MAX, TIMEOUT_S, done, q);
    if (q->child)
        return;
    snprintf(error, sizeof error, "%.200s: %s", argv[0], strerror(errno));
    source_status(collect, q->row, errno == EACCES ? SOURCE_DENIED : SOURCE_MISSING, error);
}

static void tick(struct collect *c)
{
    if (!c->caught_up)
        return;
    for (struct queue_command *q = commands; q->of; q++) {
        if (q->child || c->monotonic_ms < q->next_ms)
            continue;
        q->asked_ms = c->monotonic_ms;
        q->next_ms = q->asked_ms + (int64_t)q->of->config->queue_command_interval_s * 1000;
        ask(q);
    }
}

static void stop(struct collect *c)
{
    (void)c;
    for (struct queue_command *q = commands; q && q->of; q++)
        if (q->child)
            child_forget(q->child);
}

const struct collector collector_queue_command = {"queue command", start, tick, NULL, stop};
