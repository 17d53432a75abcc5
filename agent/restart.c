/* The times of the last failures decide; see restart.h. */
#include "restart.h"

#include <string.h>

/* Are there already as many failures within the time as may be? */
static bool too_many(const struct restart *r, int64_t now_ms, int64_t retry_timeout_ms)
{
    return r->failures == RESTART_FAILURES &&
           now_ms - r->failed_at[RESTART_FAILURES - 1] <= retry_timeout_ms;
}

static void note(struct restart *r, int64_t now_ms)
{
    memmove(&r->failed_at[1], &r->failed_at[0], (RESTART_FAILURES - 1) * sizeof r->failed_at[0]);
    r->failed_at[0] = now_ms;
    if (r->failures < RESTART_FAILURES)
        r->failures++;
}

bool restart_step(struct restart *r, bool down, int64_t now_ms, int64_t wait_ms,
                  int64_t retry_timeout_ms)
{
    if (!down) {
        r->state = RESTART_IDLE;
        return false;
    }
    if (r->state == RESTART_GAVE_UP || (r->state == RESTART_RESTARTING && now_ms < r->next_ms))
        return false;
    if (too_many(r, now_ms, retry_timeout_ms)) {
        r->state = RESTART_GAVE_UP;
        return false;
    }
    note(r, now_ms);
    r->state = RESTART_RESTARTING;
    r->next_ms = now_ms + wait_ms;
    return true;
}
