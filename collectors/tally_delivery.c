/*
 * What becomes of a message's recipients: what is transmitted, deferred, failed, and the associations for it.
 */
#include "tally_internal.h"

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
    if (i->mta->flags & MTA_ATTEMPTS_UNTOLD) {
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
    if (!(m->flags & MESSAGE_SENT) && !message_is_unexplained(t, i, m))
        message_transmitted(t, i, m);
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

void message_failed(struct service *s, struct message *m, uint32_t recipients)
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

void tally_loop(struct tally *t, struct instance *i, struct service *s)
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
        message_learn_recipient(t, i, m, e);
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
        message_failed(s, m, 1);
        tally_entry(t, s, ENTRY_BOUNCED, e, e->text);
        tally_error(t, s, e->code ? e->code : 5000000, side_of(s));
    }
}

static struct message *find_or_add(struct tally *t, struct instance *i, const struct event *e)
{
    struct queue_id id;
    struct message *m = message_find(t, i, e, &id);
    if (m || queue_id_null(id))
        return m;
    m = message_add(t, i, id, e); /* what came before is not in this log */
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
        message_settle(t, i, m, e);
    bool concluded = s->is->flags & MTA_SERVICE_NONE && e->flags & EVENT_OVERDUE;
    struct service *last = concluded ? tally_numbered_service(t, i, m->last_transport, -2) : NULL;
    if (last && last->is)
        s = last; /* it was deferred in this attempt, and now given up */
    m->last_transport = tally_service_number(s);
    if (i->mta->flags & MTA_ATTEMPTS_UNTOLD && !concluded && !(e->flags & EVENT_UNTRIED))
        infer_attempt(t, i, s, m, e);
    count_association(t, i, s, m, e);
    bool hop = e->result == RESULT_SENT && (s->internal || tally_is_hop(t, i, m, e));
    if (hop)
        count_done(t, i, m, e);
    else
        count_result(t, i, s, m, e);
    destination_delivery(t, i, m, e, hop);
    if (i->mta->flags & MTA_ENDS_UNTOLD)
        note_end(m);
    if (e->flags & EVENT_LOOP)
        tally_loop(t, i, s);
    model_dirty(t->model, MODEL_APPL, i->appl);
    model_dirty(t->model, MODEL_GROUP, s->group);
}
