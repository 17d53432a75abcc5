/* alarm_rule.c and config_configutil.c: what a section means, and what is said about a wrong one. */
#include "../../agent/alarm_rule.h"
#include "scratch.h"

struct made {
    struct config *config;
    struct alarm_rules *rules;
    struct err_list errors, warnings;
};

static struct made make(const char *text)
{
    struct made m = {0};
    m.config = config_load(scratch_put("a.conf", text, 0600), &m.errors);
    if (m.config)
        m.rules = alarm_rules_make(m.config, &m.errors, &m.warnings);
    return m;
}

static void drop(struct made *m)
{
    alarm_rules_free(m->rules);
    config_free(m->config);
    err_free(&m->errors);
    err_free(&m->warnings);
}

static const struct alarm_rule *rule(const struct made *m, const char *name)
{
    for (unsigned i = 0; m->rules && i < m->rules->count; i++)
        if (strcmp(m->rules->rules[i].name, name) == 0)
            return &m->rules->rules[i];
    return NULL;
}

static struct made good(const char *text)
{
    struct made m = make(text);
    for (unsigned i = 0; i < m.errors.count; i++)
        print_message("%s\n", m.errors.lines[i]);
    assert_non_null(m.rules);
    return m;
}

/* The text has exactly one fault, in this line, with this in what is said. */
static void wrong(const char *text, unsigned line, const char *part)
{
    struct made m = make(text);
    char at[32];
    snprintf(at, sizeof at, ":%u: ", line);
    assert_null(m.rules);
    if (m.errors.count != 1 || !strstr(m.errors.lines[0], at) || !strstr(m.errors.lines[0], part))
        for (unsigned i = 0; i < m.errors.count; i++)
            print_message("%s (wanted %s... %s)\n", m.errors.lines[i], at, part);
    assert_int_equal(m.errors.count, 1);
    assert_non_null(strstr(m.errors.lines[0], at));
    assert_non_null(strstr(m.errors.lines[0], part));
    drop(&m);
}

static void built_in_rules(void **state)
{
    (void)state;
    static const char *const names[] = {
        "diskavail", "serverresponse", "partition", "diskfull", "service", "probe",
        "process",   "roundtrip",      "queue",     "oldest",   "held",    "failures",
        "logins",    "certificate",    "source",    "peer",     NULL};
    struct made m = good("");
    unsigned n = 0;
    for (; names[n]; n++)
        assert_non_null(rule(&m, names[n]));
    assert_int_equal(m.rules->count, n);
    const struct alarm_rule *r = rule(&m, "diskavail");
    assert_string_equal(r->column->name, "mailmonDiskPercentAvailable");
    assert_string_equal(r->description, "percentage mail partition diskspace available");
    assert_int_equal(r->threshold, 10);
    assert_int_equal(r->clear_threshold, 10);
    assert_false(r->above);
    assert_int_equal(r->interval_s, 3600);
    assert_int_equal(r->repeat_s, 24 * 3600);
    assert_int_equal(r->hold_s, 0);
    r = rule(&m, "serverresponse");
    assert_string_equal(r->description, "server response time in seconds");
    assert_true(r->above && r->threshold == 10 && r->divide == 1000);
    assert_int_equal(r->interval_s, 600);
    assert_int_equal(r->repeat_s, 24 * 3600);
    r = rule(&m, "partition");
    assert_string_equal(r->where->name, "mailmonDiskKind");
    assert_int_equal(r->where_value, DISK_STORE_PARTITION);
    r = rule(&m, "roundtrip");
    assert_int_equal(r->values, 1u << ROUTE_SUBMIT_FAILED | 1u << ROUTE_LOST | 1u << ROUTE_LATE |
                                    1u << ROUTE_RETRIEVE_FAILED);
    assert_int_equal(rule(&m, "queue")->kind, RULE_BASELINE);
    assert_int_equal(rule(&m, "logins")->kind, RULE_RATE);
    assert_int_equal(rule(&m, "logins")->rate_ms, 60000);
    drop(&m);
}

static void a_section_changes_a_built_in_rule(void **state)
{
    (void)state;
    struct made m =
        good("alarms = ( { name = \"diskavail\"; threshold = 20; interval = \"1 s\"; },\n"
             " { name = \"held\"; enabled = false; },\n"
             " { name = \"peer\"; interval = 0; } );");
    const struct alarm_rule *r = rule(&m, "diskavail");
    assert_true(r->threshold == 20 && r->clear_threshold == 20 && r->interval_s == 1);
    assert_false(r->above);
    assert_int_equal(r->repeat_s, 24 * 3600);
    assert_int_equal(r->severity, SEVERITY_CRITICAL);
    assert_null(rule(&m, "held"));
    assert_null(rule(&m, "peer"));
    assert_int_equal(m.rules->off, 2);
    drop(&m);
}

