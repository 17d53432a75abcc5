/*
 * The lines that tell of one recipient: delivered, failed, deferred (deliver.c's delivery_log,
 * failure_log, deferral_log), read from the left in the order in which Exim writes the fields. Pure.
 */
#include "exim_fields.h"

/* Is it what a pipe, a file or an automatic reply delivers to? It may hold any text, blanks too. */
static bool is_local_part(struct slice s)
{
    return s.n && (*s.p == '|' || *s.p == '/' || *s.p == '>' || STARTS(s, "save "));
}

/* Offset of the last `what`, or s.n. */
static size_t search_last(struct slice s, struct slice what)
{
    size_t found = s.n, at = 0;
    for (;;) {
        size_t next = slice_search(slice_skip(s, at), what);
        if (at + next >= s.n)
            return found;
        found = at + next;
        at = found + 1;
    }
}

/*
 * Such a recipient ends where the driver's fields begin, and nothing behind those is anybody's choice:
 * so the last router or transport is looked for. Before it stands "<address as it came>".
 */
static void take_local_part(struct slice *s, struct event *e)
{
    size_t end = search_last(*s, SLICE(" R="));
    if (end == s->n)
        end = search_last(*s, SLICE(" T="));
    struct slice head = slice_head(*s, end);
    *s = slice_skip(*s, end + 1);
    size_t angle = search_last(head, SLICE(" <"));
    e->address = slice_head(head, angle);
    if (angle < head.n) {
        head = slice_skip(head, angle + 1);
        exim_take_angle(&head, &e->original);
    }
}

/* Is `plain` the address without the quotes of its local part? */
static bool is_unquoted(struct slice plain, struct slice quoted)
{
    size_t n = 0;
    bool inside = false;
    for (size_t i = 0; i < quoted.n; i++) {
        if (quoted.p[i] == '"') {
            inside = !inside;
            continue;
        }
        if (inside && quoted.p[i] == '\\' && ++i == quoted.n)
            return false;
        if (n == plain.n || plain.p[n++] != quoted.p[i])
            return false;
    }
    return n == plain.n;
}

#define ADDRESS_MOST 1024 /* octets of an address ... */
#define LOOKS        256  /* ... and how many of them may look like the beginning of another */

/*
 * A local part in quotes may hold anything, and is logged without them; then the address as it came, in
 * quotes, stands behind it. The last one that is the same as all before it is that.
 */
static bool take_unquoted_address(struct slice all, struct slice *s, struct event *e)
{
    bool found = false;
    struct slice rest = all;
    for (unsigned looks = 0; slice_cut(&rest, '<').p && looks < LOOKS; looks++) {
        size_t at = all.n - rest.n - 1;
        if (at == 0 || all.p[at - 1] != ' ' || !STARTS(rest, "\""))
            continue;
        struct slice head = slice_head(all, at - 1), original;
        struct slice t = slice_head(slice_skip(all, at), ADDRESS_MOST);
        if (!exim_take_angle(&t, &original) || !is_unquoted(head, original))
            continue;
        found = true;
        e->address = head;
        *s = slice_skip(all, (size_t)(t.p - all.p));
    }
    return found;
}

/* Does a field of a delivery begin here? */
static bool at_field(struct slice s)
{
    return STARTS(s, "R=") || STARTS(s, "T=") || STARTS(s, "F=<") || STARTS(s, "P=<") ||
           STARTS(s, "Q=") || STARTS(s, "SRS=<");
}

/*
 * "joe+some folder (alias@x) <joe@x> R=r": the local part of an address that came in quotes, without them, where the
 * address as it came is another one. It ends at the first "<address>" that a field follows.
 */
