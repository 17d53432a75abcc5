/* A disk that is full or not to be written, another process that has the store, and one that is killed. */
#include "store_fixture.h"

#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

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
    fprintf(stderr, "%s:%d: %s\n", __FILE__, line, error);
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
    struct store *s = store_open(scratch, error, sizeof error);
    NEED(!s && strstr(error, scratch) && strstr(error, "must be able to write"));
}

static void test_read_only(void **state)
{
    (void)state;
    struct store *s = open_store();
    assert_true(write_records(s, 1, 10, 100, 'a'));
    store_close(s);
    assert_int_equal(chmod(path, 0444), 0);
    assert_int_equal(chmod(scratch, 0555), 0);
    in_child(read_only);
    assert_int_equal(chmod(path, 0600), 0);
    in_child(read_only);
    clear();
    in_child(read_only); /* it cannot make it either */
    chmod(scratch, 0755);
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
    s = store_open(scratch, error, sizeof error);
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
    struct store *s = store_open(scratch, error, sizeof error);
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
    NEED(mount("none", scratch, "tmpfs", MS_REMOUNT, "size=32m") == 0);
}

static void disk_full(void)
{
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", scratch, "tmpfs", 0, "size=1m") < 0)
        _exit(77);
    struct store *s = store_open(scratch, error, sizeof error);
    NEED(s);
    full_then_room(s, enlarge_disk);
}

static void test_disk_full(void **state)
{
    (void)state;
    in_child(disk_full);
}

/* A file system of its own, for this process alone. */
static void mount_scratch(void)
{
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", scratch, "tmpfs", 0, "size=8m") < 0)
        _exit(77);
}

/* What a collector leaves behind that ended, or one that was killed. */
static void leave_state(bool killed)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct store *s = store_open(scratch, error, sizeof error);
        NEED(s && try_write(s, 50, 'a'));
        if (!killed)
            store_close(s);
        _exit(0);
    }
    NEED(waitpid(pid, NULL, 0) == pid);
}

/* It is read; what is written fails, and is written when the disk can be. */
static void read_only_disk(bool killed)
{
    unsigned counts[256] = {0};
    mount_scratch();
    leave_state(killed);
    NEED(mount("none", scratch, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL) == 0);
    struct store *s = store_open(scratch, error, sizeof error);
    NEED(s && store_load(s, 1, count_octets, counts) && counts['a'] == 50);
    NEED(!try_write(s, 60, 'b') && strstr(store_error(s), "Read-only file system"));
    NEED(!try_write(s, 60, 'b') && strstr(store_error(s), scratch));
    NEED(mount("none", scratch, "tmpfs", MS_REMOUNT, NULL) == 0);
    NEED(try_write(s, 60, 'b'));
    store_close(s);
    s = store_open(scratch, error, sizeof error);
    NEED(s && store_load(s, 1, count_octets, counts) && counts['b'] == 60 && counts['a'] == 50);
    store_close(s);
}

static void after_an_end(void)
{
    read_only_disk(false);
}

static void after_a_kill(void)
{
    read_only_disk(true);
}

static void test_read_only_disk(void **state)
{
    (void)state;
    in_child(after_an_end);
    in_child(after_a_kill);
}

/* There is nothing to be read: it is not opened, and moving a file away would not help. */
static void empty_read_only_disk(void)
{
    mount_scratch();
    NEED(mount("none", scratch, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL) == 0);
    NEED(!store_open(scratch, error, sizeof error));
    NEED(strstr(error, "its file system is read-only") && !strstr(error, "move the file"));
}

static void test_empty_read_only_disk(void **state)
{
    (void)state;
    in_child(empty_read_only_disk);
}

static void no_descriptors(void)
{
    struct rlimit few = {3, 3};
    NEED(setrlimit(RLIMIT_NOFILE, &few) == 0);
    NEED(!store_open(scratch, error, sizeof error));
    NEED(strstr(error, "Too many open files") && !strstr(error, "move the file"));
}

static void test_no_descriptors(void **state)
{
    (void)state;
    in_child(no_descriptors);
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
    assert_null(store_open(scratch, error, sizeof error));
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
            struct store *s = store_open(scratch, error, sizeof error);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(test_read_only),
        store_test(test_file_too_large),
        store_test(test_disk_full),
        store_test(test_read_only_disk),
        store_test(test_empty_read_only_disk),
        store_test(test_no_descriptors),
        store_test(test_locked),
        store_test(test_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
