/*
 * The history on a real disk: what comes back, how it is thinned, what a baseline is, and that a
 * reader may look while it is written.
 */
#include "../../agent/history.h"
#include "scratch.h"

#include <math.h>

#define HOUR HISTORY_HOUR_S
#define DAY  86400
#define NOW  (20000 * (int64_t)DAY) /* a whole day since the epoch */

static int set_up(void **state)
{
    char error[512];
    if (scratch_make(state) != 0)
        return -1;
    *state = history_open(scratch, true, error, sizeof error);
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    history_close(*state);
    return scratch_remove(state);
}

static struct history_sample sample(const char *instance, int64_t start_s, double mean)
{
    struct history_sample s = {.object = "mtaGroupStoredMessages",
                               .name = "postfix/deferred",
                               .start_s = start_s,
                               .span_s = HISTORY_SPAN_S,
                               .count = 5,
                               .mean = mean,
                               .minimum = mean - 1,
                               .maximum = mean + 1};
    snprintf(s.instance, sizeof s.instance, "%s", instance);
    return s;
}

static void write_one(struct history *h, struct history_sample s)
{
    assert_true(history_write(h, &(struct history_batch){.samples = &s, .sample_count = 1}));
}

struct seen {
    unsigned count, stop_after;
    struct history_sample samples[64];
};

static bool on_sample(void *arg, const struct history_sample *s)
{
    struct seen *seen = arg;
    if (seen->count < 64)
        seen->samples[seen->count] = *s;
    return ++seen->count != seen->stop_after;
}

static struct seen read_all(struct history *h)
{
    struct seen seen = {0};
    assert_true(history_samples(h, NULL, 0, INT64_MAX, on_sample, &seen));
    return seen;
}

static void comes_back(void **state)
{
    struct history *h = *state;
    write_one(h, sample("1.3", NOW, 10));
    write_one(h, sample("1.2", NOW, 20));
    write_one(h, sample("1.3", NOW + 300, 30));
    write_one(h, sample("1.3", NOW + 300, 40)); /* the rest of the span, after a restart */
    struct seen seen = read_all(h);
    assert_int_equal(seen.count, 3);
    assert_string_equal(seen.samples[0].object, "mtaGroupStoredMessages");
    assert_string_equal(seen.samples[0].instance, "1.3");
    assert_string_equal(seen.samples[0].name, "postfix/deferred");
    assert_int_equal(seen.samples[0].start_s, NOW);
    assert_int_equal(seen.samples[0].count, 5);
    assert_true(seen.samples[1].mean == 35 && seen.samples[1].count == 10);
    assert_true(seen.samples[1].minimum == 29 && seen.samples[1].maximum == 41);
    assert_string_equal(seen.samples[2].instance, "1.2");
    seen = (struct seen){.stop_after = 1};
    assert_true(
        history_samples(h, "mtaGroupStoredMessages", NOW + 300, NOW + 600, on_sample, &seen));
    assert_int_equal(seen.count, 1);
    seen = (struct seen){0};
    assert_true(history_samples(h, "mtaGroupStoredVolume", 0, INT64_MAX, on_sample, &seen));
    assert_int_equal(seen.count, 0);
}

static void a_new_name_is_taken(void **state)
{
    struct history *h = *state;
    struct history_sample s = sample("1.3", NOW, 1);
    write_one(h, s);
    strcpy(s.name, "mx/deferred");
    s.start_s += 300;
    write_one(h, s);
    struct seen seen = read_all(h);
    assert_int_equal(seen.count, 2);
    assert_string_equal(seen.samples[0].name, "mx/deferred");
}

static void thinning(void **state)
{
    struct history *h = *state;
    for (int i = 0; i < 12; i++) { /* an hour of 20 days ago, and one of today */
        write_one(h, sample("1.3", NOW - 20 * DAY + i * 300, i));
        write_one(h, sample("1.3", NOW - HOUR + i * 300, i));
    }
    write_one(h, sample("1.4", NOW - 100 * DAY, 7));
    while (!history_thin(h, NOW, 14 * DAY, 90 * DAY))
        ;
    struct seen seen = read_all(h);
    assert_int_equal(seen.count, 13);
    assert_int_equal(seen.samples[0].span_s, HOUR);
    assert_int_equal(seen.samples[0].count, 60);
    assert_true(fabs(seen.samples[0].mean - 5.5) < 1e-9);
    assert_true(seen.samples[0].minimum == -1 && seen.samples[0].maximum == 12);
    assert_int_equal(seen.samples[1].span_s, HISTORY_SPAN_S);
    assert_true(history_thin(h, NOW, 14 * DAY, 90 * DAY)); /* once is enough */
    assert_int_equal(read_all(h).count, 13);
}

static void keep(void *arg, const struct history_baseline *b)
{
    struct history_baseline *found = arg;
    if (strcmp(b->instance, "1.3") == 0)
        *found = *b;
}

