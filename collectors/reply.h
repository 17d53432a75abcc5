/*
 * The answers of mail servers, "554 5.7.1 words", as they stand in the logs of all MTAs: their status codes
 * (RFC 3463, RFC 5248 and struct event's form).
 */
#ifndef REPLY_H
#define REPLY_H

#include "field.h"

/* Takes "5.7.1" off *s: its status code; 0 if there is none or it tells of success. */
uint32_t reply_take_status(struct slice *s);

/*
 * The status code of "554 5.7.1 words", "554 words" or "5.7.1 words"; 0 if there is none or it tells of
 * success. `recipient`: it answered RCPT.
 */
uint32_t reply_status(struct slice reply, bool recipient);

/* The status code for an SMTP reply (550) that has none of its own (RFC 5248 section 3). */
uint32_t reply_basic_status(uint64_t reply, struct slice words, bool recipient);

/* Do a status code and its words say that a message loops? */
bool reply_tells_loop(uint32_t code, struct slice text);

#endif
