/*
 * file_scan.c: what a pattern finds, and that a look ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>
#include "../../collectors/file_scan.h"

static char folder[64];

static const char *path_of(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void put(const char *name, size_t size, time_t modified)
{
    FILE *f = fopen(path_of(name), "w");
    assert_non_null(f);
    for (size_t i = 0; i < size; i++)
        fputc('x', f);
    fclose(f);
    assert_int_equal(utime(path_of(name), &(struct utimbuf){modified, modified}), 0);
}

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/file_scan.XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static void expect(const char *pattern, uint64_t count, uint64_t bytes)
{
    struct file_scan s;
    file_scan_pattern(&s, path_of(pattern), 1000);
    assert_int_equal(s.files, count);
    assert_int_equal(s.bytes, bytes);
    assert_false(s.truncated);
}

static void finds_files(void **state)
{
    (void)state;
    mkdir(path_of("core.d"), 0755);
    put("core.1", 10, 1000);
    put("core.2", 20, 3000);
    put("core.d/core.3", 40, 2000);
    put(".core.4", 80, 4000);
    put("[x]", 5, 4000);
    assert_int_equal(symlink("core.1", path_of("core.link")), 0);
    assert_int_equal(symlink("nowhere", path_of("core.gone")), 0);
    assert_int_equal(mkfifo(path_of("core.fifo"), 0600), 0);
    expect("core.[0-9]", 2, 30);
    expect("core*", 3, 40); /* with what the link leads to */
    expect("*/core.*", 1, 40);
    expect("none*", 0, 0);
    expect("no/such/folder/*", 0, 0);
    expect("core.2", 1, 20);
    struct file_scan s;
    file_scan_pattern(&s, path_of("core.[12]"), 1000);
    assert_int_equal(s.oldest_s, 1000);
    assert_int_equal(s.newest_s, 3000);
    file_scan_path(&s, path_of("[x]"));
    assert_int_equal(s.files, 1);
    assert_int_equal(s.bytes, 5);
    file_scan_path(&s, path_of("missing"));
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
    file_scan_pattern(&s, path_of("f*"), 100);
    assert_true(s.truncated);
    assert_in_range(s.files, 1, 100);
    file_scan_pattern(&s, path_of("f*"), 1000);
    assert_false(s.truncated);
    assert_int_equal(s.files, 300);
    file_scan_pattern(&s, "/*/*/*/*/*", 500);
    assert_true(s.truncated);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_files, setup, teardown),
        cmocka_unit_test_setup_teardown(ends, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
