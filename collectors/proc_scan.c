/*
 * Passes over /proc. Reading the stat of a process costs some 15 us, so that of a process that nobody
 * asked for is read when it is new, once more (it may have been between fork and exec), and then
 * every 16th pass, in case its number was given to another.
 *
 * Invariant: `known` is in order of pid and holds the processes of the last pass.
 */
#include "proc_scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "proc_text.h"

#define ROUNDS    16
#define SEEN_MAX  16384
#define NAME_KEPT 15

struct proc_known {
    uint32_t pid;
    uint16_t looks; /* up to 2 */
    bool wanted;
};

ssize_t proc_read(const char *path, char *text, size_t size)
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

/* Is a process's name among these? */
static bool is_among(const char *names, const char *name, size_t length)
{
    struct slice rest = slice_of(names), is = {name, length};
    while (rest.n) {
        struct slice one = slice_head(rest, slice_find(rest, ' '));
        rest = slice_trim(slice_skip(rest, one.n));
        if (slice_eq(is, slice_head(one, NAME_KEPT)))
            return true;
    }
    return false;
}

int64_t proc_start_ms(uint64_t start_ticks)
{
    struct timespec boot = {0}, monotonic = {0};
    long hz = sysconf(_SC_CLK_TCK);
    clock_gettime(CLOCK_BOOTTIME, &boot);
    clock_gettime(CLOCK_MONOTONIC, &monotonic);
    int64_t asleep_ms = (int64_t)(boot.tv_sec - monotonic.tv_sec) * 1000 +
                        (boot.tv_nsec - monotonic.tv_nsec) / 1000000;
    return (int64_t)(start_ticks / (uint64_t)hz * 1000 +
                     start_ticks % (uint64_t)hz * 1000 / (uint64_t)hz) -
           asleep_ms;
}

int64_t proc_pid_file(const char *path)
{
    char text[64];
    uint64_t pid;
    if (proc_read(path, text, sizeof text) < 0)
        return errno == ENOENT ? 0 : -1;
    struct slice s = slice_trim(slice_of(text));
    return slice_number(&s, &pid) && pid <= INT32_MAX ? (int64_t)pid : 0;
}

static bool read_stat(const char *root, uint32_t pid, char *text, size_t size, struct proc_stat *p)
{
    char path[288];
    snprintf(path, sizeof path, "%.256s/%u/stat", root, pid);
    ssize_t n = proc_read(path, text, size);
    return n > 0 && proc_stat_parse((struct slice){text, (size_t)n}, p) && p->pid == pid &&
           p->state != 'Z' && p->state != 'X';
}

bool proc_alive(int64_t pid, const char *names, int64_t *started_ms)
{
    char text[1024];
    struct proc_stat p;
    if (pid <= 0 || !read_stat("/proc", (uint32_t)pid, text, sizeof text, &p) ||
        !is_among(names, p.name.p, p.name.n))
        return false;
    *started_ms = proc_start_ms(p.start_ticks);
    return true;
}

bool proc_scan_init(struct proc_scan *s, const char *root, const struct proc_want *wants,
                    unsigned want_count)
{
    *s = (struct proc_scan){.root = root, .wants = wants, .want_count = want_count};
    s->wanted_pids = calloc(want_count + 1, sizeof *s->wanted_pids);
    return s->wanted_pids != NULL;
}

void proc_scan_free(struct proc_scan *s)
{
    free(s->seen);
    free(s->known);
    free(s->wanted_pids);
    *s = (struct proc_scan){0};
}

static bool has_uid(const struct proc_scan *s, const struct proc_stat *p, uint32_t uid)
{
    char path[288], text[2048];
    uint32_t is;
    snprintf(path, sizeof path, "%.256s/%u/status", s->root, p->pid);
    return proc_read(path, text, sizeof text) > 0 && proc_uid_parse(slice_of(text), &is) &&
           is == uid;
}

static bool has_arguments(const struct proc_scan *s, const struct proc_stat *p, const char *part)
{
    char path[288], text[4096];
    snprintf(path, sizeof path, "%.256s/%u/cmdline", s->root, p->pid);
    ssize_t n = proc_read(path, text, sizeof text);
    for (ssize_t i = 0; i < n; i++)
        if (text[i] == 0)
            text[i] = ' ';
    return n > 0 && slice_search((struct slice){text, (size_t)n}, slice_of(part)) < (size_t)n;
}

static bool is_wanted(const struct proc_scan *s, unsigned i, const struct proc_stat *p)
{
    const struct proc_want *w = &s->wants[i];
    if (w->names && !is_among(w->names, p->name.p, p->name.n))
        return false;
    if (w->pid_file &&
        (s->wanted_pids[i] == 0 || (w->child ? p->parent : p->pid) != s->wanted_pids[i]))
        return false;
    return (!w->has_uid || has_uid(s, p, w->uid)) &&
           (!w->arguments || has_arguments(s, p, w->arguments));
}

