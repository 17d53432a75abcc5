/*
 * What each of Postfix's programs writes, one function a program. Pure, see mta_postfix.c.
 */
#include "postfix_daemons.h"
#include "postfix_fields.h"
#include "postfix_queue.h"

/* How lines begin that say nothing that is counted. */
static const struct slice quiet_starts[] = {
    TEXT("using backwards-compatible"),
    TEXT("table "),
    TEXT("statistics: "),
    TEXT("SSL_"),
    TEXT("discarding EHLO"),
    TEXT("improper command pipelining"),
    TEXT("setting up TLS connection"),
    TEXT("initializing the "),
    TEXT("sasl_exceptions"),
    TEXT("host "),
    TEXT("lost connection with "),
    TEXT("conversation with "),
    TEXT("enabling PIX "),
    TEXT("Cannot start TLS"),
    TEXT("TLS is required"),
    TEXT("SASL authentication failed"),
    TEXT("certificate verification failed"),
    TEXT("skipped, still being delivered"),
    TEXT("not sending trace"),
    TEXT("no trace file"),
    TEXT("resent-message-id="),
    TEXT("cache "),
    TEXT("breaking line > "),
    TEXT("TLS SNI "),
    TEXT("mapping DSN status "),
    TEXT("reply filter "),
    TEXT("subject="),
    TEXT("issuer="),
    TEXT("skipping "),
    TEXT("status=deferred ("), /* of the notice; the recipients have lines of their own */
    TEXT("passing <"),
    TEXT("Host offered STARTTLS"),
    TEXT("TLSRPT: "),
    TEXT("TLS protocol trace "),
    TEXT("SMTPS wrappermode "),
    TEXT("Sender requested REQUIRETLS"),
    TEXT("ignoring "),
    TEXT("client certificate "),
    TEXT("master exit time "),
    TEXT("database "),
    TEXT("close database "),
    TEXT("cannot load "),
    TEXT("Compiled against "),
    TEXT("Run-time linked "),
    /* why a server is left for the next one (smtp/smtp_trouble.c, smtp_connect.c) */
    TEXT("SASL [CACHED] authentication failed"),
    TEXT("cannot authenticate to server "),
    TEXT("authentication protocol loop with server "),
    TEXT("server "),
    TEXT("client TLS configuration problem"),
    TEXT("Server certificate "),
    TEXT("unexpected server message"),
    TEXT("message size "),
    TEXT("message requires SMTPUTF8, "),
    TEXT("local data error while talking to "),
    TEXT("mail for "),
    TEXT("REQUIRETLS policy configuration error"),
    TEXT("TLSA lookup error for "),
};

static bool is_quiet(struct slice text)
{
    if (slice_starts_any(text, quiet_starts, sizeof quiet_starts / sizeof quiet_starts[0]))
        return true;
    struct slice tls =
        text; /* "Verified TLS connection reused to host[ip]:25": it was told when it was opened */
    if (slice_cut(&tls, ' ').p && STARTS(tls, "TLS connection reused "))
        return true;
    /* "host[ip]:25: re-using session ...", "host[ip]: Trusted: subject_CN=..." */
    size_t bracket = slice_find(text, ']');
    return slice_find(text, '[') < bracket && slice_find(text, ' ') > bracket;
}

static enum event_kind rest_kind(struct slice text)
{
    return is_quiet(text) || postfix_is_debug(text) ? EVENT_NONE : EVENT_UNKNOWN;
}

/* ---- Actions: "reject: RCPT from host[ip]: 554 5.7.1 ...; from=<...> ..." ---- */

static bool is_silent_action(struct slice verb)
{
    static const char *const verbs[] = {"warn",    "warning", "info",   "filter", "redirect",
                                        "prepend", "replace", "bcc",    "strip",  "pass",
                                        "delay",   "accept",  "permit", "hangup", "reject_warning"};
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (slice_eq(verb, slice_of(verbs[i])))
            return true;
    return false;
}

/*
 * The context is a line of the message, "header Subject: ... from host[ip]; from=<> to=<> helo=<h>:
 * 5.7.1 words" (cleanup/cleanup_message.c): only what is behind the last ">: " is ours.
 */
