/*
 * How mail comes in: SMTP sessions (many open at a time, their lines interleaved), postscreen
 * before them, submissions by pickup, verification probes, and the lines that other programs write
 * between.
 */
#include <stdlib.h>
#include <string.h>
#include "gen.h"

#define SESSIONS 120

struct session {
    enum { AT_START, AT_SCREEN, AT_CONNECT, AT_HELLO, AT_MAIL, AT_HEADER, AT_QUEUE, AT_END } at;
    unsigned instance, client, pid, port;
    unsigned mails, auth, auth_failed, rcpts, rcpts_refused, unknown;
    enum group service;
    bool screened, tls, sasl, lost;
    char name[128], bare[48];
    struct message *m;
};
static struct session sessions[SESSIONS];
static unsigned session_count;

void inbound_init(void)
{
    session_count = options.in_flight / 8 < SESSIONS ? options.in_flight / 8 + 1 : SESSIONS;
}

#define SAY(s, ...) line((s)->instance, group_tag[(s)->service], (s)->pid, __VA_ARGS__)

/* --- postscreen ------------------------------------------------------------------------------- */

static void screen_say(const struct session *s, const char *what)
{
    line(s->instance, "postscreen", 1500, "%s [%s]:%u", what, s->bare, s->port);
}

static void screen_start(struct session *s)
{
    line(s->instance, "postscreen", 1500, "CONNECT from [%s]:%u to [192.0.2.25]:25", s->bare,
         s->port);
    truth_connect(s->instance, IN_POSTSCREEN, s->client, false);
    s->at = AT_SCREEN;
}

static void screen_end(struct session *s)
{
    screen_say(s, "DISCONNECT");
    truth_entry(s->instance, IN_POSTSCREEN, CODE_CLOSED);
    s->at = AT_START;
}

static void screen_block(struct session *s)
{
    char from[256], to[256];
    mailbox_text(mailbox_remote(), from);
    mailbox_text(mailbox_local(), to);
    line(s->instance, "dnsblog", 1501, "addr %s listed by domain zen.dnsbl.example as 127.0.0.%u",
         s->bare, 2 + rnd(9));
    line(s->instance, "postscreen", 1500, "DNSBL rank %u for [%s]:%u", 3 + rnd(5), s->bare,
         s->port);
    line(s->instance, "postscreen", 1500,
         "NOQUEUE: reject: RCPT from [%s]:%u: 550 5.7.1 Service unavailable; client [%s] blocked "
         "using zen.dnsbl.example; from=<%s>, to=<%s>, proto=ESMTP, helo=<pc>",
         s->bare, s->port, s->bare, from, to);
    truth_refused(s->instance, IN_POSTSCREEN, s->client, 5007001);
    screen_end(s);
}

static void screen_hangup(struct session *s)
{
    line(s->instance, "postscreen", 1500, "PREGREET %u after 0.%02u from [%s]:%u: EHLO x\\r\\n",
         10 + s->port % 20, rnd(99), s->bare, s->port);
    line(s->instance, "postscreen", 1500,
         "HANGUP after %u.%u from [%s]:%u in tests before SMTP handshake", s->port % 5, rnd(9),
         s->bare, s->port);
    truth_entry(s->instance, IN_POSTSCREEN, CODE_ABORTED);
    screen_end(s);
}

/* Neither line has the reply's code: Postfix says 421 4.7.0 to the first, 421 4.3.2 to the second.
 */
static void screen_busy(struct session *s)
{
    bool greedy = chance(0.5);
    line(s->instance, "postscreen", 1500, "NOQUEUE: reject: CONNECT from [%s]:%u: %s", s->bare,
         s->port, greedy ? "too many connections" : "all server ports busy");
    truth_refused(s->instance, IN_POSTSCREEN, s->client, greedy ? 4007000 : 4003002);
    screen_end(s);
}

