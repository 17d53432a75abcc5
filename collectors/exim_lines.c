/*
 * Exim's lines without an arrow: connections, refusals, the daemon, the queue; and a message's arrival.
 * Pure.
 */
#include "exim_fields.h"

/* Arrival: "sender R=other-id H=host I=... U=ident P=protocol X=... A=method:id S=size id=... for a b" */

/* "for a@x b@y" at the end of the line, with received_recipients. */
static uint32_t count_words(struct slice s)
{
    uint32_t n = 0;
    while (s.n)
        n += exim_take_word(&s).n > 0;
    return n;
}

/* "U=ident P=esmtp": who connects chooses an ident, of up to 127 octets and with blanks; a protocol follows it. */
static void skip_ident(struct slice *s)
{
    size_t end = slice_search(*s, SLICE(" P="));
    *s = end < s->n ? slice_skip(*s, end + 1) : slice_head(*s, 0);
}

/* Behind the host: see exim_take_peer. Where an ident is not one word, the protocol is looked for. */
static struct slice arrival_peer(struct slice s, struct event *e)
{
    if (!exim_take_peer(&s, e) || STARTS(s, "P="))
        return s;
    const char *address = e->peer.p + e->peer.n;
    struct slice behind = {address, (size_t)(s.p + s.n - address)};
    size_t ident = slice_search(behind, SLICE(" U="));
    if (ident < behind.n && address + ident < s.p) {
        s = slice_skip(behind, ident + 1);
        skip_ident(&s);
    }
    return s;
}

/* A slice whose address is handed out is in memory: those of the loop are not. */
static inline void take_arrival_field(struct slice *s, struct event *e)
{
    uint64_t n;
    if (TAKE(*s, "for ")) {
        e->recipients = count_words(*s);
        s->n = 0;
        return;
    }
    if (TAKE(*s, "H=")) {
        struct slice behind = arrival_peer(*s, e);
        if (behind.p != s->p) {
            *s = behind;
            return;
        }
    }
    if (STARTS(*s, "U=")) {
        skip_ident(s);
        return;
    }
    struct slice word = exim_take_word(s);
    if (word.n < 3)
        return;
    if (word.p[0] == 'S' && TAKE(word, "S=")) {
        if (slice_number(&word, &n) && word.n == 0)
            e->size = n;
    } else if (word.p[0] == 'A' && STARTS(word, "A=")) {
        e->flags |= EVENT_SASL;
    } else if (word.p[0] == 'X' && STARTS(word, "X=")) {
        e->flags |= EVENT_TLS;
    }
}

/* "R=1xUz0X-00066b-0Z", of a notice; nowhere else in the line. */
static void take_reference(struct slice *s, struct event *e)
{
    if (!STARTS(*s, "R="))
        return;
    struct slice word = exim_take_word(s);
    if (TAKE(word, "R=") && exim_id(word, &e->packed_other) == word.n)
        e->other_id = word;
}

void exim_arrival(struct slice s, struct event *e)
{
    e->kind = EVENT_ARRIVED;
    e->service = SLICE(EXIM_LOCAL);
    e->address = exim_take_word(&s);
    if (slice_eq(e->address, SLICE("<>")))
        e->address.n = 0;
    take_reference(&s, e);
    while (s.n)
        take_arrival_field(&s, e);
    if (e->other_id.n && e->address.n == 0 && e->peer.n == 0)
        e->service = SLICE(EXIM_OWN);
}

/* Connections of hosts, and what was refused to them */

/* "mx.example.net [192.0.2.1] Connection refused": an association that could not be opened. */
static void outbound_line(struct slice s, struct event *e)
{
    e->peer.n = e->service.n = 0;
    exim_take_relay(&s, e);
    bool answered = STARTS(s, ":") || STARTS(s, "SMTP ");
    e->kind = e->flags & EVENT_NETWORK && s.n && !answered ? EVENT_CONNECT_FAIL : EVENT_NONE;
    e->text = slice_head(s, slice_search(s, SLICE(" DT="))); /* log_selector = +deliver_time */
}

