/*
 * Lines of a log and what is understood of them: tests/data/NAME_lines.txt has one line of each kind and
 * under it, indented, the words of explain.c; NAME_real.log is what a real server wrote.
 */
#ifndef EVENT_LINES_H
#define EVENT_LINES_H

#include "../../collectors/explain.h"
#include "../../collectors/mta.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOV_21 INT64_C(1795301304000) /* 2026-11-21T22:48:24Z */

static struct event parsed;

/* The first n octets of a line in a buffer of just their length, so that a sanitizer sees a read beyond them. */
static inline void parse_next(const struct mta *mta, struct syslog_context *context,
                              const char *text, size_t n)
{
    static char *line;
    free(line);
    line = malloc(n ? n : 1);
    assert_non_null(line);
    memcpy(line, text, n);
    mta->parse(context, (struct slice){line, n}, &parsed);
}

/* The same for the first line of a log. */
static inline void parse_first(const struct mta *mta, const char *text, size_t n)
{
    struct syslog_context context;
    syslog_start(&context, NOV_21);
    parse_next(mta, &context, text, n);
}

/* The caller frees it. */
static inline char *explained(const struct event *e)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    explain_event(e, out);
    fclose(out);
    text[strcspn(text, "\n")] = '\0';
    return text;
}

/* Without what all lines of the same head have in common. */
static inline void leave_out(char *text, const char *part)
{
    size_t at = slice_search(slice_of(text), slice_of(part)), n = strlen(part);
    if (text[at])
        memmove(text + at, text + at + n, strlen(text + at + n) + 1);
}

/* head: what stands before each line of the file, with its time. A line that is cut anywhere is read no further. */
static inline void check_lines(const struct mta *mta, const char *name, const char *head,
                               unsigned expected_count)
{
    char line[2048], expected[2048];
    size_t start = strlen(head);
    unsigned count = 0;
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    memcpy(line, head, start);
    while (fgets(line + start, (int)(sizeof line - start), file)) {
        line[strcspn(line, "\n")] = '\0';
        if (!line[start] || line[start] == '#')
            continue;
        assert_non_null(fgets(expected, sizeof expected, file));
        expected[strcspn(expected, "\n")] = '\0';
        assert_memory_equal(expected, "    ", 4);
        for (size_t n = start; n <= strlen(line); n++)
            parse_first(mta, line, n);
        char *is = explained(&parsed);
        if (*head)
            leave_out(is, " time=2026-11-21T22:48:24Z");
        if (strcmp(is, expected + 4) != 0)
            fail_msg("%s\n  is       %s\n  expected %s", line, is, expected + 4);
        free(is);
        count++;
    }
    fclose(file);
    assert_int_equal(count, expected_count);
}

/* How many events of each kind, and deliveries of each result, a real log has: all of its lines are recognised. */
static inline void count_log(const struct mta *mta, const char *name, unsigned kinds[EVENT_KINDS],
                             unsigned results[RESULT_REMOVED + 1])
{
    char line[4096];
    struct syslog_context context;
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    syslog_start(&context, NOV_21);
    memset(kinds, 0, EVENT_KINDS * sizeof *kinds);
    memset(results, 0, (RESULT_REMOVED + 1) * sizeof *results);
    while (fgets(line, sizeof line, file)) {
        parse_next(mta, &context, line, strcspn(line, "\n"));
        if (parsed.kind == EVENT_UNKNOWN || parsed.kind == EVENT_FOREIGN)
            fail_msg("not recognised: %s", line);
        kinds[parsed.kind]++;
        results[parsed.result] += parsed.kind == EVENT_DELIVERY;
    }
    fclose(file);
}

#endif
