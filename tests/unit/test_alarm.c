/* alarm.c: what each kind of rule makes of rows, with a clock that the test holds. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../../agent/alarm.h"

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

static void take_rules(const char *alarms)
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

static void start_engine(void)
{
    s.alarms = alarm_new(s.rules, &s.limits, &s.model, s.names, s.now);
    assert_non_null(s.alarms);
}

static void begin(const char *alarms)
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

static void stop_engine(void)
{
    alarm_free(s.alarms);
    alarm_rules_free(s.rules);
    config_free(s.config);
}

static void end(void)
{
    stop_engine();
    names_free(s.names);
    model_free(&s.model);
}

/* The rules change, the rows stay: as after a restart. */
static void restart(const char *alarms)
{
    stop_engine();
    take_rules(alarms);
    start_engine();
}

static unsigned step(int64_t ms)
{
    s.now += ms;
    s.count = alarm_step(s.alarms, s.now, s.out, OUT_MAX);
    return s.count;
}

static struct disk *disk(uint32_t index, const char *path, uint64_t percent)
{
    struct disk *d = model_place(&s.model, MODEL_DISK, (uint32_t[3]){index, 0, 0}, NULL);
    TEXT_SET(d->path, slice_of(path));
    d->kind = DISK_OTHER;
    d->percent_available = percent;
    return d;
}

static struct group *group(uint32_t index, const char *name)
{
    struct appl *a = model_place(&s.model, MODEL_APPL, (uint32_t[3]){1, 0, 0}, NULL);
    TEXT_SET(a->name, SLICE("postfix"));
    struct group *g = model_place(&s.model, MODEL_GROUP, (uint32_t[3]){1, index, 0}, NULL);
    TEXT_SET(g->name, slice_of(name));
    return g;
}

static struct alarm *alarm_named(const char *id, const char *instance)
{
    for (uint32_t i = 0; i < s.model.tables[MODEL_ALARM].count; i++) {
        struct alarm *a = model_row(&s.model, MODEL_ALARM, i);
        if (slice_eq(TEXT_GET(a->id), slice_of(id)) &&
            slice_eq(TEXT_GET(a->instance), slice_of(instance)))
            return a;
    }
    return NULL;
}

static void told(unsigned i, enum alarm_event event, const char *text)
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

static void value_crosses_and_comes_back(void **state)
{
    (void)state;
    begin(ONLY(DISK "interval = 10; }"));
    struct disk *d = disk(1, "/var", 50);
    assert_int_equal(step(0), 0);
    struct alarm *a = alarm_named("d", "/var");
    assert_non_null(a);
    assert_true(a->state == ALARM_CLEAR && a->current == 50 && a->high == 50 && a->low == 50);
    assert_int_equal(a->last_set_at, s.now);
    assert_int_equal(a->reset_at, s.now);
    d->percent_available = 10;
    assert_int_equal(step(10000), 0); /* at the threshold is not below it */
    d->percent_available = 9;
    assert_int_equal(step(5000), 0); /* not due */
    assert_int_equal(step(5000), 1);
    told(0, ALARM_EVENT_RAISED, "space of \"/var\" is 9 %, threshold 10");
    assert_true(a->state == ALARM_RAISED && a->crossings == 1 && a->warnings_sent == 1);
    assert_true(a->low == 9 && a->high == 50 && a->last_warning_at == s.now);
    assert_int_equal(s.out[0].severity, SEVERITY_MAJOR);
    assert_true(s.out[0].value == 9 && s.out[0].threshold == 10 && s.out[0].crossings == 1);
    assert_int_equal(s.out[0].alarm_index, a->row.key[0]);
    const struct agent *agent = model_row(&s.model, MODEL_AGENT, 0);
    assert_true(agent->alarms_active == 1 && agent->worst_severity == SEVERITY_MAJOR);
    assert_int_equal(step(10000), 0);
    d->percent_available = 60;
    assert_int_equal(step(10000), 1);
    told(0, ALARM_EVENT_CLEARED, "cleared: space of \"/var\" is 60 %, threshold 10");
    assert_int_equal(s.out[0].severity, SEVERITY_CLEARED);
    assert_true(a->state == ALARM_CLEAR && a->state_changed_at == s.now && a->high == 60);
    assert_true(agent->alarms_active == 0 && agent->worst_severity == SEVERITY_CLEARED);
    end();
}

