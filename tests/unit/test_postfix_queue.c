/*
 * Postfix's queue: the directories, the names of their files, and the files, built record by record.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "../../collectors/mta.h"

static void test_queues(void **state)
{
    (void)state;
    static const struct mta_queue expected[] = {{"maildrop", MTA_QUEUE_INCOMPLETE},
                                                {"incoming", MTA_QUEUE_INCOMPLETE},
                                                {"active", 0},
                                                {"deferred", MTA_QUEUE_RETRY},
                                                {"hold", 0},
                                                {"corrupt", MTA_QUEUE_DAMAGED}};
    size_t n = sizeof expected / sizeof expected[0];
    assert_in_range(n, 1, MTA_QUEUES_MAX);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(mta_postfix.queues[i].name, expected[i].name);
        assert_int_equal(mta_postfix.queues[i].flags, expected[i].flags);
    }
    assert_null(mta_postfix.queues[n].name);
}

static void test_queue_names(void **state)
{
    (void)state;
    struct queue_id id, packed = queue_id_pack(SLICE("4SVLCh4dz5z9HdB"));
    int64_t arrival;
    assert_true(mta_postfix.queue_name(SLICE("4SVLCh4dz5z9HdB"), &id, &arrival));
    assert_true(id.hi == packed.hi && id.lo == packed.lo);
    assert_int_equal(arrival, 1700000000);
    packed = queue_id_pack(SLICE("9FBF112D687"));
    assert_true(mta_postfix.queue_name(SLICE("9FBF112D687"), &id, &arrival));
    assert_true(id.hi == packed.hi && id.lo == packed.lo);
    assert_int_equal(arrival, 0);
    static const char *const others[] = {"",
                                         "9",
                                         "F",
                                         "654321.4711",
                                         "9FBF112D687 ",
                                         "9fbf112d687",
                                         "lost+found",
                                         "4SVLCh4dz5",
                                         "4SVLCh4dz5z",
                                         "4SVLCh4dz5a9HdB",
                                         "example_com",
                                         "..",
                                         "4SVLChzzzzz9HdB", /* no microseconds: 52^4 - 1 */
                                         "4SVLCh4dz5zzzzzz",
                                         "zzzzzzzzzzzzzzzzzzzzzzz"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(mta_postfix.queue_name(slice_of(others[i]), &id, &arrival));
}

static const char base52[] = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz";

/* Long ids of every length, some with a character or a time that is wrong. */
static void test_long_names(void **state)
{
    (void)state;
    unsigned right = 0;
    srandom(5);
    for (unsigned i = 0; i < 200000; i++) {
        char name[24];
        size_t seconds = 6 + (size_t)(random() % 4 == 0) * (size_t)(random() % 3), n = 0;
        int64_t value = 0, us = 0, arrival;
        while (n < seconds + 4) {
            size_t digit = (size_t)random() % (n == seconds ? 8 : 52);
            name[n++] = base52[digit];
            value = n <= seconds ? value * 52 + (int64_t)digit : value;
            us = n > seconds ? us * 52 + (int64_t)digit : us;
        }
        name[n++] = 'z';
        for (size_t end = n + (size_t)random() % 8; n < end;)
            name[n++] = base52[random() % 51];
        size_t inode = n - seconds - 5;
        bool spoilt = random() % 8 == 0;
        if (spoilt)
            name[(size_t)random() % n] = "AEOUaeou-. \xff"[random() % 12];
        struct queue_id id, packed = queue_id_pack((struct slice){name, n});
        bool taken = mta_postfix.queue_name((struct slice){name, n}, &id, &arrival);
        assert_int_equal(taken, !spoilt && us < 1000000 && inode > 0 && n <= 21);
        if (!taken)
            continue;
        assert_true(id.hi == packed.hi && id.lo == packed.lo);
        assert_int_equal(arrival, value);
        right++;
    }
    assert_true(right > 50000);
}

/* A queue file under construction. */
static char built[8192];
static size_t built_length;

static void record(char type, const char *content)
{
    size_t n = strlen(content), rest = n;
    built[built_length++] = type;
    do {
        built[built_length++] = (char)((rest & 127) | (rest > 127 ? 128 : 0));
        rest >>= 7;
    } while (rest);
    memcpy(built + built_length, content, n);
    built_length += n;
}

