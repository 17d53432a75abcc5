/* --what-if: known samples, and what rules of each kind would have told of them. */
#include "../../agent/whatif.h"
#include "scratch.h"

#include <math.h>
#include <time.h>

#define SPAN HISTORY_SPAN_S
#define HOUR HISTORY_HOUR_S
#define DAY  86400
#define T0   INT64_C(979084800) /* 2001-01-10 00:00, a Wednesday */

static char *text; /* what was printed last */

static int set_up(void **state)
{
    char error[512];
    setenv("TZ", "UTC", 1);
    tzset();
    if (scratch_make(state) != 0)
        return -1;
    *state = history_open(scratch, true, error, sizeof error);
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    history_close(*state);
    free(text);
    text = NULL;
    return scratch_remove(state);
}

/* What the next samples are of. */
static struct {
    const char *object, *instance, *name;
} of;

static void put_span(struct history *h, int64_t at_s, uint32_t span_s, double minimum, double mean,
                     double maximum)
{
    struct history_sample s = {.start_s = T0 + at_s,
                               .span_s = span_s,
                               .count = 5,
                               .mean = mean,
                               .minimum = minimum,
                               .maximum = maximum};
    snprintf(s.object, sizeof s.object, "%s", of.object);
    snprintf(s.instance, sizeof s.instance, "%s", of.instance);
    snprintf(s.name, sizeof s.name, "%s", of.name);
    assert_true(history_write(h, &(struct history_batch){.samples = &s, .sample_count = 1}));
}

static void put(struct history *h, int64_t at_s, double value)
{
    put_span(h, at_s, SPAN, value, value, value);
}

static void fill(struct history *h, int64_t from_s, int64_t to_s, double value)
{
    for (int64_t at = from_s; at < to_s; at += SPAN)
        put(h, at, value);
}

static const char *judge(struct history *h, const char *settings, int64_t from_s, int64_t to_s)
{
    char path[] = "/tmp/test_whatif.XXXXXX";
    struct err_list errors = {0}, warnings = {0};
    FILE *f = fdopen(mkstemp(path), "w");
    fputs(settings, f);
    fclose(f);
    struct config *c = config_load(path, &errors);
    struct alarm_rules *rules = c ? alarm_rules_make(c, &errors, &warnings) : NULL;
    unlink(path);
    for (unsigned i = 0; i < errors.count; i++)
        print_message("%s\n", errors.lines[i]);
    assert_non_null(rules);
    size_t size = 0;
    free(text);
    FILE *out = open_memstream(&text, &size);
    assert_true(whatif_print(&(struct whatif){c, rules, from_s, to_s}, h, out));
    fclose(out);
    alarm_rules_free(rules);
    config_free(c);
    return text;
}

static const char *judge_all(struct history *h, const char *settings)
{
    return judge(h, settings, 0, INT64_MAX);
}

static void has(const char *what)
{
    if (!strstr(text, what))
        print_message("%s is not in\n%s", what, text);
    assert_non_null(strstr(text, what));
}

static void has_not(const char *what)
{
    if (strstr(text, what))
        print_message("%s is in\n%s", what, text);
    assert_null(strstr(text, what));
}

#define RULE(rest) "alarms = ( { name = \"x\"; " rest " } );"
#define DEFERRED   "object = \"mtaGroupStoredMessages\"; instances = \"mx/deferred\"; "

