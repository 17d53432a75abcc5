/*
 * The queue directories of each MTA: runs mailq.c's refresh on libuv's worker pool, one at a time for
 * each instance, and merges its result on the loop. The log answers what the queue asks of it.
 */
#include <poll.h>
#include "collector.h"
#include "mailq.h"
#include "spool.h"

struct queue_source {
    struct queue_source *next;
    const struct instance_of_mta *of;
    struct mailq *mailq; /* or */
    struct spool *spool; /* of an MTA whose messages are several files */
    struct source *row;
    struct group *groups[MTA_QUEUES_MAX];
    uv_work_t work;
    bool busy;
    int64_t next_ms, next_scan_ms, last_files_ms;
    struct mailq_request request;
    struct mailq_result result;
    struct mailq_update *updates; /* gathered for the next refresh */
    unsigned update_count, update_room;
    struct mailq_update *in_work; /* those of the running one */
    bool seeking;                 /* messages that wait though their files may be gone ... */
    uint32_t sought;              /* ... from this slot on */
    uint64_t events;
};

static struct queue_source *sources;
static struct collect *collect;

static void refresh(struct queue_source *q);

static void push(struct queue_source *q, struct mailq_update u)
{
    if (q->update_count == q->update_room) {
        unsigned room = q->update_room ? q->update_room * 2 : 64;
        struct mailq_update *updates = realloc(q->updates, room * sizeof *updates);
        if (!updates)
            return; /* the queue asks again */
        q->updates = updates;
        q->update_room = room;
    }
    q->updates[q->update_count++] = u;
}

static struct mailq_update update_of(const struct message *m, struct queue_id id)
{
    struct mailq_update u = {.id = id};
    if (m && m->flags & MESSAGE_QUEUED && !(m->flags & MESSAGE_OPEN)) {
        u.held = m->flags & MESSAGE_HELD;
        u.known = true;
        u.size = m->size;
        u.pending = m->pending;
        u.arrival_ms = (int64_t)m->first_seen_s * 1000;
    }
    return u;
}

/* Gives the messages that the log changed since the last refresh, and that are still there, to the queue of their
 * instance. */
static void route_changes(struct tally *t)
{
    struct messages *all = tally_messages(t);
    for (uint32_t i = 0; i < all->changed.count; i++) {
        struct message *m = &all->rows[all->changed.slots[i]];
        m->flags &= (uint16_t)~MESSAGE_CHANGED;
        if (queue_id_null(m->id) || !(m->flags & MESSAGE_QUEUED))
            continue;
        for (struct queue_source *q = sources; q; q = q->next)
            if (q->of->appl->row.key[0] == m->appl)
                push(q, update_of(m, m->id));
    }
    all->changed.count = 0;
}

/* Messages were deleted by hand, and the log does not name them: their files tell, a batch in each refresh. */
static void seek(struct queue_source *q)
{
    const struct messages *all = tally_messages(collect->tally);
    uint32_t appl = q->of->appl->row.key[0];
    unsigned n = 0;
    if (tally_purged(collect->tally, q->of->appl) && q->mailq)
        q->seeking = true, q->sought = 0;
    for (; q->seeking && q->sought < all->high && n < MAILQ_MISSING_MAX; q->sought++) {
        const struct message *m = &all->rows[q->sought];
        if (queue_id_null(m->id) || m->appl != appl || !m->first_wait)
            continue;
        struct mailq_update u = update_of(m, m->id);
        u.sought = true;
        push(q, u);
        n++;
    }
    q->seeking = q->seeking && q->sought < all->high;
}

static void take_missing(const struct queue_source *q)
{
    if (q->result.status != SOURCE_OK)
        return;
    for (unsigned i = 0; i < q->result.missing_count; i++)
        tally_not_queued(collect->tally, q->of->appl, q->result.missing[i]);
}

static void take_attempts(const struct queue_source *q)
{
    for (unsigned i = 0; i < q->result.attempt_count; i++)
        tally_next_attempt(collect->tally, q->of->appl, q->result.attempts[i].id,
                           q->result.attempts[i].at_s);
}

static void answer_wanted(struct queue_source *q)
{
    for (unsigned i = 0; i < q->result.wanted_count; i++) {
        struct queue_id id = q->result.wanted[i];
        push(q, update_of(tally_message(collect->tally, q->of->appl->row.key[0], id), id));
    }
}

