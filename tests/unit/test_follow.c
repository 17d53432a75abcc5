/*
 * Unit tests of collectors/follow.c: each way in which a log changes under its reader, and at the
 * end a writer process that does all of them at random while the follower is stopped and started
 * anew. follow.c is included, so that its clock can be the test's: waiting a second costs nothing,
 * and in the stress the writer owns the time.
 *
 *   test_follow [SEED COUNT]    without arguments 10 seeds
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

static int test_clock(clockid_t id, struct timespec *t);
#define clock_gettime test_clock
#include "../../collectors/follow.c"
#include "../../collectors/follow_choice.c"
#undef clock_gettime

/* Shared with the writer of the stress. */
static struct shared {
    _Atomic int64_t monotonic_ms;
    atomic_bool begun, done;
    _Atomic unsigned written;
} * shared;
static int64_t wall_ms;
static bool old_files; /* the wall clock is far ahead of every mtime */

static int test_clock(clockid_t id, struct timespec *t)
{
    int64_t ms = shared->monotonic_ms;
    if (id == CLOCK_REALTIME)
        ms = old_files ? INT64_C(9000000000000) : wall_ms;
    t->tv_sec = ms / 1000;
    t->tv_nsec = ms % 1000 * 1000000;
    return 0;
}

/* ---- a directory with a log, and what came of it ---- */

static char dir[64], path[128];
static struct follow *f;
static char *got;
static size_t got_length;
static enum follow_result result;

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/test_follow.XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/log", dir);
    f = NULL;
    got = calloc(1, 1);
    got_length = 0;
    old_files = false;
    wall_ms = 0;
    shared->monotonic_ms = 1000000;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    follow_free(f);
    free(got);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static const char *in_dir(const char *name)
{
    static char paths[4][400];
    static unsigned next;
    char *p = paths[next++ % 4];
    snprintf(p, sizeof paths[0], "%s/%s", dir, name);
    return p;
}