static void hysteresis(void **state)
{
    (void)state;
    begin(ONLY(DISK "interval = 1; clear_threshold = 20; }"));
    struct disk *d = disk(1, "/var", 5);
    assert_int_equal(step(0), 1);
    d->percent_available = 15;
    assert_int_equal(step(1000), 0);
    d->percent_available = 20;
    assert_int_equal(step(1000), 1);
    d->percent_available = 15;
    assert_int_equal(step(1000), 0);
    end();
}

static void hold_time(void **state)
{
    (void)state;
    begin(ONLY(DISK "interval = 1; hold = 5; }"));
    struct disk *d = disk(1, "/var", 5);
    assert_int_equal(step(0), 0);
    struct alarm *a = alarm_named("d", "/var");
    assert_true(a->state == ALARM_PENDING && a->crossings == 1);
    assert_int_equal(step(4000), 0);
    d->percent_available = 50;
    assert_int_equal(step(1000), 0); /* it went away: nobody was told */
    assert_int_equal(a->state, ALARM_CLEAR);
    d->percent_available = 5;
    assert_int_equal(step(1000), 0);
    assert_int_equal(step(4000), 0);
    assert_int_equal(step(1000), 1);
    assert_true(a->state == ALARM_RAISED && a->crossings == 2);
    end();
}

static void reminders(void **state)
{
    (void)state;
    begin(ONLY(DISK "interval = 1; repeat = \"1 h\"; }"));
    struct disk *d = disk(1, "/var", 5);
    assert_int_equal(step(0), 1);
    assert_int_equal(step(3599000), 0);
    assert_int_equal(step(1000), 1);
    told(0, ALARM_EVENT_REMINDER, "still: space of \"/var\" is 5 %, threshold 10");
    assert_int_equal(alarm_named("d", "/var")->warnings_sent, 2);
    d->percent_available = MODEL_ABSENT; /* nothing is known, and that is no good news */
    assert_int_equal(step(3600000), 1);
    assert_int_equal(s.out[0].event, ALARM_EVENT_REMINDER);
    end();
}

static void an_absent_cell_neither_raises_nor_clears(void **state)
{
    (void)state;
    begin(ONLY(DISK "interval = 1; }"));
    struct disk *d = disk(1, "/var", MODEL_ABSENT);
    assert_int_equal(step(0), 0);
    assert_null(alarm_named("d", "/var"));
    d->percent_available = 5;
    assert_int_equal(step(1000), 1);
    d->percent_available = MODEL_ABSENT;
    for (int i = 0; i < 10; i++)
        assert_int_equal(step(60000), 0);
    assert_int_equal(alarm_named("d", "/var")->state, ALARM_RAISED);
    end();
}

static void a_new_row_need_not_wait_for_the_interval(void **state)
{
    (void)state;
    begin(ONLY(DISK "interval = 3600; }"));
    assert_int_equal(step(0), 0);
    struct disk *d = disk(1, "/var", MODEL_ABSENT);
    assert_int_equal(step(5000), 0);
    d->percent_available = 5;
    assert_int_equal(step(5000), 1);
    d->percent_available = 50;
    assert_int_equal(step(5000), 0); /* but the next check is after an hour */
    assert_int_equal(step(3600000), 1);
    end();
}

static void instances_by_name_and_index(void **state)
{
    (void)state;
    begin(ONLY(DISK
               "interval = 1; instances = \"/var/*\"; }, { name = \"i\"; object = "
               "\"mtaGroupStoredMessages\"; instances = \"1.2\"; threshold = 1; interval = 1; },"
               "{ name = \"n\"; object = \"mtaGroupStoredMessages\"; instances = \"def*\"; "
               "threshold = 1; interval = 1; }"));
    disk(1, "/var/mail", 5);
    disk(2, "/home", 5);
    group(1, "active")->stored_messages = 5;
    group(2, "deferred")->stored_messages = 5;
    assert_int_equal(step(0), 3);
    assert_non_null(alarm_named("d", "/var/mail"));
    assert_null(alarm_named("d", "/home"));
    assert_non_null(alarm_named("i", "postfix/deferred"));
    assert_non_null(alarm_named("n", "postfix/deferred"));
    struct alarm *a = alarm_named("n", "postfix/deferred");
    uint32_t oid[] = {1, 3, 6, 1, 2, 1, 28, 2, 1, 4, 1, 2};
    assert_int_equal(a->object.length, 12);
    assert_memory_equal(a->object.parts, oid, sizeof oid);
    end();
}

