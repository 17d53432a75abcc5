/*
 * Mail systems that log by syslog only, line by line: tests/data/NAME_lines.txt has one line of each kind
 * and what is understood of it, as explain.c says it; NAME_real.log is what the real server wrote.
 */
#include <time.h>
#include "event_lines.h"

#define HEAD "Nov 21 22:48:24 mx1 "

static void test_sendmail_lines(void **state)
{
    (void)state;
    check_lines(&mta_sendmail, "tests/data/sendmail_lines.txt", HEAD, 110);
}

/* As grep counts them. */
static void test_sendmail_log(void **state)
{
    (void)state;
    unsigned kinds[EVENT_KINDS], results[RESULT_REMOVED + 1];
    count_log(&mta_sendmail, "tests/data/sendmail_real.log", kinds, results);
    assert_int_equal(kinds[EVENT_ARRIVED], 24);
    assert_int_equal(kinds[EVENT_NOTICE], 4);
    assert_int_equal(kinds[EVENT_REJECT], 6);
    assert_int_equal(kinds[EVENT_CONNECTION_REJECT], 1);
    assert_int_equal(kinds[EVENT_HELD], 1);
}

static void test_opensmtpd_lines(void **state)
{
    (void)state;
    check_lines(&mta_opensmtpd, "tests/data/opensmtpd_lines.txt", HEAD, 93);
}

static void test_opensmtpd_log(void **state)
{
    (void)state;
    unsigned kinds[EVENT_KINDS], results[RESULT_REMOVED + 1];
    count_log(&mta_opensmtpd, "tests/data/opensmtpd_real.log", kinds, results);
    assert_int_equal(kinds[EVENT_ARRIVED], 20);
    assert_int_equal(kinds[EVENT_CONNECT], 24);
    assert_int_equal(kinds[EVENT_CLIENT], 6);
    assert_int_equal(kinds[EVENT_DELIVERY], 31);
    assert_int_equal(kinds[EVENT_REJECT], 6);
    assert_int_equal(kinds[EVENT_CONNECT_FAIL], 1);
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    tzset();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sendmail_lines),
        cmocka_unit_test(test_sendmail_log),
        cmocka_unit_test(test_opensmtpd_lines),
        cmocka_unit_test(test_opensmtpd_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
