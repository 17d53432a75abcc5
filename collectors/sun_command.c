/*
 * The utilities of Sun's Messaging Server as sources: those that the configuration names are run one at
 * a time, with a deadline, without a shell, as this process's account; what they print is parsed by
 * sun_counters.c and sun_utility.c and put into rows by sun_rows.c. A utility that fails or misses its
 * deadline makes its source stale; the rows keep what they had.
 */
#include "../agent/log.h"
#include "collector.h"
#include "sun_rows.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define DEADLINE_MS 30000
#define OUTPUT_MAX  (8u << 20)
#define ARGUMENTS   8

static const struct utility {
    const char *name; /* in the setting `utilities` */
    const char *arguments[ARGUMENTS];
    sun_take_output *take;
} utilities[] = {
    {"imsimta counters", {"imsimta", "counters", "-show"}, sun_take_counters},
    {"imsimta qm counters", {"imsimta", "qm", "counters", "show"}, sun_take_counters},
    {"counterutil imapstat",
     {"counterutil", "-o", "imapstat", "-i", "1", "-n", "1"},
     sun_take_imap},
    {"counterutil popstat", {"counterutil", "-o", "popstat", "-i", "1", "-n", "1"}, sun_take_pop},
    {"counterutil httpstat",
     {"counterutil", "-o", "httpstat", "-i", "1", "-n", "1"},
     sun_take_http},
    {"counterutil db_lock",
     {"counterutil", "-o", "db_lock", "-i", "1", "-n", "1"},
     sun_take_database},
    {"counterutil db_txn",
     {"counterutil", "-o", "db_txn", "-i", "1", "-n", "1"},
     sun_take_database},
    {"imcheck", {"imcheck", "-s"}, sun_take_database},
    {"imquotacheck", {"imquotacheck"}, sun_take_quotas},
    {"imsconnutil", {"imsconnutil", "-c"}, sun_take_logged_in},
    {"stored", {"stored", "-t", "-v"}, sun_take_stored},
};

/* One utility of one instance. */
struct command {
    struct command *next;
    const struct utility *is;
    struct sun_output to;
    struct source *row;
    const struct config_mta *config;
    int64_t next_ms;
};

static struct {
    struct collect *collect;
    struct command *commands;
    struct command *at_work; /* NULL: none */
    uv_process_t process;
    uv_pipe_t pipe;
    unsigned open_handles; /* of the two */
    int64_t started_ms;
    int64_t exit_status;
    int signal;
    bool late, too_long;
    char *text;
    size_t used, room;
} self;

static const struct utility *find_utility(const char *name)
{
    for (size_t i = 0; i < sizeof utilities / sizeof utilities[0]; i++)
        if (strcmp(utilities[i].name, name) == 0)
            return &utilities[i];
    return NULL;
}

/* ---- One run ---- */

static void stale(struct command *c, const char *why)
{
    source_status(self.collect, c->row, SOURCE_STALE, why);
}

static void judge(struct command *c)
{
    char why[160];
    c->row->duration_ms = (uint64_t)(self.collect->monotonic_ms - self.started_ms);
    if (self.late) {
        stale(c, "no end within 30 s");
    } else if (self.too_long) {
        stale(c, "more than 8 MiB of output");
    } else if (c->is->take == sun_take_stored) { /* its exit status is its answer */
        sun_take_stored(&c->to, SLICE(""), self.exit_status == 0 && !self.signal);
        source_status(self.collect, c->row, SOURCE_OK, NULL);
    } else if (self.signal || self.exit_status) {
        snprintf(why, sizeof why, "ended with %s %lld: may %s run it?",
                 self.signal ? "signal" : "status",
                 self.signal ? (long long)self.signal : (long long)self.exit_status,
                 "the account of mailmond");
        stale(c, why);
    } else if (c->is->take(&c->to, (struct slice){self.text, self.used}, true)) {
        source_status(self.collect, c->row, SOURCE_OK, NULL);
    } else {
        source_status(self.collect, c->row, SOURCE_MALFORMED, "its output is not understood");
    }
    c->row->items++;
    c->row->bytes += self.used;
    model_dirty(self.collect->model, MODEL_SOURCE, c->row);
}

/* Both handles are closed: the child is gone and all it printed is here. */
static void on_closed(uv_handle_t *handle)
{
    (void)handle;
    if (--self.open_handles)
        return;
    struct command *c = self.at_work;
    self.at_work = NULL;
    if (!self.collect->stopping)
        judge(c);
    free(self.text);
    self.text = NULL;
    self.used = self.room = 0;
}

static void on_exit_of(uv_process_t *process, int64_t status, int signal_number)
{
    self.exit_status = status;
    self.signal = signal_number;
    uv_close((uv_handle_t *)process, on_closed);
}

static void end_reading(void)
{
    if (!uv_is_closing((uv_handle_t *)&self.pipe))
        uv_close((uv_handle_t *)&self.pipe, on_closed);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)handle, (void)suggested;
    if (self.room - self.used < 65536 && self.room < OUTPUT_MAX) {
        size_t room = self.room ? self.room * 2 : 65536;
        char *text = realloc(self.text, room);
        if (text) {
            self.text = text;
            self.room = room;
        }
    }
    *buffer = uv_buf_init(self.text + self.used, (unsigned)(self.room - self.used));
}