static void a_rule_of_ones_own(void **state)
{
    (void)state;
    struct made m = good(
        "alarms = ( { name = \"spool\"; object = \"mtaGroupStoredMessages\";\n"
        "  instances = \"*/deferred\"; threshold = 1000; clear_threshold = 900; hold = \"5 min\";\n"
        "  interval = \"10 s\"; repeat = 0; severity = \"major\"; unit = \"messages\";\n"
        "  where = \"mtaGroupHierarchy = -3\"; description = \"spool\"; instances_max = 7; },\n"
        " { name = \"growth\"; object = \"mtaGroupReceivedMessages\"; rate = \"per_hour\";\n"
        "   direction = \"below\"; threshold = 1; } );");
    const struct alarm_rule *r = rule(&m, "spool");
    assert_string_equal(r->naming->name, "mtaGroupName");
    assert_string_equal(r->instances, "*/deferred");
    assert_true(r->threshold == 1000 && r->clear_threshold == 900 && r->above);
    assert_true(r->hold_s == 300 && r->interval_s == 10 && r->repeat_s == 0);
    assert_int_equal(r->severity, SEVERITY_MAJOR);
    assert_int_equal(r->where_value, -3);
    assert_int_equal(r->instances_max, 7);
    r = rule(&m, "growth");
    assert_true(r->kind == RULE_RATE && r->rate_ms == 3600000 && !r->above);
    assert_int_equal(r->interval_s, 60);
    drop(&m);
}

#define RULE(settings) "\nalarms = ( { name = \"x\"; " settings " } );"
#define STORED         "object = \"mtaGroupStoredMessages\"; "

static void faults(void **state)
{
    (void)state;
    wrong(RULE("threshold = 1;"), 2, "object is missing");
    wrong(RULE("object = \"mtaGroupStoredMesages\"; threshold = 1;"), 2,
          "did you mean mtaGroupStoredMessages?");
    wrong(RULE("object = \"nothingLikeIt\"; threshold = 1;"), 2, "mailmond --tables lists them");
    wrong(RULE("object = \"mtaGroupName\"; threshold = 1;"), 2, "not a number");
    wrong(RULE("object = \"mailmonDiskLastStat\"; threshold = 1;"), 2, "a column of its age");
    wrong(RULE(STORED), 2, "threshold is missing");
    wrong(RULE(STORED "threshold = -1;"), 2, "is always above it");
    wrong(RULE(STORED "direction = \"below\"; threshold = 0;"), 2, "is never below 0");
    wrong(RULE("object = \"mailmonDiskPercentAvailable\"; threshold = 100;"), 2, "is a percentage");
    wrong(RULE("object = \"mailmonResponseTotal\"; divide = 1000; threshold = 5000000;"), 2,
          "is never above 4294967");
    wrong(RULE(STORED "threshold = 10; clear_threshold = 11;"), 2, "must be at most the threshold");
    wrong(RULE(STORED "direction = \"below\"; threshold = 10; clear_threshold = 9;"), 2,
          "must be at least the threshold");
    wrong(RULE(STORED "threshold = 1; severity = \"bad\";"), 2, "severity cannot be \"bad\"");
    wrong(RULE(STORED "threshold = 1; direction = \"up\";"), 2, "\"above\" or \"below\"");
    wrong(RULE(STORED "threshold = 1; rate = \"per_week\";"), 2, "per_day");
    wrong(RULE(STORED "threshold = \"many\";"), 2, "a whole number");
    wrong(RULE(STORED "threshold = 3000000000L;"), 2, "must be from -2147483648");
    wrong(RULE(STORED "threshold = 1; kind = \"stale\"; rate = \"per_day\";"), 2, "together");
    wrong(RULE("object = \"mailmonChannelHeld\"; kind = \"baseline\"; threshold = 1;"), 2,
          "no baseline of mailmonChannelHeld");
    wrong(RULE("object = \"mailmonSourceStatus\"; threshold = 2;"), 2, "is an enumeration");
    wrong(RULE("object = \"mailmonSourceStatus\"; values = [ \"stole\" ];"), 2,
          "is never \"stole\"; it is one of ok, stale");
    wrong(RULE(STORED "values = [ \"ok\" ];"), 2, "is not an enumeration");
    wrong(RULE(STORED "threshold = 1; where = \"mailmonDiskKind = queue\";"), 2,
          "is not a column of the rows");
    wrong(RULE(STORED "threshold = 1; where = \"everything\";"), 2, "where: write such as");
    wrong(
        RULE("object = \"mailmonDiskPercentAvailable\"; threshold = 1; where = \"mailmonDiskKind = "
             "tape\";"),
        2, "it is one of storePartition");
    wrong(RULE("object = \"mailmonAlarmCurrent\"; threshold = 1;"), 2, "never end");
    wrong(RULE(STORED "threshold = 1; }, { name = \"x\"; " STORED "threshold = 2;"), 2,
          "a second rule of this name");
    wrong("alarms = ( { object = \"mtaGroupStoredMessages\"; threshold = 1; } );", 1,
          "without a name");
    wrong("alarms = ( { name = \"diskavail\"; threshold = 0; } );", 1, "is never below 0");
    wrong("notifications = { per_minuet = 3; }", 1, "did you mean per_minute?");
}