static bool take_spaced_address(struct slice all, struct slice *s, struct event *e)
{
    struct slice rest = slice_head(all, ADDRESS_MOST);
    for (unsigned looks = 0; slice_cut(&rest, '>').p && looks < LOOKS; looks++) {
        struct slice head = slice_head(all, (size_t)(rest.p - all.p));
        size_t angle = search_last(head, SLICE(" <"));
        if (angle == head.n || !TAKE(rest, " ") || !at_field(rest))
            continue;
        e->address = slice_head(head, slice_search(slice_head(head, angle), SLICE(" (")));
        head = slice_skip(head, angle + 1);
        exim_take_angle(&head, &e->original);
        *s = slice_skip(all, (size_t)(rest.p - all.p));
        return true;
    }
    return false;
}

/* "address", "address (parent, parent) <address as it came>"; true: a colon ended it. */
static inline bool take_address(struct slice *s, struct event *e)
{
    struct slice behind;
    if (take_unquoted_address(*s, &behind, e)) {
        *s = behind;
        return TAKE(*s, ": ");
    }
    struct slice all = *s, a = exim_take_word(s);
    bool colon = a.n > 1 && a.p[a.n - 1] == ':' && *a.p != ':';
    e->address = slice_head(a, a.n - colon);
    if (colon)
        return true;
    if (s->n && !memchr("<(:", *s->p, 3) && !at_field(*s) && !memchr(a.p, '@', a.n) &&
        take_spaced_address(all, s, e))
        return false;
    if (s->n && *s->p == '(') {
        size_t end = slice_search(*s, SLICE(") "));
        *s = slice_skip(*s, end + 2);
    }
    if (!STARTS(*s, "<"))
        return false;
    struct slice t = *s;
    if (exim_take_angle(&t, &e->original))
        *s = t;
    return TAKE(*s, ": ");
}

static void set_router(struct event *e, struct slice word)
{
    if (e->service.n == 0)
        e->service = word; /* "R=name" is the group's name too */
}

/*
 * The field that a word begins, beside those with words of their own. R=, T= and S= stand before the host; behind
 * it they are within what another host said of itself (DN=).
 */
static void take_field(struct slice word, struct event *e)
{
    uint64_t n;
    if (word.n < 2 || (e->relay.n && memchr("RTS", word.p[0], 3)))
        return;
    switch (word.p[0]) {
    case 'R':
        if (word.p[1] == '=')
            set_router(e, word);
        break;
    case 'T':
        if (TAKE(word, "T=") && word.n && (e->service.n == 0 || STARTS(e->service, "R=")))
            e->service = word;
        break;
    case 'X':
        if (word.p[1] == '=')
            e->flags |= EVENT_TLS;
        break;
    case 'S':
        if (TAKE(word, "S=") && slice_number(&word, &n) && word.n == 0)
            e->size = n;
        break;
    case 'Q':
        if (TAKE(word, "QT=") && exim_take_span(&word, &n))
            e->delay_ms = n;
        break;
    default:
        break;
    }
}

/* C="250 2.0.0 Ok: queued as 77AA": the words of the host that took it. */
static void take_confirmation(struct slice word, struct event *e)
{
    if (word.n >= 2 && word.p[word.n - 1] == '"')
        e->text = (struct slice){word.p + 1, word.n - 2};
}

/* A content filter that hands mail back says under which id: Exim's own "OK id=1vMabc-...". */
static void find_queued_as(struct event *e)
{
    struct slice s = e->text;
    struct queue_id id;
    size_t n = 0;
    while (!n && slice_cut(&s, '=').p)
        if (s.p - e->text.p >= 4 && memcmp(s.p - 4, " id=", 4) == 0)
            n = exim_id(s, &id);
    if (!n)
        return;
    e->other_id = slice_head(s, n);
    e->packed_other = id;
    e->flags |= EVENT_QUEUED_AS;
}

/* "games <games@local.test>": a local part that did not become another. */
static void restore_domain(struct event *e)
{
    struct slice rest = e->original;
    if (e->address.n && slice_take(&rest, e->address) && STARTS(rest, "@")) {
        e->address = e->original;
        e->original.n = 0;
    }
}

