/*
 * NETWORK-SERVICES-MIB (RFC 2788) as data: applTable and assocTable.
 */
#include "tables.h"

static const char *const oper_status[] = {"up",         "down",      "halted", "congested",
                                          "restarting", "quiescing", NULL};
static const char *const oper_phrases[] = {"is up",
                                           "is down",
                                           "runs, but does not serve",
                                           "is congested",
                                           "is being restarted",
                                           "is being shut down",
                                           NULL};
static const char *const association_type[] = {"uainitiator", "uaresponder", "peerinitiator",
                                               "peerresponder", NULL};

static const struct column appl_columns[] = {
    C(2, "applName", TEXT, appl, name),
    C(3, "applDirectoryName", TEXT_EMPTY, appl, directory_name),
    C(4, "applVersion", TEXT, appl, version),
    C(5, "applUptime", TIMESTAMP, appl, started_at),
    C(6, "applOperStatus", ENUM, appl, status, .labels = oper_status, .phrases = oper_phrases),
    C(7, "applLastChange", TIMESTAMP, appl, status_changed_at,
      .needs = offsetof(struct appl, status)),
    C(8, "applInboundAssociations", GAUGE32, appl, inbound),
    C(9, "applOutboundAssociations", GAUGE32, appl, outbound),
    C(10, "applAccumulatedInboundAssociations", COUNTER32, appl, accumulated_inbound),
    C(11, "applAccumulatedOutboundAssociations", COUNTER32, appl, accumulated_outbound),
    C(12, "applLastInboundActivity", TIMESTAMP, appl, last_inbound_at,
      .needs = offsetof(struct appl, accumulated_inbound)),
    C(13, "applLastOutboundActivity", TIMESTAMP, appl, last_outbound_at,
      .needs = offsetof(struct appl, accumulated_outbound)),
    C(14, "applRejectedInboundAssociations", COUNTER32, appl, rejected_inbound),
    C(15, "applFailedOutboundAssociations", COUNTER32, appl, failed_outbound),
    C(16, "applDescription", TEXT, appl, description),
    C(17, "applURL", TEXT_EMPTY, appl, url),
};

const struct table applTable = {
    .module = "NETWORK-SERVICES-MIB",
    .name = "applTable",
    .entry = {1, 3, 6, 1, 2, 1, 27, 1, 1},
    .entry_length = 9,
    .index = "applIndex",
    .rows = MODEL_APPL,
    COLUMNS(appl_columns),
};

static const struct column assoc_columns[] = {
    C(2, "assocRemoteApplication", TEXT, assoc, remote),
    C(3, "assocApplicationProtocol", PROTOCOL, assoc, protocol_port),
    C(4, "assocApplicationType", ENUM, assoc, type, .labels = association_type),
    C(5, "assocDuration", TIMESTAMP, assoc, since_at),
};

const struct table assocTable = {
    .module = "NETWORK-SERVICES-MIB",
    .name = "assocTable",
    .entry = {1, 3, 6, 1, 2, 1, 27, 2, 1},
    .entry_length = 9,
    .index = "applIndex,assocIndex",
    .rows = MODEL_ASSOC,
    COLUMNS(assoc_columns),
};
