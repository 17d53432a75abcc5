/*
 * Cyrus IMAP's log, 2.4 to 3.12: syslog lines of "PREFIX/SERVICE[PID]", or of "SERVICE[PID]" where
 * imapd.conf has no syslog_prefix. Pure. A process serves one client at a time, so a session is told by
 * its process. Cyrus does not log that a connection begins or ends unless auditlog is on: then each
 * session ends with its traffic; else with the line USAGE, or when its process logs the next one in.
 */
#include "access_metrics.h"
#include "../agent/model.h"
#include "access.h"
#include "field.h"

static const struct access_pattern patterns[] = {
    /* the first, since it tells the Message-ID, which is anybody's */
    {"duplicate eliminated", "dupelim: eliminated", SEVERITY_INDETERMINATE},
    {"input or output error", "IOERROR", SEVERITY_MAJOR},
    {"database error", "DBERROR", SEVERITY_MAJOR},
    {"fatal error", "atal error", SEVERITY_CRITICAL},
    {"reconstruct needed", "reconstruct", SEVERITY_MAJOR},
    {"mailbox corrupt", "orrupt", SEVERITY_MAJOR},
    {"process died", "signaled to death", SEVERITY_MAJOR},
    {"service disabled", "too many failures for", SEVERITY_CRITICAL},
    {"process failed", " exited, status ", SEVERITY_MINOR},
    {"process not started", "can't fork process", SEVERITY_CRITICAL},
    {"connection limit", "Too many open connections", SEVERITY_WARNING},
    {"out of memory", "irtual memory exhausted", SEVERITY_CRITICAL},
    {"memory exhausted", "out of memory", SEVERITY_CRITICAL},
    {"descriptors exhausted", "Too many open files", SEVERITY_CRITICAL},
    {"disk full", "No space left on device", SEVERITY_CRITICAL},
    {"mailbox quota", "Over quota", SEVERITY_WARNING},
    {"lock not taken", "unable to lock", SEVERITY_MAJOR},
    {"TLS failed", "TLS negotiation failed", SEVERITY_WARNING},
    {NULL, NULL, 0},
};

/* Services by the beginning of their name in cyrus.conf. */
static const struct {
    struct slice prefix;
    enum access_protocol protocol;
} services[] = {
    {TEXT("imap"), ACCESS_IMAP},
    {TEXT("pop3"), ACCESS_POP3},
    {TEXT("lmtp"), ACCESS_LMTP},
    {TEXT("sieve"), ACCESS_MANAGESIEVE},
    {TEXT("timsieved"), ACCESS_MANAGESIEVE},
    {TEXT("managesieve"), ACCESS_MANAGESIEVE},
    {TEXT("http"), ACCESS_HTTP},
};

static enum access_protocol protocol_of(struct slice service)
{
    for (unsigned i = 0; i < sizeof services / sizeof services[0]; i++)
        if (slice_starts(service, services[i].prefix))
            return services[i].protocol;
    return ACCESS_NONE;
}

/* Tags that Cyrus alone has when it has no prefix. */
static bool is_bare(struct slice tag)
{
    static const struct slice bare[] = {
        TEXT("imap"),         TEXT("imaps"),      TEXT("imapd"),     TEXT("pop3"),
        TEXT("pop3s"),        TEXT("pop3d"),      TEXT("lmtp"),      TEXT("lmtpd"),
        TEXT("lmtpunix"),     TEXT("sieve"),      TEXT("timsieved"), TEXT("http"),
        TEXT("https"),        TEXT("httpd"),      TEXT("master"),    TEXT("cyrmaster"),
        TEXT("ctl_cyrusdb"),  TEXT("cyr_expire"), TEXT("tls_prune"), TEXT("squatter"),
        TEXT("ctl_mboxlist"),
    };
    for (unsigned i = 0; i < sizeof bare / sizeof bare[0]; i++)
        if (slice_eq(bare[i], tag))
            return true;
    return false;
}

/* "cyrus/imap" -> instance and service; false: not Cyrus's. */
static bool split_tag(struct event *e)
{
    struct slice tag = e->tag, prefix = slice_cut(&tag, '/');
    e->service = tag;
    if (!prefix.p) {
        e->app = slice_head(tag, 0);
        return is_bare(tag);
    }
    e->app = prefix;
    return STARTS(prefix, "cyrus");
}

/* Takes "HOST [ADDRESS] " off s: the address. */
static struct slice take_client(struct slice *s)
{
    size_t open_ = slice_find(*s, '[');
    struct slice rest = slice_skip(*s, open_ + 1), address = slice_cut(&rest, ']');
    if (open_ == s->n || !address.p)
        return (struct slice){NULL, 0};
    *s = slice_trim(rest);
    return address;
}

