/* dispatcher.cnf: what an installation has, what a site may make of it, and what is none. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "../../collectors/sun_dispatcher.h"

static void check(const char *text, uint32_t life_s, const char *expected)
{
    struct sun_dispatcher d;
    char is[512] = "";
    sun_dispatcher_parse(slice_of(text), &d);
    for (unsigned i = 0; i < d.count; i++) {
        const struct sun_listener *l = &d.listeners[i];
        size_t n = strlen(is);
        snprintf(is + n, sizeof is - n, "%s%.*s:%u %.*s", n ? ", " : "", (int)l->address.n,
                 l->address.p ? l->address.p : "", l->port, (int)l->channel.n,
                 l->channel.p ? l->channel.p : "");
    }
    assert_string_equal(is, expected);
    assert_int_equal(d.max_life_s, life_s);
}

static void installed(void **state)
{
    (void)state;
    check("! VERSION=1.1\nMIN_PROCS=1\nMAX_LIFE_TIME=86400\n!\n! SMTP\n[SERVICE=SMTP]\nPORT=25\n"
          "IMAGE=IMTA_BIN:tcp_smtp_server\n! TLS_PORT=465\n\n[SERVICE=SMTP_SUBMIT]\nPORT=587\n"
          "TLS_PORT = 465 ! with SSL\nPARAMETER=CHANNEL=tcp_submit\n",
          86400, ":25 , :587 tcp_submit, :465 tcp_submit");
}

static void by_a_site(void **state)
{
    (void)state;
    check("max_life_time=3600\r\nINTERFACE_ADDRESS=192.0.2.1\r\n[service=SMTP]\r\nport=25, 2525\r\n"
          "[SERVICE=LMTPSS]\nPORT=225\nINTERFACE_ADDRESS=192.0.2.2\nPARAMETER=CHANNEL=tcp_lmtpss\n"
          "MAX_LIFE_TIME=7200",
          7200, "192.0.2.1:25 , 192.0.2.1:2525 , 192.0.2.2:225 tcp_lmtpss");
    check("[SERVICE=SMTP]\nPORT=25\n", 86400, ":25 ");
}

static void none(void **state)
{
    (void)state;
    check("", 0, "");
    check("PORT=25\n", 0, "");
    check("[SERVICE=SMTP]\nPORT=0\nTLS_PORT=70000,x,25y,\n=\n[\n", 86400, "");
    char many[512] = "[SERVICE=SMTP]\nPORT=1";
    for (unsigned n = 0; n < 100; n++)
        strcat(many, ",1");
    struct sun_dispatcher d;
    sun_dispatcher_parse(slice_of(many), &d);
    assert_int_equal(d.count, SUN_LISTENERS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(installed),
        cmocka_unit_test(by_a_site),
        cmocka_unit_test(none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
