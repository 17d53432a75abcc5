/*
 * A program run beside the loop. It ends when it is reaped and its output is at its end, and is freed when
 * its three handles are closed. Invariant: `done` is called at most once, and with everything closed.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "child.h"

#define VARIABLES_MAX 16

struct child {
    uv_process_t process;
    uv_pipe_t output, errors;
    uv_timer_t timer;
    child_done *done; /* NULL: forgotten */
    void *arg;
    char *text;
    size_t size, used, room;
    bool exited, ended, late, full;
    char said[200]; /* the beginning of what it wrote to its standard error */
    size_t said_length;
    int64_t status;
    int signal;
    unsigned open; /* handles */
};

/* Its first line there, as far as it can be shown; without an own end to it. */
static struct slice first_line(struct child *c)
{
    struct slice line = {c->said, c->said_length};
    while (line.n && (unsigned char)*line.p <= ' ')
        line = slice_skip(line, 1);
    line = slice_head(line, slice_find(line, '\n'));
    for (size_t i = 0; i < line.n; i++)
        if ((unsigned char)line.p[i] < ' ' || line.p[i] == 127)
            c->said[line.p - c->said + (ptrdiff_t)i] = ' ';
    return line;
}

static void report(struct child *c)
{
    char error[400] = "";
    struct slice line = first_line(c);
    if (c->late)
        snprintf(error, sizeof error, "it took too long and was killed");
    else if (c->full)
        snprintf(error, sizeof error, "it printed more than %zu octets", c->size);
    else if (c->signal)
        snprintf(error, sizeof error, "it was killed by signal %d", c->signal);
    else if (c->status != 0)
        snprintf(error, sizeof error, CHILD_FAILED "%d%s%.*s", (int)c->status, line.n ? ": " : "",
                 (int)line.n, line.p);
    c->done(c->arg, error, (struct slice){c->text, c->used});
}

static void on_closed(uv_handle_t *handle)
{
    struct child *c = handle->data;
    if (--c->open)
        return;
    if (c->done)
        report(c);
    free(c->text);
    free(c);
}

/* What is on its standard error and was not handed on yet. */
static void read_rest(struct child *c)
{
    uv_os_fd_t fd;
    ssize_t n = 0;
    while (c->said_length < sizeof c->said && uv_fileno((uv_handle_t *)&c->errors, &fd) == 0 &&
           (n = read(fd, c->said + c->said_length, sizeof c->said - c->said_length)) > 0)
        c->said_length += (size_t)n;
}

static void close_all(struct child *c)
{
    uv_handle_t *handles[] = {(uv_handle_t *)&c->process, (uv_handle_t *)&c->output,
                              (uv_handle_t *)&c->errors, (uv_handle_t *)&c->timer};
    read_rest(c);
    for (unsigned i = 0; i < sizeof handles / sizeof handles[0]; i++)
        if (!uv_is_closing(handles[i]))
            uv_close(handles[i], on_closed);
}

/* The child and what it started: it leads a group of its own. */
static void kill_all(const struct child *c)
{
    kill(-uv_process_get_pid(&c->process), SIGKILL);
}

static void on_exit_(uv_process_t *process, int64_t status, int signal_)
{
    struct child *c = process->data;
    c->exited = true;
    c->status = status;
    c->signal = signal_;
    if (c->ended || c->late || c->full)
        close_all(c);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct child *c = handle->data;
    (void)suggested;
    if (c->used == c->room && c->room < c->size) {
        size_t room = c->room ? c->room * 2 : 16384;
        room = room < c->size ? room : c->size;
        char *text = realloc(c->text, room);
        if (text) {
            c->text = text;
            c->room = room;
        }
    }
    *buffer = uv_buf_init(c->text + c->used, (unsigned)(c->room - c->used));
}

static void on_output(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    struct child *c = stream->data;
    (void)buffer;
    if (n > 0) {
        c->used += (size_t)n;
        return;
    }
    if (n == 0)
        return;
    c->full = n == UV_ENOBUFS;
    c->ended = true;
    uv_read_stop(stream);
    if (c->full && !c->exited)
        kill_all(c);
    if (c->exited)
        close_all(c);
}

/* Room for the beginning; what comes later is read over it and forgotten, so that it need not wait. */
static void on_errors_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    static char rest[4096];
    struct child *c = handle->data;
    (void)suggested;
    *buffer =
        c->said_length < sizeof c->said
            ? uv_buf_init(c->said + c->said_length, (unsigned)(sizeof c->said - c->said_length))
            : uv_buf_init(rest, sizeof rest);
}

static void on_errors(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    struct child *c = stream->data;
    if (n > 0 && buffer->base == c->said + c->said_length)
        c->said_length += (size_t)n;
    else if (n < 0)
        uv_read_stop(stream);
}

static void on_late(uv_timer_t *timer)
{
    struct child *c = timer->data;
    c->late = true;
    kill_all(c); /* also what it left, which holds its output */
    if (c->exited)
        close_all(c);
}

struct child *child_start(uv_loop_t *loop, const char *const argv[], size_t size,
                          uint32_t timeout_s, child_done *done, void *arg)
{
    static const char *const none[] = {NULL};
    return child_start_with(loop, argv, none, size, timeout_s, done, arg);
}

struct child *child_start_with(uv_loop_t *loop, const char *const argv[],
                               const char *const variables[], size_t size, uint32_t timeout_s,
                               child_done *done, void *arg)
{
    static const char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/cyrus/bin",
                      locale[] = "LC_ALL=C";
    const char *environment[VARIABLES_MAX + 4] = {path, locale};
    unsigned count = 2;
    for (unsigned i = 0; i < VARIABLES_MAX && variables[i]; i++)
        environment[count++] = variables[i];
    char zone[256]; /* times in its output are read as this program's own */
    int n = getenv("TZ") ? snprintf(zone, sizeof zone, "TZ=%s", getenv("TZ")) : -1;
    if (n > 0 && (size_t)n < sizeof zone)
        environment[count++] = zone;
    struct child *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    *c = (struct child){.done = done, .arg = arg, .size = size, .open = 4};
    c->process.data = c->output.data = c->errors.data = c->timer.data = c;
    uv_pipe_init(loop, &c->output, 0);
    uv_pipe_init(loop, &c->errors, 0);
    uv_timer_init(loop, &c->timer);
    uv_stdio_container_t stdio[] = {
        {.flags = UV_IGNORE},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&c->output},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&c->errors}};
    uv_process_options_t o = {.exit_cb = on_exit_,
                              .file = argv[0],
                              .args = (char **)(uintptr_t)argv,
                              .env = (char **)(uintptr_t)environment,
                              .flags = UV_PROCESS_DETACHED,
                              .stdio = stdio,
                              .stdio_count = 3};
    int error = uv_spawn(loop, &c->process, &o);
    if (error) {
        c->done = NULL;
        close_all(c);
        errno = -error;
        return NULL;
    }
    uv_timer_start(&c->timer, on_late, (uint64_t)timeout_s * 1000, 0);
    uv_read_start((uv_stream_t *)&c->output, on_room, on_output);
    uv_read_start((uv_stream_t *)&c->errors, on_errors_room, on_errors);
    return c;
}

void child_forget(struct child *c)
{
    c->done = NULL;
    if (!c->exited)
        kill_all(c);
    close_all(c);
}
