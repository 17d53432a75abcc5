/*
 * Directories are opened level by level from the root's descriptor without following links, so that
 * nobody who may write there leads the scanner elsewhere. Owns the inotify instance and the root's
 * descriptor. Invariant: `watches` holds exactly the directories whose watch is not -1.
 */
#include "mailq_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define EVENTS         (IN_ONLYDIR | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)
#define OPEN_DIRECTORY (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)

static const struct mailq_directory fresh = {
    .watch = -1, .child = MAILQ_TREE_NONE, .after = MAILQ_TREE_NONE};

bool mailq_tree_init(struct mailq_tree *t, const struct mta_queue *queues, const char *path)
{
    *t = (struct mailq_tree){.queues = queues, .path = path, .root = -1, .room = 64};
    t->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    t->watch_error = t->inotify < 0 ? errno : 0;
    t->polling = t->inotify < 0;
    t->directories = calloc(t->room, sizeof *t->directories);
    t->watches = calloc(t->room, sizeof *t->watches);
    if (!t->directories || !t->watches) {
        mailq_tree_free(t);
        errno = ENOMEM;
        return false;
    }
    t->directories[MAILQ_TREE_ROOT] = fresh;
    t->count = 1;
    return true;
}

void mailq_tree_free(struct mailq_tree *t)
{
    if (t->inotify >= 0)
        close(t->inotify);
    if (t->root >= 0)
        close(t->root);
    free(t->directories);
    free(t->watches);
    *t = (struct mailq_tree){.inotify = -1, .root = -1};
}

int mailq_tree_reopen(struct mailq_tree *t)
{
    if (t->root >= 0)
        close(t->root);
    /* The administrator's own path may hold links; below it none is followed. */
    t->root = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st;
    if (t->root < 0 || fstat(t->root, &st) != 0)
        return errno;
    t->device = st.st_dev;
    t->inode = st.st_ino;
    return 0;
}

bool mailq_tree_replaced(const struct mailq_tree *t)
{
    struct stat st;
    return stat(t->path, &st) != 0 || st.st_dev != t->device || st.st_ino != t->inode;
}

/* Room for one directory more. */
static bool grow(struct mailq_tree *t)
{
    unsigned room = t->room * 2;
    struct mailq_directory *d = realloc(t->directories, room * sizeof *d);
    if (!d)
        return false;
    t->directories = d;
    struct mailq_watch *w = realloc(t->watches, room * sizeof *w);
    if (!w)
        return false;
    t->watches = w;
    t->room = room;
    return true;
}

/* A free number: one given back, or the next. */
static uint16_t take_number(struct mailq_tree *t)
{
    for (unsigned i = 1; t->count == t->room && i < t->count; i++)
        if (t->directories[i].parent == i)
            return (uint16_t)i;
    if (t->count >= MAILQ_TREE_NONE || (t->count == t->room && !grow(t)))
        return MAILQ_TREE_NONE;
    return (uint16_t)t->count++;
}

static uint16_t find_child(const struct mailq_tree *t, uint16_t parent, unsigned queue, char letter)
{
    uint16_t c = t->directories[parent].child;
    while (c != MAILQ_TREE_NONE &&
           (t->directories[c].queue != queue || t->directories[c].letter != letter))
        c = t->directories[c].after;
    return c;
}

static uint16_t place_child(struct mailq_tree *t, uint16_t parent, unsigned queue, char letter)
{
    uint16_t c = find_child(t, parent, queue, letter);
    if (c != MAILQ_TREE_NONE || (c = take_number(t)) == MAILQ_TREE_NONE)
        return c;
    struct mailq_directory *p = &t->directories[parent], *d = &t->directories[c];
    *d = fresh;
    d->parent = parent;
    d->after = p->child;
    d->queue = (uint8_t)queue;
    d->letter = letter;
    d->depth = parent == MAILQ_TREE_ROOT ? 0 : (uint8_t)(p->depth + 1);
    p->child = c;
    return c;
}

uint16_t mailq_tree_queue(struct mailq_tree *t, unsigned queue)
{
    return place_child(t, MAILQ_TREE_ROOT, queue, '\0');
}

uint16_t mailq_tree_child(struct mailq_tree *t, uint16_t parent, char letter)
{
    return place_child(t, parent, t->directories[parent].queue, letter);
}

