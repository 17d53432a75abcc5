/* host_name.c: which names are of one host, and which are none. */
#include "../../agent/host_name.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool same, fits;
    } cases[] = {
        {"mx1", "mx1", true, true},
        {"mx1", "MX1", true, true},
        {"mx1", "mx1.example.org", false, true},
        {"Mx1.Example.Org", "mx1", false, true},
        {"mx1.example.org", "mx1.example.net", false, false},
        {"mx1", "mx11", false, false},
        {"mx1", "mx", false, false},
        {"mx1.", "mx1", false, true},
        {"192.0.2.1", "192.0.2.1", true, true},
        {"192.0.2.1", "192.0.2.10", false, false},
        {"2001:db8::1", "2001:DB8::1", true, true},
        {"2001:db8::1", "2001:db8::2", false, false},
        {"a", "\x41", true, true},
        {"[", "{", false, false},
        {"@", "`", false, false},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct slice a = slice_of(cases[i].a), b = slice_of(cases[i].b);
        assert_int_equal(host_name_same(a, b), cases[i].same);
        assert_int_equal(host_name_same(b, a), cases[i].same);
        assert_int_equal(host_name_fits(a, b), cases[i].fits);
        assert_int_equal(host_name_fits(b, a), cases[i].fits);
    }
    char text[300];
    memset(text, 'a', sizeof text);
    assert_true(host_name_good((struct slice){text, 255}));
    assert_false(host_name_good((struct slice){text, 256}));
    static const char *const bad[] = {"", "-", ".", "::", "mx 1", "mx1/x", "mx\x80", "mx1\n", "*"};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(host_name_good(slice_of(bad[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
