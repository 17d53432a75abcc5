/*
 * The object: keeps each queue's sums as files come, go and become known, runs a refresh, writes
 * its result. Owns all memory and descriptors of mailq_state.h.
 */
#include "mailq_state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define FILES_AHEAD 32  /* whose seconds are fetched before they are counted */
#define ROWS_AHEAD  256 /* and which are fetched themselves */
#define SCANS_MAX   3   /* in one refresh, when the event queue keeps overflowing */

unsigned mailq_queue_of(const struct mailq *q, const struct mailq_file *f)
{
    return q->tree.directories[f->directory].queue;
}

unsigned mailq_queue_flags(const struct mailq *q, const struct mailq_file *f)
{
    return q->places[mailq_queue_of(q, f)].flags;
}

static void age_in(struct mailq_sums *s, const struct mailq_file *f)
{
    bool first = s->messages - s->unaged == 1;
    mailq_ages_add(&s->ages, f->arrival_s);
    if (first || (!queue_id_null(s->oldest) && f->arrival_s < s->oldest_s)) {
        s->oldest = f->id;
        s->oldest_s = f->arrival_s;
    }
}

/* Adds n = 1 or -1 times what a file counts for, but for its times. */
static void count(struct mailq_sums *s, const struct mailq_file *f,
                  const struct mailq_learnt *learnt, uint64_t n)
{
    s->messages += n;
    if (f->flags & MAILQ_FILE_SIZED) {
        s->bytes += n * learnt->size;
        s->recipients += n * learnt->pending;
    } else {
        s->unsized += n;
    }
    if (!f->arrival_s)
        s->unaged += n;
    if (f->flags & MAILQ_FILE_HELD)
        s->held += n;
    if (f->flags & MAILQ_FILE_CHANGED)
        s->changed += n;
}

void mailq_count_out(struct mailq *q, const struct mailq_file *f)
{
    struct mailq_sums *s = &q->queues[mailq_queue_of(q, f)];
    const struct mailq_learnt *learnt = mailq_map_learnt(&q->map, f);
    if (f->flags & MAILQ_FILE_WRITING)
        return;
    count(s, f, learnt, (uint64_t)-1);
    if (f->arrival_s)
        mailq_ages_remove(&s->ages, f->arrival_s);
    if (mailq_queue_flags(q, f) & MTA_QUEUE_RETRY) {
        if (learnt->retry_s)
            mailq_ring_remove(&s->retries, learnt->retry_s);
        else
            s->untimed--;
    }
}

void mailq_count_in(struct mailq *q, const struct mailq_file *f)
{
    struct mailq_sums *s = &q->queues[mailq_queue_of(q, f)];
    const struct mailq_learnt *learnt = mailq_map_learnt(&q->map, f);
    if (f->flags & MAILQ_FILE_WRITING)
        return;
    count(s, f, learnt, 1);
    if (f->arrival_s)
        age_in(s, f);
    if (mailq_queue_flags(q, f) & MTA_QUEUE_RETRY) {
        if (learnt->retry_s)
            mailq_ring_add(&s->retries, learnt->retry_s);
        else
            s->untimed++;
    }
}

/* It leaves its queue for good. */
static void leave(struct mailq *q, const struct mailq_file *f)
{
    struct mailq_sums *s = &q->queues[mailq_queue_of(q, f)];
    mailq_count_out(q, f);
    if (s->oldest.lo == f->id.lo && s->oldest.hi == f->id.hi)
        s->oldest = (struct queue_id){0, 0};
}

static void move_to(struct mailq *q, struct mailq_file *f, uint16_t directory)
{
    leave(q, f);
    f->directory = directory;
    mailq_map_learnt(&q->map, f)->retry_s = 0;
    if (!(mailq_queue_flags(q, f) & MTA_QUEUE_INCOMPLETE))
        f->flags &= (uint8_t)~MAILQ_FILE_WRITING;
    mailq_count_in(q, f);
}

/* A new file, not yet counted. */
static void begin(struct mailq *q, struct mailq_file *f, int64_t arrival_s, uint16_t directory)
{
    f->directory = directory;
    f->arrival_s = mailq_instant(arrival_s);
    if (mailq_queue_flags(q, f) & MTA_QUEUE_INCOMPLETE)
        f->flags |= MAILQ_FILE_WRITING;
}

