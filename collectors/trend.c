/*
 * Trend of a level by the median slope. Invariant: the samples' times grow around the ring.
 */
#include "trend.h"

#include <math.h>
#include <stdlib.h>

#define HOUR_MS 3600000.0
#define PAIRS   (TREND_SAMPLES * (TREND_SAMPLES - 1) / 2)

void trend_add(struct trend *t, int64_t at_ms, int64_t value)
{
    unsigned last = (t->next + TREND_SAMPLES - 1) % TREND_SAMPLES;
    if (t->count && at_ms <= t->at_ms[last])
        return;
    t->at_ms[t->next] = at_ms;
    t->value[t->next] = value;
    t->next = (t->next + 1) % TREND_SAMPLES;
    if (t->count < TREND_SAMPLES)
        t->count++;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The slopes between any two samples, per hour; *net is how many more rise than fall. */
static unsigned slopes_of(const struct trend *t, double slopes[PAIRS], int *net)
{
    unsigned n = 0, oldest = (t->next + TREND_SAMPLES - t->count) % TREND_SAMPLES;
    for (unsigned i = 0; i < t->count; i++)
        for (unsigned j = i + 1; j < t->count; j++) {
            unsigned a = (oldest + i) % TREND_SAMPLES, b = (oldest + j) % TREND_SAMPLES;
            int64_t rise;
            if (__builtin_sub_overflow(t->value[b], t->value[a], &rise))
                rise = t->value[b] > 0 ? INT64_MAX : INT64_MIN;
            slopes[n++] = (double)rise * HOUR_MS / (double)(t->at_ms[b] - t->at_ms[a]);
            *net += (rise > 0) - (rise < 0);
        }
    return n;
}

bool trend_per_hour(const struct trend *t, int64_t *change)
{
    double slopes[PAIRS];
    int net = 0;
    if (t->count < TREND_FEWEST)
        return false;
    unsigned n = slopes_of(t, slopes, &net);
    *change = 0;
    if ((unsigned)abs(net) * 3 < n * 2)
        return true;
    qsort(slopes, n, sizeof slopes[0], compare);
    double median = slopes[n / 2];
    *change = fabs(median) < 9e18 ? (int64_t)median : median < 0 ? INT64_MIN + 1 : INT64_MAX;
    return true;
}
