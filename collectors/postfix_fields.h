/*
 * Parts of Postfix's log lines. Each function takes its part off the front of *s and says false,
 * leaving *s alone, when it is not there. Private to mta_postfix.c.
 */
#ifndef POSTFIX_FIELDS_H
#define POSTFIX_FIELDS_H

#include "event.h"

/* A slice of a string literal, in a table. */
#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }
/* slice_starts and slice_take for a string literal, so that the comparison is one of constant
 * length. */
#define STARTS(s, literal)                                                                         \
    ((s).n >= sizeof(literal) - 1 && memcmp((s).p, literal, sizeof(literal) - 1) == 0)
#define TAKE(s, literal) (STARTS(s, literal) && ((s) = slice_skip(s, sizeof(literal) - 1), true))
#define HAS(s, literal)  (slice_search(s, SLICE(literal)) < (s).n)

/* "client.example.org[192.0.2.9]" up to its ']': e->peer becomes what is in the brackets. */
bool postfix_take_peer(struct slice *s, struct event *e);

/*
 * The rest of "<address>", s being behind its '<', with the '>'. A local part in quotes may hold
 * anything (RFC 5321 section 4.1.2); without quotes the address ends at the first '>' that one of
 * the two possible next fields follows.
 */
bool postfix_take_address(struct slice *s, struct slice next, struct slice other,
                          struct slice *address);

/*
 * The status code (struct event's) of "554 5.7.1 words", "554 words" or "5.7.1 words" (RFC 3463,
 * RFC 5248); 0 if there is none or it tells of success. `recipient`: it answered RCPT.
 */
uint32_t postfix_reply_status(struct slice reply, bool recipient);

/* Do a status code and its words say that a message loops? */
bool postfix_tells_loop(uint32_t code, struct slice text);

/*
 * A delivery, s being behind "to=<" (global/log_adhoc.c). Sets kind to EVENT_DELIVERY, or to
 * EVENT_UNKNOWN when the line is not complete.
 */
void postfix_delivery(struct slice s, struct event *e);

#endif