static void put_bytes(const char *name, const char *bytes, size_t n)
{
    int fd = open(in_dir(name), O_WRONLY | O_CREAT | O_APPEND, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    close(fd);
}

static void put(const char *name, const char *text)
{
    put_bytes(name, text, strlen(text));
}

static void move(const char *from, const char *to)
{
    assert_int_equal(rename(in_dir(from), in_dir(to)), 0);
}

static void set_time(const char *name, time_t s)
{
    struct timespec t[2] = {{s, 0}, {s, 0}};
    assert_int_equal(utimensat(AT_FDCWD, in_dir(name), t, 0), 0);
}

static void copy(const char *from, const char *to, bool gzip)
{
    char buffer[8192];
    ssize_t n;
    int in = open(in_dir(from), O_RDONLY),
        out = open(in_dir(to), O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(in >= 0 && out >= 0);
    gzFile gz = gzip ? gzdopen(dup(out), "wb") : NULL;
    while ((n = read(in, buffer, sizeof buffer)) > 0)
        if (gzip)
            assert_int_equal(gzwrite(gz, buffer, (unsigned)n), n);
        else
            assert_int_equal(write(out, buffer, (size_t)n), n);
    if (gzip) {
        struct stat st;
        gzclose(gz);
        fstat(in, &st);
        struct timespec t[2] = {st.st_mtim, st.st_mtim};
        futimens(out, t);
    }
    close(in);
    close(out);
}

/* As gzip does it: same time, the plain file goes. */
static void compress_file(const char *name)
{
    char gz[300];
    snprintf(gz, sizeof gz, "%s.gz", name);
    copy(name, gz, true);
    unlink(in_dir(name));
}

static void collect(void *arg, struct slice run, int64_t reference_ms)
{
    (void)arg;
    (void)reference_ms;
    assert_true(run.n > 0 && run.p[run.n - 1] == '\n');
    got = realloc(got, got_length + run.n + 1);
    memcpy(got + got_length, run.p, run.n);
    got_length += run.n;
    got[got_length] = '\0';
}

static void read_on(void)
{
    for (unsigned i = 0; i < 10000; i++)
        if ((result = follow_read(f, 1 << 20, collect, NULL)) != FOLLOW_MORE)
            return;
    fail_msg("never at the end");
}

/* What came since the last time. */
#define expect(text)                                                                               \
    do {                                                                                           \
        assert_string_equal(got, text);                                                            \
        got_length = 0;                                                                            \
        got[0] = '\0';                                                                             \
    } while (0)

static void later(int64_t ms)
{
    shared->monotonic_ms += ms;
}

/* Several reads with enough time between them for everything that waits. */
static void read_all(void)
{
    for (unsigned i = 0; i < 12; i++) {
        read_on();
        later(600);
    }
}

static void start(void)
{
    f = follow_new(path, NULL);
    assert_non_null(f);
}

static void restart(void)
{
    struct follow_position at = *follow_position(f);
    follow_free(f);
    f = follow_new(path, &at);
    assert_non_null(f);
}

static struct follow_status status(void)
{
    struct follow_status s;
    follow_status(f, &s);
    return s;
}

static const char filler[] =
    "this line makes the head of the file longer than what is certain ......\n";

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
    strcat(dir, "/sub");
    snprintf(path, sizeof path, "%s/log", dir);
    start();
    read_on();
    assert_int_equal(result, FOLLOW_ERROR);
    assert_int_equal(status().status, SOURCE_MISSING);
    assert_non_null(strstr(status().error, "log: no such file"));
    mkdir(dir, 0700);
    read_on();
    assert_int_equal(result, FOLLOW_ERROR);
    put("log", "");
    read_on();
    assert_int_equal(result, FOLLOW_IDLE);
    assert_int_equal(status().status, SOURCE_OK);
    put("log", "one\n");
    read_on();
    expect("one\n");
    *strrchr(dir, '/') = '\0';
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
    chmod(dir, 0755);
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

/* ---- rotation under the reader's eyes ---- */

static void renamed_with_a_late_writer(void **state)
{
    (void)state;
    put("log", "one\n");
    start();
    read_on();
    move("log", "log.1");
    put("log.1", "two\n");
    read_on();
    expect("one\ntwo\n");
    assert_int_equal(result, FOLLOW_IDLE); /* the next file comes with the next line */
    later(5000);
    put("log", "");
    read_on();
    later(5000);
    put("log.1", "three\n");
    read_on();
    later(5000);
    put("log", "new\n");
    read_on(); /* the second begins */
    later(900);
    put("log.1", "four\n");
    read_on();
    expect("three\nfour\n");
    later(200);
    put("log.1", "five\nsi");
    read_on();
    put("log.1", "x");
    read_on();
    expect("five\nsix\nnew\n");
    assert_int_equal(status().rotations, 1);
}

/*
 * Three rotations between two looks, four generations kept: each is gone before its second of grace is over, and gets a
 * last line in between. compress: as soon as it is renamed, which no late line outlives.
 */
static void rotate_fast(unsigned interval, bool compress)
{
    char expected[4000] = "";
    char word[100];
    start();
    for (unsigned i = 0; i < 40; i++) {
        snprintf(word, sizeof word, "%02u %s", i, filler);
        put("log", word);
        strcat(expected, word);
        if (i == 0)
            read_on();
        unlink(in_dir(compress ? "log.4.gz" : "log.4"));
        for (int n = 3; n >= 0; n--) {
            char from[20] = "log", to[20];
            if (n > 0)
                snprintf(from, sizeof from, "log.%d%s", n, compress ? ".gz" : "");
            snprintf(to, sizeof to, "log.%d%s", n + 1, compress && n > 0 ? ".gz" : "");
            rename(in_dir(from), in_dir(to));
        }
        if (compress) {
            compress_file("log.1");
        } else {
            snprintf(word, sizeof word, "%02u late\n", i);
            put("log.1", word);
            strcat(expected, word);
        }
        later(350);
        if (i % interval == interval - 1)
            read_on();
    }
    read_all();
    expect(expected);
    assert_int_equal(status().rotations, 39);
    assert_int_equal(status().behind_bytes, 0);
}

static void rotated_within_the_grace(void **state)
{
    (void)state;
    rotate_fast(3, false);
}

static void compressed_within_the_grace(void **state)
{
    (void)state;
    rotate_fast(3, true);
}

/* A writer that stays with the old file for ever cannot hold back more than so many. */
static void never_left(void **state)
{
    (void)state;
    char name[20], word[40], last[40] = "";
    put("log", filler);
    start();
    read_on();
    move("log", "log.99");
    for (int n = 98; n > 70; n--) {
        snprintf(word, sizeof word, "line %d\n", n);
        put("log", word);
        snprintf(name, sizeof name, "log.%d", n);
        put("log.99", "stays\n");
        later(600);
        read_on();
        move("log", name);
        if (strstr(got, "\nline"))
            break;
        strcpy(last, word);
    }
    assert_string_equal(last, "line 83\n");
    got_length = 0;
    read_all();
    assert_string_equal(got + got_length - 8, "line 82\n");
    assert_int_equal(status().status, SOURCE_OK);
}

static void copied_and_truncated(void **state)
{
    (void)state;
    put("log", "one\n");
    start();
    read_on();
    put("log", "only in the copy\n");
    copy("log", "log.1", false);
    truncate(path, 0);
    read_on();
    expect("one\nonly in the copy\n");
    put("log", "new\n");
    read_all();
    expect("new\n");
    assert_int_equal(status().status, SOURCE_OK);
}

static void truncated_and_grown_past_the_offset(void **state)
{
    (void)state;
    put("log", "one\n");
    start();
    read_on();
    put("log", "only in the copy\n");
    copy("log", "log.1", false);
    truncate(path, 0);
    put("log", "new and quite a lot longer than before\n");
    read_all();
    expect("one\nonly in the copy\nnew and quite a lot longer than before\n");
    move("log.1", "log.2");
    copy("log", "log.1", false); /* grown to exactly the same size */
    truncate(path, 0);
    put("log", "NEW and quite a lot longer than before\n");
    set_time("log", time(NULL) + 1);
    read_all();
    expect("NEW and quite a lot longer than before\n");
}

static void truncated_twice(void **state)
{
    (void)state;
    put("log", filler);
    start();
    read_on();
    put("log", "one\n");
    copy("log", "log.1", false);
    truncate(path, 0);
    put("log", "two\n");
    move("log.1", "log.2");
    copy("log", "log.1", false);
    truncate(path, 0);
    put("log", "three\n");
    read_all();
    assert_string_equal(got + strlen(filler), "one\ntwo\nthree\n");
    assert_int_equal(status().status, SOURCE_OK);
}

/* A copy was made twice before the log was truncated: the first is the beginning of the second. */
static void copied_twice(void **state)
{
    (void)state;
    put("log", filler);
    start();
    read_on();
    put("log", "one\n");
    copy("log", "log.2", false);
    put("log", "two\n");
    copy("log", "log.1", false);
    truncate(path, 0);
    put("log", "three\n");
    read_all();
    assert_string_equal(got + strlen(filler), "one\ntwo\nthree\n");
}

static void truncated_without_append(void **state)
{
    (void)state;
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "one\n", 4), 4);
    start();
    read_on();
    for (unsigned i = 1; i < 4; i++) {
        char name[16], line[16];
        snprintf(line, sizeof line, "copy %u\n", i);
        assert_int_equal(write(fd, line, 7), 7);
        snprintf(name, sizeof name, "log.%u", 9 - i);
        copy("log", name, false);
        truncate(path, 0);
        assert_int_equal(write(fd, "next\n", 5), 5); /* after a hole */
        read_all();
    }
    expect("one\ncopy 1\nnext\ncopy 2\nnext\ncopy 3\nnext\n");
    close(fd);
}

