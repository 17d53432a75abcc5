/*
 * A log of one or more programs: whole lines -> parser -> counter. A file to which several kinds of mail
 * systems write (/var/log/mail.log) is read once: each line is offered to the formats in the order in which they
 * were added, until one does not call it foreign. Knows nothing of files: follow.c or --read hand it
 * runs of lines.
 */
#ifndef MAILLOG_H
#define MAILLOG_H

#include "tally.h"

#define MAILLOG_EVENTS  64
#define MAILLOG_FORMATS 8
#define MAILLOG_KEPT    1024

/* A line without its newline -> *e, EVENT_FOREIGN if it is another program's. Pure. */
typedef void maillog_parse_line(struct syslog_context *c, struct slice line, struct event *e);
/* Counts an event. */
typedef void maillog_count_event(void *counter, const struct event *e);

/* What may stand in a log, and who counts it. */
struct maillog_format {
    maillog_parse_line *parse;
    maillog_count_event *count;
    void *counter;
    const void *options; /* of the parser's context */
};

/* What each half writes for each line stands on cache lines of its own. */
struct maillog {
    struct tally *tally; /* whose memory is fetched ahead; may be NULL */
    struct maillog_format formats[MAILLOG_FORMATS];
    unsigned format_count;
    /* Called for each line that is not understood, if set. */
    void (*on_unrecognised)(void *arg, struct slice line);
    void *arg;
    uint64_t base; /* offset of the run in its file */
    bool in_parts; /* of a container's log: the next line goes on with the last one */
    uint64_t skip; /* offset + 1 of a line that is not to be touched; 0: none */
    /* Offset + 1 of the line that is parsed and of the one that is counted, for whoever comes after a crash. */
    volatile uint64_t *in_parse, *in_count;

    char apart[64];
    struct syslog_context contexts[MAILLOG_FORMATS];
    uint64_t lines;                 /* of its programs, understood or not */
    uint64_t unrecognised;          /* of these, not understood */
    int64_t last_ms;                /* real time of the last line; 0: none yet */
    struct slice before;            /* the line before, which a log may say came again */
    char kept[MAILLOG_KEPT];        /* ... when it was the last of a run */
    volatile uint64_t parse_nobody; /* where in_parse points if nobody looks */

    char apart_too[64];
    volatile uint64_t count_nobody;
    char apart_as_well[64];

    struct event events[MAILLOG_EVENTS]; /* of maillog_lines */
    uint64_t lines_at[MAILLOG_EVENTS];
};

/* tally: that of the formats to come, or NULL. */
void maillog_start(struct maillog *m, struct tally *tally);
/* Adds a format. false: too many. */
bool maillog_add(struct maillog *m, maillog_parse_line *parse, maillog_count_event *count,
                 void *counter);
bool maillog_has(const struct maillog *m, maillog_parse_line *parse);
/* Adds a mail system's unless it is there; instance: see tally_log. false: too many, or memory is short. */
bool maillog_add_mta(struct maillog *m, const struct mta *mta, struct slice instance);
/* Says how the log of a format that was added is written (struct sun_options); it must outlive the maillog. */
void maillog_options(struct maillog *m, maillog_parse_line *parse, const void *options);
/* reference_ms: real time near which the log's first line was written. */
void maillog_time(struct maillog *m, int64_t reference_ms);
/* The file (without its directory) that the lines to come are of, and its mtime. */
void maillog_file(struct maillog *m, struct slice name, int64_t written_ms);
/* Whole lines that another process took in: the first run may begin with a line that says how often the last came again. */
void maillog_before(struct maillog *m, struct slice lines);
/* Takes in a run of whole lines, each ended by '\n', as they are or as a container's runtime wraps them. */
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
/*
 * How often, says this line, the one before came again ("last message repeated 3 times"); 0: it says something else.
 * before: that line, whose first words syslog-ng repeats; p == NULL: not looked at.
 */
uint32_t maillog_times_again(struct slice line, struct slice before);
/* Has the line before, unless it is longer, in `room` from now on: its run goes. */
void maillog_keep(struct maillog *m, char room[MAILLOG_KEPT]);

#endif
