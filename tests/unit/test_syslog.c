/* Heads of log lines: the three forms, years and zones that a head lacks, and damaged heads. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "../../collectors/syslog.h"

#define NOV_21 INT64_C(1795301304000) /* 2026-11-21T22:48:24Z */
#define HOUR   INT64_C(3600000)
#define DAY    (24 * HOUR)

static struct syslog_context context;
static struct event event;
static struct slice text;

static void zone(const char *name)
{
    setenv("TZ", name, 1);
    tzset();
}

static bool head(const char *line)
{
    return syslog_head(&context, slice_of(line), &event, &text);
}

static void assert_slice(struct slice s, const char *expected)
{
    assert_int_equal(s.n, strlen(expected));
    assert_memory_equal(s.p, expected, s.n);
}

static void start(const char *tz, int64_t reference_ms)
{
    zone(tz);
    syslog_start(&context, reference_ms);
}

static void test_three_forms(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "Nov 21 22:48:24 mx1 postfix/smtp[3112]: to be read",
        "<22>Nov 21 22:48:24 mx1 postfix/smtp[3112]: to be read",
        "2026-11-21T22:48:24+00:00 mx1 postfix/smtp[3112]: to be read",
        "2026-11-21T23:48:24+01:00 mx1 postfix/smtp[3112]: to be read",
        "2026-11-21T17:18:24-0530 mx1 postfix/smtp[3112]: to be read",
        "2026-11-21T22:48:24Z mx1 postfix/smtp[3112]: to be read",
        "<22>1 2026-11-21T22:48:24Z mx1 postfix/smtp 3112 - - to be read",
        "<22>1 2026-11-21T22:48:24Z mx1 postfix/smtp 3112 ID - \xEF\xBB\xBFto be read",
        "<22>1 2026-11-21T22:48:24Z mx1 postfix/smtp 3112 - [a@1 x=\"]\\\"\"][b] to be read",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        start("UTC", NOV_21 + HOUR);
        for (int twice = 0; twice < 2; twice++) { /* the second time by the kept stamp */
            assert_true(head(lines[i]));
            assert_int_equal(event.time_ms, NOV_21);
            assert_slice(event.tag, "postfix/smtp");
            assert_int_equal(event.pid, 3112);
            assert_slice(text, "to be read");
        }
    }
}

static void test_fractions(void **state)
{
    (void)state;
    start("UTC", NOV_21);
    assert_true(head("2026-11-21T22:48:24.123456+00:00 h t: x"));
    assert_int_equal(event.time_ms, NOV_21 + 123);
    assert_true(head("2026-11-21T22:48:25.5Z h t: x"));
    assert_int_equal(event.time_ms, NOV_21 + 1500);
    assert_true(head("2026-11-21T22:49:25.07Z h t: x"));
    assert_int_equal(event.time_ms, NOV_21 + 61070);
    assert_true(head("2026-11-21T22:48:60Z h t: x")); /* leap second */
    assert_int_equal(event.time_ms, NOV_21 + 35000);
    assert_true(head("1999-11-21T22:48:24Z h t: x")); /* the century is looked at */
    assert_int_equal(event.time_ms, INT64_C(943224504000));
    assert_true(head("2099-11-21T22:48:24Z h t: x"));
    assert_int_equal(event.time_ms, INT64_C(4098984504000));
}

/* What is read in a line when the one before it was `before`. */
static bool read_behind(const char *before, const char *line)
{
    start("UTC", NOV_21);
    assert_true(head(before));
    context.now_ms = NOV_21;
    return head(line);
}

/* A head like the one before is read in another way than any other: it must say the same. */
static void assert_read_alike(const char *like, const char *line)
{
    bool bsd = strncmp(like, "Nov", 3) == 0 || strncmp(like, "<22>N", 5) == 0;
    bool good = read_behind(bsd ? "2026-11-21T22:48:24Z h t: x" : "Nov 21 22:48:24 h t: x", line);
    struct event e = event;
    struct slice s = text, host = context.host;
    int64_t now_ms = context.now_ms;
    assert_int_equal(read_behind(like, line), good);
    if (!good)
        return;
    assert_int_equal(context.now_ms, now_ms);
    assert_int_equal(event.time_ms, e.time_ms);
    assert_int_equal(event.pid, e.pid);
    assert_ptr_equal(event.tag.p, e.tag.p);
    assert_int_equal(event.tag.n, e.tag.n);
    assert_ptr_equal(text.p, s.p);
    assert_int_equal(text.n, s.n);
    assert_ptr_equal(context.host.p, host.p);
    assert_int_equal(context.host.n, host.n);
}

