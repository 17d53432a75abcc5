/*
 * The name -> index map: records in the order they were given, a hash table over them, and one
 * counter per scope. The record's place in the list is its name in the store, so a record is never
 * removed. Invariant: a scope's counter is at least as high as every number ever given in it, or
 * reserved.
 */
#include "names.h"

#include <stdlib.h>

#define INDEX_MAX 2147483647u /* Integer32 (1..2147483647) */
#define RESERVE   1024u

/* The numbers of one scope, for names and for names_next alike. */
struct counter {
    uint32_t scope, within;
    uint32_t last;   /* the last number given */
    uint32_t named;  /* the last one given to a name */
    uint32_t record; /* 1 + the record that keeps the reserved high-water mark, or 0 */
    bool changed;    /* that record was rewritten and not yet kept */
};

struct names {
    struct name_record *records;
    uint32_t count, room, kept;
    uint32_t *table; /* 1 + record, or 0; a power of two, at most half full */
    uint32_t table_size;
    struct counter *counters;
    uint32_t counter_count, counter_room, changed;
    uint64_t seed;
};

struct names *names_new(void)
{
    struct names *n = calloc(1, sizeof *n);
    if (n)
        n->seed = (uint64_t)(uintptr_t)n * 0x9e3779b97f4a7c15u;
    return n;
}

void names_free(struct names *n)
{
    if (!n)
        return;
    free(n->records);
    free(n->table);
    free(n->counters);
    free(n);
}

static uint64_t hash(const struct names *n, const struct name_record *r)
{
    return slice_hash(TEXT_GET(r->name), n->seed ^ ((uint64_t)r->scope << 32 | r->within));
}

static bool same(const struct name_record *a, const struct name_record *b)
{
    return a->scope == b->scope && a->within == b->within &&
           slice_eq(TEXT_GET(a->name), TEXT_GET(b->name));
}

/* The cell of the table with this record, or the free one where it belongs. */
static uint32_t *cell(const struct names *n, const struct name_record *r)
{
    uint32_t mask = n->table_size - 1;
    uint32_t at = (uint32_t)hash(n, r) & mask;
    while (n->table[at] && !same(&n->records[n->table[at] - 1], r))
        at = (at + 1) & mask;
    return &n->table[at];
}

static const struct name_record *lookup(const struct names *n, const struct name_record *r)
{
    uint32_t found = n->table_size ? *cell(n, r) : 0;
    return found ? &n->records[found - 1] : NULL;
}

static bool grow_table(struct names *n)
{
    uint32_t *old = n->table;
    uint32_t size = n->table_size ? n->table_size * 2 : 256;
    uint32_t *table = calloc(size, sizeof *table);
    if (!table)
        return false;
    n->table = table;
    n->table_size = size;
    for (uint32_t i = 0; i < n->count; i++)
        *cell(n, &n->records[i]) = i + 1;
    free(old);
    return true;
}

/* Makes room for one more element of a list. */
static bool grow(void **list, uint32_t count, uint32_t *room, size_t size)
{
    if (count < *room)
        return true;
    uint32_t more = *room ? *room * 2 : 16;
    void *p = more > *room ? reallocarray(*list, more, size) : NULL;
    if (!p)
        return false;
    *list = p;
    *room = more;
    return true;
}

/* Adds a record that is not there yet. */
static bool add(struct names *n, const struct name_record *r)
{
    void *list = n->records;
    bool ok = grow(&list, n->count, &n->room, sizeof *r);
    n->records = list;
    if (!ok || (n->count >= n->table_size / 2 && !grow_table(n)))
        return false;
    *cell(n, r) = n->count + 1;
    n->records[n->count++] = *r;
    return true;
}

