/*
 * The head of a log line, for every mail system that logs through syslog or in its form:
 *   "Nov  1 22:48:24 host tag[pid]: text"                       RFC 3164, Postfix's own logger
 *   "2026-11-21T22:48:24.123456+00:00 host tag[pid]: text"      RFC 3339, rsyslog
 *   "<22>1 2026-11-21T22:48:24Z host tag pid - - text"          RFC 5424
 * and what daemons' options make of them (syslog_forms.h).
 * Pure: the time zone and the year that a head may lack come from the context.
 */
#ifndef SYSLOG_H
#define SYSLOG_H

#include "event.h"

/*
 * How often a line is counted of which the log says that it came again: so many times for each second since the line
 * before, begun ones too (a forged line would otherwise count for 100,000), and no more than so many. A syslogd that
 * folds lines tells of them after 30, 120 and then every 600 s (BSD, sysklogd), or when another line comes (rsyslog).
 */
#define SYSLOG_TIMES_A_SECOND 1000
#define SYSLOG_TIMES_MAX      100000

/*
 * A tag that was seen lately, and what the format made of it: a log has few, again and again. Owned by the
 * context; `known` and what follows are the format's own, and zero when the tag is new.
 */
#define SYSLOG_TAGS 128
struct syslog_tag {
    struct slice_key key;
    bool known;
    uint32_t app;   /* octets of its first part */
    const void *is; /* NULL: no program of the format has this tag */
};

/* What one log's heads have in common, carried from line to line. Start it with syslog_start. */
struct syslog_context {
    /* reference for the year of a line without one: the last line's time, at first the file's
       mtime */
    int64_t now_ms;
    int64_t zone_ms; /* local time minus UTC at that time, for heads without a zone */
    char last[16];   /* the time stamp parsed last, to parse each second once */
    int64_t last_ms;
    /* of the line that syslog_head read last, and in it: the word before the tag, perhaps no host's name */
    struct slice host;
    /* of syslog_take_local: end of the hour, local time, that zone_ms is for */
    int64_t zone_until_ms;
    const void *options; /* of the log's format, where it has some; set after syslog_start */
    /* name of the line's file, and its mtime, real time; empty and 0: not told */
    struct slice file;
    int64_t file_ms;
    struct syslog_tag tags[SYSLOG_TAGS], long_tag; /* by hash; one that is too long to be kept */
};
/* reference_ms: real time near which the first line was written (the file's mtime or the clock). */
void syslog_start(struct syslog_context *c, int64_t reference_ms);

/*
 * Parses the head of `line` into e->time_ms, tag, pid; *text becomes the message. Does not touch other
 * members than these and repeats. Returns false when the line has no such head ("last message repeated" has one).
 * A year is chosen so that the time is the closest to, and at most a day after, the reference.
 */
bool syslog_head(struct syslog_context *c, struct slice line, struct event *e, struct slice *text);

/*
 * The word of the line's head where a host stands, by syslog_head's own reading; empty: there is none. It is of the
 * line alone, whatever the context.
 */
struct slice syslog_host_word(struct syslog_context *c, struct slice line);

/*
 * The host that such a word names: a name or an address. Empty: what it says is none (host_name_good). Of what a
 * chain of relays adds ("src@mx1/relay", syslog-ng's chain-hostnames()) the first name.
 */
struct slice syslog_host(struct slice word);

/* What is known of a tag, found last by syslog_head; the context's, until another tag takes the place. */
struct syslog_tag *syslog_tag(struct syslog_context *c, struct slice tag);

/*
 * Takes "2026-11-21 22:48:24", ".123" and " +0100" off the front of *s, as the log files of a program that
 * writes its own begin (Exim: log_timezone, log_selector = +millisec). Without a zone it is this host's
 * local time, of which an hour is written twice in autumn. Returns false, leaving *s alone, if
 * it is not there.
 */
bool syslog_take_local(struct syslog_context *c, struct slice *s, int64_t *ms);

/*
 * Only the time stamp and the blank behind it, off the front of *s, into e->time_ms: for files that a
 * program writes by itself, where no host and tag follow.
 */
bool syslog_stamp(struct syslog_context *c, struct slice *s, struct event *e);

#endif