/*
 * "mx.example.net [192.0.2.1] Connection timed out" of a message, where before 4.88 there was no H= in front: the
 * words are strerror()'s, or what the host answered.
 */
static bool old_host_line(struct slice s, struct event *e)
{
    static const struct slice words[] = {TEXT(": "),
                                         TEXT("SMTP "),
                                         TEXT("Connection "),
                                         TEXT("Operation "),
                                         TEXT("Network "),
                                         TEXT("No route "),
                                         TEXT("Host "),
                                         TEXT("Permission denied"),
                                         TEXT("Cannot assign ")};
    struct event host = *e;
    struct slice rest = s;
    exim_take_relay(&rest, &host);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (host.flags & EVENT_NETWORK && slice_starts(rest, words[i])) {
            outbound_line(s, e);
            return true;
        }
    return false;
}

static bool is_remark(struct slice s)
{
    return STARTS(s, "Warning: ") || STARTS(s, "sender verify ") ||
           STARTS(s, "incomplete transaction ") || STARTS(s, "TLS error ") ||
           STARTS(s, "tmp-reject from cutthrough ") || STARTS(s, ": rejected by DCC");
}

/* "U=www F=<s@x> rejected RCPT <a@b>: no": of a local program, whose connection is none. */
static void user_line(struct slice s, struct event *e)
{
    e->kind = EVENT_NONE;
    e->service = SLICE(EXIM_LOCAL);
    exim_take_word(&s);
    exim_refusal(s, e);
    if (e->kind == EVENT_CONNECTION_REJECT)
        e->kind = EVENT_NONE;
}

/*
 * A line that begins with a host: an inbound one, then F=<sender> and what was refused; or, with the id of a
 * message, an outbound one.
 */
static void host_line(struct slice s, struct event *e)
{
    struct slice start = s;
    bool inbound = exim_take_peer(&s, e);
    if (inbound && exim_refusal(s, e))
        return;
    exim_skip_fields(&s);
    if (is_remark(s)) {
        e->kind = EVENT_NONE;
    } else if (e->id.n) {
        outbound_line(start, e);
    } else {
        e->kind = EVENT_UNKNOWN;
    }
}

/* Takes the host behind "H=" where it stands in s. */
static void find_peer(struct slice s, struct event *e)
{
    struct slice host = slice_skip(s, slice_search(s, SLICE("H=")) + 2);
    if (!exim_take_peer(&host, e))
        e->service = STARTS(s, "U=") ? SLICE(EXIM_LOCAL) : SLICE(EXIM_SMTP);
}

/* Only what the reason begins with is Exim's: behind it may stand what a client said. */
static void too_big_or_looping(struct event *e)
{
    bool big = STARTS(e->text, "message too big");
    exim_refuse(e, big ? 552 : 550, false);
    if (STARTS(e->text, "Too many \"Received\" headers")) {
        e->code = 5004006;
        e->flags |= EVENT_LOOP;
    }
}

/* The host behind " from ": of a command in quotes, which may hold these words too, behind the last one. */
static struct slice host_behind(struct slice s)
{
    struct slice host = slice_skip(s, slice_search(s, SLICE(" from ")) + 6);
    bool quoted = STARTS(s, "\"");
    for (size_t at; quoted && (at = slice_search(host, SLICE(" from "))) < host.n;)
        host = slice_skip(host, at + 6);
    return host;
}

/*
 * "from <sender> H=host: message too big", "MAIL FROM:<sender> H=host: message too big", "EHLO from host: ...",
 * "MAIL command H=host: ...". Without a host it is a local program's.
 */
static void rejected_line(struct slice s, struct event *e)
{
    struct slice sender;
    e->service = SLICE(EXIM_LOCAL);
    if ((TAKE(s, "from ") || TAKE(s, "MAIL FROM:")) && exim_take_angle(&s, &sender)) {
        if (TAKE(s, "H="))
            exim_take_peer(&s, e);
    } else {
        struct slice host = TAKE(s, "MAIL command ") ? s : host_behind(s);
        TAKE(host, "H=");
        if (exim_take_peer(&host, e))
            s = host;
    }
    e->text = exim_reason(s);
    too_big_or_looping(e);
}

