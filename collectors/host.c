/*
 * The host: what vmstat(8) shows, as means over the time between two looks. /proc/stat is long on a
 * large machine, so a worker reads it.
 */
#include <stdio.h>
#include "collector.h"
#include "proc_scan.h"
#include "proc_text.h"

#define TEXT_SIZE 16384 /* of /proc/stat only the first line counts */

struct sample {
    struct proc_cpu cpu;
    uint64_t running, scanned_pages, swap_kb;
    int64_t at_ms; /* 0: none was taken */
    bool has_cpu, has_running, has_scanned, has_swap;
};

static struct {
    struct collect *collect;
    struct host *row;
    struct source *source;
    struct sample before, now;
    uv_work_t work;
    bool busy;
    int64_t next_ms;
} host;

static struct slice read_text(const char *path, char text[TEXT_SIZE])
{
    ssize_t n = proc_read(path, text, TEXT_SIZE);
    return (struct slice){text, n > 0 ? (size_t)n : 0};
}

static void run(uv_work_t *work)
{
    (void)work;
    struct sample *s = &host.now;
    char text[TEXT_SIZE];
    s->has_cpu = proc_cpu_parse(read_text("/proc/stat", text), &s->cpu);
    s->has_running = proc_running_parse(read_text("/proc/loadavg", text), &s->running);
    s->has_scanned = proc_scanned_parse(read_text("/proc/vmstat", text), &s->scanned_pages);
    s->has_swap = proc_swap_parse(read_text("/proc/meminfo", text), &s->swap_kb);
}

/* Its share of the time in percent, rounded; the kernel's idle and wait may go back a little. */
static uint64_t share(uint64_t now, uint64_t before, uint64_t total)
{
    return now > before ? ((now - before) * 100 + total / 2) / total : 0;
}

static void set_means(struct host *row, const struct sample *before, const struct sample *now)
{
    const struct proc_cpu *b = &before->cpu, *n = &now->cpu;
    bool first = before->at_ms == 0;
    bool cpu = !first && before->has_cpu && now->has_cpu && n->total > b->total;
    uint64_t total = cpu ? n->total - b->total : 1;
    row->cpu_user_percent = cpu ? share(n->user, b->user, total) : MODEL_ABSENT;
    row->cpu_system_percent = cpu ? share(n->system, b->system, total) : MODEL_ABSENT;
    row->cpu_wait_percent = cpu ? share(n->wait, b->wait, total) : MODEL_ABSENT;
    row->cpu_idle_percent = cpu ? share(n->idle, b->idle, total) : MODEL_ABSENT;
    row->scan_rate = MODEL_ABSENT;
    if (!first && before->has_scanned && now->has_scanned && now->at_ms > before->at_ms)
        row->scan_rate = now->scanned_pages > before->scanned_pages
                             ? (now->scanned_pages - before->scanned_pages) * 1000 /
                                   (uint64_t)(now->at_ms - before->at_ms)
                             : 0;
}

static void done(uv_work_t *work, int status)
{
    (void)work;
    struct collect *c = host.collect;
    const struct sample *s = &host.now;
    host.busy = false;
    if (status == UV_ECANCELED || c->stopping)
        return;
    set_means(host.row, &host.before, s);
    host.row->swap_available_kb = s->has_swap ? s->swap_kb : MODEL_ABSENT;
    host.row->swap_available_mb = s->has_swap ? s->swap_kb / 1024 : MODEL_ABSENT;
    /* the worker itself ran while it read */
    host.row->run_queue = !s->has_running ? MODEL_ABSENT : s->running ? s->running - 1 : 0;
    host.before = *s;
    model_touch(c->model, MODEL_HOST);
    bool well = s->has_cpu && s->has_running && s->has_scanned && s->has_swap;
    source_status(c, host.source, well ? SOURCE_OK : SOURCE_MALFORMED,
                  well ? "" : "/proc does not have what is looked for");
}

static bool start(struct collect *c)
{
    uint32_t key[3] = {1, 0, 0};
    host.collect = c;
    host.row = model_place(c->model, MODEL_HOST, key, NULL);
    host.source =
        source_place(c, SOURCE_PROCESS, "host", "/proc/stat", 0, c->config->system_interval_s);
    return host.row && host.source;
}

static void tick(struct collect *c)
{
    if (host.busy || c->monotonic_ms < host.next_ms)
        return;
    host.next_ms = c->monotonic_ms + (int64_t)c->config->system_interval_s * 1000;
    host.now.at_ms = c->monotonic_ms;
    host.busy = uv_queue_work(c->loop, &host.work, run, done) == 0;
}

static void stop(struct collect *c)
{
    (void)c;
    if (host.busy)
        uv_cancel((uv_req_t *)&host.work);
}

const struct collector collector_host = {"host", start, tick, NULL, stop};
