/*
 * Unit tests of collectors/follow_set.c: files that fit a pattern come, grow side by side, end, are renamed, copied
 * and removed, and the follower is stopped and started anew at any moment. The clock is the test's.
 */
#include "scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <time.h>

static int test_clock(clockid_t id, struct timespec *t);
#define clock_gettime test_clock
#include "../../collectors/follow_set.c"
#undef clock_gettime

static int64_t monotonic_ms, ahead_ms; /* of the wall clock */

static int test_clock(clockid_t id, struct timespec *t)
{
    int64_t ms = monotonic_ms;
    if (id == CLOCK_REALTIME) {
        clock_gettime(CLOCK_REALTIME, t);
        ms = (int64_t)t->tv_sec * 1000 + t->tv_nsec / 1000000 + ahead_ms;
    }
    t->tv_sec = ms / 1000;
    t->tv_nsec = ms % 1000 * 1000000;
    return 0;
}

static char pattern[96], got[1 << 16], last_file[256];
static struct follow_set *s;

static int setup(void **state)
{
    if (scratch_make(state))
        return -1;
    snprintf(pattern, sizeof pattern, "%s/*_master.log*", scratch);
    got[0] = '\0';
    monotonic_ms = 1000000;
    ahead_ms = 0;
    s = follow_set_new(pattern, NULL, 0);
    return s ? 0 : -1;
}

static int teardown(void **state)
{
    follow_set_free(s);
    return scratch_remove(state);
}

