/*
 * The store's functions (agent/store.h) over an array in memory, so that a restart costs nothing and its records
 * can be damaged: a fuzz entry that includes this has it instead of SQLite.
 */
#ifndef MEMORY_STORE_H
#define MEMORY_STORE_H

#include <string.h>

#include "../../agent/store.h"
#include "fuzz.h"

struct record {
    uint64_t key; /* kind << 32 | slot */
    size_t size;  /* GONE: it is deleted */
    void *data;
};
#define RECORD_GONE SIZE_MAX

struct checkpoint {
    struct record *records;
    size_t count, room;
};

/* Its records in order of key. */
struct store {
    struct checkpoint all;
};

static void records_insert(struct checkpoint *c, size_t at, struct record r)
{
    if (c->count == c->room) {
        c->room = c->room ? c->room * 2 : 64;
        c->records = realloc(c->records, c->room * sizeof r);
        fuzz_check(c->records != NULL);
    }
    memmove(c->records + at + 1, c->records + at, (c->count - at) * sizeof r);
    c->records[at] = r;
    c->count++;
}

static struct record record_of(int kind, uint32_t slot, const void *data, size_t size)
{
    struct record r = {(uint64_t)kind << 32 | slot, size, NULL};
    if (size == RECORD_GONE)
        return r;
    r.data = malloc(size ? size : 1); /* exact, so that a sanitizer sees every read beyond */
    fuzz_check(r.data != NULL);
    memcpy(r.data, data, size);
    return r;
}

/* Where the first record is whose key is not less. */
static size_t records_seek(const struct checkpoint *c, uint64_t key)
{
    size_t low = 0, high = c->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->records[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct checkpoint *checkpoint_new(void)
{
    return calloc(1, sizeof(struct checkpoint));
}

void checkpoint_clear(struct checkpoint *c)
{
    for (size_t i = 0; i < c->count; i++)
        free(c->records[i].data);
    c->count = 0;
}

void checkpoint_free(struct checkpoint *c)
{
    checkpoint_clear(c);
    free(c->records);
    free(c);
}

bool checkpoint_put(struct checkpoint *c, int kind, uint32_t slot, const void *data, size_t size)
{
    records_insert(c, c->count, record_of(kind, slot, data, size));
    return true;
}

bool checkpoint_offer(struct checkpoint *c, int kind, uint32_t slot, const void *data, size_t size)
{
    return checkpoint_put(c, kind, slot, data, size);
}

bool checkpoint_delete(struct checkpoint *c, int kind, uint32_t slot)
{
    records_insert(c, c->count, record_of(kind, slot, NULL, RECORD_GONE));
    return true;
}

static void store_take(struct store *s, struct record r)
{
    struct checkpoint *all = &s->all;
    size_t at = records_seek(all, r.key);
    if (at < all->count && all->records[at].key == r.key) {
        free(all->records[at].data);
        all->count--;
        memmove(all->records + at, all->records + at + 1, (all->count - at) * sizeof r);
    }
    if (r.size != RECORD_GONE)
        records_insert(all, at, record_of((int)(r.key >> 32), (uint32_t)r.key, r.data, r.size));
}

bool store_write(struct store *s, const struct checkpoint *c)
{
    for (size_t i = 0; i < c->count; i++)
        store_take(s, c->records[i]);
    return true;
}

bool store_load(struct store *s, int kind,
                bool (*row)(void *arg, uint32_t slot, const void *data, size_t size), void *arg)
{
    const struct checkpoint *all = &s->all;
    for (size_t i = records_seek(all, (uint64_t)kind << 32);
         i < all->count && all->records[i].key >> 32 == (uint64_t)kind; i++)
        if (!row(arg, (uint32_t)all->records[i].key, all->records[i].data, all->records[i].size))
            return false;
    return true;
}

static void memory_store_free(struct store *s)
{
    checkpoint_clear(&s->all);
    free(s->all.records);
    s->all = (struct checkpoint){0};
}

#endif