static char *with_configutil(const char *lines)
{
    static char text[256];
    snprintf(text, sizeof text, "configutil = \"%s\";", scratch_put("configutil", lines, 0600));
    return text;
}

static void configutil(void **state)
{
    (void)state;
    struct made m = good(with_configutil("alarm.diskavail.msgalarmdescription = disk space\n"
                                         "alarm.diskavail.msgalarmstatinterval = 60\n"
                                         "alarm.diskavail.msgalarmthreshold = 20\n"
                                         "alarm.diskavail.msgalarmthresholddirection = 1\n"
                                         "alarm.diskavail.msgalarmwarninginterval = 12\r\n"
                                         "alarm.msgalarmnoticehost = mail.example.org\n"
                                         "alarm.msgalarmnoticeport = 2525\n"
                                         "alarm.msgalarmnoticercpt = \"ops@example.org\"\n"
                                         "alarm.msgalarmnoticesender = agent@example.org\n"
                                         "  alarm.msgalarmnoticetemplate  =  /etc/template  \n"
                                         "alarm.serverresponse.msgalarmstatinterval = 0\n"
                                         "alarm.other.msgalarmthreshold = 3\n"
                                         "local.store.quotawarn = = 90\n"
                                         "service.imap.port = 143\n"
                                         "not a line\n"));
    const struct alarm_rule *r = rule(&m, "diskavail");
    assert_string_equal(r->description, "disk space");
    assert_true(r->interval_s == 60 && r->threshold == 20 && r->above);
    assert_int_equal(r->repeat_s, 12 * 3600);
    assert_null(rule(&m, "serverresponse")); /* 0 turns it off */
    const struct config_notice *n = &m.config->notice;
    assert_string_equal(n->host, "mail.example.org");
    assert_int_equal(n->port, 2525);
    assert_string_equal(n->recipient, "ops@example.org");
    assert_string_equal(n->sender, "agent@example.org");
    assert_string_equal(n->template, "/etc/template");
    assert_int_equal(m.warnings.count, 1);
    assert_non_null(strstr(m.warnings.lines[0], ":12: there is no alarm other"));
    drop(&m);

    m = good("");
    assert_string_equal(m.config->notice.host, "localhost");
    assert_int_equal(m.config->notice.port, 0); /* that of the protocol: 25 */
    assert_string_equal(m.config->notice.recipient, "Postmaster@localhost");
    assert_string_equal(m.config->notice.sender, "Postmaster@localhost");
    assert_null(m.config->notice.template);
    drop(&m);
}

