/*
 * Destinations by queued mail: a recipient domain gets a row when mail for it is first deferred. A
 * wait ties a message to a destination with the number of its recipients that wait there; the waits
 * of a destination are a list in order of arrival, so that its oldest message is at the head.
 * The lists and the levels follow from the waits and are rebuilt after a restart.
 *
 * The soonest next attempt of a destination, where files tell those of messages: kept while its wait
 * is there; when that goes, its list is walked for another, so many waits in a tick.
 */
#include "tally_internal.h"

#define LOOK      16
#define CLOCKS_MS 10
#define WALK_MAX  2000 /* waits looked at in a tick for the soonest attempt */

/* Eight octets at once: adds 32 to those from 'A' to 'Z'. */
static uint64_t lower(uint64_t v)
{
    const uint64_t ones = 0x0101010101010101u, high = ones * 0x80;
    uint64_t low = v & ~high;
    uint64_t from_a = low + ones * (0x80 - 'A'), beyond_z = low + ones * (0x80 - 'Z' - 1);
    return v + (((from_a ^ beyond_z) & ~v & high) >> 2);
}

/* The domain of a recipient in lower case; the whole address if it has none. */
static struct slice domain_of(struct slice address, char buffer[264])
{
    const char *at = address.n ? memrchr(address.p, '@', address.n) : NULL;
    if (at)
        address = slice_skip(address, (size_t)(at + 1 - address.p));
    address = slice_head(address, 254);
    for (size_t i = 0; i < address.n; i += 8) {
        uint64_t v = 0;
        if (address.n - i >= 8)
            memcpy(&v, address.p + i, 8);
        else
            memcpy(&v, address.p + i, address.n - i);
        v = lower(v);
        memcpy(buffer + i, &v, 8);
    }
    return (struct slice){buffer, address.n};
}

static struct destination *at(const struct tally *t, uint32_t position)
{
    return (struct destination *)(t->model->tables[MODEL_DESTINATION].base +
                                  (size_t)position * sizeof(struct destination));
}

static struct destination *find(const struct tally *t, uint32_t appl, struct slice domain,
                                uint64_t hash)
{
    uint32_t cursor = 0;
    for (int64_t n; (n = hashindex_next(&t->destinations, hash, &cursor)) >= 0;) {
        struct destination *d = at(t, (uint32_t)n);
        if (d->row.key[0] == appl && slice_eq(TEXT_GET(d->domain), domain))
            return d;
    }
    return NULL;
}

/* A row for which no mail is queued, the one used longest ago among a few; NULL if there is none. */
static struct destination *idle(struct tally *t)
{
    const struct rows *rows = &t->model->tables[MODEL_DESTINATION];
    struct destination *oldest = NULL;
    for (unsigned i = 0; i < LOOK; i++) {
        struct destination *d = at(t, t->destination_hand);
        if (++t->destination_hand >= rows->high)
            t->destination_hand = 0;
        if (d->row.used && d->queued == 0 && (!oldest || d->last_at < oldest->last_at))
            oldest = d;
    }
    return oldest;
}

static struct destination *place(struct tally *t, uint32_t appl, struct slice domain, uint64_t hash)
{
    struct rows *rows = &t->model->tables[MODEL_DESTINATION];
    struct destination *d = NULL;
    uint32_t key[3] = {appl, t->next_destination, 0};
    if (rows->count < rows->capacity) {
        d = model_place(t->model, MODEL_DESTINATION, key, NULL);
    } else if ((d = idle(t)) != NULL) {
        hashindex_remove(&t->destinations, slice_hash(TEXT_GET(d->domain), d->row.key[0]),
                         model_position(t->model, MODEL_DESTINATION, d));
        model_rekey(t->model, MODEL_DESTINATION, d, key, NULL);
    }
    if (!d) {
        rows->overflow++;
        return NULL;
    }
    t->next_destination = t->next_destination % INT32_MAX + 1;
    TEXT_SET(d->domain, domain);
    d->queued = d->deferred = d->deferrals = d->deliveries = 0;
    hashindex_add(&t->destinations, hash, model_position(t->model, MODEL_DESTINATION, d));
    return d;
}

