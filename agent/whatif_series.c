/*
 * Samples back into cells: the inverse of table_number for the kinds of columns that are sampled, of
 * alarm_instance for the names, and of samples_look for counters, which are integrated from their
 * growth. What of a span a rule sees is decided in `pick`. See whatif_series.h.
 */
#include "whatif_series.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sample.h"

#define LIMIT       9e15 /* exact as a double; what is beyond is no value of ours */
#define SPAN_MAX_S  86400
#define START_MAX_S INT64_C(100000000000) /* beyond the year 5000 */

/* Reading */

static struct series *series_of(struct past *p, const struct history_sample *s)
{
    struct series *last = p->count ? &p->series[p->count - 1] : NULL;
    uint32_t keys = p->rule->table->scalar ? 1 : model_kinds[p->rule->table->rows].keys;
    uint32_t key[3] = {0, 0, 0};
    if (last && strcmp(last->instance, s->instance) == 0)
        return last;
    if (!history_index(s->instance, keys, key))
        return NULL;
    if (p->count == p->room) {
        unsigned room = p->room ? 2 * p->room : 16;
        struct series *more = realloc(p->series, room * sizeof *more);
        p->short_of_memory |= !more;
        if (!more)
            return NULL;
        p->series = more;
        p->room = room;
    }
    last = &p->series[p->count++];
    *last = (struct series){.row = NULL};
    memcpy(last->key, key, sizeof key);
    snprintf(last->instance, sizeof last->instance, "%s", s->instance);
    snprintf(last->name, sizeof last->name, "%s", s->name);
    return last;
}

/* The file may have been written by anything. */
static bool is_sane(const struct history_sample *s)
{
    return s->span_s > 0 && s->span_s <= SPAN_MAX_S && s->start_s > 0 && s->start_s < START_MAX_S &&
           fabs(s->mean) < LIMIT && fabs(s->minimum) < LIMIT && fabs(s->maximum) < LIMIT;
}

static bool keep(void *arg, const struct history_sample *s)
{
    struct past *p = arg;
    struct series *r = is_sane(s) ? series_of(p, s) : NULL;
    if (r && r->count == r->room) {
        unsigned room = r->room ? 2 * r->room : 64;
        struct span *more = realloc(r->spans, room * sizeof *more);
        p->short_of_memory |= !more;
        if (more) {
            r->spans = more;
            r->room = room;
        }
    }
    if (p->short_of_memory)
        return false;
    if (!r)
        return true;
    struct span *span = &r->spans[r->count++];
    *span = (struct span){s->start_s, s->start_s + s->span_s, s->mean, s->minimum, s->maximum};
    p->from_s = span->start_s < p->from_s ? span->start_s : p->from_s;
    p->to_s = span->end_s > p->to_s ? span->end_s : p->to_s;
    return true;
}

bool past_load(struct past *p, struct history *h, const struct alarm_rule *rule, int64_t to_s)
{
    *p = (struct past){.rule = rule,
                       .baseline = alarm_baseline_of(rule->column, rule->table->rows),
                       .from_s = INT64_MAX,
                       .to_s = INT64_MIN};
    return history_samples(h, rule->column->name, 0, to_s, keep, p) && !p->short_of_memory;
}

void past_free(struct past *p)
{
    for (unsigned i = 0; i < p->count; i++)
        free(p->series[i].spans);
    free(p->series);
    *p = (struct past){.rule = NULL};
}

/* Writing cells */

static void put(void *row, uint32_t offset, uint64_t number)
{
    memcpy((char *)row + offset, &number, sizeof number);
}

static uint64_t whole(double value)
{
    return value > 0 ? (uint64_t)llround(value < 9.2e18 ? value : 9.2e18) : 0;
}

/* An instant that was so many milliseconds ago. */
static uint64_t ago(int64_t now_ms, double ms)
{
    return (uint64_t)(now_ms - (int64_t)whole(ms));
}