static void where_another_column_says_so(void **state)
{
    (void)state;
    begin(ONLY(DISK "interval = 1; where = \"mailmonDiskKind = queue\"; }"));
    disk(1, "/a", 5)->kind = DISK_QUEUE;
    disk(2, "/b", 5);
    assert_int_equal(step(0), 1);
    assert_non_null(alarm_named("d", "/a"));
    end();
}

static void rates_and_counters_that_begin_anew(void **state)
{
    (void)state;
    begin(ONLY("{ name = \"r\"; object = \"mtaGroupReceivedMessages\"; rate = \"per_minute\"; "
               "threshold = 100; interval = 10; description = \"mail\"; unit = \"a minute\"; }"));
    struct group *g = group(1, "smtpd");
    g->received_messages = 1000000;
    assert_int_equal(step(0), 0); /* one sample is no rate */
    g->received_messages += 16;
    assert_int_equal(step(10000), 0);
    assert_int_equal(alarm_named("r", "postfix/smtpd")->current, 96);
    g->received_messages += 20;
    assert_int_equal(step(10000), 1);
    told(0, ALARM_EVENT_RAISED, "mail of \"postfix/smtpd\" is 120 a minute, threshold 100");
    g->received_messages = 5; /* it began anew: neither a huge nor a negative rate */
    assert_int_equal(step(10000), 0);
    assert_int_equal(alarm_named("r", "postfix/smtpd")->current, 120);
    g->received_messages = 6;
    assert_int_equal(step(10000), 1);
    assert_int_equal(s.out[0].value, 6);
    g->received_messages = MODEL_ABSENT - 1; /* as large as can be */
    assert_int_equal(step(10000), 1);
    assert_int_equal(s.out[0].value, INT32_MAX);
    end();
}

static void a_gauge_may_fall(void **state)
{
    (void)state;
    begin(ONLY("{ name = \"r\"; object = \"mailmonDiskAvailableMB\"; rate = \"per_hour\"; "
               "direction = \"below\"; threshold = -100; interval = 60; }"));
    struct disk *d = disk(1, "/var", 50);
    d->available_mb = 1000;
    assert_int_equal(step(0), 0);
    d->available_mb = 998;
    assert_int_equal(step(60000), 1);
    assert_int_equal(s.out[0].value, -120);
    end();
}

static void baseline(void **state)
{
    (void)state;
    begin(ONLY("{ name = \"b\"; object = \"mtaGroupStoredMessages\"; kind = \"baseline\"; "
               "deviations = 3; threshold = 100; samples = 12; interval = 1; }"));
    struct group *g = group(1, "deferred");
    g->stored_messages = 100000;
    assert_int_equal(step(0), 0); /* no baseline */
    g->depth_mean = 200;
    g->depth_deviation = 50;
    g->depth_samples = 11;
    assert_int_equal(step(1000), 0); /* too few samples */
    g->depth_samples = 12;
    assert_int_equal(step(1000), 1);
    assert_int_equal(s.out[0].threshold, 350);
    g->stored_messages = 351;
    assert_int_equal(step(1000), 0);
    g->stored_messages = 350;
    assert_int_equal(step(1000), 1);
    g->depth_mean = g->depth_deviation = 0; /* a queue that is always empty */
    g->stored_messages = 100;
    assert_int_equal(step(1000), 0);
    g->stored_messages = 101;
    assert_int_equal(step(1000), 1);
    end();
}

