/*
 * Finds Sun's Messaging Server and the directories of an instance: by the places where the releases
 * install themselves. No tool of it is asked; an instance tree is enough.
 */
#include "detect.h"
#include "sun_dispatcher.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where releases from 8 back to 6 put themselves, and iPlanet 5. */
#define BASES                                                                                      \
    "/opt/sun/comms/messaging64:/opt/sun/comms/messaging:/opt/SUNWmsgsr:/opt/sun/messaging:"       \
    "/usr/iplanet/server5"

#define PARTITIONS_MAX 64

static char *join(const char *directory, const char *name)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%s", directory, name) < 0)
        abort();
    return path;
}

static bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* BASE/data/NAME if it is there, else BASE/NAME, which older releases have. */
static char *data_directory(const char *base, const char *name)
{
    char below[32];
    snprintf(below, sizeof below, "data/%s", name);
    char *path = join(base, below);
    if (is_directory(path))
        return path;
    char *other = join(base, name);
    if (!is_directory(other)) {
        free(other);
        return path;
    }
    free(path);
    return other;
}

/* An instance is where its MTA options or its log are. */
static bool is_instance(const char *base)
{
    char *options = join(base, "config/imta.cnf"), *unified = join(base, "config/config.xml");
    bool found = access(options, F_OK) == 0 || access(unified, F_OK) == 0;
    free(options);
    free(unified);
    return found;
}

/* The next directory of a list, in a copy; NULL: no more. */
static char *next_base(struct slice *list)
{
    while (list->n) {
        size_t end = slice_find(*list, ':');
        char *base = detect_copy(slice_head(*list, end));
        *list = slice_skip(*list, end + 1);
        if (is_directory(base))
            return base;
        free(base);
    }
    return NULL;
}

/* Where the dispatcher listens as it is installed. */
static void add_usual_listeners(struct config_mta *m)
{
    static const char *const usual[] = {":25", ":587 tcp_submit", ":465 tcp_submit"};
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++)
        detect_add(&m->listen, slice_of(usual[i]));
}

static void add_dispatched(struct config_mta *m, const struct sun_listener *l)
{
    char text[128];
    snprintf(text, sizeof text, "%.*s:%u%s%.*s", (int)(l->address.n < 40 ? l->address.n : 40),
             l->address.p ? l->address.p : "", l->port, l->channel.n ? " " : "",
             (int)(l->channel.n < 64 ? l->channel.n : 64), l->channel.p ? l->channel.p : "");
    detect_add(&m->listen, slice_of(text));
}

/* What dispatcher.cnf says, where it may be read: ports, and how long an SMTP server lives. */
static void read_dispatcher(struct config_mta *m)
{
    struct sun_dispatcher d;
    char *path = join(m->base_directory, "config/dispatcher.cnf"), *text = detect_text(path);
    bool listens = m->listen.count;
    sun_dispatcher_parse(slice_of(text), &d);
    for (unsigned i = 0; i < d.count && !listens; i++)
        add_dispatched(m, &d.listeners[i]);
    m->max_life_time_s = d.max_life_s;
    free(text);
    free(path);
}

static int by_name(const void *a, const void *b)
{
    char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

/* The directories in STORE/partition, which may be links to other file systems. */
static void find_partitions(struct config_mta *m)
{
    char *folder = join(m->store_directory, "partition");
    DIR *d = opendir(folder);
    for (struct dirent *e; d && m->partitions.count < PARTITIONS_MAX && (e = readdir(d));) {
        char *path = *e->d_name != '.' ? join(folder, e->d_name) : NULL;
        if (path && is_directory(path))
            detect_add(&m->partitions, slice_of(path));
        free(path);
    }
    if (d)
        closedir(d);
    free(folder);
    if (m->partitions.count)
        qsort(m->partitions.items, m->partitions.count, sizeof *m->partitions.items, by_name);
}

static void fill(struct config_mta *m, struct slice list)
{
    if (!m->name)
        m->name = strdup("sun");
    if (!m->base_directory && !m->log_directory && !m->log)
        m->base_directory = next_base(&list);
    if (m->base_directory && !m->log_directory)
        m->log_directory = data_directory(m->base_directory, "log");
    if (m->base_directory && !m->queue_directory)
        m->queue_directory = data_directory(m->base_directory, "queue");
    if (m->base_directory && !m->store_directory)
        m->store_directory = data_directory(m->base_directory, "store");
    if (m->store_directory && m->partitions.count == 0)
        find_partitions(m);
    if (m->base_directory && !m->config_file)
        m->config_file = join(m->base_directory, "config/option.dat");
    if (m->log_directory && !m->log)
        m->log = join(m->log_directory, "mail.log_current");
    if (m->log && !m->service_log && !slice_ends(slice_of(m->log), SLICE("mail.log_current")))
        m->service_log = strdup(m->log);
    if (!m->utility_interval_s)
        m->utility_interval_s = 300;
    if (m->base_directory)
        read_dispatcher(m);
    if (m->listen.count == 0)
        add_usual_listeners(m);
}

static void check_readable(const struct config_mta *m, struct err_list *notes)
{
    if (m->log)
        detect_readable(m, m->log, false, notes);
    if (m->queue_directory)
        detect_readable(m, m->queue_directory, true, notes);
    if (m->config_file && access(m->config_file, F_OK) == 0 && access(m->config_file, R_OK) != 0)
        detect_note(m, notes,
                    "%s may not be read: what the log's entries have is told by their shapes; let "
                    "the account read it, or set log_options",
                    m->config_file);
}

/* One installation may have several names. */
static bool same_directory(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static bool is_known(const struct config *c, const char *base)
{
    for (unsigned i = 0; i < c->mta_count; i++)
        if (c->mtas[i].base_directory && same_directory(c->mtas[i].base_directory, base))
            return true;
    return false;
}

static bool is_taken(const struct config *c, const char *name)
{
    for (unsigned i = 0; i < c->mta_count; i++)
        if (c->mtas[i].name && strcmp(c->mtas[i].name, name) == 0)
            return true;
    return false;
}

static char *free_name(const struct config *c)
{
    char name[32] = "sun";
    for (unsigned n = 2; is_taken(c, name); n++)
        snprintf(name, sizeof name, "sun-%u", n);
    return detect_copy(slice_of(name));
}

static void add_found(struct config *c, char *base, struct err_list *notes)
{
    struct config_mta m = config_mta_new("sun");
    free(m.name);
    free(m.base_directory);
    m.name = free_name(c);
    m.base_directory = base;
    fill(&m, SLICE(""));
    detect_note(&m, notes, "found: %s, queue %s, log %s", m.base_directory, m.queue_directory,
                m.log);
    detect_add_mta(c, m);
}

void detect_sun(struct config *c, const char *path, struct err_list *notes)
{
    struct slice list = slice_of(path ? path : BASES);
    for (unsigned i = 0; i < c->mta_count; i++)
        if (strcmp(c->mtas[i].type, "sun") == 0)
            fill(&c->mtas[i], list);
    for (char *base; c->detect && (base = next_base(&list));) {
        if (is_instance(base) && !is_known(c, base))
            add_found(c, base, notes);
        else
            free(base);
    }
    for (unsigned i = 0; i < c->mta_count; i++)
        if (strcmp(c->mtas[i].type, "sun") == 0)
            check_readable(&c->mtas[i], notes);
}
