/*
 * Is the MTA there, and since when: its master's pid file and /proc/PID/stat (proc(5)). With what logs,
 * probes and the process table tell this makes applOperStatus, applLastChange and applUptime (RFC 2788)
 * of every application.
 */
#include <errno.h>
#include <stdio.h>
#include "access_source.h"
#include "appl_status.h"
#include "collector.h"
#include "proc_scan.h"
#include "process.h"

#define LOOK_MS  5000    /* the process is looked at so often, and when its log says something */
#define APART_MS 2000    /* clocks' grain */
#define FRESH_MS 1800000 /* what a probe found counts so long */

struct watched {
    const struct instance_of_mta *of;
    struct source *row;
    char pid_file[PID_FILE_SIZE];
    int64_t next_ms;
    uint64_t said;  /* what the log had said at the last look */
    enum life life; /* what was seen then */
};

static struct watched *watched;

static enum life look(const struct watched *w, int64_t *started_ms)
{
    int64_t pid = proc_pid_file(w->pid_file);
    return pid < 0                                           ? LIFE_UNKNOWN
           : proc_alive(pid, w->of->mta->master, started_ms) ? LIFE_ALIVE
                                                             : LIFE_DEAD;
}

/* What the log said that matters here, as one number. */
static uint64_t said(const struct appl *a)
{
    return a->log_status * 31 + a->stress * 7 + (uint64_t)a->log_congested_at;
}

static void set_status(struct collect *c, struct appl *a, uint64_t is)
{
    if (a->status == is)
        return;
    a->status = is;
    a->status_changed_at = c->monotonic_ms;
    model_dirty(c->model, MODEL_APPL, a);
}

static void set_start(struct collect *c, struct appl *a, int64_t started_ms)
{
    if (a->started_at != MODEL_NEVER && llabs(started_ms - a->started_at) <= APART_MS)
        return;
    a->started_at = started_ms;
    model_dirty(c->model, MODEL_APPL, a);
}

/* Looks whether the master is there, and since when. */
static void check(struct collect *c, struct watched *w)
{
    int64_t started_ms = MODEL_NEVER;
    struct appl *a = w->of->appl;
    char error[640];
    w->next_ms = c->monotonic_ms + LOOK_MS;
    w->said = said(a);
    w->life = look(w, &started_ms);
    if (w->life == LIFE_ALIVE)
        set_start(c, a, started_ms);
    if (w->life == LIFE_UNKNOWN)
        snprintf(error, sizeof error, "%s: %s%s", w->pid_file, strerror(errno),
                 errno == EACCES || errno == EPERM
                     ? "; run mailmond as root (it keeps CAP_DAC_READ_SEARCH only)"
                     : "");
    source_status(c, w->row, w->life == LIFE_UNKNOWN ? SOURCE_DENIED : SOURCE_OK,
                  w->life == LIFE_UNKNOWN ? error : "");
}

/* Who cannot be seen may have answered (statistics_command) and said since when; its log knows first when it ends. */
static enum life answered(struct collect *c, const struct instance_of_mta *i)
{
    if (i->levels.uptime_s == MODEL_ABSENT || i->appl->log_status == APPL_DOWN ||
        i->appl->log_status == APPL_RESTARTING)
        return LIFE_UNKNOWN;
    set_start(c, i->appl, i->levels_ms - (int64_t)i->levels.uptime_s * 1000);
    return LIFE_ALIVE;
}

static const struct instance_of_mta *instance_of(const struct collect *c, const struct appl *a)
{
    for (unsigned i = 0; i < c->instance_count; i++)
        if (c->instances[i].appl == a)
            return &c->instances[i];
    return NULL;
}

/* By its pid file, else by the configured processes that it stands and falls with. */
static enum life life_of(struct collect *c, const struct appl *a)
{
    const struct model *m = c->model;
    const struct instance_of_mta *of = instance_of(c, a);
    enum life life = access_life(a);
    bool none = false; /* of processes that need not run */
    for (const struct watched *w = watched; w->of; w++)
        if (w->of == of)
            life = w->life;
    for (uint32_t i = 0; i < m->tables[MODEL_PROCESS].count; i++) {
        const struct process *p = model_row(m, MODEL_PROCESS, i);
        if (p->appl != a->row.key[0] || p->running == MODEL_ABSENT)
            continue;
        if (p->running < p->expected_min)
            return LIFE_DEAD;
        none |= p->running == 0;
        if (p->running && life == LIFE_UNKNOWN)
            life = LIFE_ALIVE;
    }
    if (life == LIFE_UNKNOWN && of)
        life = answered(c, of);
    return life == LIFE_UNKNOWN && none ? LIFE_DEAD : life;
}