static void screen(struct session *s)
{
    unsigned k = rnd(100);
    if (k < 68) {
        if (chance(0.05))
            line(s->instance, "postscreen", 1500,
                 "NON-SMTP COMMAND from [%s]:%u after CONNECT: GET /", s->bare, s->port);
        screen_say(s, k < 50 ? "PASS OLD" : k < 60 ? "PASS NEW" : "ALLOWLISTED");
        s->screened = true;
        s->at = AT_CONNECT;
    } else if (k < 85) {
        screen_block(s);
    } else if (k < 97) {
        screen_hangup(s);
    } else {
        screen_busy(s);
    }
}

/* --- an SMTP session -------------------------------------------------------------------------- */

static void start(struct session *s)
{
    unsigned k = rnd(100);
    memset(s, 0, sizeof *s);
    s->instance = chance(0.2);
    s->service = k < 72 ? IN_SMTPD : k < 92 ? IN_SUBMISSION : IN_SMTPS;
    s->client = skewed(options.peers);
    s->pid = 2000 + rnd(900);
    s->port = 1024 + rnd(64000);
    s->mails = chance(0.15) ? 2 + rnd(3) : 1;
    client_text(s->client, s->name, s->bare);
    if (s->instance == 0 && s->service == IN_SMTPD && chance(0.5))
        screen_start(s);
    else
        s->at = AT_CONNECT;
}

static void finish(struct session *s)
{
    if (s->lost) {
        static const char *const after[] = {"AUTH",     "CONNECT", "RCPT",
                                            "STARTTLS", "EHLO",    "UNKNOWN"};
        unsigned k = rnd(10);
        if (k < 7)
            SAY(s, "%slost connection after %s from %s", k == 6 ? "NOQUEUE: " : "", after[rnd(6)],
                s->name);
        else if (k < 9)
            SAY(s, "timeout after DATA (%u bytes) from %s", rnd(90000), s->name);
        else
            SAY(s, "too many errors after RCPT from %s", s->name);
        truth_entry(s->instance, s->service, CODE_ABORTED);
    }
    char auth[32] = "", unknown[32] = "", rcpts[32];
    snprintf(rcpts, sizeof rcpts, s->rcpts_refused ? "%u/%u" : "%u", s->rcpts - s->rcpts_refused,
             s->rcpts);
    if (s->auth)
        snprintf(auth, sizeof auth, s->auth_failed ? " auth=%u/%u" : " auth=%u",
                 s->auth - s->auth_failed, s->auth);
    if (s->unknown)
        snprintf(unknown, sizeof unknown, " unknown=0/%u", s->unknown);
    SAY(s, "disconnect from %s ehlo=1%s%s mail=1 rcpt=%s%s quit=1 commands=%u%s", s->name,
        s->tls ? " starttls=1" : "", auth, rcpts, unknown, 5 + s->rcpts,
        chance(0.01) ? " notes=bare_lf" : "");
    truth_entry(s->instance, s->service, CODE_CLOSED);
    s->at = AT_START;
}

static bool refuse_connection(struct session *s)
{
    unsigned k = rnd(1000 / options.rare);
    if (k < 10) {
        SAY(s,
            "NOQUEUE: reject: CONNECT from %s: 554 5.7.1 <%s>: Client host rejected: Access "
            "denied; proto=SMTP",
            s->name, s->name);
        truth_refused(s->instance, s->service, s->client, 5007001);
    } else if (k < 20) {
        SAY(s, "warning: Connection %s limit exceeded: %u from %s for service smtp",
            k < 15 ? "concurrency" : "rate", 51 + rnd(20), s->name);
        truth_refused(s->instance, s->service, s->client, 4007000); /* it says 421 4.7.0 */
    }
    return k < 20;
}

static void open_session(struct session *s)
{
    if (s->name[0] == 'u' && chance(0.5))
        SAY(s,
            "warning: hostname dyn-%u.isp.example does not resolve to address %s: Name or service "
            "not known",
            s->client, s->bare);
    SAY(s, "connect from %s", s->name);
    truth_connect(s->instance, s->service, s->client, s->screened);
    s->at = refuse_connection(s) ? AT_END : AT_HELLO;
}

