/* tables*.c: the rows of data that are the tables. */
#include "table_world.h"

/* Octets of the member that a kind of column reads; 0: a text. */
static uint32_t member_size(enum column_kind kind)
{
    switch (kind) {
    case COLUMN_TEXT:
    case COLUMN_TEXT_NEVER:
    case COLUMN_TEXT_EMPTY:
    case COLUMN_OLDEST_TEXT:
        return 0;
    case COLUMN_KEY:
        return 4;
    case COLUMN_ADDRESS:
    case COLUMN_MODEL_AGE: // names the row
        return 16;
    case COLUMN_OID:
        return sizeof(struct oid_value);
    default:
        return 8;
    }
}

static void check_columns_of(const struct table *t)
{
    for (uint32_t k = 0; k < t->column_count; k++) {
        const struct column *c = &t->columns[k];
        uint32_t size = member_size(c->kind);
        assert_true(k == 0 || c->id > t->columns[k - 1].id);
        assert_ptr_equal(table_column(t, c->id), c);
        assert_true(c->offset + c->size <= model_kinds[t->rows].row_size);
        if (size)
            assert_int_equal(c->size, size);
        else
            assert_true(c->size == 64 || c->size == 128 || c->size == 256);
        assert_true((c->kind != COLUMN_OLDEST_TI && c->kind != COLUMN_OLDEST_TEXT) || c->needs);
        assert_true(strlen(c->name) <= 40);
        assert_true(!c->labels || c->kind == COLUMN_ENUM || c->kind == COLUMN_BITS);
        for (unsigned i = 0; c->phrases && (c->labels[i] || c->phrases[i]); i++)
            assert_true(c->labels[i] && c->phrases[i]);
    }
    assert_null(table_column(t, 0));
    assert_null(table_column(t, UINT32_MAX));
}

static void tables_are_consistent(void **state)
{
    (void)state;
    uint32_t parts;
    for (uint32_t i = 0; i < tables_count; i++) {
        const struct table *t = tables[i];
        check_columns_of(t);
        assert_true(i == 0 || compare_oids(tables[i - 1]->entry, tables[i - 1]->entry_length,
                                           t->entry, t->entry_length) < 0);
        assert_true(t->entry_length <= 16);
        assert_true(t->scalar || t->entry[t->entry_length - 1] == 1);
        assert_true(t->scalar == !t->index);
        if (t->scalar)
            continue;
        parts = 1;
        for (const char *s = t->index; *s; s++)
            parts += *s == ',';
        assert_int_equal(parts,
                         model_kinds[t->rows].keys + (model_kinds[t->rows].address_offset != 0));
    }
}

static void list_of_tables(void **state)
{
    (void)state;
    char *list = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&list, &size);
    assert_non_null(out);
    tables_list(out);
    fclose(out);
    assert_non_null(strstr(list, "NETWORK-SERVICES-MIB\tapplTable\tapplOperStatus\t"
                                 "1.3.6.1.2.1.27.1.1.6\tEnum\tup(1),down(2),halted(3),congested(4),"
                                 "restarting(5),quiescing(6)\tapplIndex\n"));
    assert_non_null(strstr(list, "MAILMON-MIB\tmailmonAgent\tmailmonAgentModelAge\t"
                                 "1.3.6.1.4.1.8072.9999.9999.1566.1.1.6\tGauge32\t-\t-\n"));
    assert_non_null(strstr(list, "MTA-MIB\tmtaGroupTable\tmtaGroupOldestMessageStored\t"
                                 "1.3.6.1.2.1.28.2.1.12\tInteger32\t-\tapplIndex,mtaGroupIndex\n"));
    uint32_t lines = 0, columns = 0;
    for (const char *s = list; *s; s++)
        lines += *s == '\n';
    for (uint32_t i = 0; i < tables_count; i++)
        columns += tables[i]->column_count;
    assert_int_equal(lines, columns);
    free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_consistent),
        cmocka_unit_test(list_of_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