/* The text between the first `name` and the next `end`; empty if it is not there. */
static struct slice between(struct slice s, struct slice name, char end)
{
    size_t at = slice_search(s, name);
    struct slice value = slice_skip(s, at == s.n ? s.n : at + name.n);
    return slice_head(value, slice_find(value, end));
}

static void set_method(struct event *e, struct slice method)
{
    if (slice_ends(method, SLICE("+TLS"))) {
        method.n -= 4;
        e->flags |= EVENT_TLS;
    }
    e->relay = method;
}

/* "HOST [ADDRESS] USER METHOD[+TLS] User logged in SESSIONID=<...>" */
static void on_login(struct slice s, struct event *e)
{
    e->peer = take_client(&s);
    e->address = slice_head(s, slice_find(s, ' '));
    s = slice_skip(s, e->address.n + 1);
    set_method(e, slice_head(s, slice_find(s, ' ')));
    if (slice_eq(e->address, SLICE("anonymous")))
        e->relay = slice_head(s, 0); /* what stands there is what the client gave as password */
    e->kind = e->peer.p ? EVENT_LOGIN : EVENT_UNKNOWN;
}

/* "HOST [ADDRESS] METHOD (USER) [WHY]" */
static void on_badlogin(struct slice s, struct event *e)
{
    e->peer = take_client(&s);
    e->text = s;
    e->kind = EVENT_LOGIN_FAIL;
}

/*
 * The value of a key in `a=b c="d e"` (Cyrus' lib/logfmt.c), without its quotes and with its escapes as they are;
 * empty if it is not there. A value in quotes is whoever's; what looks like a key in it is none.
 */
static struct slice logfmt_value(struct slice s, struct slice key)
{
    while (s.n) {
        struct slice name = slice_cut(&s, '=');
        bool quoted = TAKE(s, "\"");
        size_t end = quoted ? 0 : slice_find(s, ' ');
        while (quoted && end < s.n && s.p[end] != '"')
            end += s.p[end] == '\\' ? 2 : 1;
        if (name.p && slice_eq(name, key))
            return slice_head(s, end);
        s = slice_skip(s, end + 1 + quoted);
        if (!name.p)
            break;
    }
    return slice_head(s, 0);
}

static uint64_t logfmt_number(struct slice s, struct slice key)
{
    uint64_t value;
    struct slice text = logfmt_value(s, key);
    return slice_number(&text, &value) ? value : EVENT_NOT_TOLD;
}

/* "login.good s.sessionid=... r.clienthost=\"host [address]\" u.username=... login.mech=... login.tls=1" */
static void on_login_event(struct slice s, struct event *e, enum event_kind kind)
{
    struct slice client = logfmt_value(s, SLICE("r.clienthost"));
    e->peer = take_client(&client);
    e->address = logfmt_value(s, SLICE("u.username"));
    e->relay = logfmt_value(s, SLICE("login.mech"));
    if (slice_eq(logfmt_value(s, SLICE("login.tls")), SLICE("1")))
        e->flags |= EVENT_TLS;
    e->kind = kind;
}

/* Behind "event=". */
static void on_logfmt(struct slice s, struct event *e)
{
    struct slice event = slice_head(s, slice_find(s, ' '));
    s = slice_skip(s, event.n + 1);
    if (slice_eq(event, SLICE("login.good"))) {
        on_login_event(s, e, EVENT_LOGIN);
    } else if (slice_eq(event, SLICE("login.bad"))) {
        on_login_event(s, e, EVENT_LOGIN_FAIL);
    } else if (slice_eq(event, SLICE("auditlog.traffic"))) {
        e->access.in = logfmt_number(s, SLICE("used.bytes.in"));
        e->access.out = logfmt_number(s, SLICE("used.bytes.out"));
        e->kind = EVENT_LOGOUT;
    } else if (slice_eq(event, SLICE("auditlog.append")) && e->access.protocol != ACCESS_LMTP) {
        e->kind = EVENT_STORED;
        e->recipients = 1;
    }
}

static void number_in(struct slice s, struct slice name, uint64_t *value)
{
    struct slice text = between(s, name, '>');
    slice_number(&text, value);
}

/* auditlog: yes */
static void on_audit(struct slice s, struct event *e)
{
    if (STARTS(s, "traffic ")) {
        number_in(s, SLICE("bytes_in=<"), &e->access.in);
        number_in(s, SLICE("bytes_out=<"), &e->access.out);
        e->kind = EVENT_LOGOUT;
    } else if (STARTS(s, "append ") && e->access.protocol != ACCESS_LMTP) {
        e->kind = EVENT_STORED; /* of LMTP's "Delivered:" tells it too */
        e->recipients = 1;
    }
}

