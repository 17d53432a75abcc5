/*
 * bench_queue DIRECTORY [exim]: what the queue collector costs over a Postfix queue tree, or the scans alone
 * over an Exim spool of -H and -D files. Raw getdents64 over the
 * same tree, first refreshes (also without inotify: no watches, but an index at once) and later full
 * scans, by turns, medians of 5; then refreshes after 0.1 % of the files changed (half removed, half
 * created), median of 21: with what events alone tell, while next attempts are learnt (a look at 20 inodes for each
 * second passed), and when they are known. The tree is changed and not restored.
 */
#include "../../collectors/mailq.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 5
#define CYCLES 21
#define BUFFER (256 << 10)

struct linux_dirent64 {
    uint64_t d_ino;
    int64_t d_off;
    uint16_t d_reclen;
    uint8_t d_type;
    char d_name[];
};

struct cost {
    double wall, cpu; /* seconds */
};

static double read_clock(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct cost now(void)
{
    return (struct cost){read_clock(CLOCK_MONOTONIC), read_clock(CLOCK_PROCESS_CPUTIME_ID)};
}

static struct cost since(struct cost start)
{
    struct cost end = now();
    return (struct cost){end.wall - start.wall, end.cpu - start.cpu};
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct cost median(const struct cost *c, unsigned n)
{
    double wall[CYCLES], cpu[CYCLES];
    for (unsigned i = 0; i < n; i++) {
        wall[i] = c[i].wall;
        cpu[i] = c[i].cpu;
    }
    qsort(wall, n, sizeof *wall, by_value);
    qsort(cpu, n, sizeof *cpu, by_value);
    return (struct cost){wall[n / 2], cpu[n / 2]};
}

/* Counts regular files, the cheapest way there is. */
static uint64_t walk(int at, const char *name)
{
    uint64_t files = 0;
    char *buffer = malloc(BUFFER);
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    long n;
    while (fd >= 0 && (n = syscall(SYS_getdents64, fd, buffer, BUFFER)) > 0) {
        for (long i = 0; i < n;) {
            const struct linux_dirent64 *e = (const void *)(buffer + i);
            i += e->d_reclen;
            if (e->d_type == DT_REG)
                files++;
            else if (e->d_type == DT_DIR && e->d_name[0] != '.')
                files += walk(fd, e->d_name);
        }
    }
    if (fd >= 0)
        close(fd);
    free(buffer);
    return files;
}

static const struct mta *mta = &mta_postfix;

static uint64_t walk_queues(const char *root)
{
    uint64_t files = 0;
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (const struct mta_queue *q = mta->queues; q->name; q++)
        files += walk(fd, q->name);
    close(fd);
    return files;
}

static struct mailq_result result;
static int64_t pretended_ms; /* between two refreshes pass five seconds */

static struct cost refresh(struct mailq *q, unsigned files_max)
{
    struct mailq_request r = {.files_max = files_max};
    pretended_ms += 5000;
    r.real_ms = (int64_t)time(NULL) * 1000;
    r.monotonic_ms = pretended_ms;
    struct cost start = now();
    mailq_refresh(q, &r, &result);
    return since(start);
}

static struct cost rescan(struct mailq *q)
{
    struct mailq_request r = {.real_ms = (int64_t)time(NULL) * 1000, .rescan = true};
    struct cost start = now();
    mailq_refresh(q, &r, &result);
    return since(start);
}

/* A collector that gets no inotify instance: it polls. */
static struct mailq *new_unwatched(const char *root)
{
    struct rlimit before;
    getrlimit(RLIMIT_NOFILE, &before);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, before.rlim_max});
    struct mailq *q = mailq_new(mta, root);
    setrlimit(RLIMIT_NOFILE, &before);
    return q;
}

/* Does a fresh collector find as many files? */
static void check(const char *root)
{
    uint64_t known = result.files;
    struct mailq *q = mailq_new(mta, root);
    refresh(q, 0);
    mailq_free(q);
    if (result.files != known)
        printf("WRONG: %llu files known, %llu there\n", (unsigned long long)known,
               (unsigned long long)result.files);
}

