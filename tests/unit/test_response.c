/*
 * Responses from the configuration to a request: what is refused and in which words, what the settings
 * become, and the status that a result has.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../agent/config_schema.h"
#include "../../collectors/response.h"
#include "../../collectors/ldap_probe.h"

static char directory[64];

static char *path_of(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void put(const char *name, const char *text, mode_t mode)
{
    FILE *out = fopen(path_of(name), "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
    assert_int_equal(chmod(path_of(name), mode), 0);
}

static struct config *load(const char *service, struct err_list *errors)
{
    char text[2048];
    snprintf(text, sizeof text, "responses = (\n { %s } );\n", service);
    put("a.conf", text, 0600);
    return config_load(path_of("a.conf"), errors);
}

static void refused(const char *service, const char *part)
{
    struct err_list errors = {0};
    char begin[200];
    struct config *c = load(service, &errors);
    snprintf(begin, sizeof begin, "%s:2:", path_of("a.conf"));
    assert_null(c);
    bool found = false;
    for (unsigned i = 0; i < errors.count; i++)
        found |=
            strncmp(errors.lines[i], begin, strlen(begin)) == 0 && strstr(errors.lines[i], part);
    if (!found)
        fail_msg("\"%s\" is not said of: %s (%s)", part, service,
                 errors.count ? errors.lines[0] : "nothing");
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
    put("open", "pw\n", 0644);
    snprintf(with, sizeof with, SMTP "user = \"u\"; password_file = \"%s\";", path_of("open"));
    refused(with, "chmod o-rwx");
    put("closed", "\n", 0600);
    snprintf(with, sizeof with, SMTP "user = \"u\"; password_file = \"%s\";", path_of("closed"));
    refused(with, "its first line is empty");
}

static void test_request(void **state)
{
    (void)state;
    struct err_list errors = {0};
    struct probe_request q;
    char with[300], password[32], error[200];
    put("closed", "pass word\nrest\n", 0400);
    snprintf(with, sizeof with,
             "name = \"a\"; protocol = \"imap\"; host = \"mx\"; user = \"u\"; starttls = true; "
             "timeout = \"20 s\"; address_family = \"ipv6\"; password_file = \"%s\";",
             path_of("closed"));
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
        response_password(path_of("none"), password, sizeof password, error, sizeof error));
    put("empty", "\n", 0400);
    assert_false(
        response_password(path_of("empty"), password, sizeof password, error, sizeof error));
}

/* The password would be sent in the clear. */
static void test_warning(void **state)
{
    (void)state;
    struct err_list errors = {0};
    char with[300];
    put("closed", "pw\n", 0400);
    snprintf(with, sizeof with, SMTP "user = \"u\"; password_file = \"%s\";", path_of("closed"));
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
    for (const struct setting *s = response_settings; s->name; s++)
        for (unsigned i = 0; strcmp(s->name, "protocol") == 0 && s->words[i]; i++) {
            enum response_protocol p = response_protocol_named(s->words[i]);
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

static int make_directory(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/test_response.XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    static const char *const names[] = {"a.conf", "open", "closed", "empty"};
    for (unsigned i = 0; i < 4; i++)
        unlink(path_of(names[i]));
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused), cmocka_unit_test(test_request),
        cmocka_unit_test(test_warning), cmocka_unit_test(test_protocols),
        cmocka_unit_test(test_judge),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
