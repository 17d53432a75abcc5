/* The daily report: the layout of the seed's tables, sums and means, and templates that are wrong. */
#include "../../agent/report.h"
#include "scratch.h"

#include <time.h>

static char error[4400];
static struct report day = {.host = "msg-smtp1"};

static int set_up(void **state)
{
    setenv("TZ", "UTC", 1);
    tzset();
    day.from_s = 979084800; /* 2001-01-10 */
    day.to_s = day.from_s + 86400;
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

static void put(struct history *h, const char *object, const char *name, const char *instance,
                int64_t at_s, double mean)
{
    struct history_sample s = {.start_s = day.from_s + at_s,
                               .span_s = 300,
                               .count = 5,
                               .mean = mean,
                               .minimum = mean,
                               .maximum = mean};
    snprintf(s.object, sizeof s.object, "%s", object);
    snprintf(s.name, sizeof s.name, "%s", name);
    snprintf(s.instance, sizeof s.instance, "%s", instance);
    assert_true(history_write(h, &(struct history_batch){.samples = &s, .sample_count = 1}));
}

static char *make(struct history *h, const char *template)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    error[0] = '\0';
    bool ok = report_write(&day, h, template, "test.template", out, error, sizeof error);
    fclose(out);
    assert_true(ok == (error[0] == '\0'));
    if (ok)
        return text;
    free(text);
    return NULL;
}

static void has(struct history *h, const char *template, const char *wanted)
{
    char *text = make(h, template);
    if (!text)
        fail_msg("%s", error);
    if (!strstr(text, wanted))
        fail_msg("no\n%s\nin\n%s", wanted, text);
    free(text);
}

static void wrong(struct history *h, const char *template, const char *wanted)
{
    assert_null(make(h, template));
    if (!strstr(error, wanted))
        fail_msg("no \"%s\" in \"%s\"", wanted, error);
}

/* A line of the seed, character by character as its columns are wide. */
static void qmonitor(void **state)
{
    struct history *h = *state;
    put(h, "mtaStoredMessages", "mx", "1", 900, 1);
    put(h, "mailmonChannelHeld", "mx/a", "1.1", 900, 2);
    put(h, "mailmonChannelHeld", "mx/b", "1.2", 900, 3);
    put(h, "mailmonHostSwapAvailable", "mailmonHost", "0", 900, 1956.8);
    put(h, "mailmonHostScanRate", "mailmonHost", "0", 900, 0);
    put(h, "mailmonHostCpuUser", "mailmonHost", "0", 900, 1);
    put(h, "mailmonHostCpuSystem", "mailmonHost", "0", 900, 2);
    put(h, "mailmonHostCpuWait", "mailmonHost", "0", 900, 3);
    put(h, "mailmonHostCpuIdle", "mailmonHost", "0", 900, 94);
    put(h, "applInboundAssociations", "mx", "1", 900, 7);
    put(h, "applInboundAssociations", "dovecot imap", "2", 900, 51);
    put(h, "applInboundAssociations", "dovecot pop3", "3", 900, 4);
    put(h, "applInboundAssociations", "slapd", "4", 900, 55);
    has(h, report_template, "DATE COLLECTED: 10 Jan 2001 instance name = msg-smtp1\n");
    has(h, report_template,
        "|00:15|     1 |      5 |   2003763k |       0 |    1 |    2 |    3 |    94 |   7|  51|   "
        "4|  "
        "55|   -|\n");
    put(h, "mtaStoredMessages", "mx", "1", 86400, 9); /* tomorrow */
    char *text = make(h, "%each qmonitor\n${time}\n%end\n");
    assert_string_equal(text, "00:15\n");
    free(text);
}

