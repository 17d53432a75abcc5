/* detect.c and detect_postfix.c: what Postfix's tools print, and a host with tools that lie or
 * hang. */
#include <errno.h>
#include <sys/wait.h>
#include <time.h>
#include "../../agent/config_schema.h"
#include "../../collectors/detect.h"
#include "scratch.h"

/* A program that prints what the file NAME.ARGUMENT-OF-c.LAST-ARGUMENT has. */
static void put_tools(void)
{
    char text[512];
    snprintf(text, sizeof text, "#!/bin/sh\ncat %s/list\n", scratch);
    scratch_put("postmulti", text, 0755);
    snprintf(
        text, sizeof text,
        "#!/bin/sh\nd=${2##*/}\ncase $3 in -x) exec cat %s/$d.main;; *) exec cat %s/$d$3;; esac\n",
        scratch, scratch);
    scratch_put("postconf", text, 0755);
}

static bool has(const struct err_list *list, const char *part)
{
    for (unsigned i = 0; i < list->count; i++)
        if (strstr(list->lines[i], part))
            return true;
    print_message("no \"%s\" among:\n", part);
    for (unsigned i = 0; i < list->count; i++)
        print_message("  %s\n", list->lines[i]);
    return false;
}

static void expect(const struct config_strings *list, const char *wanted)
{
    char text[512] = "";
    for (unsigned i = 0; i < list->count; i++) {
        size_t n = strlen(text);
        snprintf(text + n, sizeof text - n, "%s%s", i ? " " : "", list->items[i]);
    }
    assert_string_equal(text, wanted);
}

static void instances(void **state)
{
    (void)state;
    struct slice text = SLICE("-               -               y         /etc/postfix\n"
                              "nonsense\n\n"
                              "postfix-out     mta             n         /etc/postfix-out\n"
                              "a b y relative\n"
                              "a b y /etc/with blank\n"
                              "postfix-in      -               y         /etc/postfix-in");
    struct detect_instance i;
    assert_true(detect_postfix_instance(&text, &i));
    assert_true(slice_eq(i.name, SLICE("-")) && i.enabled);
    assert_true(slice_eq(i.directory, SLICE("/etc/postfix")));
    assert_true(detect_postfix_instance(&text, &i));
    assert_true(slice_eq(i.name, SLICE("postfix-out")) && !i.enabled);
    assert_true(detect_postfix_instance(&text, &i));
    assert_true(slice_eq(i.directory, SLICE("/etc/postfix-in")));
    assert_false(detect_postfix_instance(&text, &i));
}

static void values(void **state)
{
    (void)state;
    struct slice text = SLICE("syslog_name_x = no\nsyslog_name = postfix\nempty =\nlast=1");
    assert_true(slice_eq(detect_postfix_value(text, "syslog_name"), SLICE("postfix")));
    assert_non_null(detect_postfix_value(text, "empty").p);
    assert_int_equal(detect_postfix_value(text, "empty").n, 0);
    assert_true(slice_eq(detect_postfix_value(text, "last"), SLICE("1")));
    assert_null(detect_postfix_value(text, "missing").p);
}

#define SERVICES                                                                                   \
    "smtp       inet  n       -       y       -       1       postscreen\n"                        \
    "smtpd      pass  -       -       y       -       -       smtpd\n"                             \
    "submission inet  n       -       y       -       -       smtpd -o x=y\n"                      \
    "127.0.0.1:10025 inet n   -       n       -       -       smtpd -o content_filter=\n"          \
    "localhost:10026 inet n   -       n       -       -       smtpd\n"                             \
    "[2001:db8::1]:smtp inet n -      n       -       -       smtpd\n"                             \
    "192.0.2.1:25 inet n      -       n       -       -       smtpd\n"                             \
    "smtp       unix  -       -       y       -       -       smtp\n"                              \
    "mx.test:2525 inet n -    n       -       -       smtpd\n"                                     \
    "bogus:nosuchservice inet n - n - - smtpd\n"                                                   \
    "99999 inet n - n - - smtpd\n"                                                                 \
    "628 inet n - n - - other\n"

