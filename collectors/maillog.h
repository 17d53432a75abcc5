/*
 * A log of one or more mail systems: whole lines -> parser -> tally. Knows nothing of files: follow.c
 * or --read hand it runs of lines.
 */
#ifndef MAILLOG_H
#define MAILLOG_H

#include "tally.h"

#define MAILLOG_RING 16

struct maillog {
    struct tally *tally;
    const struct mta *mta;
    struct syslog_context context;
    struct event ring[MAILLOG_RING]; /* parsed, not yet counted: `counted` to `parsed` */
    uint64_t parsed, counted;
    uint64_t lines_at[MAILLOG_RING]; /* where the events' lines are, as *in_work has it */
    uint64_t base;                   /* offset of the run in its file */
    volatile uint64_t
        *in_work;             /* offset + 1 of the line in work, for whoever comes after a crash */
    uint64_t skip;            /* offset + 1 of a line that is not to be touched; 0: none */
    volatile uint64_t nobody; /* where in_work points if nobody looks */
    uint64_t lines;           /* of this mail system, understood or not */
    uint64_t unrecognised;    /* of these, not understood */
    int64_t last_ms;          /* real time of the last line; 0: none yet */
    /* Called for each line that is not understood, if set. */
    void (*on_unrecognised)(void *arg, struct slice line);
    void *arg;
};

/* reference_ms: real time near which the log's first line was written. */
void maillog_start(struct maillog *m, struct tally *tally, const struct mta *mta,
                   int64_t reference_ms);
/* Takes in a run of whole lines, each ended by '\n'. */
void maillog_lines(struct maillog *m, struct slice run);

#endif