static void put(const char *name, const char *text)
{
    FILE *out = fopen(scratch_path(name), "a");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static void on_lines(void *arg, struct slice run, int64_t reference_ms)
{
    const char *file;
    (void)arg, (void)reference_ms;
    follow_set_place(s, &file);
    snprintf(last_file, sizeof last_file, "%s", file);
    assert_true(strlen(got) + run.n < sizeof got);
    assert_true(run.n && run.p[run.n - 1] == '\n');
    strncat(got, run.p, run.n);
}

/* Reads to the end, a moment later; what came is what was expected. */
static void expect(const char *text)
{
    got[0] = '\0';
    monotonic_ms += 1500;
    while (follow_set_read(s, 4096, on_lines, NULL) == FOLLOW_MORE)
        ;
    assert_string_equal(got, text);
}

static void restart(void)
{
    unsigned count;
    const struct follow_position *at = follow_set_positions(s, &count);
    struct follow_position copy[FOLLOW_SET_MAX];
    assert_true(count <= FOLLOW_SET_MAX);
    if (count)
        memcpy(copy, at, count * sizeof *at);
    follow_set_free(s);
    s = follow_set_new(pattern, copy, count);
    assert_non_null(s);
}

static struct follow_status status(void)
{
    struct follow_status st;
    follow_set_status(s, &st);
    return st;
}

static const char *numbered(unsigned n)
{
    static char line[128];
    snprintf(line, sizeof line, "10:50:33.%02u: this is line %u of a log that is long enough\n",
             n % 100, n);
    return line;
}

/* The lines of these numbers are to come, up to a 0. */
static void expect_numbers(const unsigned *numbers)
{
    char text[1024] = "";
    for (; *numbers; numbers++)
        strcat(text, numbered(*numbers));
    expect(text);
}
#define NUMBERS(...) expect_numbers((const unsigned[]){__VA_ARGS__, 0})

static void side_by_side(void **state)
{
    (void)state;
    expect("");
    assert_int_equal(status().status, SOURCE_MISSING);
    put("mail.log_current", "not this\n");
    put("tcp_local_master.log-A", "a1\n");
    expect("a1\n");
    assert_string_equal(last_file, "tcp_local_master.log-A");
    assert_int_equal(status().status, SOURCE_OK);
    put("ims-ms_master.log-B", "b1\nb2");
    put("tcp_local_master.log-A", "a2\n");
    expect("a2\nb1\n");
    put("ims-ms_master.log-B", " and more\n");
    put("tcp_local_master.log-A", "a3\n");
    expect("a3\nb2 and more\n");
    expect("");
    assert_int_equal(status().bytes, 24);
    assert_int_equal(status().rotations, 2);
}

static void exactly_once_over_restarts(void **state)
{
    (void)state;
    put("a_master.log-1", numbered(1));
    NUMBERS(1);
    put("a_master.log-1", numbered(2));
    put("a_master.log-2", numbered(3));
    restart();
    NUMBERS(2, 3);
    restart();
    expect("");
    put("a_master.log-1", numbered(4));
    restart();
    NUMBERS(4);
}

/* A file is cut in the midst of a line, when its program dies. */
static void unended_line(void **state)
{
    (void)state;
    put("a_master.log-1", "one\nfatal: no");
    expect("one\n");
    expect("");
    ahead_ms = QUIET_MS + 5000;
    expect("fatal: no\n");
    expect("");
    restart();
    expect("");
    put("a_master.log-1", " more of it\ntwo\n");
    expect("two\n");
}

static void renamed_and_copied(void **state)
{
    char old[512];
    (void)state;
    put("a_master.log", numbered(1));
    put("a_master.log", numbered(2));
    NUMBERS(1, 2);
    strcpy(old, scratch_path("a_master.log"));
    assert_int_equal(rename(old, scratch_path("a_master.log.1")), 0);
    put("a_master.log", numbered(3));
    NUMBERS(3);
    put("a_master.log.1", numbered(4)); /* its writer has it open still */
    NUMBERS(4);
    char command[600];
    snprintf(command, sizeof command,
             "cp %s/a_master.log.1 %s/a_master.log.1.bak && : >%s/a_master.log.1", scratch, scratch,
             scratch);
    assert_int_equal(system(command), 0);
    expect("");
    put("a_master.log.1", numbered(5));
    NUMBERS(5);
    snprintf(command, sizeof command, "gzip -k %s/a_master.log", scratch);
    assert_int_equal(system(command), 0);
    expect("");
}

/* All files get other inodes while nobody looks. */
static void restored_backup(void **state)
{
    char command[600];
    (void)state;
    put("a_master.log-1", numbered(1));
    put("a_master.log-1", numbered(2));
    put("b_master.log-1", numbered(3));
    put("b_master.log-1", numbered(4));
    NUMBERS(1, 2, 3, 4);
    put("b_master.log-1", numbered(5));
    snprintf(
        command, sizeof command,
        "cd %s && for f in *; do cp $f /tmp/x.$$ && rm $f && touch y.$f && mv /tmp/x.$$ $f; done",
        scratch);
    restart();
    assert_int_equal(system(command), 0);
    NUMBERS(5);
}

static void number_used_again(void **state)
{
    (void)state;
    put("a_master.log-1", numbered(1));
    NUMBERS(1);
    for (unsigned n = 2; n < 30; n++) {
        char name[64];
        snprintf(name, sizeof name, "a_master.log-%u", n - 1);
        assert_int_equal(unlink(scratch_path(name)), 0);
        snprintf(name, sizeof name, "a_master.log-%u", n);
        put(name, numbered(n));
        NUMBERS(n);
        put(name, numbered(100 + n));
        NUMBERS(100 + n);
    }
    assert_int_equal(status().status, SOURCE_OK);
}

static void written_anew(void **state)
{
    (void)state;
    put("a_master.log", numbered(1));
    put("a_master.log", numbered(2));
    NUMBERS(1, 2);
    assert_int_equal(truncate(scratch_path("a_master.log"), 0), 0);
    put("a_master.log", numbered(3));
    NUMBERS(3);
}

/* A file that nobody wrote to for long is looked at once a minute. */
static void cold_file(void **state)
{
    (void)state;
    put("a_master.log-1", "one\n");
    expect("one\n");
    ahead_ms = HOT_MS + 10000;
    expect("");
    put("a_master.log-1", "two\n");
    monotonic_ms += LIST_MAX_MS;
    expect("two\n");
}

static void too_many(void **state)
{
    char name[64];
    (void)state;
    for (unsigned n = 0; n < FOLLOW_SET_MAX + 10; n++) {
        snprintf(name, sizeof name, "x%03u_master.log", n);
        put(name, "x\n");
        struct timespec times[2] = {{.tv_sec = 1000000 + n}, {.tv_sec = 1000000 + n}};
        assert_int_equal(utimensat(AT_FDCWD, scratch_path(name), times, 0), 0);
    }
    got[0] = '\0';
    while (follow_set_read(s, 4096, on_lines, NULL) == FOLLOW_MORE)
        ;
    assert_int_equal(strlen(got), 2 * FOLLOW_SET_MAX);
    assert_int_equal(status().status, SOURCE_TRUNCATED);
    restart();
    expect("");
    for (unsigned n = 100; n < 120; n++) { /* read already, and now there is room */
        snprintf(name, sizeof name, "x%03u_master.log", n);
        assert_int_equal(unlink(scratch_path(name)), 0);
    }
    monotonic_ms += LIST_MAX_MS;
    expect("x\nx\nx\nx\nx\nx\nx\nx\nx\nx\n");
    assert_int_equal(status().status, SOURCE_OK);
}

/* Removed before all of it was read: that is told. */
static void removed_early(void **state)
{
    (void)state;
    put("a_master.log-1", "one\ntwo");
    expect("one\n");
    assert_int_equal(unlink(scratch_path("a_master.log-1")), 0);
    expect("");
    assert_int_equal(status().status, SOURCE_TRUNCATED);
    assert_non_null(strstr(status().error, "removed"));
}

static void hostile_directory(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(scratch_path("a_master.log-fifo"), 0600), 0);
    assert_int_equal(mkdir(scratch_path("a_master.log-scratch"), 0700), 0);
    assert_int_equal(symlink("nowhere", scratch_path("a_master.log-link")), 0);
    put("a_master.log-1", "one\n");
    expect("one\n");
    struct follow_position wrong[3] = {{.inode = 1, .offset = 10},
                                       {.inode = 2, .offset = 1, .tail_length = 9},
                                       {.inode = 3, .head_length = 999, .offset = 1}};
    follow_set_free(s);
    s = follow_set_new(pattern, wrong, 3);
    assert_non_null(s);
    expect("one\n");
    assert_null(follow_set_new(pattern, wrong, FOLLOW_SET_MAX + 1));
}