static void services(void **state)
{
    (void)state;
    struct err_list notes = {0};
    struct config_mta m = {.type = strdup("postfix"), .name = strdup("postfix")};
    detect_postfix_services(
        &m, SLICE("syslog_name = postfix\ncontent_filter = smtp-amavis:[127.0.0.1]:10024\n"),
        SLICE(SERVICES),
        SLICE("submission/inet/syslog_name = postfix/submission\n"
              "smtps/inet/syslog_name = $service_name\n"
              "x/inet/syslog_name = ${unknown}/x\n"
              "127.0.0.1:10025/inet/content_filter =\n"
              "127.0.0.1:10025/inet/syslog_name = postfix/reinject\n"
              "broken\n"
              "a/b/c/unix/syslog_name = other/thing\n"
              "relay/unix/syslog_name = postfix/relay\n"),
        &notes);
    expect(&m.listen, ":25 :587 submission/smtpd 127.0.0.1:10025 reinject/smtpd 127.0.0.1:10026 "
                      "[::1]:10026 [2001:db8::1]:25 "
                      "192.0.2.1:25 :2525");
    expect(&m.syslog_names, "smtps other");
    expect(&m.internal_services, "reinject/smtpd");
    assert_int_equal(notes.count, 0);
    config_mta_release(&m);
}

/* The filter hands mail right to a service of this instance, in the three forms of writing it. */
static void internal_target(void **state)
{
    (void)state;
    static const char *const filters[] = {"smtp:[127.0.0.1]:10025", "smtp:127.0.0.1:10025",
                                          "smtp:localhost:10025", "smtp:[::1]:10025"};
    for (unsigned i = 0; i < 4; i++) {
        struct err_list notes = {0};
        struct config_mta m = {.type = strdup("postfix"), .name = strdup("pf")};
        char overrides[256];
        snprintf(overrides, sizeof overrides,
                 "25/inet/content_filter = %s\n127.0.0.1:10025/inet/syslog_name = back\n",
                 filters[i]);
        detect_postfix_services(
            &m, SLICE("syslog_name = pf\n"),
            SLICE("25 inet n - n - - smtpd\n127.0.0.1:10025 inet n - n - - smtpd\n"
                  "127.0.0.1:10027 inet n - n - - smtpd\n"),
            slice_of(overrides), &notes);
        expect(&m.internal_services, "back/smtpd");
        expect(&m.syslog_names, "back");
        assert_int_equal(notes.count, 0);
        config_mta_release(&m);
    }
}

/* A filter that pipe(8) starts is no transport, and what its account submits was received. */
static void piped_filter(void **state)
{
    (void)state;
    struct err_list notes = {0};
    struct config_mta m = {.type = strdup("postfix"), .name = strdup("postfix")};
    detect_postfix_services(
        &m, SLICE("syslog_name = postfix\ncontent_filter =\n"),
        SLICE("25 inet n - n - - smtpd\n"
              "scan unix - n n - 10 pipe flags=Rq user=root:daemon null_sender= argv=/x user=bin\n"
              "list unix - n n - - pipe flags=R user=daemon argv=/y\n"
              "late unix - n n - - pipe flags=R user=no-such-account argv=/z\n"),
        SLICE("25/inet/content_filter = scan:dummy\n26/inet/content_filter = late\n"), &notes);
    expect(&m.internal_services, "pipe/scan pickup/uid=0 pipe/late");
    assert_int_equal(notes.count, 1);
    assert_true(has(&notes, "late runs as no-such-account, which is no account"));
    err_free(&notes);
    config_mta_release(&m);
}

