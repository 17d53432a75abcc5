/*
 * The tally in the store: messages, waits and the little that decides which rows give way. Rows of
 * the model are put by persist.c. What is read back was written by this program, and is checked all
 * the same.
 */
#include "tally_internal.h"

/* KIND_HEADER: one record. */
struct header {
    int64_t first_ms; /* of a store of 0.1: of all instances (struct appl, first_line_s) */
    uint32_t message_hand, message_high, peer_hand, destination_hand, next_destination, unused;
    uint64_t evicted;
    struct gone gone; /* last of all; of a store of 0.1 without what follows `unexplained` */
};
STORE_LAYOUT(struct header, 2744);
STORE_LAYOUT(struct message, 64);
STORE_LAYOUT(struct wait, 40);
STORE_LAYOUT(struct runs, 136);
STORE_LAYOUT(struct gone, 2704);

static bool save_messages(struct messages *t, struct checkpoint *c, int kind)
{
    bool ok = true;
    for (uint32_t i = 0; i < t->dirty.count; i++) {
        uint32_t slot = t->dirty.slots[i];
        if (slot >= t->max) { /* did not fit when it was restored */
            ok &= checkpoint_delete(c, kind, slot);
            continue;
        }
        struct message *m = &t->rows[slot];
        m->flags &= (uint16_t)~MESSAGE_DIRTY;
        if (!queue_id_null(m->id)) {
            m->flags |= MESSAGE_STORED;
            ok &= checkpoint_put(c, kind, slot, m, sizeof *m);
        } else if (m->flags & MESSAGE_STORED) { /* born and gone in between: never written */
            m->flags &= (uint16_t)~MESSAGE_STORED;
            ok &= checkpoint_delete(c, kind, slot);
        }
    }
    t->dirty.count = 0;
    return ok;
}

static bool save_waits(struct messages *t, struct checkpoint *c, int kind)
{
    bool ok = true;
    for (uint32_t i = 0; i < t->wait_dirty.count; i++) {
        uint32_t slot = t->wait_dirty.slots[i];
        if (slot >= t->wait_max) {
            ok &= checkpoint_delete(c, kind, slot);
            continue;
        }
        struct wait *w = &t->waits[slot];
        w->flags &= ~(uint32_t)MESSAGE_DIRTY;
        if (w->flags & 1) {
            w->flags |= MESSAGE_STORED;
            ok &= checkpoint_put(c, kind, slot, w, sizeof *w);
        } else if (w->flags & MESSAGE_STORED) {
            w->flags &= ~(uint32_t)MESSAGE_STORED;
            ok &= checkpoint_delete(c, kind, slot);
        }
    }
    t->wait_dirty.count = 0;
    return ok;
}

bool tally_save(struct tally *t, struct checkpoint *c)
{
    struct header h = {.gone = t->gone,
                       .message_hand = t->messages.hand,
                       .message_high = t->messages.high,
                       .peer_hand = t->peer_hand,
                       .destination_hand = t->destination_hand,
                       .next_destination = t->next_destination,
                       .evicted = t->messages.evicted};
    bool ok = save_messages(&t->messages, c, STORE_TALLIES + KIND_MESSAGES);
    ok &= save_waits(&t->messages, c, STORE_TALLIES + KIND_WAITS);
    ok &= checkpoint_offer(c, STORE_TALLIES + KIND_HEADER, 0, &h, sizeof h);
    ok &= checkpoint_offer(c, STORE_TALLIES + KIND_RUNS, 0, &t->runs, sizeof t->runs);
    for (const struct gone_of *g = t->gones; g; g = g->next)
        ok &= checkpoint_offer(c, STORE_TALLIES + KIND_GONE, g->appl, &g->gone, sizeof g->gone);
    return ok;
}

static bool load_message(void *arg, uint32_t slot, const void *data, size_t size)
{
    struct tally *t = arg;
    struct message m;
    if (size != sizeof m)
        return false;
    memcpy(&m, data, sizeof m);
    return messages_restore(&t->messages, slot, &m);
}

static bool load_wait(void *arg, uint32_t slot, const void *data, size_t size)
{
    struct tally *t = arg;
    struct wait w = {0};
    if (size != sizeof w && size != offsetof(struct wait, recipient)) /* a store of 0.1 */
        return false;
    memcpy(&w, data, size);
    const struct rows *rows = &t->model->tables[MODEL_DESTINATION];
    bool fits = w.destination < rows->high &&
                ((const struct row *)(rows->base + (size_t)w.destination * rows->row_size))->used;
    return messages_restore_wait(&t->messages, slot, &w, fits);
}

static void restore_first_line(struct tally *t, int64_t first_ms)
{
    for (uint32_t i = 0; first_ms > 0 && i < t->model->tables[MODEL_APPL].count; i++) {
        struct appl *a = model_row(t->model, MODEL_APPL, i);
        if (a->first_line_s == 0)
            a->first_line_s = (uint64_t)(first_ms / 1000);
    }
}

static bool load_header(void *arg, uint32_t slot, const void *data, size_t size)
{
    struct tally *t = arg;
    struct header h = {0};
    if (slot != 0 || size < offsetof(struct header, gone.looked_s) || size > sizeof h)
        return false;
    memcpy(&h, data, size);
    restore_first_line(t, h.first_ms);
    t->messages.hand = h.message_hand;
    messages_restored(&t->messages, h.message_high);
    t->messages.evicted = h.evicted;
    t->peer_hand = h.peer_hand;
    t->destination_hand = h.destination_hand;
    t->next_destination = h.next_destination;
    t->gone = h.gone;
    t->gone.next %= GONE;
    t->gone.unexplained = true; /* perhaps: they are looked through at the next event */
    return true;
}

static bool load_runs(void *arg, uint32_t slot, const void *data, size_t size)
{
    struct tally *t = arg;
    if (slot != 0 || size != sizeof t->runs)
        return false;
    memcpy(&t->runs, data, size);
    return true;
}

static bool load_gone(void *arg, uint32_t appl, const void *data, size_t size)
{
    struct tally *t = arg;
    struct gone_of *g = size == sizeof g->gone ? tally_gone_of(t, appl, true) : NULL;
    if (!g)
        return false;
    memcpy(&g->gone, data, size);
    g->gone.next %= GONE;
    return true;
}

/* A hand that points beyond the rows would be followed there. */
static void bound_hands(struct tally *t)
{
    if (t->messages.hand >= t->messages.high)
        t->messages.hand = 0;
    if (t->peer_hand >= t->model->tables[MODEL_PEER].high)
        t->peer_hand = 0;
    if (t->destination_hand >= t->model->tables[MODEL_DESTINATION].high)
        t->destination_hand = 0;
}

bool tally_load(struct tally *t, struct store *s)
{
    if (!store_load(s, STORE_TALLIES + KIND_MESSAGES, load_message, t) ||
        !store_load(s, STORE_TALLIES + KIND_WAITS, load_wait, t) ||
        !store_load(s, STORE_TALLIES + KIND_HEADER, load_header, t) ||
        !store_load(s, STORE_TALLIES + KIND_RUNS, load_runs, t) ||
        !store_load(s, STORE_TALLIES + KIND_GONE, load_gone, t))
        return false;
    bound_hands(t);
    peer_load(t);
    destination_load(t);
    return true;
}
