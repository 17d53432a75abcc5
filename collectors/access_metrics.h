/*
 * What the metrics of a mailbox server tell that its log does not. Pure. Sources: Dovecot's
 * "Statistics" documentation (metrics are named by each site, so they are known by their labels),
 * promdata.p of Cyrus IMAP 3.6.
 */
#ifndef ACCESS_METRICS_H
#define ACCESS_METRICS_H

#include "access.h"
#include "openmetrics.h"

/* By protocol and enum access_metric; MODEL_ABSENT: not told. */
struct access_metrics {
    uint64_t values[ACCESS_PROTOCOLS][ACCESS_METRICS];
    uint64_t started_s;   /* since when they count, 0: not told */
    struct slice version; /* empty: not told */
    uint64_t samples;
};

/* See access.h, metrics. */
void dovecot_metrics(struct slice text, struct access_metrics *m);
void cyrus_metrics(struct slice text, struct access_metrics *m);

#endif
