/* What a mailmond-directory that went mad, or was cut short, may say: nothing of it is believed
 * without a look. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "../../collectors/ldap_record.h"

static struct ldap_result r;

static bool good(void)
{
    return ldap_result_check(&r, sizeof r, LDAP_JOB_MONITOR);
}

static void fresh(void)
{
    ldap_result_init(&r, LDAP_JOB_MONITOR);
}

static void test_request(void **state)
{
    (void)state;
    struct ldap_request q;
    ldap_request_init(&q, LDAP_JOB_PROBE);
    assert_false(ldap_request_check(&q, sizeof q)); /* no URI */
    memset(q.uri, 'x', sizeof q.uri);
    memset(q.filter, '(', sizeof q.filter);
    assert_true(ldap_request_check(&q, sizeof q));
    assert_int_equal(strlen(q.uri), sizeof q.uri - 1);
    assert_int_equal(strlen(q.filter), sizeof q.filter - 1);
    assert_false(ldap_request_check(&q, sizeof q - 1));
    q.job = 3;
    assert_false(ldap_request_check(&q, sizeof q));
}

static void test_whole(void **state)
{
    (void)state;
    fresh();
    assert_true(good());
    assert_false(ldap_result_check(&r, sizeof r - 1, LDAP_JOB_MONITOR));
    assert_false(ldap_result_check(&r, sizeof r, LDAP_JOB_PROBE));
    r.mark++;
    assert_false(good());
    fresh();
    r.size--;
    assert_false(good());
}

static void test_bounds(void **state)
{
    (void)state;
    uint64_t *const counts[] = {&r.facts.server,         &r.facts.database_count,
                                &r.facts.consumer_count, &r.facts.session_count,
                                &r.facts.listener_count, &r.total_us,
                                &r.steps_us[2]};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        fresh();
        *counts[i] = UINT64_MAX - 1;
        assert_false(good());
    }
    fresh();
    r.status = 0;
    assert_false(good());
    r.status = RESPONSE_CONGESTED + 1;
    assert_false(good());
    r.status = RESPONSE_CONGESTED;
    assert_true(good());
}

static void test_times(void **state)
{
    (void)state;
    fresh();
    r.facts.started_s = INT64_MAX;
    r.facts.now_s = INT64_MIN;
    r.cert_not_after_s = 1800000000;
    assert_true(good());
    assert_int_equal(r.facts.started_s, 0);
    assert_int_equal(r.facts.now_s, 0);
    assert_int_equal(r.cert_not_after_s, 1800000000);
}

static void test_texts(void **state)
{
    (void)state;
    fresh();
    TEXT_SET(r.error, SLICE("two\nlines\x7f\x1b[31m"));
    r.facts.version.length = 200; /* of 63 */
    r.facts.session_count = LDAP_SESSIONS_MAX;
    TEXT_SET(r.facts.sessions[LDAP_SESSIONS_MAX - 1].user, SLICE("cn=\r\n"));
    assert_true(good());
    assert_true(slice_eq(TEXT_GET(r.error), SLICE("two?lines??[31m")));
    assert_null(TEXT_GET(r.facts.version).p);
    assert_true(slice_eq(TEXT_GET(r.facts.sessions[LDAP_SESSIONS_MAX - 1].user), SLICE("cn=??")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request), cmocka_unit_test(test_whole), cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_times),   cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
