/*
 * record.c: runs of routes become lines of systest.log, each once, with what failed.
 */
#include "../../collectors/collector.h"
#include "scratch.h"

extern const struct collector collector_record;

#define NOON_MS INT64_C(979128300000) /* 2001-01-10 12:05:00 UTC */

static struct model model;
static struct config config;
static struct collect collect;

static int setup(void **state)
{
    setenv("TZ", "UTC", 1);
    if (scratch_make(state) != 0 || !model_init(&model, NULL))
        return -1;
    config = (struct config){
        .records_directory = scratch, .records_interval_s = 300, .records_keep_days = 1};
    collect = (struct collect){.loop = uv_default_loop(),
                               .model = &model,
                               .names = names_new(),
                               .config = &config,
                               .monotonic_ms = 1000,
                               .real_minus_monotonic_ms = NOON_MS - 1000};
    return collector_record.start(&collect) ? 0 : -1;
}

static int teardown(void **state)
{
    collector_record.stop(&collect);
    names_free(collect.names);
    model_free(&model);
    return scratch_remove(state);
}

/* A tick `ms` later, and what its worker does. */
static void pass(int64_t ms)
{
    collect.monotonic_ms += ms;
    collector_record.tick(&collect);
    uv_run(collect.loop, UV_RUN_DEFAULT);
}

/* The line of a file, from 0; "" if there are not so many. */
static const char *line_of(const char *name, unsigned number)
{
    static char line[512];
    FILE *f = fopen(scratch_path(name), "r");
    line[0] = 0;
    for (unsigned i = 0; f && i <= number; i++)
        if (!fgets(line, sizeof line, f))
            line[0] = 0;
    if (f)
        fclose(f);
    return line;
}

static struct route *place(uint32_t index, const char *user)
{
    uint32_t key[3] = {index, 0, 0};
    struct route *r = model_place(&model, MODEL_ROUTE, key, NULL);
    assert_non_null(r);
    TEXT_SET(r->user, slice_of(user));
    TEXT_SET(r->submit_host, SLICE("ssmtp02"));
    TEXT_SET(r->retrieve_host, SLICE("smux01"));
    return r;
}

static void runs_become_lines(void **state)
{
    (void)state;
    struct route *a = place(1, "ims2"), *b = place(2, "ims3");
    pass(1000);
    assert_string_equal(line_of("systest.log", 0), "");
    a->status = ROUTE_DELIVERED;
    a->last_run_at = collect.monotonic_ms + 3000;
    a->total_ms = 2083;
    model_touch(&model, MODEL_ROUTE);
    pass(3000);
    assert_string_equal(line_of("systest.log", 0), "DATE COLLECTED: 10 Jan 2001\n");
    assert_string_equal(
        line_of("systest.log", 7),
        "| 12:05:04 | ims2      | ssmtp02    | smux01     |  2083 |                 |\n");
    model_touch(&model, MODEL_ROUTE); /* nothing ran */
    pass(1000);
    assert_string_equal(line_of("systest.log", 8), "");
    b->status = ROUTE_SUBMIT_FAILED;
    b->last_run_at = collect.monotonic_ms;
    a->status = ROUTE_RETRIEVE_FAILED;
    a->last_run_at = collect.monotonic_ms;
    TEXT_SET(a->fault_text, SLICE("smux01 pop3: refused"));
    model_touch(&model, MODEL_ROUTE);
    pass(1000);
    assert_string_equal(
        line_of("systest.log", 8),
        "| 12:05:05 | ims2      | ssmtp02    | smux01     |       | smux01 pop3: refused |\n");
    assert_string_equal(
        line_of("systest.log", 9),
        "| 12:05:05 | ims3      | ssmtp02    | smux01     |       | submit failed   |\n");
    assert_string_equal(line_of("systest.log", 10), "");
}

static void lines_at_whole_intervals(void **state)
{
    (void)state;
    pass(0);
    assert_string_equal(line_of("qmonitor.log", 0), "");
    pass(200000);
    assert_string_equal(line_of("qmonitor.log", 0), "");
    pass(110000); /* late */
    assert_int_equal(strncmp(line_of("qmonitor.log", 7), "|12:10|", 7), 0);
    pass(280000);
    assert_string_equal(line_of("qmonitor.log", 8), "");
    pass(10000);
    assert_int_equal(strncmp(line_of("qmonitor.log", 8), "|12:15|", 7), 0);
    collect.real_minus_monotonic_ms -= 7200000; /* the clock is set back */
    pass(1000);
    pass(300000);
    assert_int_equal(strncmp(line_of("qmonitor.log", 9), "|10:20|", 7), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(runs_become_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(lines_at_whole_intervals, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
