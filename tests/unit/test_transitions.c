/* transitions.c: numbers, what is shown when, what outlives the process, what is dropped. */
#include "../../agent/transitions.h"
#include "scratch.h"

#define OFFSET 1000000 /* real time minus monotonic */

static struct {
    struct model model;
    struct transitions *t;
    struct store *store;
    struct checkpoint *checkpoint;
} s;

static void begin(uint64_t accepted)
{
    char error[256];
    uint32_t none[MODEL_TABLES] = {0};
    memset(&s, 0, sizeof s);
    assert_true(model_init(&s.model, none));
    s.store = store_open(scratch, error, sizeof error);
    assert_non_null(s.store);
    s.checkpoint = checkpoint_new();
    s.t = transitions_new(&s.model);
    assert_true(transitions_load(s.t, s.store, accepted, OFFSET));
}

static void end(void)
{
    transitions_free(s.t);
    checkpoint_free(s.checkpoint);
    store_close(s.store);
    model_free(&s.model);
}

static void fresh(void)
{
    assert_int_equal(scratch_remove(NULL), 0);
    assert_int_equal(scratch_make(NULL), 0);
    begin(0);
}

static void add(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct transition x = {.at = 5000,
                               .alarm_index = 3,
                               .event = ALARM_EVENT_RAISED,
                               .severity = SEVERITY_MAJOR,
                               .value = -7,
                               .reset_at = MODEL_NEVER,
                               .value_at = 4000,
                               .object = {3, {1, 3, 6}}};
        TEXT_SET(x.id, SLICE("diskavail"));
        TEXT_SET(x.instance, SLICE("/var"));
        TEXT_SET(x.text, SLICE("what happened"));
        TEXT_SET(x.description, SLICE("space"));
        TEXT_SET(x.unit, ((struct slice){NULL, 0}));
        TEXT_SET(x.value_text, SLICE(""));
        assert_true(transitions_add(s.t, &x, OFFSET));
    }
}

static void save(void)
{
    assert_true(transitions_save(s.t, s.checkpoint));
    assert_true(store_write(s.store, s.checkpoint));
    checkpoint_clear(s.checkpoint);
    transitions_stored(s.t, true);
}

static uint32_t offered(void)
{
    return s.model.tables[MODEL_TRANSITION].count;
}

static const struct transition *offer(uint32_t i)
{
    return model_row(&s.model, MODEL_TRANSITION, i);
}

static void shown_only_when_stored(void **state)
{
    (void)state;
    fresh();
    struct transition x;
    add(2);
    assert_true(transitions_urgent(s.t));
    assert_false(transitions_show(s.t, OFFSET));
    assert_int_equal(offered(), 0);
    assert_int_equal(s.model.tables[MODEL_ALARM_LOG].count, 0);
    assert_false(transitions_next(s.t, READER_SNMP, &x));
    save();
    assert_false(transitions_urgent(s.t));
    assert_true(transitions_show(s.t, OFFSET));
    assert_int_equal(offered(), 2);
    assert_int_equal(offer(0)->number, 1);
    assert_int_equal(offer(0)->at, 5000);
    assert_int_equal(offer(0)->value, -7);
    assert_int_equal(offer(0)->reset_at, MODEL_NEVER);
    assert_null(TEXT_GET(offer(0)->unit).p);
    assert_true(slice_eq(TEXT_GET(offer(1)->text), SLICE("what happened")));
    assert_true(offer(1)->object.length == 3 && offer(1)->object.parts[2] == 6);
    const struct alarm_log *l = model_row(&s.model, MODEL_ALARM_LOG, 1);
    assert_true(l->number == 2 && l->time_at == 5000 && l->notified == NOTIFIED_PENDING);
    assert_true(transitions_next(s.t, READER_SNMP, &x));
    assert_true(x.number == 1 && x.at == 5000 + OFFSET); /* a reader has real time */
    transitions_done(s.t, READER_SNMP, 1);
    assert_false(transitions_show(s.t, OFFSET));
    assert_int_equal(offered(), 1);
    l = model_row(&s.model, MODEL_ALARM_LOG, 0);
    assert_int_equal(l->notified, NOTIFIED_SENT);
    assert_int_equal(transitions_waiting(s.t, READER_SNMP), 1);
    assert_int_equal(transitions_taken(s.t, READER_SNMP), 1);
    end();
}