static void stale(void **state)
{
    (void)state;
    static const char rule[] =
        ONLY("{ name = \"st\"; object = \"mtaGroupReceivedMessages\"; kind = \"stale\"; "
             "threshold = 60; interval = 1; description = \"received\"; }");
    begin(rule);
    struct group *g = group(1, "smtpd");
    g->received_messages = 7;
    assert_int_equal(step(0), 0);
    assert_int_equal(step(60000), 0);
    assert_int_equal(step(1000), 1);
    told(0, ALARM_EVENT_RAISED, "received of \"postfix/smtpd\" is 61 seconds, threshold 60");
    restart(rule);
    assert_int_equal(step(1000), 0); /* raised before, and nothing changed since */
    assert_int_equal(alarm_named("st", "postfix/smtpd")->state, ALARM_RAISED);
    g->received_messages = 8;
    assert_int_equal(step(1000), 1);
    assert_int_equal(s.out[0].event, ALARM_EVENT_CLEARED);
    end();
}

static void absence(void **state)
{
    (void)state;
    begin(ONLY("{ name = \"ab\"; object = \"mailmonDiskPercentAvailable\"; kind = \"absent\"; "
               "instances = \"/var*\"; interval = 1; description = \"disk\"; }"));
    assert_int_equal(step(0), 1);
    told(0, ALARM_EVENT_RAISED, "disk of \"/var*\" is absent");
    struct disk *d = disk(1, "/var", MODEL_ABSENT);
    assert_int_equal(step(1000), 2);
    told(0, ALARM_EVENT_RAISED, "disk of \"/var\" is absent");
    told(1, ALARM_EVENT_CLEARED, "cleared: disk of \"/var*\" is there");
    d->percent_available = 5;
    assert_int_equal(step(1000), 1);
    told(0, ALARM_EVENT_CLEARED, "cleared: disk of \"/var\" is there");
    end();
}

static void enumerations(void **state)
{
    (void)state;
    begin("{ name = \"source\"; hold = 0; interval = 1; }");
    struct source *r = model_place(&s.model, MODEL_SOURCE, (uint32_t[3]){1, 0, 0}, NULL);
    TEXT_SET(r->name, SLICE("mail.log"));
    r->status = SOURCE_CATCHING_UP;
    assert_int_equal(step(0), 0);
    r->status = SOURCE_MISSING;
    assert_int_equal(step(1000), 1);
    told(0, ALARM_EVENT_RAISED, "input of mailmond \"mail.log\" is missing");
    assert_int_equal(s.out[0].value, SOURCE_MISSING);
    r->status = SOURCE_DENIED; /* bad in another way: still the same alarm */
    assert_int_equal(step(1000), 0);
    r->status = SOURCE_OK;
    assert_int_equal(step(1000), 1);
    end();
}

static void divided(void **state)
{
    (void)state;
    begin("{ name = \"serverresponse\"; interval = 1; }");
    struct response *r = model_place(&s.model, MODEL_RESPONSE, (uint32_t[3]){1, 0, 0}, NULL);
    TEXT_SET(r->name, SLICE("imap_host_143"));
    r->total_ms = 10000;
    assert_int_equal(step(0), 0);
    r->total_ms = 10001;
    assert_int_equal(step(1000), 1);
    told(0, ALARM_EVENT_RAISED,
         "server response time in seconds of \"imap_host_143\" is 10 seconds, threshold 10");
    end();
}

static void a_row_that_goes_away(void **state)
{
    (void)state;
    begin(ONLY(DISK "interval = 10; }"));
    struct disk *d = disk(1, "/var", 5);
    assert_int_equal(step(0), 1);
    model_remove(&s.model, MODEL_DISK, d);
    for (int i = 0; i < 12; i++)
        assert_int_equal(step(10000), 0); /* it may come back */
    assert_int_equal(step(10000), 1);
    told(0, ALARM_EVENT_CLEARED, "cleared: space of \"/var\" is gone");
    assert_int_equal(s.model.tables[MODEL_ALARM].count, 0);
    d = disk(2, "/srv", 50); /* in its position */
    assert_int_equal(step(10000), 0);
    assert_int_equal(alarm_named("d", "/srv")->row.key[0], 2); /* no number twice */
    end();
}