static void truncated_without_a_copy(void **state)
{
    (void)state;
    put("log", "one\ntwo\n");
    start();
    read_on();
    expect("one\ntwo\n");
    truncate(path, 0);
    read_on();
    put("log", "three\n");
    read_all();
    expect("three\n");
    assert_int_equal(status().status, SOURCE_TRUNCATED);
    assert_non_null(strstr(status().error, "truncated or removed"));
    move("log", "log.1"); /* the next rotation is a good one */
    put("log", "four\n");
    read_all();
    expect("four\n");
    assert_int_equal(status().status, SOURCE_OK);
}

/* ---- rotation while nobody looked ---- */

static void many_rotations_while_away(bool gzip)
{
    put("log", "one\n");
    put("log", filler);
    start();
    read_on();
    got_length = 0;
    put("log", "a\n");
    move("log", "log.4");
    put("log.3", "b1\nb2");
    put("log.2", "c\n");
    put("log.1", "");
    put("log", "d\n");
    put("log.log", "another log\n");
    put("log.1.bak", "not a rotation\n");
    if (gzip) {
        compress_file("log.4");
        compress_file("log.3");
    }
    restart();
    read_all();
    expect("a\nb1\nb2\nc\nd\n");
    assert_int_equal(status().status, SOURCE_OK);
    assert_int_equal(status().rotations, 3);
    assert_int_equal(status().behind_bytes, 0);
}

