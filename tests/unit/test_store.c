/*
 * The store on a real disk: what comes back, what happens when the file or the disk is not well, and
 * that a checkpoint is there whole or not at all.
 */
#include "../../agent/store.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[] = "/tmp/mailmond-test-XXXXXX";
static char path[64];
static char error[512];

static void clear(void)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    for (unsigned i = 0; i < 4; i++) {
        char name[80];
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
}

static int set_up(void **state)
{
    (void)state;
    strcpy(dir + sizeof dir - 7, "XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof path, "%s/state.db", dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    clear();
    return rmdir(dir);
}

static struct store *open_store(void)
{
    struct store *s = store_open(dir, error, sizeof error);
    if (!s)
        fail_msg("%s", error);
    return s;
}

/* Writes `count` records of a kind from slot 0, each with this octet all over. */
static bool write_records(struct store *s, int kind, uint32_t count, size_t size, int octet)
{
    struct checkpoint *c = checkpoint_new();
    char data[4096];
    memset(data, octet, sizeof data);
    for (uint32_t i = 0; i < count; i++)
        assert_true(checkpoint_put(c, kind, i, data, size));
    assert_int_equal(checkpoint_count(c), count);
    bool ok = store_write(s, c);
    checkpoint_free(c);
    return ok;
}

struct seen {
    uint32_t count, next;
    size_t size;
    int octet; /* of all records; -1: none yet, -2: they differ */
};

static bool look(void *arg, uint32_t slot, const void *data, size_t size)
{
    struct seen *seen = arg;
    const unsigned char *octets = data;
    assert_true(slot >= seen->next);
    seen->next = slot + 1;
    seen->count++;
    seen->size = size;
    for (size_t i = 0; i < size; i++)
        seen->octet = seen->octet == -1 || seen->octet == octets[i] ? octets[i] : -2;
    return true;
}

static struct seen seen_in(struct store *s, int kind)
{
    struct seen seen = {.octet = -1};
    assert_true(store_load(s, kind, look, &seen));
    return seen;
}

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
    struct store *s = store_open(dir, error, sizeof error);
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
    assert_null(store_open(dir, error, sizeof error));
    assert_int_equal(errno, EBADMSG);
    assert_true(store_put_aside(dir));
    assert_int_equal(access(aside, F_OK), 0);
    struct store *s = open_store();
    assert_true(write_records(s, 1, 3, 8, 'a'));
    assert_false(store_damaged(s));
    unsigned calls = 0;
    assert_false(store_load(s, 1, refuse, &calls));
    assert_true(store_damaged(s));
    store_close(s);
    assert_false(store_put_aside(dir)); /* so soon */
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
    assert_null(store_open(dir, error, sizeof error));
    assert_int_not_equal(errno, EBADMSG);
    assert_non_null(strstr(error, "a later mailmond wrote it"));
    assert_int_equal(get_version(), STORE_VERSION + 1);
    set_version(STORE_VERSION);
    s = open_store();
    assert_int_equal(seen_in(s, 1).count, 3);
    store_close(s);
    set_version(-7);
    assert_null(store_open(dir, error, sizeof error));
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
    snprintf(deep, sizeof deep, "%s/a/b", dir);
    assert_null(store_open(deep, error, sizeof error));
    assert_non_null(strstr(error, "cannot be made"));
    snprintf(file, sizeof file, "%s/f", dir);
    close(open(file, O_CREAT | O_WRONLY, 0600));
    assert_null(store_open(file, error, sizeof error));
    assert_null(store_open(file, small, sizeof small));
    unlink(file);
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    assert_null(store_open(longest, error, sizeof error));
    snprintf(deep, sizeof deep, "%s/a", dir); /* made, not its parents */
    struct store *s = store_open(deep, error, sizeof error);
    assert_non_null(s);
    store_close(s);
    snprintf(file, sizeof file, "%s/state.db", deep);
    unlink(file);
    assert_int_equal(rmdir(deep), 0);
}

