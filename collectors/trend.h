/*
 * Which way a level goes: the last samples of it, and their trend. Pure: time is an argument.
 */
#ifndef TREND_H
#define TREND_H

#include <stdbool.h>
#include <stdint.h>

#define TREND_SAMPLES 32 /* kept: the last half hour, at a sample a minute */
#define TREND_FEWEST  12 /* fewer tell nothing */

struct trend {
    int64_t at_ms[TREND_SAMPLES];
    int64_t value[TREND_SAMPLES];
    unsigned count, next; /* a ring */
};

/* Adds a sample. One that is not later than the last is left out. */
void trend_add(struct trend *t, int64_t at_ms, int64_t value);
/*
 * The change of the level in an hour; false while there are too few samples. It is the median of the
 * slopes between any two samples (Theil-Sen), so that a few odd ones do not matter; and 0 unless two
 * thirds of the pairs agree about the direction (Kendall's tau), so that neither noise nor a single
 * step is taken for a trend.
 */
bool trend_per_hour(const struct trend *t, int64_t *change);

#endif