/* Without a name of its own a reinjection service cannot be told apart; that is said. */
static void internal_without_name(void **state)
{
    (void)state;
    struct err_list notes = {0};
    struct config_mta m = {.type = strdup("postfix"), .name = strdup("postfix")};
    detect_postfix_services(
        &m, SLICE("syslog_name = postfix\ncontent_filter = scan:[127.0.0.1]:10024\n"),
        SLICE("127.0.0.1:10025 inet n - n - - smtpd\n"
              "192.0.2.1:10025 inet n - n - - smtpd\n"),
        SLICE("127.0.0.1:10025/inet/content_filter =\n"
              "192.0.2.1:10025/inet/content_filter =\n"),
        &notes);
    expect(&m.internal_services, "");
    assert_int_equal(notes.count, 1);
    assert_true(has(&notes, "to 127.0.0.1:10025 is counted twice"));
    err_free(&notes);
    /* Without any content filter an empty override means nothing. */
    detect_postfix_services(&m, SLICE("content_filter =\n"),
                            SLICE("127.0.0.1:10025 inet n - n - - smtpd\n"),
                            SLICE("127.0.0.1:10025/inet/content_filter =\n"), &notes);
    assert_int_equal(notes.count, 0);
    config_mta_release(&m);
}

/* What is configured stays. */
static void configured_lists(void **state)
{
    (void)state;
    struct err_list notes = {0};
    struct config_mta m = {.type = strdup("postfix"), .name = strdup("postfix")};
    m.listen.items = malloc(sizeof(char *));
    m.listen.items[m.listen.count++] = strdup(":2525");
    detect_postfix_services(&m, SLICE(""), SLICE(SERVICES), SLICE(""), &notes);
    expect(&m.listen, ":2525");
    config_mta_release(&m);
}

static void hostile_output(void **state)
{
    (void)state;
    static const char letters[] = "a/:=[] \n-smtpd127.0.0.1:25inet\0$";
    srandom(1);
    for (int round = 0; round < 3000; round++) {
        struct config_mta m = {.type = strdup("postfix"), .name = strdup("postfix")};
        struct err_list notes = {0};
        struct slice text[3];
        char *heap[3];
        for (int i = 0; i < 3; i++) {
            size_t n = (size_t)random() % 200;
            heap[i] = malloc(n ? n : 1);
            for (size_t k = 0; k < n; k++)
                heap[i][k] = letters[(size_t)random() % (sizeof letters - 1)];
            text[i] = (struct slice){heap[i], n};
        }
        detect_postfix_services(&m, text[0], text[1], text[2], &notes);
        struct detect_instance instance;
        while (detect_postfix_instance(&text[0], &instance))
            assert_true(instance.directory.n > 0);
        for (int i = 0; i < 3; i++)
            free(heap[i]);
        config_mta_release(&m);
        err_free(&notes);
    }
}

static void run(void **state)
{
    (void)state;
    char path[600];
    snprintf(path, sizeof path, "/nonexistent:%s", scratch);
    scratch_put("says",
                "#!/bin/sh\necho \"$1 $LC_ALL $HOME\"; ls /proc/self/fd | wc -l; echo no >&2\n",
                0755);
    setenv("HOME", "/secret", 1);
    int leak = dup(1); /* a descriptor without close-on-exec */
    char *text = detect_run(path, (char *[]){"says", "a b", NULL});
    close(leak);
    assert_non_null(text);
    assert_string_equal(text, "a b C \n4\n"); /* 0, 1, 2 and the directory */
    free(text);
    assert_null(detect_run(path, (char *[]){"missing", NULL}));
    assert_int_equal(errno, ENOENT);
    scratch_put("fails", "#!/bin/sh\necho x; exit 3\n", 0755);
    assert_null(detect_run(path, (char *[]){"fails", NULL}));
    scratch_put("floods", "#!/bin/sh\nexec yes\n", 0755);
    assert_null(detect_run(path, (char *[]){"floods", NULL}));
    assert_int_equal(errno, EFBIG);
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    scratch_put("hangs", "#!/bin/sh\nexec sleep 60\n", 0755);
    assert_null(detect_run(path, (char *[]){"hangs", NULL}));
    assert_int_equal(errno, ETIMEDOUT);
    scratch_put("closes", "#!/bin/sh\nexec sleep 60 >/dev/null\n", 0755);
    assert_null(detect_run(path, (char *[]){"closes", NULL}));
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_in_range(after.tv_sec - before.tv_sec, 9, 14);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left behind */
    assert_int_equal(errno, ECHILD);
}

