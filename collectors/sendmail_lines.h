/* What the lines of Sendmail's log mean, by their form; mta_sendmail.c finds tag and queue id. */
#ifndef SENDMAIL_LINES_H
#define SENDMAIL_LINES_H

#include "field.h"

/* Groups that a line without a mailer belongs to. */
#define SENDMAIL_SMTP  "smtpd"
#define SENDMAIL_LOCAL "submit"
#define SENDMAIL_OWN   "sendmail"

/*
 * s: the line behind tag and queue id (e->id, empty if it has none). Sets what struct event says of the
 * kind; EVENT_UNKNOWN if the line has no form that Sendmail 8.12 to 8.18 writes.
 */
void sendmail_line(struct slice s, struct event *e);

/* Is this a queue id? "6AM4R6vT013995", and "AAA12345" before 8.10. */
bool sendmail_is_id(struct slice s);

/* Is this text, behind the queue id, of a line that changes no number? */
bool sendmail_is_silent(struct slice s);

#endif
