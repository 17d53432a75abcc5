/*
 * The fields that lines of several Postfix daemons share, and the line that all of them share: one
 * recipient's delivery. Pure, see mta_postfix.c.
 */
#include "postfix_fields.h"
#include "postfix_queue.h"

/* Names of hosts hold no bracket. Most end with their address within 64 octets, so these are looked at at once. */
struct slice postfix_behind_peer(struct slice s, struct event *e)
{
    uint64_t open_ = slice_front(s, '['), close_ = slice_front(s, ']') & ~(open_ ^ (open_ - 1));
    if (close_) {
        size_t from = (unsigned)__builtin_ctzll(open_) + 1u, to = (unsigned)__builtin_ctzll(close_);
        e->peer = (struct slice){s.p + from, to - from};
        return (struct slice){s.p + to + 1, s.n - to - 1};
    }
    struct slice ip = {NULL, 0};
    if (slice_cut(&s, '[').p)
        ip = slice_cut(&s, ']');
    if (!ip.p)
        return ip;
    e->peer = ip;
    return s;
}

/*
 * The rest of "<address>" when s is behind its '<': takes it and the '>'. A local part in quotes
 * may hold anything (RFC 5321 section 4.1.2); without quotes the address ends at the first '>' that
 * one of the two possible next fields follows.
 */
bool postfix_take_address(struct slice *s, struct slice next, struct slice other,
                          struct slice *address)
{
    size_t at = 0;
    if (s->n && *s->p == '"') {
        for (at = 1; at < s->n && s->p[at] != '"'; at++)
            if (s->p[at] == '\\')
                at++;
        if (at >= s->n)
            at = 0; /* no quoted string after all */
    }
    for (;; at++) {
        at += slice_find(slice_skip(*s, at), '>');
        if (at >= s->n)
            return false;
        struct slice rest = slice_skip(*s, at + 1);
        if (slice_starts(rest, next) || slice_starts(rest, other)) {
            *address = slice_head(*s, at);
            *s = rest;
            return true;
        }
    }
}

/* Seconds with up to six decimals, "0.05", in ms. */
static bool take_delay(struct slice *s, uint64_t *ms)
{
    uint64_t seconds, unit = 100;
    if (!slice_number(s, &seconds))
        return false;
    *ms = seconds < UINT64_MAX / 2000 ? seconds * 1000 : UINT64_MAX / 2;
    if (!TAKE(*s, "."))
        return true;
    for (; s->n && slice_digit(*s->p); *s = slice_skip(*s, 1)) {
        *ms += (uint64_t)(*s->p - '0') * unit;
        unit /= 10;
    }
    return true;
}

/* ---- Deliveries: every daemon logs them alike (global/log_adhoc.c) ---- */

static enum event_result take_result(struct slice *s)
{
    if (TAKE(*s, "sent "))
        return RESULT_SENT;
    if (TAKE(*s, "deferred ") || TAKE(*s, "SOFTBOUNCE "))
        return RESULT_DEFERRED;
    if (TAKE(*s, "bounced "))
        return RESULT_BOUNCED;
    if (TAKE(*s, "deliverable ") || TAKE(*s, "undeliverable ") ||
        TAKE(*s, "undeliverable-but-not-cached "))
        return RESULT_PROBE;
    return RESULT_NONE;
}

/* "may:none/...": TLS was used if the level reached is not none and the policy was met. */
static bool tells_tls(struct slice features)
{
    struct slice level = slice_head(features, slice_find(features, '/'));
    if (level.n == 0 || *level.p == '!' || level.p[level.n - 1] == '?')
        return false;
    struct slice reached = level;
    if (!slice_cut(&reached, ':').p)
        reached = level;
    return !slice_eq(reached, SLICE("none"));
}

/* ", " and the fields between delays= and dsn=: one is known, others may come with a new release.
 */
static bool take_fields_before_dsn(struct slice *s, struct event *e)
{
    while (TAKE(*s, ", ")) {
        if (TAKE(*s, "dsn="))
            return true;
        bool tls = TAKE(*s, "tls=");
        size_t end = slice_find(*s, ',');
        if (tls && tells_tls(slice_head(*s, end)))
            e->flags |= EVENT_TLS;
        *s = slice_skip(*s, end);
    }
    return false;
}

