/* config.c and its parts: what a file means, and what is said about a wrong one. */
#include "../../agent/config_schema.h"
#include "config_said.h"
#include "scratch.h"

static struct config *load(const char *text)
{
    struct err_list errors = {0};
    struct config *c = config_load(scratch_put("a.conf", text, 0640), &errors);
    for (unsigned i = 0; i < errors.count; i++)
        print_message("%s\n", errors.lines[i]);
    assert_non_null(c);
    assert_int_equal(errors.count, 0);
    return c;
}

/* The file has exactly one fault: in this line, with this in its text. */
static void wrong(const char *text, unsigned line, const char *part)
{
    struct err_list errors = {0};
    const char *file = scratch_put("wrong.conf", text, 0640);
    assert_null(config_load(file, &errors));
    assert_true(config_said(&errors, file, line, part));
    assert_int_equal(errors.count, 1);
    err_free(&errors);
}

static void defaults(void **state)
{
    (void)state;
    struct config *c = load("");
    assert_string_equal(c->log, "stderr");
    assert_int_equal(log_level_named(c->log_level), LOG_LEVEL_NOTICE);
    assert_string_equal(c->state_dir, STATE_DIR);
    assert_string_equal(c->run_dir, RUN_DIR);
    assert_null(c->user);
    assert_null(c->publish_user);
    assert_true(c->detect);
    assert_int_equal(c->interval_ms, 1000);
    assert_int_equal(c->queue_interval_s, 10);
    assert_int_equal(c->queue_rescan_s, 600);
    assert_int_equal(c->files_per_second, 200);
    assert_int_equal(c->checkpoint_s, 15);
    assert_int_equal(c->messages_max, 1000000);
    for (int i = 0; i < MODEL_TABLES; i++)
        assert_int_equal(c->capacities[i], 0);
    assert_false(c->standalone);
    assert_string_equal(c->listen, "udp:127.0.0.1:1161");
    assert_null(c->agentx);
    assert_null(c->context);
    assert_int_equal(c->agentx_ping_s, 3);
    assert_true(c->fast_path);
    assert_int_equal(c->directives.count, 0);
    assert_int_equal(c->mta_count, 0);
    assert_int_equal(c->warnings.count, 0);
    config_free(c);
}

static const char full[] =
    "log = \"syslog:local3\"; log_level = \"debug\"; state_dir = \"/a/state\"; run_dir = "
    "\"/a/run\";\n"
    "user = \"root\"; publish_user = \"nobody\"; interval = \"250 ms\"; checkpoint_interval = 7;\n"
    "messages_max = 5000;\n"
    "queue = { interval = \"1 min\"; rescan = \"2h\"; files_per_second = 50; }\n"
    "capacities = { destinations = 11; peers = 12; groups = 13; associations = 14; errors = 15;\n"
    "  entries = 16; }\n"
    "snmp = { mode = \"standalone\"; listen = \"udp:0.0.0.0:1161,tcp6:[::1]:1161\"; context = "
    "\"mail2\";\n"
    "  ping_interval = 4; fast_path = false;\n"
    "  directives = ( \"rocommunity public 127.0.0.1\", \"sysName a \\\"b\\\" \\\\ c\\x01\" ); }\n"
    "postfix = ( { name = \"postfix\"; config_directory = \"/etc/postfix\";\n"
    "    queue_directory = \"/var/spool/postfix\"; log = \"/var/log/mail.log\";\n"
    "    syslog_names = [ \"submission\", \"smtps\" ]; internal_services = [ \"reinject\" ];\n"
    "    listen = [ \":25\", \"127.0.0.1:10025\", \"[::1]:587\" ]; },\n"
    "  { name = \"postfix-out\"; } );\n";