/* Many files written at random by turns, some of them in parts of lines, with restarts: nothing is lost or twice. */
static void at_random(void **state)
{
    enum { FILES = 20, STEPS = 4000 };
    unsigned written[FILES] = {0}, expected[FILES] = {0}, seed = 7;
    char name[64], line[64];
    (void)state;
    for (unsigned step = 0; step < STEPS; step++) {
        seed = seed * 1103515245u + 12345u;
        unsigned n = (seed >> 16) % FILES;
        snprintf(name, sizeof name, "f%u_master.log-%u", n, n);
        snprintf(line, sizeof line, "%u %u\n", n, written[n]++);
        put(name, line);
        if (step % 7)
            continue;
        got[0] = '\0';
        monotonic_ms += 300;
        while (follow_set_read(s, 64, on_lines, NULL) == FOLLOW_MORE)
            ;
        for (char *p = got, *end; *p; p = end + 1) {
            unsigned file, number;
            end = strchr(p, '\n');
            assert_int_equal(sscanf(p, "%u %u", &file, &number), 2);
            assert_int_equal(number, expected[file]++);
        }
        if (step % 35 == 0)
            restart();
    }
    got[0] = '\0';
    monotonic_ms += 1500;
    while (follow_set_read(s, 4096, on_lines, NULL) == FOLLOW_MORE)
        ;
    for (char *p = got; *p; p = strchr(p, '\n') + 1) {
        unsigned file, number;
        assert_int_equal(sscanf(p, "%u %u", &file, &number), 2);
        assert_int_equal(number, expected[file]++);
    }
    assert_memory_equal(written, expected, sizeof written);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(side_by_side),      test(exactly_once_over_restarts),
        test(unended_line),      test(renamed_and_copied),
        test(restored_backup),   test(number_used_again),
        test(written_anew),      test(cold_file),
        test(too_many),          test(removed_early),
        test(hostile_directory), test(at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
