/*
 * Entries of Sun's MTA log: tests/data/sun_lines.txt has the examples of the Administration Guide, every
 * optional field and every format, and what each line says.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "../../collectors/sun_record.h"

static char rendered[4096];

static void add(const char *format, ...)
{
    va_list ap;
    size_t n = strlen(rendered);
    va_start(ap, format);
    vsnprintf(rendered + n, sizeof rendered - n, format, ap);
    va_end(ap);
}

static void add_slice(const char *name, struct slice s)
{
    if (s.n)
        add(" %s=%.*s", name, (int)s.n, s.p);
}

static void add_head(const struct sun_record *r)
{
    static const char *const modifiers[] = {"sasl", "chunking", "esmtp", "lmtp", "tls"};
    time_t seconds = (time_t)(r->time_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    add("%02d:%02d:%02d.%02d ", tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(r->time_ms % 1000 / 10));
    if (r->code)
        add("%c", r->code);
    else
        add("header");
    for (unsigned i = 0; i < 5; i++)
        if (r->modifiers & 1u << i)
            add(" %s", modifiers[i]);
    if (r->direction)
        add(" %c", r->direction);
    add_slice("node", r->node);
    add_slice("pid", r->process);
    add_slice("src", r->source);
    add_slice("dst", r->destination);
}

static void render(const struct sun_record *r)
{
    rendered[0] = '\0';
    add_head(r);
    if (r->code && !r->direction)
        add(" size=%llu", (unsigned long long)r->blocks);
    add_slice("from", r->from);
    add_slice("orig", r->original);
    add_slice("to", r->to);
    if (r->notary)
        add(" notary=%u", (unsigned)r->notary);
    add_slice("file", r->file);
    add_slice("eid", r->envelope_id);
    add_slice("mid", r->message_id);
    add_slice("omid", r->original_message_id);
    add_slice("user", r->username);
    add_slice("conn", r->connection);
    add_slice("transport", r->transport);
    add_slice("app", r->application);
    add_slice("peer", sun_record_peer(r));
    add_slice("sens", r->sensitivity);
    add_slice("prio", r->priority);
    add_slice("filter", r->filter);
    add_slice("reason", r->reason);
    add_slice("diag", r->diagnostic);
    add_slice("remote", r->remote_mta);
    if (r->has_queue_time)
        add(" qt=%llu", (unsigned long long)r->queue_time_ms);
    if (!slice_eq(sun_record_reply(r), r->reason) || r->diagnostic.n)
        add_slice("reply", sun_record_reply(r));
}

static struct syslog_context context;
static struct sun_options options;
static const struct sun_options *known; /* NULL: infer the fields */

/* A line in a buffer of just its length, so that a sanitizer sees a read beyond it. */
static void check(const char *text, const char *expected)
{
    size_t n = strlen(text);
    char *line = malloc(n ? n : 1);
    struct sun_record r;
    assert_non_null(line);
    memcpy(line, text, n);
    rendered[0] = '\0';
    if (sun_record_parse(&context, known, (struct slice){line, n}, &r)) {
        sun_record_details(known, &r);
        render(&r);
    } else {
        add("-");
    }
    if (strcmp(rendered, expected) != 0)
        fail_msg("%s\n  is       %s\n  expected %s", text, rendered, expected);
    free(line);
}

/* "options LOG_NODE=1 LOG_PROCESS=1" */
static void set_options(char *text)
{
    memset(&context, 0, sizeof context);
    known = NULL;
    if (strcmp(text, "?") == 0)
        return;
    for (char *p = text; *p; p++)
        if (*p == ' ')
            *p = '\n';
    sun_options_parse(slice_of(text), &options);
    known = &options;
}