static void check_full(const struct config *c)
{
    assert_string_equal(c->log, "syslog:local3");
    assert_int_equal(log_level_named(c->log_level), LOG_LEVEL_DEBUG);
    assert_string_equal(c->state_dir, "/a/state");
    assert_string_equal(c->run_dir, "/a/run");
    assert_string_equal(c->user, "root");
    assert_string_equal(c->publish_user, "nobody");
    assert_false(c->detect);
    assert_int_equal(c->interval_ms, 250);
    assert_int_equal(c->checkpoint_s, 7);
    assert_int_equal(c->messages_max, 5000);
    assert_int_equal(c->queue_interval_s, 60);
    assert_int_equal(c->queue_rescan_s, 7200);
    assert_int_equal(c->files_per_second, 50);
    static const struct {
        enum model_table t;
        uint32_t n;
    } capacities[] = {{MODEL_DESTINATION, 11}, {MODEL_PEER, 12},        {MODEL_GROUP, 13},
                      {MODEL_ASSOC, 14},       {MODEL_GROUP_ERROR, 15}, {MODEL_ENTRY, 16}};
    for (int i = 0; i < 6; i++)
        assert_int_equal(c->capacities[capacities[i].t], capacities[i].n);
    assert_true(c->standalone);
    assert_string_equal(c->listen, "udp:0.0.0.0:1161,tcp6:[::1]:1161");
    assert_string_equal(c->context, "mail2");
    assert_int_equal(c->agentx_ping_s, 4);
    assert_false(c->fast_path);
    assert_int_equal(c->directives.count, 2);
    assert_string_equal(c->directives.items[1], "sysName a \"b\" \\ c\x01");
    assert_int_equal(c->mta_count, 2);
    const struct config_mta *m = c->mtas;
    assert_string_equal(m->type, "postfix");
    assert_string_equal(m->name, "postfix");
    assert_string_equal(m->config_directory, "/etc/postfix");
    assert_string_equal(m->queue_directory, "/var/spool/postfix");
    assert_string_equal(m->log, "/var/log/mail.log");
    assert_int_equal(m->syslog_names.count, 2);
    assert_string_equal(m->syslog_names.items[1], "smtps");
    assert_int_equal(m->internal_services.count, 1);
    assert_string_equal(m->internal_services.items[0], "reinject");
    assert_int_equal(m->listen.count, 3);
    assert_string_equal(m->listen.items[2], "[::1]:587");
    assert_string_equal(m[1].name, "postfix-out");
    assert_null(m[1].queue_directory);
}

static void all_settings(void **state)
{
    (void)state;
    struct config *c = load(full);
    check_full(c);
    assert_string_equal(c->mtas[0].source_file, scratch_path("a.conf"));
    assert_int_equal(c->mtas[1].source_line, 14);
    config_free(c);
}

static char *dump(const struct config *c)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    config_dump(c, out);
    fclose(out);
    return text;
}

static void round_trip(void **state)
{
    (void)state;
    static const char *const files[] = {full, "", "detect = true; postfix = ({});"};
    for (unsigned i = 0; i < 3; i++) {
        struct config *c = load(files[i]);
        char *first = dump(c);
        config_free(c);
        c = load(first);
        if (i == 0)
            check_full(c);
        assert_int_equal(c->warnings.count, 0);
        char *second = dump(c);
        assert_string_equal(first, second);
        config_free(c);
        free(first);
        free(second);
    }
}

static void no_file(void **state)
{
    (void)state;
    struct err_list errors = {0};
    assert_null(config_load("/nonexistent/mailmond.conf", &errors));
    assert_true(config_said(&errors, "/nonexistent/mailmond.conf", 0, "No such file"));
    err_free(&errors);
    assert_null(config_load(scratch, &errors));
    assert_true(config_said(&errors, scratch, 0, "Is a directory"));
    err_free(&errors);
}

