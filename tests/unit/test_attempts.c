/*
 * What the mail systems' own commands print, as recorded from Exim 4.96 (exim_dumpdb SPOOL retry) and OpenSMTPD
 * 6.8 (smtpctl show queue, show stats): tests/fuzz/corpus/attempts.
 */
#include "../../agent/model.h"
#include "../../collectors/mta.h"
#include "data_file.h"

static void expect(const struct mta_attempt *a, const char *address, const char *message,
                   int64_t at_s)
{
    char got[256];
    slice_copy(got, sizeof got, a->address);
    assert_string_equal(got, address);
    slice_copy(got, sizeof got, a->message);
    assert_string_equal(got, message);
    assert_int_equal(a->at_s, at_s);
}

#define AT INT64_C(1795326909) /* 22 Nov 2026 05:55:09 UTC */

static void test_exim(void **state)
{
    static const struct {
        const char *address, *message;
        int64_t at_s;
    } wanted[] = {{"b@temporary.test", "", AT},
                  {"full@local.test", "", AT + 1},
                  {"", "", AT},
                  {"", "1xV0J8-0003Hc-0R", AT + 1},
                  {"nowhere.test", "", AT + 901}};
    struct slice text = data_file("tests/fuzz/corpus/attempts/%s", "exim");
    struct mta_attempt a;
    (void)state;
    setenv("TZ", "Asia/Tokyo", 1); /* times are UTC whatever this process thinks */
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        assert_true(mta_exim.attempt(&text, 0, &a));
        expect(&a, wanted[i].address, wanted[i].message, wanted[i].at_s);
    }
    assert_false(mta_exim.attempt(&text, 0, &a));
}

static void test_exim_keys(void **state)
{
    static const struct {
        const char *key, *address, *message;
    } keys[] = {
        {"R:a@b.test", "a@b.test", ""},
        {"T:mx.b.test:2001:db8::1", "", ""},
        {"T:mx.b.test:2001:db8::1:1r31eq-000000003D7-2kDZ", "", "1r31eq-000000003D7-2kDZ"},
        {"T:/srv/mail/x:a@b.test", "a@b.test", ""},
        {"T:", "", ""},
        {"R:", "", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char text[256];
        int n = snprintf(text, sizeof text,
                         "  %s 110 0 Connection timed out\n22-Nov-2026 05:40:09  22-Nov-2026 "
                         "05:40:09  22-Nov-2026 05:55:09 *\n",
                         keys[i].key);
        struct slice s = {text, (size_t)n};
        struct mta_attempt a;
        assert_true(mta_exim.attempt(&s, 0, &a));
        expect(&a, keys[i].address, keys[i].message, AT);
    }
}

/* What is none, and what the command says when it may not read. */
static void test_nothing(void **state)
{
    static const char *const texts[] = {
        "",
        "no line's end",
        "2bbb058c47fc9d5e|cut",
        "  T:a:b 1 2 cut",
        ("** Failed to open database lock file /var/spool/exim4/db/retry.lockfile: Permission "
         "denied\n"),
        "22-Nov-2026 05:40:09  22-Nov-2026 05:40:09  22-Nov-2026 05:55:09\n", /* of no key */
        "  T:a:b 1 2 x\n22-Nov-2026 05:40:09  22-Nov-2026 05:40:09\n",
        "  T:a:b 1 2 x\n22-Nox-2026 05:40:09  22-Nov-2026 05:40:09  22-Nov-2026 05:55:09\n",
        "2bbb058c47fc9d5e|inet4|mta||a|b|c|1|2|3|4|elsewhere|5|\n",
        "2bbb058c47fc9d5e|inet4|mta||a|b|c|1|2|3|pending|5|\n",
        "2bbb058c|inet4|mta||a|b|c|1|2|3|4|pending|5|\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct mta_attempt a;
        struct slice s = slice_of(texts[i]), t = s;
        assert_false(mta_exim.attempt(&s, 0, &a));
        assert_false(mta_opensmtpd.attempt(&t, 0, &a));
    }
}

static void test_opensmtpd(void **state)
{
    static const struct {
        const char *address, *message;
        int64_t at_s;
        bool active, waits;
    } wanted[] = {{"a@data.test", "2bbb058c", 1396, false, true},
                  {"b@data.test", "2bbb058c", 1396, false, true},
                  {"b@refused.test", "c907add5", 0, true, false},
                  {"a@refused.test", "c907add5", 0, true, false},
                  {"b@temporary.test", "fc67c243", 1400, false, true}};
    struct slice text = data_file("tests/fuzz/corpus/attempts/%s", "opensmtpd");
    struct mta_attempt a;
    (void)state;
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        assert_true(mta_opensmtpd.attempt(&text, 1000, &a));
        expect(&a, wanted[i].address, wanted[i].message, wanted[i].at_s);
        assert_int_equal(a.active, wanted[i].active);
        assert_int_equal(a.waits, wanted[i].waits);
    }
    assert_false(mta_opensmtpd.attempt(&text, 1000, &a));
}

