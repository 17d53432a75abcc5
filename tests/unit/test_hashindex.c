/* The index against a plain list: equal hashes, growth, gaps closed across the end of the table. */
#include "../../agent/hashindex.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#define POSITIONS 3000

/* Many collisions: few hash values, most of whose homes are at the end of a small table. */
static uint64_t hash_of(uint32_t position)
{
    uint64_t bits = position % 7 == 0 ? position : position % 5 ? 0xfffffffeu + position % 3 : 63;
    return bits << 32 | (position * 77u);
}

static bool finds(const struct hashindex *x, uint32_t position)
{
    uint32_t cursor = 0, seen = 0;
    for (int64_t n; (n = hashindex_next(x, hash_of(position), &cursor)) >= 0;) {
        assert_true(n < POSITIONS);
        assert_int_equal(hash_of((uint32_t)n) >> 32, hash_of(position) >> 32);
        seen += (uint32_t)n == position;
    }
    assert_true(seen <= 1);
    return seen == 1;
}

static void test_random(void **state)
{
    (void)state;
    static bool in[POSITIONS];
    struct hashindex x;
    uint32_t count = 0;
    assert_true(hashindex_init(&x, 1));
    srandom(3);
    for (unsigned i = 0; i < 20000; i++) {
        uint32_t p = (uint32_t)random() % (i < 5000 ? 40 : POSITIONS);
        bool fill = i / 4000 % 2 == 0;
        if (!in[p] && (random() % 4 != 0) == fill) {
            hashindex_add(&x, hash_of(p), p);
            in[p] = true;
            count++;
        } else if (in[p] && (random() % 4 == 0) == fill) {
            hashindex_remove(&x, hash_of(p), p);
            in[p] = false;
            count--;
        }
        assert_int_equal(finds(&x, p), in[p]);
        assert_int_equal(x.count, count);
        assert_true(x.count <= x.mask / 4 + 2);
        for (uint32_t n = 0; i % 500 == 0 && n < POSITIONS; n++)
            assert_int_equal(finds(&x, n), in[n]);
    }
    hashindex_free(&x);
}

static void test_absent(void **state)
{
    (void)state;
    struct hashindex x;
    uint32_t cursor = 0;
    assert_true(hashindex_init(&x, 4));
    assert_true(hashindex_next(&x, 0, &cursor) == -1);
    hashindex_remove(&x, 0, 0);
    assert_int_equal(x.count, 0);
    hashindex_add(&x, 0, 0); /* an entry that is nearly the empty one */
    cursor = 0;
    assert_true(hashindex_next(&x, 0, &cursor) == 0);
    assert_true(hashindex_next(&x, 0, &cursor) == -1);
    hashindex_remove(&x, 0, 1); /* not this position */
    assert_int_equal(x.count, 1);
    hashindex_remove(&x, 0, 0);
    assert_int_equal(x.count, 0);
    hashindex_free(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random),
                                       cmocka_unit_test(test_absent)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
