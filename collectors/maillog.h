/*
 * A log of one or more mail systems: whole lines -> parser -> tally. Knows nothing of files: follow.c
 * or --read hand it runs of lines.
 */
#ifndef MAILLOG_H
#define MAILLOG_H

#include "tally.h"

#define MAILLOG_EVENTS 64

/* What each half writes for each line stands on cache lines of its own. */
struct maillog {
    struct tally *tally;
    const struct mta *mta;
    /* Called for each line that is not understood, if set. */
    void (*on_unrecognised)(void *arg, struct slice line);
    void *arg;
    uint64_t base; /* offset of the run in its file */
    uint64_t skip; /* offset + 1 of a line that is not to be touched; 0: none */
    /* Offset + 1 of the line that is parsed and of the one that is counted, for whoever comes after a crash. */
    volatile uint64_t *in_parse, *in_count;

    char apart[64];
    struct syslog_context context;
    uint64_t lines;                 /* of this mail system, understood or not */
    uint64_t unrecognised;          /* of these, not understood */
    int64_t last_ms;                /* real time of the last line; 0: none yet */
    volatile uint64_t parse_nobody; /* where in_parse points if nobody looks */

    char apart_too[64];
    volatile uint64_t count_nobody;
    char apart_as_well[64];

    struct event events[MAILLOG_EVENTS]; /* of maillog_lines */
    uint64_t lines_at[MAILLOG_EVENTS];
};

/* reference_ms: real time near which the log's first line was written. */
void maillog_start(struct maillog *m, struct tally *tally, const struct mta *mta,
                   int64_t reference_ms);
/* Takes in a run of whole lines, each ended by '\n'. */
void maillog_lines(struct maillog *m, struct slice run);

/*
 * The two halves of it, for a reader that has a thread for each; they share nothing but `m`, of which each
 * uses its own members. The first makes events of lines, as many as there is room for, and returns
 * the octets it took; the second counts them. The events point into the run.
 */
size_t maillog_parse(struct maillog *m, struct slice run, struct event *events, uint64_t *lines_at,
                     unsigned room, unsigned *count);
void maillog_count(struct maillog *m, const struct event *events, const uint64_t *lines_at,
                   unsigned count);

#endif