static void syslog_file(void **state)
{
    (void)state;
    assert_null(detect_syslog_file(scratch));
    mkdir(scratch_path("var"), 0755);
    mkdir(scratch_path("var/log"), 0755);
    mkdir(scratch_path("var/log/mail"), 0755);
    assert_null(detect_syslog_file(scratch));
    mkdir(scratch_path("var/log/journal"), 0755);
    assert_null(detect_syslog_file(scratch));
#ifdef WITH_JOURNAL
    mkdir(scratch_path("var/log/journal/0123456789abcdef0123456789abcdef"), 0755);
    char *journal = detect_syslog_file(scratch);
    assert_string_equal(journal, "journal");
    free(journal);
#endif
    static const char *const files[] = {"var/log/messages", "var/log/mail/info",
                                        "var/log/mail.log"};
    for (int i = 0; i < 3; i++) {
        scratch_put(files[i], "", 0640);
        char *found = detect_syslog_file(scratch);
        assert_string_equal(found, scratch_path(files[i]));
        free(found);
    }
}

/* Four instances: two that can be read, one that is not enabled, one that logs as another does. */
static void put_instances(void)
{
    char text[1024];
    put_tools();
    snprintf(text, sizeof text, "- - y %s/one\nout - y %s/two\noff - n %s/off\nsame - y %s/same\n",
             scratch, scratch, scratch, scratch);
    scratch_put("list", text, 0644);
    mkdir(scratch_path("spool"), 0755);
    static const char *const queues[] = {"incoming", "active", "deferred", "hold", "maildrop"};
    for (int i = 0; i < 5; i++) {
        snprintf(text, sizeof text, "%s/spool/%s", scratch, queues[i]);
        mkdir(text, 0700);
    }
    scratch_put("one.log", "", 0640);
    snprintf(text, sizeof text,
             "syslog_name = postfix\nqueue_directory = %s/spool\nmaillog_file = %s/one.log\n",
             scratch, scratch);
    scratch_put("one.main", text, 0644);
    scratch_put("one-M", "25 inet n - n - - smtpd\n", 0644);
    scratch_put("one-Px", "465/inet/syslog_name = smtps\n", 0644);
    snprintf(text, sizeof text,
             "syslog_name = out\nqueue_directory = %s/gone\nmaillog_file = /dev/stdout\n", scratch);
    scratch_put("two.main", text, 0644);
    scratch_put("two-M", "127.0.0.1:26 inet n - n - - smtpd\n", 0644);
    scratch_put("two-Px", "", 0644);
    scratch_put("same.main", "syslog_name = postfix\n", 0644);
}

static void host(void **state)
{
    (void)state;
    struct err_list notes = {0};
    put_instances();
    struct config *c = config_load("/dev/null", &notes);
    assert_non_null(c);
    detect_postfix(c, scratch, &notes);
    assert_int_equal(c->mta_count, 2);
    assert_string_equal(c->mtas[0].name, "postfix");
    assert_string_equal(c->mtas[0].type, "postfix");
    assert_string_equal(c->mtas[0].config_directory, scratch_path("one"));
    assert_string_equal(c->mtas[0].queue_directory, scratch_path("spool"));
    assert_string_equal(c->mtas[0].log, scratch_path("one.log"));
    expect(&c->mtas[0].listen, ":25");
    expect(&c->mtas[0].syslog_names, "smtps");
    assert_string_equal(c->mtas[1].name, "out");
    assert_null(c->mtas[1].log);
    expect(&c->mtas[1].listen, "127.0.0.1:26");
    assert_true(has(&notes, "postfix instance postfix: found: "));
    assert_true(has(&notes, "logs to /dev/stdout, which cannot be followed"));
    assert_true(has(&notes, "postfix instance off: not enabled"));
    assert_true(has(&notes, "logs under the same name"));
    assert_true(has(&notes, "/gone: No such file"));
    err_free(&notes);
    config_free(c);
}

