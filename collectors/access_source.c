/*
 * The servers of mailboxes: each instance's log, and whether its master is there. Their counters come from
 * the log alone; the log reader (log_source.c) and this collector put them into the same checkpoint.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "../agent/log.h"
#include "access_fetch.h"
#include "access_live.h"
#include "access_source.h"
#include "access_tally.h"
#include "collector.h"
#include "proc_scan.h"
#include "sun_program.h"
#include "sun_service.h"

#define LOOK_MS 5000

struct instance {
    const struct config_access *config;
    const struct access_server *server;
    const char *name;
    struct access_log *log;
    struct source *process;
    enum life life;
    uint64_t users, users_of;   /* logged in, at this generation of MODEL_ACCESS */
    struct access_live *live;   /* who is logged in, asked elsewhere; NULL: nobody is asked */
    struct access_fetch *fetch; /* of its metrics; NULL: none */
};

static struct {
    struct access_tally *tally;
    struct instance *instances;
    unsigned count, room;
    bool has_sun; /* a log of Sun's server, which is no instance here */
    int64_t next_ms;
} access_;

static enum access_users users_of(const char *word)
{
    return !word || strcmp(word, "plain") == 0 ? USERS_PLAIN
           : strcmp(word, "hashed") == 0       ? USERS_HASHED
                                               : USERS_HIDDEN;
}

static enum access_protocol protocol_named(const char *name)
{
    for (unsigned p = 1; p < ACCESS_PROTOCOLS; p++)
        if (strcmp(access_protocols[p].name, name) == 0)
            return p;
    return ACCESS_NONE;
}

/* Room for one more; NULL: memory is short. */
static struct instance *next_instance(void)
{
    unsigned room = access_.room ? access_.room * 2 : 4;
    if (access_.count == access_.room) {
        struct instance *more = realloc(access_.instances, room * sizeof *more);
        if (!more)
            return NULL;
        access_.instances = more;
        access_.room = room;
    }
    return &access_.instances[access_.count];
}

/* A host of a log that nobody named (maillog_make_counter): nothing but the log tells of it. */
static void *add_found(void *like, struct slice host)
{
    static const struct config_access elsewhere = {.elsewhere = true};
    struct access_log *log = access_tally_of_host(like, host);
    struct instance *i = log ? next_instance() : NULL;
    if (i) {
        *i = (struct instance){.config = &elsewhere, .name = access_tally_name(log), .log = log};
        access_.count++;
    }
    return log;
}

/* Its log, its tags and its configured services. */
static bool add_instance(struct collect *c, const struct config_access *a,
                         const struct access_server *server)
{
    struct instance *i = next_instance();
    char name[96];
    if (!i)
        return false;
    *i = (struct instance){.config = a, .server = server, .name = a->name ? a->name : server->name};
    struct maillog *log = a->log ? log_source_of(c, server->name, a->log) : NULL;
    i->log = access_tally_log(access_.tally, server, slice_of(i->name),
                              log ? log_source_index(a->log) : 0);
    if (!i->log || (a->log && !log))
        return false;
    for (unsigned n = 0; n < a->syslog_names.count; n++)
        if (!access_tally_tag(i->log, slice_of(a->syslog_names.items[n])))
            return false;
    struct slice host = slice_of(a->host);
    access_tally_host(i->log, host);
    if (log && !maillog_has_of(log, host, server->parse) &&
        !maillog_add_of(log, host, server->parse, access_tally_event, i->log, add_found))
        return false;
    if (a->host && strcmp(a->host, CONFIG_EACH_HOST) == 0) {
        if (log)
            log_source_know(c, log, server->parse, slice_of(i->name));
        return true; /* hosts become instances when they log */
    }
    access_.count++;
    if (a->elsewhere)
        return true;
    snprintf(name, sizeof name, "%s process", i->name);
    i->process = source_place(c, SOURCE_PROCESS, name, a->pid_file ? a->pid_file : server->pid_file,
                              0, LOOK_MS / 1000);
    return i->process != NULL;
}

static bool add_list(struct collect *c, const struct config_list *list,
                     const struct access_server *server)
{
    for (unsigned n = 0; n < list->count; n++)
        if (!add_instance(c, (const struct config_access *)list->items + n, server))
            return false;
    return true;
}

/* Lines of a file that are in no form. */
static bool add_sun_program(struct collect *c, const struct config_mta *m, struct maillog *file,
                            const char *path)
{
    struct sun_program_log *counter =
        sun_program_log(c->model, c->names, access_.tally, m->name, log_source_index(path));
    return counter && maillog_add(file, access_sun_program.parse, sun_program_event, counter);
}

