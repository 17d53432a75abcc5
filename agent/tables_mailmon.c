/*
 * MAILMON-MIB as data: the agent, its sources, and what MTAs have beyond MTA-MIB.
 */
#include "tables.h"

static const char *const severity[] = {"cleared", "indeterminate", "critical", "major",
                                       "minor",   "warning",       NULL};
static const char *const master_state[] = {"connected", "away", "embedded", NULL};
static const char *const source_kind[] = {"log",       "spool",   "probe",  "command",
                                          "directory", "process", "socket", "disk",
                                          "journal",   "file",    NULL};
static const char *const source_status[] = {
    "ok", "stale", "missing", "denied", "malformed", "truncated", "catchingUp", "disabled", NULL};

static const char *const source_phrases[] = {"is read",
                                             "is out of date",
                                             "is missing",
                                             "may not be read",
                                             "is not understood",
                                             "was cut: lines may be lost",
                                             "is being caught up with",
                                             "is turned off",
                                             NULL};

static const struct column agent_columns[] = {
    C(1, "mailmonAgentVersion", TEXT, agent, version),
    C(2, "mailmonAgentStartTime", DATE, agent, started_at),
    C(3, "mailmonAgentConfigLoaded", DATE, agent, config_loaded_at),
    C(4, "mailmonAgentCountersSince", DATE, agent, counters_since_at),
    C(5, "mailmonAgentConfigErrors", GAUGE32, agent, config_errors),
    C(6, "mailmonAgentModelAge", MODEL_AGE, agent, row),
    C(7, "mailmonAgentSources", GAUGE32, agent, sources),
    C(8, "mailmonAgentSourcesNotOk", GAUGE32, agent, sources_not_ok),
    C(9, "mailmonAgentAlarmsActive", GAUGE32, agent, alarms_active),
    C(10, "mailmonAgentWorstSeverity", ENUM, agent, worst_severity, .labels = severity),
    C(11, "mailmonAgentNotificationsSent", COUNTER32, agent, notifications_sent),
    C(12, "mailmonAgentNotificationsPending", GAUGE32, agent, notifications_pending),
    C(13, "mailmonAgentNotificationsLost", COUNTER32, agent, notifications_lost),
    C(14, "mailmonAgentRegistrationsRefused", COUNTER32, agent, registrations_refused),
    C(15, "mailmonAgentMasterState", ENUM, agent, master_state, .labels = master_state),
};

const struct table mailmonAgent = {
    .module = "MAILMON-MIB",
    .name = "mailmonAgent",
    .entry = {OBJECTS, 1},
    .entry_length = 12,
    .scalar = true,
    .rows = MODEL_AGENT,
    COLUMNS(agent_columns),
};

static const struct column source_columns[] = {
    C(2, "mailmonSourceName", TEXT, source, name),
    C(3, "mailmonSourceKind", ENUM, source, kind, .labels = source_kind),
    C(4, "mailmonSourceTarget", TEXT, source, target),
    C(5, "mailmonSourceAppl", ENUM, source, appl),
    C(6, "mailmonSourceStatus", ENUM, source, status, .labels = source_status,
      .phrases = source_phrases),
    C(7, "mailmonSourceLastSuccess", DATE, source, last_success_at),
    C(8, "mailmonSourceAge", AGE_S, source, last_success_at),
    C(9, "mailmonSourceInterval", GAUGE32, source, interval_s),
    C(10, "mailmonSourceDuration", GAUGE32, source, duration_ms),
    C(11, "mailmonSourceItems", COUNTER32, source, items),
    C(12, "mailmonSourceOctets", COUNTER64, source, bytes),
    C(13, "mailmonSourceUnrecognised", COUNTER32, source, unrecognised),
    C(14, "mailmonSourceBehind", GAUGE64, source, behind_bytes),
    C(15, "mailmonSourceRotations", COUNTER32, source, rotations),
    C(16, "mailmonSourceErrors", COUNTER32, source, errors),
    C(17, "mailmonSourceLastError", TEXT, source, last_error),
};

