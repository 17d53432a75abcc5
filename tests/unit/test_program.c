/* The program beside this one: its path, and paths that have no room. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "../../agent/program.h"

static char own[4096];

static int find_own(void **state)
{
    (void)state;
    return realpath("/proc/self/exe", own) ? 0 : -1;
}

static void test_itself(void **state)
{
    char path[4096];
    (void)state;
    assert_true(program_beside("test_program", path, sizeof path));
    assert_string_equal(path, own);
    assert_int_equal(access(path, X_OK), 0);
}

static void test_another(void **state)
{
    char path[4096];
    (void)state;
    assert_true(program_beside("x", path, sizeof path));
    assert_int_equal(strlen(path), strrchr(own, '/') - own + 2);
    assert_string_equal(strrchr(path, '/'), "/x");
}

/* The room is just enough, and one octet less; for a longer name and a shorter one. */
static void test_room(void **state)
{
    static const char *const names[] = {"test_program_and_more", "t"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        size_t needs = (size_t)(strrchr(own, '/') - own) + 1 + strlen(names[i]) + 1;
        size_t own_needs = strlen(own) + 1; /* the link is read into the same room */
        size_t size = needs > own_needs ? needs : own_needs;
        char *path = malloc(size);
        assert_true(program_beside(names[i], path, size));
        assert_string_equal(strrchr(path, '/') + 1, names[i]);
        assert_false(program_beside(names[i], path, size - 1));
        assert_string_equal(path, "");
        free(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_itself),
        cmocka_unit_test(test_another),
        cmocka_unit_test(test_room),
    };
    return cmocka_run_group_tests(tests, find_own, NULL);
}
