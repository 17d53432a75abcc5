/*
 * The walk and its sums. Directories are opened from the one above without following links, so that nobody
 * who may write there leads the walk elsewhere. Invariant: between two refreshes `messages` holds what the
 * last walk found, in any order, and `index` finds each by its id.
 */
#include "../agent/clock.h"
#include "spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "../agent/hashindex.h"

#define DEPTH_MAX    4
#define PATH_ROOM    256
#define READ_MAX     65536
#define MESSAGES_MAX 4000000

struct spool_message {
    struct queue_id id;
    uint64_t body, control; /* octets */
    int64_t mtime_ns;       /* of the control file when it was read */
    uint64_t control_size;
    uint32_t pending, arrival_s;
    uint8_t queue;
    bool has_body, has_control, has_envelope, sized;
};

struct oldest {
    uint32_t arrival_s;
    struct queue_id id;
    char path[PATH_ROOM];
};

struct spool {
    const struct mta *mta;
    char *path;
    unsigned queue_count;
    struct spool_message *messages, *before;
    struct hashindex index, before_index;
    uint32_t count, room, before_count;
    struct oldest oldest[MTA_QUEUES_MAX];
    bool left_out;
    int error; /* the first one of this walk */
    char error_path[PATH_ROOM];
    uint64_t scans, files_read;
    char buffer[READ_MAX];
};

struct spool *spool_new(const struct mta *mta, const char *queue_directory)
{
    struct spool *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->mta = mta;
    s->path = strdup(queue_directory);
    while (mta->queues[s->queue_count].name)
        s->queue_count++;
    if (s->path && hashindex_init(&s->index, 6) && hashindex_init(&s->before_index, 6))
        return s;
    spool_free(s);
    return NULL;
}

void spool_free(struct spool *s)
{
    if (!s)
        return;
    hashindex_free(&s->index);
    hashindex_free(&s->before_index);
    free(s->messages);
    free(s->before);
    free(s->path);
    free(s);
}

static void note_error(struct spool *s, const char *path, int error)
{
    if (s->error || error == ENOENT) /* it went while we looked */
        return;
    s->error = error;
    snprintf(s->error_path, sizeof s->error_path, "%s", path);
}

static struct spool_message *find(struct spool_message *all, const struct hashindex *index,
                                  struct queue_id id)
{
    uint32_t cursor = 0;
    for (int64_t n; (n = hashindex_next(index, queue_id_hash(id), &cursor)) >= 0;)
        if (all[n].id.lo == id.lo && all[n].id.hi == id.hi)
            return &all[n];
    return NULL;
}

static struct spool_message *place(struct spool *s, struct queue_id id)
{
    struct spool_message *m = find(s->messages, &s->index, id);
    if (m)
        return m;
    if (s->count == s->room) {
        uint32_t room = s->room ? s->room * 2 : 256;
        m = room <= MESSAGES_MAX ? realloc(s->messages, room * sizeof *m) : NULL;
        if (!m) {
            s->left_out = true;
            return NULL;
        }
        s->messages = m;
        s->room = room;
    }
    m = &s->messages[s->count];
    *m = (struct spool_message){.id = id};
    hashindex_add(&s->index, queue_id_hash(id), s->count++);
    return m;
}

