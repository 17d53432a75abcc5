/* What is wrong with a directory in the configuration is said with its line and what would be right. */
#include "../../agent/config.h"
#include "config_said.h"
#include "scratch.h"

static struct config *load(const char *directory, struct err_list *errors)
{
    char text[1024];
    snprintf(text, sizeof text, "detect = false;\ndirectories = ( { %s } );\n", directory);
    return config_load(scratch_put("a.conf", text, 0600), errors);
}

static void refused(const char *directory, const char *part)
{
    struct err_list errors = {0};
    assert_null(load(directory, &errors));
    assert_true(config_said(&errors, scratch_path("a.conf"), 2, part));
    err_free(&errors);
}

/* "uri = ...; bind_dn = ...; password_file = ..." with the file of this mode. */
static const char *with_password(const char *uri, mode_t mode)
{
    static char text[300];
    snprintf(text, sizeof text, "uri = \"%s\"; bind_dn = \"cn=x\"; password_file = \"%s\";", uri,
             scratch_put("password", "secret\n", mode));
    return text;
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const uris[] = {"ldap:/x",       "http://x",        "ldap://",
                                       "ldap://:389",   "ldapi:/run/x",    "ldapi://run/x",
                                       "ldap://x/dc=y", "ldap://x y:389/", "slapd"};
    for (size_t i = 0; i < sizeof uris / sizeof uris[0]; i++) {
        char text[64];
        snprintf(text, sizeof text, "uri = \"%s\";", uris[i]);
        refused(text, "uri cannot be");
    }
    refused("bind_dn = \"cn=x\";", "needs a password_file");
    refused("password_file = \"/x\";", "whose password?");
    refused("starttls = true;", "starttls is for ldap:// alone");
    refused("uri = \"ldaps://x\"; starttls = true;", "starttls is for ldap:// alone");
    refused("name = \"a\"; }, { name = \"a\";", "a second directory with the name a");
    refused("}, { uri = \"ldap://x\";", "a second directory with the name slapd");
    refused("name = \"postfix\"; } ); postfix = ( { name = \"postfix\"; config_directory = \"/x\";",
            "is the name of a mail system");
    refused("interval = \"0 s\";", "interval is 0 s");
    refused("bind_dn = \"cn=x\"; password_file = \"/nowhere/x\";", "No such file");
    refused(with_password("ldapi:///", 0644), "chmod o-rwx");
    refused(with_password("ldapi:///", 0660), "chmod g-w");
}

static void test_taken(void **state)
{
    (void)state;
    static const char *const uris[] = {
        "ldapi:///", "ldapi://%2Frun%2Fldapi/",  "ldap://x",          "ldap://x:389/",
        "ldaps://x", "ldap://[2001:db8::1]:389", "ldapi://%2frun%2fx"};
    for (size_t i = 0; i < sizeof uris / sizeof uris[0]; i++) {
        struct err_list errors = {0};
        char text[64];
        snprintf(text, sizeof text, "uri = \"%s\";", uris[i]);
        struct config *c = load(text, &errors);
        if (!c)
            fail_msg("%s: %s", uris[i], errors.lines[0]);
        const struct config_directory *d = c->directories.items;
        assert_string_equal(d->uri, uris[i]);
        assert_string_equal(d->name, "slapd");
        assert_int_equal(d->interval_s, 60);
        assert_int_equal(d->timeout_ms, 10000);
        assert_true(d->sessions && !d->starttls);
        assert_int_equal(c->warnings.count, 0);
        config_free(c);
    }
}

/* A password in the clear over the network is allowed, and said; within this host it is well. */
static void test_warned(void **state)
{
    (void)state;
    static const struct {
        const char *uri;
        unsigned warnings;
    } cases[] = {{"ldap://ldap.example", 1}, {"ldap://127.0.0.1", 0}, {"ldap://localhost", 0},
                 {"ldapi:///", 0},           {"ldaps://x", 0},        {"ldap://[::1]:389", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err_list errors = {0};
        struct config *c = load(with_password(cases[i].uri, 0600), &errors);
        assert_non_null(c);
        assert_int_equal(c->warnings.count, cases[i].warnings);
        config_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_warned),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
