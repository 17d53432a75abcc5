/*
 * The index resolves collisions by linear probing and closes the gap when a file is removed, so
 * there are no tombstones and no cleaning. Invariant: from a file's home slot to its slot no slot
 * is empty. A slot's six bits of the hash spare nearly every look at a file that is not the one
 * sought.
 */
#include "mailq_map.h"

#include <sys/mman.h>
#include <sys/random.h>

#define POSITION_BITS 26
#define POSITION_MASK ((1u << POSITION_BITS) - 1)
#define SLOTS_MIN     64
#define ROOM_MIN      64
#define LARGE         (2 << 20)
#define AHEAD         32 /* files hashed before the first of them is entered */

/* Large arrays have whole large pages: then the kernel lays them so that all of it can be in such. */
static size_t whole(size_t octets)
{
    return octets < LARGE ? octets : (octets + LARGE - 1) / LARGE * LARGE;
}

/* Zeroed memory, of which only the pages that are used exist; large arrays in large pages, as the
   index is visited at random. NULL when address space is short. */
static void *map_array(size_t octets)
{
    void *p = mmap(NULL, whole(octets), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    if (octets >= LARGE)
        madvise(p, whole(octets), MADV_HUGEPAGE);
    return p;
}

static void free_array(void *p, size_t octets)
{
    if (p)
        munmap(p, whole(octets));
}

/* It moves to where a new one would be; one that becomes large is copied, so that all of it is in large pages. */
static void *resize_array(void *p, size_t octets, size_t wanted, size_t used)
{
    void *to = map_array(wanted);
    if (!to)
        return NULL;
    if (octets < LARGE && wanted >= LARGE) {
        memcpy(to, p, used);
        free_array(p, octets);
        return to;
    }
    if (mremap(p, whole(octets), whole(wanted), MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED) {
        free_array(to, wanted);
        return NULL;
    }
    if (wanted >= LARGE)
        madvise(to, whole(wanted), MADV_HUGEPAGE);
    return to;
}

bool mailq_map_init(struct mailq_map *m)
{
    *m = (struct mailq_map){.room = ROOM_MIN, .slot_count = SLOTS_MIN};
    m->files = map_array(ROOM_MIN * sizeof *m->files);
    m->learnt = map_array(ROOM_MIN * sizeof *m->learnt);
    m->slots = map_array(SLOTS_MIN * sizeof *m->slots);
    if (getrandom(&m->seed, sizeof m->seed, GRND_NONBLOCK) != sizeof m->seed)
        m->seed = (uintptr_t)m->files;
    if (m->files && m->learnt && m->slots)
        return true;
    mailq_map_free(m);
    return false;
}

void mailq_map_free(struct mailq_map *m)
{
    free_array(m->files, m->room * sizeof *m->files);
    free_array(m->learnt, m->room * sizeof *m->learnt);
    free_array(m->slots, m->slot_count * sizeof *m->slots);
    *m = (struct mailq_map){0};
}

static uint32_t home(const struct mailq_map *m, uint64_t hash)
{
    return (uint32_t)(((hash >> 32) * m->slot_count) >> 32);
}

static uint32_t next(const struct mailq_map *m, uint32_t slot)
{
    return slot + 1 == m->slot_count ? 0 : slot + 1;
}

static uint32_t slot_value(uint64_t hash, uint32_t position)
{
    return (uint32_t)hash << POSITION_BITS | (position + 1);
}

/* The slot that holds this id or, found false, the empty one where it belongs. */
static uint32_t seek(const struct mailq_map *m, struct queue_id id, uint64_t hash, bool *found)
{
    uint32_t s = home(m, hash), tag = slot_value(hash, 0) >> POSITION_BITS;
    for (; m->slots[s]; s = next(m, s)) {
        if (m->slots[s] >> POSITION_BITS != tag)
            continue;
        const struct mailq_file *f = &m->files[(m->slots[s] & POSITION_MASK) - 1];
        *found = f->id.lo == id.lo && f->id.hi == id.hi;
        if (*found)
            return s;
    }
    *found = false;
    return s;
}

/* Slots for so many files at a load of 8/13. */
static uint32_t slots_for(size_t files)
{
    size_t n = files + files / 2 + files / 8 + 1;
    return n < SLOTS_MIN ? SLOTS_MIN : (uint32_t)n;
}

/* Another index with room for so many files, empty. */
static bool renew_slots(struct mailq_map *m, size_t files)
{
    uint32_t slot_count = slots_for(files);
    uint32_t *slots = map_array(slot_count * sizeof *slots);
    if (!slots)
        return false;
    madvise(slots, slot_count * sizeof *slots, MADV_POPULATE_WRITE); /* all of it is visited soon */
    free_array(m->slots, m->slot_count * sizeof *m->slots);
    m->slots = slots;
    m->slot_count = slot_count;
    return true;
}

bool mailq_map_index(struct mailq_map *m)
{
    return renew_slots(m, m->count);
}

uint32_t mailq_map_enter(struct mailq_map *m, uint32_t position, struct mailq_file **before)
{
    uint64_t hash[AHEAD];
    bool found;
    while (position < m->count) {
        const struct mailq_file *f = &m->files[position];
        uint32_t n = m->count - position < AHEAD ? m->count - position : AHEAD;
        for (uint32_t i = 0; i < n; i++) {
            __builtin_prefetch(&f[i + 2 * AHEAD]);
            hash[i] = mailq_map_hash(m, f[i].id);
            mailq_map_prefetch(m, hash[i]);
        }
        for (uint32_t i = 0; i < n; i++, position++) {
            uint32_t s = seek(m, f[i].id, hash[i], &found);
            if (found) {
                *before = &m->files[(m->slots[s] & POSITION_MASK) - 1];
                return position;
            }
            m->slots[s] = slot_value(hash[i], position);
        }
    }
    return position;
}

/* An index with room for so many files, and all there are. */
static bool rebuild(struct mailq_map *m, size_t files)
{
    struct mailq_file *before;
    return renew_slots(m, files) && mailq_map_enter(m, 0, &before) == m->count;
}

/* Makes room for so many files, at least those there are. */
static bool resize_files(struct mailq_map *m, size_t room)
{
    struct mailq_file *files = resize_array(m->files, m->room * sizeof *files, room * sizeof *files,
                                            m->count * sizeof *files);
    if (!files)
        return false;
    m->files = files;
    struct mailq_learnt *learnt = resize_array(m->learnt, m->room * sizeof *learnt,
                                               room * sizeof *learnt, m->count * sizeof *learnt);
    if (!learnt) { /* only to be larger */
        mremap(files, whole(room * sizeof *files), whole(m->room * sizeof *files), 0);
        return false;
    }
    m->learnt = learnt;
    m->room = (uint32_t)room;
    return true;
}

bool mailq_map_reserve(struct mailq_map *m, size_t files)
{
    if (files > MAILQ_MAP_MAX)
        files = MAILQ_MAP_MAX;
    return files <= m->room || resize_files(m, files);
}

static bool grow(struct mailq_map *m)
{
    size_t files = (size_t)m->count + m->count / 2;
    return m->count < MAILQ_MAP_MAX && (m->count < m->room || mailq_map_reserve(m, files)) &&
           (slots_for(files) <= m->slot_count || rebuild(m, files));
}

bool mailq_map_more(struct mailq_map *m)
{
    return m->count < MAILQ_MAP_MAX && mailq_map_reserve(m, (size_t)m->room * 2);
}

void mailq_map_trim(struct mailq_map *m)
{
    size_t files = m->count < ROOM_MIN ? ROOM_MIN : m->count;
    if (m->room > files + files / 2)
        resize_files(m, files);
    if (m->slot_count / 2 > slots_for(files))
        rebuild(m, files);
}

void mailq_map_cut(struct mailq_map *m, uint32_t position)
{
    uint32_t last = --m->count;
    m->files[position] = m->files[last];
    m->learnt[position] = m->learnt[last];
    m->learnt[last] = (struct mailq_learnt){0, 0, 0};
}

void mailq_map_prefetch_file(const struct mailq_map *m, uint64_t hash)
{
    uint32_t tag = slot_value(hash, 0) >> POSITION_BITS;
    for (uint32_t s = home(m, hash); m->slots[s]; s = next(m, s)) {
        uint32_t position = (m->slots[s] & POSITION_MASK) - 1;
        if (m->slots[s] >> POSITION_BITS != tag)
            continue;
        __builtin_prefetch(&m->files[position], 1);
        __builtin_prefetch(&m->learnt[position], 1);
        return;
    }
}

struct mailq_file *mailq_map_find(const struct mailq_map *m, struct queue_id id, uint64_t hash)
{
    bool found;
    uint32_t s = seek(m, id, hash, &found);
    return found ? &m->files[(m->slots[s] & POSITION_MASK) - 1] : NULL;
}

struct mailq_file *mailq_map_place(struct mailq_map *m, struct queue_id id, uint64_t hash,
                                   bool *fresh)
{
    bool found;
    uint32_t s = seek(m, id, hash, &found);
    *fresh = !found;
    if (found)
        return &m->files[(m->slots[s] & POSITION_MASK) - 1];
    bool full = m->count == m->room || m->count + 1 > m->slot_count - m->slot_count / 5;
    if (full) {
        if (!grow(m))
            return NULL;
        s = seek(m, id, hash, &found);
    }
    m->slots[s] = slot_value(hash, m->count);
    struct mailq_file *f = &m->files[m->count++];
    *f = (struct mailq_file){.id = id};
    return f;
}

/* The slot that points at this position. */
static uint32_t slot_of(const struct mailq_map *m, uint32_t position)
{
    uint64_t hash = mailq_map_hash(m, m->files[position].id);
    uint32_t s = home(m, hash);
    while (m->slots[s] != slot_value(hash, position))
        s = next(m, s);
    return s;
}

/* Empties a slot and moves those after it back that may. */
static void close_gap(struct mailq_map *m, uint32_t gap)
{
    for (uint32_t s = next(m, gap); m->slots[s]; s = next(m, s)) {
        uint32_t position = (m->slots[s] & POSITION_MASK) - 1;
        uint32_t h = home(m, mailq_map_hash(m, m->files[position].id));
        /* It may move to the gap unless its home lies behind the gap (cyclically in (gap, s]). */
        bool stays = gap < s ? gap < h && h <= s : gap < h || h <= s;
        if (stays)
            continue;
        m->slots[gap] = m->slots[s];
        gap = s;
    }
    m->slots[gap] = 0;
}

void mailq_map_remove(struct mailq_map *m, struct mailq_file *file)
{
    uint32_t position = (uint32_t)(file - m->files), last = m->count - 1;
    close_gap(m, slot_of(m, position));
    if (position != last) {
        uint32_t s = slot_of(m, last);
        m->slots[s] = (m->slots[s] & ~POSITION_MASK) | (position + 1);
    }
    mailq_map_cut(m, position);
}

size_t mailq_map_memory(const struct mailq_map *m)
{
    return m->count * (sizeof *m->files + sizeof *m->learnt) + m->slot_count * sizeof *m->slots;
}
