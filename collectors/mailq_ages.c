/*
 * Owns the rings' memory: 5 MiB of address space each, of which only pages in use exist; pages that
 * became empty are given back when the ring moves on to a new page. Nearly all seconds count less than 256
 * messages: an octet each, as a first scan pays for each page it touches. Invariant: a second is counted
 * in exactly one of older, counts with carries, and ahead, and in exactly one bucket.
 */
#include "mailq_ages.h"

#include <sys/mman.h>

#define CARRY       256 /* what a carry counts for */
#define RING_BYTES  (MAILQ_RING_SECONDS * (sizeof(uint8_t) + sizeof(uint32_t)))
#define PAGE_BYTES  (MAILQ_RING_PAGE * sizeof(uint8_t))
#define CARRY_BYTES (MAILQ_RING_PAGE * sizeof(uint32_t))
#define LIMITED     (AGE_BUCKETS - 1) /* buckets that have a limit: 300 s, and double each time */

static size_t place(int64_t second)
{
    return (size_t)second & (MAILQ_RING_SECONDS - 1);
}

static int64_t base_at(int64_t now)
{
    return now + MAILQ_RING_AHEAD - MAILQ_RING_SECONDS;
}

static uint64_t count_at(const struct mailq_ring *r, size_t i)
{
    return r->counts[i] + (r->carried[i / MAILQ_RING_PAGE] ? (uint64_t)r->carries[i] * CARRY : 0);
}

bool mailq_ring_init(struct mailq_ring *r, int64_t now)
{
    *r = (struct mailq_ring){0};
    void *p = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return false;
    madvise(p, RING_BYTES, MADV_NOHUGEPAGE); /* a few pages here and there */
    r->carries = p;
    r->counts = (uint8_t *)(r->carries + MAILQ_RING_SECONDS);
    mailq_ring_reset(r, now);
    return true;
}

void mailq_ring_free(struct mailq_ring *r)
{
    if (r->counts)
        munmap(r->carries, RING_BYTES);
    *r = (struct mailq_ring){0};
}

/* Gives pages back that count nothing. */
static void trim(struct mailq_ring *r)
{
    for (size_t i = 0; i < MAILQ_RING_PAGES; i++) {
        if (r->pages[i])
            continue;
        if (r->touched[i])
            madvise(r->counts + i * MAILQ_RING_PAGE, PAGE_BYTES, MADV_DONTNEED);
        if (r->carried[i])
            madvise(r->carries + i * MAILQ_RING_PAGE, CARRY_BYTES, MADV_DONTNEED);
        r->touched[i] = r->carried[i] = false;
    }
}

void mailq_ring_reset(struct mailq_ring *r, int64_t now)
{
    memset(r->pages, 0, sizeof r->pages);
    trim(r);
    r->base = base_at(now);
    r->first = r->base + MAILQ_RING_SECONDS;
    r->older = r->ahead = 0;
    r->ahead_first = INT64_MAX;
}

void mailq_ring_add(struct mailq_ring *r, int64_t second)
{
    if (second < r->base) {
        r->older++;
        return;
    }
    if (second >= r->base + MAILQ_RING_SECONDS) {
        r->ahead++;
        if (second < r->ahead_first)
            r->ahead_first = second;
        return;
    }
    size_t i = place(second), page = i / MAILQ_RING_PAGE;
    r->pages[page]++;
    r->touched[page] = true;
    if (++r->counts[i] == 0) {
        r->carries[i]++;
        r->carried[page] = true;
    }
    if (second < r->first)
        r->first = second;
}

void mailq_ring_remove(struct mailq_ring *r, int64_t second)
{
    if (second < r->base) {
        r->older--;
    } else if (second >= r->base + MAILQ_RING_SECONDS) {
        r->ahead--;
    } else {
        size_t i = place(second);
        r->pages[i / MAILQ_RING_PAGE]--;
        if (r->counts[i]-- == 0)
            r->carries[i]--;
    }
}

