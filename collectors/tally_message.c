/*
 * The life of a message until it is queued: the service that takes it in, what is received. What becomes of it
 * is in tally_delivery.c and tally_end.c. See tally.h for what counts as what.
 */
#include <stdio.h>
#include "tally_internal.h"

static void evict(void *arg, struct message *m)
{
    destination_forget(arg, m);
}

struct message *message_add(struct tally *t, const struct instance *i, struct queue_id id,
                            const struct event *e)
{
    return messages_add(&t->messages, (uint16_t)i->appl->row.key[0], id,
                        (uint32_t)(e->time_ms / 1000), evict, t);
}

struct message *message_find(struct tally *t, const struct instance *i, const struct event *e,
                             struct queue_id *id)
{
    *id = queue_id_null(e->packed_id) ? queue_id_pack(e->id) : e->packed_id;
    return queue_id_null(*id) ? NULL
                              : messages_find(&t->messages, (uint16_t)i->appl->row.key[0], *id);
}

void message_forget(struct tally *t, struct message *m)
{
    destination_forget(t, m);
    messages_remove(&t->messages, m);
}

uint8_t tally_service_number(const struct service *s)
{
    return s && s->group->row.key[1] <= UINT8_MAX ? (uint8_t)s->group->row.key[1] : 0;
}

/* After a restart only the group's row is there: its service is made again. */
struct service *tally_numbered_service(struct tally *t, struct instance *i, uint8_t number,
                                       int hierarchy)
{
    struct service *s = i->numbered[number];
    if (s)
        return s->group->hierarchy == hierarchy ? s : NULL;
    uint32_t key[3] = {i->appl->row.key[0], number, 0};
    const struct group *g = number ? model_find(t->model, MODEL_GROUP, key, NULL) : NULL;
    if (!g || g->hierarchy != hierarchy)
        return NULL;
    /* Restored, and no line has told what it is: a plain name does, one of several parts may mislead. */
    struct slice name = TEXT_GET(g->name);
    bool plain = slice_find(name, '/') == name.n;
    const struct mta_service *is = plain ? tally_service_kind(i->mta, name) : NULL;
    is = is && is->hierarchy == hierarchy ? is : NULL;
    return tally_service(t, i, is, name, hierarchy, SLICE(""));
}

struct service *tally_own_service(struct tally *t, struct instance *i)
{
    for (const struct mta_service *is = i->mta->services; !i->own && is->daemon; is++)
        if (is->flags & MTA_SERVICE_OWN)
            i->own = tally_service(t, i, is, slice_of(is->daemon), is->hierarchy, SLICE(""));
    return i->own;
}

struct service *tally_origin(struct tally *t, struct instance *i, const struct message *m)
{
    struct service *s = tally_numbered_service(t, i, m->origin, -1);
    return s ? s : tally_own_service(t, i);
}

/* What is owed is taken off first, for the MTA and the group alike, so that sums hold. */
static uint64_t pay(uint64_t *owed, uint64_t n)
{
    uint64_t paid = *owed < n ? *owed : n;
    *owed -= paid;
    return n - paid;
}

/* Says whether the message was counted; it was not if it paid for another. */
static bool count_received_in(struct appl *a, struct group *g, const struct message *m)
{
    uint64_t messages = pay(&a->owed_messages, 1), bytes = pay(&a->owed_bytes, m->size);
    uint64_t recipients = pay(&a->owed_recipients, m->recipients);
    a->received_messages += messages;
    a->received_bytes += bytes;
    a->received_recipients += recipients;
    g->received_messages += messages;
    g->received_bytes += bytes;
    g->received_recipients += recipients;
    g->submitted_messages += messages;
    g->submitted_bytes += bytes;
    g->submitted_recipients += recipients;
    return messages > 0;
}

static void count_received(struct tally *t, struct instance *i, struct message *m,
                           const struct event *e)
{
    struct service *s = tally_origin(t, i, m);
    if (!s) /* no room for the group: the sums shall hold */
        return;
    bool counted = count_received_in(i->appl, s->group, m);
    model_dirty(t->model, MODEL_APPL, i->appl);
    model_dirty(t->model, MODEL_GROUP, s->group);
    struct entry *entry = counted ? tally_entry(t, s, ENTRY_ENQUEUED, e, SLICE("")) : NULL;
    if (entry && m->flags & MESSAGE_SASL)
        entry->with_sasl++;
    if (entry && e->flags & EVENT_TLS)
        entry->with_tls++;
}