static void a_full_disk_does_not_silence(void **state)
{
    (void)state;
    fresh();
    add(1);
    assert_true(transitions_save(s.t, s.checkpoint)); /* and then it cannot be written */
    add(1);
    transitions_stored(s.t, false);
    assert_true(transitions_show(s.t, OFFSET));
    assert_int_equal(offered(), 2);
    end();
}

static void goes_on_after_a_restart(void **state)
{
    (void)state;
    fresh();
    add(1500);
    save();
    transitions_show(s.t, OFFSET);
    transitions_done(s.t, READER_SNMP, 1200);
    save();
    end();

    begin(0);
    assert_int_equal(offered(), 256);
    assert_int_equal(offer(0)->number, 1201);
    assert_int_equal(s.model.tables[MODEL_ALARM_LOG].count, TRANSITIONS_LOG);
    const struct alarm_log *l = model_row(&s.model, MODEL_ALARM_LOG, 0);
    assert_true(l->number == 501 && l->notified == NOTIFIED_SENT);
    l = model_row(&s.model, MODEL_ALARM_LOG, TRANSITIONS_LOG - 1);
    assert_true(l->number == 1500 && l->notified == NOTIFIED_PENDING && l->time_at == 5000);
    add(1);
    save();
    for (unsigned done = 1200; done < 1501;) {
        transitions_show(s.t, OFFSET);
        assert_int_equal(offer(0)->number, done + 1);
        done += offered() < 100 ? offered() : 100;
        transitions_done(s.t, READER_SNMP, done);
    }
    transitions_show(s.t, OFFSET);
    assert_int_equal(offered(), 0);
    save();
    end();
}

static void no_number_twice(void **state)
{
    (void)state;
    fresh();
    add(3);
    save();
    end();
    begin(7); /* the publisher knows of 7: these were shown while the disk was full */
    add(1);
    save();
    transitions_show(s.t, OFFSET);
    assert_int_equal(offer(0)->number, 8);
    end();
}

static bool count_record(void *arg, uint32_t slot, const void *data, size_t size)
{
    (void)slot, (void)data, (void)size;
    ++*(unsigned *)arg;
    return true;
}

static unsigned records(void)
{
    unsigned n = 0;
    assert_true(store_load(s.store, STORE_TRANSITIONS, count_record, &n));
    return n;
}

static void the_store_does_not_grow_without_end(void **state)
{
    (void)state;
    fresh();
    for (int i = 0; i < 11; i++) {
        add(10000);
        save();
        transitions_show(s.t, OFFSET);
    }
    save();
    assert_int_equal(records(), TRANSITIONS_WAITING);
    assert_int_equal(transitions_dropped(s.t), 10000);
    assert_int_equal(transitions_waiting(s.t, READER_SNMP), TRANSITIONS_WAITING);
    transitions_show(s.t, OFFSET);
    assert_int_equal(offer(0)->number, 10001);
    for (int i = 0; i < TRANSITION_READERS; i++) // what one needs is kept for it
        transitions_done(s.t, (enum transition_reader)i, 110000);
    save();
    assert_int_equal(records(), TRANSITIONS_LOG);
    transitions_show(s.t, OFFSET);
    assert_int_equal(transitions_taken(s.t, READER_SNMP), 100000);
    end();
    begin(0);
    assert_int_equal(transitions_dropped(s.t), 10000);
    end();
}

static void a_damaged_record(void **state)
{
    (void)state;
    fresh();
    add(5);
    save();
    static const char rubbish[300] = {1};
    checkpoint_put(s.checkpoint, STORE_TRANSITIONS, 3, rubbish, sizeof rubbish);
    assert_true(store_write(s.store, s.checkpoint));
    end();
    begin(0);
    assert_int_equal(offered(), 2); /* what is before the gap cannot be told apart from sent */
    assert_int_equal(offer(0)->number, 4);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shown_only_when_stored),
        cmocka_unit_test(a_full_disk_does_not_silence),
        cmocka_unit_test(goes_on_after_a_restart),
        cmocka_unit_test(no_number_twice),
        cmocka_unit_test(the_store_does_not_grow_without_end),
        cmocka_unit_test(a_damaged_record),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
