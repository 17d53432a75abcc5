/*
 * The full scan: getdents64 alone, no look at any inode where the name tells enough, so that a
 * million files cost little more than the kernel's own work. Each directory is watched before it is
 * read: what comes while it is read is told by an event, at worst twice. What is known of a file is
 * kept, wherever it is found; most are found without a search, as they lie in the map in the order
 * in which the last scan read them. The scan that fills an empty map appends them and counts them when all
 * directories are read; they are indexed when a file is first sought (docs/decisions/33).
 */
#include "mailq_state.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BATCH       64
#define ENTRIES_MAX (32 << 10) /* octets of entries read at once: more is not faster */
#define SKIP_MAX    2          /* files passed over to find the next of a directory */

struct linux_dirent64 {
    uint64_t d_ino;
    int64_t d_off;
    uint16_t d_reclen;
    uint8_t d_type;
    char d_name[];
};

/* Names of one directory, hashed and prefetched together, then placed together. */
struct batch {
    struct mailq *q;
    const struct mailq_ring *ring; /* ages of its queue */
    uint16_t directory;
    int fd;
    uint8_t flags; /* of a new file */
    uint32_t next; /* position of the file that the next name most likely is */
    bool in_order; /* it was so for one of those since the last flush */
    unsigned count;
    struct {
        struct queue_id id;
        uint64_t hash;
        int64_t arrival_s;
    } names[BATCH];
};

static void fail(struct mailq *q, enum source_status status, const char *what, unsigned queue,
                 int error)
{
    const char *name = queue < MTA_QUEUES_MAX ? q->places[queue].name : "";
    const char *remedy = error == EACCES || error == EPERM
                             ? ": give the daemon CAP_DAC_READ_SEARCH (start it as root)"
                             : "";
    if (q->status != SOURCE_OK)
        return; /* the first failure is told */
    q->status = status;
    snprintf(q->error, sizeof q->error, "%.60s%s%s: %s%s%s", q->path, *name ? "/" : "", name, what,
             strerror(error), remedy);
}

/* Is it the file that follows the last one in the map, or nearly? Then it is marked. */
static bool seen_in_order(struct batch *b, struct queue_id id)
{
    struct mailq *q = b->q;
    for (uint32_t i = b->next; i < q->map.count && i <= b->next + SKIP_MAX; i++) {
        struct mailq_file *f = &q->map.files[i];
        if (f->id.lo != id.lo || f->id.hi != id.hi)
            continue;
        if (f->directory != b->directory)
            return false;
        mailq_mark(q, f);
        b->next = i + 1;
        b->in_order = true;
        return true;
    }
    return false;
}

static void flush(struct batch *b)
{
    if (b->count == 0)
        return;
    mailq_index(b->q);
    uint32_t known = b->q->map.count, last = known;
    for (unsigned i = 0; i < b->count; i++)
        mailq_map_prefetch_file(&b->q->map, b->names[i].hash);
    for (unsigned i = 0; i < b->count; i++) {
        struct mailq_file *f = mailq_place(b->q, b->names[i].id, b->names[i].hash,
                                           b->names[i].arrival_s, b->directory);
        if (!f)
            continue;
        last = (uint32_t)(f - b->q->map.files);
        if (last >= known && (f->flags & MAILQ_FILE_WRITING))
            mailq_doubt(b->q, f);
    }
    if (!b->in_order && last < known)
        b->next = last + 1;
    b->in_order = false;
    b->count = 0;
}

