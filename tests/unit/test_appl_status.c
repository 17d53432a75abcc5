/*
 * appl_status.c: every combination of process, log and probes has the status that RFC 2788 means.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../collectors/appl_status.h"

#define NOW 1000000

static void takes_probes_together(void **state)
{
    (void)state;
    static const struct {
        enum response_status found[3];
        enum probed probed;
    } cases[] = {
        {{0}, PROBED_NOTHING},
        {{RESPONSE_UNKNOWN}, PROBED_NOTHING},
        {{RESPONSE_UP}, PROBED_UP},
        {{RESPONSE_SLOW}, PROBED_UP},
        {{RESPONSE_TLS_ERROR}, PROBED_UP},
        {{RESPONSE_AUTH_FAILED}, PROBED_UP},
        {{RESPONSE_REFUSED}, PROBED_DOWN},
        {{RESPONSE_DOWN}, PROBED_DOWN},
        {{RESPONSE_TIMED_OUT}, PROBED_HALTED},
        {{RESPONSE_PROTOCOL_ERROR}, PROBED_HALTED},
        {{RESPONSE_CONGESTED}, PROBED_CONGESTED},
        {{RESPONSE_REFUSED, RESPONSE_UP, RESPONSE_TIMED_OUT}, PROBED_UP},
        {{RESPONSE_TIMED_OUT, RESPONSE_REFUSED}, PROBED_HALTED},
        {{RESPONSE_UP, RESPONSE_CONGESTED, RESPONSE_REFUSED}, PROBED_CONGESTED},
        {{(enum response_status)99}, PROBED_NOTHING},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum probed p = PROBED_NOTHING;
        for (unsigned k = 0; k < 3; k++)
            p = appl_probed(p, cases[i].found[k]);
        assert_int_equal(p, cases[i].probed);
    }
}

enum log { SILENT, SAID_UP, SAID_DOWN, SAID_RESTARTING, SAID_QUIESCING, SAID_CONGESTED, STRESSED };

static struct appl appl_of(enum log log)
{
    static const uint64_t status[] = {MODEL_ABSENT,   APPL_UP, APPL_DOWN, APPL_RESTARTING,
                                      APPL_QUIESCING, APPL_UP, APPL_UP};
    return (struct appl){.log_status = status[log],
                         .stress = log == STRESSED,
                         .log_congested_at = log == SAID_CONGESTED ? NOW - 1000 : MODEL_NEVER};
}

static void judges(void **state)
{
    (void)state;
    static const struct {
        enum life life;
        enum log log;
        enum probed probed;
        uint64_t status;
    } cases[] = {
        {LIFE_UNKNOWN, SILENT, PROBED_NOTHING, MODEL_ABSENT},
        {LIFE_UNKNOWN, SILENT, PROBED_UP, APPL_UP},
        {LIFE_UNKNOWN, SILENT, PROBED_DOWN, APPL_DOWN},
        {LIFE_UNKNOWN, SILENT, PROBED_HALTED, APPL_HALTED},
        {LIFE_UNKNOWN, SILENT, PROBED_CONGESTED, APPL_CONGESTED},
        {LIFE_UNKNOWN, SAID_UP, PROBED_NOTHING, APPL_UP},
        {LIFE_UNKNOWN, SAID_DOWN, PROBED_UP, APPL_DOWN},
        {LIFE_UNKNOWN, SAID_RESTARTING, PROBED_DOWN, APPL_RESTARTING},
        {LIFE_UNKNOWN, SAID_QUIESCING, PROBED_UP, APPL_QUIESCING},
        {LIFE_ALIVE, SILENT, PROBED_NOTHING, APPL_UP},
        {LIFE_ALIVE, SILENT, PROBED_UP, APPL_UP},
        {LIFE_ALIVE, SILENT, PROBED_HALTED, APPL_HALTED},
        {LIFE_ALIVE, SAID_UP, PROBED_DOWN, APPL_DOWN},
        {LIFE_ALIVE, SAID_DOWN, PROBED_NOTHING, APPL_UP}, /* the log is behind */
        {LIFE_ALIVE, SAID_QUIESCING, PROBED_DOWN, APPL_QUIESCING},
        {LIFE_ALIVE, SAID_CONGESTED, PROBED_UP, APPL_CONGESTED},
        {LIFE_ALIVE, STRESSED, PROBED_UP, APPL_CONGESTED},
        {LIFE_ALIVE, SAID_UP, PROBED_CONGESTED, APPL_CONGESTED},
        {LIFE_DEAD, SILENT, PROBED_UP, APPL_DOWN},
        {LIFE_DEAD, SAID_UP, PROBED_NOTHING, APPL_DOWN},
        {LIFE_DEAD, SAID_RESTARTING, PROBED_NOTHING, APPL_RESTARTING},
        {LIFE_DEAD, SAID_CONGESTED, PROBED_NOTHING, APPL_DOWN},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct appl a = appl_of(cases[i].log);
        if (appl_status(&a, cases[i].life, cases[i].probed, NOW) != cases[i].status)
            fail_msg("case %u: %d", i, (int)appl_status(&a, cases[i].life, cases[i].probed, NOW));
    }
}

static void congestion_passes(void **state)
{
    (void)state;
    struct appl a = appl_of(SAID_CONGESTED);
    assert_int_equal(appl_status(&a, LIFE_ALIVE, PROBED_UP, NOW + 118000), APPL_CONGESTED);
    assert_int_equal(appl_status(&a, LIFE_ALIVE, PROBED_UP, NOW + 119000), APPL_UP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_probes_together),
        cmocka_unit_test(judges),
        cmocka_unit_test(congestion_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
