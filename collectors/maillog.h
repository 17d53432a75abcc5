/*
 * A log of one or more programs: whole lines -> parser -> counter. A file to which several kinds of mail
 * systems write (/var/log/mail.log) is read once: each line is offered to the formats in the order in which they
 * were added, until one does not call it foreign. Where several hosts write to it (a central log), those that the
 * configuration names have formats of their own: maillog_host.c. Knows nothing of files: follow.c or --read hand it
 * runs of lines.
 */
#ifndef MAILLOG_H
#define MAILLOG_H

#include "../agent/host_name.h"
#include "tally.h"

#define MAILLOG_EVENTS   64
#define MAILLOG_FORMATS  8                      /* that a line is offered to */
#define MAILLOG_HOSTS    64                     /* that are told apart in one log */
#define MAILLOG_FOUND    32                     /* of these, that nobody named */
#define MAILLOG_COUNTERS 512                    /* formats of all hosts */
#define MAILLOG_STRANGE  (MAILLOG_COUNTERS - 1) /* of those whose lines nobody counts */
#define MAILLOG_KEPT     1024
#define MAILLOG_KEEPS    5

/* A line without its newline -> *e, EVENT_FOREIGN if it is another program's. Pure. */
typedef void maillog_parse_line(struct syslog_context *c, struct slice line, struct event *e);
/* Counts an event. */
typedef void maillog_count_event(void *counter, const struct event *e);

/* Makes a counter like this one for a host that was found; NULL: there is no room. */
typedef void *maillog_make_counter(void *counter, struct slice host);

/* What may stand in a log. */
struct maillog_format {
    maillog_parse_line *parse;
    unsigned number; /* of its counter */
    uint8_t rank;    /* of maillog_host.c */
    struct syslog_context context;
};
/* Who counts it. */
struct maillog_counter {
    maillog_count_event *count;
    void *counter;
};

/* The lines of a host, or of all that have no formats of their own. */
struct maillog_host {
    char name[HOST_NAME_ROOM];
    bool found;  /* nobody named it */
    bool counts; /* it has logged something to be counted */
    struct maillog_format *formats[MAILLOG_FORMATS];
    unsigned format_count;
    struct slice before; /* the line before, which a log may say came again */
    int64_t before_ms;   /* real time of it, or of the last line that said so; 0: not known */
    unsigned keeps;
    char kept[MAILLOG_KEEPS][MAILLOG_KEPT]; /* ... when it was the last of a run */
};
struct maillog_hosts; /* maillog_host.c */

/* What each half writes for each line stands on cache lines of its own. */
struct maillog {
    struct tally *tally;         /* whose memory is fetched ahead; may be NULL */
    struct maillog_hosts *hosts; /* NULL: nothing tells them apart */
    unsigned counter_count, own_count;
    /* Called for each line that is not understood, if set. */
    void (*on_unrecognised)(void *arg, struct slice line);
    /* Called for each line of a mail system whose host nobody named, if set. host: may be empty. */
    void (*on_stranger)(void *arg, struct slice host);
    void *arg;
    uint64_t base; /* offset of the run in its file */
    bool in_parts; /* of a container's log: the next line goes on with the last one */
    uint64_t skip; /* offset + 1 of a line that is not to be touched; 0: none */
    /* Offset + 1 of the line that is parsed and of the one that is counted, for whoever comes after a crash. */
    volatile uint64_t *in_parse, *in_count;

    char apart[64];
    struct syslog_context heads;                /* to find the host of a line */
    struct maillog_host rest;                   /* hosts that have no formats of their own */
    struct maillog_format own[MAILLOG_FORMATS]; /* its formats */
    int64_t written_ms;                         /* see maillog_time and maillog_file */
    uint64_t lines;                             /* of its programs, understood or not */
    uint64_t unrecognised;                      /* of these, not understood */
    int64_t last_ms;                            /* real time of the last line; 0: none yet */
    volatile uint64_t parse_nobody;             /* where in_parse points if nobody looks */

    char apart_too[64];
    volatile uint64_t count_nobody;
    struct maillog_counter counters[MAILLOG_COUNTERS];
    char apart_as_well[64];

    struct event events[MAILLOG_EVENTS]; /* of maillog_lines */
    uint64_t lines_at[MAILLOG_EVENTS];
};

/* tally: that of the formats to come, or NULL. */
void maillog_start(struct maillog *m, struct tally *tally);
/* Releases what hosts took; nothing else needs it. */
void maillog_stop(struct maillog *m);
/* Adds a format. false: too many. */
bool maillog_add(struct maillog *m, maillog_parse_line *parse, maillog_count_event *count,
                 void *counter);
bool maillog_has(const struct maillog *m, maillog_parse_line *parse);
/* Adds a mail system's unless it is there; instance: see tally_log. false: too many, or memory is short. */
bool maillog_add_mta(struct maillog *m, const struct mta *mta, struct slice instance);

/*
 * The same for lines of one host only; a line of it that is in none of its formats is offered to those of the rest.
 * host: as host_name_fits compares it with what the line's head says; empty: the rest; MAILLOG_EACH: each host that
 * nobody named has a counter of its own, which `make` makes of this one when it logs the first event in this format;
 * so have MAILLOG_FOUND hosts at most. Where a format was added for hosts only, a line of another host is foreign.
 */
#define MAILLOG_EACH "*"
bool maillog_add_of(struct maillog *m, struct slice host, maillog_parse_line *parse,
                    maillog_count_event *count, void *counter, maillog_make_counter *make);
bool maillog_has_of(const struct maillog *m, struct slice host, maillog_parse_line *parse);
bool maillog_add_mta_of(struct maillog *m, struct slice host, const struct mta *mta,
                        struct slice instance);
/* A host that has logged in this format before: its counter is made now. false: there is no room. */
bool maillog_know(struct maillog *m, struct slice host, maillog_parse_line *parse);
/* Counts none. */
maillog_count_event maillog_count_nothing;
/* Whose formats a line is offered to, where hosts are told apart. */
struct maillog_host *maillog_host_of(struct maillog *m, struct slice line);
/* Says how the log of a format that was added is written (struct sun_options); it must outlive the maillog. */
void maillog_options(struct maillog *m, maillog_parse_line *parse, const void *options);
/* reference_ms: real time near which the log's first line was written. */
void maillog_time(struct maillog *m, int64_t reference_ms);
/* The file (without its directory) that the lines to come are of, and its mtime. */
void maillog_file(struct maillog *m, struct slice name, int64_t written_ms);
/*
 * Whole lines that another process took in: the first run may begin with a line that says how often the last came
 * again.
 */
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
/*
 * Keeps the line before (of each host), unless it is too long: its run goes. Events may point into what is kept until
 * MAILLOG_KEEPS runs later.
 */
void maillog_keep(struct maillog *m);
/* There is no line before. */
void maillog_forget(struct maillog *m);

#endif
