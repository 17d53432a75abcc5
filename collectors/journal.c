/*
 * The journal of systemd as a log: lines that mailmond-journal hands over in frames (journal_frame.h). The
 * position is the cursor behind the last frame handed on, so a frame whose lines were not stored is read
 * again, wherever a crash happens. The pipe is emptied at each tick, and while there is old matter
 * whenever something is in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "../agent/log.h"
#include "../agent/program.h"
#include "input.h"
#include "journal_frame.h"

#define AGAIN_MS     10000   /* after it ended it is started again no sooner */
#define GAP_SHOWN_MS 3600000 /* the row says truncated for so long */

struct journal_position {
    char cursor[JOURNAL_CURSOR];
    uint64_t offset; /* octets of lines handed on since the beginning: names a line */
};

struct journal {
    struct collect *collect;
    void (*wake)(struct collect *c);
    char directory[256];
    struct journal_position at;
    uv_process_t *process; /* NULL: none runs */
    uv_poll_t *poll;
    int fd;
    bool polled;
    int64_t again_ms, gap_ms; /* monotonic; gap 0: none */
    enum source_status status;
    char error[128];
    uint64_t bytes, gaps;
    size_t fill; /* octets of `frame` and `body`, which follow each other in the pipe */
    struct journal_frame frame;
    char body[JOURNAL_BODY];
};

/* ---- the program ---- */

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

static void close_pipe(struct journal *j)
{
    if (j->poll)
        uv_close((uv_handle_t *)j->poll, free_handle);
    if (j->fd >= 0)
        close(j->fd);
    j->poll = NULL;
    j->fd = -1;
    j->fill = 0;
    j->polled = false;
}

static void on_exit_(uv_process_t *process, int64_t status, int number)
{
    struct journal *j = process->data;
    if (j) { /* the pipe is read to its end all the same */
        j->process = NULL;
        if (status || number)
            log_warning("mailmond-journal ended: %s %d; it is started again",
                        number ? "signal" : "status", number ? number : (int)status);
    }
    uv_close((uv_handle_t *)process, free_handle);
}

/*
 * Lets the process that is started next read what this one may (CAP_DAC_READ_SEARCH), or takes that
 * back. Without the capability it changes nothing.
 */
static void pass_capability(bool on)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    const unsigned bit = 1u << CAP_DAC_READ_SEARCH;
    if (syscall(SYS_capget, &head, data) != 0 || !(data[0].permitted & bit))
        return;
    if (on)
        data[0].inheritable |= bit;
    else
        data[0].inheritable &= ~bit; /* and with it what is ambient */
    syscall(SYS_capset, &head, data);
    if (on)
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH, 0, 0);
}

static int spawn(struct journal *j, int to)
{
    char path[600];
    if (!program_beside("mailmond-journal", path, sizeof path))
        return UV_ENOENT;
    char *arguments[] = {path, j->directory, j->at.cursor, NULL};
    static char locale[] = "LC_ALL=C";
    char *environment[] = {locale, NULL};
    uv_stdio_container_t io[] = {{.flags = UV_IGNORE},
                                 {.flags = UV_INHERIT_FD, .data.fd = to},
                                 {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO}};
    uv_process_options_t o = {.exit_cb = on_exit_,
                              .file = path,
                              .args = arguments,
                              .env = environment,
                              .cwd = "/",
                              .stdio_count = 3,
                              .stdio = io};
    j->process->data = j;
    pass_capability(true);
    int error = uv_spawn(j->collect->loop, j->process, &o);
    pass_capability(false);
    return error;
}

static void fail(struct journal *j, enum source_status status, const char *text)
{
    j->status = status;
    snprintf(j->error, sizeof j->error, "%s", text);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct journal *j = poll->data;
    (void)status, (void)events;
    uv_poll_stop(poll);
    j->polled = false;
    j->wake(j->collect);
}

static void start(struct journal *j)
{
    int ends[2], error = UV_ENOMEM;
    j->again_ms = j->collect->monotonic_ms + AGAIN_MS;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return;
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    j->process = calloc(1, sizeof *j->process);
    j->poll = calloc(1, sizeof *j->poll);
    if (j->process)
        error = spawn(j, ends[1]);
    close(ends[1]);
    j->fd = ends[0];
    if (error && j->process) { /* the handle is in the loop's list all the same */
        uv_close((uv_handle_t *)j->process, free_handle);
        j->process = NULL;
    }
    if (error == UV_ENOENT)
        fail(j, SOURCE_MISSING, "mailmond-journal is missing: this mailmond was built without it");
    else if (error)
        fail(j, SOURCE_MISSING, uv_strerror(error));
    if (error || !j->poll || uv_poll_init(j->collect->loop, j->poll, j->fd) != 0) {
        free(j->poll);
        j->poll = NULL;
        close_pipe(j);
        return;
    }
    j->poll->data = j;
}

