/*
 * A server of mailboxes as this project sees it: a pure parser of its log (access_<name>.c, a line ->
 * one event of the kinds EVENT_LOGIN .. EVENT_SERVER_LOG) and the log events that it knows by itself.
 * access_tally.c makes numbers of them; collectors.c lists the servers.
 */
#ifndef ACCESS_H
#define ACCESS_H

#include "event.h"
#include "syslog.h"

/* What clients speak; one row of applTable for each that a server offers. */
enum access_protocol {
    ACCESS_NONE, /* the server as a whole */
    ACCESS_IMAP,
    ACCESS_POP3,
    ACCESS_LMTP,
    ACCESS_MANAGESIEVE,
    ACCESS_SUBMISSION,
    ACCESS_HTTP,
    ACCESS_PROTOCOLS
};

/* How bad the server itself says a line is. */
enum access_level { LEVEL_NONE, LEVEL_WARNING, LEVEL_ERROR, LEVEL_FATAL };

/* A line that somebody should see: a literal text in the message. */
struct access_pattern {
    const char *name; /* in mailmonLogEventName, behind the server's name */
    const char *literal;
    uint8_t severity; /* enum alarm_severity */
};

/* Counters that a server's own metrics may tell where its log does not: columns of mailmonAccessTable. */
enum access_metric {
    ACCESS_METRIC_SELECTED,
    ACCESS_METRIC_APPENDED,
    ACCESS_METRIC_OCTETS_IN,
    ACCESS_METRICS
};
struct access_metrics; /* access_metrics.h */

struct access_server {
    const char *name;    /* "dovecot": FORMAT of --read, section of the configuration, instance */
    const char *summary; /* for --help */
    const char *master;  /* names of its master process, with blanks between them */
    const char *pid_file;
    void (*parse)(struct syslog_context *c, struct slice line, struct event *e);
    /* What the text of its metrics tells. */
    void (*metrics)(struct slice text, struct access_metrics *m);
    const struct access_pattern *patterns; /* ends with a NULL name; event.access.pattern - 1 */
};

extern const struct access_server access_dovecot, access_cyrus;

/* The first pattern that the message holds, as event.access.pattern; 0: none. */
uint8_t access_pattern(const struct access_pattern *patterns, struct slice message);
/* Sets what event_clear leaves alone: numbers that a line may tell are not told. */
void access_clear(struct event *e);

#endif
