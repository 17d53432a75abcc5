/*
 * File systems that mail depends on: the configured paths, and those on which the logs and queues
 * that are read and mailmond's own state lie, a row for each file system. Which file system a path
 * is on is told from mountinfo, so that nobody waits for a server that is gone: local ones are asked on
 * a worker, each other one by a child of its own with a deadline (disk_space.h).
 *
 * Invariant: a watch has at most one child, and no new one is made before it has ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "../agent/log.h"
#include "collector.h"
#include "disk.h"
#include "disk_space.h"
#include "mounts.h"
#include "trend.h"

#define WATCHES_MAX    256
#define PATH_SIZE      255
#define DEADLINE_MS    10000
#define REMOTE_MS      300000 /* others than local ones are asked so often, if not more */
#define MOUNTINFO_MAX  (4 << 20)
#define LOCK_THRESHOLD 99 /* percent, store.diskusagethreshold of Sun's store */

/* A path to look at; the loop fills the first part, the worker the rest. */
struct place {
    char path[PATH_SIZE];
    uint64_t kind; /* enum disk_kind */
    unsigned threshold_percent;
    bool configured;
    struct {
        char point[PATH_SIZE], device[32];
        bool local;
        int error; /* of a local one: an errno */
        struct disk_space space;
    } found;
};

struct watch {
    char path[PATH_SIZE]; /* of the row */
    bool seen;            /* in this pass */
    bool local;
    unsigned threshold_percent;
    struct disk *row;
    struct source *source;
    struct trend available_kb;
    struct disk_child child;
    int64_t asked_ms;
};

static struct {
    struct collect *collect;
    struct place *places;
    unsigned place_count;
    struct watch *watches[WATCHES_MAX];
    unsigned watch_count;
    int error; /* of mountinfo */
    uv_work_t work;
    bool busy, late;
    int64_t next_ms, began_ms;
} disks;

/* Places */

static void add_place(struct slice path, uint64_t kind, unsigned threshold, bool configured)
{
    if (path.n == 0 || *path.p != '/' || path.n >= PATH_SIZE || disks.place_count == WATCHES_MAX)
        return;
    for (unsigned i = 0; i < disks.place_count; i++)
        if (slice_eq(path, slice_of(disks.places[i].path)))
            return;
    struct place *p = &disks.places[disks.place_count++];
    *p = (struct place){.kind = kind, .threshold_percent = threshold, .configured = configured};
    memcpy(p->path, path.p, path.n);
}

static struct slice folder_of(struct slice path)
{
    const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;
    return slash ? slice_head(path, slash == path.p ? 1 : (size_t)(slash - path.p)) : path;
}

static uint64_t kind_named(const char *word)
{
    uint64_t kind = 0;
    while (disk_kind_words[kind] && strcmp(disk_kind_words[kind], word) != 0)
        kind++;
    return kind + 1;
}

static void gather_places(const struct collect *c)
{
    const struct config_disk *d = c->config->disks.items;
    disks.place_count = 0;
    for (unsigned i = 0; i < c->config->disks.count; i++)
        add_place(slice_of(d[i].path), kind_named(d[i].kind), d[i].lock_threshold_percent, true);
    for (unsigned i = 0; i < c->config->mta_count;
         i++) { /* each has a row, as that server's own alarms */
        const struct config_strings *partitions = &c->config->mtas[i].partitions;
        for (unsigned n = 0; n < partitions->count; n++)
            add_place(slice_of(partitions->items[n]), DISK_STORE_PARTITION, LOCK_THRESHOLD, true);
    }
    for (uint32_t i = 0; i < c->model->tables[MODEL_SOURCE].count; i++) {
        const struct source *s = model_row(c->model, MODEL_SOURCE, i);
        if (s->kind == SOURCE_LOG)
            add_place(folder_of(TEXT_GET(s->target)), DISK_LOG, LOCK_THRESHOLD, false);
        else if (s->kind == SOURCE_SPOOL)
            add_place(TEXT_GET(s->target), DISK_QUEUE, LOCK_THRESHOLD, false);
    }
    add_place(slice_of(c->config->state_dir), DISK_STATE, LOCK_THRESHOLD, false);
}

/* On the worker */

/* The whole text, which the caller frees; NULL with errno. */
static char *read_mountinfo(size_t *length)
{
    size_t room = 16384, n = 0;
    char *text = malloc(room);
    int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 || !text ? -1 : 0;
    while (got >= 0 && (got = read(fd, text + n, room - n)) > 0) {
        n += (size_t)got;
        if (n < room)
            continue;
        char *more = room < MOUNTINFO_MAX ? realloc(text, room * 2) : NULL;
        if (!more)
            break; /* what was read must do */
        text = more;
        room *= 2;
    }
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (got < 0) {
        free(text);
        text = NULL;
    }
    errno = error;
    *length = n;
    return text;
}