/* Recipients of a message that was counted already. */
static void count_recipients(struct tally *t, struct instance *i, struct service *s, uint64_t n)
{
    n = pay(&i->appl->owed_recipients, n);
    i->appl->received_recipients += n;
    s->group->received_recipients += n;
    s->group->submitted_recipients += n;
    model_dirty(t->model, MODEL_APPL, i->appl);
    model_dirty(t->model, MODEL_GROUP, s->group);
}

void message_learn_recipient(struct tally *t, struct instance *i, struct message *m,
                             const struct event *e)
{
    struct slice again = e->original; /* what may have another result */
    if (again.n == 0 && e->result == RESULT_BOUNCED && m->flags & MESSAGE_NOTICE)
        again = e->address;
    uint32_t bit = again.n ? 1u << slice_hash(again, 0) % 32 : 0;
    struct service *s = tally_origin(t, i, m);
    if (m->pending & bit || m->flags & (MESSAGE_REINJECTED | MESSAGE_UNCOUNTED) || !s)
        return;
    m->pending |= bit;
    m->recipients++;
    count_recipients(t, i, s, 1);
}

bool message_is_unexplained(struct tally *t, struct instance *i, const struct message *m)
{
    const unsigned flags = MESSAGE_PENDING | MESSAGE_LOOPBACK | MESSAGE_PROBE;
    return i->mta->flags & MTA_FORWARDS &&
           (m->flags & flags) == (MESSAGE_PENDING | MESSAGE_LOOPBACK) &&
           tally_origin(t, i, m) == tally_own_service(t, i);
}

void message_transmitted(struct tally *t, struct instance *i, struct message *m)
{
    m->flags |= MESSAGE_SENT;
    i->appl->transmitted_messages += pay(&i->appl->owed_sent_messages, 1);
    i->appl->transmitted_bytes += pay(&i->appl->owed_sent_bytes, m->size);
    model_dirty(t->model, MODEL_APPL, i->appl);
}

void message_count(struct tally *t, struct instance *i, struct message *m, const struct event *e)
{
    m->flags &= (uint16_t) ~(MESSAGE_PENDING | MESSAGE_PROBE);
    count_received(t, i, m, e);
    if (m->sent_groups && !(m->flags & MESSAGE_SENT))
        message_transmitted(t, i, m);
}

void message_settle(struct tally *t, struct instance *i, struct message *m, const struct event *e)
{
    if (!(m->flags & MESSAGE_PENDING))
        return;
    messages_mark(&t->messages, m);
    message_count(t, i, m, e);
}

struct message *message_begin(struct tally *t, struct instance *i, struct service *s,
                              const struct event *e, unsigned flags)
{
    struct queue_id id;
    struct message *m = message_find(t, i, e, &id);
    if (m) { /* a short id that is used again: the line that ended its last life is missing */
        message_settle(t, i, m, e);
        message_forget(t, m);
    }
    if (queue_id_null(id))
        return NULL;
    m = message_add(t, i, id, e);
    m->origin = tally_service_number(s);
    m->flags |= (uint16_t)flags;
    return m;
}

static bool this_host(struct slice peer)
{
    return slice_eq(peer, SLICE("127.0.0.1")) || slice_eq(peer, SLICE("::1"));
}

/*
 * A message from a client remembers its peer's row, because cleanup's words on it ("from host[ip]")
 * come after header text that anybody may write; a re-injected one the id that it had before.
 */
static uint16_t link_of(const struct tally *t, const struct instance *i, const struct event *e)
{
    if (e->flags & EVENT_REINJECTED)
        return e->other_id.n ? tally_link(e->other_id) : 0;
    return tally_peer_number(t, i, e->peer);
}

static unsigned flags_of_client(const struct service *s, const struct event *e)
{
    unsigned flags = e->flags & EVENT_SASL ? MESSAGE_SASL : 0;
    if (e->flags & EVENT_REINJECTED || (s && s->internal))
        return flags | MESSAGE_REINJECTED;
    return this_host(e->peer) && !flags ? MESSAGE_LOOPBACK : flags;
}

static void count_sasl(struct tally *t, struct service *s, const struct event *e)
{
    struct entry *entry =
        e->flags & EVENT_SASL ? tally_entry(t, s, ENTRY_AUTHENTICATION, e, SLICE("")) : NULL;
    if (entry)
        entry->with_sasl++;
}

void session_begin(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    struct message *m = message_begin(t, i, s, e, flags_of_client(s, e));
    if (m)
        m->link = link_of(t, i, e);
}

struct service *session_service(struct tally *t, struct instance *i, struct service *s,
                                const struct event *e)
{
    struct queue_id id;
    const struct message *m = e->flags & EVENT_SESSION ? message_find(t, i, e, &id) : NULL;
    return m ? tally_origin(t, i, m) : s;
}

