/*
 * What the files that count Sun's channels share (tally_channel*.c); nobody else includes this.
 */
#ifndef TALLY_CHANNEL_INTERNAL_H
#define TALLY_CHANNEL_INTERNAL_H

#include "tally_internal.h"

#define BLOCKS_LIMIT ((uint64_t)1 << 40)

/* One entry of the log at work. */
struct work {
    struct tally *t;
    struct instance *i;
    struct service *s; /* the channel whose entry it is */
    const struct event *e;
    uint32_t now_s;
};

/* ---- tally_channel_copy.c: the rows of copies in the table of messages ---- */

/* The row with this id; NULL: there is none. */
struct message *copy_find(const struct work *w, struct queue_id id);
struct message *copy_add(const struct work *w, struct queue_id id, unsigned flags);
/* Entries that are alike, with nothing to name their message: the first one of a run says true. */
bool copy_begins_run(const struct work *w);
/* The copy that a dequeue or an attempt is about; one that was enqueued before the log began gets a row,
   so that its other recipients are known to belong to it. NULL: nothing names it. */
struct message *copy_of(const struct work *w);
/* The copy is enqueued for one more recipient; true: for the first one. */
bool copy_place(const struct work *w, const struct service *queue);
/* Finds it again when its file has another name. */
void copy_add_alias(const struct work *w, const struct message *m);
/* It has left the channel. */
void copy_leave(const struct work *w, struct message *m);

/* ---- tally_channel_association.c: entries about connections ---- */

typedef void entry_handler(const struct work *w);
entry_handler channel_opened, channel_not_opened, channel_authenticated;

static inline bool passes(const struct service *s)
{
    return s->is && s->is->flags & MTA_SERVICE_PASSES;
}

static inline bool is_network(const struct service *s)
{
    return s->is && s->is->flags & MTA_SERVICE_NETWORK;
}

static inline uint64_t size_of(const struct event *e)
{
    return e->size < BLOCKS_LIMIT ? e->size : BLOCKS_LIMIT;
}

#endif