void exim_delivery(struct slice s, struct event *e)
{
    e->kind = EVENT_DELIVERY;
    e->result = RESULT_SENT;
    if (STARTS(s, "blackhole (") || STARTS(s, "discarded (")) { /* by an ACL, the system filter */
        e->kind = EVENT_DISCARDED;
        e->service = SLICE(EXIM_OWN);
        e->text = s;
        return;
    }
    if (is_local_part(s)) {
        struct slice behind = s;
        take_local_part(&behind, e);
        s = behind;
    } else {
        take_address(&s, e);
    }
    restore_domain(e);
    while (s.n) {
        if (TAKE(s, "H=")) {
            s = exim_skip_relay(s, e);
            continue;
        }
        struct slice word = exim_take_word(&s);
        if (TAKE(word, "C=\""))
            take_confirmation((struct slice){word.p - 1, word.n + 1}, e);
        else
            take_field(word, e);
    }
    if (e->service.n == 0 || (*e->service.p == 'R' && slice_eq(e->address, SLICE(":blackhole:"))))
        e->service = SLICE(EXIM_DISCARD);
    if (e->flags & EVENT_NETWORK)
        find_queued_as(e);
}

/* The reply in "SMTP error from remote mail server after RCPT TO:<x>: 550 5.1.1 no such user". */
static uint32_t remote_status(struct slice s)
{
    struct slice address;
    bool recipient = TAKE(s, "RCPT TO:"), sender = !recipient && TAKE(s, "MAIL FROM:");
    if ((recipient || sender) && exim_take_angle(&s, &address))
        TAKE(s, ": ");
    uint32_t code = reply_status(s, recipient);
    for (size_t at; code == 0 && (at = slice_search(s, SLICE(": "))) < s.n;) {
        s = slice_skip(s, at + 2);
        code = reply_status(s, recipient);
    }
    return code;
}

/* How texts begin that end in another host's reply: of SMTP, of LMTP, of a recipient after the data (PRDR). */
static const struct slice replied[] = {
    TEXT("SMTP error from remote mail server after "),
    TEXT("SMTP error from remote mailer after "), /* before Exim 4.00 */
    TEXT("LMTP error after "),
    TEXT("PRDR error after "),
};

static uint32_t replied_status(struct slice s)
{
    for (size_t i = 0; i < sizeof replied / sizeof replied[0]; i++)
        if (slice_take(&s, replied[i]))
            return remote_status(s);
    return 0;
}

/* What Exim's own words mean (RFC 3463); the first that fits. */
static const struct {
    struct slice words;
    uint32_t code;
    unsigned flags;
} reasons[] = {
    {TEXT("retry timeout exceeded"), 5004007, EVENT_OVERDUE},
    {TEXT("retry time not reached for any host after a long failure period"), 5004007,
     EVENT_OVERDUE},
    {TEXT("have been failing for a long time"), 5004007, EVENT_OVERDUE},
    {TEXT("remote host address is the local host"), 5004006, EVENT_LOOP},
    {TEXT("lowest numbered MX record points to local host"), 5004006, EVENT_LOOP},
    {TEXT("Too many \"Received\" headers"), 5004006, EVENT_LOOP},
    {TEXT("Unrouteable address"), 5001001, 0},
    {TEXT("nknown user"), 5001001, 0},
    {TEXT("ser unknown"), 5001001, 0},
    {TEXT("o such user"), 5001001, 0},
    {TEXT("o Such User"), 5001001, 0},
    {TEXT("all relevant MX records point to non-existent hosts"), 5001002, 0},
    {TEXT("an MX or SRV record indicated no SMTP service"), 5001010, 0},
    {TEXT("all host address lookups failed permanently"), 5001002, 0},
    {TEXT("ailing domain"), 5001002, 0},
    {TEXT("all MXs point to missing A records"), 5001002, 0},
    {TEXT("mailbox is full"), 5002002, 0},
    {TEXT("quota exceeded"), 5002002, 0},
    {TEXT("message is too big"), 5003004, 0},
    {TEXT("SMTP timeout"), 5004002, 0},
    {TEXT("LMTP timeout"), 5004002, 0},
    {TEXT("Connection refused"), 5004001, 0},
    {TEXT("Connection timed out"), 5004001, 0},
    {TEXT("No route to host"), 5004001, 0},
    {TEXT("Network is unreachable"), 5004001, 0},
    {TEXT("Network Error"), 5004001, 0},
    {TEXT("did not complete"), 5004003, 0},
    {TEXT("lost connection"), 5004002, 0},
    {TEXT("closed connection"), 5004002, 0},
    {TEXT("Malformed SMTP reply"), 5005000, 0},
    {TEXT("utf8 support required"), 5006007, 0},
    {TEXT("authentication required but "), 5007008, 0},
    {TEXT("DANE error"), 5007005, 0},
    {TEXT("TLS session"), 5007005, 0},
    {TEXT("Permission denied"), 5003000, 0},
    {TEXT("No space left on device"), 5003001, 0},
    {TEXT("failed to expand"), 5003005, 0},
    {TEXT("error in redirect data"), 5003005, 0},
    {TEXT("error in filter file"), 5003005, 0},
};

