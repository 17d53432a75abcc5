/*
 * lookup.c against a plain list of all cells: whatever OID is asked for, the answer is the one that
 * a linear search gives.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "../../agent/lookup.h"

#define CELLS_MAX 4000

static struct {
    struct model model;
    struct view view;
    struct oid_name cells[CELLS_MAX];
    uint32_t count;
} all;

static const struct table_time now = {.monotonic_ms = 1000000, .real_ms = 1700000000000};
static const struct oid_name no_end;

static struct oid_name name_of(const struct table *t, uint32_t column, const void *row)
{
    struct oid_name n = {.length = t->entry_length};
    memcpy(n.ids, t->entry, t->entry_length * sizeof *t->entry);
    n.ids[n.length++] = column;
    n.length += table_index(t, row, n.ids + n.length);
    return n;
}

static void *place(enum model_table kind, uint32_t a, uint32_t b, uint32_t c)
{
    uint8_t address[16] = {192, 0, 2, (uint8_t)a};
    void *row =
        model_place(&all.model, kind, (uint32_t[3]){a, b, c}, kind == MODEL_PEER ? address : NULL);
    assert_non_null(row);
    return row;
}

/* A few rows of most tables, with gaps; some tables stay empty. */
static int set_up(void **state)
{
    (void)state;
    if (!model_init(&all.model, (uint32_t[MODEL_TABLES]){0}))
        return -1;
    place(MODEL_AGENT, 1, 0, 0);
    for (uint32_t a = 1; a <= 19; a += 2) {
        ((struct appl *)place(MODEL_APPL, a, 0, 0))->is_mta = a != 3;
        for (uint32_t b = 2; b <= 9; b += 3) {
            struct group *g = place(MODEL_GROUP, a, b, 0);
            g->received_messages = b == 5 ? MODEL_ABSENT : b;
            ((struct destination *)place(MODEL_DESTINATION, a, b << 20, 0))->queued = b;
        }
        place(MODEL_PEER, a, 1, 0);
    }
    if (!slots_view_of(&all.model, now.monotonic_ms, now.real_ms, &all.view))
        return -1;
    for (uint32_t t = 0; t < tables_count; t++) {
        const struct view_table *rows = &all.view.tables[tables[t]->rows];
        for (uint32_t c = 0; c < tables[t]->column_count; c++)
            for (uint32_t i = 0; i < rows->count; i++) {
                const void *row = rows->rows + (size_t)i * rows->row_size;
                struct value value;
                if (table_cell(tables[t], &tables[t]->columns[c], &all.view, row, &now, &value))
                    all.cells[all.count++] = name_of(tables[t], tables[t]->columns[c].id, row);
            }
    }
    return all.count > 200 && all.count < CELLS_MAX ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    slots_view_free(&all.view);
    model_free(&all.model);
    return 0;
}

static int compare(const struct oid_name *a, const struct oid_name *b)
{
    return lookup_compare(a->ids, a->length, b->ids, b->length);
}

static bool equal(const struct oid_name *a, const struct oid_name *b)
{
    return a->length == b->length && memcmp(a->ids, b->ids, a->length * sizeof *a->ids) == 0;
}

/* The answer by linear search; NULL: none. */
static const struct oid_name *after(const struct oid_name *name, const struct oid_name *end)
{
    for (uint32_t i = 0; i < all.count; i++)
        if (compare(&all.cells[i], name) > 0)
            return end->length && compare(&all.cells[i], end) >= 0 ? NULL : &all.cells[i];
    return NULL;
}

static void check(const struct oid_name *name, const struct oid_name *end)
{
    struct oid_name next;
    struct value value;
    const struct oid_name *expected = after(name, end);
    bool found = lookup_next(&all.view, &now, name, end, &next, &value);
    assert_int_equal(found, expected != NULL);
    if (found)
        assert_true(equal(&next, expected));
}