/* What was found before the application was started is no news of it. */
static enum probed probed_of(const struct model *m, const struct appl *a, int64_t now_ms)
{
    enum probed probed = PROBED_NOTHING;
    for (uint32_t i = 0; i < m->tables[MODEL_RESPONSE].count; i++) {
        const struct response *r = model_row(m, MODEL_RESPONSE, i);
        if (r->appl == a->row.key[0] && r->last_check_at != MODEL_NEVER &&
            now_ms - r->last_check_at < FRESH_MS &&
            (a->started_at == MODEL_NEVER || r->last_check_at >= a->started_at))
            probed = appl_probed(probed, (enum response_status)r->status);
    }
    return probed;
}

/* Directory servers are judged by those who ask them, and so is what nothing is known of here. */
static void judge(struct collect *c)
{
    for (uint32_t i = 0; i < c->model->tables[MODEL_APPL].count; i++) {
        struct appl *a = model_row(c->model, MODEL_APPL, i);
        if (model_find(c->model, MODEL_DS, a->row.key, NULL))
            continue;
        const struct appl *whole = tally_whole(c->tally, a); /* they live and die together */
        uint64_t is = appl_status(a, life_of(c, whole), probed_of(c->model, a, c->monotonic_ms),
                                  c->monotonic_ms);
        if (is != MODEL_ABSENT || instance_of(c, a))
            set_status(c, a, is);
    }
}

bool process_pid_file(const struct instance_of_mta *i, char path[PID_FILE_SIZE])
{
    const char *name = i->config->pid_file ? i->config->pid_file : i->mta->pid_file;
    const char *folder = i->config->queue_directory;
    if (i->config->elsewhere || !name || (*name != '/' && !folder))
        return false;
    snprintf(path, PID_FILE_SIZE, "%s%s%s", *name == '/' ? "" : folder, *name == '/' ? "" : "/",
             name);
    return true;
}

static bool watch(struct collect *c, struct watched *w, const struct instance_of_mta *i,
                  const char *path)
{
    char name[64];
    w->of = i;
    snprintf(w->pid_file, sizeof w->pid_file, "%s", path);
    snprintf(name, sizeof name, "%s process", i->config->name);
    w->row = source_place(c, SOURCE_PROCESS, name, w->pid_file, i->appl->row.key[0],
                          (c->config->interval_ms + 999) / 1000);
    return w->row != NULL;
}

static bool start(struct collect *c)
{
    watched = calloc(c->instance_count + 1, sizeof *watched);
    if (!watched)
        return false;
    unsigned n = 0;
    char path[PID_FILE_SIZE];
    for (unsigned i = 0; i < c->instance_count; i++)
        if (process_pid_file(&c->instances[i], path) &&
            !watch(c, &watched[n++], &c->instances[i], path))
            return false;
    return true;
}

/* Something that judge() goes by changed: then it grows. */
static uint64_t evidence(const struct model *m)
{
    return m->tables[MODEL_APPL].generation + m->tables[MODEL_PROCESS].generation +
           m->tables[MODEL_RESPONSE].generation;
}

static void tick(struct collect *c)
{
    static uint64_t judged;
    static int64_t next_ms;
    if (!c->caught_up)
        return;
    for (struct watched *w = watched; w->of; w++)
        if (c->monotonic_ms >= w->next_ms || w->said != said(w->of->appl))
            check(c, w);
    if (c->monotonic_ms < next_ms && evidence(c->model) == judged)
        return;
    next_ms = c->monotonic_ms + LOOK_MS;
    judge(c);
    judged = evidence(c->model);
}

static void stop(struct collect *c)
{
    (void)c;
    free(watched);
    watched = NULL;
}

const struct collector collector_process = {"process", start, tick, NULL, stop};
