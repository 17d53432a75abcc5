/*
 * Parts of Exim's log lines. Each function takes its part off the front of *s, or returns what is behind it: a slice
 * whose address is handed out is written to memory and read again at each step, which took a third of the time.
 * Private to mta_exim.c and exim_*.c. Sources: log.c, deliver.c, receive.c, smtp_in.c of Exim 4.96 and its
 * successors, and the specification's chapter "Log files".
 */
#ifndef EXIM_FIELDS_H
#define EXIM_FIELDS_H

#include "exim_names.h"
#include "field.h"
#include "reply.h"

/*
 * A message's id at the front of `s`: 6-6-2 digits in base 62, or 6-11-4 since Exim 4.97. Its length, or
 * 0. *id is it without the hyphens.
 */
size_t exim_id(struct slice s, struct queue_id *id);
/*
 * When the message with this id arrived, in seconds since the epoch: its first six digits, in base 62, or 36
 * where Exim was built for file systems that do not tell capitals from small letters (Cygwin, Darwin). In
 * base 62 those of today lie beyond the year 2106.
 */
int64_t exim_id_time(struct slice id);

/* Where a word ends of which a quoted string may begin at `at`. */
size_t exim_quoted_end(struct slice s, size_t at);

/*
 * Where the first blank or quote is, 32 octets at a time, as words are short. The two differ in one bit:
 * with it set, both are a quote.
 */
static inline size_t exim_blank_or_quote(struct slice s)
{
    const char bit = '"' ^ ' ';
    size_t i = 0;
    for (; i + 32 <= s.n; i += 32) {
        unsigned found =
            slice_sixteen_set(s.p + i, bit, '"') | slice_sixteen_set(s.p + i + 16, bit, '"') << 16;
        if (found)
            return i + (unsigned)__builtin_ctz(found);
    }
    if (s.n >= 16 && i < s.n) {
        size_t rest = s.n - i, last = s.n - 16;
        unsigned found = rest >= 16 ? slice_sixteen_set(s.p + i, bit, '"') : 0;
        found |= rest >= 16 ? slice_sixteen_set(s.p + last, bit, '"') << (rest - 16)
                            : slice_sixteen_set(s.p + last, bit, '"') >> (16 - rest);
        return found ? i + (unsigned)__builtin_ctz(found) : s.n;
    }
    while (i < s.n && s.p[i] != ' ' && s.p[i] != '"')
        i++;
    return i;
}

/* Takes a word: up to a space that is not in a quoted string, and the space. */
static inline struct slice exim_take_word(struct slice *s)
{
    size_t end = exim_blank_or_quote(*s);
    if (__builtin_expect(end < s->n && s->p[end] == '"', 0))
        end = exim_quoted_end(*s, end);
    struct slice word = slice_head(*s, end);
    *s = slice_skip(*s, end + 1);
    return word;
}
/* Where the '>' of the "<address>" is that s begins with; 0: it does not. */
size_t exim_angle_end(struct slice s);

/* Takes "<address>" and the space behind it; without a '<' or its '>' nothing. */
static inline bool exim_take_angle(struct slice *s, struct slice *address)
{
    size_t end = exim_angle_end(*s);
    if (!end)
        return false;
    *address = (struct slice){s->p + 1, end - 1};
    *s = slice_skip(*s, end + 1);
    TAKE(*s, " ");
    return true;
}

/*
 * Takes an inbound host as Exim tells it, "name (helo) [ip]:port" with " I=[ip]:port", " U=ident" and
 * " Ci=id" if they follow: peer and the service (by the port that was connected to). False if there is no
 * address in brackets.
 */
bool exim_take_peer(struct slice *s, struct event *e);
/* Takes an outbound one behind its "H=", "name [ip]:port*": relay, EVENT_NETWORK, EVENT_REUSED. */
struct slice exim_skip_relay(struct slice s, struct event *e);
static inline void exim_take_relay(struct slice *s, struct event *e)
{
    *s = exim_skip_relay(*s, e);
}

/* Takes a time span, "1d2h3m4s", "12s" or "0.123s"; false if there is none. */
bool exim_take_span(struct slice *s, uint64_t *ms);

/* The line of a message's arrival, of a delivery, a failure or a deferral, behind its arrow. */
void exim_arrival(struct slice s, struct event *e);
void exim_delivery(struct slice s, struct event *e);
void exim_failure(struct slice s, struct event *e);
void exim_deferral(struct slice s, struct event *e);
/* Any other line. */
void exim_other(struct slice s, struct event *e);

/*
 * Behind the client stands perhaps "F=<sender>" and what was refused, "rejected RCPT <a@b>: why": EVENT_REJECT,
 * EVENT_CONNECTION_REJECT or EVENT_DISCARDED. False: nothing was, and *e is as it was.
 */
bool exim_refusal(struct slice s, struct event *e);
/* Makes the event a refusal for e->text; reply: what SMTP answers where the text tells no code of its own. */
void exim_refuse(struct event *e, uint64_t reply, bool recipient);
/* The words behind the first ": "; where there is none all of them. */
struct slice exim_reason(struct slice s);
/* Drops X=, CV=, DN=, SNI=, A=, SPF= and the like off the front. */
void exim_skip_fields(struct slice *s);

/* Is this text, behind the time and the id (of_message: there is one), of a line that changes no number? */
bool exim_is_silent(struct slice s, bool of_message);
/* Has a text that is not understood no sign of an account? An ACL's logwrite, a complaint: see exim_silent.c. */
bool exim_is_local_text(struct slice s, bool of_message);

#endif
