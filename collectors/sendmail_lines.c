/*
 * Sendmail's lines: logsender() and logdelivery() write the two that tell of messages, the SMTP server, the
 * rule sets and milters the rest. Fields come in a fixed order and are taken from the left; an
 * address may hold anything in quotes or brackets. Pure. Invariant: what a stranger wrote is an address,
 * a name in "relay=" or the tail of the line, and nothing is searched for in it.
 */
#include "sendmail_lines.h"
#include "recipients.h"
#include "reply.h"

#define ID_MIN 8
#define ID_MAX 20

bool sendmail_is_id(struct slice s)
{
    unsigned digits = 0;
    if (s.n < ID_MIN || s.n > ID_MAX)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!letter && !slice_digit(c))
            return false;
        digits = slice_digit(c) ? digits + 1 : 0;
    }
    return digits >= 5;
}

/*
 * How many octets the address is that s begins with. Sendmail cuts one at `most` octets, which leaves a bracket or a
 * quote open, and what follows would be read as part of it: then it ends there, where the next field begins.
 */
static size_t span_of(struct slice s, size_t most, struct slice next)
{
    unsigned count;
    size_t n = recipients_length(s, &count);
    bool closed = n <= most && (n == 0 || *s.p != '<' || s.p[n - 1] == '>');
    return !closed && slice_starts(slice_skip(s, most), next) ? most : n;
}
#define SENDER_MOST   200 /* "from=%.200s" */
#define CONTROL_MOST  83  /* shortenstring() */
#define ARGUMENT_MOST 203 /* shortenstring(): the first and last 100 octets, dots between */

/* Takes ", name=" and the value, which ends at the next field's comma. */
static bool take_field(struct slice *s, struct slice name, struct slice *value)
{
    struct slice rest = *s;
    if (!slice_take(&rest, SLICE(", ")) || !slice_take(&rest, name) ||
        !slice_take(&rest, SLICE("=")))
        return false;
    *value = slice_head(rest, slice_search(rest, SLICE(", ")));
    *s = slice_skip(rest, value->n);
    return true;
}

static uint64_t take_number(struct slice *s, struct slice name)
{
    struct slice value;
    uint64_t n = 0;
    if (take_field(s, name, &value))
        slice_number(&value, &n);
    return n;
}

/* "host.example.org [192.0.2.9]", "[192.0.2.9]", "h [IPv6:2001:db8::1] (may be forged)": the address. */
static struct slice address_of(struct slice relay)
{
    const char *open = relay.n ? memrchr(relay.p, '[', relay.n) : NULL;
    if (!open)
        return slice_head(relay, 0);
    struct slice address = slice_skip(relay, (size_t)(open + 1 - relay.p));
    address = slice_head(address, slice_find(address, ']'));
    slice_take(&address, SLICE("IPv6:"));
    return address;
}

/* "00:00:02", "2+03:04:05" in ms. */
static uint64_t delay_of(struct slice s)
{
    uint64_t days = 0, hours, minutes, seconds;
    if (!slice_number(&s, &hours))
        return 0;
    if (slice_take(&s, SLICE("+"))) {
        days = hours;
        if (!slice_number(&s, &hours))
            return 0;
    }
    if (!slice_take(&s, SLICE(":")) || !slice_number(&s, &minutes) || !slice_take(&s, SLICE(":")) ||
        !slice_number(&s, &seconds) || days > 100000 || hours > 1000 || minutes > 59 ||
        seconds > 60)
        return 0;
    return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000;
}

/*
 * "<a@b>, size=196, class=0, nrcpts=1, msgid=<m@c>, bodytype=8BITMIME, proto=ESMTP, daemon=MTA,
 * relay=host [192.0.2.9]". A transaction that ended without a recipient is logged too.
 */
static void from(struct slice s, struct event *e)
{
    unsigned count;
    struct slice list = slice_head(s, span_of(s, SENDER_MOST, SLICE(", size="))), value;
    if (!slice_starts(slice_skip(s, list.n), SLICE(", size=")))
        list = slice_head(s, recipients_named_length(s, &count));
    s = slice_skip(s, list.n);
    e->address = recipients_next(&list);
    e->size = take_number(&s, SLICE("size"));
    take_number(&s, SLICE("class"));
    take_number(&s, SLICE("pri"));
    e->recipients = (uint32_t)take_number(&s, SLICE("nrcpts"));
    if (take_field(&s, SLICE("msgid"), &value))
        e->text = value;
    bool from_network = false;
    for (size_t at; (at = slice_search(s, SLICE(", "))) < s.n;) {
        s = slice_skip(s, at);
        if (take_field(&s, SLICE("relay"), &value))
            e->peer = address_of(value);
        else if (take_field(&s, SLICE("daemon"), &value))
            from_network = true;
        else
            s = slice_skip(s, 2);
    }
    e->service = from_network || e->peer.n ? SLICE(SENDMAIL_SMTP) : SLICE(SENDMAIL_LOCAL);
    e->kind = e->recipients ? EVENT_ARRIVED : EVENT_NONE;
}

