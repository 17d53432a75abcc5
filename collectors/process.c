/*
 * Is the MTA there, and since when: its master's pid file and /proc/PID/stat (proc(5)). With what its
 * log said last this makes applOperStatus, applLastChange and applUptime (RFC 2788; mail-mibs.md §2.1).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "collector.h"

#define LOOK_MS      5000   /* the process is looked at so often, and when its log says something */
#define CONGESTED_MS 120000 /* a warning that no connection can be taken holds this long */

enum life { LIFE_UNKNOWN, LIFE_DEAD, LIFE_ALIVE };

struct watched {
    const struct instance_of_mta *of;
    struct source *row;
    char pid_file[512];
    int64_t next_ms;
    uint64_t said; /* what the log had said at the last look */
};

static struct watched *watched;

static ssize_t read_small(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);
    int error = errno;
    if (fd >= 0)
        close(fd);
    errno = error;
    if (n >= 0)
        text[n] = 0;
    return n;
}

/*
 * Name and start of a process; false when there is none. stat's second field is the name in
 * parentheses and may hold any octet: what follows is counted from the last parenthesis.
 */
static bool process_stat(pid_t pid, char name[32], int64_t *started_ms)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (read_small(path, text, sizeof text) <= 0)
        return false;
    char *open_ = strchr(text, '('), *close_ = strrchr(text, ')');
    if (!open_ || !close_ || close_ < open_)
        return false;
    snprintf(name, 32, "%.*s", (int)(close_ - open_ - 1 < 31 ? close_ - open_ - 1 : 31), open_ + 1);
    struct slice rest = slice_trim(slice_of(close_ + 1));
    if (rest.n && *rest.p == 'Z')
        return false;
    for (int field = 3; field < 22; field++) {
        slice_cut(&rest, ' ');
        rest = slice_trim(rest);
    }
    uint64_t ticks;
    long hz = sysconf(_SC_CLK_TCK);
    if (!slice_number(&rest, &ticks) || hz <= 0)
        return false;
    *started_ms = (int64_t)(ticks * 1000 / (uint64_t)hz);
    return true;
}

/* Is the name one of those, which have blanks between them? The kernel keeps 15 octets of it. */
static bool is_master(const char *name, const char *masters)
{
    struct slice rest = slice_of(masters);
    while (rest.n) {
        struct slice one = slice_head(rest, slice_find(rest, ' '));
        rest = slice_trim(slice_skip(rest, one.n));
        if (slice_eq(slice_of(name), slice_head(one, 15)))
            return true;
    }
    return false;
}

static enum life look(struct watched *w, int64_t *started_ms)
{
    char text[64], name[32];
    if (read_small(w->pid_file, text, sizeof text) < 0)
        return errno == ENOENT ? LIFE_DEAD : LIFE_UNKNOWN;
    struct slice s = slice_trim(slice_of(text));
    uint64_t pid;
    if (!slice_number(&s, &pid) || pid == 0 || pid > INT32_MAX)
        return LIFE_DEAD;
    if (!process_stat((pid_t)pid, name, started_ms) || !is_master(name, w->of->mta->master))
        return LIFE_DEAD;
    return LIFE_ALIVE;
}

static bool congested(const struct appl *a, int64_t now_ms)
{
    return a->stress == 1 ||
           (a->log_congested_at != MODEL_NEVER && now_ms - a->log_congested_at < CONGESTED_MS);
}

/*
 * up: alive; congested: alive, and the log says that no further connection can be taken; quiescing:
 * alive, and the log says that it is stopping; restarting: gone, and the log says that it is being
 * started; down: gone. Where the process cannot be seen the
 * log alone is believed.
 */
static uint64_t status(const struct appl *a, enum life life, int64_t now_ms)
{
    if (life == LIFE_UNKNOWN && a->log_status == MODEL_ABSENT)
        return MODEL_ABSENT;
    if (life == LIFE_DEAD)
        return a->log_status == APPL_RESTARTING ? APPL_RESTARTING : APPL_DOWN;
    if (life == LIFE_UNKNOWN && (a->log_status == APPL_DOWN || a->log_status == APPL_RESTARTING))
        return a->log_status;
    if (congested(a, now_ms))
        return APPL_CONGESTED;
    return a->log_status == APPL_QUIESCING ? APPL_QUIESCING : APPL_UP;
}

