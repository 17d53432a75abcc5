/* The watcher: restarts, and when it gives up. */
#include "../../agent/restart.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#define WAIT  30000
#define RETRY 600000

static bool step(struct restart *r, bool down, int64_t now_ms)
{
    return restart_step(r, down, now_ms, WAIT, RETRY);
}

static void a_restart_that_helps(void **state)
{
    (void)state;
    struct restart r = {.state = RESTART_IDLE};
    assert_false(step(&r, false, 0));
    assert_true(step(&r, true, 1000));
    assert_int_equal(r.state, RESTART_RESTARTING);
    assert_false(step(&r, true, 2000)); /* it takes its time */
    assert_false(step(&r, false, 5000));
    assert_int_equal(r.state, RESTART_IDLE);
}

/* "If a server fails more than twice in this designated amount of time": two restarts, no third. */
static void more_than_two_failures(void **state)
{
    (void)state;
    struct restart r = {.state = RESTART_IDLE};
    assert_true(step(&r, true, 0));
    assert_true(step(&r, true, WAIT));
    assert_false(step(&r, true, 2 * WAIT));
    assert_int_equal(r.state, RESTART_GAVE_UP);
    assert_false(step(&r, true, 100 * RETRY)); /* until somebody mended it */
    assert_int_equal(r.state, RESTART_GAVE_UP);
    assert_false(step(&r, false, 100 * RETRY + 1));
    assert_int_equal(r.state, RESTART_IDLE);
    assert_true(step(&r, true, 100 * RETRY + 2));
}

/* It comes up each time and falls again: that counts as well. */
static void one_that_falls_again_and_again(void **state)
{
    (void)state;
    struct restart r = {.state = RESTART_IDLE};
    for (int i = 0; i < 2; i++) {
        assert_true(step(&r, true, i * 100000));
        assert_false(step(&r, false, i * 100000 + 5000));
    }
    assert_false(step(&r, true, 200000));
    assert_int_equal(r.state, RESTART_GAVE_UP);
}

static void failures_that_are_long_ago(void **state)
{
    (void)state;
    struct restart r = {.state = RESTART_IDLE};
    for (int64_t at = 0; at < 20 * RETRY; at += RETRY) {
        assert_true(step(&r, true, at));
        assert_false(step(&r, false, at + 5000));
    }
    assert_int_equal(r.state, RESTART_IDLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restart_that_helps),
        cmocka_unit_test(more_than_two_failures),
        cmocka_unit_test(one_that_falls_again_and_again),
        cmocka_unit_test(failures_that_are_long_ago),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
