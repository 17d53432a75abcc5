/* Ages against a count of every message by hand, at many moments. */
#include "../../collectors/mailq_ages.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#define MESSAGES 3000
#define START    1700000000

static int64_t arrivals[MESSAGES]; /* 0: none */

static void by_hand(int64_t now, uint64_t buckets[AGE_BUCKETS])
{
    memset(buckets, 0, AGE_BUCKETS * sizeof *buckets);
    for (unsigned i = 0; i < MESSAGES; i++) {
        unsigned b = 0;
        int64_t limit = 5 * 60;
        if (!arrivals[i])
            continue;
        for (; b < AGE_BUCKETS - 1 && now - arrivals[i] >= limit; b++)
            limit *= 2;
        buckets[b]++;
    }
}

static void check(struct mailq_ages *a, int64_t now)
{
    uint64_t expected[AGE_BUCKETS];
    int64_t first = INT64_MAX, second = 0;
    by_hand(now, expected);
    assert_memory_equal(a->buckets, expected, sizeof expected);
    for (unsigned i = 0; i < MESSAGES; i++)
        if (arrivals[i] >= a->ring.base && arrivals[i] < first)
            first = arrivals[i];
    bool any = first < a->ring.base + MAILQ_RING_SECONDS;
    assert_int_equal(mailq_ring_first(&a->ring, &second), any);
    if (any)
        assert_int_equal(second, first);
}

static void advance(struct mailq_ages *a, int64_t now)
{
    if (mailq_ages_advance(a, now))
        return;
    mailq_ages_reset(a, now);
    for (unsigned i = 0; i < MESSAGES; i++)
        if (arrivals[i])
            mailq_ages_add(a, arrivals[i]);
}

/* A third comes in few seconds: more than an octet counts in one. */
static int64_t random_age(int64_t now)
{
    if (random() % 3 == 0)
        return now % 50000 + 1000 * (random() % 2);
    switch (random() % 8) {
    case 0:
        return random() % 30000000; /* far older than the ring */
    case 1:
        return -(random() % 20000); /* ahead, some of them of the ring */
    case 2:
        return (int64_t)(300 << random() % 10) + random() % 3 - 1; /* at a border */
    default:
        return random() % 1000000;
    }
}

static int64_t random_step(void)
{
    switch (random() % 40) {
    case 0:
        return -(random() % 10000);
    case 1:
        return random() % 3000000;
    case 2:
        return random() % 100000;
    default:
        return random() % 60;
    }
}

static void test_by_hand(void **state)
{
    (void)state;
    struct mailq_ages a;
    int64_t now = START;
    srandom(2);
    assert_true(mailq_ages_init(&a, now));
    for (unsigned round = 0; round < 2000; round++) {
        for (unsigned k = 0; k < 50; k++) {
            int64_t *s = &arrivals[random() % MESSAGES];
            if (*s)
                mailq_ages_remove(&a, *s);
            *s = *s && random() % 2 ? 0 : now - random_age(now);
            if (*s)
                mailq_ages_add(&a, *s);
        }
        check(&a, now);
        now += random_step();
        advance(&a, now);
        check(&a, now);
    }
    mailq_ages_free(&a);
}

static void test_memory_is_given_back(void **state)
{
    (void)state;
    struct mailq_ring r;
    assert_true(mailq_ring_init(&r, START));
    size_t empty = mailq_ring_memory(&r);
    for (int64_t s = START; s < START + 2 * MAILQ_RING_SECONDS; s += 500) {
        assert_true(mailq_ring_advance(&r, s));
        mailq_ring_add(&r, s);
        mailq_ring_remove(&r, s);
    }
    assert_true(mailq_ring_memory(&r) <= empty + (size_t)8 * MAILQ_RING_PAGE * sizeof(uint32_t));
    mailq_ring_free(&r);
}

/* More of a second than an octet counts: they come, leave the ring together, and are given back. */
static void test_many_at_once(void **state)
{
    (void)state;
    struct mailq_ring r;
    int64_t first;
    assert_true(mailq_ring_init(&r, START));
    size_t empty = mailq_ring_memory(&r);
    for (unsigned i = 0; i < 1000; i++)
        mailq_ring_add(&r, START);
    for (unsigned i = 0; i < 488; i++) /* 512 are left: none in the octet */
        mailq_ring_remove(&r, START);
    assert_true(mailq_ring_first(&r, &first));
    assert_int_equal(first, START);
    assert_true(mailq_ring_advance(&r, START + MAILQ_RING_SECONDS - 2 * MAILQ_RING_PAGE));
    assert_true(mailq_ring_advance(&r, START + MAILQ_RING_SECONDS));
    assert_int_equal(r.older, 512);
    assert_false(mailq_ring_first(&r, &first));
    assert_int_equal(mailq_ring_memory(&r), empty);
    mailq_ring_free(&r);
}

static void test_leaves_the_ring(void **state)
{
    (void)state;
    struct mailq_ring r;
    int64_t first;
    assert_true(mailq_ring_init(&r, START));
    mailq_ring_add(&r, START);
    assert_true(mailq_ring_advance(&r, START + MAILQ_RING_SECONDS - MAILQ_RING_AHEAD));
    assert_true(mailq_ring_first(&r, &first));
    assert_int_equal(first, START);
    assert_true(mailq_ring_advance(&r, START + MAILQ_RING_SECONDS - MAILQ_RING_AHEAD + 1));
    assert_false(mailq_ring_first(&r, &first));
    assert_int_equal(r.older, 1);
    mailq_ring_remove(&r, START);
    assert_int_equal(r.older, 0);
    assert_false(mailq_ring_advance(&r, START));
    mailq_ring_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_memory_is_given_back),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_leaves_the_ring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