const struct table mailmonSourceTable = {
    .module = "MAILMON-MIB",
    .name = "mailmonSourceTable",
    .entry = {OBJECTS, 2, 1},
    .entry_length = 13,
    .index = "mailmonSourceIndex",
    .rows = MODEL_SOURCE,
    COLUMNS(source_columns),
};

static const struct column channel_columns[] = {
    C(1, "mailmonChannelActive", GAUGE32, group, active),
    C(2, "mailmonChannelIncoming", GAUGE32, group, incoming),
    C(3, "mailmonChannelDeferred", GAUGE32, group, deferred),
    C(4, "mailmonChannelHeld", GAUGE32, group, held),
    C(5, "mailmonChannelCorrupt", GAUGE32, group, corrupt),
    C(6, "mailmonChannelMaildrop", GAUGE32, group, maildrop),
    C(7, "mailmonChannelSubmittedMessages", COUNTER32, group, submitted_messages),
    C(8, "mailmonChannelSubmittedRecipients", COUNTER32, group, submitted_recipients),
    C(9, "mailmonChannelSubmittedOctets", COUNTER64, group, submitted_bytes),
    C(10, "mailmonChannelReceivedOctets", COUNTER64, group, received_bytes),
    C(11, "mailmonChannelTransmittedOctets", COUNTER64, group, transmitted_bytes),
    C(12, "mailmonChannelDeliveredFirstTime", COUNTER32, group, delivered_first_time),
    C(13, "mailmonChannelAttemptedMessages", COUNTER32, group, attempted_messages),
    C(14, "mailmonChannelAttemptedRecipients", COUNTER32, group, attempted_recipients),
    C(15, "mailmonChannelAttemptedOctets", COUNTER64, group, attempted_bytes),
    C(16, "mailmonChannelRejectedMessages", COUNTER32, group, rejected_messages),
    C(17, "mailmonChannelRejectedRecipients", COUNTER32, group, rejected_recipients),
    C(18, "mailmonChannelRejectedOctets", COUNTER64, group, rejected_bytes),
    C(19, "mailmonChannelFailedMessages", COUNTER32, group, failed_messages),
    C(20, "mailmonChannelFailedRecipients", COUNTER32, group, failed_recipients),
    C(21, "mailmonChannelFailedOctets", COUNTER64, group, failed_bytes),
    C(22, "mailmonChannelExpired", COUNTER32, group, expired),
    C(23, "mailmonChannelBouncesGenerated", COUNTER32, group, bounces_generated),
    C(24, "mailmonChannelQueueTimeSum", COUNTER64, group, queue_time_sum_ms),
    C(25, "mailmonChannelQueueTimeCount", COUNTER32, group, queue_time_count),
    C(26, "mailmonChannelQueueTimeFirstSum", COUNTER64, group, queue_time_first_sum_ms),
    C(27, "mailmonChannelQueueTimeFirstCount", COUNTER32, group, queue_time_first_count),
    C(28, "mailmonChannelAttemptedPerHour", GAUGE32, group, attempted_per_hour),
    C(29, "mailmonChannelFailedPerHour", GAUGE32, group, failed_per_hour),
    C(30, "mailmonChannelStoredMinimumMessages", INTEGER, group, stored_minimum_messages),
    C(31, "mailmonChannelStoredMinimumRecipients", INTEGER, group, stored_minimum_recipients),
    C(32, "mailmonChannelStoredMinimumBlocks", INTEGER, group, stored_minimum_blocks),
    C(33, "mailmonChannelDepthMean", GAUGE32, group, depth_mean),
    C(34, "mailmonChannelDepthDeviation", GAUGE32, group, depth_deviation),
    C(35, "mailmonChannelDepthSamples", GAUGE32, group, depth_samples),
    C(36, "mailmonChannelDepthPeak", GAUGE32, group, depth_peak),
    C(37, "mailmonChannelDepthPeakTime", DATE, group, depth_peak_at),
};

const struct table mailmonChannelTable = {
    .module = "MAILMON-MIB",
    .name = "mailmonChannelTable",
    .entry = {OBJECTS, 3, 1},
    .entry_length = 13,
    .index = "applIndex,mtaGroupIndex",
    .rows = MODEL_GROUP,
    COLUMNS(channel_columns),
};