/* A queue's directory, "deferred" or "NAME/input". */
static int open_queue(const struct mailq_tree *t, const char *name)
{
    const char *slash = strchr(name, '/');
    if (!slash)
        return openat(t->root, name, OPEN_DIRECTORY);
    char head[MAILQ_TREE_PATH];
    snprintf(head, sizeof head, "%.*s", (int)(slash - name), name);
    int parent = openat(t->root, head, OPEN_DIRECTORY);
    if (parent < 0)
        return -1;
    int fd = openat(parent, slash + 1, OPEN_DIRECTORY), error = errno;
    close(parent);
    errno = error;
    return fd;
}

int mailq_tree_open(const struct mailq_tree *t, uint16_t directory)
{
    const struct mailq_directory *d = &t->directories[directory];
    if (directory == MAILQ_TREE_ROOT)
        return openat(t->root, ".", OPEN_DIRECTORY);
    if (d->parent == MAILQ_TREE_ROOT)
        return open_queue(t, t->queues[d->queue].name);
    int parent = mailq_tree_open(t, d->parent);
    if (parent < 0)
        return -1;
    int fd = openat(parent, (char[2]){d->letter}, OPEN_DIRECTORY), error = errno;
    close(parent);
    errno = error;
    return fd;
}

/* Where a watch is in the table, or belongs. */
static unsigned seek_watch(const struct mailq_tree *t, int watch)
{
    unsigned low = 0, high = t->watch_count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (t->watches[middle].watch < watch)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint16_t mailq_tree_watched(const struct mailq_tree *t, int watch)
{
    unsigned i = seek_watch(t, watch);
    return i < t->watch_count && t->watches[i].watch == watch ? t->watches[i].directory
                                                              : MAILQ_TREE_NONE;
}

static void unwatch(struct mailq_tree *t, uint16_t directory)
{
    struct mailq_directory *d = &t->directories[directory];
    if (d->watch < 0)
        return;
    inotify_rm_watch(t->inotify, d->watch);
    unsigned i = seek_watch(t, d->watch);
    memmove(&t->watches[i], &t->watches[i + 1], (--t->watch_count - i) * sizeof *t->watches);
    d->watch = -1;
}

void mailq_tree_watch(struct mailq_tree *t, uint16_t directory, int fd)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int w = t->inotify < 0 ? -1 : inotify_add_watch(t->inotify, path, EVENTS);
    if (w < 0) {
        if (!t->polling && t->inotify >= 0)
            t->watch_error = errno;
        t->polling = true;
        return;
    }
    struct mailq_directory *d = &t->directories[directory];
    if (d->watch == w)
        return;
    unwatch(t, directory); /* another directory has this name now */
    uint16_t before = mailq_tree_watched(t, w);
    if (before != MAILQ_TREE_NONE) { /* this directory had another name */
        t->directories[before].watch = -1;
        t->watches[seek_watch(t, w)].directory = directory;
    } else {
        unsigned i = seek_watch(t, w);
        memmove(&t->watches[i + 1], &t->watches[i], (t->watch_count++ - i) * sizeof *t->watches);
        t->watches[i] = (struct mailq_watch){w, directory};
    }
    d->watch = w;
}

void mailq_tree_forget(struct mailq_tree *t, uint16_t directory)
{
    while (t->directories[directory].child != MAILQ_TREE_NONE)
        mailq_tree_forget(t, t->directories[directory].child);
    unwatch(t, directory);
    if (directory == MAILQ_TREE_ROOT)
        return;
    uint16_t *link = &t->directories[t->directories[directory].parent].child;
    while (*link != directory)
        link = &t->directories[*link].after;
    *link = t->directories[directory].after;
    t->directories[directory].parent = directory;
}

bool mailq_tree_file(const struct mailq_tree *t, uint16_t directory, const char *name,
                     char path[MAILQ_TREE_PATH])
{
    const struct mailq_directory *d = &t->directories[directory];
    char hash[2 * MAILQ_TREE_DEPTH + 1];
    char *p = hash + sizeof hash - 1;
    *p = '\0';
    for (uint16_t i = directory; t->directories[i].depth; i = t->directories[i].parent) {
        *--p = t->directories[i].letter;
        *--p = '/';
    }
    int n = snprintf(path, MAILQ_TREE_PATH, "%s%s/%s", t->queues[d->queue].name, p, name);
    return n > 0 && n < MAILQ_TREE_PATH;
}

bool mailq_tree_is_hash(const char *name)
{
    char c = name[0];
    return c && !name[1] && (slice_digit(c) || (unsigned)((c | 32) - 'a') < 26);
}

size_t mailq_tree_memory(const struct mailq_tree *t)
{
    return t->room * (sizeof *t->directories + sizeof *t->watches);
}
