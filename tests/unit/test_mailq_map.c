/* The id map against a plain table, through growth, removal and trimming. */
#include "../../collectors/mailq_map.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#define IDS 5000

static struct queue_id id_of(uint32_t n)
{
    return (struct queue_id){n % 3, (uint64_t)n * 64 + 1};
}

static struct mailq_file *find(const struct mailq_map *m, uint32_t n)
{
    return mailq_map_find(m, id_of(n), mailq_map_hash(m, id_of(n)));
}

static void check_all(const struct mailq_map *m, const uint32_t *sizes)
{
    uint32_t count = 0;
    for (uint32_t n = 0; n < IDS; n++) {
        const struct mailq_file *f = find(m, n);
        assert_int_equal(f != NULL, sizes[n] != 0);
        if (!f)
            continue;
        assert_int_equal(mailq_map_learnt(m, f)->size, sizes[n]);
        assert_true(f->id.lo == id_of(n).lo && f->id.hi == id_of(n).hi);
        count++;
    }
    assert_int_equal(count, m->count);
}

static void test_random(void **state)
{
    (void)state;
    static uint32_t sizes[IDS];
    struct mailq_map m;
    assert_true(mailq_map_init(&m));
    srandom(1);
    for (unsigned i = 0; i < 200000; i++) {
        uint32_t n = (uint32_t)random() % IDS;
        bool fresh, grow = i / 20000 % 2 == 0; /* fill, then empty, and again */
        if ((random() % 4 == 0) != grow) {
            struct mailq_file *f =
                mailq_map_place(&m, id_of(n), mailq_map_hash(&m, id_of(n)), &fresh);
            assert_int_equal(fresh, sizes[n] == 0);
            if (fresh)
                assert_int_equal(mailq_map_learnt(&m, f)->size, 0);
            mailq_map_learnt(&m, f)->size = sizes[n] = i + 1;
        } else if (find(&m, n)) {
            mailq_map_remove(&m, find(&m, n));
            sizes[n] = 0;
        }
        if (i % 5000 == 0)
            mailq_map_trim(&m);
        if (i % 1000 == 0)
            check_all(&m, sizes);
    }
    check_all(&m, sizes);
    mailq_map_free(&m);
}

static void test_reserve(void **state)
{
    (void)state;
    struct mailq_map m;
    bool fresh;
    assert_true(mailq_map_init(&m));
    assert_true(mailq_map_reserve(&m, 100000));
    const struct mailq_file *base = m.files;
    for (uint32_t n = 0; n < 100000; n++) {
        struct mailq_file *f = mailq_map_place(&m, id_of(n), mailq_map_hash(&m, id_of(n)), &fresh);
        assert_non_null(f);
        assert_int_equal(f->flags | f->asked_s | f->arrival_s, 0);
    }
    assert_ptr_equal(m.files, base);
    assert_true(mailq_map_memory(&m) < 100000 * 48);
    while (m.count > 10)
        mailq_map_remove(&m, &m.files[m.count / 2]);
    mailq_map_trim(&m);
    assert_true(mailq_map_memory(&m) < 2000);
    for (uint32_t i = 0; i < m.count; i++)
        assert_ptr_equal(mailq_map_find(&m, m.files[i].id, mailq_map_hash(&m, m.files[i].id)),
                         &m.files[i]);
    mailq_map_free(&m);
}

/* A map that is filled at once: what is found twice is told, and cut. */
static void test_filled(void **state)
{
    (void)state;
    enum { COUNT = 30000 };
    struct mailq_map m;
    unsigned twice = 0;
    assert_true(mailq_map_init(&m));
    for (uint32_t i = 0; i < COUNT;
         i++) { /* the last 1,000 and, within, each 100th are there before */
        uint32_t n = i >= COUNT - 1000 ? i - 5000 : i % 100 == 99 ? i - 50 : i;
        struct mailq_file *f = mailq_map_append(&m, id_of(n));
        assert_non_null(f);
        assert_int_equal(f->flags | f->asked_s | f->arrival_s, 0);
        f->arrival_s = n;
    }
    assert_true(mailq_map_index(&m));
    struct mailq_file *before;
    for (uint32_t i = 0; (i = mailq_map_enter(&m, i, &before)) < m.count; twice++) {
        assert_true(before < &m.files[i]);
        assert_true(before->id.lo == m.files[i].id.lo && before->id.hi == m.files[i].id.hi);
        mailq_map_cut(&m, i);
    }
    assert_int_equal(m.count + twice, COUNT);
    assert_in_range(twice, 1200, 1300);
    for (uint32_t i = 0; i < COUNT - 1000; i++) {
        const struct mailq_file *f = mailq_map_find(&m, id_of(i), mailq_map_hash(&m, id_of(i)));
        if (i % 100 != 99)
            assert_true(f && f->arrival_s == i);
    }
    while (m.count)
        mailq_map_remove(&m, &m.files[m.count / 3]);
    mailq_map_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random),
                                       cmocka_unit_test(test_reserve),
                                       cmocka_unit_test(test_filled)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
