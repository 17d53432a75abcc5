/*
 * names.c: a name keeps its number, no number is given twice, whatever of it the store has kept
 * when the process is killed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include "../../agent/names.h"

static int setup(void **state)
{
    return (*state = names_new()) ? 0 : -1;
}

static int teardown(void **state)
{
    names_free(*state);
    return 0;
}

/* What the store would have of n: applies the changes to `kept`. */
static uint32_t keep(struct names *n, struct name_record *kept, uint32_t room)
{
    uint32_t i, written = 0;
    while (names_changed(n, &i)) {
        assert_true(i < room);
        kept[i] = *names_record(n, i);
        written++;
    }
    return written;
}

static struct names *restored(const struct name_record *kept, uint32_t count)
{
    struct names *n = names_new();
    for (uint32_t i = 0; i < count; i++)
        assert_true(names_restore(n, &kept[i]));
    return n;
}

static void numbers_by_scope(void **state)
{
    struct names *n = *state;
    assert_int_equal(names_index(n, MODEL_GROUP, 1, SLICE("smtp")), 1);
    assert_int_equal(names_index(n, MODEL_GROUP, 1, SLICE("local")), 2);
    assert_int_equal(names_index(n, MODEL_GROUP, 2, SLICE("local")), 1);
    assert_int_equal(names_index(n, MODEL_APPL, 0, SLICE("local")), 1);
    assert_int_equal(names_index(n, MODEL_GROUP, 1, SLICE("smtp")), 1);
    assert_int_equal(names_index(n, MODEL_GROUP, 1, SLICE("")), 0);
    assert_int_equal(names_count(n), 4);
    assert_null(names_record(n, 4));
}

/* A full table gives no further number; a name that has one keeps it, with its row or without. */
static void no_number_without_a_row(void **state)
{
    struct names *n = *state;
    struct model m;
    uint32_t room[MODEL_TABLES] = {0};
    room[MODEL_DISK] = 2;
    assert_true(model_init(&m, room));
    struct disk *a = names_place(n, &m, MODEL_DISK, SLICE("/a"));
    struct disk *b = names_place(n, &m, MODEL_DISK, SLICE("/b"));
    assert_int_equal(a->row.key[0], 1);
    assert_int_equal(b->row.key[0], 2);
    assert_ptr_equal(names_place(n, &m, MODEL_DISK, SLICE("/a")), a);
    assert_null(names_place(n, &m, MODEL_DISK, SLICE("/c")));
    assert_null(names_place(n, &m, MODEL_DISK, SLICE("/d")));
    assert_int_equal(names_count(n), 2);
    assert_int_equal(m.tables[MODEL_DISK].overflow, 2);
    model_remove(&m, MODEL_DISK, a);
    assert_int_equal(((struct disk *)names_place(n, &m, MODEL_DISK, SLICE("/c")))->row.key[0], 3);
    assert_null(names_place(n, &m, MODEL_DISK, SLICE("/a")));
    model_remove(&m, MODEL_DISK, b);
    assert_int_equal(((struct disk *)names_place(n, &m, MODEL_DISK, SLICE("/a")))->row.key[0], 1);
    assert_null(names_place(n, &m, MODEL_DISK, SLICE("")));
    model_free(&m);
}

static void long_names(void **state)
{
    struct names *n = *state;
    char name[300];
    memset(name, 'x', sizeof name);
    uint32_t i = names_index(n, MODEL_DESTINATION, 1, (struct slice){name, 254});
    assert_int_equal(names_index(n, MODEL_DESTINATION, 1, (struct slice){name, 300}), i);
    assert_int_not_equal(names_index(n, MODEL_DESTINATION, 1, (struct slice){name, 253}), i);
}

static void many_names_after_a_restart(void **state)
{
    struct names *n = *state;
    static struct name_record kept[5000];
    char name[32];
    for (uint32_t i = 0; i < 5000; i++) {
        int length = snprintf(name, sizeof name, "d%u.example", i);
        assert_int_equal(
            names_index(n, MODEL_DESTINATION, i % 7 + 1, (struct slice){name, (size_t)length}),
            i / 7 + 1);
    }
    assert_int_equal(keep(n, kept, 5000), 5000);
    assert_int_equal(keep(n, kept, 5000), 0);

    struct names *again = restored(kept, 5000);
    assert_int_equal(keep(again, kept, 5000), 0); // the store has them all
    for (uint32_t i = 5000; i-- > 0;) {
        int length = snprintf(name, sizeof name, "d%u.example", i);
        assert_int_equal(
            names_index(again, MODEL_DESTINATION, i % 7 + 1, (struct slice){name, (size_t)length}),
            i / 7 + 1);
    }
    assert_int_equal(names_index(again, MODEL_DESTINATION, 1, SLICE("new.example")), 716);
    names_free(again);
}

