/*
 * Postfix's log lines, one by one: each is rendered as a short text and compared. Then its queue:
 * names and files. tests/data/postfix_real.log is the log of a real Postfix 3.7, short and long
 * ids.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "../../collectors/mta.h"

#define NOV_21 INT64_C(1795301304000) /* 2026-11-21T22:48:24Z */

static const char *const kinds[EVENT_KINDS] = {
    "UNKNOWN",    "FOREIGN",   "NONE",     "CONNECT",   "DISCONNECT",   "CONNECTION_REJECT",
    "ABORT",      "TLS_IN",    "TLS_OUT",  "AUTH_FAIL", "CLIENT",       "SUBMIT",
    "MESSAGE_ID", "QUEUED",    "EXPIRED",  "REMOVED",   "HELD",         "RELEASED",
    "REJECT",     "DISCARDED", "NOTICE",   "DELIVERY",  "CONNECT_FAIL", "ETRN",
    "STARTED",    "RELOADED",  "STOPPING", "STOPPED",   "CONGESTED",    "STRESS_ON",
    "STRESS_OFF"};
static const char *const results[] = {"", "sent", "deferred", "bounced", "probe"};
static const char *const notices[] = {"", "bounce", "delay", "success"};
static const char *const flags[] = {"SASL",      "TLS",      "REINJECTED", "LOOPBACK",
                                    "RECIPIENT", "COUNTED",  "REUSED",     "NETWORK",
                                    "LOOP",      "BY_ADMIN", "QUEUED_AS",  "PROBE_SENDER"};

static char rendered[2048];

static void add(const char *format, ...)
{
    va_list ap;
    size_t n = strlen(rendered);
    va_start(ap, format);
    vsnprintf(rendered + n, sizeof rendered - n, format, ap);
    va_end(ap);
}

static void add_slice(const char *name, struct slice s)
{
    if (s.n)
        add(" %s=[%.*s]", name, (int)s.n, s.p);
}

