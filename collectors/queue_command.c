/*
 * What only the mail system's own commands tell: when queued mail is tried next (Exim's retry hints,
 * OpenSMTPD's scheduler), and what it says of itself (OpenSMTPD's statistics). They run beside the loop
 * with a deadline. Invariant: what they tell are levels of the newest answer; if they fail these are
 * absent, and no counter ever comes from them.
 */
#include <errno.h>
#include <stdio.h>
#include "child.h"

#define OUTPUT_MAX (64 << 20)
#define TIMEOUT_S  30
#define WORDS_MAX  32

struct question;
struct queue_command {
    struct instance_of_mta *of;
    const struct question *question;
    const struct config_strings *words;
    uint32_t interval_s;
    struct source *row;
    struct child *child;
    int64_t next_ms, asked_ms;
};

/* What a command is run for. */
struct question {
    const char *name;
    /* The answer; false: that is none. */
    bool (*take)(struct queue_command *q, struct slice text);
    /* Nobody knows any more. */
    void (*forget)(struct queue_command *q);
};

static struct queue_command *commands;
static struct collect *collect;

/* How many messages are tried now and how many wait; entries of one message stand together. */
struct states {
    struct slice id;
    bool active, waits, held;
    uint64_t active_count, waiting_count, held_count;
};

static void count_state(struct states *s, const struct mta_attempt *a)
{
    if (!slice_eq(s->id, a->message)) {
        s->active_count += s->active;
        s->waiting_count += s->waits && !s->active;
        s->held_count += s->held && !s->waits && !s->active;
        s->id = a->message;
        s->active = s->waits = s->held = false;
    }
    s->active |= a->active;
    s->waits |= a->waits;
    s->held |= a->held;
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
    g->held = s->held_count;
    model_touch(collect->model, MODEL_GROUP);
}

static bool take_attempts(struct queue_command *q, struct slice text)
{
    struct tally *t = collect->tally;
    const struct appl *appl = q->of->appl;
    int64_t now_s = collect_real_ms(collect) / 1000;
    struct states states = {.id = {NULL, 0}};
    struct mta_attempt a;
    uint64_t items = 0;
    for (; q->of->mta->attempt(&text, now_s, &a); items++) {
        count_state(&states, &a);
        if (a.at_s >= now_s) /* an older hint of Exim tells nothing */
            tally_attempt(t, appl, &a, a.at_s * 1000 - collect->real_minus_monotonic_ms);
    }
    show_states(q, &states);
    q->row->items = items;
    return true;
}

static void forget_attempts(struct queue_command *q)
{
    struct group *g =
        tally_find_group(collect->tally, q->of->appl, slice_of(q->of->mta->queues[0].name));
    tally_attempts_forget(collect->tally, q->of->appl);
    if (g && q->of->mta->flags & MTA_ATTEMPTS_HAVE_STATES)
        g->active = g->deferred = g->held = MODEL_ABSENT;
    model_touch(collect->model, MODEL_GROUP);
}

/* The groups of those that deliver. */
static void show_busy(const struct queue_command *q, bool known)
{
    for (unsigned i = 0; i < MTA_BUSY_MAX && q->of->levels.busy[i].service; i++) {
        struct slice service = slice_of(q->of->levels.busy[i].service);
        struct group *g = tally_find_group(collect->tally, q->of->appl, service);
        if (g)
            g->active = known ? q->of->levels.busy[i].messages : MODEL_ABSENT;
    }
    model_touch(collect->model, MODEL_GROUP);
}

/* The rest is there for the collectors of sockets, queue directories and processes, where they see nothing. */
static bool take_levels(struct queue_command *q, struct slice text)
{
    struct mta_levels l;
    if (!q->of->mta->levels(text, &l))
        return false;
    q->of->levels = l;
    q->of->levels_ms = collect->monotonic_ms;
    q->row->items = 1;
    show_busy(q, true);
    return true;
}

static void forget_levels(struct queue_command *q)
{
    show_busy(q, false);
    q->of->levels = MTA_LEVELS_NONE;
}

static const struct question attempts = {"next attempts", take_attempts, forget_attempts},
                             statistics = {"statistics", take_levels, forget_levels};

static void done(void *arg, const char *error, struct slice text)
{
    struct queue_command *q = arg;
    char why[320] = "";
    q->child = NULL;
    q->row->duration_ms = (uint64_t)(collect->monotonic_ms - q->asked_ms);
    q->question->forget(q);
    bool taken = !*error && q->question->take(q, text);
    if (*error)
        snprintf(why, sizeof why,
                 "%.80s: %s; if only %s or root may run it, let sudo do so (docs/%s.md)",
                 q->words->items[0], error, q->of->mta->account, q->of->mta->name);
    else if (!taken)
        snprintf(why, sizeof why, "%.80s: what it prints is not understood", q->words->items[0]);
    source_status(collect, q->row,
                  *error  ? SOURCE_STALE
                  : taken ? SOURCE_OK
                          : SOURCE_MALFORMED,
                  why);
}

static bool add(struct collect *c, struct queue_command q)
{
    char name[80];
    if (q.words->count == 0)
        return true;
    snprintf(name, sizeof name, "%s %s", q.of->config->name, q.question->name);
    q.row = source_place(c, SOURCE_COMMAND, name, q.words->items[0], q.of->appl->row.key[0],
                         q.interval_s);
    struct queue_command *free_one = commands;
    while (free_one->of)
        free_one++;
    *free_one = q;
    return q.row != NULL;
}

static bool start(struct collect *c)
{
    collect = c;
    commands = calloc(2 * (size_t)c->instance_count + 1, sizeof *commands);
    if (!commands)
        return false;
    for (unsigned i = 0; i < c->instance_count; i++) {
        struct instance_of_mta *m = &c->instances[i];
        const struct config_mta *is = m->config;
        if (m->mta->attempt &&
            !add(c, (struct queue_command){.of = m,
                                           .question = &attempts,
                                           .words = &is->queue_command,
                                           .interval_s = is->queue_command_interval_s}))
            return false;
        if (m->mta->levels &&
            !add(c, (struct queue_command){.of = m,
                                           .question = &statistics,
                                           .words = &is->statistics_command,
                                           .interval_s = is->statistics_command_interval_s}))
            return false;
    }
    return true;
}

/* Times of day that it prints are UTC. */
static void ask(struct queue_command *q)
{
    static const char *const utc[] = {"TZ=UTC0", NULL};
    const char *argv[WORDS_MAX + 1] = {0};
    char error[256];
    for (unsigned i = 0; i < q->words->count && i < WORDS_MAX; i++)
        argv[i] = q->words->items[i];
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
        q->next_ms = q->asked_ms + (int64_t)q->interval_s * 1000;
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
