/* Rows of mailmond itself: the agent, the inputs it reads, its alarms and their transitions. */
#ifndef MODEL_AGENT_H
#define MODEL_AGENT_H

#include "model_row.h"

/* mailmonAgent's scalars: one row. */
struct agent {
    struct row row;
    struct text64 version;
    int64_t started_at, config_loaded_at, counters_since_at;
    uint64_t config_errors, sources, sources_not_ok, alarms_active, worst_severity;
    uint64_t notifications_sent, notifications_pending, notifications_lost;
    uint64_t registrations_refused, master_state; /* 1 connected, 2 away, 3 embedded */
};

enum source_kind {
    SOURCE_LOG = 1,
    SOURCE_SPOOL,
    SOURCE_PROBE,
    SOURCE_COMMAND,
    SOURCE_DIRECTORY,
    SOURCE_PROCESS,
    SOURCE_SOCKET,
    SOURCE_DISK,
    SOURCE_JOURNAL,
    SOURCE_FILE
};
enum source_status {
    SOURCE_OK = 1,
    SOURCE_STALE,
    SOURCE_MISSING,
    SOURCE_DENIED,
    SOURCE_MALFORMED,
    SOURCE_TRUNCATED,
    SOURCE_CATCHING_UP,
    SOURCE_DISABLED
};

/* MAILMON-MIB mailmonSourceTable: each input and how it fares. key: sourceIndex. */
struct source {
    struct row row;
    /* stored from here */
    struct text64 name;
    struct text255 target;
    uint64_t kind; /* enum source_kind */
    uint64_t items, bytes, unrecognised, rotations, errors;
    /* to here */
    uint64_t appl;   /* applIndex, or 0 when it serves several */
    uint64_t status; /* enum source_status */
    int64_t last_success_at;
    uint64_t interval_s, duration_ms, behind_bytes;
    struct text255 last_error;
    uint64_t told; /* 1: the log was told that it is not well; not served */
};

enum alarm_severity {
    SEVERITY_CLEARED = 1,
    SEVERITY_INDETERMINATE,
    SEVERITY_CRITICAL,
    SEVERITY_MAJOR,
    SEVERITY_MINOR,
    SEVERITY_WARNING
};
enum alarm_state { ALARM_CLEAR = 1, ALARM_PENDING, ALARM_RAISED, ALARM_SUPPRESSED };
enum alarm_event { ALARM_EVENT_RAISED = 1, ALARM_EVENT_CLEARED, ALARM_EVENT_REMINDER };
enum alarm_notified { NOTIFIED_PENDING = 1, NOTIFIED_SENT, NOTIFIED_DROPPED };

/* What the receivers of notifications know of an alarm. */
enum alarm_told { TOLD_CLEAR, TOLD_RAISED, TOLD_FLAPPING };

/* MAILMON-MIB mailmonAlarmTable. key: mailmonAlarmIndex. */
struct alarm {
    struct row row;
    /* stored from here */
    struct text64 id;
    struct text128 instance;
    struct oid_value object;
    struct text128 description;
    uint64_t severity; /* enum alarm_severity */
    uint64_t state;    /* enum alarm_state */
    int64_t current;
    int64_t high;
    int64_t low;
    int64_t threshold;
    struct text64 unit;
    struct text64 value_text;
    int64_t direction;
    uint64_t crossings;
    uint64_t warnings_sent;
    int64_t last_set_at;
    int64_t last_warning_at;
    int64_t state_changed_at;
    int64_t reset_at;
    uint64_t check_interval_s;
    uint64_t repeat_interval_h;
    uint64_t hold_time_s;
    uint64_t beyond;   /* 1: the value is beyond its threshold; not served, as all that follows */
    uint64_t raised;   /* 1: for long enough */
    uint64_t told;     /* enum alarm_told */
    int64_t beyond_at; /* since when */
    uint64_t flaps;    /* how often it was raised since flaps_at */
    int64_t flaps_at;
    /* to here */
    int64_t seen_at; /* when the row that it is about was there last */
};

/*
 * A transition of an alarm with everything about it: a notification, a mail, an action and a row of
 * the log are made of it and of nothing else. MODEL_TRANSITION has those that the master has not
 * accepted yet, the oldest first; it is in no table. key: the number.
 */
struct transition {
    struct row row;
    uint64_t number;
    int64_t at;
    uint64_t alarm_index;
    uint64_t event;    /* enum alarm_event */
    uint64_t severity; /* enum alarm_severity */
    int64_t direction, value, threshold, high, low;
    uint64_t crossings, warnings_sent, check_interval_s, repeat_interval_h;
    int64_t reset_at, value_at;
    struct oid_value object;
    struct text64 id, unit, value_text;
    struct text128 instance, description;
    struct text255 text;
};

/* MAILMON-MIB mailmonAlarmLogTable. key: mailmonAlarmLogIndex. */
struct alarm_log {
    struct row row;
    uint64_t number;
    int64_t time_at;
    uint64_t alarm_index;
    struct text64 id;
    struct text128 instance;
    uint64_t event;    /* enum alarm_event */
    uint64_t severity; /* enum alarm_severity */
    int64_t value;
    int64_t threshold;
    struct text255 text;
    uint64_t notified;  /* enum alarm_notified */
    uint64_t crossings; /* of the alarm then: mailmonAlarmCrossings in the notification */
};

#endif
