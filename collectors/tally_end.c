/*
 * What ends or stops a message other than its deliveries: expired, removed, held, rejected, discarded; and the
 * notices and copies that are made of it.
 */
#include "tally_internal.h"

void on_expired(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    struct queue_id id;
    struct message *m = message_find(t, i, e, &id);
    if (!m)
        return;
    message_settle(t, i, m, e);
    struct service *last = tally_numbered_service(t, i, m->last_transport, -2);
    if (last)
        s = last; /* else the line's own, if it is a transport's */
    if (!s || s->group->hierarchy != -2)
        return;
    bool late = !(e->flags & EVENT_BY_ADMIN);
    s->group->expired += late;
    if (m->flags & MESSAGE_OPEN)
        message_failed(s, m, 0); /* of how many recipients is not told */
    else if (m->pending)
        message_failed(s, m, m->pending);
    if (!(m->flags & MESSAGE_OPEN))
        m->pending = 0;
    messages_mark(&t->messages, m);
    model_dirty(t->model, MODEL_GROUP, s->group);
    tally_entry(t, s, late ? ENTRY_EXPIRED : ENTRY_BOUNCED, e, e->text);
    tally_error(t, s, e->code ? e->code : 4004007, SIDE_INTERNAL);
}

void on_removed(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    (void)s;
    struct queue_id id;
    struct message *m = message_find(t, i, e, &id);
    if (!m)
        return;
    if (!message_is_unexplained(t, i, m))
        message_settle(t, i, m, e);
    tally_leave(t, i, m, e);
    message_forget(t, m);
}

void on_held(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    struct queue_id id;
    struct message *m = message_find(t, i, e, &id);
    if (m) {
        m->flags |= MESSAGE_HELD;
        messages_mark(&t->messages, m);
        if (!s || s->is->flags & MTA_SERVICE_OWN)
            s = tally_origin(t, i, m);
    }
    tally_entry(t, s ? s : tally_own_service(t, i), ENTRY_HELD, e, e->text);
}

void on_released(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    (void)s;
    struct queue_id id;
    struct message *m = message_find(t, i, e, &id);
    if (m && m->flags & MESSAGE_HELD) {
        m->flags &= (uint16_t)~MESSAGE_HELD;
        messages_mark(&t->messages, m);
    }
}

void on_purged(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    (void)t, (void)s, (void)e;
    i->purged = true;
}

bool tally_purged(struct tally *t, const struct appl *appl)
{
    struct instance *i = tally_instance_of(t, appl);
    bool purged = i && i->purged;
    if (i)
        i->purged = false;
    return purged;
}

/* Cleanup's own rejections belong to the service that brought the message, and end it. */
static struct service *rejecting_service(struct tally *t, struct instance *i, struct service *s,
                                         const struct event *e, uint16_t *peer)
{
    struct queue_id id;
    struct message *m = message_find(t, i, e, &id);
    *peer = 0;
    if (e->flags & EVENT_SESSION) {
        *peer = m ? m->link : 0;
        return m ? tally_origin(t, i, m) : s;
    }
    if (s && !(s->is->flags & MTA_SERVICE_OWN))
        return s;
    if (!m)
        return tally_own_service(t, i);
    s = tally_origin(t, i, m);
    *peer = m->flags & MESSAGE_REINJECTED ? 0 : m->link;
    if (!(m->flags & MESSAGE_QUEUED))
        message_forget(t, m);
    return s;
}

void on_reject(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    uint16_t peer;
    s = rejecting_service(t, i, s, e, &peer);
    if (!s)
        return;
    model_add(&s->group->rejected_messages, 1);
    if (e->flags & EVENT_RECIPIENT)
        model_add(&s->group->rejected_recipients, 1);
    model_dirty(t->model, MODEL_GROUP, s->group);
    tally_entry(t, s, ENTRY_REJECTED, e, e->text);
    tally_error(t, s, e->code, SIDE_INBOUND);
    if (e->flags & EVENT_LOOP)
        tally_loop(t, i, s);
    struct peer *p = peer ? tally_peer_numbered(t, i, peer, e) : tally_peer(t, i, e);
    if (p)
        p->rejected++;
}

void on_discarded(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    uint16_t peer;
    s = rejecting_service(t, i, s, e, &peer);
    tally_entry(t, s, ENTRY_DISCARDED, e, e->text);
}

/* From nobody, and from this host: a notice. */
static bool is_own_message(struct tally *t, struct instance *i, const struct event *e)
{
    struct queue_id id;
    const struct message *m = message_find(t, i, e, &id);
    return m && tally_origin(t, i, m) == tally_own_service(t, i);
}

/* A message that no line of its own tells of, as if one had told of it. */
static struct message *add_untold(struct tally *t, struct instance *i, const struct event *e)
{
    struct event made = *e;
    struct queue_id id = queue_id_pack(e->other_id);
    struct message *had =
        queue_id_null(id) ? NULL : messages_find(&t->messages, (uint16_t)i->appl->row.key[0], id);
    if (queue_id_null(id) || had)
        return NULL;
    made.id = e->other_id;
    made.packed_id = id;
    return message_begin(t, i, tally_own_service(t, i), &made, 0);
}

/* Its size is not told. */
static void add_notice(struct tally *t, struct instance *i, const struct event *e)
{
    struct event made = *e;
    struct message *m = add_untold(t, i, e);
    if (!m)
        return;
    made.size = 0;
    made.recipients = 1;
    made.flags = 0;
    message_first_queued(t, i, m, &made);
}

void on_copied(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    struct queue_id id;
    const struct message *of = message_find(t, i, e, &id);
    struct message *m = add_untold(t, i, e);
    (void)s;
    if (!m)
        return;
    m->flags |= MESSAGE_QUEUED | MESSAGE_UNCOUNTED;
    m->size = of ? of->size : 0;
    m->origin = of ? of->origin : m->origin;
}

/*
 * The notice itself was not sent on: it is received. Postfix 3.11 and later name it before it is queued,
 * and it may come to nothing: it is counted as generated when it is queued. Returns whether it is yet to be.
 */
static bool know_notice(struct tally *t, struct instance *i, const struct event *e)
{
    struct queue_id id = queue_id_pack(e->other_id);
    struct message *m =
        queue_id_null(id) ? NULL : messages_find(&t->messages, (uint16_t)i->appl->row.key[0], id);
    if (!m && !tally_gone_notice(t, i, id, e)) {
        m = add_untold(t, i, e);
        if (m && e->notice == NOTICE_BOUNCE)
            m->flags |= MESSAGE_NOTICE;
        return m;
    }
    if (!m || tally_origin(t, i, m) != tally_own_service(t, i))
        return false;
    message_settle(t, i, m, e);
    m->flags &= (uint16_t)~MESSAGE_LOOPBACK;
    messages_mark(&t->messages, m);
    return false;
}

void on_notice(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    s = tally_own_service(t, i);
    bool announced = i->mta->flags & MTA_FORWARDS && know_notice(t, i, e);
    if (!s || (e->flags & EVENT_NULL_SENDER && !is_own_message(t, i, e)))
        return;
    if (e->notice == NOTICE_BOUNCE && !announced)
        message_bounce_made(t, s);
    if (e->flags & EVENT_LOOP)
        tally_loop(t, i, s);
    if (e->notice == NOTICE_DELAY)
        tally_entry(t, s, ENTRY_DELAY_WARNING, e, SLICE(""));
    if (i->mta->flags & MTA_NOTICES_UNTOLD)
        add_notice(t, i, e);
}