static void look(struct place *p, struct slice mountinfo)
{
    struct mount m;
    p->found.error = 0;
    p->found.local = true;
    if (!mounts_of(mountinfo, p->path, &m)) {
        p->found.error = ELOOP;
        return;
    }
    p->found.local = m.local;
    mounts_point(&m, p->found.point, sizeof p->found.point);
    snprintf(p->found.device, sizeof p->found.device, "%.*s", (int)m.device.n, m.device.p);
    if (m.local)
        p->found.error = disk_ask(p->configured ? p->path : p->found.point, &p->found.space);
}

static void run(uv_work_t *work)
{
    (void)work;
    struct slice mountinfo;
    char *text = read_mountinfo(&mountinfo.n);
    disks.error = text ? 0 : errno;
    mountinfo.p = text;
    for (unsigned i = 0; text && i < disks.place_count; i++)
        look(&disks.places[i], mountinfo);
    free(text);
}

/* Rows */

static void set_space(struct watch *w, const struct disk_space *d)
{
    struct disk *row = w->row;
    row->total_kb = d->total_kb;
    row->available_kb = d->available_kb;
    row->total_mb = d->total_kb / 1024;
    row->available_mb = d->available_kb / 1024;
    row->percent_available =
        d->total_kb ? disk_percent(d->available_kb, d->total_kb) : MODEL_ABSENT;
    row->inodes_percent_available =
        d->inodes ? disk_percent(d->inodes_available, d->inodes) : MODEL_ABSENT;
}

static void set_lock(struct watch *w, const struct disk_space *d, int64_t now_ms)
{
    struct disk *row = w->row;
    bool was = row->locked == 1, is = disk_locked(d, w->threshold_percent, was);
    if (is != was)
        log_warning("disk %s: %u %% available, %s the threshold of %u %% in use", w->path,
                    disk_percent(d->available_kb, d->total_kb), is ? "over" : "no longer over",
                    w->threshold_percent);
    row->locked = d->total_kb ? is : MODEL_ABSENT; /* a pseudo file system has no space */
    row->next_check_at = now_ms + (int64_t)disk_check_s(d, w->threshold_percent) * 1000;
}

static void set_trend(struct watch *w, const struct disk_space *d, int64_t now_ms)
{
    struct disk *row = w->row;
    int64_t change;
    row->fill_rate_kb_per_hour = INT64_MIN;
    row->hours_to_full = MODEL_ABSENT;
    trend_add(&w->available_kb, now_ms, (int64_t)d->available_kb);
    if (!trend_per_hour(&w->available_kb, &change))
        return;
    row->fill_rate_kb_per_hour = -change;
    if (change < 0)
        row->hours_to_full = d->available_kb / (uint64_t)-change;
}

static void fail(struct watch *w, int error)
{
    char text[PATH_SIZE + 128];
    enum source_status is = error == ENOENT || error == ENOTDIR ? SOURCE_MISSING
                            : error == EACCES || error == EPERM ? SOURCE_DENIED
                                                                : SOURCE_STALE;
    snprintf(text, sizeof text, "%s: %s", w->path,
             error == ETIMEDOUT ? "no answer within 10 s" : strerror(error));
    source_status(disks.collect, w->source, is, text);
}

/* What became of asking: 0, or an errno. */
static void take(struct watch *w, int error, const struct disk_space *d)
{
    struct collect *c = disks.collect;
    if (error) {
        fail(w, error);
        return;
    }
    w->row->last_stat_at = c->monotonic_ms;
    set_space(w, d);
    set_lock(w, d, c->monotonic_ms);
    set_trend(w, d, c->monotonic_ms);
    model_touch(c->model, MODEL_DISK);
    source_status(c, w->source, SOURCE_OK, "");
}

static struct watch *new_watch(const char *path)
{
    struct collect *c = disks.collect;
    char name[PATH_SIZE + 8];
    struct watch *w = disks.watch_count < WATCHES_MAX ? calloc(1, sizeof *w) : NULL;
    struct disk *row = w ? names_place(c->names, c->model, MODEL_DISK, slice_of(path)) : NULL;
    snprintf(name, sizeof name, "disk %s", path);
    struct source *source =
        row ? source_place(c, SOURCE_DISK, name, path, 0, c->config->system_interval_s) : NULL;
    if (!source) {
        if (row)
            model_remove(c->model, MODEL_DISK, row);
        free(w);
        return NULL;
    }
    snprintf(w->path, sizeof w->path, "%s", path);
    w->row = row;
    w->source = source;
    w->child.fd = -1;
    w->asked_ms = INT64_MIN / 2;
    TEXT_SET(row->path, slice_of(path));
    disks.watches[disks.watch_count++] = w;
    return w;
}

bool disk_is_watched(struct slice path)
{
    for (unsigned i = 0; i < disks.watch_count; i++)
        if (slice_eq(path, slice_of(disks.watches[i]->path)))
            return true;
    return false;
}

static struct watch *watch_of(const char *path)
{
    for (unsigned i = 0; i < disks.watch_count; i++)
        if (strcmp(disks.watches[i]->path, path) == 0)
            return disks.watches[i];
    return new_watch(path);
}

