/*
 * The messages in flight: one bounded table from (instance, queue id) to what the log has said of the
 * message so far. It starts small and grows to its bound; when that is reached the message seen
 * longest ago among a few is forgotten and counted. A row's number (slot) is its name in the store;
 * a new row takes the lowest free one, so that which row is forgotten follows from the messages
 * alone, and is the same after a restart.
 * Beside it the waits: how many recipients of a message wait for a destination.
 *
 * Owned by one tally; rows keep their address while they exist.
 */
#ifndef MESSAGE_H
#define MESSAGE_H

#include "../agent/hashindex.h"
#include "event.h"

enum message_flag {
    MESSAGE_SASL = 1 << 0,
    MESSAGE_QUEUED = 1 << 1,  /* its first "queue active" was seen: size and recipients are known */
    MESSAGE_PENDING = 1 << 2, /* not yet counted as received: may be re-injected or a probe */
    MESSAGE_REINJECTED = 1 << 3, /* was received before, by this MTA: not counted again */
    MESSAGE_PROBE = 1 << 4,      /* may be an address verification probe */
    MESSAGE_UNCOUNTED = 1 << 5,  /* never to be counted as received */
    MESSAGE_SENT = 1 << 6,       /* at least one recipient was delivered */
    MESSAGE_DEFERRED = 1 << 7,   /* activated again after a recipient was deferred */
    MESSAGE_HELD = 1 << 8,
    MESSAGE_CHANGED = 1 << 9,   /* in the changed list */
    MESSAGE_DIRTY = 1 << 10,    /* in the dirty list */
    MESSAGE_STORED = 1 << 11,   /* the store has a record of this slot */
    MESSAGE_LOOPBACK = 1 << 12, /* came from this host: perhaps from a content filter, an alias */
    MESSAGE_DONE = 1 << 14,     /* every recipient that is known has its result */
    /* its sender is null: where attempts are untold it is kept when it fails */
    MESSAGE_NOTICE = 1 << 15,
    /* how many recipients it came with was not told: they are counted as they are done with */
    MESSAGE_OPEN = 1 << 13
};

/* One message; 64 octets, so that it is one cache line. A free slot has a null id. */
struct message {
    struct queue_id id;
    uint64_t size;
    uint32_t first_seen_s; /* real time */
    uint32_t recipients;
    uint32_t pending; /* MESSAGE_OPEN: a bit for each recipient seen that became others, by hash */
    uint32_t sent_groups, failed_groups; /* bit per transport, see tally.c */
    uint32_t attempted_groups;           /* the same, in this activation */
    uint32_t connection;                 /* hash of process and relay of the last delivery */
    uint32_t first_wait;                 /* 1 + index of the first wait; 0: none */
    uint16_t appl;
    uint8_t origin, last_transport; /* group ordinals + 1; 0: unknown */
    uint16_t flags;
    uint16_t link; /* re-injected: hash of the id it had; else its peer's row + 1; 0: unknown.
                      With MTA_ATTEMPTS_UNTOLD: failed connections of no known transport */
};

/* Recipients of one message that wait for one destination. */
struct wait {
    uint32_t message, destination; /* slot; position of the destination's row */
    uint32_t chain;                /* next wait of the message + 1 */
    uint32_t older, newer;         /* waits for the same destination in order of arrival, + 1 */
    uint32_t arrival_s;            /* the message's first_seen_s, to sort by without a look at it */
    uint32_t deferred, active;     /* last result was "deferred"; being tried again */
    uint32_t flags;                /* MESSAGE_DIRTY, MESSAGE_STORED, 1: in use, WAIT_TRIED */
    uint32_t recipient; /* hash of the one that it is for (MTA_ATTEMPTS_UNTOLD); 0: of all */
};
#define WAIT_TRIED 2u /* in this attempt */

struct slot_list {
    uint32_t *slots;
    uint32_t count, room;
};

struct messages {
    struct message *rows;
    struct hashindex index;
    uint64_t *used; /* a bit for each slot */
    uint64_t *full; /* a bit for each word of `used` that has no bit left */
    uint32_t max, high, count, hand;
    uint64_t evicted; /* forgotten because the table was full */
    bool persist;     /* keep the dirty lists */
    struct slot_list dirty, changed;
    struct wait *waits;
    uint32_t wait_max, wait_high, wait_free, wait_count;
    struct slot_list wait_dirty;
};

/* max: bound on messages. false with errno when memory cannot be reserved. */
bool messages_init(struct messages *t, uint32_t max, bool persist);
void messages_free(struct messages *t);
/*
 * Where the message of an id with this queue_id_hash will be looked for: its entry of the index and, some lines later,
 * its row. A line's message is seldom in the cache, and waiting for it cost a quarter of the reading time. The
 * caller fetches the address in a function that does something else, too: gcc takes one that only fetches for one
 * without effect, and drops its calls.
 */
static inline const void *messages_entry(const struct messages *t, uint64_t hash)
{
    return hashindex_home(&t->index, hash);
}
static inline const void *messages_row(const struct messages *t, uint64_t hash)
{
    return &t->rows[hashindex_guess(&t->index, hash)];
}
/* The message, or NULL. */
struct message *messages_find(const struct messages *t, uint16_t appl, struct queue_id id);
/*
 * A new row; its id must not be there yet. `evict` is called for a row that goes: one when the table
 * is full, and one at a time those that began over a day ago and were neither queued nor held (a client that
 * went away).
 */
struct message *messages_add(struct messages *t, uint16_t appl, struct queue_id id, uint32_t now_s,
                             void (*evict)(void *arg, struct message *m), void *arg);
/* Gives a row another id, which must not be there yet. */
void messages_rename(struct messages *t, struct message *m, struct queue_id id);
/* The row's waits must be gone. */
void messages_remove(struct messages *t, struct message *m);
/*
 * Puts back a row that the store kept, with all its members but the chain of its waits. What does not
 * fit (the bound is smaller than it was) is left out and deleted at the next checkpoint. false: the
 * record is damaged.
 */
bool messages_restore(struct messages *t, uint32_t slot, const struct message *m);
/* The same for a wait; `fits`: its destination is there. Waits come after all messages. */
bool messages_restore_wait(struct messages *t, uint32_t slot, const struct wait *w, bool fits);
/* After the last restore; `high`: how many slots were ever used. */
void messages_restored(struct messages *t, uint32_t high);
/* Octets of memory that the table has touched. */
size_t messages_memory(const struct messages *t);

static inline uint32_t messages_slot(const struct messages *t, const struct message *m)
{
    return (uint32_t)(m - t->rows);
}
/* Says that a row changed. */
void messages_mark(struct messages *t, struct message *m);
/* A wait from the pool, or NULL when it is used up; messages_unwait gives it back. */
struct wait *messages_wait(struct messages *t);
void messages_unwait(struct messages *t, struct wait *w);
void messages_mark_wait(struct messages *t, struct wait *w);

#endif