static void state_outlives_a_restart(void **state)
{
    (void)state;
    begin(ONLY(DISK "interval = 1; repeat = \"1 h\"; }"));
    struct disk *d = disk(1, "/var", 5);
    disk(2, "/srv", 50);
    assert_int_equal(step(0), 1);
    struct alarm *a = alarm_named("d", "/var");
    uint32_t index = a->row.key[0];
    restart(ONLY(DISK "interval = 1; repeat = \"1 h\"; }"));
    assert_int_equal(step(1000), 0); /* known */
    assert_int_equal(s.model.tables[MODEL_ALARM].count, 2);
    assert_true(a->row.key[0] == index && a->crossings == 1 && a->state == ALARM_RAISED);
    assert_int_equal(step(3599000), 1);
    assert_int_equal(s.out[0].event, ALARM_EVENT_REMINDER);
    d->percent_available = 50;
    restart(ONLY(DISK "interval = 1; }"));
    assert_int_equal(step(1000), 1); /* it got well while nobody looked */
    assert_int_equal(s.out[0].event, ALARM_EVENT_CLEARED);
    end();
}

static void time_without_mailmond_is_not_held(void **state)
{
    (void)state;
    begin(ONLY(DISK "interval = 10; hold = 60; }"));
    disk(1, "/var", 5);
    assert_int_equal(step(0), 0);
    assert_int_equal(step(10000), 0);
    s.now += 20000;
    restart(ONLY(DISK "interval = 10; hold = 60; }"));
    assert_int_equal(step(0), 0);
    assert_int_equal(alarm_named("d", "/var")->state, ALARM_PENDING);
    assert_int_equal(step(10000), 0);
    s.now += 86400000;
    restart(ONLY(DISK "interval = 10; hold = 60; }"));
    assert_int_equal(step(0), 0); /* 40 s so far, and a day in which nobody looked */
    assert_int_equal(step(10000), 0);
    assert_int_equal(step(10000), 1);
    assert_int_equal(s.out[0].event, ALARM_EVENT_RAISED);
    end();
}

static void a_rule_that_is_removed_clears_its_alarms(void **state)
{
    (void)state;
    begin(ONLY(DISK "interval = 1; }"));
    disk(1, "/var", 5);
    assert_int_equal(step(0), 1);
    restart(ONLY("{ name = \"other\"; object = \"mailmonDiskLocked\"; values = [ \"true\" ]; }"));
    assert_int_equal(step(10), 1); /* at once */
    told(0, ALARM_EVENT_CLEARED, "cleared: space of \"/var\" is gone");
    assert_null(alarm_named("d", "/var"));
    assert_int_equal(step(130000), 0);
    end();
}

static void clocks_that_jump(void **state)
{
    (void)state;
    begin(ONLY(DISK "interval = 10; hold = 60; repeat = \"1 h\"; }, { name = \"r\"; object = "
                    "\"mtaGroupReceivedMessages\"; rate = \"per_minute\"; threshold = 100; "
                    "interval = 10; }"));
    struct disk *d = disk(1, "/var", 50);
    struct group *g = group(1, "smtpd");
    g->received_messages = 10;
    assert_int_equal(step(0), 0);
    assert_int_equal(step(-900000), 0); /* back: nothing happens, and checks go on */
    d->percent_available = 5;
    g->received_messages = 20;
    assert_int_equal(step(10000), 0);
    assert_int_equal(alarm_named("d", "/var")->state, ALARM_PENDING);
    assert_int_equal(step(60000), 1);
    assert_int_equal(s.out[0].event, ALARM_EVENT_RAISED);
    assert_int_equal(step(-600000), 0);
    assert_int_equal(step(10000), 0);
    assert_int_equal(step(3600000), 1);
    assert_int_equal(s.out[0].event,
                     ALARM_EVENT_REMINDER);             /* not silent for the length of the jump */
    assert_int_equal(step(INT64_C(400) * 86400000), 1); /* far ahead: one reminder, not 9,600 */
    assert_int_equal(s.out[0].event, ALARM_EVENT_REMINDER);
    assert_non_null(alarm_named("d", "/var")); /* and nothing is taken for gone */
    assert_int_equal(alarm_named("r", "postfix/smtpd")->state, ALARM_CLEAR);
    assert_int_equal(step(-INT64_C(400) * 86400000), 0);
    d->percent_available = 50;
    assert_int_equal(step(10000), 1);
    assert_int_equal(s.out[0].event, ALARM_EVENT_CLEARED);
    end();
}

