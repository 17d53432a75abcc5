/*
 * The time stamp at the front of a log line. Each function takes it off *s and sets *ms (real time), or says false,
 * leaving *s alone, when it is not there. Private to syslog.c; syslog_start and syslog_take_local are here too.
 */
#ifndef SYSLOG_TIME_H
#define SYSLOG_TIME_H

#include "syslog.h"
#include "syslog_forms.h"

/* What c->last holds: its last octet says. */
enum { SYSLOG_LAST_NONE, SYSLOG_LAST_BSD, SYSLOG_LAST_ISO, SYSLOG_LAST_LOCAL };

/* "Nov  1 22:48:24", where it is the one that was read last. */
static inline bool syslog_take_last(const struct syslog_context *c, struct slice *s, int64_t *ms)
{
    if (c->last[15] != SYSLOG_LAST_BSD || s->n <= SYSLOG_BSD_LENGTH ||
        !slice_same_words(c->last, s->p, SYSLOG_BSD_LENGTH))
        return false;
    *ms = c->last_ms;
    *s = slice_skip(*s, SYSLOG_BSD_LENGTH);
    return true;
}

/* The same, any. */
bool syslog_take_bsd(struct syslog_context *c, struct slice *s, int64_t *ms);
/* "2026-11-21T22:48:24.123456+00:00"; without a zone it is this host's time. */
bool syslog_take_iso(struct syslog_context *c, struct slice *s, int64_t *ms);

#endif