static void test_lines(void **state)
{
    (void)state;
    char line[2048], expected[2048];
    unsigned count = 0;
    FILE *file = fopen("tests/data/sun_lines.txt", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (!*line || *line == '#')
            continue;
        if (strncmp(line, "options ", 8) == 0) {
            set_options(line + 8);
            continue;
        }
        assert_non_null(fgets(expected, sizeof expected, file));
        expected[strcspn(expected, "\n")] = '\0';
        assert_memory_equal(expected, "    ", 4);
        check(line, expected + 4);
        count++;
    }
    fclose(file);
    assert_true(count >= 50);
}

static void test_options(void **state)
{
    (void)state;
    struct sun_options o;
    sun_options_parse(
        SLICE("! a comment\nLOG_FILENAME=1\nlog_message_id = 1 ! too\nLOG_CONNECTION=3\r\n"
              "BLOCK_SIZE=512\nLOG_FORMAT=3\nLOG_USERNAME=1\nLOG_"
              "USERNAME=0\n"
              "LOG_MESSAGES_SYSLOG=-6\nNONSENSE\nLOG_NODE=\n=1\nLOG_REASON=99999999999999999999"),
        &o);
    assert_int_equal(o.fields, SUN_FILENAME | SUN_MESSAGE_ID | SUN_CONNECTION);
    assert_int_equal(o.block_size, 512);
    assert_int_equal(o.format, 3);
    assert_int_equal(o.syslog, -6);
    assert_false(o.other);
    sun_options_parse(SLICE("LOG_AUTH=0\nLOG_HEADER=1\nMISSING_RECIPIENT_POLICY=1\n"), &o);
    assert_true(sun_options_tell(&o));
    sun_options_parse(SLICE("LOG_AUTH=1\n"), &o); /* its place in an entry is not known */
    assert_false(sun_options_tell(&o));
    sun_options_parse(SLICE("LOG_FORMAT=4\n"), &o);
    assert_false(sun_options_tell(&o) || sun_options_tell(NULL));
    sun_options_parse(SLICE(""), &o);
    assert_int_equal(o.fields, 0);
    assert_int_equal(o.block_size, 1024);
    assert_int_equal(o.format, 1);
}

static struct queue_id name_is(const char *name, unsigned attempts, bool held)
{
    struct queue_id found;
    unsigned n;
    bool is_held;
    if (!sun_queue_name(slice_of(name), &found, &n, &is_held))
        fail_msg("%s is no queue file", name);
    assert_int_equal(n, attempts);
    assert_int_equal(is_held, held);
    return found;
}

static bool same_id(struct queue_id a, struct queue_id b)
{
    return a.hi == b.hi && a.lo == b.lo;
}

static void test_names(void **state)
{
    (void)state;
    struct queue_id a;
    unsigned n;
    bool held;
    a = name_is("ZZ01ISKLSKLZLI90N15M.00", 0, false);
    assert_true(same_id(a, name_is("ZY01ISKLSKLZLI90N15M.00", 1, false)));
    assert_true(same_id(a, name_is("ZX01ISKLSKLZLI90N15M.00", 2, false)));
    assert_true(same_id(a, name_is("ZX01ISKLSKLZLI90N15M.HELD", 2, true)));
    assert_false(same_id(a, name_is("ZZ01ISKLSKLZLI90N15M.01", 0, false)));
    assert_false(same_id(a, name_is("ZZ01ISKLSKLZLI90N15N.00", 0, false)));
    name_is("ZAf0r4i0Wdy51.01", 25, false);
    name_is("Z0f0r4i0Wdy51.HELD", 35, true);
    name_is("YZf0r4i0Wdy51.00", 36, false);
    name_is("00f0r4i0Wdy51.00", 1295, false);
    static const char *const none[] = {"",        "ZZ",       "ZZ.00",     "ZZx",
                                       "zz01.00", "ZZ01.000", "ZZ01.0",    "$tmp01.00",
                                       "ZZ.HELD", ".",        "ZZ01.HELDx"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        if (sun_queue_name(slice_of(none[i]), &a, &n, &held))
            fail_msg("%s is no queue file", none[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_names),
    };
    setenv("TZ", "UTC", 1);
    tzset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