static void baseline(void **state)
{
    struct history *h = *state;
    for (int week = 1; week <= 2; week++)
        for (int i = 0; i < 12; i++) {
            int64_t at = NOW - week * 7 * DAY + i * 300;
            write_one(h, sample("1.3", at, week == 1 ? 10 : 20));
            write_one(h, sample("1.3", at + HOUR, 1000)); /* another hour of the week */
        }
    struct history_stretch hours[] = {{NOW - 7 * DAY, NOW - 7 * DAY + HOUR},
                                      {NOW - 14 * DAY, NOW - 14 * DAY + HOUR}};
    struct history_baseline b = {.samples = 0};
    assert_true(history_baselines(h, "mtaGroupStoredMessages", hours, 2, NOW - 14 * DAY, keep, &b));
    assert_int_equal(b.samples, 24);
    assert_true(fabs(b.mean - 15) < 1e-9 && fabs(b.deviation - 5) < 1e-9);
    assert_true(b.peak == 1001);
    assert_true(b.peak_s >= NOW - 14 * DAY && b.peak_s < NOW);
    b = (struct history_baseline){.samples = 0};
    assert_true(history_baselines(h, "mtaGroupStoredMessages", hours, 2, NOW, keep, &b));
    assert_true(b.samples == 24 && b.peak_s == 0);
}

static bool on_transition(void *arg, const struct history_transition *t)
{
    struct history_transition *last = arg;
    *last = *t;
    return true;
}

static bool on_run(void *arg, const struct history_run *r)
{
    struct history_run *last = arg;
    *last = *r;
    return true;
}

static void transitions_and_runs(void **state)
{
    struct history *h = *state;
    struct history_transition t = {.number = UINT32_MAX + (uint64_t)1,
                                   .at_ms = NOW * 1000,
                                   .event = 1,
                                   .severity = 3,
                                   .value = -5,
                                   .threshold = 10,
                                   .id = "diskavail",
                                   .instance = "/var",
                                   .text = "it's; \"full\""};
    struct history_run r = {.at_ms = NOW * 1000,
                            .name = "ims1",
                            .user = "ims1",
                            .total_ms = 2083,
                            .submit_host = "ssmtp01",
                            .retrieve_host = "smux01",
                            .status = 2};
    struct history_batch b = {.transitions = &t, .transition_count = 1, .runs = &r, .run_count = 1};
    struct history_transition t2 = {.number = 0};
    struct history_run r2 = {.at_ms = 0};
    assert_true(history_write(h, &b));
    assert_true(history_transitions(h, NOW * 1000, NOW * 1000 + 1, on_transition, &t2));
    assert_memory_equal(&t, &t2, sizeof t);
    assert_true(history_runs(h, NOW * 1000, NOW * 1000 + 1, on_run, &r2));
    assert_memory_equal(&r, &r2, sizeof r);
}

static void a_reader_beside_the_writer(void **state)
{
    struct history *h = *state;
    char error[512];
    write_one(h, sample("1.3", NOW, 10));
    struct history *reader = history_open(scratch, false, error, sizeof error);
    assert_non_null(reader);
    assert_int_equal(read_all(reader).count, 1);
    write_one(h, sample("1.3", NOW + 300, 10));
    assert_int_equal(read_all(reader).count, 2);
    history_close(reader);
}

/* SQLite would open it for reading alone, and stay so when it may be written again. */
static void read_only_and_writable_again(void **state)
{
    char error[512], path[300];
    uid_t was = geteuid();
    history_close(*state);
    *state = NULL;
    snprintf(path, sizeof path, "%s/history.db", scratch);
    assert_int_equal(chmod(path, 0444), 0);
    assert_int_equal(chmod(scratch, 0755), 0);
    assert_int_equal(seteuid(was ? was : 65534), 0);
    struct history *h = history_open(scratch, true, error, sizeof error);
    assert_int_equal(seteuid(was), 0);
    assert_null(h);
    assert_non_null(strstr(error, "history.db: Permission denied"));
    assert_int_equal(chmod(path, 0640), 0);
    *state = history_open(scratch, true, error, sizeof error);
    assert_non_null(*state);
    write_one(*state, sample("1", NOW, 5));
}

static void what_is_not_ours_is_refused(void **state)
{
    char error[512];
    (void)state;
    assert_null(history_open("/nonexistent", true, error, sizeof error));
    assert_non_null(strstr(error, "/nonexistent/history.db"));
    assert_null(history_open("/nonexistent", false, error, sizeof error));
    history_close(*state);
    *state = NULL;
    FILE *f = fopen(scratch_path("history.db"), "w");
    assert_non_null(f);
    for (int i = 0; i < 1000; i++)
        fputs("not a database\n", f);
    fclose(f);
    assert_null(history_open(scratch, true, error, sizeof error));
    assert_non_null(strstr(error, "not a database"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_new_name_is_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(thinning, set_up, tear_down),
        cmocka_unit_test_setup_teardown(baseline, set_up, tear_down),
        cmocka_unit_test_setup_teardown(transitions_and_runs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reader_beside_the_writer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(read_only_and_writable_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_ours_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
