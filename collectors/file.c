/*
 * Files that are watched: the logs that are read, and those that match a configured pattern. A worker
 * looks; the loop makes rows of it.
 */
#include <stdio.h>
#include "collector.h"
#include "file_scan.h"
#include "trend.h"

#define WATCHES_MAX 256
#define LATE_MS     30000
#define ENTRIES_MAX 100000

struct watch {
    struct file_watch *row;
    char pattern[255];
    bool is_path; /* of a log: nothing in it is special */
    struct file_scan found;
    struct trend bytes;
};

static struct {
    struct collect *collect;
    struct watch *watches[WATCHES_MAX];
    unsigned count;
    struct source *source;
    uv_work_t work;
    bool busy;
    int64_t next_ms, began_ms;
} files;

static void add(struct slice name, struct slice pattern, bool is_path)
{
    struct collect *c = files.collect;
    if (files.count == WATCHES_MAX || pattern.n == 0 || *pattern.p != '/' ||
        pattern.n >= sizeof files.watches[0]->pattern)
        return;
    for (unsigned i = 0; is_path && i < files.count; i++)
        if (slice_eq(pattern, slice_of(files.watches[i]->pattern)))
            return;
    struct watch *w = calloc(1, sizeof *w);
    struct file_watch *row = w ? names_place(c->names, c->model, MODEL_FILE_WATCH, name) : NULL;
    if (!row) {
        free(w);
        return;
    }
    memcpy(w->pattern, pattern.p, pattern.n);
    w->is_path = is_path;
    w->row = row;
    TEXT_SET(row->name, name);
    TEXT_SET(row->pattern, pattern);
    files.watches[files.count++] = w;
}

/* A log may come to be read later. */
static void add_logs(void)
{
    const struct model *m = files.collect->model;
    for (uint32_t i = 0; i < m->tables[MODEL_SOURCE].count; i++) {
        const struct source *s = model_row(m, MODEL_SOURCE, i);
        if (s->kind == SOURCE_LOG)
            add(TEXT_GET(s->target), TEXT_GET(s->target), true);
    }
}

static void run(uv_work_t *work)
{
    (void)work;
    for (unsigned i = 0; i < files.count; i++) {
        struct watch *w = files.watches[i];
        if (w->is_path)
            file_scan_path(&w->found, w->pattern);
        else
            file_scan_pattern(&w->found, w->pattern, ENTRIES_MAX);
    }
}

static void set(struct watch *w, const struct collect *c)
{
    const struct file_scan *f = &w->found;
    struct file_watch *row = w->row;
    int64_t growth;
    row->files = f->files;
    row->size_bytes = f->bytes;
    row->size_mb = f->bytes >> 20;
    row->newest_at = f->files ? f->newest_s * 1000 - c->real_minus_monotonic_ms : MODEL_NEVER;
    row->oldest_at = f->files ? f->oldest_s * 1000 - c->real_minus_monotonic_ms : MODEL_NEVER;
    trend_add(&w->bytes, c->monotonic_ms, (int64_t)f->bytes);
    row->growth_kb_per_hour = trend_per_hour(&w->bytes, &growth) ? growth / 1024 : INT64_MIN;
}

static void done(uv_work_t *work, int status)
{
    (void)work;
    struct collect *c = files.collect;
    enum source_status is = SOURCE_OK;
    char text[300] = "";
    files.busy = false;
    if (status == UV_ECANCELED || c->stopping)
        return;
    for (unsigned i = 0; i < files.count; i++) {
        struct watch *w = files.watches[i];
        set(w, c);
        if (!w->found.error && !w->found.truncated)
            continue;
        is = w->found.error ? SOURCE_DENIED : SOURCE_TRUNCATED;
        snprintf(text, sizeof text, "%s: %s", w->pattern,
                 w->found.error ? strerror(w->found.error) : "more files than are looked at");
    }
    files.source->duration_ms = (uint64_t)(c->monotonic_ms - files.began_ms);
    model_touch(c->model, MODEL_FILE_WATCH);
    source_status(c, files.source, is, text);
}

/* What a store of Sun's server leaves: two or three database logs are usual, more of them are not. */
static void add_store(const struct config_mta *m)
{
    const struct {
        const char *name, *directory, *pattern;
    } kinds[] = {
        {"database logs", m->store_directory, "mboxlist/log.*"},
        {"snapshots", m->store_directory, "dbdata/snapshots/*/folder.db"}, /* one of each */
        {"core files", m->base_directory, "data/core*"},
        {"core files of the store", m->store_directory, "core*"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char name[128], pattern[300];
        if (!kinds[i].directory)
            continue;
        snprintf(name, sizeof name, "%s %s", m->name, kinds[i].name);
        snprintf(pattern, sizeof pattern, "%s/%s", kinds[i].directory, kinds[i].pattern);
        add(slice_of(name), slice_of(pattern), false);
    }
}

static bool start(struct collect *c)
{
    files.collect = c;
    for (unsigned i = 0; i < c->config->mta_count; i++)
        if (strcmp(c->config->mtas[i].type, "sun") == 0)
            add_store(&c->config->mtas[i]);
    const struct config_file *f = c->config->files.items;
    for (unsigned i = 0; i < c->config->files.count; i++)
        add(slice_of(f[i].name ? f[i].name : f[i].pattern), slice_of(f[i].pattern), false);
    files.source = source_place(c, SOURCE_FILE, "files", "", 0, c->config->system_interval_s);
    return files.source != NULL;
}

static void tick(struct collect *c)
{
    if (c->monotonic_ms < files.next_ms)
        return;
    if (files.busy) {
        if (c->monotonic_ms - files.began_ms > LATE_MS)
            source_status(c, files.source, SOURCE_STALE, "a file system does not answer");
        return;
    }
    files.next_ms = c->monotonic_ms + (int64_t)c->config->system_interval_s * 1000;
    files.began_ms = c->monotonic_ms;
    add_logs();
    files.busy = uv_queue_work(c->loop, &files.work, run, done) == 0;
}

static void stop(struct collect *c)
{
    (void)c;
    if (files.busy)
        uv_cancel((uv_req_t *)&files.work);
}

const struct collector collector_file = {"file", start, tick, NULL, stop};