static void rejected_for_now(struct slice s, struct event *e)
{
    rejected_line(s, e);
    e->code = reply_basic_status(451, e->text, false);
}

/* "unqualified recipient rejected: <bob> H=host", "too many recipients: message rejected: sender=<s> H=host" */
static void rejected_words(struct slice s, struct event *e)
{
    struct slice sender, rest = s;
    size_t end = slice_search(s, SLICE("rejected: "));
    rest = slice_skip(s, end + 10);
    TAKE(rest, "sender=");
    if (exim_take_angle(&rest, &sender))
        find_peer(rest, e);
    e->text = slice_head(s, end + 8);
    exim_refuse(e, HAS(e->text, "temporarily") ? 452 : 550, false);
}

/* Connections */

/* "Ci=id from ", "from ": then the host. Before "closed" may stand how long it was open, "D=1m". */
static void connection(struct slice s, struct event *e)
{
    e->kind = EVENT_NONE;
    if (STARTS(s, "Ci="))
        exim_take_word(&s);
    if (!TAKE(s, "from ") || !exim_take_peer(&s, e))
        return; /* a local program that speaks SMTP */
    if (STARTS(s, "D="))
        exim_take_word(&s);
    if (s.n == 0 || STARTS(s, "(TCP/IP connection count") || STARTS(s, "(via inetd)"))
        e->kind = EVENT_CONNECT;
    else if (STARTS(s, "closed "))
        e->kind = EVENT_DISCONNECT;
    else if (STARTS(s, "lost") || STARTS(s, "TFO lost"))
        e->kind = EVENT_ABORT;
    e->text = s;
}

static void lost_after_dot(struct slice s, struct event *e)
{
    e->kind = EVENT_ABORT;
    if (TAKE(s, "H="))
        exim_take_peer(&s, e);
    e->text = SLICE("lost after final dot");
}

/* The text itself is why. Without an address it was a local program. */
static void aborted(struct slice s, struct event *e)
{
    struct slice from = slice_skip(s, slice_search(s, SLICE(" from ")) + 6);
    e->kind = EVENT_ABORT;
    e->text = slice_head(s, slice_search(s, SLICE(" from ")));
    if (!TAKE(from, "TFO* ")) /* TCP fast open, with data or without */
        TAKE(from, "TFO ");
    if (!from.n)
        e->service = SLICE(EXIM_SMTP);
    else if (!exim_take_peer(&from, e))
        e->kind = EVENT_NONE;
    if (STARTS(from, "dropped: "))
        e->text = from;
}

/* "[192.0.2.1] refused: too many connections" */
static void refused(struct slice s, struct event *e)
{
    e->kind = EVENT_CONNECTION_REJECT;
    e->service = SLICE(EXIM_SMTP);
    exim_take_peer(&s, e);
    TAKE(s, "refused: ");
    e->text = s;
    e->code = 4003002;
    if (!HAS(s, "from that IP address"))
        e->flags |= EVENT_BUSY;
}

/* "192.0.2.1 (host_reject_connection)" */
static void refused_connection(struct slice s, struct event *e)
{
    e->kind = EVENT_CONNECTION_REJECT;
    e->service = SLICE(EXIM_SMTP);
    exim_take_peer(&s, e);
    TAKE(s, ": ");
    e->text = s;
    e->code = 5007001;
    e->flags |= EVENT_COUNTED;
}

static void refused_now(struct slice s, struct event *e)
{
    refused_connection(s, e);
    e->code = 4003002;
    if (HAS(e->text, "reserve list"))
        e->flags |= EVENT_BUSY;
}

