/* A FIFO as a log: whole lines, a beginning that outlives the process, long lines, another FIFO of the name. */
#include "../../collectors/input.h"
#include "scratch.h"

#include <fcntl.h>

static char path[64];
static struct collect collect;
static char got[400000];
static size_t got_n;

static void on_lines(void *arg, struct slice run, int64_t reference_ms)
{
    (void)arg, (void)reference_ms;
    assert_true(run.n && run.p[run.n - 1] == '\n' && got_n + run.n < sizeof got);
    memcpy(got + got_n, run.p, run.n);
    got_n += run.n;
}

static void expect(void *input, const char *text)
{
    got_n = 0;
    input_fifo.read(input, 1 << 20, on_lines, NULL);
    got[got_n] = '\0';
    assert_string_equal(got, text);
}

static void say(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static enum source_status status(void *input)
{
    struct follow_status st;
    input_fifo.status(input, &st);
    return st.status;
}

static void *open_at(struct slice at)
{
    return input_fifo.open(&collect, path, at, NULL);
}

static void test_lines(void **state)
{
    (void)state;
    const struct slice none = {NULL, 0};
    void *f = open_at(none);
    expect(f, "");
    assert_int_equal(status(f), SOURCE_MISSING);
    assert_int_equal(mkfifo(path, 0600), 0);
    expect(f, "");
    assert_int_equal(status(f), SOURCE_OK);
    int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    say(fd, "one\ntwo\nthr");
    expect(f, "one\ntwo\n");
    say(fd, "ee\nfour");
    expect(f, "three\n");
    char stored[256];
    struct slice at = input_fifo.position(f);
    assert_true(at.n < sizeof stored);
    memcpy(stored, at.p, at.n);
    assert_int_equal(input_fifo.place(f).offset, 14);
    input_fifo.close(f);
    assert_null(open_at((struct slice){stored, at.n - 1}));
    assert_null(open_at((struct slice){stored, 3}));
    f = open_at((struct slice){stored, at.n});
    say(fd, " and\n");
    expect(f, "four and\n");
    assert_int_equal(unlink(path), 0);
    expect(f, "");
    assert_int_equal(status(f), SOURCE_MISSING);
    input_fifo.close(f);
    close(fd);
}

static void test_long(void **state)
{
    (void)state;
    static char text[150000];
    memset(text, 'x', sizeof text);
    memcpy(text + sizeof text - 8, "\nshort\n", 8);
    assert_int_equal(mkfifo(path, 0600), 0);
    void *f = open_at((struct slice){NULL, 0});
    expect(f, "");
    int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    fcntl(fd, F_SETPIPE_SZ, 1 << 20);
    say(fd, text);
    got_n = 0;
    input_fifo.read(f, 1 << 20, on_lines, NULL);
    assert_int_equal(got_n, 64 * 1024 + 6);
    assert_memory_equal(got + got_n - 7, "\nshort\n", 7);
    input_fifo.close(f);
    close(fd);
    unlink(path);
}

static void test_no_fifo(void **state)
{
    (void)state;
    FILE *file = fopen(path, "w");
    fclose(file);
    void *f = open_at((struct slice){NULL, 0});
    expect(f, "");
    assert_int_equal(status(f), SOURCE_MISSING);
    input_fifo.close(f);
    unlink(path);
}

static void test_kinds(void **state)
{
    (void)state;
    const char *target;
    assert_ptr_equal(input_named("/var/log/mail.log", &target), &input_file);
    assert_string_equal(target, "/var/log/mail.log");
    assert_ptr_equal(input_named("journal", &target), &input_journal);
    assert_string_equal(target, "");
    assert_ptr_equal(input_named("journal:/a", &target), &input_journal);
    assert_string_equal(target, ":/a");
    assert_ptr_equal(input_named("fifo:/a", &target), &input_fifo);
    assert_string_equal(target, "/a");
}

static int set_up(void **state)
{
    int bad = scratch_make(state);
    snprintf(path, sizeof path, "%s/log", scratch);
    return bad;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lines), cmocka_unit_test(test_long),
                                       cmocka_unit_test(test_no_fifo),
                                       cmocka_unit_test(test_kinds)};
    return cmocka_run_group_tests(tests, set_up, scratch_remove);
}