/* Without a hold time the worst of a span counts, with one its mean. */
static void peaks(void **state)
{
    of.object = "mtaGroupStoredMessages", of.instance = "1.3", of.name = "mx/deferred";
    fill(*state, 0, HOUR, 10);
    put_span(*state, HOUR, SPAN, 10, 30, 120);
    fill(*state, HOUR + SPAN, 2 * HOUR, 10);
    of.instance = "1.4", of.name = "mx/active"; /* the pattern leaves it out */
    fill(*state, 0, 2 * HOUR, 1000);
    judge_all(*state, RULE(DEFERRED "threshold = 100; unit = \"messages\"; interval = \"1 min\";"));
    has("2001-01-10 01:00  raised   x  \"mx/deferred\"  120 messages, threshold 100\n"
        "2001-01-10 01:05  cleared  x  \"mx/deferred\"  10 messages, threshold 100\n");
    has("\nx                         1         0      0:05     0     1           10          120  "
        "above 100 messages\n");
    judge_all(*state, RULE(DEFERRED "threshold = 100; interval = \"1 h\";"));
    has("2001-01-10 01:00  raised   x "); /* whenever the look was */
    judge_all(*state, RULE(DEFERRED "threshold = 100; interval = \"7 h\";"));
    has("2001-01-10 01:00  raised   x ");
    judge_all(*state, RULE(DEFERRED "threshold = 100; hold = \"1 min\"; interval = \"1 min\";"));
    has_not("raised   x");
    has("\nx                         0         0      0:00     0     1           10           30 "
        " ");
    judge_all(*state,
              RULE(DEFERRED "threshold = 20; direction = \"below\"; interval = \"1 min\";"));
    has("2001-01-10 00:00  raised   x  \"mx/deferred\"  10, threshold 20\n");
    has_not("cleared  x"); /* the least of every span is 10 */
}

static void hold_and_hysteresis(void **state)
{
    of.object = "mtaGroupStoredMessages", of.instance = "1.3", of.name = "mx/deferred";
    fill(*state, 0, HOUR, 10);
    fill(*state, HOUR, 2 * HOUR, 120);
    fill(*state, 2 * HOUR, 3 * HOUR, 90);
    fill(*state, 3 * HOUR, 4 * HOUR, 10);
    judge_all(*state, RULE(DEFERRED "threshold = 100; clear_threshold = 50; hold = \"10 min\"; "
                                    "interval = \"1 min\"; repeat = \"1 h\";"));
    has("2001-01-10 01:10  raised   x  \"mx/deferred\"  120, threshold 100\n"
        "2001-01-10 03:00  cleared  x  \"mx/deferred\"  10, threshold 100\n");
    has("\nx                         1         1      1:50     0     1 ");
}

/* 2 per second for half an hour is 120 per minute. */
static void rates(void **state)
{
    of.object = "mtaGroupReceivedMessages", of.instance = "1.3", of.name = "mx/smtpd";
    fill(*state, 0, HOUR, 0.5);
    fill(*state, HOUR, HOUR + 1800, 2);
    fill(*state, HOUR + 1800, 2 * HOUR, 0.5);
    judge_all(*state, RULE("object = \"mtaGroupReceivedMessages\"; rate = \"per_minute\"; "
                           "threshold = 100; interval = \"5 min\";"));
    has("2001-01-10 01:05  raised   x  \"mx/smtpd\"  120, threshold 100\n"
        "2001-01-10 01:35  cleared  x  \"mx/smtpd\"  30, threshold 100\n");
    judge_all(*state, RULE("object = \"mtaGroupReceivedMessages\"; threshold = 100;"));
    has("    x: mtaGroupReceivedMessages: the history has the growth of a counter, not its height");
}

static void stale(void **state)
{
    of.object = "mtaGroupReceivedMessages", of.instance = "1.3", of.name = "mx/smtpd";
    fill(*state, 0, HOUR, 0.5);
    fill(*state, HOUR, 3 * HOUR, 0);
    fill(*state, 3 * HOUR, 4 * HOUR, 0.5);
    judge_all(*state, RULE("object = \"mtaGroupReceivedMessages\"; kind = \"stale\"; "
                           "threshold = 3600; interval = \"1 min\";"));
    has("2001-01-10 02:01  raised   x  \"mx/smtpd\"  3660 seconds, threshold 3600\n"
        "2001-01-10 03:01  cleared  x  \"mx/smtpd\"");
}

