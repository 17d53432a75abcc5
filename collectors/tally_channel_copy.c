/*
 * The rows that Sun's copies have in the table of messages; see tally_channel.c for what they hold.
 */
#include "tally_channel_internal.h"

static void evict(void *arg, struct message *m)
{
    destination_forget(arg, m);
}

struct message *copy_find(const struct work *w, struct queue_id id)
{
    return queue_id_null(id) ? NULL
                             : messages_find(&w->t->messages, (uint16_t)w->i->appl->row.key[0], id);
}

struct message *copy_add(const struct work *w, struct queue_id id, unsigned flags)
{
    struct message *m =
        messages_add(&w->t->messages, (uint16_t)w->i->appl->row.key[0], id, w->now_s, evict, w->t);
    m->flags |= (uint16_t)flags;
    return m;
}

static void forget(const struct work *w, struct message *m)
{
    destination_forget(w->t, m);
    messages_remove(&w->t->messages, m);
}

/* The id of a Message-ID in a channel; like it, it is no file's. */
static struct queue_id in_channel(struct queue_id message, const struct service *s)
{
    uint64_t mark = s->group->row.key[1] * UINT64_C(0xff51afd7ed558ccd);
    return (struct queue_id){message.hi ^ mark >> 1, message.lo ^ mark};
}

/* Entries that are alike, with nothing to name their message: the first one of a run says true. */
bool copy_begins_run(const struct work *w)
{
    struct runs *r = &w->t->runs;
    uint64_t hash = queue_id_hash(w->e->packed_id) ^ w->i->appl->row.key[0];
    for (unsigned n = 0; n < RUNS; n++)
        if (r->last[n] == hash)
            return false;
    r->last[r->next++ % RUNS] = hash;
    return true;
}

static struct queue_id row_id(const struct work *w, const struct service *queue)
{
    return queue_id_null(w->e->packed_id) ? in_channel(w->e->packed_other, queue) : w->e->packed_id;
}

static uint32_t part_of(struct queue_id id)
{
    return (uint32_t)queue_id_hash(id);
}

/* The row that an alias leads to, if it still is the one that was meant. */
static struct message *behind(const struct work *w, const struct message *alias)
{
    struct messages *all = &w->t->messages;
    if (!(alias->flags & MESSAGE_HELD) || alias->connection >= all->high)
        return NULL;
    struct message *m = &all->rows[alias->connection];
    return !queue_id_null(m->id) && part_of(m->id) == alias->sent_groups ? m : NULL;
}

/* A copy whose file has another name than before is found by its Message-ID, and renamed. */
static struct message *find_renamed(const struct work *w)
{
    struct message *alias = copy_find(w, in_channel(w->e->packed_other, w->s));
    struct message *m = alias ? behind(w, alias) : NULL;
    if (!m)
        return NULL;
    messages_rename(&w->t->messages, m, w->e->packed_id);
    alias->sent_groups = part_of(m->id);
    messages_mark(&w->t->messages, alias);
    return m;
}

/* The copy that a dequeue or an attempt is about; one that was enqueued before the log began gets a row,
   so that its other recipients are known to belong to it. NULL: nothing names it. */
struct message *copy_of(const struct work *w)
{
    if (w->e->flags & EVENT_ALIKE)
        return NULL;
    struct queue_id id = row_id(w, w->s);
    struct message *m = copy_find(w, id);
    if (!m && !queue_id_null(w->e->packed_id) && !queue_id_null(w->e->packed_other))
        m = find_renamed(w);
    if (m)
        return m;
    m = copy_add(w, id, MESSAGE_UNCOUNTED);
    m->size = size_of(w->e);
    return m;
}

void copy_add_alias(const struct work *w, const struct message *m)
{
    if (queue_id_null(w->e->packed_id) || queue_id_null(w->e->packed_other))
        return;
    struct queue_id id = in_channel(w->e->packed_other, w->s);
    if (copy_find(w, id))
        return;
    uint32_t slot = messages_slot(&w->t->messages, m);
    struct message *alias = copy_add(w, id, MESSAGE_HELD);
    alias->connection = slot;
    alias->sent_groups = part_of(m->id);
}

static void drop_alias(const struct work *w, const struct message *m)
{
    if (queue_id_null(w->e->packed_id) || queue_id_null(w->e->packed_other))
        return;
    struct message *alias = copy_find(w, in_channel(w->e->packed_other, w->s));
    if (alias && behind(w, alias) == m)
        messages_remove(&w->t->messages, alias);
}

/* The copy has left the channel. */
void copy_leave(const struct work *w, struct message *m)
{
    if (m->flags & MESSAGE_DEFERRED)
        drop_alias(w, m);
    bool counted = m->flags & MESSAGE_QUEUED;
    forget(w, m);
    struct message *whole = counted ? copy_find(w, w->e->packed_other) : NULL;
    if (!whole)
        return;
    whole->recipients -= whole->recipients > 0;
    if (whole->recipients)
        messages_mark(&w->t->messages, whole);
    else
        forget(w, whole);
}

bool copy_place(const struct work *w, const struct service *queue)
{
    if (w->e->flags & EVENT_ALIKE)
        return copy_begins_run(w);
    struct queue_id id = row_id(w, queue);
    struct message *m = copy_find(w, id);
    bool first = !m || !(m->flags & MESSAGE_QUEUED);
    if (!m)
        m = copy_add(w, id, 0);
    m->flags |= MESSAGE_QUEUED;
    if (first) {
        m->size = size_of(w->e);
        m->first_seen_s = w->now_s;
        m->connection = (uint32_t)(w->e->time_ms % 1000);
        m->last_transport = (uint8_t)queue->group->row.key[1];
    }
    m->recipients++;
    m->pending++;
    messages_mark(&w->t->messages, m);
    return first;
}

uint64_t tally_waiting(struct tally *t, const struct appl *a)
{
    const struct messages *all = &t->messages;
    uint64_t sums[UINT8_MAX + 1] = {0}, sum = 0;
    for (uint32_t s = 0; s < all->high; s++) {
        const struct message *m = &all->rows[s];
        if (queue_id_null(m->id) || m->appl != a->row.key[0] || !m->last_transport)
            continue;
        sums[m->last_transport] += m->pending;
        sum += m->pending;
    }
    for (uint32_t n = 0; n < t->model->tables[MODEL_GROUP].count; n++) {
        struct group *g = model_row(t->model, MODEL_GROUP, n);
        if (g->row.key[0] == a->row.key[0] && g->hierarchy == -2 && g->row.key[1] <= UINT8_MAX)
            g->stored_recipients = sums[g->row.key[1]];
    }
    return sum;
}
