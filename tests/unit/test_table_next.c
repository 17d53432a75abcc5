/* table.c: GET and GETNEXT agree with a plain sorted list of all cells. */
#include "table_world.h"

struct cell {
    uint32_t index[OID_MAX], length;
};

/* All cells of a column, as the rows have them. */
static uint32_t list_cells(const struct table *t, const struct view *v, uint32_t id,
                           struct cell *cells)
{
    struct value value;
    const struct view_table *rows = &v->tables[t->rows];
    uint32_t n = 0;
    for (uint32_t i = 0; i < rows->count; i++) {
        const void *row = rows->rows + (size_t)i * rows->row_size;
        if (!table_cell(t, table_column(t, id), v, row, &now, &value))
            continue;
        cells[n].length = table_index(t, row, cells[n].index);
        assert_true(n == 0 || compare_oids(cells[n - 1].index, cells[n - 1].length, cells[n].index,
                                           cells[n].length) < 0);
        n++;
    }
    return n;
}

/* A suffix near an existing cell: shortened, lengthened, one part a little or far off. */
static uint32_t odd_suffix(const struct cell *cells, uint32_t count, uint32_t suffix[OID_MAX])
{
    static const uint32_t far[] = {0, 1, 255, 256, 0x7fffffff, 0x80000000, 0xffffffff};
    const struct cell *c = &cells[(uint32_t)random() % count];
    uint32_t n = c->length;
    memcpy(suffix, c->index, sizeof c->index);
    if (random() % 3 == 0)
        n = (uint32_t)random() % (n + 1);
    if (n && random() % 2) {
        uint32_t at = (uint32_t)random() % n;
        if (random() % 2)
            suffix[at] += random() % 2 ? 1 : UINT32_MAX;
        else
            suffix[at] = far[random() % 7];
    }
    for (uint32_t more = random() % 3 ? 0 : (uint32_t)random() % 20; more-- > 0;)
        suffix[n++] = far[random() % 7];
    return n;
}

static void check_column(const struct table *t, const struct view *v, uint32_t id)
{
    static struct cell cells[2000];
    uint32_t count = list_cells(t, v, id, cells), suffix[OID_MAX], next[OID_MAX], length;
    struct value value;
    assert_true(count > 10);
    for (int i = 0; i < 20000; i++) {
        uint32_t n = odd_suffix(cells, count, suffix), expected = 0;
        while (expected < count &&
               compare_oids(cells[expected].index, cells[expected].length, suffix, n) <= 0)
            expected++;
        bool exists = expected > 0 && compare_oids(cells[expected - 1].index,
                                                   cells[expected - 1].length, suffix, n) == 0;
        assert_int_equal(table_get(t, v, &now, id, suffix, n, &value), exists);
        bool more = table_next(t, v, &now, id, suffix, n, next, &length, &value);
        assert_int_equal(more, expected < count);
        if (more)
            assert_int_equal(
                compare_oids(next, length, cells[expected].index, cells[expected].length), 0);
    }
}

static void next_is_the_next(void **state)
{
    struct world *w = *state;
    srandom(2);
    for (int i = 0; i < 300; i++) {
        uint32_t part[3];
        for (int k = 0; k < 3; k++)
            part[k] = random() % 4 ? (uint32_t)random() % 5 + 1 : (uint32_t)random();
        struct group_error *e = model_place(&w->m, MODEL_GROUP_ERROR, part, NULL);
        if (random() % 3 == 0)
            e->inbound = MODEL_ABSENT;
        uint8_t address[16] = {0};
        part[1] = random() % 2 ? 1 : 2;
        for (int k = 0; k < (part[1] == 1 ? 4 : 16); k++)
            address[k] = random() % 2 ? (uint8_t)random() : 0;
        model_place(&w->m, MODEL_PEER, part, address);
        struct appl *a = model_place(&w->m, MODEL_APPL, (uint32_t[3]){(uint32_t)random()}, NULL);
        if (a) {
            a->is_mta = (uint64_t)random() % 2;
            a->stored_messages = 1;
        }
    }
    check_column(&mtaGroupErrorTable, view(w), 1);
    check_column(&mtaGroupErrorTable, &w->v, 3);
    check_column(&mailmonPeerTable, &w->v, 4);
    check_column(&mtaTable, &w->v, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        table_test(next_is_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
