/*
 * Reads the day's history into rows of named fields, then walks the template. Each kind of row is a
 * table of fields: a name and where the number or text is. Everything is collected before a line is
 * written, because rows come from several series.
 */
#include "report.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "slice.h"

#define FIELDS_MAX 16
#define UNKNOWN    NAN

/* One row of a block: fields in the order of its block's names. */
struct cells {
    char text[8][256];
    double number[FIELDS_MAX];
};

enum field_kind { FIELD_TEXT, FIELD_NUMBER, FIELD_TIME, FIELD_CLOCK };
struct field {
    const char *name;
    enum field_kind kind;
    unsigned at; /* in `text` or `number` */
};

struct block {
    const char *name;
    const struct field *fields;
    struct cells *rows;
    unsigned count, room;
    unsigned hint; /* the row found last */
};

enum { QMONITOR, SYSTEST, RATES, RESPONSES, ALARMS, BLOCKS };

static const struct field qmonitor_fields[] = {
    {"time", FIELD_TIME, 0},         {"active", FIELD_NUMBER, 1},    {"held", FIELD_NUMBER, 2},
    {"swap_kb", FIELD_NUMBER, 3},    {"scan_rate", FIELD_NUMBER, 4}, {"cpu_user", FIELD_NUMBER, 5},
    {"cpu_system", FIELD_NUMBER, 6}, {"cpu_wait", FIELD_NUMBER, 7},  {"cpu_idle", FIELD_NUMBER, 8},
    {"smtp", FIELD_NUMBER, 9},       {"imap", FIELD_NUMBER, 10},     {"pop3", FIELD_NUMBER, 11},
    {"ldap", FIELD_NUMBER, 12},      {"http", FIELD_NUMBER, 13},     {NULL, FIELD_TEXT, 0},
};
static const struct field systest_fields[] = {
    {"time", FIELD_CLOCK, 0},  {"total", FIELD_NUMBER, 1},  {"user", FIELD_TEXT, 0},
    {"submit", FIELD_TEXT, 1}, {"retrieve", FIELD_TEXT, 2}, {"error", FIELD_TEXT, 3},
    {"name", FIELD_TEXT, 4},   {"status", FIELD_TEXT, 5},   {NULL, FIELD_TEXT, 0},
};
static const struct field rates_fields[] = {
    {"hour", FIELD_TIME, 0},
    {"received", FIELD_NUMBER, 1},
    {"received_kb", FIELD_NUMBER, 2},
    {"received_mean_kb", FIELD_NUMBER, 3},
    {"transmitted", FIELD_NUMBER, 4},
    {"transmitted_kb", FIELD_NUMBER, 5},
    {"transmitted_mean_kb", FIELD_NUMBER, 6},
    {"stored", FIELD_NUMBER, 7},
    {"channel", FIELD_TEXT, 0},
    {NULL, FIELD_TEXT, 0},
};
static const struct field responses_fields[] = {
    {"mean", FIELD_NUMBER, 0}, {"maximum", FIELD_NUMBER, 1}, {"looks", FIELD_NUMBER, 2},
    {"name", FIELD_TEXT, 0},   {NULL, FIELD_TEXT, 0},
};
static const struct field alarms_fields[] = {
    {"time", FIELD_CLOCK, 0},    {"value", FIELD_NUMBER, 1},  {"threshold", FIELD_NUMBER, 2},
    {"id", FIELD_TEXT, 0},       {"instance", FIELD_TEXT, 1}, {"event", FIELD_TEXT, 2},
    {"severity", FIELD_TEXT, 3}, {"text", FIELD_TEXT, 4},     {NULL, FIELD_TEXT, 0},
};

/* Which column of the history is which number of which block; ADD: of all rows together. */
static const struct source {
    const char *object;
    unsigned block, at;
    double factor;
} sources[] = {
    {"mtaStoredMessages", QMONITOR, 1, 1},           {"mailmonChannelHeld", QMONITOR, 2, 1},
    {"mailmonHostSwapAvailable", QMONITOR, 3, 1024}, {"mailmonHostScanRate", QMONITOR, 4, 1},
    {"mailmonHostCpuUser", QMONITOR, 5, 1},          {"mailmonHostCpuSystem", QMONITOR, 6, 1},
    {"mailmonHostCpuWait", QMONITOR, 7, 1},          {"mailmonHostCpuIdle", QMONITOR, 8, 1},
    {"mtaGroupReceivedMessages", RATES, 1, 1},       {"mtaGroupReceivedVolume", RATES, 2, 1},
    {"mtaGroupTransmittedMessages", RATES, 4, 1},    {"mtaGroupTransmittedVolume", RATES, 5, 1},
    {"mtaGroupStoredMessages", RATES, 7, 1},
};

