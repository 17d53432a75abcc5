/*
 * Exim's main log, line by line: tests/data/exim_lines.txt has one line of each kind and what it means,
 * as explain.c says it; exim_real.log and exim_selectors.log are what a real Exim 4.96 wrote, with the
 * log selectors that it has by itself and with all.
 */
#include <time.h>
#include "event_lines.h"

static void parse_alone(const char *text)
{
    parse_first(&mta_exim, text, strlen(text));
}

static void test_lines(void **state)
{
    (void)state;
    check_lines(&mta_exim, "tests/data/exim_lines.txt", "", 257);
}

/* Nobody's text becomes a field: a line that is cut anywhere means the same or less. */
static void test_cut_lines(void **state)
{
    (void)state;
    static const char whole[] = "2026-11-21 22:48:26 1xUz0W-00066R-37 => a@ok.test <b@ok.test> "
                                "F=<s@x.test> R=to_ok T=smtp_ok "
                                "S=415 H=mx.example.net [192.0.2.7]:25 X=TLS1.3:AES:256 C=\"250 OK "
                                "id=1xUz2E-0007xH-1h\" QT=5s";
    char cut[sizeof whole];
    for (size_t n = 0; n < sizeof whole; n++) {
        memcpy(cut, whole, n);
        cut[n] = '\0';
        parse_alone(cut);
        if (n > 56)
            assert_int_equal(parsed.kind, EVENT_DELIVERY);
    }
}

static void test_ids(void **state)
{
    (void)state;
    char text[22];
    parse_alone("2026-11-21 22:48:26 1r31eq-0003D7-L6 Completed");
    assert_int_equal(queue_id_text(parsed.packed_id, text), 14);
    assert_string_equal(text, "1r31eq0003D7L6");
    parse_alone("2026-11-21 22:48:26 1r31eq-000000003D7-2kDZ Completed");
    assert_int_equal(queue_id_text(parsed.packed_id, text), 21);
    assert_string_equal(text, "1r31eq000000003D72kDZ");
    /* Without queue_time the id tells how long it took. */
    parse_alone("2023-11-14 22:13:27 1r31eq-0003D7-L6 => a@b.test R=r T=t");
    assert_int_equal(parsed.delay_ms, 7000);
    parse_alone("2023-11-14 22:13:18 1r31eq-0003D7-L6 => a@b.test R=r T=t"); /* clocks differ */
    assert_int_equal(parsed.delay_ms, 0);
}

static void expect_time(struct syslog_context *c, const char *line, int64_t seconds)
{
    parse_next(&mta_exim, c, line, strlen(line));
    assert_int_equal(parsed.time_ms, seconds * 1000);
}

/* Local time: an hour is left out in spring and written twice in autumn. */
static void test_local_time(void **state)
{
    (void)state;
    struct syslog_context c;
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    syslog_start(&c, NOV_21);
    expect_time(&c, "2026-07-01 12:00:00 Start queue run: pid=1", 1782900000);
    expect_time(&c, "2026-10-25 01:59:59 Start queue run: pid=1", 1792886399);
    expect_time(&c, "2026-10-25 02:00:00 Start queue run: pid=1", 1792886400);
    expect_time(&c, "2026-10-25 02:59:59 Start queue run: pid=1", 1792889999);
    expect_time(&c, "2026-10-25 02:00:00 Start queue run: pid=1", 1792890000);
    expect_time(&c, "2026-10-25 02:30:00 Start queue run: pid=1", 1792891800);
    expect_time(&c, "2026-10-25 03:00:00 Start queue run: pid=1", 1792893600);
    expect_time(&c, "2026-10-25 02:30:00 +0200 Start queue run: pid=1", 1792888200);
    expect_time(&c, "2027-03-28 01:59:59 Start queue run: pid=1", 1806195599);
    expect_time(&c, "2027-03-28 03:00:00 Start queue run: pid=1", 1806195600);
    setenv("TZ", "UTC", 1);
    tzset();
}

/* However many octets look like the beginning of an address, a line as long as a log's costs no more than its octets. */
static void test_long_line(void **state)
{
    (void)state;
    static const char start[] = "2026-11-21 22:48:26 1xUz0W-00066R-37 => b", again[] = " <\"";
    static char line[256 * 1024];
    memcpy(line, start, sizeof start);
    for (size_t n = sizeof start - 1; n + sizeof again < sizeof line; n += sizeof again - 1)
        memcpy(line + n, again, sizeof again);
    clock_t begin = clock();
    parse_first(&mta_exim, line, sizeof line);
    assert_int_equal(parsed.kind, EVENT_DELIVERY);
    assert_true(clock() - begin <
                CLOCKS_PER_SEC); /* where each looks at the rest it takes several seconds */
}

/* As grep counts them. */
static void test_real_logs(void **state)
{
    (void)state;
    unsigned kind[EVENT_KINDS], result[RESULT_REMOVED + 1];
    count_log(&mta_exim, "tests/data/exim_real.log", kind, result);
    assert_int_equal(kind[EVENT_ARRIVED], 32);
    assert_int_equal(kind[EVENT_REMOVED], 28);
    assert_int_equal(kind[EVENT_REJECT], 10);
    assert_int_equal(kind[EVENT_CONNECT_FAIL], 3);
    assert_int_equal(result[RESULT_SENT], 30);
    assert_int_equal(result[RESULT_DEFERRED], 26);
    assert_int_equal(result[RESULT_BOUNCED], 8);
    count_log(&mta_exim, "tests/data/exim_selectors.log", kind, result);
    assert_int_equal(kind[EVENT_ARRIVED], 32);
    assert_int_equal(kind[EVENT_REMOVED], 29);
    assert_int_equal(kind[EVENT_REJECT], 10);
    assert_int_equal(kind[EVENT_CONNECT], 38);
    assert_int_equal(kind[EVENT_CONNECT_FAIL], 3);
    assert_int_equal(result[RESULT_SENT], 31);
    assert_int_equal(result[RESULT_DEFERRED], 23);
    assert_int_equal(result[RESULT_BOUNCED], 8);
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    tzset();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),     cmocka_unit_test(test_cut_lines),
        cmocka_unit_test(test_ids),       cmocka_unit_test(test_local_time),
        cmocka_unit_test(test_long_line), cmocka_unit_test(test_real_logs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