/* What was found is a configuration that needs no detection. */
static void host_again(void **state)
{
    (void)state;
    struct err_list notes = {0};
    put_instances();
    struct config *c = config_load("/dev/null", &notes);
    assert_non_null(c);
    detect_postfix(c, scratch, &notes);
    FILE *out = fopen(scratch_path("found.conf"), "w");
    assert_non_null(out);
    config_dump(c, out);
    fclose(out);
    config_free(c);
    c = config_load(scratch_path("found.conf"), &notes);
    assert_non_null(c);
    assert_int_equal(c->mta_count, 2);
    detect_postfix(c, scratch, &notes);
    assert_int_equal(c->mta_count, 2);
    assert_string_equal(c->mtas[0].queue_directory, scratch_path("spool"));
    expect(&c->mtas[1].listen, "127.0.0.1:26");
    config_free(c);
    err_free(&notes);
}

/* A configured instance is completed, by its name or the default, and keeps what it says. */
static void host_configured(void **state)
{
    (void)state;
    struct err_list notes = {0};
    put_instances();
    scratch_put("own.conf", "postfix = ( { name = \"out\"; log = \"/x/log\"; }, { } );", 0644);
    struct config *c = config_load(scratch_path("own.conf"), &notes);
    assert_non_null(c);
    detect_postfix(c, scratch, &notes);
    assert_int_equal(c->mta_count, 2);
    assert_string_equal(c->mtas[0].config_directory, scratch_path("two"));
    assert_string_equal(c->mtas[0].queue_directory, scratch_path("gone"));
    assert_string_equal(c->mtas[0].log, "/x/log");
    assert_string_equal(c->mtas[1].name, "postfix");
    assert_true(has(&notes, "own.conf:1: postfix instance out: /x/log: No such file"));
    config_free(c);
    err_free(&notes);
}

/* Without the tools: the defaults of Postfix, and a note. */
static void no_tools(void **state)
{
    (void)state;
    struct err_list notes = {0};
    scratch_put("own.conf", "postfix = ( { log = \"/dev/null\"; } );", 0644);
    struct config *c = config_load(scratch_path("own.conf"), &notes);
    assert_non_null(c);
    detect_postfix(c, "/nonexistent", &notes);
    assert_string_equal(c->mtas[0].name, "postfix");
    assert_string_equal(c->mtas[0].config_directory, "/etc/postfix");
    assert_string_equal(c->mtas[0].queue_directory, "/var/spool/postfix");
    assert_true(has(&notes, "postconf -c /etc/postfix does not answer"));
    config_free(c);
    err_free(&notes);
}

