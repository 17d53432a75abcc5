/*
 * model.c: rows stay in index order at addresses that do not move, and every change reaches the
 * next checkpoint exactly once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include "../../agent/model.h"

static int setup(void **state)
{
    static struct model m;
    *state = &m;
    return model_init(&m, NULL) ? 0 : -1;
}

static int teardown(void **state)
{
    model_free(*state);
    return 0;
}

static void kinds_are_consistent(void **state)
{
    (void)state;
    for (int t = 0; t < MODEL_TABLES; t++) {
        const struct model_kind *k = &model_kinds[t];
        const struct row *initial = k->initial;
        assert_non_null(k->name);
        assert_true(k->keys >= 1 && k->keys <= 3);
        assert_int_equal(k->row_size % 8, 0);
        assert_true(k->stored_from <= k->stored_to && k->stored_to <= k->row_size);
        assert_true(k->stored_to == 0 || k->stored_from == sizeof(struct row));
        assert_int_equal(initial->used + initial->dirty + initial->stored, 0);
        for (const uint32_t *i = k->instants; *i; i++) {
            int64_t never;
            assert_true(*i >= k->stored_from && *i + 8 <= k->stored_to);
            memcpy(&never, (const char *)k->initial + *i, sizeof never);
            assert_int_equal(never, MODEL_NEVER);
        }
    }
}

static void initial_rows(void **state)
{
    struct model *m = *state;
    uint32_t key[3] = {7, 8, 9};
    struct group *g = model_place(m, MODEL_GROUP, key, NULL);
    assert_true(g->received_messages == MODEL_ABSENT && g->connect_debt == 0);
    assert_true(g->hierarchy == INT64_MIN && g->oldest_at == MODEL_NEVER);
    assert_int_equal(g->oldest_id.length, TEXT_ABSENT);
    assert_int_equal(g->row.key[0], 7);
    assert_int_equal(g->row.key[1], 8);
    assert_int_equal(g->row.key[2], 0); // not a part of this index
    struct entry *e = model_place(m, MODEL_ENTRY, key, NULL);
    assert_true(e->count == 0 && e->with_tls == 0 && e->last_at == MODEL_NEVER);
    assert_int_equal(e->row.key[2], 9);
    model_add(&g->received_messages, 1);
    model_add(&e->count, 2);
    assert_true(g->received_messages == MODEL_ABSENT && e->count == 2);
}

static void finds_what_was_placed(void **state)
{
    struct model *m = *state;
    struct group_error *rows[1000];
    for (uint32_t i = 0; i < 1000; i++) {
        uint32_t n = i * 7919 % 1000; // every number once, out of order
        uint32_t key[3] = {n / 100, n / 10 % 10, 5000000 + n % 10};
        rows[n] = model_place(m, MODEL_GROUP_ERROR, key, NULL);
        rows[n]->inbound = n;
    }
    assert_int_equal(m->tables[MODEL_GROUP_ERROR].count, 1000);
    for (uint32_t n = 0; n < 1000; n++) {
        uint32_t key[3] = {n / 100, n / 10 % 10, 5000000 + n % 10};
        assert_ptr_equal(model_find(m, MODEL_GROUP_ERROR, key, NULL), rows[n]);
        assert_ptr_equal(model_place(m, MODEL_GROUP_ERROR, key, NULL), rows[n]);
        assert_ptr_equal(model_row(m, MODEL_GROUP_ERROR, n), rows[n]);
        assert_int_equal(rows[n]->inbound, n);
        key[2] += 10;
        assert_null(model_find(m, MODEL_GROUP_ERROR, key, NULL));
    }
}

static void peers_by_address(void **state)
{
    struct model *m = *state;
    uint8_t four[16] = {192, 0, 2, 9}, other[16] = {10}, six[16] = {0x20, 1, 0xd, 0xb8};
    void *c = model_place(m, MODEL_PEER, (uint32_t[3]){1, 2}, six);
    void *b = model_place(m, MODEL_PEER, (uint32_t[3]){1, 1}, four);
    void *a = model_place(m, MODEL_PEER, (uint32_t[3]){1, 1}, other);
    assert_ptr_equal(model_row(m, MODEL_PEER, 0), a);
    assert_ptr_equal(model_row(m, MODEL_PEER, 1), b);
    assert_ptr_equal(model_row(m, MODEL_PEER, 2), c);
    assert_ptr_equal(model_find(m, MODEL_PEER, (uint32_t[3]){1, 1}, four), b);
    assert_null(model_find(m, MODEL_PEER, (uint32_t[3]){1, 2}, four));
    assert_true(model_compare(MODEL_PEER, a, b) < 0 && model_compare(MODEL_PEER, c, b) > 0);
    assert_int_equal(model_compare(MODEL_PEER, b, b), 0);
    model_remove(m, MODEL_PEER, b);
    assert_null(model_find(m, MODEL_PEER, (uint32_t[3]){1, 1}, four));
    assert_int_equal(m->tables[MODEL_PEER].count, 2);
}

static void full_table_counts_what_it_leaves_out(void **state)
{
    (void)state;
    struct model m;
    uint32_t capacities[MODEL_TABLES] = {[MODEL_ASSOC] = 3};
    assert_true(model_init(&m, capacities));
    assert_int_equal(m.tables[MODEL_APPL].capacity, 64);
    for (uint32_t i = 1; i <= 5; i++) {
        void *row = model_place(&m, MODEL_ASSOC, (uint32_t[3]){1, i}, NULL);
        assert_true((row != NULL) == (i <= 3));
    }
    assert_int_equal(m.tables[MODEL_ASSOC].overflow, 2);
    // eviction makes room at once, whether a checkpoint came by or not
    void *victim = model_find(&m, MODEL_ASSOC, (uint32_t[3]){1, 2}, NULL);
    model_dirty(&m, MODEL_ASSOC, victim);
    model_remove(&m, MODEL_ASSOC, victim);
    assert_ptr_equal(model_place(&m, MODEL_ASSOC, (uint32_t[3]){9, 9}, NULL), victim);
    assert_int_equal(m.tables[MODEL_ASSOC].dirty_count, 1);
    model_free(&m);
}

static void dirty_rows_until_the_checkpoint(void **state)
{
    struct model *m = *state;
    struct rows *r = &m->tables[MODEL_APPL];
    struct appl *a = model_place(m, MODEL_APPL, (uint32_t[3]){1}, NULL);
    struct appl *b = model_place(m, MODEL_APPL, (uint32_t[3]){2}, NULL);
    uint64_t generation = r->generation;

    model_dirty(m, MODEL_APPL, a);
    model_dirty(m, MODEL_APPL, a);
    model_dirty(m, MODEL_APPL, b);
    assert_true(r->generation > generation);
    assert_int_equal(r->dirty_count, 2);
    assert_int_equal(r->dirty_list[1], model_position(m, MODEL_APPL, b));

    model_remove(m, MODEL_APPL, b); // born and gone in between
    assert_int_equal(r->dirty_count, 2);
    assert_true(b->row.used == 0 && b->row.stored == 0);
    model_clean(m, MODEL_APPL);
    assert_int_equal(r->dirty_count, 0);
    assert_true(a->row.stored == 1 && a->row.dirty == 0 && b->row.stored == 0);

    model_remove(m, MODEL_APPL, a); // its record is to be deleted
    assert_int_equal(r->dirty_count, 1);
    assert_true(a->row.used == 0 && a->row.stored == 1);
    model_clean(m, MODEL_APPL);
    assert_true(a->row.stored == 0);

    b = model_place(m, MODEL_APPL, (uint32_t[3]){3}, NULL);
    model_remove(m, MODEL_APPL, b); // the store never heard of it
    assert_int_equal(r->dirty_count, 0);
    model_remove(m, MODEL_APPL, b); // and it is gone already
    assert_int_equal(r->count, 0);
}

/* A position that changes hands before a checkpoint: one record, of who has it then. */
static void position_changes_hands(void **state)
{
    struct model *m = *state;
    struct rows *r = &m->tables[MODEL_APPL];
    struct appl *a = model_place_at(m, MODEL_APPL, 5, (uint32_t[3]){1}, NULL);
    assert_true(a->row.stored == 1 && a->row.dirty == 0);
    model_remove(m, MODEL_APPL, a);
    struct appl *b = model_place(m, MODEL_APPL, (uint32_t[3]){2}, NULL);
    assert_ptr_equal(a, b);
    model_dirty(m, MODEL_APPL, b);
    assert_int_equal(r->dirty_count, 1);
    assert_true(b->row.used == 1 && b->row.stored == 1 && b->row.key[0] == 2);
    assert_int_equal(b->name.length, TEXT_ABSENT);
}