static void rotations_while_away(void **state)
{
    (void)state;
    many_rotations_while_away(false);
}

static void rotations_with_gzip_while_away(void **state)
{
    (void)state;
    many_rotations_while_away(true);
}

static void dates_while_away(void **state)
{
    (void)state;
    put("log", "one\n");
    start();
    read_on();
    put("log", "a\n");
    move("log", "log-20261121");
    set_time("log-20261121", 1000);
    put("log.20261120-120000", "b\n"); /* its time decides, not its name */
    set_time("log.20261120-120000", 2000);
    put("log-20261122", "c\n");
    set_time("log-20261122", 3000);
    compress_file("log-20261122");
    put("log-19990101", "long ago\n");
    set_time("log-19990101", 500);
    put("log", "d\n");
    restart();
    read_all();
    expect("one\na\nb\nc\nd\n");
}

/* An empty generation, compressed, is not empty on disk. */
static void empty_gzip_between(void **state)
{
    (void)state;
    put("log", "one\n");
    start();
    read_on();
    move("log", "log.3");
    put("log.2", "");
    compress_file("log.2");
    put("log.1", "two\n");
    put("log", "three\n");
    set_time("log.3", 1000); /* all at the same tick */
    set_time("log.2.gz", 1000);
    set_time("log.1", 1000);
    restart();
    read_all();
    expect("one\ntwo\nthree\n");
}

/* A terabyte of NULs that were never written, as after a truncation by somebody else, costs nothing. */
static void terabyte_hole(void **state)
{
    (void)state;
    const off_t size = (off_t)1 << 40;
    put("log", "one\n");
    start();
    read_on();
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(truncate(path, size), 0);
    read_all();
    put("log", "two\nthree\n");
    read_all();
    restart();
    put("log", "four\n");
    read_all();
    expect("one\ntwo\nthree\nfour\n");
    assert_int_equal(truncate(path, 2 * size), 0);
    put("log", "\nfive\n");
    read_all();
    restart();
    put("log", "six\n");
    read_all();
    assert_string_equal(got + got_length - 9, "five\nsix\n");
}

/* NULs alone do not tell which file it is: such a file must not be mistaken for the next one. */
static void seen_as_nuls_only(void **state)
{
    (void)state;
    static const char nuls[20000];
    put("log", "one\n");
    start();
    read_on();
    copy("log", "log.3", false);
    truncate(path, 0);
    put_bytes("log", nuls, sizeof nuls);
    for (unsigned i = 0; i < 10; i++) {
        follow_read(f, 1, collect, NULL);
        later(600);
    }
    expect("one\n");
    put("log", "two\n");
    copy("log", "log.2", false);
    compress_file("log.2");
    truncate(path, 0);
    put_bytes("log", nuls, sizeof nuls);
    put_bytes("log", nuls, sizeof nuls);
    put("log", "three\n");
    struct follow_position at = *follow_position(f);
    read_all();
    expect("two\nthree\n");
    follow_free(f);
    f = follow_new(path, &at);
    read_all();
    expect("two\nthree\n");
}

static void gzip_going_on(void **state)
{
    (void)state;
    put("log", "one\n");
    start();
    read_on();
    put("log", "two\n");
    move("log", "log.1");
    put_bytes("log.1.gz", "\x1f\x8b\x08\0\0\0\0", 7);
    put("log", "three\n");
    restart();
    read_all();
    expect("one\ntwo\nthree\n");
    assert_int_equal(status().status, SOURCE_OK);
}