/* What may not be read, as an account that may not: only root can become one. */
static void denied(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    scratch_put("private.log", "", 0640);
    assert_int_equal(chown(scratch_path("private.log"), 0, 4), 0); /* adm in Debian */
    mkdir(scratch_path("queue"), 0700);
    assert_int_equal(chown(scratch_path("queue"), 1, 1), 0);
    mkdir(scratch_path("no-x"), 0744);
    scratch_put("root.log", "", 0600);
    chmod(scratch, 0755);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct err_list notes = {0};
        struct config_mta m = {.type = "postfix", .name = "p"};
        if (setgid(65534) != 0 || setuid(65534) != 0)
            _exit(9);
        detect_readable(&m, scratch_path("private.log"), false, &notes);
        detect_readable(&m, scratch_path("queue"), true, &notes);
        detect_readable(&m, scratch_path("root.log"), false, &notes);
        detect_readable(&m, scratch_path("no-x"), true, &notes);
        detect_readable(&m, "/etc/passwd", false, &notes);
        _exit(notes.count == 4 && strstr(notes.lines[0], "to the group ") &&
                      strstr(notes.lines[0], "usermod -aG") &&
                      strstr(notes.lines[1], ") or as the user ") &&
                      strstr(notes.lines[2], "CAP_DAC_READ_SEARCH)") &&
                      strstr(notes.lines[3], "no-x")
                  ? 0
                  : (int)notes.count + 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void make_tree(const char *base, const char *data)
{
    char command[512];
    snprintf(command, sizeof command,
             "mkdir -p %s/%slog %s/%squeue %s/config && touch %s/config/imta.cnf",
             scratch_path(base), data, scratch_path(base), data, scratch_path(base),
             scratch_path(base));
    assert_int_equal(system(command), 0);
}

static void sun(void **state)
{
    (void)state;
    char path[1024];
    struct config c = {.detect = true};
    struct err_list notes = {0};
    make_tree("sun64", "data/");
    make_tree("sun5", "");
    scratch_put("sun5/config/dispatcher.cnf",
                "MAX_LIFE_TIME=3600\n[SERVICE=SMTP]\nPORT=2525\nINTERFACE_ADDRESS=192.0.2.1\n"
                "[SERVICE=SMTP_SUBMIT]\nPORT=587\nPARAMETER=CHANNEL=tcp_submit\n",
                0600);
    assert_int_equal(symlink(scratch_path("sun64"), scratch_path("sunlink")), 0);
    assert_int_equal(mkdir(scratch_path("empty"), 0700), 0);
    snprintf(path, sizeof path, "%s:%s:%s:/no/where:%s", scratch_path("empty"),
             scratch_path("sun64"), scratch_path("sunlink"), scratch_path("sun5"));
    detect_sun(&c, path, &notes);
    assert_int_equal(c.mta_count, 2);
    assert_string_equal(c.mtas[0].name, "sun");
    assert_string_equal(c.mtas[0].log, scratch_path("sun64/data/log/mail.log_current"));
    assert_string_equal(c.mtas[0].queue_directory, scratch_path("sun64/data/queue"));
    assert_string_equal(c.mtas[0].config_file, scratch_path("sun64/config/option.dat"));
    expect(&c.mtas[0].listen, ":25 :587 tcp_submit :465 tcp_submit");
    assert_int_equal(c.mtas[0].max_life_time_s, 0);
    expect(&c.mtas[1].listen, "192.0.2.1:2525 :587 tcp_submit");
    assert_int_equal(c.mtas[1].max_life_time_s, 3600);
    assert_string_equal(c.mtas[1].name, "sun-2");
    assert_string_equal(c.mtas[1].log, scratch_path("sun5/log/mail.log_current"));
    detect_sun(&c, path, &notes); /* nothing is added twice */
    assert_int_equal(c.mta_count, 2);
    for (unsigned i = 0; i < c.mta_count; i++)
        config_mta_release(&c.mtas[i]);
    free(c.mtas);
    err_free(&notes);
}

/* exim -bP, and the text of a configuration. */
static void test_exim_settings(void **state)
{
    (void)state;
    struct slice text =
        SLICE("spool_directory = /var/spool/exim4\n# x\nlog_file_path = /var/log/exim4/%slog\n"
              "pid_file_path=/run/exim4/exim.pid  \nbegin acl\nlocal_interfaces = 127.0.0.1\n");
    char path[4096];
    assert_true(slice_eq(detect_exim_value(text, "spool_directory"), SLICE("/var/spool/exim4")));
    assert_true(slice_eq(detect_exim_value(text, "pid_file_path"), SLICE("/run/exim4/exim.pid")));
    assert_null(detect_exim_value(text, "local_interfaces").p);
    assert_null(detect_exim_value(text, "log_file").p);
    static const struct {
        const char *log_file_path, *path; /* NULL: syslog only */
    } logs[] = {
        {"/var/log/exim4/%slog", "/var/log/exim4/mainlog"},
        {"", "/spool/log/mainlog"},
        {"syslog", NULL},
        {"syslog : /var/log/exim/%s.log", "/var/log/exim/main.log"},
        {":syslog", "/spool/log/mainlog"},
        {"/var/log/exim_%slog-%D", "/var/log/exim_mainlog-%D"},
    };
    for (size_t i = 0; i < sizeof logs / sizeof logs[0]; i++) {
        bool file = detect_exim_log(slice_of(logs[i].log_file_path), "/spool", "main", path);
        assert_int_equal(file, logs[i].path != NULL);
        if (file)
            assert_string_equal(path, logs[i].path);
    }
}

static void expect_exim_listeners(const char *ports, const char *interfaces, const char *expected)
{
    struct config_mta m = {.name = NULL};
    char is[512] = "";
    detect_exim_listeners(&m, slice_of(ports), slice_of(interfaces));
    for (unsigned i = 0; i < m.listen.count; i++) {
        snprintf(is + strlen(is), sizeof is - strlen(is), "%s%s", i ? ", " : "", m.listen.items[i]);
        free(m.listen.items[i]);
    }
    free(m.listen.items);
    assert_string_equal(is, expected);
}

static void test_exim_listeners(void **state)
{
    (void)state;
    expect_exim_listeners("", "", ":25 smtp-in");
    expect_exim_listeners("smtp", "127.0.0.1 : ::::1", "127.0.0.1:25 smtp-in, [::1]:25 smtp-in");
    expect_exim_listeners("25 : 465 : submission", "<; ::0 ; 0.0.0.0",
                          ":25 smtp-in, :465 smtps-in, :587 submission-in");
}

static void pieces(void **state)
{
    (void)state;
    struct slice text = SLICE("name2 = x\n name = y\nname: z\nname =  two words \t\nname = w"),
                 line;
    struct slice value = detect_value(text, "name", SLICE("="));
    assert_true(slice_eq(value, SLICE("two words")));
    assert_true(slice_eq(detect_value(text, "name", SLICE(":")), SLICE("z")));
    assert_null(detect_value(text, "nam", SLICE("=")).p);
    assert_true(slice_eq(detect_exim_value(text, "name"), SLICE("y"))); /* may be indented */
    assert_null(detect_exim_value(SLICE("begin acl\nname = x"), "name").p);
    unsigned lines = 0;
    while (detect_line(&text, &line))
        lines++;
    assert_int_equal(lines, 5);
    assert_int_equal(detect_port(SLICE("2525")), 2525);
    assert_int_equal(detect_port(SLICE("smtp")), 25);
    assert_int_equal(detect_port(SLICE("65536")), 0);
    assert_int_equal(detect_port(SLICE("25x")), 0);
    assert_int_equal(detect_port(SLICE("")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exim_settings),
        cmocka_unit_test(test_exim_listeners),
        cmocka_unit_test(instances),
        cmocka_unit_test(values),
        cmocka_unit_test(services),
        cmocka_unit_test(internal_target),
        cmocka_unit_test(internal_without_name),
        cmocka_unit_test(piped_filter),
        cmocka_unit_test(configured_lists),
        cmocka_unit_test(hostile_output),
        cmocka_unit_test(run),
        cmocka_unit_test(syslog_file),
        cmocka_unit_test(host),
        cmocka_unit_test(host_again),
        cmocka_unit_test(host_configured),
        cmocka_unit_test(no_tools),
        cmocka_unit_test(denied),
        cmocka_unit_test(pieces),
        cmocka_unit_test(sun),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
