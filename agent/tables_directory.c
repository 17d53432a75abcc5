/*
 * DIRECTORY-SERVER-MIB (RFC 2605) as data. A directory server is an application: its row in applTable
 * has the same applIndex.
 */
#include "tables.h"

static const char *const server_type_bits[] = {"frontEndDirectoryServer", "backEndDirectoryServer",
                                               NULL};

static const struct column ds_columns[] = {
    C(1, "dsServerType", BITS, ds, server_type, .labels = server_type_bits),
    C(2, "dsServerDescription", TEXT, ds, description),
    C(3, "dsMasterEntries", GAUGE32, ds, master_entries),
    C(4, "dsCopyEntries", GAUGE32, ds, copy_entries),
    C(5, "dsCacheEntries", GAUGE32, ds, cache_entries),
    C(6, "dsCacheHits", COUNTER32, ds, cache_hits),
    C(7, "dsSlaveHits", COUNTER32, ds, slave_hits),
};

const struct table dsTable = {
    .module = "DIRECTORY-SERVER-MIB",
    .name = "dsTable",
    .entry = {1, 3, 6, 1, 2, 1, 66, 1, 1},
    .entry_length = 9,
    .index = "applIndex",
    .rows = MODEL_DS,
    COLUMNS(ds_columns),
};

static const struct column ds_ops_columns[] = {
    C(1, "dsApplIfProtocolIndex", KEY, ds_ops, row.key[1]),
    C(2, "dsApplIfProtocol", PROTOCOL, ds_ops, protocol_port),
    C(3, "dsApplIfUnauthBinds", COUNTER32, ds_ops, unauth_binds),
    C(4, "dsApplIfSimpleAuthBinds", COUNTER32, ds_ops, simple_auth_binds),
    C(5, "dsApplIfStrongAuthBinds", COUNTER32, ds_ops, strong_auth_binds),
    C(6, "dsApplIfBindSecurityErrors", COUNTER32, ds_ops, bind_security_errors),
    C(7, "dsApplIfInOps", COUNTER32, ds_ops, in_ops),
    C(8, "dsApplIfReadOps", COUNTER32, ds_ops, read_ops),
    C(9, "dsApplIfCompareOps", COUNTER32, ds_ops, compare_ops),
    C(10, "dsApplIfAddEntryOps", COUNTER32, ds_ops, add_entry_ops),
    C(11, "dsApplIfRemoveEntryOps", COUNTER32, ds_ops, remove_entry_ops),
    C(12, "dsApplIfModifyEntryOps", COUNTER32, ds_ops, modify_entry_ops),
    C(13, "dsApplIfModifyRDNOps", COUNTER32, ds_ops, modify_rdn_ops),
    C(14, "dsApplIfListOps", COUNTER32, ds_ops, list_ops),
    C(15, "dsApplIfSearchOps", COUNTER32, ds_ops, search_ops),
    C(16, "dsApplIfOneLevelSearchOps", COUNTER32, ds_ops, one_level_search_ops),
    C(17, "dsApplIfWholeSubtreeSearchOps", COUNTER32, ds_ops, whole_subtree_search_ops),
    C(18, "dsApplIfReferrals", COUNTER32, ds_ops, referrals),
    C(19, "dsApplIfChainings", COUNTER32, ds_ops, chainings),
    C(20, "dsApplIfSecurityErrors", COUNTER32, ds_ops, security_errors),
    C(21, "dsApplIfErrors", COUNTER32, ds_ops, errors),
    C(22, "dsApplIfReplicationUpdatesIn", COUNTER32, ds_ops, replication_updates_in),
    C(23, "dsApplIfReplicationUpdatesOut", COUNTER32, ds_ops, replication_updates_out),
    C(24, "dsApplIfInBytes", COUNTER32, ds_ops, in_bytes),
    C(25, "dsApplIfOutBytes", COUNTER32, ds_ops, out_bytes),
};

const struct table dsApplIfOpsTable = {
    .module = "DIRECTORY-SERVER-MIB",
    .name = "dsApplIfOpsTable",
    .entry = {1, 3, 6, 1, 2, 1, 66, 2, 1},
    .entry_length = 9,
    .index = "applIndex,dsApplIfProtocolIndex",
    .rows = MODEL_DS_OPS,
    COLUMNS(ds_ops_columns),
};

static const struct column ds_int_columns[] = {
    C(2, "dsIntEntDirectoryName", TEXT, ds_int, directory_name),
    C(3, "dsIntEntTimeOfCreation", TIMESTAMP, ds_int, created_at),
    C(4, "dsIntEntTimeOfLastAttempt", TIMESTAMP, ds_int, last_attempt_at),
    C(5, "dsIntEntTimeOfLastSuccess", TIMESTAMP, ds_int, last_success_at),
    C(6, "dsIntEntFailuresSinceLastSuccess", GAUGE32, ds_int, failures_since_last_success),
    C(7, "dsIntEntFailures", GAUGE32, ds_int, failures),
    C(8, "dsIntEntSuccesses", GAUGE32, ds_int, successes),
    C(9, "dsIntEntURL", TEXT, ds_int, url),
};

const struct table dsIntTable = {
    .module = "DIRECTORY-SERVER-MIB",
    .name = "dsIntTable",
    .entry = {1, 3, 6, 1, 2, 1, 66, 3, 1},
    .entry_length = 9,
    .index = "applIndex,dsIntEntIndex,dsApplIfProtocolIndex",
    .rows = MODEL_DS_INT,
    COLUMNS(ds_int_columns),
};
