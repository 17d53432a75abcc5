/*
 * The rows of the model: where they lie, how they are found. A kind's rows lie
 * in one reserved stretch of address space, so that a row's address never changes; `order` holds
 * the positions of the rows that exist, always in index order. A removed row's position may be used
 * again at once: `dirty` and `stored` belong to the position, so the next checkpoint writes what is
 * there then. Invariant: dirty is 1 exactly for the positions in dirty_list.
 */
#include "model.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

void text_set(uint8_t *length, char *bytes, size_t size, struct slice value)
{
    size_t max = size < TEXT_ABSENT ? size : TEXT_ABSENT - 1;
    if (!value.p) {
        *length = TEXT_ABSENT;
        return;
    }
    size_t n = value.n;
    if (n > max) {
        n = max;
        // step back over continuation octets (RFC 3629): at most 3 belong to one character
        while (n > max - 3 && ((unsigned char)value.p[n] & 0xc0) == 0x80)
            n--;
    }
    memmove(bytes, value.p, n);
    *length = (uint8_t)n;
}

static int compare_index(const struct model_kind *k, const unsigned char *a, const uint32_t key[3],
                         const uint8_t *address)
{
    const uint32_t *own = ((const struct row *)a)->key;
    for (uint32_t i = 0; i < k->keys; i++)
        if (own[i] != key[i])
            return own[i] < key[i] ? -1 : 1;
    if (!k->address_offset)
        return 0;
    return memcmp(a + k->address_offset, address, 16);
}

int model_compare(enum model_table t, const void *a, const void *b)
{
    const struct model_kind *k = &model_kinds[t];
    return compare_index(k, a, ((const struct row *)b)->key,
                         (const uint8_t *)b + k->address_offset);
}

static void *map(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* One mapping: the rows, then the three lists of positions. */
static size_t mapping_size(const struct rows *r)
{
    return (size_t)r->capacity * (r->row_size + 3 * sizeof(uint32_t));
}

bool model_init(struct model *m, const uint32_t capacities[MODEL_TABLES])
{
    memset(m, 0, sizeof *m);
    for (int t = 0; t < MODEL_TABLES; t++) {
        struct rows *r = &m->tables[t];
        r->row_size = model_kinds[t].row_size;
        r->capacity = capacities && capacities[t] ? capacities[t] : model_kinds[t].capacity;
        r->base = map(mapping_size(r));
        if (!r->base) {
            model_free(m);
            errno = ENOMEM;
            return false;
        }
        r->order = (uint32_t *)(void *)(r->base + (size_t)r->capacity * r->row_size);
        r->free_list = r->order + r->capacity;
        r->dirty_list = r->free_list + r->capacity;
    }
    return true;
}

void model_free(struct model *m)
{
    for (int t = 0; t < MODEL_TABLES; t++)
        if (m->tables[t].base)
            munmap(m->tables[t].base, mapping_size(&m->tables[t]));
    memset(m, 0, sizeof *m);
}

static struct row *row_at(const struct rows *r, uint32_t position)
{
    return (struct row *)(void *)(r->base + (size_t)position * r->row_size);
}

/* The first place in `order` whose row is not below the index; *found: it is that row. */
static uint32_t seek(const struct model *m, enum model_table t, const uint32_t key[3],
                     const uint8_t *address, bool *found)
{
    const struct rows *r = &m->tables[t];
    const struct model_kind *k = &model_kinds[t];
    uint32_t low = 0, high = r->count;
    *found = false;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int c = compare_index(k, (unsigned char *)row_at(r, r->order[middle]), key, address);
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
        *found = *found || c == 0;
    }
    return low;
}

void *model_find(const struct model *m, enum model_table t, const uint32_t key[3],
                 const uint8_t *address)
{
    bool found;
    uint32_t i = seek(m, t, key, address, &found);
    return found ? model_row(m, t, i) : NULL;
}

/* The initial row under an index, at a position; what the store knows of the position stays. */
static struct row *reset(const struct model *m, enum model_table t, uint32_t position,
                         const uint32_t key[3], const uint8_t *address)
{
    const struct model_kind *k = &model_kinds[t];
    struct row *row = row_at(&m->tables[t], position);
    struct row head = {.used = 1, .dirty = row->dirty, .stored = row->stored, .stale = UINT8_MAX};
    memcpy(row, k->initial, k->row_size);
    memcpy(head.key, key, k->keys * sizeof key[0]);
    *row = head;
    if (k->address_offset)
        memcpy((unsigned char *)row + k->address_offset, address, 16);
    return row;
}

