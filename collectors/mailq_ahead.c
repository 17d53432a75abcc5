/*
 * Two semaphores hand a ring of pieces to and fro. Invariant: a piece belongs to the thread from its `room`
 * to its `full`, else to the caller. The thread ends with the piece that says the end.
 */
#include "mailq_ahead.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

long mailq_ahead_read(int fd, char *entries, size_t room)
{
    long n = syscall(SYS_getdents64, fd, entries, room);
    return n < 0 ? -errno : n;
}

static void read_all(void *arg)
{
    struct mailq_ahead *a = arg;
    long n = 1;
    for (unsigned i = 0; n > 0; i++) {
        uv_sem_wait(&a->room);
        n = mailq_ahead_read(a->fd, a->pieces[i % MAILQ_AHEAD_PIECES].entries, MAILQ_AHEAD_PIECE);
        a->pieces[i % MAILQ_AHEAD_PIECES].size = n;
        uv_sem_post(&a->full);
    }
}

static void destroy(struct mailq_ahead *a)
{
    uv_sem_destroy(&a->full);
    uv_sem_destroy(&a->room);
}

bool mailq_ahead_start(struct mailq_ahead *a, int fd)
{
    if (uv_sem_init(&a->room, MAILQ_AHEAD_PIECES) != 0)
        return false;
    if (uv_sem_init(&a->full, 0) != 0) {
        uv_sem_destroy(&a->room);
        return false;
    }
    a->fd = fd;
    a->next = 0;
    if (uv_thread_create(&a->thread, read_all, a) == 0)
        return true;
    destroy(a);
    return false;
}

long mailq_ahead_next(struct mailq_ahead *a, const char **entries)
{
    if (a->next > 0)
        uv_sem_post(&a->room);
    uv_sem_wait(&a->full);
    unsigned i = a->next++ % MAILQ_AHEAD_PIECES;
    long n = a->pieces[i].size;
    *entries = a->pieces[i].entries;
    if (n <= 0) {
        uv_thread_join(&a->thread);
        destroy(a);
    }
    return n;
}
