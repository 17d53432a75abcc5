/*
 * The alarms of the collect process: rules, engine and stream wired together. main_collect.c drives it
 * with its tick and its checkpoints.
 */
#ifndef MAIN_ALARM_H
#define MAIN_ALARM_H

#include "alarm.h"
#include "slots.h"
#include "transitions.h"

struct alarm_work {
    struct alarm_rules *rules;
    struct alarms *alarms;
    struct transitions *transitions;
    struct model *model;
    uint64_t given_up; /* as the publisher counts it; it counts from 0 after each whole restart */
};

/* Restores the stream and the alarms' state. false: no memory, or the store cannot be read. */
bool alarm_work_start(struct alarm_work *w, const struct config *c, struct alarm_rules *rules,
                      struct model *m, struct names *n, struct store *store,
                      const struct slots_back *back, int64_t now_ms,
                      int64_t real_minus_monotonic_ms);
/*
 * Once a tick: judges if `judge`, and takes what the publisher accepted. true: there is more to send, the
 * publisher should be woken.
 */
bool alarm_work_tick(struct alarm_work *w, bool judge, const struct slots_back *back,
                     int64_t now_ms, int64_t real_minus_monotonic_ms);
/*
 * After a checkpoint was written, or could not be. true: there is something to send, the publisher
 * should be woken.
 */
bool alarm_work_stored(struct alarm_work *w, bool ok, int64_t real_minus_monotonic_ms);

#endif