struct mailq_file *mailq_place(struct mailq *q, struct queue_id id, uint64_t hash,
                               int64_t arrival_s, uint16_t directory)
{
    bool fresh;
    struct mailq_file *f = mailq_map_place(&q->map, id, hash, &fresh);
    if (!f) {
        q->short_of_memory = true;
        return NULL;
    }
    mailq_mark(q, f);
    if (fresh) {
        begin(q, f, arrival_s, directory);
        mailq_count_in(q, f);
    } else if (f->directory != directory) {
        move_to(q, f, directory);
    }
    return f;
}

/* Counts the files of one directory from a position on, of which nothing but their names is known; returns the
   position behind them. */
static uint32_t count_fresh(struct mailq *q, uint32_t from)
{
    const struct mailq_file *f = q->map.files;
    struct mailq_sums *s = &q->queues[mailq_queue_of(q, &f[from])];
    uint64_t messages = 0, aged = 0;
    uint32_t i = from;
    for (; i < q->map.count && f[i].directory == f[from].directory; i++) {
        uint32_t later = i + FILES_AHEAD;
        __builtin_prefetch(&f[i + ROWS_AHEAD]);
        if (later < q->map.count)
            mailq_ring_prefetch(&s->ages.ring, f[later].arrival_s);
        if (f[i].flags & MAILQ_FILE_WRITING)
            continue;
        messages++;
        if (!f[i].arrival_s)
            continue;
        aged++;
        mailq_ages_add(&s->ages, f[i].arrival_s);
        if (f[i].arrival_s < s->oldest_s) {
            s->oldest = f[i].id;
            s->oldest_s = f[i].arrival_s;
            s->oldest_at = i;
        }
    }
    s->messages += messages;
    s->unsized += messages;
    s->unaged += messages - aged;
    s->untimed += s->retries.counts ? messages : 0;
    return i;
}

void mailq_filled(struct mailq *q)
{
    for (uint32_t i = 0; i < q->map.count;)
        i = count_fresh(q, i);
    q->unindexed = true;
}

/* It moved while it was looked for, and is where it was found last. */
static void take_twice(struct mailq *q, struct mailq_file *before, uint32_t position)
{
    leave(q, before);
    *before = q->map.files[position];
    *mailq_map_learnt(&q->map, before) = q->map.learnt[position];
    mailq_map_cut(&q->map, position);
}

void mailq_index(struct mailq *q)
{
    struct mailq_file *before;
    if (!q->unindexed)
        return;
    q->unindexed = false;
    if (!mailq_map_index(&q->map)) {
        q->short_of_memory = true;
        while (q->map.count) {
            leave(q, &q->map.files[q->map.count - 1]);
            mailq_map_cut(&q->map, q->map.count - 1);
        }
    }
    for (uint32_t i = 0; (i = mailq_map_enter(&q->map, i, &before)) < q->map.count;)
        take_twice(q, before, i);
}

void mailq_remove(struct mailq *q, struct mailq_file *f)
{
    leave(q, f);
    mailq_map_remove(&q->map, f);
}

void mailq_changed(struct mailq *q, struct mailq_file *f)
{
    mailq_count_out(q, f);
    f->flags |= MAILQ_FILE_CHANGED;
    f->flags &= (uint8_t) ~(MAILQ_FILE_ASKED | MAILQ_FILE_WAITED | MAILQ_FILE_READ);
    mailq_count_in(q, f);
}

void mailq_complete(struct mailq *q, struct mailq_file *f)
{
    mailq_count_out(q, f);
    f->flags &= (uint8_t)~MAILQ_FILE_WRITING;
    mailq_count_in(q, f);
}

struct mailq_file *mailq_find(struct mailq *q, struct queue_id id, uint32_t at)
{
    struct mailq_file *f = at < q->map.count ? &q->map.files[at] : NULL;
    if (f && f->id.lo == id.lo && f->id.hi == id.hi)
        return f;
    mailq_index(q);
    return mailq_map_find(&q->map, id, mailq_map_hash(&q->map, id));
}