/* "Sent (ID Message accepted for delivery)", which Sendmail answers: the id there. */
static void take_next_id(struct slice text, struct event *e)
{
    struct slice id = slice_head(text, slice_find(text, ' '));
    text = slice_skip(text, id.n);
    if (!sendmail_is_id(id) || !STARTS(text, " Message accepted for delivery"))
        return;
    e->other_id = id;
    e->flags |= EVENT_QUEUED_AS;
}

/* The words of a deferral that say that nobody could be talked to. */
static bool unreached(struct slice s)
{
    return STARTS(s, "Connection refused") || STARTS(s, "Connection timed out") ||
           STARTS(s, "No route to host") || STARTS(s, "Network is unreachable") ||
           STARTS(s, "Operation timed out") || STARTS(s, "Host is down");
}

/* sent: dsn= says so, or nothing. Other hosts' words are in stat=, too. */
static void take_result(struct slice stat, bool sent, uint32_t code, struct event *e)
{
    e->kind = EVENT_DELIVERY;
    e->text = stat;
    e->code = code;
    if (sent && TAKE(stat, "Sent")) {
        e->result = RESULT_SENT;
        e->code = 0;
        if (TAKE(stat, " (") && slice_ends(stat, SLICE(")"))) {
            e->text = slice_head(stat, stat.n - 1);
            take_next_id(e->text, e);
        }
        return;
    }
    bool later = TAKE(stat, "Deferred") || code / 1000000 == 4;
    e->result = later ? RESULT_DEFERRED : RESULT_BOUNCED;
    TAKE(stat, ": ");
    if (later)
        e->text = stat;
    if (later && unreached(stat))
        e->flags = (e->flags & ~(unsigned)EVENT_NETWORK) | EVENT_UNREACHED;
    if (reply_tells_loop(code, e->text))
        e->flags |= EVENT_LOOP;
    if (!code)
        e->code = later ? 4000000 : 5000000;
}

/*
 * "<a@b>,<c@d>, ctladdr=<e@f> (8/0), delay=00:00:02, xdelay=00:00:01, mailer=esmtp, pri=60196,
 * relay=host [192.0.2.9], dsn=4.2.1, reply=450 4.2.1 not now, stat=Deferred: 450 4.2.1 not now".
 * Without a mailer a message is refused after it was taken in.
 */
static void to(struct slice s, struct event *e)
{
    unsigned count;
    uint32_t code = 0;
    struct slice value, list = slice_head(s, recipients_named_length(s, &count));
    s = slice_skip(s, list.n);
    slice_take(&s, SLICE(",")); /* "<a@b>, [more], ctladdr=" */
    if (!slice_take(&s, SLICE(" [more]")) && STARTS(s, " "))
        s = (struct slice){s.p - 1, s.n + 1};
    e->recipients = count;
    e->address = list;
    struct slice one = list;
    if (count == 1)
        e->address = recipients_next(&one);
    if (TAKE(s, ", ctladdr=")) {
        struct slice control = slice_head(s, span_of(s, CONTROL_MOST, SLICE(" (")));
        s = slice_skip(s, control.n);
        if (!memchr(list.p, '@', list.n)) /* what an alias became */
            e->original = recipients_next(&control);
        s = slice_skip(s, slice_search(s, SLICE(", delay=")));
    }
    if (take_field(&s, SLICE("delay"), &value))
        e->delay_ms = delay_of(value);
    take_field(&s, SLICE("xdelay"), &value);
    if (take_field(&s, SLICE("mailer"), &value))
        e->service = value;
    take_field(&s, SLICE("pri"), &value);
    if (take_field(&s, SLICE("relay"), &value)) {
        e->relay = value;
        if (memchr(value.p, '[', value.n))
            e->flags |= EVENT_NETWORK;
    }
    bool sent = true;
    if (take_field(&s, SLICE("dsn"), &value)) {
        sent = STARTS(value, "2");
        code = reply_take_status(&value);
    }
    take_field(&s, SLICE("ntries"), &value);
    take_field(&s, SLICE("stage"), &value);
    if (take_field(&s, SLICE("quarantine"), &value))
        e->text = value;
    size_t stat = STARTS(s, ", reply=") ? slice_search(s, SLICE(", stat=")) : 0;
    s = slice_skip(s, stat);
    if (!TAKE(s, ", stat="))
        return;
    if (slice_eq(s, SLICE("quarantined")))
        e->kind = EVENT_HELD;
    else if (slice_eq(s, SLICE("queued")) || !e->service.n)
        e->kind = EVENT_NONE;
    else
        take_result(s, sent, code, e);
}