/* "(input sent without waiting for greeting): rejected connection from H=h input=...", or later. */
static void synchronization(struct slice s, struct event *e)
{
    bool greeting = STARTS(s, "(input sent without waiting for greeting)");
    struct slice from = slice_skip(s, slice_search(s, SLICE(" H=")) + 3);
    e->kind = greeting ? EVENT_CONNECTION_REJECT : EVENT_ABORT;
    e->service = SLICE(EXIM_SMTP);
    e->text = SLICE("SMTP protocol synchronization error");
    if (greeting) {
        e->flags |= EVENT_COUNTED;
        e->code = 5005000;
    }
    if (from.n && greeting)
        exim_take_peer(&from, e);
}

/* "server for host [ip]: 535 Incorrect authentication data": behind the authenticator's name. */
static bool authentication(struct slice s, struct event *e)
{
    struct slice name = slice_cut(&s, ' ');
    if (!name.p || !TAKE(s, "authenticator "))
        return false;
    e->kind = EVENT_NONE;
    if (!TAKE(s, "failed for "))
        return true;
    e->kind = EVENT_AUTH_FAIL;
    if (!exim_take_peer(&s, e))
        e->service = SLICE(EXIM_LOCAL);
    e->text = exim_reason(s);
    return true;
}

/* "4.96 daemon started: pid=123, ...": behind "exim ". */
static void daemon_line(struct slice s, struct event *e)
{
    struct slice version = exim_take_word(&s);
    e->kind = EVENT_NONE;
    if (STARTS(s, "daemon started")) {
        size_t every = slice_search(s, SLICE(" -q"));
        struct slice span = slice_skip(s, every + 3);
        e->kind = EVENT_STARTED;
        e->text = version;
        exim_take_span(&span, &e->delay_ms);
    } else if (STARTS(s, "daemon terminating")) {
        e->kind = EVENT_STOPPED;
    }
}

/* "123: SIGHUP received: re-exec daemon": behind "pid ". */
static void pid_line(struct slice s, struct event *e)
{
    uint64_t pid;
    e->kind =
        slice_number(&s, &pid) && STARTS(s, ": SIGHUP received") ? EVENT_RELOADED : EVENT_NONE;
}

/* "pid=123" of the daemon's own; one that was started by hand shows its options. */
static void queue_run(struct slice s, struct event *e)
{
    uint64_t pid;
    e->kind = TAKE(s, "pid=") && slice_number(&s, &pid) && s.n == 0 ? EVENT_QUEUE_RUN : EVENT_NONE;
}

/* Of a message */

static void held(struct slice s, struct event *e)
{
    e->kind = EVENT_HELD;
    TAKE(s, " ");
    e->text = s;
}

static void released(struct slice s, struct event *e)
{
    (void)s;
    e->kind = EVENT_RELEASED;
}

static void removed(struct slice s, struct event *e)
{
    (void)s;
    e->kind = EVENT_REMOVED;
    e->flags |= EVENT_BY_ADMIN;
}

/* By timeout_frozen_after, the system filter, or somebody who said exim -Mg: the sender is told. */
static void cancelled(struct slice s, struct event *e)
{
    e->kind = EVENT_EXPIRED;
    e->service = SLICE(EXIM_NOWHERE);
    e->text = s;
    if (STARTS(s, "cancelled by timeout_frozen_after"))
        return;
    e->flags |= EVENT_BY_ADMIN;
    e->code = STARTS(s, "cancelled by system filter") ? 5007001 : 5000000;
}

/* "<s@x> rejected by non-SMTP ACL: why", "s@x H=host P=esmtp temporarily rejected by local_scan(): why". */
static void policy(struct slice s, struct event *e)
{
    size_t by = slice_search(s, SLICE("rejected by "));
    e->service = SLICE(EXIM_LOCAL);
    if (HAS(slice_head(s, by), " H="))
        find_peer(s, e);
    e->text = exim_reason(slice_skip(s, by));
    exim_refuse(e, slice_ends(slice_head(s, by), SLICE("temporarily ")) ? 451 : 550, false);
}