bool mailq_add_queue(struct mailq *q, const char *name, unsigned flags)
{
    struct mailq_sums *s = &q->queues[q->queue_count];
    if (q->queue_count == MTA_QUEUES_MAX) {
        errno = EOVERFLOW;
        return false;
    }
    if (!mailq_ages_init(&s->ages, q->now_s))
        return false;
    if ((flags & MTA_QUEUE_RETRY) && !mailq_ring_init(&s->retries, q->now_s)) {
        mailq_ages_free(&s->ages);
        return false;
    }
    s->message_id.length = TEXT_ABSENT;
    s->oldest_s = UINT32_MAX;
    q->places[q->queue_count++] = (struct mta_queue){name, flags};
    return true;
}

struct mailq *mailq_new(const struct mta *mta, const char *queue_directory)
{
    struct mailq *q = calloc(1, sizeof *q);
    if (!q)
        return NULL;
    q->mta = mta;
    q->passed_s = INT64_MIN / 2;
    q->need_scan = true;
    q->tree.inotify = q->tree.root = -1;
    q->path = strdup(queue_directory);
    bool ok = q->path && mailq_map_init(&q->map) && mailq_tree_init(&q->tree, q->places, q->path);
    for (const struct mta_queue *is = mta->queues; ok && is->name; is++)
        ok = mailq_add_queue(q, is->name, is->flags);
    if (ok)
        return q;
    mailq_free(q);
    errno = ENOMEM;
    return NULL;
}

void mailq_free(struct mailq *q)
{
    if (!q)
        return;
    for (unsigned i = 0; i < MTA_QUEUES_MAX; i++) {
        mailq_ages_free(&q->queues[i].ages);
        mailq_ring_free(&q->queues[i].retries);
    }
    mailq_tree_free(&q->tree);
    mailq_map_free(&q->map);
    free(q->path);
    free(q);
}

int mailq_fd(const struct mailq *q)
{
    return q->tree.polling ? -1 : q->tree.inotify;
}

/* Adds all files of a queue to its rings again. */
static void rebuild(struct mailq *q, unsigned queue, bool ages)
{
    struct mailq_sums *s = &q->queues[queue];
    if (ages)
        mailq_ages_reset(&s->ages, q->now_s);
    else
        mailq_ring_reset(&s->retries, q->now_s);
    for (uint32_t i = 0; i < q->map.count; i++) {
        const struct mailq_file *f = &q->map.files[i];
        if (mailq_queue_of(q, f) != queue || (f->flags & MAILQ_FILE_WRITING))
            continue;
        if (ages && f->arrival_s)
            mailq_ages_add(&s->ages, f->arrival_s);
        else if (!ages && q->map.learnt[i].retry_s)
            mailq_ring_add(&s->retries, q->map.learnt[i].retry_s);
    }
}

static void advance(struct mailq *q)
{
    for (unsigned i = 0; i < q->queue_count; i++) {
        if (!mailq_ages_advance(&q->queues[i].ages, q->now_s))
            rebuild(q, i, true);
        if (q->queues[i].retries.counts && !mailq_ring_advance(&q->queues[i].retries, q->now_s))
            rebuild(q, i, false);
    }
}

/* The earliest next attempt known, 0 if none. What lies beyond the ring is days away. */
static int64_t earliest_retry(struct mailq_sums *s)
{
    int64_t second;
    return s->retries.counts && mailq_ring_first(&s->retries, &second) ? second * 1000 : 0;
}

static int64_t oldest_arrival(struct mailq_sums *s)
{
    int64_t second;
    if (s->messages == s->unaged)
        return 0;
    if (queue_id_null(s->oldest) && !s->ages.ring.older && mailq_ring_first(&s->ages.ring, &second))
        return second * 1000;
    return (int64_t)s->oldest_s * 1000;
}

