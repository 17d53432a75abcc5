/*
 * Responses from the configuration to a request: what is refused and in which words, what the settings
 * become, and the status that a result has.
 */
#include "../../agent/config_schema.h"
#include "../../collectors/response.h"
#include "../../collectors/ldap_probe.h"
#include "config_said.h"
#include "scratch.h"

static struct config *load(const char *service, struct err_list *errors)
{
    char text[2048];
    snprintf(text, sizeof text, "responses = (\n { %s } );\n", service);
    return config_load(scratch_put("a.conf", text, 0600), errors);
}

static void refused(const char *service, const char *part)
{
    struct err_list errors = {0};
    assert_null(load(service, &errors));
    assert_true(config_said(&errors, scratch_path("a.conf"), 2, part));
    err_free(&errors);
}

#define LDAP "name = \"a\"; protocol = \"ldap\"; host = \"h\"; "
#define SMTP "name = \"a\"; protocol = \"smtp\"; host = \"h\"; "

static void test_refused(void **state)
{
    (void)state;
    char with[300];
    refused("protocol = \"smtp\"; host = \"h\";", "Write name =");
    refused("name = \"a\"; host = \"h\";", "Write protocol =");
    refused("name = \"a\"; protocol = \"smtp\";", "Write host =");
    refused("name = \"a\"; protocol = \"ftp\"; host = \"h\";", "it must be \"tcp\"");
    refused("name = \"a\"; protocol = \"tcp\"; host = \"h\";", "write port");
    refused(SMTP "step_timeout = \"1 min\";", "longer than timeout");
    refused(SMTP "warn_after = \"1 min\";", "later than fail_after");
    refused(SMTP "source = \"here\";", "must be an address");
    refused(SMTP "user = \"u\";", "belong together");
    refused(SMTP "recipient = \"u\";", "needs a sender");
    refused(SMTP "expect = \"u\";", "is for tcp");
    refused(SMTP "sender = \"a>\\r\\nRCPT TO:<b\";", "control characters");
    refused("name = \"a\"; protocol = \"imaps\"; host = \"h\"; starttls = true;", "no STARTTLS");
    refused("name = \"a\"; protocol = \"imap\"; host = \"h\"; sender = \"x\";", "are for smtp");
    refused(SMTP "base = \"dc=x\";", "are for ldap");
    refused(LDAP "filter = \"(uid=x)\";", "filter needs a base");
    refused(LDAP "tls_name = \"x\";", "leave tls_name out");
    refused(SMTP "}, { " SMTP, "give it another name");
    refused(SMTP "user = \"u\"; password_file = \"/nowhere/x\";", "No such file");
    snprintf(with, sizeof with, SMTP "user = \"u\"; password_file = \"%s\";",
             scratch_put("open", "pw\n", 0644));
    refused(with, "chmod o-rwx");
    snprintf(with, sizeof with, SMTP "user = \"u\"; password_file = \"%s\";",
             scratch_put("closed", "\n", 0600));
    refused(with, "its first line is empty");
}

static void test_request(void **state)
{
    (void)state;
    struct err_list errors = {0};
    struct probe_request q;
    char with[300], password[32], error[200];
    snprintf(with, sizeof with,
             "name = \"a\"; protocol = \"imap\"; host = \"mx\"; user = \"u\"; starttls = true; "
             "timeout = \"20 s\"; address_family = \"ipv6\"; password_file = \"%s\";",
             scratch_put("closed", "pass word\nrest\n", 0400));
    struct config *c = load(with, &errors);
    assert_non_null(c);
    const struct config_response *r = c->responses.items;
    assert_true(
        response_password(r->password_file, password, sizeof password, error, sizeof error));
    assert_string_equal(password, "pass word");
    response_request(r, password, &q);
    assert_null(probe_unfit(&q));
    assert_int_equal(q.protocol, PROTOCOL_IMAP);
    assert_int_equal(q.port, 143);
    assert_int_equal(q.timeout_ms, 20000);
    assert_int_equal(q.step_timeout_ms, 10000);
    assert_int_equal(q.family, PROBE_IPV6);
    assert_true(q.marked);
    assert_string_equal(q.want.mailbox, "INBOX");
    assert_true(q.want.starttls);
    config_free(c);
    assert_false(
        response_password(scratch_path("none"), password, sizeof password, error, sizeof error));
    assert_false(response_password(scratch_put("empty", "\n", 0400), password, sizeof password,
                                   error, sizeof error));
}

/* The password would be sent in the clear. */
static void test_warning(void **state)
{
    (void)state;
    struct err_list errors = {0};
    char with[300];
    snprintf(with, sizeof with, SMTP "user = \"u\"; password_file = \"%s\";",
             scratch_put("closed", "pw\n", 0400));
    struct config *c = load(with, &errors);
    assert_non_null(c);
    assert_int_equal(c->warnings.count, 1);
    assert_non_null(strstr(c->warnings.lines[0], "starttls = true hides it"));
    config_free(c);
}

/* Each protocol of the configuration has its rows in the dialogs, but for those of libldap. */
static void test_protocols(void **state)
{
    (void)state;
    for (unsigned i = 0; response_protocols[i]; i++) {
        enum response_protocol p = response_protocol_named(response_protocols[i]);
        assert_int_not_equal(p, 0);
        assert_true(dialog_knows(p) != ldap_probe_is(p));
        assert_true(response_port(p) != 0 || p == PROTOCOL_TCP);
    }
}

static void test_judge(void **state)
{
    (void)state;
    struct config_response r = {.warn_after_ms = 100, .fail_after_ms = 200};
    struct probe_result p = {.status = RESPONSE_UP, .total_us = 100000};
    assert_int_equal(response_judge(&r, &p), RESPONSE_UP);
    p.total_us = 100001;
    assert_int_equal(response_judge(&r, &p), RESPONSE_SLOW);
    p.total_us = 200001;
    assert_int_equal(response_judge(&r, &p), RESPONSE_TIMED_OUT);
    p.status = RESPONSE_REFUSED;
    assert_int_equal(response_judge(&r, &p), RESPONSE_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused), cmocka_unit_test(test_request),
        cmocka_unit_test(test_warning), cmocka_unit_test(test_protocols),
        cmocka_unit_test(test_judge),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