static void keep(struct proc_scan *s, unsigned want, const struct proc_stat *p)
{
    if (s->seen_count == s->seen_room) {
        unsigned room = s->seen_room ? s->seen_room * 2 : 16;
        struct proc_seen *more = room <= SEEN_MAX ? realloc(s->seen, room * sizeof *more) : NULL;
        if (!more) {
            s->truncated = true;
            return;
        }
        s->seen = more;
        s->seen_room = room;
    }
    s->seen[s->seen_count++] =
        (struct proc_seen){want, p->pid, p->cpu_ticks, p->start_ticks, p->rss_pages};
}

/* Reads the stat of a process; false: nobody asked for it, or it has ended. */
static bool look(struct proc_scan *s, uint32_t pid)
{
    char text[1024];
    struct proc_stat p;
    bool wanted = false;
    s->read++;
    if (!read_stat(s->root, pid, text, sizeof text, &p))
        return false;
    for (unsigned i = 0; i < s->want_count; i++)
        if (is_wanted(s, i, &p)) {
            keep(s, i, &p);
            wanted = true;
        }
    return wanted;
}

static int compare_known(const void *a, const void *b)
{
    const struct proc_known *x = a, *y = b;
    return (x->pid > y->pid) - (x->pid < y->pid);
}

static struct proc_known look_if_due(struct proc_scan *s, uint32_t pid)
{
    struct proc_known k = {.pid = pid};
    const struct proc_known *was =
        s->known_count ? bsearch(&k, s->known, s->known_count, sizeof k, compare_known) : NULL;
    bool due = !was || was->wanted || was->looks < 2 || (pid + s->round) % ROUNDS == 0;
    for (unsigned i = 0; i < s->want_count; i++)
        due |= s->wanted_pids[i] == pid;
    if (!due)
        return *was;
    k.looks = was && was->looks ? 2 : 1;
    k.wanted = look(s, pid);
    return k;
}

/* The processes there are now, each looked at if that is due; the caller frees the list. */
static struct proc_known *pass(struct proc_scan *s, DIR *d, unsigned *count)
{
    struct proc_known *now = NULL;
    unsigned n = 0, room = 0;
    for (struct dirent *e; (e = readdir(d));) {
        struct slice name = slice_of(e->d_name);
        uint64_t pid;
        if (!slice_number(&name, &pid) || name.n || pid == 0 || pid > INT32_MAX)
            continue;
        if (n == room) {
            unsigned more_room = room ? room * 2 : 256;
            struct proc_known *more =
                more_room <= PROC_PROCESSES_MAX ? realloc(now, more_room * sizeof *now) : NULL;
            if (!more) {
                s->truncated = true;
                break;
            }
            now = more;
            room = more_room;
        }
        now[n++] = look_if_due(s, (uint32_t)pid);
    }
    *count = n;
    return now;
}

int proc_seen_compare(const void *a, const void *b)
{
    const struct proc_seen *x = a, *y = b;
    return x->pid != y->pid ? (x->pid > y->pid) - (x->pid < y->pid)
                            : (x->want > y->want) - (x->want < y->want);
}

/* 0: none is known. */
static uint32_t wanted_pid(const char *pid_file)
{
    int64_t pid = pid_file ? proc_pid_file(pid_file) : 0;
    return pid > 0 ? (uint32_t)pid : 0;
}

/*
 * All that is asked for hangs from pid files of which none names a process: then none of it runs, and a
 * mail system may be down for days. Not under hidepid, where a process seems not to be there; whether
 * that is so the first pass tells.
 */
static bool nobody_runs(const struct proc_scan *s)
{
    for (unsigned i = 0; i < s->want_count; i++) {
        char path[288];
        snprintf(path, sizeof path, "%.256s/%u", s->root, s->wanted_pids[i]);
        if (!s->wants[i].pid_file || (s->wanted_pids[i] && access(path, F_OK) == 0))
            return false;
    }
    return s->round > 0 && !s->hidden;
}

void proc_scan_run(struct proc_scan *s)
{
    s->error = 0;
    s->seen_count = s->read = s->processes = 0;
    s->truncated = false;
    for (unsigned i = 0; i < s->want_count; i++)
        s->wanted_pids[i] = wanted_pid(s->wants[i].pid_file);
    if (nobody_runs(s)) {
        s->known_count = 0; /* by the next pass their numbers may be others' */
        return;
    }
    DIR *d = opendir(s->root);
    if (!d) {
        s->error = errno;
        return;
    }
    unsigned count;
    struct proc_known *now = pass(s, d, &count);
    closedir(d);
    if (count) /* /proc has them in this order already, but promises nothing */
        qsort(now, count, sizeof *now, compare_known);
    if (s->seen_count)
        qsort(s->seen, s->seen_count, sizeof *s->seen, proc_seen_compare);
    free(s->known);
    s->hidden = count && now[0].pid != 1; /* there always is one */
    s->known = now;
    s->known_count = s->processes = count;
    s->round++;
}
