/*
 * The fields that lines of several Postfix daemons share, and the line that all of them share: one
 * recipient's delivery. Pure, see mta_postfix.c.
 */
#include "postfix_fields.h"
#include "postfix_queue.h"

/* "client.example.org[192.0.2.9]" up to its ']' -> peer. Names of hosts hold no bracket. */
bool postfix_take_peer(struct slice *s, struct event *e)
{
    struct slice t = *s;
    if (!slice_cut(&t, '[').p)
        return false;
    struct slice ip = slice_cut(&t, ']');
    if (!ip.p)
        return false;
    e->peer = ip;
    *s = t;
    return true;
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

/* One to three digits. */
static bool take_part(struct slice *s, uint32_t *part)
{
    size_t i = 0;
    for (*part = 0; i < s->n && i < 3 && slice_digit(s->p[i]); i++)
        *part = *part * 10 + (uint32_t)(s->p[i] - '0');
    *s = slice_skip(*s, i);
    return i != 0;
}

/* "5.7.1" (RFC 3463 section 2) as a status code; 0 if it is none or tells of success. */
static uint32_t take_status(struct slice *s)
{
    uint32_t class, subject, detail;
    struct slice t = *s;
    if (!take_part(&t, &class) || !TAKE(t, ".") || !take_part(&t, &subject) || !TAKE(t, ".") ||
        !take_part(&t, &detail))
        return 0;
    *s = t;
    return class == 4 || class == 5 ? class * 1000000 + subject * 1000 + detail : 0;
}

/* The status code for an SMTP reply that has none of its own (RFC 5248 section 3). */
static uint32_t basic_status(uint64_t reply, struct slice words, bool recipient)
{
    static const struct {
        uint16_t reply;
        uint32_t code;
    } known[] = {
        {421, 4003002}, {422, 4002002}, {432, 4007012}, {441, 4004001}, {447, 4004007},
        {450, 4002000}, {451, 4003000}, {452, 4003001}, {454, 4007000}, {471, 4007000},
        {500, 5005002}, {501, 5005004}, {502, 5005001}, {503, 5005001}, {504, 5005004},
        {530, 5007000}, {535, 5007008}, {538, 5007011}, {550, 5007001}, {551, 5001006},
        {552, 5003004}, {553, 5001003}, {554, 5007001}, {555, 5005004}, {556, 5001010},
    };
    if (reply == 550 && recipient && (HAS(words, "nknown") || HAS(words, "o such user")))
        return 5001001;
    if (reply == 552 && (HAS(words, "mailbox") || HAS(words, "uota")))
        return 5002002;
    if (reply == 450 && HAS(words, "reylist"))
        return 4007001;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].reply == reply)
            return known[i].code;
    return reply >= 400 && reply < 600 ? (uint32_t)(reply / 100) * 1000000 : 0;
}

/* "554 5.7.1 words", "554 words" or "5.7.1 words". */
uint32_t postfix_reply_status(struct slice reply, bool recipient)
{
    uint64_t basic;
    uint32_t code = take_status(&reply);
    if (code || !slice_number(&reply, &basic))
        return code;
    reply = slice_skip(reply, 1);
    code = take_status(&reply);
    return code ? code : basic_status(basic, reply, recipient);
}

/* Only in answers about routing are these words Postfix's or a peer's, and not part of an address.
 */
bool postfix_tells_loop(uint32_t code, struct slice text)
{
    if (code / 1000 % 1000 != 4)
        return false;
    return code % 1000 == 6 || HAS(text, "too many hops") || HAS(text, "loops back to myself") ||
           HAS(text, "mail forwarding loop");
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
    if (TAKE(*s, "deliverable ") || TAKE(*s, "undeliverable "))
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

/* "... queued as 4SVLCh4dz5z9HdB": the id that the next system gave. */
static void find_queued_as(struct event *e)
{
    struct slice s = e->text;
    while (slice_cut(&s, 'q').p) {
        if (!TAKE(s, "ueued as "))
            continue;
        size_t n = postfix_id_length(s);
        if (n && (n == s.n || !strchr(".-_@", s.p[n]))) {
            e->other_id = slice_head(s, n);
            e->flags |= EVENT_QUEUED_AS;
        }
        return;
    }
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
    if (!TAKE(s, ", delay=") || !take_delay(&s, &e->delay_ms) || !TAKE(s, ", delays="))
        return false;
    s = slice_skip(s, slice_find(s, ','));
    if (!take_fields_before_dsn(&s, e))
        return false;
    if (!TAKE(s, "2.0.0")) /* most are */
        e->code = take_status(&s);
    if (!TAKE(s, ", status=") || (e->result = take_result(&s)) == RESULT_NONE || !TAKE(s, "("))
        return false;
    if (s.n && s.p[s.n - 1] == ')')
        s.n--;
    e->text = s;
    return true;
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
    } else if (postfix_tells_loop(e->code, e->text)) {
        e->flags |= EVENT_LOOP;
    }
}
