/*
 * The utilities of Sun's Messaging Server as sources: those that the configuration names are run one at
 * a time, with a deadline, without a shell, as this process's account; what they print is parsed by
 * sun_counters.c and sun_utility.c and put into rows by sun_rows.c. A utility that fails or misses its
 * deadline makes its source stale; the rows keep what they had.
 */
#include "../agent/log.h"
#include "access_source.h"
#include "access_tally.h"
#include "child.h"
#include "sun_rows.h"
#include "sun_utility.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_S          30
#define SAMPLE_MS          3600000 /* a line that is not understood is shown so often */
#define OUTPUT_MAX         (8u << 20)
#define ARGUMENTS          8
#define QUOTA_WARN_PERCENT 90 /* store.quotawarn */
#define COUNTERS(object)                                                                           \
    {                                                                                              \
        "counterutil", "-o", object, "-i", "1", "-n", "1"                                          \
    }

static const struct utility {
    const char *name; /* in the setting `utilities` */
    const char *arguments[ARGUMENTS];
    sun_take_output *take;
    sun_knows_line *knows;       /* NULL: its output says nothing */
    uint32_t timeout_s;          /* 0: TIMEOUT_S */
    uint32_t interval_s;         /* it is not run more often */
    enum access_protocol counts; /* connections and logins of this service, as its log would */
} utilities[] = {
    {.name = "imsimta counters",
     .arguments = {"imsimta", "counters", "-show"},
     .take = sun_take_counters,
     .knows = sun_knows_counters},
    {.name = "imsimta qm counters",
     .arguments = {"imsimta", "qm", "counters", "show"},
     .take = sun_take_counters,
     .knows = sun_knows_counters},
    {.name = "counterutil imapstat",
     .arguments = COUNTERS("imapstat"),
     .take = sun_take_imap,
     .knows = sun_knows_counter,
     .counts = ACCESS_IMAP},
    {.name = "counterutil popstat",
     .arguments = COUNTERS("popstat"),
     .take = sun_take_pop,
     .knows = sun_knows_counter,
     .counts = ACCESS_POP3},
    {.name = "counterutil httpstat",
     .arguments = COUNTERS("httpstat"),
     .take = sun_take_http,
     .knows = sun_knows_counter,
     .counts = ACCESS_HTTP},
    {.name = "counterutil diskusage",
     .arguments = COUNTERS("diskusage"),
     .take = sun_take_disk_usage,
     .knows = sun_knows_counter},
    {.name = "counterutil serverresponse",
     .arguments = COUNTERS("serverresponse"),
     .take = sun_take_responses,
     .knows = sun_knows_counter},
    {.name = "counterutil alarm",
     .arguments = COUNTERS("alarm"),
     .take = sun_take_values,
     .knows = sun_knows_counter},
    {.name = "counterutil cgimsg",
     .arguments = COUNTERS("cgimsg"),
     .take = sun_take_values,
     .knows = sun_knows_counter},
    {.name = "counterutil db_lock",
     .arguments = COUNTERS("db_lock"),
     .take = sun_take_database,
     .knows = sun_knows_database},
    {.name = "counterutil db_log",
     .arguments = COUNTERS("db_log"),
     .take = sun_take_values,
     .knows = sun_knows_counter},
    {.name = "counterutil db_mpool",
     .arguments = COUNTERS("db_mpool"),
     .take = sun_take_values,
     .knows = sun_knows_counter},
    {.name = "counterutil db_txn",
     .arguments = COUNTERS("db_txn"),
     .take = sun_take_database,
     .knows = sun_knows_database},
    {.name = "imcheck",
     .arguments = {"imcheck", "-s"},
     .take = sun_take_database,
     .knows = sun_knows_database},
    {.name = "imquotacheck",
     .arguments = {"imquotacheck"},
     .take = sun_take_quotas,
     .knows = sun_knows_quota,
     .timeout_s = 300},
    {.name = "imsconnutil",
     .arguments = {"imsconnutil", "-c"},
     .take = sun_take_logged_in,
     .knows = sun_knows_connected},
    {.name = "imsconnutil -a",
     .arguments = {"imsconnutil", "-a"},
     .take = sun_take_last_access,
     .knows = sun_knows_last_access,
     .timeout_s = 300,
     .interval_s = 3600},
    {.name = "stored", .arguments = {"stored", "-t", "-v"}, .take = sun_take_stored},
    {.name = "readership",
     .arguments = {"readership", "-d", "30"},
     .take = sun_take_readers,
     .knows = sun_knows_statistic,
     .timeout_s = 600,
     .interval_s = 3600},
    {.name = "reconstruct -n",
     .arguments = {"reconstruct", "-n", "-r"},
     .take = sun_take_reconstruct,
     .knows = sun_knows_finding,
     .timeout_s = 3600,
     .interval_s = 86400},
    {.name = "reconstruct -o",
     .arguments = {"reconstruct", "-o"},
     .take = sun_take_reconstruct,
     .knows = sun_knows_finding,
     .timeout_s = 3600,
     .interval_s = 86400},
};

