/*
 * Plays the rows of a protocol. Invariant: while the verdict is 0, `row` is the row whose
 * text is to be said next or whose answer is awaited.
 */
#include "dialog_rows.h"

#include <stdio.h>

#define ANSWER_MAX       (64u << 10) /* octets of an answer */
#define ANSWER_LARGE_MAX (4u << 20)  /* of one with a message in it */
#define CAPABILITIES     (HEARD_PLAIN | HEARD_LOGIN | HEARD_LOGIN_OFF | HEARD_UIDPLUS)

const char *const dialog_step_names[STEPS] = {
    "",     "resolve", "connect", "tls",    "greeting", "helo",     "login",  "mail", "rcpt",
    "data", "sending", "request", "select", "search",   "retrieve", "delete", "quit"};

bool dialog_knows(enum response_protocol p)
{
    return p > 0 && p < PROTOCOLS_END && dialog_protocols[p].rows;
}

enum response_protocol dialog_protocol_named(struct slice name)
{
    for (unsigned p = 1; p < PROTOCOLS_END; p++)
        if (dialog_knows(p) && slice_eq(name, slice_of(dialog_protocols[p].name)))
            return (enum response_protocol)p;
    return (enum response_protocol)0;
}

uint16_t dialog_port(enum response_protocol p)
{
    return dialog_knows(p) ? dialog_protocols[p].port : 0;
}

bool dialog_implicit_tls(enum response_protocol p)
{
    return dialog_knows(p) && dialog_protocols[p].implicit_tls;
}

/* What is wanted */

static bool has_control(const char *text)
{
    for (; text && *text; text++)
        if ((unsigned char)*text < ' ' || *text == 127)
            return true;
    return false;
}

const char *dialog_unfit(enum response_protocol p, const struct dialog_want *w)
{
    const char *const texts[] = {w->helo,          w->expect,       w->user,     w->password,
                                 w->mailbox,       w->sender,       w->host,     w->path,
                                 w->search_header, w->search_value, w->recipient};
    if (!dialog_knows(p))
        return "unknown protocol";
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (has_control(texts[i]))
            return "a text holds a control character";
    if (w->user && !w->password)
        return "a user without a password";
    if ((w->recipient && !w->sender) || (w->message && !w->recipient))
        return "a recipient needs a sender, and a message a recipient";
    if ((w->search_header == NULL) != (w->search_value == NULL))
        return "a search needs a header and a value";
    if (w->starttls && dialog_protocols[p].implicit_tls)
        return "starttls where TLS comes first";
    return NULL;
}

static unsigned wants(const struct dialog *d)
{
    const struct dialog_want *w = d->want;
    bool pop3 = d->protocol->line == dialog_line_pop3;
    bool box = w->mailbox || pop3;
    return (w->starttls ? WANTS_STARTTLS : 0u) | (w->user ? WANTS_LOGIN : 0u) |
           (w->sender ? WANTS_MAIL : 0u) | (w->recipient ? WANTS_RCPT : 0u) |
           (w->message ? WANTS_MESSAGE : 0u) | (w->mailbox && w->user ? WANTS_MAILBOX : 0u) |
           (w->search_header && box && w->user ? WANTS_SEARCH : 0u) |
           (w->retrieve ? WANTS_RETRIEVE : 0u) | (w->remove ? WANTS_REMOVE : 0u) |
           (w->expect ? WANTS_EXPECT : 0u);
}

/* From row to row */

static void end(struct dialog *d)
{
    d->verdict = d->outcome ? d->outcome : RESPONSE_UP;
}

/* POP3: on to the message before, if another is to be looked at. */
static bool step_back(struct dialog *d)
{
    bool done = d->found && !(d->state & WANTS_REMOVE);
    d->state &= ~(unsigned)HEARD_FOUND;
    if (done || d->number <= d->low)
        return false;
    d->number--;
    d->row -= d->row->back;
    return true;
}

