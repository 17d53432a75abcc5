/*
 * The daily report: a template filled from the history of one day. A template is text; "%each NAME"
 * and "%end" enclose lines that are repeated for each row of NAME, "${field:width}" is a field,
 * to the right in `width` columns, or to the left if it is negative. What exists:
 *
 *   anywhere      date (10 Jan 2001), iso (2001-01-10), host, version
 *   qmonitor      every five minutes: time, active, held, swap_kb, scan_rate, cpu_user, cpu_system,
 *                 cpu_wait, cpu_idle, smtp, imap, pop3, ldap, http
 *   systest       round trips: time, user, submit, retrieve, total, error, name, status
 *   rates         every hour and channel with traffic: hour, channel, received, received_kb,
 *                 received_mean_kb, transmitted, transmitted_kb, transmitted_mean_kb, stored
 *   responses     every probe: name, mean, maximum, looks
 *   alarms        transitions: time, id, instance, event, severity, value, threshold, text
 *
 * A number that is not known is "-". qmonitor and systest are the tables of the healthmon scripts of Sun
 * Messaging Server.
 */
#ifndef REPORT_H
#define REPORT_H

#include <stdio.h>
#include "history.h"

struct report {
    char host[256];
    int64_t from_s, to_s; /* the day: midnight to midnight, local time */
};

/* The template that is used if there is none. */
extern const char report_template[];

/*
 * Writes the report. `name` of the template is for messages: a fault in it ("NAME:LINE: ...") is put
 * into `error`, and so is one of the history. false: there is a fault.
 */
bool report_write(const struct report *r, struct history *h, const char *template, const char *name,
                  FILE *out, char *error, size_t error_size);

#endif
