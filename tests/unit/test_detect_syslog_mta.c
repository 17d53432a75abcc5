/* detect_syslog_mta.c: what sendmail.cf and smtpd.conf say, and hosts that have one, both or none. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "../../collectors/detect.h"

static char root[64];

static void make_file(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s%s", root, name);
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        mkdir(path, 0755);
        *slash = '/';
    }
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static int setup(void **state)
{
    (void)state;
    strcpy(root, "/tmp/test_detect.XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct config *load(const char *text)
{
    struct err_list errors = {0};
    make_file("/mailmond.conf", text);
    char path[128];
    snprintf(path, sizeof path, "%s/mailmond.conf", root);
    struct config *c = config_load(path, &errors);
    assert_non_null(c);
    err_free(&errors);
    return c;
}

static void find_both(struct config *c)
{
    struct err_list notes = {0};
    detect_sendmail(c, root, &notes);
    detect_opensmtpd(c, root, &notes);
    err_free(&notes);
}

static void listens(const struct config_mta *m, const char *expected)
{
    char all[256] = "";
    for (unsigned i = 0; i < m->listen.count; i++) {
        strcat(all, i ? " " : "");
        strcat(all, m->listen.items[i]);
    }
    assert_string_equal(all, expected);
}

#define CF                                                                                         \
    "V10/Berkeley\n# O StatusFile=/no\nDSmx\nO QueueDirectory=/srv/mqueue/q*\n"                    \
    "O StatusFile=/srv/sendmail.st\nO PidFile=/run/sm.pid\n"                                       \
    "O DaemonPortOptions=Port=25, Addr=127.0.0.1, Name=MTA\n"                                      \
    "O DaemonPortOptions=Family=inet6, Name=MTA6, Port=smtp, Addr=::1\n"                           \
    "O DaemonPortOptions=Port=submission, Name=MSA, M=E\nO DaemonPortOptions=Port=nonsense\n"

static void test_sendmail(void **state)
{
    (void)state;
    make_file("/etc/mail/sendmail.cf", CF);
    make_file("/var/log/mail.log", "");
    struct config *c = load("");
    find_both(c);
    assert_int_equal(c->mta_count, 1);
    const struct config_mta *m = &c->mtas[0];
    assert_string_equal(m->type, "sendmail");
    assert_string_equal(m->name, "sendmail");
    assert_string_equal(m->config_file, "/etc/mail/sendmail.cf");
    assert_string_equal(m->queue_directory, "/srv/mqueue");
    assert_string_equal(m->statistics_file, "/srv/sendmail.st");
    assert_string_equal(m->pid_file, "/run/sm.pid");
    assert_non_null(strstr(m->log, "/var/log/mail.log"));
    listens(m, "127.0.0.1:25 [::1]:25 :587");
    config_free(c);
}

static void test_opensmtpd(void **state)
{
    (void)state;
    make_file("/etc/smtpd.conf", "# listen on all\nlisten on socket\nlisten on lo\n"
                                 "listen on 192.0.2.1 port 587 tls-require pki x auth # port 26\n"
                                 "listen on ::1 smtps pki x\nlisten on\nlisten on eth0 port 0\n");
    struct config *c = load("");
    find_both(c);
    assert_int_equal(c->mta_count, 1);
    const struct config_mta *m = &c->mtas[0];
    assert_string_equal(m->name, "opensmtpd");
    assert_string_equal(m->queue_directory, "/var/spool/smtpd");
    listens(m, ":25 192.0.2.1:587 [::1]:465");
    config_free(c);
}

/* What is configured stays; a host with nothing has nothing; detection that is not wanted adds nothing. */
static void test_configured(void **state)
{
    (void)state;
    struct config *c = load("");
    find_both(c);
    assert_int_equal(c->mta_count, 0);
    config_free(c);
    make_file("/etc/mail/sendmail.cf", CF);
    make_file("/etc/smtpd.conf", "listen on all\n");
    c = load("sendmail = ( { name = \"out\"; queue_directory = \"/q\"; listen = [ \":26\" ]; log = "
             "\"/l\"; } );\n");
    find_both(c);
    assert_int_equal(c->mta_count, 1);
    assert_string_equal(c->mtas[0].name, "out");
    assert_string_equal(c->mtas[0].queue_directory, "/q");
    assert_string_equal(c->mtas[0].statistics_file, "/srv/sendmail.st");
    assert_string_equal(c->mtas[0].log, "/l");
    listens(&c->mtas[0], ":26");
    config_free(c);
    c = load("detect = true;\n");
    find_both(c);
    assert_int_equal(c->mta_count, 2);
    config_free(c);
}

/* Cut anywhere, the text means the same or less. */
static void test_cut(void **state)
{
    (void)state;
    struct config *c = load("sendmail = ( { } );\n");
    for (size_t n = 0; n < sizeof CF; n++) {
        char *text = malloc(n ? n : 1);
        memcpy(text, CF, n);
        detect_sendmail_options(&c->mtas[0], (struct slice){text, n});
        detect_opensmtpd_listeners(&c->mtas[0], (struct slice){text, n});
        free(text);
    }
    config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sendmail, setup, teardown),
        cmocka_unit_test_setup_teardown(test_opensmtpd, setup, teardown),
        cmocka_unit_test_setup_teardown(test_configured, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cut, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
