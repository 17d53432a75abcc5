/*
 * source.c: rows of the inputs, and those that are left over from another configuration.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "../../agent/log.h"
#include "../../collectors/collector.h"
#include "../../collectors/log_event.h"

/* As the store gives it back: a name and what it was, but no status. */
static void restored(struct collect *c, const char *name, enum source_kind kind)
{
    uint32_t key[3] = {names_index(c->names, MODEL_SOURCE, 0, slice_of(name)), 0, 0};
    struct source *s = model_place(c->model, MODEL_SOURCE, key, NULL);
    TEXT_SET(s->name, slice_of(name));
    s->kind = kind;
    s->items = 7;
}

static const struct source *named(const struct collect *c, const char *name)
{
    for (uint32_t i = 0; i < c->model->tables[MODEL_SOURCE].count; i++) {
        const struct source *s = model_row(c->model, MODEL_SOURCE, i);
        if (slice_eq(TEXT_GET(s->name), slice_of(name)))
            return s;
    }
    return NULL;
}

static void what_nobody_placed_goes(void **state)
{
    (void)state;
    struct model m;
    assert_true(model_init(&m, NULL));
    struct collect c = {.model = &m, .names = names_new(), .monotonic_ms = 1000};
    restored(&c, "probe old", SOURCE_PROBE);
    restored(&c, "probe kept", SOURCE_PROBE);
    restored(&c, "postfix log /old", SOURCE_LOG);
    restored(&c, "disk /old", SOURCE_DISK);
    assert_non_null(source_place(&c, SOURCE_PROBE, "probe kept", "tcp://h", 0, 60));
    assert_non_null(source_place(&c, SOURCE_PROBE, "probe new", "tcp://h", 0, 60));
    source_drop_unplaced(&c);
    assert_int_equal(m.tables[MODEL_SOURCE].count, 3);
    assert_null(named(&c, "probe old"));
    assert_null(named(&c, "disk /old"));
    assert_int_equal(named(&c, "probe kept")->status, SOURCE_STALE);
    assert_int_equal(named(&c, "probe kept")->items, 7);
    assert_int_equal(named(&c, "probe new")->status, SOURCE_STALE);
    assert_int_equal(named(&c, "postfix log /old")->status, SOURCE_DISABLED);
    names_free(c.names);
    model_free(&m);
}

static void restore_event(struct model *m, struct names *n, const char *name)
{
    struct log_event *row = log_event_place(m, n, slice_of(name), SEVERITY_MINOR, 1);
    row->matches = 7;
    row->severity = row->source = MODEL_ABSENT; /* these are not stored */
}

/* A log event that the configuration does not ask for any more goes; what a server of it makes stays. */
static void test_log_events(void **state)
{
    (void)state;
    struct model m;
    struct config *config = calloc(1, sizeof *config);
    struct names *n = names_new();
    assert_non_null(config);
    assert_true(model_init(&m, NULL));
    config_add_dovecot(config)->name = strdup("mailstore");
    restore_event(&m, n, "removed");
    restore_event(&m, n, "kept");
    restore_event(&m, n, "mailstore: mailbox quota");
    restore_event(&m, n, "mailstores: not its own");
    assert_non_null(log_event_place(&m, n, SLICE("kept"), SEVERITY_MINOR, 1));
    log_event_drop_unplaced(&m, config);
    assert_int_equal(m.tables[MODEL_LOG_EVENT].count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        const struct log_event *row = model_row(&m, MODEL_LOG_EVENT, i);
        assert_true(
            slice_eq(TEXT_GET(row->name), i ? SLICE("mailstore: mailbox quota") : SLICE("kept")));
        assert_int_equal(row->matches, 7);
    }
    config_free(config);
    names_free(n);
    model_free(&m);
}

/* The lines of the log since the last call, without their time. */
static const char *said(const char *path)
{
    static char text[512];
    char line[256];
    FILE *f = fopen(path, "r");
    text[0] = 0;
    while (fgets(line, sizeof line, f))
        strcat(text, strstr(line, ": ") + 2);
    fclose(f);
    assert_int_equal(truncate(path, 0), 0);
    return text;
}

static void each_change_has_a_line(void **state)
{
    (void)state;
    static const struct {
        enum source_status status;
        const char *error, *said;
    } steps[] = {
        {SOURCE_STALE, "no answer", "x: stale: no answer\n"}, /* from the start */
        {SOURCE_STALE, "no answer", ""},
        {SOURCE_OK, "", "x: ok again\n"},
        {SOURCE_OK, "", ""},
        {SOURCE_CATCHING_UP, "", ""},
        {SOURCE_DENIED, "who?", "x: denied: who?\n"},
        {SOURCE_MISSING, "where?", "x: missing: where?\n"},
        {SOURCE_OK, NULL, "x: ok again\n"},
        {SOURCE_STALE, "no answer", "x: stale: no answer\n"},
        {SOURCE_OK, "", "x: ok again\n"},
    };
    char path[] = "/tmp/test_source.XXXXXX";
    struct model m;
    close(mkstemp(path));
    assert_true(log_open("test", path, LOG_LEVEL_NOTICE));
    assert_true(model_init(&m, NULL));
    struct collect c = {.model = &m, .names = names_new(), .monotonic_ms = 1000};
    struct source *s = source_place(&c, SOURCE_COMMAND, "x", "y", 0, 60);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        source_status(&c, s, steps[i].status, steps[i].error);
        assert_int_equal(s->status, steps[i].status);
        assert_string_equal(said(path), steps[i].said);
    }
    assert_int_equal(s->errors, 4);
    s = source_place(&c, SOURCE_COMMAND, "z", "y", 0, 60);
    source_status(&c, s, SOURCE_OK, ""); /* well from the start: nothing to say */
    assert_string_equal(said(path), "");
    log_open("test", "stderr", LOG_LEVEL_NOTICE);
    unlink(path);
    names_free(c.names);
    model_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_nobody_placed_goes),
                                       cmocka_unit_test(test_log_events),
                                       cmocka_unit_test(each_change_has_a_line)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
