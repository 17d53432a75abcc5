/*
 * Finds cells by OID. tables[] is in OID order and no entry lies within another, so a binary search
 * finds the one table an OID can be in; what follows it is then looked for column by column.
 */
#include <assert.h>
#include "lookup.h"

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

int lookup_compare(const uint32_t *a, uint32_t a_length, const uint32_t *b, uint32_t b_length)
{
    uint32_t n = smaller(a_length, b_length);
    for (uint32_t i = 0; i < n; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return a_length == b_length ? 0 : a_length < b_length ? -1 : 1;
}

/* How many tables have their entry at or before the name. */
static uint32_t tables_up_to(const struct oid_name *name)
{
    uint32_t low = 0, high = tables_count;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        const struct table *t = tables[mid];
        if (lookup_compare(t->entry, t->entry_length, name->ids, name->length) <= 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool within(const struct table *t, const struct oid_name *name)
{
    return name->length >= t->entry_length &&
           memcmp(name->ids, t->entry, t->entry_length * sizeof *t->entry) == 0;
}

const struct column *lookup_column(const char *name, const struct table **table)
{
    for (uint32_t i = 0; i < tables_count; i++)
        for (uint32_t k = 0; k < tables[i]->column_count; k++)
            if (strcmp(tables[i]->columns[k].name, name) == 0) {
                *table = tables[i];
                return &tables[i]->columns[k];
            }
    return NULL;
}

enum lookup_result lookup_get(const struct view *v, const struct table_time *now,
                              const struct oid_name *name, struct value *value)
{
    uint32_t after = tables_up_to(name);
    if (after == 0)
        return LOOKUP_NO_OBJECT;
    const struct table *t = tables[after - 1];
    uint32_t at = t->entry_length;
    if (!within(t, name) || name->length == at || !table_column(t, name->ids[at]))
        return LOOKUP_NO_OBJECT;
    if (table_get(t, v, now, name->ids[at], name->ids + at + 1, name->length - at - 1, value))
        return LOOKUP_FOUND;
    return LOOKUP_NO_INSTANCE;
}

/* The column's own OID is not before the end: nor can any of its cells be. */
static bool beyond(const struct table *t, uint32_t id, const struct oid_name *end)
{
    uint32_t column[OID_MAX];
    memcpy(column, t->entry, t->entry_length * sizeof *t->entry);
    column[t->entry_length] = id;
    return lookup_compare(column, t->entry_length + 1, end->ids, end->length) >= 0;
}

/* One column: the first cell after index, put into *next. */
static bool next_in_column(const struct table *t, const struct view *v,
                           const struct table_time *now, uint32_t id, const uint32_t *index,
                           uint32_t index_length, struct oid_name *next, struct value *value)
{
    uint32_t found[OID_MAX], length = 0, at = t->entry_length;
    if (!table_next(t, v, now, id, index, index_length, found, &length, value))
        return false;
    assert(at + 1 + length <= OID_MAX);
    memcpy(next->ids, t->entry, at * sizeof *t->entry);
    next->ids[at] = id;
    memcpy(next->ids + at + 1, found, length * sizeof *found);
    next->length = at + 1 + length;
    return true;
}

bool lookup_next(const struct view *v, const struct table_time *now, const struct oid_name *name,
                 const struct oid_name *end, struct oid_name *next, struct value *value)
{
    uint32_t i = tables_up_to(name), c = 0, index_length = 0;
    const uint32_t *index = NULL;
    if (i > 0 && within(tables[i - 1], name)) {
        const struct table *t = tables[--i];
        uint32_t at = t->entry_length;
        c = name->length > at ? table_column_from(t, name->ids[at]) : 0;
        if (name->length > at && c < t->column_count && t->columns[c].id == name->ids[at]) {
            index = name->ids + at + 1;
            index_length = name->length - at - 1;
        }
    }
    for (; i < tables_count; i++, c = 0, index_length = 0) {
        const struct table *t = tables[i];
        if (v->tables[t->rows].count == 0)
            continue;
        for (; c < t->column_count; c++, index_length = 0) {
            uint32_t id = t->columns[c].id;
            if (end->length && beyond(t, id, end))
                return false;
            if (next_in_column(t, v, now, id, index, index_length, next, value))
                return end->length == 0 ||
                       lookup_compare(next->ids, next->length, end->ids, end->length) < 0;
        }
    }
    return false;
}
