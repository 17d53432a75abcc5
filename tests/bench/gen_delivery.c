/*
 * Delivery attempts of gen_postfix_log, transport by transport: what the agent logs for each
 * recipient, and the truth of it. Which message is tried when is gen_message.c's.
 */
#include <stdlib.h>
#include <string.h>
#include "gen.h"

struct attempt { /* what several recipients of one attempt have in common */
    struct message *m;
    enum group transport;
    unsigned pid, delay_ms, conn_use, count;
    struct rcpt *rcpt[RCPT_MAX];
    char relay[160], host[128];
    const char *tls;
};
struct result {
    enum { STATUS_SENT, STATUS_DEFERRED, STATUS_BOUNCED } status;
    unsigned code;
    bool loop;
    char text[640];
};

/* Postfix prints seconds with two significant digits and at most two decimals. */
static const char *seconds_text(unsigned ms, char text[16])
{
    if (ms % 1000 == 0)
        snprintf(text, 16, "%u", ms / 1000);
    else if (ms % 100 == 0)
        snprintf(text, 16, "%u.%u", ms / 1000, ms % 1000 / 100);
    else
        snprintf(text, 16, "%u.%02u", ms / 1000, ms % 1000 / 10);
    return text;
}
static unsigned some_delay(bool retry)
{
    unsigned k = retry ? 99 : rnd(100);
    return k < 50   ? 10 * (1 + rnd(99))
           : k < 80 ? 100 * (10 + rnd(90))
           : k < 96 ? 1000 * (10 + rnd(90))
                    : 1000 * (100 + rnd(40000));
}

static void log_delivery(const struct attempt *a, const struct rcpt *r, unsigned code,
                         const char *status, const char *text)
{
    static const char *const originals[] = {"postmaster", "root", "Info@Hosted.example",
                                            "\"b>, relay=none\"@evil.example"};
    char to[256], orig[96] = "", use[32] = "", tls[64] = "", d[5][16];
    unsigned n = rnd(3000);
    if (r->to.seed % 11 == 3)
        snprintf(orig, sizeof orig, ", orig_to=<%s>", originals[r->to.seed % 4]);
    if (a->conn_use > 1)
        snprintf(use, sizeof use, ", conn_use=%u", a->conn_use);
    if (a->tls)
        snprintf(tls, sizeof tls, ", tls=%s", a->tls);
    line(a->m->instance, group_tag[a->transport], a->pid,
         "%s: to=<%s>%s, relay=%s%s, delay=%s, delays=%s/%s/%s/%s%s, dsn=%u.%u.%u, status=%s (%s)",
         a->m->id, mailbox_text(r->to, to), orig, a->relay, use, seconds_text(a->delay_ms, d[0]),
         seconds_text(a->delay_ms < 99000 ? a->delay_ms / 100 * 10 : a->delay_ms, d[1]),
         seconds_text(n % 10 * 10, d[2]), seconds_text(n % 100 * 10, d[3]),
         seconds_text(n % 30 * 100, d[4]), tls, code / 1000000, code / 1000 % 1000, code % 1000,
         status, text);
}

static void conclude(struct attempt *a, struct rcpt *r, const struct result *x)
{
    static const char *const words[] = {"sent", "deferred", "bounced"};
    struct message *m = a->m;
    log_delivery(a, r, x->code, words[x->status], x->text);
    r->tried = true;
    r->state = x->status == STATUS_DEFERRED ? RCPT_DEFERRED : RCPT_DONE;
    m->last_transport = a->transport;
    if (x->status == STATUS_SENT) {
        truth_sent(m, r, a->transport, a->delay_ms);
    } else if (x->status == STATUS_DEFERRED) {
        truth_deferred(m, r, a->transport, x->code);
    } else {
        truth_bounced(m, a->transport, x->code, x->loop);
        m->bounced_now = true;
    }
}

static void conclude_all(struct attempt *a, const struct result *x)
{
    for (unsigned i = 0; i < a->count; i++)
        conclude(a, a->rcpt[i], x);
}

#define SET(x, status_, code_, ...)                                                                \
    ((x)->status = (status_), (x)->code = (code_),                                                 \
     (void)snprintf((x)->text, sizeof(x)->text, __VA_ARGS__))

static void fail_to_connect(struct attempt *a)
{
    static const char *const reasons[] = {"Connection timed out", "Connection refused",
                                          "No route to host", "Network is unreachable"};
    struct result x = {.loop = false};
    const char *why = reasons[rnd(4)];
    char where[160];
    unsigned hosts = 1 + rnd(3);
    for (unsigned i = 0; i < hosts; i++) {
        snprintf(where, sizeof where, "mx%u.%s[203.0.113.%u]:25", i + 1,
                 domains[a->rcpt[0]->to.domain].name, 1 + rnd(254));
        line(a->m->instance, group_tag[a->transport], a->pid, "connect to %s: %s", where, why);
        truth_connect_failed(a->m->instance, a->transport);
    }
    strcpy(a->relay, "none");
    SET(&x, STATUS_DEFERRED, 4004001, "connect to %s: %s", where, why);
    conclude_all(a, &x);
}