static void content_action(struct slice s, struct event *e)
{
    const struct slice mark = SLICE(">: ");
    e->code = e->kind == EVENT_REJECT ? (STARTS(s, "mime-error") ? 5006000 : 5007001) : 0;
    for (size_t at = s.n < 3 ? 0 : s.n - 2; at-- > 0;) {
        if (!slice_starts(slice_skip(s, at), mark))
            continue;
        e->text = slice_skip(s, at + mark.n);
        uint32_t code = reply_status(e->text, false);
        if (e->kind == EVENT_REJECT && code)
            e->code = code;
        return;
    }
}

/* The context is a stage of SMTP; s is behind "RCPT". */
static void stage_action(struct slice stage, struct slice s, struct event *e)
{
    if (TAKE(s, " from ") && postfix_take_peer(&s, e))
        s = slice_skip(s, slice_find(s, ' ')); /* ":", ":port:" */
    else
        s = slice_skip(s, slice_find(s, ':') + 1);
    s = slice_skip(s, 1);
    size_t end = slice_search(s, SLICE("; from=<"));
    if (end == s.n)
        end = slice_search(s, SLICE("; proto="));
    e->text = slice_head(s, end);
    if (e->text.n && e->text.p[e->text.n - 1] == ';')
        e->text.n--;
    if (e->kind != EVENT_REJECT)
        return;
    bool recipient = slice_eq(stage, SLICE("RCPT"));
    e->code = slice_eq(e->text, SLICE("bare <LF> received")) /* without the reply (smtpd/smtpd.c) */
                  ? 5005002
                  : reply_status(e->text, recipient);
    if (reply_tells_loop(e->code, e->text))
        e->flags |= EVENT_LOOP;
    if (recipient)
        e->flags |= EVENT_RECIPIENT;
    if (slice_eq(stage, SLICE("CONNECT"))) {
        e->kind = EVENT_CONNECTION_REJECT;
        e->flags |= EVENT_COUNTED;
    }
}

/* False when the line is no action. */
static bool action(struct slice s, struct event *e)
{
    struct slice word = slice_head(s, slice_find(s, ' '));
    if (word.n < 2 || word.p[word.n - 1] != ':')
        return false;
    s = slice_skip(s, word.n + 1);
    word.n--;
    const char *dash = memrchr(word.p, '-', word.n); /* "milter-reject", "milter-header-reject" */
    struct slice verb = dash ? slice_skip(word, (size_t)(dash + 1 - word.p)) : word;
    if (slice_eq(verb, SLICE("reject"))) {
        e->kind = EVENT_REJECT;
    } else if (slice_eq(verb, SLICE("hold"))) {
        e->kind = EVENT_HELD;
    } else if (slice_eq(verb, SLICE("discard"))) {
        e->kind = EVENT_DISCARDED;
    } else {
        e->kind = EVENT_NONE;
        return is_silent_action(verb);
    }
    size_t end = 0;
    while (end < s.n && s.p[end] != ' ' && s.p[end] != ':')
        end++;
    struct slice context = slice_head(s, end);
    if (end && *s.p >= 'a') /* header, body, nested-header, mime-error */
        content_action(s, e);
    else
        stage_action(context, slice_skip(s, end), e);
    return true;
}

/* ---- smtpd, qmqpd ---- */

/* "lost connection after DATA (1234 bytes) from host[ip]"; the words are Postfix's own. */
static void aborted(struct slice s, struct event *e)
{
    size_t at = slice_search(s, SLICE(" from "));
    e->text = slice_head(s, at);
    s = slice_skip(s, at);
    e->kind = postfix_take_peer(&s, e) ? EVENT_ABORT : EVENT_UNKNOWN;
}

/* "Trusted TLS connection established from host[ip]: TLSv1.3 with ..." (tls/tls_misc.c). */
static bool tls_established(struct slice s, struct event *e, struct slice words)
{
    if (!slice_cut(&s, ' ').p || !slice_take(&s, words))
        return false;
    struct slice where = s;
    if (!postfix_take_peer(&s, e))
        return false;
    e->relay = slice_head(where, (size_t)(s.p - where.p) + slice_find(s, ' '));
    if (e->relay.n && e->relay.p[e->relay.n - 1] == ':')
        e->relay.n--;
    return true;
}

