/*
 * A column of the history as cells of a model: for a moment of the past each row that was sampled then
 * has its value again. Internal to whatif*.c.
 */
#ifndef WHATIF_SERIES_H
#define WHATIF_SERIES_H

#include "alarm_rule.h"
#include "history.h"

struct span {
    int64_t start_s, end_s;
    double mean, minimum, maximum;
};

/* A row of the column. */
struct series {
    uint32_t key[3];
    char instance[64], name[128]; /* as struct history_sample has them */
    struct span *spans;           /* in order of time */
    unsigned count, room;
    unsigned at;  /* the first span that has not ended */
    void *row;    /* in the model; NULL: not there yet, or no longer */
    double value; /* what the cell holds; of a counter: what it has grown since its last gap */
    double rate;  /* of a counter: per second, from here on */
    bool present;
};

/* The history of a rule's column. */
struct past {
    const struct alarm_rule *rule;
    const struct alarm_baseline *baseline;
    struct series *series;
    unsigned count, room;
    int64_t from_s, to_s; /* of all spans */
    bool short_of_memory;
};

/* Reads the samples before to_s; false: see history_error, or memory is short. */
bool past_load(struct past *p, struct history *h, const struct alarm_rule *rule, int64_t to_s);
void past_free(struct past *p);

/*
 * Sets the cells to what they were at now_s, which never goes back; the model's clock is real time. A
 * row is there from its first sample to its last one; between them it may have no value. Returns how many
 * have one; if none has, *next_s is when one will have one again, or INT64_MAX.
 */
unsigned past_place(struct past *p, struct model *m, int64_t now_s, int64_t *next_s);
/* Counters grow for so long. */
void past_grow(struct past *p, int64_t s);
/* Mean and deviation of the same hour in so many weeks before, for rules of kind baseline. */
void past_place_baselines(struct past *p, int64_t now_s, unsigned weeks);

#endif
