/*
 * From sections to rules. A rule is laid together from up to three parts (built in, configutil, its
 * section), checked against the tables, and reported with the place of the last part that said
 * something.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "alarm_rule.h"
#include "lookup.h"

#define VALUE_LIMIT ((int64_t)UINT32_MAX) /* the largest number that a 32-bit column shows */

struct making {
    struct config_alarm a; /* what was laid together; owns nothing */
    const struct config_at *at;
    struct err_list *errors, *warnings;
    unsigned before; /* faults before this rule */
};

static void fault(struct making *m, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void fault(struct making *m, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    err_add(m->errors, m->at->file, m->at->line, "alarm %s: %s", m->a.name, text);
}

/* Laying together */

static void lay_texts(struct config_alarm *on, const struct config_alarm *a)
{
    char **to[] = {&on->object,    &on->instances, &on->where, &on->kind,       &on->rate,
                   &on->direction, &on->severity,  &on->unit,  &on->description};
    char *const from[] = {a->object,    a->instances, a->where, a->kind,       a->rate,
                          a->direction, a->severity,  a->unit,  a->description};
    for (unsigned i = 0; i < sizeof from / sizeof from[0]; i++)
        if (from[i])
            *to[i] = from[i];
}

static void lay_numbers(struct config_alarm *on, const struct config_alarm *a)
{
    uint32_t *to[] = {&on->divide,     &on->deviations, &on->samples,      &on->hold_s,
                      &on->interval_s, &on->repeat_s,   &on->instances_max};
    const uint32_t from[] = {a->divide,     a->deviations, a->samples,      a->hold_s,
                             a->interval_s, a->repeat_s,   a->instances_max};
    for (unsigned i = 0; i < sizeof from / sizeof from[0]; i++)
        if (from[i] != CONFIG_UNSET)
            *to[i] = from[i];
    if (a->threshold != INT64_MIN) {
        on->threshold = a->threshold;
        on->values.count = 0;
        on->clear_threshold = INT64_MIN;
    }
    if (a->clear_threshold != INT64_MIN)
        on->clear_threshold = a->clear_threshold;
    if (a->values.count)
        on->values = a->values;
}

/* A section that names another column is about something else than the built-in rule of its name. */
static void lay(struct making *m, const struct config_alarm *a)
{
    if (a->object && m->a.object && strcmp(a->object, m->a.object) != 0) {
        m->a.where = m->a.instances = m->a.unit = m->a.description = m->a.kind = m->a.rate = NULL;
        m->a.values.count = 0;
        m->a.divide = 1;
    }
    lay_texts(&m->a, a);
    lay_numbers(&m->a, a);
    m->a.enabled = a->enabled;
    m->at = &a->at;
}

/* Columns */

static bool is_text(const struct column *c)
{
    return c->kind == COLUMN_TEXT || c->kind == COLUMN_TEXT_NEVER || c->kind == COLUMN_TEXT_EMPTY ||
           c->kind == COLUMN_OLDEST_TEXT;
}

static bool is_numeric(const struct column *c)
{
    return !is_text(c) && c->kind != COLUMN_DATE && c->kind != COLUMN_PROTOCOL &&
           c->kind != COLUMN_ADDRESS && c->kind != COLUMN_OID && c->kind != COLUMN_BITS &&
           c->kind != COLUMN_KEY && c->kind != COLUMN_TIMESTAMP && c->kind != COLUMN_MODEL_AGE;
}

static bool is_signed(const struct column *c)
{
    return c->kind == COLUMN_INTEGER;
}

static const char *nearest_column(const char *name)
{
    const char *best = NULL;
    unsigned least = (unsigned)strlen(name) / 3 + 2;
    for (uint32_t t = 0; t < tables_count; t++)
        for (uint32_t i = 0; i < tables[t]->column_count; i++) {
            const char *other = tables[t]->columns[i].name;
            unsigned d = config_distance(name, other);
            if (d < least) {
                least = d;
                best = other;
            }
        }
    return best;
}

static const struct column *column_named(struct making *m, const char *setting, const char *name,
                                         const struct table **table)
{
    const struct column *c = lookup_column(name, table);
    const char *near = c || strlen(name) > 64 ? NULL : nearest_column(name);
    if (near)
        fault(m, "%s: there is no column %s; did you mean %s?", setting, name, near);
    else if (!c)
        fault(m, "%s: there is no column %.100s; mailmond --tables lists them", setting, name);
    return c;
}

const struct column *alarm_naming(enum model_table rows)
{
    static const char *const endings[] = {"Name", "Path", "Domain", "Owner", "AddressText"};
    for (uint32_t t = 0; t < tables_count; t++)
        for (uint32_t i = 0; tables[t]->rows == rows && i < tables[t]->column_count; i++) {
            const struct column *c = &tables[t]->columns[i];
            struct slice name = slice_of(c->name);
            for (unsigned e = 0; e < sizeof endings / sizeof endings[0]; e++)
                if ((c->kind == COLUMN_TEXT || c->kind == COLUMN_ADDRESS) &&
                    slice_ends(name, slice_of(endings[e])))
                    return c;
        }
    return NULL;
}

const struct alarm_baseline alarm_baselines[] = {
    {MODEL_GROUP, "mtaGroupStoredMessages", offsetof(struct group, depth_mean),
     offsetof(struct group, depth_deviation), offsetof(struct group, depth_samples)},
    {.object = NULL},
};

const struct alarm_baseline *alarm_baseline_of(const struct column *c, enum model_table rows)
{
    for (const struct alarm_baseline *b = alarm_baselines; b->object; b++)
        if (b->rows == rows && strcmp(b->object, c->name) == 0)
            return b;
    return NULL;
}

/* The number of a label, or -1. */
static int64_t label_number(const struct column *c, const char *text)
{
    if (c->kind == COLUMN_TRUTH)
        return strcmp(text, "true") == 0 ? 1 : strcmp(text, "false") == 0 ? 2 : -1;
    for (unsigned i = 0; c->labels && c->labels[i]; i++)
        if (strcmp(c->labels[i], text) == 0)
            return i + 1;
    return -1;
}

static void unknown_label(struct making *m, const char *setting, const struct column *c,
                          const char *text)
{
    char all[400] = "";
    for (unsigned i = 0; c->labels && c->labels[i]; i++) {
        size_t n = strlen(all);
        snprintf(all + n, sizeof all - n, "%s%s", i ? ", " : "", c->labels[i]);
    }
    fault(m, "%s: %s is never \"%.60s\"; it is one of %s", setting, c->name, text,
          *all ? all : "true, false");
}

/* Parts of a rule */

static void take_object(struct making *m, struct alarm_rule *r)
{
    if (!m->a.object) {
        fault(m, "object is missing: name a column, such as object = \"mtaGroupStoredMessages\";");
        return;
    }
    r->column = column_named(m, "object", m->a.object, &r->table);
    if (!r->column)
        return;
    r->naming = alarm_naming(r->table->rows);
    if (r->kind != RULE_ABSENT && r->kind != RULE_STALE && !is_numeric(r->column))
        fault(m, "object: %s is not a number that can be compared%s", r->column->name,
              r->column->kind == COLUMN_DATE || r->column->kind == COLUMN_TIMESTAMP
                  ? "; for most instants there is a column of its age"
                  : "");
    if (r->kind == RULE_STALE && !is_numeric(r->column))
        fault(m, "object: kind \"stale\" needs a number that changes; %s is none", r->column->name);
    if (r->table->rows == MODEL_ALARM || r->table->rows == MODEL_ALARM_LOG)
        fault(m, "object: an alarm of alarms would never end");
}

/* "COLUMN = VALUE" */
static void take_where(struct making *m, struct alarm_rule *r)
{
    char name[80], value[80];
    int end = 0;
    const struct table *table;
    if (!m->a.where || !r->column)
        return;
    if (sscanf(m->a.where, " %79[A-Za-z0-9] = %79[A-Za-z0-9-] %n", name, value, &end) != 2 ||
        m->a.where[end]) {
        fault(m, "where: write such as where = \"mailmonDiskKind = storePartition\";");
        return;
    }
    r->where = column_named(m, "where", name, &table);
    if (!r->where)
        return;
    if (table->rows != r->table->rows) {
        fault(m, "where: %s is not a column of the rows of %s", name, r->column->name);
        return;
    }
    char *rest;
    r->where_value = strtoll(value, &rest, 10);
    if (!is_numeric(r->where))
        fault(m, "where: %s is not a number", name);
    else if (r->where->labels || r->where->kind == COLUMN_TRUTH || *rest) {
        r->where_value = label_number(r->where, value);
        if (r->where_value < 0)
            unknown_label(m, "where", r->where, value);
    }
}

static void take_kind(struct making *m, struct alarm_rule *r)
{
    static const struct {
        const char *name;
        int64_t ms;
    } rates[] = {
        {"per_second", 1000}, {"per_minute", 60000}, {"per_hour", 3600000}, {"per_day", 86400000}};
    const char *kind = m->a.kind ? m->a.kind : "value";
    r->kind = strcmp(kind, "baseline") == 0 ? RULE_BASELINE
              : strcmp(kind, "stale") == 0  ? RULE_STALE
              : strcmp(kind, "absent") == 0 ? RULE_ABSENT
                                            : RULE_VALUE;
    if (m->a.rate && r->kind != RULE_VALUE)
        fault(m, "rate cannot be together with kind \"%s\"", kind);
    for (unsigned i = 0; m->a.rate && i < sizeof rates / sizeof rates[0]; i++)
        if (strcmp(rates[i].name, m->a.rate) == 0) {
            r->kind = RULE_RATE;
            r->rate_ms = rates[i].ms;
        }
}

static void take_values(struct making *m, struct alarm_rule *r)
{
    if (m->a.values.count == 0)
        return;
    if (r->kind != RULE_VALUE) {
        fault(m, "values can only be judged as they are, without rate and kind");
        return;
    }
    if (r->column->kind != COLUMN_TRUTH && !(r->column->kind == COLUMN_ENUM && r->column->labels)) {
        fault(m, "values: %s is not an enumeration; write a threshold", r->column->name);
        return;
    }
    r->threshold = 64;
    for (unsigned i = 0; i < m->a.values.count; i++) {
        int64_t n = label_number(r->column, m->a.values.items[i]);
        if (n < 0 || n > 63) {
            unknown_label(m, "values", r->column, m->a.values.items[i]);
            continue;
        }
        r->values |= UINT64_C(1) << n;
        r->threshold = n < r->threshold ? n : r->threshold;
    }
    r->clear_threshold = r->threshold;
}

/* Can a value of the column be beyond the threshold, and can it come back? */
static void check_reach(struct making *m, const struct alarm_rule *r)
{
    int64_t t = r->threshold;
    bool counts_up = !is_signed(r->column) && r->kind != RULE_RATE;
    if (counts_up && !r->above && t <= 0)
        fault(m, "threshold is %" PRId64 ", but %s is never below 0", t, r->column->name);
    else if (counts_up && r->above && t < 0)
        fault(m, "threshold is %" PRId64 ", but %s is always above it", t, r->column->name);
    else if (r->kind == RULE_VALUE && r->divide == 1 && strstr(r->column->name, "Percent") &&
             (r->above ? t >= 100 : t > 100))
        fault(m, "threshold is %" PRId64 ", but %s is a percentage", t, r->column->name);
    else if (r->kind == RULE_VALUE && r->above && t > VALUE_LIMIT / r->divide)
        fault(m,
              "threshold is %" PRId64 ", but with divide = %" PRId64 " %s is never above "
              "%" PRId64,
              t, r->divide, r->column->name, VALUE_LIMIT / r->divide);
}

static void take_threshold(struct making *m, struct alarm_rule *r)
{
    r->above = !m->a.direction || strcmp(m->a.direction, "above") == 0;
    r->divide = m->a.divide;
    if (r->kind == RULE_ABSENT || m->a.values.count) {
        r->above = true; /* judged as 0 or 1 */
        if (m->a.clear_threshold != INT64_MIN || (r->kind == RULE_ABSENT && m->a.threshold > 0))
            fault(m, "a threshold has no meaning here: a value is there or not");
        return;
    }
    if (r->column && r->column->kind == COLUMN_ENUM && r->column->labels) {
        fault(m, "%s is an enumeration: write values = [ \"%s\" ] in place of a threshold",
              r->column->name, r->column->labels[0]);
        return;
    }
    if (m->a.threshold == INT64_MIN) {
        fault(m, "threshold is missing");
        return;
    }
    r->threshold = m->a.threshold;
    r->clear_threshold = m->a.clear_threshold == INT64_MIN ? m->a.threshold : m->a.clear_threshold;
    if (r->kind == RULE_BASELINE && m->a.clear_threshold != INT64_MIN)
        fault(m, "clear_threshold has no meaning with a baseline, which moves");
    if (r->above ? r->clear_threshold > r->threshold : r->clear_threshold < r->threshold)
        fault(m,
              "clear_threshold is %" PRId64 ": the alarm would be cleared while it is raised; "
              "it must be %s the threshold %" PRId64,
              r->clear_threshold, r->above ? "at most" : "at least", r->threshold);
    if (r->column)
        check_reach(m, r);
}

static void take_severity(struct making *m, struct alarm_rule *r)
{
    static const char *const names[] = {[SEVERITY_INDETERMINATE] = "indeterminate",
                                        [SEVERITY_CRITICAL] = "critical",
                                        [SEVERITY_MAJOR] = "major",
                                        [SEVERITY_MINOR] = "minor",
                                        [SEVERITY_WARNING] = "warning"};
    const char *severity = m->a.severity ? m->a.severity : "warning";
    for (unsigned i = SEVERITY_INDETERMINATE; i <= SEVERITY_WARNING; i++)
        if (strcmp(names[i], severity) == 0)
            r->severity = (enum alarm_severity)i;
}

static char *copy(const char *text)
{
    char *c = strdup(text);
    if (!c)
        abort();
    return c;
}

static void take_rest(struct making *m, struct alarm_rule *r)
{
    const struct config_alarm *a = &m->a;
    if (a->instances && strlen(a->instances) > 200)
        fault(m, "instances: the pattern is longer than 200 octets");
    if (r->kind == RULE_BASELINE && r->column && !alarm_baseline_of(r->column, r->table->rows))
        fault(m, "kind: there is no baseline of %s; there is one of mtaGroupStoredMessages",
              r->column->name);
    r->deviations = a->deviations;
    r->samples = a->samples;
    r->hold_s = a->hold_s;
    r->interval_s = a->interval_s;
    r->repeat_s = a->repeat_s;
    r->instances_max = a->instances_max;
    r->name = copy(a->name);
    r->description = copy(a->description ? a->description : a->object ? a->object : a->name);
    r->unit = copy(a->unit ? a->unit : r->kind == RULE_STALE ? "seconds" : "");
    r->instances = a->instances ? copy(a->instances) : NULL;
}

static void release(struct alarm_rule *r)
{
    free(r->name);
    free(r->description);
    free(r->unit);
    free(r->instances);
}

static void make(struct making *m, struct alarm_rules *all)
{
    struct alarm_rule r = {0};
    if (!m->a.enabled || m->a.interval_s == 0) {
        all->off++;
        return;
    }
    take_kind(m, &r);
    take_object(m, &r);
    take_where(m, &r);
    if (r.column)
        take_values(m, &r);
    take_threshold(m, &r);
    take_severity(m, &r);
    take_rest(m, &r);
    if (m->errors->count > m->before)
        release(&r);
    else
        all->rules[all->count++] = r;
}

/* All rules */

static const struct config_alarm *named(const struct config_list *list, const char *name)
{
    const struct config_alarm *all = list->items;
    for (unsigned i = 0; i < list->count; i++)
        if (all[i].name && strcmp(all[i].name, name) == 0)
            return &all[i];
    return NULL;
}

static const struct config_alarm *built_in(const char *name)
{
    for (const struct config_alarm *d = alarm_defaults; d->name; d++)
        if (strcmp(d->name, name) == 0)
            return d;
    return NULL;
}

/* What the table of built-in rules leaves out is 0 there. */
static struct config_alarm unset_zeros(const struct config_alarm *d)
{
    struct config_alarm a = *d;
    uint32_t *numbers[] = {&a.divide,     &a.deviations, &a.samples,      &a.hold_s,
                           &a.interval_s, &a.repeat_s,   &a.instances_max};
    for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (*numbers[i] == 0)
            *numbers[i] = CONFIG_UNSET;
    a.clear_threshold = INT64_MIN;
    a.enabled = true;
    return a;
}

static void add(const struct config *c, struct alarm_rules *all, const char *name,
                struct err_list *errors, struct err_list *warnings)
{
    static const struct config_at nowhere;
    static const struct config_alarm fresh = {.enabled = true,
                                              .threshold = INT64_MIN,
                                              .clear_threshold = INT64_MIN,
                                              .divide = 1,
                                              .deviations = 3,
                                              .samples = 12,
                                              .interval_s = 60,
                                              .repeat_s = 86400,
                                              .instances_max = 1000};
    const struct config_alarm *part = built_in(name);
    struct making m = {fresh, &nowhere, errors, warnings, errors->count};
    m.a.name = (char *)(uintptr_t)name;
    if (part) {
        struct config_alarm d = unset_zeros(part);
        lay(&m, &d);
        m.at = &nowhere;
    }
    if ((part = named(&c->seed_alarms, name)))
        lay(&m, part);
    if ((part = named(&c->alarms, name)))
        lay(&m, part);
    make(&m, all);
}

static void check_names(const struct config *c, struct err_list *errors, struct err_list *warnings)
{
    const struct config_alarm *a = c->alarms.items, *seed = c->seed_alarms.items;
    for (unsigned i = 0; i < c->alarms.count; i++) {
        if (!a[i].name)
            err_add(errors, a[i].at.file, a[i].at.line, "alarms: a rule without a name");
        else if (strlen(a[i].name) > 63)
            err_add(errors, a[i].at.file, a[i].at.line,
                    "alarm %.20s...: the name is longer than 63", a[i].name);
        else if (named(&c->alarms, a[i].name) != &a[i])
            err_add(errors, a[i].at.file, a[i].at.line,
                    "alarm %s: a second rule of this name (the first is in line %u)", a[i].name,
                    named(&c->alarms, a[i].name)->at.line);
    }
    for (unsigned i = 0; i < c->seed_alarms.count; i++)
        if (!built_in(seed[i].name) && !named(&c->alarms, seed[i].name))
            err_add(warnings, seed[i].at.file, seed[i].at.line,
                    "there is no alarm %s: its parameters have no effect", seed[i].name);
}

struct alarm_rules *alarm_rules_make(const struct config *c, struct err_list *errors,
                                     struct err_list *warnings)
{
    unsigned before = errors->count, most = c->alarms.count;
    const struct config_alarm *a = c->alarms.items;
    for (const struct config_alarm *d = alarm_defaults; d->name; d++)
        most++;
    struct alarm_rules *all = calloc(1, sizeof *all);
    if (!all || !(all->rules = calloc(most, sizeof *all->rules)))
        abort();
    check_names(c, errors, warnings);
    for (const struct config_alarm *d = alarm_defaults; d->name; d++)
        add(c, all, d->name, errors, warnings);
    for (unsigned i = 0; i < c->alarms.count; i++)
        if (a[i].name && !built_in(a[i].name) && named(&c->alarms, a[i].name) == &a[i])
            add(c, all, a[i].name, errors, warnings);
    if (errors->count == before)
        return all;
    alarm_rules_free(all);
    return NULL;
}

void alarm_rules_free(struct alarm_rules *r)
{
    for (unsigned i = 0; r && i < r->count; i++)
        release(&r->rules[i]);
    if (r)
        free(r->rules);
    free(r);
}

/* Printing */

static void print_condition(const struct alarm_rule *r, FILE *out)
{
    static const char *const rates[] = {"second", "minute", "hour", "day"};
    int rate = r->rate_ms == 1000 ? 0 : r->rate_ms == 60000 ? 1 : r->rate_ms == 3600000 ? 2 : 3;
    if (r->kind == RULE_ABSENT) {
        fputs(" is absent", out);
        return;
    }
    if (r->values) {
        const char *separator = " is ";
        for (unsigned i = 1; i < 64; i++)
            if (r->values >> i & 1) {
                fprintf(out, "%s%s", separator,
                        r->column->labels ? r->column->labels[i - 1]
                        : i == 1          ? "true"
                                          : "false");
                separator = " or ";
            }
        return;
    }
    if (r->divide != 1)
        fprintf(out, " / %" PRId64, r->divide);
    if (r->kind == RULE_RATE)
        fprintf(out, " per %s", rates[rate]);
    if (r->kind == RULE_STALE)
        fputs(" unchanged", out);
    fprintf(out, " %s %" PRId64, r->above ? "above" : "below", r->threshold);
    if (*r->unit)
        fprintf(out, " %s", r->unit);
    if (r->kind == RULE_BASELINE)
        fprintf(out, " and %s its mean by %u deviations", r->above ? "above" : "below",
                r->deviations);
    if (r->clear_threshold != r->threshold)
        fprintf(out, ", clear at %" PRId64, r->clear_threshold);
}

static void print_where(const struct alarm_rule *r, FILE *out)
{
    if (r->where->labels)
        fprintf(out, ", where %s = %s", r->where->name, r->where->labels[r->where_value - 1]);
    else
        fprintf(out, ", where %s = %" PRId64, r->where->name, r->where_value);
}

void alarm_rules_print(const struct alarm_rules *all, FILE *out)
{
    static const char *const severities[] = {"",      "cleared", "indeterminate", "critical",
                                             "major", "minor",   "warning"};
    for (unsigned i = 0; i < all->count; i++) {
        const struct alarm_rule *r = &all->rules[i];
        fprintf(out, "alarm %s: %s: %s", r->name, severities[r->severity], r->column->name);
        print_condition(r, out);
        if (r->where)
            print_where(r, out);
        if (r->instances)
            fprintf(out, ", of %s", r->instances);
        if (r->hold_s)
            fprintf(out, ", for %u s", r->hold_s);
        fprintf(out, "; every %u s", r->interval_s);
        if (r->repeat_s)
            fprintf(out, ", repeated every %u s", r->repeat_s);
        fputc('\n', out);
    }
}
