/* Files of passwords: what is read, and what is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "../../agent/secret.h"

static char path[64], secret[32], error[512];

static void write_file(const char *octets, size_t n, mode_t mode)
{
    strcpy(path, "/tmp/test_secret.XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, octets, n), n);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
    memset(secret, 'x', sizeof secret);
    error[0] = 0;
}

static bool read_it(const char *text, mode_t mode)
{
    write_file(text, strlen(text), mode);
    bool ok = secret_read(path, secret, sizeof secret, error);
    unlink(path);
    return ok;
}

static void test_lines(void **state)
{
    (void)state;
    static const char *const files[] = {"a word ", "a word \n", "a word \r\n", "a word \nmore\n"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        assert_true(read_it(files[i], 0600));
        assert_string_equal(secret, "a word ");
    }
    assert_true(read_it("x\n", 0640));
    assert_true(read_it("x\n", 0400));
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        mode_t mode;
        const char *why;
    } files[] = {
        {"x\n", 0644, "chmod o-rwx"},
        {"x\n", 0602, "chmod o-rwx"},
        {"x\n", 0660, "chmod g-w"},
        {"", 0600, "empty"},
        {"\nx", 0600, "empty"},
        {"12345678901234567890123456789012", 0600, "longer than 31"},
        {"1234567890123456789012345678901234567890\n", 0600, "longer than 31"},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        assert_false(read_it(files[i].text, files[i].mode));
        assert_non_null(strstr(error, files[i].why));
        assert_null(strstr(error, "1234")); /* no secret in a message */
    }
    assert_true(read_it("1234567890123456789012345678901\n", 0600));
    write_file("a\0b\n", 4, 0600);
    assert_false(secret_read(path, secret, sizeof secret, error));
    unlink(path);
    assert_non_null(strstr(error, "NUL"));
}

static void test_no_file(void **state)
{
    (void)state;
    assert_false(secret_read("/nonexistent/password", secret, sizeof secret, error));
    assert_string_equal(error, "/nonexistent/password: No such file or directory");
    assert_false(secret_read("/tmp", secret, sizeof secret, error));
    assert_non_null(strstr(error, "not a plain file"));
}

/* Root looks at it before the collector, which it may belong to, reads it; another account's is refused. */
static void test_owner(void **state)
{
    (void)state;
    write_file("x\n", 2, 0640);
    if (geteuid() == 0) {
        assert_int_equal(chown(path, 65534, 65533), 0);
        assert_true(secret_read(path, secret, sizeof secret, error));
        assert_int_equal(setegid(65533), 0);
        assert_int_equal(seteuid(65534), 0);
        assert_true(secret_read(path, secret, sizeof secret, error));
        assert_int_equal(seteuid(0), 0);
        assert_int_equal(seteuid(65533), 0);
        assert_false(secret_read(path, secret, sizeof secret, error));
        assert_non_null(strstr(error, "chown root"));
        assert_int_equal(seteuid(0), 0);
        assert_int_equal(setegid(0), 0);
    }
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_file),
        cmocka_unit_test(test_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