/* What the number in "defer (-18)" means: an ERRNO_ of macros.h, the same on every system. */
static const struct {
    uint8_t number;
    uint32_t code;
} errors[] = {
    {9, 4002000},  /* LOCKFAILED */
    {17, 4003005}, /* BADREDIRECT */
    {18, 4004002}, /* SMTPCLOSED */
    {19, 4005000}, /* SMTPFORMAT */
    {21, 4003005}, /* NOTABSOLUTE */
    {22, 4002002}, /* EXIMQUOTA */
    {27, 4003005}, /* EXPANDFAIL */
    {30, 4003005}, /* BADTRANSPORT */
    {32, 4004004}, /* UNKNOWNHOST */
    {36, 4004003}, /* DNSDEFER */
    {37, 4007005}, /* TLSFAILURE */
    {38, 4007005}, /* TLSREQUIRED */
    {42, 4007008}, /* AUTHFAIL */
    {43, 4004001}, /* CONNECTTIMEOUT */
    {48, 4007000}, /* AUTHPROB */
    {49, 4006007}, /* UTF8_FWD */
    {50, 4004006}, /* HOST_IS_LOCAL */
    {51, 4003005}, /* TAINT */
};

static uint32_t error_code(uint64_t number)
{
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        if (errors[i].number == number)
            return errors[i].code;
    return 0;
}

/* Sets the code of class 4 or 5 that the text tells, unless it is set, and a loop or an overdue message. */
static void judge(struct event *e, uint32_t class)
{
    struct slice s = e->text;
    if (e->code == 0)
        e->code = replied_status(s);
    for (size_t i = 0; e->code == 0 && i < sizeof reasons / sizeof reasons[0]; i++)
        if (slice_search(s, reasons[i].words) < s.n) {
            e->code = reasons[i].code % 1000000 + class * 1000000;
            e->flags |= class == 5 ? reasons[i].flags : reasons[i].flags & EVENT_LOOP;
        }
    if (e->code == 0)
        e->code = class * 1000000;
    if (reply_tells_loop(e->code, s))
        e->flags |= EVENT_LOOP;
}

/* Takes ": " or " : ", which stands before the reason; newer ones have the second. */
static bool take_colon(struct slice *s)
{
    return TAKE(*s, ": ") || TAKE(*s, " : ");
}

