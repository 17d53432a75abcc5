/*
 * The logs of the MTA's own programs, see sun_program.h. The parser is pure; invariant of the counter: what it
 * counts is a function of the lines alone, and its rows are at most two for each of PROGRAMS_MAX names.
 */
#include "sun_program.h"
#include "access_internal.h"
#include "field.h"
#include "log_event.h"
#include "sun_record_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PROGRAMS_MAX 64
#define AHEAD_MS     60000 /* a line may be newer than the file's mtime as it was looked at */
#define DAY_MS       INT64_C(86400000)

const char *const sun_program_files[] = {"dispatcher.log*",   "job_controller.log*",
                                         "tcp_*_server.log*", "*_master.log*",
                                         "*_slave.log*",      NULL};

static const struct access_pattern patterns[] = {
    {"port in use", "ddress already in use", SEVERITY_CRITICAL},
    {"dispatcher socket", ".dispatcher.socket", SEVERITY_CRITICAL},
    {"disk full, a program", "No space left on device", SEVERITY_CRITICAL},
    {"descriptors exhausted", "oo many open files", SEVERITY_CRITICAL},
    {"memory exhausted", "ut of memory", SEVERITY_CRITICAL},
    {"memory exhausted", "ot enough space", SEVERITY_CRITICAL},
    {"processes exhausted", "esource temporarily unavailable", SEVERITY_MAJOR},
    {"server exited abnormally", "exited abnormally", SEVERITY_MAJOR},
    {"server restarted", "equest to restart", SEVERITY_MINOR},
    {NULL, NULL, 0},
};

static const char *const trouble[] = {
    "error", "fail",      "fatal",      "cannot",  "can't",    "unable",    "denied", "refused",
    "abort", "exhausted", "not enough", "no such", "too many", "timed out", "crash",  "core dump"};

/* Does the text, in whatever case, begin with the word? */
static bool begins(struct slice text, const char *word)
{
    for (; *word; word++, text = slice_skip(text, 1))
        if (!text.n || (*text.p | ((unsigned char)(*text.p - 'A') < 26 ? 32 : 0)) != *word)
            return false;
    return true;
}

static bool tells_trouble(struct slice text)
{
    for (bool start = true; text.n; text = slice_skip(text, 1)) {
        char c = *text.p;
        bool letter = (unsigned char)((c | 32) - 'a') < 26;
        for (size_t i = 0; start && letter && i < sizeof trouble / sizeof *trouble; i++)
            if (begins(text, trouble[i]))
                return true;
        start = !letter;
    }
    return false;
}

/* Two digits below `end`, off the front; -1: there are none. */
static int take_two(struct slice *s, int end)
{
    if (s->n < 2 || !slice_digit(s->p[0]) || !slice_digit(s->p[1]))
        return -1;
    int n = (s->p[0] - '0') * 10 + (s->p[1] - '0');
    *s = slice_skip(*s, 2);
    return n < end ? n : -1;
}

static bool take_separator(struct slice *s)
{
    return slice_take(s, SLICE(":")) || slice_take(s, SLICE("."));
}

/* "10:50:33.53" or "10.50.33.53", in ms of the day; -1: it is not there. */
static int64_t take_time_of_day(struct slice *s)
{
    struct slice t = *s;
    int part[4] = {0, 0, 0, 0};
    static const int ends[] = {24, 60, 61, 100};
    for (unsigned i = 0; i < 4; i++)
        if ((i && !take_separator(&t)) || (part[i] = take_two(&t, ends[i])) < 0)
            return -1;
    *s = t;
    return ((part[0] * 60 + part[1]) * 60 + part[2]) * INT64_C(1000) + part[3] * 10;
}

/* The last instant with this local time of day before the file was written to. */
static int64_t instant_of(int64_t of_day_ms, int64_t written_ms)
{
    time_t seconds = (time_t)(written_ms / 1000);
    struct tm tm;
    if (!localtime_r(&seconds, &tm))
        return written_ms;
    int64_t zone_ms = (int64_t)tm.tm_gmtoff * 1000, local = written_ms + zone_ms;
    int64_t at = local - local % DAY_MS + of_day_ms;
    return (at > local + AHEAD_MS ? at - DAY_MS : at) - zone_ms;
}

/* "tcp_local_master" of "tcp_local_master.log-0JDJ00D02IBWDX00". */
static struct slice program_of(struct slice file, struct slice line)
{
    size_t end = slice_search(file, SLICE(".log"));
    return end ? slice_head(file, end) : slice_head(line, 0);
}