static void counter_is_reserved_in_blocks(void **state)
{
    struct names *n = *state;
    struct name_record kept[1];
    for (uint32_t i = 1; i <= 1024; i++)
        assert_int_equal(names_next(n, MODEL_ASSOC, 1), i);
    assert_int_equal(keep(n, kept, 1), 1);
    assert_int_equal(kept[0].index, 1024);
    assert_int_equal(names_next(n, MODEL_ASSOC, 1), 1025);
    assert_int_equal(keep(n, kept, 1), 1);
    assert_int_equal(kept[0].index, 2048);
    assert_int_equal(names_next(n, MODEL_ASSOC, 1), 1026);
    assert_int_equal(keep(n, kept, 1), 0);
}

/* Killed at any moment after a checkpoint, the successor gives no number again. */
static void no_number_twice_over_a_kill(void **state)
{
    (void)state;
    struct name_record kept[2];
    struct names *n = names_new();
    uint32_t last = 0, count = 0;
    for (int life = 0; life < 20; life++) {
        for (int i = 0; i < 300 + life * 100; i++) {
            uint32_t number = names_next(n, MODEL_ASSOC, 3);
            assert_true(number > last);
            last = number;
            if (keep(n, kept, 2))
                count = 1;
        }
        names_free(n); // without a further checkpoint
        n = restored(kept, count);
    }
    names_free(n);
}

static void counter_begins_again_at_its_end(void **state)
{
    struct names *n = *state;
    struct name_record r = {.scope = MODEL_ASSOC, .within = 1, .index = 2147483646};
    assert_true(names_restore(n, &r));
    assert_int_equal(names_next(n, MODEL_ASSOC, 1), 2147483647);
    assert_int_equal(names_next(n, MODEL_ASSOC, 1), 1);
    assert_int_equal(names_next(n, MODEL_ASSOC, 1), 2);
    assert_int_equal(keep(n, &r, 1), 1);
    assert_int_equal(r.index, 1024);
    // a name's number is for ever: none is left
    r = (struct name_record){.scope = MODEL_APPL, .index = 2147483647};
    TEXT_SET(r.name, SLICE("last"));
    assert_true(names_restore(n, &r));
    assert_int_equal(names_index(n, MODEL_APPL, 0, SLICE("one more")), 0);
}

static void contradictions_are_refused(void **state)
{
    struct names *n = *state;
    struct name_record good = {.scope = MODEL_APPL, .index = 5}, r;
    TEXT_SET(good.name, SLICE("postfix"));
    assert_true(names_restore(n, &good));
    assert_false(names_restore(n, &good)); // the name twice
    r = good;
    TEXT_SET(r.name, SLICE("exim"));
    assert_false(names_restore(n, &r)); // the number twice
    r.index = 0;
    assert_false(names_restore(n, &r));
    r.index = 2147483648;
    assert_false(names_restore(n, &r));
    r.index = 6;
    r.scope = MODEL_TABLES;
    assert_false(names_restore(n, &r));
    r.scope = MODEL_APPL;
    r.name.length = TEXT_ABSENT;
    assert_false(names_restore(n, &r));
    TEXT_SET(r.name, SLICE("exim"));
    assert_true(names_restore(n, &r));
    assert_int_equal(names_count(n), 2);
    assert_int_equal(names_index(n, MODEL_APPL, 0, SLICE("sendmail")), 7);
    r.index = 9;
    TEXT_SET(r.name, SLICE("late"));
    assert_false(names_restore(n, &r)); // its slot would not be the store's
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(numbers_by_scope, setup, teardown),
        cmocka_unit_test_setup_teardown(no_number_without_a_row, setup, teardown),
        cmocka_unit_test_setup_teardown(long_names, setup, teardown),
        cmocka_unit_test_setup_teardown(many_names_after_a_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(counter_is_reserved_in_blocks, setup, teardown),
        cmocka_unit_test(no_number_twice_over_a_kill),
        cmocka_unit_test_setup_teardown(counter_begins_again_at_its_end, setup, teardown),
        cmocka_unit_test_setup_teardown(contradictions_are_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
