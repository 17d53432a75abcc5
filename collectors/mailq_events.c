/*
 * Changes between scans, as inotify tells them. An event may tell what a scan already saw, or of a
 * file that is elsewhere by now; so a file leaves only the directory it is known to be in, and
 * arrives anywhere any number of times. A rename is two events with one cookie: what is known of
 * the file is carried over.
 */
#include "mailq_state.h"

#include <errno.h>
#include <sys/inotify.h>
#include <unistd.h>

#define NAMED_S     60         /* a named queue that is made is there after so long */
#define EVENTS_MAX  (1u << 20) /* of one refresh; the rest wait for the next */
#define EVENTS_READ (sizeof((struct mailq *)0)->event_buffer / sizeof(struct inotify_event))

/* What an event's name says, null if it is none of a queue's files. */
struct named {
    struct queue_id id;
    uint64_t hash;
    int64_t arrival_s;
};

static void carry(struct mailq *q, uint32_t cookie, const struct mailq_file *f)
{
    q->carried[q->carried_next++ % MAILQ_CARRIED_MAX] =
        (struct mailq_carried){cookie, *f, *mailq_map_learnt(&q->map, f)};
}

/* Takes what was carried under this cookie: what is known of it, to the file that arrived. */
static void deliver(struct mailq *q, uint32_t cookie, struct mailq_file *f)
{
    for (unsigned i = 1; i <= MAILQ_CARRIED_MAX; i++) {
        struct mailq_carried *c = &q->carried[(q->carried_next - i) % MAILQ_CARRIED_MAX];
        if (c->cookie != cookie)
            continue;
        if (!(c->file.flags & MAILQ_FILE_WRITING))
            mailq_complete(q, f);
        mailq_count_out(q, f);
        f->flags |= c->file.flags &
                    (MAILQ_FILE_SIZED | MAILQ_FILE_ASKED | MAILQ_FILE_WAITED | MAILQ_FILE_READ);
        struct mailq_learnt *learnt = mailq_map_learnt(&q->map, f);
        learnt->size = c->learnt.size;
        learnt->pending = c->learnt.pending;
        f->asked_s = c->file.asked_s;
        f->arrival_s = f->arrival_s ? f->arrival_s : c->file.arrival_s;
        mailq_count_in(q, f);
        c->cookie = 0;
        return;
    }
}

void mailq_events_settle(struct mailq *q)
{
    for (unsigned i = 0; i < MAILQ_CARRIED_MAX; i++) {
        struct mailq_carried *c = &q->carried[i];
        bool fresh = false;
        uint64_t hash = mailq_map_hash(&q->map, c->file.id);
        struct mailq_file *f =
            c->cookie ? mailq_map_place(&q->map, c->file.id, hash, &fresh) : NULL;
        c->cookie = 0;
        if (!f || !fresh)
            continue;
        *f = c->file;
        *mailq_map_learnt(&q->map, f) = c->learnt;
        /* As not seen, so that the scan drops it if it is nowhere. */
        mailq_mark(q, f);
        mailq_count_in(q, f);
        if (f->flags & MAILQ_FILE_WRITING)
            mailq_doubt(q, f);
    }
}

static void arrive(struct mailq *q, uint16_t directory, const struct inotify_event *e,
                   const struct named *name)
{
    bool known = mailq_map_find(&q->map, name->id, name->hash) != NULL;
    struct mailq_file *f = mailq_place(q, name->id, name->hash, name->arrival_s, directory);
    if (!f)
        return;
    if (!known && (e->mask & IN_MOVED_TO))
        deliver(q, e->cookie, f);
    if (!known && (f->flags & MAILQ_FILE_WRITING))
        mailq_doubt(q, f);
    if (known && (mailq_queue_flags(q, f) & MTA_QUEUE_REWRITTEN))
        mailq_changed(q, f);
    mailq_want(q, f);
    mailq_learn_retry(q, f);
}