static void restores_at_positions(void **state)
{
    struct model *m = *state;
    struct rows *r = &m->tables[MODEL_APPL];
    void *a = model_place_at(m, MODEL_APPL, 3, (uint32_t[3]){30}, NULL);
    assert_int_equal(model_position(m, MODEL_APPL, a), 3);
    assert_null(model_place_at(m, MODEL_APPL, 3, (uint32_t[3]){31}, NULL));  // taken
    assert_null(model_place_at(m, MODEL_APPL, 4, (uint32_t[3]){30}, NULL));  // exists
    assert_null(model_place_at(m, MODEL_APPL, 64, (uint32_t[3]){32}, NULL)); // no such position
    assert_null(model_place_at(m, MODEL_APPL, UINT32_MAX, (uint32_t[3]){32}, NULL));
    void *b = model_place_at(m, MODEL_APPL, 1, (uint32_t[3]){10}, NULL);
    assert_int_equal(model_position(m, MODEL_APPL, b), 1);
    for (uint32_t i = 2; i < 64; i++) // the gaps are used, all of them and none twice
        assert_non_null(model_place(m, MODEL_APPL, (uint32_t[3]){100 + i}, NULL));
    assert_int_equal(r->count, 64);
    assert_null(model_place(m, MODEL_APPL, (uint32_t[3]){1}, NULL));
    unsigned seen[64] = {0};
    for (uint32_t i = 0; i < 64; i++)
        seen[r->order[i]]++;
    for (uint32_t i = 0; i < 64; i++)
        assert_int_equal(seen[i], 1);
}

