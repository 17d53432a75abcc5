/*
 * Series by column: each column has its rows' series in index order, as the table has its rows, so that
 * one walk along both finds them. A series lives as long as its row does, plus the span that runs.
 */
#include "sample.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "alarm_text.h"
#include "lookup.h"

struct series {
    uint32_t key[3];
    uint32_t count; /* looks in this span */
    double sum, minimum, maximum;
    int64_t last; /* of a counter: its value, and when */
    int64_t last_ms;
    bool seen; /* in this look */
};

struct sampled {
    const struct table *table;
    const struct column *column;
    bool counter;
    struct series *series; /* in index order */
    unsigned count, room;
};

struct samples {
    const struct model *model;
    struct sampled *columns;
    unsigned column_count, series_count, series_max;
    int64_t span; /* number of the span that runs, counted from the epoch; -1: none yet */
    uint64_t left_out;
};

bool sample_column(const char *name, const char **why)
{
    const struct table *table;
    const struct column *c = lookup_column(name, &table);
    *why = "it is no column of mailmond: mailmond --tables lists them";
    if (!c)
        return false;
    *why = "its rows have addresses as their index and come and go";
    if (model_kinds[table->rows].address_offset)
        return false;
    switch (c->kind) {
    case COLUMN_COUNTER32:
    case COLUMN_COUNTER64:
    case COLUMN_KCOUNTER32:
    case COLUMN_GAUGE32:
    case COLUMN_GAUGE64:
    case COLUMN_KGAUGE32:
    case COLUMN_INTEGER:
    case COLUMN_AGE_S:
    case COLUMN_AGE_TI:
    case COLUMN_OLDEST_TI:
        return true;
    case COLUMN_ENUM: /* the lowest and the highest of a span tell which states there were */
        return c->labels != NULL;
    default:
        *why = "it is neither a number nor a state";
        return false;
    }
}

struct samples *samples_new(const struct model *m, const struct config_strings *columns,
                            unsigned series_max)
{
    struct samples *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    *s = (struct samples){.model = m, .series_max = series_max, .span = -1};
    s->columns = calloc(columns->count + 1, sizeof *s->columns);
    for (unsigned i = 0; s->columns && i < columns->count; i++) {
        struct sampled *c = &s->columns[s->column_count];
        if ((c->column = lookup_column(columns->items[i], &c->table))) {
            c->counter = column_is_counter(c->column);
            s->column_count++;
        }
    }
    if (s->columns)
        return s;
    free(s);
    return NULL;
}

void samples_free(struct samples *s)
{
    for (unsigned i = 0; s && i < s->column_count; i++)
        free(s->columns[i].series);
    if (s)
        free(s->columns);
    free(s);
}

/* The series of a row, made at its place `at`; NULL: no room. */
static struct series *insert(struct samples *s, struct sampled *c, unsigned at,
                             const uint32_t key[3])
{
    if (s->series_count == s->series_max) {
        s->left_out++;
        return NULL;
    }
    if (c->count == c->room) {
        unsigned room = c->room ? c->room * 2 : 8;
        struct series *more = realloc(c->series, room * sizeof *more);
        if (!more)
            return NULL;
        c->series = more;
        c->room = room;
    }
    memmove(&c->series[at + 1], &c->series[at], (c->count - at) * sizeof *c->series);
    c->series[at] = (struct series){.key = {key[0], key[1], key[2]}, .last_ms = MODEL_NEVER};
    c->count++;
    s->series_count++;
    return &c->series[at];
}

static void add(struct series *r, double value)
{
    r->minimum = r->count == 0 || value < r->minimum ? value : r->minimum;
    r->maximum = r->count == 0 || value > r->maximum ? value : r->maximum;
    r->sum += value;
    r->count++;
}

