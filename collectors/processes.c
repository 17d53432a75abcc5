/*
 * Processes that are to run: the masters of the mail systems and their children, and the configured
 * ones. Passes over /proc are made on a worker (proc_scan.h); the loop makes rows of them
 * (process_rows.h). While a pass runs the loop leaves `scan` alone.
 */
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>
#include "../agent/log.h"
#include "access.h"
#include "collector.h"
#include "process.h"
#include "process_rows.h"

#define LATE_MS  30000
#define ENDING_S 3600 /* a process whose time is up serves its connections to their end */
#define AMISS_MS 5000 /* while the number of one is wrong, a pass is made so often */

struct expected {
    char name[64], pid_file[PID_FILE_SIZE];
    char root[PID_FILE_SIZE]; /* in the command line, to tell instances apart; "": there is one */
    struct process *row;
    struct process_rule rule;
    const char *appl; /* applName of the row's appl, NULL: it is known or there is none */
    char service[80]; /* that name, where it is made here */
    bool told;        /* that there is no such application */
};

static struct {
    struct collect *collect;
    struct expected *rows;
    struct proc_want *wants; /* as rows */
    unsigned count, room;
    struct proc_scan scan;
    struct proc_seen *before; /* of the pass before */
    unsigned before_count, before_room;
    int64_t before_ms; /* when it began; 0: there was none */
    struct source *source;
    uv_work_t work;
    bool busy;
    int64_t next_ms, began_ms;
} processes;

/* Makes a row; NULL: the table is full, and the row is left out. */
static struct expected *expect(const char *name, const struct proc_want *want,
                               const struct process_rule *rule)
{
    struct collect *c = processes.collect;
    struct process *row = names_place(c->names, c->model, MODEL_PROCESS, slice_of(name));
    if (!row)
        return NULL;
    struct expected *e = &processes.rows[processes.count];
    processes.wants[processes.count++] = *want;
    *e = (struct expected){.row = row, .rule = *rule};
    snprintf(e->name, sizeof e->name, "%s", name);
    TEXT_SET(row->name, slice_of(name));
    row->expected_min = rule->min;
    row->expected_max = rule->max ? rule->max : MODEL_ABSENT;
    row->restarts = !rule->one ? MODEL_ABSENT : row->restarts == MODEL_ABSENT ? 0 : row->restarts;
    row->appl = 0;
    return e;
}

/* Its own copy of the path, because wants and rows stay where they are. */
static void use_pid_file(struct expected *e, const char *path, bool child)
{
    struct proc_want *w = &processes.wants[e - processes.rows];
    snprintf(e->pid_file, sizeof e->pid_file, "%s", path);
    w->pid_file = e->pid_file;
    w->child = child;
}

/* Where another instance of the same mail system runs too, processes are told apart by the directory that they were
   started from. */
static void use_root(struct expected *e, const struct instance_of_mta *of)
{
    const struct collect *c = processes.collect;
    for (unsigned n = 0; of->config->base_directory && n < c->instance_count; n++)
        if (&c->instances[n] != of && c->instances[n].mta == of->mta) {
            snprintf(e->root, sizeof e->root, "%s/", of->config->base_directory);
            processes.wants[e - processes.rows].arguments = e->root;
        }
}

/*
 * Without a pid file its processes tell whether an application is up; that of a service comes when its log tells of
 * it.
 */
static void use_appl(struct expected *e, const struct instance_of_mta *i,
                     const struct mta_process *p)
{
    if (p->min)
        e->row->appl = i->appl->row.key[0];
    if (!p->service)
        return;
    snprintf(e->service, sizeof e->service, "%s/%s", i->config->name, p->service);
    e->appl = e->service;
    e->told = true; /* an instance runs what it offers */
}

