/*
 * The model: the facts of one moment, as flat rows without pointers. Collectors write the live model
 * (one process, one thread), slots.c hands copies of it to other processes, table.c names its cells
 * as OIDs, store.c keeps what must outlive the process.
 *
 * Who owns what: `struct model` owns its rows; a row's address never changes while the row exists, so
 * a collector may keep a pointer to a row it placed until it removes it. Rows are placed anywhere and
 * visited in index order through `order`.
 *
 * Conventions of the members:
 *   - counters and levels are uint64_t; MODEL_ABSENT means "this source cannot know it" and is never
 *     served. Add to a counter only when it is present (model_add does).
 *   - instants are int64_t milliseconds of CLOCK_MONOTONIC (negative before boot); MODEL_NEVER is
 *     "it never happened". Names end in _at.
 *   - volumes are octets; they are divided when served.
 *   - text is stored inline with its length; TEXT_ABSENT is "unknown".
 * Every struct is append-only between its stored_ marks: the store keeps those bytes as they are and
 * fills what an older record lacks with the row's initial values.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "slice.h"

#define MODEL_ABSENT UINT64_MAX
#define MODEL_NEVER  INT64_MIN
#define TEXT_ABSENT  255

/* The shared memory has room for this many times the default capacities; more cannot be configured. */
#define MODEL_CAPACITY_FACTOR 16

/* Inline text of at most 63, 127 or 254 octets. */
struct text64 {
    uint8_t length;
    char bytes[63];
};
struct text128 {
    uint8_t length;
    char bytes[127];
};
struct text255 {
    uint8_t length;
    char bytes[255];
};

/*
 * Sets a text member; what does not fit is cut on a UTF-8 character boundary. value.p == NULL makes it
 * absent. The value may lie in the member itself.
 */
#define TEXT_SET(member, slice)                                                                    \
    text_set(&(member).length, (member).bytes, sizeof(member).bytes, slice)
void text_set(uint8_t *length, char *bytes, size_t size, struct slice value);
/* The value of a text member; p == NULL when it is absent. */
#define TEXT_GET(member) text_get((member).length, (member).bytes, sizeof(member).bytes)
static inline struct slice text_get(uint8_t length, const char *bytes, size_t size)
{
    if (length == TEXT_ABSENT || length > size)
        return (struct slice){NULL, 0};
    return (struct slice){bytes, length};
}

/*
 * An object identifier: of a row or of a cell (RowPointer, VariablePointer of RFC 2579). length 0 is
 * zeroDotZero, "points nowhere"; OID_ABSENT is "unknown".
 */
#define OID_PARTS  40
#define OID_ABSENT UINT32_MAX
struct oid_value {
    uint32_t length;
    uint32_t parts[OID_PARTS];
};

/* The first member of every row. */
struct row {
    uint32_t key[3]; /* the integer parts of the index, unused ones 0 */
    uint8_t used;    /* 1 while the row exists */
    uint8_t dirty;   /* changed since the last checkpoint */
    uint8_t stored;  /* the store has a record of it */
    uint8_t stale;   /* a bit for each slot that has it as it was (slots.c) */
};

/* applOperStatus, RFC 2788. */
enum appl_status {
    APPL_UP = 1,
    APPL_DOWN,
    APPL_HALTED,
    APPL_CONGESTED,
    APPL_RESTARTING,
    APPL_QUIESCING
};

/* NETWORK-SERVICES-MIB applTable and MTA-MIB mtaTable. key: applIndex. */
struct appl {
    struct row row;
    /* stored from here */
    struct text64 name;
    struct text128 description;
    uint64_t is_mta; /* 1: has a row in mtaTable */
    uint64_t accumulated_inbound, accumulated_outbound, rejected_inbound, failed_outbound;
    int64_t last_inbound_at, last_outbound_at;
    uint64_t received_messages, received_bytes, received_recipients;
    uint64_t transmitted_messages, transmitted_bytes, transmitted_recipients;
    uint64_t converted_messages, failed_converted_messages, loops_detected;
    uint64_t status; /* enum appl_status */
    int64_t status_changed_at;
    int64_t started_at;       /* when the application was last (re)initialised */
    uint64_t log_status;      /* what its log last said of it: applOperStatus, or absent */
    int64_t log_congested_at; /* last warning that no further connection can be taken */
    uint64_t stress;          /* 1: postscreen is in STRESS mode */
    uint64_t connect_debt;    /* connections counted before they were refused, see tally.c */
    struct text64 version;
    uint64_t owed_messages, owed_bytes, owed_recipients; /* received, see tally_hop.c */
    uint64_t filtered; /* 1: mail comes back from a filter that does not say so, see tally_hop.c */
    uint64_t first_line_s;   /* real time of the first line of its log, 0: none; not served */
    uint64_t inbound_before; /* associations in the mail system's own file, last read; not served */
    uint64_t owed_sent_messages, owed_sent_bytes; /* transmitted, likewise */
    /* to here */
    uint64_t inbound, outbound; /* open associations */
    uint64_t stored_messages, stored_bytes, stored_recipients;
    struct text128 directory_name, url;
};

