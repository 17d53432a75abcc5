/*
 * MAILMON-MIB as data: what users and probes meet, from access services to round trips.
 */
#include "tables.h"

static const char *const severity_labels[] = {"cleared", "indeterminate", "critical", "major",
                                              "minor",   "warning",       NULL};
static const char *const protocol_labels[] = {"tcp",   "smtp",  "submission", "smtps",       "lmtp",
                                              "imap",  "imaps", "pop3",       "pop3s",       "http",
                                              "https", "ldap",  "ldaps",      "managesieve", NULL};
static const char *const response_status_labels[] = {
    "unknown",       "up",         "slow",      "down", "refused", "timedOut", "tlsError",
    "protocolError", "authFailed", "congested", NULL};
static const char *const response_phrases[] = {"was not asked yet",
                                               "answers",
                                               "answers slowly",
                                               "is down",
                                               "refuses connections",
                                               "does not answer in time",
                                               "has a fault in TLS or its certificate",
                                               "does not answer as its protocol wants",
                                               "refuses the login",
                                               "says that it is too busy",
                                               NULL};
static const char *const route_status_labels[] = {
    "unknown", "delivered", "submitFailed", "lost", "late", "retrieveFailed", NULL};
static const char *const route_phrases[] = {
    "was not sent yet",        "arrived", "was not accepted", "has not arrived", "arrived late",
    "could not be looked for", NULL};
static const char *const store_phrases[] = {"is well", "is degraded", "is being recovered",
                                            "has failed", NULL};
static const char *const store_status_labels[] = {"ok", "degraded", "recovering", "failed", NULL};

static const struct column access_columns[] = {
    C(1, "mailmonAccessStartTime", DATE, access, start_at),
    C(2, "mailmonAccessLastConnection", DATE, access, last_connection_at),
    C(3, "mailmonAccessLastConnectionAge", AGE_S, access, last_connection_at),
    C(4, "mailmonAccessMaxConnections", GAUGE32, access, max_connections),
    C(5, "mailmonAccessConnections", COUNTER32, access, connections),
    C(6, "mailmonAccessCurrentConnections", GAUGE32, access, current_connections),
    C(7, "mailmonAccessFailedConnections", COUNTER32, access, failed_connections),
    C(8, "mailmonAccessFailedLogins", COUNTER32, access, failed_logins),
    C(9, "mailmonAccessGoodLogins", COUNTER32, access, good_logins),
    C(10, "mailmonAccessUsersLoggedIn", GAUGE32, access, users_logged_in),
    C(11, "mailmonAccessOctetsIn", COUNTER64, access, octets_in),
    C(12, "mailmonAccessOctetsOut", COUNTER64, access, octets_out),
    C(13, "mailmonAccessMailboxesSelected", COUNTER32, access, mailboxes_selected),
    C(14, "mailmonAccessLimitReached", COUNTER32, access, limit_reached),
    C(15, "mailmonAccessTlsSessions", COUNTER32, access, tls_sessions),
    C(16, "mailmonAccessAppended", COUNTER32, access, appended),
    C(17, "mailmonAccessFetched", COUNTER32, access, fetched),
    C(18, "mailmonAccessExpunged", COUNTER32, access, expunged),
};

const struct table mailmonAccessTable = {
    .module = "MAILMON-MIB",
    .name = "mailmonAccessTable",
    .entry = {OBJECTS, 7, 1},
    .entry_length = 13,
    .index = "applIndex",
    .rows = MODEL_ACCESS,
    COLUMNS(access_columns),
};