/* What the log said that matters here, as one number. */
static uint64_t said(const struct appl *a)
{
    return a->log_status * 31 + a->stress * 7 + (uint64_t)a->log_congested_at;
}

static void set_status(struct collect *c, struct appl *a, uint64_t is)
{
    if (a->status == is)
        return;
    a->status = is;
    a->status_changed_at = c->monotonic_ms;
    model_dirty(c->model, MODEL_APPL, a);
}

static void check(struct collect *c, struct watched *w)
{
    int64_t started_ms = MODEL_NEVER;
    struct appl *a = w->of->appl;
    char error[640];
    w->next_ms = c->monotonic_ms + LOOK_MS;
    w->said = said(a);
    enum life life = look(w, &started_ms);
    if (life == LIFE_ALIVE && (a->started_at == MODEL_NEVER || started_ms - a->started_at > 2000 ||
                               a->started_at - started_ms > 2000)) {
        a->started_at = started_ms;
        model_dirty(c->model, MODEL_APPL, a);
    }
    set_status(c, a, status(a, life, c->monotonic_ms));
    if (life == LIFE_UNKNOWN)
        snprintf(error, sizeof error,
                 "%s: %s; run mailmond as root (it keeps CAP_DAC_READ_SEARCH only)", w->pid_file,
                 strerror(errno));
    source_status(c, w->row, life == LIFE_UNKNOWN ? SOURCE_DENIED : SOURCE_OK,
                  life == LIFE_UNKNOWN ? error : "");
}

/* Where an instance's pid file is; false: nobody says. */
static bool find_pid_file(const struct instance_of_mta *i, char path[512])
{
    const char *name = i->config->pid_file ? i->config->pid_file : i->mta->pid_file;
    const char *folder = i->config->queue_directory;
    if (!name || (*name != '/' && !folder))
        return false;
    snprintf(path, 512, "%s%s%s", *name == '/' ? "" : folder, *name == '/' ? "" : "/", name);
    return true;
}

static bool watch(struct collect *c, struct watched *w, const struct instance_of_mta *i,
                  const char *path)
{
    char name[64];
    w->of = i;
    snprintf(w->pid_file, sizeof w->pid_file, "%s", path);
    snprintf(name, sizeof name, "%s process", i->config->name);
    w->row = source_place(c, SOURCE_PROCESS, name, w->pid_file, i->appl->row.key[0],
                          (c->config->interval_ms + 999) / 1000);
    return w->row != NULL;
}

static bool start(struct collect *c)
{
    watched = calloc(c->instance_count + 1, sizeof *watched);
    if (!watched)
        return false;
    unsigned n = 0;
    char path[512];
    for (unsigned i = 0; i < c->instance_count; i++)
        if (find_pid_file(&c->instances[i], path) &&
            !watch(c, &watched[n++], &c->instances[i], path))
            return false;
    return true;
}

/* Where there is no pid file to look at, the log alone tells. */
static void believe_logs(struct collect *c)
{
    char path[512];
    for (unsigned i = 0; i < c->instance_count; i++)
        if (!find_pid_file(&c->instances[i], path))
            set_status(c, c->instances[i].appl,
                       status(c->instances[i].appl, LIFE_UNKNOWN, c->monotonic_ms));
}

static void tick(struct collect *c)
{
    if (!c->caught_up)
        return;
    for (struct watched *w = watched; w->of; w++)
        if (c->monotonic_ms >= w->next_ms || w->said != said(w->of->appl))
            check(c, w);
    believe_logs(c);
}

static void stop(struct collect *c)
{
    (void)c;
    free(watched);
    watched = NULL;
}

const struct collector collector_process = {"process", start, tick, NULL, stop};
