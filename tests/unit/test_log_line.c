/* Records of the journal as lines, and the frames in which mailmond-journal hands them over. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "../../collectors/journal_frame.h"

#define AT INT64_C(1795301304123456) /* 2026-11-21T22:48:24.123456Z */

static char line[LOG_LINE_MAX];

static const char *written(struct log_record r)
{
    static char text[1024];
    size_t n = log_line_write(&r, line);
    assert_true(n > 0 && n < sizeof text && line[n - 1] == '\n');
    assert_null(memchr(line, '\n', n - 1));
    memcpy(text, line, n - 1);
    text[n - 1] = '\0';
    return text;
}

static void test_lines(void **state)
{
    (void)state;
    struct log_record r = {.time_us = AT, .tag = SLICE("postfix/smtpd"), .pid = 7};
    r.text = SLICE("connect from a[192.0.2.1]\n");
    assert_string_equal(
        written(r), "2026-11-21T22:48:24.123456Z - postfix/smtpd[7]: connect from a[192.0.2.1]");
    r.pid = 0;
    r.text = SLICE("a\nb\0\tc\x7f\xff");
    assert_string_equal(written(r),
                        "2026-11-21T22:48:24.123456Z - postfix/smtpd: a#012b#000\tc#177\xff");
    r.host = SLICE("mx1.example.org");
    assert_string_equal(
        written(r),
        "2026-11-21T22:48:24.123456Z mx1.example.org postfix/smtpd: a#012b#000\tc#177\xff");
    static const char *const odd[] = {"mx 1", "mx1\n", "a:", "\xff"};
    for (unsigned i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        r.host = slice_of(odd[i]);
        assert_string_equal(written(r),
                            "2026-11-21T22:48:24.123456Z - postfix/smtpd: a#012b#000\tc#177\xff");
    }
    r.host = SLICE("");
    r.tag = SLICE("a tag\n");
    r.text = SLICE("");
    assert_string_equal(written(r), "2026-11-21T22:48:24.123456Z - a_tag_: ");
    r.tag = SLICE("");
    r.text = SLICE("only a text");
    r.time_us = -5;
    assert_string_equal(written(r), "1970-01-01T00:00:00.000000Z - only a text");
}

/* What a program wrote to its standard output has perhaps a head already; only there it is believed. */
static void test_stdout(void **state)
{
    (void)state;
    struct log_record r = {.time_us = AT, .tag = SLICE("container"), .stdout_ = true};
    r.text = SLICE("Nov  1 03:04:05 mx postfix/smtpd[9]: connect");
    assert_string_equal(written(r), "2026-11-21T22:48:24.123456Z - postfix/smtpd[9]: connect");
    r.text = SLICE("2026-11-01 03:04:05 1vMabc-000000003D7-2kDZ Completed");
    assert_string_equal(written(r), "2026-11-01 03:04:05 1vMabc-000000003D7-2kDZ Completed");
    r.text = SLICE("Nov  1 03:04:05 imap-login: Info: Login: user=<a>");
    assert_string_equal(written(r), "Nov  1 03:04:05 imap-login: Info: Login: user=<a>");
    r.text = SLICE("no head");
    assert_string_equal(written(r), "2026-11-21T22:48:24.123456Z - container: no head");
    r.stdout_ = false;
    r.text = SLICE("Nov  1 03:04:05 mx postfix/smtpd[9]: connect");
    assert_string_equal(written(r), "2026-11-21T22:48:24.123456Z - container: "
                                    "Nov  1 03:04:05 mx postfix/smtpd[9]: connect");
}

static void test_long(void **state)
{
    (void)state;
    static char text[2 * LOG_LINE_MAX];
    memset(text, '\n', sizeof text);
    text[sizeof text - 1] = 'x';
    struct log_record r = {.time_us = AT, .tag = SLICE("t"), .pid = 1, .text = {text, sizeof text}};
    assert_int_equal(log_line_write(&r, line), LOG_LINE_MAX);
    assert_int_equal(line[LOG_LINE_MAX - 1], '\n');
    assert_null(memchr(line, '\n', LOG_LINE_MAX - 1));
}

/* The parser reads back what was written. */
static void test_read_back(void **state)
{
    (void)state;
    struct log_record r = {
        .time_us = AT, .tag = SLICE("postfix/smtpd"), .pid = 4711, .text = SLICE("a: b")};
    struct syslog_context c;
    struct event e = {0};
    struct slice text;
    size_t n = log_line_write(&r, line);
    syslog_start(&c, 0);
    assert_true(syslog_head(&c, (struct slice){line, n - 1}, &e, &text));
    assert_int_equal(e.time_ms, AT / 1000);
    assert_int_equal(e.pid, 4711);
    assert_true(slice_eq(e.tag, r.tag) && slice_eq(text, r.text));
}

static void test_frames(void **state)
{
    (void)state;
    struct journal_frame good = {.magic = JOURNAL_MAGIC, .status = SOURCE_OK, .size = JOURNAL_BODY};
    struct journal_frame f = good;
    assert_true(journal_frame_good(&f));
    f.size++;
    assert_false(journal_frame_good(&f));
    f = good, f.magic = 0;
    assert_false(journal_frame_good(&f));
    f = good, f.status = SOURCE_DENIED;
    assert_false(journal_frame_good(&f));
    f.size = 0;
    assert_true(journal_frame_good(&f));
    f = good, f.status = SOURCE_DISABLED;
    assert_false(journal_frame_good(&f));
    f = good, memset(f.cursor, 'x', sizeof f.cursor);
    assert_false(journal_frame_good(&f));
    f = good, memset(f.error, 'x', sizeof f.error);
    assert_false(journal_frame_good(&f));
}

static void test_cursors(void **state)
{
    (void)state;
    assert_true(journal_cursor_follows("s=ab;i=ff;b=1;m=2;t=3;x=4", "s=ab;i=100;b=1;m=5"));
    assert_false(journal_cursor_follows("s=ab;i=ff;b=1", "s=ab;i=101;b=1"));
    assert_false(journal_cursor_follows("s=ab;i=ff", "s=ac;i=100"));
    assert_false(journal_cursor_follows("s=ab;i=ff", "s=ab"));
    assert_false(journal_cursor_follows("", "s=ab;i=0"));
    assert_false(journal_cursor_follows("i=1", "i=2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),  cmocka_unit_test(test_stdout),
        cmocka_unit_test(test_long),   cmocka_unit_test(test_read_back),
        cmocka_unit_test(test_frames), cmocka_unit_test(test_cursors),
    };
    setenv("TZ", "UTC", 1);
    tzset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
