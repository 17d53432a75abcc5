/*
 * Logs with an entry for each message, recipient and channel (Sun): a message is a copy of it in the
 * queue of a channel. What `imsimta counters` counts, from the log:
 *   received    enqueued to the channel; submitted: enqueued by it
 *   transmitted dequeued: delivered, or returned to the sender (Sun's "Delivered")
 *   attempted   temporary failures, Q and Z; a message once for each attempt
 *   rejected, failed   J; R and K
 * mtaTable counts what enters and leaves the MTA: not what passes between channels, nor what
 * is returned, and a message whose copies go to several channels once, if LOG_MESSAGE_ID tells that they are copies.
 *
 * Rows of the table of messages, by their ids:
 *   a file       the copy itself; without LOG_FILENAME the hash of Message-ID and channel.
 *                first_wait etc. as ever; sent_groups: TOLD_*; connection: ms of its arrival;
 *                attempted_groups, link: time and number of its last attempt
 *   a Message-ID while any copy is queued: recipients = copies, origin = channel that took it in
 *   an alias     hash of Message-ID and channel of a copy that was deferred, because its file may get
 *                another name: connection = slot of the copy's row, sent_groups = part of its id
 */
#include "tally_channel_internal.h"

#define SAME_MESSAGE_S 300 /* copies of one message are enqueued within */
#define SAME_ATTEMPT_S 60  /* its recipients are tried within */

enum { TOLD_GONE = 1, TOLD_FAILED = 2 }; /* counted as transmitted, as failed */

/* Adds to a counter that is absent until something told it. */
static void learn(uint64_t *counter, uint64_t n)
{
    *counter = *counter == MODEL_ABSENT ? n : *counter + n;
}

/* ---- Enqueued ---- */

/* Did the MTA take this message in with this entry? Its copies count once. */
static bool enters(const struct work *w, bool first_of_copy)
{
    const struct event *e = w->e;
    if (queue_id_null(e->packed_other))
        return first_of_copy;
    struct message *whole = copy_find(w, e->packed_other);
    uint8_t origin = (uint8_t)w->s->group->row.key[1];
    bool known =
        whole && whole->origin == origin && w->now_s - whole->first_seen_s < SAME_MESSAGE_S;
    if (!whole)
        whole = copy_add(w, e->packed_other, MESSAGE_QUEUED);
    whole->recipients += first_of_copy;
    if (!passes(w->s)) {
        whole->origin = origin;
        if (!known)
            whole->first_seen_s = w->now_s;
    }
    messages_mark(&w->t->messages, whole);
    return !known;
}

static void count_enqueued(const struct work *w, struct group *to, bool first)
{
    struct group *by = w->s->group;
    to->received_recipients++;
    by->submitted_recipients++;
    if (!first)
        return;
    to->received_messages++;
    to->received_bytes += size_of(w->e);
    by->submitted_messages++;
    by->submitted_bytes += size_of(w->e);
}

static void enqueued(const struct work *w)
{
    const struct event *e = w->e;
    struct service *queue = tally_named_service(w->t, w->i, e->relay);
    if (!queue)
        return;
    bool first = copy_place(w, queue);
    bool whole = enters(w, first);
    count_enqueued(w, queue->group, first);
    model_dirty(w->t->model, MODEL_GROUP, queue->group);
    if (is_network(w->s) && !(passes(queue) && e->flags & EVENT_NULL_SENDER))
        w->s->group->last_inbound_at = w->i->appl->last_inbound_at = w->t->at;
    if (passes(w->s))
        return;
    if (first && e->flags & EVENT_NULL_SENDER && passes(queue))
        w->s->group->bounces_generated++;
    w->i->appl->received_recipients++;
    if (whole) {
        w->i->appl->received_messages++;
        w->i->appl->received_bytes += size_of(e);
    }
}

/* ---- Dequeued ---- */

static int64_t waited_ms(const struct work *w, const struct message *m)
{
    if (w->e->flags & EVENT_TIMED)
        return (int64_t)w->e->delay_ms;
    if (!m || !(m->flags & MESSAGE_QUEUED))
        return -1;
    int64_t ms = w->e->time_ms - ((int64_t)m->first_seen_s * 1000 + m->connection);
    return ms > 0 ? ms : 0;
}

/* 1: at the first attempt, 0: later, -1: nothing tells. */
static int first_time(const struct work *w, const struct message *m)
{
    if (m && m->flags & MESSAGE_DEFERRED)
        return 0;
    if (w->e->flags & EVENT_ATTEMPTS)
        return w->e->attempts == 0;
    return m && m->flags & MESSAGE_QUEUED ? 1 : -1;
}

