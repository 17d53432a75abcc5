/*
 * The table of messages in flight. Invariant: the index finds exactly the slots in `used`, all of
 * them below `high`.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "message.h"

#define INDEX_START 10 /* log2 of its first size */
#define EVICT_LOOK  16 /* rows among which the oldest is forgotten */
#define ABANDONED_S 86400
#define DONE_S      3600 /* its other results come at once */
#define SMALL_PAGES (1 << 20)

/*
 * Reserves address space; pages come when they are touched: small ones at first, so that little is
 * used at rest, then large ones, so that a busy table does not wait for address translation.
 */
static void *reserve(size_t octets)
{
    unsigned char *p = mmap(NULL, octets, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    if (octets > SMALL_PAGES)
        madvise(p + SMALL_PAGES, octets - SMALL_PAGES, MADV_HUGEPAGE);
    return p;
}

bool messages_init(struct messages *t, uint32_t max, bool persist)
{
    *t = (struct messages){.max = max, .wait_max = max, .persist = persist};
    t->rows = reserve((size_t)max * sizeof *t->rows);
    t->waits = reserve((size_t)max * sizeof *t->waits);
    t->used = calloc(max / 64 + 1, sizeof *t->used);
    t->full = calloc(max / 4096 + 1, sizeof *t->full);
    if (hashindex_init(&t->index, INDEX_START) && t->rows && t->waits && t->used && t->full)
        return true;
    messages_free(t);
    errno = ENOMEM;
    return false;
}

void messages_free(struct messages *t)
{
    if (t->rows)
        munmap(t->rows, (size_t)t->max * sizeof *t->rows);
    if (t->waits)
        munmap(t->waits, (size_t)t->wait_max * sizeof *t->waits);
    hashindex_free(&t->index);
    free(t->used);
    free(t->full);
    free(t->dirty.slots);
    free(t->changed.slots);
    free(t->wait_dirty.slots);
    *t = (struct messages){0};
}

/* A list that cannot grow is our failure: what is stored would no longer explain what is counted. */
static void push(struct slot_list *l, uint32_t slot)
{
    if (l->count == l->room) {
        uint32_t room = l->room ? l->room * 2 : 256;
        uint32_t *slots = realloc(l->slots, room * sizeof *slots);
        if (!slots)
            abort();
        l->slots = slots;
        l->room = room;
    }
    l->slots[l->count++] = slot;
}

struct message *messages_find(const struct messages *t, uint16_t appl, struct queue_id id)
{
    uint32_t cursor = 0;
    uint64_t h = queue_id_hash(id);
    for (int64_t s; (s = hashindex_next(&t->index, h, &cursor)) >= 0;) {
        struct message *m = &t->rows[s];
        if (m->id.lo == id.lo && m->id.hi == id.hi && m->appl == appl)
            return m;
    }
    return NULL;
}

/* The lowest free slot; there is one. */
static uint32_t lowest_free(const struct messages *t)
{
    uint32_t i = 0;
    while (!~t->full[i])
        i++;
    i = i * 64 + (uint32_t)__builtin_ctzll(~t->full[i]);
    return i * 64 + (uint32_t)__builtin_ctzll(~t->used[i]);
}

/* Enters a row that has its id. */
static void enter(struct messages *t, const struct message *m)
{
    uint32_t slot = messages_slot(t, m), word = slot / 64;
    t->used[word] |= (uint64_t)1 << slot % 64;
    if (!~t->used[word])
        t->full[word / 64] |= (uint64_t)1 << word % 64;
    if (slot >= t->high)
        t->high = slot + 1;
    t->count++;
    hashindex_add(&t->index, queue_id_hash(m->id), slot);
}

static void leave(struct messages *t, const struct message *m)
{
    uint32_t slot = messages_slot(t, m), word = slot / 64;
    hashindex_remove(&t->index, queue_id_hash(m->id), slot);
    t->used[word] &= ~((uint64_t)1 << slot % 64);
    t->full[word / 64] &= ~((uint64_t)1 << word % 64);
    t->count--;
}

static void step(struct messages *t)
{
    if (++t->hand >= t->high)
        t->hand = 0;
}

/* The one seen longest ago among the next few: depends on nothing but the bytes read so far. */
static struct message *oldest_of_few(struct messages *t)
{
    struct message *oldest = NULL;
    for (unsigned i = 0; i < EVICT_LOOK; i++) {
        struct message *m = &t->rows[t->hand];
        step(t);
        if (!queue_id_null(m->id) && (!oldest || m->first_seen_s < oldest->first_seen_s))
            oldest = m;
    }
    return oldest;
}

/* How long after its arrival a message may go that nothing ends: it waits, or is done with, or
 * neither. */
static uint32_t kept_for(const struct message *m)
{
    if (m->flags & MESSAGE_HELD)
        return UINT32_MAX;
    if (m->flags & MESSAGE_DONE)
        return DONE_S;
    return m->flags & MESSAGE_QUEUED ? UINT32_MAX : ABANDONED_S;
}

/* Looks at the next row: a transaction that its client broke off leaves one that nothing ends. */
static void sweep(struct messages *t, uint32_t now_s, void (*evict)(void *, struct message *),
                  void *arg)
{
    if (t->high == 0)
        return;
    struct message *m = &t->rows[t->hand];
    step(t);
    if (queue_id_null(m->id) || now_s < m->first_seen_s || now_s - m->first_seen_s < kept_for(m))
        return;
    evict(arg, m);
    messages_remove(t, m);
}

struct message *messages_add(struct messages *t, uint16_t appl, struct queue_id id, uint32_t now_s,
                             void (*evict)(void *arg, struct message *m), void *arg)
{
    sweep(t, now_s, evict, arg);
    if (t->count == t->max) {
        struct message *victim = oldest_of_few(t);
        evict(arg, victim);
        messages_remove(t, victim);
        t->evicted++;
    }
    uint32_t slot = lowest_free(t);
    struct message *m = &t->rows[slot];
    uint16_t kept =
        slot < t->high ? m->flags & (MESSAGE_DIRTY | MESSAGE_STORED | MESSAGE_CHANGED) : 0;
    *m = (struct message){.id = id, .appl = appl, .first_seen_s = now_s, .flags = kept};
    enter(t, m);
    messages_mark(t, m);
    return m;
}

void messages_rename(struct messages *t, struct message *m, struct queue_id id)
{
    hashindex_remove(&t->index, queue_id_hash(m->id), messages_slot(t, m));
    m->id = id;
    hashindex_add(&t->index, queue_id_hash(id), messages_slot(t, m));
    messages_mark(t, m);
}

void messages_remove(struct messages *t, struct message *m)
{
    leave(t, m);
    messages_mark(t, m);
    m->id = (struct queue_id){0, 0};
}

void messages_mark(struct messages *t, struct message *m)
{
    if (!t->persist)
        return;
    if (!(m->flags & MESSAGE_DIRTY))
        push(&t->dirty, messages_slot(t, m));
    if (!(m->flags & MESSAGE_CHANGED))
        push(&t->changed, messages_slot(t, m));
    m->flags |= MESSAGE_DIRTY | MESSAGE_CHANGED;
}

struct wait *messages_wait(struct messages *t)
{
    uint32_t slot, kept = 0;
    if (t->wait_free) {
        slot = t->wait_free - 1;
        t->wait_free = t->waits[slot].chain;
        kept = t->waits[slot].flags & (MESSAGE_DIRTY | MESSAGE_STORED);
    } else if (t->wait_high < t->wait_max) {
        slot = t->wait_high++;
    } else {
        return NULL;
    }
    struct wait *w = &t->waits[slot];
    *w = (struct wait){.flags = kept | 1};
    t->wait_count++;
    messages_mark_wait(t, w);
    return w;
}

void messages_unwait(struct messages *t, struct wait *w)
{
    messages_mark_wait(t, w);
    w->flags &= ~1u;
    w->chain = t->wait_free;
    t->wait_free = (uint32_t)(w - t->waits) + 1;
    t->wait_count--;
}

void messages_mark_wait(struct messages *t, struct wait *w)
{
    if (t->persist && !(w->flags & MESSAGE_DIRTY)) {
        push(&t->wait_dirty, (uint32_t)(w - t->waits));
        w->flags |= MESSAGE_DIRTY;
    }
}

bool messages_restore(struct messages *t, uint32_t slot, const struct message *m)
{
    if (slot >= t->max) {
        if (t->persist)
            push(&t->dirty, slot);
        return true;
    }
    if (queue_id_null(m->id) || !queue_id_null(t->rows[slot].id) ||
        messages_find(t, m->appl, m->id))
        return false;
    t->rows[slot] = *m;
    t->rows[slot].flags &= (uint16_t) ~(MESSAGE_DIRTY | MESSAGE_CHANGED);
    t->rows[slot].flags |= MESSAGE_STORED;
    t->rows[slot].first_wait = 0;
    enter(t, &t->rows[slot]);
    return true;
}

bool messages_restore_wait(struct messages *t, uint32_t slot, const struct wait *w, bool fits)
{
    if (slot >= t->wait_max) {
        if (t->persist)
            push(&t->wait_dirty, slot);
        return true;
    }
    if (t->waits[slot].flags & 1)
        return false;
    if (slot >= t->wait_high)
        t->wait_high = slot + 1;
    t->waits[slot] = *w;
    t->waits[slot].flags = MESSAGE_STORED | (w->flags & WAIT_TRIED);
    if (!fits || w->message >= t->high || queue_id_null(t->rows[w->message].id)) {
        messages_mark_wait(t, &t->waits[slot]);
        return true;
    }
    struct message *m = &t->rows[w->message];
    t->waits[slot].flags |= 1;
    t->waits[slot].chain = m->first_wait;
    m->first_wait = slot + 1;
    t->wait_count++;
    return true;
}

void messages_restored(struct messages *t, uint32_t high)
{
    if (high > t->high)
        t->high = high < t->max ? high : t->max;
    t->wait_free = 0;
    for (uint32_t s = t->wait_high; s-- > 0;) {
        if (!(t->waits[s].flags & 1)) {
            t->waits[s].chain = t->wait_free;
            t->wait_free = s + 1;
        }
    }
}

size_t messages_memory(const struct messages *t)
{
    return (size_t)t->high * sizeof *t->rows + (size_t)t->wait_high * sizeof *t->waits +
           ((size_t)t->index.mask + 1) * sizeof *t->index.entries +
           ((size_t)t->dirty.room + t->changed.room + t->wait_dirty.room) * sizeof(uint32_t);
}