static void a_flapping_alarm_says_so_once(void **state)
{
    (void)state;
    begin(ONLY(DISK "interval = 1; }"));
    s.limits = (struct alarm_limits){0, 4, 600};
    restart(ONLY(DISK "interval = 1; }"));
    struct disk *d = disk(1, "/var", 50);
    unsigned made = 0;
    for (int i = 0; i < 100; i++) {
        d->percent_available = i % 2 ? 50 : 5;
        made += step(1000);
        if (made == 7 && s.count)
            told(0, ALARM_EVENT_RAISED,
                 "changes too often (raised 4 times): space of \"/var\" is 5 %, threshold 10");
    }
    assert_int_equal(made, 7); /* raised and cleared three times, then once for all */
    assert_int_equal(alarm_named("d", "/var")->state, ALARM_SUPPRESSED);
    assert_int_equal(alarm_named("d", "/var")->crossings, 50);
    const struct agent *agent = model_row(&s.model, MODEL_AGENT, 0);
    assert_int_equal(agent->alarms_active, 1);
    d->percent_available = 50;
    assert_int_equal(step(599000), 0);
    assert_int_equal(step(1000), 1);
    assert_int_equal(s.out[0].event, ALARM_EVENT_CLEARED);
    d->percent_available = 5;
    assert_int_equal(step(1000), 1);
    told(0, ALARM_EVENT_RAISED, "space of \"/var\" is 5 %, threshold 10");
    end();
}

static void a_storm_is_delayed_not_lost(void **state)
{
    (void)state;
    begin(ONLY(DISK "interval = 1; }"));
    s.limits = (struct alarm_limits){10, 0, 600};
    restart(ONLY(DISK "interval = 1; }"));
    struct disk *d[30];
    for (uint32_t i = 0; i < 30; i++) {
        char path[16];
        snprintf(path, sizeof path, "/d%u", i);
        d[i] = disk(i + 1, path, 5);
    }
    unsigned made = step(0);
    assert_int_equal(made, 10);
    for (uint32_t i = 20; i < 30; i++)
        d[i]->percent_available = 50; /* well again before anybody heard of it */
    for (int i = 0; i < 59; i++)
        made += step(1000);
    assert_int_equal(made, 19);
    made += step(1000);
    assert_int_equal(made, 20);
    for (int i = 0; i < 100; i++)
        assert_int_equal(step(1000), 0);
    end();
}

static void no_room_for_transitions(void **state)
{
    (void)state;
    begin(ONLY(DISK "interval = 3600; }"));
    for (uint32_t i = 1; i <= 100; i++) {
        char path[16];
        snprintf(path, sizeof path, "/d%u", i);
        disk(i, path, 5);
    }
    assert_int_equal(step(0), OUT_MAX);
    assert_int_equal(step(1000), 100 - OUT_MAX);
    assert_int_equal(step(1000), 0);
    end();
}

static void many_instances(void **state)
{
    (void)state;
    begin(ONLY(DISK "interval = 1; instances_max = 5; }"));
    for (uint32_t i = 1; i <= 20; i++) {
        char path[16];
        snprintf(path, sizeof path, "/d%u", i);
        disk(i, path, i == 20 ? 5 : 50);
    }
    assert_int_equal(step(0), 1);
    step(1000);
    assert_int_equal(s.model.tables[MODEL_ALARM].count, 1); /* only what is not clear */
    ((struct disk *)model_row(&s.model, MODEL_DISK, 19))->percent_available = 50;
    assert_int_equal(step(1000), 1);
    assert_int_equal(s.model.tables[MODEL_ALARM].count, 0);
    end();
}

static void hostile_names(void **state)
{
    (void)state;
    begin(ONLY(DISK "interval = 1; }"));
    char name[255];
    memset(name, 'x', sizeof name);
    memcpy(name, "a\"b\n\x1b[2J", 8);
    struct disk *d = disk(1, "", 5);
    TEXT_SET(d->path, ((struct slice){name, 254}));
    assert_int_equal(step(0), 1);
    struct slice i = TEXT_GET(s.out[0].instance), t = TEXT_GET(s.out[0].text);
    assert_int_equal(i.n, 127);
    for (size_t k = 0; k < i.n; k++)
        assert_true(i.p[k] >= 0x20 && i.p[k] != '"');
    for (size_t k = 0; k < t.n; k++)
        assert_true(t.p[k] >= 0x20);
    end();
}