/* The rows of one queue: its group and its ages. */
static void place_rows(struct queue_source *q, unsigned n, const char *name)
{
    char text[80];
    snprintf(text, sizeof text, "messages in the %s queue", name);
    q->groups[n] = tally_group(collect->tally, q->of->appl, slice_of(name), -3, slice_of(text));
    if (!q->groups[n])
        return;
    if (q->groups[n]->created_at == MODEL_NEVER) {
        q->groups[n]->created_at = collect->monotonic_ms;
        model_dirty(collect->model, MODEL_GROUP, q->groups[n]);
    }
    for (uint32_t b = AGE_BUCKETS; b >= 1; b--) {
        uint32_t key[3] = {q->groups[n]->row.key[0], q->groups[n]->row.key[1], b};
        struct age *a = model_place(collect->model, MODEL_AGE, key, NULL);
        if (a)
            a->up_to_min = b == AGE_BUCKETS ? 0 : (uint64_t)5 << (b - 1);
    }
}

static void set_level(struct group *g, const char *queue, uint64_t messages)
{
    const struct {
        const char *name;
        uint64_t *level;
    } levels[] = {{"active", &g->active}, {"incoming", &g->incoming}, {"deferred", &g->deferred},
                  {"hold", &g->held},     {"corrupt", &g->corrupt},   {"maildrop", &g->maildrop}};
    for (unsigned i = 0; i < sizeof levels / sizeof levels[0]; i++)
        if (strcmp(levels[i].name, queue) == 0)
            *levels[i].level = messages;
}

static int64_t instant(int64_t real_ms)
{
    return real_ms ? real_ms - collect->real_minus_monotonic_ms : MODEL_NEVER;
}

static void merge_ages(const struct group *g, const struct mailq_queue *from)
{
    for (uint32_t b = 1; b <= AGE_BUCKETS; b++) {
        uint32_t key[3] = {g->row.key[0], g->row.key[1], b};
        struct age *a = model_find(collect->model, MODEL_AGE, key, NULL);
        if (a)
            a->messages = from->ages_complete && from->messages != MODEL_ABSENT
                              ? from->buckets[b - 1]
                              : MODEL_ABSENT;
    }
}

static void merge_queue(struct group *g, const struct mailq_queue *from)
{
    bool there = from->messages != MODEL_ABSENT;
    set_level(g, from->name, from->messages);
    merge_ages(g, from);
    if (from->flags & MTA_QUEUE_DAMAGED)
        return; /* not stored for delivery: mtaTable's sums leave it out */
    g->stored_messages = from->messages;
    g->stored_bytes = there && from->complete ? from->bytes : MODEL_ABSENT;
    g->stored_recipients = there && from->complete ? from->recipients : MODEL_ABSENT;
    bool dated = there && from->ages_complete;
    if (from->flags & MTA_QUEUE_REWRITTEN)
        g->held = there && from->complete ? from->held : MODEL_ABSENT;
    g->oldest_at = dated ? instant(from->oldest_ms) : MODEL_NEVER;
    g->oldest_id = from->message_id;
    if (dated && from->messages == 0)
        TEXT_SET(g->oldest_id, SLICE(""));
    g->retry_at = instant(from->retry_ms);
}

static void add(uint64_t *sum, uint64_t part)
{
    *sum = *sum == MODEL_ABSENT || part == MODEL_ABSENT ? MODEL_ABSENT : *sum + part;
}

/* What the directories do not tell, the mail system itself may: of all that it stores, which is its first queue's. */
static void tell_instead(uint64_t *whole, uint64_t *queue, uint64_t level)
{
    if (*whole == MODEL_ABSENT && level != MODEL_ABSENT)
        *whole = *queue = level;
}

static void merge(struct queue_source *q)
{
    struct appl *a = q->of->appl;
    a->stored_messages = a->stored_bytes = a->stored_recipients = 0;
    for (unsigned n = 0; n < q->result.queue_count; n++) {
        const struct mailq_queue *from = &q->result.queues[n];
        if (!q->groups[n])
            place_rows(q, n, from->name);
        struct group *g = q->groups[n];
        if (!g)
            continue;
        merge_queue(g, from);
        /* A named queue has runs of its own, which nothing tells of. */
        bool named = q->of->mta->named_queues && strchr(from->name, '/');
        if (!named && g->retry_at == MODEL_NEVER && g->stored_messages &&
            g->stored_messages != MODEL_ABSENT)
            g->retry_at = tally_next_run(collect->tally, a);
        if (from->flags & MTA_QUEUE_DAMAGED)
            continue;
        add(&a->stored_messages, g->stored_messages);
        add(&a->stored_bytes, g->stored_bytes);
        add(&a->stored_recipients, g->stored_recipients);
    }
    if (q->groups[0]) {
        const struct mta_levels *l = &q->of->levels;
        tell_instead(&a->stored_messages, &q->groups[0]->stored_messages, l->stored_messages);
        tell_instead(&a->stored_recipients, &q->groups[0]->stored_recipients, l->stored_recipients);
    }
    model_touch(collect->model, MODEL_APPL);
    model_touch(collect->model, MODEL_GROUP);
    model_touch(collect->model, MODEL_AGE);
}

