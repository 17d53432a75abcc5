/* log.c: the form of a line, levels, files that are rotated, the journal's form. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "../../agent/log.h"
#include "../../agent/log_facility.h"

static char path[] = "/tmp/test_log.XXXXXX";
static char old[sizeof path + 2];
static char content[8192];

static const char *read_file(const char *name)
{
    int fd = open(name, O_RDONLY);
    assert_true(fd >= 0);
    ssize_t n = read(fd, content, sizeof content - 1);
    assert_true(n >= 0);
    close(fd);
    content[n] = '\0';
    return content;
}

static void matches(const char *text, const char *pattern)
{
    regex_t r;
    assert_int_equal(regcomp(&r, pattern, REG_EXTENDED | REG_NOSUB), 0);
    if (regexec(&r, text, 0, NULL, 0) != 0)
        fail_msg("\"%s\" is not %s", text, pattern);
    regfree(&r);
}

static void line(void **state)
{
    (void)state;
    assert_true(log_open("mailmond", path, LOG_LEVEL_INFO));
    log_error("%s failed: %d", "x", 5);
    matches(read_file(path), "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[+-][0-9]{2}:"
                             "[0-9]{2} mailmond\\[[0-9]+\\] error: x failed: 5\n$");
    char pid[32];
    snprintf(pid, sizeof pid, "[%d]", (int)getpid());
    assert_non_null(strstr(content, pid));
}

static void zone(void **state)
{
    (void)state;
    setenv("TZ", "XYZ-5:30", 1);
    tzset();
    assert_true(log_open("p", path, LOG_LEVEL_INFO));
    log_notice("n");
    matches(read_file(path), "\\+05:30 p\\[[0-9]+\\] notice: n\n$");
    unsetenv("TZ");
    tzset();
}

static void levels(void **state)
{
    (void)state;
    assert_int_equal(truncate(path, 0), 0);
    assert_true(log_open("p", path, LOG_LEVEL_WARNING));
    log_notice("no");
    log_info("no");
    log_debug("no");
    assert_string_equal(read_file(path), "");
    log_warning("yes");
    matches(read_file(path), "warning: yes\n$");
}

static void hostile_text(void **state)
{
    (void)state;
    assert_int_equal(truncate(path, 0), 0);
    assert_true(log_open("p", path, LOG_LEVEL_INFO));
    log_info("a\nb\tc\x1b[31m\r\x7f ümlaut %%n");
    assert_non_null(strstr(read_file(path), ": a\\nb\\tc\\x1b[31m\\x0d\\x7f ümlaut %n\n"));
    char long_text[5000];
    memset(long_text, '\n', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    log_info("%s", long_text);
    const char *second = strchr(read_file(path), '\n') + 1;
    assert_in_range(strlen(second), 2000, 2300);
    assert_ptr_equal(strchr(second, '\n'), second + strlen(second) - 1);
}

static void rotation(void **state)
{
    (void)state;
    assert_true(log_open("p", path, LOG_LEVEL_INFO));
    assert_int_equal(rename(path, old), 0);
    log_info("before");
    log_reopen();
    log_info("after");
    matches(read_file(old), "before\n$");
    assert_null(strstr(read_file(path), "before"));
    matches(content, "info: after\n$");
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07, 0);
    /* A file that cannot be opened anew: the old one goes on. */
    assert_int_equal(unlink(old), 0);
    assert_int_equal(rename(path, old), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    log_reopen();
    log_info("still");
    assert_int_equal(rmdir(path), 0);
    matches(read_file(old), "error: .* cannot be opened anew: .*\n.*info: still\n$");
    assert_int_equal(rename(old, path), 0);
}

static void refusals(void **state)
{
    (void)state;
    assert_false(log_open("p", "/nonexistent/log", LOG_LEVEL_INFO));
    assert_int_equal(errno, ENOENT);
    assert_false(log_open("p", "syslog:lunch", LOG_LEVEL_INFO));
    assert_int_equal(errno, EINVAL);
    assert_true(log_open("p", "syslog:mail", LOG_LEVEL_INFO));
    assert_int_equal(log_facility("mail"), LOG_MAIL);
    assert_int_equal(log_facility("local7"), LOG_LOCAL7);
    assert_int_equal(log_facility(""), -1);
}

/* stderr, plain and as the stream that $JOURNAL_STREAM names. */
static void to_stderr(void **state)
{
    (void)state;
    assert_int_equal(truncate(path, 0), 0);
    int keep = dup(STDERR_FILENO), fd = open(path, O_WRONLY | O_APPEND);
    assert_true(keep >= 0 && fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
    assert_true(log_open("p", "stderr", LOG_LEVEL_INFO));
    log_info("plain");
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    char stream[64];
    snprintf(stream, sizeof stream, "%lu:%lu", (unsigned long)st.st_dev, (unsigned long)st.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    assert_true(log_open("p", "stderr", LOG_LEVEL_INFO));
    log_error("in the journal");
    log_info("two\nlines");
    setenv("JOURNAL_STREAM", "1:2", 1);
    assert_true(log_open("p", "stderr", LOG_LEVEL_INFO));
    log_info("plain again");
    unsetenv("JOURNAL_STREAM");
    dup2(keep, STDERR_FILENO);
    close(keep);
    close(fd);
    matches(read_file(path),
            "info: plain\n<3>in the journal\n<6>two\\\\nlines\n2[^\n]* p.*plain again\n$");
}

static void storm(void **state)
{
    (void)state;
    struct log_storm s = {0, 0};
    bool last = false;
    for (int minute = 0; minute < 3; minute++) {
        int64_t now_ms = 5000 + minute * 60000;
        for (int i = 0; i < LOG_STORM_MAX; i++) {
            assert_true(log_storm_takes(&s, now_ms + i, &last));
            assert_int_equal(last, i == LOG_STORM_MAX - 1);
        }
        for (int i = 0; i < 100; i++)
            assert_false(log_storm_takes(&s, now_ms + 59999, &last));
    }
}

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    snprintf(old, sizeof old, "%s.1", path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    log_open("p", "stderr", LOG_LEVEL_INFO);
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line),         cmocka_unit_test(zone),     cmocka_unit_test(levels),
        cmocka_unit_test(hostile_text), cmocka_unit_test(rotation), cmocka_unit_test(refusals),
        cmocka_unit_test(to_stderr),    cmocka_unit_test(storm),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