/* Which column of qmonitor an application's associations belong to, by its name. */
static const struct {
    const char *word;
    unsigned at;
} services[] = {{"imap", 10}, {"pop", 11}, {"ldap", 12}, {"slapd", 12}, {"http", 13}};
#define SMTP 9

const char report_template[] =
    "DATE COLLECTED: ${date} instance name = ${host}\n"
    "+---------------------------------------------------------------------------------------------"
    "----"
    "--+\n"
    "|                                  System and Queue monitoring data                           "
    "    "
    "  |\n"
    "+-----+----------------+------------+---------+----------------------------+------------------"
    "----"
    "--+\n"
    "|     |  Msgs in Queue |  Available |         |             CPU            |   TCP/IP "
    "Connections "
    "  |\n"
    "|Time |  act  |  held  |    swap    |Scanrate |  us  |  sys |  wt  |   id  "
    "|smtp|imap|pop3|ldap|ht"
    "tp|\n"
    "+-----+-------+--------+------------+---------+------+------+------+-------+----+----+----+---"
    "-+--"
    "--+\n"
    "%each qmonitor\n"
    "|${time:5}|${active:6} |${held:7} |${swap_kb:10}k |${scan_rate:8} |${cpu_user:5} |"
    "${cpu_system:5} |${cpu_wait:5} |${cpu_idle:6} "
    "|${smtp:4}|${imap:4}|${pop3:4}|${ldap:4}|${http:4}"
    "|\n"
    "%end\n"
    "+-----+-------+--------+------------+---------+------+------+------+-------+----+----+----+---"
    "-+--"
    "--+\n"
    "\n"
    "DATE COLLECTED: ${date}\n"
    "+--------------------------------------------------------+-----------------+\n"
    "|                  Message Delivery time                 |                 |\n"
    "+----------+-----------+------------+------------+-------+-----------------+\n"
    "| Test run | Username: | Msg submit | Msg retr   | Total |      Error      |\n"
    "| at time: |           | SMTP:      | POP:       | Time: |                 |\n"
    "+----------+-----------+------------+------------+-------+-----------------+\n"
    "%each systest\n"
    "| ${time:8} | ${user:-9} | ${submit:-10} | ${retrieve:-10} | ${total:5} | ${error:-15} |\n"
    "%end\n"
    "+----------+-----------+------------+------------+-------+-----------------+\n"
    "\n"
    "Messages by hour and channel, volumes in kilobytes\n"
    "+-----+----------------------------------+-----------------------------+----------------------"
    "-"
    "------+--------+\n"
    "|     |                                  |           received          |         transmitted  "
    " "
    "      | stored |\n"
    "|Hour | Channel                          | messages |   volume | mean  | messages |   volume "
    "| m"
    "ean  |        |\n"
    "+-----+----------------------------------+----------+----------+-------+----------+----------+"
    "--"
    "-----+--------+\n"
    "%each rates\n"
    "|${hour:5}| ${channel:-32} | ${received:8} | ${received_kb:8} | ${received_mean_kb:5} | "
    "${transmitted:8} | ${transmitted_kb:8} | ${transmitted_mean_kb:5} | ${stored:6} |\n"
    "%end\n"
    "+-----+----------------------------------+----------+----------+-------+----------+----------+"
    "--"
    "-----+--------+\n"
    "\n"
    "Response times in milliseconds\n"
    "%each responses\n"
    "${name:-40} mean ${mean:6}  maximum ${maximum:6}\n"
    "%end\n"
    "\n"
    "Alarms\n"
    "%each alarms\n"
    "${time:8} ${severity:-8} ${event:-8} ${text}\n"
    "%end\n";

static struct cells *add_row(struct block *b)
{
    if (b->count == b->room) {
        unsigned room = b->room ? b->room * 2 : 64;
        struct cells *more = realloc(b->rows, room * sizeof *more);
        if (!more)
            return NULL;
        b->rows = more;
        b->room = room;
    }
    struct cells *c = &b->rows[b->count++];
    memset(c->text, 0, sizeof c->text);
    for (unsigned i = 0; i < FIELDS_MAX; i++)
        c->number[i] = UNKNOWN;
    return c;
}

struct gathering {
    struct block blocks[BLOCKS];
    bool memory; /* there was enough */
};

static bool is_row(const struct block *b, unsigned i, double at, const char *name)
{
    return i < b->count && b->rows[i].number[0] == at && strcmp(b->rows[i].text[0], name) == 0;
}