/* ... however much of the line is there, and whatever one octet of it is. */
static void test_usual_heads(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "Nov 21 22:48:24 mx1 postfix/smtp[3112]: message repeated 2 times: [ to be read]",
        "Nov 21 22:48:24 mx1.example.org postfix/submission/smtpd[3112]: to be read and so on",
        "<22>Nov 21 22:48:24 mx1 postfix/smtp[1234567]: 4SVLCh4dz5z9HdB: removed, or is it so?",
        "2026-11-21T22:48:24+00:00 mx1 postfix/smtp[3112]: to be read, one word after another",
        "2026-11-21T22:48:24.123456-03:30 mx1 postfix/smtp[3112]: to be read, and again",
        "<22>1 2026-11-21T22:48:24.123Z mx1 postfix/smtp 3112 - - \xEF\xBB\xBFto be read",
        "<22>1 2026-11-21T22:48:24Z mx1 postfix/smtp 3112 ID [a@1 x=\"y\"] to be read",
    };
    static const char others[] = " :[]-<0m\xff";
    char line[128];
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        for (size_t n = strlen(lines[i]), at = 0; at <= n; at++) {
            snprintf(line, sizeof line, "%.*s", (int)at, lines[i]);
            assert_read_alike(lines[i], line);
            for (const char *other = others; at < n && *other; other++) {
                snprintf(line, sizeof line, "%s", lines[i]);
                line[at] = *other;
                assert_read_alike(lines[i], line);
            }
        }
}

static void test_tags(void **state)
{
    (void)state;
    start("UTC", NOV_21);
    assert_true(head("Nov  1 22:48:24 mx1 dovecot: imap-login: x"));
    assert_slice(event.tag, "dovecot");
    assert_int_equal(event.pid, 0);
    assert_slice(text, "imap-login: x");
    assert_true(head("Nov  1 22:48:24 mx1 last message repeated 3 times"));
    assert_slice(event.tag, "");
    assert_slice(text, "last message repeated 3 times");
    assert_true(head("Nov  1 22:48:24 mx1 a[12x]: t"));
    assert_int_equal(event.pid, 0);
    assert_slice(event.tag, "a[12x]");
    assert_true(head("Nov  1 22:48:24 mx1 a[99999999999]: t"));
    assert_int_equal(event.pid, 0);
    assert_true(head("Nov  1 22:48:24 mx1 a[7]:"));
    assert_int_equal(event.pid, 7);
    assert_slice(text, "");
    assert_true(head("Nov  1 22:48:24 mx1 ]: t"));
    assert_true(head("Nov  1 22:48:24 mx1 : t"));
    assert_slice(event.tag, "");
    assert_true(head("<22>1 - mx1 - - - -"));
    assert_slice(event.tag, "");
    assert_slice(text, "");
}

static void test_years(void **state)
{
    (void)state;
    start("UTC", NOV_21 + 41 * DAY); /* 2027-01-01 */
    assert_true(head("Nov 21 22:48:24 h t: x"));
    assert_int_equal(event.time_ms, NOV_21);
    start("UTC", NOV_21 - 364 * DAY); /* the first line is at most a day after the reference */
    assert_true(head("Nov 21 22:48:24 h t: x"));
    assert_int_equal(event.time_ms, NOV_21 - 365 * DAY);
    start("UTC", NOV_21); /* but it may be far before it */
    assert_true(head("Jan  2 22:48:24 h t: x"));
    assert_int_equal(event.time_ms, NOV_21 - 323 * DAY);
    assert_true(head("Mar  2 22:48:24 h t: x")); /* later lines are near the one before */
    assert_int_equal(event.time_ms, NOV_21 - 264 * DAY);
}