/* Fills what a refusal says: the reply's code and words. */
static void refuse(struct slice reply, bool recipient, struct event *e)
{
    e->kind = EVENT_REJECT;
    e->text = reply;
    e->code = reply_status(reply, recipient);
    if (recipient)
        e->flags |= EVENT_RECIPIENT;
    if (reply_tells_loop(e->code, reply))
        e->flags |= EVENT_LOOP;
}

/* Rulesets that judge other servers, a recipient at its delivery, or what is no message and no recipient. */
static bool is_outbound(struct slice set)
{
    static const struct slice sets[] = {
        TEXT("tls_server"), TEXT("tls_rcpt"),   TEXT("try_tls"),      TEXT("oc_rate"),
        TEXT("oc_conc"),    TEXT("trust_auth"), TEXT("check_compat"), TEXT("check_etrn"),
        TEXT("check_vrfy"), TEXT("check_expn"), TEXT("bcc"),
    };
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
        if (slice_eq(set, sets[i]))
            return true;
    return false;
}

/*
 * "check_rcpt, arg1=<x@y>, relay=host [192.0.2.9], reject=550 5.7.1 <x@y>... Relaying denied"; also
 * discard and quarantine=. The second argument of check_relay is the address.
 */
static void ruleset(struct slice s, struct event *e)
{
    struct slice value, set = slice_head(s, slice_find(s, ','));
    unsigned count;
    bool recipient = slice_eq(set, SLICE("check_rcpt"));
    s = slice_skip(s, set.n);
    e->kind = EVENT_NONE;
    if (is_outbound(set) || !TAKE(s, ", arg1="))
        return;
    size_t n = recipients_length(s, &count), span = span_of(s, ARGUMENT_MOST, SLICE(", "));
    s = slice_skip(s, count == 1 || span != n ? span : slice_search(s, SLICE(", ")));
    if (!STARTS(s, ", "))
        s = slice_skip(s, slice_search(s, SLICE(", ")));
    if (take_field(&s, SLICE("arg2"), &value))
        e->peer = value;
    if (take_field(&s, SLICE("relay"), &value))
        e->peer = address_of(value);
    if (TAKE(s, ", reject=")) {
        refuse(s, recipient, e);
        if (slice_eq(set, SLICE("check_relay")))
            e->kind = EVENT_CONNECTION_REJECT;
    } else if (STARTS(s, ", discard")) {
        e->kind = EVENT_DISCARDED;
        e->text = set;
    }
}

/* "to=<x@y>, reject=550 5.7.1 no", "data, discard", "connect: host=h, addr=192.0.2.9, reject=554 no" */
static void milter(struct slice s, struct event *e)
{
    struct slice value;
    unsigned count;
    bool recipient = TAKE(s, "to="), connect = STARTS(s, "connect");
    e->kind = EVENT_NONE;
    if (recipient || TAKE(s, "from=")) {
        s = slice_skip(s, recipients_length(s, &count));
    } else if (connect) {
        s = slice_skip(s, slice_search(s, SLICE(", addr=")));
        if (take_field(&s, SLICE("addr"), &value))
            e->peer = value;
    } else {
        TAKE(s, "cmd=");
        s = slice_skip(s, slice_search(s, SLICE(", ")));
    }
    if (TAKE(s, ", reject=")) {
        refuse(s, recipient, e);
        if (connect)
            e->kind = EVENT_CONNECTION_REJECT;
    } else if (STARTS(s, ", discard")) {
        e->kind = EVENT_DISCARDED;
        e->text = SLICE("milter");
    }
}