struct peer *session_peer(struct tally *t, struct instance *i, const struct event *e)
{
    struct queue_id id;
    const struct message *m = e->flags & EVENT_SESSION ? message_find(t, i, e, &id) : NULL;
    return m && m->link ? tally_peer_numbered(t, i, m->link, e) : tally_peer(t, i, e);
}

void session_end(struct tally *t, struct instance *i, const struct event *e)
{
    struct queue_id id;
    struct message *m = e->id.n ? message_find(t, i, e, &id) : NULL;
    if (m && (e->flags & EVENT_SESSION || !(m->flags & MESSAGE_QUEUED)))
        message_forget(t, m);
}

/* What is known of the session in which a message arrived. */
static const struct message *session_of(struct tally *t, const struct instance *i,
                                        const struct event *e)
{
    struct queue_id id =
        e->flags & EVENT_SESSION ? queue_id_pack(e->other_id) : (struct queue_id){0, 0};
    return queue_id_null(id) ? NULL
                             : messages_find(&t->messages, (uint16_t)i->appl->row.key[0], id);
}

void on_client(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    struct message *m = message_begin(t, i, s, e, flags_of_client(s, e));
    if (m)
        m->link = s && s->internal && !e->other_id.n ? 0 : link_of(t, i, e);
    count_sasl(t, s, e);
}

/* The cleanup line of a message that nobody brought: the MTA makes it itself. */
void on_message_id(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    (void)s;
    struct queue_id id;
    struct message *m = message_find(t, i, e, &id);
    if (m && !(m->flags & MESSAGE_QUEUED))
        return;
    message_begin(t, i, tally_own_service(t, i), e,
                  i->mta->flags & MTA_FORWARDS ? MESSAGE_LOOPBACK : 0);
}

/*
 * A message that was requeued by hand has another id now, and its old one no more lines. What was
 * counted of it is not counted again.
 */
static void take_over(struct tally *t, struct instance *i, struct message *m, const struct event *e)
{
    const unsigned kept = MESSAGE_SASL | MESSAGE_REINJECTED | MESSAGE_UNCOUNTED | MESSAGE_SENT |
                          MESSAGE_DEFERRED | MESSAGE_LOOPBACK;
    struct message *old = messages_find(&t->messages, m->appl, queue_id_pack(e->other_id));
    if (old == m)
        return;
    if (!old || old->flags & MESSAGE_QUEUED)
        m->flags |= MESSAGE_REINJECTED;
    if (!old)
        return;
    message_settle(t, i, old, e);
    m->flags |= (uint16_t)(old->flags & kept);
    if (old->attempted_groups)
        m->flags |= MESSAGE_DEFERRED;
    m->origin = old->origin;
    m->link = old->link;
    m->sent_groups = old->sent_groups;
    m->failed_groups = old->failed_groups;
    m->first_seen_s = old->first_seen_s;
    message_forget(t, old);
}

/* By the account that a content filter runs as, which hands mail back by the sendmail command. */
static bool is_handed_back(const struct tally *t, const struct service *s, const struct event *e)
{
    char name[128];
    if (!t->internals || !s)
        return false;
    struct slice group = TEXT_GET(s->group->name);
    int n =
        snprintf(name, sizeof name, "%.*s/%.*s", (int)group.n, group.p, (int)e->text.n, e->text.p);
    return n < (int)sizeof name && tally_is_internal(t, s->of, (struct slice){name, (size_t)n});
}

void on_submit(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    struct message *m = message_begin(t, i, s, e, is_handed_back(t, s, e) ? MESSAGE_REINJECTED : 0);
    if (m && e->flags & EVENT_REINJECTED)
        take_over(t, i, m, e);
}

/* A message that is older than the first line read was not seen to arrive. */
static bool arrived_before(const struct instance *i, const struct event *e)
{
    struct queue_id id;
    int64_t arrival_s = 0;
    return i->mta->queue_name(e->id, &id, &arrival_s) && arrival_s &&
           arrival_s < (int64_t)i->appl->first_line_s - 1;
}

void message_bounce_made(struct tally *t, struct service *s)
{
    model_add(&s->group->bounces_generated, 1);
    model_dirty(t->model, MODEL_GROUP, s->group);
}