/* Tells the collector the size of all it asks for, as the log would. */
static void answer(struct mailq *q)
{
    static struct mailq_update updates[MAILQ_WANTED_MAX];
    do {
        struct mailq_request r = {.updates = updates, .update_count = result.wanted_count};
        for (unsigned i = 0; i < result.wanted_count; i++)
            updates[i] = (struct mailq_update){
                .id = result.wanted[i], .size = 4000, .pending = 1, .known = true};
        r.real_ms = (int64_t)time(NULL) * 1000;
        r.monotonic_ms = pretended_ms;
        mailq_refresh(q, &r, &result);
    } while (result.wanted_count);
}

/* Names from the tree, to be removed. */
struct names {
    char (*path)[64];
    unsigned count, room;
};

static void collect(struct names *n, const char *root, const char *below)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", root, below);
    DIR *d = opendir(path);
    struct dirent *e;
    while (d && (e = readdir(d)) && n->count < n->room) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", below, e->d_name);
        if (e->d_type == DT_DIR)
            collect(n, root, path);
        else if (random() % 8 == 0)
            snprintf(n->path[n->count++], sizeof *n->path, "%.63s", path);
    }
    if (d)
        closedir(d);
}

/* Removes files and creates as many whose names differ in a digit of the inode. */
static void churn(int root, struct names *n, unsigned files)
{
    for (unsigned i = 0; i < files && n->count; i++) {
        char *path = n->path[--n->count];
        unlinkat(root, path, 0);
        strcat(path, "2");
        int fd = openat(root, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
        if (fd >= 0)
            close(fd);
    }
}

static void print(const char *what, struct cost c, struct cost base)
{
    printf("%-34s wall %10.3f ms  cpu %10.3f ms  x%.4f  x%.4f\n", what, c.wall * 1e3, c.cpu * 1e3,
           c.wall / base.wall, c.cpu / base.cpu);
}

static struct cost measure_cycles(struct mailq *q, int root, struct names *n, uint64_t files,
                                  unsigned files_max)
{
    struct cost c[CYCLES];
    for (unsigned i = 0; i < CYCLES; i++) {
        churn(root, n, (unsigned)(files / 2000));
        c[i] = refresh(q, files_max);
        answer(q);
    }
    return median(c, CYCLES);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[2], mta_exim.name) == 0) {
        mta = &mta_exim;
    } else if (argc != 2) {
        fprintf(stderr, "usage: bench_queue DIRECTORY [exim]\n");
        return 2;
    }
    struct cost raw[ROUNDS], unwatched[ROUNDS], first[ROUNDS], again[ROUNDS];
    struct mailq *q = NULL;
    uint64_t files = walk_queues(argv[1]);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct cost start = now();
        walk_queues(argv[1]);
        raw[i] = since(start);
        mailq_free(q);
        q = new_unwatched(argv[1]);
        unwatched[i] = refresh(q, 0);
        mailq_free(q);
        q = mailq_new(mta, argv[1]);
        first[i] = refresh(q, 0);
        again[i] = rescan(q);
    }
    printf("files %llu, collector knows %llu; memory %.1f octets a file\n",
           (unsigned long long)files, (unsigned long long)result.files,
           (double)result.memory / (double)result.files);
    struct cost base = median(raw, ROUNDS), scan = median(again, ROUNDS);
    print("raw getdents64", base, base);
    print("first refresh without inotify", median(unwatched, ROUNDS), base);
    print("first refresh", median(first, ROUNDS), base);
    print("full scan again", scan, base);
    if (mta != &mta_postfix) { /* the rest makes files of Postfix's names */
        mailq_free(q);
        return result.files * 2 == files ? 0 : 1;
    }

    int root = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct names n = {.room = (unsigned)(files / 20)};
    n.path = calloc(n.room + 1, sizeof *n.path);
    for (const struct mta_queue *m = mta->queues; m->name; m++)
        collect(&n, argv[1], m->name);
    answer(q);
    print("after 0.1 % churn", measure_cycles(q, root, &n, files, 0), scan);
    print("... while next attempts are learnt", measure_cycles(q, root, &n, files, 20), scan);
    for (uint64_t i = 0; i < files / 50; i++)
        refresh(q, 20);
    print("... when they are known", measure_cycles(q, root, &n, files, 20), scan);
    print("nothing changed", refresh(q, 20), scan);
    check(argv[1]);
    mailq_free(q);
    free(n.path);
    close(root);
    return 0;
}
