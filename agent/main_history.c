/*
 * The history in the collect process: takes samples once a minute, hands them to a worker that writes them,
 * and brings back baselines for the model. Whatever goes wrong here costs history alone: it is logged once,
 * and tried again.
 *
 * One work item at a time: it opens the database if it is not open, writes a batch, thins a little, and
 * reads baselines when an hour begins. Batches that could not be written wait for the next one, as many
 * as BATCHES_MAX; then the oldest is dropped. Baselines come back in an array and go to the model on
 * the loop.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "alarm_rule.h"
#include "history.h"
#include "log.h"
#include "main_consumer.h"
#include "sample.h"

#define LOOK_MS     60000
#define BATCHES_MAX 12
#define RUNS_MAX    512
#define TOLD_MAX    2000
#define DAY_S       86400
#define WEEK_S      (7 * DAY_S)

struct found {
    enum model_table rows;
    const struct alarm_baseline *where;
    struct history_baseline baseline;
};

/* What the worker is given, and gives back. Nobody else touches it while it is under way. */
struct job {
    struct history *history;
    char dir[256];
    struct history_batch batches[BATCHES_MAX];
    unsigned batch_count;
    int64_t now_s, fine_s, keep_s, peak_since_s;
    bool thin, judge; /* judge: read baselines */
    struct history_stretch hours[HISTORY_STRETCHES_MAX];
    unsigned hour_count;
    struct found *found;
    unsigned found_count;
    const struct alarm_baseline *reading;
    bool ok;
    char error[256];
};

static struct {
    struct samples *samples;
    struct job job;
    uv_work_t work;
    struct collect *collect;
    struct transitions *transitions;
    bool busy, failed, on, told_left_out;
    int64_t next_look_ms, judged_hour;
    struct history_sample *taken;
    unsigned taken_count;
    struct history_run *runs;
    unsigned run_count;
    struct history_transition *told;
    unsigned told_count;
    uint64_t *routes_seen; /* runs of each route, by position */
    uint32_t routes_room;
} self;

static void keep_found(void *arg, const struct history_baseline *b)
{
    struct job *j = arg;
    struct found *more = realloc(j->found, (j->found_count + 1) * sizeof *more);
    if (!more)
        return;
    j->found = more;
    j->found[j->found_count++] =
        (struct found){.rows = j->reading->rows, .where = j->reading, .baseline = *b};
}

static bool judge(struct job *j)
{
    bool ok = true;
    for (j->reading = alarm_baselines; ok && j->reading->object; j->reading++)
        ok = history_baselines(j->history, j->reading->object, j->hours, j->hour_count,
                               j->peak_since_s, keep_found, j);
    return ok;
}

static void free_batch(struct history_batch *b)
{
    free((void *)(uintptr_t)b->samples);
    free((void *)(uintptr_t)b->transitions);
    free((void *)(uintptr_t)b->runs);
    *b = (struct history_batch){NULL, 0, NULL, 0, NULL, 0};
}

static bool write_batches(struct job *j)
{
    unsigned written = 0;
    while (written < j->batch_count && history_write(j->history, &j->batches[written]))
        free_batch(&j->batches[written++]);
    j->batch_count -= written;
    memmove(j->batches, j->batches + written, j->batch_count * sizeof j->batches[0]);
    return j->batch_count == 0;
}

static void work(uv_work_t *item)
{
    struct job *j = &self.job;
    (void)item;
    j->error[0] = '\0';
    if (!j->history)
        j->history = history_open(j->dir, true, j->error, sizeof j->error);
    j->ok = j->history != NULL;
    if (!j->ok)
        return;
    j->ok = write_batches(j);
    if (j->ok && j->thin)
        history_thin(j->history, j->now_s, j->fine_s, j->keep_s);
    if (j->ok && j->judge)
        j->ok = judge(j);
    if (!j->ok)
        snprintf(j->error, sizeof j->error, "%s", history_error(j->history));
}

static void set_number(void *row, uint32_t offset, double value)
{
    uint64_t number = value > 0 ? (uint64_t)llround(value) : 0;
    memcpy((char *)row + offset, &number, sizeof number);
}