static void syntax(void **state)
{
    (void)state;
    wrong("log = \"stderr\";\nsnmp = { mode == \"agentx\"; }\n", 2,
          "at or before: snmp = { mode ==");
    wrong("log = \"stderr\";\nlog = \"syslog\";\n", 2, "duplicate setting");
    wrong("sun = ( { base_directory = \"/opt\";\n utilities = [ \"stored\",\n \"counterutil "
          "imapstats\" ]; } );",
          3, "did you mean \"counterutil imapstat\"?");
    wrong("snmp = {\n", 2, "syntax error");
    wrong("\nsnmp { mode = \"agentx\"; }", 2, "a group is written snmp = { ... };");
    wrong("\n@include \"missing.conf\"\n", 2, "/missing.conf: No such file");
    wrong("/*\n @include \"missing.conf\"\n*/ x y", 3, "syntax error");
    wrong("\n@include \"wrong.conf\"\n", 2, "nesting too deep");
    char many[512] = "\n";
    for (int i = 0; i < 20; i++)
        strcat(many, "@include \"wrong.conf\"\n");
    wrong(many, 2, "nesting too deep");
}

static void include(void **state)
{
    (void)state;
    scratch_put("part.conf", "interval = 500;\nlog = 3;\n", 0640);
    struct err_list errors = {0};
    assert_null(config_load(
        scratch_put("a.conf", "detect = 1;\n@include \"part.conf\"\nusr = \"x\";\n", 0640),
        &errors));
    assert_int_equal(errors.count, 3);
    assert_true(config_said(&errors, scratch_path("a.conf"), 1, "detect must be true or false"));
    assert_true(config_said(&errors, scratch_path("part.conf"), 2, "log must be a text in quotes"));
    assert_true(config_said(&errors, scratch_path("a.conf"), 3, "did you mean user?"));
    err_free(&errors);
    /* All that is missing, also in an included file. */
    scratch_put("part.conf", "# x\n@include \"gone2.conf\"\n", 0640);
    const char *file =
        scratch_put("a.conf", "@include \"part.conf\"\n@include \"gone.conf\"\n", 0640);
    assert_null(config_load(file, &errors));
    assert_int_equal(errors.count, 2);
    assert_true(config_said(&errors, scratch_path("part.conf"), 2, "/gone2.conf: No such file"));
    assert_true(config_said(&errors, file, 2, "/gone.conf: No such file"));
    err_free(&errors);
    /* A directory would end the process within libconfig. */
    wrong("\n@include \".\"\n", 2, "Is a directory");
    scratch_put("part.conf", "interval = 500;\n", 0640);
    struct config *c = load("@include \"part.conf\"\n");
    assert_int_equal(c->interval_ms, 500);
    config_free(c);
}

static void unknown_names(void **state)
{
    (void)state;
    wrong("intervall = 1000;", 1, "did you mean interval?");
    wrong("listen = \"udp:127.0.0.1:1161\";", 1, "belongs into the group snmp");
    wrong("snmp = { user = \"root\"; }", 1, "belongs to the top level");
    wrong("snmp = {\n mod = \"agentx\"; }", 2, "did you mean mode?");
    wrong("colour = 1;", 1, "see mailmond.conf(5)");
    wrong("postfix = ({ log = \"/x\";\n name = \"0123456789012345678901234567890123456789\"\n"
          "\"012345678901234567890123\"; });",
          2, "name is longer than 63 octets");
    wrong("postfix = (\n{ queue_dir = \"/x\"; });", 2, "did you mean queue_directory?");
}

static void types(void **state)
{
    (void)state;
    wrong("log = 3;", 1, "log must be a text in quotes, such as: log = \"syslog\";");
    wrong("detect = \"yes\";", 1, "true or false");
    wrong("interval = true;", 1, "such as: interval = \"1 s\";");
    wrong("interval = 1.5;", 1, "milliseconds");
    wrong("messages_max = \"many\";", 1, "a whole number");
    wrong("snmp = 3;", 1, "snmp must be a group in braces, such as: snmp = { mode");
    wrong("postfix = { name = \"x\"; }", 1, "postfix must be a list of groups");
    wrong("postfix = ( 3 );", 1, "postfix must be a list of groups");
    wrong("snmp = { directives = \"rouser x\"; }", 1, "a list of texts");
    wrong("snmp = { directives = [ 1 ]; }", 1, "a list of texts");
    wrong("snmp = { directives = [ \"\" ]; }", 1, "empty");
    wrong("user = \"\";", 1, "must not be empty");
    wrong("report = { at = 5; };", 1,
          "at must be a time of day in quotes, such as: at = \"00:05\";");
}