/* Hundredths of a second since an instant; thinned to an hour. */
static void ages(void **state)
{
    of.object = "mtaGroupOldestMessageStored", of.instance = "1.3", of.name = "mx/deferred";
    put_span(*state, 0, HOUR, 0, 3 * 360000, 9 * 360000);
    put_span(*state, HOUR, HOUR, 20 * 360000, 24 * 360000, 30 * 360000);
    put_span(*state, 2 * HOUR, HOUR, 0, 0, 0);
    judge_all(*state, "history = { columns = ( \"mtaGroupOldestMessageStored\" ); };");
    has("2001-01-10 01:00  raised   oldest  \"mx/deferred\"  30 hours, threshold 24\n"
        "2001-01-10 02:00  cleared  oldest  \"mx/deferred\"  0 hours, threshold 24\n");
}

/* The threshold is mean + 3 deviations of the same hour in the weeks before. */
static void baselines(void **state)
{
    of.object = "mtaGroupStoredMessages", of.instance = "1.3", of.name = "mx/deferred";
    for (int week = 1; week <= 2; week++)
        for (int i = 0; i < 12; i++)
            put(*state, -7 * DAY * week + i * SPAN, i % 2 ? 210 : 190);
    fill(*state, 0, HOUR / 2, 225);
    fill(*state, HOUR / 2, HOUR, 300);
    judge(*state,
          RULE(DEFERRED "kind = \"baseline\"; deviations = 3; samples = 24; threshold = 100;"
                        "interval = \"1 min\"; hold = \"5 min\";"),
          T0, INT64_MAX);
    has("2001-01-10 00:35  raised   x  \"mx/deferred\"  300, threshold 230\n");
    has("\nx                         1         0      0:25     1     1          225          300  "
        "above 100 and the baseline\n");
    judge(*state,
          RULE(DEFERRED "kind = \"baseline\"; samples = 25; threshold = 100;interval = \"1 min\";"),
          T0, INT64_MAX);
    has_not("raised   x"); /* too few samples */
}

/* mailmond was stopped for a day: the alarm stays as it was, and the day is not counted. */
static void gap(void **state)
{
    of.object = "mailmonDiskPercentAvailable", of.instance = "2", of.name = "/var/spool/mail";
    fill(*state, 0, HOUR, 5);
    fill(*state, DAY, DAY + HOUR, 5);
    fill(*state, DAY + HOUR, DAY + 2 * HOUR, 50);
    judge_all(*state, "");
    has("2001-01-10 00:00  raised   diskavail  \"/var/spool/mail\"  5 %, threshold 10\n"
        "2001-01-11 01:00  cleared  diskavail  \"/var/spool/mail\"  50 %, threshold 10\n");
    has("\ndiskavail                 1         1      2:00     0     1            5           50  "
        "below 10 %\n");
}

/* A row that is no more is no alarm that lasts. */
static void row_that_goes(void **state)
{
    of.object = "mailmonDiskPercentAvailable", of.instance = "1", of.name = "/";
    fill(*state, 0, 3 * HOUR, 50);
    of.instance = "2", of.name = "/old";
    fill(*state, 0, HOUR, 5);
    judge_all(*state, RULE("object = \"mailmonDiskPercentAvailable\"; threshold = 10;"
                           "direction = \"below\"; interval = \"1 min\";"));
    has("  raised   x  \"/old\"  5, threshold 10\n");
    has("2001-01-10 01:02  cleared  x  \"/old\"");
}

/* One bad look in five minutes is enough without a hold time; with one all must have been bad. */
static void states(void **state)
{
    of.object = "applOperStatus", of.instance = "1", of.name = "postfix";
    fill(*state, 0, HOUR, 1);
    put_span(*state, HOUR, SPAN, 1, 1.2, 2);
    fill(*state, HOUR + SPAN, 2 * HOUR, 1);
    of.object = "mailmonSourceStatus", of.instance = "3", of.name = "mail.log";
    fill(*state, 0, HOUR, 1);
    put_span(*state, HOUR, SPAN, 1, 3, 4);
    put_span(*state, HOUR + SPAN, SPAN, 2, 3, 4);
    fill(*state, HOUR + 2 * SPAN, 2 * HOUR, 7);
    judge_all(*state, "");
    has("2001-01-10 01:00  raised   service  \"postfix\"  down\n"
        "2001-01-10 01:05  cleared  service  \"postfix\"  up\n");
    has("2001-01-10 01:06  raised   source  \"mail.log\"  denied\n"
        "2001-01-10 01:10  cleared  source  \"mail.log\"  catchingUp\n");
    has("a bad state\n");
}