static void apply(struct collect *c, const struct found *f)
{
    uint32_t key[3] = {0, 0, 0};
    const struct history_baseline *b = &f->baseline;
    if (!history_index(b->instance, model_kinds[f->rows].keys, key))
        return;
    void *row = model_find(c->model, f->rows, key, NULL);
    if (!row)
        return;
    if (b->samples) {
        set_number(row, f->where->mean, b->mean);
        set_number(row, f->where->deviation, b->deviation);
    }
    set_number(row, f->where->samples, (double)b->samples);
    if (f->rows == MODEL_GROUP && b->peak_s) {
        struct group *g = row;
        set_number(row, offsetof(struct group, depth_peak), b->peak);
        g->depth_peak_at = b->peak_s * 1000 - c->real_minus_monotonic_ms;
    }
    model_touch(c->model, f->rows);
}

static void finish_job(struct collect *c)
{
    struct job *j = &self.job;
    for (unsigned i = 0; i < j->found_count; i++)
        apply(c, &j->found[i]);
    free(j->found);
    j->found = NULL;
    j->found_count = 0;
    if (!j->ok && !self.failed)
        log_warning("the history cannot be written: %s; everything else goes on", j->error);
    else if (j->ok && self.failed)
        log_notice("the history is written again");
    self.failed = !j->ok;
    if (j->ok && j->judge)
        self.judged_hour = j->now_s / HISTORY_HOUR_S;
}

static void done(uv_work_t *item, int status)
{
    (void)item, (void)status;
    self.busy = false;
    finish_job(self.collect);
}

/* What was told since the last time. */
static void take_transitions(void)
{
    struct transition x;
    while (self.told_count < TOLD_MAX && transitions_next(self.transitions, READER_HISTORY, &x)) {
        struct history_transition *more = realloc(self.told, (self.told_count + 1) * sizeof *more);
        if (!more)
            return;
        self.told = more;
        struct history_transition *t = &self.told[self.told_count++];
        *t = (struct history_transition){.number = x.number,
                                         .at_ms = x.at,
                                         .event = (int)x.event,
                                         .severity = (int)x.severity,
                                         .value = x.value,
                                         .threshold = x.threshold};
        slice_copy(t->id, sizeof t->id, TEXT_GET(x.id));
        slice_copy(t->instance, sizeof t->instance, TEXT_GET(x.instance));
        slice_copy(t->text, sizeof t->text, TEXT_GET(x.text));
        transitions_done(self.transitions, READER_HISTORY, x.number);
    }
}

/* Takes what is waiting into a batch of the job; the oldest gives way. */
static void add_batch(struct job *j)
{
    if (!self.taken_count && !self.run_count && !self.told_count)
        return;
    if (j->batch_count == BATCHES_MAX) {
        free_batch(&j->batches[0]);
        memmove(j->batches, j->batches + 1, --j->batch_count * sizeof j->batches[0]);
    }
    j->batches[j->batch_count++] = (struct history_batch){.samples = self.taken,
                                                          .sample_count = self.taken_count,
                                                          .transitions = self.told,
                                                          .transition_count = self.told_count,
                                                          .runs = self.runs,
                                                          .run_count = self.run_count};
    self.taken = NULL;
    self.told = NULL;
    self.runs = NULL;
    self.taken_count = self.told_count = self.run_count = 0;
}

static void prepare_job(struct collect *c)
{
    struct job *j = &self.job;
    const struct config *config = c->config;
    j->now_s = collect_real_ms(c) / 1000;
    j->fine_s = (int64_t)config->history_fine_days * DAY_S;
    j->keep_s = (int64_t)config->history_days * DAY_S;
    j->peak_since_s = j->now_s - (int64_t)config->history_baseline_weeks * WEEK_S;
    j->thin = self.taken_count > 0;
    j->judge = j->now_s / HISTORY_HOUR_S != self.judged_hour;
    j->hour_count = history_hours(j->now_s, config->history_baseline_weeks, j->hours);
    take_transitions();
    add_batch(j);
}

