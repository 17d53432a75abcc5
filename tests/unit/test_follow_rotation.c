/* A log that is rotated, or copied and truncated, while it is read. */
#include "follow_fixture.h"

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
        unlink(scratch_path(compress ? "log.4.gz" : "log.4"));
        for (int n = 3; n >= 0; n--) {
            char from[20] = "log", to[20];
            if (n > 0)
                snprintf(from, sizeof from, "log.%d%s", n, compress ? ".gz" : "");
            snprintf(to, sizeof to, "log.%d%s", n + 1, compress && n > 0 ? ".gz" : "");
            rename(scratch_path(from), scratch_path(to));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        follow_test(renamed_with_a_late_writer),
        follow_test(rotated_within_the_grace),
        follow_test(compressed_within_the_grace),
        follow_test(never_left),
        follow_test(copied_and_truncated),
        follow_test(truncated_and_grown_past_the_offset),
        follow_test(truncated_twice),
        follow_test(copied_twice),
        follow_test(truncated_without_append),
        follow_test(truncated_without_a_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
