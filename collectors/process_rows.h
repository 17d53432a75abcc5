/*
 * What the rows of mailmonProcessTable follow from. Pure.
 */
#ifndef PROCESS_ROWS_H
#define PROCESS_ROWS_H

#include "../agent/model.h"
#include "proc_scan.h"

/* What is expected of the processes of a row. */
struct process_rule {
    uint64_t min, max;        /* max 0: any number */
    uint64_t max_life_ms;     /* 0: any age */
    uint64_t max_connections; /* 0: any number */
    bool one;                 /* there is one, whose restarts count */
};

/* What two passes saw of the processes of a row. */
struct process_sum {
    uint64_t running, rss_pages, cpu_ticks; /* the time since the pass before */
    const struct proc_seen *oldest;         /* NULL: none runs */
};

/* Adds up what a pass saw for a want. `before` is the pass before, both in order of pid. */
struct process_sum process_sum(unsigned want, const struct proc_seen *seen, unsigned count,
                               const struct proc_seen *before, unsigned before_count);
/*
 * Sets a row, but for connections_served, which is judged as it is. passed_ms: time since the pass before, 0: there
 * was none, so the processor time is not known. Says whether a stored member changed.
 */
bool process_row_set(struct process *row, const struct process_rule *rule,
                     const struct process_sum *sum, int64_t now_ms, int64_t passed_ms);

#endif