/* ---- frames ---- */

static bool frame_whole(const struct journal *j)
{
    return j->fill >= sizeof j->frame && j->fill == sizeof j->frame + j->frame.size;
}

/* Reads no more than the rest of this frame. false: there is not more now, or the end. */
static bool receive(struct journal *j)
{
    while (!frame_whole(j)) {
        bool head = j->fill < sizeof j->frame;
        size_t had = head ? j->fill : j->fill - sizeof j->frame;
        char *to = head ? (char *)&j->frame + had : j->body + had;
        ssize_t n = read(j->fd, to, (head ? sizeof j->frame : j->frame.size) - had);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return false;
        if (n > 0)
            j->fill += (size_t)n;
        bool bad = j->fill == sizeof j->frame && !journal_frame_good(&j->frame);
        if (bad)
            log_error("mailmond-journal gave what makes no sense");
        if (bad && j->process)
            uv_process_kill(j->process, SIGKILL);
        if (bad || n <= 0) {
            if (j->status == SOURCE_OK || j->status == SOURCE_CATCHING_UP)
                fail(j, SOURCE_STALE, "mailmond-journal ended; it is started again");
            close_pipe(j);
            return false;
        }
    }
    return true;
}

static void take_frame(struct journal *j, input_lines *lines, void *arg)
{
    const struct journal_frame *f = &j->frame;
    int64_t now = j->collect->monotonic_ms;
    if (f->gap) {
        j->gaps++;
        j->gap_ms = now ? now : 1;
    }
    fail(j, f->status, f->error);
    if (f->size)
        lines(arg, (struct slice){j->body, f->size}, f->time_ms);
    j->at.offset += f->size;
    j->bytes += f->size;
    if (f->cursor[0])
        memcpy(j->at.cursor, f->cursor, sizeof j->at.cursor);
    j->fill = 0;
}

/* ---- the interface ---- */

static void *journal_open(struct collect *c, const char *target, struct slice at,
                          void (*wake)(struct collect *c))
{
    struct journal *j = calloc(1, sizeof *j);
    if (!j || (at.n != 0 && at.n != sizeof j->at)) {
        free(j);
        return NULL;
    }
    if (at.n)
        memcpy(&j->at, at.p, sizeof j->at);
    j->at.cursor[sizeof j->at.cursor - 1] = '\0';
    j->collect = c;
    j->wake = wake;
    j->fd = -1;
    j->status = SOURCE_CATCHING_UP;
    snprintf(j->directory, sizeof j->directory, "%s", *target == ':' ? target + 1 : target);
    return j;
}

static enum follow_result journal_read(void *input, size_t budget, input_lines *lines, void *arg)
{
    struct journal *j = input;
    uint64_t until = j->bytes + budget;
    if (j->fd < 0 && !j->process && j->collect->monotonic_ms >= j->again_ms)
        start(j);
    while (j->fd >= 0 && receive(j)) {
        take_frame(j, lines, arg);
        if (j->bytes >= until)
            return FOLLOW_MORE;
    }
    if (j->fd >= 0 && !j->polled && j->status == SOURCE_CATCHING_UP)
        j->polled = uv_poll_start(j->poll, UV_READABLE, on_ready) == 0;
    return j->status == SOURCE_OK || j->status == SOURCE_CATCHING_UP ? FOLLOW_IDLE : FOLLOW_ERROR;
}

static struct slice journal_position(const void *input)
{
    const struct journal *j = input;
    return (struct slice){(const char *)&j->at, sizeof j->at};
}

static struct input_place journal_place(const void *input)
{
    const struct journal *j = input;
    return (struct input_place){slice_hash(slice_of(j->directory), 0) | 1, j->at.offset, NULL};
}

static void journal_status(const void *input, struct follow_status *status)
{
    const struct journal *j = input;
    bool gap = j->gap_ms && j->collect->monotonic_ms - j->gap_ms < GAP_SHOWN_MS;
    *status = (struct follow_status){.status = j->status, .bytes = j->bytes};
    const char *words = j->error;
    if (gap && j->status == SOURCE_OK) {
        status->status = SOURCE_TRUNCATED;
        words = "what was read last is not in the journal any more, records may be missing";
    }
    snprintf(status->error, sizeof status->error, "%s", words);
}

static void journal_close(void *input)
{
    struct journal *j = input;
    if (j->process) {
        j->process->data = NULL;
        uv_process_kill(j->process, SIGKILL);
    }
    close_pipe(j);
    free(j);
}

const struct input_kind input_journal = {"journal",      SOURCE_JOURNAL,   journal_open,
                                         journal_read,   journal_position, journal_place,
                                         journal_status, journal_close,    NULL};
