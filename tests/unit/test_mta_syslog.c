/*
 * Mail systems that log by syslog only, line by line: tests/data/NAME_lines.txt has one line of each kind
 * and what is understood of it, as explain.c says it; NAME_real.log is what the real server wrote.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "../../collectors/explain.h"
#include "../../collectors/mta.h"

#define NOV_21 INT64_C(1795301304000) /* 2026-11-21T22:48:24Z */
#define TIME   " time=2026-11-21T22:48:24Z"

static struct event parsed;

/* A line in a buffer of just its length, so that a sanitizer sees a read beyond it. */
static void parse(const struct mta *mta, const char *head, const char *tail, size_t tail_length)
{
    struct syslog_context context;
    static char *line;
    size_t n = strlen(head);
    free(line);
    line = malloc(n + tail_length + 1);
    assert_non_null(line);
    memcpy(line, head, n);
    memcpy(line + n, tail, tail_length);
    line = realloc(line, n + tail_length ? n + tail_length : 1);
    assert_non_null(line);
    syslog_start(&context, NOV_21);
    mta->parse(&context, (struct slice){line, n + tail_length}, &parsed);
}

/* What was understood, but for the time, which is the same in all. */
static char *explained(void)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    explain_event(&parsed, out);
    fclose(out);
    text[strcspn(text, "\n")] = '\0';
    char *at = strstr(text, TIME);
    if (at)
        memmove(at, at + strlen(TIME), strlen(at + strlen(TIME)) + 1);
    return text;
}

static void check_lines(const struct mta *mta, const char *name, unsigned expected_count)
{
    char line[2048], expected[2048];
    unsigned count = 0;
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (!*line || *line == '#')
            continue;
        assert_non_null(fgets(expected, sizeof expected, file));
        expected[strcspn(expected, "\n")] = '\0';
        assert_memory_equal(expected, "    ", 4);
        parse(mta, "Nov 21 22:48:24 mx1 ", line, strlen(line));
        char *is = explained();
        if (strcmp(is, expected + 4) != 0)
            fail_msg("%s\n  is       %s\n  expected %s", line, is, expected + 4);
        free(is);
        for (size_t n = 0; n < strlen(line); n++) /* cut anywhere: nothing beyond the end is read */
            parse(mta, "Nov 21 22:48:24 mx1 ", line, n);
        count++;
    }
    fclose(file);
    assert_int_equal(count, expected_count);
}

/* How many lines of a real log there are, of which none may be foreign or not recognised. */
static void check_log(const struct mta *mta, const char *name, unsigned kinds[EVENT_KINDS])
{
    char line[4096];
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    memset(kinds, 0, EVENT_KINDS * sizeof *kinds);
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        parse(mta, "", line, strlen(line));
        if (parsed.kind == EVENT_UNKNOWN || parsed.kind == EVENT_FOREIGN)
            fail_msg("not recognised: %s", line);
        kinds[parsed.kind]++;
    }
    fclose(file);
}

static void test_sendmail_lines(void **state)
{
    (void)state;
    check_lines(&mta_sendmail, "tests/data/sendmail_lines.txt", 89);
}

/* As grep counts them. */
static void test_sendmail_log(void **state)
{
    (void)state;
    unsigned kinds[EVENT_KINDS];
    check_log(&mta_sendmail, "tests/data/sendmail_real.log", kinds);
    assert_int_equal(kinds[EVENT_ARRIVED], 24);
    assert_int_equal(kinds[EVENT_NOTICE], 4);
    assert_int_equal(kinds[EVENT_REJECT], 6);
    assert_int_equal(kinds[EVENT_CONNECTION_REJECT], 1);
    assert_int_equal(kinds[EVENT_HELD], 1);
}

static void test_opensmtpd_lines(void **state)
{
    (void)state;
    check_lines(&mta_opensmtpd, "tests/data/opensmtpd_lines.txt", 57);
}

static void test_opensmtpd_log(void **state)
{
    (void)state;
    unsigned kinds[EVENT_KINDS];
    check_log(&mta_opensmtpd, "tests/data/opensmtpd_real.log", kinds);
    assert_int_equal(kinds[EVENT_ARRIVED], 20);
    assert_int_equal(kinds[EVENT_CONNECT], 24);
    assert_int_equal(kinds[EVENT_CLIENT], 6);
    assert_int_equal(kinds[EVENT_DELIVERY], 31);
    assert_int_equal(kinds[EVENT_REJECT], 6);
    assert_int_equal(kinds[EVENT_CONNECT_FAIL], 1);
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    tzset();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sendmail_lines),
        cmocka_unit_test(test_sendmail_log),
        cmocka_unit_test(test_opensmtpd_lines),
        cmocka_unit_test(test_opensmtpd_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