static void try_passwords(struct session *s)
{
    unsigned tries = 1 + rnd(3);
    while (tries-- > 0) {
        SAY(s, "warning: %s: SASL %s authentication failed: %s", s->name,
            tries & 1 ? "LOGIN" : "PLAIN",
            chance(0.5) ? "UGFzc3dvcmQ6"
                        : "authentication failure, sasl_username=status=sent@hosted.example");
        truth_auth_failed(s->instance, s->service, s->client);
        s->auth++;
        s->auth_failed++;
    }
}

static void hello(struct session *s)
{
    s->tls = s->service != IN_SMTPD ? chance(0.95) : chance(0.5);
    if (s->tls && chance(0.02)) {
        SAY(s, "SSL_accept error from %s: lost connection", s->name);
        s->tls = false;
        s->lost = true;
        s->at = AT_END;
        return;
    }
    if (s->tls) {
        SAY(s,
            "Anonymous TLS connection established from %s: TLSv1.3 with cipher "
            "TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519 server-signature RSA-PSS "
            "(2048 bits) server-digest SHA256",
            s->name);
        truth_tls(s->instance, s->service);
    }
    if (s->service != IN_SMTPD && chance(0.15))
        try_passwords(s);
    s->lost = chance(0.06);
    s->unknown = chance(0.02);
    s->sasl = s->service != IN_SMTPD;
    s->auth += s->sasl;
    s->at = (s->auth_failed || s->lost) && chance(0.6) ? AT_END : AT_MAIL;
}

struct refusal {
    const char *stage, *text;
    unsigned code;
};
static const struct refusal refusals[] = {
    {"RCPT", "550 5.1.1 <%s>: Recipient address rejected: User unknown in virtual mailbox table",
     5001001},
    {"RCPT", "554 5.7.1 <%s>: Relay access denied", 5007001},
    {"RCPT", "450 4.2.0 <%s>: Recipient address rejected: Greylisted, status=deferred", 4002000},
    {"RCPT", "450 4.1.8 <%s>: Sender address rejected: Domain not found", 4001008},
    {"RCPT", "504 5.5.2 <%s>: Helo command rejected: need fully-qualified hostname", 5005002},
    {"MAIL", "552 5.3.4 Message size exceeds fixed limit", 5003004},
    {"DATA", "503 5.5.0 <DATA>: Data command rejected: Improper use of SMTP command pipelining",
     5005000},
    {"EHLO", "501 5.5.2 <x y>: Helo command rejected: Invalid name", 5005002},
};

/* `id` is the message the refused command belonged to, or NOQUEUE. */
static void refuse(struct session *s, const char *id, const struct refusal *r)
{
    char from[256], to[256], text[512];
    bool recipient = strcmp(r->stage, "RCPT") == 0;
    mailbox_text(chance(0.5) ? mailbox_remote() : mailbox_local(), to);
    mailbox_text(mailbox_remote(), from);
    snprintf(text, sizeof text, r->text, to);
    SAY(s, "%s: reject: %s from %s: %s; from=<%s> to=<%s> proto=ESMTP helo=<[%u.status=sent]>", id,
        r->stage, s->name, text, from, to, rnd(99));
    truth_rejected(s->instance, s->service, s->client, r->code, recipient);
    s->rcpts += recipient;
    s->rcpts_refused += recipient;
}

static void warn_only(struct session *s)
{
    SAY(s,
        "NOQUEUE: reject_warning: RCPT from %s: 554 5.7.1 <x@other.example>: Relay access denied; "
        "from=<s@spam.example> to=<x@other.example> proto=SMTP helo=<pc>",
        s->name);
}

static void after_mail(struct session *s)
{
    s->m = NULL;
    s->at = --s->mails > 0 ? AT_MAIL : AT_END;
}

static void add_recipients(struct session *s)
{
    struct message *m = s->m;
    bool outgoing = s->sasl || s->instance == 1;
    unsigned n = chance(0.75) ? 1 : chance(0.9) ? 2 + rnd(4) : 2 + rnd(RCPT_MAX - 1);
    while (n-- > 0)
        message_add_rcpt(m, chance(outgoing ? 0.8 : 0.05) ? mailbox_remote() : mailbox_local());
    s->rcpts += m->rcpt_count;
}

