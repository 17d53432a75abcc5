/* Lines of a run that fit a pattern with "*". */
#include "../../collectors/log_pattern.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static void test_patterns(void **state)
{
    (void)state;
    struct log_pattern p;
    struct slice line,
        run = SLICE(
            "a md0 is degraded\nmd1: fine\ndegraded md2\nmd3 degraded md4 degraded\nmd5 degraded");
    assert_false(log_pattern_parse(&p, SLICE("**")));
    assert_false(log_pattern_parse(&p, SLICE("1*2*3*4*5*6*7*8*9")));
    assert_true(log_pattern_parse(&p, SLICE("*md*degraded*")));
    assert_true(log_pattern_next(&p, &run, &line));
    assert_true(slice_eq(line, SLICE("a md0 is degraded")));
    assert_true(log_pattern_next(&p, &run, &line));
    assert_true(slice_eq(line, SLICE("md3 degraded md4 degraded")));
    assert_true(log_pattern_next(&p, &run, &line));
    assert_true(slice_eq(line, SLICE("md5 degraded")));
    assert_false(log_pattern_next(&p, &run, &line));
    assert_int_equal(run.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
