/*
 * Exim's spool: names of files, and -H files. Those in tests/data/exim_spool were written by a real Exim
 * 4.96, whose exim_real.log has their arrivals, and by 4.99 (longer ids).
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "../../collectors/mta.h"
#include "data_file.h"

static void test_names(void **state)
{
    (void)state;
    static const char *const good[] = {"1r31eq-0003D7-L6-H", "1r31eq-000000003D7-2kDZ-H"};
    static const char *const bad[] = {
        "",
        "1r31eq-0003D7-L6",
        "1r31eq-0003D7-L6-D",
        "1r31eq-0003D7-L6-J",
        "1r31eq-0003D7-L6-H~",
        "hdr.1r31eq-0003D7-L6",
        "1r31eq-0003D7-L66-H",
        "1r31eq-000000003D7-2kD-H",
        "1r31e_-0003D7-L6-H",
        "1r31eq-000-D7-L6-H",
        "1r31eq-0003D7-L6-h",
    };
    /* Where capitals and small letters are the same: base 36. */
    static const char *const also[] = {"S44WE8-0003D7-L6-H", "S44WE8-000000003D7-2KDZ-H"};
    struct queue_id id;
    int64_t arrival_s;
    char name[MTA_FILE_NAME];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(mta_exim.queue_name(slice_of(good[i]), &id, &arrival_s));
        assert_int_equal(arrival_s, 1700000000);
        mta_exim.queue_file_name(id, name);
        assert_string_equal(name, good[i]);
    }
    for (size_t i = 0; i < sizeof also / sizeof also[0]; i++) {
        assert_true(mta_exim.queue_name(slice_of(also[i]), &id, &arrival_s));
        assert_int_equal(arrival_s, 1700000000);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(mta_exim.queue_name(slice_of(bad[i]), &id, &arrival_s));
}

static char buffer[65536];

/* In memory of just its length, so that a sanitizer sees a read beyond it. */
static bool read_text(const char *text, size_t n, struct queue_file *f)
{
    static char *exact;
    free(exact);
    exact = malloc(n ? n : 1);
    assert_non_null(exact);
    memcpy(exact, text, n);
    return mta_exim.queue_file((struct slice){exact, n}, f);
}

static size_t load(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "tests/data/exim_spool/%s-H", name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t n = fread(buffer, 1, sizeof buffer, file);
    fclose(file);
    return n;
}

static void test_real_files(void **state)
{
    (void)state;
    static const struct {
        const char *name, *message_id;
        int64_t arrival_s;
        uint64_t size, body; /* S= of its arrival; octets of its -D */
        uint32_t recipients, pending;
        bool held;
    } list[] = {
        {"1xUz0X-00066b-0Z", "<1795321013172905753@client.test>", 1795321013, 371, 24, 5, 2, false},
        {"1xUz0X-00066u-1E", "<1795321013379961421@client.test>", 1795321013, 371, 24, 4, 1, false},
        {"1xUz0Y-00067z-20", "<1795321014620148710@client.test>", 1795321014, 359, 24, 1, 1, true},
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        struct queue_file f;
        size_t n = load(list[i].name);
        assert_true(read_text(buffer, n, &f));
        assert_int_equal(f.size + list[i].body, list[i].size);
        assert_int_equal(f.arrival_ms, list[i].arrival_s * 1000);
        assert_int_equal(f.recipients, list[i].recipients);
        assert_int_equal(f.pending, list[i].pending);
        assert_int_equal(f.held, list[i].held);
        assert_true(slice_eq(f.message_id, slice_of(list[i].message_id)));
        while (n-- > 0) /* cut anywhere: no worse than unknown */
            if (read_text(buffer, n, &f))
                assert_in_range(f.pending, 0, list[i].recipients);
    }
}

/* A variable's text is nobody's command, whatever it looks like. */
static void test_values(void **state)
{
    (void)state;
    static const char text[] = "1r31eq-000000003D7-2kDZ-H\nroot 0 0\n<a@b.test>\n1700000000 1\n"
                               "--aclm x 12\nXX\n1\n-frozen\n-aclc 0 3\nfoo\n"
                               "--(lsearch)aclm y 2\nab\n-body_linecount 1\n"
                               "YN \"a b\"@c.test\nNN child@c.test\n"
                               "2\n\"a b\"@c.test\nd@e.test orcpt 5,1 s@t.test 8,0#3\n\n"
                               "009  Subject:\n018* Message-ID: <n@x>\n021I Message-ID: <m@x>\n\n";
    struct queue_file f;
    assert_true(read_text(text, sizeof text - 1, &f));
    assert_false(f.held);
    assert_int_equal(f.recipients, 2);
    assert_int_equal(f.pending, 1);
    assert_true(f.message_id.p == NULL || slice_eq(f.message_id, SLICE("<m@x>")));
    assert_false(read_text("x\n", 2, &f));
    assert_false(read_text("", 0, &f));
}

/* A delivery that goes on: Exim itself (-bp) shows one of the four as done, the other two in -J are team's. */
static void test_journal(void **state)
{
    (void)state;
    static char copy[sizeof buffer];
    struct slice header = data_file("tests/data/exim_spool/%s", "1xV5IU-000000008OS-24qY-H");
    struct queue_file f;
    memcpy(copy, header.p, header.n);
    header.p = copy;
    struct slice journal = data_file("tests/data/exim_spool/%s", "1xV5IU-000000008OS-24qY-J");
    assert_true(mta_exim.queue_file(header, &f));
    assert_int_equal(f.pending, 4);
    assert_true(mta_exim.queue_file_journal(header, journal, &f));
    assert_int_equal(f.recipients, 4);
    assert_int_equal(f.pending, 3);
    assert_int_equal(f.size + 31, 378); /* its -D: a line with its name, "text" */
    struct slice all = SLICE("a@ok.test\nb@ok.test\ngames@local.test/local_mbox\nteam@local.te");
    assert_true(mta_exim.queue_file_journal(header, all, &f));
    assert_int_equal(f.pending, 2); /* neither a copy of an address nor a line that is cut is it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_real_files),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_journal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
