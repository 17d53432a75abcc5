/*
 * OpenSMTPD's log: one line in, one event out. Pure; slices point into the line, or are names of groups.
 * A line begins with its session, 16 hexadecimal digits; what stands behind it is fields in a fixed order,
 * taken from the left. An envelope's number begins with that of its message, which is the queue id here.
 */
#include <strings.h>
#include "detect.h"
#include "field.h"
#include "mta.h"
#include "opensmtpd_queue.h"
#include "recipients.h"
#include "reply.h"

#define SMTP       "smtpd"
#define LOCAL      "local"
#define MTA        "mta"
#define MDA        "mda"
#define SESSION    16 /* digits */
#define MESSAGE_ID 8

static bool is_hex(struct slice s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (i >= s.n || !(slice_digit(s.p[i]) || (s.p[i] >= 'a' && s.p[i] <= 'f')))
            return false;
    return true;
}

/* Takes " name=" and the value, which ends at a blank. */
static bool take_field(struct slice *s, struct slice name, struct slice *value)
{
    struct slice rest = *s;
    if (!slice_take(&rest, SLICE(" ")) || !slice_take(&rest, name) ||
        !slice_take(&rest, SLICE("=")))
        return false;
    *value = slice_head(rest, slice_find(rest, ' '));
    *s = slice_skip(rest, value->n);
    return true;
}

/* The same for an address in angle brackets, without them. */
static bool take_address(struct slice *s, struct slice name, struct slice *value)
{
    unsigned count;
    struct slice rest = *s, list;
    if (!slice_take(&rest, SLICE(" ")) || !slice_take(&rest, name) ||
        !slice_take(&rest, SLICE("=")))
        return false;
    list = slice_head(rest, recipients_length(rest, &count));
    *s = slice_skip(rest, list.n);
    *value = recipients_next(&list);
    return true;
}

/* The same for a value that may be in quotes. */
static bool take_quoted(struct slice *s, struct slice name, struct slice *value)
{
    struct slice rest = *s;
    if (!slice_take(&rest, SLICE(" ")) || !slice_take(&rest, name) ||
        !slice_take(&rest, SLICE("=\"")))
        return take_field(s, name, value);
    *value = slice_head(rest, slice_find(rest, '"'));
    *s = slice_skip(rest, value->n + 1);
    return true;
}

/* "2s", "3m4s", "1d2h3m4s" in ms. */
static uint64_t delay_of(struct slice s)
{
    static const struct {
        char letter;
        uint64_t seconds;
    } units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
    uint64_t total = 0, n;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        struct slice rest = s;
        if (!slice_number(&rest, &n) || rest.n == 0 || *rest.p != units[i].letter || n > 1000000)
            continue;
        total += n * units[i].seconds;
        s = slice_skip(rest, 1);
    }
    return total * 1000;
}

/* Of an envelope's number: the message's. */
static void take_message_id(struct slice evpid, struct event *e)
{
    if (is_hex(evpid, MESSAGE_ID))
        e->id = slice_head(evpid, MESSAGE_ID);
}

static void result_of(struct slice result, struct slice stat, struct event *e)
{
    e->kind = EVENT_DELIVERY;
    e->text = stat;
    if (slice_eq(result, SLICE("Ok"))) {
        e->result = RESULT_SENT;
        return;
    }
    bool later = slice_eq(result, SLICE("TempFail"));
    e->result = later ? RESULT_DEFERRED : RESULT_BOUNCED;
    e->code = reply_status(stat, true);
    if (e->code / 1000000 != (later ? 4 : 5))
        e->code = later ? 4000000 : 5000000;
    if (slice_eq(stat, SLICE("Loop detected"))) /* its own words: no reply begins so */
        e->code = 5004006;
    if (reply_tells_loop(e->code, stat))
        e->flags |= EVENT_LOOP;
}

/*
 * "evpid=8015e9ef2bb98834 from=<a@b> to=<c@d> rcpt=<-> source="203.0.113.1" relay="198.51.100.7 (mx)"
 * delay=2s result="Ok" stat="250 2.0.0 taken""; by mda user=c instead of source and relay, no quotes.
 */
