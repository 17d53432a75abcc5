/*
 * Rows of what is served to users and asked from outside: mailboxes, sessions, quotas, texts in logs,
 * response times, round trips, directories.
 */
#ifndef MODEL_SERVICE_H
#define MODEL_SERVICE_H

#include "model_row.h"

/* MAILMON-MIB mailmonAccessTable. key: applIndex. */
struct access {
    struct row row;
    /* stored from here */
    int64_t start_at;
    int64_t last_connection_at;
    uint64_t max_connections;
    uint64_t connections;
    uint64_t failed_connections;
    uint64_t failed_logins;
    uint64_t good_logins;
    uint64_t octets_in;
    uint64_t octets_out;
    uint64_t mailboxes_selected;
    uint64_t limit_reached;
    uint64_t tls_sessions;
    uint64_t appended;
    uint64_t fetched;
    uint64_t expunged;
    uint64_t metric_before
        [3]; /* by enum access_metric: the server's own counter when it was last read, absent:
                                  the log counts; not served */
    uint64_t metrics_since_s; /* since when the server counts, not served */
    /* to here */
    uint64_t current_connections;
    uint64_t users_logged_in;
};

/* MAILMON-MIB mailmonSessionTable. key: applIndex, assocIndex. */
struct session {
    struct row row;
    struct text128 user;
    struct text64 authentication;
    int64_t since_at;
    uint64_t octets_in;
    uint64_t octets_out;
};

/* MAILMON-MIB mailmonQuotaTable. key: mailmonQuotaIndex. */
struct quota {
    struct row row;
    struct text128 owner;
    uint64_t used_kb;
    uint64_t quota_kb;
    uint64_t percent;
    uint64_t messages;
    uint64_t message_quota;
};

/* MAILMON-MIB mailmonQuota. one row. */
struct quota_totals {
    struct row row;
    uint64_t accounts;
    uint64_t over_warn;
    uint64_t over_quota;
};

enum mail_store_status {
    MAIL_STORE_OK = 1,
    MAIL_STORE_DEGRADED,
    MAIL_STORE_RECOVERING,
    MAIL_STORE_FAILED
};

/* MAILMON-MIB mailmonStoreTable. key: mailmonStoreIndex. */
struct mail_store {
    struct row row;
    /* stored from here */
    uint64_t deadlocks;
    uint64_t expunged;
    uint64_t purged;
    int64_t last_expire_at;
    uint64_t last_expire_s;
    /* to here */
    struct text64 name;
    uint64_t status; /* enum mail_store_status */
    uint64_t transactions;
    uint64_t locks;
    uint64_t users_logged_in;
};

/* MAILMON-MIB mailmonLogEventTable. key: mailmonLogEventIndex. */
struct log_event {
    struct row row;
    /* stored from here */
    struct text64 name;
    uint64_t matches;
    int64_t last_at;
    struct text255 last_line;
    /* to here */
    uint64_t source;
    uint64_t severity; /* enum alarm_severity */
};

enum response_protocol {
    PROTOCOL_TCP = 1,
    PROTOCOL_SMTP,
    PROTOCOL_SUBMISSION,
    PROTOCOL_SMTPS,
    PROTOCOL_LMTP,
    PROTOCOL_IMAP,
    PROTOCOL_IMAPS,
    PROTOCOL_POP3,
    PROTOCOL_POP3S,
    PROTOCOL_HTTP,
    PROTOCOL_HTTPS,
    PROTOCOL_LDAP,
    PROTOCOL_LDAPS,
    PROTOCOL_MANAGESIEVE,
    PROTOCOLS_END
};
enum response_status {
    RESPONSE_UNKNOWN = 1,
    RESPONSE_UP,
    RESPONSE_SLOW,
    RESPONSE_DOWN,
    RESPONSE_REFUSED,
    RESPONSE_TIMED_OUT,
    RESPONSE_TLS_ERROR,
    RESPONSE_PROTOCOL_ERROR,
    RESPONSE_AUTH_FAILED,
    RESPONSE_CONGESTED
};

/* MAILMON-MIB mailmonResponseTable. key: mailmonResponseIndex. */
struct response {
    struct row row;
    /* stored from here */
    uint64_t minimum_ms;
    uint64_t maximum_ms;
    uint64_t checks;
    uint64_t failures;
    uint64_t consecutive_failures;
    uint64_t total_sum_ms; /* of successful probes */
    uint64_t total_count;
    /* to here */
    struct text64 name;
    uint64_t appl;
    uint64_t protocol; /* enum response_protocol */
    struct text128 host;
    uint64_t port;
    uint64_t status; /* enum response_status */
    int64_t last_check_at;
    uint64_t total_ms;
    uint64_t mean_ms;
    struct text128 last_reply;
    int64_t cert_not_after_at;
    int64_t cert_days_left;
    struct text128 cert_error;
    uint64_t warn_after_ms;
    uint64_t fail_after_ms;
    uint64_t mailbox_messages;
    uint64_t mailbox_unseen;
};

/* MAILMON-MIB mailmonStepTable. key: mailmonResponseIndex, mailmonStepIndex. */
struct step {
    struct row row;
    struct text64 name;
    uint64_t last_us;
};

enum route_status {
    ROUTE_UNKNOWN = 1,
    ROUTE_DELIVERED,
    ROUTE_SUBMIT_FAILED,
    ROUTE_LOST,
    ROUTE_LATE,
    ROUTE_RETRIEVE_FAILED
};

/* MAILMON-MIB mailmonRouteTable. key: mailmonRouteIndex. */
struct route {
    struct row row;
    /* stored from here */
    uint64_t minimum_ms;
    uint64_t maximum_ms;
    uint64_t runs;
    uint64_t failures;
    uint64_t total_sum_ms; /* of successful runs */
    uint64_t total_count;
    /* to here */
    struct text64 name;
    struct text128 submit_host;
    struct text128 retrieve_host;
    struct text64 user;
    uint64_t status; /* enum route_status */
    int64_t last_run_at;
    uint64_t submit_ms;
    uint64_t transit_ms;
    uint64_t retrieve_ms;
    uint64_t total_ms;
    uint64_t mean_ms;
    uint64_t fault_response; /* mailmonResponseIndex of the hop at fault, 0: none */
    struct text255 fault_text;
    uint64_t leftovers;
};

/* DIRECTORY-SERVER-MIB dsTable. key: applIndex. */
struct ds {
    struct row row;
    uint64_t server_type; /* bit 0: front end, bit 1: back end */
    struct text128 description;
    uint64_t master_entries, copy_entries, cache_entries;
    uint64_t cache_hits, slave_hits;
};

/* dsApplIfOpsTable. key: applIndex, dsApplIfProtocolIndex. Counters as the server gives them. */
struct ds_ops {
    struct row row;
    uint64_t protocol_port; /* applTCPProtoID.port */
    uint64_t unauth_binds, simple_auth_binds, strong_auth_binds, bind_security_errors;
    uint64_t in_ops, read_ops, compare_ops, add_entry_ops, remove_entry_ops, modify_entry_ops;
    uint64_t modify_rdn_ops, list_ops, search_ops, one_level_search_ops, whole_subtree_search_ops;
    uint64_t referrals, chainings, security_errors, errors;
    uint64_t replication_updates_in, replication_updates_out, in_bytes, out_bytes;
};

/* dsIntTable. key: applIndex, dsIntEntIndex, dsApplIfProtocolIndex. */
struct ds_int {
    struct row row;
    struct text255 directory_name;
    int64_t created_at, last_attempt_at, last_success_at;
    uint64_t failures_since_last_success, failures, successes;
    struct text128 url;
};

#endif
