/*
 * Parts of Postfix's log lines. Each function takes its part off the front of *s and says false,
 * leaving *s alone, when it is not there. Private to mta_postfix.c.
 */
#ifndef POSTFIX_FIELDS_H
#define POSTFIX_FIELDS_H

#include "field.h"
#include "reply.h"

/*
 * "client.example.org[192.0.2.9]" up to its ']': e->peer becomes what is in the brackets. The first one returns what is
 * behind it, or p == NULL; with it the caller's slice stays in registers.
 */
struct slice postfix_behind_peer(struct slice s, struct event *e);
static inline bool postfix_take_peer(struct slice *s, struct event *e)
{
    struct slice rest = postfix_behind_peer(*s, e);
    if (!rest.p)
        return false;
    *s = rest;
    return true;
}

/*
 * The rest of "<address>", s being behind its '<', with the '>'. A local part in quotes may hold
 * anything (RFC 5321 section 4.1.2); without quotes the address ends at the first '>' that one of
 * the two possible next fields follows.
 */
bool postfix_take_address(struct slice *s, struct slice next, struct slice other,
                          struct slice *address);

/*
 * A delivery, s being behind "to=<" (global/log_adhoc.c). Sets kind to EVENT_DELIVERY, or to
 * EVENT_UNKNOWN when the line is not complete.
 */
void postfix_delivery(struct slice s, struct event *e);

/* A line of debugging, of those that no other function understands. */
bool postfix_is_debug(struct slice s);

#endif