/* Random calls against a plain array of what should be there. */
static void random_calls(void **state)
{
    struct model *m = *state;
    struct rows *r = &m->tables[MODEL_DESTINATION];
    struct destination *expected[600] = {NULL};
    srandom(1);
    for (int step = 0; step < 50000; step++) {
        uint32_t n = (uint32_t)random() % 600, key[3] = {n % 20 + 1, n / 20 + 1, 0};
        struct destination *d = model_find(m, MODEL_DESTINATION, key, NULL);
        assert_ptr_equal(d, expected[n]);
        if (!d) {
            expected[n] = d = model_place(m, MODEL_DESTINATION, key, NULL);
            assert_true(d->deferrals == 0 && d->row.used);
            d->deferrals = n;
        } else if (random() % 2) {
            assert_int_equal(d->deferrals, n);
            model_dirty(m, MODEL_DESTINATION, d);
        } else {
            model_remove(m, MODEL_DESTINATION, d);
            expected[n] = NULL;
        }
        if (step % 1000 == 0)
            model_clean(m, MODEL_DESTINATION);
        assert_int_equal(r->count + r->free_count, r->high);
    }
    for (uint32_t i = 1; i < r->count; i++)
        assert_true(model_compare(MODEL_DESTINATION, model_row(m, MODEL_DESTINATION, i - 1),
                                  model_row(m, MODEL_DESTINATION, i)) < 0);
    uint32_t dirty = 0;
    for (uint32_t i = 0; i < r->high; i++)
        dirty += ((struct row *)(void *)(r->base + (size_t)i * r->row_size))->dirty;
    assert_int_equal(dirty, r->dirty_count);
}

