/* The table of messages against a plain array: finding, bounds, what gives way, restoring. */
#include "../../collectors/message.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct queue_id id_of(uint32_t n)
{
    return (struct queue_id){n % 5, (uint64_t)n * 4096 + 1};
}

struct evicted {
    unsigned count;
    uint32_t slot;
    uint32_t first_seen_s;
};

static struct messages *table; /* that on_evict looks into */

static void on_evict(void *arg, struct message *m)
{
    struct evicted *e = arg;
    e->count++;
    e->slot = messages_slot(table, m);
    e->first_seen_s = m->first_seen_s;
}

static void check_lowest(const struct messages *t, uint32_t slot)
{
    for (uint32_t s = 0; s < slot; s++)
        assert_false(queue_id_null(t->rows[s].id));
}

static void test_random(void **state)
{
    (void)state;
    enum { MAX = 5000, IDS = 9000 };
    static bool in[IDS];
    struct messages t;
    struct evicted e = {0};
    uint32_t count = 0;
    table = &t;
    assert_true(messages_init(&t, MAX, true));
    srandom(5);
    for (uint32_t i = 0; i < 60000; i++) {
        uint32_t n = (uint32_t)random() % IDS;
        struct message *m = messages_find(&t, 3, id_of(n));
        assert_int_equal(m != NULL, in[n]);
        assert_null(messages_find(&t, 4, id_of(n)));
        if (m && (i / 20000 == 1 || random() % 8 == 0)) {
            messages_remove(&t, m);
            in[n] = false;
            count--;
        } else if (!m && count < MAX) {
            m = messages_add(&t, 3, id_of(n), 1000, on_evict, &e);
            m->flags |= MESSAGE_QUEUED;
            if (i % 100 == 0)
                check_lowest(&t, messages_slot(&t, m));
            in[n] = true;
            count++;
        }
        assert_int_equal(t.count, count);
    }
    assert_int_equal(e.count, 0);
    assert_true(t.dirty.count <= t.high && t.changed.count <= t.high);
    assert_true(messages_memory(&t) > 0 && t.high <= MAX);
    messages_free(&t);
}

/* Full, at every size around a word of bits: the oldest of a few goes, and its slot is taken. */
static void test_full(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 2, 15, 63, 64, 65, 127, 128, 4095, 4096, 4097, 8192};
    for (unsigned k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        struct messages t;
        struct evicted e = {0};
        table = &t;
        assert_true(messages_init(&t, sizes[k], false));
        for (uint32_t n = 0; n < sizes[k]; n++) {
            struct message *m = messages_add(&t, 1, id_of(n), 5000 - n, on_evict, &e);
            assert_int_equal(messages_slot(&t, m), n);
            m->flags |= MESSAGE_QUEUED;
        }
        assert_int_equal(e.count, 0);
        struct message *m = messages_add(&t, 1, id_of(sizes[k]), 9000, on_evict, &e);
        assert_int_equal(e.count, 1);
        assert_int_equal(t.evicted, 1);
        assert_int_equal(t.count, sizes[k]);
        assert_int_equal(messages_slot(&t, m), e.slot);
        assert_int_equal(t.dirty.count, 0);
        messages_free(&t);
    }
}

static void test_abandoned(void **state)
{
    (void)state;
    struct messages t;
    struct evicted e = {0};
    table = &t;
    assert_true(messages_init(&t, 100, false));
    messages_add(&t, 1, id_of(1), 1000, on_evict, &e);
    messages_add(&t, 1, id_of(2), 1000, on_evict, &e)->flags |= MESSAGE_QUEUED;
    messages_add(&t, 1, id_of(3), 1000, on_evict, &e)->flags |= MESSAGE_HELD;
    messages_add(&t, 1, id_of(4), 1000 + 90000, on_evict, &e);
    for (uint32_t n = 5; n < 20; n++)
        messages_remove(&t, messages_add(&t, 1, id_of(n), 1000 + 86399, on_evict, &e));
    assert_int_equal(e.count, 0);
    for (uint32_t n = 5; n < 20; n++) /* the clock may go back */
        messages_remove(&t, messages_add(&t, 1, id_of(n), 500, on_evict, &e));
    assert_int_equal(e.count, 0);
    for (uint32_t n = 5; n < 20; n++)
        messages_remove(&t, messages_add(&t, 1, id_of(n), 1000 + 86400, on_evict, &e));
    assert_int_equal(e.count, 1);
    assert_null(messages_find(&t, 1, id_of(1)));
    assert_int_equal(t.count, 3);
    messages_free(&t);
}

