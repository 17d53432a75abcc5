/*
 * MTA-MIB (RFC 2789) as data: mtaTable, mtaGroupTable, mtaGroupAssociationTable,
 * mtaGroupErrorTable.
 */
#include "tables.h"

static const struct column mta_columns[] = {
    C(1, "mtaReceivedMessages", COUNTER32, appl, received_messages),
    C(2, "mtaStoredMessages", GAUGE32, appl, stored_messages),
    C(3, "mtaTransmittedMessages", COUNTER32, appl, transmitted_messages),
    C(4, "mtaReceivedVolume", KCOUNTER32, appl, received_bytes),
    C(5, "mtaStoredVolume", KGAUGE32, appl, stored_bytes),
    C(6, "mtaTransmittedVolume", KCOUNTER32, appl, transmitted_bytes),
    C(7, "mtaReceivedRecipients", COUNTER32, appl, received_recipients),
    C(8, "mtaStoredRecipients", GAUGE32, appl, stored_recipients),
    C(9, "mtaTransmittedRecipients", COUNTER32, appl, transmitted_recipients),
    C(10, "mtaSuccessfulConvertedMessages", COUNTER32, appl, converted_messages),
    C(11, "mtaFailedConvertedMessages", COUNTER32, appl, failed_converted_messages),
    C(12, "mtaLoopsDetected", COUNTER32, appl, loops_detected),
};

const struct table mtaTable = {
    .module = "MTA-MIB",
    .name = "mtaTable",
    .entry = {1, 3, 6, 1, 2, 1, 28, 1, 1},
    .entry_length = 9,
    .index = "applIndex",
    .rows = MODEL_APPL,
    .presence_offset = offsetof(struct appl, is_mta),
    COLUMNS(mta_columns),
};

#define STORED .needs = offsetof(struct group, stored_messages)

static const struct column group_columns[] = {
    C(2, "mtaGroupReceivedMessages", COUNTER32, group, received_messages),
    C(3, "mtaGroupRejectedMessages", COUNTER32, group, rejected_messages),
    C(4, "mtaGroupStoredMessages", GAUGE32, group, stored_messages),
    C(5, "mtaGroupTransmittedMessages", COUNTER32, group, transmitted_messages),
    C(6, "mtaGroupReceivedVolume", KCOUNTER32, group, received_bytes),
    C(7, "mtaGroupStoredVolume", KGAUGE32, group, stored_bytes),
    C(8, "mtaGroupTransmittedVolume", KCOUNTER32, group, transmitted_bytes),
    C(9, "mtaGroupReceivedRecipients", COUNTER32, group, received_recipients),
    C(10, "mtaGroupStoredRecipients", GAUGE32, group, stored_recipients),
    C(11, "mtaGroupTransmittedRecipients", COUNTER32, group, transmitted_recipients),
    C(12, "mtaGroupOldestMessageStored", OLDEST_TI, group, oldest_at, STORED),
    C(13, "mtaGroupInboundAssociations", GAUGE32, group, inbound),
    C(14, "mtaGroupOutboundAssociations", GAUGE32, group, outbound),
    C(15, "mtaGroupAccumulatedInboundAssociations", COUNTER32, group, accumulated_inbound),
    C(16, "mtaGroupAccumulatedOutboundAssociations", COUNTER32, group, accumulated_outbound),
    C(17, "mtaGroupLastInboundActivity", AGE_TI, group, last_inbound_at),
    C(18, "mtaGroupLastOutboundActivity", AGE_TI, group, last_outbound_at),
    C(19, "mtaGroupRejectedInboundAssociations", COUNTER32, group, rejected_inbound),
    C(20, "mtaGroupFailedOutboundAssociations", COUNTER32, group, failed_outbound),
    C(21, "mtaGroupInboundRejectionReason", TEXT_NEVER, group, inbound_rejection_reason,
      .needs = offsetof(struct group, rejected_inbound)),
    C(22, "mtaGroupOutboundConnectFailureReason", TEXT_NEVER, group, outbound_failure_reason,
      .needs = offsetof(struct group, failed_outbound)),
    C(23, "mtaGroupScheduledRetry", UNTIL_TI, group, retry_at, STORED),
    C(24, "mtaGroupMailProtocol", PROTOCOL, group, protocol_port),
    C(25, "mtaGroupName", TEXT, group, name),
    C(26, "mtaGroupSuccessfulConvertedMessages", COUNTER32, group, converted_messages),
    C(27, "mtaGroupFailedConvertedMessages", COUNTER32, group, failed_converted_messages),
    C(28, "mtaGroupDescription", TEXT, group, description),
    C(29, "mtaGroupURL", TEXT, group, url),
    C(30, "mtaGroupCreationTime", AGE_TI, group, created_at),
    C(31, "mtaGroupHierarchy", INTEGER, group, hierarchy),
    C(32, "mtaGroupOldestMessageId", OLDEST_TEXT, group, oldest_id, STORED),
    C(33, "mtaGroupLoopsDetected", COUNTER32, group, loops_detected),
    C(34, "mtaGroupLastOutboundAssociationAttempt", AGE_TI, group, last_attempt_at),
};

const struct table mtaGroupTable = {
    .module = "MTA-MIB",
    .name = "mtaGroupTable",
    .entry = {1, 3, 6, 1, 2, 1, 28, 2, 1},
    .entry_length = 9,
    .index = "applIndex,mtaGroupIndex",
    .rows = MODEL_GROUP,
    COLUMNS(group_columns),
};

static const struct column group_association_columns[] = {
    C(1, "mtaGroupAssociationIndex", KEY, group_assoc, row.key[2]),
};

const struct table mtaGroupAssociationTable = {
    .module = "MTA-MIB",
    .name = "mtaGroupAssociationTable",
    .entry = {1, 3, 6, 1, 2, 1, 28, 3, 1},
    .entry_length = 9,
    .index = "applIndex,mtaGroupIndex,mtaGroupAssociationIndex",
    .rows = MODEL_GROUP_ASSOC,
    COLUMNS(group_association_columns),
};

static const struct column group_error_columns[] = {
    C(1, "mtaGroupInboundErrorCount", COUNTER32, group_error, inbound),
    C(2, "mtaGroupInternalErrorCount", COUNTER32, group_error, internal),
    C(3, "mtaGroupOutboundErrorCount", COUNTER32, group_error, outbound),
};

const struct table mtaGroupErrorTable = {
    .module = "MTA-MIB",
    .name = "mtaGroupErrorTable",
    .entry = {1, 3, 6, 1, 2, 1, 28, 5, 1},
    .entry_length = 9,
    .index = "applIndex,mtaGroupIndex,mtaStatusCode",
    .rows = MODEL_GROUP_ERROR,
    COLUMNS(group_error_columns),
};
