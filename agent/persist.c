/*
 * Rows and names <-> records. A row's record is its index and the octets between its kind's stored
 * marks. A record of an older version may be shorter: the rest keeps the row's initial values.
 */
#include "persist.h"

#define RECORD_MAX 4096
STORE_LAYOUT(struct name_record, 268);

static int64_t *instant(unsigned char *row, uint32_t offset)
{
    return (int64_t *)(void *)(row + offset);
}

/* Adds `by` to the instants of a row that ever happened. */
static void shift(const struct model_kind *k, unsigned char *row, int64_t by)
{
    for (const uint32_t *o = k->instants; o && *o; o++)
        if (*instant(row, *o) != MODEL_NEVER)
            *instant(row, *o) = (int64_t)((uint64_t)*instant(row, *o) + (uint64_t)by);
}

static bool put_row(struct checkpoint *c, const struct model_kind *k, int table, uint32_t position,
                    const void *row, int64_t by)
{
    _Alignas(8) unsigned char copy[RECORD_MAX], record[RECORD_MAX];
    const struct row *head = row;
    size_t size = k->stored_to - k->stored_from;
    memcpy(copy, row, k->row_size);
    shift(k, copy, by);
    memcpy(record, head->key, sizeof head->key);
    memcpy(record + sizeof head->key, copy + k->stored_from, size);
    return checkpoint_put(c, STORE_MODEL + table, position, record, sizeof head->key + size);
}

static bool save_table(struct model *m, enum model_table t, struct checkpoint *c, int64_t by)
{
    const struct model_kind *k = &model_kinds[t];
    const struct rows *r = &m->tables[t];
    bool ok = true;
    for (uint32_t i = 0; k->stored_to > k->stored_from && i < r->dirty_count; i++) {
        const unsigned char *row = r->base + (size_t)r->dirty_list[i] * r->row_size;
        const struct row *head = (const void *)row;
        if (head->used)
            ok &= put_row(c, k, (int)t, r->dirty_list[i], row, by);
        else if (head->stored)
            ok &= checkpoint_delete(c, STORE_MODEL + (int)t, r->dirty_list[i]);
    }
    model_clean(m, t);
    return ok;
}

bool persist_save(struct model *m, struct names *n, struct checkpoint *c,
                  int64_t real_minus_monotonic_ms)
{
    bool ok = true;
    for (int t = 0; t < MODEL_TABLES; t++)
        ok &= save_table(m, (enum model_table)t, c, real_minus_monotonic_ms);
    for (uint32_t i; names_changed(n, &i);)
        ok &= checkpoint_put(c, STORE_NAMES, i, names_record(n, i), sizeof(struct name_record));
    return ok;
}

struct loading {
    struct model *model;
    struct names *names;
    enum model_table table;
    int64_t by;
};

static bool load_row(void *arg, uint32_t slot, const void *data, size_t size)
{
    struct loading *l = arg;
    const struct model_kind *k = &model_kinds[l->table];
    uint32_t key[3];
    uint8_t address[16] = {0};
    size_t room = k->stored_to - k->stored_from;
    if (size < sizeof key)
        return false;
    memcpy(key, data, sizeof key);
    const unsigned char *octets = (const unsigned char *)data + sizeof key;
    size -= sizeof key;
    if (k->address_offset) {
        size_t at = k->address_offset - k->stored_from;
        if (size < at + sizeof address)
            return false;
        memcpy(address, octets + at, sizeof address);
    }
    unsigned char *row = model_place_at(l->model, l->table, slot, key, address);
    if (!row)
        return true; /* a smaller capacity than before: what does not fit is left out */
    memcpy(row + k->stored_from, octets, size < room ? size : room);
    shift(k, row, -l->by);
    return true;
}

static bool load_name(void *arg, uint32_t slot, const void *data, size_t size)
{
    struct loading *l = arg;
    struct name_record r;
    (void)slot;
    if (size != sizeof r)
        return false;
    memcpy(&r, data, sizeof r);
    return names_restore(l->names, &r);
}

bool persist_load(struct model *m, struct names *n, struct store *s,
                  int64_t real_minus_monotonic_ms)
{
    struct loading l = {m, n, 0, real_minus_monotonic_ms};
    if (!store_load(s, STORE_NAMES, load_name, &l))
        return false;
    for (int t = 0; t < MODEL_TABLES; t++) {
        l.table = (enum model_table)t;
        if (!store_load(s, STORE_MODEL + t, load_row, &l))
            return false;
    }
    return true;
}