static void test_waits(void **state)
{
    (void)state;
    struct messages t;
    struct wait *all[10];
    assert_true(messages_init(&t, 10, true));
    for (unsigned i = 0; i < 10; i++)
        assert_non_null(all[i] = messages_wait(&t));
    assert_null(messages_wait(&t));
    assert_int_equal(t.wait_count, 10);
    messages_unwait(&t, all[3]);
    messages_unwait(&t, all[7]);
    struct wait *a = messages_wait(&t), *b = messages_wait(&t);
    assert_true((a == all[3] && b == all[7]) || (a == all[7] && b == all[3]));
    assert_true(a->flags & 1 && a->deferred == 0 && a->active == 0);
    assert_null(messages_wait(&t));
    assert_int_equal(t.wait_dirty.count, 10);
    messages_free(&t);
}

static void test_restore(void **state)
{
    (void)state;
    struct messages t;
    struct evicted e = {0};
    table = &t;
    assert_true(messages_init(&t, 10, true));
    struct message m = {.id = id_of(1), .appl = 2, .size = 77, .first_wait = 12345};
    assert_true(messages_restore(&t, 4, &m));
    assert_false(messages_restore(&t, 4, &m)); /* the slot is taken */
    assert_false(messages_restore(&t, 5, &m)); /* the id is there */
    m.id = (struct queue_id){0, 0};
    assert_false(messages_restore(&t, 6, &m));
    m.id = id_of(2);
    assert_true(messages_restore(&t, 10, &m)); /* beyond the bound: left out */
    assert_int_equal(t.count, 1);
    struct wait w = {.message = 4, .destination = 1, .chain = 999, .deferred = 1, .flags = ~0u};
    w.flags |= WAIT_TRIED;
    assert_true(messages_restore_wait(&t, 8, &w, true));
    assert_true(t.waits[8].flags & WAIT_TRIED);
    assert_false(messages_restore_wait(&t, 8, &w, true));
    assert_true(messages_restore_wait(&t, 10, &w, true));
    assert_true(messages_restore_wait(&t, 2, &w, false));
    w.message = 5; /* no such message */
    assert_true(messages_restore_wait(&t, 3, &w, true));
    w.message = 4000000000u;
    assert_true(messages_restore_wait(&t, 0, &w, true));
    messages_restored(&t, 4000000000u);
    assert_int_equal(t.high, 10);
    struct message *found = messages_find(&t, 2, id_of(1));
    assert_non_null(found);
    assert_int_equal(found->size, 77);
    assert_int_equal(found->first_wait, 9);
    assert_int_equal(t.waits[8].chain, 0);
    assert_int_equal(t.wait_count, 1);
    assert_int_equal(t.dirty.count, 1);      /* slot 10, to be deleted */
    assert_int_equal(t.wait_dirty.count, 4); /* 10, 2, 3, 0 */
    for (unsigned i = 0; i < 9; i++)
        assert_non_null(messages_wait(&t));
    assert_null(messages_wait(&t));
    assert_int_equal(messages_slot(&t, messages_add(&t, 2, id_of(9), 1, on_evict, &e)), 0);
    messages_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),    cmocka_unit_test(test_full),
        cmocka_unit_test(test_abandoned), cmocka_unit_test(test_waits),
        cmocka_unit_test(test_restore),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