/* Behind "disconnect from host[ip]": " ehlo=1 unknown=0/2 commands=1/3", successes/total. */
static uint32_t bad_commands(struct slice s)
{
    size_t k = slice_find(s, 'k'); /* in no other command's name */
    if (k == s.n || k < 3)
        return 0;
    uint64_t good, all;
    s = slice_skip(s, k - 3);
    if (!TAKE(s, " unknown=") || !slice_number(&s, &good) || !TAKE(s, "/") ||
        !slice_number(&s, &all) || all < good)
        return 0;
    return all - good > UINT32_MAX ? UINT32_MAX : (uint32_t)(all - good);
}

static bool is_loopback(struct slice ip)
{
    return STARTS(ip, "127.") || slice_eq(ip, SLICE("::1"));
}

/* "client=host[ip], sasl_method=..., sasl_username=..., orig_queue_id=..., orig_client=..." */
static void client(struct slice s, struct event *e)
{
    if (!postfix_take_peer(&s, e))
        return;
    e->kind =
        e->id.n ? EVENT_CLIENT : EVENT_NONE; /* with a proxy filter there is no message here */
    if (is_loopback(e->peer))
        e->flags |= EVENT_LOOPBACK;
    if (s.n == 0)
        return;
    if (*s.p == ':') /* smtpd_client_port_logging */
        s = slice_skip(s, slice_find(s, ','));
    if (STARTS(s, ", sasl_method=")) { /* a user, not a filter: and a user name may hold anything */
        e->flags |= EVENT_SASL;
        return;
    }
    if (!TAKE(s, ", orig_queue_id="))
        return;
    struct slice id = slice_head(s, slice_find(s, ','));
    if (id.n == 0 || postfix_id_length(id) != id.n)
        return;
    e->flags |= EVENT_REINJECTED;
    e->other_id = id;
}

static void smtpd(struct slice s, struct event *e)
{
    if (TAKE(s, "connect from "))
        e->kind = postfix_take_peer(&s, e) ? EVENT_CONNECT : EVENT_UNKNOWN;
    else if (TAKE(s, "disconnect from ")) {
        e->kind = postfix_take_peer(&s, e) ? EVENT_DISCONNECT : EVENT_UNKNOWN;
        e->bad_commands = bad_commands(s);
    } else if (TAKE(s, "client="))
        client(s, e);
    else if (STARTS(s, "lost connection after ") || STARTS(s, "timeout after ") ||
             STARTS(s, "too many errors after ") || STARTS(s, "abort: TLS from ") ||
             STARTS(s, "bare <LF> received after "))
        aborted(s, e);
    else if (tls_established(s, e, SLICE("TLS connection established from ")))
        e->kind = EVENT_TLS_IN;
    else if (!action(s, e))
        e->kind = rest_kind(s);
}

/* "host[ip]: lost connection while receiving message content" (qmqpd/qmqpd.c); else as smtpd. */
static void qmqpd(struct slice s, struct event *e)
{
    size_t at = slice_search(s, SLICE("]: "));
    struct slice why = slice_skip(s, at + 3);
    if (HAS(why, " while ") && at < slice_find(s, ' ') && postfix_take_peer(&s, e)) {
        e->kind = EVENT_ABORT;
        e->text = why;
    } else {
        smtpd(s, e);
    }
}

/* ---- postscreen ---- */

/* Behind " from " or the like: "[192.0.2.9]:4321". */
static void postscreen_peer(struct slice s, struct event *e, enum event_kind kind)
{
    e->kind = postfix_take_peer(&s, e) ? kind : EVENT_UNKNOWN;
}