static void damaged_gzip(void **state)
{
    (void)state;
    char line[2000];
    struct stat st;
    put("log", filler);
    start();
    read_on();
    expect(filler);
    for (size_t i = 0; i < sizeof line; i++)
        line[i] = (char)('a' + random() % 26);
    line[sizeof line - 1] = '\n';
    put("log", "two\n");
    put_bytes("log", line, sizeof line);
    move("log", "log.1");
    compress_file("log.1");
    stat(in_dir("log.1.gz"), &st);
    truncate(in_dir("log.1.gz"), st.st_size - 300);
    put("log", "three\n");
    restart();
    read_all();
    assert_int_equal(strncmp(got, "two\n", 4), 0);
    assert_non_null(strstr(got, "\nthree\n"));
    assert_int_equal(status().status, SOURCE_TRUNCATED);
    assert_non_null(strstr(status().error, "damaged"));
}

static void inode_used_again(void **state)
{
    (void)state;
    put("log", "one\n");
    start();
    read_on();
    struct follow_position at = *follow_position(f);
    follow_free(f);
    put("log", "two\n");
    copy("log", "log.1", false); /* another inode; the log itself is what has the old one */
    truncate(path, 0);
    put("log", "new and longer than it was\n");
    f = follow_new(path, &at);
    read_all();
    expect("one\ntwo\nnew and longer than it was\n");
}

static void own_file_gone(void **state)
{
    (void)state;
    put("log", "one\n");
    start();
    read_on();
    unlink(path);
    put("log.2", "b\n");
    set_time("log.2", time(NULL) + 10);
    put("log.1", "c\n");
    set_time("log.1", time(NULL) + 20);
    put("log.3", "older\n");
    set_time("log.3", 1000);
    restart();
    read_all();
    expect("one\nb\nc\n");
    assert_int_equal(status().status, SOURCE_TRUNCATED);
    put("log", "d\n");
    read_all();
    expect("d\n");
}

static void other_compression(void **state)
{
    (void)state;
    put("log", "one\n");
    start();
    read_on();
    move("log", "log.3");
    put("log.2.xz", "?");
    put("log", "two\n");
    restart();
    read_all();
    expect("one\ntwo\n");
    assert_int_equal(status().status, SOURCE_TRUNCATED);
    assert_non_null(strstr(status().error, "log.2.xz"));
}

/* An empty log was seen; what it became was rotated before the next look. */
static void empty_then_rotated(void **state)
{
    (void)state;
    put("log", "");
    set_time("log", 1000);
    start();
    read_on();
    put("log", "one\n");
    move("log", "log.1");
    compress_file("log.1");
    put("log", "two\n");
    read_all();
    expect("one\ntwo\n");
}

/* No waiting for files that were settled long before the start. */
static void catches_up_at_once(void **state)
{
    (void)state;
    old_files = true;
    put("log", "one\n");
    start();
    read_on();
    move("log", "log.2");
    put("log.1", "two\n");
    put("log", "three\n");
    restart();
    read_on();
    expect("one\ntwo\nthree\n");
}

/* The message return job of Sun's Messaging Server, about midnight. */
static void return_job(void)
{
    if (access(in_dir("mail.log_yesterday"), F_OK) == 0) {
        char command[256];
        snprintf(command, sizeof command, "cd %s && cat mail.log_yesterday >> mail.log", dir);
        assert_int_equal(system(command), 0);
    }
    move("mail.log_current", "mail.log_yesterday");
}