void message_first_queued(struct tally *t, struct instance *i, struct message *m,
                          const struct event *e)
{
    m->flags |= MESSAGE_QUEUED;
    m->size = e->size < SIZE_LIMIT ? e->size : SIZE_LIMIT;
    m->recipients = m->pending = e->recipients;
    struct service *s = tally_own_service(t, i);
    bool own = tally_origin(t, i, m) == s;
    if (own && s && i->mta->flags & MTA_FORWARDS && m->flags & MESSAGE_NOTICE) {
        m->flags &= (uint16_t)~MESSAGE_NOTICE; /* it was announced, and has been made */
        message_bounce_made(t, s);
    }
    if (m->flags & (MESSAGE_REINJECTED | MESSAGE_UNCOUNTED))
        return;
    if (own && e->flags & EVENT_PROBE_SENDER)
        m->flags |= MESSAGE_PENDING | MESSAGE_PROBE;
    else if (m->flags & MESSAGE_LOOPBACK && (own || i->appl->filtered))
        m->flags |= MESSAGE_PENDING;
    else
        count_received(t, i, m, e);
}

void on_queued(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    (void)s;
    struct queue_id id;
    struct message *m = message_find(t, i, e, &id);
    if (queue_id_null(id))
        return;
    if (!m) {
        m = message_add(t, i, id, e);
        if (arrived_before(i, e))
            m->flags |= MESSAGE_UNCOUNTED;
    }
    if (m->flags & MESSAGE_QUEUED) {
        message_settle(t, i, m, e);
        destination_retry(t, m);
        if (m->attempted_groups)
            m->flags |= MESSAGE_DEFERRED;
        m->attempted_groups = 0;
    } else {
        message_first_queued(t, i, m, e);
    }
    m->connection = 0;
    m->flags &= (uint16_t)~MESSAGE_HELD;
    messages_mark(&t->messages, m);
}

/* A delivery was logged before the arrival (it was cut through): its octets are told only now. */
static void count_cut_through(struct tally *t, struct instance *i, struct message *m, uint64_t size)
{
    struct service *s = tally_numbered_service(t, i, m->last_transport, -2);
    if (!s || m->size)
        return;
    s->group->transmitted_bytes += size;
    i->appl->transmitted_bytes += size;
    model_dirty(t->model, MODEL_GROUP, s->group);
}

/* A notice tells that its message failed, or that it is late. */
static void count_notice(struct tally *t, struct instance *i, const struct event *e)
{
    struct event notice = *e;
    const struct message *m =
        messages_find(&t->messages, (uint16_t)i->appl->row.key[0], e->packed_other);
    notice.notice = m && !m->failed_groups && m->first_wait ? NOTICE_DELAY : NOTICE_BOUNCE;
    on_notice(t, i, NULL, &notice);
}

/* A further line of a message that has arrived, of which nothing has been tried yet: one recipient more. */
static bool is_further(const struct message *m, const struct event *e)
{
    return m && e->flags & EVENT_PART && m->flags & MESSAGE_QUEUED && m->pending == m->recipients;
}

static void add_recipients(struct tally *t, struct instance *i, struct message *m,
                           const struct event *e)
{
    struct service *s = tally_origin(t, i, m);
    m->recipients += e->recipients;
    m->pending += e->recipients;
    messages_mark(&t->messages, m);
    if (s && !(m->flags & (MESSAGE_PENDING | MESSAGE_UNCOUNTED)))
        count_recipients(t, i, s, e->recipients);
}

void on_arrived(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    struct queue_id id;
    struct message *m = message_find(t, i, e, &id);
    if (is_further(m, e)) {
        add_recipients(t, i, m, e);
        return;
    }
    const struct message *session = session_of(t, i, e);
    unsigned flags =
        session ? session->flags & (MESSAGE_SASL | MESSAGE_LOOPBACK) : flags_of_client(s, e);
    if (session)
        s = tally_origin(t, i, session);
    bool cut_through = m && m->flags & MESSAGE_SENT && !(m->flags & MESSAGE_QUEUED);
    if (cut_through) {
        count_cut_through(t, i, m, e->size < SIZE_LIMIT ? e->size : SIZE_LIMIT);
        m->origin = tally_service_number(s);
        m->flags &= (uint16_t)~MESSAGE_UNCOUNTED;
        m->flags |= (uint16_t)flags;
    } else {
        m = message_begin(t, i, s, e, flags);
    }
    if (!m)
        return;
    message_first_queued(t, i, m, e);
    if (e->address.n == 0)
        m->flags |= MESSAGE_NOTICE;
    if (e->recipients == 0) {
        m->flags |= MESSAGE_OPEN;
        if (cut_through)
            message_learn_recipient(t, i, m, e);
    }
    messages_mark(&t->messages, m);
    count_sasl(t, s, e);
    if (!queue_id_null(e->packed_other))
        count_notice(t, i, e);
}