static void put_cell(const struct column *c, void *row, int64_t now_ms, double value)
{
    switch (c->kind) {
    case COLUMN_KCOUNTER32:
    case COLUMN_KGAUGE32:
        put(row, c->offset, whole(value * 1024));
        break;
    case COLUMN_INTEGER:
        put(row, c->offset, (uint64_t)llround(value));
        break;
    case COLUMN_AGE_S:
        put(row, c->offset, ago(now_ms, value * 1000));
        break;
    case COLUMN_OLDEST_TI: /* 0 says that there is no message */
        put(row, c->needs, value > 0);
        put(row, c->offset, ago(now_ms, value * 10));
        break;
    case COLUMN_AGE_TI:
        put(row, c->offset, ago(now_ms, value * 10));
        break;
    default:
        put(row, c->offset, whole(value));
    }
}

static void put_absence(const struct column *c, void *row)
{
    bool is_signed = c->kind == COLUMN_INTEGER || c->kind == COLUMN_AGE_S ||
                     c->kind == COLUMN_AGE_TI || c->kind == COLUMN_OLDEST_TI;
    put(row, c->offset, is_signed ? (uint64_t)INT64_MIN : MODEL_ABSENT);
    if (c->kind == COLUMN_OLDEST_TI)
        put(row, c->needs, MODEL_ABSENT);
}

/* Gives a name to the row that a part of the index points at. */
static void name_row(struct model *m, struct slice index, const uint32_t key[3], struct slice name)
{
    uint32_t at[3] = {key[0], 0, 0};
    if (slice_eq(index, SLICE("applIndex"))) {
        struct appl *a = model_place(m, MODEL_APPL, at, NULL);
        if (a)
            TEXT_SET(a->name, name);
    } else if (slice_eq(index, SLICE("mtaGroupIndex"))) {
        at[1] = key[1];
        struct group *g = model_place(m, MODEL_GROUP, at, NULL);
        if (g)
            TEXT_SET(g->name, name);
    } else if (slice_eq(index, SLICE("mailmonResponseIndex"))) {
        struct response *r = model_place(m, MODEL_RESPONSE, at, NULL);
        if (r)
            TEXT_SET(r->name, name);
    }
}

/* "mx/deferred": a part of the name for each part of the index; the last one may have slashes. */
static void put_names(struct model *m, const struct alarm_rule *rule, const struct series *r)
{
    struct slice index = slice_of(rule->table->index), name = slice_of(r->name);
    while (index.n && name.n) {
        struct slice part = slice_head(index, slice_find(index, ','));
        bool last = part.n == index.n;
        struct slice own = last ? name : slice_head(name, slice_find(name, '/'));
        if (last && rule->naming && rule->naming->kind == COLUMN_TEXT) {
            unsigned char *member = (unsigned char *)r->row + rule->naming->offset;
            text_set(member, (char *)member + 1, rule->naming->size - 1, own);
        } else {
            name_row(m, part, r->key, own);
        }
        index = slice_skip(index, part.n + 1);
        name = slice_skip(name, own.n + 1);
    }
}

/* Moments */

/*
 * Of states the span has the lowest and the highest number. A rule that waits judges what lasts: it is bad
 * if both are; else one of them is enough.
 */
static double pick_state(const struct alarm_rule *rule, const struct span *s)
{
    bool low = rule->values >> (unsigned)s->minimum & 1,
         high = rule->values >> (unsigned)s->maximum & 1;
    if (rule->hold_s > 0)
        return low ? s->maximum : s->minimum;
    return low && !high ? s->minimum : s->maximum;
}

/*
 * What of a span the rule sees. A rule without a hold time judges what is at a moment: the worst of the
 * span, since a mean hides peaks. A rule that waits judges what lasts: the mean; and so do rates over
 * a span or more. Staleness asks only whether anything changed.
 */