/* A counter that fell was reset: what it grew since is not known. */
static void look_at(const struct sampled *c, struct series *r, int64_t value, int64_t now_ms)
{
    r->seen = true;
    if (!c->counter) {
        add(r, (double)value);
        return;
    }
    if (r->last_ms != MODEL_NEVER && now_ms > r->last_ms && value >= r->last)
        add(r, (double)(value - r->last) * 1000 / (double)(now_ms - r->last_ms));
    r->last = value;
    r->last_ms = now_ms;
}

static int compare(const uint32_t a[3], const uint32_t b[3])
{
    for (int i = 0; i < 3; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return 0;
}

static void look_at_column(struct samples *s, struct sampled *c, const struct table_time *now)
{
    const struct rows *rows = &s->model->tables[c->table->rows];
    unsigned at = 0;
    for (uint32_t i = 0; i < rows->count; i++) {
        const struct row *row = model_row(s->model, c->table->rows, i);
        int64_t value;
        if (!table_number(c->table, c->column, row, now, &value))
            continue;
        while (at < c->count && compare(c->series[at].key, row->key) < 0)
            at++;
        struct series *r = at < c->count && compare(c->series[at].key, row->key) == 0
                               ? &c->series[at]
                               : insert(s, c, at, row->key);
        if (r)
            look_at(c, r, value, now->monotonic_ms);
    }
}

void samples_look(struct samples *s, const struct table_time *now)
{
    for (unsigned i = 0; i < s->column_count; i++)
        look_at_column(s, &s->columns[i], now);
}

static void describe(const struct samples *s, const struct sampled *c, const struct series *r,
                     struct history_sample *out)
{
    const struct row *row = model_find(s->model, c->table->rows, r->key, NULL);
    uint32_t keys = c->table->scalar ? 0 : model_kinds[c->table->rows].keys;
    snprintf(out->object, sizeof out->object, "%s", c->column->name);
    snprintf(out->instance, sizeof out->instance, keys ? "%" PRIu32 : "0", r->key[0]);
    for (uint32_t i = 1; i < keys; i++) {
        size_t n = strlen(out->instance);
        snprintf(out->instance + n, sizeof out->instance - n, ".%" PRIu32, r->key[i]);
    }
    struct alarm_rule named = {.table = c->table, .naming = alarm_naming(c->table->rows)};
    if (row)
        alarm_instance(s->model, &named, row, out->name);
}

/* Hands over a column's series and drops those whose rows are gone. */
static unsigned take_column(struct samples *s, struct sampled *c, int64_t start_s,
                            struct history_sample *out)
{
    unsigned taken = 0, kept = 0;
    for (unsigned i = 0; i < c->count; i++) {
        struct series *r = &c->series[i];
        if (r->count && out) {
            out[taken] = (struct history_sample){.start_s = start_s,
                                                 .span_s = HISTORY_SPAN_S,
                                                 .count = r->count,
                                                 .mean = r->sum / r->count,
                                                 .minimum = r->minimum,
                                                 .maximum = r->maximum};
            describe(s, c, r, &out[taken++]);
        }
        bool seen = r->seen;
        r->count = 0;
        r->sum = 0;
        r->seen = false;
        if (seen)
            c->series[kept++] = *r;
    }
    s->series_count -= c->count - kept;
    c->count = kept;
    return taken;
}

struct history_sample *samples_take(struct samples *s, int64_t real_ms, bool now, unsigned *count)
{
    int64_t span = real_ms / 1000 / HISTORY_SPAN_S, before = s->span;
    *count = 0;
    s->span = span;
    if (before < 0 || (before == span && !now))
        return NULL;
    struct history_sample *out = calloc(s->series_count + 1, sizeof *out);
    for (unsigned i = 0; i < s->column_count; i++)
        *count +=
            take_column(s, &s->columns[i], before * HISTORY_SPAN_S, out ? out + *count : NULL);
    if (*count)
        return out;
    free(out);
    return NULL;
}

uint64_t samples_left_out(const struct samples *s)
{
    return s->left_out;
}
