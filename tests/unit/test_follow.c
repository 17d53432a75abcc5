/* Following one log: whole lines of it, and what may be at its path. */
#include "follow_fixture.h"

#include <sys/wait.h>

/* ---- reading ---- */

static void whole_lines_only(void **state)
{
    (void)state;
    put("log", "one\ntwo\nthr");
    start();
    read_on();
    expect("one\ntwo\n");
    assert_int_equal(result, FOLLOW_IDLE);
    assert_int_equal(follow_position(f)->offset, 8);
    assert_int_equal(status().behind_bytes, 3);
    put("log", "ee\n");
    read_on();
    expect("three\n");
    read_on();
    expect("");
    assert_int_equal(status().bytes, 14);
}

static char seen_before[64];

static void look_before(void *arg, struct slice run, int64_t reference_ms)
{
    size_t n = follow_before(f, seen_before, *(size_t *)arg);
    seen_before[n] = '\0';
    collect(NULL, run, reference_ms);
}

/* What stands before a run, also when another process read it; not of a file that is compressed by now. */
static void octets_before(void **state)
{
    (void)state;
    size_t room = 6;
    put("log", "one\ntwo\n");
    start();
    follow_read(f, 1 << 20, look_before, &room);
    assert_string_equal(seen_before, "");
    restart();
    put("log", "three\n");
    follow_read(f, 1 << 20, look_before, &room);
    expect("one\ntwo\nthree\n");
    assert_string_equal(seen_before, "e\ntwo\n");
    room = 60;
    put("log", "four\n");
    follow_read(f, 1 << 20, look_before, &room);
    expect("four\n");
    assert_string_equal(seen_before, "one\ntwo\nthree\n");
    put("log", "five\n");
    move("log", "log.1");
    compress_file("log.1");
    put("log", "six\n");
    restart();
    assert_int_equal(follow_before(f, seen_before, room), 0); /* nothing is open yet */
    for (unsigned i = 0; i < 12; i++, later(600)) {
        follow_read(f, 5, look_before, &room);
        if (strcmp(got, "five\n") == 0)
            assert_string_equal(seen_before, "");
    }
    expect("five\nsix\n");
}

static void budget(void **state)
{
    (void)state;
    char line[101];
    memset(line, 'x', 99);
    strcpy(line + 99, "\n");
    for (unsigned i = 0; i < 1000; i++)
        put("log", line);
    start();
    unsigned calls = 1;
    while (follow_read(f, 10000, collect, NULL) == FOLLOW_MORE) {
        assert_int_equal(status().status, SOURCE_CATCHING_UP);
        assert_int_equal(status().behind_bytes, 100000 - got_length);
        calls++;
    }
    assert_in_range(calls, 10, 11);
    assert_int_equal(got_length, 100000);
    assert_int_equal(status().status, SOURCE_OK);
}

static void long_line_is_cut(void **state)
{
    (void)state;
    size_t n = 700000;
    char *line = malloc(n);
    memset(line, 'x', n);
    put("log", "first\n");
    put_bytes("log", line, n);
    start();
    read_on();
    assert_int_equal(got_length, 6 + 262144 + 1);
    restart(); /* the rest is known to be the rest of a line */
    read_on();
    put_bytes("log", line, n);
    read_on();
    assert_int_equal(got_length, 6 + 262144 + 1);
    put("log", "rest\nnext\n");
    read_on();
    assert_string_equal(got + 6 + 262144, "\nnext\n");
    got_length = 0;
    put_bytes("log", line, 262143); /* the longest that is handed on whole */
    put("log", "\n");
    read_on();
    assert_int_equal(got_length, 262144);
    free(line);
}

static void long_line_in_gzip(void **state)
{
    (void)state;
    size_t n = 700000;
    char *line = malloc(n);
    memset(line, 'x', n);
    put("log", filler);
    start();
    read_on();
    expect(filler);
    put_bytes("log", line, n);
    put("log", "rest\nnext\nlast");
    move("log", "log.1");
    compress_file("log.1");
    put("log", "new\n");
    restart();
    read_all();
    assert_int_equal(got_length, 262144 + 1 + 5 + 5 + 4);
    assert_string_equal(got + 262144, "\nnext\nlast\nnew\n");
    free(line);
}