static void lose_connection(struct attempt *a)
{
    struct result x = {.loop = false};
    const char *doing = chance(0.5) ? "receiving the initial server greeting" : "sending RCPT TO";
    if (chance(0.5)) {
        line(a->m->instance, group_tag[a->transport], a->pid,
             "%s: lost connection with %s while %s", a->m->id, a->host, doing);
        SET(&x, STATUS_DEFERRED, 4004002, "lost connection with %s while %s", a->host, doing);
    } else {
        SET(&x, STATUS_DEFERRED, 4004002, "conversation with %s timed out while %s", a->host,
            doing);
    }
    truth_connected_out(a->m->instance, a->transport);
    conclude_all(a, &x);
}

static void fail_without_host(struct attempt *a)
{
    struct result x = {.loop = false};
    const char *name = domains[a->rcpt[0]->to.domain].name;
    unsigned k = rnd(3);
    strcpy(a->relay, "none");
    if (k == 0) {
        SET(&x, STATUS_DEFERRED, 4004003,
            "Host or domain name not found. Name service error for name=%s type=MX: Host not "
            "found, try again",
            name);
    } else if (k == 1) {
        SET(&x, STATUS_BOUNCED, 5004004,
            "Host or domain name not found. Name service error for name=%s type=A: Host not found",
            name);
    } else {
        SET(&x, STATUS_BOUNCED, 5004006, "mail for %s loops back to myself", name);
        x.loop = true;
    }
    conclude_all(a, &x);
}

/* The server's reply to one recipient. */
static void hear_reply(const struct attempt *a, const struct rcpt *r, struct result *x)
{
    const struct domain *d = &domains[r->to.domain];
    char to[256];
    mailbox_text(r->to, to);
    if (chance((double)d->trouble)) {
        if (chance(0.7))
            SET(x, STATUS_DEFERRED, 4007001,
                "host %s said: 451 4.7.1 <%s>: Recipient address rejected: Greylisting in action, "
                "please come back later (in reply to RCPT TO command)",
                a->host, to);
        else
            SET(x, STATUS_DEFERRED, 4002002,
                "host %s said: 452 4.2.2 <%s>: over quota, dsn=5.0.0, status=bounced (x) (in reply "
                "to end of DATA command)",
                a->host, to);
    } else if (chance(0.025)) {
        SET(x, STATUS_BOUNCED, chance(0.8) ? 5001001U : 5007001U,
            "host %s said: 550 %s <%s>: Recipient address rejected: User unknown, status=sent (in "
            "reply to RCPT TO command)",
            a->host, a->pid & 1 ? "5.1.1" : "#5.1.0", to);
    } else if (a->transport == OUT_LMTP) {
        SET(x, STATUS_SENT, 2000000, "250 2.0.0 <%s> %06xAbCdEf%u Saved", to, rnd(0xffffff),
            a->delay_ms + a->pid);
    } else if (rarely(0.002)) { /* the next system happens to use an id that is ours as well */
        SET(x, STATUS_SENT, 2000000, "250 2.0.0 Ok: queued as %s",
            message_at(rnd(messages_live))->id);
    } else {
        SET(x, STATUS_SENT, 2000000, "250 2.0.0 %sOk: queued as %08X%02X",
            a->pid % 50 ? "" : "status=deferred, ", rnd(UINT32_MAX), a->pid & 255);
    }
}

static void log_detail(const struct attempt *a)
{
    const char *service = group_tag[a->transport];
    if (a->transport != OUT_LMTP && chance(0.3)) {
        line(a->m->instance, service, a->pid,
             "%s TLS connection established to %s: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 "
             "(256/256 bits) key-exchange X25519 server-signature RSA-PSS (2048 bits) "
             "server-digest SHA256",
             chance(0.5) ? "Untrusted" : "Trusted", a->relay);
        truth_tls(a->m->instance, a->transport);
    }
    if (rarely(0.01))
        line(a->m->instance, service, a->pid,
             "%s: host %s said: 450 4.7.1 please try again, status=deferred (in reply to RCPT TO "
             "command)",
             a->m->id, a->host);
}