/* The heads and tails of the lists of waits live beside the rows, by position. */
struct wait_list {
    uint32_t oldest, newest; /* wait + 1 */
    uint32_t soonest_s;      /* next attempt, real time; 0: of none is told */
    uint32_t walk;           /* wait + 1 where a walk goes on, 0: none is under way */
    uint32_t walked_s;       /* the soonest that it found */
    bool gone;               /* the wait of soonest_s, or of walked_s, is */
    bool told;               /* files tell of its messages */
};

static struct wait_list *list_of(struct tally *t, uint32_t position)
{
    if (!t->wait_lists) {
        t->wait_lists = calloc(t->model->tables[MODEL_DESTINATION].capacity, sizeof *t->wait_lists);
        if (!t->wait_lists)
            abort();
    }
    return &t->wait_lists[position];
}

static uint32_t number(const struct tally *t, const struct wait *w)
{
    return (uint32_t)(w - t->messages.waits) + 1;
}

/* Puts a wait into its destination's list, by the arrival of its message. */
static void link_wait(struct tally *t, struct wait *w)
{
    struct wait *waits = t->messages.waits;
    struct wait_list *l = list_of(t, w->destination);
    uint32_t before = l->newest;
    while (before && waits[before - 1].arrival_s > w->arrival_s)
        before = waits[before - 1].older;
    w->older = before;
    w->newer = before ? waits[before - 1].newer : l->oldest;
    *(before ? &waits[before - 1].newer : &l->oldest) = number(t, w);
    *(w->newer ? &waits[w->newer - 1].older : &l->newest) = number(t, w);
}

/* When the message of this wait is tried next is not what it was. */
static void set_retry(struct tally *t, const struct wait *w, uint32_t at_s)
{
    struct wait_list *l = list_of(t, w->destination);
    uint32_t *is = &t->retries_s[number(t, w) - 1];
    if (*is && at_s != *is)
        l->gone |= *is == l->soonest_s || (l->walk && *is == l->walked_s);
    *is = at_s;
    l->told |= at_s != 0;
    if (at_s && (!l->soonest_s || at_s <= l->soonest_s)) {
        l->soonest_s = at_s;
        l->gone = false;
    }
    if (at_s && l->walk && (!l->walked_s || at_s < l->walked_s))
        l->walked_s = at_s;
}

static void unlink_wait(struct tally *t, const struct wait *w)
{
    struct wait *waits = t->messages.waits;
    struct wait_list *l = list_of(t, w->destination);
    if (t->retries_s)
        set_retry(t, w, 0);
    if (l->walk == number(t, w))
        l->walk = w->newer;
    *(w->older ? &waits[w->older - 1].newer : &l->oldest) = w->newer;
    *(w->newer ? &waits[w->newer - 1].older : &l->newest) = w->older;
    if (!l->oldest)
        *l = (struct wait_list){0};
}

static struct wait *find_wait(struct tally *t, const struct message *m, uint32_t destination)
{
    for (uint32_t n = m->first_wait; n; n = t->messages.waits[n - 1].chain)
        if (t->messages.waits[n - 1].destination == destination)
            return &t->messages.waits[n - 1];
    return NULL;
}

static struct wait *add_wait(struct tally *t, struct message *m, uint32_t destination)
{
    struct wait *w = messages_wait(&t->messages);
    if (!w)
        return NULL;
    w->message = messages_slot(&t->messages, m);
    w->destination = destination;
    w->arrival_s = m->first_seen_s;
    w->chain = m->first_wait;
    m->first_wait = number(t, w);
    link_wait(t, w);
    return w;
}

/* Takes a wait out of its message's chain and its destination's list. */
static void drop_wait(struct tally *t, struct message *m, struct wait *w)
{
    uint32_t *from = &m->first_wait;
    while (*from != number(t, w)) {
        struct wait *previous = &t->messages.waits[*from - 1];
        messages_mark_wait(&t->messages, previous);
        from = &previous->chain;
    }
    *from = w->chain;
    unlink_wait(t, w);
    messages_unwait(&t->messages, w);
}

