/*
 * Rows of applications and of what moves mail: NETWORK-SERVICES-MIB, MTA-MIB, and what MAILMON-MIB tells
 * of groups, destinations and peers beside them.
 */
#ifndef MODEL_MAIL_H
#define MODEL_MAIL_H

#include "model_row.h"

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

#endif
