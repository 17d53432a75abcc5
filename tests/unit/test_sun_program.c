/* The logs of the MTA's programs: what a line is, when it was written, and what is counted. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "../../collectors/maillog.h"
#include "../../collectors/sun_program.h"

#define WRITTEN INT64_C(1000000000000) /* 2001-09-09 01:46:40 UTC, the file's mtime */

static struct syslog_context context;

static struct event parse(const char *file, const char *text)
{
    struct event e = {0};
    size_t n = strlen(text);
    char *line = malloc(n ? n : 1); /* of its length, for the sanitizer */
    memcpy(line, text, n);
    context.file = slice_of(file);
    access_sun_program.parse(&context, (struct slice){line, n}, &e);
    e.text = slice_skip(slice_of(text), e.text.p ? (size_t)(e.text.p - line) : n);
    free(line);
    return e;
}

static int setup(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    syslog_start(&context, WRITTEN);
    context.file_ms = WRITTEN;
    return 0;
}

static void lines(void **state)
{
    (void)state;
    struct event e =
        parse("dispatcher.log-0JDJ00D02IBWDX00", "01:40:33.53 (   1): Handed connection to 7");
    assert_int_equal(e.kind, EVENT_SERVER_LOG);
    assert_int_equal(e.entry, SUN_PROGRAM_RECORD);
    assert_true(slice_eq(e.service, SLICE("dispatcher")));
    assert_true(slice_eq(e.text, SLICE("Handed connection to 7")));
    assert_int_equal(e.time_ms, WRITTEN - 400000 + 33530);
    e = parse("dispatcher.log", "23.00.00.00 (  12): yesterday");
    assert_int_equal(e.time_ms, WRITTEN - 10000000);
    assert_true(slice_eq(e.text, SLICE("yesterday")));
    e = parse("tcp_local_master.log-1", "01:46:55.00: Failed to open");
    assert_int_equal(e.time_ms, WRITTEN + 15000); /* written after the file was looked at */
    assert_int_equal(e.entry, SUN_PROGRAM_RECORD | SUN_PROGRAM_TROUBLE);
    assert_true(slice_eq(e.service, SLICE("tcp_local_master")));
    e = parse("x.log", "19-Jan-1998 20:49:04.00: text");
    assert_int_equal(e.time_ms, INT64_C(885242944000));
    e = parse("dispatcher.log", "                   the rest of it, which is an error");
    assert_int_equal(e.entry, SUN_PROGRAM_TROUBLE);
    e = parse("dispatcher.log", "                   the rest of it");
    assert_int_equal(e.entry, 0);
    e = parse("dispatcher.log", "ld.so.1: dispatcher: fatal: libimta.so: open failed");
    assert_int_equal(e.entry, SUN_PROGRAM_RECORD | SUN_PROGRAM_TROUBLE);
    assert_int_equal(e.time_ms, WRITTEN);
    e = parse("dispatcher.log", "01:46:00.00 (   1): bind: Address already in use");
    assert_int_equal(e.access.pattern, 1);
    assert_int_equal(parse("dispatcher.log", "").kind, EVENT_NONE);
    assert_int_equal(parse("dispatcher.log", "01:46:00.00 (   1): ").kind, EVENT_NONE);
    assert_int_equal(parse("", "terror infallible").entry, SUN_PROGRAM_RECORD);
}

static uint64_t matches(const struct model *m, const char *name, const char *last)
{
    for (uint32_t i = 0; i < m->tables[MODEL_LOG_EVENT].count; i++) {
        const struct log_event *row = model_row(m, MODEL_LOG_EVENT, i);
        if (!slice_eq(TEXT_GET(row->name), slice_of(name)))
            continue;
        assert_true(slice_eq(TEXT_GET(row->last_line), slice_of(last)));
        return row->matches;
    }
    return 0;
}

static void counts(void **state)
{
    (void)state;
    static struct maillog log;
    struct names *names = names_new();
    struct model m;
    assert_true(names && model_init(&m, NULL));
    struct access_tally *t = access_tally_new(&m, names, NULL, USERS_PLAIN);
    struct sun_program_log *counter = sun_program_log(&m, names, t, "msg", 3);
    maillog_start(&log, NULL);
    assert_true(maillog_add(&log, access_sun_program.parse, sun_program_event, counter));
    maillog_time(&log, WRITTEN);
    maillog_file(&log, SLICE("dispatcher.log-A"), WRITTEN);
    maillog_lines(&log, SLICE("01:00:00.00 (   1): one\n                    more of it\n"
                              "01:00:01.00 (   1): bind: Address already in use, cannot serve\n"));
    maillog_file(&log, SLICE("ims-ms_master.log-B"), WRITTEN);
    maillog_lines(&log, SLICE("01:00:02.00: x\n"));
    maillog_file(&log, SLICE("dispatcher.log-C"), WRITTEN);
    maillog_lines(&log, SLICE("01:00:03.00 (   1): two\n"));
    assert_int_equal(matches(&m, "msg: dispatcher", "two"), 3);
    assert_int_equal(
        matches(&m, "msg: dispatcher trouble", "bind: Address already in use, cannot serve"), 1);
    assert_int_equal(matches(&m, "msg: port in use", "bind: Address already in use, cannot serve"),
                     1);
    assert_int_equal(matches(&m, "msg: ims-ms_master", "x"), 1);
    maillog_file(&log, SLICE("watcher"), WRITTEN);
    maillog_lines(&log, SLICE("watcher process 13425 started at Tue Oct 21 15:29:44 2003\n"
                              "Watched 'imapd' process 13428 exited abnormally\n"
                              "Received request to restart: store imap pop http\n"));
    assert_int_equal(
        matches(&m, "msg: watcher", "Received request to restart: store imap pop http"), 3);
    assert_int_equal(matches(&m, "msg: server exited abnormally",
                             "Watched 'imapd' process 13428 exited abnormally"),
                     1);
    assert_int_equal(
        matches(&m, "msg: server restarted", "Received request to restart: store imap pop http"),
        1);
    assert_int_equal(matches(&m, "msg: ims-ms_master trouble", ""), 0);
    assert_int_equal(log.unrecognised, 0);
    for (unsigned n = 0; n < 200; n++) { /* bounded */
        char file[32];
        snprintf(file, sizeof file, "c%u_slave.log", n);
        maillog_file(&log, slice_of(file), WRITTEN);
        maillog_lines(&log, SLICE("01:00:02.00: x\n"));
    }
    assert_true(m.tables[MODEL_LOG_EVENT].count < 70);
    access_tally_free(t);
    free(counter);
    model_free(&m);
    names_free(names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(lines, setup),
        cmocka_unit_test_setup(counts, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
