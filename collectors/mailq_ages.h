/*
 * How many messages are how old, to the second, without looking at each: a ring counts the messages
 * of each second of the last twelve days (what is older or lies ahead is only counted), and the
 * borders of the age buckets move over it as time passes. A refresh costs the seconds passed, not
 * the messages.
 */
#ifndef MAILQ_AGES_H
#define MAILQ_AGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "../agent/model.h"

#define MAILQ_RING_SECONDS (1 << 20)
#define MAILQ_RING_AHEAD   4096 /* of them lie in the future: clocks differ */
#define MAILQ_RING_PAGE    4096 /* seconds that share a page of memory */
#define MAILQ_RING_PAGES   (MAILQ_RING_SECONDS / MAILQ_RING_PAGE)

/* Counts by second for base <= second < base + MAILQ_RING_SECONDS. */
struct mailq_ring {
    uint8_t *counts;                  /* mapped whole, touched where used */
    uint32_t *carries;                /* 256s of a count: mapped and touched like counts */
    uint32_t pages[MAILQ_RING_PAGES]; /* sums of a page's counts */
    bool touched[MAILQ_RING_PAGES], carried[MAILQ_RING_PAGES]; /* pages of counts, of carries */
    int64_t base;
    uint64_t older, ahead; /* how many lie before and after the ring */
    int64_t ahead_first;   /* the first of those ahead */
    int64_t first;         /* no second before this one has a count */
};

/* now: seconds since the epoch. false with errno when address space is short. */
bool mailq_ring_init(struct mailq_ring *r, int64_t now);
void mailq_ring_free(struct mailq_ring *r);
/* Forgets all counts. */
void mailq_ring_reset(struct mailq_ring *r, int64_t now);
void mailq_ring_add(struct mailq_ring *r, int64_t second);
/* Only what was added. */
void mailq_ring_remove(struct mailq_ring *r, int64_t second);
/*
 * Moves to a later now. false when that cannot be done (the clock was set back or far ahead, or one
 * that lay ahead would come into the ring): reset it and add all again.
 */
bool mailq_ring_advance(struct mailq_ring *r, int64_t now);
/* The first second that has a count; false if none in the ring, although some may be older or
 * ahead. */
bool mailq_ring_first(struct mailq_ring *r, int64_t *second);
/* Brings a second's count near. */
static inline void mailq_ring_prefetch(const struct mailq_ring *r, int64_t second)
{
    __builtin_prefetch(&r->counts[second & (MAILQ_RING_SECONDS - 1)], 1);
}
/* Octets of memory touched. */
size_t mailq_ring_memory(const struct mailq_ring *r);

struct mailq_ages {
    struct mailq_ring ring;
    int64_t now;
    uint64_t buckets[AGE_BUCKETS]; /* each message once: younger than its limit, not than the one
                                      before */
};

/* As their mailq_ring_ counterparts. */
bool mailq_ages_init(struct mailq_ages *a, int64_t now);
void mailq_ages_free(struct mailq_ages *a);
void mailq_ages_reset(struct mailq_ages *a, int64_t now);
void mailq_ages_add(struct mailq_ages *a, int64_t arrival);
void mailq_ages_remove(struct mailq_ages *a, int64_t arrival);
bool mailq_ages_advance(struct mailq_ages *a, int64_t now);

#endif