/* assocTable. key: applIndex, assocIndex. */
struct assoc {
    struct row row;
    struct text64 remote;
    uint64_t protocol_port; /* the protocol's primary port: applTCPProtoID.port */
    uint64_t type;          /* assocApplicationType 1..4 */
    int64_t since_at;
    uint64_t cookie; /* sock_diag's, not served */
    uint64_t round;  /* the scan that saw it last, not served */
};

/* MTA-MIB mtaGroupTable and MAILMON-MIB mailmonChannelTable. key: applIndex, mtaGroupIndex. */
struct group {
    struct row row;
    /* stored from here */
    struct text64 name;
    struct text128 description;
    int64_t hierarchy;      /* mtaGroupHierarchy: -1 inbound services, -2 transports, -3 queues */
    uint64_t protocol_port; /* mtaGroupMailProtocol: applTCPProtoID.port; 0 is 0.0 */
    int64_t created_at;
    uint64_t received_messages, received_bytes, received_recipients;
    uint64_t rejected_messages;
    uint64_t transmitted_messages, transmitted_bytes, transmitted_recipients;
    uint64_t accumulated_inbound, accumulated_outbound, rejected_inbound, failed_outbound;
    int64_t last_inbound_at, last_outbound_at, last_attempt_at;
    struct text128 inbound_rejection_reason, outbound_failure_reason;
    uint64_t converted_messages, failed_converted_messages, loops_detected;
    uint64_t submitted_messages, submitted_recipients, submitted_bytes;
    uint64_t delivered_first_time;
    uint64_t attempted_messages, attempted_recipients, attempted_bytes;
    uint64_t rejected_recipients, rejected_bytes;
    uint64_t failed_messages, failed_recipients, failed_bytes;
    uint64_t expired, bounces_generated;
    uint64_t queue_time_sum_ms, queue_time_count, queue_time_first_sum_ms, queue_time_first_count;
    uint64_t connect_debt;
    uint64_t ordinal; /* among the transports of its MTA, from 0; not served (tally.c) */
    /* to here */
    uint64_t stored_messages, stored_bytes, stored_recipients;
    int64_t oldest_at; /* MODEL_NEVER: see stored_messages == 0 */
    struct text255 oldest_id;
    uint64_t inbound, outbound;
    int64_t retry_at;
    uint64_t active, incoming, deferred, held, corrupt, maildrop;
    uint64_t attempted_per_hour, failed_per_hour;
    int64_t stored_minimum_messages, stored_minimum_recipients, stored_minimum_blocks;
    uint64_t depth_mean, depth_deviation, depth_samples, depth_peak;
    int64_t depth_peak_at;
    struct text128 url;
};

/* mtaGroupAssociationTable. key: applIndex, mtaGroupIndex, assocIndex. */
struct group_assoc {
    struct row row;
};

