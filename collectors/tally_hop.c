/*
 * Mail that stays here under another queue id.
 *
 * Content filters: a delivery that hands a message to a filter which brings it back is a hop. It was
 * received before, and this is no transmission.
 *
 * The log shows the hop in the reply, "queued as ID", after the message that came back was queued and
 * sometimes after it was removed. Such messages are therefore remembered for a while. One that was
 * counted as received by then, because nothing else told that it came back, is owed: the next message
 * that is received pays for it, since a counter cannot go back. Once an instance is known to have such a
 * filter, mail from this host is counted when its first result tells that it did not come back.
 *
 * Aliases and lists: what local delivery sends on is a message that nobody brought, and a hop likewise. It
 * counts as transmitted once, with the message that it came of.
 */
#include "tally_internal.h"

#define LATE_S 10 /* a reply is logged at once; this is for a loaded host */

uint16_t tally_link(struct slice id)
{
    return (uint16_t)(slice_hash(id, 0) | 1);
}

static bool this_host(struct slice relay)
{
    const char *open = relay.n ? memrchr(relay.p, '[', relay.n) : NULL; /* before it is a name */
    struct slice address = slice_skip(relay, open ? (size_t)(open - relay.p) : relay.n);
    return slice_starts(address, SLICE("[127.")) || slice_starts(address, SLICE("[::1]"));
}

/* Is m what the delivered message became? Another host may give any queue id in its reply. */
static bool is_continued(const struct message *m, const struct event *e)
{
    if (m->flags & MESSAGE_REINJECTED && m->link)
        return m->link == tally_link(e->id);
    if (!(e->flags & EVENT_NETWORK))
        return m->flags & MESSAGE_LOOPBACK;
    return m->flags & (MESSAGE_REINJECTED | MESSAGE_LOOPBACK) && this_host(e->relay);
}

static void owe(struct tally *t, struct instance *i, const struct message *m)
{
    i->appl->owed_messages++;
    i->appl->owed_bytes += m->size;
    i->appl->owed_recipients += m->recipients;
    model_dirty(t->model, MODEL_APPL, i->appl);
}

/* Was it counted as received although it came back? */
static bool was_counted(const struct message *m)
{
    return m->flags & MESSAGE_LOOPBACK && m->flags & MESSAGE_QUEUED &&
           !(m->flags & (MESSAGE_PENDING | MESSAGE_REINJECTED | MESSAGE_UNCOUNTED));
}

static struct message *find_gone(const struct instance *i, struct queue_id id, uint32_t now_s)
{
    struct gone *g = i->gone;
    uint32_t appl = i->appl->row.key[0];
    for (unsigned n = 0; n < GONE; n++)
        if (g->id[n].lo == id.lo && g->id[n].hi == id.hi && g->message[n].appl == appl &&
            now_s - g->left_s[n] <= LATE_S)
            return &g->message[n];
    return NULL;
}

/* Each recipient of the message that `is` came of has a line that says so: the next ones are hops, and owe nothing. */
static void note_hop(const struct instance *i, struct message *is, const struct event *e)
{
    is->flags &= (uint16_t) ~(MESSAGE_PENDING | MESSAGE_LOOPBACK);
    is->flags |= MESSAGE_REINJECTED;
    if (!(i->mta->flags & MTA_ATTEMPTS_UNTOLD)) /* else `link` is for failed connections */
        is->link = tally_link(e->id);
}

bool tally_gone_notice(struct tally *t, struct instance *i, struct queue_id id,
                       const struct event *e)
{
    uint32_t now_s = (uint32_t)(e->time_ms / 1000);
    struct message *m = queue_id_null(id) ? NULL : find_gone(i, id, now_s);
    if (m && message_is_unexplained(t, i, m))
        message_count(t, i, m, e);
    return m;
}

/* What went before then (log time). */
static void settle(struct tally *t, struct gone *g, uint32_t before_s)
{
    g->unexplained = false;
    for (unsigned n = 0; n < GONE; n++) {
        struct message *m = &g->message[n];
        struct instance *i = tally_instance_at(t, m->appl);
        if (!i) /* no line of it has come since the restart */
            g->unexplained |= !queue_id_null(g->id[n]) && m->flags & MESSAGE_PENDING;
        if (queue_id_null(g->id[n]) || !i || !message_is_unexplained(t, i, m))
            continue;
        struct event e = {.time_ms = (int64_t)g->left_s[n] * 1000};
        if (g->left_s[n] < before_s)
            message_count(t, i, m, &e);
        else
            g->unexplained = true;
    }
}

void tally_gone_settle(struct tally *t)
{
    settle(t, &t->gone, UINT32_MAX);
    for (struct gone_of *g = t->gones; g; g = g->next)
        settle(t, &g->gone, UINT32_MAX);
}

void tally_gone_time(struct tally *t, const struct instance *i, uint32_t now_s)
{
    struct gone *g = i->gone;
    if (g->looked_s == now_s)
        return;
    g->looked_s = now_s;
    settle(t, g, now_s - LATE_S);
}

/* Of a message and what was sent on of it, one counts as transmitted: the one that is first. */
static void share_sent(struct tally *t, struct instance *i, struct message *from, struct message *m,
                       bool gone)
{
    if (from->flags & m->flags & MESSAGE_SENT) {
        i->appl->owed_sent_messages++;
        i->appl->owed_sent_bytes += m->size;
    }
    if (!(from->flags & MESSAGE_SENT) && m->sent_groups && !(m->flags & MESSAGE_SENT))
        message_transmitted(t, i, m);
    if (from->flags & MESSAGE_SENT)
        m->flags |= MESSAGE_SENT;
    else if (!gone || m->flags & MESSAGE_SENT)
        from->flags |= MESSAGE_SENT;
}

bool tally_is_hop(struct tally *t, struct instance *i, struct message *from, const struct event *e)
{
    uint32_t appl = i->appl->row.key[0];
    if (!(e->flags & EVENT_QUEUED_AS))
        return false;
    struct queue_id id =
        queue_id_null(e->packed_other) ? queue_id_pack(e->other_id) : e->packed_other;
    struct message *m = queue_id_null(id) ? NULL : messages_find(&t->messages, (uint16_t)appl, id);
    struct message *is = m;
    if (!m && !queue_id_null(id))
        is = find_gone(i, id, (uint32_t)(e->time_ms / 1000));
    if (!is || !is_continued(is, e))
        return false;
    if (was_counted(is))
        owe(t, i, is);
    bool forwarded = !(e->flags & EVENT_NETWORK);
    if (is->flags & MESSAGE_LOOPBACK && !forwarded) {
        i->appl->filtered = 1;
        model_dirty(t->model, MODEL_APPL, i->appl);
    }
    note_hop(i, is, e);
    if (forwarded)
        share_sent(t, i, from, is, !m);
    if (!m)
        return true;
    messages_mark(&t->messages, m);
    return true;
}

void tally_leave(struct tally *t, const struct instance *i, const struct message *m,
                 const struct event *e)
{
    struct gone *g = i->gone;
    if (!(m->flags & (MESSAGE_REINJECTED | MESSAGE_LOOPBACK)))
        return;
    if (g->unexplained && !queue_id_null(g->id[g->next])) /* it gives way */
        settle(t, g, g->left_s[g->next] + 1);
    g->unexplained |= m->flags & MESSAGE_PENDING;
    g->id[g->next] = m->id;
    g->message[g->next] = *m;
    g->left_s[g->next] = (uint32_t)(e->time_ms / 1000);
    g->next = (g->next + 1) % GONE;
}