/* The result of an earlier wait is in, whatever it is. */
static void take_active(struct destination *d, struct wait *w)
{
    if (!w || !w->active)
        return;
    w->active--;
    d->queued--;
}

/* Where each recipient waits by itself: at most so many of one message are followed. */
#define CHAIN_MAX 1024

/* The address whose domain a recipient is for: a file, a pipe, a local part is for that of the original. */
static struct slice routed_address(const struct event *e)
{
    struct slice a = e->address;
    bool whole = a.n && memchr("|/>", *a.p, 3) == NULL && memchr(a.p, '@', a.n);
    return whole || e->original.n == 0 ? a : e->original;
}

/* Of the local part, which is all that some lines tell. Never 0. */
static uint32_t recipient_hash(const struct event *e)
{
    struct slice a = e->address;
    const char *at = a.n ? memrchr(a.p, '@', a.n) : NULL;
    if (at && memchr("|/>", *a.p, 3) == NULL)
        a = slice_head(a, (size_t)(at - a.p));
    return (uint32_t)slice_hash(a, 0) | 1;
}

/* The wait of one recipient for a destination; *full: there is none, and there are enough. */
static struct wait *find_recipient(const struct tally *t, const struct message *m,
                                   uint32_t destination, uint32_t recipient, bool *full)
{
    unsigned length = 0;
    for (uint32_t n = m->first_wait; n; n = t->messages.waits[n - 1].chain, length++) {
        struct wait *w = &t->messages.waits[n - 1];
        if (w->recipient == recipient && w->destination == destination)
            return w;
        if (length == CHAIN_MAX)
            break;
    }
    *full = length >= CHAIN_MAX;
    return NULL;
}

bool destination_tried(const struct tally *t, const struct message *m, const struct event *e)
{
    char buffer[264];
    bool full;
    uint32_t appl = m->appl;
    if (!m->first_wait)
        return false;
    struct slice domain = domain_of(routed_address(e), buffer);
    const struct destination *d = find(t, appl, domain, slice_hash(domain, appl));
    if (!d)
        return false;
    const struct wait *w = find_recipient(t, m, model_position(t->model, MODEL_DESTINATION, d),
                                          recipient_hash(e), &full);
    return w && w->flags & WAIT_TRIED;
}

static void note_deferral(struct destination *d, const struct event *e)
{
    d->deferrals++;
    TEXT_SET(d->last_reason, e->text);
    d->last_status_code = e->code ? e->code : 4000000;
}

/* The result of one recipient that waits by itself. */
static void recipient_result(struct tally *t, struct destination *d, struct message *m,
                             const struct event *e)
{
    bool full = false;
    uint32_t position = model_position(t->model, MODEL_DESTINATION, d);
    struct wait *w = find_recipient(t, m, position, recipient_hash(e), &full);
    if (e->result != RESULT_DEFERRED) {
        if (!w)
            return;
        d->deferred--;
        d->queued--;
        drop_wait(t, m, w);
        return;
    }
    if (!(e->flags & EVENT_UNTRIED))
        note_deferral(d, e);
    if (!w && !full && (w = add_wait(t, m, position)) != NULL) {
        w->recipient = recipient_hash(e);
        w->deferred = 1;
        d->deferred++;
        d->queued++;
    }
    if (w && !(e->flags & EVENT_UNTRIED))
        w->flags |= WAIT_TRIED;
    if (w)
        messages_mark_wait(&t->messages, w);
}

