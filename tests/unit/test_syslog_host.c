/* The host that a line of a central log names. */
#include "../../collectors/syslog.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* Line -> host; where syslog_head finds a tag, it is behind the host. */
static void test_heads(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"Nov  1 22:48:24 mx1 postfix/smtpd[1]: text", "mx1"},
        {"Nov  1 22:48:24 mx1 postfix/smtpd: text", "mx1"},
        {"Nov  1 22:48:24 mx1.example.org sm-mta[1]: x", "mx1.example.org"},
        {"<22>Nov  1 22:48:24 192.0.2.7 postfix/smtpd[1]: text", "192.0.2.7"},
        {"Nov  1 22:48:24 2001:db8::1 postfix/smtpd[1]: text", "2001:db8::1"},
        {"Nov  1 22:48:24 postfix/smtpd[1]: text", ""},
        {"Nov  1 22:48:24 mx1 last message repeated 3 times", "mx1"},
        {"Nov  1 22:48:24 src@mx1/relay postfix/smtpd[1]: text", "mx1"},
        {"Nov  1 22:48:24 mx1/relay postfix/smtpd[1]: text", "mx1"},
        {"Nov  1 22:48:24 mx1 mail.info postfix/smtpd[1]: text", "mx1"},
        {"Nov  1 22:48:24 <mail.info> mx1 postfix/smtpd[1]: text", "mx1"},
        {"Nov  1 22:48:24 mail.info postfix/smtpd[1]: text", ""},
        {"Nov  1 22:48:24 mx1 sendmail[1]: [ID 801593 mail.info] x", "mx1"},
        {"Nov 1 22:48:24 mx1 postfix/smtpd[1]: text", "mx1"},
        {"Nov  1 2026 22:48:24 mx1 postfix/smtpd[1]: text", "mx1"},
        {"Sun Nov  1 22:48:24 2026 mail.info postfix/smtpd[1]: text", ""},
        {"2026-11-21T22:48:24.123456+00:00 mx1 postfix/smtpd[1]: text", "mx1"},
        {"2026-11-21T22:48:24Z - postfix/smtpd[1]: text", ""},
        {"2026-11-21T22:48:24 mx1 postfix/smtpd[1]: text", "mx1"},
        {"2026-11-21 22:48:24.1+01:00 mx1 postfix/smtpd[1]: text", "mx1"},
        {"2026-11-21 22:48:24 1abcde-000001-AB <= a@b", "1abcde-000001-AB"},
        {"1793573304.123456 mx1 postfix/smtpd[1]: text", "mx1"},
        {"<22>1 2026-11-21T22:48:24Z mx1 postfix/smtpd 1 - - text", "mx1"},
        {"<22>1 - mx1.example.org postfix/smtpd 1 - - text", "mx1.example.org"},
        {"<22>1 2026-11-21T22:48:24Z - postfix/smtpd 1 - - text", ""},
        {"<22>1 2026-11-21T22:48:24Z", ""},
        {"postfix-1  | Nov  1 22:48:24 mx1 postfix/smtpd[1]: text", "mx1"},
        {"Nov  1 22:48:24 dockerhost mail[9]: Nov  1 22:48:24 mx1 postfix/smtpd[1]: x",
         "dockerhost"},
        {"2026-11-01T22:48:24.1Z Nov  1 22:48:24 mx1 postfix/smtpd[1]: x", "mx1"},
        {"2026-11-01T22:48:24.1Z Nov  1 22:48:24 postfix/smtpd[1]: x", ""},
        {"Nov  1 22:48:24 192.0.2.4 Nov  1 22:48:24 mx1 postfix/smtpd[1]: x", "mx1"},
        {"mail.info: Nov  1 22:48:24 mx1 postfix/smtpd[1]: x", "mx1"},
        {"mail.info: Nov  1 22:48:24 postfix/smtpd[1]: x", ""},
        {"Nov  1 22:48:24 mx1 mail:info postfix/smtpd[1]: text", "mx1"},
        {"2026-11-21T22:48:24Z\tmx1\tpostfix/smtpd[1]:\ta text", "mx1"},
        {"Nov  1 22:48:24 mx1 postfix/submission/smtpd[1234567 text", "mx1"},
        {"Nov  1 22:48:24 mx\x01 postfix/smtpd[1]: text", ""},
        {"Nov  1 22:48:24 ../.. postfix/smtpd[1]: text", ""},
        {"Nov  1 22:48:24 ", ""},
        {"Nov  1 22:48:24", ""},
        {"no head at all", ""},
        {"", ""},
    };
    struct syslog_context context;
    syslog_start(&context, 0);
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t n = strlen(cases[i][0]);
        char *copy = malloc(n + 1); /* what is read behind its end is found */
        assert_non_null(copy);
        memcpy(copy, cases[i][0], n);
        struct slice host = syslog_host(syslog_host_word(&context, (struct slice){copy, n}));
        if (!slice_eq(host, slice_of(cases[i][1])))
            fail_msg("%s: \"%.*s\"", cases[i][0], (int)host.n, host.p);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
