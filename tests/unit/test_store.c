/* The store on a real disk: what comes back, also from an earlier and a later mailmond, and how long it takes. */
#include "store_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <time.h>

static void test_round_trip(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct checkpoint *c = checkpoint_new();
    assert_true(store_write(s, c)); /* nothing */
    assert_true(checkpoint_put(c, 1, 5, "five", 4));
    assert_true(checkpoint_put(c, 1, UINT32_MAX, "last", 4));
    assert_true(checkpoint_put(c, 1, 0, "", 0));
    assert_true(checkpoint_put(c, 2, 5, "other", 5));
    assert_true(checkpoint_put(c, 1, 7, "gone", 4));
    assert_true(checkpoint_delete(c, 1, 7));
    assert_true(checkpoint_delete(c, 1, 8)); /* was not there */
    assert_true(checkpoint_put(c, 1, 5, "FIVE", 4));
    assert_true(store_write(s, c));
    assert_true(store_write(s, c)); /* the same again, after a failure */
    checkpoint_clear(c);
    assert_int_equal(checkpoint_count(c), 0);
    store_close(s);
    s = open_store();
    assert_int_equal(seen_in(s, 1).count, 3);
    assert_int_equal(seen_in(s, 2).count, 1);
    assert_int_equal(seen_in(s, 3).count, 0);
    assert_int_equal(seen_in(s, 2).size, 5);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    checkpoint_free(c);
    store_close(s);
}

/* Of many in one checkpoint, put and deleted by turns and again: the last of each holds. */
static void test_many(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct checkpoint *c = checkpoint_new();
    unsigned expected = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        assert_true(checkpoint_put(c, 1, i, "early", 5));
        if (i % 37 == 0)
            assert_true(checkpoint_delete(c, 1, i));
        if (i % 5 == 0)
            assert_true(checkpoint_put(c, 1, i, "late", 4));
        expected += i % 37 != 0 || i % 5 == 0;
    }
    assert_true(store_write(s, c));
    assert_int_equal(seen_in(s, 1).count, expected);
    checkpoint_clear(c);
    for (uint32_t i = 0; i < 1000; i++)
        if (i % 5)
            assert_true(checkpoint_delete(c, 1, i));
    assert_true(store_write(s, c));
    assert_int_equal(seen_in(s, 1).count, 200);
    assert_int_equal(seen_in(s, 1).size, 4);
    checkpoint_free(c);
    store_close(s);
}

/* What is offered is put when it is new or another than last time. */
static void test_offered(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct checkpoint *c = checkpoint_new();
    static const struct {
        int kind;
        uint32_t slot;
        const char *data;
        size_t size, count;
    } steps[] = {{1, 5, "here", 4, 1}, {1, 5, "here", 4, 0}, {1, 6, "here", 4, 1},
                 {2, 5, "here", 4, 1}, {1, 5, "her", 3, 1},  {1, 5, "her", 3, 0},
                 {1, 5, "hers", 4, 1}, {1, 5, "here", 4, 1}, {1, 6, "here", 4, 0},
                 {1, 7, "", 0, 1},     {1, 7, "", 0, 0}};
    for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        assert_true(
            checkpoint_offer(c, steps[i].kind, steps[i].slot, steps[i].data, steps[i].size));
        assert_int_equal(checkpoint_count(c), steps[i].count);
        assert_true(store_write(s, c));
        checkpoint_clear(c);
    }
    assert_int_equal(seen_in(s, 1).count, 3);
    checkpoint_free(c);
    store_close(s);
}

static void set_version(int version)
{
    char sql[64];
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    snprintf(sql, sizeof sql, "PRAGMA user_version=%d", version);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static int get_version(void)
{
    sqlite3 *db;
    sqlite3_stmt *q;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    int version = sqlite3_column_int(q, 0);
    sqlite3_finalize(q);
    sqlite3_close(db);
    return version;
}

/* Not damaged, and not touched: the later mailmond goes on with it. */
static void test_later_version(void **state)
{
    (void)state;
    struct store *s = open_store();
    assert_true(write_records(s, 1, 3, 8, 'a'));
    store_close(s);
    assert_int_equal(get_version(), STORE_VERSION);
    set_version(STORE_VERSION + 1);
    assert_null(store_open(scratch, error, sizeof error));
    assert_int_not_equal(errno, EBADMSG);
    assert_non_null(strstr(error, "a later mailmond wrote it"));
    assert_int_equal(get_version(), STORE_VERSION + 1);
    set_version(STORE_VERSION);
    s = open_store();
    assert_int_equal(seen_in(s, 1).count, 3);
    store_close(s);
    set_version(-7);
    assert_null(store_open(scratch, error, sizeof error));
    assert_non_null(strstr(error, "not made by mailmond"));
}

/* The file is the earlier mailmond's until something is written that it might not know. */
static void test_earlier_version(void **state)
{
    (void)state;
    store_close(open_store());
    set_version(1);
    struct store *s = open_store();
    store_close(s);
    assert_int_equal(get_version(), 1);
    s = open_store();
    assert_true(write_records(s, 1, 3, 8, 'a'));
    assert_true(write_records(s, 1, 3, 8, 'b'));
    store_close(s);
    assert_int_equal(get_version(), STORE_VERSION);
}

static void test_directory(void **state)
{
    (void)state;
    char deep[100], file[120], small[8], longest[5000];
    snprintf(deep, sizeof deep, "%s/a/b", scratch);
    assert_null(store_open(deep, error, sizeof error));
    assert_non_null(strstr(error, "cannot be made"));
    snprintf(file, sizeof file, "%s/f", scratch);
    close(open(file, O_CREAT | O_WRONLY, 0600));
    assert_null(store_open(file, error, sizeof error));
    assert_null(store_open(file, small, sizeof small));
    unlink(file);
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    assert_null(store_open(longest, error, sizeof error));
    snprintf(deep, sizeof deep, "%s/a", scratch); /* made, not its parents */
    struct store *s = store_open(deep, error, sizeof error);
    assert_non_null(s);
    store_close(s);
    snprintf(file, sizeof file, "%s/state.db", deep);
    unlink(file);
    assert_int_equal(rmdir(deep), 0);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A million messages in flight, of which 10,000 changed. */
static void test_size(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct checkpoint *c = checkpoint_new();
    char row[64] = "message";
    double start = now();
    for (uint32_t i = 0; i < 1000000; i++)
        assert_true(checkpoint_put(c, 200, i, row, sizeof row));
    double filled = now();
    assert_true(store_write(s, c));
    double written = now();
    checkpoint_clear(c);
    for (uint32_t i = 0; i < 10000; i++)
        assert_true(checkpoint_put(c, 200, (uint32_t)random() % 1000000, row, sizeof row));
    double changed = now();
    assert_true(store_write(s, c));
    double again = now();
    struct seen seen = {.octet = -1};
    assert_true(store_load(s, 200, look, &seen));
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(seen.count, 1000000);
    print_message("1,000,000 rows: filled %.0f ms, written %.0f ms, read %.0f ms, %ld kB; "
                  "10,000 of them changed: %.0f ms\n",
                  1e3 * (filled - start), 1e3 * (written - filled), 1e3 * (now() - again),
                  (long)st.st_size / 1024, 1e3 * (again - changed));
    checkpoint_free(c);
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(test_round_trip),
        store_test(test_many),
        store_test(test_offered),
        store_test(test_later_version),
        store_test(test_earlier_version),
        store_test(test_directory),
        store_test(test_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