static void on_output(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    (void)stream, (void)buffer;
    if (n > 0) {
        self.used += (size_t)n;
        return;
    }
    if (n == UV_ENOBUFS) {
        self.too_long = true;
        uv_process_kill(&self.process, SIGKILL);
    }
    if (n < 0)
        end_reading();
}

/* BASE/sbin/NAME, or where else a release keeps it; false: nowhere. */
static bool find_program(const char *base, const char *name, char path[PATH_MAX])
{
    static const char *const places[] = {"sbin", "bin", "lib"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        snprintf(path, PATH_MAX, "%s/%s/%s", base, places[i], name);
        if (access(path, X_OK) == 0)
            return true;
    }
    return false;
}

static int spawn(const struct command *c, const char *program)
{
    char *arguments[ARGUMENTS + 17],
        *environment[] = {"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL=C", NULL};
    unsigned n = 0;
    const struct config_strings *prefix = &c->config->utility_prefix;
    for (unsigned i = 0; i < prefix->count && i < 16; i++)
        arguments[n++] = prefix->items[i];
    arguments[n++] = (char *)(uintptr_t)program;
    for (unsigned i = 1; i < ARGUMENTS && c->is->arguments[i]; i++)
        arguments[n++] = (char *)(uintptr_t)c->is->arguments[i];
    arguments[n] = NULL;
    uv_stdio_container_t streams[3] = {
        {.flags = UV_IGNORE}, {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE}, {.flags = UV_IGNORE}};
    streams[1].data.stream = (uv_stream_t *)&self.pipe;
    uv_process_options_t o = {.file = arguments[0],
                              .args = arguments,
                              .env = environment,
                              .cwd = "/",
                              .stdio_count = 3,
                              .stdio = streams,
                              .exit_cb = on_exit_of};
    return uv_spawn(self.collect->loop, &self.process, &o);
}

static void begin(struct command *c)
{
    char program[PATH_MAX];
    c->next_ms = self.collect->monotonic_ms + (int64_t)c->config->utility_interval_s * 1000;
    if (!find_program(c->config->base_directory, c->is->arguments[0], program)) {
        source_status(self.collect, c->row, SOURCE_MISSING,
                      "not in sbin, bin or lib of base_directory, or not allowed");
        return;
    }
    self.started_ms = self.collect->monotonic_ms;
    self.late = self.too_long = false;
    self.at_work = c;
    self.open_handles = 2;
    uv_pipe_init(self.collect->loop, &self.pipe, 0);
    int error = spawn(c, program);
    if (error) {
        self.exit_status = 127;
        self.signal = 0;
        log_debug("%s: %s", program, uv_strerror(error));
        uv_close((uv_handle_t *)&self.process, on_closed);
        end_reading();
        return;
    }
    uv_read_start((uv_stream_t *)&self.pipe, on_room, on_output);
}

/* ---- The collector ---- */

static bool add(struct collect *c, const struct instance_of_mta *i, const char *name)
{
    char title[64];
    const struct utility *u = find_utility(name);
    if (!u || !i->config->base_directory) {
        log_error("%s: utilities: there is no \"%s\", see mailmond.conf(5)", i->config->name, name);
        return true;
    }
    snprintf(title, sizeof title, "%s %s", i->config->name, name);
    struct command *command = calloc(1, sizeof *command);
    if (!command)
        return false;
    *command = (struct command){.next = self.commands, .is = u, .config = i->config};
    command->to = (struct sun_output){.collect = c, .of = i};
    command->row = source_place(c, SOURCE_COMMAND, title, name, i->appl->row.key[0],
                                i->config->utility_interval_s);
    if (!command->row)
        return false;
    if (u->take == sun_take_counters)
        tally_counted_elsewhere(c->tally, i->appl);
    self.commands = command;
    return true;
}

static bool start(struct collect *c)
{
    self.collect = c;
    for (unsigned n = 0; n < c->instance_count; n++)
        for (unsigned k = 0; k < c->instances[n].config->utilities.count; k++)
            if (!add(c, &c->instances[n], c->instances[n].config->utilities.items[k]))
                return false;
    return sun_rows_load(c);
}

static void tick(struct collect *c)
{
    if (self.at_work) {
        if (c->monotonic_ms - self.started_ms > DEADLINE_MS && !self.late) {
            self.late = true;
            uv_process_kill(&self.process, SIGKILL);
            end_reading();
        }
        return;
    }
    if (!c->caught_up)
        return;
    struct command *longest = self.commands; /* due, so that all have their turn */
    for (struct command *each = self.commands; each; each = each->next)
        if (each->next_ms < longest->next_ms)
            longest = each;
    if (longest && c->monotonic_ms >= longest->next_ms)
        begin(longest);
}

static bool save(struct collect *c, struct checkpoint *to)
{
    (void)c;
    return sun_rows_save(to);
}

static void stop(struct collect *c)
{
    (void)c;
    if (!self.at_work)
        return;
    uv_process_kill(&self.process, SIGKILL);
    end_reading();
}

const struct collector collector_sun_command = {"sun command", start, tick, save, stop};
