/*
 * Metrics by HTTP/1.0 from this host, or from a file. It runs in a worker, with a deadline for the whole of it
 * and a bound on what is read; nothing but loopback is ever connected to (the configuration has been
 * checked, and metrics_url says so again). Invariant: one fetch at a time for each instance.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "../agent/clock.h"
#include "../agent/metrics_url.h"
#include "access_fetch.h"
#include "access_metrics.h"
#include "field.h"

#define TEXT_MAX    (1 << 20)
#define DEADLINE_MS 5000

struct access_fetch {
    struct collect *collect;
    const struct config_access *config;
    const struct access_server *server;
    struct access_log *log;
    struct source *row;
    uv_work_t work;
    bool busy;
    int error; /* errno */
    const char *fault;
    int64_t next_ms, asked_ms, deadline_ms;
    size_t used;
    char text[TEXT_MAX];
};

/* Waits until the socket can be used; false: the deadline has passed. */
static bool ready(struct access_fetch *f, int fd, short events)
{
    struct pollfd p = {fd, events, 0};
    int64_t left = f->deadline_ms - clock_ms(CLOCK_MONOTONIC);
    errno = ETIMEDOUT;
    return left > 0 && poll(&p, 1, (int)left) == 1;
}

static bool ask(struct access_fetch *f, int fd, const struct metrics_url *u)
{
    char request[512];
    int error,
        n = snprintf(request, sizeof request,
                     "GET %s HTTP/1.0\r\nHost: localhost\r\nAccept: text/plain\r\n\r\n", u->path);
    socklen_t length = sizeof error;
    const struct sockaddr *to = (const struct sockaddr *)&u->address;
    if (connect(fd, to, u->length) != 0 &&
        (errno != EINPROGRESS || !ready(f, fd, POLLOUT) ||
         getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0 || (errno = error) != 0))
        return false;
    return send(fd, request, (size_t)n, MSG_NOSIGNAL) == n;
}

/* All that comes until the other side closes. */
static bool read_all(struct access_fetch *f, int fd, bool waits)
{
    while (f->used < TEXT_MAX) {
        if (waits && !ready(f, fd, POLLIN))
            return false;
        ssize_t n = read(fd, f->text + f->used, TEXT_MAX - f->used);
        if (n <= 0)
            return n == 0;
        f->used += (size_t)n;
    }
    f->fault = "it is longer than 1 MiB";
    return false;
}

static void fetch(uv_work_t *work)
{
    struct access_fetch *f = work->data;
    struct metrics_url u;
    bool http = metrics_url(f->config->metrics, &u);
    f->used = 0;
    f->fault = NULL;
    f->deadline_ms = clock_ms(CLOCK_MONOTONIC) + DEADLINE_MS;
    int fd = http ? socket(u.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
                  : open(f->config->metrics, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    bool good = fd >= 0 && (!http || ask(f, fd, &u)) && read_all(f, fd, http);
    f->error = good ? 0 : errno;
    if (fd >= 0)
        close(fd);
}

/* Is the body as long as the head says? A part of it would look like counters that were reset. */
static bool whole(struct slice head, size_t length)
{
    static const char name[] = "Content-Length:";
    for (struct slice line; head.n;) {
        line = slice_line(&head);
        uint64_t told;
        if (line.n < sizeof name || strncasecmp(line.p, name, sizeof name - 1) != 0)
            continue;
        line = slice_trim(slice_skip(line, sizeof name - 1));
        return slice_number(&line, &told) && told == length;
    }
    return true;
}

/* The body of an answer that says 200; false: it says something else. */
static bool take_body(struct access_fetch *f, struct slice *text)
{
    struct slice s = {f->text, f->used};
    if (*f->config->metrics != '/') {
        size_t head = slice_search(s, SLICE("\r\n\r\n"));
        if (!STARTS(s, "HTTP/1.") || slice_find(s, ' ') != 8 ||
            !slice_starts(slice_skip(s, 8), SLICE(" 200")) || head == s.n)
            return false;
        *text = slice_skip(s, head + 4);
        return whole(slice_head(s, head), text->n);
    }
    *text = s;
    return true;
}

static void done(uv_work_t *work, int status)
{
    struct access_fetch *f = work->data;
    struct collect *c = f->collect;
    struct slice text;
    struct access_metrics m;
    char why[320] = "";
    f->busy = false;
    if (status == UV_ECANCELED || c->stopping)
        return;
    bool there = !f->fault && !f->error;
    bool good = there && take_body(f, &text);
    if (good) {
        f->server->metrics(text, &m);
        access_tally_metrics(f->log, &m);
        f->row->items = m.samples;
        good = m.samples > 0;
    }
    if (!good)
        snprintf(why, sizeof why, "%.200s: %s", f->config->metrics,
                 f->fault ? f->fault
                 : there  ? "it is no whole answer of status 200 with metrics"
                          : strerror(f->error));
    f->row->duration_ms = (uint64_t)(c->monotonic_ms - f->asked_ms);
    source_status(c, f->row,
                  good                                             ? SOURCE_OK
                  : there || f->fault                              ? SOURCE_MALFORMED
                  : f->error == EACCES                             ? SOURCE_DENIED
                  : f->error == ENOENT || f->error == ECONNREFUSED ? SOURCE_MISSING
                                                                   : SOURCE_STALE,
                  why);
}

struct access_fetch *access_fetch_start(struct collect *c, const struct config_access *config,
                                        const struct access_server *server, const char *name,
                                        struct access_log *log)
{
    char text[96];
    if (!config->metrics) {
        access_tally_metrics(log, NULL);
        return NULL;
    }
    struct access_fetch *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->collect = c;
    f->config = config;
    f->server = server;
    f->log = log;
    f->work.data = f;
    snprintf(text, sizeof text, "%s metrics", name);
    f->row = source_place(c, *config->metrics == '/' ? SOURCE_FILE : SOURCE_PROBE, text,
                          config->metrics, 0, config->interval_s);
    if (f->row)
        return f;
    free(f);
    return NULL;
}

void access_fetch_tick(struct access_fetch *f)
{
    if (!f || f->busy || f->collect->monotonic_ms < f->next_ms)
        return;
    f->asked_ms = f->collect->monotonic_ms;
    f->next_ms = f->asked_ms + (int64_t)f->config->interval_s * 1000;
    f->busy = uv_queue_work(f->collect->loop, &f->work, fetch, done) == 0;
}

void access_fetch_stop(struct access_fetch *f)
{
    if (!f)
        return;
    if (f->busy)
        uv_cancel((uv_req_t *)&f->work);
    while (f->busy)
        uv_run(f->collect->loop, UV_RUN_ONCE);
    free(f);
}