/* A cell's name, mostly damaged: cut, longer, a sub-identifier changed. */
static struct oid_name some_name(void)
{
    struct oid_name n = all.cells[(uint32_t)rand() % all.count];
    switch (rand() % 5) {
    case 0:
        n.length = (uint32_t)rand() % (n.length + 1);
        break;
    case 1:
        n.ids[n.length++] = (uint32_t)rand() % 3;
        break;
    case 2:
        n.ids[n.length - 1 - (uint32_t)rand() % 6] += (uint32_t)(rand() % 3 - 1);
        break;
    case 3:
        n.ids[(uint32_t)rand() % n.length] = rand() % 2 ? UINT32_MAX : 0;
        break;
    default:
        break;
    }
    return n;
}

static void cells_are_in_order(void **state)
{
    (void)state;
    for (uint32_t i = 1; i < all.count; i++)
        assert_true(compare(&all.cells[i - 1], &all.cells[i]) < 0);
}

static void walk_finds_every_cell(void **state)
{
    (void)state;
    struct oid_name name = {.length = 0};
    struct value value;
    for (uint32_t i = 0; i < all.count; i++) {
        assert_true(lookup_next(&all.view, &now, &name, &no_end, &name, &value)); /* in place */
        assert_true(equal(&name, &all.cells[i]));
        assert_int_equal(lookup_get(&all.view, &now, &name, &value), LOOKUP_FOUND);
    }
    assert_false(lookup_next(&all.view, &now, &name, &no_end, &name, &value));
}

static void any_name_with_any_end(void **state)
{
    (void)state;
    srand(1);
    for (int i = 0; i < 20000; i++) {
        struct oid_name name = some_name(), end = some_name();
        check(&name, &no_end);
        check(&name, &end);
    }
}

static void get_finds_cells_alone(void **state)
{
    (void)state;
    struct value value;
    srand(2);
    for (int i = 0; i < 20000; i++) {
        struct oid_name name = some_name();
        bool cell = false;
        for (uint32_t k = 0; k < all.count && !cell; k++)
            cell = equal(&name, &all.cells[k]);
        assert_int_equal(lookup_get(&all.view, &now, &name, &value) == LOOKUP_FOUND, cell);
    }
}

static void missing_cell_is_not_missing_object(void **state)
{
    (void)state;
    struct value value;
    struct oid_name n = all.cells[all.count / 2];
    n.ids[n.length - 1] += 12345;
    assert_int_equal(lookup_get(&all.view, &now, &n, &value), LOOKUP_NO_INSTANCE);
    const struct table *t = tables[0];
    struct oid_name entry = {.length = t->entry_length};
    memcpy(entry.ids, t->entry, t->entry_length * sizeof *t->entry);
    assert_int_equal(lookup_get(&all.view, &now, &entry, &value), LOOKUP_NO_OBJECT);
    entry.ids[entry.length++] = 4000;
    assert_int_equal(lookup_get(&all.view, &now, &entry, &value), LOOKUP_NO_OBJECT);
    struct oid_name first = {.ids = {0, 0}, .length = 2};
    assert_int_equal(lookup_get(&all.view, &now, &first, &value), LOOKUP_NO_OBJECT);
}

static void empty_view_has_nothing(void **state)
{
    (void)state;
    struct view empty = {0};
    struct oid_name name = {.length = 0}, next;
    struct value value;
    assert_false(lookup_next(&empty, &now, &name, &no_end, &next, &value));
    assert_int_equal(lookup_get(&empty, &now, &all.cells[0], &value), LOOKUP_NO_INSTANCE);
}

static void column_by_its_name(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < tables_count; i++)
        for (uint32_t k = 0; k < tables[i]->column_count; k++) {
            const struct table *t = NULL;
            assert_ptr_equal(lookup_column(tables[i]->columns[k].name, &t), &tables[i]->columns[k]);
            assert_ptr_equal(t, tables[i]);
        }
    const struct table *t = NULL;
    assert_null(lookup_column("", &t));
    assert_null(lookup_column("mtaGroupStored", &t));
    assert_null(lookup_column("mtagroupstoredmessages", &t));
    assert_null(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_are_in_order),
        cmocka_unit_test(walk_finds_every_cell),
        cmocka_unit_test(any_name_with_any_end),
        cmocka_unit_test(get_finds_cells_alone),
        cmocka_unit_test(missing_cell_is_not_missing_object),
        cmocka_unit_test(empty_view_has_nothing),
        cmocka_unit_test(column_by_its_name),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
