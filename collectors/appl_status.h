/*
 * applOperStatus (RFC 2788) of what is known of an application: its processes, what its log said last,
 * and what probes found. Pure.
 */
#ifndef APPL_STATUS_H
#define APPL_STATUS_H

#include "../agent/model.h"

enum life { LIFE_UNKNOWN, LIFE_DEAD, LIFE_ALIVE };

/* What the probes of an application found, taken together. */
enum probed {
    PROBED_NOTHING,
    PROBED_UP,        /* at least one was answered */
    PROBED_CONGESTED, /* one was told that no more can be served */
    PROBED_HALTED,    /* connections are taken, but not served */
    PROBED_DOWN       /* connections are not taken */
};

/* Adds the finding of one more probe. */
enum probed appl_probed(enum probed before, enum response_status found);

/*
 * An enum appl_status, or MODEL_ABSENT when nothing is known. In this order:
 *   the process is gone: restarting if the log says that it is being started, else down
 *   nobody can see the process, and the log says that it is down or being started: that
 *   the log says that no further connection can be taken: congested
 *   the log says that it is stopping: quiescing
 *   what the probes found
 *   up
 */
uint64_t appl_status(const struct appl *a, enum life life, enum probed probed, int64_t now_ms);

#endif
