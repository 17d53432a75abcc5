/*
 * A record that is not a line of syslog (of the journal, of a container's runtime) written as one, so that
 * there is one grammar for every parser: "2026-11-21T22:48:24.123456Z mx1 tag[pid]: text". Pure.
 */
#ifndef LOG_LINE_H
#define LOG_LINE_H

#include "syslog.h"

#define LOG_LINE_MAX (60 * 1024) /* a longer text is cut, as syslog does */

struct log_record {
    int64_t time_us;  /* since 1970, UTC */
    struct slice tag; /* "postfix/smtpd" */
    uint32_t pid;     /* 0: none */
    struct slice text;
    /* A program that was given its standard output writes a head of its own, if any. */
    bool stdout_;
    struct slice host; /* empty, or no name of a host (host_name_good): "-" is written */
};

/*
 * Writes the line and its '\n' and returns its octets, at most LOG_LINE_MAX, for which there must be room.
 * Control characters are written as rsyslog does (#012), so a text of several lines is one.
 * A text that has a head of syslog with tag and pid (Postfix's maillog_file=/dev/stdout) keeps these, and
 * one that begins with a time (Exim's mainlog, Dovecot's own form) stays as it is: only the record's
 * time takes the place of a head's, whose time zone is not known here.
 */
size_t log_line_write(const struct log_record *r, char *to);

#endif
