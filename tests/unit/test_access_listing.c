/* What servers of mailboxes list: sessions and quotas. */
#include "../../agent/model.h"
#include "../../collectors/access_listing.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static void test_listings(void **state)
{
    (void)state;
    struct slice who =
        SLICE("username\tproto\tpid\tip\nu4\timap\t14051\t127.0.0.15\nu5\tmanagesieve\t7\t\nbad\n");
    struct access_columns columns = {0};
    struct access_listed l;
    assert_true(access_who(&who, &columns, &l));
    assert_int_equal(l.protocol, ACCESS_NONE);
    assert_true(access_who(&who, &columns, &l));
    assert_int_equal(l.protocol, ACCESS_IMAP);
    assert_int_equal(l.process, 14051);
    assert_true(slice_eq(l.user, SLICE("u4")) && slice_eq(l.remote, SLICE("127.0.0.15")));
    assert_true(access_who(&who, &columns, &l));
    assert_int_equal(l.protocol, ACCESS_MANAGESIEVE);
    assert_true(access_who(&who, &columns, &l));
    assert_int_equal(l.protocol, ACCESS_NONE);
    assert_false(access_who(&who, &columns, &l));

    assert_true(access_proc(SLICE("imaps\tlocalhost [127.0.0.1]\tu1\tuser.u1\t\n"), &l));
    assert_true(l.protocol == ACCESS_IMAP && slice_eq(l.user, SLICE("u1")) &&
                slice_eq(l.remote, SLICE("127.0.0.1")));
    assert_false(access_proc(SLICE("imap\tlocalhost [127.0.0.1]\t\t\t\n"), &l));
    assert_false(access_proc(SLICE(""), &l));

    struct access_usage u;
    struct slice dovecot =
        SLICE("Username\tQuota name\tType\tValue\tLimit\t%\n"
              "u1\tUser quota\tSTORAGE\t900\t1000\t90\nu1\tUser quota\tMESSAGE\t5\t-\t0\n"
              "u1\tDomain\tSTORAGE\t10\t1000\t1\nu2\tUser quota\tSTORAGE\t0\t-\t0\n");
    assert_true(access_quota_dovecot(&dovecot, &u));
    assert_true(slice_eq(u.owner, SLICE("u1")));
    assert_int_equal(u.used_kb, 900);
    assert_int_equal(u.quota_kb, 1000);
    assert_int_equal(u.messages, 5);
    assert_int_equal(u.message_quota, MODEL_ABSENT);
    assert_true(access_quota_dovecot(&dovecot, &u));
    assert_true(slice_eq(u.owner, SLICE("u2")) && u.quota_kb == MODEL_ABSENT);
    assert_false(access_quota_dovecot(&dovecot, &u));

    struct slice cyrus = SLICE("   Quota   % Used     Used             Resource Root\n"
                               "      10      220       22              STORAGE user/u1\n"
                               "                         4              MESSAGE user/u1\n"
                               "                         0 X-ANNOTATION-STORAGE user/u1\n"
                               "      10        0        0              STORAGE user.u1\n");
    assert_true(access_quota_cyrus(&cyrus, &u));
    assert_true(slice_eq(u.owner, SLICE("user/u1")));
    assert_int_equal(u.used_kb, 22);
    assert_int_equal(u.quota_kb, 10);
    assert_int_equal(u.messages, 4);
    assert_true(access_quota_cyrus(&cyrus, &u));
    assert_true(slice_eq(u.owner, SLICE("user.u1")));
    assert_false(access_quota_cyrus(&cyrus, &u));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