/* A route whose runs grew has ended one. */
static void note_runs(struct collect *c)
{
    const struct rows *rows = &c->model->tables[MODEL_ROUTE];
    for (uint32_t i = 0; i < rows->count; i++) {
        const struct route *r = model_row(c->model, MODEL_ROUTE, i);
        uint32_t at = model_position(c->model, MODEL_ROUTE, r);
        if (at >= self.routes_room) {
            uint64_t *more = realloc(self.routes_seen, (at + 1) * sizeof *more);
            if (!more)
                return;
            for (uint32_t k = self.routes_room; k <= at; k++)
                more[k] = MODEL_ABSENT;
            self.routes_seen = more;
            self.routes_room = at + 1;
        }
        uint64_t before = self.routes_seen[at];
        self.routes_seen[at] = r->runs;
        if (before == MODEL_ABSENT || r->runs == before || r->last_run_at == MODEL_NEVER ||
            self.run_count == RUNS_MAX)
            continue;
        if (!self.runs && !(self.runs = calloc(RUNS_MAX, sizeof *self.runs)))
            return;
        struct history_run *run = &self.runs[self.run_count++];
        *run = (struct history_run){.at_ms = r->last_run_at + c->real_minus_monotonic_ms,
                                    .total_ms =
                                        r->total_ms == MODEL_ABSENT ? -1 : (int64_t)r->total_ms,
                                    .status = (int)r->status};
        slice_copy(run->name, sizeof run->name, TEXT_GET(r->name));
        slice_copy(run->user, sizeof run->user, TEXT_GET(r->user));
        slice_copy(run->submit_host, sizeof run->submit_host, TEXT_GET(r->submit_host));
        slice_copy(run->retrieve_host, sizeof run->retrieve_host, TEXT_GET(r->retrieve_host));
        slice_copy(run->fault, sizeof run->fault, TEXT_GET(r->fault_text));
    }
}

static void check(const struct config *c, struct err_list *errors)
{
    const char *why;
    for (unsigned i = 0; i < c->history_columns.count; i++)
        if (!sample_column(c->history_columns.items[i], &why))
            err_add(errors, c->file, 0, "history: columns: %s: %s", c->history_columns.items[i],
                    why);
}

static void start(struct collect *c, const char *state_dir, struct transitions *stream)
{
    const struct config *config = c->config;
    self.collect = c;
    self.transitions = stream;
    self.on = config->history_days > 0;
    if (!self.on)
        return;
    snprintf(self.job.dir, sizeof self.job.dir, "%s", state_dir);
    self.judged_hour = -1;
    self.next_look_ms = c->monotonic_ms;
    const struct config_strings *columns =
        config->history_columns.count ? &config->history_columns : &config_history_columns;
    self.samples = samples_new(c->model, columns, config->history_series_max);
    if (!self.samples)
        log_warning("no memory for the history");
}

/* A history that is off takes transitions all the same, or they would wait for it. */
static void ignore_transitions(void)
{
    struct transition x;
    while (transitions_next(self.transitions, READER_HISTORY, &x))
        transitions_done(self.transitions, READER_HISTORY, x.number);
}

static void look(const struct collect *c)
{
    struct table_time now = {.monotonic_ms = c->monotonic_ms, .real_ms = collect_real_ms(c)};
    samples_look(self.samples, &now);
}

static void tick(struct collect *c)
{
    if (!self.on || !self.samples)
        ignore_transitions();
    if (!self.on || !self.samples || !c->caught_up)
        return;
    note_runs(c);
    if (c->monotonic_ms >= self.next_look_ms) {
        self.next_look_ms = c->monotonic_ms + LOOK_MS;
        /* what is taken ended before this look */
        if (!self.taken_count)
            self.taken = samples_take(self.samples, collect_real_ms(c), false, &self.taken_count);
        look(c);
        if (samples_left_out(self.samples) && !self.told_left_out)
            log_warning("history: more than %u rows of its columns: the others are not "
                        "remembered; raise series, or name fewer columns",
                        c->config->history_series_max);
        self.told_left_out = samples_left_out(self.samples) > 0;
    }
    bool begins = self.judged_hour < 0 && !self.failed;
    if (self.busy || !(begins || self.taken_count))
        return;
    prepare_job(c);
    self.busy = uv_queue_work(c->loop, &self.work, work, done) == 0;
}

static bool busy(void)
{
    return self.busy;
}

static void stop(struct collect *c)
{
    struct job *j = &self.job;
    if (!self.on)
        return;
    if (self.samples && !self.taken_count) {
        look(c);
        self.taken = samples_take(self.samples, collect_real_ms(c), true, &self.taken_count);
    }
    prepare_job(c);
    j->judge = j->thin = false;
    if (j->batch_count) {
        work(NULL);
        finish_job(c);
    }
    history_close(j->history);
    j->history = NULL;
    for (unsigned i = 0; i < j->batch_count; i++)
        free_batch(&j->batches[i]);
    samples_free(self.samples);
    free(self.routes_seen);
    self.samples = NULL;
    self.on = false;
}

const struct consumer consumer_history = {check, start, tick, busy, stop};