/* A stamp off the front, and a thread behind it: "10:50:33.53 (   1): ", "10:50:33.53: ". */
static bool take_stamp(struct syslog_context *c, struct slice *s, struct event *e)
{
    struct slice t = *s;
    int64_t of_day = take_time_of_day(&t);
    if (of_day >= 0)
        e->time_ms = instant_of(of_day, c->file_ms ? c->file_ms : c->now_ms);
    else if (!sun_take_time(c, &t, &e->time_ms))
        return false;
    t = slice_trim(t);
    struct slice thread = t;
    if (slice_take(&thread, SLICE("(")) && slice_cut(&thread, ')').p)
        t = thread;
    slice_take(&t, SLICE(":"));
    *s = slice_trim(t);
    return true;
}

static void parse(struct syslog_context *c, struct slice line, struct event *e)
{
    struct slice s = line;
    access_clear(e);
    e->tag = e->app = (struct slice){line.p, 0};
    e->service = program_of(c->file, line);
    e->time_ms = c->now_ms;
    e->pid = e->entry = 0;
    e->kind = EVENT_SERVER_LOG;
    bool stamped = take_stamp(c, &s, e);
    if (stamped)
        c->now_ms = e->time_ms;
    else if (c->file_ms)
        e->time_ms = c->file_ms;
    e->text = slice_trim(s);
    if (!e->text.n) {
        e->kind = EVENT_NONE;
        return;
    }
    if (stamped || (*line.p != ' ' && *line.p != '\t'))
        e->entry = SUN_PROGRAM_RECORD;
    if (tells_trouble(e->text))
        e->entry |= SUN_PROGRAM_TROUBLE;
    e->access.pattern = access_pattern(patterns, e->text);
}

const struct access_server access_sun_program = {
    .name = "sun-programs",
    .summary = "logs of the MTA's programs: dispatcher.log, job_controller.log, *_master.log ...",
    .master = "dispatcher",
    .pid_file = "/nonexistent",
    .parse = parse,
    .patterns = patterns,
};

/* ---- Counting ---- */

struct program {
    char name[40];
    struct log_event *records, *trouble;
};

struct sun_program_log {
    struct model *model;
    struct names *names;
    const struct access_tally *tally;
    char instance[64];
    uint32_t source;
    struct log_event *known[sizeof patterns / sizeof patterns[0]];
    struct program programs[PROGRAMS_MAX];
    unsigned count;
};

struct sun_program_log *sun_program_log(struct model *m, struct names *n,
                                        const struct access_tally *t, const char *instance,
                                        uint32_t source)
{
    struct sun_program_log *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->model = m;
    l->names = n;
    l->tally = t;
    l->source = source;
    snprintf(l->instance, sizeof l->instance, "%s", instance);
    return l;
}

/* The program of this name; NULL: there are too many. */
static struct program *find_program(struct sun_program_log *l, struct slice name)
{
    name = slice_head(name.n ? name : SLICE("program"), sizeof l->programs[0].name - 1);
    for (unsigned i = 0; i < l->count; i++)
        if (slice_eq(slice_of(l->programs[i].name), name))
            return &l->programs[i];
    if (l->count == PROGRAMS_MAX)
        return NULL;
    struct program *p = &l->programs[l->count++];
    memcpy(p->name, name.p, name.n);
    return p;
}

/* name: of the program or of what is known; what: behind it. */
static void count(struct sun_program_log *l, struct log_event **row, const char *name,
                  const char *what, uint64_t severity, const struct event *e)
{
    if (!*row) {
        char text[160];
        int n = snprintf(text, sizeof text, "%s: %s%s", l->instance, name, what);
        *row = log_event_place(l->model, l->names, (struct slice){text, (size_t)n}, severity,
                               l->source);
    }
    struct slice line = l->tally->users == USERS_PLAIN ? e->text : (struct slice){NULL, 0};
    if (*row)
        log_event_count(l->model, *row, e->time_ms - l->tally->real_minus_monotonic_ms, line);
}

void sun_program_event(void *counter, const struct event *e)
{
    struct sun_program_log *l = counter;
    struct program *p = find_program(l, e->service);
    if (p && e->entry & SUN_PROGRAM_RECORD)
        count(l, &p->records, p->name, "", SEVERITY_INDETERMINATE, e);
    if (p && e->entry & SUN_PROGRAM_TROUBLE)
        count(l, &p->trouble, p->name, " trouble", SEVERITY_WARNING, e);
    if (!e->access.pattern)
        return;
    const struct access_pattern *is = &patterns[e->access.pattern - 1];
    count(l, &l->known[e->access.pattern], is->name, "", is->severity, e);
}
