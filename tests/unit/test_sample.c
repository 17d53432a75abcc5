/* Samples: means of gauges, growth of counters, spans, rows that come and go. */
#include "../../agent/sample.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SPAN_MS (HISTORY_SPAN_S * 1000LL)
#define BEGIN   (SPAN_MS * 5000000)

static struct model m;
static char *names[] = {"mtaGroupStoredMessages", "mtaGroupReceivedMessages", "mailmonHostCpuUser"};
static const struct config_strings columns = {names, 3};

static int set_up(void **state)
{
    uint32_t none[MODEL_TABLES] = {0};
    if (!model_init(&m, none))
        return -1;
    *state = samples_new(&m, &columns, 4);
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    samples_free(*state);
    model_free(&m);
    return 0;
}

static struct group *group(uint32_t appl, uint32_t number, const char *name)
{
    uint32_t a[3] = {appl, 0, 0}, key[3] = {appl, number, 0};
    struct appl *mta = model_place(&m, MODEL_APPL, a, NULL);
    TEXT_SET(mta->name, SLICE("mx"));
    struct group *g = model_place(&m, MODEL_GROUP, key, NULL);
    TEXT_SET(g->name, slice_of(name));
    return g;
}

static void look(struct samples *s, int64_t ms)
{
    struct table_time now = {.monotonic_ms = ms, .real_ms = BEGIN + ms};
    samples_look(s, &now);
}

static struct history_sample *take(struct samples *s, int64_t ms, unsigned *count)
{
    return samples_take(s, BEGIN + ms, false, count);
}

static const struct history_sample *find(const struct history_sample *all, unsigned count,
                                         const char *object, const char *instance)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(all[i].object, object) == 0 && strcmp(all[i].instance, instance) == 0)
            return &all[i];
    fail_msg("no %s.%s", object, instance);
    return NULL;
}

static void gauges_and_counters(void **state)
{
    struct samples *s = *state;
    struct group *g = group(1, 3, "deferred");
    unsigned count;
    assert_null(take(s, 0, &count));
    for (int i = 0; i < 5; i++) {
        g->stored_messages = (uint64_t)(10 * i);
        g->received_messages = (uint64_t)(120 * i);
        look(s, i * 60000);
        assert_null(take(s, i * 60000, &count));
    }
    struct history_sample *all = take(s, SPAN_MS, &count);
    assert_int_equal(count, 2);
    const struct history_sample *depth = find(all, count, "mtaGroupStoredMessages", "1.3");
    assert_string_equal(depth->name, "mx/deferred");
    assert_int_equal(depth->start_s, BEGIN / 1000);
    assert_int_equal(depth->span_s, HISTORY_SPAN_S);
    assert_int_equal(depth->count, 5);
    assert_true(depth->mean == 20 && depth->minimum == 0 && depth->maximum == 40);
    const struct history_sample *rate = find(all, count, "mtaGroupReceivedMessages", "1.3");
    assert_int_equal(rate->count, 4);
    assert_true(fabs(rate->mean - 2) < 1e-9);
    free(all);
    assert_null(take(s, SPAN_MS + 1, &count)); /* nobody looked */
    g->received_messages = 600;
    look(s, SPAN_MS); /* the counter goes on over the end of a span */
    all = take(s, 2 * SPAN_MS, &count);
    assert_true(fabs(find(all, count, "mtaGroupReceivedMessages", "1.3")->mean - 2) < 1e-9);
    free(all);
}

static void a_counter_that_fell_is_no_rate(void **state)
{
    struct samples *s = *state;
    struct group *g = group(1, 1, "a");
    unsigned count;
    assert_null(take(s, 0, &count));
    g->received_messages = 1000000;
    look(s, 0);
    g->received_messages = 60;
    look(s, 60000);
    g->received_messages = 120;
    look(s, 120000);
    struct history_sample *all = take(s, SPAN_MS, &count);
    const struct history_sample *rate = find(all, count, "mtaGroupReceivedMessages", "1.1");
    assert_true(rate->count == 1 && rate->mean == 1);
    free(all);
}

static void absent_is_absent(void **state)
{
    struct samples *s = *state;
    group(1, 1, "a");
    unsigned count;
    take(s, 0, &count);
    look(s, 0);
    assert_null(take(s, SPAN_MS, &count));
    assert_int_equal(count, 0);
}

