/*
 * MAILMON-MIB as data: alarms and the log of their transitions.
 */
#include "tables.h"

static const char *const severity_labels[] = {"cleared", "indeterminate", "critical", "major",
                                              "minor",   "warning",       NULL};
static const char *const alarm_state_labels[] = {"clear", "pending", "raised", "suppressed", NULL};
static const char *const alarm_event_labels[] = {"raised", "cleared", "reminder", NULL};
static const char *const notified_labels[] = {"pending", "sent", "dropped", NULL};

static const struct column alarm_columns[] = {
    C(2, "mailmonAlarmId", TEXT, alarm, id),
    C(3, "mailmonAlarmInstance", TEXT, alarm, instance),
    C(4, "mailmonAlarmObject", OID, alarm, object),
    C(5, "mailmonAlarmDescription", TEXT, alarm, description),
    C(6, "mailmonAlarmSeverity", ENUM, alarm, severity, .labels = severity_labels),
    C(7, "mailmonAlarmState", ENUM, alarm, state, .labels = alarm_state_labels),
    C(8, "mailmonAlarmCurrent", INTEGER, alarm, current),
    C(9, "mailmonAlarmHigh", INTEGER, alarm, high),
    C(10, "mailmonAlarmLow", INTEGER, alarm, low),
    C(11, "mailmonAlarmThreshold", INTEGER, alarm, threshold),
    C(12, "mailmonAlarmUnit", TEXT, alarm, unit),
    C(13, "mailmonAlarmValueText", TEXT, alarm, value_text),
    C(14, "mailmonAlarmDirection", INTEGER, alarm, direction),
    C(15, "mailmonAlarmCrossings", COUNTER32, alarm, crossings),
    C(16, "mailmonAlarmWarningsSent", COUNTER32, alarm, warnings_sent),
    C(17, "mailmonAlarmTimeLastSet", DATE, alarm, last_set_at),
    C(18, "mailmonAlarmTimeLastWarning", DATE, alarm, last_warning_at),
    C(19, "mailmonAlarmTimeStateChanged", DATE, alarm, state_changed_at),
    C(20, "mailmonAlarmTimeReset", DATE, alarm, reset_at),
    C(21, "mailmonAlarmCheckInterval", GAUGE32, alarm, check_interval_s),
    C(22, "mailmonAlarmRepeatInterval", GAUGE32, alarm, repeat_interval_h),
    C(23, "mailmonAlarmHoldTime", GAUGE32, alarm, hold_time_s),
};

const struct table mailmonAlarmTable = {
    .module = "MAILMON-MIB",
    .name = "mailmonAlarmTable",
    .entry = {OBJECTS, 22, 1},
    .entry_length = 13,
    .index = "mailmonAlarmIndex",
    .rows = MODEL_ALARM,
    COLUMNS(alarm_columns),
};

static const struct column alarm_log_columns[] = {
    C(2, "mailmonAlarmLogNumber", GAUGE32, alarm_log, number),
    C(3, "mailmonAlarmLogTime", DATE, alarm_log, time_at),
    C(4, "mailmonAlarmLogAlarmIndex", GAUGE32, alarm_log, alarm_index),
    C(5, "mailmonAlarmLogId", TEXT, alarm_log, id),
    C(6, "mailmonAlarmLogInstance", TEXT, alarm_log, instance),
    C(7, "mailmonAlarmLogEvent", ENUM, alarm_log, event, .labels = alarm_event_labels),
    C(8, "mailmonAlarmLogSeverity", ENUM, alarm_log, severity, .labels = severity_labels),
    C(9, "mailmonAlarmLogValue", INTEGER, alarm_log, value),
    C(10, "mailmonAlarmLogThreshold", INTEGER, alarm_log, threshold),
    C(11, "mailmonAlarmLogText", TEXT, alarm_log, text),
    C(12, "mailmonAlarmLogNotified", ENUM, alarm_log, notified, .labels = notified_labels),
};

const struct table mailmonAlarmLogTable = {
    .module = "MAILMON-MIB",
    .name = "mailmonAlarmLogTable",
    .entry = {OBJECTS, 23, 1},
    .entry_length = 13,
    .index = "mailmonAlarmLogIndex",
    .rows = MODEL_ALARM_LOG,
    COLUMNS(alarm_log_columns),
};