/* One utility of one instance. */
struct command {
    struct command *next;
    const struct utility *is;
    struct sun_output to;
    struct source *row;
    const struct config_mta *config;
    int64_t next_ms;
    bool sampled; /* a line that is not understood was shown, then: */
    int64_t sample_ms;
};

static struct {
    struct collect *collect;
    struct command *commands;
    struct child *child; /* NULL: none is at work */
    int64_t started_ms;
} self;

static const struct utility *find_utility(const char *name)
{
    for (size_t i = 0; i < sizeof utilities / sizeof utilities[0]; i++)
        assert(config_sun_utilities[i] && strcmp(config_sun_utilities[i], utilities[i].name) == 0);
    for (size_t i = 0; i < sizeof utilities / sizeof utilities[0]; i++)
        if (strcmp(utilities[i].name, name) == 0)
            return &utilities[i];
    return NULL;
}

/* ---- One run ---- */

/* Lines that are not understood are counted, and a sample is shown. False: no line is. */
static bool judge_lines(struct command *c, struct slice text)
{
    if (!c->is->knows)
        return true;
    struct sun_judged j = sun_judge_lines(text, c->is->knows);
    int64_t now = self.collect->monotonic_ms;
    c->row->unrecognised += j.unknown;
    if (j.unknown && (!c->sampled || now - c->sample_ms >= SAMPLE_MS)) {
        struct slice name = TEXT_GET(c->row->name);
        log_notice("%.*s: not recognised (%llu lines of its output): %.*s", (int)name.n, name.p,
                   (unsigned long long)j.unknown, (int)(j.sample.n < 300 ? j.sample.n : 300),
                   j.sample.p);
        c->sampled = true;
        c->sample_ms = now;
    }
    return j.known || !j.unknown || c->is->take == sun_take_reconstruct;
}

static void judge(struct command *c, const char *error, struct slice text)
{
    struct collect *to = self.collect;
    struct source *row = c->row;
    uint64_t items = row->items;
    bool ran = !*error || strncmp(error, CHILD_FAILED, sizeof CHILD_FAILED - 1) == 0;
    char why[256];
    row->duration_ms = (uint64_t)(to->monotonic_ms - self.started_ms);
    if (c->is->take == sun_take_stored && ran) { /* its exit status is its answer */
        sun_take_stored(&c->to, text, !*error);
        source_status(to, row, SOURCE_OK, NULL);
    } else if (*error) {
        snprintf(why, sizeof why, "%s%s", error,
                 ran ? ": may the account of mailmond run it?" : "");
        source_status(to, row, SOURCE_STALE, why);
    } else if (judge_lines(c, text) && c->is->take(&c->to, text, true)) {
        source_status(to, row, SOURCE_OK, NULL);
    } else {
        source_status(to, row, SOURCE_MALFORMED, "its output is not understood");
    }
    row->items +=
        row->items == items; /* a run, where there is nothing to count in what it prints */
    row->bytes += text.n;
    model_dirty(to->model, MODEL_SOURCE, row);
}

static void on_done(void *arg, const char *error, struct slice text)
{
    self.child = NULL;
    judge(arg, error, text);
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

static void begin(struct command *c)
{
    const char *arguments[ARGUMENTS + 17];
    char program[PATH_MAX];
    unsigned n = 0;
    uint32_t interval_s = c->config->utility_interval_s;
    if (interval_s < c->is->interval_s)
        interval_s = c->is->interval_s;
    c->next_ms = self.collect->monotonic_ms + (int64_t)interval_s * 1000;
    if (!find_program(c->config->base_directory, c->is->arguments[0], program)) {
        source_status(self.collect, c->row, SOURCE_MISSING,
                      "not in sbin, bin or lib of base_directory, or not allowed");
        return;
    }
    const struct config_strings *prefix = &c->config->utility_prefix;
    for (unsigned i = 0; i < prefix->count && i < 16; i++)
        arguments[n++] = prefix->items[i];
    arguments[n++] = program;
    for (unsigned i = 1; i < ARGUMENTS && c->is->arguments[i]; i++)
        arguments[n++] = c->is->arguments[i];
    arguments[n] = NULL;
    self.started_ms = self.collect->monotonic_ms;
    self.child = child_start(self.collect->loop, arguments, OUTPUT_MAX,
                             c->is->timeout_s ? c->is->timeout_s : TIMEOUT_S, on_done, c);
    if (!self.child)
        source_status(self.collect, c->row, SOURCE_MISSING, strerror(errno));
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
    command->to.row = command->row;
    if (u->take == sun_take_quotas &&
        !(command->to.quotas = quota_source_new(c, command->row, QUOTA_WARN_PERCENT)))
        return false;
    struct access_log *log = access_sun_log(i->config->name);
    if (u->counts != ACCESS_NONE && log)
        access_tally_counted_elsewhere(log, u->counts);
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
    if (self.child || !c->caught_up)
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
    if (self.child)
        child_forget(self.child);
    self.child = NULL;
}

const struct collector collector_sun_command = {"sun command", start, tick, save, stop};
