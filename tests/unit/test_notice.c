/* Alarms as mail: the form of the seed, headers that nothing breaks, templates. */
#include "../../agent/notice.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AT 995413028000 /* 17 Jul 2001 16:37:08 -0700 */

static const struct notice plain = {.sender = "Postmaster@localhost",
                                    .recipient = "postmaster@siroe.com",
                                    .server_instance = "/opt/SUNWmsgsr",
                                    .host = "mx.siroe.com"};
static char out[NOTICE_MAX];

/* The example of the Monitoring guide. */
static struct transition ldap(void)
{
    struct transition x = {.number = 42,
                           .at = AT,
                           .event = ALARM_EVENT_RAISED,
                           .direction = 1,
                           .value = 10,
                           .threshold = 10,
                           .low = 0,
                           .high = 10,
                           .crossings = 1,
                           .check_interval_s = 600,
                           .value_at = AT,
                           .reset_at = MODEL_NEVER};
    TEXT_SET(x.id, SLICE("serverresponse"));
    TEXT_SET(x.instance, SLICE("ldap_siroe_europa.com_389"));
    TEXT_SET(x.description, SLICE("server response time in seconds"));
    TEXT_SET(x.unit, SLICE("seconds"));
    TEXT_SET(x.value_text, SLICE("10 seconds"));
    return x;
}

static int set_up(void **state)
{
    (void)state;
    setenv("TZ", "America/Los_Angeles", 1);
    tzset();
    return 0;
}

static void has(const char *wanted)
{
    if (!strstr(out, wanted))
        fail_msg("no\n%s\nin\n%s", wanted, out);
}

static void the_form_of_the_seed(void **state)
{
    (void)state;
    struct transition x = ldap();
    size_t n = notice_write(&plain, &x, out, sizeof out);
    assert_int_equal(n, strlen(out));
    has("Subject: ALARM: server response time in seconds of \"ldap_siroe_europa.com_389\" is 10\n"
        "Date: Tue, 17 Jul 2001 16:37:08 -0700\n");
    has("\n\nServer instance: /opt/SUNWmsgsr\n"
        "Alarmid: serverresponse\n"
        "Instance: ldap_siroe_europa.com_389\n"
        "Description: server response time in seconds\n"
        "Current measured value (17/Jul/2001:16:37:08 -0700): 10\n"
        "Lowest recorded value: 0\n"
        "Highest recorded value: 10\n"
        "Monitoring interval: 600 seconds\n"
        "Alarm condition is when over threshold of 10\n"
        "Number of times over threshold: 1\n");
    has("From: Postmaster@localhost\nTo: postmaster@siroe.com\n");
    has("Message-ID: <42.995413028000.mailmond@mx.siroe.com>\n");
    has("Auto-Submitted: auto-generated\n");
}

static void below(void **state)
{
    (void)state;
    struct transition x = ldap();
    x.direction = -1;
    notice_write(&plain, &x, out, sizeof out);
    has("Alarm condition is when under threshold of 10\nNumber of times under threshold: 1\n");
}

static void states_have_words(void **state)
{
    (void)state;
    struct transition x = ldap();
    TEXT_SET(x.unit, ((struct slice){NULL, 0}));
    TEXT_SET(x.value_text, SLICE("down"));
    notice_write(&plain, &x, out, sizeof out);
    has("is down\n");
    has("Alarm condition is when it is down\nNumber of times: 1\n");
    assert_null(strstr(out, "Lowest"));
    x.event = ALARM_EVENT_CLEARED;
    TEXT_SET(x.value_text, SLICE("up"));
    notice_write(&plain, &x, out, sizeof out);
    has("Subject: CLEARED: server response time in seconds of \"ldap_siroe_europa.com_389\" is "
        "up\n");
}

static void states_have_sentences(void **state)
{
    (void)state;
    struct transition x = ldap();
    TEXT_SET(x.unit, ((struct slice){NULL, 0}));
    TEXT_SET(x.value_text, SLICE("refused"));
    TEXT_SET(x.text, SLICE("still: mail server \"mx\" refuses connections"));
    notice_write(&plain, &x, out, sizeof out);
    has("Subject: ALARM: mail server \"mx\" refuses connections\n");
    x.event = ALARM_EVENT_CLEARED;
    TEXT_SET(x.text, SLICE("cleared: mail server \"mx\" answers"));
    notice_write(&plain, &x, out, sizeof out);
    has("Subject: CLEARED: mail server \"mx\" answers\n");
}

static void other_letters_are_encoded(void **state)
{
    (void)state;
    struct transition x = ldap();
    TEXT_SET(x.description, SLICE("Füllstand der Partition mit einem sehr langen Namen, größer"));
    notice_write(&plain, &x, out, sizeof out);
    has("Subject: =?UTF-8?B?QUxBUk06IEbDvGxsc3RhbmQgZGVyIFBhcnRpdGlvbiBtaXQgZWluZW0gc2Vo?=\n"
        " =?UTF-8?B?");
    char *end = strstr(out, "Date:");
    assert_non_null(end);
    for (const char *p = out; p < end; p++)
        assert_true((unsigned char)*p < 0x80);
}

static void templates(void **state)
{
    (void)state;
    struct transition x = ldap();
    struct notice n = plain;
    n.template = "From: %s\nTo: %s\nSubject: %s, %s: %s\n\n%s-- \n100% %s done\n";
    notice_write(&n, &x, out, sizeof out);
    has("From: Postmaster@localhost\nTo: postmaster@siroe.com\n"
        "Subject: server response time in seconds, ldap_siroe_europa.com_389: 10\n\n"
        "Server instance: /opt/SUNWmsgsr\n");
    has("Number of times over threshold: 1\n-- \n100% %s done\n");
}

static void what_does_not_fit(void **state)
{
    (void)state;
    struct transition x = ldap();
    char small[200];
    for (size_t size = 2; size <= sizeof small; size++)
        assert_int_equal(notice_write(&plain, &x, small, size), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_form_of_the_seed),      cmocka_unit_test(below),
        cmocka_unit_test(states_have_words),         cmocka_unit_test(states_have_sentences),
        cmocka_unit_test(other_letters_are_encoded), cmocka_unit_test(templates),
        cmocka_unit_test(what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