static void times_of_day(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t minutes;
    } good[] = {{"00:00", 0}, {"7:5", 425}, {"07:05", 425}, {"23:59", 1439}};
    static const char *const bad[] = {"24:00", "23:60",  "7",    "07:",     ":07",
                                      "+7:05", "07:05 ", "7.05", "7:05 pm", "000007:5"};
    char text[64];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        snprintf(text, sizeof text, "report = { at = \"%s\"; };", good[i].text);
        struct config *c = load(text);
        assert_int_equal(c->report_at_min, good[i].minutes);
        config_free(c);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(text, sizeof text, "report = {\nat = \"%s\"; };", bad[i]);
        wrong(text, 2, "at is no time of day: write such as at = \"00:05\";");
    }
}

static void values(void **state)
{
    (void)state;
    wrong("interval = \"1 fortnight\";", 1, "ms, s, min, h or d");
    wrong("interval = \"s\";", 1, "not a duration");
    wrong("interval = \"-1 s\";", 1, "not a duration");
    wrong("interval = 10;", 1, "interval is 10 ms, but must be from 50 ms to 60000 ms");
    wrong("interval = \"2 min\";", 1, "interval is 120000 ms");
    wrong("checkpoint_interval = \"1500 ms\";", 1, "whole number of seconds");
    wrong("checkpoint_interval = 0;", 1, "from 1 s to 3600 s");
    wrong("messages_max = -5;", 1, "messages_max is -5, but must be from 1000");
    wrong("messages_max = 99999999999999L;", 1, "must be from 1000");
    wrong("state_dir = \"state\";", 1, "absolute path");
    wrong("log_level = \"loud\";", 1,
          "must be \"error\", \"warning\", \"notice\", \"info\" or \"debug\"");
    wrong("snmp = { mode = \"master\"; }", 1, "must be \"agentx\" or \"standalone\"");
    wrong("log = \"mail.log\";", 1, "absolute path");
    wrong("postfix = ( { log = \"journald\"; } );", 1, "\"journal\", \"journal:/directory\"");
    wrong("postfix = ( { log = \"journal:here\"; } );", 1, "\"journal:/directory\"");
    wrong("dovecot = ( { log = \"fifo:mail\"; } );", 1, "\"fifo:/path\"");
    wrong("log = \"syslog:lunch\";", 1, "facility \"lunch\"");
    wrong("user = \"no-such-account\";", 1, "useradd");
    wrong("snmp = { agentx_socket = \"master\"; }", 1, "absolute path");
    wrong("snmp = { agentx_socket = \"tlstcp:127.0.0.1:705\"; }", 1, "tcp:127.0.0.1:705");
    wrong("snmp = { context = \"123456789012345678901234567890123\"; }", 1, "32 octets");
    wrong("snmp = { directives = ( \"a\\nb\" ); }", 1, "one line each");
}