static const struct column response_columns[] = {
    C(2, "mailmonResponseName", TEXT, response, name),
    C(3, "mailmonResponseAppl", ENUM, response, appl),
    C(4, "mailmonResponseProtocol", ENUM, response, protocol, .labels = protocol_labels),
    C(5, "mailmonResponseHost", TEXT, response, host),
    C(6, "mailmonResponsePort", GAUGE32, response, port),
    C(7, "mailmonResponseStatus", ENUM, response, status, .labels = response_status_labels,
      .phrases = response_phrases),
    C(8, "mailmonResponseLastCheck", DATE, response, last_check_at),
    C(9, "mailmonResponseAge", AGE_S, response, last_check_at),
    C(10, "mailmonResponseTotal", GAUGE32, response, total_ms),
    C(11, "mailmonResponseMinimum", GAUGE32, response, minimum_ms),
    C(12, "mailmonResponseMaximum", GAUGE32, response, maximum_ms),
    C(13, "mailmonResponseMean", GAUGE32, response, mean_ms),
    C(14, "mailmonResponseChecks", COUNTER32, response, checks),
    C(15, "mailmonResponseFailures", COUNTER32, response, failures),
    C(16, "mailmonResponseConsecutiveFailures", GAUGE32, response, consecutive_failures),
    C(17, "mailmonResponseLastReply", TEXT, response, last_reply),
    C(18, "mailmonResponseCertNotAfter", DATE, response, cert_not_after_at),
    C(19, "mailmonResponseCertDaysLeft", INTEGER, response, cert_days_left),
    C(20, "mailmonResponseCertError", TEXT, response, cert_error),
    C(21, "mailmonResponseWarnAfter", GAUGE32, response, warn_after_ms),
    C(22, "mailmonResponseFailAfter", GAUGE32, response, fail_after_ms),
    C(23, "mailmonResponseMailboxMessages", GAUGE32, response, mailbox_messages),
    C(24, "mailmonResponseMailboxUnseen", GAUGE32, response, mailbox_unseen),
};

const struct table mailmonResponseTable = {
    .module = "MAILMON-MIB",
    .name = "mailmonResponseTable",
    .entry = {OBJECTS, 8, 1},
    .entry_length = 13,
    .index = "mailmonResponseIndex",
    .rows = MODEL_RESPONSE,
    COLUMNS(response_columns),
};

static const struct column step_columns[] = {
    C(2, "mailmonStepName", TEXT, step, name),
    C(3, "mailmonStepLast", GAUGE32, step, last_us),
};

const struct table mailmonStepTable = {
    .module = "MAILMON-MIB",
    .name = "mailmonStepTable",
    .entry = {OBJECTS, 9, 1},
    .entry_length = 13,
    .index = "mailmonResponseIndex,mailmonStepIndex",
    .rows = MODEL_STEP,
    COLUMNS(step_columns),
};

static const struct column route_columns[] = {
    C(2, "mailmonRouteName", TEXT, route, name),
    C(3, "mailmonRouteSubmitHost", TEXT, route, submit_host),
    C(4, "mailmonRouteRetrieveHost", TEXT, route, retrieve_host),
    C(5, "mailmonRouteUser", TEXT, route, user),
    C(6, "mailmonRouteStatus", ENUM, route, status, .labels = route_status_labels,
      .phrases = route_phrases),
    C(7, "mailmonRouteLastRun", DATE, route, last_run_at),
    C(8, "mailmonRouteAge", AGE_S, route, last_run_at),
    C(9, "mailmonRouteSubmitTime", GAUGE32, route, submit_ms),
    C(10, "mailmonRouteTransitTime", GAUGE32, route, transit_ms),
    C(11, "mailmonRouteRetrieveTime", GAUGE32, route, retrieve_ms),
    C(12, "mailmonRouteTotal", GAUGE32, route, total_ms),
    C(13, "mailmonRouteMinimum", GAUGE32, route, minimum_ms),
    C(14, "mailmonRouteMaximum", GAUGE32, route, maximum_ms),
    C(15, "mailmonRouteMean", GAUGE32, route, mean_ms),
    C(16, "mailmonRouteRuns", COUNTER32, route, runs),
    C(17, "mailmonRouteFailures", COUNTER32, route, failures),
    C(18, "mailmonRouteFaultHop", ROW, route, fault_response, .points = &mailmonResponseTable),
    C(19, "mailmonRouteFaultText", TEXT, route, fault_text),
    C(20, "mailmonRouteLeftovers", GAUGE32, route, leftovers),
};

const struct table mailmonRouteTable = {
    .module = "MAILMON-MIB",
    .name = "mailmonRouteTable",
    .entry = {OBJECTS, 10, 1},
    .entry_length = 13,
    .index = "mailmonRouteIndex",
    .rows = MODEL_ROUTE,
    COLUMNS(route_columns),
};

static const struct column log_event_columns[] = {
    C(2, "mailmonLogEventName", TEXT, log_event, name),
    C(3, "mailmonLogEventSource", ENUM, log_event, source),
    C(4, "mailmonLogEventSeverity", ENUM, log_event, severity, .labels = severity_labels),
    C(5, "mailmonLogEventMatches", COUNTER32, log_event, matches),
    C(6, "mailmonLogEventLast", DATE, log_event, last_at),
    C(7, "mailmonLogEventAge", AGE_S, log_event, last_at),
    C(8, "mailmonLogEventLastLine", TEXT, log_event, last_line),
};

