/* What containers' runtimes write around a line: unwrapped, whole real logs included. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "../../collectors/container.h"

static char out[LOG_LINE_MAX];
static bool in_parts;

static const char *line(const char *text)
{
    size_t n = container_line(slice_of(text), &in_parts, out);
    assert_true(n < sizeof out);
    out[n ? n - 1 : 0] = '\0';
    return out;
}

#define TIME "2026-11-21T22:48:24.123Z"

static void test_docker(void **state)
{
    (void)state;
    assert_string_equal(line("{\"log\":\"Nov 21 22:48:24 mx postfix/smtpd[9]: a \\\"b\\\" \\\\ "
                             "\\u003cx\\u003e \\u00e9\\ud83d\\ude00\\n\",\"stream\":\"stdout\","
                             "\"attrs\":{\"a\":\"}\\\"\",\"b\":[1,2]},\"time\":\"" TIME "\"}"),
                        "2026-11-21T22:48:24.123000Z - postfix/smtpd[9]: a \"b\" \\ <x> "
                        "\xc3\xa9\xf0\x9f\x98\x80");
    assert_string_equal(
        line("{\"log\":\"2026-11-21 22:48:24 1vMabc-000000003D7-2kDZ Completed\\n\","
             "\"stream\":\"stderr\",\"time\":\"" TIME "\"}"),
        "2026-11-21 22:48:24 1vMabc-000000003D7-2kDZ Completed");
}

static void test_cri(void **state)
{
    (void)state;
    assert_string_equal(line("2026-11-21T22:48:24.123456789Z stdout F "
                             "Nov  1 00:00:00 mx postfix/qmgr[1]: removed"),
                        "2026-11-21T22:48:24.123000Z - postfix/qmgr[1]: removed");
    assert_string_equal(line("2026-11-21T23:48:24.123456789+01:00 stderr F "
                             "Nov  1 00:00:00 mx postfix/qmgr[1]: removed"),
                        "2026-11-21T22:48:24.123000Z - postfix/qmgr[1]: removed");
}

/* The first part counts, the others are left out, and the next line is whole again. */
static void test_parts(void **state)
{
    (void)state;
    assert_string_equal(line(TIME " stdout P Nov  1 00:00:00 mx a[1]: x"),
                        "2026-11-21T22:48:24.123000Z - a[1]: x");
    assert_string_equal(line(TIME " stdout P more"), "");
    assert_string_equal(line(TIME " stdout F the end"), "");
    assert_string_equal(line(TIME " stdout F Nov  1 00:00:00 mx a[1]: y"),
                        "2026-11-21T22:48:24.123000Z - a[1]: y");
    assert_string_not_equal(line("{\"log\":\"first \",\"time\":\"" TIME "\"}"), "");
    assert_string_equal(line("{\"log\":\"last\\n\",\"time\":\"" TIME "\"}"), "");
    assert_string_not_equal(line("{\"log\":\"next\\n\",\"time\":\"" TIME "\"}"), "");
}

static void test_others(void **state)
{
    (void)state;
    static const char *const none[] = {
        "",
        "{",
        "{\"log\":\"",
        "{\"log\":\"a\\",
        "{\"log\":\"a\\n\"}",
        "{\"log\":\"a\\n\",",
        "{\"log\":\"a\\n\",\"time\":5}",
        "{\"log\":\"a\\n\",\"x\":{\"y\":\"",
        "{\"log\":\"\\u12\"",
        "{\"log\":\"a\\n\",\"time\":\"yesterday\"}",
        TIME,
        TIME " stdout",
        TIME " stdout ",
        TIME " stdout X a",
        "never stdout F a",
        "Nov 21 22:48:24 mx postfix/smtpd[9]: a",
        "2026-11-21T22:48:24.123456+00:00 mx postfix/smtpd[9]: a",
        "2026-11-21 22:48:24 1vMabc-000000003D7-2kDZ Completed",
    };
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_string_equal(line(none[i]), "");
    assert_false(container_is(slice_of(none[sizeof none / sizeof none[0] - 2])));
    assert_false(container_is(slice_of(none[sizeof none / sizeof none[0] - 1])));
    assert_true(container_is(SLICE("{\"log\":\"a")));
    assert_true(container_is(SLICE(TIME " stderr F a\nb")));
}

/* Every line of a real log, wrapped, comes out with its tag, process and text. */
static void test_real_log(void **state)
{
    (void)state;
    char text[4096], wrapped[8192], quoted[8192];
    struct syslog_context c;
    struct event had = {0}, has = {0};
    struct slice had_text, has_text;
    unsigned lines = 0;
    FILE *in = fopen("tests/data/postfix_real.log", "r");
    assert_non_null(in);
    syslog_start(&c, INT64_C(1795301304000));
    for (; fgets(text, sizeof text, in); lines++) {
        struct slice s = slice_of(text);
        size_t q = 0;
        s.n--;
        assert_true(syslog_head(&c, s, &had, &had_text));
        for (size_t i = 0; i < s.n; i++) {
            if (s.p[i] == '"' || s.p[i] == '\\')
                quoted[q++] = '\\';
            quoted[q++] = s.p[i];
        }
        snprintf(wrapped, sizeof wrapped,
                 "{\"log\":\"%.*s\\n\",\"stream\":\"stdout\",\"time\":\"" TIME "\"}", (int)q,
                 quoted);
        for (int docker = 1; docker >= 0; docker--) {
            if (!docker)
                snprintf(wrapped, sizeof wrapped, TIME " stdout F %.*s", (int)s.n, s.p);
            size_t n = container_line(slice_of(wrapped), &in_parts, out);
            assert_true(n > 0);
            assert_true(syslog_head(&c, (struct slice){out, n - 1}, &has, &has_text));
            assert_true(slice_eq(had.tag, has.tag) && slice_eq(had_text, has_text));
            assert_int_equal(had.pid, has.pid);
            assert_int_equal(has.time_ms, INT64_C(1795301304123));
        }
    }
    fclose(in);
    assert_true(lines > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_docker),   cmocka_unit_test(test_cri),
        cmocka_unit_test(test_parts),    cmocka_unit_test(test_others),
        cmocka_unit_test(test_real_log),
    };
    setenv("TZ", "UTC", 1);
    tzset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
