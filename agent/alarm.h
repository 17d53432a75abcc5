/*
 * Alarms: rules judge the columns of the model's rows; what comes of it are rows of mailmonAlarmTable
 * and transitions, in the order in which they happened. Pure: no I/O, no clock; after alarm_new
 * nothing is allocated. The state of an alarm is in its row, which the store keeps.
 *
 * A transition is made when what the receivers know of an alarm (`told`) is no longer true, and when a
 * reminder is due. The storm limit delays transitions; what is no longer true by then is never told.
 */
#ifndef ALARM_H
#define ALARM_H

#include "alarm_rule.h"
#include "names.h"

struct alarm_limits {
    uint32_t per_minute; /* transitions; 0: no limit */
    uint32_t flap_changes, flap_time_s;
};

struct alarms;

/*
 * Takes up the alarms that the store kept; those of rules that are no more will be cleared. Rules, model
 * and names must outlive it. NULL: no memory.
 */
struct alarms *alarm_new(const struct alarm_rules *rules, const struct alarm_limits *limits,
                         struct model *m, struct names *n, int64_t now_ms);
void alarm_free(struct alarms *s);
/*
 * Judges what is due at now_ms (CLOCK_MONOTONIC) and writes what happened, at most `room` transitions;
 * what has no room comes with the next step. Returns how many. The caller numbers them.
 */
unsigned alarm_step(struct alarms *s, int64_t now_ms, struct transition *out, unsigned room);

#endif