static void nul_octets(void **state)
{
    (void)state;
    put_bytes("log", "\0\0\0\0\0\0", 6);
    start();
    read_on();
    expect("");
    put_bytes("log", "\0\0one\n\0\0t\0o\n", 12);
    read_on();
    assert_int_equal(got_length, 10);
    assert_memory_equal(got, "one\n\0\0t\0o\n", 10);
}

/* ---- the path ---- */

static void missing_then_there(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "%s/sub/log", scratch);
    start();
    read_on();
    assert_int_equal(result, FOLLOW_ERROR);
    assert_int_equal(status().status, SOURCE_MISSING);
    assert_non_null(strstr(status().error, "log: no such file"));
    mkdir(scratch_path("sub"), 0700);
    read_on();
    assert_int_equal(result, FOLLOW_ERROR);
    put("sub/log", "");
    read_on();
    assert_int_equal(result, FOLLOW_IDLE);
    assert_int_equal(status().status, SOURCE_OK);
    put("sub/log", "one\n");
    read_on();
    expect("one\n");
}

static void not_a_file(void **state)
{
    (void)state;
    mkfifo(path, 0600);
    start();
    read_on();
    assert_int_equal(result, FOLLOW_ERROR);
    assert_non_null(strstr(status().error, "not a regular file"));
    unlink(path);
    mkdir(path, 0700);
    read_on();
    assert_int_equal(result, FOLLOW_ERROR);
    rmdir(path);
    assert_int_equal(symlink("/dev/zero", path), 0);
    read_on();
    assert_int_equal(result, FOLLOW_ERROR);
    unlink(path);
    put("log", "one\n");
    read_on();
    expect("one\n");
    assert_int_equal(result, FOLLOW_IDLE);
}

/* Root may read everything: a child without privileges looks. */
static void denied(void **state)
{
    (void)state;
    put("log", "one\n");
    chmod(path, 0);
    chmod(scratch, 0755);
    pid_t child = fork();
    if (child == 0) {
        int bad = 0;
        if (geteuid() == 0 && setuid(65534) != 0)
            _exit(9);
        start();
        for (unsigned i = 0; i < 3; i++) { /* and it stays so */
            read_on();
            bad |= result != FOLLOW_ERROR || status().status != SOURCE_DENIED ||
                   strstr(status().error, "group") == NULL;
        }
        _exit(bad);
    }
    int code;
    waitpid(child, &code, 0);
    assert_int_equal(code, 0);
}

static void deleted_and_created(void **state)
{
    (void)state;
    put("log", "one\n");
    start();
    read_on();
    int fd = open(path, O_WRONLY | O_APPEND);
    unlink(path);
    assert_int_equal(write(fd, "two\n", 4), 4);
    read_on();
    expect("one\ntwo\n");
    assert_int_equal(result, FOLLOW_ERROR);
    put("log", "three\n");
    read_on();
    assert_int_equal(write(fd, "late\n", 5), 5);
    close(fd);
    read_all();
    expect("late\nthree\n");
    assert_int_equal(status().status, SOURCE_OK);
    assert_int_equal(status().rotations, 1);
}

static void impossible_position(void **state)
{
    (void)state;
    struct follow_position at = {.offset = 1 << 20, .head_length = 10, .tail_length = 3000000000u};
    put("log", "one\n");
    f = follow_new(path, &at);
    read_on();
    expect("one\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        follow_test(whole_lines_only),    follow_test(octets_before),       follow_test(budget),
        follow_test(long_line_is_cut),    follow_test(long_line_in_gzip),   follow_test(nul_octets),
        follow_test(missing_then_there),  follow_test(not_a_file),          follow_test(denied),
        follow_test(deleted_and_created), follow_test(impossible_position),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