static void sun_nights(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "%s/mail.log_current", dir);
    put("mail.log", "long ago\n");
    put("mail.log_yesterday", "yesterday 1\n");
    set_time("mail.log_yesterday", 1000);
    put("mail.log_current", filler);
    put("mail.log_current", "today 1\n");
    start();
    read_all();
    assert_non_null(strstr(got, "today 1\n"));
    assert_null(strstr(got, "long ago"));
    got_length = 0;
    put("mail.log_current", "today 2\n");
    return_job();
    put("mail.log_yesterday", "late word of today\n"); /* by a process that had it open */
    read_on();
    put("mail.log_current", "second day 1\n");
    read_all();
    expect("today 2\nlate word of today\nsecond day 1\n");
    put("mail.log_current", "second day 2\n");
    restart(); /* while the job runs */
    return_job();
    restart();
    read_all();
    expect("second day 2\n");
    put("mail.log_current", "third day 1\n");
    restart();
    read_all();
    expect("third day 1\n");
    assert_int_equal(status().status, SOURCE_OK);
}

/* It stood still for some nights: what they had is at the end of mail.log. */
static void sun_many_nights(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "%s/mail.log_current", dir);
    put("mail.log", "long ago\n");
    put("mail.log_current", filler);
    put("mail.log_current", "first 1\n");
    start();
    read_all();
    got_length = 0;
    got[0] = '\0';
    put("mail.log_current", "first 2\n");
    return_job();
    put("mail.log_current", "second 1\n");
    return_job();
    put("mail.log_current", "third 1\n");
    return_job();
    put("mail.log_current", "fourth 1\n");
    restart();
    read_on(); /* the job may still run */
    expect("");
    assert_int_not_equal(status().status, SOURCE_TRUNCATED);
    old_files = true;
    restart();
    read_all();
    restart();
    read_all();
    expect("first 2\nsecond 1\nthird 1\nfourth 1\n");
    assert_int_equal(status().status, SOURCE_OK);
}

/* What mail.log does not have either is lost, and said to be. */
static void sun_lost_nights(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "%s/mail.log_current", dir);
    put("mail.log_current", filler);
    put("mail.log_current", "first 1\n");
    start();
    read_all();
    got_length = 0;
    got[0] = '\0';
    for (unsigned night = 0; night < 2; night++) {
        return_job();
        put("mail.log_current", "later\n");
    }
    return_job();
    remove(in_dir("mail.log"));
    put("mail.log", "another\n");
    put("mail.log_current", "last\n");
    old_files = true;
    restart();
    read_all();
    expect("later\nlast\n");
    assert_int_equal(status().status, SOURCE_TRUNCATED);
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

/* ---- the stress ---- */

static uint64_t seed_state;
static unsigned dice(unsigned sides)
{
    seed_state ^= seed_state << 13;
    seed_state ^= seed_state >> 7;
    seed_state ^= seed_state << 17;
    return (unsigned)((seed_state >> 20) % sides);
}

static struct writer {
    int fd;
    bool append, dated;
    unsigned number, rotations;
} w;

static void pause_writer(unsigned most_us)
{
    if (dice(3) == 0)
        usleep(dice(most_us));
}

static void write_line(void)
{
    char line[420];
    int n = snprintf(line, sizeof line, "%u ", ++w.number);
    for (unsigned i = dice(dice(4) ? 60 : 380); i > 0; i--)
        line[n++] = (char)('a' + i % 26);
    n += snprintf(line + n, sizeof line - (size_t)n, " %u\n",
                  w.number);    /* no two ends are the same */
    for (int at = 0; at < n;) { /* as it is flushed: at any octet */
        int part = dice(3) ? n - at : 1 + (int)dice((unsigned)(n - at));
        if (write(w.fd, line + at, (size_t)part) != part)
            _exit(2);
        at += part;
        if (at < n)
            pause_writer(200);
    }
    shared->written = w.number;
}

static void write_lines(unsigned most)
{
    for (unsigned i = dice(most + 1); i > 0; i--)
        write_line();
}

static void open_log(void)
{
    if (w.fd >= 0)
        close(w.fd);
    w.fd = open(path, O_WRONLY | O_CREAT | (w.append ? O_APPEND : 0), 0600);
    if (w.fd < 0)
        _exit(3);
    if (!w.append)
        lseek(w.fd, 0, SEEK_END);
}