static void deliver_network(struct attempt *a)
{
    static const char *const tls[] = {"may", "dane/requiretls", "encrypt:may", "!dane", "secure?"};
    const struct domain *d = &domains[a->rcpt[0]->to.domain];
    unsigned kind = rnd(1000 / options.rare);
    if (a->transport == OUT_LMTP && chance(0.7)) {
        strcpy(a->host, "mail.hosted.example[private/dovecot-lmtp]");
        strcpy(a->relay, a->host);
    } else {
        snprintf(a->host, sizeof a->host, "mx%u.%s[198.51.100.%u]", 1 + a->pid % 3, d->name,
                 1 + rnd(254));
        snprintf(a->relay, sizeof a->relay, "%s:%d", a->host, a->transport == OUT_LMTP ? 24 : 25);
        if (d->trouble > 0.9F || kind < 8) {
            fail_to_connect(a);
            return;
        }
    }
    if (kind < 16 && a->transport != OUT_LMTP) {
        fail_without_host(a);
        return;
    }
    if (kind < 24) {
        lose_connection(a);
        return;
    }
    if (chance(0.15))
        a->conn_use = 2 + rnd(8);
    else
        truth_connected_out(a->m->instance, a->transport);
    a->tls = chance(0.15) ? tls[rnd(5)] : NULL;
    log_detail(a);
    for (unsigned i = 0; i < a->count; i++) {
        struct result x = {.loop = false};
        hear_reply(a, a->rcpt[i], &x);
        conclude(a, a->rcpt[i], &x);
    }
}

/* local, virtual, pipe: one result for each recipient. */
static void store_reply(const struct attempt *a, const struct rcpt *r, struct result *x)
{
    static const char *const local[] = {"delivered to mailbox", "delivered to maildir",
                                        "delivered to command: /usr/bin/procmail -a \"status=x\""};
    unsigned k = rnd(100);
    char to[256];
    x->loop = false;
    if (k < 2 && a->transport == OUT_LOCAL) {
        SET(x, STATUS_BOUNCED, 5004006, "mail forwarding loop for %s", mailbox_text(r->to, to));
        x->loop = true;
    } else if (k < 4) {
        SET(x, STATUS_BOUNCED, 5001001, "unknown user: \"%u, status=sent\"", r->to.seed % 1000);
    } else if (k < 8) {
        SET(x, STATUS_DEFERRED, chance(0.5) ? 4002002U : 4003000U,
            "temporary failure. Command output: disk quota exceeded (in /home, status=sent)");
    } else if (a->transport == OUT_LOCAL) {
        SET(x, STATUS_SENT, 2000000, "%s", local[rnd(3)]);
    } else if (a->transport == OUT_VIRTUAL) {
        SET(x, STATUS_SENT, 2000000, "delivered to maildir");
    } else {
        SET(x, STATUS_SENT, 2000000, "delivered via %s service (250 ok)", a->relay);
    }
}

static void deliver_store(struct attempt *a)
{
    static const char *const relay[GROUPS] = {[OUT_LOCAL] = "local",
                                              [OUT_VIRTUAL] = "virtual",
                                              [OUT_DOVECOT] = "dovecot",
                                              [OUT_MAILMAN] = "mailman"};
    strcpy(a->relay, relay[a->transport]);
    for (unsigned i = 0; i < a->count; i++) {
        struct result x;
        store_reply(a, a->rcpt[i], &x);
        conclude(a, a->rcpt[i], &x);
    }
}

/* error and retry say what the queue manager or the transport map told them to. */
static void deliver_error(struct attempt *a)
{
    struct result x = {.loop = false};
    strcpy(a->relay, "none");
    if (a->transport == OUT_ERROR && chance(0.3))
        SET(&x, STATUS_BOUNCED, 5001002, "this domain is closed, status=sent (250 ok)");
    else
        SET(&x, STATUS_DEFERRED, 4004001,
            "delivery temporarily suspended: connect to mx.%s[203.0.113.9]:25: Connection timed "
            "out",
            domains[a->rcpt[0]->to.domain].name);
    conclude_all(a, &x);
}

