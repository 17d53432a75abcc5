/*
 * Samples: which columns of the model are remembered, and what they were in the span of time that is
 * running. Gauges are averaged, counters become growth per second. Pure: it is told the time, and what
 * it yields at the end of a span goes to the history.
 */
#ifndef SAMPLE_H
#define SAMPLE_H

#include "config.h"
#include "history.h"
#include "table.h"

struct samples;

/*
 * Samples of these columns (descriptors as in the MIB; see sample_column), of at most series_max rows in
 * all: what is beyond is left out and counted. The model must outlive it. NULL: no memory.
 */
struct samples *samples_new(const struct model *m, const struct config_strings *columns,
                            unsigned series_max);
void samples_free(struct samples *s);
/*
 * Is this the name of a column whose values can be remembered: numbers, and states, of which the lowest and
 * the highest number of a span count? Else *why says why not.
 */
bool sample_column(const char *name, const char **why);

/* Looks at every row of the columns. */
void samples_look(struct samples *s, const struct table_time *now);
/*
 * At the end of a span (HISTORY_SPAN_S, counted from the epoch) all series with at least one look, as
 * an array that the caller frees; *count 0 and NULL while the span runs, or when memory is short. A
 * clock that is set back ends the span as well, and so does `now`.
 */
struct history_sample *samples_take(struct samples *s, int64_t real_ms, bool now, unsigned *count);
/* Series that had no room. */
uint64_t samples_left_out(const struct samples *s);

#endif