static void delivery(struct slice s, struct event *e)
{
    struct slice evpid = {NULL, 0}, value, result = {NULL, 0};
    take_field(&s, SLICE("evpid"), &evpid);
    take_message_id(evpid, e);
    take_address(&s, SLICE("from"), &value);
    take_address(&s, SLICE("to"), &e->address);
    if (take_address(&s, SLICE("rcpt"), &value) && !slice_eq(value, SLICE("-")) &&
        !slice_eq(value, e->address))
        e->original = value;
    take_field(&s, SLICE("user"), &value);
    take_field(&s, SLICE("method"), &value); /* before 6.4 */
    take_quoted(&s, SLICE("source"), &value);
    take_quoted(&s, SLICE("relay"), &e->relay);
    if (take_field(&s, SLICE("delay"), &value))
        e->delay_ms = delay_of(value);
    if (!e->id.n || !take_quoted(&s, SLICE("result"), &result) || !TAKE(s, " stat="))
        return;
    TAKE(s, "\"");
    if (slice_ends(s, SLICE("\"")))
        s.n--;
    result_of(result, s, e);
}

/* " msgid=e0d493d6 size=399 nrcpt=1 proto=ESMTP" */
static void message(struct slice s, struct event *e)
{
    struct slice id = {NULL, 0}, value = {NULL, 0};
    uint64_t n = 0;
    take_field(&s, SLICE("msgid"), &id);
    if (take_field(&s, SLICE("size"), &value))
        slice_number(&value, &e->size);
    if (take_field(&s, SLICE("nrcpt"), &value))
        slice_number(&value, &n);
    if (!is_hex(id, MESSAGE_ID))
        return;
    e->other_id = e->id;
    take_message_id(id, e);
    e->recipients = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
    e->kind = EVENT_ARRIVED;
    e->flags |= EVENT_SESSION;
}

/* A message from nobody that came from this host is a notice. */
static void envelope(struct slice s, struct event *e)
{
    struct slice evpid = {NULL, 0}, from = {NULL, 0};
    e->kind = EVENT_NONE;
    take_field(&s, SLICE("evpid"), &evpid);
    if (!take_address(&s, SLICE("from"), &from) || from.n)
        return;
    take_message_id(evpid, e);
    e->kind = EVENT_NOTICE;
    e->notice = NOTICE_BOUNCE;
    e->flags = EVENT_NULL_SENDER;
}

/* " command="rcpt TO:<x@y>" result="550 Invalid recipient: <x@y>"" */
static void failed_command(struct slice s, struct event *e)
{
    static const struct {
        const char *name;
        size_t length;
        bool recipient;
    } refused[] = {{"rcpt", 4, true},
                   {"mail", 4, false},
                   {"data", 4, false},
                   {".", 1, false},
                   {"bdat", 4, false}};
    e->kind = EVENT_NONE;
    if (!TAKE(s, " command=\""))
        return;
    struct slice reply = slice_skip(s, slice_search(s, SLICE("\" result=\"")));
    if (!TAKE(reply, "\" result=\""))
        return;
    reply.n -= slice_ends(reply, SLICE("\""));
    /* A filter refuses the connection before any command; a client may say nothing as well, or `" result="`. */
    if (STARTS(s, "\"") && !HAS(reply, "\" result=\"") &&
        !STARTS(reply, "500 5.5.1 Invalid command")) {
        e->kind = EVENT_CONNECTION_REJECT;
        e->flags |= EVENT_COUNTED;
        e->text = reply;
        e->code = reply_status(reply, false);
        return;
    }
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        if (s.n < refused[i].length || strncasecmp(s.p, refused[i].name, refused[i].length) != 0)
            continue;
        e->kind = EVENT_REJECT;
        e->text = reply;
        e->code = reply_status(reply, refused[i].recipient);
        e->flags |= refused[i].recipient ? EVENT_RECIPIENT : 0;
        if (e->code == 5007001 && HAS(reply, "Invalid recipient"))
            e->code = 5001001;
        if (reply_tells_loop(e->code, reply))
            e->flags |= EVENT_LOOP;
    }
}

/* " address=192.0.2.9 host=h": whether it is one of this host's own programs is told here only. */
static void connected(struct slice s, struct event *e)
{
    bool told = take_field(&s, SLICE("address"), &e->peer);
    bool local = !told || slice_eq(e->peer, SLICE("local"));
    e->service = local ? SLICE(LOCAL) : e->service;
    e->kind = local ? EVENT_CLIENT : EVENT_CONNECT;
    if (TAKE(e->peer, "[") && slice_ends(e->peer, SLICE("]")))
        e->peer.n--;
    e->peer.n = local ? 0 : e->peer.n;
    e->flags = 0;
}

/* " reason=quit" */
static void disconnected(struct slice s, struct event *e)
{
    struct slice value;
    bool told = take_quoted(&s, SLICE("reason"), &value);
    e->kind = told && !slice_eq(value, SLICE("quit")) ? EVENT_ABORT : EVENT_DISCONNECT;
    e->text = told ? value : (struct slice){NULL, 0};
}

