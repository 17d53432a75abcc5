/*
 * Asking file systems for space, here or in a child, and what the answer means.
 *
 * The child of a process with threads may call only what is async-signal-safe: it asks, writes one
 * struct into a pipe and ends. It keeps no descriptor of its parent, so that nobody else waits for it.
 */
#include "disk_space.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define MINUTES_MOST 100

struct answer {
    int error;
    struct disk_space space;
};

unsigned disk_percent(uint64_t available, uint64_t total)
{
    if (total == 0)
        return 0;
    if (available > total)
        available = total;
    return (unsigned)((unsigned __int128)available * 100 / total);
}

/* Percent in use times `total`, to be compared without rounding. */
static unsigned __int128 in_use(const struct disk_space *d)
{
    uint64_t available = d->available_kb < d->total_kb ? d->available_kb : d->total_kb;
    return (unsigned __int128)(d->total_kb - available) * 100;
}

bool disk_locked(const struct disk_space *d, unsigned threshold_percent, bool was)
{
    unsigned __int128 threshold = (unsigned __int128)d->total_kb * threshold_percent;
    return in_use(d) > threshold || (in_use(d) == threshold && was && d->total_kb);
}

uint32_t disk_check_s(const struct disk_space *d, unsigned threshold_percent)
{
    unsigned __int128 threshold = (unsigned __int128)d->total_kb * threshold_percent;
    if (d->total_kb == 0 || in_use(d) >= threshold)
        return 60;
    uint32_t minutes = (uint32_t)((threshold - in_use(d)) * MINUTES_MOST / threshold);
    return (minutes ? minutes : 1) * 60;
}

static uint64_t kilobytes(uint64_t blocks, uint64_t size)
{
    unsigned __int128 kb = (unsigned __int128)blocks * size / 1024;
    return kb < UINT64_MAX / 2 ? (uint64_t)kb : UINT64_MAX / 2;
}

int disk_ask(const char *path, struct disk_space *d)
{
    struct statfs fs;
    if (statfs(path, &fs) != 0)
        return errno;
    uint64_t size = (uint64_t)(fs.f_frsize > 0 ? fs.f_frsize : fs.f_bsize);
    d->total_kb = kilobytes(fs.f_blocks, size);
    d->available_kb = kilobytes(fs.f_bavail, size);
    if (d->available_kb > d->total_kb) /* less than nothing: what is reserved is in use too */
        d->available_kb = 0;
    d->inodes = fs.f_files;
    d->inodes_available = fs.f_ffree < fs.f_files ? fs.f_ffree : fs.f_files;
    return 0;
}

static _Noreturn void ask_and_end(int to, const char *path)
{
    struct answer a = {0};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(to, 0) != 0)
        _exit(1);
    close_range(1, ~0u, 0);
    a.error = disk_ask(path, &a.space);
    _exit(write(0, &a, sizeof a) == sizeof a ? 0 : 1);
}

bool disk_child_start(struct disk_child *c, const char *path)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0)
        return false;
    c->pid = fork();
    if (c->pid == 0)
        ask_and_end(fds[1], path);
    int error = errno;
    close(fds[1]);
    c->fd = c->pid > 0 ? fds[0] : -1;
    if (c->pid < 0) {
        close(fds[0]);
        c->pid = 0;
    }
    errno = error;
    return c->pid > 0;
}

static void expect_nothing(struct disk_child *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

int disk_child_answer(struct disk_child *c, struct disk_space *d)
{
    struct answer a;
    ssize_t n = read(c->fd, &a, sizeof a);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return -1;
    expect_nothing(c);
    if (n != sizeof a)
        return EIO; /* it died */
    if (a.error == 0)
        *d = a.space;
    return a.error;
}

void disk_child_kill(struct disk_child *c)
{
    expect_nothing(c);
    if (c->pid > 0)
        kill(c->pid, SIGKILL);
}

bool disk_child_ended(struct disk_child *c)
{
    if (c->pid > 0 && waitpid(c->pid, NULL, WNOHANG) != 0)
        c->pid = 0;
    return c->pid == 0;
}