/* Is a file system that was found also one of the configured ones? */
static bool is_configured(const struct place *p)
{
    for (unsigned i = 0; i < disks.place_count; i++) {
        const struct place *other = &disks.places[i];
        if (other->configured && other->found.error == 0 && *other->found.device &&
            strcmp(other->found.device, p->found.device) == 0)
            return true;
    }
    return false;
}

/* The row of a place is its path's if it is configured, else that of the file system it is on. */
static void merge_place(const struct place *p)
{
    if (!p->configured && (is_configured(p) || !*p->found.point))
        return;
    struct watch *w = watch_of(p->configured ? p->path : p->found.point);
    if (!w)
        return;
    if (!w->seen || p->kind < w->row->kind)
        w->row->kind = p->kind;
    if (w->seen)
        return;
    w->seen = true;
    w->local = p->found.local;
    w->threshold_percent = p->threshold_percent;
    w->row->lock_threshold_percent = p->threshold_percent;
    if (w->local)
        take(w, p->found.error, &p->found.space);
}

/* A file system that nothing lies on any more. One whose child still hangs waits for that. */
static void drop_unseen(void)
{
    struct model *m = disks.collect->model;
    unsigned kept = 0;
    for (unsigned i = 0; i < disks.watch_count; i++) {
        struct watch *w = disks.watches[i];
        if (!w->seen)
            disk_child_kill(&w->child);
        if (w->seen || !disk_child_ended(&w->child)) {
            disks.watches[kept++] = w;
            continue;
        }
        model_remove(m, MODEL_DISK, w->row);
        model_remove(m, MODEL_SOURCE, w->source);
        free(w);
    }
    disks.watch_count = kept;
}

static void done(uv_work_t *work, int status)
{
    (void)work;
    struct collect *c = disks.collect;
    disks.busy = false;
    if (status == UV_ECANCELED || c->stopping)
        return;
    for (unsigned i = 0; i < disks.watch_count; i++)
        disks.watches[i]->seen = false;
    for (unsigned i = 0; i < disks.place_count && !disks.error; i++)
        merge_place(&disks.places[i]);
    if (!disks.error)
        drop_unseen();
    else if (!disks.late)
        log_warning("disks: /proc/self/mountinfo: %s", strerror(disks.error));
    disks.late = disks.error != 0;
    model_touch(c->model, MODEL_DISK);
}

/* Those that are not local */

static void start_child(struct watch *w)
{
    struct collect *c = disks.collect;
    w->asked_ms = c->monotonic_ms;
    if (!disk_child_start(&w->child, w->path))
        take(w, errno, NULL);
}

static void follow_child(struct watch *w)
{
    struct collect *c = disks.collect;
    struct disk_space d;
    int error = disk_child_answer(&w->child, &d);
    w->source->duration_ms = (uint64_t)(c->monotonic_ms - w->asked_ms);
    if (error >= 0) {
        take(w, error, &d);
    } else if (c->monotonic_ms - w->asked_ms >= DEADLINE_MS) {
        disk_child_kill(&w->child);
        take(w, ETIMEDOUT, NULL);
    }
}

static bool is_due(const struct watch *w, int64_t now_ms)
{
    int64_t every_ms = (int64_t)disks.collect->config->system_interval_s * 1000;
    every_ms = every_ms * 5 < REMOTE_MS ? every_ms * 5 : REMOTE_MS;
    return now_ms - w->asked_ms >= every_ms ||
           (w->row->next_check_at != MODEL_NEVER && now_ms >= w->row->next_check_at);
}

static void tick_remote(struct watch *w)
{
    if (w->child.fd >= 0)
        follow_child(w);
    else if (disk_child_ended(&w->child) && !w->local && is_due(w, disks.collect->monotonic_ms))
        start_child(w);
}

/* The worker hangs: a local disk does not answer. */
static void report_late(void)
{
    struct collect *c = disks.collect;
    disks.late = true;
    for (unsigned i = 0; i < disks.watch_count; i++)
        if (disks.watches[i]->local)
            source_status(c, disks.watches[i]->source, SOURCE_STALE,
                          "a local file system does not answer");
}

static bool start(struct collect *c)
{
    disks.collect = c;
    disks.places = calloc(WATCHES_MAX, sizeof *disks.places);
    return disks.places != NULL;
}

static void tick(struct collect *c)
{
    for (unsigned i = 0; i < disks.watch_count; i++)
        tick_remote(disks.watches[i]);
    if (disks.busy && !disks.late && c->monotonic_ms - disks.began_ms >= DEADLINE_MS)
        report_late();
    if (disks.busy || c->monotonic_ms < disks.next_ms)
        return;
    disks.began_ms = c->monotonic_ms;
    disks.next_ms = c->monotonic_ms + (int64_t)c->config->system_interval_s * 1000;
    gather_places(c);
    disks.busy = uv_queue_work(c->loop, &disks.work, run, done) == 0;
}

static void stop(struct collect *c)
{
    (void)c;
    if (disks.busy)
        uv_cancel((uv_req_t *)&disks.work);
    for (unsigned i = 0; i < disks.watch_count; i++)
        disk_child_kill(&disks.watches[i]->child);
}

const struct collector collector_disk = {"disk", start, tick, NULL, stop};