static void test_new_year(void **state)
{
    (void)state;
    start("UTC", INT64_C(1798761599000)); /* 2026-12-31T23:59:59Z */
    assert_true(head("Dec 31 23:59:59 h t: x"));
    assert_int_equal(event.time_ms, INT64_C(1798761599000));
    assert_true(head("Jan  1 00:00:00 h t: x"));
    assert_int_equal(event.time_ms, INT64_C(1798761600000));
    assert_true(head("Dec 31 23:59:59 h t: x")); /* written late */
    assert_int_equal(event.time_ms, INT64_C(1798761599000));
}

static void test_leap_day(void **state)
{
    (void)state;
    start("UTC", NOV_21);
    assert_true(head("Feb 29 00:00:00 h t: x"));
    assert_int_equal(event.time_ms, INT64_C(1709164800000)); /* 2024 */
    assert_false(head("Feb 30 00:00:00 h t: x"));
    assert_false(head("2026-02-29T00:00:00Z h t: x"));
    assert_true(head("2028-02-29T00:00:00Z h t: x"));
    assert_int_equal(event.time_ms, INT64_C(1835395200000));
}

static void test_daylight_saving(void **state)
{
    (void)state;
    start("CET-1CEST,M3.5.0,M10.5.0/3", INT64_C(1792882800000)); /* 2026-10-24T23:00Z, summer */
    assert_true(head("Oct 25 01:00:00 h t: x"));
    assert_int_equal(event.time_ms, INT64_C(1792882800000));
    assert_true(head("Oct 25 03:00:00 h t: x")); /* winter: 02:00Z */
    assert_int_equal(event.time_ms, INT64_C(1792893600000));
    assert_true(head("Oct 25 03:00:01 h t: x"));
    assert_int_equal(event.time_ms, INT64_C(1792893601000));
    assert_true(head("2026-10-25T03:00:02 h t: x")); /* without a zone: the same */
    assert_int_equal(event.time_ms, INT64_C(1792893602000));
}

/* What options and templates of syslog daemons make of a head: the same instant, tag, pid and text. */
static void test_other_forms(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "Nov 21 22:48:24.123456 mx1 postfix/smtp[3112]: to be read",
        "Nov 21 2026 22:48:24 mx1 postfix/smtp[3112]: to be read",
        "2026 Nov 21 22:48:24 mx1 postfix/smtp[3112]: to be read",
        "2026 Nov 21 23:48:24.123+01:00 mx1 postfix/smtp[3112]: to be read",
        "Sat Nov 21 22:48:24 2026 mail.info postfix/smtp[3112]: to be read",
        "Sat 2026-11-21 22:48:24 UTC mx1 postfix/smtp[3112]: to be read",
        "2026-11-21 22:48:24 mx1 postfix/smtp[3112]: to be read",
        "2026-11-21 23:48:24.123456+01:00 mx1 postfix/smtp[3112]: to be read",
        "2026-11-21 23:48:24,123 +0100 mx1 postfix/smtp[3112]: to be read",
        "2026-11-21T23:48:24,123+01 mx1 postfix/smtp[3112]: to be read",
        "1795301304 mx1 postfix/smtp[3112]: to be read",
        "1795301304.123456 mx1 postfix/smtp[3112]: to be read",
        "mail-1  | Nov 21 22:48:24 mx1 postfix/smtp[3112]: to be read",
        "Nov 21 22:48:24 postfix/smtp[3112]: to be read",
        "Nov 21 22:48:24 mx1: postfix/smtp[3112]: to be read",
        "Nov 21 22:48:24 2001:db8:: postfix/smtp[3112]: to be read",
        "Nov 21 22:48:24 [2001:db8::1] postfix/smtp[3112]: to be read",
        "Nov 21 22:48:24 mx1 mail.info postfix/smtp[3112]: to be read",
        "Nov 21 22:48:24 <mail.info> mx1 postfix/smtp[3112]: to be read",
        "Nov 21 22:48:24 mx1 mail:info postfix/smtp[3112]: to be read",
        "Nov 21 22:48:24 mx1 auth|security:info postfix/smtp[3112]: to be read",
        "Nov 21 22:48:24 mx1 [ID 197553 mail.info] postfix/smtp[3112]: to be read",
        "Nov 21 22:48:24 mx1 postfix/smtp[3112]: [ID 197553 mail.info] to be read",
        "Nov 21 22:48:24 mx1 postfix/smtp[3112]:  to be read",
        "Nov 21 22:48:24 mx1  postfix/smtp[3112]: to be read",
        "Nov 21 22:48:24 mx1 postfix/smtp[3112] to be read",
        "Nov 21 22:48:24\tmx1\tpostfix/smtp[3112]:\tto be read",
        "2026-11-21T22:48:24Z\tmx1\tpostfix/smtp[3112]:\tto be read",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        start("UTC", NOV_21 + HOUR);
        for (int twice = 0; twice < 2; twice++) {
            event.repeats = 0;
            assert_true(head(lines[i]));
            assert_int_equal(event.time_ms / 1000, NOV_21 / 1000);
            assert_slice(event.tag, "postfix/smtp");
            assert_int_equal(event.pid, 3112);
            assert_slice(text, "to be read");
            assert_int_equal(event.repeats, 0);
        }
    }
    start("UTC", NOV_21);
    assert_true(head("Nov 1 22:48:24 mx1 postfix/smtp[3112]: to be read")); /* one blank */
    assert_int_equal(event.time_ms, NOV_21 - 20 * DAY);
    assert_slice(event.tag, "postfix/smtp");
    assert_true(head("Nov 21 22:48:24 dovecot: imap-login: Login")); /* no pid: it is no host */
    assert_slice(event.tag, "dovecot");
    assert_slice(text, "imap-login: Login");
}