static void expect_of(const struct instance_of_mta *i, const struct mta_process *p,
                      const char *pid_file, bool child)
{
    char name[64];
    struct slice first = slice_head(slice_of(p->name), slice_find(slice_of(p->name), ' '));
    struct proc_want want = {.names = p->name};
    struct process_rule rule = {.min = p->min, .max = p->max, .one = p->max == 1};
    if (p->mortal && i->config->max_life_time_s)
        rule.max_life_ms = ((uint64_t)i->config->max_life_time_s + ENDING_S) * 1000;
    snprintf(name, sizeof name, "%s %.*s", i->config->name, (int)first.n, first.p);
    struct expected *e = expect(name, &want, &rule);
    if (!e)
        return;
    if (pid_file) {
        use_pid_file(e, pid_file, child);
        return;
    }
    use_root(e, i);
    if (i->config->base_directory)
        use_appl(e, i, p);
}

/* The master and the processes that it always has; without a pid file, any of these names. */
static void expect_mta(const struct instance_of_mta *i)
{
    char path[PID_FILE_SIZE];
    const char *pid_file = process_pid_file(i, path) ? path : NULL;
    if (i->config->elsewhere || !i->mta->master || (!pid_file && i->mta->pid_file))
        return;
    const struct mta_process master = {.name = i->mta->master, .min = 1, .max = 1};
    expect_of(i, &master, pid_file, false);
    for (const struct mta_process *p = i->mta->processes; p && p->name; p++)
        expect_of(i, p, pid_file, true);
}

/* The master of a server of mailboxes. The usual pid file must be there at the start: else its log may come from
   another host. */
static void expect_access(const struct config_list *list, const struct access_server *server)
{
    for (unsigned i = 0; i < list->count; i++) {
        const struct config_access *a = &((const struct config_access *)list->items)[i];
        const char *pid_file = a->pid_file ? a->pid_file : server->pid_file;
        char name[64];
        if (a->elsewhere || (!a->pid_file && access(pid_file, F_OK) != 0))
            continue;
        snprintf(name, sizeof name, "%s master", a->name ? a->name : server->name);
        struct expected *e = expect(name, &(struct proc_want){.names = server->master},
                                    &(struct process_rule){.min = 1, .max = 1, .one = true});
        if (e)
            use_pid_file(e, pid_file, false);
    }
}

static void expect_configured(const struct config_process *p)
{
    const struct passwd *account = p->user ? getpwnam(p->user) : NULL;
    struct proc_want want = {.names = p->process,
                             .arguments = p->arguments,
                             .uid = account ? account->pw_uid : 0,
                             .has_uid = account != NULL};
    struct process_rule rule = {.min = p->min,
                                .max = p->max,
                                .max_life_ms = (uint64_t)p->max_life_time_s * 1000,
                                .max_connections = p->max_life_connections,
                                .one = p->max == 1 || p->pid_file};
    struct expected *e = expect(p->name ? p->name : p->process, &want, &rule);
    if (!e)
        return;
    e->appl = p->appl;
    if (p->pid_file)
        use_pid_file(e, p->pid_file, false);
}

static bool start(struct collect *c)
{
    const struct config_list *list = &c->config->processes;
    unsigned room = list->count + c->config->dovecots.count + c->config->cyruses.count;
    for (unsigned i = 0; i < c->instance_count; i++) {
        room++;
        for (const struct mta_process *p = c->instances[i].mta->processes; p && p->name; p++)
            room++;
    }
    processes.collect = c;
    processes.rows = calloc(room + 1, sizeof *processes.rows);
    processes.wants = calloc(room + 1, sizeof *processes.wants);
    if (!processes.rows || !processes.wants)
        return false;
    for (unsigned i = 0; i < c->instance_count; i++)
        expect_mta(&c->instances[i]);
    expect_access(&c->config->dovecots, &access_dovecot);
    expect_access(&c->config->cyruses, &access_cyrus);
    for (unsigned i = 0; i < list->count; i++)
        expect_configured(&((const struct config_process *)list->items)[i]);
    model_remove_nameless(c->model, MODEL_PROCESS, offsetof(struct process, name));
    if (processes.count == 0)
        return true;
    processes.source =
        source_place(c, SOURCE_PROCESS, "processes", "/proc", 0, c->config->system_interval_s);
    return processes.source &&
           proc_scan_init(&processes.scan, "/proc", processes.wants, processes.count);
}

