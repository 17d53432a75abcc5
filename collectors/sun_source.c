/*
 * What an instance of Sun's Messaging Server has besides the log that every mail system has: the MTA
 * options that tell what an entry of the log is made of, and the connection log where it is apart.
 * Owns the options, which the logs' parsers point to while they run; they are read at start and again
 * when the file changes, between two ticks.
 */
#include "../agent/log.h"
#include "collector.h"
#include "sun_record.h"
#include "sun_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPTIONS_MAX (256 * 1024)
#define LOOK_MS     60000 /* at the option file */

struct sun_source {
    struct sun_source *next;
    const struct config_mta *config;
    struct sun_options options;
    struct timespec changed; /* of the option file, when it was read */
    struct maillog *log, *connections;
    char *connection_log;
    bool known; /* options are read from somewhere */
};

static struct sun_source *sources;
static int64_t next_look_ms;

/* Reads a file whole; NULL with errno. */
static char *read_whole(const char *path, struct stat *st)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    char *text = NULL;
    if (fd < 0)
        return NULL;
    if (fstat(fd, st) == 0 && S_ISREG(st->st_mode) && st->st_size <= OPTIONS_MAX &&
        (text = calloc(1, (size_t)st->st_size + 1)))
        if (read(fd, text, (size_t)st->st_size) != st->st_size) {
            free(text);
            text = NULL;
        }
    int error = errno;
    close(fd);
    errno = error;
    return text;
}

/* The settings of the configuration, as if they stood in a file. */
static bool read_settings(struct sun_source *s)
{
    const struct config_strings *lines = &s->config->log_options;
    char text[4096] = "";
    size_t n = 0;
    for (unsigned i = 0; i < lines->count && n < sizeof text; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s\n", lines->items[i]);
    if (lines->count)
        sun_options_parse(slice_of(text), &s->options);
    return lines->count;
}

static void read_options(struct sun_source *s)
{
    struct stat st;
    bool was_known = s->known;
    char *text = s->config->config_file ? read_whole(s->config->config_file, &st) : NULL;
    s->known = text != NULL;
    if (text) {
        sun_options_parse(slice_of(text), &s->options);
        s->changed = st.st_mtim;
    } else {
        s->known = read_settings(s);
    }
    free(text);
    const struct sun_options *o = s->known ? &s->options : NULL;
    maillog_options(s->log, mta_sun.parse, o);
    if (s->connections)
        maillog_options(s->connections, mta_sun.parse, o);
    if (s->known != was_known)
        log_info("%s: what an entry of the log has is %s", s->config->name,
                 sun_options_tell(o) ? "told by its MTA options" : "inferred");
}

static void look(struct sun_source *s)
{
    struct stat st;
    if (!s->config->config_file || stat(s->config->config_file, &st) != 0)
        return;
    if (st.st_mtim.tv_sec != s->changed.tv_sec || st.st_mtim.tv_nsec != s->changed.tv_nsec)
        read_options(s);
}

/* With SEPARATE_CONNECTION_LOG; an option of the MTA that may be set any day. */
static bool open_connection_log(struct collect *c, struct sun_source *s)
{
    if (!s->config->log_directory)
        return true;
    if (asprintf(&s->connection_log, "%s/connection.log_current", s->config->log_directory) < 0)
        abort();
    s->connections = log_source_of(c, "sun", s->connection_log);
    if (s->connections)
        log_source_optional(s->connection_log);
    if (!s->connections || !maillog_add_mta(s->connections, &mta_sun, slice_of(s->config->name)))
        return false;
    maillog_options(s->connections, mta_sun.parse, s->known ? &s->options : NULL);
    return true;
}

static bool open_instance(struct collect *c, const struct instance_of_mta *i)
{
    struct sun_source *s = calloc(1, sizeof *s);
    if (!s)
        return false;
    *s = (struct sun_source){.next = sources, .config = i->config};
    s->log = log_source_of(c, "sun", i->config->log);
    sources = s;
    if (!s->log)
        return false;
    read_options(s);
    return open_connection_log(c, s);
}

uint32_t sun_source_block_size(const struct config_mta *m)
{
    for (const struct sun_source *s = sources; s; s = s->next)
        if (s->config == m && s->known)
            return s->options.block_size;
    return SUN_BLOCK_SIZE;
}

static bool start(struct collect *c)
{
    for (unsigned n = 0; n < c->instance_count; n++)
        if (c->instances[n].mta == &mta_sun && c->instances[n].config->log &&
            !open_instance(c, &c->instances[n]))
            return false;
    return true;
}

static void tick(struct collect *c)
{
    if (c->monotonic_ms < next_look_ms)
        return;
    next_look_ms = c->monotonic_ms + LOOK_MS;
    for (struct sun_source *s = sources; s; s = s->next)
        look(s);
}

static void stop(struct collect *c)
{
    (void)c;
    for (struct sun_source *s = sources, *next; s; s = next) {
        next = s->next;
        free(s->connection_log);
        free(s);
    }
    sources = NULL;
}

const struct collector collector_sun = {"sun", start, tick, NULL, stop};