/* rsyslog forwards 32 octets of a tag (%syslogtag:1:32%): what is cut off is the colon, the pid or the name. */
static void test_cut_tags(void **state)
{
    (void)state;
    static const struct {
        const char *line, *tag;
        uint32_t pid;
    } cases[] = {
        {"Nov 21 22:48:24 mx1 postfix/submission/smtpd[1234567 to be read",
         "postfix/submission/smtpd", 1234567},
        {"2026-11-21T22:48:24Z mx1 postfix/submission/smtpd[1234567 to be read",
         "postfix/submission/smtpd", 1234567},
        {"Nov 21 22:48:24 mx1 postfix/submission/smtpd[123456] to be read",
         "postfix/submission/smtpd", 123456},
        {"Nov 21 22:48:24 mx1 postfix/sender-cleanup/cleanup[2 to be read",
         "postfix/sender-cleanup/cleanup", 0},
        {"Nov 21 22:48:24 mx1 postfix/sender-cleanups/cleanup[ to be read",
         "postfix/sender-cleanups/cleanup", 0},
        {"Nov 21 22:48:24 mx1 postfix/submission-header-cleanu to be read",
         "postfix/submission-header-cleanu", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        start("UTC", NOV_21);
        assert_true(head(cases[i].line));
        assert_slice(event.tag, cases[i].tag);
        assert_int_equal(event.pid, cases[i].pid);
        assert_slice(text, "to be read");
    }
    assert_true(head("Nov 21 22:48:24 mx1 postfix/submission/smtpd[123456 to be read"));
    assert_slice(event.tag, ""); /* 31 octets: no cut, no tag */
    assert_true(head("Nov 21 22:48:24 postfix/submission/smtpd[1234567 to be read"));
    assert_slice(event.tag, ""); /* nobody forwards without a host */
}

/* Local time without a zone, on both sides of the end of summer time. */
static void test_other_forms_local(void **state)
{
    (void)state;
    start("CET-1CEST,M3.5.0,M10.5.0/3", INT64_C(1792882800000));
    assert_true(head("2026-10-25 01:00:00 h t: x"));
    assert_int_equal(event.time_ms, INT64_C(1792882800000));
    assert_true(head("Sun 2026-10-25 03:00:00 CET h t: x"));
    assert_int_equal(event.time_ms, INT64_C(1792893600000));
    assert_true(head("2026 Oct 25 03:00:01 h t: x"));
    assert_int_equal(event.time_ms, INT64_C(1792893601000));
}

/* rsyslog with $RepeatedMsgReduction: the line stands for the text so many times. */
static void test_repeated(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        uint32_t repeats;
        const char *text;
    } cases[] = {
        {"Nov 21 22:48:24 h t[1]: message repeated 3 times: [ a [b]]", 2, "a [b]"},
        {"Nov 21 22:48:24 h t[1]: message repeated 2 times: [a]", 1, "a"},
        {"Nov 21 22:48:24 h t[1]: message repeated 2 times: [ cut", 1, "cut"},
        {"Nov 21 22:48:24 h t[1]: message repeated 1 times: [ a]", 0, "a"},
        {"Nov 21 22:48:24 h t[1]: message repeated 0 times: [ a]", 0, "a"},
        {"Nov 21 22:48:24 h t[1]: message repeated 2 times: [", 1, ""},
        {"Nov 21 22:48:24 h t[1]: message repeated 99999999999999999999 times: [ a]", 99999, "a"},
        {"Nov 21 22:48:24 h t[1]: message repeated x times: [ a]", 0,
         "message repeated x times: [ a]"},
        {"<22>1 2026-11-21T22:48:24Z h t 1 - - message repeated 3 times: [ a]", 2, "a"},
        {"Nov 21 22:48:24 t[1]: message repeated 3 times: [ a]", 2, "a"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        start("UTC", NOV_21);
        event.repeats = 0;
        assert_true(head(cases[i].line));
        assert_int_equal(event.repeats, cases[i].repeats);
        assert_slice(event.tag, "t");
        assert_slice(text, cases[i].text);
    }
}

static void test_damaged(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",
        " ",
        "Nov",
        "Nov 21 22:48:24",
        "Nov 21 22:48:24 ",
        "Nov 21 22:48:24 host",
        "Nov 21 24:48:24 host t: x",
        "Nov 21 22:60:24 host t: x",
        "Nov 21 22:48:6 host tt: x",
        "Nov  0 22:48:24 host t: x",
        "Nov 31 22:48:24 host t: x",
        "nov 21 22:48:24 host t: x",
        "Nov 21-22:48:24 host t: x",
        "2026-11-21T22:48:24",
        "2026-11-21T22:48:24+0 host t: x",
        "2026-11-21T22:48:24+99:00 host t: x",
        "2026-13-21T22:48:24Z host t: x",
        "2026-11-21 22:48:2 host t: x",
        "2026-11-21 host t: x",
        "2026 Nov 31 22:48:24 host t: x",
        "Nov 100 22:48:24 host t: x",
        "Nov 1 22:48 host t: x",
        "Fri",
        "Fri Nov 21",
        "Fri host t: x",
        "123456789 host t: x",
        "17953013040 host t: x",
        "mail-1 |",
        ("2026-11-21 22:48:24.11111111111111111111111111111111111111111111111111111111111111 host "
         "t: x"),
        "2026-11-21T22.48:24Z host t: x",
        "2026-11-21T22:48.24Z host t: x",
        "2026-11-21T22:48:2",
        "<22>1 2026-11-21T22:48:24Z",
        "<22>1 2026-11-21T22:48:24Z mx1 app 1 -",
        "<22>1 2026-11-21T22:48:24Z mx1 app 1 - [a b=\"",
        "<22>1 2026-11-21T22:48:24Z mx1 app 1 - [a b=\"\\",
        "<>1 2026-11-21T22:48:24Z mx1 app 1 - - x",
        "<",
        "<22",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        start("UTC", NOV_21);
        assert_false(head(lines[i]));
        assert_int_equal(event.time_ms, NOV_21);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_forms), cmocka_unit_test(test_fractions),
        cmocka_unit_test(test_usual_heads), cmocka_unit_test(test_tags),
        cmocka_unit_test(test_years),       cmocka_unit_test(test_new_year),
        cmocka_unit_test(test_leap_day),    cmocka_unit_test(test_daylight_saving),
        cmocka_unit_test(test_other_forms), cmocka_unit_test(test_other_forms_local),
        cmocka_unit_test(test_cut_tags),    cmocka_unit_test(test_repeated),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
