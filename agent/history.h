/*
 * What was: means, minima and maxima of columns over time, transitions of alarms, and round trips, in
 * DIR/history.db (SQLite, WAL). Baselines, the daily report and --what-if read it; people may too,
 * while mailmond runs. It is a record and not the truth: no counter depends on it, and a history that
 * cannot be written costs nothing but itself.
 *
 * A history is used by one thread at a time: the worker that writes it, or a program that only reads.
 */
#ifndef HISTORY_H
#define HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HISTORY_SPAN_S 300 /* of a sample, until it is thinned */
#define HISTORY_HOUR_S 3600

/* One column of one row over a span of time. */
struct history_sample {
    char object[64];   /* the column's descriptor */
    char instance[64]; /* dotted index of the row */
    char name[128];    /* what people call the row: "postfix/deferred" */
    int64_t start_s;   /* since the epoch, a multiple of span_s */
    uint32_t span_s;
    uint32_t count;                /* how often it was looked at */
    double mean, minimum, maximum; /* of a counter: its growth per second */
};

/* A transition of an alarm, as it was told. */
struct history_transition {
    uint64_t number;
    int64_t at_ms; /* since the epoch */
    int event, severity;
    int64_t value, threshold;
    char id[64], instance[128], text[256];
};

/* A round trip that ended. */
struct history_run {
    int64_t at_ms; /* since the epoch */
    char name[64], user[64], submit_host[128], retrieve_host[128];
    int64_t total_ms; /* -1: it did not get so far */
    int status;       /* enum route_status */
    char fault[256];
};

struct history;

/*
 * Opens DIR/history.db; `write` makes it if need be. NULL: `error` says why. A file that is damaged or
 * of another program is refused.
 */
struct history *history_open(const char *dir, bool write, char *error, size_t error_size);
void history_close(struct history *h);
/* Why the last call failed. */
const char *history_error(const struct history *h);

/* One batch, one transaction. A sample of a span that is there already joins it, as after a restart; other
   items are replaced. false: none was written. */
struct history_batch {
    const struct history_sample *samples;
    unsigned sample_count;
    const struct history_transition *transitions;
    unsigned transition_count;
    const struct history_run *runs;
    unsigned run_count;
};
bool history_write(struct history *h, const struct history_batch *batch);

/*
 * Samples older than fine_s become hours, weighted by their counts; everything older than keep_s is
 * deleted. Does at most some thousand samples a call; true when there is nothing left to do.
 */
bool history_thin(struct history *h, int64_t now_s, int64_t fine_s, int64_t keep_s);

/* Mean and standard deviation of the samples that lie in some stretches of time. */
struct history_baseline {
    char instance[64];
    double mean, deviation;
    uint64_t samples;
    double peak; /* the highest maximum since peak_since_s */
    int64_t peak_s;
};
struct history_stretch {
    int64_t from_s, to_s; /* the end is not part of it */
};
#define HISTORY_STRETCHES_MAX 16
/* The hour of now_s, local time, in each of the weeks before. Returns how many there are. */
unsigned history_hours(int64_t now_s, unsigned weeks,
                       struct history_stretch hours[HISTORY_STRETCHES_MAX]);
/* The key of an instance such as "1.3", of a row whose index has `keys` parts. */
bool history_index(const char *instance, uint32_t keys, uint32_t key[3]);
/* Calls `each` for every series of `object` with samples in the stretches. false: see history_error. */
bool history_baselines(struct history *h, const char *object,
                       const struct history_stretch *stretches, unsigned count,
                       int64_t peak_since_s,
                       void (*each)(void *arg, const struct history_baseline *b), void *arg);

/* Reads in order of object, row and time; `object` NULL: all. `to_s` is not part of it. `each` says
   false to stop. The result is false on an error only. */
bool history_samples(struct history *h, const char *object, int64_t from_s, int64_t to_s,
                     bool (*each)(void *arg, const struct history_sample *s), void *arg);
/* The same in order of time. */
bool history_transitions(struct history *h, int64_t from_ms, int64_t to_ms,
                         bool (*each)(void *arg, const struct history_transition *t), void *arg);
bool history_runs(struct history *h, int64_t from_ms, int64_t to_ms,
                  bool (*each)(void *arg, const struct history_run *r), void *arg);

#endif
