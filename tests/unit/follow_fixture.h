/*
 * A directory with a log and a follower of it, and what came of it. follow.c is included, so that its clock can be the
 * test's: waiting a second costs nothing.
 */
#ifndef FOLLOW_FIXTURE_H
#define FOLLOW_FIXTURE_H

#include "scratch.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <time.h>
#include <zlib.h>

static int test_clock(clockid_t id, struct timespec *t);
#define clock_gettime test_clock
#include "../../collectors/follow.c"
#include "../../collectors/follow_choice.c"
#undef clock_gettime

static _Atomic int64_t own_ms;
static _Atomic int64_t *monotonic_ms = &own_ms; /* may be one that is shared with a writer */
static int64_t wall_ms;
static bool old_files; /* the wall clock is far ahead of every mtime */

static int test_clock(clockid_t id, struct timespec *t)
{
    int64_t ms = *monotonic_ms;
    if (id == CLOCK_REALTIME)
        ms = old_files ? INT64_C(9000000000000) : wall_ms;
    t->tv_sec = ms / 1000;
    t->tv_nsec = ms % 1000 * 1000000;
    return 0;
}

static char path[64]; /* of the log */
static struct follow *f;
static char *got;
static size_t got_length;
static enum follow_result result;

static inline int setup(void **state)
{
    if (scratch_make(state))
        return -1;
    snprintf(path, sizeof path, "%s/log", scratch);
    f = NULL;
    got = calloc(1, 1);
    got_length = 0;
    old_files = false;
    wall_ms = 0;
    *monotonic_ms = 1000000;
    return 0;
}

static inline int teardown(void **state)
{
    follow_free(f);
    free(got);
    return scratch_remove(state);
}

#define follow_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static inline void put_bytes(const char *name, const char *bytes, size_t n)
{
    int fd = open(scratch_path(name), O_WRONLY | O_CREAT | O_APPEND, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    close(fd);
}

static inline void put(const char *name, const char *text)
{
    put_bytes(name, text, strlen(text));
}

static inline void move(const char *from, const char *to)
{
    assert_int_equal(rename(scratch_path(from), scratch_path(to)), 0);
}

static inline void set_time(const char *name, time_t s)
{
    struct timespec t[2] = {{s, 0}, {s, 0}};
    assert_int_equal(utimensat(AT_FDCWD, scratch_path(name), t, 0), 0);
}

static inline void copy(const char *from, const char *to, bool gzip)
{
    char buffer[8192];
    ssize_t n;
    int in = open(scratch_path(from), O_RDONLY),
        out = open(scratch_path(to), O_WRONLY | O_CREAT | O_EXCL, 0600);
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
static inline void compress_file(const char *name)
{
    char gz[300];
    snprintf(gz, sizeof gz, "%s.gz", name);
    copy(name, gz, true);
    unlink(scratch_path(name));
}

static inline void collect(void *arg, struct slice run, int64_t reference_ms)
{
    (void)arg;
    (void)reference_ms;
    assert_true(run.n > 0 && run.p[run.n - 1] == '\n');
    got = realloc(got, got_length + run.n + 1);
    memcpy(got + got_length, run.p, run.n);
    got_length += run.n;
    got[got_length] = '\0';
}

static inline void read_on(void)
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

static inline void later(int64_t ms)
{
    *monotonic_ms += ms;
}

/* Several reads with enough time between them for everything that waits. */
static inline void read_all(void)
{
    for (unsigned i = 0; i < 12; i++) {
        read_on();
        later(600);
    }
}

static inline void start(void)
{
    f = follow_new(path, NULL);
    assert_non_null(f);
}

static inline void restart(void)
{
    struct follow_position at = *follow_position(f);
    follow_free(f);
    f = follow_new(path, &at);
    assert_non_null(f);
}

static inline struct follow_status status(void)
{
    struct follow_status s;
    follow_status(f, &s);
    return s;
}

static const char filler[] =
    "this line makes the head of the file longer than what is certain ......\n";

#endif
