/*
 * What a rule sees of a row: its value, a rate, its distance from a baseline, how long it has been the
 * same, or that it is not there.
 */
#include "alarm_internal.h"

#include <string.h>

static struct alarm *alarm_at(const struct alarms *s, uint32_t position)
{
    const struct rows *r = &s->model->tables[MODEL_ALARM];
    return (struct alarm *)(void *)(r->base + (size_t)position * r->row_size);
}

struct alarm *alarm_of(const struct alarms *s, const struct watch *w)
{
    struct alarm *a = w->alarm ? alarm_at(s, w->alarm_position) : NULL;
    return a && a->row.used && a->row.key[0] == w->alarm ? a : NULL;
}

static void sample(struct alarms *s, struct watch *w, int64_t number)
{
    w->sample = number;
    w->sample_at = s->now;
    w->sampled = true;
}

/* The first sample and one after a counter began anew tell no rate. */
static bool measure_rate(struct alarms *s, const struct alarm_rule *r, struct watch *w,
                         int64_t number, int64_t *value)
{
    int64_t ms = s->now - w->sample_at, before = w->sample;
    bool usable = w->sampled && ms > 0 && (number >= before || !column_is_counter(r->column));
    if (w->sampled && ms <= 0 && number >= before)
        return false;
    sample(s, w, number);
    if (!usable)
        return false;
    double rate = ((double)number - (double)before) * (double)r->rate_ms / (double)ms;
    *value = rate >= 9e18 ? INT64_MAX : rate <= -9e18 ? INT64_MIN + 1 : (int64_t)rate;
    return true;
}

/* An alarm that was raised before a restart goes on as long as nothing changes. */
static int64_t measure_stale(struct alarms *s, struct watch *w, int64_t number)
{
    const struct alarm *a = alarm_of(s, w);
    if (!w->sampled) {
        sample(s, w, number);
        if (a && a->beyond && a->current > 0)
            w->sample_at -= a->current * 1000;
    } else if (number != w->sample) {
        sample(s, w, number);
    }
    return (s->now - w->sample_at) / 1000;
}

static bool member(const void *row, uint32_t offset, double *number)
{
    uint64_t v;
    memcpy(&v, (const unsigned char *)row + offset, sizeof v);
    *number = (double)v;
    return v != MODEL_ABSENT;
}

/* The threshold moves with the baseline, but not closer to normal than the rule's own. */
static bool measure_baseline(const struct judge *j, const void *row, struct measure *x)
{
    double mean, deviation, samples;
    if (!member(row, j->baseline->mean, &mean) ||
        !member(row, j->baseline->deviation, &deviation) ||
        !member(row, j->baseline->samples, &samples) || samples < j->rule->samples)
        return false;
    double distance = deviation * j->rule->deviations;
    double limit = j->rule->above ? mean + distance : mean - distance;
    int64_t moved = limit >= 9e18 ? INT64_MAX : limit <= -9e18 ? INT64_MIN : (int64_t)limit;
    if (j->rule->above ? moved > x->threshold : moved < x->threshold)
        x->threshold = moved;
    x->clear = x->threshold;
    return true;
}

bool alarm_measure(struct alarms *s, struct judge *j, struct watch *w, const void *row,
                   struct measure *x)
{
    const struct alarm_rule *r = j->rule;
    int64_t number;
    x->threshold = r->threshold * r->divide;
    x->clear = r->clear_threshold * r->divide;
    if (r->kind == RULE_ABSENT) {
        struct value value;
        x->value = !table_cell(r->table, r->column, NULL, row, &s->time, &value);
        return true;
    }
    if (!table_number(r->table, r->column, row, &s->time, &number))
        return false;
    x->value = number;
    switch (r->kind) {
    case RULE_RATE:
        return measure_rate(s, r, w, number, &x->value);
    case RULE_STALE:
        x->value = measure_stale(s, w, number);
        return true;
    case RULE_BASELINE:
        return measure_baseline(j, row, x);
    default:
        return true;
    }
}