static void listeners(void **state)
{
    (void)state;
    static const char *const bad[] = {"25",       ":0",      ":65536",      "x:25",
                                      "1.2.3:25", "[::1:25", "[::1]25",     "::1:25",
                                      ":25x",     ":",       "[1.2.3.4]:25"};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[128];
        snprintf(text, sizeof text, "postfix = ( { listen = [ \":25\",\n\"%s\" ]; } );", bad[i]);
        wrong(text, 2, "listen cannot be");
    }
    static const char *const bad_snmp[] = {
        "1161",          "udp:1161",     "udp:localhost:161",
        "udp:1.2.3.4",   "udp6:::1:161", "udp6:[::1]",
        "ipx:1.2.3.4:5", "unix:x",       "udp:127.0.0.1:1161,nonsense"};
    for (unsigned i = 0; i < sizeof bad_snmp / sizeof bad_snmp[0]; i++) {
        char text[128];
        snprintf(text, sizeof text, "snmp = { listen = \"%s\"; }", bad_snmp[i]);
        wrong(text, 1, "listen cannot be");
    }
    wrong("snmp = { mode = \"standalone\";\n listen = \"udp:0.0.0.0:161\"; }", 2, "who may ask");
    wrong("snmp = { mode = \"standalone\";\n listen = \"udp:127.0.0.1:161,udp6:[::]:161\";\n"
          "directives = ( \"sysName x\" ); }",
          2, "rouser monitor authpriv");
    config_free(load("snmp = { mode = \"standalone\"; listen = \"tcp6:[::1]:161,unix:/run/x\"; }"));
    config_free(load("snmp = { mode = \"standalone\"; listen = \"tcp:10.0.0.1:161\";\n"
                     "directives = ( \"  ROuser joe\" ); }"));
}

static void instances(void **state)
{
    (void)state;
    wrong("postfix = ( { name = \"a\"; },\n { name = \"a\"; } );", 2, "(the first is in line 1)");
    wrong("postfix = ( { config_directory = \"/a\"; },\n { config_directory = \"/a\"; } );", 2,
          "config_directory /a");
    wrong("postfix = ( { },\n { } );", 2, "without name");
}

static void all_at_once(void **state)
{
    (void)state;
    struct err_list errors = {0};
    const char *file = scratch_put("wrong.conf",
                                   "logg = 1;\ninterval = true;\nsnmp = {\n mode = 3;\n x = 1; }\n"
                                   "messages_max = 1;\n",
                                   0640);
    assert_null(config_load(file, &errors));
    assert_int_equal(errors.count, 5);
    assert_true(config_said(&errors, file, 1, "did you mean log?"));
    assert_true(config_said(&errors, file, 2, "duration"));
    assert_true(config_said(&errors, file, 4, "word"));
    assert_true(config_said(&errors, file, 5, "unknown setting x"));
    assert_true(config_said(&errors, file, 6, "from 1000"));
    err_free(&errors);
}

/* An element of the wrong type does not shift the lines of the others. */
static void mixed_list(void **state)
{
    (void)state;
    struct err_list errors = {0};
    const char *file = scratch_put("wrong.conf",
                                   "postfix = ( 3,\n{ listen = ( 4,\n\"x\" ); } );\n"
                                   "snmp = { directives = ( 5,\n\"a\\nb\" ); };\n",
                                   0640);
    assert_null(config_load(file, &errors));
    assert_int_equal(errors.count, 5);
    assert_true(config_said(&errors, file, 1, "postfix must be a list of groups"));
    assert_true(config_said(&errors, file, 2, "listen must be a list of texts"));
    assert_true(config_said(&errors, file, 3, "listen cannot be \"x\""));
    assert_true(config_said(&errors, file, 4, "directives must be a list of texts"));
    assert_true(config_said(&errors, file, 5, "one line each"));
    err_free(&errors);
}

static void warnings(void **state)
{
    (void)state;
    struct err_list errors = {0};
    const char *file =
        scratch_put("open.conf",
                    "snmp = { mode = \"standalone\";\n directives = ( \"sysName a\",\n"
                    " \"createUser joe\" ); agentx_socket = \"/x\"; }",
                    0640);
    chmod(file, 0644);
    struct config *c = config_load(file, &errors);
    assert_non_null(c);
    assert_int_equal(c->warnings.count, 2);
    assert_true(config_said(&c->warnings, file, 3, "createUser is a secret"));
    assert_true(config_said(&c->warnings, file, 3, "agentx_socket has no effect"));
    config_free(c);
    chmod(file, 0640);
    c = config_load(file, &errors);
    assert_int_equal(c->warnings.count, 1);
    config_free(c);
    c = load("snmp = { directives = [\"rouser joe\"]; }");
    assert_true(config_said(&c->warnings, scratch_path("a.conf"), 1, "write them into snmpd.conf"));
    config_free(c);
}

