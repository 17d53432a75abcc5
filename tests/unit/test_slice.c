/* Slices: what looks at several octets at once must say what one octet at a time says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "../../agent/slice.h"

#define ROUNDS 200000

/* A text of exactly its length, so that a read beyond it is seen. */
static struct slice random_text(const char *from, size_t letters, size_t longest)
{
    size_t n = (size_t)rand() % (longest + 1);
    char *p = malloc(n ? n : 1);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++)
        p[i] = from[(size_t)rand() % letters];
    return (struct slice){p, n};
}

static void test_find(void **state)
{
    (void)state;
    for (unsigned r = 0; r < ROUNDS; r++) {
        struct slice s = random_text("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", 31, 90);
        size_t expected = 0;
        while (expected < s.n && s.p[expected] != 'b')
            expected++;
        assert_int_equal(slice_find(s, 'b'), expected);
        uint64_t front = slice_front(s, 'b'), whole = s.n < 64 ? front : slice_sixty_four(s.p, 'b');
        assert_int_equal(front, whole);
        for (unsigned i = 0; i < 64; i++)
            assert_int_equal(front >> i & 1, s.n >= 16 && i < s.n && s.p[i] == 'b');
        free((void *)(uintptr_t)s.p);
    }
    assert_int_equal(slice_find((struct slice){NULL, 0}, 'b'), 0);
}

static void test_sixteen(void **state)
{
    (void)state;
    char p[16];
    for (unsigned r = 0; r < ROUNDS; r++) {
        for (unsigned i = 0; i < sizeof p; i++)
            p[i] = (char)rand();
        unsigned within = slice_sixteen_within(p, '0', ':'),
                 high = slice_sixteen_within(p, 'z', '\xff');
        unsigned set = slice_sixteen_set(p, '"' ^ ' ', '"');
        for (unsigned i = 0; i < sizeof p; i++) {
            assert_int_equal(within >> i & 1, p[i] >= '0' && p[i] <= ':');
            assert_int_equal(high >> i & 1, (unsigned char)p[i] >= 'z');
            assert_int_equal(set >> i & 1, p[i] == '"' || p[i] == ' ');
        }
    }
}

static void test_either(void **state)
{
    (void)state;
    for (unsigned r = 0; r < ROUNDS; r++) {
        struct slice s =
            random_text("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabc", 52, 60);
        bool has = s.n && (memchr(s.p, 'b', s.n) || memchr(s.p, 'c', s.n));
        assert_int_equal(slice_has_either(s, 'b', 'c'), has);
        free((void *)(uintptr_t)s.p);
    }
}

static void test_search(void **state)
{
    (void)state;
    for (unsigned r = 0; r < ROUNDS; r++) {
        struct slice s = random_text("ab", 2, 90), what = random_text("ab", 2, r % 2 ? 4 : 12);
        if (what.n > 0) {
            const char *q = s.n ? memmem(s.p, s.n, what.p, what.n) : NULL;
            assert_int_equal(slice_search(s, what), q ? (size_t)(q - s.p) : s.n);
        }
        free((void *)(uintptr_t)s.p);
        free((void *)(uintptr_t)what.p);
    }
}

/* One digit after the other. */
static size_t number(struct slice s, uint64_t *value)
{
    size_t i = 0;
    for (*value = 0; i < s.n && slice_digit(s.p[i]); i++) {
        unsigned d = (unsigned)(s.p[i] - '0');
        *value = *value > (UINT64_MAX - d) / 10 ? UINT64_MAX : *value * 10 + d;
    }
    return i;
}

static void test_number(void **state)
{
    (void)state;
    for (unsigned r = 0; r < ROUNDS; r++) {
        struct slice s = random_text("0123456789012345678901234567890123456789/:\xb0", 43, 24);
        struct slice rest = s;
        uint64_t expected, value = 7;
        size_t digits = number(s, &expected);
        assert_int_equal(slice_number(&rest, &value), digits > 0);
        assert_int_equal(value, digits ? expected : 7);
        assert_ptr_equal(rest.p, s.p + digits);
        assert_int_equal(rest.n, s.n - digits);
        free((void *)(uintptr_t)s.p);
    }
}

/* Hashes are in stores: they must stay what they are. */
static uint64_t hash(struct slice s, uint64_t seed)
{
    uint64_t h = seed ^ (s.n * 0x9e3779b97f4a7c15u);
    for (size_t i = 0; i < s.n; i += 8) {
        unsigned char octets[8] = {0};
        memcpy(octets, s.p + i, s.n - i < 8 ? s.n - i : 8);
        uint64_t w = 0;
        for (unsigned k = 8; k-- > 0;)
            w = w << 8 | octets[k];
        h = (h ^ w) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    h *= 0xc4ceb9fe1a85ec53u;
    return h ^ (h >> 29);
}

static void test_hash(void **state)
{
    (void)state;
    assert_int_equal(slice_hash(SLICE("192.0.2.9"), 0), 0x8c014637e4028900u);
    assert_int_equal(slice_hash(SLICE("lists"), 3), 0x6b39e661f81e426au);
    for (unsigned r = 0; r < ROUNDS; r++) {
        struct slice s = random_text("abcdefghijklmnopqrstuvwxyz\xff", 27, 40);
        assert_int_equal(slice_hash(s, r), hash(s, r));
        free((void *)(uintptr_t)s.p);
    }
}

static void test_key(void **state)
{
    (void)state;
    for (unsigned r = 0; r < ROUNDS; r++) {
        struct slice a = random_text("ab", 2, SLICE_KEY), b = random_text("ab", 2, 6);
        if (r % 2 && a.n) { /* the same but for one octet */
            free((void *)(uintptr_t)b.p);
            char *p = malloc(a.n);
            assert_non_null(p);
            memcpy(p, a.p, a.n);
            p[(size_t)rand() % a.n] = 'a';
            b = (struct slice){p, a.n};
        }
        struct slice_key first = slice_key(a), second = slice_key(b);
        assert_int_equal(slice_key_eq(&first, &second), slice_eq(a, b));
        free((void *)(uintptr_t)a.p);
        free((void *)(uintptr_t)b.p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),   cmocka_unit_test(test_search),
        cmocka_unit_test(test_number), cmocka_unit_test(test_hash),
        cmocka_unit_test(test_key),    cmocka_unit_test(test_sixteen),
        cmocka_unit_test(test_either),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