/* " user=u result=permfail" */
static void authentication(struct slice s, struct event *e)
{
    size_t at = slice_search(s, SLICE(" result="));
    e->kind = STARTS(slice_skip(s, at), " result=ok") ? EVENT_NONE : EVENT_AUTH_FAIL;
    e->text = slice_trim(s);
}

/*
 * " msgid=e0d493d6 from=<a@b> to=<c@d> size=399 ndest=1 proto=ESMTP" of each recipient, before 6.5; ndest: what its
 * alias made of it.
 */
static void recipient_of_message(struct slice s, struct event *e)
{
    struct slice id = {NULL, 0}, value = {NULL, 0};
    take_field(&s, SLICE("msgid"), &id);
    if (!is_hex(id, MESSAGE_ID) || !take_address(&s, SLICE("from"), &e->address) ||
        !take_address(&s, SLICE("to"), &value))
        return;
    if (take_field(&s, SLICE("size"), &value))
        slice_number(&value, &e->size);
    e->other_id = e->id;
    take_message_id(id, e);
    e->recipients = 1;
    e->kind = EVENT_ARRIVED;
    e->flags |= EVENT_SESSION | EVENT_PART;
}

static void tls(struct slice s, struct event *e)
{
    (void)s;
    e->kind = EVENT_TLS_IN;
}

static void nothing(struct slice s, struct event *e)
{
    (void)s;
    e->kind = EVENT_NONE;
}

static void any_message(struct slice s, struct event *e)
{
    struct slice rest = s, id;
    if (take_field(&rest, SLICE("msgid"), &id) && STARTS(rest, " from="))
        recipient_of_message(s, e);
    else
        message(s, e);
}

/* What a client's session says, by its first word. */
static const struct {
    struct slice name;
    void (*parse)(struct slice rest, struct event *e);
} sessions[] = {
    {TEXT("disconnected"), disconnected},
    {TEXT("closed"), disconnected}, /* before 6.4 */
    {TEXT("message"), any_message},
    {TEXT("envelope"), envelope},
    {TEXT("failed-command"), failed_command},
    {TEXT("tls"), tls},
    {TEXT("starttls"), tls}, /* before 6.5 */
    {TEXT("authentication"), authentication},
    {TEXT("cert-check"), nothing},
    {TEXT("client-cert-check"), nothing},
    {TEXT("filter"), nothing},
    {TEXT("bad-input"), nothing},
    {TEXT("proxy"), nothing},
};

/* "connected address=192.0.2.9 host=h"; before 6.4 with "event=", and before 6.5 address and host in each line. */
static void smtp(struct slice s, struct event *e)
{
    struct slice value;
    e->service = SLICE(SMTP);
    e->flags |= EVENT_SESSION;
    TAKE(s, "event=");
    struct slice name = slice_head(s, slice_find(s, ' '));
    s = slice_skip(s, name.n);
    if (slice_eq(name, SLICE("connected"))) {
        connected(s, e);
        return;
    }
    take_field(&s, SLICE("address"), &value);
    take_field(&s, SLICE("host"), &value);
    for (size_t i = 0; i < sizeof sessions / sizeof sessions[0]; i++)
        if (slice_eq(name, sessions[i].name))
            sessions[i].parse(s, e);
}

/* The words of an error that say that nobody could be talked to. */
static bool unreached(struct slice reason)
{
    return HAS(reason, "Connection refused") || HAS(reason, "Connection timeout") ||
           HAS(reason, "Connection timed out") || HAS(reason, "No route to host") ||
           HAS(reason, "Network is unreachable");
}

static void mta(struct slice s, struct event *e)
{
    e->service = SLICE(MTA);
    TAKE(s, "event="); /* before 6.4 */
    if (TAKE(s, "delivery")) {
        delivery(s, e);
    } else if (TAKE(s, "connecting")) {
        e->kind = EVENT_CONNECT_OUT;
        e->flags = EVENT_UNTRIED;
        take_field(&s, SLICE("address"), &e->relay);
    } else if (STARTS(s, "connected")) {
        e->kind = EVENT_CONNECT_OUT;
    } else if (TAKE(s, "error reason=")) {
        e->kind = unreached(s) ? EVENT_CONNECT_FAIL : EVENT_NONE;
        e->text = s;
    } else if (STARTS(s, "tls") || STARTS(s, "starttls")) {
        e->kind = EVENT_TLS_OUT;
    } else if (STARTS(s, "disconnected") || STARTS(s, "closed") || STARTS(s, "cert-check") ||
               STARTS(s, "server-cert") || STARTS(s, "auth") ||
               STARTS(s, "host-rejects-all-mails") || STARTS(s, "ciphers=") ||
               STARTS(s, "closing") || STARTS(s, "ssl_check_name")) {
        e->kind = EVENT_NONE;
    }
    if (e->kind != EVENT_DELIVERY)
        e->id.n = 0;
}