static void mailbox_servers(void **state)
{
    (void)state;
    wrong("dovecot = ( { protocols = [ \"smtp\" ]; } );", 1, "it must be imap, pop3");
    wrong("cyrus = ( { },\n{ } );", 2, "the name of another");
    wrong("log_events = ( { name = \"x\"; } );", 1, "a log event needs a name");
    wrong("quotas = ( { format = \"exim\"; } );", 1, "\"dovecot\" or \"cyrus\"");
    wrong("show_users = \"maybe\";", 1, "\"hashed\"");
    struct config *c = load("dovecot = ( { log = \"/var/log/mail.log\"; } );");
    assert_int_equal(c->dovecots.count, 1);
    assert_false(c->detect);
    config_free(c);
}

/* A hop of a round trip may be whatever can be asked. */
static void hops(void **state)
{
    (void)state;
    for (unsigned i = 0; response_protocols[i]; i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "routes = ( { name = \"r\"; submit = \"smtp://192.0.2.1\"; recipient = \"a@b\"; "
                 "hops = [ \"%s://192.0.2.2:7\" ]; } );",
                 response_protocols[i]);
        struct config *c = load(text);
        assert_int_equal(c->responses.count, 2);
        config_free(c);
    }
    wrong("routes = ( { name = \"r\"; submit = \"smtp://192.0.2.1\"; recipient = \"a@b\";\n"
          "hops = [ \"nntp://192.0.2.2\" ]; } );",
          1, "hops cannot be \"nntp://192.0.2.2\"");
}

/* The example file with the mark (one or two #) taken off its settings. */
static struct config *load_example(const char *mark)
{
    size_t n = strlen(mark);
    FILE *in = fopen("packaging/mailmond.conf", "r");
    assert_non_null(in);
    FILE *out = fopen(scratch_path("open.conf"), "w");
    char line[512];
    while (fgets(line, sizeof line, in)) {
        bool prose = line[n] == '#' || (line[n] == ' ' && strncmp(line + n, "    ", 4) != 0);
        fputs(strncmp(line, mark, n) == 0 && !prose ? line + n : line, out);
    }
    fclose(in);
    fclose(out);
    chmod(scratch_path("open.conf"), 0640);
    struct err_list errors = {0};
    struct config *c = config_load(scratch_path("open.conf"), &errors);
    for (unsigned i = 0; i < errors.count; i++)
        print_message("%s\n", errors.lines[i]);
    assert_int_equal(errors.count, 0);
    return c;
}

/* As it comes, the example sets nothing; each of its settings is right. */
static void example_file(void **state)
{
    (void)state;
    struct err_list errors = {0};
    struct config *c = config_load("packaging/mailmond.conf", &errors);
    assert_non_null(c);
    struct config *plain = load("");
    char *a = dump(c), *b = dump(plain);
    assert_string_equal(strchr(a, '\n'), strchr(b, '\n'));
    free(a);
    free(b);
    config_free(c);
    config_free(plain);

    c = load_example("#");
    assert_int_equal(c->mta_count, 3);
    assert_int_equal(c->routes.count, 1);
    assert_false(c->standalone);
    config_free(c);
    c = load_example("##");
    assert_int_equal(c->mta_count, 0);
    assert_true(c->standalone);
    assert_int_equal(c->directives.count, 2);
    config_free(c);
}