/* What ends the reception of a message and says no more than that. */
static void failed_reception(struct slice s, struct event *e)
{
    e->service = SLICE(EXIM_LOCAL);
    e->text = s;
    exim_refuse(e, 451, false);
}

/* "from host [ip] (more than 4000 characters): message abandoned": a header line or all of them. */
static void overlong(struct slice s, struct event *e)
{
    if (!TAKE(s, "from ") || !exim_take_peer(&s, e))
        e->service = SLICE(EXIM_LOCAL);
    e->text = SLICE("message header too long");
    exim_refuse(e, 552, false);
}

static void unreadable(struct slice s, struct event *e)
{
    e->service = SLICE(EXIM_LOCAL);
    e->text = exim_reason(s);
    too_big_or_looping(e);
}

static void rescinded(struct slice s, struct event *e)
{
    (void)s;
    e->kind = EVENT_REMOVED;
}

static void nothing(struct slice s, struct event *e)
{
    (void)s;
    e->kind = EVENT_NONE;
}

/* What a line begins with, and who reads what is behind it. */
static const struct {
    struct slice start;
    void (*parse)(struct slice rest, struct event *e);
    bool of_message; /* only with an id */
} lines[] = {
    {TEXT("H="), host_line, false},
    {TEXT("U="), user_line, false},
    {TEXT("SMTP connection lost after final dot "), lost_after_dot, false},
    {TEXT("SMTP connection "), connection, false},
    {TEXT("Frozen"), held, true},
    {TEXT("frozen "), held, true},
    {TEXT("Unfrozen "), released, true},
    {TEXT("unfrozen "), released, true},
    {TEXT("Message is frozen"), nothing, true},
    {TEXT("removed by "), removed, true},
    {TEXT("cancelled by "), cancelled, true},
    {TEXT("Connection from "), refused, false},
    {TEXT("refused connection from "), refused_connection, false},
    {TEXT("temporarily refused connection from "), refused_now, false},
    {TEXT("connection from "), refused_connection, false}, /* refused (IP options) */
    {TEXT("rejected "), rejected_line, false},
    {TEXT("temporarily rejected "), rejected_for_now, false},
    {TEXT("unexpected disconnection while reading SMTP command"), aborted, false},
    {TEXT("unexpected EOF while reading SMTP command"), aborted, false},
    {TEXT("Error or EOF on input"), aborted, false},
    {TEXT("SMTP command timeout on "), aborted, false},
    {TEXT("SMTP data timeout "), aborted, false},
    {TEXT("SMTP call from "), aborted, false},
    {TEXT("SMTP protocol synchronization error "), synchronization, false},
    {TEXT("unqualified "), rejected_words, false},
    {TEXT("too many recipients: "), rejected_words, false},
    {TEXT("exim "), daemon_line, false},
    {TEXT("pid "), pid_line, false},
    {TEXT("F="), policy, false},
    {TEXT("local_scan() function "), failed_reception, false},
    {TEXT("invalid return "), failed_reception, false},
    {TEXT("Error while reading message with no usable sender address"), unreadable, false},
    {TEXT("overlong message header line received "), overlong, false},
    {TEXT("ridiculously long message header received "), overlong, false},
    {TEXT("rescind the above message-accept"), rescinded, true},
    {TEXT("Start queue run: "), queue_run, false},
    {TEXT("Message removed because older "), removed, true},
};

void exim_other(struct slice s, struct event *e)
{
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        if (slice_starts(s, lines[i].start) && (!lines[i].of_message || e->id.n)) {
            bool whole = lines[i].parse == aborted || lines[i].parse == cancelled ||
                         lines[i].parse == rejected_words || lines[i].parse == failed_reception;
            lines[i].parse(whole ? s : slice_skip(s, lines[i].start.n), e);
            return;
        }
    if (exim_is_silent(s, e->id.n != 0))
        e->kind = EVENT_NONE;
    else if (!authentication(s, e) && !(e->id.n && old_host_line(s, e)))
        e->kind = EVENT_UNKNOWN;
}
