/*
 * The replay and what is printed of it. One rule at a time: what rules see of a span differs (see
 * whatif_series.c), and only one column is in memory. Times of an engine are milliseconds since the
 * epoch here. There is no limit of storms: every change is told.
 */
#include "whatif.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "alarm.h"
#include "sample.h"
#include "whatif_series.h"

#define STEP_S   60 /* as often as samples are taken */
#define OUT_MAX  512
#define WHEN_MAX 32

/* What became of a rule. */
struct verdict {
    const char *why_not; /* NULL: judged */
    bool add;            /* ... because its column is not remembered, and could be */
    uint64_t raised, reminders, rows;
    int64_t raised_s, judged_s;
    int64_t lowest, highest;
    unsigned still; /* raised at the end */
};

/* A rule at work. */
struct replay {
    struct past past;
    struct alarm_rule rule;
    struct alarm_rules rules;
    struct model model;
    struct names *names;
    struct alarms *alarms;
    struct verdict *verdict;
    FILE *out;
    struct transition told[OUT_MAX];
};

static void when(int64_t at_s, char text[WHEN_MAX])
{
    time_t t = (time_t)at_s;
    struct tm local;
    if (!localtime_r(&t, &local) || !strftime(text, WHEN_MAX, "%Y-%m-%d %H:%M", &local))
        snprintf(text, WHEN_MAX, "%" PRId64, at_s);
}

static void print_told(struct replay *r, const struct transition *t)
{
    char at[WHEN_MAX];
    struct slice instance = TEXT_GET(t->instance), value = TEXT_GET(t->value_text);
    r->verdict->raised += t->event == ALARM_EVENT_RAISED;
    r->verdict->reminders += t->event == ALARM_EVENT_REMINDER;
    if (t->event == ALARM_EVENT_REMINDER)
        return;
    when(t->at / 1000, at);
    fprintf(r->out, "%s  %s  %s  \"%.*s\"  %.*s", at,
            t->event == ALARM_EVENT_RAISED ? "raised " : "cleared", r->rule.name, (int)instance.n,
            instance.p ? instance.p : "", (int)value.n, value.p ? value.p : "");
    if (r->rule.values)
        fputc('\n', r->out);
    else
        fprintf(r->out, ", threshold %" PRId64 "\n", t->threshold);
}

/* What is raised now was raised for the step that is behind. */
static void count(struct replay *r)
{
    const struct rows *rows = &r->model.tables[MODEL_ALARM];
    struct verdict *v = r->verdict;
    v->still = 0;
    v->judged_s += STEP_S;
    for (uint32_t i = 0; i < rows->count; i++) {
        const struct alarm *a = model_row(&r->model, MODEL_ALARM, i);
        v->still += a->told != TOLD_CLEAR;
        if (a->high == INT64_MIN)
            continue;
        v->lowest = a->low < v->lowest ? a->low : v->lowest;
        v->highest = a->high > v->highest ? a->high : v->highest;
    }
    v->raised_s += (int64_t)v->still * STEP_S;
    v->rows = rows->count > v->rows ? rows->count : v->rows;
}

static void step(struct replay *r, int64_t now_s)
{
    unsigned n = alarm_step(r->alarms, now_s * 1000, r->told, OUT_MAX);
    for (unsigned i = 0; i < n; i++)
        print_told(r, &r->told[i]);
    count(r);
}

static void walk(struct replay *r, int64_t from_s, int64_t to_s, unsigned weeks)
{
    int64_t hour = -1;
    for (int64_t now = from_s, next; now < to_s; now += STEP_S) {
        if (past_place(&r->past, &r->model, now, &next) == 0) {
            if (next >= to_s)
                return;
            now = next - STEP_S;
            continue;
        }
        if (r->rule.kind == RULE_BASELINE && now / HISTORY_HOUR_S != hour)
            past_place_baselines(&r->past, now, weeks);
        hour = now / HISTORY_HOUR_S;
        step(r, now);
        past_grow(&r->past, STEP_S);
    }
}

static bool start(struct replay *r, int64_t now_s)
{
    static const struct alarm_limits no_limits;
    uint32_t room[MODEL_TABLES] = {0};
    for (unsigned i = 0; i < MODEL_TABLES; i++)
        room[i] = model_kinds[i].capacity > r->past.count ? 0 : r->past.count + 1;
    if (!model_init(&r->model, room))
        return false;
    r->names = names_new();
    if (r->names)
        r->alarms = alarm_new(&r->rules, &no_limits, &r->model, r->names, now_s * 1000);
    if (r->alarms)
        return true;
    names_free(r->names);
    model_free(&r->model);
    return false;
}

static bool replay(struct replay *r, const struct whatif *w)
{
    int64_t from = w->from_s > r->past.from_s ? w->from_s : r->past.from_s;
    int64_t to = w->to_s < r->past.to_s ? w->to_s : r->past.to_s;
    from = from / STEP_S * STEP_S;
    if (from >= to) {
        r->verdict->why_not = "there is no sample of its column in this time";
        return true;
    }
    if (!start(r, from))
        return false;
    walk(r, from, to, w->config->history_baseline_weeks);
    if (r->verdict->judged_s == 0)
        r->verdict->why_not = "there is no sample of its column in this time";
    alarm_free(r->alarms);
    names_free(r->names);
    model_free(&r->model);
    return true;
}

/* Which rules can be judged */

static const struct config_strings *columns_of(const struct config *c)
{
    return c->history_columns.count ? &c->history_columns : &config_history_columns;
}

static bool is_remembered(const struct config *c, const char *name)
{
    const struct config_strings *columns = columns_of(c);
    for (unsigned i = 0; i < columns->count; i++)
        if (strcmp(columns->items[i], name) == 0)
            return true;
    return false;
}

