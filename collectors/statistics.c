/*
 * Statistics that a mail system keeps in a file of its own and its log does not tell: associations that it
 * took. The file is small and only read, by a worker. Invariant: the published counter grows by what
 * the file's did; a smaller value there means that somebody cleared it.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "collector.h"

#define INTERVAL_MS 10000
#define FILE_MAX    4096

struct statistics {
    const struct instance_of_mta *of;
    struct source *row;
    uv_work_t work;
    bool busy, understood;
    int error;
    uint64_t inbound;
    int64_t next_ms;
};

static struct statistics *files;
static struct collect *collect;

static void run(uv_work_t *work)
{
    struct statistics *f = work->data;
    char content[FILE_MAX];
    int fd = open(f->of->config->statistics_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    ssize_t n = fd < 0 ? -1 : read(fd, content, sizeof content);
    f->error = n < 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    f->understood =
        n > 0 && f->of->mta->statistics((struct slice){content, (size_t)n}, &f->inbound);
}

static void take(struct appl *a, uint64_t inbound)
{
    uint64_t more = inbound >= a->inbound_before ? inbound - a->inbound_before : inbound;
    if (a->accumulated_inbound == MODEL_ABSENT) {
        a->accumulated_inbound = 0;
        more = inbound;
    }
    if (more == 0 && a->inbound_before == inbound)
        return;
    a->accumulated_inbound += more;
    a->inbound_before = inbound;
    model_dirty(collect->model, MODEL_APPL, a);
}

static void done(uv_work_t *work, int status)
{
    struct statistics *f = work->data;
    char text[200] = "";
    f->busy = false;
    if (status == UV_ECANCELED || collect->stopping)
        return;
    if (f->understood)
        take(f->of->appl, f->inbound);
    bool denied = f->error == EACCES || f->error == EPERM;
    if (!f->understood)
        snprintf(text, sizeof text, "%.120s: %s", f->of->config->statistics_file,
                 f->error ? strerror(f->error) : "empty, or not of this host's Sendmail");
    source_status(collect, f->row,
                  f->understood        ? SOURCE_OK
                  : denied             ? SOURCE_DENIED
                  : f->error == ENOENT ? SOURCE_MISSING
                                       : SOURCE_MALFORMED,
                  text);
}

static bool start(struct collect *c)
{
    collect = c;
    files = calloc(c->instance_count + 1, sizeof *files);
    if (!files)
        return false;
    unsigned n = 0;
    for (unsigned i = 0; i < c->instance_count; i++) {
        const struct instance_of_mta *m = &c->instances[i];
        char name[80];
        if (!m->config->statistics_file || !m->mta->statistics)
            continue;
        snprintf(name, sizeof name, "%s statistics", m->config->name);
        struct statistics *f = &files[n++];
        f->of = m;
        f->work.data = f;
        f->row = source_place(c, SOURCE_FILE, name, m->config->statistics_file, m->appl->row.key[0],
                              INTERVAL_MS / 1000);
        if (!f->row)
            return false;
    }
    return true;
}

static void tick(struct collect *c)
{
    for (struct statistics *f = files; f->of; f++) {
        if (f->busy || c->monotonic_ms < f->next_ms)
            continue;
        f->next_ms = c->monotonic_ms + INTERVAL_MS;
        f->busy = uv_queue_work(c->loop, &f->work, run, done) == 0;
    }
}

static void stop(struct collect *c)
{
    (void)c;
    for (struct statistics *f = files; f && f->of; f++)
        if (f->busy)
            uv_cancel((uv_req_t *)&f->work);
}

const struct collector collector_statistics = {"statistics", start, tick, NULL, stop};
