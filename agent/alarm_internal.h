/*
 * The engine's state; see alarm.c. Internal to alarm*.c.
 */
#ifndef ALARM_INTERNAL_H
#define ALARM_INTERNAL_H

#include "alarm.h"

struct watch {
    uint32_t key[3];
    uint8_t address[16];
    uint32_t alarm;          /* mailmonAlarmIndex; 0: none */
    uint32_t alarm_position; /* where its row is, if that still has the index */
    bool known, matches, judged, sampled, looked;
    int64_t sample, sample_at;
};

/* A rule at work. */
struct judge {
    const struct alarm_rule *rule;
    const struct alarm_baseline *baseline;
    struct watch *watches; /* by position */
    uint32_t room;         /* of watches */
    struct watch none;     /* of the pattern itself (RULE_ABSENT) */
    uint32_t matched;      /* rows in the last round */
    uint32_t restored;     /* its alarms that the store had and no watch has found yet */
    int64_t next_ms, look_ms;
};

struct alarms {
    const struct alarm_limits limits;
    struct model *model;
    struct names *names;
    struct judge *judges;
    unsigned count;
    uint16_t *rule_of; /* by position in MODEL_ALARM: of judges, and RESTORED */
    int64_t now, next_sweep;
    int64_t tokens; /* milliseconds of the minute that are left for transitions */
    bool owed;      /* something could not be told yet */
    struct table_time time;
    struct transition *out;
    unsigned room, told;
};

/* What a watch says at this moment, in the column's own numbers. */
struct measure {
    int64_t value, threshold, clear;
};

/* The alarm that a watch has, or NULL. */
struct alarm *alarm_of(const struct alarms *s, const struct watch *w);
/* Measures a row; false: nothing can be said of it now. */
bool alarm_measure(struct alarms *s, struct judge *j, struct watch *w, const void *row,
                   struct measure *x);

#endif