/* The row of a time (and a name). Series come in order of time: mostly it is the row found last, or the
   one behind it. */
static struct cells *row_at(struct gathering *g, unsigned block, double at, const char *name)
{
    struct block *b = &g->blocks[block];
    unsigned i = b->hint;
    if (!is_row(b, i, at, name) && !is_row(b, ++i, at, name))
        for (i = 0; i < b->count && !is_row(b, i, at, name);)
            i++;
    b->hint = i;
    if (i < b->count)
        return &b->rows[i];
    struct cells *c = add_row(b);
    g->memory &= c != NULL;
    if (c) {
        c->number[0] = at;
        snprintf(c->text[0], sizeof c->text[0], "%s", name);
    }
    return c;
}

static void add_number(double *to, double value)
{
    *to = isnan(*to) ? value : *to + value;
}

static unsigned service_of(const char *name)
{
    for (unsigned i = 0; i < sizeof services / sizeof services[0]; i++)
        if (strcasestr(name, services[i].word))
            return services[i].at;
    return SMTP;
}

static void take_response(struct gathering *g, const struct history_sample *s)
{
    struct block *b = &g->blocks[RESPONSES];
    struct cells *c = b->count ? &b->rows[b->count - 1] : NULL;
    if (!c || strcmp(c->text[0], s->name) != 0) {
        c = add_row(b);
        g->memory &= c != NULL;
        if (!c)
            return;
        snprintf(c->text[0], sizeof c->text[0], "%s", s->name);
        c->number[0] = c->number[1] = c->number[2] = 0;
    }
    double looks = c->number[2] + s->count;
    c->number[0] = (c->number[0] * c->number[2] + s->mean * s->count) / (looks > 0 ? looks : 1);
    c->number[1] = s->maximum > c->number[1] ? s->maximum : c->number[1];
    c->number[2] = looks;
}

static void take_hour(struct gathering *g, const struct source *from,
                      const struct history_sample *s)
{
    bool gauge = from->at == 7;
    double value = gauge ? s->mean : s->mean * s->span_s;
    if (!gauge && value <= 0)
        return;
    double hour = (double)(s->start_s - s->start_s % HISTORY_HOUR_S);
    struct cells *c = row_at(g, RATES, hour, s->name);
    if (!c)
        return;
    if (gauge)
        c->number[7] = isnan(c->number[7]) || value > c->number[7] ? value : c->number[7];
    else
        add_number(&c->number[from->at], value);
}

static bool take_sample(void *arg, const struct history_sample *s)
{
    struct gathering *g = arg;
    struct cells *c;
    if (strcmp(s->object, "mailmonResponseTotal") == 0)
        take_response(g, s);
    if (strcmp(s->object, "applInboundAssociations") == 0 &&
        (c = row_at(g, QMONITOR, (double)s->start_s, "")))
        add_number(&c->number[service_of(s->name)], s->mean);
    for (unsigned i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        const struct source *from = &sources[i];
        if (strcmp(s->object, from->object) != 0)
            continue;
        if (from->block == RATES)
            take_hour(g, from, s);
        else if ((c = row_at(g, QMONITOR, (double)s->start_s, "")))
            add_number(&c->number[from->at], s->mean * from->factor);
    }
    return g->memory;
}

static bool take_run(void *arg, const struct history_run *r)
{
    static const char *const words[] = {"unknown", "delivered", "submitFailed",
                                        "lost",    "late",      "retrieveFailed"};
    struct gathering *g = arg;
    struct cells *c = add_row(&g->blocks[SYSTEST]);
    g->memory &= c != NULL;
    if (!c)
        return false;
    bool known = r->status >= 1 && r->status <= 6;
    c->number[0] = (double)(r->at_ms / 1000);
    c->number[1] = r->total_ms < 0 ? UNKNOWN : (double)r->total_ms;
    snprintf(c->text[0], sizeof c->text[0], "%s", r->user);
    snprintf(c->text[1], sizeof c->text[1], "%s", r->submit_host);
    snprintf(c->text[2], sizeof c->text[2], "%s", r->retrieve_host);
    snprintf(c->text[3], sizeof c->text[3], "%s", r->fault);
    snprintf(c->text[4], sizeof c->text[4], "%s", r->name);
    snprintf(c->text[5], sizeof c->text[5], "%s", words[known ? r->status - 1 : 0]);
    return true;
}