static void leave(struct dialog *d, enum response_status outcome)
{
    if (!d->outcome) {
        d->outcome = outcome;
        d->failed = dialog_step(d);
    }
    d->leaving = 1;
    while (d->row->step && !(d->row->flags & ROW_LEAVE))
        d->row++;
    if (!d->row->step)
        end(d);
}

/* Begins with d->row or the next one that is to be played. */
static void settle(struct dialog *d)
{
    d->said = d->in_body = d->noted = 0;
    d->octets = 0;
    for (;; d->row++) {
        const struct dialog_row *r = d->row;
        if (!r->step) {
            end(d);
            return;
        }
        if ((d->state & r->when) != r->when || (d->state & r->unless))
            continue;
        if (r->flags & ROW_NEXT) {
            if (!step_back(d))
                continue;
            d->row--; /* the loop steps forward again */
            continue;
        }
        if (r->flags & ROW_REFUSE) {
            snprintf(d->text, sizeof d->text, "%s: %s", dialog_step_names[r->step], r->send);
            leave(d, r->fail);
            if (d->verdict)
                return;
            r = d->row;
        }
        d->leaving = (r->flags & ROW_LEAVE) != 0;
        if (r->flags & ROW_CAPABILITIES)
            d->state &= ~(unsigned)CAPABILITIES;
        d->said = r->send == NULL;
        return;
    }
}

static void proceed(struct dialog *d)
{
    d->row++;
    settle(d);
}

void dialog_start(struct dialog *d, enum response_protocol p, const struct dialog_want *want)
{
    memset(d, 0, offsetof(struct dialog, line));
    d->want = want;
    d->protocol = &dialog_protocols[p];
    d->row = d->protocol->rows;
    d->messages = d->unseen = DIALOG_UNKNOWN;
    d->state = wants(d);
    settle(d);
}

enum dialog_next dialog_next(const struct dialog *d)
{
    if (d->verdict)
        return DIALOG_END;
    if (d->securing)
        return DIALOG_SECURE;
    return d->said ? DIALOG_HEAR : DIALOG_SAY;
}

enum dialog_step dialog_step(const struct dialog *d)
{
    return d->row->step ? d->row->step : STEP_QUIT;
}

/* Hearing */

static void granted(struct dialog *d)
{
    if (d->leaving) {
        end(d);
        return;
    }
    if (d->row->flags & ROW_OPTIONAL)
        d->state &= ~(unsigned)HEARD_REFUSAL;
    if (d->row->step == STEP_RETRIEVE)
        d->state &= ~(unsigned)WANTS_RETRIEVE;
    if (d->row->flags & ROW_SECURE)
        d->securing = 1;
    else
        proceed(d);
}

static void refused(struct dialog *d, enum heard h)
{
    if (d->leaving) { /* it does not let us go: we go */
        end(d);
        return;
    }
    if (h == HEARD_BAD && (d->row->flags & ROW_OPTIONAL)) {
        d->state |= HEARD_REFUSAL;
        proceed(d);
        return;
    }
    enum response_status fail = d->row->fail ? d->row->fail : RESPONSE_PROTOCOL_ERROR;
    bool busy = h == HEARD_BUSY && !(d->row->flags & ROW_SECURE);
    leave(d, busy ? RESPONSE_CONGESTED : fail);
    if (!d->verdict)
        settle(d);
}

/* The line is whole: true if the answer is, too. */
static bool take_line(struct dialog *d)
{
    struct slice line = {d->line, d->fill};
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    enum heard h = d->protocol->line(d, line);
    d->fill = 0;
    d->cut = 0;
    if (h == HEARD_MORE)
        return false;
    if (h == HEARD_GOOD)
        granted(d);
    else if (h != HEARD_GARBAGE)
        refused(d, h);
    else if (d->text[0] && !d->leaving) { /* the grammar said what is wrong */
        d->verdict = RESPONSE_PROTOCOL_ERROR;
        d->failed = dialog_step(d);
    } else
        dialog_fail(d, RESPONSE_PROTOCOL_ERROR, "this is not the protocol's language");
    return true;
}

