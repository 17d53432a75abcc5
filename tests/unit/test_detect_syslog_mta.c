/* detect_syslog_mta.c: what sendmail.cf and smtpd.conf say, and hosts that have one, both or none. */
#include "../../collectors/detect.h"
#include "scratch.h"

static struct config *load(const char *text)
{
    struct err_list errors = {0};
    struct config *c = config_load(scratch_put("mailmond.conf", text, 0644), &errors);
    assert_non_null(c);
    err_free(&errors);
    return c;
}

static void find_both(struct config *c)
{
    struct err_list notes = {0};
    detect_sendmail(c, scratch, &notes);
    detect_opensmtpd(c, scratch, &notes);
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
    scratch_put("etc/mail/sendmail.cf", CF, 0644);
    scratch_put("var/log/mail.log", "", 0644);
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
    scratch_put("etc/smtpd.conf",
                "# listen on all\nlisten on socket\nlisten on lo\n"
                "listen on 192.0.2.1 port 587 tls-require pki x auth # port 26\n"
                "listen on ::1 smtps pki x\nlisten on\nlisten on eth0 port 0\n",
                0644);
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
    scratch_put("etc/mail/sendmail.cf", CF, 0644);
    scratch_put("etc/smtpd.conf", "listen on all\n", 0644);
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
        cmocka_unit_test_setup_teardown(test_sendmail, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(test_opensmtpd, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(test_configured, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(test_cut, scratch_make, scratch_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