/* The counter of a scope, made at its first use. There are a few hundred at most. */
static struct counter *counter(struct names *n, uint32_t scope, uint32_t within)
{
    for (uint32_t i = n->counter_count; i-- > 0;)
        if (n->counters[i].scope == scope && n->counters[i].within == within)
            return &n->counters[i];
    void *list = n->counters;
    bool ok = grow(&list, n->counter_count, &n->counter_room, sizeof *n->counters);
    n->counters = list;
    if (!ok)
        return NULL;
    n->counters[n->counter_count] = (struct counter){.scope = scope, .within = within};
    return &n->counters[n->counter_count++];
}

uint32_t names_index(struct names *n, enum model_table scope, uint32_t within, struct slice name)
{
    struct name_record r = {.scope = scope, .within = within};
    if (name.n == 0)
        return 0;
    TEXT_SET(r.name, name);
    const struct name_record *known = lookup(n, &r);
    if (known)
        return known->index;
    struct counter *c = counter(n, scope, within);
    if (!c || c->last >= INDEX_MAX)
        return 0;
    r.index = c->last + 1;
    if (!add(n, &r))
        return 0;
    c->last = c->named = r.index;
    return r.index;
}

void *names_place(struct names *n, struct model *m, enum model_table t, struct slice name)
{
    struct name_record r = {.scope = t};
    struct rows *rows = &m->tables[t];
    TEXT_SET(r.name, name);
    if (rows->count == rows->capacity && !lookup(n, &r)) {
        rows->overflow++;
        return NULL;
    }
    uint32_t key[3] = {names_index(n, t, 0, name), 0, 0};
    return key[0] ? model_place(m, t, key, NULL) : NULL;
}

/* Raises the high-water mark in the record that the store keeps. */
static bool reserve(struct names *n, struct counter *c, uint32_t number)
{
    uint32_t mark = number > INDEX_MAX - RESERVE ? INDEX_MAX : number + RESERVE - 1;
    if (!c->record) {
        struct name_record r = {.scope = c->scope, .within = c->within, .index = mark};
        if (!add(n, &r))
            return false;
        c->record = n->count;
        return true;
    }
    n->records[c->record - 1].index = mark;
    if (!c->changed && c->record <= n->kept) {
        c->changed = true;
        n->changed++;
    }
    return true;
}

uint32_t names_next(struct names *n, enum model_table scope, uint32_t within)
{
    struct counter *c = counter(n, scope, within);
    if (!c)
        return 0;
    // 1,000 connections a second use all numbers up in 24 days: begin again
    bool wrapped = c->last >= INDEX_MAX;
    uint32_t number = wrapped ? 1 : c->last + 1;
    if (!c->record || wrapped || number > n->records[c->record - 1].index)
        if (!reserve(n, c, number))
            return 0;
    c->last = number;
    return number;
}

uint32_t names_count(const struct names *n)
{
    return n->count;
}

const struct name_record *names_record(const struct names *n, uint32_t i)
{
    return i < n->count ? &n->records[i] : NULL;
}

bool names_changed(struct names *n, uint32_t *i)
{
    if (n->kept < n->count) {
        *i = n->kept++;
        return true;
    }
    for (uint32_t k = 0; n->changed && k < n->counter_count; k++) {
        if (!n->counters[k].changed)
            continue;
        n->counters[k].changed = false;
        n->changed--;
        *i = n->counters[k].record - 1;
        return true;
    }
    return false;
}

bool names_restore(struct names *n, const struct name_record *r)
{
    bool is_counter = r->name.length == 0;
    if (r->scope >= MODEL_TABLES || r->index == 0 || r->index > INDEX_MAX ||
        r->name.length == TEXT_ABSENT || n->kept != n->count || lookup(n, r))
        return false;
    struct counter *c = counter(n, r->scope, r->within);
    // numbers were given in rising order, so one that does not rise was given twice
    if (!c || (!is_counter && r->index <= c->named) || !add(n, r))
        return false;
    n->kept = n->count;
    if (is_counter)
        c->record = n->count;
    else
        c->named = r->index;
    if (r->index > c->last)
        c->last = r->index;
    return true;
}
