/* alarm.c: an alarm whose row goes away, and that outlives a restart, its rule and a clock that jumps. */
#include "alarm_world.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_that_goes_away),
        cmocka_unit_test(state_outlives_a_restart),
        cmocka_unit_test(time_without_mailmond_is_not_held),
        cmocka_unit_test(a_rule_that_is_removed_clears_its_alarms),
        cmocka_unit_test(clocks_that_jump),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