static void texts(void **state)
{
    (void)state;
    struct text64 t;
    TEXT_SET(t, SLICE("postfix"));
    assert_true(slice_eq(TEXT_GET(t), SLICE("postfix")));
    TEXT_SET(t, slice_skip(TEXT_GET(t), 4)); // from itself
    assert_true(slice_eq(TEXT_GET(t), SLICE("fix")));
    TEXT_SET(t, SLICE(""));
    assert_true(TEXT_GET(t).p != NULL && TEXT_GET(t).n == 0);
    TEXT_SET(t, ((struct slice){NULL, 0}));
    assert_null(TEXT_GET(t).p);
    t.length = 64; // what a damaged record may hold
    assert_null(TEXT_GET(t).p);
}

static void long_texts_are_cut_between_characters(void **state)
{
    (void)state;
    char s[400];
    struct text64 t;
    struct text255 longest;
    memset(s, 'a', sizeof s);
    TEXT_SET(t, ((struct slice){s, 63}));
    assert_int_equal(t.length, 63);
    TEXT_SET(t, ((struct slice){s, 64}));
    assert_int_equal(t.length, 63);
    TEXT_SET(longest, ((struct slice){s, 255}));
    assert_int_equal(longest.length, 254);
    memcpy(s + 62, "\xe2\x82\xac", 3); // the euro sign, of which one octet would fit
    TEXT_SET(t, ((struct slice){s, 100}));
    assert_int_equal(t.length, 62);
    memcpy(s + 60, "\xf0\x9f\x93\xa7", 4);
    TEXT_SET(t, ((struct slice){s, 100}));
    assert_int_equal(t.length, 60);
    memset(s, 'a', sizeof s);
    memcpy(s + 59, "\xf0\x9f\x93\xa7", 4); // fits to the last octet
    TEXT_SET(t, ((struct slice){s, 100}));
    assert_int_equal(t.length, 63);
    memset(s, 0x80, sizeof s); // not UTF-8: cut anywhere, but not all of it
    TEXT_SET(t, ((struct slice){s, 100}));
    assert_int_equal(t.length, 60);
}

static void memory_that_cannot_be_had(void **state)
{
    (void)state;
    struct model m;
    uint32_t capacities[MODEL_TABLES];
    for (int t = 0; t < MODEL_TABLES; t++)
        capacities[t] = UINT32_MAX;
    for (int i = 0; i < 3; i++) { // nothing leaks: it fails alike each time
        errno = 0;
        if (model_init(&m, capacities))
            model_free(&m); // a machine with more than 15 TB of address space to give
        else
            assert_int_equal(errno, ENOMEM);
        assert_null(m.tables[MODEL_APPL].base);
    }
}

/* What the store remembered under a number and nobody names any more. */
static void nameless_rows_go(void **state)
{
    struct model *m = *state;
    for (uint32_t i = 1; i <= 5; i++) {
        struct process *row = model_place(m, MODEL_PROCESS, (uint32_t[3]){i}, NULL);
        if (i % 2 == 0)
            TEXT_SET(row->name, i == 2 ? SLICE("master") : SLICE(""));
    }
    model_remove_nameless(m, MODEL_PROCESS, offsetof(struct process, name));
    assert_int_equal(m->tables[MODEL_PROCESS].count, 2);
    assert_non_null(model_find(m, MODEL_PROCESS, (uint32_t[3]){2}, NULL));
    assert_non_null(model_find(m, MODEL_PROCESS, (uint32_t[3]){4}, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_are_consistent),
        cmocka_unit_test_setup_teardown(initial_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(finds_what_was_placed, setup, teardown),
        cmocka_unit_test_setup_teardown(peers_by_address, setup, teardown),
        cmocka_unit_test(full_table_counts_what_it_leaves_out),
        cmocka_unit_test_setup_teardown(dirty_rows_until_the_checkpoint, setup, teardown),
        cmocka_unit_test_setup_teardown(position_changes_hands, setup, teardown),
        cmocka_unit_test_setup_teardown(restores_at_positions, setup, teardown),
        cmocka_unit_test_setup_teardown(nameless_rows_go, setup, teardown),
        cmocka_unit_test_setup_teardown(random_calls, setup, teardown),
        cmocka_unit_test(texts),
        cmocka_unit_test(long_texts_are_cut_between_characters),
        cmocka_unit_test(memory_that_cannot_be_had),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