/* mtaGroupErrorTable. key: applIndex, mtaGroupIndex, mtaStatusCode. */
struct group_error {
    struct row row;
    uint64_t inbound, internal, outbound;
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

/* mailmonAgeTable. key: applIndex, mtaGroupIndex, bucket 1..11. */
#define AGE_BUCKETS 11
struct age {
    struct row row;
    uint64_t up_to_min; /* 0: no limit */
    uint64_t messages;
};

/* mailmonEntryTable's codes. */
enum entry_code {
    ENTRY_BAD_COMMAND = 1,
    ENTRY_DEQUEUED,
    ENTRY_ENQUEUED,
    ENTRY_REJECTED,
    ENTRY_FAILED_SILENTLY,
    ENTRY_DEFERRED,
    ENTRY_RETURNED,
    ENTRY_ABORTED,
    ENTRY_DELAY_WARNING,
    ENTRY_PARTLY_DEFERRED,
    ENTRY_CLOSED,
    ENTRY_OPENED,
    ENTRY_AUTHENTICATION,
    ENTRY_CONNECTION_REJECTED,
    ENTRY_CONNECTION_FAILED,
    ENTRY_ETRN,
    ENTRY_SENT,
    ENTRY_BOUNCED,
    ENTRY_EXPIRED,
    ENTRY_HELD,
    ENTRY_DISCARDED,
    ENTRY_CODES = ENTRY_DISCARDED
};

/* mailmonEntryTable. key: applIndex, mtaGroupIndex, enum entry_code. */
struct entry {
    struct row row;
    uint64_t count, with_tls, with_sasl;
    int64_t last_at;
    struct text128 last_reason;
};

/* mailmonDestinationTable. key: applIndex, destinationIndex. */
struct destination {
    struct row row;
    /* stored from here */
    struct text255 domain;
    uint64_t deferrals, deliveries;
    struct text128 last_reason;
    uint64_t last_status_code; /* as mtaStatusCode */
    int64_t last_at;           /* last delivery line, for eviction */
    /* to here; the rest follows from the messages in flight */
    uint64_t queued, deferred;
    int64_t oldest_at;
    int64_t retry_at;
};

/* mailmonConnectionTable. key: applIndex, RFC 4022 tcpConnectionState. */
struct connection {
    struct row row;
    uint64_t count;
};

/* mailmonPeerTable. key: applIndex, InetAddressType, 0; then the address. */
struct peer {
    struct row row;
    uint8_t address[16]; /* 4 or 16 octets by key[1] = 1 (ipv4) or 2 (ipv6) */
    uint64_t connections, rejected, auth_failures;
    int64_t first_seen_at, last_seen_at;
    /* stored up to here */
    uint64_t current, syn_received, close_wait;
};

/* mailmonAgent's scalars: one row. */
struct agent {
    struct row row;
    struct text64 version;
    int64_t started_at, config_loaded_at, counters_since_at;
    uint64_t config_errors, sources, sources_not_ok, alarms_active, worst_severity;
    uint64_t notifications_sent, notifications_pending, notifications_lost;
    uint64_t registrations_refused, master_state; /* 1 connected, 2 away, 3 embedded */
};

enum alarm_severity {
    SEVERITY_CLEARED = 1,
    SEVERITY_INDETERMINATE,
    SEVERITY_CRITICAL,
    SEVERITY_MAJOR,
    SEVERITY_MINOR,
    SEVERITY_WARNING
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
enum route_status {
    ROUTE_UNKNOWN = 1,
    ROUTE_DELIVERED,
    ROUTE_SUBMIT_FAILED,
    ROUTE_LOST,
    ROUTE_LATE,
    ROUTE_RETRIEVE_FAILED
};
enum disk_kind { DISK_STORE_PARTITION = 1, DISK_QUEUE, DISK_LOG, DISK_STATE, DISK_OTHER };
enum process_status { PROCESS_OK = 1, PROCESS_TOO_FEW, PROCESS_TOO_MANY, PROCESS_TOO_OLD };
enum process_restart { RESTART_IDLE = 1, RESTART_RESTARTING, RESTART_GAVE_UP };
enum alarm_state { ALARM_CLEAR = 1, ALARM_PENDING, ALARM_RAISED, ALARM_SUPPRESSED };
enum alarm_event { ALARM_EVENT_RAISED = 1, ALARM_EVENT_CLEARED, ALARM_EVENT_REMINDER };
enum alarm_notified { NOTIFIED_PENDING = 1, NOTIFIED_SENT, NOTIFIED_DROPPED };
enum mail_store_status {
    MAIL_STORE_OK = 1,
    MAIL_STORE_DEGRADED,
    MAIL_STORE_RECOVERING,
    MAIL_STORE_FAILED
};

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

/* MAILMON-MIB mailmonDiskTable. key: mailmonDiskIndex. */
struct disk {
    struct row row;
    struct text255 path;
    uint64_t kind; /* enum disk_kind */
    uint64_t total_kb;
    uint64_t available_kb;
    uint64_t total_mb;
    uint64_t available_mb;
    uint64_t percent_available;
    uint64_t inodes_percent_available;
    int64_t last_stat_at;
    uint64_t locked;
    uint64_t lock_threshold_percent;
    int64_t next_check_at;
    int64_t fill_rate_kb_per_hour;
    uint64_t hours_to_full;
};

/* MAILMON-MIB mailmonProcessTable. key: mailmonProcessIndex. */
struct process {
    struct row row;
    /* stored from here */
    uint64_t restarts;
    uint64_t restarts_tried;
    uint64_t main_pid;       /* of the process whose restarts are counted, not served */
    int64_t main_started_at; /* likewise */
    /* to here */
    struct text64 name;
    uint64_t expected_min;
    uint64_t expected_max;
    uint64_t running;
    int64_t oldest_at;
    uint64_t connections_served;
    uint64_t cpu_per_mille;
    uint64_t resident_kb;
    uint64_t status;        /* enum process_status */
    uint64_t restart_state; /* enum process_restart */
    uint64_t appl;          /* applIndex of what is down without it, or 0; not served */
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

/* MAILMON-MIB mailmonFileTable. key: mailmonFileIndex. */
struct file_watch {
    struct row row;
    struct text64 name;
    struct text255 pattern;
    uint64_t files;
    uint64_t size_bytes;
    uint64_t size_mb;
    int64_t newest_at;
    int64_t oldest_at;
    int64_t growth_kb_per_hour;
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

/* MAILMON-MIB mailmonHost. one row. */
struct host {
    struct row row;
    uint64_t cpu_user_percent;
    uint64_t cpu_system_percent;
    uint64_t cpu_wait_percent;
    uint64_t cpu_idle_percent;
    uint64_t swap_available_mb;
    uint64_t swap_available_kb; /* likewise, not served */
    uint64_t scan_rate;
    uint64_t run_queue;
};

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

/* What the receivers of notifications know of an alarm. */
enum alarm_told { TOLD_CLEAR, TOLD_RAISED, TOLD_FLAPPING };

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

/* In the store a kind of row is known by its number here: add at the end. */
enum model_table {
    MODEL_AGENT,
    MODEL_APPL,
    MODEL_ASSOC,
    MODEL_GROUP,
    MODEL_GROUP_ASSOC,
    MODEL_GROUP_ERROR,
    MODEL_SOURCE,
    MODEL_AGE,
    MODEL_ENTRY,
    MODEL_DESTINATION,
    MODEL_CONNECTION,
    MODEL_PEER,
    MODEL_ACCESS,
    MODEL_RESPONSE,
    MODEL_STEP,
    MODEL_ROUTE,
    MODEL_DISK,
    MODEL_PROCESS,
    MODEL_LOG_EVENT,
    MODEL_QUOTA,
    MODEL_QUOTA_TOTALS,
    MODEL_MAIL_STORE,
    MODEL_FILE_WATCH,
    MODEL_SESSION,
    MODEL_HOST,
    MODEL_ALARM,
    MODEL_ALARM_LOG,
    MODEL_DS,
    MODEL_DS_OPS,
    MODEL_DS_INT,
    MODEL_TRANSITION,
    MODEL_TABLES
};

/* What the model, the store and the slots must know of a kind of row. */
struct model_kind {
    const char *name;
    uint32_t row_size;
    uint32_t keys;                   /* integer parts of the index, 1..3 */
    uint32_t address_offset;         /* of an InetAddress that ends the index, or 0 */
    uint32_t capacity;               /* default */
    uint32_t stored_from, stored_to; /* the bytes that the store keeps; equal: none */
    const uint32_t *instants;        /* offsets of the instants among them, ends with 0 */
    const void *initial;             /* a fresh row */
};
extern const struct model_kind model_kinds[MODEL_TABLES];

/* The rows of one kind. */
struct rows {
    unsigned char *base; /* capacity * row_size, reserved at once, touched as used */
    uint32_t *order;     /* positions of the rows that exist, in index order */
    uint32_t count;      /* how many exist */
    uint32_t high;       /* positions ever used */
    uint32_t capacity;
    uint32_t row_size;
    uint32_t *free_list; /* positions to use again */
    uint32_t free_count;
    uint32_t *dirty_list; /* positions whose `dirty` is set */
    uint32_t dirty_count;
    bool unsorted;       /* `order` must be sorted before it is used */
    uint64_t overflow;   /* rows left out because the table was full */
    uint64_t generation; /* grows at every change that a reader should see */
    uint64_t touched; /* the generation at which any rows may have changed; later it is those that
                            are stale */
};

struct model {
    struct rows tables[MODEL_TABLES];
};

/*
 * Which line of a log is in work, in memory that outlives the collect process, so that its successor
 * knows on which line it died.
 */
struct model_work {
    uint64_t file;                 /* inode of the log */
    uint64_t line;                 /* offset of the line in work + 1; 0: none */
    uint64_t died_file, died_line; /* the line on which the last death happened */
    uint64_t deaths;               /* how many in a row happened on it */
};

/*
 * Makes an empty model; capacities[i] == 0 takes the default. Memory is reserved, not touched.
 * Returns false with errno when it cannot be had.
 */
bool model_init(struct model *m, const uint32_t capacities[MODEL_TABLES]);
void model_free(struct model *m);

/* The row with this index, or NULL. `address` (16 octets, zero padded) only for kinds that have one. */
void *model_find(const struct model *m, enum model_table t, const uint32_t key[3],
                 const uint8_t *address);
/* The row with this index, made from the kind's initial row if it is new; NULL when full (counted). */
void *model_place(struct model *m, enum model_table t, const uint32_t key[3],
                  const uint8_t *address);
/*
 * Restores a row that the store has, at its position; NULL if the position is taken or out of range or
 * the index exists already.
 */
void *model_place_at(struct model *m, enum model_table t, uint32_t position, const uint32_t key[3],
                     const uint8_t *address);
/*
 * Removes a row; its position may be used again at once. If the store has a record of it, it is in the
 * dirty list (with used == 0, unless the position was used again) until the next checkpoint.
 */
void model_remove(struct model *m, enum model_table t, void *row);
/*
 * Forgets the dirty list, after a checkpoint took it: put each position of the list with used == 1,
 * deleted those with used == 0 and stored == 1. Sets `stored` accordingly.
 */
void model_clean(struct model *m, enum model_table t);
/* The i-th row in index order, i < count. */
static inline void *model_row(const struct model *m, enum model_table t, uint32_t i)
{
    const struct rows *r = &m->tables[t];
    return r->base + (size_t)r->order[i] * r->row_size;
}
/* The position of a row, which is its name in the store. */
static inline uint32_t model_position(const struct model *m, enum model_table t, const void *row)
{
    const struct rows *r = &m->tables[t];
    return (uint32_t)((size_t)((const unsigned char *)row - r->base) / r->row_size);
}
/*
 * Gives a row another index and its initial members, in its position: for tables whose rows come and
 * go all the time. The order of the table is not kept; model_sort must be called before anything but
 * model_rekey, model_dirty and model_position is used on it again.
 */
void model_rekey(struct model *m, enum model_table t, void *row, const uint32_t key[3],
                 const uint8_t *address);
void model_sort(struct model *m, enum model_table t);

/* Says that only levels of this row changed: the next slots take it, the store does not. */
static inline void model_touch_row(struct model *m, enum model_table t, void *row)
{
    ((struct row *)row)->stale = UINT8_MAX;
    m->tables[t].generation++;
}
/* Says that this row's stored members changed: the next checkpoint and the next slots take it. */
static inline void model_dirty(struct model *m, enum model_table t, void *row)
{
    struct rows *r = &m->tables[t];
    struct row *head = row;
    model_touch_row(m, t, row);
    if (!head->dirty) {
        head->dirty = 1;
        r->dirty_list[r->dirty_count++] =
            (uint32_t)((size_t)((unsigned char *)row - r->base) / r->row_size);
    }
}
/* The same of any rows of a table: the next slots take it whole. */
static inline void model_touch(struct model *m, enum model_table t)
{
    m->tables[t].touched = ++m->tables[t].generation;
}

/* Adds to a counter that is present; an absent one stays absent. */
static inline void model_add(uint64_t *counter, uint64_t n)
{
    if (*counter != MODEL_ABSENT)
        *counter += n;
}

/* Compares two rows of a kind by index: <0, 0, >0. */
int model_compare(enum model_table t, const void *a, const void *b);

#endif
