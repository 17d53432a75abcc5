/*
 * A FIFO as a log: what was read is nowhere else, so the beginning of a line whose end has not come is
 * part of the position, and lines that were read after the last checkpoint are lost with a process that
 * is killed. A reload loses none: the supervisor holds the FIFO open (supervise.c), and what is in it
 * stays. Read at each tick; the pipe is made large enough for what comes in a second.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "input.h"

#define LINE_ROOM (64 * 1024) /* a longer line is cut */
#define PIPE_SIZE (1 << 20)

struct fifo_position {
    uint64_t offset; /* octets of lines handed on since the beginning */
    uint32_t fill;   /* octets behind them that are no line yet */
    uint32_t skip;   /* the rest of a line that was cut is to be left out */
    char text[LINE_ROOM];
};

struct fifo {
    struct collect *collect;
    char *path;
    int fd;
    uint64_t inode,
        started; /* started: so that no line of another process is taken for one of ours */
    uint64_t bytes;
    enum source_status status;
    char error[128];
    struct fifo_position at;
};

static void fail(struct fifo *f, enum source_status status, const char *text)
{
    f->status = status;
    snprintf(f->error, sizeof f->error, "%.60s%s%s", status == SOURCE_OK ? "" : f->path,
             status == SOURCE_OK ? "" : ": ", text);
}

static void close_fifo(struct fifo *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

static void *fifo_open(struct collect *c, const char *target, struct slice at,
                       void (*wake)(struct collect *c))
{
    const size_t head = offsetof(struct fifo_position, text);
    struct fifo *f = calloc(1, sizeof *f);
    (void)wake;
    if (!f)
        return NULL;
    if (at.n >= head && at.n <= sizeof f->at)
        memcpy(&f->at, at.p, at.n);
    f->fd = -1;
    f->collect = c;
    f->path = strdup(target);
    f->started = (uint64_t)collect_real_ms(c) | 1;
    if (!f->path || (at.n && (at.n < head || at.n != head + f->at.fill))) {
        free(f->path);
        free(f);
        return NULL;
    }
    return f;
}

/* Opens it, if it is not open or another one has its name now; the old one was read to its end. */
static void look(struct fifo *f)
{
    struct stat st;
    if (f->fd >= 0 && stat(f->path, &st) == 0 && st.st_ino == f->inode)
        return;
    close_fifo(f);
    f->fd = open(f->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (f->fd < 0 || fstat(f->fd, &st) != 0) {
        bool denied = errno == EACCES || errno == EPERM;
        fail(f, denied ? SOURCE_DENIED : SOURCE_MISSING,
             denied ? "permission denied: let the account read it" : strerror(errno));
        close_fifo(f);
    } else if (!S_ISFIFO(st.st_mode)) {
        fail(f, SOURCE_MISSING, "it is not a FIFO: make one (mkfifo)");
        close_fifo(f);
    } else {
        f->inode = st.st_ino;
        fcntl(f->fd, F_SETPIPE_SZ, PIPE_SIZE); /* as far as is allowed */
        fail(f, SOURCE_OK, "");
    }
}

static void hand_on(struct fifo *f, size_t n, input_lines *lines, void *arg)
{
    struct fifo_position *at = &f->at;
    size_t skipped = 0;
    if (at->skip)
        skipped = slice_find((struct slice){at->text, n}, '\n') + 1;
    if (skipped < n)
        lines(arg, (struct slice){at->text + skipped, n - skipped}, collect_real_ms(f->collect));
    at->skip = 0;
    at->offset += n;
    at->fill -= (uint32_t)n;
    memmove(at->text, at->text + n, at->fill);
}

/* Hands on the whole lines in the buffer; one that fills it is cut. */
static void take(struct fifo *f, input_lines *lines, void *arg)
{
    struct fifo_position *at = &f->at;
    const char *end = at->fill ? memrchr(at->text, '\n', at->fill) : NULL;
    if (end) {
        hand_on(f, (size_t)(end - at->text) + 1, lines, arg);
    } else if (at->fill == LINE_ROOM) {
        at->text[LINE_ROOM - 1] = '\n';
        hand_on(f, LINE_ROOM, lines, arg);
        at->skip = 1;
    }
}

static enum follow_result fifo_read(void *input, size_t budget, input_lines *lines, void *arg)
{
    struct fifo *f = input;
    size_t left = budget;
    ssize_t n = 0;
    if (f->fd < 0)
        look(f);
    while (f->fd >= 0 && left) {
        size_t room = LINE_ROOM - f->at.fill;
        n = read(f->fd, f->at.text + f->at.fill, room < left ? room : left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) /* empty, or nobody has it open for writing now */
            break;
        f->at.fill += (uint32_t)n;
        f->bytes += (uint64_t)n;
        left -= (size_t)n;
        take(f, lines, arg);
    }
    if (left == 0)
        return FOLLOW_MORE;
    look(f);
    return f->fd >= 0 ? FOLLOW_IDLE : FOLLOW_ERROR;
}

static struct slice fifo_position(const void *input)
{
    const struct fifo *f = input;
    return (struct slice){(const char *)&f->at, offsetof(struct fifo_position, text) + f->at.fill};
}

static struct input_place fifo_place(const void *input)
{
    const struct fifo *f = input;
    return (struct input_place){f->started, f->at.offset, NULL};
}

static void fifo_status(const void *input, struct follow_status *status)
{
    const struct fifo *f = input;
    *status =
        (struct follow_status){.status = f->status ? f->status : SOURCE_OK, .bytes = f->bytes};
    memcpy(status->error, f->error, sizeof status->error);
}

static void fifo_close(void *input)
{
    struct fifo *f = input;
    close_fifo(f);
    free(f->path);
    free(f);
}

const struct input_kind input_fifo = {"fifo:",    SOURCE_LOG,  fifo_open,  fifo_read, fifo_position,
                                      fifo_place, fifo_status, fifo_close, NULL};