static void count_times(const struct work *w, const struct message *m)
{
    struct group *g = w->s->group;
    int64_t ms = waited_ms(w, m);
    int first = first_time(w, m);
    if (first >= 0)
        learn(&g->delivered_first_time, (uint64_t)first);
    if (ms < 0)
        return;
    learn(&g->queue_time_sum_ms, (uint64_t)ms);
    learn(&g->queue_time_count, 1);
    if (first >= 0) {
        learn(&g->queue_time_first_sum_ms, first ? (uint64_t)ms : 0);
        learn(&g->queue_time_first_count, (uint64_t)first);
    }
}

/* Has this message been counted by the first of its entries? Marks that it is. */
static bool is_first(struct message *m, unsigned what, bool run)
{
    if (!m)
        return run;
    bool first = !(m->sent_groups & what);
    m->sent_groups |= what;
    return first;
}

static void count_failed(const struct work *w, struct message *m, bool run)
{
    struct group *g = w->s->group;
    g->failed_recipients++;
    if (!is_first(m, TOLD_FAILED, run))
        return;
    g->failed_messages++;
    g->failed_bytes += m ? m->size : size_of(w->e);
}

/* Of the MTA: what leaves it for another, or for a message store. */
static void count_left(const struct work *w, bool first, uint64_t size)
{
    struct appl *a = w->i->appl;
    struct message *whole = copy_find(w, w->e->packed_other);
    a->transmitted_recipients++;
    if (whole) {
        first = !(whole->flags & MESSAGE_SENT);
        whole->flags |= MESSAGE_SENT;
        messages_mark(&w->t->messages, whole);
    }
    if (!first)
        return;
    a->transmitted_messages++;
    a->transmitted_bytes += size;
}

static void tell_destination(const struct work *w, struct message *m, enum event_result result)
{
    if (!m || passes(w->s) || !is_network(w->s))
        return;
    struct event e = *w->e;
    e.result = result;
    destination_delivery(w->t, w->i, m, &e, false);
}

static void dequeued(const struct work *w)
{
    struct group *g = w->s->group;
    bool delivered = w->e->entry == ENTRY_DEQUEUED;
    struct message *m = copy_of(w);
    bool run = !m && copy_begins_run(w), first = is_first(m, TOLD_GONE, run);
    uint64_t size = m ? m->size : size_of(w->e);
    g->transmitted_recipients++;
    if (first) {
        g->transmitted_messages++;
        g->transmitted_bytes += size;
        count_times(w, m);
    }
    if (!delivered)
        count_failed(w, m, run);
    if (delivered && !passes(w->s))
        count_left(w, first, size);
    if (delivered && is_network(w->s))
        g->last_outbound_at = w->i->appl->last_outbound_at = w->t->at;
    if (delivered && w->s->is && w->s->is->flags & MTA_SERVICE_DISCARDS)
        tally_entry(w->t, w->s, ENTRY_DISCARDED, w->e, w->e->text);
    tell_destination(w, m, delivered ? RESULT_SENT : RESULT_BOUNCED);
    if (!m)
        return;
    messages_mark(&w->t->messages, m);
    m->pending -= m->pending > 0;
    if (m->pending == 0 && m->flags & MESSAGE_QUEUED)
        copy_leave(w, m);
}

/* ---- Tried ---- */

/* Is it another attempt than the one that the last entry of this message told of? */
static bool begins_attempt(const struct work *w, struct message *m)
{
    uint16_t number = (uint16_t)w->e->attempts;
    bool same =
        m->attempted_groups && m->link == number && w->now_s - m->attempted_groups < SAME_ATTEMPT_S;
    m->link = number;
    m->attempted_groups = w->now_s;
    if (!same)
        destination_retry(w->t, m);
    return !same;
}

static void attempted(const struct work *w)
{
    struct group *g = w->s->group;
    struct message *m = copy_of(w);
    g->attempted_recipients++;
    if (m ? begins_attempt(w, m) : copy_begins_run(w)) {
        g->attempted_messages++;
        g->attempted_bytes += m ? m->size : size_of(w->e);
    }
    if (is_network(w->s))
        g->last_attempt_at = w->t->at;
    if (!m)
        return;
    if (!(m->flags & MESSAGE_DEFERRED)) {
        m->flags |= MESSAGE_DEFERRED;
        copy_add_alias(w, m);
    }
    messages_mark(&w->t->messages, m);
    tell_destination(w, m, RESULT_DEFERRED);
}

static void rejected(const struct work *w)
{
    struct group *g = w->s->group;
    bool first = !(w->e->flags & EVENT_ALIKE) || copy_begins_run(w);
    g->rejected_recipients++;
    g->rejected_bytes += first ? size_of(w->e) : 0;
    g->rejected_messages += first;
    struct peer *p = tally_peer(w->t, w->i, w->e);
    if (p)
        p->rejected++;
}