/* The filter gives the message back under a new id before it answers to the old one. */
static void pass_filter(struct attempt *a)
{
    struct message *m = a->m, *n = message_new(m->instance, IN_REINJECT);
    unsigned pid = 5000 + rnd(20);
    char client[128], bare[48], text[192], from[256];
    n->kind = KIND_REINJECTED;
    n->from = m->from;
    n->null_sender = m->null_sender;
    n->size = m->size + 471;
    for (unsigned i = 0; i < m->rcpt_count; i++)
        if (m->rcpt[i].state != RCPT_DONE)
            message_add_rcpt(n, m->rcpt[i].to);
    client_text(rnd(options.peers), client, bare);
    line(m->instance, group_tag[IN_REINJECT], pid, "connect from localhost[127.0.0.1]");
    truth_connect(m->instance, IN_REINJECT, CLIENT_LOOPBACK, false);
    line(m->instance, group_tag[IN_REINJECT], pid,
         "%s: client=localhost[127.0.0.1], orig_queue_id=%s, orig_client=%s", n->id, m->id, client);
    message_cleanup(n);
    message_activate(n);
    line(m->instance, group_tag[IN_REINJECT], pid,
         "disconnect from localhost[127.0.0.1] ehlo=1 mail=1 rcpt=%u data=1 quit=1 commands=%u",
         n->rcpt_count, n->rcpt_count + 4);
    truth_entry(m->instance, IN_REINJECT, CODE_CLOSED);
    line_other("amavis", 1450,
               "(01450-%02u) Passed CLEAN {RelayedInternal}, [%s] <%s>, Queue-ID: %s, Hits: -1.9, "
               "size: %u, queued_as: %s, 345 ms",
               rnd(20), bare, message_sender(m, from), m->id, m->size, n->id);
    strcpy(a->relay, "127.0.0.1[127.0.0.1]:10024");
    snprintf(text, sizeof text,
             "250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as %s", n->id);
    truth_connected_out(m->instance, OUT_SMTP);
    for (unsigned i = 0; i < a->count; i++) {
        log_delivery(a, a->rcpt[i], 2000000, "sent", text);
        a->rcpt[i]->tried = true;
        a->rcpt[i]->state = RCPT_DONE;
    }
    m->last_transport = OUT_SMTP;
}

static void deliver_filter(struct attempt *a)
{
    struct result x = {.loop = false};
    if (!rarely(0.03)) {
        pass_filter(a);
        return;
    }
    line(a->m->instance, "smtp", a->pid,
         "connect to 127.0.0.1[127.0.0.1]:10024: Connection refused");
    truth_connect_failed(a->m->instance, OUT_SMTP);
    strcpy(a->relay, "none");
    SET(&x, STATUS_DEFERRED, 4004001, "connect to 127.0.0.1[127.0.0.1]:10024: Connection refused");
    conclude_all(a, &x);
}

static void answer_probe(struct attempt *a)
{
    bool good = chance(0.6);
    snprintf(a->relay, sizeof a->relay, "mx1.%s[198.51.100.%u]:25",
             domains[a->rcpt[0]->to.domain].name, 1 + rnd(254));
    truth_connected_out(a->m->instance, a->transport); /* no mail, but an association */
    log_delivery(
        a, a->rcpt[0], good ? 2001005 : 5001001, good ? "deliverable" : "undeliverable",
        good ? "250 2.1.5 Ok"
             : "host said: 550 5.1.1 User unknown, status=bounced (in reply to RCPT TO command)");
    a->rcpt[0]->tried = true;
    a->rcpt[0]->state = RCPT_DONE;
}

/* The second instance has no mailboxes: it relays. */
static enum group transport_of(const struct message *m, const struct rcpt *r)
{
    if (m->kind == KIND_FILTERED || m->kind == KIND_PROBE)
        return OUT_SMTP;
    return m->instance == 1 && r->to.domain >= remote_count ? OUT_RELAY
                                                            : domains[r->to.domain].transport;
}

/* The next recipients that one delivery agent takes together; 0 when all have been tried. */
static unsigned next_batch(struct message *m, struct attempt *a)
{
    for (unsigned i = 0; i < m->rcpt_count; i++) {
        struct rcpt *r = &m->rcpt[i];
        if (r->tried)
            continue;
        if (a->count == 0)
            a->transport = transport_of(m, r);
        if (transport_of(m, r) == a->transport &&
            (a->count == 0 || a->transport == OUT_LMTP || m->kind == KIND_FILTERED ||
             r->to.domain == a->rcpt[0]->to.domain))
            a->rcpt[a->count++] = r;
    }
    return a->count;
}

static void deliver(struct attempt *a)
{
    if (a->m->kind == KIND_FILTERED)
        deliver_filter(a);
    else if (a->m->kind == KIND_PROBE)
        answer_probe(a);
    else if (a->transport == OUT_ERROR || a->transport == OUT_RETRY)
        deliver_error(a);
    else if (a->transport == OUT_LOCAL || a->transport == OUT_VIRTUAL ||
             a->transport == OUT_DOVECOT || a->transport == OUT_MAILMAN)
        deliver_store(a);
    else
        deliver_network(a);
}

bool message_deliver(struct message *m)
{
    struct attempt a = {.m = m};
    if (next_batch(m, &a) == 0)
        return false;
    a.pid = 6000 + (m->pid_base + m->batches++) % 400U;
    a.delay_ms = some_delay(m->activations > 1);
    deliver(&a);
    return true;
}