/* Fills a free position from the initial row and enters it in `order` at place i. */
static void *fill(struct model *m, enum model_table t, uint32_t position, uint32_t i,
                  const uint32_t key[3], const uint8_t *address)
{
    struct rows *r = &m->tables[t];
    struct row *row = reset(m, t, position, key, address);
    memmove(r->order + i + 1, r->order + i, (r->count - i) * sizeof r->order[0]);
    r->order[i] = position;
    r->count++;
    r->generation++;
    return row;
}

void *model_place(struct model *m, enum model_table t, const uint32_t key[3],
                  const uint8_t *address)
{
    struct rows *r = &m->tables[t];
    bool found;
    uint32_t i = seek(m, t, key, address, &found);
    if (found)
        return model_row(m, t, i);
    if (r->count == r->capacity) {
        r->overflow++;
        return NULL;
    }
    uint32_t position = r->free_count ? r->free_list[--r->free_count] : r->high++;
    return fill(m, t, position, i, key, address);
}

/* Takes a given position out of the free ones. */
static bool claim(struct rows *r, uint32_t position)
{
    if (position >= r->capacity)
        return false;
    while (r->high <= position)
        r->free_list[r->free_count++] = r->high++;
    for (uint32_t i = r->free_count; i-- > 0;) {
        if (r->free_list[i] == position) {
            r->free_list[i] = r->free_list[--r->free_count];
            return true;
        }
    }
    return false;
}

void *model_place_at(struct model *m, enum model_table t, uint32_t position, const uint32_t key[3],
                     const uint8_t *address)
{
    struct rows *r = &m->tables[t];
    bool found;
    uint32_t i = seek(m, t, key, address, &found);
    if (found || !claim(r, position))
        return NULL;
    struct row *row = fill(m, t, position, i, key, address);
    row->stored = 1;
    return row;
}

void model_remove(struct model *m, enum model_table t, void *row)
{
    struct rows *r = &m->tables[t];
    struct row *head = row;
    const struct model_kind *k = &model_kinds[t];
    bool found;
    uint32_t i = seek(m, t, head->key, (const uint8_t *)row + k->address_offset, &found);
    if (!found || !head->used)
        return;
    if (head->stored)
        model_dirty(m, t, row); // so that the checkpoint deletes its record
    head->used = 0;
    r->free_list[r->free_count++] = r->order[i];
    r->count--;
    memmove(r->order + i, r->order + i + 1, (r->count - i) * sizeof r->order[0]);
    r->generation++;
}

void model_remove_nameless(struct model *m, enum model_table t, size_t name_offset)
{
    for (uint32_t i = m->tables[t].count; i-- > 0;) {
        uint8_t *row = model_row(m, t, i);
        if (row[name_offset] == TEXT_ABSENT) /* a text begins with its length */
            model_remove(m, t, row);
    }
}

void model_rekey(struct model *m, enum model_table t, void *row, const uint32_t key[3],
                 const uint8_t *address)
{
    reset(m, t, model_position(m, t, row), key, address);
    m->tables[t].unsorted = true;
    m->tables[t].generation++;
}

/* qsort_r's order of positions: that of their rows. */
struct sorting {
    const struct rows *rows;
    enum model_table table;
};

static int compare_positions(const void *a, const void *b, void *arg)
{
    const struct sorting *s = arg;
    return model_compare(s->table, row_at(s->rows, *(const uint32_t *)a),
                         row_at(s->rows, *(const uint32_t *)b));
}

void model_sort(struct model *m, enum model_table t)
{
    struct rows *r = &m->tables[t];
    struct sorting s = {r, t};
    if (!r->unsorted)
        return;
    qsort_r(r->order, r->count, sizeof r->order[0], compare_positions, &s);
    r->unsorted = false;
    r->generation++;
}

void model_clean(struct model *m, enum model_table t)
{
    struct rows *r = &m->tables[t];
    for (uint32_t i = 0; i < r->dirty_count; i++) {
        struct row *row = row_at(r, r->dirty_list[i]);
        row->dirty = 0;
        row->stored = row->used;
    }
    r->dirty_count = 0;
}