static bool is_regular(int fd, const struct linux_dirent64 *e)
{
    struct stat st;
    if (e->d_type != DT_UNKNOWN)
        return e->d_type == DT_REG;
    return fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

/* The kernel pads an entry to a multiple of eight octets: the end of its name is in the last eight. */
static struct slice name_of(const struct linux_dirent64 *e)
{
    uint64_t last;
    if (e->d_reclen < offsetof(struct linux_dirent64, d_name) + sizeof last)
        return slice_of(e->d_name);
    size_t n = e->d_reclen - offsetof(struct linux_dirent64, d_name) - sizeof last;
    memcpy(&last, e->d_name + n, sizeof last);
    last = le64toh(last);
    uint64_t zeros = (last - 0x0101010101010101u) & ~last & 0x8080808080808080u;
    return (struct slice){e->d_name,
                          n + (size_t)__builtin_ctzll(zeros) / 8}; /* the lowest is exact */
}

/* While an empty map is filled: mailq_filled does the rest. Between two reads of a directory the kernel's memory of
   it stays in the cache. */
static void append(struct batch *b, struct queue_id id, int64_t arrival_s)
{
    struct mailq_file *f = mailq_map_append(&b->q->map, id);
    if (!f) {
        b->q->short_of_memory = true;
        return;
    }
    f->directory = b->directory;
    f->arrival_s = mailq_instant(arrival_s);
    f->flags = b->flags;
    if (f->flags & MAILQ_FILE_WRITING)
        mailq_doubt(b->q, f);
}

static void add_file(struct batch *b, const struct linux_dirent64 *e)
{
    struct queue_id id;
    int64_t arrival_s = 0;
    if (!b->q->mta->queue_name(name_of(e), &id, &arrival_s) || queue_id_null(id) ||
        !is_regular(b->fd, e))
        return;
    if (b->q->filling) {
        append(b, id, arrival_s);
        return;
    }
    if (seen_in_order(b, id))
        return;
    uint64_t hash = mailq_map_hash(&b->q->map, id);
    mailq_map_prefetch(&b->q->map, hash);
    mailq_ring_prefetch(b->ring, arrival_s);
    b->names[b->count].id = id;
    b->names[b->count].hash = hash;
    b->names[b->count++].arrival_s = arrival_s;
    if (b->count == BATCH)
        flush(b);
}

/* Notes a hash directory, to be read after this one. */
static void add_directory(struct mailq *q, uint16_t parent, const struct linux_dirent64 *e)
{
    if (q->tree.directories[parent].depth == MAILQ_TREE_DEPTH ||
        (e->d_type != DT_DIR && e->d_type != DT_UNKNOWN))
        return;
    uint16_t d = mailq_tree_child(&q->tree, parent, e->d_name[0]);
    if (d == MAILQ_TREE_NONE)
        fail(q, SOURCE_STALE, "too many directories: ", q->tree.directories[parent].queue,
             EOVERFLOW);
}

/* Reads what getdents64 gave. */
static void take_entries(struct batch *b, const char *entries, size_t size)
{
    for (size_t at = 0; at < size;) {
        const struct linux_dirent64 *e = (const void *)(entries + at);
        at += e->d_reclen;
        if (mailq_tree_is_hash(e->d_name))
            add_directory(b->q, b->directory, e);
        else if (e->d_name[0] != '.')
            add_file(b, e);
    }
    flush(b);
}

static int read_directory(struct mailq *q, uint16_t directory, int fd)
{
    struct batch b;
    unsigned queue = q->tree.directories[directory].queue;
    b.q = q;
    b.ring = &q->queues[queue].ages.ring;
    b.directory = directory;
    b.fd = fd;
    b.flags = q->mark ? MAILQ_FILE_SEEN : 0;
    if (q->places[queue].flags & MTA_QUEUE_INCOMPLETE)
        b.flags |= MAILQ_FILE_WRITING;
    b.next = q->scan_next;
    b.in_order = false;
    b.count = 0;
    long n;
    while ((n = syscall(SYS_getdents64, fd, q->buffer, ENTRIES_MAX)) > 0)
        take_entries(&b, q->buffer, (size_t)n);
    int error = n < 0 ? errno : 0;
    q->scan_next = b.next;
    return error;
}

/* A queue that does not exist is empty; a hash directory that vanished was emptied before. */
static bool vanished(int error)
{
    return error == ENOENT || error == ENOTDIR || error == ELOOP;
}

static void scan_directory(struct mailq *q, uint16_t directory)
{
    unsigned queue = q->tree.directories[directory].queue;
    int fd = mailq_tree_open(&q->tree, directory);
    int error = fd < 0 ? errno : 0;
    if (fd >= 0) {
        mailq_tree_watch(&q->tree, directory, fd);
        error = read_directory(q, directory, fd);
        close(fd);
    }
    q->tree.directories[directory].seen = fd < 0 ? !q->mark : q->mark;
    if (error == 0 || vanished(error))
        return;
    bool denied = error == EACCES || error == EPERM;
    q->queues[queue].denied |= denied;
    fail(q, denied ? SOURCE_DENIED : SOURCE_STALE, "", queue, error);
}

/* Makes room at once for what the directories below one may hold: on ext4 a file takes 24 octets or
   more of its directory, which is rarely more than 80 % full. */
static void expect_files(struct mailq *q, uint16_t directory)
{
    size_t octets = 0;
    for (uint16_t c = q->tree.directories[directory].child; c != MAILQ_TREE_NONE;
         c = q->tree.directories[c].after) {
        struct stat st;
        int fd = mailq_tree_open(&q->tree, c);
        if (fd < 0)
            continue;
        if (fstat(fd, &st) == 0 && st.st_size > 4096)
            octets += (size_t)st.st_size;
        close(fd);
    }
    if (octets)
        mailq_map_reserve(&q->map, q->map.count + octets / 30);
}

/* The directory, then those found in it. */
static void scan_below(struct mailq *q, uint16_t directory)
{
    scan_directory(q, directory);
    if (q->scans == 0)
        expect_files(q, directory);
    for (uint16_t c = q->tree.directories[directory].child; c != MAILQ_TREE_NONE;
         c = q->tree.directories[c].after)
        scan_below(q, c);
}

void mailq_scan_new(struct mailq *q, uint16_t directory)
{
    scan_below(q, directory);
}

static bool is_seen(const struct mailq *q, uint32_t position)
{
    return (q->map.files[position].flags & MAILQ_FILE_SEEN) == (q->mark ? MAILQ_FILE_SEEN : 0);
}

/* Removes the files that the scan did not find. */
static void drop_files(struct mailq *q)
{
    uint32_t unseen = q->map.count;
    while (unseen && is_seen(q, unseen - 1))
        unseen--;
    if (unseen == 0)
        return;
    mailq_index(q);
    for (uint32_t i = q->map.count; i-- > 0;)
        if (!is_seen(q, i))
            mailq_remove(q, &q->map.files[i]);
}

static void drop_directories(struct mailq *q)
{
    for (unsigned i = 1; i < q->tree.count; i++)
        if (q->tree.directories[i].parent != i && q->tree.directories[i].seen != q->mark)
            mailq_tree_forget(&q->tree, (uint16_t)i);
}

/* The scan failed on the way: whatever was known before still holds. */
static void keep_unseen(struct mailq *q)
{
    for (uint32_t i = 0; i < q->map.count; i++) {
        struct mailq_file *f = &q->map.files[i];
        mailq_mark(q, f);
    }
    for (unsigned i = 1; i < q->tree.count; i++)
        q->tree.directories[i].seen = q->mark;
}

/* Opens queue_directory and watches it for queues that appear. */
static bool open_root(struct mailq *q)
{
    int error = mailq_tree_reopen(&q->tree);
    int fd = error ? -1 : mailq_tree_open(&q->tree, MAILQ_TREE_ROOT);
    if (fd < 0) {
        error = error ? error : errno;
        bool denied = error == EACCES || error == EPERM;
        fail(q,
             denied            ? SOURCE_DENIED
             : vanished(error) ? SOURCE_MISSING
                               : SOURCE_STALE,
             "", MTA_QUEUES_MAX, error);
        return false;
    }
    mailq_tree_watch(&q->tree, MAILQ_TREE_ROOT, fd);
    close(fd);
    return true;
}

static bool is_known(const struct mailq *q, const char *name)
{
    for (unsigned i = 0; i < q->queue_count; i++)
        if (strcmp(q->places[i].name, name) == 0)
            return true;
    return false;
}

/* A name that a manager can show: who sends mail has a say in it where the administrator lets him. */
static bool is_plain(const char *name)
{
    for (const char *p = name; *p; p++)
        if (*p <= ' ' || *p > '~')
            return false;
    return *name && *name != '.';
}

/* Is there a directory NAME with the queue's own in it? Then it is one. */
static void try_named(struct mailq *q, const char *name)
{
    char path[MAILQ_NAME];
    int n = snprintf(path, sizeof path, "%s/%s", name, q->mta->named_queues);
    if (n < 0 || n >= MAILQ_NAME || !is_plain(name) || is_known(q, path))
        return;
    struct stat st;
    if (fstatat(q->tree.root, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(st.st_mode) ||
        fstatat(q->tree.root, path, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(st.st_mode))
        return;
    if (q->queue_count == MTA_QUEUES_MAX) {
        q->left_out = true;
        return;
    }
    memcpy(q->found[q->queue_count], path, (size_t)n + 1);
    if (!mailq_add_queue(q, q->found[q->queue_count], q->places[0].flags))
        q->short_of_memory = true;
}

void mailq_find_named(struct mailq *q, bool scan)
{
    unsigned before = q->queue_count;
    q->left_out = false;
    int fd = q->mta->named_queues ? mailq_tree_open(&q->tree, MAILQ_TREE_ROOT) : -1;
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    for (const struct dirent *e; d && (e = readdir(d));)
        try_named(q, e->d_name);
    if (d)
        closedir(d);
    else if (fd >= 0)
        close(fd);
    for (unsigned i = before; scan && i < q->queue_count; i++) {
        uint16_t directory = mailq_tree_queue(&q->tree, i);
        if (directory != MAILQ_TREE_NONE)
            mailq_scan_new(q, directory);
    }
}

static void scan_queues(struct mailq *q)
{
    bool found = false;
    mailq_find_named(q, false);
    for (unsigned i = 0; i < q->queue_count; i++)
        mailq_tree_queue(&q->tree, i);
    if (q->scans == 0)
        expect_files(q, MAILQ_TREE_ROOT);
    for (unsigned i = 0; i < q->queue_count; i++) {
        uint16_t d = mailq_tree_queue(&q->tree, i);
        if (d == MAILQ_TREE_NONE)
            continue;
        scan_below(q, d);
        found |= q->tree.directories[d].seen == q->mark;
    }
    if (!found && q->status == SOURCE_OK)
        fail(q, SOURCE_MISSING, "has no queue of this mail system: ", MTA_QUEUES_MAX, ENOENT);
}

void mailq_scan(struct mailq *q)
{
    mailq_events_settle(q);
    q->mark = !q->mark;
    q->scan_next = 0;
    q->filling = q->map.count == 0;
    q->need_scan = false;
    q->status = SOURCE_OK;
    q->error[0] = '\0';
    q->tree.polling = q->tree.inotify < 0;
    for (unsigned i = 0; i < q->queue_count; i++)
        q->queues[i].denied = false;
    bool filled = q->filling;
    for (unsigned i = 0; filled && i < q->queue_count; i++)
        q->queues[i].oldest_s = UINT32_MAX;
    if (open_root(q))
        scan_queues(q);
    if (filled) {
        mailq_keep_youngest(q, MAILQ_LOOKS_MAX);
        mailq_filled(q);
    }
    q->filling = false;
    if (q->tree.polling) /* no event will tell what was found twice */
        mailq_index(q);
    q->scans++;
    q->need_scan |= q->status == SOURCE_MISSING || q->status == SOURCE_STALE;
    mailq_events(q); /* what moved while we read */
    if (q->status == SOURCE_STALE) {
        keep_unseen(q);
        return;
    }
    if (!filled)
        drop_files(q);
    drop_directories(q);
    mailq_map_trim(&q->map);
}