/* Reads and understands the first octets of a file. */
static bool read_file(struct spool *s, int directory, const char *name, struct queue_file *told)
{
    *told = (struct queue_file){0};
    struct open_how how = {.flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    int fd = (int)syscall(SYS_openat2, directory, name, &how, sizeof how);
    if (fd < 0)
        return false;
    size_t have = 0;
    ssize_t n;
    while (have < sizeof s->buffer && (n = read(fd, s->buffer + have, sizeof s->buffer - have)) > 0)
        have += (size_t)n;
    close(fd);
    s->files_read++;
    return s->mta->queue_file((struct slice){s->buffer, have}, told);
}

static void arrived(struct spool *s, struct spool_message *m, int64_t arrival_s, const char *path)
{
    struct oldest *o = &s->oldest[m->queue];
    if (arrival_s <= 0 || arrival_s > UINT32_MAX)
        return;
    m->arrival_s = (uint32_t)arrival_s;
    if (o->arrival_s && o->arrival_s <= m->arrival_s)
        return;
    o->arrival_s = m->arrival_s;
    o->id = m->id;
    snprintf(o->path, sizeof o->path, "%s", path);
}

/* The file that says who shall get the message: read when it is not as it was. */
static void take_control(struct spool *s, struct spool_message *m, int directory, const char *name,
                         const char *path, const struct stat *st)
{
    struct queue_file told;
    m->has_control = true;
    m->mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
    m->control_size = (uint64_t)st->st_size;
    const struct spool_message *had = find(s->before, &s->before_index, m->id);
    if (had && had->sized && had->mtime_ns == m->mtime_ns && had->control_size == m->control_size) {
        m->control = had->control;
        m->pending = had->pending;
        m->sized = true;
        arrived(s, m, had->arrival_s, path);
        return;
    }
    if (!read_file(s, directory, name, &told))
        return;
    m->control = told.size;
    m->pending = told.pending;
    m->sized = true;
    arrived(s, m, told.arrival_ms / 1000, path);
}

static void take_file(struct spool *s, int directory, const char *name, const char *path)
{
    struct mta_spool_file f;
    struct stat st;
    if (!s->mta->spool_file(slice_of(path), &f) || f.queue >= s->queue_count)
        return;
    struct queue_id id = queue_id_pack(f.id);
    if (queue_id_null(id) ||
        (f.role != MTA_SPOOL_ENVELOPE &&
         (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))))
        return;
    struct spool_message *m = place(s, id);
    if (!m)
        return;
    if (f.role == MTA_SPOOL_CONTROL || f.arrives)
        m->queue = (uint8_t)f.queue;
    if (f.role == MTA_SPOOL_CONTROL) {
        take_control(s, m, directory, name, path, &st);
    } else if (f.role == MTA_SPOOL_ENVELOPE) {
        m->has_envelope = true;
        m->pending++;
    } else {
        m->has_body = true;
        m->body = (uint64_t)st.st_size;
        if (f.arrives)
            arrived(s, m, st.st_mtim.tv_sec, path);
    }
}

static void walk(struct spool *s, int directory, const char *path, unsigned depth)
{
    DIR *d = fdopendir(directory);
    if (!d) {
        note_error(s, path, errno);
        close(directory);
        return;
    }
    for (const struct dirent *e; (e = readdir(d)) != NULL;) {
        char below[PATH_ROOM];
        if (e->d_name[0] == '.' || snprintf(below, sizeof below, "%s%s%s", path, *path ? "/" : "",
                                            e->d_name) >= (int)sizeof below)
            continue;
        errno = 0;
        int fd = e->d_type == DT_REG || depth == DEPTH_MAX
                     ? -1
                     : openat(dirfd(d), e->d_name,
                              O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0)
            walk(s, fd, below, depth + 1);
        else if (e->d_type == DT_REG || errno == ENOTDIR)
            take_file(s, dirfd(d), e->d_name, below);
        else if (depth < DEPTH_MAX && errno != ELOOP)
            note_error(s, below, errno);
    }
    closedir(d);
}

/* Is it a message at all? What has no body yet, or no recipients any more, is on its way. */
static bool is_message(const struct spool_message *m)
{
    return m->has_control || (m->has_body && m->has_envelope);
}

static void count(const struct spool_message *m, int64_t now_s, struct mailq_queue *q)
{
    q->messages++;
    q->bytes += m->body + m->control;
    q->recipients += m->pending;
    q->complete &= m->sized || m->has_envelope;
    q->ages_complete &= m->arrival_s != 0;
    int64_t minutes = (now_s - (int64_t)m->arrival_s) / 60;
    unsigned b = 0;
    while (b < AGE_BUCKETS - 1 && minutes >= (int64_t)5 << b)
        b++;
    if (m->arrival_s)
        q->buckets[b]++;
}