static void unjudged(void **state)
{
    of.object = "mtaGroupStoredMessages", of.instance = "1.3", of.name = "mx/deferred";
    fill(*state, 0, HOUR, 10);
    judge_all(*state, "alarms = ( { name = \"gone\"; kind = \"absent\"; "
                      "object = \"mtaGroupStoredMessages\"; }, { name = \"y\"; "
                      "object = \"mtaStoredMessages\"; threshold = 7; } );");
    has("    service: applOperStatus: there is no sample of its column in this time\n");
    has("    partition: mailmonDiskPercentAvailable: its condition (where) is not in the history");
    has("    serverresponse: mailmonResponseTotal: there is no sample of its column in this time");
    has("    gone: mtaGroupStoredMessages: a gap in the history may be one of mailmond itself\n");
    has("    y: mtaStoredMessages: its column is not in the history\n");
    has("    history = { columns = ( \"mtaGroupStoredMessages\",\n");
    has("        \"mtaStoredMessages\" ); };\n");
    has_not("raised   ");
}

static void days(void **state)
{
    of.object = "mailmonDiskPercentAvailable", of.instance = "2", of.name = "/";
    fill(*state, 0, HOUR, 5);
    fill(*state, HOUR, 2 * HOUR, 50);
    fill(*state, DAY, DAY + HOUR, 4);
    judge(*state, "", T0 + DAY, INT64_MAX);
    has("2001-01-11 00:00  raised   diskavail  \"/\"  4 %, threshold 10\n");
    has_not("2001-01-10");
    judge(*state, "", 0, T0 + DAY);
    has("2001-01-10 00:00  raised ");
    has_not("2001-01-11");
    judge(*state, "", T0 + 3 * DAY, INT64_MAX);
    has("The history has nothing that a rule could judge in this time.\n");
}

/* What nobody of ours has written. */
static void hostile(void **state)
{
    of.object = "mailmonDiskPercentAvailable", of.instance = "2", of.name = "/";
    put_span(*state, 0, 0, 1, 1, 1);
    put_span(*state, 300, UINT32_MAX, 1, 1, 1);
    put_span(*state, 600, SPAN, -INFINITY, 1e300, INFINITY);
    put_span(*state, -T0 - 5, SPAN, 1, 1, 1);
    put_span(*state, INT64_MAX - T0 - 1, SPAN, 1, 1, 1);
    of.instance = "99999999999999999999";
    put(*state, 0, 1);
    of.instance = "";
    put(*state, 0, 1);
    of.instance = "1.2.3";
    put(*state, 0, 1);
    judge_all(*state, "");
    has("    diskavail: mailmonDiskPercentAvailable: there is no sample");
    of.instance = "3", of.name = "a///b\n\"\xff/";
    put_span(*state, 0, SPAN, -5, -8e15, 8e15);
    of.object = "mtaGroupReceivedMessages", of.instance = "1.3", of.name = "//";
    fill(*state, 0, HOUR, 8e15);
    judge_all(*state, RULE("object = \"mtaGroupReceivedMessages\"; rate = \"per_day\"; "
                           "threshold = 1; interval = \"1 min\";"));
    has("raised   diskavail  \"a///b\?\?\?/\"  0 %, threshold 10\n");
    has("raised   x ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(peaks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hold_and_hysteresis, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rates, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stale, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(baselines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(row_that_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(states, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unjudged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(days, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hostile, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