void destination_delivery(struct tally *t, const struct instance *i, struct message *m,
                          const struct event *e, bool hop)
{
    char buffer[264]; /* eight octets at a time */
    struct slice domain = domain_of(routed_address(e), buffer);
    uint32_t appl = i->appl->row.key[0];
    uint64_t hash = slice_hash(domain, appl);
    struct destination *d = find(t, appl, domain, hash);
    if (!d && e->result == RESULT_DEFERRED)
        d = place(t, appl, domain, hash);
    if (!d)
        return;
    d->last_at = tally_at(t, e);
    if (e->result == RESULT_SENT && !hop)
        d->deliveries++;
    model_dirty(t->model, MODEL_DESTINATION, d);
    if (i->mta->flags & MTA_ATTEMPTS_UNTOLD) {
        recipient_result(t, d, m, e);
        return;
    }
    uint32_t position = model_position(t->model, MODEL_DESTINATION, d);
    struct wait *w = find_wait(t, m, position);
    take_active(d, w);
    if (e->result == RESULT_DEFERRED) {
        note_deferral(d, e);
        if (!w)
            w = add_wait(t, m, position);
        if (w) {
            w->deferred++;
            d->deferred++;
            d->queued++;
        }
    }
    if (w)
        messages_mark_wait(&t->messages, w);
    if (w && w->active == 0 && w->deferred == 0)
        drop_wait(t, m, w);
}

void destination_retry(struct tally *t, struct message *m)
{
    for (uint32_t n = m->first_wait; n; n = t->messages.waits[n - 1].chain) {
        struct wait *w = &t->messages.waits[n - 1];
        if (w->recipient) {
            w->flags &= ~WAIT_TRIED;
            messages_mark_wait(&t->messages, w);
            continue;
        }
        struct destination *d = at(t, w->destination);
        d->deferred -= w->deferred;
        w->active += w->deferred;
        w->deferred = 0;
        if (t->retries_s)
            set_retry(t, w, 0);
        messages_mark_wait(&t->messages, w);
        model_touch_row(t->model, MODEL_DESTINATION, d);
    }
}

void destination_forget(struct tally *t, struct message *m)
{
    while (m->first_wait) {
        struct wait *w = &t->messages.waits[m->first_wait - 1];
        struct destination *d = at(t, w->destination);
        d->deferred -= w->deferred;
        d->queued -= w->deferred + w->active;
        drop_wait(t, m, w);
        model_touch_row(t->model, MODEL_DESTINATION, d);
    }
}

void tally_not_queued(struct tally *t, const struct appl *appl, struct queue_id id)
{
    struct message *m = messages_find(&t->messages, (uint16_t)appl->row.key[0], id);
    if (!m || !m->first_wait)
        return;
    destination_forget(t, m);
    messages_mark(&t->messages, m);
}

static void try_at(struct tally *t, struct destination *d, int64_t at_ms)
{
    if (!d || !d->queued || (d->retry_at != MODEL_NEVER && at_ms >= d->retry_at))
        return;
    d->retry_at = at_ms;
    model_touch_row(t->model, MODEL_DESTINATION, d);
}

void destination_attempt(struct tally *t, uint32_t appl, const struct mta_attempt *a, int64_t at_ms)
{
    char buffer[264];
    if (a->address.n) {
        struct slice domain = domain_of(a->address, buffer);
        try_at(t, find(t, appl, domain, slice_hash(domain, appl)), at_ms);
    } else if (a->message.n) {
        const struct message *m = messages_find(&t->messages, (uint16_t)appl, a->id);
        for (uint32_t n = m ? m->first_wait : 0; n; n = t->messages.waits[n - 1].chain)
            try_at(t, at(t, t->messages.waits[n - 1].destination), at_ms);
    }
}

void destination_attempts_forget(struct tally *t, uint32_t appl)
{
    for (uint32_t i = 0; i < t->model->tables[MODEL_DESTINATION].count; i++) {
        struct destination *d = model_row(t->model, MODEL_DESTINATION, i);
        if (d->row.key[0] == appl)
            d->retry_at = MODEL_NEVER;
    }
    model_touch(t->model, MODEL_DESTINATION);
}

void destination_next_attempt(struct tally *t, uint32_t appl, struct queue_id id, uint32_t at_s)
{
    const struct message *m = messages_find(&t->messages, (uint16_t)appl, id);
    if (!m || !m->first_wait)
        return;
    if (!t->retries_s)
        t->retries_s = calloc(t->messages.wait_max, sizeof *t->retries_s);
    if (!t->retries_s)
        abort();
    for (uint32_t n = m->first_wait; n; n = t->messages.waits[n - 1].chain)
        if (t->messages.waits[n - 1].deferred)
            set_retry(t, &t->messages.waits[n - 1], at_s);
}