static void postscreen_reject(struct slice s, struct event *e)
{
    if (!slice_cut(&s, ' ').p || !TAKE(s, "from ") || !postfix_take_peer(&s, e)) {
        e->kind = EVENT_UNKNOWN;
        return;
    }
    s = slice_skip(s, slice_find(s, ' ') + 1);
    e->text = slice_head(s, slice_search(s, SLICE("; from=<")));
    e->kind = EVENT_CONNECTION_REJECT;
    e->flags |= EVENT_COUNTED;
    if (HAS(e->text, "ports busy")) /* without the reply (postscreen/postscreen.c) */
        e->code = 4003002;
    else
        e->code = slice_eq(e->text, SLICE("too many connections")) ? 4007000
                                                                   : reply_status(e->text, true);
}

static bool postscreen_quiet(struct slice s)
{
    return STARTS(s, "PREGREET ") || STARTS(s, "DNSBL ") || STARTS(s, "ALLOWLIST") ||
           STARTS(s, "DENYLIST") || STARTS(s, "WHITELIST") || STARTS(s, "BLACKLIST") ||
           STARTS(s, "BARE NEWLINE ") || STARTS(s, "NON-SMTP ") ||
           STARTS(s, "COMMAND PIPELINING ") || STARTS(s, "DATA without ") ||
           STARTS(s, "BDAT without ");
}

static void postscreen(struct slice s, struct event *e)
{
    if (TAKE(s, "CONNECT from "))
        postscreen_peer(s, e, EVENT_CONNECT);
    else if (STARTS(s, "PASS ")) /* to smtpd, which logs a connect of its own */
        e->kind = EVENT_NONE;
    else if (TAKE(s, "DISCONNECT "))
        postscreen_peer(s, e, EVENT_DISCONNECT);
    else if (TAKE(s, "reject: "))
        postscreen_reject(s, e);
    else if (STARTS(s, "HANGUP after ") || STARTS(s, "COMMAND TIME LIMIT ") ||
             STARTS(s, "COMMAND COUNT LIMIT ") || STARTS(s, "COMMAND LENGTH LIMIT "))
        aborted(s, e);
    else if (STARTS(s, "entering STRESS mode"))
        e->kind = EVENT_STRESS_ON;
    else if (STARTS(s, "leaving STRESS mode"))
        e->kind = EVENT_STRESS_OFF;
    else
        e->kind = postscreen_quiet(s) ? EVENT_NONE : rest_kind(s);
}

/* ---- cleanup, pickup, qmgr, bounce ---- */

static void cleanup(struct slice s, struct event *e)
{
    if (TAKE(s, "message-id=")) {
        e->kind = EVENT_MESSAGE_ID;
        e->text = s;
    } else if (STARTS(s, "removed (")) {
        e->kind = EVENT_REMOVED;
    } else if (!action(s, e) && !postfix_not_accepted(s, e)) {
        e->kind = rest_kind(s);
    }
}

/* "uid=1000 from=<alice>", and " orig_id=..." when postsuper -r made it of an older message. */
static void pickup(struct slice s, struct event *e)
{
    const char *last = s.n ? memrchr(s.p, ' ', s.n) : NULL;
    if (!STARTS(s, "uid=") || !last) {
        e->kind = rest_kind(s);
        return;
    }
    e->kind = EVENT_SUBMIT;
    e->text = slice_head(s, slice_find(s, ' '));
    s = slice_skip(s, (size_t)(last + 1 - s.p));
    if (TAKE(s, "orig_id=") && postfix_id_length(s) == s.n) {
        e->flags |= EVENT_REINJECTED;
        e->other_id = s;
    }
}

/* Behind "from=<": address>, size=4211, nrcpt=2 (queue active) */
static void queued(struct slice s, struct event *e)
{
    uint64_t recipients;
    if (!postfix_take_address(&s, SLICE(", size="), SLICE(", status="), &e->address))
        return;
    if (TAKE(s, ", status=")) {
        if (STARTS(s, "expired, ") || STARTS(s, "force-expired, "))
            e->kind = EVENT_EXPIRED;
        return;
    }
    s = slice_skip(s, 7);
    if (!slice_number(&s, &e->size) || !TAKE(s, ", nrcpt=") || !slice_number(&s, &recipients))
        return;
    e->recipients = recipients > UINT32_MAX ? UINT32_MAX : (uint32_t)recipients;
    e->kind = EVENT_QUEUED;
    if (STARTS(e->address, "double-bounce@") || slice_eq(e->address, SLICE("double-bounce")))
        e->flags |= EVENT_PROBE_SENDER;
}

