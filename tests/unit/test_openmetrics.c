/*
 * Metrics of mailbox servers: the text format, what is taken of it, and that it fills only what the log leaves
 * absent. tests/fuzz/corpus/openmetrics/dovecot was recorded from Dovecot 2.3.19; cyrus is made after promdata.p.
 */
#include "../../agent/metrics_url.h"
#include "../../collectors/access_metrics.h"
#include "../../collectors/access_tally.h"
#include "data_file.h"

static void test_samples(void **state)
{
    struct slice text = SLICE("# HELP a b\n\na 1\nb{} 2.75\nc{x=\"1\"} 3 1795327042000\r\n"
                              "d{ x=\"a\\\"},{\" , y=\"2\", } 4\n");
    struct metric m;
    struct slice value;
    (void)state;
    for (uint64_t i = 1; i <= 4; i++) {
        assert_true(metric_next(&text, &m));
        assert_int_equal(m.value, i);
        assert_int_equal(metric_labels(&m), i < 3 ? 0 : i - 2);
    }
    assert_true(metric_label(&m, SLICE("x"), &value));
    assert_true(slice_eq(value, SLICE("a\\\"},{")));
    assert_true(metric_label(&m, SLICE("y"), &value) && slice_eq(value, SLICE("2")));
    assert_false(metric_label(&m, SLICE("z"), &value));
    assert_false(metric_next(&text, &m));
}

static void test_no_samples(void **state)
{
    static const char *const texts[] = {
        "",
        "a",
        "a ",
        "a b",
        "a -1",
        "a NaN",
        "a 1e5",
        "a +Inf",
        "{x=\"1\"} 1",
        "a{x=\"1} 1",
        "a{x=1} 1",
        "a{x=\"1\" 1",
        "a{x=\"\\",
        "<html> 1 2",
        "a1",
        "a 99999999999999999999",
        "a{x=\"1\"}1",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct slice text = slice_of(texts[i]);
        struct metric m;
        if (metric_next(&text, &m))
            fail_msg("taken for a sample: %s", texts[i]);
    }
}

static void test_dovecot(void **state)
{
    struct access_metrics m;
    (void)state;
    dovecot_metrics(data_file("tests/fuzz/corpus/openmetrics/%s", "dovecot"), &m);
    assert_int_equal(m.started_s, 1795327042);
    assert_true(slice_eq(m.version, SLICE("2.3.19.1")));
    assert_int_equal(m.values[ACCESS_IMAP][ACCESS_METRIC_SELECTED], 2); /* and one that failed */
    assert_int_equal(m.values[ACCESS_IMAP][ACCESS_METRIC_APPENDED], 1);
    assert_int_equal(m.values[ACCESS_POP3][ACCESS_METRIC_SELECTED], MODEL_ABSENT);
    dovecot_metrics(SLICE("dovecot_a_total{cmd_name=\"SELECT\"} 7\n"
                          "dovecot_a_total{cmd_name=\"NOOP\"} 9\n"
                          "dovecot_a_total{cmd_name=\"SELECT\",user=\"x\"} 7\n"
                          "dovecot_b_total{cmd_name=\"SELECT\"} 7\n"),
                    &m);
    assert_int_equal(m.values[ACCESS_IMAP][ACCESS_METRIC_SELECTED], 7);
    dovecot_metrics(SLICE("dovecot_imap_commands_total 5\n"), &m);
    assert_int_equal(m.values[ACCESS_IMAP][ACCESS_METRIC_SELECTED], MODEL_ABSENT);
}

static void test_cyrus(void **state)
{
    struct access_metrics m;
    (void)state;
    cyrus_metrics(data_file("tests/fuzz/corpus/openmetrics/%s", "cyrus"), &m);
    assert_int_equal(m.samples, 8);
    assert_int_equal(m.values[ACCESS_IMAP][ACCESS_METRIC_SELECTED], 9);
    assert_int_equal(m.values[ACCESS_IMAP][ACCESS_METRIC_APPENDED], MODEL_ABSENT);
    assert_int_equal(m.values[ACCESS_LMTP][ACCESS_METRIC_OCTETS_IN], 4096);
}

/* A cell is the log's or the metrics', and a reset counts on. */
static void test_cells(void **state)
{
    struct model model;
    struct access_metrics m;
    (void)state;
    assert_true(model_init(&model, NULL));
    struct names *names = names_new();
    struct tally *peers = tally_new(&model, names, 1000, true);
    struct access_tally *t = access_tally_new(&model, names, peers, USERS_PLAIN);
    struct access_log *log = access_tally_log(t, &access_dovecot, SLICE("dovecot"), 1);
    assert_non_null(access_tally_service(log, ACCESS_IMAP));
    struct access *a = access_tally_access(log, ACCESS_IMAP);
    a->appended = 100; /* the plugin mail_log told */
    dovecot_metrics(data_file("tests/fuzz/corpus/openmetrics/%s", "dovecot"), &m);
    const struct {
        uint64_t since_s, value, shown;
    } steps[] = {{10, 2, 2}, {10, 2, 2}, {10, 5, 5}, {10, 1, 6}, {11, 4, 10}, {11, 4, 10}};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        m.started_s = steps[i].since_s;
        m.values[ACCESS_IMAP][ACCESS_METRIC_SELECTED] = steps[i].value;
        access_tally_metrics(log, &m);
        assert_int_equal(a->mailboxes_selected, steps[i].shown);
        assert_int_equal(a->appended, 100);
    }
    struct event e = {.kind = EVENT_SELECTED};
    e.access.protocol = ACCESS_IMAP;
    access_tally_event(log, &e);
    assert_int_equal(a->mailboxes_selected, 10);
    access_tally_metrics(log, NULL); /* no longer configured */
    assert_int_equal(a->mailboxes_selected, MODEL_ABSENT);
    assert_int_equal(a->appended, 100);
    access_tally_event(log, &e);
    assert_int_equal(a->mailboxes_selected, 1);
    access_tally_free(t);
    tally_free(peers);
    names_free(names);
    model_free(&model);
}

static void test_url(void **state)
{
    static const char *const good[] = {"http://127.0.0.1:9900/metrics", "http://[::1]:9900/metrics",
                                       "http://localhost:9900", "http://127.1.2.3/m?x=1"};
    static const char *const bad[] = {
        "",
        "127.0.0.1:9900",
        "https://127.0.0.1:9900/metrics",
        "http://192.0.2.1:9900/metrics",
        "http://127.0.0.1.example.org/metrics",
        "http://[2001:db8::1]:9900/metrics",
        "http://[::1:9900/metrics",
        "http://127.0.0.1:0/metrics",
        "http://127.0.0.1:70000/metrics",
        "http://127.0.0.1:9900metrics",
        "http://127.0.0.1:9900/a b",
        "http://127.0.0.1:9900/a\r\nX: y",
        "http://user@127.0.0.1/",
    };
    struct metrics_url u;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (!metrics_url(good[i], &u))
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (metrics_url(bad[i], &u))
            fail_msg("taken: %s", bad[i]);
    assert_true(metrics_url(good[2], &u));
    assert_string_equal(u.path, "/metrics");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples), cmocka_unit_test(test_no_samples),
        cmocka_unit_test(test_dovecot), cmocka_unit_test(test_cyrus),
        cmocka_unit_test(test_cells),   cmocka_unit_test(test_url)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
