/* What the settings of Dovecot and Cyrus tell of logs and protocols. */
#include "../../collectors/detect.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

static void test_detect(void **state)
{
    (void)state;
    struct slice text = SLICE("log_path = syslog\ninfo_log_path = \nbase_dir = /run/dovecot\n"
                              "protocols =  imap lmtp sieve pop3 submission\n");
    assert_null(detect_dovecot_log(text));
    char *log = detect_dovecot_log(SLICE("log_path = /var/log/dovecot.log\ninfo_log_path =\n"));
    assert_string_equal(log, "/var/log/dovecot.log");
    free(log);
    log = detect_dovecot_log(SLICE("log_path = syslog\ninfo_log_path = /var/log/info.log\n"));
    assert_string_equal(log, "/var/log/info.log");
    free(log);
    struct config *c = config_load("/dev/null", &(struct err_list){0});
    assert_non_null(c);
    struct config_access *a = config_add_dovecot(c);
    detect_dovecot_protocols(a, detect_dovecot_value(text, "protocols"));
    assert_int_equal(a->protocols.count, 5);
    assert_string_equal(a->protocols.items[2], "managesieve");
    config_free(c);
    assert_true(
        slice_eq(detect_cyrus_value(SLICE("a: b\nproc_path: /run/cyrus/proc \n"), "proc_path"),
                 SLICE("/run/cyrus/proc")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_detect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