/* Looks for the soonest attempt where it is not known any more. Returns how many waits it may still look at. */
static unsigned walk(const struct tally *t, struct wait_list *l, unsigned budget)
{
    if (l->gone && !l->walk) {
        l->walk = l->oldest;
        l->walked_s = 0;
        l->gone = false;
    } else if (!l->walk) {
        return budget;
    }
    for (; l->walk && budget; budget--) {
        uint32_t at_s = t->retries_s[l->walk - 1];
        if (at_s && (!l->walked_s || at_s < l->walked_s))
            l->walked_s = at_s;
        l->walk = t->messages.waits[l->walk - 1].newer;
    }
    if (!l->walk)
        l->soonest_s = l->walked_s;
    return budget;
}

/* When a destination is tried next: as files tell it, else as it is. */
static int64_t retry_of(const struct tally *t, const struct wait_list *l,
                        const struct destination *d)
{
    if (!l->oldest || (l->told && !l->soonest_s))
        return MODEL_NEVER;
    return l->soonest_s ? (int64_t)l->soonest_s * 1000 - t->real_minus_monotonic_ms : d->retry_at;
}

/* The difference of the clocks is taken anew each second and is off by a little each time. */
static bool differ(int64_t a, int64_t b)
{
    return (a == MODEL_NEVER) != (b == MODEL_NEVER) || a - b > CLOCKS_MS || b - a > CLOCKS_MS;
}

void destination_levels(struct tally *t)
{
    unsigned budget = WALK_MAX;
    for (uint32_t i = 0; i < t->model->tables[MODEL_DESTINATION].count; i++) {
        struct destination *d = model_row(t->model, MODEL_DESTINATION, i);
        struct wait_list *l = list_of(t, model_position(t->model, MODEL_DESTINATION, d));
        budget = walk(t, l, budget);
        int64_t arrival = l->oldest ? t->messages.waits[l->oldest - 1].arrival_s : 0;
        int64_t oldest_at = l->oldest ? arrival * 1000 - t->real_minus_monotonic_ms : MODEL_NEVER;
        int64_t retry_at = retry_of(t, l, d);
        if (!differ(oldest_at, d->oldest_at) && !differ(retry_at, d->retry_at))
            continue;
        d->oldest_at = oldest_at;
        d->retry_at = retry_at;
        model_touch_row(t->model, MODEL_DESTINATION, d);
    }
}

static int by_arrival(const void *a, const void *b, void *arg)
{
    const struct messages *all = arg;
    uint32_t first = all->rows[all->waits[*(const uint32_t *)a].message].first_seen_s;
    uint32_t second = all->rows[all->waits[*(const uint32_t *)b].message].first_seen_s;
    return (first > second) - (first < second);
}

/* In order of arrival, so that each goes to the end of its list. */
static void load_waits(struct tally *t)
{
    struct messages *all = &t->messages;
    uint32_t n = 0, *order = calloc((size_t)all->wait_count + 1, sizeof *order);
    if (!order)
        abort();
    for (uint32_t s = 0; s < all->wait_high; s++)
        if (all->waits[s].flags & 1)
            order[n++] = s;
    qsort_r(order, n, sizeof *order, by_arrival, all);
    for (uint32_t i = 0; i < n; i++) {
        struct wait *w = &all->waits[order[i]];
        struct destination *d = at(t, w->destination);
        d->deferred += w->deferred;
        d->queued += w->deferred + w->active;
        link_wait(t, w);
    }
    free(order);
}

void destination_load(struct tally *t)
{
    for (uint32_t i = 0; i < t->model->tables[MODEL_DESTINATION].count; i++) {
        struct destination *d = model_row(t->model, MODEL_DESTINATION, i);
        d->queued = d->deferred = 0;
        hashindex_add(&t->destinations, slice_hash(TEXT_GET(d->domain), d->row.key[0]),
                      model_position(t->model, MODEL_DESTINATION, d));
    }
    load_waits(t);
}