static void run_dir_of_a_faulty_file(void **state)
{
    static const struct {
        const char *text, *run_dir;
    } cases[] = {{"run_dir = \"/run/b\";\nintervall = 3;\n", "/run/b"},
                 {"run_dir = \"/run/b\";\ninterval = ;\n", "/run/b"},
                 {"interval = ;\nrun_dir = \"/run/b\";\n", "/run/mailmond"},
                 {"run_dir = 5;\n", "/run/mailmond"},
                 {"@include \"/nonexistent\"\nrun_dir = \"/run/b\";\n", "/run/mailmond"}};
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *run_dir = config_run_dir(scratch_put("a.conf", cases[i].text, 0640));
        assert_string_equal(run_dir, cases[i].run_dir);
        free(run_dir);
    }
    char *run_dir = config_run_dir(scratch_path("missing.conf"));
    assert_string_equal(run_dir, "/run/mailmond");
    free(run_dir);
}

/* Instances of a central log: what contradicts itself, what is elsewhere, and how they are called. */
static void hosts(void **state)
{
    (void)state;
    wrong("postfix = (\n{ host = \"mx 1\"; } );", 2, "host cannot be \"mx 1\"");
    wrong("exim = (\n{ host = \"elsewhere-1\";\npid_file = \"/run/x\"; } );", 3,
          "pid_file is of this machine, but host = \"elsewhere-1\"");
    wrong("sendmail = (\n{ host = \"elsewhere-1\"; listen = [ \":25\" ]; } );", 2, "listen is of");
    wrong("cyrus = (\n{ host = \"elsewhere-1\"; proc_directory = \"/x\"; } );", 2,
          "proc_directory is of");
    wrong("postfix = (\n{ host = \"*\"; queue_directory = \"/x\"; } );", 2, "means many");
    wrong("postfix = ( { host = \"mx1\"; },\n{ host = \"mx1\"; } );", 2, "a second instance");
    wrong("dovecot = ( { host = \"mx1\"; },\n{ host = \"mx1\"; } );", 2, "the name of another");
    char here[256], text[600];
    config_this_host(here);
    snprintf(
        text, sizeof text,
        "postfix = ( { host = \"elsewhere-1\"; queue_directory = \"/mnt/mx1\"; }, { host = "
        "\"*\"; }, { name = \"out\"; host = \"elsewhere-1\"; }, { host = \"%.200s\"; listen = [ "
        "\":25\" ]; }, { } ); dovecot = ( { host = \"elsewhere-1.example.org\"; } );",
        here);
    struct config *c = load(text);
    static const bool elsewhere[] = {true, true, true, false, false};
    for (unsigned i = 0; i < c->mta_count; i++)
        assert_int_equal(c->mtas[i].elsewhere, elsewhere[i]);
    assert_int_equal(c->warnings.count, 1); /* are the two names one host? */
    config_name_hosts(c);
    assert_string_equal(c->mtas[0].name, "elsewhere-1/postfix");
    assert_string_equal(c->mtas[1].name, "*/postfix");
    assert_string_equal(c->mtas[2].name, "elsewhere-1/out");
    assert_null(c->mtas[4].name);
    assert_string_equal(((struct config_access *)c->dovecots.items)->name,
                        "elsewhere-1.example.org/dovecot");
    config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(all_settings),
        cmocka_unit_test(round_trip),
        cmocka_unit_test(no_file),
        cmocka_unit_test(syntax),
        cmocka_unit_test(include),
        cmocka_unit_test(unknown_names),
        cmocka_unit_test(types),
        cmocka_unit_test(times_of_day),
        cmocka_unit_test(values),
        cmocka_unit_test(listeners),
        cmocka_unit_test(instances),
        cmocka_unit_test(all_at_once),
        cmocka_unit_test(mixed_list),
        cmocka_unit_test(warnings),
        cmocka_unit_test(mailbox_servers),
        cmocka_unit_test(hops),
        cmocka_unit_test(example_file),
        cmocka_unit_test(run_dir_of_a_faulty_file),
        cmocka_unit_test(hosts),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
