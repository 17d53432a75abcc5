/*
 * What Exim refuses, behind the client that it is refused to: its words, and the status code that they mean
 * (smtp_in.c, acl.c, receive.c, xclient.c). Pure.
 */
#include <ctype.h>

#include "exim_fields.h"

/* The words behind ": " at the end of what was refused. */
struct slice exim_reason(struct slice s)
{
    size_t at = slice_search(s, SLICE(": "));
    return at < s.n ? slice_skip(s, at + 2) : s;
}

/* What Exim's own words mean that begin a refusal, whatever was replied (smtp_in.c, xclient.c). */
static const struct {
    struct slice start;
    uint32_t code;
} refusals[] = {
    {TEXT("syntactically invalid argument"), 5005004},
    {TEXT("no HELO/EHLO given"), 5005001},
    {TEXT("mail transaction in progress"), 5005001},
    {TEXT("too many messages in one connection"), 4003002},
    {TEXT("too many recipients: message"), 5005003},
    {TEXT("too many recipients: excess"), 4005003},
};

static uint32_t own_code(struct slice text)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        if (slice_starts(text, refusals[i].start))
            return refusals[i].code;
    return 0;
}

void exim_refuse(struct event *e, uint64_t reply, bool recipient)
{
    e->kind = EVENT_REJECT;
    e->code = reply_status(e->text, recipient);
    if (e->code == 0)
        e->code = own_code(e->text);
    if (e->code == 0 && slice_search(e->text, SLICE("nrouteable address")) < e->text.n)
        e->code = (uint32_t)(reply / 100) * 1000000 + 1001;
    if (e->code == 0)
        e->code = reply_basic_status(reply, e->text, recipient);
    if (reply_tells_loop(e->code, e->text))
        e->flags |= EVENT_LOOP;
}

/* "RCPT <a@b>: relay not permitted", "after DATA: virus", "EHLO or HELO x: bad": behind "rejected ". */
static void rejected(struct slice s, bool temporarily, struct event *e)
{
    uint64_t reply = temporarily ? 451 : 550;
    struct slice address;
    if (STARTS(s, "connection in ") || STARTS(s, "connection from ")) {
        e->kind = EVENT_CONNECTION_REJECT;
        e->flags |= EVENT_COUNTED;
        e->text = exim_reason(s);
        e->code = reply_basic_status(temporarily ? 451 : 550, e->text, false);
        return;
    }
    if (TAKE(s, "RCPT ")) {
        e->flags |= EVENT_RECIPIENT;
        if (exim_take_angle(&s, &address)) {
            e->address = address;
            TAKE(s, ": ");
            e->text = s;
        } else {
            e->text = exim_reason(s);
        }
        exim_refuse(e, reply, true);
        return;
    }
    e->text = exim_reason(s);
    exim_refuse(e, temporarily ? 451 : STARTS(s, "after DATA") ? 554 : 550, false);
}

/* X=, CV=, DN=, SNI=, A=, SPF= ...: a capital, letters or digits, "=". F= has an address with blanks in it. */
void exim_skip_fields(struct slice *s)
{
    for (;;) {
        size_t n = 0;
        while (n < s->n && n < 8 && isalnum((unsigned char)s->p[n]))
            n++;
        if (n == 0 || n == s->n || s->p[n] != '=' || !isupper((unsigned char)*s->p) ||
            STARTS(*s, "F="))
            return;
        exim_take_word(s);
    }
}

/* "'connect' ACL: too late": TLS on connect was not begun. */
static void dropped(struct slice s, struct event *e)
{
    e->kind = EVENT_CONNECTION_REJECT;
    e->flags |= EVENT_COUNTED;
    e->text = exim_reason(s);
    e->code = 5007001;
}

/* Behind the client: F=<sender> and what was refused; false: nothing was. */
bool exim_refusal(struct slice s, struct event *e)
{
    struct slice address;
    exim_skip_fields(&s);
    if (TAKE(s, "F=")) {
        if (!exim_take_angle(&s, &address))
            exim_take_word(&s);
        exim_skip_fields(&s);
    }
    if (TAKE(s, "dropped by ")) {
        dropped(s, e);
    } else if (!STARTS(s, "rejected by ") && TAKE(s, "rejected ")) {
        rejected(s, false, e);
    } else if (TAKE(s, "temporarily rejected ")) {
        rejected(s, true, e);
    } else if (TAKE(s, "RCPT ") && exim_take_angle(&s, &address) && STARTS(s, ": discarded by ")) {
        e->kind = EVENT_DISCARDED;
        e->text = slice_skip(s, 2);
    } else {
        return false;
    }
    return true;
}
