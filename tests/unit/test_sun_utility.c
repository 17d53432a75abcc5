/* What Sun's utilities print: the examples of the Administration Guide. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../collectors/sun_utility.h"

static void counterutil(void **state)
{
    (void)state;
    struct slice text =
        SLICE("Monitor counteroobject (imapstat) \n"
              "registry /gotmail/iplanet/server5/msg-gotmail/counter/counter opened \n"
              "counterobject imapstat opened \n\n"
              "count = 1 at 972082466 rh = 0xc0990 oh = 0xc0968 \n\n"
              "global.currentStartTime [4 bytes]: 17/Oct/2000:12:44:23 -0700 \n"
              "global.maxConnections [4 bytes]: 69 \n"
              "diskavail./var/mail.current [4 bytes]: 7\n");
    struct sun_counter c;
    int64_t ms;
    assert_true(sun_counter_next(&text, &c));
    assert_true(slice_eq(c.object, SLICE("global")) && slice_eq(c.name, SLICE("currentStartTime")));
    assert_true(sun_take_service_time(&c.value, &ms));
    assert_int_equal(ms, INT64_C(971811863000));
    assert_true(sun_counter_next(&text, &c));
    assert_true(slice_eq(c.name, SLICE("maxConnections")) && slice_eq(c.value, SLICE("69")));
    assert_true(sun_counter_next(&text, &c));
    assert_true(slice_eq(c.object, SLICE("diskavail./var/mail")) &&
                slice_eq(c.name, SLICE("current")));
    assert_false(sun_counter_next(&text, &c));
}

static void times(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "17/Oct/2000",
                                        "17/Okt/2000:12:44:23 -0700",
                                        "32/Oct/2000:12:44:23",
                                        "17/Oct/2000:24:44:23",
                                        "17/Oct/2000:12:44:23 0700"};
    int64_t ms;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct slice s = slice_of(wrong[i]);
        assert_false(sun_take_service_time(&s, &ms));
    }
    struct slice s = SLICE("30/Aug/2004:16:53:05 +0530 rest");
    assert_true(sun_take_service_time(&s, &ms));
    assert_int_equal(ms, INT64_C(1093864985000));
    assert_true(slice_eq(s, SLICE(" rest")));
}

static void imquotacheck(void **state)
{
    (void)state;
    const char text[] =
        "Domain (diskquota = not set msgquota = not set) quota usage\n"
        "diskquota         size(K)    %use    msgquota      msgs    %use    user\n"
        "# of domains = 1\n# of users = 705\n\n"
        "no quota          50418             no quota      4392             ajonk\n"
        "no quota              5             no quota      2                andrt\n"
        "10240              9728     95%     no quota      12               beth\n"
        "10240             10752     105     2000          2100     105%    2fast\n";
    struct slice rest = SLICE(text);
    struct sun_quota q;
    uint64_t users;
    assert_true(sun_quota_users(SLICE(text), &users));
    assert_int_equal(users, 705);
    assert_true(sun_quota_next(&rest, &q));
    assert_true(q.quota_kb == UINT64_MAX && q.used_kb == 50418 && q.messages == 4392);
    assert_true(slice_eq(q.user, SLICE("ajonk")));
    assert_true(sun_quota_next(&rest, &q));
    assert_true(sun_quota_next(&rest, &q));
    assert_true(q.quota_kb == 10240 && q.used_kb == 9728 && q.message_quota == UINT64_MAX);
    assert_true(q.messages == 12 && slice_eq(q.user, SLICE("beth")));
    assert_true(sun_quota_next(&rest, &q));
    assert_true(q.used_kb == 10752 && q.message_quota == 2000 && q.messages == 2100);
    assert_true(slice_eq(q.user, SLICE("2fast")));
    assert_false(sun_quota_next(&rest, &q));
}

static void others(void **state)
{
    (void)state;
    struct slice text =
        SLICE("UID TIME AUTH TO FROM\nann 20/Oct/2000:15:53:37 plaintext 192.0.2.1:143 192.0.2.9\n"
              "10 users were logged in to imap.\n1 user was logged in to http.\n");
    uint64_t n;
    struct slice what;
    assert_true(sun_logged_in_next(&text, &n, &what));
    assert_true(n == 10 && slice_eq(what, SLICE("imap")));
    assert_true(sun_logged_in_next(&text, &n, &what));
    assert_true(n == 1 && slice_eq(what, SLICE("http")));
    assert_false(sun_logged_in_next(&text, &n, &what));
    text = SLICE(
        "Statistics\n2\tCurrent number of locks\n17\tTotal number of deadlocks\n0x80 flags\n");
    assert_true(sun_statistic_next(&text, &n, &what));
    assert_true(n == 2 && slice_eq(what, SLICE("Current number of locks")));
    assert_true(sun_statistic_next(&text, &n, &what));
    assert_true(n == 17);
    assert_false(sun_statistic_next(&text, &n, &what));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counterutil),
        cmocka_unit_test(times),
        cmocka_unit_test(imquotacheck),
        cmocka_unit_test(others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