const struct table mailmonLogEventTable = {
    .module = "MAILMON-MIB",
    .name = "mailmonLogEventTable",
    .entry = {OBJECTS, 15, 1},
    .entry_length = 13,
    .index = "mailmonLogEventIndex",
    .rows = MODEL_LOG_EVENT,
    COLUMNS(log_event_columns),
};

static const struct column quota_columns[] = {
    C(2, "mailmonQuotaOwner", TEXT, quota, owner),
    C(3, "mailmonQuotaUsed", GAUGE64, quota, used_kb),
    C(4, "mailmonQuotaQuota", GAUGE64, quota, quota_kb),
    C(5, "mailmonQuotaPercent", GAUGE32, quota, percent),
    C(6, "mailmonQuotaMessages", GAUGE32, quota, messages),
    C(7, "mailmonQuotaMessageQuota", GAUGE32, quota, message_quota),
};

const struct table mailmonQuotaTable = {
    .module = "MAILMON-MIB",
    .name = "mailmonQuotaTable",
    .entry = {OBJECTS, 16, 1},
    .entry_length = 13,
    .index = "mailmonQuotaIndex",
    .rows = MODEL_QUOTA,
    COLUMNS(quota_columns),
};

static const struct column quota_totals_columns[] = {
    C(1, "mailmonQuotaAccounts", GAUGE32, quota_totals, accounts),
    C(2, "mailmonQuotaOverWarn", GAUGE32, quota_totals, over_warn),
    C(3, "mailmonQuotaOverQuota", GAUGE32, quota_totals, over_quota),
};

const struct table mailmonQuota = {
    .module = "MAILMON-MIB",
    .name = "mailmonQuota",
    .entry = {OBJECTS, 17},
    .entry_length = 12,
    .scalar = true,
    .rows = MODEL_QUOTA_TOTALS,
    COLUMNS(quota_totals_columns),
};

static const struct column mail_store_columns[] = {
    C(2, "mailmonStoreName", TEXT, mail_store, name),
    C(3, "mailmonStoreStatus", ENUM, mail_store, status, .labels = store_status_labels,
      .phrases = store_phrases),
    C(4, "mailmonStoreTransactions", GAUGE32, mail_store, transactions),
    C(5, "mailmonStoreLocks", GAUGE32, mail_store, locks),
    C(6, "mailmonStoreDeadlocks", COUNTER32, mail_store, deadlocks),
    C(7, "mailmonStoreUsersLoggedIn", GAUGE32, mail_store, users_logged_in),
    C(8, "mailmonStoreExpunged", COUNTER32, mail_store, expunged),
    C(9, "mailmonStorePurged", COUNTER32, mail_store, purged),
    C(10, "mailmonStoreLastExpire", DATE, mail_store, last_expire_at),
    C(11, "mailmonStoreExpireAge", AGE_S, mail_store, last_expire_at),
    C(12, "mailmonStoreLastExpireDuration", GAUGE32, mail_store, last_expire_s),
};

const struct table mailmonStoreTable = {
    .module = "MAILMON-MIB",
    .name = "mailmonStoreTable",
    .entry = {OBJECTS, 18, 1},
    .entry_length = 13,
    .index = "mailmonStoreIndex",
    .rows = MODEL_MAIL_STORE,
    COLUMNS(mail_store_columns),
};

static const struct column session_columns[] = {
    C(1, "mailmonSessionUser", TEXT, session, user),
    C(2, "mailmonSessionAuthentication", TEXT, session, authentication),
    C(3, "mailmonSessionSince", DATE, session, since_at),
    C(4, "mailmonSessionAge", AGE_S, session, since_at),
    C(5, "mailmonSessionOctetsIn", COUNTER64, session, octets_in),
    C(6, "mailmonSessionOctetsOut", COUNTER64, session, octets_out),
};

const struct table mailmonSessionTable = {
    .module = "MAILMON-MIB",
    .name = "mailmonSessionTable",
    .entry = {OBJECTS, 20, 1},
    .entry_length = 13,
    .index = "applIndex,assocIndex",
    .rows = MODEL_SESSION,
    COLUMNS(session_columns),
};