/* "counts: retr=<1> top=<0> dele=<1>": POP3, at the end of a session. */
static void on_counts(struct slice s, struct event *e)
{
    uint64_t retrieved = 0, top = 0;
    number_in(s, SLICE("retr=<"), &retrieved);
    number_in(s, SLICE("top=<"), &top);
    e->access.fetched = (uint32_t)(retrieved + top);
    e->kind = EVENT_TRAFFIC;
}

static void on_master(struct slice s, struct event *e)
{
    if (STARTS(s, "ready for work") || STARTS(s, "process started"))
        e->kind = STARTS(s, "ready") ? EVENT_STARTED : EVENT_NONE;
    else if (STARTS(s, "attempting clean shutdown") || STARTS(s, "exiting"))
        e->kind = EVENT_STOPPED;
    e->text = slice_head(s, 0);
}

/* ctl_cyrusdb -r runs when the master starts, which says so itself only at the level debug. */
static void on_recovery(struct event *e)
{
    e->kind = EVENT_STARTED;
    e->text = slice_head(e->text, 0);
}

/* "Expunged 3 messages from user.bob"; cyr_expire expunges user flags, too. */
static void on_expunged(struct slice s, struct event *e)
{
    uint64_t n;
    if (!slice_number(&s, &n) || n > UINT32_MAX || !STARTS(s, " messages "))
        return;
    e->kind = EVENT_DELETED;
    e->recipients = (uint32_t)n;
}

/* "TLS negotiation failed: HOST [ADDRESS]", "imaps TLS negotiation failed: ": of no other line's text. */
static bool is_tls_failure(struct slice s)
{
    size_t at = slice_search(s, SLICE("TLS negotiation failed: "));
    return at < s.n && slice_find(s, ' ') + 1 >= at;
}

static void parse_message(struct slice s, struct event *e)
{
    e->kind = EVENT_NONE;
    if (TAKE(s, "login: ")) {
        on_login(s, e);
    } else if (TAKE(s, "badlogin: ")) {
        on_badlogin(s, e);
    } else if (TAKE(s, "event=")) {
        on_logfmt(s, e);
    } else if (TAKE(s, "auditlog: ")) {
        on_audit(s, e);
    } else if (TAKE(s, "USAGE ")) {
        e->address = slice_head(s, slice_search(s, SLICE(" user: ")));
        if (e->access.protocol != ACCESS_LMTP) /* there it is of a delivery */
            e->kind = EVENT_LOGOUT;
    } else if (TAKE(s, "Expunged ")) {
        on_expunged(s, e);
    } else if (TAKE(s, "counts: ")) {
        on_counts(s, e);
    } else if (STARTS(s, "Delivered: ")) {
        e->kind = EVENT_STORED;
        e->recipients = 1;
    } else if (STARTS(s, "open: user ") && !HAS(s, " failed to open ")) {
        e->kind = EVENT_SELECTED;
    } else if (STARTS(s, "Too many open connections")) {
        e->kind = EVENT_LOGIN_LIMIT;
    } else if (is_tls_failure(s)) {
        e->peer = take_client(&s);
        e->kind = EVENT_LOGIN_ABORT;
        e->flags |= EVENT_CONNECTION;
    }
}

static void cyrus_parse(struct syslog_context *c, struct slice line, struct event *e)
{
    struct slice s;
    access_clear(e);
    if (!syslog_head(c, line, e, &s) || !split_tag(e)) {
        e->kind = EVENT_FOREIGN;
        return;
    }
    e->text = s;
    e->access.process = e->pid;
    e->access.protocol = (uint8_t)protocol_of(e->service);
    if (slice_ends(e->service, SLICE("master")))
        on_master(s, e);
    else if (STARTS(s, "recovering cyrus databases"))
        on_recovery(e);
    else
        parse_message(s, e);
    if (e->kind == EVENT_UNKNOWN)
        e->kind = EVENT_NONE;
    if (e->kind == EVENT_NONE || e->kind == EVENT_LOGIN_LIMIT || e->kind == EVENT_LOGIN_ABORT)
        e->access.pattern = access_pattern(patterns, s);
    if (e->kind == EVENT_NONE && e->access.pattern) {
        e->kind = EVENT_SERVER_LOG;
        e->text = s;
    }
}

const struct access_server access_cyrus = {
    .name = "cyrus",
    .summary = "Cyrus IMAP: syslog",
    .master = "cyrmaster master",
    .pid_file = "/run/cyrus-master.pid",
    .parse = cyrus_parse,
    .metrics = cyrus_metrics,
    .patterns = patterns,
};
