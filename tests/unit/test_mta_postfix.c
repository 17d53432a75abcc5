/*
 * Postfix's log, line by line: tests/data/postfix_lines.txt has one line of each kind and what it means,
 * postfix_real.log is what a real Postfix 3.7 wrote, with short and with long ids.
 */
#include <time.h>
#include "event_lines.h"

#define KIND(name) [EVENT_##name] = #name
static const char *const kinds[EVENT_KINDS] = {
    KIND(UNKNOWN),      KIND(FOREIGN),    KIND(NONE),
    KIND(CONNECT),      KIND(DISCONNECT), KIND(CONNECTION_REJECT),
    KIND(ABORT),        KIND(TLS_IN),     KIND(TLS_OUT),
    KIND(AUTH_FAIL),    KIND(CLIENT),     KIND(SUBMIT),
    KIND(ARRIVED),      KIND(MESSAGE_ID), KIND(QUEUED),
    KIND(EXPIRED),      KIND(REMOVED),    KIND(HELD),
    KIND(RELEASED),     KIND(REJECT),     KIND(DISCARDED),
    KIND(NOTICE),       KIND(COPIED),     KIND(DELIVERY),
    KIND(CONNECT_FAIL), KIND(ETRN),       KIND(STARTING),
    KIND(STARTED),      KIND(RELOADED),   KIND(STOPPING),
    KIND(STOPPED),      KIND(CONGESTED),  KIND(STRESS_ON),
    KIND(STRESS_OFF),   KIND(PURGED)};
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
    if (e->repeats)
        add(" repeats=%u", (unsigned)e->repeats);
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

static void parse_line(const char *head, const char *tail)
{
    char line[4096];
    int n = snprintf(line, sizeof line, "%s%s", head, tail);
    assert_true(n >= 0 && (size_t)n < sizeof line);
    parse_first(&mta_postfix, line, (size_t)n);
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

static void test_lines(void **state)
{
    (void)state;
    char tail[1024], expected[1024];
    unsigned count = 0;
    FILE *file = fopen("tests/data/postfix_lines.txt", "r");
    assert_non_null(file);
    while (fgets(tail, sizeof tail, file)) {
        tail[strcspn(tail, "\n")] = '\0';
        if (!*tail || *tail == '#')
            continue;
        assert_non_null(fgets(expected, sizeof expected, file));
        expected[strcspn(expected, "\n")] = '\0';
        assert_memory_equal(expected, "    ", 4);
        check(tail, expected + 4);
        count++;
    }
    fclose(file);
    assert_int_equal(count, 332);
}

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
    parse_line("not a line of a log", "");
    assert_int_equal(parsed.kind, EVENT_FOREIGN);
    assert_int_equal(parsed.time_ms, NOV_21);
}

/* As rsyslog forwards them: the daemon's name, too, may be cut off. Then its lines tell it. */
static void test_cut_tags(void **state)
{
    (void)state;
    static const struct {
        const char *tag, *text, *service;
        enum event_kind kind;
    } list[] = {
        {"postfix/submission/smtpd[1234567", "connect from h[192.0.2.9]", "submission/smtpd",
         EVENT_CONNECT},
        {"postfix/sender-cleanup/cleanup[2", "9FBF112D687: message-id=<a@x>",
         "sender-cleanup/cleanup", EVENT_MESSAGE_ID},
        {"postfix/submission-header-cleanu", "9FBF112D687: message-id=<a@x>", "cleanup",
         EVENT_MESSAGE_ID},
        {"postfix/smtp-to-the-other-office", "9FBF112D687: removed", "qmgr", EVENT_REMOVED},
        {"postfix/smtp-to-the-other-office", "what it does not know", "", EVENT_FOREIGN},
        {"postfix/smtp-to-the-other-offic", "9FBF112D687: removed", "", EVENT_FOREIGN},
        {"an-other-program/of-32-octets/so", "9FBF112D687: removed", "", EVENT_FOREIGN},
    };
    for (unsigned i = 0; i < sizeof list / sizeof list[0]; i++) {
        char line[256];
        snprintf(line, sizeof line, "%s %s", list[i].tag, list[i].text);
        parse_line("Nov 21 22:48:24 mx1 ", line);
        assert_int_equal(parsed.kind, list[i].kind);
        if (parsed.kind == EVENT_FOREIGN)
            continue;
        assert_true(slice_eq(parsed.app, SLICE("postfix")));
        assert_true(slice_eq(parsed.service, slice_of(list[i].service)));
    }
}

#define TO "postfix/smtp[1]: 9FBF112D687: to=<"

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
    unsigned count[EVENT_KINDS], result[RESULT_REMOVED + 1];
    count_log(&mta_postfix, "tests/data/postfix_real.log", count, result);
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

int main(void)
{
    setenv("TZ", "UTC", 1);
    tzset();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_cut_tags),     cmocka_unit_test(test_cut_lines),
        cmocka_unit_test(test_lost_service), cmocka_unit_test(test_real_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