static void qmgr(struct slice s, struct event *e)
{
    if (TAKE(s, "from=<"))
        queued(s, e);
    else if (slice_eq(s, SLICE("removed")))
        e->kind = EVENT_REMOVED;
    else
        e->kind = rest_kind(s);
}

static void bounce(struct slice s, struct event *e)
{
    struct slice t = s;
    if ((TAKE(t, "sender ") || TAKE(t, "postmaster ")) && e->id.n) {
        if (TAKE(t, "non-delivery notification: "))
            e->notice = NOTICE_BOUNCE;
        else if (TAKE(t, "delay notification: "))
            e->notice = NOTICE_DELAY;
        else if (TAKE(t, "delivery status notification: "))
            e->notice = NOTICE_SUCCESS;
        if (e->notice != NOTICE_NONE && postfix_id_length(t) == t.n) {
            e->kind = EVENT_NOTICE;
            e->other_id = t;
            return;
        }
    }
    e->kind = rest_kind(s);
}

/* ---- smtp, lmtp; local, virtual, pipe, error, discard ---- */

static void smtp(struct slice s, struct event *e)
{
    struct slice where = s;
    if (TAKE(where, "connect to ")) { /* host[ip]:25: Connection refused */
        struct slice line = s;
        s = where;
        if (!postfix_take_peer(&s, e)) {
            e->kind = rest_kind(line); /* "connect to subsystem private/bounce" */
            return;
        }
        s = slice_skip(s, slice_search(s, SLICE(": ")));
        e->relay = slice_head(where, (size_t)(s.p - where.p));
        e->text = slice_skip(s, 2);
        e->kind = EVENT_CONNECT_FAIL;
    } else if (tls_established(s, e, SLICE("TLS connection established to "))) {
        e->kind = EVENT_TLS_OUT;
    } else if (!action(s, e)) { /* smtp_header_checks */
        e->kind = rest_kind(s);
    }
}

static void local(struct slice s, struct event *e)
{
    e->kind = rest_kind(s);
}

/* ---- master, postfix-script, postsuper ---- */

static void master(struct slice s, struct event *e)
{
    struct slice version = s;
    if (TAKE(version, "daemon started -- version "))
        e->kind = EVENT_STARTED;
    else if (TAKE(version, "reload -- version "))
        e->kind = EVENT_RELOADED;
    else
        version.n = 0;
    e->text = slice_head(version, slice_find(version, ','));
    if (version.n)
        return;
    if (slice_eq(s, SLICE("daemon started"))) /* before 2.4 */
        e->kind = EVENT_STARTED;
    else if (STARTS(s, "reload configuration"))
        e->kind = EVENT_RELOADED;
    else
        e->kind = STARTS(s, "terminating on signal ") ? EVENT_STOPPED : rest_kind(s);
}

/* master tells itself that it has started, and of a reload. */
static void script(struct slice s, struct event *e)
{
    if (STARTS(s, "stopping the Postfix mail system") ||
        STARTS(s, "aborting the Postfix mail system"))
        e->kind = EVENT_STOPPING;
    else
        e->kind = STARTS(s, "starting the Postfix mail system") ? EVENT_STARTING : EVENT_NONE;
}

static void postsuper(struct slice s, struct event *e)
{
    e->kind = e->id.n == 0 && STARTS(s, "Deleted: ") ? EVENT_PURGED : EVENT_NONE;
    if (e->id.n == 0)
        return;
    e->flags |= EVENT_BY_ADMIN;
    if (slice_eq(s, SLICE("removed")))
        e->kind = EVENT_REMOVED;
    else if (slice_eq(s, SLICE("placed on hold")))
        e->kind = EVENT_HELD;
    else if (slice_eq(s, SLICE("requeued")) || slice_eq(s, SLICE("released from hold")))
        e->kind = EVENT_RELEASED;
}

static void quiet(struct slice s, struct event *e)
{
    (void)s;
    e->kind = EVENT_NONE;
}

/* ---- The programs by name ---- */