void exim_failure(struct slice s, struct event *e)
{
    bool reason;
    e->kind = EVENT_DELIVERY;
    e->result = RESULT_BOUNCED;
    if (is_local_part(s)) {
        take_local_part(&s, e);
        reason = false;
    } else {
        reason = take_address(&s, e);
    }
    while (!reason && s.n && !(reason = take_colon(&s))) {
        if (TAKE(s, "H=")) {
            exim_take_relay(&s, e);
            continue;
        }
        struct slice word = exim_take_word(&s);
        if (word.n > 1 && word.p[word.n - 1] == ':') {
            word.n--;
            reason = true;
        }
        if (word.n < 2 || !memchr(word.p, '=', word.n < 8 ? word.n : 8)) {
            reason = true; /* words of the reason already */
            s = (struct slice){word.p, (size_t)(s.p + s.n - word.p)};
        } else {
            take_field(word, e);
        }
    }
    e->text = s;
    if (e->service.n == 0)
        e->service = SLICE(EXIM_NOWHERE);
    judge(e, 5);
}

#define RETRY_BASE 52 /* "retry time not reached" and the like, as negative errors */
#define HELD       23 /* the domain is in hold_domains */

/* The recipient only waits: its domain is in queue_smtp_domains, -odqs or control = queue was said. */
static bool waits(struct slice text)
{
    return STARTS(text, "SMTP delivery explicitly queued") ||
           STARTS(text, "first-pass only routing due to ") ||
           STARTS(text, "domain matches queue_smtp_domains");
}

/* "defer (-44)" -> 44 and true for the sign. */
static bool take_errno(struct slice *s, uint64_t *error, bool *negative)
{
    struct slice t = *s;
    if (!TAKE(t, "defer ("))
        return false;
    *negative = TAKE(t, "-");
    if (!slice_number(&t, error) || !TAKE(t, ")"))
        return false;
    *s = t;
    return true;
}

/* ": Connection refused H=mx [192.0.2.1] DT=0s: words", all of it optional; numbered: an error of the system. */
static void take_defer_reason(struct slice s, bool numbered, struct event *e)
{
    struct slice error = {NULL, 0};
    if (numbered && TAKE(s, ": ")) {
        size_t colon = slice_search(s, SLICE(": ")), host = slice_search(s, SLICE(" H="));
        error = slice_head(s, colon < host ? colon : host);
        s = slice_skip(s, error.n);
    }
    if (TAKE(s, " H=")) {
        exim_take_relay(&s, e);
        if (s.p[-1] == ' ') /* behind the host stands a field or the colon */
            s = (struct slice){s.p - 1, s.n + 1};
    }
    size_t colon = slice_search(s, SLICE(": ")); /* behind I=, DT= */
    s = slice_skip(s, colon + 2);
    e->text = s.n ? s : error;
    if (error.n && s.n &&
        !(e->flags & EVENT_NETWORK)) /* "Disk quota exceeded: while writing ..." */
        e->text = (struct slice){error.p, (size_t)(s.p + s.n - error.p)};
    if (error.n && e->text.p == error.p)
        e->flags &= ~(unsigned)EVENT_NETWORK; /* there was no connection */
}

void exim_deferral(struct slice s, struct event *e)
{
    uint64_t error = 0;
    bool negative = false;
    e->kind = EVENT_DELIVERY;
    e->result = RESULT_DEFERRED;
    if (is_local_part(s)) {
        size_t end = slice_search(s, SLICE(" defer ("));
        struct slice head = slice_head(s, end);
        take_local_part(&head, e);
        s = slice_skip(s, end + 1);
        while (head.n)
            take_field(exim_take_word(&head), e);
    } else {
        take_address(&s, e);
    }
    while (s.n && !take_errno(&s, &error, &negative))
        take_field(exim_take_word(&s), e);
    take_defer_reason(s, !negative && error, e);
    if ((negative && (error >= RETRY_BASE || error == HELD)) || waits(e->text))
        e->flags |= EVENT_UNTRIED;
    else if (negative)
        e->code = error_code(error);
    if (e->service.n == 0)
        e->service = SLICE(EXIM_NOWHERE);
    if (!(e->flags & EVENT_UNTRIED))
        judge(e, 4);
}