static void systest(void **state)
{
    struct history *h = *state;
    struct history_run r[] = {
        {.at_ms = (day.from_s + 304) * 1000,
         .name = "a",
         .user = "ims2",
         .submit_host = "ssmtp02",
         .retrieve_host = "smux01",
         .total_ms = 2083,
         .status = 2},
        {.at_ms = (day.from_s + 604) * 1000,
         .name = "a",
         .user = "ims2",
         .submit_host = "ssmtp02",
         .retrieve_host = "smux01",
         .total_ms = -1,
         .status = 4,
         .fault = "smux01: connection refused"},
    };
    assert_true(history_write(h, &(struct history_batch){.runs = r, .run_count = 2}));
    has(h, report_template,
        "| 00:05:04 | ims2      | ssmtp02    | smux01     |  2083 |                 |\n"
        "| 00:10:04 | ims2      | ssmtp02    | smux01     |     - | smux01: connect |\n");
    has(h, "%each systest\n${status} ${error}\n%end\n", "lost smux01: connection refused\n");
}

static void rates(void **state)
{
    struct history *h = *state;
    for (int i = 0; i < 12; i++) { /* two a second of 4 kB each, for one hour */
        put(h, "mtaGroupReceivedMessages", "mx/smtpd", "1.1", 3600 + i * 300, 2);
        put(h, "mtaGroupReceivedVolume", "mx/smtpd", "1.1", 3600 + i * 300, 8);
        put(h, "mtaGroupReceivedMessages", "mx/idle", "1.2", 3600 + i * 300, 0);
        put(h, "mtaGroupStoredMessages", "mx/smtpd", "1.1", 3600 + i * 300, i);
    }
    char *text =
        make(h, "%each rates\n${hour} ${channel} ${received} ${received_kb} ${received_mean_kb} "
                "${transmitted} ${stored}\n%end\n");
    assert_string_equal(text, "01:00 mx/smtpd 7200 28800 4 - 11\n");
    free(text);
}

static void alarms_and_responses(void **state)
{
    struct history *h = *state;
    struct history_transition t = {.number = 1,
                                   .at_ms = (day.from_s + 61) * 1000,
                                   .event = 1,
                                   .severity = 3,
                                   .value = 5,
                                   .threshold = 10,
                                   .id = "diskavail",
                                   .instance = "/var",
                                   .text = "/var is at 5 %"};
    assert_true(
        history_write(h, &(struct history_batch){.transitions = &t, .transition_count = 1}));
    put(h, "mailmonResponseTotal", "imap on mx", "1", 0, 10);
    put(h, "mailmonResponseTotal", "imap on mx", "1", 300, 30);
    has(h, report_template, "00:01:01 critical raised   /var is at 5 %\n");
    has(h, "%each responses\n${name}: ${mean} ${maximum} ${looks}\n%end\n",
        "imap on mx: 20 30 10\n");
}

static void an_empty_day_has_headings_only(void **state)
{
    has(*state, report_template, "Alarms\n");
    char *text = make(*state, "a\n%each qmonitor\n${time}\n%end\nb ${iso}");
    assert_string_equal(text, "a\nb 2001-01-10\n");
    free(text);
}

static void faults_have_a_line(void **state)
{
    struct history *h = *state;
    wrong(h, "a\n${nothing}\n", "test.template:2: there is no field nothing");
    wrong(h, "%each quarks\n%end\n", "test.template:1: there is no block quarks");
    wrong(h, "a\n%each alarms\nb\n", "test.template:3: this block has no %end");
    wrong(h, "%each alarms\n\n${swap_kb}\n%end\n", "test.template:3: there is no field swap_kb");
    wrong(h, "${host:x}\n", "test.template:1: there is no field host:x");
    wrong(h, "${host:999999}\n", "there is no field");
    wrong(h, "${host", "there is no field");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(qmonitor, set_up, tear_down),
        cmocka_unit_test_setup_teardown(systest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rates, set_up, tear_down),
        cmocka_unit_test_setup_teardown(alarms_and_responses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_day_has_headings_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(faults_have_a_line, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