static double pick(const struct past *p, const struct series *r, const struct span *s)
{
    const struct alarm_rule *rule = p->rule;
    bool counter = column_is_counter(rule->column);
    bool lasting = rule->hold_s > 0;
    if (rule->values && s->minimum >= 0 && s->maximum < 64)
        return pick_state(rule, s);
    if (rule->kind == RULE_STALE)
        return counter ? s->mean : r->value != s->maximum ? s->maximum : s->minimum;
    if (rule->kind == RULE_RATE)
        lasting |= !counter || rule->interval_s >= s->end_s - s->start_s;
    return lasting ? s->mean : rule->above ? s->maximum : s->minimum;
}

static void place(struct past *p, struct model *m, struct series *r, const struct span *s,
                  int64_t now_s)
{
    const struct column *c = p->rule->column;
    if (!r->row) {
        r->row = model_place(m, p->rule->table->rows, r->key, NULL);
        if (!r->row)
            return;
        put_names(m, p->rule, r);
        if (p->rule->table->presence_offset)
            put(r->row, p->rule->table->presence_offset, 1);
    }
    if (!s) {
        r->present = false;
        put_absence(c, r->row);
        return;
    }
    double value = pick(p, r, s);
    if (!column_is_counter(c)) {
        r->value = value;
    } else {
        r->rate = value;
        r->value = r->present ? r->value : 0; /* what it grew in a gap is not known */
    }
    r->present = true;
    put_cell(c, r->row, now_s * 1000, r->value);
}

unsigned past_place(struct past *p, struct model *m, int64_t now_s, int64_t *next_s)
{
    unsigned present = 0;
    *next_s = INT64_MAX;
    for (unsigned i = 0; i < p->count; i++) {
        struct series *r = &p->series[i];
        while (r->at < r->count && r->spans[r->at].end_s <= now_s)
            r->at++;
        const struct span *s = r->at < r->count ? &r->spans[r->at] : NULL;
        if (s && s->start_s > now_s) {
            *next_s = s->start_s < *next_s ? s->start_s : *next_s;
            if (r->row)
                place(p, m, r, NULL, now_s);
        } else if (s) {
            place(p, m, r, s, now_s);
            present++;
        } else if (r->row) {
            model_remove(m, p->rule->table->rows, r->row);
            r->row = NULL;
        }
    }
    return present;
}

void past_grow(struct past *p, int64_t s)
{
    if (!column_is_counter(p->rule->column))
        return;
    for (unsigned i = 0; i < p->count; i++)
        if (p->series[i].present)
            p->series[i].value += p->series[i].rate * (double)s;
}

/* Baselines: the same sums as history_baselines makes. */

static unsigned first_from(const struct series *r, int64_t from_s)
{
    unsigned low = 0, high = r->count;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (r->spans[middle].start_s < from_s)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void place_baseline(const struct past *p, struct series *r,
                           const struct history_stretch *hours, unsigned count)
{
    double n = 0, sum = 0, square = 0;
    for (unsigned k = 0; k < count; k++)
        for (unsigned i = first_from(r, hours[k].from_s);
             i < r->count && r->spans[i].start_s < hours[k].to_s; i++) {
            n++;
            sum += r->spans[i].mean;
            square += r->spans[i].mean * r->spans[i].mean;
        }
    put(r->row, p->baseline->samples, whole(n));
    if (n == 0)
        return;
    double mean = sum / n, variance = square / n - mean * mean;
    put(r->row, p->baseline->mean, whole(mean));
    put(r->row, p->baseline->deviation, whole(variance > 0 ? sqrt(variance) : 0));
}

void past_place_baselines(struct past *p, int64_t now_s, unsigned weeks)
{
    struct history_stretch hours[HISTORY_STRETCHES_MAX];
    unsigned count = history_hours(now_s, weeks, hours);
    for (unsigned i = 0; p->baseline && i < p->count; i++)
        if (p->series[i].row)
            place_baseline(p, &p->series[i], hours, count);
}