static void say_client(struct session *s)
{
    const struct message *m = s->m;
    if (!s->sasl) {
        SAY(s, "%s: client=%s", m->id, s->name);
        return;
    }
    truth_entry(s->instance, s->service, CODE_AUTHENTICATION);
    SAY(s, "%s: client=%s, sasl_method=%s, sasl_username=%s%u@hosted.example", m->id, s->name,
        m->size % 3 ? "PLAIN" : "LOGIN", m->size % 100 == 7 ? "x, orig_queue_id=" : "user",
        rnd(5000));
}

static void begin_mail(struct session *s)
{
    unsigned k = rnd(100);
    if (k < 3)
        warn_only(s);
    if (!s->sasl && k < 32) {
        refuse(s, "NOQUEUE", &refusals[skewed(8)]);
        after_mail(s);
        return;
    }
    struct message *m = s->m = message_new(s->instance, s->service);
    m->from = s->sasl ? mailbox_local() : mailbox_remote();
    m->null_sender = !s->sasl && chance(0.04);
    if (s->instance == 0 && !s->sasl && chance(0.12)) {
        m->kind = KIND_FILTERED;
        message_add_rcpt(m, mailbox_local());
        if (chance(0.3))
            message_add_rcpt(m, mailbox_local());
        s->rcpts += m->rcpt_count;
    } else {
        add_recipients(s);
    }
    say_client(s);
    if (chance(0.03))
        refuse(s, m->id, &refusals[rnd(2)]);
    s->at = AT_HEADER;
}

/* A milter or header check ends it, or the client goes away: the file vanishes without a word. */
static bool drop_mail(struct session *s)
{
    const struct message *m = s->m;
    unsigned k = rnd(1000 / options.rare), pid = 3000 + rnd(40);
    if (k < 8) {
        line(s->instance, "cleanup", pid,
             "%s: milter-reject: END-OF-MESSAGE from %s: 5.7.1 Command rejected; "
             "from=<a@spam.example> to=<b@hosted.example> proto=ESMTP helo=<pc>",
             m->id, s->name);
        truth_rejected(s->instance, s->service, s->client, 5007001, false);
    } else if (k < 14) {
        line(s->instance, "cleanup", pid,
             "%s: reject: header Subject: buy now, status=sent from %s; from=<a@spam.example> "
             "to=<b@hosted.example> proto=ESMTP helo=<pc>: 5.7.1 no spam",
             m->id, s->name);
        truth_rejected(s->instance, s->service, s->client, 5007001, false);
    } else if (k < 18) {
        SAY(s,
            "%s: discard: RCPT from %s: <b@hosted.example>: Recipient address triggers DISCARD "
            "action; from=<a@spam.example> to=<b@hosted.example> proto=ESMTP helo=<pc>",
            m->id, s->name);
        truth_entry(s->instance, s->service, CODE_DISCARDED);
    } else if (k < 24) {
        SAY(s,
            "%s: milter-reject: DATA from %s: 451 4.7.1 Service unavailable - try again later; "
            "from=<a@spam.example> proto=ESMTP helo=<pc>",
            m->id, s->name);
        truth_rejected(s->instance, s->service, s->client, 4007001, false);
    } else if (k < 30) {
        s->mails = 1;
        s->lost = true;
    } else {
        return false;
    }
    return true;
}

static void say_header(struct session *s)
{
    struct message *m = s->m;
    if (drop_mail(s)) {
        message_free(m);
        after_mail(s);
        return;
    }
    if (rarely(0.008))
        line(s->instance, "cleanup", 3000 + rnd(40),
             "%s: warning: header Subject: to=<x@y.example>, relay=none, delay=1, delays=0/0/0/1, "
             "dsn=2.0.0, status=sent (250 ok) from %s; from=<x@y.example> to=<a@b.example> "
             "proto=ESMTP helo=<h>",
             m->id, s->name);
    if (rarely(0.01)) {
        SAY(s,
            "%s: hold: RCPT from %s: <b@hosted.example>: Recipient address triggers HOLD action; "
            "from=<a@spam.example> to=<b@hosted.example> proto=ESMTP helo=<pc>",
            m->id, s->name);
        truth_entry(s->instance, s->service, CODE_HELD);
        message_cleanup(m);
        message_hold_on_entry(m);
        after_mail(s);
        return;
    }
    message_cleanup(m);
    if (chance(0.25))
        line_other("opendkim", 900, "%s: DKIM-Signature field added (s=default, d=%s)", m->id,
                   domains[m->from.domain].name);
    s->at = AT_QUEUE;
}

