/*
 * file_scan.c: what a pattern finds, and that a look ends.
 */
#include <utime.h>
#include "../../collectors/file_scan.h"
#include "scratch.h"

static void put(const char *name, size_t size, time_t modified)
{
    FILE *f = fopen(scratch_path(name), "w");
    assert_non_null(f);
    for (size_t i = 0; i < size; i++)
        fputc('x', f);
    fclose(f);
    assert_int_equal(utime(scratch_path(name), &(struct utimbuf){modified, modified}), 0);
}

static void expect(const char *pattern, uint64_t count, uint64_t bytes)
{
    struct file_scan s;
    file_scan_pattern(&s, scratch_path(pattern), 1000);
    assert_int_equal(s.files, count);
    assert_int_equal(s.bytes, bytes);
    assert_false(s.truncated);
}

static void finds_files(void **state)
{
    (void)state;
    mkdir(scratch_path("core.d"), 0755);
    put("core.1", 10, 1000);
    put("core.2", 20, 3000);
    put("core.d/core.3", 40, 2000);
    put(".core.4", 80, 4000);
    put("[x]", 5, 4000);
    assert_int_equal(symlink("core.1", scratch_path("core.link")), 0);
    assert_int_equal(symlink("nowhere", scratch_path("core.gone")), 0);
    assert_int_equal(mkfifo(scratch_path("core.fifo"), 0600), 0);
    expect("core.[0-9]", 2, 30);
    expect("core*", 3, 40); /* with what the link leads to */
    expect("*/core.*", 1, 40);
    expect("none*", 0, 0);
    expect("no/such/folder/*", 0, 0);
    expect("core.2", 1, 20);
    struct file_scan s;
    file_scan_pattern(&s, scratch_path("core.[12]"), 1000);
    assert_int_equal(s.oldest_s, 1000);
    assert_int_equal(s.newest_s, 3000);
    file_scan_path(&s, scratch_path("[x]"));
    assert_int_equal(s.files, 1);
    assert_int_equal(s.bytes, 5);
    file_scan_path(&s, scratch_path("missing"));
    assert_int_equal(s.files, 0);
    assert_int_equal(s.error, 0);
}

static void ends(void **state)
{
    (void)state;
    char name[32];
    struct file_scan s;
    for (unsigned i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "f%u", i);
        put(name, 1, 1000);
    }
    file_scan_pattern(&s, scratch_path("f*"), 100);
    assert_true(s.truncated);
    assert_in_range(s.files, 1, 100);
    file_scan_pattern(&s, scratch_path("f*"), 1000);
    assert_false(s.truncated);
    assert_int_equal(s.files, 300);
    file_scan_pattern(&s, "/*/*/*/*/*", 500);
    assert_true(s.truncated);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_files, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(ends, scratch_make, scratch_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