static bool read_built(struct queue_file *f)
{
    char *exact = malloc(built_length ? built_length : 1);
    assert_non_null(exact);
    memcpy(exact, built, built_length);
    bool ok = mta_postfix.queue_file((struct slice){exact, built_length}, f);
    if (f->message_id.p)
        f->message_id.p = built + (f->message_id.p - exact);
    free(exact);
    return ok;
}

static void build_envelope(void)
{
    built_length = 0;
    record('C', "           4211             575               3               0            4211   "
                "            0");
    record('T', "1700000000 654321");
    record('A', "rewrite_context=local");
    record('S', "alice@example.org");
    record('D', "done@example.net");
    record('R', "bob@example.net");
    record('R', "carol@example.net");
    record('p', "              0");
    record('M', "");
}

static void test_queue_file(void **state)
{
    (void)state;
    struct queue_file f;
    build_envelope();
    record('N', "Received: by mx1");
    record('N', "\tid 9FBF112D687; Message-ID: <no>");
    record('N', "MESSAGE-id:");
    record('N', " <m1@example.org> (comment)");
    record('N', "");
    record('N', "Message-ID: <body@example.org>");
    record('X', "");
    record('E', "");
    assert_true(read_built(&f));
    assert_int_equal(f.size, 4211);
    assert_int_equal(f.recipients, 3);
    assert_int_equal(f.pending, 2);
    assert_int_equal(f.arrival_ms, INT64_C(1700000000654));
    assert_true(slice_eq(f.message_id, SLICE("<m1@example.org>")));
    for (size_t n = built_length; n-- > 0;) { /* cut anywhere: no worse than unknown */
        built_length = n;
        if (!read_built(&f))
            continue;
        assert_int_equal(f.recipients, 3);
        assert_in_range(f.pending, 2, 3);
    }
}

/* A line beyond line_length_limit comes in pieces: 'L' ... 'N'. */
static void test_queue_file_long_line(void **state)
{
    (void)state;
    struct queue_file f;
    build_envelope();
    record('L', "Subject: a long line, of which the rest looks like a header field: ");
    record('N', "Message-ID: <forged@example.org>");
    record('L', "X-Exactly: as long as the limit");
    record('N', ""); /* not the end of the header */
    record('N', "Message-ID: <m3@example.org>");
    assert_true(read_built(&f));
    assert_true(slice_eq(f.message_id, SLICE("<m3@example.org>")));
}

static void test_queue_file_without_id(void **state)
{
    (void)state;
    struct queue_file f;
    build_envelope();
    record('N', "Subject: x");
    record('N', "Message-ID: none");
    record('N', "X: <y>");
    record('N', "");
    record('N', "Message-ID: <body@example.org>");
    assert_true(read_built(&f));
    assert_null(f.message_id.p);
}

static void test_queue_file_damaged(void **state)
{
    (void)state;
    struct queue_file f;
    built_length = 0;
    assert_false(read_built(&f));
    record('N', "not an envelope");
    assert_false(read_built(&f));
    built_length = 0;
    record('C', "x y z");
    assert_false(read_built(&f));
    built_length = 0;
    record('C', "             1 2 99999999999");
    assert_false(read_built(&f));
    memcpy(built, "C\xff\xff\xff\xff\xff\xff\xff\x7f", 9); /* a length without an end */
    built_length = 9;
    assert_false(read_built(&f));
    build_envelope();
    record('p', "              1"); /* a loop */
    assert_true(read_built(&f));
    build_envelope();
    record('p', "99999999999999999999999");
    assert_true(read_built(&f));
}

/* What postdrop writes has no size record: only the whole file tells. */
static void test_maildrop_file(void **state)
{
    (void)state;
    struct queue_file f;
    built_length = 0;
    record('T', "1700000000 1");
    record('S', "alice");
    record('R', "bob@example.net");
    record('M', "");
    record('N', "Message-ID: <m2@example.org>");
    record('N', "");
    record('N', "body");
    record('X', "");
    assert_false(read_built(&f));
    record('E', "");
    assert_true(read_built(&f));
    assert_int_equal(f.recipients, 1);
    assert_int_equal(f.size, 28 + 1 + 1 + 4 + 1);
    assert_true(slice_eq(f.message_id, SLICE("<m2@example.org>")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queues),
        cmocka_unit_test(test_queue_names),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_queue_file),
        cmocka_unit_test(test_queue_file_long_line),
        cmocka_unit_test(test_queue_file_without_id),
        cmocka_unit_test(test_queue_file_damaged),
        cmocka_unit_test(test_maildrop_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
