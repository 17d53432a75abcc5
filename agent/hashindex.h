/*
 * An open-addressing index from hashes to positions in somebody's array: entries are 32 bits of hash
 * and a position, so that growing it and closing gaps touch no row. The caller compares rows; equal
 * hashes are therefore harmless. At most a quarter full: how far a search goes beyond its first entry cannot be
 * predicted, so it shall seldom have to.
 */
#ifndef HASHINDEX_H
#define HASHINDEX_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct hashindex {
    uint64_t *entries; /* hash bits << 32 | position + 1; 0: empty */
    uint32_t mask, count;
};

/* Written at once: a page that is read before it is written, as a search does, is mapped twice. */
static inline uint64_t *hashindex_empty(size_t entries)
{
    uint64_t *e =
        aligned_alloc(sizeof *e, entries * sizeof *e); /* of malloc gcc would make a calloc */
    return e ? memset(e, 0, entries * sizeof *e) : NULL;
}

static inline bool hashindex_init(struct hashindex *x, uint32_t size_log2)
{
    *x = (struct hashindex){hashindex_empty((size_t)1 << size_log2), ((uint32_t)1 << size_log2) - 1,
                            0};
    return x->entries != NULL;
}

static inline void hashindex_free(struct hashindex *x)
{
    free(x->entries);
    *x = (struct hashindex){0};
}

/* Where a search for this hash begins, to be fetched ahead. */
static inline const void *hashindex_home(const struct hashindex *x, uint64_t hash)
{
    return &x->entries[(uint32_t)(hash >> 32) & x->mask];
}

/*
 * The position that most likely has this hash: what is at the search's beginning, or behind it if that is another's;
 * 0 if nothing is. Good enough to fetch a row ahead, where a wrong guess costs nothing and a loop would.
 */
static inline uint32_t hashindex_guess(const struct hashindex *x, uint64_t hash)
{
    uint32_t bits = (uint32_t)(hash >> 32);
    uint64_t first = x->entries[bits & x->mask], second = x->entries[(bits + 1) & x->mask];
    uint32_t position = (uint32_t)((uint32_t)(first >> 32) == bits ? first : second);
    return position - (position != 0);
}

/* Starts or goes on with the positions that may have this hash: *cursor starts at 0. -1: no more. */
static inline int64_t hashindex_next(const struct hashindex *x, uint64_t hash, uint32_t *cursor)
{
    uint32_t bits = (uint32_t)(hash >> 32);
    for (;;) {
        uint64_t e = x->entries[(bits + *cursor) & x->mask];
        if (!e)
            return -1;
        ++*cursor;
        if ((uint32_t)(e >> 32) == bits)
            return (int64_t)(uint32_t)e - 1;
    }
}

static inline void hashindex_put(struct hashindex *x, uint64_t entry)
{
    uint32_t i = (uint32_t)(entry >> 32) & x->mask;
    while (x->entries[i])
        i = (i + 1) & x->mask;
    x->entries[i] = entry;
}

/* Adds a position. Memory that cannot be had is our failure. */
static inline void hashindex_add(struct hashindex *x, uint64_t hash, uint32_t position)
{
    if (x->count > x->mask / 4) {
        struct hashindex old = *x;
        x->mask = old.mask * 2 + 1;
        x->entries = hashindex_empty((size_t)x->mask + 1);
        if (!x->entries)
            abort();
        for (uint32_t i = 0; i <= old.mask; i++)
            if (old.entries[i])
                hashindex_put(x, old.entries[i]);
        free(old.entries);
    }
    hashindex_put(x, (hash & 0xffffffff00000000u) | (position + 1));
    x->count++;
}

/* Takes a position out and closes the gap. */
static inline void hashindex_remove(struct hashindex *x, uint64_t hash, uint32_t position)
{
    uint64_t entry = (hash & 0xffffffff00000000u) | (position + 1);
    uint32_t hole = (uint32_t)(hash >> 32) & x->mask;
    while (x->entries[hole] != entry) {
        if (!x->entries[hole])
            return;
        hole = (hole + 1) & x->mask;
    }
    for (uint32_t i = (hole + 1) & x->mask; x->entries[i]; i = (i + 1) & x->mask) {
        uint32_t home = (uint32_t)(x->entries[i] >> 32) & x->mask;
        if (((i - home) & x->mask) >= ((i - hole) & x->mask)) {
            x->entries[hole] = x->entries[i];
            hole = i;
        }
    }
    x->entries[hole] = 0;
    x->count--;
}

#endif