/* "NEWID: DSN: User unknown", "NEWID: clone: owner=list-owner", of the message e->id. */
static bool successor(struct slice s, struct event *e)
{
    static const struct {
        struct slice words;
        enum event_notice notice;
    } notices[] = {
        {TEXT("DSN: Return receipt"), NOTICE_SUCCESS},
        {TEXT("DSN: "), NOTICE_BOUNCE},
        {TEXT("return to sender: "), NOTICE_BOUNCE},
        {TEXT("postmaster notify: "), NOTICE_BOUNCE},
        {TEXT("sender notify: Warning: "), NOTICE_DELAY},
        {TEXT("sender notify: "), NOTICE_BOUNCE},
        {TEXT("Return receipt"), NOTICE_SUCCESS},
    };
    struct slice id = slice_head(s, slice_find(s, ':'));
    s = slice_skip(s, id.n);
    if (!sendmail_is_id(id) || !TAKE(s, ": "))
        return false;
    e->other_id = id;
    e->text = s;
    if (STARTS(s, "clone: ")) {
        e->kind = EVENT_COPIED;
        return true;
    }
    for (size_t i = 0; i < sizeof notices / sizeof notices[0]; i++)
        if (slice_starts(s, notices[i].words)) {
            e->kind = EVENT_NOTICE;
            e->notice = notices[i].notice;
            if (STARTS(s, "DSN: Too many hops"))
                e->flags |= EVENT_LOOP; /* nothing else is logged of the message */
            return true;
        }
    return false;
}

/* The address in "host [192.0.2.9] did not ..." and its like. */
static void about_client(struct slice client, struct slice text, enum event_kind kind,
                         struct event *e)
{
    e->kind = kind;
    e->service = SLICE(SENDMAIL_SMTP);
    e->peer = address_of(client);
    e->text = text;
}

/* "STARTTLS=server, relay=host [192.0.2.9], version=TLSv1.3, verify=NO, cipher=..., bits=256/256" */
static void tls(struct slice s, struct event *e)
{
    struct slice value, side = slice_head(s, slice_find(s, ','));
    s = slice_skip(s, side.n);
    e->kind = EVENT_NONE;
    if (!take_field(&s, SLICE("relay"), &value) || !STARTS(s, ", version="))
        return;
    if (slice_eq(side, SLICE("server")))
        about_client(value, slice_skip(s, 2), EVENT_TLS_IN, e);
}

/* "AUTH failure (LOGIN): authentication failure (-13) SASL(-13): ..., relay=host [192.0.2.9]" */
static void auth_failure(struct slice s, struct event *e)
{
    const char *last = memmem(s.p, s.n, ", relay=", 8);
    for (const char *next = last; next;
         next = memmem(next, s.n - (size_t)(next - s.p), ", relay=", 8))
        last = next++;
    struct slice relay = last ? slice_skip(s, (size_t)(last + 8 - s.p)) : slice_head(s, 0);
    s = slice_head(s, last ? (size_t)(last - s.p) : s.n);
    about_client(relay, slice_trim(s), EVENT_AUTH_FAIL, e);
}

/* Takes "host [192.0.2.9]", "[192.0.2.9]", "h [192.0.2.9] (may be forged)" or the name of a local program off *s. */
static struct slice take_client(struct slice *s)
{
    size_t end = slice_find(*s, ']') + 1;
    if (end > s->n || slice_find(*s, '[') > end)
        end = slice_find(*s, ' ');
    struct slice client = slice_head(*s, end);
    *s = slice_skip(*s, end);
    TAKE(*s, " (may be forged)");
    return client;
}

/* Lines with a client's name in front: "host [192.0.2.9] did not issue ...". What follows may be the client's words. */
static bool client_first(struct slice s, struct event *e)
{
    static const struct slice aborts[] = {
        TEXT(" did not issue MAIL/EXPN/VRFY/ETRN during connection to "),
        TEXT(": Possible SMTP RCPT flood"),
        TEXT(": probable open proxy"),
        TEXT(": SMTP violation"),
    };
    struct slice client = take_client(&s), words = s;
    bool address = slice_ends(client, SLICE("]"));
    TAKE(words, ":");
    words = slice_trim(words);
    if (slice_starts_any(s, aborts, sizeof aborts / sizeof aborts[0])) {
        about_client(client, words, EVENT_ABORT, e);
        return true;
    }
    if (!address || !STARTS(s, ": ")) /* "[192.0.2.9]: expn root", "...: possible SMTP attack" */
        return false;
    if (STARTS(s, ": ETRN "))
        about_client(client, words, EVENT_ETRN, e);
    else
        e->kind = EVENT_NONE;
    return true;
}

