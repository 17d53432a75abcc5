/* alarm.c: alarms that flap or come all at once, names of any kind, and worlds at random. */
#include "alarm_world.h"

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