static void a_name_is_cut_between_characters(void **state)
{
    (void)state;
    begin(ONLY(DISK "interval = 1; }"));
    char name[256] = "/";
    for (int i = 0; i < 120; i++)
        strcat(name, "\xc3\xbc"); /* two octets each */
    TEXT_SET(disk(1, "", 5)->path, slice_of(name));
    assert_int_equal(step(0), 1);
    assert_int_equal(TEXT_GET(s.out[0].instance).n, 127);
    TEXT_SET(disk(2, "", 5)->path, slice_of(name + 1));
    assert_int_equal(step(1000), 1);
    assert_int_equal(TEXT_GET(s.out[0].instance).n, 126);
    end();
}

/* Any numbers at any time: no crash, and what is told is what is. */
static void random_worlds(void **state)
{
    (void)state;
    srand(7);
    begin(ONLY(DISK
               "interval = 1; hold = 2; }, { name = \"r\"; object = \"mtaGroupReceivedMessages\"; "
               "rate = \"per_day\"; threshold = 5; interval = 2; }, { name = \"q\"; object = "
               "\"mtaGroupStoredMessages\"; kind = \"stale\"; threshold = 3; interval = 1; }"));
    s.limits = (struct alarm_limits){1000, 5, 30};
    restart(ONLY(DISK
                 "interval = 1; hold = 2; }, { name = \"r\"; object = "
                 "\"mtaGroupReceivedMessages\"; rate = \"per_day\"; threshold = 5; interval = 2; },"
                 " { name = \"q\"; object = \"mtaGroupStoredMessages\"; kind = \"stale\"; "
                 "threshold = 3; interval = 1; }"));
    bool raised[4096] = {false};
    for (int i = 0; i < 20000; i++) {
        uint32_t n = (uint32_t)rand() % 20 + 1;
        uint64_t v = rand() % 5 ? (uint64_t)rand() % 20 : (uint64_t)rand() << 33;
        struct disk *d = model_find(&s.model, MODEL_DISK, (uint32_t[3]){n, 0, 0}, NULL);
        if (d && rand() % 50 == 0)
            model_remove(&s.model, MODEL_DISK, d);
        else
            disk(n, "/x", rand() % 9 ? v : MODEL_ABSENT);
        struct group *g = group(n, "g");
        g->received_messages = v;
        g->stored_messages = (uint64_t)rand() % 2;
        step(rand() % 100 ? rand() % 3000 : rand() % 10000000 - 5000000);
        for (unsigned k = 0; k < s.count; k++) {
            const struct transition *t = &s.out[k];
            bool *r = &raised[t->alarm_index % 4096];
            assert_true(t->event == ALARM_EVENT_RAISED ? !*r : *r);
            *r = t->event != ALARM_EVENT_CLEARED;
        }
    }
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(value_crosses_and_comes_back),
        cmocka_unit_test(hysteresis),
        cmocka_unit_test(hold_time),
        cmocka_unit_test(reminders),
        cmocka_unit_test(an_absent_cell_neither_raises_nor_clears),
        cmocka_unit_test(a_new_row_need_not_wait_for_the_interval),
        cmocka_unit_test(instances_by_name_and_index),
        cmocka_unit_test(where_another_column_says_so),
        cmocka_unit_test(rates_and_counters_that_begin_anew),
        cmocka_unit_test(a_gauge_may_fall),
        cmocka_unit_test(baseline),
        cmocka_unit_test(stale),
        cmocka_unit_test(absence),
        cmocka_unit_test(enumerations),
        cmocka_unit_test(divided),
        cmocka_unit_test(a_row_that_goes_away),
        cmocka_unit_test(state_outlives_a_restart),
        cmocka_unit_test(time_without_mailmond_is_not_held),
        cmocka_unit_test(a_rule_that_is_removed_clears_its_alarms),
        cmocka_unit_test(clocks_that_jump),
        cmocka_unit_test(a_flapping_alarm_says_so_once),
        cmocka_unit_test(a_storm_is_delayed_not_lost),
        cmocka_unit_test(no_room_for_transitions),
        cmocka_unit_test(many_instances),
        cmocka_unit_test(hostile_names),
        cmocka_unit_test(a_name_is_cut_between_characters),
        cmocka_unit_test(random_worlds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