static bool take_transition(void *arg, const struct history_transition *t)
{
    static const char *const events[] = {"?", "raised", "cleared", "reminder"};
    static const char *const severities[] = {"?",     "cleared", "indeterminate", "critical",
                                             "major", "minor",   "warning"};
    struct gathering *g = arg;
    struct cells *c = add_row(&g->blocks[ALARMS]);
    g->memory &= c != NULL;
    if (!c)
        return false;
    c->number[0] = (double)(t->at_ms / 1000);
    c->number[1] = (double)t->value;
    c->number[2] = (double)t->threshold;
    snprintf(c->text[0], sizeof c->text[0], "%s", t->id);
    snprintf(c->text[1], sizeof c->text[1], "%s", t->instance);
    snprintf(c->text[2], sizeof c->text[2], "%s",
             events[t->event >= 1 && t->event <= 3 ? t->event : 0]);
    snprintf(c->text[3], sizeof c->text[3], "%s",
             severities[t->severity >= 1 && t->severity <= 6 ? t->severity : 0]);
    snprintf(c->text[4], sizeof c->text[4], "%s", t->text);
    return true;
}

static int by_time_and_name(const void *a, const void *b)
{
    const struct cells *x = a, *y = b;
    if (x->number[0] != y->number[0])
        return x->number[0] < y->number[0] ? -1 : 1;
    return strcmp(x->text[0], y->text[0]);
}

/* Means follow from the sums; hours without traffic say nothing. */
static void finish_rates(struct block *b)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < b->count; i++) {
        struct cells *c = &b->rows[i];
        if (isnan(c->number[1]) && isnan(c->number[4]))
            continue;
        c->number[3] = c->number[1] >= 0.5 ? c->number[2] / c->number[1] : UNKNOWN;
        c->number[6] = c->number[4] >= 0.5 ? c->number[5] / c->number[4] : UNKNOWN;
        b->rows[kept++] = *c;
    }
    b->count = kept;
}

static bool gather(const struct report *r, struct history *h, struct gathering *g)
{
    bool ok = history_samples(h, NULL, r->from_s, r->to_s, take_sample, g) &&
              history_runs(h, r->from_s * 1000, r->to_s * 1000, take_run, g) &&
              history_transitions(h, r->from_s * 1000, r->to_s * 1000, take_transition, g);
    finish_rates(&g->blocks[RATES]);
    for (unsigned i = QMONITOR; i <= RATES; i++)
        if (g->blocks[i].count && i != SYSTEST)
            qsort(g->blocks[i].rows, g->blocks[i].count, sizeof(struct cells), by_time_and_name);
    return ok;
}

/* Templates */

struct filling {
    const struct report *report;
    const struct block *block; /* within %each */
    const struct cells *row;
    FILE *out;
};

static void print_padded(FILE *out, const char *text, long width)
{
    long n = (long)strlen(text);
    if (width < 0 && n > -width) /* a column to the left is cut, so that the table stands */
        n = -width;
    fprintf(out, "%*s%.*s%*s", width > n ? (int)(width - n) : 0, "", (int)n, text,
            -width > n ? (int)(-width - n) : 0, "");
}

static void format_time(char *text, size_t size, const char *format, double at)
{
    time_t t = (time_t)at;
    struct tm local;
    if (!localtime_r(&t, &local) || !strftime(text, size, format, &local))
        text[0] = '\0';
}

static bool anywhere(const struct filling *f, struct slice name, char text[256])
{
    if (slice_eq(name, SLICE("date")))
        format_time(text, 256, "%d %b %Y", (double)f->report->from_s);
    else if (slice_eq(name, SLICE("iso")))
        format_time(text, 256, "%Y-%m-%d", (double)f->report->from_s);
    else if (slice_eq(name, SLICE("host")))
        snprintf(text, 256, "%s", f->report->host);
    else if (slice_eq(name, SLICE("version")))
        snprintf(text, 256, "%s", VERSION);
    else
        return false;
    return true;
}

/* The text of a field; false: there is none of that name here. */
static bool field_text(const struct filling *f, struct slice name, char text[256])
{
    const struct field *d = f->block ? f->block->fields : NULL;
    for (; d && d->name; d++) {
        if (!slice_eq(name, slice_of(d->name)))
            continue;
        if (d->kind == FIELD_TEXT)
            snprintf(text, 256, "%s", f->row->text[d->at]);
        else if (isnan(f->row->number[d->at]))
            snprintf(text, 256, "-");
        else if (d->kind == FIELD_NUMBER)
            snprintf(text, 256, "%.0f", f->row->number[d->at]);
        else
            format_time(text, 256, d->kind == FIELD_TIME ? "%H:%M" : "%H:%M:%S",
                        f->row->number[d->at]);
        return true;
    }
    return anywhere(f, name, text);
}