/* The members that are set, in the order of struct event. */
static void render(const struct event *e)
{
    rendered[0] = '\0';
    add("%s", kinds[e->kind]);
    if (e->result)
        add(" %s", results[e->result]);
    if (e->notice)
        add(" %s", notices[e->notice]);
    for (unsigned i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (e->flags & 1u << i)
            add(" %s", flags[i]);
    if (e->code)
        add(" code=%u", (unsigned)e->code);
    if (e->recipients)
        add(" recipients=%u", (unsigned)e->recipients);
    if (e->bad_commands)
        add(" bad=%u", (unsigned)e->bad_commands);
    if (e->size)
        add(" size=%llu", (unsigned long long)e->size);
    if (e->delay_ms)
        add(" delay=%llu", (unsigned long long)e->delay_ms);
    add_slice("id", e->id);
    add_slice("other", e->other_id);
    add_slice("address", e->address);
    add_slice("peer", e->peer);
    add_slice("relay", e->relay);
    add_slice("text", e->text);
}

static struct event parsed;

/* A line in a buffer of just its length, so that a sanitizer sees a read beyond it. */
static void parse_line(const char *head, const char *tail)
{
    struct syslog_context context;
    size_t n = strlen(head) + strlen(tail);
    static char *line;
    free(line);
    line = malloc(n + 1);
    assert_non_null(line);
    strcpy(line, head);
    strcat(line, tail);
    line = realloc(line, n ? n : 1);
    assert_non_null(line);
    syslog_start(&context, NOV_21);
    mta_postfix.parse(&context, (struct slice){line, n}, &parsed);
}

/* tail: from the program's name on. */
static void check(const char *tail, const char *expected)
{
    parse_line("Nov 21 22:48:24 mx1 ", tail);
    render(&parsed);
    if (strcmp(rendered, expected) != 0)
        fail_msg("%s\n  is       %s\n  expected %s", tail, rendered, expected);
    assert_int_equal(parsed.time_ms, NOV_21);
}

struct expectation {
    const char *tail, *expected;
};

static void check_all(const struct expectation *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check(list[i].tail, list[i].expected);
}
#define CHECK_ALL(list) check_all(list, sizeof(list) / sizeof(list)[0])

static void test_tags(void **state)
{
    (void)state;
    parse_line("Nov 21 22:48:24 mx1 ",
               "postfix-out/submission/smtpd[77]: connect from h[192.0.2.9]");
    assert_int_equal(parsed.kind, EVENT_CONNECT);
    assert_true(slice_eq(parsed.tag, SLICE("postfix-out/submission/smtpd")));
    assert_true(slice_eq(parsed.app, SLICE("postfix-out")));
    assert_true(slice_eq(parsed.service, SLICE("submission/smtpd")));
    assert_int_equal(parsed.pid, 77);
    static const struct expectation list[] = {
        {"dovecot: imap-login: connect from h[192.0.2.9]", "FOREIGN"},
        {"opendkim[900]: 9FBF112D687: DKIM-Signature field added", "FOREIGN"},
        {"postfix/policyd-spf[1]: connect from h[192.0.2.9]", "FOREIGN"},
        {"smtpd[1]: connect from h[192.0.2.9]", "FOREIGN"}, /* OpenSMTPD has this tag */
        {"cyrus/master[1]: process type:SERVICE name:imap", "FOREIGN"},
        {"postfix/[1]: connect from h[192.0.2.9]", "FOREIGN"},
        {"/smtpd[1]: connect from h[192.0.2.9]", "CONNECT peer=[192.0.2.9]"},
        {"last message repeated 3 times", "FOREIGN"},
        {"postfix/smtpd[1]:", "UNKNOWN"},
        {"postfix/smtpd[1]: message repeated 2 times: [ connect from h[192.0.2.9]]", "NONE"},
        {"postfix/smtpd[1]: what a new release may say", "UNKNOWN"},
        {"postfix/smtp[1]: 9FBF112D687: what a new release may say", "UNKNOWN id=[9FBF112D687]"},
        {"postfix/qmgr[1]: panic: myfree: corrupt memory block", "NONE"},
        {"postfix/anvil[1]: statistics: max cache size 4 at Nov 21 22:40:11", "NONE"},
        {"postfix/tlsproxy[1]: CONNECT from [192.0.2.9]:4321", "NONE"},
        {"postfix/trivial-rewrite[1]: warning: do not list domain", "NONE"},
        {"postfix/dnsblog[1]: addr 192.0.2.9 listed by domain d as 127.0.0.2", "NONE"},
    };
    CHECK_ALL(list);
    parse_line("not a line of a log", "");
    assert_int_equal(parsed.kind, EVENT_FOREIGN);
    assert_int_equal(parsed.time_ms, NOV_21);
}

static void test_smtpd(void **state)
{
    (void)state;
    static const struct expectation list[] = {
        {"postfix/smtpd[1]: connect from host.example.org[192.0.2.9]", "CONNECT peer=[192.0.2.9]"},
        {"postfix/smtpd[1]: connect from unknown[2001:db8::9]", "CONNECT peer=[2001:db8::9]"},
        {"postfix/smtpd[1]: connect from h[192.0.2.9]:4711", "CONNECT peer=[192.0.2.9]"},
        {"postfix/smtpd[1]: connect from h[192.0.2.9", "UNKNOWN"},
        {"postfix/qmqpd[1]: connect from h[192.0.2.9]", "CONNECT peer=[192.0.2.9]"},
        {"postfix/smtpd[1]: disconnect from h[192.0.2.9] ehlo=1 mail=1 quit=1 commands=3",
         "DISCONNECT peer=[192.0.2.9]"},
        {"postfix/smtpd[1]: disconnect from h[192.0.2.9]", "DISCONNECT peer=[192.0.2.9]"},
        {"postfix/smtpd[1]: disconnect from h[192.0.2.9] ehlo=1 unknown=1/6 commands=2/7",
         "DISCONNECT bad=5 peer=[192.0.2.9]"},
        {"postfix/smtpd[1]: disconnect from h[192.0.2.9] k unknown=7/6",
         "DISCONNECT peer=[192.0.2.9]"},
        {"postfix/smtpd[1]: 9FBF112D687: client=h[192.0.2.9]",
         "CLIENT id=[9FBF112D687] peer=[192.0.2.9]"},
        {"postfix/smtpd[1]: 4SVLCh4dz5z9HdB: client=localhost[::1]",
         "CLIENT LOOPBACK id=[4SVLCh4dz5z9HdB] peer=[::1]"},
        {"postfix/smtpd[1]: 9FBF112D687: client=h[192.0.2.9], sasl_method=PLAIN, "
         "sasl_username=a@b.example",
         "CLIENT SASL id=[9FBF112D687] peer=[192.0.2.9]"},
        {"postfix/smtpd[1]: 9FBF112D687: client=localhost[127.0.0.1], orig_queue_id=8EA1F2, "
         "orig_client=h[192.0.2.9]",
         "CLIENT REINJECTED LOOPBACK id=[9FBF112D687] other=[8EA1F2] peer=[127.0.0.1]"},
        {"postfix/smtpd[1]: NOQUEUE: client=h[192.0.2.9]", "NONE peer=[192.0.2.9]"},
        {"postfix/smtpd[1]: lost connection after RCPT from h[192.0.2.9]",
         "ABORT peer=[192.0.2.9] text=[lost connection after RCPT]"},
        {"postfix/smtpd[1]: NOQUEUE: timeout after DATA (12 bytes) from h[192.0.2.9]",
         "ABORT peer=[192.0.2.9] text=[timeout after DATA (12 bytes)]"},
        {"postfix/smtpd[1]: 9FBF112D687: too many errors after DATA from h[192.0.2.9]",
         "ABORT id=[9FBF112D687] peer=[192.0.2.9] text=[too many errors after DATA]"},
        {"postfix/smtpd[1]: Anonymous TLS connection established from h[192.0.2.9]: TLSv1.3 with "
         "cipher X",
         "TLS_IN peer=[192.0.2.9] relay=[h[192.0.2.9]]"},
        {"postfix/smtpd[1]: warning: h[192.0.2.9]: SASL LOGIN authentication failed: UGFzc3dvcmQ6",
         "AUTH_FAIL peer=[192.0.2.9] text=[SASL LOGIN authentication failed: UGFzc3dvcmQ6]"},
        {"postfix/smtpd[1]: warning: Connection rate limit exceeded: 61 from h[192.0.2.9] for "
         "service smtp",
         "CONNECTION_REJECT COUNTED code=4007000 peer=[192.0.2.9] text=[Connection rate limit "
         "exceeded]"},
        {"postfix/smtpd[1]: warning: hostname h.example does not resolve to address 192.0.2.9",
         "NONE"},
        {"postfix/smtpd[1]: warning: non-SMTP command from h[192.0.2.9]: x: SASL LOGIN "
         "authentication failed",
         "NONE"},
        {"postfix/smtpd[1]: warning: 9FBF112D687: queue file size limit exceeded",
         "REJECT code=5003004 id=[9FBF112D687] text=[queue file size limit exceeded]"},
        {"postfix/smtpd[1]: fatal: open database", "NONE"},
        {"postfix/smtpd[1]: SSL_accept error from h[192.0.2.9]: lost connection", "NONE"},
    };
    CHECK_ALL(list);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct expectation list[] = {
        {"postfix/smtpd[1]: NOQUEUE: reject: RCPT from h[192.0.2.9]: 554 5.7.1 <a@b>: Relay access "
         "denied; "
         "from=<s@x> to=<a@b> proto=ESMTP helo=<h>",
         "REJECT RECIPIENT code=5007001 peer=[192.0.2.9] text=[554 5.7.1 <a@b>: Relay access "
         "denied]"},
        {"postfix/smtpd[1]: 9FBF112D687: reject: RCPT from h[192.0.2.9]: 550 <a@b>: User unknown; "
         "from=<> to=<a@b>",
         "REJECT RECIPIENT code=5001001 id=[9FBF112D687] peer=[192.0.2.9] text=[550 <a@b>: User "
         "unknown]"},
        {"postfix/smtpd[1]: NOQUEUE: reject: CONNECT from h[192.0.2.9]: 554 5.7.1 <h[192.0.2.9]>: "
         "Client host "
         "rejected: Access denied; proto=SMTP",
         "CONNECTION_REJECT COUNTED code=5007001 peer=[192.0.2.9] "
         "text=[554 5.7.1 <h[192.0.2.9]>: Client host rejected: Access denied]"},
        {"postfix/smtpd[1]: NOQUEUE: reject: MAIL from h[192.0.2.9]: 552 5.3.4 Message size "
         "exceeds fixed limit; "
         "proto=ESMTP helo=<h>",
         "REJECT code=5003004 peer=[192.0.2.9] text=[552 5.3.4 Message size exceeds fixed limit]"},
        {"postfix/smtpd[1]: NOQUEUE: reject: RCPT from h[192.0.2.9]: 450 <a@b>: Greylisted; "
         "from=<> to=<a@b>",
         "REJECT RECIPIENT code=4007001 peer=[192.0.2.9] text=[450 <a@b>: Greylisted]"},
        {"postfix/smtpd[1]: NOQUEUE: reject: VRFY from h[192.0.2.9]: 502 no; from=<>",
         "REJECT code=5005001 peer=[192.0.2.9] text=[502 no]"},
        {"postfix/smtpd[1]: NOQUEUE: reject: VRFY from h[192.0.2.9]: 599 no; from=<>",
         "REJECT code=5000000 peer=[192.0.2.9] text=[599 no]"},
        {"postfix/smtpd[1]: NOQUEUE: milter-reject: END-OF-MESSAGE from h[192.0.2.9]: 5.7.1 spam; "
         "from=<s@x>",
         "REJECT code=5007001 peer=[192.0.2.9] text=[5.7.1 spam]"},
        {"postfix/smtpd[1]: NOQUEUE: milter-reject: CONNECT from h[192.0.2.9]: 421 4.7.0 Server "
         "closing; proto=SMTP",
         "CONNECTION_REJECT COUNTED code=4007000 peer=[192.0.2.9] text=[421 4.7.0 Server closing]"},
        {"postfix/smtpd[1]: proxy-reject: END-OF-MESSAGE: 554 5.7.0 Reject; from=<s@x> to=<a@b>",
         "REJECT code=5007000 text=[554 5.7.0 Reject]"},
        {"postfix/smtpd[1]: proxy-accept: END-OF-MESSAGE: 250 2.0.0 ok; from=<s@x> to=<a@b>",
         "NONE"},
        {"postfix/smtpd[1]: NOQUEUE: hold: RCPT from h[192.0.2.9]: <a@b>: Recipient address held; "
         "from=<s@x>",
         "HELD peer=[192.0.2.9] text=[<a@b>: Recipient address held]"},
        {"postfix/smtpd[1]: NOQUEUE: discard: RCPT from h[192.0.2.9]: <a@b>: Recipient address "
         "triggers; from=<s@x>",
         "DISCARDED peer=[192.0.2.9] text=[<a@b>: Recipient address triggers]"},
        {"postfix/smtpd[1]: NOQUEUE: reject_warning: RCPT from h[192.0.2.9]: 554 5.7.1 no; from=<>",
         "NONE"},
        {"postfix/smtpd[1]: NOQUEUE: warn: RCPT from h[192.0.2.9]: x", "NONE"},
        {"postfix/smtpd[1]: NOQUEUE: redirect: RCPT from h[192.0.2.9]: x", "NONE"},
        {"postfix/smtpd[1]: NOQUEUE: dance: RCPT from h[192.0.2.9]: x", "UNKNOWN"},
        {"postfix/smtpd[1]: NOQUEUE: reject:", "REJECT"},
        {"postfix/smtpd[1]: NOQUEUE: reject: RCPT", "REJECT RECIPIENT"},
        {"postfix/smtpd[1]: NOQUEUE: reject: RCPT from h[192.0.2.9]",
         "REJECT RECIPIENT peer=[192.0.2.9]"},
        {"postfix/cleanup[1]: 9FBF112D687: reject: header Subject: VIRUS from h[192.0.2.9]; "
         "from=<s@x> to=<a@b> "
         "proto=ESMTP helo=<h>: 5.7.1 virus found",
         "REJECT code=5007001 id=[9FBF112D687] text=[5.7.1 virus found]"},
        {"postfix/cleanup[1]: 9FBF112D687: reject: body >: 4.0.0 x from local; from=<s@x> "
         "to=<a@b>: 5.7.0 no",
         "REJECT code=5007000 id=[9FBF112D687] text=[5.7.0 no]"},
        {"postfix/cleanup[1]: 9FBF112D687: milter-header-reject: header X: y from h[192.0.2.9]; "
         "from=<s@x>: 5.6.0 no",
         "REJECT code=5006000 id=[9FBF112D687] text=[5.6.0 no]"},
        {"postfix/cleanup[1]: 9FBF112D687: reject: mime-error improper: x from h[192.0.2.9]; "
         "from=<s@x> to=<a@b>",
         "REJECT code=5006000 id=[9FBF112D687]"},
        {"postfix/cleanup[1]: 9FBF112D687: hold: header Subject: x from h[192.0.2.9]; from=<s@x> "
         "to=<a@b>: look",
         "HELD id=[9FBF112D687] text=[look]"},
        {"postfix/cleanup[1]: 9FBF112D687: discard: header Subject: x from h[192.0.2.9]; "
         "from=<s@x> to=<a@b>: no",
         "DISCARDED id=[9FBF112D687] text=[no]"},
        {"postfix/cleanup[1]: 9FBF112D687: warning: header Subject: status=sent (x) from "
         "h[192.0.2.9]; from=<x>",
         "NONE id=[9FBF112D687]"},
        {"postfix/cleanup[1]: 9FBF112D687: milter-reject: END-OF-MESSAGE from h[192.0.2.9]: 4.7.1 "
         "later; from=<s@x>",
         "REJECT code=4007001 id=[9FBF112D687] peer=[192.0.2.9] text=[4.7.1 later]"},
        {"postfix/cleanup[1]: warning: 9FBF112D687: message rejected: hopcount exceeded",
         "REJECT LOOP code=5004000 id=[9FBF112D687] text=[message rejected: hopcount exceeded]"},
        {"postfix/cleanup[1]: warning: 9FBF112D687: queue file size limit exceeded", "NONE"},
    };
    CHECK_ALL(list);
}

static void test_postscreen(void **state)
{
    (void)state;
    static const struct expectation list[] = {
        {"postfix/postscreen[1]: CONNECT from [192.0.2.9]:4321 to [198.51.100.1]:25",
         "CONNECT peer=[192.0.2.9]"},
        {"postfix/postscreen[1]: PASS NEW [192.0.2.9]:4321", "NONE"},
        {"postfix/postscreen[1]: DISCONNECT [2001:db8::9]:4321", "DISCONNECT peer=[2001:db8::9]"},
        {"postfix/postscreen[1]: HANGUP after 0.3 from [192.0.2.9]:4321 in tests before SMTP "
         "handshake",
         "ABORT peer=[192.0.2.9] text=[HANGUP after 0.3]"},
        {"postfix/postscreen[1]: COMMAND TIME LIMIT from [192.0.2.9]:4321 after CONNECT",
         "ABORT peer=[192.0.2.9] text=[COMMAND TIME LIMIT]"},
        {"postfix/postscreen[1]: PREGREET 11 after 0.04 from [192.0.2.9]:4321: EHLO x\\r\\n",
         "NONE"},
        {"postfix/postscreen[1]: DNSBL rank 6 for [192.0.2.9]:4321", "NONE"},
        {"postfix/postscreen[1]: NOQUEUE: reject: RCPT from [192.0.2.9]:4321: 550 5.7.1 Service "
         "unavailable; client "
         "[192.0.2.9] blocked using bl.example; from=<s@x>, to=<a@b>, proto=ESMTP, helo=<h>",
         "CONNECTION_REJECT COUNTED code=5007001 peer=[192.0.2.9] "
         "text=[550 5.7.1 Service unavailable; client [192.0.2.9] blocked using bl.example]"},
        {"postfix/postscreen[1]: NOQUEUE: reject: CONNECT from [192.0.2.9]:4321: too many "
         "connections",
         "CONNECTION_REJECT COUNTED code=4007000 peer=[192.0.2.9] text=[too many connections]"},
        {"postfix/postscreen[1]: NOQUEUE: reject: CONNECT from [192.0.2.9]:4321: all server ports "
         "busy",
         "CONNECTION_REJECT COUNTED code=4003002 peer=[192.0.2.9] text=[all server ports busy]"},
        {"postfix/postscreen[1]: reject: connect from [192.0.2.9]:4321: all screening ports busy",
         "CONNECTION_REJECT COUNTED code=4003002 peer=[192.0.2.9] text=[all screening ports busy]"},
        {"postfix/postscreen[1]: NOQUEUE: reject: x", "UNKNOWN"},
        {"postfix/postscreen[1]: entering STRESS mode with 90 connections", "STRESS_ON"},
        {"postfix/postscreen[1]: leaving STRESS mode with 9 connections", "STRESS_OFF"},
    };
    CHECK_ALL(list);
}

static void test_messages(void **state)
{
    (void)state;
    static const struct expectation list[] = {
        {"postfix/pickup[1]: 9FBF112D687: uid=1000 from=<alice>", "SUBMIT id=[9FBF112D687]"},
        {"postfix/pickup[1]: 9FBF112D687: uid=103 from=<a@b> orig_id=8EA1F2",
         "SUBMIT REINJECTED id=[9FBF112D687] other=[8EA1F2]"},
        {"postfix/cleanup[1]: 9FBF112D687: message-id=<x@example.com>",
         "MESSAGE_ID id=[9FBF112D687] text=[<x@example.com>]"},
        {"postfix/cleanup[1]: 9FBF112D687: resent-message-id=<x@example.com>",
         "NONE id=[9FBF112D687]"},
        {"postfix/cleanup[1]: 9FBF112D687: removed (canceled)", "REMOVED id=[9FBF112D687]"},
        {"postfix/qmgr[1]: 9FBF112D687: from=<alice@example.com>, size=4211, nrcpt=2 (queue "
         "active)",
         "QUEUED recipients=2 size=4211 id=[9FBF112D687] address=[alice@example.com]"},
        {"postfix/qmgr[1]: 9FBF112D687: from=<>, size=0, nrcpt=1 (queue active)",
         "QUEUED recipients=1 id=[9FBF112D687]"},
        {"postfix/qmgr[1]: 9FBF112D687: from=<double-bounce@mx.example>, size=1, nrcpt=1 (queue "
         "active)",
         "QUEUED PROBE_SENDER recipients=1 size=1 id=[9FBF112D687] "
         "address=[double-bounce@mx.example]"},
        {"postfix/qmgr[1]: 9FBF112D687: from=<\"x>, size=9, nrcpt=9\"@a.b>, size=4211, nrcpt=2 "
         "(queue active)",
         "QUEUED recipients=2 size=4211 id=[9FBF112D687] address=[\"x>, size=9, nrcpt=9\"@a.b]"},
        {"postfix/qmgr[1]: 9FBF112D687: from=<a@b>, size=99999999999999999999, nrcpt=99999999999",
         "QUEUED recipients=4294967295 size=18446744073709551615 id=[9FBF112D687] address=[a@b]"},
        {"postfix/qmgr[1]: 9FBF112D687: from=<a@b>, size=x",
         "UNKNOWN id=[9FBF112D687] address=[a@b]"},
        {"postfix/qmgr[1]: 9FBF112D687: from=<a@b>, status=expired, returned to sender",
         "EXPIRED id=[9FBF112D687] address=[a@b]"},
        {"postfix/qmgr[1]: 9FBF112D687: from=<a@b>, status=force-expired, returned to sender",
         "EXPIRED id=[9FBF112D687] address=[a@b]"},
        {"postfix/qmgr[1]: 9FBF112D687: removed", "REMOVED id=[9FBF112D687]"},
        {"postfix/qmgr[1]: 9FBF112D687: skipped, still being delivered", "NONE id=[9FBF112D687]"},
        {"postfix/qmgr[1]: 9FBF1: removed", "UNKNOWN"},                  /* too short */
        {"postfix/qmgr[1]: 9FBFG12D687: removed", "UNKNOWN"},            /* not hexadecimal */
        {"postfix/qmgr[1]: 4SVLCh4dzz: removed", "UNKNOWN"},             /* no inode */
        {"postfix/qmgr[1]: 0123456789ABCDEF012345: removed", "UNKNOWN"}, /* too long */
        {"postfix/bounce[1]: 9FBF112D687: sender non-delivery notification: 8EA1F2",
         "NOTICE bounce id=[9FBF112D687] other=[8EA1F2]"},
        {"postfix/bounce[1]: 9FBF112D687: postmaster non-delivery notification: 8EA1F2",
         "NOTICE bounce id=[9FBF112D687] other=[8EA1F2]"},
        {"postfix/bounce[1]: 9FBF112D687: sender delay notification: 8EA1F2",
         "NOTICE delay id=[9FBF112D687] other=[8EA1F2]"},
        {"postfix/bounce[1]: 9FBF112D687: sender delivery status notification: 8EA1F2",
         "NOTICE success id=[9FBF112D687] other=[8EA1F2]"},
        {"postfix/postsuper[1]: 9FBF112D687: removed", "REMOVED BY_ADMIN id=[9FBF112D687]"},
        {"postfix/postsuper[1]: 9FBF112D687: requeued", "RELEASED BY_ADMIN id=[9FBF112D687]"},
        {"postfix/postsuper[1]: 9FBF112D687: placed on hold", "HELD BY_ADMIN id=[9FBF112D687]"},
        {"postfix/postsuper[1]: 9FBF112D687: released from hold",
         "RELEASED BY_ADMIN id=[9FBF112D687]"},
        {"postfix/postsuper[1]: Deleted: 3 messages", "NONE"},
    };
    CHECK_ALL(list);
}

#define TO   "postfix/smtp[1]: 9FBF112D687: to=<"
#define REST ">, relay=mx[192.0.2.7]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)"
#define SENT(address)                                                                              \
    "DELIVERY sent NETWORK delay=1000 id=[9FBF112D687] address=[" address                          \
    "] relay=[mx[192.0.2.7]:25] text=[250 ok]"

static void test_deliveries(void **state)
{
    (void)state;
    static const struct expectation list[] = {
        {TO "bob@example.net>, relay=mx.example.net[198.51.100.7]:25, delay=2.1, "
            "delays=0.3/0.02/0.9/0.88, "
            "dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 77AA12)",
         "DELIVERY sent NETWORK QUEUED_AS delay=2100 id=[9FBF112D687] other=[77AA12] "
         "address=[bob@example.net] "
         "relay=[mx.example.net[198.51.100.7]:25] text=[250 2.0.0 Ok: queued as 77AA12]"},
        {TO "b@x>, relay=127.0.0.1[127.0.0.1]:10024, conn_use=2, delay=0.05, delays=0/0/0/0, "
            "dsn=2.0.0, status=sent "
            "(250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 4SVLCh4dz5z9HdB)",
         "DELIVERY sent REUSED NETWORK QUEUED_AS delay=50 id=[9FBF112D687] other=[4SVLCh4dz5z9HdB] "
         "address=[b@x] "
         "relay=[127.0.0.1[127.0.0.1]:10024] "
         "text=[250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as "
         "4SVLCh4dz5z9HdB]"},
        {TO "b@x>, relay=mx[192.0.2.7]:25, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (250 "
            "queued as mail.1234567)",
         "DELIVERY sent NETWORK id=[9FBF112D687] address=[b@x] relay=[mx[192.0.2.7]:25] text=[250 "
         "queued as mail.1234567]"},
        {"postfix/local[1]: 9FBF112D687: to=<g@x>, orig_to=<team@x>, relay=local, delay=3600, "
         "delays=3600/0/0/0, "
         "dsn=2.0.0, status=sent (delivered to mailbox)",
         "DELIVERY sent delay=3600000 id=[9FBF112D687] address=[g@x] relay=[local] text=[delivered "
         "to mailbox]"},
        {"postfix/lmtp[1]: 9FBF112D687: to=<g@x>, relay=mx[private/dovecot-lmtp], delay=0.1, "
         "delays=0/0/0/0.1, "
         "dsn=4.2.2, status=deferred (host mx[private/dovecot-lmtp] said: 452 4.2.2 <g@x> Quota "
         "exceeded)",
         "DELIVERY deferred NETWORK code=4002002 delay=100 id=[9FBF112D687] address=[g@x] "
         "relay=[mx[private/dovecot-lmtp]] text=[host mx[private/dovecot-lmtp] said: 452 4.2.2 "
         "<g@x> Quota exceeded]"},
        {TO "b@x>, relay=none, delay=9, delays=9/0/0/0, dsn=4.4.1, status=deferred (connect to "
            "mx[192.0.2.7]:25: no)",
         "DELIVERY deferred code=4004001 delay=9000 id=[9FBF112D687] address=[b@x] relay=[none] "
         "text=[connect to mx[192.0.2.7]:25: no]"},
        {TO "b@x>, relay=none, delay=9, delays=9/0/0/0, dsn=5.1.1, status=SOFTBOUNCE (no)",
         "DELIVERY deferred code=5001001 delay=9000 id=[9FBF112D687] address=[b@x] relay=[none] "
         "text=[no]"},
        {TO "b@x>, relay=none, delay=1, delays=1/0/0/0, dsn=5.4.6, status=bounced (mail for x "
            "loops back to myself)",
         "DELIVERY bounced LOOP code=5004006 delay=1000 id=[9FBF112D687] address=[b@x] "
         "relay=[none] "
         "text=[mail for x loops back to myself]"},
        {TO "b@x>, relay=mx[192.0.2.7]:25, delay=1, delays=1/0/0/0, dsn=5.4.0, status=bounced (554 "
            "5.4.0 too many hops)",
         "DELIVERY bounced NETWORK LOOP code=5004000 delay=1000 id=[9FBF112D687] address=[b@x] "
         "relay=[mx[192.0.2.7]:25] text=[554 5.4.0 too many hops]"},
        {TO "b@x>, relay=none, delay=1, delays=1/0/0/0, dsn=5.1.1, status=bounced (<too many "
            "hops@x> unknown)",
         "DELIVERY bounced code=5001001 delay=1000 id=[9FBF112D687] address=[b@x] relay=[none] "
         "text=[<too many hops@x> unknown]"},
        {TO
         "b@x>, relay=none, delay=1, delays=1/0/0/0, dsn=2.1.5, status=deliverable (250 2.1.5 Ok)",
         "DELIVERY probe delay=1000 id=[9FBF112D687] address=[b@x] relay=[none] text=[250 2.1.5 "
         "Ok]"},
        {TO "b@x>, relay=none, delay=1, delays=1/0/0/0, dsn=5.1.1, status=undeliverable (no)",
         "DELIVERY probe code=5001001 delay=1000 id=[9FBF112D687] address=[b@x] relay=[none] "
         "text=[no]"},
        {"postfix/qmgr[1]: 9FBF112D687: to=<b@x>, relay=none, delay=1, delays=1/0/0/0, dsn=4.3.0, "
         "status=deferred (x)",
         "DELIVERY deferred code=4003000 delay=1000 id=[9FBF112D687] address=[b@x] relay=[none] "
         "text=[x]"},
    };
    CHECK_ALL(list);
}

static void test_delivery_fields(void **state)
{
    (void)state;
#define UP_TO_TLS TO "b@x>, relay=mx[192.0.2.7]:25, delay=1, delays=0/0/0/1"
#define AFTER_TLS ", dsn=2.0.0, status=sent (250 ok)"
#define SENT_TLS                                                                                   \
    "DELIVERY sent TLS NETWORK delay=1000 id=[9FBF112D687] address=[b@x] "                         \
    "relay=[mx[192.0.2.7]:25] text=[250 ok]"
    static const struct expectation list[] = {
        {UP_TO_TLS ", tls=dane" AFTER_TLS, SENT_TLS},
        {UP_TO_TLS ", tls=may/requiretls:nostarttls" AFTER_TLS, SENT_TLS},
        {UP_TO_TLS ", new=1, tls=secure, newer=2" AFTER_TLS, SENT_TLS},
        {UP_TO_TLS ", tls=may:none" AFTER_TLS, SENT("b@x")},
        {UP_TO_TLS ", tls=none" AFTER_TLS, SENT("b@x")},
        {UP_TO_TLS ", tls=!dane" AFTER_TLS, SENT("b@x")},
        {UP_TO_TLS ", tls=may?" AFTER_TLS, SENT("b@x")},
        {UP_TO_TLS ", tls=" AFTER_TLS, SENT("b@x")},
    };
    CHECK_ALL(list);
}

/* What a stranger writes into an address does not become a field. */
static void test_hostile_addresses(void **state)
{
    (void)state;
#define FORGED "a>, relay=x, delay=9, delays=9/9/9/9, dsn=5.0.0, status=bounced (x)"
    static const struct expectation list[] = {
        {TO "\"" FORGED "\"@x" REST, SENT("\"" FORGED "\"@x")},
        {TO "\"\\\"" FORGED "\"@x" REST, SENT("\"\\\"" FORGED "\"@x")},
        {TO "\"\\\\\"@x" REST, SENT("\"\\\\\"@x")},
        {TO "b@x>, orig_to=<\"" FORGED "\"@x" REST, SENT("b@x")},
        {TO "a>b, c@x" REST, SENT("a>b, c@x")},
        {TO "a b@x" REST, SENT("a b@x")},
        {TO "\"no end@x" REST, SENT("\"no end@x")}, /* info_log_address_format = internal */
        {TO REST, "DELIVERY sent NETWORK delay=1000 id=[9FBF112D687] relay=[mx[192.0.2.7]:25] "
                  "text=[250 ok]"},
    };
    CHECK_ALL(list);
}

/* A line may be cut anywhere (syslog's limit): no part of it is believed but what is whole. */
static void test_cut_lines(void **state)
{
    (void)state;
    static const char whole[] =
        TO "b@x>, orig_to=<\"c\\\"\"@x>, relay=mx[192.0.2.7]:25, conn_use=2, delay=1.25, "
           "delays=0/0/0/1, tls=may, dsn=2.0.0, status=sent (250 ok: queued as 8EA1F2)";
    char cut[sizeof whole];
    size_t status = (size_t)(strstr(whole, "(250") - whole);
    for (size_t n = strlen("postfix/smtp[1]: "); n < sizeof whole; n++) {
        memcpy(cut, whole, n);
        cut[n] = '\0';
        parse_line("Nov 21 22:48:24 mx1 ", cut);
        assert_int_equal(parsed.kind, n > status ? EVENT_DELIVERY : EVENT_UNKNOWN);
    }
}

static void test_associations_out(void **state)
{
    (void)state;
    static const struct expectation list[] = {
        {"postfix/smtp[1]: connect to mx.example.net[192.0.2.7]:25: Connection timed out",
         "CONNECT_FAIL peer=[192.0.2.7] relay=[mx.example.net[192.0.2.7]:25] text=[Connection "
         "timed out]"},
        {"postfix/lmtp[1]: connect to mx[private/lmtp]: No such file or directory",
         "CONNECT_FAIL peer=[private/lmtp] relay=[mx[private/lmtp]] text=[No such file or "
         "directory]"},
        {"postfix/smtp[1]: connect to mx", "UNKNOWN"},
        {"postfix/smtp[1]: Untrusted TLS connection established to mx[192.0.2.7]:25: TLSv1.3 with "
         "cipher X",
         "TLS_OUT peer=[192.0.2.7] relay=[mx[192.0.2.7]:25]"},
        {"postfix/smtp[1]: 9FBF112D687: host mx[192.0.2.7] said: 450 4.7.1 later (in reply to RCPT "
         "TO command)",
         "NONE id=[9FBF112D687]"},
        {"postfix/smtp[1]: 9FBF112D687: lost connection with mx[192.0.2.7] while sending RCPT TO",
         "NONE id=[9FBF112D687]"},
        {"postfix/smtp[1]: SSL_connect error to mx[192.0.2.7]:25: lost connection", "NONE"},
        {"postfix/smtp[1]: mx[192.0.2.7]:25: re-using session with untrusted certificate", "NONE"},
    };
    CHECK_ALL(list);
}

static void test_system(void **state)
{
    (void)state;
    static const struct expectation list[] = {
        {"postfix/master[1]: daemon started -- version 3.7.11, configuration /etc/postfix",
         "STARTED text=[3.7.11]"},
        {"postfix/master[1]: reload -- version 3.7.11, configuration /etc/postfix",
         "RELOADED text=[3.7.11]"},
        {"postfix/master[1]: terminating on signal 15", "STOPPED"},
        {"postfix/master[1]: warning: service \"smtp\" (25) has reached its process limit \"100\": "
         "new clients",
         "CONGESTED text=[service \"smtp\" (25) has reached its process limit \"100\": new "
         "clients]"},
        {"postfix/master[1]: warning: process /usr/lib/postfix/sbin/smtpd pid 1 exit status 1",
         "NONE"},
        {"postfix/postfix-script[1]: starting the Postfix mail system", "NONE"},
        {"postfix/postfix-script[1]: refreshing the Postfix mail system", "NONE"},
        {"postfix/postfix-script[1]: stopping the Postfix mail system", "STOPPING"},
        {"postfix/postfix-script[1]: fatal: mail system startup failed", "STOPPED"},
        {"postfix/postfix-script[1]: fatal: the Postfix mail system is already running", "NONE"},
    };
    CHECK_ALL(list);
}

/* RFC 5424 by rsyslog's template: the program's name ends at '/'. */
static void test_lost_service(void **state)
{
    (void)state;
    static const struct {
        const char *text, *service;
        enum event_kind kind;
    } list[] = {
        {"connect from h[192.0.2.9]", "smtpd", EVENT_CONNECT},
        {"9FBF112D687: client=h[192.0.2.9]", "smtpd", EVENT_CLIENT},
        {"NOQUEUE: reject: RCPT from h[192.0.2.9]: 554 5.7.1 no; from=<>", "smtpd", EVENT_REJECT},
        {"NOQUEUE: reject: RCPT from [192.0.2.9]:4: 550 5.7.1 no; from=<>", "postscreen",
         EVENT_CONNECTION_REJECT},
        {"9FBF112D687: message-id=<x>", "cleanup", EVENT_MESSAGE_ID},
        {"9FBF112D687: uid=0 from=<x>", "pickup", EVENT_SUBMIT},
        {"9FBF112D687: from=<x>, size=1, nrcpt=1 (queue active)", "qmgr", EVENT_QUEUED},
        {"9FBF112D687: removed", "qmgr", EVENT_REMOVED},
        {"9FBF112D687: sender non-delivery notification: 8EA1F2", "bounce", EVENT_NOTICE},
        {"9FBF112D687: to=<x>, relay=local, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (x)",
         "local", EVENT_DELIVERY},
        {"9FBF112D687: to=<x>, relay=none, delay=0, delays=0/0/0/0, dsn=4.0.0, status=deferred (x)",
         "smtp", EVENT_DELIVERY},
        {"9FBF112D687: to=<x>, relay=m[1.2.3.4]:25, delay=0, delays=0/0/0/0, dsn=2.0.0, "
         "status=sent (x)",
         "smtp", EVENT_DELIVERY},
        {"9FBF112D687: to=<x>, relay=dovecot, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (x)",
         "pipe", EVENT_DELIVERY},
        {"connect to mx[192.0.2.7]:25: Connection refused", "smtp", EVENT_CONNECT_FAIL},
        {"daemon started -- version 3.7.11, configuration /etc/postfix", "master", EVENT_STARTED},
        {"warning: h[192.0.2.9]: SASL LOGIN authentication failed: x", "smtpd", EVENT_AUTH_FAIL},
        {"warning: whatever", "", EVENT_NONE},
        {"whatever", "", EVENT_FOREIGN},
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        parse_line("<22>1 2026-11-21T22:48:24Z mx1 postfix 7 - - ", list[i].text);
        if (parsed.kind != list[i].kind || !slice_eq(parsed.service, slice_of(list[i].service)))
            fail_msg("%s: %s %.*s", list[i].text, kinds[parsed.kind], (int)parsed.service.n,
                     parsed.service.p);
        assert_true(slice_eq(parsed.app, SLICE("postfix")));
        parse_line("<22>1 2026-11-21T22:48:24Z mx1 dovecot 7 - - ", list[i].text);
        assert_int_equal(parsed.kind, EVENT_FOREIGN);
    }
    parse_line("<22>1 2026-11-21T22:48:24Z mx1 postfix/smtpd 7 - - ", "connect from h[192.0.2.9]");
    assert_int_equal(parsed.kind, EVENT_CONNECT);
    assert_int_equal(parsed.pid, 7);
}

static void test_real_log(void **state)
{
    (void)state;
    unsigned count[EVENT_KINDS] = {0}, result[5] = {0};
    char line[4096];
    FILE *file = fopen("tests/data/postfix_real.log", "r");
    assert_non_null(file);
    struct syslog_context context;
    struct event e;
    syslog_start(&context, NOV_21);
    while (fgets(line, sizeof line, file)) {
        mta_postfix.parse(&context, (struct slice){line, strcspn(line, "\n")}, &e);
        if (e.kind == EVENT_UNKNOWN || e.kind == EVENT_FOREIGN)
            fail_msg("not recognised: %s", line);
        count[e.kind]++;
        result[e.result]++;
    }
    fclose(file);
    /* As grep counts them. */
    assert_int_equal(count[EVENT_CONNECT], 89);
    assert_int_equal(count[EVENT_DISCONNECT], 82);
    assert_int_equal(count[EVENT_CONNECTION_REJECT], 2);
    assert_int_equal(count[EVENT_ABORT], 21);
    assert_int_equal(count[EVENT_CLIENT], 40);
    assert_int_equal(count[EVENT_SUBMIT], 9);
    assert_int_equal(count[EVENT_MESSAGE_ID], 58);
    assert_int_equal(count[EVENT_QUEUED], 60);
    assert_int_equal(count[EVENT_REMOVED], 44);
    assert_int_equal(count[EVENT_HELD], 5);
    assert_int_equal(count[EVENT_DISCARDED], 2);
    assert_int_equal(count[EVENT_NOTICE], 12);
    assert_int_equal(count[EVENT_CONNECT_FAIL], 14);
    assert_int_equal(count[EVENT_DELIVERY], 100);
    /* As grep counts "status=" but for the 5 of an address that pretends. */
    assert_int_equal(result[RESULT_SENT], 54);
    assert_int_equal(result[RESULT_DEFERRED], 32);
    assert_int_equal(result[RESULT_BOUNCED], 12);
    assert_int_equal(result[RESULT_PROBE], 2);
}

static void test_queues(void **state)
{
    (void)state;
    static const struct mta_queue expected[] = {{"maildrop", 0}, {"incoming", MTA_QUEUE_INCOMPLETE},
                                                {"active", 0},   {"deferred", MTA_QUEUE_RETRY},
                                                {"hold", 0},     {"corrupt", MTA_QUEUE_DAMAGED}};
    size_t n = sizeof expected / sizeof expected[0];
    assert_in_range(n, 1, MTA_QUEUES_MAX);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(mta_postfix.queues[i].name, expected[i].name);
        assert_int_equal(mta_postfix.queues[i].flags, expected[i].flags);
    }
    assert_null(mta_postfix.queues[n].name);
}

