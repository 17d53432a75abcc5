/* Rules over a model, judged with a clock that the test holds; s.out has what the last step made. */
#ifndef ALARM_WORLD_H
#define ALARM_WORLD_H

#include "../../agent/alarm.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUT_MAX 64

/* One engine over a model; s.out has what the last step made. */
static struct {
    struct model model;
    struct names *names;
    struct config *config;
    struct alarm_rules *rules;
    struct alarms *alarms;
    struct alarm_limits limits;
    struct transition out[OUT_MAX];
    unsigned count;
    int64_t now;
} s;

static const struct alarm_limits no_limits = {0, 0, 600};

static inline void take_rules(const char *alarms)
{
    char path[] = "/tmp/test_alarm.XXXXXX";
    struct err_list errors = {0}, warnings = {0};
    FILE *f = fdopen(mkstemp(path), "w");
    fprintf(f, "alarms = ( %s );", alarms);
    fclose(f);
    s.config = config_load(path, &errors);
    s.rules = s.config ? alarm_rules_make(s.config, &errors, &warnings) : NULL;
    for (unsigned i = 0; i < errors.count; i++)
        print_message("%s\n", errors.lines[i]);
    assert_non_null(s.rules);
    unlink(path);
}

static inline void start_engine(void)
{
    s.alarms = alarm_new(s.rules, &s.limits, &s.model, s.names, s.now);
    assert_non_null(s.alarms);
}

static inline void begin(const char *alarms)
{
    memset(&s, 0, sizeof s);
    uint32_t none[MODEL_TABLES] = {0};
    assert_true(model_init(&s.model, none));
    s.names = names_new();
    s.now = 1000000;
    s.limits = no_limits;
    model_place(&s.model, MODEL_AGENT, (uint32_t[3]){1, 0, 0}, NULL);
    take_rules(alarms);
    start_engine();
}

static inline void stop_engine(void)
{
    alarm_free(s.alarms);
    alarm_rules_free(s.rules);
    config_free(s.config);
}

static inline void end(void)
{
    stop_engine();
    names_free(s.names);
    model_free(&s.model);
}

/* The rules change, the rows stay: as after a restart. */
static inline void restart(const char *alarms)
{
    stop_engine();
    take_rules(alarms);
    start_engine();
}

static inline unsigned step(int64_t ms)
{
    s.now += ms;
    s.count = alarm_step(s.alarms, s.now, s.out, OUT_MAX);
    return s.count;
}

static inline struct disk *disk(uint32_t index, const char *path, uint64_t percent)
{
    struct disk *d = model_place(&s.model, MODEL_DISK, (uint32_t[3]){index, 0, 0}, NULL);
    TEXT_SET(d->path, slice_of(path));
    d->kind = DISK_OTHER;
    d->percent_available = percent;
    return d;
}

static inline struct group *group(uint32_t index, const char *name)
{
    struct appl *a = model_place(&s.model, MODEL_APPL, (uint32_t[3]){1, 0, 0}, NULL);
    TEXT_SET(a->name, SLICE("postfix"));
    struct group *g = model_place(&s.model, MODEL_GROUP, (uint32_t[3]){1, index, 0}, NULL);
    TEXT_SET(g->name, slice_of(name));
    return g;
}

static inline struct alarm *alarm_named(const char *id, const char *instance)
{
    for (uint32_t i = 0; i < s.model.tables[MODEL_ALARM].count; i++) {
        struct alarm *a = model_row(&s.model, MODEL_ALARM, i);
        if (slice_eq(TEXT_GET(a->id), slice_of(id)) &&
            slice_eq(TEXT_GET(a->instance), slice_of(instance)))
            return a;
    }
    return NULL;
}

static inline void told(unsigned i, enum alarm_event event, const char *text)
{
    char seen[256];
    assert_true(i < s.count);
    struct slice t = TEXT_GET(s.out[i].text);
    snprintf(seen, sizeof seen, "%.*s", (int)t.n, t.p);
    assert_string_equal(seen, text);
    assert_int_equal(s.out[i].event, event);
}

#define DISK                                                                                       \
    "{ name = \"d\"; object = \"mailmonDiskPercentAvailable\"; direction = \"below\"; "            \
    "threshold = 10; unit = \"%\"; description = \"space\"; severity = \"major\"; "
#define OFF(name) "{ name = \"" name "\"; enabled = false; }"
/* The built-in rules that also look at disks and groups. */
#define ONLY(rule)                                                                                 \
    OFF("diskavail")                                                                               \
    "," OFF("partition") "," OFF("diskfull") "," OFF("queue") "," OFF("held") "," OFF(             \
        "oldest") "," OFF("service") "," rule

#endif
