/*
 * From evidence to applOperStatus. No state.
 */
#include "appl_status.h"

#define CONGESTED_MS 120000 /* a warning that no connection can be taken holds this long */

enum probed appl_probed(enum probed before, enum response_status found)
{
    /* One service that answers makes the application up; one that is full is worth telling. */
    static const unsigned char rank[] = {[PROBED_NOTHING] = 0,
                                         [PROBED_DOWN] = 1,
                                         [PROBED_HALTED] = 2,
                                         [PROBED_UP] = 3,
                                         [PROBED_CONGESTED] = 4};
    static const unsigned char means[] = {
        [RESPONSE_UNKNOWN] = PROBED_NOTHING, [RESPONSE_UP] = PROBED_UP,
        [RESPONSE_SLOW] = PROBED_UP,         [RESPONSE_DOWN] = PROBED_DOWN,
        [RESPONSE_REFUSED] = PROBED_DOWN,    [RESPONSE_TIMED_OUT] = PROBED_HALTED,
        [RESPONSE_TLS_ERROR] = PROBED_UP,    [RESPONSE_PROTOCOL_ERROR] = PROBED_HALTED,
        [RESPONSE_AUTH_FAILED] = PROBED_UP,  [RESPONSE_CONGESTED] = PROBED_CONGESTED};
    enum probed is = found < sizeof means ? (enum probed)means[found] : PROBED_NOTHING;
    return rank[is] > rank[before] ? is : before;
}

static bool is_congested(const struct appl *a, int64_t now_ms)
{
    return a->stress == 1 ||
           (a->log_congested_at != MODEL_NEVER && now_ms - a->log_congested_at < CONGESTED_MS);
}

uint64_t appl_status(const struct appl *a, enum life life, enum probed probed, int64_t now_ms)
{
    static const uint64_t of_probe[] = {[PROBED_NOTHING] = APPL_UP,
                                        [PROBED_UP] = APPL_UP,
                                        [PROBED_CONGESTED] = APPL_CONGESTED,
                                        [PROBED_HALTED] = APPL_HALTED,
                                        [PROBED_DOWN] = APPL_DOWN};
    if (life == LIFE_UNKNOWN && a->log_status == MODEL_ABSENT && probed == PROBED_NOTHING)
        return MODEL_ABSENT;
    if (life == LIFE_DEAD)
        return a->log_status == APPL_RESTARTING ? APPL_RESTARTING : APPL_DOWN;
    if (life == LIFE_UNKNOWN && (a->log_status == APPL_DOWN || a->log_status == APPL_RESTARTING))
        return a->log_status;
    if (is_congested(a, now_ms))
        return APPL_CONGESTED;
    if (a->log_status == APPL_QUIESCING)
        return APPL_QUIESCING;
    return of_probe[probed];
}