static void rows_come_and_go(void **state)
{
    struct samples *s = *state;
    struct group *b = group(1, 2, "b"), *c = group(1, 4, "c");
    b->stored_messages = 2;
    c->stored_messages = 4;
    unsigned count;
    take(s, 0, &count);
    look(s, 0);
    group(1, 1, "a")->stored_messages = 1;
    group(1, 3, "d")->stored_messages = 3;
    group(1, 5, "e")->stored_messages = 5; /* one too many */
    model_remove(&m, MODEL_GROUP, b);
    look(s, 60000);
    assert_int_equal(samples_left_out(s), 1);
    struct history_sample *all = take(s, SPAN_MS, &count);
    assert_int_equal(count, 4);
    assert_true(find(all, count, "mtaGroupStoredMessages", "1.1")->mean == 1);
    assert_int_equal(find(all, count, "mtaGroupStoredMessages", "1.2")->count, 1);
    assert_int_equal(find(all, count, "mtaGroupStoredMessages", "1.4")->count, 2);
    free(all);
    look(s, SPAN_MS); /* the one that is gone still had its span; then there is room */
    free(take(s, 2 * SPAN_MS, &count));
    look(s, 2 * SPAN_MS);
    all = take(s, 3 * SPAN_MS, &count);
    assert_int_equal(count, 4);
    assert_true(find(all, count, "mtaGroupStoredMessages", "1.5")->mean == 5);
    free(all);
}

static void a_clock_set_back_ends_the_span(void **state)
{
    struct samples *s = *state;
    group(1, 1, "a")->stored_messages = 1;
    unsigned count;
    take(s, 10 * SPAN_MS, &count);
    look(s, 0);
    struct history_sample *all = take(s, 2 * SPAN_MS, &count);
    assert_int_equal(count, 1);
    assert_int_equal(all[0].start_s, (BEGIN + 10 * SPAN_MS) / 1000);
    free(all);
}

static void a_span_can_end_early(void **state)
{
    struct samples *s = *state;
    group(1, 1, "a")->stored_messages = 1;
    unsigned count;
    take(s, 0, &count);
    look(s, 0);
    struct history_sample *all = samples_take(s, BEGIN + 1, true, &count);
    assert_int_equal(count, 1);
    assert_int_equal(all[0].start_s, BEGIN / 1000);
    free(all);
}

/* A text of a row that is not its name: people know it as alarms do. */
static void a_description_is_no_name(void **state)
{
    (void)state;
    static char *const entries[] = {"dsMasterEntries"};
    const struct config_strings one = {(char **)(uintptr_t)entries, 1};
    struct samples *s = samples_new(&m, &one, 4);
    unsigned count;
    group(7, 1, "ldap");
    struct ds *d = model_place(&m, MODEL_DS, (uint32_t[3]){7, 0, 0}, NULL);
    TEXT_SET(d->description, SLICE("OpenLDAP 2.5.13"));
    d->master_entries = 12;
    take(s, 0, &count);
    look(s, 0);
    struct history_sample *all = take(s, SPAN_MS, &count);
    assert_int_equal(count, 1);
    assert_string_equal(find(all, count, "dsMasterEntries", "7")->name, "mx");
    free(all);
    samples_free(s);
}

static void what_can_be_sampled(void **state)
{
    const char *why;
    (void)state;
    assert_true(sample_column("mailmonResponseTotal", &why));
    assert_true(sample_column("mtaGroupReceivedVolume", &why));
    assert_true(sample_column("applOperStatus", &why));
    assert_false(sample_column("mailmonResponseTotl", &why));
    assert_non_null(strstr(why, "--tables"));
    assert_false(sample_column("applName", &why));
    assert_false(sample_column("mailmonPeerCurrent", &why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gauges_and_counters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_counter_that_fell_is_no_rate, set_up, tear_down),
        cmocka_unit_test_setup_teardown(absent_is_absent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_come_and_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_clock_set_back_ends_the_span, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_span_can_end_early, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_description_is_no_name, set_up, tear_down),
        cmocka_unit_test(what_can_be_sampled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