/* A service log of Sun's Messaging Server: LOG_DIRECTORY/imap, of which imap.63.915107696 are older ones. */
static bool add_sun_log(struct collect *c, const struct config_mta *m, struct access_log *log,
                        const char *service, struct sun_expire *expire)
{
    char *path = NULL;
    bool trace = strcmp(service, "msgtrace") == 0;
    if (asprintf(&path, "%s/%s", m->log_directory, service) < 0)
        abort();
    struct maillog *file = log_source_of(c, "sun", path); /* keeps the path */
    if (file)
        log_source_optional(path); /* not every instance has every service */
    struct sun_service_log *counter = file
                                          ? sun_service_log(c->model, c->names, log, m->name,
                                                            service, log_source_index(path), expire)
                                          : NULL;
    return counter &&
           maillog_add(file, trace ? sun_parse_trace : access_sun.parse, sun_service_event,
                       counter) &&
           (strcmp(service, "watcher") != 0 || add_sun_program(c, m, file, path));
}

/* What its services send to syslog. */
static bool add_sun_syslog(struct collect *c, const struct config_mta *m, struct access_log *log,
                           struct sun_expire *expire)
{
    struct maillog *file = log_source_of(c, "sun", m->service_log);
    if (file && maillog_has(file, access_sun.parse))
        return true; /* of another instance: nothing in a line tells them apart */
    struct sun_service_log *counter =
        file ? sun_service_log(c->model, c->names, log, m->name, "syslog",
                               log_source_index(m->service_log), expire)
             : NULL;
    return counter && maillog_add(file, access_sun.parse, sun_service_event, counter);
}

/* What the programs of its MTA write of themselves, a file for each that runs; there need be none. */
static bool add_sun_programs(struct collect *c, const struct config_mta *m)
{
    for (unsigned i = 0; sun_program_files[i]; i++) {
        char *path = NULL; /* the log's reader keeps it */
        if (asprintf(&path, "%s/%s", m->log_directory, sun_program_files[i]) < 0)
            abort();
        struct maillog *file = log_source_of(c, "sun", path);
        if (!file)
            return false;
        log_source_optional(path);
        if (!add_sun_program(c, m, file, path))
            return false;
    }
    return true;
}

/* Its services; the last three where their programs are told to log in this form (use_nslog). */
static bool add_sun_services(struct collect *c, const struct config_mta *m, struct access_log *log,
                             struct sun_expire *expire)
{
    static const char *const services[] = {"imap",       "pop",           "http",    "admin",
                                           "default",    "msgtrace",      "watcher", "imta",
                                           "dispatcher", "job_controller"};
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++)
        if (!add_sun_log(c, m, log, services[i], expire))
            return false;
    return true;
}

static bool add_sun(struct collect *c, const struct config_mta *m)
{
    if (!m->log_directory && !m->service_log)
        return true;
    struct access_log *log = access_tally_log(access_.tally, &access_sun, slice_of(m->name), 0);
    struct sun_expire *expire = calloc(1, sizeof *expire); /* as long as the logs' readers */
    access_.has_sun = true;
    return log && expire && (!m->service_log || add_sun_syslog(c, m, log, expire)) &&
           (!m->log_directory || (add_sun_services(c, m, log, expire) && add_sun_programs(c, m)));
}

struct access_log *access_sun_log(const char *instance)
{
    return access_.tally ? access_tally_find(access_.tally, &access_sun, slice_of(instance)) : NULL;
}

static bool add_suns(struct collect *c)
{
    for (unsigned n = 0; n < c->config->mta_count; n++)
        if (strcmp(c->config->mtas[n].type, "sun") == 0 && !add_sun(c, &c->config->mtas[n]))
            return false;
    return true;
}

static bool start(struct collect *c)
{
    const struct config *config = c->config;
    access_.tally = access_tally_new(c->model, c->names, c->tally, users_of(config->show_users));
    if (!access_.tally)
        return false;
    access_tally_clock(access_.tally, c->real_minus_monotonic_ms, c->monotonic_ms);
    if (!add_list(c, &config->dovecots, &access_dovecot) ||
        !add_list(c, &config->cyruses, &access_cyrus) || !add_suns(c) ||
        (c->store && !access_tally_load(access_.tally, c->store)))
        return false;
    for (unsigned n = 0; n < access_.count; n++) {
        struct instance *i = &access_.instances[n];
        for (unsigned p = 0; p < i->config->protocols.count; p++)
            access_tally_service(i->log, protocol_named(i->config->protocols.items[p]));
        i->live = access_live_start(c, i->config, i->name, i->log);
        i->fetch = access_fetch_start(c, i->config, i->server, i->name, i->log);
    }
    return true;
}

