/*
 * See ldap_run.h. A run ends when the process was reaped and both pipes and the timer are closed;
 * `handles` counts those still open, and the last one to close reports.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "../agent/log.h"
#include "../agent/program.h"
#include "../agent/secret.h"
#include "ldap_run.h"

#define GRACE_MS 2000 /* beyond what the request allows */

struct run {
    struct run *next;
    ldap_run_done *done;
    void *arg;
    uv_process_t process;
    uv_pipe_t to, from;
    uv_timer_t timer;
    uv_write_t writing;
    unsigned handles; /* not closed yet */
    struct ldap_request request;
    struct collect *collect;
    char server[64]; /* empty: none of ours */
    size_t received;
    struct ldap_result result;
    char beyond; /* one octet more than there may be */
    bool exited, late;
    int64_t status;
    int signal;
};

static struct {
    struct run *first; /* that run */
    unsigned count;
    struct run *waiting; /* that will when others have ended */
    unsigned waiting_count;
    bool stopped;
} runs;

static const char *program(void)
{
    static char path[600];
    if (!path[0])
        program_beside("mailmond-directory", path, sizeof path);
    return path;
}

static void forget(struct run *r)
{
    struct run **at = &runs.first;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    runs.count--;
    free(r);
}

static const char *fault(const struct run *r, char *text, size_t size)
{
    if (r->late)
        return "mailmond-directory did not end in time and was killed";
    if (r->signal)
        snprintf(text, size, "mailmond-directory was killed by signal %d", r->signal);
    else if (r->status)
        snprintf(text, size, "mailmond-directory ended with code %lld", (long long)r->status);
    else
        return "mailmond-directory gave a result that makes no sense";
    return text;
}

static void begin(struct run *r);

/* May it begin? Not while there are too many, or one that asks the same server. */
static bool has_room(const struct run *wants)
{
    if (runs.count >= LDAP_RUNS_MAX)
        return false;
    for (const struct run *r = runs.first; r && wants->server[0]; r = r->next)
        if (strcmp(r->server, wants->server) == 0)
            return false;
    return true;
}

/* Those that may, in the order in which they came. */
static void begin_waiting(void)
{
    for (struct run **at = &runs.waiting; *at && !runs.stopped;) {
        struct run *r = *at;
        if (r->collect->stopping || !has_room(r)) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        runs.waiting_count--;
        begin(r);
    }
}

static void report(struct run *r)
{
    char text[64];
    bool good = r->exited && r->signal == 0 && r->status == 0 &&
                ldap_result_check(&r->result, r->received, r->request.job);
    r->collect->in_hand -= r->server[0] != 0;
    if (!runs.stopped)
        r->done(r->arg, good ? &r->result : NULL, good ? "" : fault(r, text, sizeof text));
    forget(r);
    begin_waiting();
}

static void on_close(uv_handle_t *handle)
{
    struct run *r = handle->data;
    if (--r->handles == 0)
        report(r);
}

static void close_handle(void *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, on_close);
}

static void on_exit_(uv_process_t *process, int64_t status, int number)
{
    struct run *r = process->data;
    r->exited = true; /* what it wrote may still be on its way; then comes the end of the pipe */
    r->status = status;
    r->signal = number;
    close_handle(process);
    close_handle(&r->timer);
    close_handle(&r->to);
}

static void on_late(uv_timer_t *timer)
{
    struct run *r = timer->data;
    r->late = true;
    uv_process_kill(&r->process, SIGKILL);
    close_handle(&r->from);
}

/* Room for the result and one octet, so that one too long is seen. */
static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buffer)
{
    struct run *r = handle->data;
    size_t room = sizeof r->result + 1;
    (void)hint;
    *buffer =
        uv_buf_init(r->received < sizeof r->result ? (char *)&r->result + r->received : &r->beyond,
                    (unsigned)(r->received < sizeof r->result ? sizeof r->result - r->received
                                                              : room - r->received));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    struct run *r = stream->data;
    (void)buffer;
    if (n > 0)
        r->received += (size_t)n;
    if (n < 0)
        close_handle(stream); /* its end, or too much */
}

static void on_written(uv_write_t *writing, int status)
{
    struct run *r = writing->data;
    (void)status; /* a process that does not read ends in a fault of its own */
    secret_wipe(r->request.password, sizeof r->request.password);
    close_handle(&r->to);
}

static int spawn(struct collect *c, struct run *r)
{
    static char name[] = "mailmond-directory", path[] = "PATH=/usr/bin:/bin", locale[] = "LC_ALL=C";
    static char *arguments[] = {name, NULL}, *environment[] = {path, locale, NULL};
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (uv_stream_t *)&r->to},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&r->from},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO}};
    uv_process_options_t options = {.exit_cb = on_exit_,
                                    .file = program(),
                                    .args = arguments,
                                    .env = environment,
                                    .cwd = "/",
                                    .stdio = stdio,
                                    .stdio_count = 3};
    uv_pipe_init(c->loop, &r->to, 0);
    uv_pipe_init(c->loop, &r->from, 0);
    uv_timer_init(c->loop, &r->timer);
    int code = uv_spawn(c->loop, &r->process, &options);
    r->process.data = r->to.data = r->from.data = r->timer.data = r->writing.data = r;
    r->handles = 4;
    return code;
}

/* Where the process cannot be started, that is reported like any other fault. */
static void begin(struct run *r)
{
    r->next = runs.first;
    runs.first = r;
    runs.count++;
    r->collect->in_hand += r->server[0] != 0; /* it adds to that server's counters */
    int code = spawn(r->collect, r);
    if (code != 0) {
        static int said;
        if (said != code)
            log_error("%s: %s", program(), uv_strerror(code));
        said = code;
        r->status = 127;
        close_handle(&r->process);
        close_handle(&r->to);
        close_handle(&r->from);
        close_handle(&r->timer);
        return;
    }
    uv_buf_t octets = uv_buf_init((char *)&r->request, sizeof r->request);
    uv_timer_start(&r->timer, on_late, r->request.timeout_ms + GRACE_MS, 0);
    uv_read_start((uv_stream_t *)&r->from, on_alloc, on_read);
    uv_write(&r->writing, (uv_stream_t *)&r->to, &octets, 1, on_written);
}

static void wait_for_room(struct run *r)
{
    struct run **end = &runs.waiting;
    while (*end)
        end = &(*end)->next;
    r->next = NULL;
    *end = r;
    runs.waiting_count++;
}

bool ldap_run(struct collect *c, const char *server, const struct ldap_request *q,
              ldap_run_done *done, void *arg)
{
    struct run *r = runs.waiting_count < LDAP_WAITING_MAX ? malloc(sizeof *r) : NULL;
    if (!r)
        return false;
    memset(r, 0, offsetof(struct run, result));
    r->exited = r->late = false;
    r->status = r->signal = 0;
    r->collect = c;
    r->done = done;
    r->arg = arg;
    r->request = *q;
    snprintf(r->server, sizeof r->server, "%s", server ? server : "");
    if (has_room(r))
        begin(r);
    else
        wait_for_room(r);
    return true;
}

void ldap_run_stop(void)
{
    runs.stopped = true;
    for (struct run *r = runs.first; r; r = r->next)
        if (!r->exited)
            uv_process_kill(&r->process, SIGKILL);
    for (struct run *r = runs.waiting, *next; r; r = next) {
        next = r->next;
        secret_wipe(&r->request, sizeof r->request);
        free(r);
    }
    runs.waiting = NULL;
}