bool mailq_ring_advance(struct mailq_ring *r, int64_t now)
{
    int64_t base = base_at(now), before = r->base;
    if (base < before || base - before >= MAILQ_RING_SECONDS)
        return false;
    if (r->ahead && base + MAILQ_RING_SECONDS > r->ahead_first)
        return false;
    for (; r->base < base; r->base++) {
        size_t i = place(r->base);
        /* The second that leaves and the one that enters share this place. */
        uint64_t n = count_at(r, i);
        if (n == 0)
            continue;
        r->older += n;
        r->pages[i / MAILQ_RING_PAGE] -= (uint32_t)n;
        r->counts[i] = 0;
        if (n >= CARRY)
            r->carries[i] = 0;
    }
    if (r->first < base)
        r->first = base;
    if (base / MAILQ_RING_PAGE != before / MAILQ_RING_PAGE)
        trim(r);
    return true;
}

bool mailq_ring_first(struct mailq_ring *r, int64_t *second)
{
    int64_t end = r->base + MAILQ_RING_SECONDS;
    while (r->first < end) {
        size_t i = place(r->first);
        if (!r->pages[i / MAILQ_RING_PAGE])
            r->first += MAILQ_RING_PAGE - (int64_t)(i % MAILQ_RING_PAGE);
        else if (!count_at(r, i))
            r->first++;
        else
            break;
    }
    if (r->first > end)
        r->first = end;
    *second = r->first;
    return r->first < end;
}

size_t mailq_ring_memory(const struct mailq_ring *r)
{
    size_t octets = sizeof *r;
    for (size_t i = 0; i < MAILQ_RING_PAGES; i++)
        octets += r->touched[i] * PAGE_BYTES + r->carried[i] * CARRY_BYTES;
    return octets;
}

static int64_t limit(size_t bucket)
{
    return (int64_t)300 << bucket;
}

static size_t bucket_of(int64_t age)
{
    if (age < limit(0))
        return 0;
    size_t b = 64 - (size_t)__builtin_clzll((uint64_t)age / 300);
    return b < LIMITED ? b : LIMITED;
}

bool mailq_ages_init(struct mailq_ages *a, int64_t now)
{
    *a = (struct mailq_ages){.now = now};
    return mailq_ring_init(&a->ring, now);
}

void mailq_ages_free(struct mailq_ages *a)
{
    mailq_ring_free(&a->ring);
}

void mailq_ages_reset(struct mailq_ages *a, int64_t now)
{
    mailq_ring_reset(&a->ring, now);
    memset(a->buckets, 0, sizeof a->buckets);
    a->now = now;
}

void mailq_ages_add(struct mailq_ages *a, int64_t arrival)
{
    a->buckets[bucket_of(a->now - arrival)]++;
    mailq_ring_add(&a->ring, arrival);
}

void mailq_ages_remove(struct mailq_ages *a, int64_t arrival)
{
    a->buckets[bucket_of(a->now - arrival)]--;
    mailq_ring_remove(&a->ring, arrival);
}

/* Moves to the next bucket what reaches a limit between a->now and now. */
static void move_border(struct mailq_ages *a, size_t bucket, int64_t now)
{
    int64_t last = now - limit(bucket), end = a->ring.base + MAILQ_RING_SECONDS;
    for (int64_t s = a->now - limit(bucket) + 1; s <= last && s < end; s++) {
        uint64_t n = count_at(&a->ring, place(s));
        a->buckets[bucket] -= n;
        a->buckets[bucket + 1] += n;
    }
}

bool mailq_ages_advance(struct mailq_ages *a, int64_t now)
{
    /* Every border stays within the ring. */
    if (now < a->now || now - a->now > MAILQ_RING_SECONDS / 2)
        return false;
    for (size_t b = LIMITED; b-- > 0;)
        move_border(a, b, now);
    a->now = now;
    return mailq_ring_advance(&a->ring, now);
}
