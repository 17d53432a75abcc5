/* alarm.c: what each kind of rule makes of a value. */
#include "alarm_world.h"

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

static void what_is_known_of_a_row_outlasts_more_rows(void **state)
{
    (void)state;
    begin(ONLY("{ name = \"r\"; object = \"mtaGroupReceivedMessages\"; rate = \"per_minute\"; "
               "threshold = 100; interval = 60; }"));
    struct group *g = group(1, "smtpd");
    g->received_messages = 1000;
    assert_int_equal(step(0), 0);
    for (uint32_t i = 2; i <= 100; i++) {
        char name[32];
        snprintf(name, sizeof name, "more-%u", i);
        group(i, name)->received_messages = 0;
        assert_int_equal(step(200), 0);
    }
    g->received_messages += 99;
    assert_int_equal(step(60000 - 99 * 200), 0);
    assert_int_equal(alarm_named("r", "postfix/smtpd")->current, 99);
    g->received_messages += 101;
    group(100, "more-100")->received_messages = 102;
    assert_int_equal(step(60000), 2);
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
        cmocka_unit_test(what_is_known_of_a_row_outlasts_more_rows),
        cmocka_unit_test(baseline),
        cmocka_unit_test(stale),
        cmocka_unit_test(absence),
        cmocka_unit_test(enumerations),
        cmocka_unit_test(divided),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