/* "unexpected close on connection from host, sender=<s@x>": behind "collect: ". */
static bool cut_message(struct slice s, struct event *e)
{
    size_t at = slice_search(s, SLICE(" on connection from "));
    if (at == s.n)
        return false;
    about_client(slice_head(s, 0), slice_head(s, at), EVENT_ABORT, e);
    return true;
}

/* "lost input channel from host [192.0.2.9] to MTA after rcpt" */
static void lost(struct slice s, struct slice words, struct event *e)
{
    size_t n = slice_find(s, ']');
    about_client(slice_head(s, n + 1), words, EVENT_ABORT, e);
}

/* "h.example.org [192.0.2.9] during server cmd read"; "during client MAIL" of a host that mail is sent to. */
static void timed_out(struct slice s, struct event *e)
{
    if (HAS(s, " during client ") && !HAS(s, " during server "))
        e->kind = EVENT_NONE; /* its recipients say so */
    else
        lost(s, SLICE("timeout waiting for input"), e);
}

/* The daemon's own life. "starting daemon (8.17.1.9): SMTP+queueing@00:10:00" */
static bool daemon_line(struct slice s, struct event *e)
{
    static const struct {
        struct slice words;
        enum event_kind kind;
    } lines[] = {
        {TEXT("stopping daemon, reason="), EVENT_STOPPED},
        {TEXT("restarting "), EVENT_STARTING},
        {TEXT("rejecting connections on daemon "), EVENT_STRESS_ON},
        {TEXT("rejecting new messages: "), EVENT_STRESS_ON},
        {TEXT("deferring connections on daemon "), EVENT_CONGESTED},
        {TEXT("delaying="), EVENT_CONGESTED},
        {TEXT("low on space "), EVENT_CONGESTED},
        {TEXT("accepting connections again for daemon "), EVENT_STRESS_OFF},
        {TEXT("accepting new messages (again)"), EVENT_STRESS_OFF},
    };
    struct slice version = s;
    if (TAKE(version, "starting daemon (")) {
        e->kind = EVENT_STARTED;
        e->text = slice_head(version, slice_find(version, ')'));
        return true;
    }
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        if (slice_starts(s, lines[i].words)) {
            e->kind = lines[i].kind;
            e->text = s;
            return true;
        }
    return false;
}

/* "<x@local.test>... User unknown": what the SMTP server answered a recipient. */
static bool user_error(struct slice s, struct event *e)
{
    unsigned count;
    size_t n = recipients_length(s, &count);
    struct slice words = slice_skip(s, n);
    if (!STARTS(s, "<") || count != 1 || !TAKE(words, "... "))
        return false;
    refuse(words, true, e);
    if (!e->code)
        e->code = STARTS(words, "User unknown") ? 5001001 : 5000000;
    return true;
}

static bool session_line(struct slice s, struct event *e)
{
    struct slice rest = s;
    if (TAKE(rest, "lost input channel from "))
        lost(rest, SLICE("lost input channel"), e);
    else if (TAKE(rest, "timeout waiting for input from "))
        timed_out(rest, e);
    else if (TAKE(rest, "rejecting server EHLO from ") || TAKE(rest, "rejecting commands from "))
        lost(rest, SLICE("traffic before response"), e);
    else if (TAKE(rest, "AUTH failure"))
        auth_failure(rest, e);
    else if (!TAKE(rest, "collect: ") || !cut_message(rest, e))
        return client_first(s, e);
    return true;
}

void sendmail_line(struct slice s, struct event *e)
{
    e->service = SLICE(SENDMAIL_SMTP);
    if (TAKE(s, "from=")) {
        from(s, e);
    } else if (TAKE(s, "to=")) {
        e->service = slice_head(s, 0);
        to(s, e);
    } else if (TAKE(s, "ruleset=")) {
        ruleset(s, e);
    } else if (TAKE(s, "Milter: ")) {
        milter(s, e);
    } else if (TAKE(s, "STARTTLS=")) {
        tls(s, e);
    } else if (!(e->id.n && (user_error(s, e) || successor(s, e))) && !daemon_line(s, e) &&
               !session_line(s, e)) {
        e->kind = sendmail_is_silent(s) ? EVENT_NONE : EVENT_UNKNOWN;
    }
}