static const struct column age_columns[] = {
    C(2, "mailmonAgeUpTo", GAUGE32, age, up_to_min),
    C(3, "mailmonAgeMessages", GAUGE32, age, messages),
};

const struct table mailmonAgeTable = {
    .module = "MAILMON-MIB",
    .name = "mailmonAgeTable",
    .entry = {OBJECTS, 4, 1},
    .entry_length = 13,
    .index = "applIndex,mtaGroupIndex,mailmonAgeBucket",
    .rows = MODEL_AGE,
    COLUMNS(age_columns),
};

static const struct column entry_columns[] = {
    C(2, "mailmonEntryCount", COUNTER32, entry, count),
    C(3, "mailmonEntryWithTls", COUNTER32, entry, with_tls),
    C(4, "mailmonEntryWithSasl", COUNTER32, entry, with_sasl),
    C(5, "mailmonEntryLast", DATE, entry, last_at),
    C(6, "mailmonEntryLastReason", TEXT, entry, last_reason),
};

const struct table mailmonEntryTable = {
    .module = "MAILMON-MIB",
    .name = "mailmonEntryTable",
    .entry = {OBJECTS, 5, 1},
    .entry_length = 13,
    .index = "applIndex,mtaGroupIndex,mailmonEntryCode",
    .rows = MODEL_ENTRY,
    COLUMNS(entry_columns),
};

static const struct column destination_columns[] = {
    C(2, "mailmonDestinationDomain", TEXT, destination, domain),
    C(3, "mailmonDestinationQueued", GAUGE32, destination, queued),
    C(4, "mailmonDestinationDeferred", GAUGE32, destination, deferred),
    C(5, "mailmonDestinationOldestAge", AGE_S, destination, oldest_at),
    C(6, "mailmonDestinationLastReason", TEXT, destination, last_reason),
    C(7, "mailmonDestinationLastStatusCode", ENUM, destination, last_status_code),
    C(8, "mailmonDestinationNextRetry", UNTIL_S, destination, retry_at),
    C(9, "mailmonDestinationDeferrals", COUNTER32, destination, deferrals),
    C(10, "mailmonDestinationDeliveries", COUNTER32, destination, deliveries),
};

const struct table mailmonDestinationTable = {
    .module = "MAILMON-MIB",
    .name = "mailmonDestinationTable",
    .entry = {OBJECTS, 6, 1},
    .entry_length = 13,
    .index = "applIndex,mailmonDestinationIndex",
    .rows = MODEL_DESTINATION,
    COLUMNS(destination_columns),
};

static const struct column connection_columns[] = {
    C(2, "mailmonConnectionCount", GAUGE32, connection, count),
};

const struct table mailmonConnectionTable = {
    .module = "MAILMON-MIB",
    .name = "mailmonConnectionTable",
    .entry = {OBJECTS, 13, 1},
    .entry_length = 13,
    .index = "applIndex,mailmonConnectionState",
    .rows = MODEL_CONNECTION,
    COLUMNS(connection_columns),
};

static const struct column peer_columns[] = {
    C(3, "mailmonPeerAddressText", ADDRESS, peer, address),
    C(4, "mailmonPeerCurrent", GAUGE32, peer, current),
    C(5, "mailmonPeerConnections", COUNTER32, peer, connections),
    C(6, "mailmonPeerRejected", COUNTER32, peer, rejected),
    C(7, "mailmonPeerAuthFailures", COUNTER32, peer, auth_failures),
    C(8, "mailmonPeerSynReceived", GAUGE32, peer, syn_received),
    C(9, "mailmonPeerCloseWait", GAUGE32, peer, close_wait),
    C(10, "mailmonPeerFirstSeen", DATE, peer, first_seen_at),
    C(11, "mailmonPeerLastSeen", DATE, peer, last_seen_at),
};

const struct table mailmonPeerTable = {
    .module = "MAILMON-MIB",
    .name = "mailmonPeerTable",
    .entry = {OBJECTS, 14, 1},
    .entry_length = 13,
    .index = "applIndex,mailmonPeerAddressType,mailmonPeerAddress",
    .rows = MODEL_PEER,
    COLUMNS(peer_columns),
};