/* Does the line end in a literal ({N} or {N+})? */
static bool literal(const struct dialog *d, uint64_t *length)
{
    struct slice line = {d->line, d->fill};
    if (!d->protocol->literals || d->cut || line.n < 4)
        return false;
    if (line.p[line.n - 1] == '\r')
        line.n--;
    const char *open = memrchr(line.p, '{', line.n);
    if (!open)
        return false;
    struct slice s = slice_skip(line, (size_t)(open - line.p) + 1);
    uint64_t n;
    if (!slice_number(&s, &n))
        return false;
    slice_take(&s, SLICE("+"));
    if (!slice_eq(s, SLICE("}")))
        return false;
    *length = n;
    return true;
}

static void keep(struct dialog *d, struct slice part)
{
    size_t room = sizeof d->line - d->fill;
    if (part.n > room) {
        part.n = room;
        d->cut = 1;
    }
    memcpy(d->line + d->fill, part.p, part.n);
    d->fill += part.n;
}

static bool too_long(struct dialog *d, uint64_t more)
{
    bool large = (d->row->flags & ROW_LARGE) != 0;
    if (more <= (large ? ANSWER_LARGE_MAX : ANSWER_MAX))
        return false;
    dialog_fail(d, RESPONSE_PROTOCOL_ERROR,
                large ? "the message is longer than 4 MB" : "the answer is longer than 64 kB");
    return true;
}

/* Takes a part of what was heard: up to a line's end, or of a literal. */
static size_t take(struct dialog *d, struct slice octets, bool *whole)
{
    if (d->literal) {
        size_t n = d->literal < octets.n ? (size_t)d->literal : octets.n;
        d->literal -= n;
        return n;
    }
    size_t at = slice_find(octets, '\n');
    struct slice part = slice_head(octets, at);
    if (!d->in_body && slice_find(part, '\0') < part.n) {
        dialog_fail(d, RESPONSE_PROTOCOL_ERROR, "a NUL octet in the answer");
        return part.n;
    }
    keep(d, part);
    if (at == octets.n)
        return part.n;
    if (!literal(d, &d->literal))
        *whole = take_line(d);
    else if (too_long(d, d->literal) || too_long(d, d->octets + d->literal))
        d->literal = 0;
    return part.n + 1;
}

size_t dialog_hear(struct dialog *d, struct slice octets, bool *whole)
{
    size_t taken = 0;
    *whole = false;
    d->heard |= octets.n > 0;
    while (taken < octets.n && !*whole && dialog_next(d) == DIALOG_HEAR) {
        size_t n = take(d, slice_skip(octets, taken), whole);
        taken += n;
        if (!*whole && !d->verdict) {
            d->octets += n;
            too_long(d, d->octets);
        }
    }
    *whole |= d->verdict != 0;
    return taken;
}

void dialog_secured(struct dialog *d, bool early)
{
    d->securing = 0;
    if (early)
        dialog_fail(d, RESPONSE_TLS_ERROR, "octets in the clear after the answer to STARTTLS");
    else
        proceed(d);
}

bool dialog_closed(struct dialog *d)
{
    if (!d->leaving && !d->verdict)
        return false;
    if (!d->verdict)
        end(d);
    return true;
}

void dialog_fail(struct dialog *d, enum response_status v, const char *text)
{
    if (d->verdict)
        return;
    if (d->leaving && (v != RESPONSE_TIMED_OUT || d->outcome)) {
        end(d);
        return;
    }
    snprintf(d->text, sizeof d->text, "%s: %s", dialog_step_names[dialog_step(d)], text);
    d->failed = dialog_step(d);
    d->verdict = v;
}

struct slice dialog_farewell(struct dialog *d)
{
    bool midway = d->securing || (dialog_step(d) == STEP_DATA && d->said);
    return slice_of(d->heard && !midway ? d->protocol->farewell : "");
}
