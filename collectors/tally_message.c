/*
 * The life of a message, from the service that takes it in to its removal: what is received,
 * transmitted, deferred, failed. See tally.h for what counts as what.
 */
#include "tally_internal.h"

#define SIZE_LIMIT ((uint64_t)1 << 40) /* no message is larger; a counter must not wrap at once */

static void evict(void *arg, struct message *m)
{
    destination_forget(arg, m);
}

static struct message *add(struct tally *t, const struct instance *i, struct queue_id id,
                           const struct event *e)
{
    return messages_add(&t->messages, (uint16_t)i->appl->row.key[0], id,
                        (uint32_t)(e->time_ms / 1000), evict, t);
}

static struct message *find(struct tally *t, const struct instance *i, const struct event *e,
                            struct queue_id *id)
{
    *id = queue_id_null(e->packed_id) ? queue_id_pack(e->id) : e->packed_id;
    return queue_id_null(*id) ? NULL
                              : messages_find(&t->messages, (uint16_t)i->appl->row.key[0], *id);
}

static void forget(struct tally *t, struct message *m)
{
    destination_forget(t, m);
    messages_remove(&t->messages, m);
}

/* Services are known to a message by the low part of their group's number; 0: unknown. */
static uint8_t group_number(const struct service *s)
{
    return s && s->group->row.key[1] <= UINT8_MAX ? (uint8_t)s->group->row.key[1] : 0;
}

/* After a restart only the group's row is there: its service is made again. */
static struct service *numbered(struct tally *t, struct instance *i, uint8_t number, int hierarchy)
{
    struct service *s = i->numbered[number];
    if (s)
        return s->group->hierarchy == hierarchy ? s : NULL;
    uint32_t key[3] = {i->appl->row.key[0], number, 0};
    const struct group *g = number ? model_find(t->model, MODEL_GROUP, key, NULL) : NULL;
    return g && g->hierarchy == hierarchy
               ? tally_service(t, i, NULL, TEXT_GET(g->name), hierarchy, SLICE(""))
               : NULL;
}

/* The service that takes in what the MTA makes itself. */
static struct service *own_service(struct tally *t, struct instance *i)
{
    for (const struct mta_service *is = i->mta->services; !i->own && is->daemon; is++)
        if (is->flags & MTA_SERVICE_OWN)
            i->own = tally_service(t, i, is, slice_of(is->daemon), is->hierarchy, SLICE(""));
    return i->own;
}