/* Makes room for a new generation and names it. */
static void next_name(char name[32])
{
    char from[32], to[32];
    snprintf(name, 32, "log.1");
    if (w.dated) {
        snprintf(name, 32, "log-20261121-%06u", w.rotations);
        return;
    }
    for (unsigned i = w.rotations; i > 0; i--)
        for (unsigned gz = 0; gz < 2; gz++) {
            snprintf(from, sizeof from, "log.%u%s", i, gz ? ".gz" : "");
            snprintf(to, sizeof to, "log.%u%s", i + 1, gz ? ".gz" : "");
            rename(in_dir(from), in_dir(to));
            if (dice(20) == 0)
                pause_writer(100);
        }
}

static void rotate(void)
{
    char name[32];
    next_name(name);
    w.rotations++;
    if (dice(2)) {
        copy("log", name, false);
        pause_writer(2000);
        if (ftruncate(w.fd, 0) != 0)
            _exit(4);
        return;
    }
    rename(path, in_dir(name));
    pause_writer(1000);
    write_lines(3);
    if (dice(2)) /* else the new file comes with the next line */
        close(open(path, O_WRONLY | O_CREAT, 0600));
    write_lines(3);
    pause_writer(1000);
    open_log();
}

static void compress_one(void)
{
    char name[32];
    unsigned which = dice(2);
    if (w.dated)
        snprintf(name, sizeof name, "log-20261121-%06u", w.rotations - 1 - which);
    else
        snprintf(name, sizeof name, "log.%u", 1 + which);
    if (w.rotations > which && access(in_dir(name), F_OK) == 0)
        compress_file(name);
}

static void run_writer(unsigned steps)
{
    for (unsigned i = 0; i < steps; i++) {
        unsigned what = dice(30);
        if (what == 0 && shared->begun && w.rotations < 60)
            rotate();
        else if (what == 1)
            compress_one();
        else
            write_lines(4);
        shared->monotonic_ms += dice(10) ? dice(50) : dice(2000);
        pause_writer(dice(10) ? 300 : 5000);
    }
    open_log();
    write_line();
    shared->done = true;
    _exit(0);
}

static struct reader {
    unsigned next; /* the number expected */
} r;
static unsigned bad;

static void check_lines(void *arg, struct slice run, int64_t reference_ms)
{
    (void)arg;
    (void)reference_ms;
    while (run.n > 0) {
        struct slice line = slice_cut(&run, '\n');
        uint64_t number = 0;
        if (line.p == NULL || !slice_number(&line, &number) || number != r.next) {
            if (bad++ == 0)
                print_message("expected %u, got %.*s (%llu)\n", r.next, (int)line.n, line.p,
                              (unsigned long long)number);
        }
        r.next = (unsigned)number + 1;
    }
}

struct saved {
    struct follow_position at;
    unsigned next;
};

/* Reads, is killed and started from what was stored last or some time before. */
static void run_reader(void)
{
    struct saved saved[16];
    unsigned saves = 1, idle = 0;
    start();
    follow_read(f, 1, check_lines, NULL); /* the first line is there already */
    shared->begun = r.next > 1;
    saved[0] = (struct saved){*follow_position(f), r.next};
    while (idle < 40 && bad == 0) {
        bool done = shared->done;
        unsigned before = r.next;
        enum follow_result last = follow_read(f, 1 + dice(20000), check_lines, NULL);
        if (status().status == SOURCE_TRUNCATED && bad++ == 0)
            print_message("%s\n", status().error);
        idle = done && last != FOLLOW_MORE && before == r.next ? idle + 1 : 0;
        if (done)
            later(300);
        if (dice(4) == 0)
            saved[saves++ % 16] = (struct saved){*follow_position(f), r.next};
        if (dice(8) == 0 && !(done && idle > 5)) {
            unsigned back = dice(3) || saves < 16 ? 1 : 1 + dice(15);
            struct saved *from = &saved[(saves - back) % 16];
            follow_free(f);
            if (!done)
                usleep(dice(4) ? dice(1000) : dice(60000));
            f = follow_new(path, &from->at);
            r.next = from->next;
        }
        usleep(dice(1000));
    }
}