#define SERVICE(name, parse, warning)                                                              \
    {                                                                                              \
        {name, sizeof name - 1}, parse, warning                                                    \
    }
#define END                                                                                        \
    {                                                                                              \
        {NULL, 0}, NULL, NULL                                                                      \
    }

/* One list for each length of name, the busiest first. */
static const struct postfix_service of_4[] = {
    SERVICE("smtp", smtp, NULL), SERVICE("qmgr", qmgr, NULL), SERVICE("lmtp", smtp, NULL),
    SERVICE("pipe", local, NULL), END};
static const struct postfix_service of_5[] = {SERVICE("smtpd", smtpd, postfix_smtpd_warning),
                                              SERVICE("local", local, NULL),
                                              SERVICE("error", local, NULL),
                                              SERVICE("retry", local, NULL),
                                              SERVICE("anvil", quiet, NULL),
                                              SERVICE("qmqpd", qmqpd, postfix_smtpd_warning),
                                              SERVICE("oqmgr", qmgr, NULL),
                                              SERVICE("nqmgr", qmgr, NULL),
                                              SERVICE("flush", quiet, NULL),
                                              SERVICE("showq", quiet, NULL),
                                              SERVICE("spawn", quiet, NULL),
                                              END};
static const struct postfix_service of_6[] = {SERVICE("bounce", bounce, NULL),
                                              SERVICE("pickup", pickup, NULL),
                                              SERVICE("master", master, postfix_master_warning),
                                              SERVICE("scache", quiet, NULL),
                                              SERVICE("verify", quiet, NULL),
                                              SERVICE("tlsmgr", quiet, NULL),
                                              END};
static const struct postfix_service of_7[] = {SERVICE("cleanup", cleanup, postfix_cleanup_warning),
                                              SERVICE("virtual", local, NULL),
                                              SERVICE("discard", local, NULL),
                                              SERVICE("dnsblog", quiet, NULL),
                                              SERVICE("postlog", script, postfix_script_warning),
                                              SERVICE("postmap", quiet, NULL),
                                              SERVICE("postcat", quiet, NULL),
                                              END};
static const struct postfix_service of_8[] = {SERVICE("tlsproxy", quiet, NULL),
                                              SERVICE("postlogd", quiet, NULL),
                                              SERVICE("proxymap", quiet, NULL),
                                              SERVICE("postdrop", quiet, NULL),
                                              SERVICE("sendmail", quiet, NULL),
                                              SERVICE("postconf", quiet, NULL),
                                              SERVICE("postkick", quiet, NULL),
                                              SERVICE("postlock", quiet, NULL),
                                              END};
static const struct postfix_service of_9[] = {
    SERVICE("postsuper", postsuper, NULL), SERVICE("postqueue", quiet, NULL),
    SERVICE("postalias", quiet, NULL), SERVICE("postmulti", quiet, NULL), END};
static const struct postfix_service of_10[] = {SERVICE("postscreen", postscreen, NULL),
                                               SERVICE("proxywrite", quiet, NULL), END};
static const struct postfix_service of_14[] = {
    SERVICE("postfix-script", script, postfix_script_warning), END};
static const struct postfix_service of_15[] = {SERVICE("trivial-rewrite", quiet, NULL), END};
static const struct postfix_service of_16[] = {SERVICE("postmulti-script", quiet, NULL), END};
static const struct postfix_service of_18[] = {SERVICE("postfix-tls-script", quiet, NULL), END};
static const struct postfix_service *const by_length[] = {
    [4] = of_4,   [5] = of_5,   [6] = of_6,   [7] = of_7,   [8] = of_8,  [9] = of_9,
    [10] = of_10, [14] = of_14, [15] = of_15, [16] = of_16, [18] = of_18};

const struct postfix_service *postfix_service_named(struct slice name)
{
    if (name.n >= sizeof by_length / sizeof by_length[0] || !by_length[name.n])
        return NULL;
    for (const struct postfix_service *s = by_length[name.n]; s->parse; s++)
        if (s->name.p[0] == name.p[0] && s->name.p[name.n - 1] == name.p[name.n - 1] &&
            memcmp(s->name.p, name.p, name.n) == 0)
            return s;
    return NULL;
}
