/* A log that was rotated, compressed or removed while nobody read it. */
#include "follow_fixture.h"

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
    stat(scratch_path("log.1.gz"), &st);
    truncate(scratch_path("log.1.gz"), st.st_size - 300);
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

/* mv log aside; (another log); mv aside log: what was read of the first is not read again. */
static void renamed_back(void **state)
{
    (void)state;
    put("log", "one\n");
    put("log", filler);
    start();
    read_all();
    move("log", "aside");
    put("log", "two\n");
    read_all();
    got_length = 0;
    put("aside", "three\n");
    move("aside", "log");
    read_all();
    expect("three\n");
    put("log", "four\n");
    read_all();
    expect("four\n");
    move("log", "aside"); /* and with the other one kept */
    put("log", "five\n");
    read_all();
    move("log", "log.bak");
    move("aside", "log");
    put("log", "six\n");
    read_all();
    expect("five\nsix\n");
    move("log", "log.1"); /* a rotation like any other */
    put("log", "seven\n");
    read_all();
    expect("seven\n");
    assert_int_equal(status().status, SOURCE_OK);
}

/* The same file in name and inode, but it was written anew. */
static void written_anew_aside(void **state)
{
    (void)state;
    put("log", "one\n");
    put("log", filler);
    start();
    read_all();
    move("log", "aside");
    put("log", "two\n");
    read_all();
    got_length = 0;
    assert_int_equal(truncate(scratch_path("aside"), 0), 0);
    put("aside", "ONE\n");
    put("aside",
        "and this is longer than what was there before, which was one line and a filler\n");
    move("aside", "log");
    read_all();
    expect("ONE\nand this is longer than what was there before, which was one line and a filler\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        follow_test(rotations_while_away), follow_test(rotations_with_gzip_while_away),
        follow_test(dates_while_away),     follow_test(empty_gzip_between),
        follow_test(terabyte_hole),        follow_test(seen_as_nuls_only),
        follow_test(gzip_going_on),        follow_test(damaged_gzip),
        follow_test(inode_used_again),     follow_test(own_file_gone),
        follow_test(other_compression),    follow_test(empty_then_rotated),
        follow_test(catches_up_at_once),   follow_test(renamed_back),
        follow_test(written_anew_aside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