static void test_queue_names(void **state)
{
    (void)state;
    int64_t arrival;
    assert_true(mta_postfix.queue_name(SLICE("4SVLCh4dz5z9HdB"), &arrival));
    assert_int_equal(arrival, 1700000000);
    assert_true(mta_postfix.queue_name(SLICE("9FBF112D687"), &arrival));
    assert_int_equal(arrival, 0);
    static const char *const others[] = {"",
                                         "9",
                                         "F",
                                         "654321.4711",
                                         "9FBF112D687 ",
                                         "9fbf112d687",
                                         "lost+found",
                                         "4SVLCh4dz5",
                                         "4SVLCh4dz5z",
                                         "4SVLCh4dz5a9HdB",
                                         "example_com",
                                         "..",
                                         "4SVLChzzzzz9HdB", /* no microseconds: 52^4 - 1 */
                                         "4SVLCh4dz5zzzzzz",
                                         "zzzzzzzzzzzzzzzzzzzzzzz"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(mta_postfix.queue_name(slice_of(others[i]), &arrival));
}

/* A queue file under construction. */
static char built[8192];
static size_t built_length;

static void record(char type, const char *content)
{
    size_t n = strlen(content), rest = n;
    built[built_length++] = type;
    do {
        built[built_length++] = (char)((rest & 127) | (rest > 127 ? 128 : 0));
        rest >>= 7;
    } while (rest);
    memcpy(built + built_length, content, n);
    built_length += n;
}

static bool read_built(struct queue_file *f)
{
    char *exact = malloc(built_length ? built_length : 1);
    assert_non_null(exact);
    memcpy(exact, built, built_length);
    bool ok = mta_postfix.queue_file((struct slice){exact, built_length}, f);
    if (f->message_id.p)
        f->message_id.p = built + (f->message_id.p - exact);
    free(exact);
    return ok;
}

static void build_envelope(void)
{
    built_length = 0;
    record('C', "           4211             575               3               0            4211   "
                "            0");
    record('T', "1700000000 654321");
    record('A', "rewrite_context=local");
    record('S', "alice@example.org");
    record('D', "done@example.net");
    record('R', "bob@example.net");
    record('R', "carol@example.net");
    record('p', "              0");
    record('M', "");
}

static void test_queue_file(void **state)
{
    (void)state;
    struct queue_file f;
    build_envelope();
    record('N', "Received: by mx1");
    record('N', "\tid 9FBF112D687; Message-ID: <no>");
    record('N', "MESSAGE-id:");
    record('N', " <m1@example.org> (comment)");
    record('N', "");
    record('N', "Message-ID: <body@example.org>");
    record('X', "");
    record('E', "");
    assert_true(read_built(&f));
    assert_int_equal(f.size, 4211);
    assert_int_equal(f.recipients, 3);
    assert_int_equal(f.pending, 2);
    assert_int_equal(f.arrival_ms, INT64_C(1700000000654));
    assert_true(slice_eq(f.message_id, SLICE("<m1@example.org>")));
    for (size_t n = built_length; n-- > 0;) { /* cut anywhere: no worse than unknown */
        built_length = n;
        if (!read_built(&f))
            continue;
        assert_int_equal(f.recipients, 3);
        assert_in_range(f.pending, 2, 3);
    }
}

static void test_queue_file_without_id(void **state)
{
    (void)state;
    struct queue_file f;
    build_envelope();
    record('N', "Subject: x");
    record('N', "Message-ID: none");
    record('N', "X: <y>");
    record('N', "");
    record('N', "Message-ID: <body@example.org>");
    assert_true(read_built(&f));
    assert_null(f.message_id.p);
}

static void test_queue_file_damaged(void **state)
{
    (void)state;
    struct queue_file f;
    built_length = 0;
    assert_false(read_built(&f));
    record('N', "not an envelope");
    assert_false(read_built(&f));
    built_length = 0;
    record('C', "x y z");
    assert_false(read_built(&f));
    built_length = 0;
    record('C', "             1 2 99999999999");
    assert_false(read_built(&f));
    memcpy(built, "C\xff\xff\xff\xff\xff\xff\xff\x7f", 9); /* a length without an end */
    built_length = 9;
    assert_false(read_built(&f));
    build_envelope();
    record('p', "              1"); /* a loop */
    assert_true(read_built(&f));
    build_envelope();
    record('p', "99999999999999999999999");
    assert_true(read_built(&f));
}

/* What postdrop writes has no size record: only the whole file tells. */
static void test_maildrop_file(void **state)
{
    (void)state;
    struct queue_file f;
    built_length = 0;
    record('T', "1700000000 1");
    record('S', "alice");
    record('R', "bob@example.net");
    record('M', "");
    record('N', "Message-ID: <m2@example.org>");
    record('N', "");
    record('N', "body");
    record('X', "");
    assert_false(read_built(&f));
    record('E', "");
    assert_true(read_built(&f));
    assert_int_equal(f.recipients, 1);
    assert_int_equal(f.size, 28 + 1 + 1 + 4 + 1);
    assert_true(slice_eq(f.message_id, SLICE("<m2@example.org>")));
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    tzset();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_smtpd),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_postscreen),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_deliveries),
        cmocka_unit_test(test_delivery_fields),
        cmocka_unit_test(test_hostile_addresses),
        cmocka_unit_test(test_cut_lines),
        cmocka_unit_test(test_associations_out),
        cmocka_unit_test(test_system),
        cmocka_unit_test(test_lost_service),
        cmocka_unit_test(test_real_log),
        cmocka_unit_test(test_queues),
        cmocka_unit_test(test_queue_names),
        cmocka_unit_test(test_queue_file),
        cmocka_unit_test(test_queue_file_without_id),
        cmocka_unit_test(test_queue_file_damaged),
        cmocka_unit_test(test_maildrop_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