/* The application may come after its processes: its collector finds it in a log. */
static void find_appl(struct expected *e)
{
    const struct model *m = processes.collect->model;
    for (uint32_t i = 0; e->appl && i < m->tables[MODEL_APPL].count; i++) {
        const struct appl *a = model_row(m, MODEL_APPL, i);
        if (!slice_eq(TEXT_GET(a->name), slice_of(e->appl)))
            continue;
        e->row->appl = a->row.key[0];
        e->appl = NULL;
    }
    if (e->appl && !e->told && processes.collect->caught_up) {
        log_warning("processes: %s: there is no application \"%s\" (applName) yet", e->name,
                    e->appl);
        e->told = true;
    }
}

static void merge(void)
{
    struct collect *c = processes.collect;
    const struct proc_scan *s = &processes.scan;
    int64_t passed_ms = processes.before_ms ? processes.began_ms - processes.before_ms : 0;
    bool amiss = false;
    for (unsigned i = 0; i < processes.count; i++) {
        struct expected *e = &processes.rows[i];
        struct process_sum sum =
            process_sum(i, s->seen, s->seen_count, processes.before, processes.before_count);
        find_appl(e);
        e->row->connections_served =
            sum.oldest
                ? tally_served(c->tally, sum.oldest->pid, proc_start_ms(sum.oldest->start_ticks))
                : MODEL_ABSENT;
        if (process_row_set(e->row, &e->rule, &sum, processes.began_ms, passed_ms))
            model_dirty(c->model, MODEL_PROCESS, e->row);
        amiss |= e->row->status == PROCESS_TOO_FEW || e->row->status == PROCESS_TOO_MANY;
    }
    if (amiss && processes.next_ms > processes.began_ms + AMISS_MS)
        processes.next_ms = processes.began_ms + AMISS_MS;
    model_touch(c->model, MODEL_PROCESS);
}

/* What was seen becomes what was seen before; the next pass writes over the other. */
static void turn(void)
{
    struct proc_scan *s = &processes.scan;
    struct proc_seen *seen = s->seen;
    unsigned room = s->seen_room;
    s->seen = processes.before;
    s->seen_room = processes.before_room;
    processes.before = seen;
    processes.before_room = room;
    processes.before_count = s->seen_count;
    processes.before_ms = processes.began_ms;
}

static void run(uv_work_t *work)
{
    (void)work;
    proc_scan_run(&processes.scan);
}

static void done(uv_work_t *work, int status)
{
    (void)work;
    struct collect *c = processes.collect;
    struct proc_scan *s = &processes.scan;
    processes.busy = false;
    if (status == UV_ECANCELED || c->stopping)
        return;
    processes.source->duration_ms = (uint64_t)(c->monotonic_ms - processes.began_ms);
    if (s->error) {
        char text[128];
        snprintf(text, sizeof text, "/proc: %s", strerror(s->error));
        source_status(c, processes.source, SOURCE_DENIED, text);
        return;
    }
    if (s->hidden) {
        source_status(c, processes.source, SOURCE_DENIED,
                      "/proc is mounted with hidepid: it does not show the processes of others");
        return;
    }
    processes.source->items += s->processes;
    merge();
    turn();
    source_status(c, processes.source, s->truncated ? SOURCE_TRUNCATED : SOURCE_OK,
                  s->truncated ? "more processes than are looked at" : "");
}

static void tick(struct collect *c)
{
    if (!processes.source || c->monotonic_ms < processes.next_ms)
        return;
    if (processes.busy) {
        if (c->monotonic_ms - processes.began_ms > LATE_MS)
            source_status(c, processes.source, SOURCE_STALE, "/proc does not answer");
        return;
    }
    processes.next_ms = c->monotonic_ms + (int64_t)c->config->system_interval_s * 1000;
    processes.began_ms = c->monotonic_ms;
    processes.busy = uv_queue_work(c->loop, &processes.work, run, done) == 0;
}

static void stop(struct collect *c)
{
    (void)c;
    if (processes.busy)
        uv_cancel((uv_req_t *)&processes.work);
}

const struct collector collector_processes = {"processes", start, tick, NULL, stop};
