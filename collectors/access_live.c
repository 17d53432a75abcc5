/*
 * Who is logged in: a command beside the loop, or a directory read by a worker, gives a list; sessions that are
 * not in it are over, and those that the log does not know begin. A session that began or ended while
 * the list was made is left alone. Invariant: one question at a time.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "access_listing.h"
#include "access_live.h"
#include "access_session.h"
#include "child.h"

#define OUTPUT_MAX (16 << 20)
#define TIMEOUT_S  20
#define YOUNG_MS   5000 /* a session's line may be read later than its server knows of it */
#define LISTED_MAX 65536

/* One who is logged in, with hashes only: the text that told is gone. */
struct listed {
    uint64_t user_id; /* within its application */
    uint32_t process;
    uint8_t protocol;
    struct text64 user, remote;
};

struct access_live {
    struct collect *collect;
    const struct config_access *config;
    struct access_log *log;
    struct source *row;
    struct child *child;
    uv_work_t work;
    bool busy;
    int error; /* errno of the directory */
    int64_t next_ms, asked_ms;
    struct listed *list;
    uint32_t count, room;
};

static void keep(struct access_live *l, const struct access_listed *a)
{
    if (l->count == l->room) {
        uint32_t room = l->room ? l->room * 2 : 64;
        struct listed *list = room <= LISTED_MAX ? reallocarray(l->list, room, sizeof *list) : NULL;
        if (!list)
            return;
        l->list = list;
        l->room = room;
    }
    struct listed *x = &l->list[l->count++];
    *x = (struct listed){.process = a->process, .protocol = (uint8_t)a->protocol};
    TEXT_SET(x->user, a->user);
    TEXT_SET(x->remote, a->remote);
}

static int by_user(const void *a, const void *b)
{
    const struct listed *x = a, *y = b;
    return (x->user_id > y->user_id) - (x->user_id < y->user_id);
}

/* The first of the list, which is sorted, whose user is not below. */
static uint32_t seek(const struct access_live *l, uint64_t user_id)
{
    uint32_t low = 0, high = l->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (l->list[middle].user_id < user_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Does the list have this session? */
static bool is_listed(void *arg, const struct access_session *s)
{
    const struct access_live *l = arg;
    if (l->collect->monotonic_ms + l->collect->real_minus_monotonic_ms - s->since_ms < YOUNG_MS ||
        s->user_id == 0)
        return true;
    for (uint32_t i = seek(l, s->user_id); i < l->count && l->list[i].user_id == s->user_id; i++)
        if (!l->list[i].process || !s->process || l->list[i].process == s->process)
            return true;
    return false;
}

static bool has_process(const struct access_live *l)
{
    return l->count && l->list[0].process;
}

/* Takes the list over: begins what the log does not know, then ends what is not in the list. */
static void reconcile(struct access_live *l)
{
    bool complete = has_process(l); /* else a user is told of, not each session */
    for (uint32_t i = 0; i < l->count; i++) {
        struct listed *x = &l->list[i];
        const struct appl *a = access_tally_service(l->log, x->protocol);
        x->user_id = a ? access_hash(a->row.key[0], TEXT_GET(x->user)) : 0;
        if (a && complete)
            access_tally_found(l->log, &(struct access_found){.protocol = x->protocol,
                                                              .user = TEXT_GET(x->user),
                                                              .remote = TEXT_GET(x->remote),
                                                              .process = x->process});
    }
    if (l->count)
        qsort(l->list, l->count, sizeof *l->list, by_user);
    for (unsigned p = 1; p < ACCESS_PROTOCOLS; p++)
        if (p != ACCESS_LMTP && access_tally_appl(l->log, p))
            access_tally_reconcile(l->log, p, is_listed, l);
    l->row->items = l->count;
}

static void finish(struct access_live *l, const char *error)
{
    struct collect *c = l->collect;
    if (!*error)
        reconcile(l);
    l->row->duration_ms = (uint64_t)(c->monotonic_ms - l->asked_ms);
    source_status(c, l->row, *error ? SOURCE_STALE : SOURCE_OK, error);
}

static void on_who(void *arg, const char *error, struct slice text)
{
    struct access_live *l = arg;
    struct access_columns columns = {0};
    struct access_listed a;
    l->child = NULL;
    l->count = 0;
    while (!*error && access_who(&text, &columns, &a))
        if (a.protocol != ACCESS_NONE)
            keep(l, &a);
    finish(l, error);
}

/* On a worker: the files of Cyrus's processes, named by their numbers. */
static void read_directory(uv_work_t *work)
{
    struct access_live *l = work->data;
    DIR *d = opendir(l->config->proc_directory);
    l->error = d ? 0 : errno;
    l->count = 0;
    for (struct dirent *e; d && (e = readdir(d));) {
        struct slice name = slice_of(e->d_name);
        struct access_listed a;
        char text[1024];
        uint64_t pid;
        if (!slice_number(&name, &pid) || name.n)
            continue;
        int fd = openat(dirfd(d), e->d_name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : -1;
        if (fd >= 0)
            close(fd);
        else if (errno == EACCES)
            l->error = EACCES;
        if (n <= 0 || !access_proc((struct slice){text, (size_t)n}, &a))
            continue;
        a.process = (uint32_t)pid;
        keep(l, &a);
    }
    if (d)
        closedir(d);
}

static void on_directory(uv_work_t *work, int status)
{
    struct access_live *l = work->data;
    char error[512] = "";
    (void)status;
    l->busy = false;
    if (l->collect->stopping)
        return;
    if (l->error)
        snprintf(error, sizeof error, "%s: %s", l->config->proc_directory, strerror(l->error));
    finish(l, error);
}

struct access_live *access_live_start(struct collect *c, const struct config_access *config,
                                      const char *name, struct access_log *log)
{
    char text[96];
    bool command = config->who.count > 0;
    if (!command && !config->proc_directory)
        return NULL;
    struct access_live *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    *l = (struct access_live){.collect = c, .config = config, .log = log};
    snprintf(text, sizeof text, "%s sessions", name);
    l->row = source_place(c, command ? SOURCE_COMMAND : SOURCE_DIRECTORY, text,
                          command ? config->who.items[0] : config->proc_directory, 0,
                          config->interval_s);
    l->work.data = l;
    if (l->row)
        return l;
    free(l);
    return NULL;
}

static void ask(struct access_live *l)
{
    const char *argv[32] = {0};
    char error[256];
    struct collect *c = l->collect;
    if (!l->config->who.count) {
        l->busy = uv_queue_work(c->loop, &l->work, read_directory, on_directory) == 0;
        return;
    }
    for (unsigned i = 0; i < l->config->who.count && i < 31; i++)
        argv[i] = l->config->who.items[i];
    l->child = child_start(c->loop, argv, OUTPUT_MAX, TIMEOUT_S, on_who, l);
    if (l->child)
        return;
    snprintf(error, sizeof error, "%s: %s", argv[0], strerror(errno));
    source_status(c, l->row, SOURCE_MISSING, error);
}

void access_live_tick(struct access_live *l)
{
    if (!l || l->busy || l->child || l->collect->monotonic_ms < l->next_ms)
        return;
    l->asked_ms = l->collect->monotonic_ms;
    l->next_ms = l->asked_ms + (int64_t)l->config->interval_s * 1000;
    ask(l);
}

void access_live_stop(struct access_live *l)
{
    if (!l)
        return;
    if (l->child)
        child_forget(l->child);
    while (l->busy)
        uv_run(l->collect->loop, UV_RUN_ONCE);
    free(l->list);
    free(l);
}
