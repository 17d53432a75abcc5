/* A store that is damaged, cut off or removed says so, and never shows a part. */
#include "store_fixture.h"

#include <errno.h>
#include <fcntl.h>

static bool refuse(void *arg, uint32_t slot, const void *data, size_t size)
{
    (void)slot, (void)data, (void)size;
    ++*(unsigned *)arg;
    return false;
}

static void test_refused_record(void **state)
{
    (void)state;
    struct store *s = open_store();
    unsigned calls = 0;
    assert_true(write_records(s, 1, 3, 8, 'a'));
    assert_false(store_load(s, 1, refuse, &calls));
    assert_int_equal(calls, 1);
    assert_non_null(strstr(store_error(s), "damaged"));
    assert_int_equal(seen_in(s, 1).count, 3);
    store_close(s);
}

static void overwrite(off_t from, size_t count, int octet)
{
    int fd = open(path, O_WRONLY);
    char *bytes = malloc(count);
    assert_true(fd >= 0 && bytes);
    memset(bytes, octet, count);
    assert_int_equal(pwrite(fd, bytes, count, from), (ssize_t)count);
    free(bytes);
    close(fd);
}

/* Opening or reading must say no, and say why; never crash, never show a part. */
static void expect_unusable(void)
{
    struct store *s = store_open(scratch, error, sizeof error);
    if (!s) {
        assert_non_null(strstr(error, "state.db"));
        assert_true(errno == EBADMSG || strstr(error, "move the file away"));
        return;
    }
    struct seen seen = {.octet = -1};
    if (store_load(s, 1, look, &seen))
        fail_msg("%u damaged records were read", seen.count);
    assert_true(store_error(s)[0] != 0);
    store_close(s);
}

/* Records so small that they lie in the tree's own pages: SQLite checks no other. */
static void test_damaged(void **state)
{
    (void)state;
    static const struct {
        off_t from;
        size_t count;
    } holes[] = {{0, 16}, {0, 100}, {0, 4096}, {4096, 4096}, {4096, 100000}, {100, 8}};
    for (unsigned i = 0; i < sizeof holes / sizeof holes[0]; i++) {
        clear();
        struct store *s = open_store();
        assert_true(write_records(s, 1, 4000, 100, 'a'));
        store_close(s);
        overwrite(holes[i].from, holes[i].count, 0xa5);
        expect_unusable();
    }
}

static void test_truncated(void **state)
{
    (void)state;
    static const off_t lengths[] = {10, 100, 4096, 8192, 100000};
    for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        clear();
        struct store *s = open_store();
        assert_true(write_records(s, 1, 4000, 100, 'a'));
        store_close(s);
        assert_int_equal(truncate(path, lengths[i]), 0);
        expect_unusable();
    }
    assert_int_equal(truncate(path, 0), 0); /* an empty file is a new one */
    struct store *s = open_store();
    assert_true(write_records(s, 1, 2, 8, 'b'));
    store_close(s);
}

static void test_put_aside(void **state)
{
    (void)state;
    char aside[80];
    snprintf(aside, sizeof aside, "%s.damaged", path);
    store_close(open_store());
    overwrite(0, 100, 0xa5);
    assert_null(store_open(scratch, error, sizeof error));
    assert_int_equal(errno, EBADMSG);
    assert_true(store_put_aside(scratch));
    assert_int_equal(access(aside, F_OK), 0);
    struct store *s = open_store();
    assert_true(write_records(s, 1, 3, 8, 'a'));
    assert_false(store_damaged(s));
    unsigned calls = 0;
    assert_false(store_load(s, 1, refuse, &calls));
    assert_true(store_damaged(s));
    store_close(s);
    assert_false(store_put_aside(scratch)); /* so soon */
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(unlink(aside), 0);
}

/* SQLite would go on to write into nothing. */
static void test_removed(void **state)
{
    (void)state;
    char aside[80];
    snprintf(aside, sizeof aside, "%s.away", path);
    struct store *s = open_store();
    assert_true(write_records(s, 1, 3, 8, 'a'));
    assert_int_equal(rename(path, aside), 0);
    assert_false(write_records(s, 1, 3, 8, 'b'));
    assert_non_null(strstr(store_error(s), "removed"));
    assert_int_equal(rename(aside, path), 0);
    assert_true(write_records(s, 1, 3, 8, 'c'));
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(test_refused_record), store_test(test_damaged),   store_test(test_put_aside),
        store_test(test_removed),        store_test(test_truncated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