/* Is the master there? A pid file of its own that does not exist says no, the usual one nothing. */
static void look(struct collect *c, struct instance *i)
{
    char error[640] = "";
    if (i->config->elsewhere) {
        i->life = LIFE_UNKNOWN;
        return;
    }
    const char *path = i->config->pid_file ? i->config->pid_file : i->server->pid_file;
    int64_t pid = proc_pid_file(path), started_ms;
    if (pid < 0)
        snprintf(error, sizeof error, "%s: %s", path, strerror(errno));
    if (pid < 0 || (pid == 0 && !i->config->pid_file))
        i->life = LIFE_UNKNOWN;
    else
        i->life = proc_alive(pid, i->server->master, &started_ms) ? LIFE_ALIVE : LIFE_DEAD;
    source_status(c, i->process, pid < 0 ? SOURCE_DENIED : SOURCE_OK, error);
}

/* Who is logged in to any service; counted anew after something happened to a service. */
static uint64_t users_now(const struct collect *c, struct instance *i)
{
    uint64_t generation = c->model->tables[MODEL_ACCESS].generation;
    if (generation != i->users_of)
        i->users = access_tally_users(i->log);
    i->users_of = generation;
    return i->users;
}

/*
 * The store as a whole: the master's life, and what its services tell together. Where nothing changed
 * nothing is written.
 */
static void show_store(struct collect *c, struct instance *i)
{
    struct mail_store *s = names_place(c->names, c->model, MODEL_MAIL_STORE, slice_of(i->name));
    if (!s)
        return;
    struct mail_store is = *s;
    uint64_t expunged = MODEL_ABSENT;
    for (unsigned p = 1; p < ACCESS_PROTOCOLS; p++) {
        const struct access *a = access_tally_access(i->log, p);
        if (a && a->expunged != MODEL_ABSENT)
            expunged = (expunged == MODEL_ABSENT ? 0 : expunged) + a->expunged;
    }
    TEXT_SET(is.name, slice_of(i->name));
    is.status = i->life == LIFE_UNKNOWN ? MODEL_ABSENT
                : i->life == LIFE_ALIVE ? MAIL_STORE_OK
                                        : MAIL_STORE_FAILED;
    is.expunged = expunged;
    is.users_logged_in = users_now(c, i);
    if (memcmp(&is, s, sizeof is) == 0)
        return;
    *s = is;
    model_dirty(c->model, MODEL_MAIL_STORE, s);
}

uint64_t access_salt(void)
{
    return access_tally_salt(access_.tally);
}

enum life access_life(const struct appl *a)
{
    for (unsigned n = 0; n < access_.count; n++)
        for (unsigned p = 1; p < ACCESS_PROTOCOLS; p++)
            if (access_tally_appl(access_.instances[n].log, p) == a)
                return access_.instances[n].life;
    return LIFE_UNKNOWN;
}

static void tick(struct collect *c)
{
    access_tally_clock(access_.tally, c->real_minus_monotonic_ms, c->monotonic_ms);
    if (!c->caught_up)
        return;
    for (unsigned n = 0; n < access_.count; n++) {
        access_live_tick(access_.instances[n].live);
        access_fetch_tick(access_.instances[n].fetch);
    }
    if (access_.count || access_.has_sun)
        access_tally_levels(access_.tally);
    if (c->monotonic_ms < access_.next_ms)
        return;
    access_.next_ms = c->monotonic_ms + LOOK_MS;
    for (unsigned n = 0; n < access_.count; n++) {
        look(c, &access_.instances[n]);
        show_store(c, &access_.instances[n]);
    }
}

static bool save(struct collect *c, struct checkpoint *to)
{
    (void)c;
    return access_tally_save(access_.tally, to);
}

static void stop(struct collect *c)
{
    (void)c;
    for (unsigned n = 0; n < access_.count; n++) {
        access_live_stop(access_.instances[n].live);
        access_fetch_stop(access_.instances[n].fetch);
    }
    access_tally_free(access_.tally);
    free(access_.instances);
    memset(&access_, 0, sizeof access_);
}

const struct collector collector_access = {"access", start, tick, save, stop};