static void merge_source(struct queue_source *q)
{
    const struct mailq_result *r = &q->result;
    q->row->duration_ms = r->duration_us / 1000;
    q->row->items += r->events - q->events;
    if (r->events != q->events)
        model_dirty(collect->model, MODEL_SOURCE, q->row);
    q->events = r->events;
    source_status(collect, q->row, r->status, r->error);
}

static void run(uv_work_t *work)
{
    struct queue_source *q = work->data;
    if (q->spool)
        spool_refresh(q->spool, &q->request, &q->result);
    else
        mailq_refresh(q->mailq, &q->request, &q->result);
}

static void rest(struct queue_source *q)
{
    int64_t until = collect->monotonic_ms + (int64_t)(q->result.duration_us / 1000) * 20;
    if (q->next_ms < until)
        q->next_ms = until;
}

static void done(uv_work_t *work, int status)
{
    struct queue_source *q = work->data;
    q->busy = false;
    free(q->in_work);
    q->in_work = NULL;
    if (status == UV_ECANCELED || collect->stopping)
        return;
    merge(q);
    merge_source(q);
    take_attempts(q);
    take_missing(q);
    if (q->spool) /* all of it was walked: not more than a twentieth of the time */
        rest(q);
    answer_wanted(q);
    if (q->result.wanted_count == MAILQ_WANTED_MAX)
        refresh(q); /* many to ask for: at once */
}

static void refresh(struct queue_source *q)
{
    int64_t now = collect->monotonic_ms;
    bool scan = now >= q->next_scan_ms;
    int64_t since = now - q->last_files_ms;
    q->next_ms = now + (int64_t)collect->config->queue_interval_s * 1000;
    if (scan)
        q->next_scan_ms = now + (int64_t)collect->config->queue_rescan_s * 1000;
    route_changes(collect->tally);
    q->in_work = q->updates;
    q->request = (struct mailq_request){.real_ms = collect_real_ms(collect),
                                        .monotonic_ms = now,
                                        .rescan = scan,
                                        .updates = q->updates,
                                        .update_count = q->update_count};
    if (since > 1000)
        since = 1000;
    q->request.files_max = (unsigned)(collect->config->files_per_second * since / 1000);
    if (q->request.files_max)
        q->last_files_ms = now;
    q->updates = NULL;
    q->update_count = q->update_room = 0;
    q->busy = uv_queue_work(collect->loop, &q->work, run, done) == 0;
}

static bool open_queue(struct collect *c, const struct instance_of_mta *i)
{
    struct queue_source *q = calloc(1, sizeof *q);
    struct source *row = source_place_queue(c, i);
    if (!q || !row) {
        free(q);
        return false;
    }
    q->next = sources;
    q->of = i;
    q->row = row;
    q->work.data = q;
    if (i->mta->spool_file)
        q->spool = spool_new(i->mta, i->config->queue_directory);
    else
        q->mailq = mailq_new(i->mta, i->config->queue_directory);
    if (!q->mailq && !q->spool) {
        free(q);
        return false;
    }
    for (unsigned n = 0; i->mta->queues[n].name; n++)
        place_rows(q, n, i->mta->queues[n].name);
    q->last_files_ms = c->monotonic_ms;
    sources = q;
    return true;
}

static bool start(struct collect *c)
{
    collect = c;
    for (unsigned n = 0; n < c->instance_count; n++)
        if (c->instances[n].config->queue_directory && c->instances[n].mta->queues[0].name &&
            !open_queue(c, &c->instances[n]))
            return false;
    return true;
}

/* Did inotify say anything? The tick asks, so that a busy queue wakes nobody more often. */
static bool changed(const struct queue_source *q)
{
    struct pollfd p = {q->mailq ? mailq_fd(q->mailq) : -1, POLLIN, 0};
    return p.fd >= 0 && poll(&p, 1, 0) == 1;
}

static void tick(struct collect *c)
{
    if (!c->caught_up)
        return; /* the log shall be able to answer */
    for (struct queue_source *q = sources; q; q = q->next)
        if (!q->busy &&
            (c->monotonic_ms >= q->next_ms || q->result.wanted_count || q->seeking || changed(q))) {
            seek(q);
            refresh(q);
        }
}

/* A refresh that runs is waited for: it may hold for as long as the disk does. */
static void stop(struct collect *c)
{
    (void)c;
    for (struct queue_source *q = sources; q; q = q->next)
        if (q->busy)
            uv_cancel((uv_req_t *)&q->work);
}

const struct collector collector_queue = {"queue", start, tick, NULL, stop};