static void step(struct session *s)
{
    switch (s->at) {
    case AT_START:
        start(s);
        break;
    case AT_SCREEN:
        screen(s);
        break;
    case AT_CONNECT:
        open_session(s);
        break;
    case AT_HELLO:
        hello(s);
        break;
    case AT_MAIL:
        begin_mail(s);
        break;
    case AT_HEADER:
        say_header(s);
        break;
    case AT_QUEUE:
        message_activate(s->m);
        after_mail(s);
        break;
    case AT_END:
        finish(s);
        break;
    }
}

void inbound_step(void)
{
    step(&sessions[rnd(session_count)]);
}

/* --- other ways in, other lines --------------------------------------------------------------- */

static void submit(unsigned instance)
{
    struct message *m = message_new(instance, IN_PICKUP);
    char from[256];
    m->from = mailbox_local();
    message_add_rcpt(m, chance(0.5) ? mailbox_remote() : mailbox_local());
    line(instance, "pickup", 812, "%s: uid=%u from=<%s>", m->id, 1000 + rnd(50),
         mailbox_text(m->from, from));
    message_cleanup(m);
    message_activate(m);
}

static void probe_address(unsigned instance)
{
    struct message *m = message_new(instance, IN_CLEANUP);
    m->kind = KIND_PROBE;
    m->from = mailbox_local();
    m->size = 258;
    message_add_rcpt(m, mailbox_remote());
    message_cleanup(m);
    message_activate(m);
}

static void chatter(unsigned instance)
{
    char name[128], bare[48];
    client_text(rnd(options.peers), name, bare);
    switch (rnd(8)) {
    case 0:
        line(instance, "anvil", 1700,
             "statistics: max connection rate %u/60s for (smtp:%s) at Nov 20 00:40:11", 1 + rnd(60),
             bare);
        break;
    case 1:
        line(instance, "anvil", 1700, "statistics: max cache size %u at Nov 20 00:40:11",
             1 + rnd(20));
        break;
    case 2:
        line(instance, "tlsproxy", 1600, "CONNECT from [%s]:%u", bare, 1024 + rnd(60000));
        line(instance, "tlsproxy", 1600,
             "Anonymous TLS connection established from [%s]:4321: TLSv1.3 with cipher "
             "TLS_AES_256_GCM_SHA384 (256/256 bits)",
             bare);
        line(instance, "tlsproxy", 1600, "DISCONNECT [%s]:4321", bare);
        break;
    case 3:
        line(instance, "scache", 1710, "statistics: domain lookup hits=%u miss=%u success=%u%%",
             instance, instance + 1, rnd(100));
        break;
    case 4:
        line(instance, "trivial-rewrite", 1720,
             "warning: do not list domain hosted.example in BOTH virtual_alias_domains and "
             "relay_domains");
        break;
    case 5:
        line(instance, "smtpd", 2000 + rnd(900),
             "warning: TLS library problem: error:0A000126:SSL routines::unexpected eof while "
             "reading:../ssl/record/rec_layer_s3.c:304:");
        break;
    case 6:
        line(instance, "smtpd", 2000 + rnd(900),
             "improper command pipelining after EHLO from %s: QUIT", name);
        break;
    default:
        line_other("systemd", 1, "Started Session %u of user root, status=sent (250 ok).",
                   rnd(99999));
    }
}

void inbound_local(void)
{
    unsigned k = rnd(100), instance = chance(0.2);
    if (k < 55)
        submit(instance);
    else if (k < 70)
        probe_address(instance);
    else
        chatter(instance);
}
