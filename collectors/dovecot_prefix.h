/*
 * What stands before the message in a line of Dovecot's log: the head, syslog's or that of a file of its own, and
 * "SERVICE(USER)<PID><SESSION>: Level: ". Pure; for access_dovecot.c.
 */
#ifndef DOVECOT_PREFIX_H
#define DOVECOT_PREFIX_H

#include "access.h"

enum dovecot_role { ROLE_LOGIN, ROLE_SESSION, ROLE_LMTP, ROLE_AUTH, ROLE_MASTER, ROLE_OTHER };

/* What a line's prefix tells. */
struct dovecot_prefix {
    enum access_protocol protocol;
    enum dovecot_role role;
    enum access_level level;
    bool debug;   /* mail_debug, auth_debug, log_debug */
    bool leveled; /* a word for the level stood there: syslog's lines of level info have none */
    struct slice user, session;
    uint32_t pid;
};

/* Takes the head off a line, into e's time and tag; false: another program's. */
bool dovecot_head(struct syslog_context *c, struct slice line, struct event *e, struct slice *text);
/* Takes the prefix off a text; false: it begins otherwise. */
bool dovecot_take_prefix(struct slice *s, struct dovecot_prefix *p);
/* What a service of this name is. */
void dovecot_service(struct slice name, struct dovecot_prefix *p);

#endif