static void file_event(struct mailq *q, uint16_t directory, const struct inotify_event *e,
                       const struct named *name)
{
    if (queue_id_null(name->id))
        return;
    if (e->mask & (IN_CREATE | IN_MOVED_TO)) {
        arrive(q, directory, e, name);
        return;
    }
    struct mailq_file *f = mailq_map_find(&q->map, name->id, name->hash);
    if (!f || f->directory != directory)
        return;
    if (e->mask & IN_MOVED_FROM)
        carry(q, e->cookie, f);
    mailq_remove(q, f);
}

/* A queue, when directory is the root, or a hash directory appeared or went. */
static void directory_event(struct mailq *q, uint16_t directory, const struct inotify_event *e)
{
    uint16_t child = MAILQ_TREE_NONE;
    if (e->mask & IN_MOVED_FROM)
        q->need_scan = true; /* with all its files */
    if (!(e->mask & (IN_CREATE | IN_MOVED_TO)))
        return;
    if (directory == MAILQ_TREE_ROOT) {
        for (unsigned i = 0; i < q->queue_count; i++)
            if (strcmp(e->name, q->places[i].name) == 0)
                child = mailq_tree_queue(&q->tree, i);
        if (child == MAILQ_TREE_NONE)
            q->look_until_s = q->monotonic_s + NAMED_S;
    } else if (mailq_tree_is_hash(e->name) &&
               q->tree.directories[directory].depth < MAILQ_TREE_DEPTH) {
        child = mailq_tree_child(&q->tree, directory, e->name[0]);
        q->need_scan |= child == MAILQ_TREE_NONE;
    }
    if (child != MAILQ_TREE_NONE)
        mailq_scan_new(q, child);
}

static void take_event(struct mailq *q, const struct inotify_event *e, const struct named *name)
{
    q->events++;
    if (e->mask & IN_Q_OVERFLOW) {
        q->overflows++;
        q->need_scan = true;
        return;
    }
    uint16_t directory = mailq_tree_watched(&q->tree, e->wd);
    if (directory == MAILQ_TREE_NONE)
        return;
    if (e->mask & IN_UNMOUNT)
        q->need_scan = true;
    else if (e->len == 0)
        return; /* of the directory itself */
    else if (e->mask & IN_ISDIR)
        directory_event(q, directory, e);
    else if (directory != MAILQ_TREE_ROOT)
        file_event(q, directory, e, name);
}

static const struct inotify_event *event_at(const struct mailq *q, size_t at)
{
    return (const void *)(q->event_buffer + at);
}

static struct named name_of(const struct mailq *q, const struct inotify_event *e)
{
    struct named n = {{0, 0}, 0, 0};
    if (!e->len || !q->mta->queue_name(slice_of(e->name), &n.id, &n.arrival_s))
        return (struct named){{0, 0}, 0, 0};
    n.hash = mailq_map_hash(&q->map, n.id);
    return n;
}

/* Understands the names of all events of the buffer, and brings near what they are about to visit: all wait for
   memory together. */
static void look_ahead(const struct mailq *q, size_t size, struct named names[EVENTS_READ])
{
    unsigned n = 0;
    for (size_t at = 0; at < size; at += sizeof(struct inotify_event) + event_at(q, at)->len) {
        names[n] = name_of(q, event_at(q, at));
        mailq_map_prefetch(&q->map, names[n++].hash);
    }
    for (unsigned i = 0; i < n; i++)
        mailq_map_prefetch_file(&q->map, names[i].hash);
}

void mailq_events(struct mailq *q)
{
    struct named names[EVENTS_READ];
    uint64_t end = q->events + EVENTS_MAX;
    while (q->tree.inotify >= 0 && q->events < end) {
        ssize_t n = read(q->tree.inotify, q->event_buffer, sizeof q->event_buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        mailq_index(q);
        look_ahead(q, (size_t)n, names);
        const struct named *name = names;
        for (size_t at = 0; at < (size_t)n;) {
            const struct inotify_event *e = event_at(q, at);
            take_event(q, e, name++);
            at += sizeof *e + e->len;
        }
    }
}
