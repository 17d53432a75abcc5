/*
 * Samples in the text format of OpenMetrics 1.0 and of Prometheus (0.0.4), one a line:
 * "name{label="value",...} 5 [timestamp]". Pure; slices point into the text.
 */
#ifndef OPENMETRICS_H
#define OPENMETRICS_H

#include "../agent/slice.h"

struct metric {
    struct slice name;
    struct slice labels; /* what stands in the braces; empty: none */
    uint64_t value;      /* a fraction is cut off */
};

/* Takes the next sample that is a number from 0 to 2^63 without an exponent; false: there are no more. Lines
   that are none, comments among them, are left out. */
bool metric_next(struct slice *text, struct metric *m);
/* The value of a label as it is written (\" stays \"); false: the sample has no such label. */
bool metric_label(const struct metric *m, struct slice name, struct slice *value);
unsigned metric_labels(const struct metric *m);

#endif