static void tell_queue(struct mailq_sums *s, struct mailq_queue *r)
{
    if (s->denied) {
        r->messages = r->bytes = r->recipients = MODEL_ABSENT;
        r->message_id.length = TEXT_ABSENT;
        return;
    }
    r->messages = s->messages;
    r->bytes = s->bytes;
    r->recipients = s->recipients;
    r->held = s->held;
    r->complete = s->unsized == 0;
    r->ages_complete = s->unaged == 0;
    r->oldest_ms = oldest_arrival(s);
    if (!queue_id_null(s->oldest))
        queue_id_text(s->oldest, r->oldest_id);
    bool same = s->oldest.hi == s->message_id_of.hi && s->oldest.lo == s->message_id_of.lo;
    r->message_id.length = TEXT_ABSENT;
    if (same && !queue_id_null(s->oldest))
        r->message_id = s->message_id;
    r->retry_ms = earliest_retry(s);
    memcpy(r->buckets, s->ages.buckets, sizeof r->buckets);
}

static uint64_t memory(const struct mailq *q)
{
    size_t n = sizeof *q + mailq_map_memory(&q->map) + mailq_tree_memory(&q->tree);
    for (unsigned i = 0; i < q->queue_count; i++) {
        n += mailq_ring_memory(&q->queues[i].ages.ring);
        if (q->queues[i].retries.counts)
            n += mailq_ring_memory(&q->queues[i].retries);
    }
    return n;
}

static void tell_status(const struct mailq *q, struct mailq_result *r)
{
    r->status = q->status;
    if (q->short_of_memory) {
        r->status = SOURCE_STALE;
        snprintf(r->error, sizeof r->error, "%.60s: out of memory for %u files and more", q->path,
                 q->map.count);
    } else if (q->status != SOURCE_OK) {
        memcpy(r->error, q->error, sizeof r->error);
    } else if (q->left_out) {
        r->status = SOURCE_TRUNCATED;
        snprintf(r->error, sizeof r->error,
                 "%.60s: has more than %u queues; the others are left out", q->path,
                 MTA_QUEUES_MAX);
    } else if (q->tree.polling) {
        snprintf(r->error, sizeof r->error,
                 "%.60s: polled, as it cannot be watched (%s): raise fs.inotify.max_user_%s",
                 q->path, strerror(q->tree.watch_error),
                 q->tree.inotify < 0 ? "instances" : "watches");
    }
}

static void tell(struct mailq *q, struct mailq_result *r)
{
    r->queue_count = q->queue_count;
    for (unsigned i = 0; i < q->queue_count; i++) {
        snprintf(r->queues[i].name, sizeof r->queues[i].name, "%s", q->places[i].name);
        r->queues[i].flags = q->places[i].flags;
        tell_queue(&q->queues[i], &r->queues[i]);
    }
    tell_status(q, r);
    r->files = q->map.count;
    r->events = q->events;
    r->scans = q->scans;
    r->overflows = q->overflows;
    r->files_read = q->files_read;
    r->memory = memory(q);
}

static uint64_t microseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Everything but the lists at its end starts empty. */
static void clear(struct mailq_result *r)
{
    memset(r, 0, offsetof(struct mailq_result, wanted));
    r->wanted_count = r->attempt_count = r->missing_count = 0;
}

void mailq_refresh(struct mailq *q, const struct mailq_request *request,
                   struct mailq_result *result)
{
    uint64_t start = microseconds();
    clear(result);
    q->result = result;
    q->now_s = request->real_ms / 1000;
    q->monotonic_s = request->monotonic_ms / 1000;
    q->short_of_memory = false;
    q->retries_now = MAILQ_RETRIES_NOW;
    advance(q);
    mailq_events(q);
    q->need_scan |= mailq_tree_replaced(&q->tree);
    bool scan = request->rescan || q->tree.polling || q->need_scan;
    if (!scan && q->monotonic_s < q->look_until_s)
        mailq_find_named(q, true);
    for (unsigned i = 0; scan && i < SCANS_MAX; i++) {
        mailq_scan(q);
        scan = q->need_scan && q->status == SOURCE_OK;
    }
    if (request->update_count)
        mailq_index(q);
    for (unsigned i = 0; i < request->update_count; i++)
        mailq_update(q, &request->updates[i]);
    mailq_check_writing(q);
    mailq_learn(q, request);
    mailq_find_oldest(q);
    tell(q, result);
    result->duration_us = microseconds() - start;
    q->result = NULL;
}
