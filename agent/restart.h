/*
 * When to restart a service, and when to give up: Sun's watcher ("if a server fails more than twice in
 * this designated amount of time, then the system stops trying to restart the server"). Pure.
 */
#ifndef RESTART_H
#define RESTART_H

#include "model.h"

#define RESTART_FAILURES 2 /* more than these within the time are too many */

/* All zero but `state`, which is RESTART_IDLE, at first. */
struct restart {
    enum process_restart state;
    int64_t failed_at[RESTART_FAILURES]; /* the last ones, the newest first; CLOCK_MONOTONIC */
    unsigned failures;                   /* how many of them there are */
    int64_t next_ms;                     /* what is still down then has failed again */
};

/*
 * To be called whenever the service may have changed. down: its alarm is raised. Returns true when it
 * is to be restarted now. wait_ms: how long a restart may take to show. When it gives up, `state` becomes
 * RESTART_GAVE_UP until the service is up again.
 */
bool restart_step(struct restart *r, bool down, int64_t now_ms, int64_t wait_ms,
                  int64_t retry_timeout_ms);

#endif