/* Runs a test in a process of its own: what it does to itself ends with it. 77: not possible here. */
static void in_child(void (*test)(void))
{
    int status;
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        test();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* In a child process there is no assert_: its result is its exit code. */
static void need(bool condition, int line)
{
    if (condition)
        return;
    fprintf(stderr, "test_store.c:%d: %s\n", line, error);
    _exit(1);
}
#define NEED(condition) need(condition, __LINE__)

static bool try_write(struct store *s, uint32_t count, int octet)
{
    struct checkpoint *c = checkpoint_new();
    char data[1000];
    memset(data, octet, sizeof data);
    for (uint32_t i = 0; i < count; i++)
        NEED(checkpoint_put(c, 1, i, data, sizeof data));
    bool ok = store_write(s, c);
    checkpoint_free(c);
    return ok;
}

static bool count_octets(void *arg, uint32_t slot, const void *data, size_t size)
{
    (void)slot;
    unsigned *counts = arg;
    counts[*(const unsigned char *)data] += size == 1000;
    return true;
}

static void read_only(void)
{
    if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
        _exit(77);
    struct store *s = store_open(dir, error, sizeof error);
    NEED(!s && strstr(error, dir) && strstr(error, "must be able to write"));
}

static void test_read_only(void **state)
{
    (void)state;
    struct store *s = open_store();
    assert_true(write_records(s, 1, 10, 100, 'a'));
    store_close(s);
    assert_int_equal(chmod(path, 0444), 0);
    assert_int_equal(chmod(dir, 0555), 0);
    in_child(read_only);
    assert_int_equal(chmod(path, 0600), 0);
    in_child(read_only);
    clear();
    in_child(read_only); /* it cannot make it either */
    chmod(dir, 0755);
}

/* A write that fails leaves what was there; the next one that does not succeeds. */
static void full_then_room(struct store *s, void (*make_room)(void))
{
    unsigned counts[256] = {0};
    NEED(try_write(s, 50, 'a'));
    NEED(!try_write(s, 5000, 'b'));
    NEED(store_error(s)[0] != 0);
    NEED(!try_write(s, 5000, 'b'));
    NEED(store_load(s, 1, count_octets, counts) && counts['a'] == 50 && counts['b'] == 0);
    make_room();
    NEED(try_write(s, 2000, 'c'));
    memset(counts, 0, sizeof counts);
    NEED(store_load(s, 1, count_octets, counts) && counts['a'] == 0 && counts['c'] == 2000);
    store_close(s);
    s = store_open(dir, error, sizeof error);
    NEED(s);
    memset(counts, 0, sizeof counts);
    NEED(store_load(s, 1, count_octets, counts) && counts['c'] == 2000);
    store_close(s);
}

static void allow_large_files(void)
{
    struct rlimit large = {RLIM_INFINITY, RLIM_INFINITY};
    NEED(setrlimit(RLIMIT_FSIZE, &large) == 0);
}

static void file_too_large(void)
{
    struct rlimit small = {500000, RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    NEED(setrlimit(RLIMIT_FSIZE, &small) == 0);
    struct store *s = store_open(dir, error, sizeof error);
    NEED(s);
    full_then_room(s, allow_large_files);
}

static void test_file_too_large(void **state)
{
    (void)state;
    in_child(file_too_large);
}

static void enlarge_disk(void)
{
    NEED(mount("none", dir, "tmpfs", MS_REMOUNT, "size=32m") == 0);
}

static void disk_full(void)
{
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", dir, "tmpfs", 0, "size=1m") < 0)
        _exit(77);
    struct store *s = store_open(dir, error, sizeof error);
    NEED(s);
    full_then_room(s, enlarge_disk);
}

static void test_disk_full(void **state)
{
    (void)state;
    in_child(disk_full);
}

/* Another process has the database: the store is not opened, and says why. */
static void test_locked(void **state)
{
    (void)state;
    sqlite3 *db;
    store_close(open_store());
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE", NULL, NULL, NULL),
        SQLITE_OK);
    assert_null(store_open(dir, error, sizeof error));
    assert_non_null(strstr(error, "locked"));
    sqlite3_close(db);
    struct store *s = open_store();
    assert_true(write_records(s, 1, 1, 8, 'a'));
    store_close(s);
}

/* Killed at any instant: all records of one checkpoint, or all of the one before. */
static void test_killed(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            struct store *s = store_open(dir, error, sizeof error);
            NEED(s);
            for (int octet = 'a';; octet = octet == 'z' ? 'a' : octet + 1)
                try_write(s, 300, octet);
        }
        usleep((useconds_t)(5000 + random() % 60000));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        struct store *s = open_store();
        struct seen seen = seen_in(s, 1);
        assert_true(seen.count == 0 || seen.count == 300);
        assert_true(seen.octet != -2);
        store_close(s);
    }
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_round_trip),     TEST(test_refused_record),
        TEST(test_damaged),        TEST(test_many),
        TEST(test_offered),        TEST(test_put_aside),
        TEST(test_removed),        TEST(test_truncated),
        TEST(test_later_version),  TEST(test_earlier_version),
        TEST(test_directory),      TEST(test_read_only),
        TEST(test_file_too_large), TEST(test_disk_full),
        TEST(test_locked),         TEST(test_killed),
        TEST(test_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
