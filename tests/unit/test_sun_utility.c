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

/* The guide's own list. */
static void imsconnutil(void **state)
{
    (void)state;
    struct slice text =
        SLICE("UID  TIME   AUTH          TO           FROM\n"
              "ed  17/Jun/2003:11:24:03  plain\n"
              "anil  17/Jun/2003:12:26:40  plaintext  192.0.2.1:143 192.0.2.9:4000\n"
              "\n10 users were logged in to imap.\n"
              "1 user was logged in to http.\nFeature is not enabled for pop.\n");
    struct sun_connected c;
    assert_true(sun_connected_next(&text, &c));
    assert_true(slice_eq(c.user, SLICE("ed")) && slice_eq(c.method, SLICE("plain")));
    assert_true(!c.from.n && !c.service.n);
    assert_int_equal(c.time_ms, INT64_C(1055849043000));
    assert_true(sun_connected_next(&text, &c));
    assert_true(slice_eq(c.user, SLICE("anil")) && slice_eq(c.from, SLICE("192.0.2.9:4000")));
    assert_true(sun_connected_next(&text, &c));
    assert_true(!c.user.n && c.users == 10 && slice_eq(c.service, SLICE("imap")));
    assert_true(sun_connected_next(&text, &c));
    assert_true(c.users == 1 && slice_eq(c.service, SLICE("http")));
    assert_false(sun_connected_next(&text, &c));
}

static void last_access(void **state)
{
    (void)state;
    struct slice text =
        SLICE("UID   IMAP last access  HTTP last access  POP last access\n"
              "soroork   08/Jul/2003:10:49:05  10/Jul/2003:14:55:52  ----NOT-RECORDED----\n"
              "half 08/Jul/2003:10:49:05\n");
    struct sun_last_access a;
    assert_true(sun_last_access_next(&text, &a));
    assert_true(slice_eq(a.user, SLICE("soroork")));
    assert_int_equal(a.time_ms[SUN_LAST_IMAP], INT64_C(1057661345000));
    assert_int_equal(a.time_ms[SUN_LAST_HTTP], INT64_C(1057848952000));
    assert_int_equal(a.time_ms[SUN_LAST_POP], INT64_MIN);
    assert_false(sun_last_access_next(&text, &a));
}

static void servers(void **state)
{
    (void)state;
    struct sun_server s;
    sun_server_of(SLICE("ldap_siroe_europa.com_389"), &s);
    assert_true(slice_eq(s.protocol, SLICE("ldap")) &&
                slice_eq(s.host, SLICE("siroe_europa.com")) && s.port == 389);
    sun_server_of(SLICE("imap"), &s);
    assert_true(slice_eq(s.protocol, SLICE("imap")) && !s.host.n && s.port == 0);
    sun_server_of(SLICE("imap_host"), &s);
    assert_true(slice_eq(s.host, SLICE("host")) && s.port == 0);
    sun_server_of(SLICE("imap_host_99999"), &s);
    assert_true(slice_eq(s.host, SLICE("host_99999")) && s.port == 0);
}

/* The guide's example of -o; -n says what it found in words. */
static void reconstruct(void **state)
{
    (void)state;
    struct slice text = SLICE("  reconstruct: Start checking for orphaned mailboxes\n"
                              "  mboxutil -d user/test/annie/INBOX\n"
                              "  mboxutil -d user/test/oliver/INBOX\n"
                              "  reconstruct: Found 2 orphaned mailbox(es)\n"
                              "  reconstruct: Done checking for orphaned mailboxes\n"
                              "user/joe/INBOX: Invalid cache data for msg 102\n"),
                 line;
    enum sun_finding is;
    uint64_t n;
    assert_true(sun_reconstruct_next(&text, &is, &n, &line));
    assert_true(is == SUN_ORPHAN && slice_eq(line, SLICE("user/test/annie/INBOX")));
    assert_true(sun_reconstruct_next(&text, &is, &n, &line));
    assert_true(sun_reconstruct_next(&text, &is, &n, &line));
    assert_true(is == SUN_ORPHANS && n == 2);
    assert_true(sun_reconstruct_next(&text, &is, &n, &line));
    assert_true(is == SUN_DAMAGE && slice_starts(line, SLICE("user/joe")));
    assert_false(sun_reconstruct_next(&text, &is, &n, &line));
}

static void others(void **state)
{
    (void)state;
    uint64_t n;
    struct slice what, text;
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
        cmocka_unit_test(counterutil),  cmocka_unit_test(times),
        cmocka_unit_test(imquotacheck), cmocka_unit_test(imsconnutil),
        cmocka_unit_test(last_access),  cmocka_unit_test(servers),
        cmocka_unit_test(reconstruct),  cmocka_unit_test(others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