/*
 * "Expire for 81103e43f10ecd4c: from=<a@b>, to=<c@d>, rcpt=<->, delay=4d, stat=Envelope expired", "Remove for
 * ...": what the queue did with an envelope, without trying it.
 */
static void queue(struct slice s, struct event *e)
{
    struct slice value;
    bool expired = TAKE(s, "Expire for ");
    e->kind = EVENT_NONE;
    if (!expired && !TAKE(s, "Remove for "))
        return;
    take_message_id(s, e);
    s = slice_skip(s, SESSION);
    if (!e->id.n || !TAKE(s, ":") || !take_address(&s, SLICE("from"), &value) || !TAKE(s, ",") ||
        !take_address(&s, SLICE("to"), &e->address) || !TAKE(s, ","))
        return;
    if (take_address(&s, SLICE("rcpt"), &value) && !slice_eq(value, SLICE("-")) &&
        !slice_eq(value, e->address))
        e->original = value;
    if (TAKE(s, ",") && take_field(&s, SLICE("delay"), &value))
        e->delay_ms = delay_of(value);
    e->text = slice_skip(s, slice_search(s, SLICE("stat=")) + 5);
    e->kind = EVENT_DELIVERY;
    e->result = expired ? RESULT_BOUNCED : RESULT_REMOVED;
    e->flags = EVENT_UNTRIED | (expired ? EVENT_OVERDUE : 0u);
    e->code = expired ? 5004007 : 0;
}

/* How lines without a session begin that change no number. */
static const struct slice silent[] = {
    TEXT("info: "),
    TEXT("warn: "),
    TEXT("debug: "),
    TEXT("fatal: "),
    TEXT("smtp-in: "),
    TEXT("smtp-out: "),
    TEXT("smtpd: "),
    TEXT("warning: "),
    TEXT("mta: "),
    TEXT("mda: "),
    TEXT("queue: "),
    TEXT("scheduler: "),
    TEXT("table-"),
    TEXT("lookup "),
    TEXT("ca: "),
    TEXT("proxy "),
    TEXT("SRS "),
    TEXT("queue-proc: "),
    TEXT("envelope: "),
    TEXT("filter: "),
    TEXT("connection error: "),
    TEXT("protocol error: "),
    TEXT("rejected by server: "),
    TEXT("ca name "),
    TEXT("pki name "),
    TEXT("getaddrinfo: "),
    TEXT("getnameinfo: "),
    TEXT("io_dispatch_connect: "),
    TEXT("commands executed from aliases "),
    TEXT("mda_expand_format: "),
    TEXT("rename"),
    TEXT("smtp_session_imsg: "),
    TEXT("failed to push "),
    TEXT("internal error: "),
    TEXT("missing feature: "),
    TEXT("version: "),
    TEXT("fts_open: "),
    TEXT("stat: "),
    TEXT("mkdir: "),
    TEXT("chown: "),
    TEXT("chmod: "),
    TEXT("rmdir: "),
    TEXT("unlink: "),
    TEXT("snprintf"),
    TEXT("cannot create temporary file "),
    /* smtpctl log verbose, smtpctl trace */
    TEXT("smtp: "),
    TEXT("io: "),
    TEXT("expand: "),
    TEXT("aliases_"),
    TEXT("filters "),
    TEXT("filter session"),
    TEXT("proc: "),
    TEXT("mproc: "),
    TEXT("imsg: "),
    TEXT("ramstat: "),
    TEXT("queue-backend: "),
    TEXT("bounce: "),
    TEXT("rule #"),
    TEXT("no rule matched"),
    TEXT("lookup: "),
    TEXT("setup_"),
    TEXT("control: "),
    TEXT("profile-"),
    TEXT("subrcpt: "),
    TEXT("resuming "),
    TEXT("trying host"),
    TEXT("mx preference"),
};

