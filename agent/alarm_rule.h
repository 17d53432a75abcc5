/*
 * Rules of alarms: sections of the configuration turned into columns and numbers, once. What a
 * section leaves out comes from configutil's parameters of that name, then from the built-in rule of
 * that name. Nothing here changes after alarm_rules_make.
 */
#ifndef ALARM_RULE_H
#define ALARM_RULE_H

#include "config.h"
#include "table.h"

enum rule_kind {
    RULE_VALUE,
    RULE_RATE,     /* by how much it grows in rate_ms */
    RULE_BASELINE, /* against mean and deviation of the row */
    RULE_STALE,    /* seconds since it changed */
    RULE_ABSENT    /* there is no value, or no row */
};

struct alarm_rule {
    char *name, *description, *unit;
    char *instances; /* fnmatch(3) pattern; NULL: every row */
    const struct table *table;
    const struct column *column;
    const struct column *naming; /* the text by which people know a row, or NULL */
    const struct column *where;  /* NULL, or must be where_value */
    int64_t where_value;
    enum rule_kind kind;
    bool above;        /* bad beyond it; else below */
    uint64_t values;   /* enumeration: bit n set: value n is bad; 0: the threshold decides */
    int64_t threshold; /* in `unit`, as all numbers that people see */
    int64_t clear_threshold;
    int64_t divide;  /* the column's value divided by this is in `unit` */
    int64_t rate_ms; /* RULE_RATE */
    uint32_t deviations, samples;
    uint32_t hold_s, interval_s, repeat_s, instances_max;
    enum alarm_severity severity;
};

struct alarm_rules {
    struct alarm_rule *rules; /* only those that are on */
    unsigned count;
    unsigned off; /* how many are turned off */
};

/* Where the baseline of a row is, by its kind; NULL: rows of this kind have none. */
struct alarm_baseline {
    enum model_table rows;
    const char *object; /* the column whose history it is */
    uint32_t mean, deviation, samples;
};
extern const struct alarm_baseline alarm_baselines[]; /* ends with a NULL object */
const struct alarm_baseline *alarm_baseline_of(const struct column *c, enum model_table rows);

/* Makes the rules. Every fault goes to `errors` with its place, what is only unwise to `warnings`;
 * NULL if there is a fault. */
struct alarm_rules *alarm_rules_make(const struct config *c, struct err_list *errors,
                                     struct err_list *warnings);
void alarm_rules_free(struct alarm_rules *r);
/* One line for each rule, for `mailmond --check`. */
void alarm_rules_print(const struct alarm_rules *all, FILE *out);

/* The text by which people know a row: the first that is a name; NULL: none. AUGMENTS shares the row of
   another table. */
const struct column *alarm_naming(enum model_table rows);

/* The built-in rules; ends with a NULL name. */
extern const struct config_alarm alarm_defaults[];

#endif