static const char *why_not(const struct alarm_rule *r)
{
    const char *why;
    if (!sample_column(r->column->name, &why))
        return why;
    if (r->where)
        return "its condition (where) is not in the history; name the rows by instances";
    if (r->kind == RULE_ABSENT)
        return "a gap in the history may be one of mailmond itself";
    if (r->kind == RULE_VALUE && column_is_counter(r->column))
        return "the history has the growth of a counter, not its height";
    return NULL;
}

static bool judge(const struct whatif *w, const struct alarm_rule *rule, struct history *h,
                  struct verdict *v, FILE *out)
{
    *v = (struct verdict){.why_not = why_not(rule), .lowest = INT64_MAX, .highest = INT64_MIN};
    if (v->why_not)
        return true;
    struct replay *r = calloc(1, sizeof *r);
    if (!r)
        return false;
    r->rule = *rule;
    r->rule.instances_max = UINT32_MAX; /* so that lowest and highest are those of all rows */
    if (rule->kind != RULE_RATE && rule->interval_s > STEP_S)
        r->rule.interval_s = STEP_S; /* so that no peak lies between two looks */
    r->rules = (struct alarm_rules){.rules = &r->rule, .count = 1};
    r->verdict = v;
    r->out = out;
    bool ok = past_load(&r->past, h, &r->rule, w->to_s);
    if (ok && r->past.count == 0 && !is_remembered(w->config, rule->column->name)) {
        v->why_not = "its column is not in the history";
        v->add = true;
    } else if (ok) {
        ok = replay(r, w);
    }
    past_free(&r->past);
    free(r);
    return ok;
}

/* Printing */

static void print_rule(const struct alarm_rule *r, const struct verdict *v, FILE *out)
{
    char lowest[24] = "-", highest[24] = "-", lasted[32];
    if (v->highest >= v->lowest && !r->values) {
        snprintf(lowest, sizeof lowest, "%" PRId64, v->lowest);
        snprintf(highest, sizeof highest, "%" PRId64, v->highest);
    }
    snprintf(lasted, sizeof lasted, "%" PRId64 ":%02" PRId64, v->raised_s / 3600,
             v->raised_s / 60 % 60);
    fprintf(out, "%-20s %6" PRIu64 " %9" PRIu64 " %9s %5u %5" PRIu64 " %12s %12s  ", r->name,
            v->raised, v->reminders, lasted, v->still, v->rows, lowest, highest);
    if (r->values)
        fputs("a bad state", out);
    else
        fprintf(out, "%s %" PRId64, r->above ? "above" : "below", r->threshold);
    if (*r->unit)
        fprintf(out, " %s", r->unit);
    if (r->kind == RULE_BASELINE)
        fputs(" and the baseline", out);
    fputc('\n', out);
}

static void print_table(const struct whatif *w, const struct verdict *v, FILE *out)
{
    unsigned judged = 0;
    for (unsigned i = 0; i < w->rules->count; i++)
        judged += !v[i].why_not;
    if (judged == 0) {
        fputs("The history has nothing that a rule could judge in this time.\n", out);
        return;
    }
    fprintf(out, "\n%-20s %6s %9s %9s %5s %5s %12s %12s  %s\n", "rule", "raised", "reminders",
            "h:mm", "still", "rows", "lowest", "highest", "threshold");
    for (unsigned i = 0; i < w->rules->count; i++)
        if (!v[i].why_not)
            print_rule(&w->rules->rules[i], &v[i], out);
}

/* Two rules may want the same column. */
static bool is_first(const struct whatif *w, const struct verdict *v, unsigned i)
{
    for (unsigned k = 0; k < i; k++)
        if (v[k].add && w->rules->rules[k].column == w->rules->rules[i].column)
            return false;
    return v[i].add;
}

static void print_setting(const struct whatif *w, const struct verdict *v, FILE *out)
{
    const struct config_strings *columns = columns_of(w->config);
    unsigned added = 0;
    for (unsigned i = 0; i < w->rules->count; i++)
        added += v[i].add;
    if (!added)
        return;
    fputs(
        "\nTo judge those whose column is not in the history, let it be remembered from now on:\n\n"
        "    history = { columns = ( ",
        out);
    for (unsigned i = 0; i < columns->count; i++)
        fprintf(out, "%s\"%s\"", i ? ",\n        " : "", columns->items[i]);
    for (unsigned i = 0; i < w->rules->count; i++)
        if (is_first(w, v, i))
            fprintf(out, ",\n        \"%s\"", w->rules->rules[i].column->name);
    fputs(" ); };\n", out);
}

static void print_unjudged(const struct whatif *w, const struct verdict *v, FILE *out)
{
    const char *heading = "\nnot judged:\n";
    for (unsigned i = 0; i < w->rules->count; i++)
        if (v[i].why_not) {
            fprintf(out, "%s    %s: %s: %s\n", heading, w->rules->rules[i].name,
                    w->rules->rules[i].column->name, v[i].why_not);
            heading = "";
        }
    print_setting(w, v, out);
}

bool whatif_print(const struct whatif *w, struct history *h, FILE *out)
{
    struct verdict *verdicts = calloc(w->rules->count + 1, sizeof *verdicts);
    bool ok = verdicts != NULL;
    for (unsigned i = 0; ok && i < w->rules->count; i++)
        ok = judge(w, &w->rules->rules[i], h, &verdicts[i], out);
    if (ok) {
        print_table(w, verdicts, out);
        print_unjudged(w, verdicts, out);
    }
    free(verdicts);
    return ok;
}
