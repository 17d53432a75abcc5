/*
 * Reads a large directory in a thread of its own, some pieces ahead of who takes them: nearly all of a scan's
 * time is the kernel's, and what is made of the names then takes no time beside it. The thread knows only
 * the descriptor and its pieces, and lives for one directory.
 */
#ifndef MAILQ_AHEAD_H
#define MAILQ_AHEAD_H

#include <stdbool.h>
#include <uv.h>

#define MAILQ_AHEAD_PIECES 4
#define MAILQ_AHEAD_PIECE  131072

struct mailq_ahead {
    uv_thread_t thread;
    uv_sem_t room, full; /* pieces that may be written, and taken */
    int fd;
    unsigned next; /* piece to be taken; the one before it is in use */
    struct {
        long size;
        char entries[MAILQ_AHEAD_PIECE] __attribute__((aligned(8)));
    } pieces[MAILQ_AHEAD_PIECES];
};

/* What getdents64 gives: octets, 0 at the end, else negative: errno. */
long mailq_ahead_read(int fd, char *entries, size_t room);
/*
 * Begins to read a directory from where its descriptor is; mailq_ahead_next must then be called until it says
 * the end, and the descriptor kept until then. false, and nothing was begun: no thread is to be had.
 */
bool mailq_ahead_start(struct mailq_ahead *a, int fd);
/* The next piece, as mailq_ahead_read; *entries holds until the next call. */
long mailq_ahead_next(struct mailq_ahead *a, const char **entries);

#endif
