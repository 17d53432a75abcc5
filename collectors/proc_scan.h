/*
 * Which of the processes that are asked for run: passes over /proc. A pass reads the stat of each
 * process that is wanted, new, or has not been looked at for a while; of the others it reads but the
 * name of their directory, and not even that while all pid files name none. For a worker: it does no
 * more than fill its struct.
 */
#ifndef PROC_SCAN_H
#define PROC_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROC_PROCESSES_MAX 65536 /* more are left out */

/* What is asked for: all that is said must be so. */
struct proc_want {
    const char *names;     /* of the process, with blanks between them; NULL: any */
    const char *arguments; /* a part of its command line, in which blanks stand between them */
    uint32_t uid;          /* its effective user */
    bool has_uid;
    const char *pid_file;
    bool child; /* not the process of pid_file, but a child of it */
};

struct proc_seen {
    unsigned want; /* number of the want; a process that several ask for is seen for each */
    uint32_t pid;
    uint64_t cpu_ticks, start_ticks, rss_pages; /* as struct proc_stat has them */
};

struct proc_scan {
    const char *root; /* "/proc" */
    const struct proc_want *wants;
    unsigned want_count;
    /* the last pass */
    struct proc_seen *seen; /* in the order of proc_seen_compare */
    unsigned seen_count, seen_room;
    unsigned processes; /* in all; 0: no look at the list was needed */
    unsigned read;      /* whose stat was read */
    bool truncated;
    bool hidden; /* other users' processes are not shown (proc(5), hidepid) */
    int error;   /* an errno; nothing else is valid then */
    /* from pass to pass */
    struct proc_known *known;
    unsigned known_count;
    unsigned round;
    uint32_t *wanted_pids; /* of the pid files, 0: none */
};

/* Order of two struct proc_seen, for qsort and bsearch: by process, then by want. */
int proc_seen_compare(const void *a, const void *b);
/* false: memory is short. `root` and `wants` stay the caller's. */
bool proc_scan_init(struct proc_scan *s, const char *root, const struct proc_want *wants,
                    unsigned want_count);
void proc_scan_free(struct proc_scan *s);
void proc_scan_run(struct proc_scan *s);

/*
 * A whole small file of /proc, ended by a NUL and cut at size - 1. Its length, or -1 with errno. Never
 * waits for a pipe that was put in its place.
 */
ssize_t proc_read(const char *path, char *text, size_t size);
/*
 * The number in a pid file, whose first word it is; 0: there is no such file, or no number in it; -1: it cannot
 * be read (errno).
 */
int64_t proc_pid_file(const char *path);
/*
 * Is there a process of this number with one of these names (with blanks between them; the kernel keeps 15
 * octets of each) that has not ended? Then *started_ms, an instant of CLOCK_MONOTONIC.
 */
bool proc_alive(int64_t pid, const char *names, int64_t *started_ms);
/* An instant of CLOCK_MONOTONIC, ms, of a start in ticks since boot. */
int64_t proc_start_ms(uint64_t start_ticks);

#endif