static void configutil_snmp(void **state)
{
    (void)state;
    struct made m = good(with_configutil("local.snmp.enable = 1\n"
                                         "local.snmp.standalone = yes\n"
                                         "local.snmp.listenaddr = 192.0.2.1\n"
                                         "local.snmp.port = 1163\n"
                                         "local.snmp.cachettl = 30\n"
                                         "local.snmp.directoryscan = 0\n"
                                         "local.snmp.enablecontextname = 1\n"
                                         "service.defaultdomain = example.org\n"));
    assert_true(m.config->standalone);
    assert_string_equal(m.config->listen, "udp:192.0.2.1:1163");
    assert_string_equal(m.config->context, "example.org");
    assert_int_equal(m.config->queue_interval_s, 30);
    assert_true(m.config->no_directory_scan);
    assert_int_equal(m.warnings.count, 0);
    drop(&m);

    char text[600];
    snprintf(text, sizeof text,
             "%s snmp = { mode = \"agentx\"; context = \"own\"; listen = \"udp:127.0.0.1:1161\"; };"
             "responses = ( { name = \"a\"; protocol = \"smtp\"; host = \"h\"; step_timeout = \"2 "
             "s\"; },"
             "{ name = \"b\"; protocol = \"smtp\"; host = \"h\"; } );",
             with_configutil("local.snmp.standalone = 1\nlocal.snmp.listenaddr = 2001:db8::1\n"
                             "local.snmp.enablecontextname = 1\nlocal.snmp.contextname = x\n"
                             "local.snmp.servertimeout = 3\n"));
    m = good(text); /* mailmond's own file comes first */
    assert_false(m.config->standalone);
    assert_string_equal(m.config->listen, "udp:127.0.0.1:1161");
    assert_string_equal(m.config->context, "own");
    const struct config_response *r = m.config->responses.items;
    assert_int_equal(r[0].step_timeout_ms, 2000);
    assert_int_equal(r[1].step_timeout_ms, 3000);
    drop(&m);

    m = good(with_configutil("local.snmp.listenaddr = 2001:db8::1\n"));
    assert_string_equal(m.config->listen, "udp6:[2001:db8::1]:161");
    assert_null(m.config->context);
    assert_false(m.config->no_directory_scan);
    drop(&m);
    m = good(with_configutil("local.snmp.port = 1163\nlocal.snmp.directoryscan = yes\n"));
    assert_false(m.config->no_directory_scan);
    assert_string_equal(m.config->listen, "udp:127.0.0.1:1163");
    drop(&m);
    wrong(with_configutil("\nlocal.snmp.listenadr = a\n"), 2, "did you mean listenaddr?");
    wrong(with_configutil("local.snmp.port = 70000\n"), 1, "from 1 to 65535");
}

static void configutil_below_a_section(void **state)
{
    (void)state;
    char text[512];
    snprintf(text, sizeof text, "%s alarms = ( { name = \"diskavail\"; threshold = 30; } );",
             with_configutil("alarm.diskavail.msgalarmthreshold = 20\n"
                             "alarm.diskavail.msgalarmwarninginterval = 1\n"));
    struct made m = good(text);
    assert_int_equal(rule(&m, "diskavail")->threshold, 30);
    assert_int_equal(rule(&m, "diskavail")->repeat_s, 3600);
    drop(&m);
}

static void configutil_faults(void **state)
{
    (void)state;
    wrong(with_configutil("\nalarm.diskavail.msgalarmtreshold = 20\n"), 2,
          "did you mean msgalarmthreshold?");
    wrong(with_configutil("alarm.msgalarmnoticehots = a\n"), 1, "did you mean msgalarmnoticehost?");
    wrong(with_configutil("alarm.diskavail.msgalarmthreshold = ten\n"), 1,
          "must be a whole number");
    wrong(with_configutil("alarm.diskavail.msgalarmstatinterval = -5\n"), 1, "from 0 to");
    wrong(with_configutil("alarm.diskavail.msgalarmthresholddirection = 0\n"), 1,
          "-1 (below) or 1 (above)");
    wrong(with_configutil("alarm.msgalarmnoticeport = 70000\n"), 1, "from 1 to 65535");
    wrong(with_configutil("alarm.diskavail.msgalarmthreshold = 101\n"), 1, "is a percentage");
    wrong("configutil = \"/nonexistent/file\";", 1, "cannot be read");
}

/* What --check prints of each rule. */
static void printed(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    struct made m = good("");
    FILE *out = open_memstream(&text, &size);
    alarm_rules_print(m.rules, out);
    fclose(out);
    assert_non_null(
        strstr(text, "alarm diskavail: critical: mailmonDiskPercentAvailable below 10 %"));
    assert_non_null(strstr(text, "where mailmonDiskKind = storePartition"));
    assert_non_null(strstr(text, "mailmonRouteStatus is submitFailed or lost or late"));
    free(text);
    drop(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(built_in_rules),
                                       cmocka_unit_test(a_section_changes_a_built_in_rule),
                                       cmocka_unit_test(a_rule_of_ones_own),
                                       cmocka_unit_test(faults),
                                       cmocka_unit_test(configutil),
                                       cmocka_unit_test(configutil_below_a_section),
                                       cmocka_unit_test(configutil_snmp),
                                       cmocka_unit_test(configutil_faults),
                                       cmocka_unit_test(printed)};
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