/* Lines without a session. */
static void other(struct slice s, struct event *e)
{
    if (TAKE(s, "info: OpenSMTPD ")) {
        e->kind = EVENT_STARTED;
        e->text = slice_head(s, slice_find(s, ' '));
        return;
    }
    if (STARTS(s, "warn: Disabling incoming SMTP connections")) { /* until one ends */
        e->kind = EVENT_CONGESTED;
        e->text = slice_skip(s, 6);
        return;
    }
    if (STARTS(s, "Exiting") || STARTS(s, "info: smtpd exiting")) {
        e->kind = EVENT_STOPPED;
        return;
    }
    bool relay = TAKE(s, "relay: ");
    if (relay || TAKE(s, "delivery: ")) {
        e->service = relay ? SLICE(MTA) : SLICE(MDA);
        queue(s, e);
        return;
    }
    if (slice_starts_any(s, silent, sizeof silent / sizeof silent[0]))
        e->kind = EVENT_NONE;
}

static void parse(struct syslog_context *c, struct slice line, struct event *e)
{
    struct slice s;
    event_clear(e);
    e->kind = EVENT_FOREIGN;
    e->app.n = e->service.n = 0;
    if (!syslog_head(c, line, e, &s) || !slice_eq(e->tag, SLICE("smtpd")))
        return;
    e->app = e->tag;
    e->kind = EVENT_UNKNOWN;
    if (!is_hex(s, SESSION) || s.n <= SESSION || s.p[SESSION] != ' ') {
        other(s, e);
        return;
    }
    e->id = slice_head(s, SESSION);
    s = slice_skip(s, SESSION + 1);
    if (TAKE(s, "smtp ")) {
        smtp(s, e);
    } else if (TAKE(s, "mta ")) {
        mta(s, e);
    } else if (TAKE(s, "mda delivery") || TAKE(s, "mda event=delivery")) {
        e->service = SLICE(MDA);
        delivery(s, e);
    }
}

static const struct mta_service services[] = {
    {SMTP, -1, MTA_SERVICE_NETWORK, 25, "mail received by SMTP"},
    {LOCAL, -1, MTA_SERVICE_OWN, 0,
     "mail submitted by local programs, notices that OpenSMTPD makes, and mail of unknown origin"},
    {MTA, -2, MTA_SERVICE_NETWORK, 25, "delivery by SMTP or LMTP over the network"},
    {MDA, -2, 0, 0, "delivery to users of this host"},
    {NULL, 0, 0, 0, NULL},
};

static const struct mta_queue queues[] = {
    {"queue", 0},
    {"corrupt", MTA_QUEUE_DAMAGED},
    {NULL, 0},
};

/* "queue/45/4553e208/message", "queue/45/4553e208/4553e208997e3e57": a directory for each message. */
static bool spool_file(struct slice path, struct mta_spool_file *f)
{
    *f = (struct mta_spool_file){0};
    if (TAKE(path, "corrupt/"))
        f->queue = 1;
    else if (!TAKE(path, "queue/") || !slice_cut(&path, '/').p)
        return false;
    f->id = slice_cut(&path, '/');
    f->arrives = slice_eq(path, SLICE("message"));
    f->role = f->arrives ? MTA_SPOOL_BODY : MTA_SPOOL_ENVELOPE;
    return f->id.n == MESSAGE_ID && is_hex(f->id, MESSAGE_ID) &&
           (f->arrives || (path.n == SESSION && is_hex(path, SESSION)));
}

/* The message itself: only its Message-ID is sought. */
static bool queue_file(struct slice content, struct queue_file *f)
{
    static const char name[] = "message-id:";
    const size_t n = sizeof name - 1;
    *f = (struct queue_file){0};
    while (content.n) {
        struct slice line = slice_head(content, slice_find(content, '\n'));
        content = slice_skip(content, line.n + 1);
        if (line.n == 0)
            break;
        if (line.n > n && strncasecmp(line.p, name, n) == 0)
            f->message_id = slice_trim(slice_skip(line, n));
    }
    return f->message_id.n > 0;
}

static bool queue_name(struct slice name, struct queue_id *id, int64_t *arrival_s)
{
    *arrival_s = 0;
    *id = queue_id_pack(name);
    return name.n == MESSAGE_ID && is_hex(name, MESSAGE_ID);
}

const struct mta mta_opensmtpd = {
    .name = "opensmtpd",
    .summary = "OpenSMTPD 6.0 and later, by syslog",
    .master = "smtpd",
    .account = "opensmtpd",
    .listener = SMTP,
    .flags = MTA_ATTEMPTS_UNTOLD | MTA_ENDS_UNTOLD | MTA_ATTEMPTS_HAVE_STATES,
    .detect = detect_opensmtpd,
    .parse = parse,
    .queues = queues,
    .services = services,
    .queue_name = queue_name,
    .queue_file = queue_file,
    .attempt = opensmtpd_attempt,
    .levels = opensmtpd_levels,
    .spool_file = spool_file,
};
