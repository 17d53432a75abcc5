/*
 * The logs of mailbox servers, line by line: tests/data/access_lines.txt has lines of each kind and, below each,
 * what the event is in the words of --explain. The lines of Dovecot 2.4 and Cyrus 3.14 are after their
 * documentation; the others are what real servers wrote.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "../../collectors/access.h"
#include "../../collectors/explain.h"

#define NOV_21 INT64_C(1795301304000) /* 2026-11-21T22:48:24Z */

static char *explained(const struct access_server *server, struct slice line)
{
    struct syslog_context c;
    struct event e = {0};
    char *text = NULL;
    size_t size;
    syslog_start(&c, NOV_21);
    server->parse(&c, line, &e);
    if (e.kind != EVENT_FOREIGN && e.kind != EVENT_UNKNOWN)
        assert_int_equal(e.time_ms / 1000, NOV_21 / 1000);
    FILE *out = open_memstream(&text, &size);
    explain_event(&e, out);
    fclose(out);
    text[strcspn(text, "\n")] = '\0';
    return text;
}

static void test_lines(void **state)
{
    (void)state;
    char line[4096], wanted[4096];
    const struct access_server *server = NULL;
    unsigned checked = 0, wrong = 0;
    FILE *f = fopen("tests/data/access_lines.txt", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#' || line[0] == '\0')
            continue;
        if (line[0] == '@') {
            server = strcmp(line + 1, "dovecot") == 0 ? &access_dovecot : &access_cyrus;
            continue;
        }
        assert_non_null(server);
        assert_non_null(fgets(wanted, sizeof wanted, f));
        wanted[strcspn(wanted, "\n")] = '\0';
        assert_memory_equal(wanted, "    -> ", 7);
        char *is = explained(server, slice_of(line));
        if (strcmp(is, wanted + 7) != 0) {
            print_error("%s\n  is     %s\n  wanted %s\n", line, is, wanted + 7);
            wrong++;
        }
        free(is);
        checked++;
    }
    fclose(f);
    assert_true(checked > 100);
    assert_int_equal(wrong, 0);
}

/* Every line cut anywhere, as syslog cuts long ones: nothing is read beyond it. */
static void test_cut(void **state)
{
    (void)state;
    char line[4096];
    FILE *f = fopen("tests/data/access_lines.txt", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        size_t length = strcspn(line, "\n");
        for (size_t n = 0; n <= length; n++) {
            char *copy = malloc(n + 1);
            assert_non_null(copy);
            memcpy(copy, line, n);
            struct syslog_context c;
            struct event e = {0};
            syslog_start(&c, NOV_21);
            access_dovecot.parse(&c, (struct slice){copy, n}, &e);
            access_cyrus.parse(&c, (struct slice){copy, n}, &e);
            free(copy);
        }
    }
    fclose(f);
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    tzset();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