/* smtpctl pause envelope: no attempt is made, whatever the time says. One that is on its way goes on. */
static void test_paused(void **state)
{
    struct slice text = SLICE(
        "94a5bdd37220e79b|inet4|mta|suspend|s@a.test|a@b.test|a@b.test|1|1|0|1|pending|397|450 no\n"
        "94a5bdd3e503e1a4|inet4|mta|auth,suspend|s@a.test|suspend|c|1|1|0|1|inflight|397|450 no\n"
        "94a5bdd3e503e1a4|inet4|mta|auth|suspend@a.test|b|c|1|1|0|1|pending|397|450 no\n");
    struct mta_attempt a;
    (void)state;
    assert_true(mta_opensmtpd.attempt(&text, 1000, &a));
    assert_true(a.held && !a.waits && !a.active);
    expect(&a, "a@b.test", "94a5bdd3", 0);
    assert_true(mta_opensmtpd.attempt(&text, 1000, &a));
    assert_true(a.active && !a.held);
    assert_true(mta_opensmtpd.attempt(&text, 1000, &a));
    assert_true(a.waits && !a.held);
}

static void test_levels(void **state)
{
    struct mta_levels l;
    struct slice text = data_file("tests/fuzz/corpus/attempts/%s", "opensmtpd-stats");
    (void)state;
    assert_true(mta_opensmtpd.levels(text, &l));
    assert_int_equal(l.uptime_s, 3);
    assert_int_equal(l.inbound, 1);
    assert_int_equal(l.outbound, 2);
    assert_int_equal(l.stored_messages, 2);
    assert_int_equal(l.stored_recipients, 3);
    /* What was never counted is not printed; a count below zero is smtpd's mistake. */
    assert_true(mta_opensmtpd.levels(
        SLICE("mda.running=4\nmta.session=-1\nuptime=90061\nuptime.human=1d1h1m1s\n"), &l));
    assert_int_equal(l.uptime_s, 90061);
    assert_int_equal(l.inbound, 0);
    assert_true(l.outbound == MODEL_ABSENT);
    assert_string_equal(l.busy[0].service, "mta");
    assert_int_equal(l.busy[0].messages, 0);
    assert_string_equal(l.busy[1].service, "mda");
    assert_int_equal(l.busy[1].messages, 4);
}

static void test_no_levels(void **state)
{
    static const char *const texts[] = {"",
                                        "smtp.session=1\n",
                                        "uptime=\n",
                                        "uptime=12x\n",
                                        "uptime\n",
                                        "uptime=99999999999999999999\n",
                                        "MDA running\nMTA running\n"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct mta_levels l;
        assert_false(mta_opensmtpd.levels(slice_of(texts[i]), &l));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exim),     cmocka_unit_test(test_exim_keys),
        cmocka_unit_test(test_nothing),  cmocka_unit_test(test_opensmtpd),
        cmocka_unit_test(test_paused),   cmocka_unit_test(test_levels),
        cmocka_unit_test(test_no_levels)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