/* ---- Entries ---- */

static entry_handler *const handlers[ENTRY_CODES + 1] = {
    [ENTRY_ENQUEUED] = enqueued,
    [ENTRY_DEQUEUED] = dequeued,
    [ENTRY_RETURNED] = dequeued,
    [ENTRY_FAILED_SILENTLY] = dequeued,
    [ENTRY_DEFERRED] = attempted,
    [ENTRY_PARTLY_DEFERRED] = attempted,
    [ENTRY_REJECTED] = rejected,
    [ENTRY_OPENED] = channel_opened,
    [ENTRY_CONNECTION_REJECTED] = channel_not_opened,
    [ENTRY_CONNECTION_FAILED] = channel_not_opened,
    [ENTRY_AUTHENTICATION] = channel_authenticated,
};

static uint32_t status_of(const struct event *e)
{
    if (e->entry == ENTRY_DEFERRED || e->entry == ENTRY_PARTLY_DEFERRED)
        return e->code ? e->code : 4000000;
    if (e->entry == ENTRY_RETURNED || e->entry == ENTRY_FAILED_SILENTLY)
        return e->code ? e->code : 5000000;
    return e->entry == ENTRY_REJECTED ? e->code : 0;
}

static void count_entry(struct tally *t, struct service *s, const struct event *e)
{
    struct entry *entry = tally_entry(t, s, (enum entry_code)e->entry, e, e->text);
    if (entry) {
        entry->with_tls += (e->flags & EVENT_TLS) != 0;
        entry->with_sasl += (e->flags & EVENT_SASL) != 0;
    }
    uint32_t status = status_of(e);
    if (status)
        tally_error(t, s, status,
                    e->entry == ENTRY_REJECTED ? SIDE_INBOUND
                    : is_network(s)            ? SIDE_OUTBOUND
                                               : SIDE_INTERNAL);
}

/* The counters of a channel that imsimta counters has. */
struct lines {
    uint64_t counts[26];
};

static void each_line(struct group *g, struct lines *l, bool put_back)
{
    uint64_t *const cells[] = {
        &g->received_messages,       &g->received_recipients,    &g->received_bytes,
        &g->transmitted_messages,    &g->transmitted_recipients, &g->transmitted_bytes,
        &g->submitted_messages,      &g->submitted_recipients,   &g->submitted_bytes,
        &g->attempted_messages,      &g->attempted_recipients,   &g->attempted_bytes,
        &g->rejected_messages,       &g->rejected_recipients,    &g->rejected_bytes,
        &g->failed_messages,         &g->failed_recipients,      &g->failed_bytes,
        &g->delivered_first_time,    &g->queue_time_sum_ms,      &g->queue_time_count,
        &g->queue_time_first_sum_ms, &g->queue_time_first_count, &g->accumulated_inbound,
        &g->accumulated_outbound};
    for (size_t n = 0; n < sizeof cells / sizeof cells[0]; n++)
        if (put_back)
            *cells[n] = l->counts[n];
        else
            l->counts[n] = *cells[n];
}

/* Counts an entry, but not in those cells. */
static void handle_without_lines(const struct work *w)
{
    const struct event *e = w->e;
    struct service *queue =
        e->entry == ENTRY_ENQUEUED ? tally_named_service(w->t, w->i, e->relay) : NULL;
    struct lines own, other;
    each_line(w->s->group, &own, false);
    if (queue)
        each_line(queue->group, &other, false);
    handlers[e->entry](w);
    each_line(w->s->group, &own, true);
    if (queue)
        each_line(queue->group, &other, true);
}

void tally_counted_elsewhere(struct tally *t, const struct appl *a)
{
    struct instance *i = tally_instance_of(t, a);
    if (i)
        i->counted_elsewhere = true;
}

void on_channel(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    struct work w = {t, i, s, e, (uint32_t)(e->time_ms / 1000)};
    if (!s || e->entry > ENTRY_CODES)
        return;
    if (handlers[e->entry])
        (i->counted_elsewhere ? handle_without_lines : handlers[e->entry])(&w);
    count_entry(t, s, e);
    model_dirty(t->model, MODEL_GROUP, s->group);
    model_dirty(t->model, MODEL_APPL, i->appl);
}

struct group *tally_channel(struct tally *t, const struct appl *a, struct slice name)
{
    struct instance *i = tally_instance_of(t, a);
    struct service *s = i ? tally_named_service(t, i, name) : NULL;
    return s ? s->group : NULL;
}
