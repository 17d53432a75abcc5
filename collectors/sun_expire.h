/*
 * What the service logs of Sun's Messaging Server tell of messages that leave the store: each one that is expunged,
 * where messages are traced; and the runs of imexpire and impurge. A run has a process of its own: its first line
 * begins it, its last one ("Expire finished") ends it. No release documents the words of its summary: a number of
 * messages is taken with the verb beside it. Pure. Invariant: what is traced and what is summed up of a run counts
 * once.
 */
#ifndef SUN_EXPIRE_H
#define SUN_EXPIRE_H

#include "event.h"

/* The newest run of an instance; zeroed at first. */
struct sun_expire {
    uint32_t pid;
    int64_t first_ms;      /* real time */
    uint64_t traced, told; /* expunged in it: by lines of their own, by its summary */
    uint64_t purged;       /* told */
};

struct sun_expired {
    uint64_t expunged, purged; /* more than before */
    bool is_run;               /* it is a line of imexpire */
    uint64_t run_s;            /* from its first line to this one */
};
/* What a line of a service log adds. */
struct sun_expired sun_expire_take(struct sun_expire *x, const struct event *e);

#endif