/* The service that took a message in; NULL when there is no room for its group. */
static struct service *origin_of(struct tally *t, struct instance *i, const struct message *m)
{
    struct service *s = numbered(t, i, m->origin, -1);
    return s ? s : own_service(t, i);
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
    struct service *s = origin_of(t, i, m);
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

/*
 * A message of which was not told how many recipients it came with: another one of them is done with. One
 * that became several (an alias, a list) counts when the first of those is.
 */
static void learn_recipient(struct tally *t, struct instance *i, struct message *m,
                            const struct event *e)
{
    struct slice again = e->original; /* what may have another result */
    if (again.n == 0 && e->result == RESULT_BOUNCED && m->flags & MESSAGE_NOTICE)
        again = e->address;
    uint32_t bit = again.n ? 1u << slice_hash(again, 0) % 32 : 0;
    struct service *s = origin_of(t, i, m);
    if (m->pending & bit || m->flags & (MESSAGE_REINJECTED | MESSAGE_UNCOUNTED) || !s)
        return;
    m->pending |= bit;
    m->recipients++;
    uint64_t n = pay(&i->appl->owed_recipients, 1);
    i->appl->received_recipients += n;
    s->group->received_recipients += n;
    s->group->submitted_recipients += n;
    model_dirty(t->model, MODEL_APPL, i->appl);
    model_dirty(t->model, MODEL_GROUP, s->group);
}

/* It is neither re-injected nor a probe after all. */
static void settle(struct tally *t, struct instance *i, struct message *m, const struct event *e)
{
    if (!(m->flags & MESSAGE_PENDING))
        return;
    m->flags &= (uint16_t) ~(MESSAGE_PENDING | MESSAGE_PROBE);
    messages_mark(&t->messages, m);
    count_received(t, i, m, e);
}

static struct message *begin(struct tally *t, struct instance *i, struct service *s,
                             const struct event *e, unsigned flags)
{
    struct queue_id id;
    struct message *m = find(t, i, e, &id);
    if (m) { /* a short id that is used again: the line that ended its last life is missing */
        settle(t, i, m, e);
        forget(t, m);
    }
    if (queue_id_null(id))
        return NULL;
    m = add(t, i, id, e);
    m->origin = group_number(s);
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
    struct message *m = begin(t, i, s, e, flags_of_client(s, e));
    if (m)
        m->link = link_of(t, i, e);
}

struct service *session_service(struct tally *t, struct instance *i, struct service *s,
                                const struct event *e)
{
    struct queue_id id;
    const struct message *m = e->flags & EVENT_SESSION ? find(t, i, e, &id) : NULL;
    return m ? origin_of(t, i, m) : s;
}

struct peer *session_peer(struct tally *t, struct instance *i, const struct event *e)
{
    struct queue_id id;
    const struct message *m = e->flags & EVENT_SESSION ? find(t, i, e, &id) : NULL;
    return m && m->link ? tally_peer_numbered(t, i, m->link, e) : tally_peer(t, i, e);
}

void session_end(struct tally *t, struct instance *i, const struct event *e)
{
    struct queue_id id;
    struct message *m = e->id.n ? find(t, i, e, &id) : NULL;
    if (m && (e->flags & EVENT_SESSION || !(m->flags & MESSAGE_QUEUED)))
        forget(t, m);
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
    struct message *m = begin(t, i, s, e, flags_of_client(s, e));
    if (m)
        m->link = s && s->internal && !e->other_id.n ? 0 : link_of(t, i, e);
    count_sasl(t, s, e);
}

/* The cleanup line of a message that nobody brought: the MTA makes it itself. */
void on_message_id(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    (void)s;
    struct queue_id id;
    struct message *m = find(t, i, e, &id);
    if (m && !(m->flags & MESSAGE_QUEUED))
        return;
    begin(t, i, own_service(t, i), e, i->mta->forwards ? MESSAGE_LOOPBACK : 0);
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
    settle(t, i, old, e);
    m->flags |= (uint16_t)(old->flags & kept);
    if (old->attempted_groups)
        m->flags |= MESSAGE_DEFERRED;
    m->origin = old->origin;
    m->link = old->link;
    m->sent_groups = old->sent_groups;
    m->failed_groups = old->failed_groups;
    m->first_seen_s = old->first_seen_s;
    forget(t, old);
}

void on_submit(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    struct message *m = begin(t, i, s, e, 0);
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

static void first_queued(struct tally *t, struct instance *i, struct message *m,
                         const struct event *e)
{
    m->flags |= MESSAGE_QUEUED;
    m->size = e->size < SIZE_LIMIT ? e->size : SIZE_LIMIT;
    m->recipients = m->pending = e->recipients;
    bool own = origin_of(t, i, m) == own_service(t, i);
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
    struct message *m = find(t, i, e, &id);
    if (queue_id_null(id))
        return;
    if (!m) {
        m = add(t, i, id, e);
        if (arrived_before(i, e))
            m->flags |= MESSAGE_UNCOUNTED;
    }
    if (m->flags & MESSAGE_QUEUED) {
        settle(t, i, m, e);
        destination_retry(t, m);
        if (m->attempted_groups)
            m->flags |= MESSAGE_DEFERRED;
        m->attempted_groups = 0;
    } else {
        first_queued(t, i, m, e);
    }
    m->connection = 0;
    m->flags &= (uint16_t)~MESSAGE_HELD;
    messages_mark(&t->messages, m);
}

/* A delivery was logged before the arrival (it was cut through): its octets are told only now. */
static void count_cut_through(struct tally *t, struct instance *i, struct message *m, uint64_t size)
{
    struct service *s = numbered(t, i, m->last_transport, -2);
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

void on_arrived(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    struct queue_id id;
    struct message *m = find(t, i, e, &id);
    const struct message *session = session_of(t, i, e);
    unsigned flags =
        session ? session->flags & (MESSAGE_SASL | MESSAGE_LOOPBACK) : flags_of_client(s, e);
    if (session)
        s = origin_of(t, i, session);
    bool cut_through = m && m->flags & MESSAGE_SENT && !(m->flags & MESSAGE_QUEUED);
    if (cut_through) {
        count_cut_through(t, i, m, e->size < SIZE_LIMIT ? e->size : SIZE_LIMIT);
        m->origin = group_number(s);
        m->flags &= (uint16_t)~MESSAGE_UNCOUNTED;
        m->flags |= (uint16_t)flags;
    } else {
        m = begin(t, i, s, e, flags);
    }
    if (!m)
        return;
    first_queued(t, i, m, e);
    if (e->address.n == 0)
        m->flags |= MESSAGE_NOTICE;
    if (e->recipients == 0) {
        m->flags |= MESSAGE_OPEN;
        if (cut_through)
            learn_recipient(t, i, m, e);
    }
    messages_mark(&t->messages, m);
    count_sasl(t, s, e);
    if (!queue_id_null(e->packed_other))
        count_notice(t, i, e);
}

static uint32_t transport_bit(const struct service *s)
{
    return 1u << (s->group->ordinal < 31 ? s->group->ordinal : 31);
}

static void remember_port(struct instance *i, struct service *s, uint16_t port)
{
    for (unsigned n = 0; n < RELAY_PORTS; n++)
        if (i->ports[n].port == port && i->ports[n].service)
            return;
    i->ports[i->port_hand] = (struct relay_port){port, s};
    i->port_hand = (i->port_hand + 1) % RELAY_PORTS;
}

/* Does s end with an address in brackets? "host[/path]" is a local socket. */
static bool ends_with_address(struct slice s)
{
    const char *open = s.n ? memrchr(s.p, '[', s.n) : NULL;
    return open && s.p[s.n - 1] == ']' && open[1] != '/';
}

/*
 * Remembers the port of "host[ip]:port" or "smtp://ip:port", by which the sockets of deliveries are known.
 * Where a log tells no port, it is one of those by which mail goes to other hosts.
 */
static void learn_port(struct instance *i, struct service *s, struct slice relay)
{
    static const uint16_t usual[] = {25, 465, 587};
    uint64_t port;
    const char *colon = relay.n ? memrchr(relay.p, ':', relay.n) : NULL;
    struct slice number = colon ? slice_skip(relay, (size_t)(colon + 1 - relay.p)) : relay;
    if (colon && slice_number(&number, &port) && number.n == 0 && port <= UINT16_MAX)
        remember_port(i, s, (uint16_t)port);
    else if (ends_with_address(relay))
        for (size_t n = 0; n < sizeof usual / sizeof usual[0]; n++)
            remember_port(i, s, usual[n]);
}

/* Has the transport associations? */
static bool has_associations(const struct service *s)
{
    if (s->group->accumulated_outbound != MODEL_ABSENT)
        return true;
    if (!(s->is->flags & MTA_SERVICE_LEARN))
        return false;
    s->group->accumulated_outbound = s->group->failed_outbound = 0;
    return true;
}

/*
 * Is it another association than that of the message's last result? Where attempts are not told, nor is
 * perhaps the process: one to the same host is another if a first recipient was sent over each.
 */
static bool is_opened(const struct instance *i, struct message *m, const struct event *e,
                      uint32_t connection)
{
    bool same = m->connection == connection;
    if (i->mta->attempts_untold) {
        uint32_t sent = m->connection & 1;
        same = (m->connection | 1) == (connection | 1);
        connection = (connection & ~1u) | (e->result == RESULT_SENT || (same && sent));
        same = same && !(e->flags & EVENT_FIRST && sent);
    } else {
        same = same && e->pid != 0;
    }
    m->connection = connection;
    return !(e->flags & EVENT_REUSED) && !same;
}

/* An association that is told by itself, not by what is delivered over it. */
void on_connect_out(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    if (!s)
        return;
    learn_port(i, s, e->relay);
    if (e->flags & EVENT_UNTRIED)
        return;
    model_add(&s->group->accumulated_outbound, 1);
    i->appl->accumulated_outbound++;
    s->group->last_outbound_at = s->group->last_attempt_at = tally_at(t, e);
    i->appl->last_outbound_at = tally_at(t, e);
    model_dirty(t->model, MODEL_GROUP, s->group);
    model_dirty(t->model, MODEL_APPL, i->appl);
    tally_entry(t, s, ENTRY_OPENED, e, SLICE(""));
}

/* An association is open if a host answered; the recipients that share one count it once. */
static void count_association(struct tally *t, struct instance *i, struct service *s,
                              struct message *m, const struct event *e)
{
    if (!(e->flags & EVENT_NETWORK) || !has_associations(s))
        return;
    struct slice end = slice_skip(e->relay, e->relay.n > 16 ? e->relay.n - 16 : 0); /* ip:port */
    uint32_t connection = (uint32_t)slice_hash(end, e->pid);
    bool opened = is_opened(i, m, e, connection);
    s->group->last_outbound_at = s->group->last_attempt_at = tally_at(t, e);
    i->appl->last_outbound_at = tally_at(t, e);
    if (!opened)
        return;
    s->group->accumulated_outbound++;
    i->appl->accumulated_outbound++;
    learn_port(i, s, e->relay);
    tally_entry(t, s, ENTRY_OPENED, e, SLICE(""));
}

static void first_sent(struct service *s, struct message *m, const struct event *e)
{
    struct group *g = s->group;
    m->sent_groups |= transport_bit(s);
    g->transmitted_messages++;
    g->transmitted_bytes += m->size;
    g->queue_time_sum_ms += e->delay_ms;
    g->queue_time_count++;
    if (m->flags & MESSAGE_DEFERRED)
        return;
    g->delivered_first_time++;
    g->queue_time_first_sum_ms += e->delay_ms;
    g->queue_time_first_count++;
}

static void on_sent(struct tally *t, struct instance *i, struct service *s, struct message *m,
                    const struct event *e)
{
    struct appl *a = i->appl;
    a->transmitted_recipients++;
    s->group->transmitted_recipients++;
    if (!(m->flags & MESSAGE_SENT)) {
        m->flags |= MESSAGE_SENT;
        a->transmitted_messages++;
        a->transmitted_bytes += m->size;
    }
    if (!(m->sent_groups & transport_bit(s)))
        first_sent(s, m, e);
    struct entry *entry = tally_entry(t, s, ENTRY_SENT, e, SLICE(""));
    if (entry && e->flags & EVENT_TLS)
        entry->with_tls++;
    if (s->is->flags & MTA_SERVICE_DISCARDS)
        tally_entry(t, s, ENTRY_DISCARDED, e, e->text);
}

static enum tally_side side_of(const struct service *s)
{
    return s->group->accumulated_outbound != MODEL_ABSENT ? SIDE_OUTBOUND : SIDE_INTERNAL;
}

static void on_deferred(struct tally *t, struct service *s, struct message *m,
                        const struct event *e)
{
    struct group *g = s->group;
    if (e->flags & EVENT_UNTRIED)
        return;
    g->attempted_recipients++;
    if (!(m->attempted_groups & transport_bit(s))) {
        m->attempted_groups |= transport_bit(s);
        g->attempted_messages++;
        g->attempted_bytes += m->size;
    }
    tally_entry(t, s, ENTRY_DEFERRED, e, e->text);
    tally_error(t, s, e->code ? e->code : 4000000, side_of(s));
}

static void count_failed(struct service *s, struct message *m, uint32_t recipients)
{
    struct group *g = s->group;
    g->failed_recipients += recipients;
    if (m->failed_groups & transport_bit(s))
        return;
    m->failed_groups |= transport_bit(s);
    g->failed_messages++;
    g->failed_bytes += m->size;
}

/* A recipient that was tried for too long; the message is counted once. */
static void count_overdue(struct tally *t, struct service *s, const struct message *m,
                          const struct event *e)
{
    s->group->expired += !(m->failed_groups & transport_bit(s));
    tally_entry(t, s, ENTRY_EXPIRED, e, e->text);
}

static void count_loop(struct tally *t, struct instance *i, struct service *s)
{
    i->appl->loops_detected++;
    model_dirty(t->model, MODEL_APPL, i->appl);
    if (s && s->group->loops_detected != MODEL_ABSENT) {
        s->group->loops_detected++;
        model_dirty(t->model, MODEL_GROUP, s->group);
    }
}

/*
 * The recipient that a line gives an end to is one that the message came with, or what became of it. A
 * notice that fails is frozen, and may be tried again.
 */
static void count_done(struct tally *t, struct instance *i, struct message *m,
                       const struct event *e)
{
    if (m->flags & MESSAGE_OPEN)
        learn_recipient(t, i, m, e);
    else if (m->pending && e->original.n == 0 &&
             !(e->result == RESULT_BOUNCED && m->flags & MESSAGE_NOTICE))
        m->pending--;
}

static void count_result(struct tally *t, struct instance *i, struct service *s, struct message *m,
                         const struct event *e)
{
    if (e->result != RESULT_DEFERRED)
        count_done(t, i, m, e);
    if (e->result == RESULT_SENT)
        on_sent(t, i, s, m, e);
    if (e->result == RESULT_DEFERRED)
        on_deferred(t, s, m, e);
    if (e->result == RESULT_BOUNCED) {
        if (e->flags & EVENT_OVERDUE)
            count_overdue(t, s, m, e);
        count_failed(s, m, 1);
        tally_entry(t, s, ENTRY_BOUNCED, e, e->text);
        tally_error(t, s, e->code ? e->code : 5000000, side_of(s));
    }
}

static struct message *find_or_add(struct tally *t, struct instance *i, const struct event *e)
{
    struct queue_id id;
    struct message *m = find(t, i, e, &id);
    if (m || queue_id_null(id))
        return m;
    m = add(t, i, id, e); /* what came before is not in this log */
    m->flags |= MESSAGE_UNCOUNTED;
    m->size = e->size < SIZE_LIMIT ? e->size : SIZE_LIMIT;
    return m;
}

void message_connect_failed(struct tally *t, struct instance *i, const struct event *e)
{
    struct message *m = find_or_add(t, i, e);
    if (!m)
        return;
    if (m->link < UINT16_MAX)
        m->link++;
    messages_mark(&t->messages, m);
}

/* The connections that failed before this result were this transport's. */
static void claim_failures(struct tally *t, struct instance *i, struct service *s,
                           struct message *m, const struct event *e)
{
    if (m->link == 0)
        return;
    has_associations(s);
    model_add(&s->group->failed_outbound, m->link);
    s->group->last_attempt_at = tally_at(t, e);
    TEXT_SET(s->group->outbound_failure_reason, e->text);
    i->appl->failed_outbound += m->link;
    struct entry *entry = tally_entry(t, s, ENTRY_CONNECTION_FAILED, e, e->text);
    if (entry)
        entry->count += m->link - 1u;
    m->link = 0;
}

/* What the lines do not tell: that another attempt began, and whose the failed connections were. */
static void infer_attempt(struct tally *t, struct instance *i, struct service *s, struct message *m,
                          const struct event *e)
{
    if (destination_tried(t, m, e)) {
        destination_retry(t, m);
        m->attempted_groups = 0;
        m->connection = 0;
        m->flags |= MESSAGE_DEFERRED;
    }
    claim_failures(t, i, s, m, e);
}

/* Nothing tells that the message is gone: it may go from the table some time after its last result. */
static void note_end(struct message *m)
{
    bool done = m->pending == 0 && m->first_wait == 0;
    m->flags = (uint16_t)(done ? m->flags | MESSAGE_DONE : m->flags & ~MESSAGE_DONE);
}

void on_delivery(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    struct message *m = s && s->is->hierarchy == -2 ? find_or_add(t, i, e) : NULL;
    if (!m)
        return;
    messages_mark(&t->messages, m);
    if (e->result == RESULT_PROBE) {
        m->flags &= (uint16_t)~MESSAGE_PENDING;
        m->flags |= MESSAGE_UNCOUNTED;
        count_association(t, i, s, m, e);
        model_dirty(t->model, MODEL_APPL, i->appl);
        model_dirty(t->model, MODEL_GROUP, s->group);
        return;
    }
    if (m->flags & MESSAGE_PROBE || e->result != RESULT_SENT)
        settle(t, i, m, e);
    bool concluded = s->is->flags & MTA_SERVICE_NONE && e->flags & EVENT_OVERDUE;
    struct service *last = concluded ? numbered(t, i, m->last_transport, -2) : NULL;
    if (last && last->is)
        s = last; /* it was deferred in this attempt, and now given up */
    m->last_transport = group_number(s);
    if (i->mta->attempts_untold && !concluded && !(e->flags & EVENT_UNTRIED))
        infer_attempt(t, i, s, m, e);
    count_association(t, i, s, m, e);
    bool hop = e->result == RESULT_SENT && tally_is_hop(t, i, m, e);
    if (hop)
        count_done(t, i, m, e);
    else
        count_result(t, i, s, m, e);
    destination_delivery(t, i, m, e, hop);
    if (i->mta->ends_untold)
        note_end(m);
    if (e->flags & EVENT_LOOP)
        count_loop(t, i, s);
    model_dirty(t->model, MODEL_APPL, i->appl);
    model_dirty(t->model, MODEL_GROUP, s->group);
}

void on_expired(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    struct queue_id id;
    struct message *m = find(t, i, e, &id);
    if (!m)
        return;
    settle(t, i, m, e);
    struct service *last = numbered(t, i, m->last_transport, -2);
    if (last)
        s = last; /* else the line's own, if it is a transport's */
    if (!s || s->group->hierarchy != -2)
        return;
    s->group->expired++;
    if (m->flags & MESSAGE_OPEN)
        count_failed(s, m, 0); /* of how many recipients is not told */
    else if (m->pending)
        count_failed(s, m, m->pending);
    if (!(m->flags & MESSAGE_OPEN))
        m->pending = 0;
    messages_mark(&t->messages, m);
    model_dirty(t->model, MODEL_GROUP, s->group);
    tally_entry(t, s, ENTRY_EXPIRED, e, e->text);
    tally_error(t, s, e->code ? e->code : 4004007, SIDE_INTERNAL);
}

void on_removed(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    (void)s;
    struct queue_id id;
    struct message *m = find(t, i, e, &id);
    if (!m)
        return;
    settle(t, i, m, e);
    tally_leave(t, m, e);
    forget(t, m);
}

void on_held(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    struct queue_id id;
    struct message *m = find(t, i, e, &id);
    if (m) {
        m->flags |= MESSAGE_HELD;
        messages_mark(&t->messages, m);
        if (!s || s->is->flags & MTA_SERVICE_OWN)
            s = origin_of(t, i, m);
    }
    tally_entry(t, s ? s : own_service(t, i), ENTRY_HELD, e, e->text);
}

void on_released(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    (void)s;
    struct queue_id id;
    struct message *m = find(t, i, e, &id);
    if (m && m->flags & MESSAGE_HELD) {
        m->flags &= (uint16_t)~MESSAGE_HELD;
        messages_mark(&t->messages, m);
    }
}

/* Cleanup's own rejections belong to the service that brought the message, and end it. */
static struct service *rejecting_service(struct tally *t, struct instance *i, struct service *s,
                                         const struct event *e, uint16_t *peer)
{
    struct queue_id id;
    struct message *m = find(t, i, e, &id);
    *peer = 0;
    if (e->flags & EVENT_SESSION) {
        *peer = m ? m->link : 0;
        return m ? origin_of(t, i, m) : s;
    }
    if (s && !(s->is->flags & MTA_SERVICE_OWN))
        return s;
    if (!m)
        return own_service(t, i);
    s = origin_of(t, i, m);
    *peer = m->flags & MESSAGE_REINJECTED ? 0 : m->link;
    if (!(m->flags & MESSAGE_QUEUED))
        forget(t, m);
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
        count_loop(t, i, s);
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
    const struct message *m = find(t, i, e, &id);
    return m && origin_of(t, i, m) == own_service(t, i);
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
    return begin(t, i, own_service(t, i), &made, 0);
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
    first_queued(t, i, m, &made);
}

void on_copied(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    struct queue_id id;
    const struct message *of = find(t, i, e, &id);
    struct message *m = add_untold(t, i, e);
    (void)s;
    if (!m)
        return;
    m->flags |= MESSAGE_QUEUED | MESSAGE_UNCOUNTED;
    m->size = of ? of->size : 0;
    m->origin = of ? of->origin : m->origin;
}

/* The notice itself was not sent on: it is received. */
static void know_notice(struct tally *t, struct instance *i, const struct event *e)
{
    struct queue_id id = queue_id_pack(e->other_id);
    struct message *m =
        queue_id_null(id) ? NULL : messages_find(&t->messages, (uint16_t)i->appl->row.key[0], id);
    if (!m || origin_of(t, i, m) != own_service(t, i))
        return;
    settle(t, i, m, e);
    m->flags &= (uint16_t)~MESSAGE_LOOPBACK;
    messages_mark(&t->messages, m);
}

void on_notice(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    s = own_service(t, i);
    if (i->mta->forwards)
        know_notice(t, i, e);
    if (!s || (e->flags & EVENT_NULL_SENDER && !is_own_message(t, i, e)))
        return;
    if (e->notice == NOTICE_BOUNCE) {
        model_add(&s->group->bounces_generated, 1);
        model_dirty(t->model, MODEL_GROUP, s->group);
    }
    if (e->flags & EVENT_LOOP)
        count_loop(t, i, s);
    if (e->notice == NOTICE_DELAY)
        tally_entry(t, s, ENTRY_DELAY_WARNING, e, SLICE(""));
    if (i->mta->notices_untold)
        add_notice(t, i, e);
}
