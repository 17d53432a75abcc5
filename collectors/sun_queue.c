/*
 * Queue directories of Sun's Messaging Server, see sun_queue.h. getdents64 by readdir(3) and one statx for each
 * file: the names tell no time. Symbolic links are not followed.
 */
#include "../agent/clock.h"
#include "sun_queue.h"
#include "sun_record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DEPTH_MAX  3     /* of directories below a channel's */
#define HEADER_MAX 65536 /* octets of a file in which its Message-ID is sought */

struct scan {
    struct sun_queue *q;
    struct sun_queue_channel *channel;
    int64_t now_s;
    char path[300]; /* of the directory at work, below the queue directory */
    size_t length;
};

static void fail(struct scan *s, int error)
{
    struct sun_queue *q = s->q;
    if (q->status != SOURCE_OK)
        return;
    bool denied = error == EACCES || error == EPERM;
    q->status = denied ? SOURCE_DENIED : SOURCE_MISSING;
    snprintf(q->error, sizeof q->error, "%.80s: %s%s", s->path[0] ? s->path : ".", strerror(error),
             denied ? ": add the account to the group of the server (mail), or start as root" : "");
}

static unsigned bucket_of(int64_t age_s)
{
    unsigned b = 0;
    for (int64_t limit = 300; b < AGE_BUCKETS - 1 && age_s >= limit; limit *= 2)
        b++;
    return b;
}

static void count_file(struct scan *s, const char *name, const struct statx *st)
{
    struct sun_queue_channel *c = s->channel;
    struct queue_id id;
    unsigned attempts;
    bool held;
    if (!sun_queue_name(slice_of(name), &id, &attempts, &held))
        return;
    c->messages++;
    c->held += held;
    c->tried += !held && attempts > 0;
    c->bytes += st->stx_size;
    c->buckets[bucket_of(s->now_s - st->stx_mtime.tv_sec)]++;
    s->q->files++;
    int64_t arrival_ms = st->stx_mtime.tv_sec * 1000 + st->stx_mtime.tv_nsec / 1000000;
    if (c->oldest_ms && arrival_ms >= c->oldest_ms)
        return;
    c->oldest_ms = arrival_ms > 0 ? arrival_ms : 1;
    snprintf(c->oldest, sizeof c->oldest, "%s/%s", s->path, name);
}

static void scan_directory(struct scan *s, int fd, unsigned depth);

static void scan_below(struct scan *s, int parent, const char *name, unsigned depth)
{
    size_t length = s->length;
    int n = snprintf(s->path + length, sizeof s->path - length, "%s%s", length ? "/" : "", name);
    if (n < 0 || length + (size_t)n >= sizeof s->path - NAME_MAX / 2)
        return;
    s->length += (size_t)n;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0)
        scan_directory(s, fd, depth);
    else if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
        fail(s, errno);
    s->length = length;
    s->path[length] = 0;
}

/* One entry of a channel's directory: a file that is there, or a directory of them. */
static void scan_entry(struct scan *s, int fd, const struct dirent *e, unsigned depth)
{
    struct statx st;
    if (e->d_type == DT_DIR) {
        if (depth < DEPTH_MAX)
            scan_below(s, fd, e->d_name, depth + 1);
        return;
    }
    if ((e->d_type != DT_REG && e->d_type != DT_UNKNOWN) ||
        statx(fd, e->d_name, AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC,
              STATX_TYPE | STATX_SIZE | STATX_MTIME, &st) != 0)
        return;
    if (S_ISREG(st.stx_mode))
        count_file(s, e->d_name, &st);
    else if (S_ISDIR(st.stx_mode) && depth < DEPTH_MAX)
        scan_below(s, fd, e->d_name, depth + 1);
}

/* Takes the descriptor. */
static void scan_directory(struct scan *s, int fd, unsigned depth)
{
    DIR *d = fdopendir(fd);
    if (!d) {
        close(fd);
        return;
    }
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.' && e->d_name[0] != '$')
            scan_entry(s, fd, e, depth);
    closedir(d);
}

static bool begin_channel(struct scan *s, const char *name)
{
    struct sun_queue *q = s->q;
    if (q->count == SUN_CHANNELS_MAX) {
        q->status = SOURCE_TRUNCATED;
        snprintf(q->error, sizeof q->error, "more than %d channels: the others are left out",
                 SUN_CHANNELS_MAX);
        return false;
    }
    s->channel = &q->channels[q->count++];
    *s->channel = (struct sun_queue_channel){.message_id.length = TEXT_ABSENT};
    snprintf(s->channel->name, sizeof s->channel->name, "%s", name);
    return true;
}

/* The Message-ID in the header of a message; p == NULL: there is none. */
static struct slice find_message_id(struct slice text)
{
    while (text.n) {
        size_t end = slice_find(text, '\n');
        struct slice line = slice_head(text, end);
        if (line.n > 11 && strncasecmp(line.p, "Message-ID:", 11) == 0) {
            line = slice_skip(line, slice_find(line, '<'));
            line = slice_head(line, slice_find(line, '>') + 1);
            return line.n > 2 ? line : (struct slice){NULL, 0};
        }
        text = slice_skip(text, end + 1);
    }
    return (struct slice){NULL, 0};
}

static void read_message_id(int root, struct sun_queue_channel *c, char text[HEADER_MAX])
{
    int fd = openat(root, c->oldest, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, HEADER_MAX);
    if (fd >= 0)
        close(fd);
    struct slice id = n > 0 ? find_message_id((struct slice){text, (size_t)n}) : SLICE("");
    if (id.n)
        TEXT_SET(c->message_id, id);
}

static bool is_channel(int root, const struct dirent *e)
{
    struct stat st;
    if (e->d_name[0] == '.' || (e->d_type != DT_DIR && e->d_type != DT_UNKNOWN))
        return false;
    return e->d_type == DT_DIR ||
           (fstatat(root, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode));
}

void sun_queue_scan(const char *path, int64_t now_ms, struct sun_queue *q)
{
    struct scan s = {.q = q, .now_s = now_ms / 1000};
    int64_t begin = clock_us(CLOCK_MONOTONIC);
    q->count = 0;
    q->files = 0;
    q->status = SOURCE_OK;
    q->error[0] = 0;
    DIR *d = opendir(path);
    if (!d) {
        snprintf(s.path, sizeof s.path, "%s", path);
        fail(&s, errno);
        return;
    }
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (is_channel(dirfd(d), e) && begin_channel(&s, e->d_name))
            scan_below(&s, dirfd(d), e->d_name, 0);
    char *text = malloc(HEADER_MAX);
    for (unsigned i = 0; text && i < q->count; i++)
        if (q->channels[i].oldest_ms)
            read_message_id(dirfd(d), &q->channels[i], text);
    free(text);
    closedir(d);
    q->duration_us = (uint64_t)(clock_us(CLOCK_MONOTONIC) - begin);
}