static unsigned run_seed(uint64_t seed)
{
    void *none = NULL;
    setup(&none);
    seed_state = seed * 0x9e3779b97f4a7c15u + 1;
    for (unsigned i = 0; i < 20; i++)
        dice(2);
    w = (struct writer){.fd = -1, .append = dice(3) != 0, .dated = dice(3) == 0};
    r.next = 1;
    bad = 0;
    shared->begun = shared->done = false;
    open_log();
    write_line();
    pid_t child = fork();
    if (child == 0)
        run_writer(1200);
    seed_state ^= 0x5555555555;
    run_reader();
    int code = 0;
    if (bad)
        kill(child, SIGKILL);
    waitpid(child, &code, 0);
    close(w.fd);
    if (bad == 0 && (code != 0 || r.next != shared->written + 1)) {
        print_message("ended before %u of %u, writer %d\n", r.next, shared->written, code);
        bad = 1;
    }
    if (bad)
        print_message("status %d, behind %llu %s\n", status().status,
                      (unsigned long long)status().behind_bytes, status().error);
    if (bad)
        print_message("seed %llu failed (append %d, dated %d): see %s\n", (unsigned long long)seed,
                      w.append, w.dated, dir);
    else
        teardown(&none);
    return bad != 0;
}

static uint64_t first_seed = 1, seeds = 10;

static void stress(void **state)
{
    (void)state;
    unsigned failed = 0;
    for (uint64_t i = 0; i < seeds; i++)
        failed += run_seed(first_seed + i);
    if (seeds > 10)
        print_message("%llu seeds, %u failed\n", (unsigned long long)seeds, failed);
    assert_int_equal(failed, 0);
}

/* "log-%D": each day has a file of its own, and the next one takes over when it is there. */
static void dated_names(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    wall_ms = INT64_C(1795305540000); /* 2026-11-21T23:59:00Z */
    snprintf(path, sizeof path, "%s/log-%%D", dir);
    put("log-20261119", "one\n");
    set_time("log-20261119", 1795100000);
    put("log-2026112", "no\n");
    put("log-20261118.5", "no\n");
    start();
    read_all();
    expect("one\n");
    assert_int_equal(status().status, SOURCE_OK);
    put("log-20261121", "two\n");
    read_all();
    expect("two\n");
    wall_ms += 120000; /* midnight; the first line of the new day comes later */
    put("log-20261121", "three\n");
    read_all();
    expect("three\n");
    assert_int_equal(status().status, SOURCE_OK);
    put("log-20261121", "four\n");
    put("log-20261122", "five\n");
    read_all();
    expect("four\nfive\n");
    put("log-20261122", "six\n");
    wall_ms += 86400000;
    put("log-20261123", "seven\n");
    compress_file("log-20261122");
    restart();
    read_all();
    expect("six\nseven\n");
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const struct CMUnitTest tests[] = {
        test(whole_lines_only),
        test(octets_before),
        test(budget),
        test(long_line_is_cut),
        test(long_line_in_gzip),
        test(nul_octets),
        test(missing_then_there),
        test(not_a_file),
        test(denied),
        test(deleted_and_created),
        test(renamed_with_a_late_writer),
        test(rotated_within_the_grace),
        test(compressed_within_the_grace),
        test(never_left),
        test(copied_and_truncated),
        test(truncated_and_grown_past_the_offset),
        test(truncated_twice),
        test(copied_twice),
        test(truncated_without_append),
        test(truncated_without_a_copy),
        test(rotations_while_away),
        test(rotations_with_gzip_while_away),
        test(dates_while_away),
        test(empty_gzip_between),
        test(terabyte_hole),
        test(seen_as_nuls_only),
        test(gzip_going_on),
        test(damaged_gzip),
        test(inode_used_again),
        test(own_file_gone),
        test(other_compression),
        test(empty_then_rotated),
        test(catches_up_at_once),
        test(sun_nights),
        test(sun_many_nights),
        test(sun_lost_nights),
        test(dated_names),
        test(impossible_position),
    };
    const struct CMUnitTest last[] = {cmocka_unit_test(stress)};
    if (argc == 3) {
        first_seed = strtoull(argv[1], NULL, 10);
        seeds = strtoull(argv[2], NULL, 10);
        return cmocka_run_group_tests(last, NULL, NULL);
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed + cmocka_run_group_tests(last, NULL, NULL);
}
