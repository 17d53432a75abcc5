/* err.c: lines, their heads, growth. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "../../agent/err.h"

static void heads(void **state)
{
    (void)state;
    struct err_list list = {0};
    err_add(&list, "a.conf", 3, "%s is %d", "x", 5);
    err_add(&list, "a.conf", 0, "unreadable");
    err_add(&list, NULL, 7, "alone");
    assert_int_equal(list.count, 3);
    assert_string_equal(list.lines[0], "a.conf:3: x is 5");
    assert_string_equal(list.lines[1], "a.conf: unreadable");
    assert_string_equal(list.lines[2], "alone");
    err_free(&list);
    assert_int_equal(list.count, 0);
    assert_null(list.lines);
    err_free(&list);
}

static void many(void **state)
{
    (void)state;
    struct err_list list = {0};
    for (unsigned i = 0; i < 1000; i++)
        err_add(&list, "f", i + 1, "text");
    assert_int_equal(list.count, 1000);
    assert_string_equal(list.lines[0], "f:1: text");
    assert_string_equal(list.lines[999], "f:1000: text");
    err_free(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(heads), cmocka_unit_test(many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
