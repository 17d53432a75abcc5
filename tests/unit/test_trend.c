/*
 * trend.c: a level that goes one way is told from noise and from a step, and its slope is right.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include "../../collectors/trend.h"

#define MINUTE_MS 60000

/* The trend after `count` samples, one a minute, of value(i). */
static int64_t after(int count, int64_t (*value)(int i))
{
    struct trend t = {0};
    int64_t change = -1;
    for (int i = 0; i < count; i++)
        trend_add(&t, (int64_t)i * MINUTE_MS, value(i));
    assert_true(trend_per_hour(&t, &change));
    return change;
}

static int64_t flat(int i)
{
    (void)i;
    return 1000000;
}

static int64_t rising(int i)
{
    return 1000 + 50 * (int64_t)i;
}

static int64_t falling(int i)
{
    return INT64_MAX / 2 - 7 * (int64_t)i;
}

/* Rising by 50 a minute, but every fifth sample is far off. */
static int64_t spiky(int i)
{
    return i % 5 == 4 ? i % 2 ? 0 : 1000000 : rising(i);
}

static int64_t noise(int i)
{
    static const int64_t odd[] = {7, 42, 3, 90, 55, 21, 68, 13, 84, 36, 77, 1, 60, 29, 95, 48};
    return odd[(i * 7) % 16] * 1000;
}

/* A copy of a large file, once. */
static int64_t step(int i)
{
    return i < 16 ? 0 : 20000000;
}

/* 50 a minute, and a rotation that sets it back. */
static int64_t sawtooth(int i)
{
    return 50 * (int64_t)(i % 30);
}

static int64_t extreme(int i)
{
    return i % 2 ? INT64_MAX : INT64_MIN;
}

static int64_t steep(int i)
{
    return i < 6 ? INT64_MIN : INT64_MAX - 100 + i;
}

static void tells_a_trend(void **state)
{
    (void)state;
    assert_int_equal(after(12, rising), 3000);
    assert_int_equal(after(500, rising), 3000);
    assert_int_equal(after(500, falling), -420);
    assert_int_equal(after(40, spiky), 0); /* a fifth of the samples spoils a third of the pairs */
    assert_int_equal(after(45, sawtooth), 0);
    assert_int_equal(after(30, sawtooth), 3000);
}

static void is_not_fooled(void **state)
{
    (void)state;
    assert_int_equal(after(32, flat), 0);
    for (int n = TREND_FEWEST; n < 100; n++)
        assert_int_equal(after(n, noise), 0);
    for (int n = TREND_FEWEST; n < 100; n++)
        assert_int_equal(after(n, step), 0);
}

static void needs_samples(void **state)
{
    (void)state;
    struct trend t = {0};
    int64_t change;
    for (int i = 0; i < TREND_FEWEST; i++) {
        assert_false(trend_per_hour(&t, &change));
        trend_add(&t, i, i);
        trend_add(&t, i, 1000); /* not later */
        trend_add(&t, i - 1, 1000);
    }
    assert_true(trend_per_hour(&t, &change));
    assert_int_equal(change, 3600000);
}

static void survives_extremes(void **state)
{
    (void)state;
    assert_int_equal(after(40, extreme), 0);
    assert_in_range((uint64_t)llabs(after(12, steep)), 0, INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_a_trend),
        cmocka_unit_test(is_not_fooled),
        cmocka_unit_test(needs_samples),
        cmocka_unit_test(survives_extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
