/*
 * Heads of log lines that a syslog daemon's options or templates make of the usual ones (syslog.h). Pure
 * functions of text: they find the parts and put a time into a usual form; syslog.c reads it.
 */
#ifndef SYSLOG_FORMS_H
#define SYSLOG_FORMS_H

#include "../agent/slice.h"

#define SYSLOG_STAMP_ROOM 64
#define SYSLOG_BSD_LENGTH 15 /* "Nov  1 22:48:24" */
#define SYSLOG_ISO_LENGTH 19 /* "2026-11-21T22:48:24" */
#define SYSLOG_TAG_CUT                                                                             \
    32 /* octets of a tag that rsyslog forwards: RSYSLOG_TraditionalForwardFormat, RSYSLOG_ForwardFormat */

/*
 * Takes the time off the front of *s, with what may stand before it, and writes it to `to` as syslog_stamp reads it
 * (room: SYSLOG_STAMP_ROOM). Returns its octets; 0: there is no time in front. Known are
 *   Nov 1 22:48:24           the day without a blank or zero before it, as some relays write it
 *   Nov  1 22:48:24.123456   syslog-ng, frac-digits()
 *   Nov  1 2026 22:48:24     and 2026 Nov  1 22:48:24+01:00, syslog-ng, ts-format(full)
 *   Sun Nov  1 22:48:24 2026 ctime(3), OpenWrt's logread
 *   2026-11-01 22:48:24.123456+01:00  rsyslog's date-mysql and date-pgsql; Sun 2026-11-01 22:48:24 CET
 *   1793573304.123456        rsyslog's date-unixtimestamp, journalctl -o short-unix
 * each perhaps behind "service-1  | " (docker compose logs). The zone's letters are not read: the time is
 * this host's then.
 */
size_t syslog_usual_stamp(struct slice *s, char to[SYSLOG_STAMP_ROOM]);

/*
 * Finds "tag[pid]:" and the text in what follows the time. Before the tag there may be a host or none, and a facility
 * and severity: "mail.info" (busybox), "<mail.info>" (FreeBSD's syslogd -v), "mail:info" (AIX), "[ID 197553 mail.info]"
 * (Solaris).
 * A tag with a '/' of SYSLOG_TAG_CUT octets behind a host needs no end: it was cut. Without a tag, *tag is empty and
 * the text is what follows the first word. *host is the word before the tag that is none of these, empty if there is
 * none. false: there is one word only.
 */
bool syslog_find_tag(struct slice s, struct slice *host, struct slice *tag, struct slice *text);

/* Is it a facility and severity, "mail.info", "<mail.info>" or "mail:info" (AIX)? */
bool syslog_is_priority(struct slice word);

/*
 * The line with a head of its own behind what a collector of logs put in front without a tag: a time (docker logs
 * -t), a time and a relay's address, a facility (s6's syslogd, "mail.info: "), "@4000... " (TAI64N), "[pod/...] "
 * (kubectl). Empty: there is none.
 */
struct slice syslog_in_front(struct slice line);

/*
 * The same, or the line with a head of its own that a program in a container wrote, behind the head that Docker's
 * syslog driver gave it: "... dockerhost mail[99]: Nov 21 22:48:24 mx1 postfix/smtpd[1]: text". Empty: there is none.
 */
struct slice syslog_nested(struct slice line);

#endif