static void tell_oldest(struct spool *s, unsigned n, int root, struct mailq_queue *q)
{
    const struct oldest *o = &s->oldest[n];
    struct queue_file told;
    q->message_id.length = TEXT_ABSENT;
    if (!o->arrival_s)
        return;
    q->oldest_ms = (int64_t)o->arrival_s * 1000;
    queue_id_text(o->id, q->oldest_id);
    if (read_file(s, root, o->path, &told) && told.message_id.p)
        TEXT_SET(q->message_id, told.message_id);
}

static void tell(struct spool *s, int root, int64_t now_s, struct mailq_result *r)
{
    r->queue_count = s->queue_count;
    for (unsigned n = 0; n < s->queue_count; n++) {
        struct mailq_queue *q = &r->queues[n];
        snprintf(q->name, sizeof q->name, "%s", s->mta->queues[n].name);
        q->flags = s->mta->queues[n].flags;
        q->complete = q->ages_complete = true;
    }
    for (uint32_t i = 0; i < s->count; i++)
        if (is_message(&s->messages[i]))
            count(&s->messages[i], now_s, &r->queues[s->messages[i].queue]);
    for (unsigned n = 0; n < s->queue_count; n++)
        tell_oldest(s, n, root, &r->queues[n]);
}

static void tell_error(const struct spool *s, struct mailq_result *r)
{
    bool denied = s->error == EACCES || s->error == EPERM;
    r->status = s->left_out          ? SOURCE_TRUNCATED
                : s->error == 0      ? SOURCE_OK
                : denied             ? SOURCE_DENIED
                : s->error == ENOENT ? SOURCE_MISSING
                                     : SOURCE_STALE;
    if (s->error)
        snprintf(r->error, sizeof r->error, "%.50s%s%.50s: %s%s", s->path,
                 *s->error_path ? "/" : "", s->error_path, strerror(s->error),
                 denied ? ": start the daemon as root" : "");
    else if (s->left_out)
        snprintf(r->error, sizeof r->error, "%.60s: more messages than are looked at", s->path);
    for (unsigned n = 0; s->error && n < s->queue_count; n++) {
        struct mailq_queue *q = &r->queues[n];
        q->messages = q->bytes = q->recipients = MODEL_ABSENT;
        q->message_id.length = TEXT_ABSENT;
    }
}

/* What the last walk found is what the next one knows. */
static void turn_over(struct spool *s)
{
    struct hashindex index = s->before_index;
    free(s->before);
    s->before = s->messages;
    s->before_count = s->count;
    s->before_index = s->index;
    s->messages = NULL;
    s->count = s->room = 0;
    memset(index.entries, 0, ((size_t)index.mask + 1) * sizeof *index.entries);
    index.count = 0;
    s->index = index;
    memset(s->oldest, 0, sizeof s->oldest);
    s->error = 0;
    s->error_path[0] = 0;
    s->left_out = false;
}

void spool_refresh(struct spool *s, const struct mailq_request *request,
                   struct mailq_result *result)
{
    int64_t start = clock_us(CLOCK_MONOTONIC);
    memset(result, 0, offsetof(struct mailq_result, wanted));
    result->wanted_count = 0;
    turn_over(s);
    int root = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int below = root < 0 ? -1 : fcntl(root, F_DUPFD_CLOEXEC, 0);
    if (below < 0)
        s->error = errno;
    else
        walk(s, below, "", 0);
    tell(s, root, request->real_ms / 1000, result);
    tell_error(s, result);
    if (root >= 0)
        close(root);
    s->scans++;
    result->files = s->count;
    result->scans = s->scans;
    result->files_read = s->files_read;
    result->memory = sizeof *s + ((size_t)s->room + s->before_count) * sizeof *s->messages;
    result->duration_us = (uint64_t)(clock_us(CLOCK_MONOTONIC) - start);
}