static void take_queued_as(struct slice s, struct event *e)
{
    size_t n = postfix_id_length(s);
    if (n && (n == s.n || !strchr(".-_@", s.p[n]))) {
        e->other_id = slice_head(s, n);
        e->flags |= EVENT_QUEUED_AS;
    }
}

/* "... queued as 4SVLCh4dz5z9HdB": the id that the next system gave. */
static void find_queued_as(struct event *e)
{
    struct slice s = e->text;
    while (slice_cut(&s, 'q').p)
        if (TAKE(s, "ueued as ")) {
            take_queued_as(s, e);
            return;
        }
}

/* "forwarded as 0332CA862D2", by local(8) for an alias, a list, a .forward file. */
static void find_forwarded_as(struct event *e)
{
    struct slice s = e->text;
    if (slice_eq(e->relay, SLICE("local")) && TAKE(s, "forwarded as ") &&
        postfix_id_length(s) == s.n)
        take_queued_as(s, e);
}

/* relay=mx.example.net[198.51.100.7]:25, or local, none, mx[private/lmtp]. */
static bool take_relay(struct slice *s, struct event *e)
{
    size_t at = slice_find(*s, ',');
    e->relay = slice_head(*s, at);
    *s = slice_skip(*s, at);
    if (slice_find(e->relay, '[') < at)
        e->flags |= EVENT_NETWORK;
    if (TAKE(*s, ", conn_use=")) {
        uint64_t uses;
        if (!slice_number(s, &uses))
            return false;
        if (uses > 1)
            e->flags |= EVENT_REUSED;
    }
    return true;
}

/* Behind "dsn=", or of a release without it (before 2.3): what is between and ", status=". */
static bool take_status(struct slice *s, struct event *e)
{
    while (!TAKE(*s, ", status=")) {
        if (!TAKE(*s, ", "))
            return false;
        *s = slice_skip(*s, slice_find(*s, ','));
    }
    e->result = take_result(s);
    if (e->result == RESULT_NONE || !TAKE(*s, "("))
        return false;
    e->text = slice_head(*s, s->n - (s->n && s->p[s->n - 1] == ')'));
    return true;
}

/* Without "dsn=": "host mx[192.0.2.9] said: 451 4.7.1 later", or only what became of it. */
static uint32_t code_of_text(const struct event *e)
{
    struct slice reply = slice_skip(e->text, slice_search(e->text, SLICE(" said: ")) + 7);
    uint32_t code = reply_status(reply, false);
    if (code || e->result == RESULT_SENT)
        return code;
    return e->result == RESULT_BOUNCED ? 5000000 : 4000000;
}

static bool take_delivery(struct slice s, struct event *e)
{
    struct slice original;
    if (!postfix_take_address(&s, SLICE(", relay="), SLICE(", orig_to=<"), &e->address))
        return false;
    if (TAKE(s, ", orig_to=<") &&
        !postfix_take_address(&s, SLICE(", relay="), SLICE(", relay="), &original))
        return false;
    if (!TAKE(s, ", relay=") || !take_relay(&s, e))
        return false;
    if (!TAKE(s, ", delay=") || !take_delay(&s, &e->delay_ms))
        return false;
    if (!TAKE(s, ", delays=")) { /* before 2.3 */
        if (!take_status(&s, e))
            return false;
        e->code = code_of_text(e);
        return true;
    }
    s = slice_skip(s, slice_find(s, ','));
    if (!take_fields_before_dsn(&s, e))
        return false;
    if (!TAKE(s, "2.0.0")) /* most are */
        e->code = reply_take_status(&s);
    return take_status(&s, e);
}

void postfix_delivery(struct slice s, struct event *e)
{
    e->kind = EVENT_UNKNOWN;
    if (!take_delivery(s, e))
        return;
    e->kind = EVENT_DELIVERY;
    if (e->result == RESULT_SENT) {
        e->code = 0;
        if (e->flags & EVENT_NETWORK)
            find_queued_as(e);
        else
            find_forwarded_as(e);
    } else if (reply_tells_loop(e->code, e->text)) {
        e->flags |= EVENT_LOOP;
    }
}