static bool print_line(const struct filling *f, struct slice line, struct slice *unknown)
{
    while (line.n) {
        size_t dollar = slice_search(line, SLICE("${"));
        char text[256];
        fwrite(line.p, 1, dollar, f->out);
        if (dollar == line.n)
            break;
        line = slice_skip(line, dollar + 2);
        struct slice field = slice_head(line, slice_find(line, '}'));
        bool closed = field.n < line.n;
        line = slice_skip(line, field.n + 1);
        struct slice name = slice_head(field, slice_find(field, ':'));
        struct slice width = slice_skip(field, name.n + 1);
        bool left = slice_take(&width, SLICE("-"));
        uint64_t columns = 0;
        *unknown = field;
        if (!closed || (width.n && (!slice_number(&width, &columns) || width.n || columns > 200)) ||
            !field_text(f, name, text))
            return false;
        print_padded(f->out, text, left ? -(long)columns : (long)columns);
    }
    fputc('\n', f->out);
    return true;
}

static struct slice next_line(struct slice *rest)
{
    struct slice line = slice_head(*rest, slice_find(*rest, '\n'));
    *rest = slice_skip(*rest, line.n + 1);
    return line;
}

static const struct block *find_block(const struct gathering *g, struct slice name)
{
    for (unsigned i = 0; i < BLOCKS; i++)
        if (slice_eq(name, slice_of(g->blocks[i].name)))
            return &g->blocks[i];
    return NULL;
}

/* Prints the lines up to %end once for each row; also without a row they are looked at. */
static bool print_block(struct filling *f, struct slice *rest, unsigned *number,
                        struct slice *wrong)
{
    static const struct cells nothing;
    struct slice body = *rest;
    unsigned first = *number;
    FILE *real = f->out;
    bool ok = true, closed = false;
    for (unsigned i = 0; ok && i <= f->block->count; i++) {
        bool trial = i == f->block->count;
        if (trial && i > 0)
            break;
        f->row = trial ? &nothing : &f->block->rows[i];
        if (trial && !(f->out = fopen("/dev/null", "we")))
            return false;
        *rest = body;
        *number = first;
        closed = false;
        while (ok && rest->n && !closed) {
            struct slice line = next_line(rest);
            ++*number;
            closed = slice_eq(slice_trim(line), SLICE("%end"));
            ok = closed || print_line(f, line, wrong);
        }
        if (trial)
            fclose(f->out);
        f->out = real;
    }
    if (ok && !closed)
        *wrong = SLICE("%end");
    return ok && closed;
}

static bool fill(const struct report *r, const struct gathering *g, const char *template,
                 const char *name, FILE *out, char *error, size_t error_size)
{
    struct slice rest = slice_of(template), wrong = {NULL, 0};
    for (unsigned number = 1; rest.n; number++) {
        struct filling f = {.report = r, .out = out};
        struct slice line = next_line(&rest), word = slice_trim(line);
        unsigned begin = number;
        bool each = slice_take(&word, SLICE("%each ")), ok;
        if (each) {
            word = slice_trim(word);
            f.block = find_block(g, word);
            wrong = word;
            ok = f.block && print_block(&f, &rest, &number, &wrong);
        } else {
            ok = print_line(&f, line, &wrong);
        }
        if (ok)
            continue;
        snprintf(error, error_size,
                 "%s:%u: %s%.*s; mailmond-report(8) lists the blocks and their fields", name,
                 f.block ? number : begin,
                 slice_eq(wrong, SLICE("%end")) ? "this block has no "
                 : each && !f.block             ? "there is no block "
                                                : "there is no field ",
                 (int)wrong.n, wrong.p ? wrong.p : "");
        return false;
    }
    return true;
}

bool report_write(const struct report *r, struct history *h, const char *template, const char *name,
                  FILE *out, char *error, size_t error_size)
{
    struct gathering g = {.blocks = {{.name = "qmonitor", .fields = qmonitor_fields},
                                     {.name = "systest", .fields = systest_fields},
                                     {.name = "rates", .fields = rates_fields},
                                     {.name = "responses", .fields = responses_fields},
                                     {.name = "alarms", .fields = alarms_fields}},
                          .memory = true};
    bool ok = gather(r, h, &g);
    if (!ok)
        snprintf(error, error_size, "%s", history_error(h));
    else if (!g.memory)
        snprintf(error, error_size, "out of memory");
    ok = ok && g.memory && fill(r, &g, template, name, out, error, error_size);
    for (unsigned i = 0; i < BLOCKS; i++)
        free(g.blocks[i].rows);
    return ok;
}
