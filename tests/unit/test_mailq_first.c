/*
 * The scan that fills an empty map: many files, and such as are found twice. What it found is indexed when a file
 * is first sought, and each file counts once from then on; where one may have moved, at once.
 */
#include "mailq_fixture.h"

#define MANY 12000

static void make_many(const char *directory, unsigned first, unsigned n)
{
    for (unsigned i = first; i < first + n; i++) {
        char path[80];
        snprintf(path, sizeof path, "%s/T%lldX%09u", directory, (long long)(now_s - 100000 + i), i);
        make(path, 0700, "");
    }
}

static void test_many(void **state)
{
    (void)state;
    make_many("hold", 0, MANY);
    make_many("deferred", MANY, MANY);
    make("deferred/stray", 0600, "");
    make_many("active", 2 * MANY, 10);
    struct mailq *q = mailq_new(&fake, root);
    for (unsigned i = 0; i < 2; i++) {
        const struct mailq_queue *r =
            refresh_with(q, (struct mailq_request){.rescan = i == 1, .files_max = 0});
        assert_int_equal(result.status, SOURCE_OK);
        assert_int_equal(result.files, 2 * MANY + 10);
        assert_int_equal(r[HOLD].messages, MANY);
        assert_int_equal(r[DEFERRED].messages, MANY);
        assert_int_equal(r[ACTIVE].messages, 10);
        assert_int_equal(r[HOLD].oldest_ms, (now_s - 100000) * 1000);
        assert_int_equal(r[DEFERRED].oldest_ms, (now_s - 100000 + MANY) * 1000);
    }
    mailq_free(q);
}

static void make_twice(void)
{
    make("incoming/T6X1", 0700, "1 1 0 1");
    make("active/T7X2", 0700, "1 1 0 2");
    make("active/T8X3", 0700, "1 1 0 3");
    make("deferred/T7X2", 0700, "1 1 0 2");
    make("deferred/T9X4", 0700, "1 1 0 4");
}

static void check_once(const struct mailq_queue *r)
{
    assert_int_equal(result.files, 4 + r[HOLD].messages);
    assert_int_equal(r[ACTIVE].messages, 1);
    assert_int_equal(r[ACTIVE].oldest_ms, 8000);
    assert_int_equal(r[DEFERRED].messages, 2);
    assert_int_equal(r[DEFERRED].oldest_ms, 7000);
}

/* Nobody would tell of a move: it is where it was found last. */
static void test_found_twice(void **state)
{
    (void)state;
    make_twice();
    struct mailq *q = new_polling();
    check_once(refresh(q));
    assert_int_equal(unlink(at("active/T7X2")), 0); /* it is not that one */
    assert_int_equal(refresh(q)[DEFERRED].messages, 2);
    assert_int_equal(unlink(at("deferred/T7X2")), 0);
    assert_int_equal(refresh(q)[DEFERRED].messages, 1);
    assert_int_equal(result.queues[DEFERRED].oldest_ms, 9000);
    mailq_free(q);
}

/*
 * Two files of one name that lie still: one, when an event or the log's answer is the first to seek a file. What
 * was learnt by then is known of the one.
 */
static void test_lies_twice(void **state)
{
    (void)state;
    const struct mailq_update answer = {.id = id("T6X1"), .size = 1, .pending = 1, .known = true};
    make_twice();
    set_mtime("deferred/T9X4", now_s + 100);
    for (unsigned i = 0; i < 4; i++) {
        make("deferred/T7X2", 0700, "1 1 0 2");
        set_mtime("deferred/T7X2", now_s + 10);
        struct mailq *q = mailq_new(&fake, root);
        refresh_with(q, (struct mailq_request){.files_max = i & 1 ? 1000 : 0});
        assert_int_equal(result.queues[DEFERRED].retry_ms, i & 1 ? (now_s + 10) * 1000 : 0);
        if (i & 2)
            make("hold/T9X5", 0700, "1 1 0 5");
        const struct mailq_queue *r = refresh_with(
            q, (struct mailq_request){.updates = &answer, .update_count = i & 2 ? 0 : 1});
        assert_int_equal(r[HOLD].messages, i / 2);
        check_once(r);
        assert_int_equal(refresh(q)[DEFERRED].retry_ms, (now_s + 10) * 1000);
        assert_int_equal(unlink(at("deferred/T7X2")), 0);
        assert_int_equal(refresh(q)[DEFERRED].messages, 1);
        assert_int_equal(result.queues[DEFERRED].oldest_ms, 9000);
        assert_int_equal(result.queues[DEFERRED].retry_ms, (now_s + 100) * 1000);
        mailq_free(q);
        if (i & 2)
            assert_int_equal(unlink(at("hold/T9X5")), 0);
    }
}

static bool moved;

/* Moves a file when the scan comes upon it. */
static bool moving_name(struct slice name, struct queue_id *is, int64_t *arrival_s)
{
    if (!moved && slice_eq(name, SLICE("T7X2"))) {
        moved = true;
        assert_int_equal(rename(at("active/T7X2"), at("deferred/T7X2")), 0);
    }
    return fake_name(name, is, arrival_s);
}

/* It is found in both, but an event tells that it left the first: counted once in the first answer. */
static void test_moves_while_scanned(void **state)
{
    (void)state;
    struct mta moving = fake;
    moving.queue_name = moving_name;
    moved = false;
    make_twice();
    assert_int_equal(unlink(at("deferred/T7X2")), 0);
    struct mailq *q = mailq_new(&moving, root);
    check_once(refresh(q));
    assert_true(moved && result.events >= 1);
    assert_int_equal(unlink(at("deferred/T7X2")), 0);
    assert_int_equal(refresh(q)[DEFERRED].messages, 1);
    mailq_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_many),
        TEST(test_found_twice),
        TEST(test_lies_twice),
        TEST(test_moves_while_scanned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
