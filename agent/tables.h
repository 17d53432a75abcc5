/*
 * The MIB modules as data: one file per module, one line per column, in the MIB's order. A column
 * line is C(id, "descriptor", KIND, struct, member), with .labels or .needs where the column has
 * them.
 */
#ifndef TABLES_H
#define TABLES_H

#include <stdio.h>
#include "table.h"

#define C(id_, name_, kind_, struct_, member_, ...)                                                \
    {                                                                                              \
        .name = name_, .id = id_, .kind = COLUMN_##kind_,                                          \
        .offset = offsetof(struct struct_, member_),                                               \
        .size = sizeof(((struct struct_ *)0)->member_), __VA_ARGS__                                \
    }
/* Where MAILMON-MIB lives: netSnmpPlaypen 1566. A site with a number of its own changes it here, at the top of
   the MIB, and in the files of packaging/ that it uses. */
#define ARC            1, 3, 6, 1, 4, 1, 8072, 9999, 9999, 1566
#define OBJECTS        ARC, 1
#define COLUMNS(array) .columns = (array), .column_count = sizeof(array) / sizeof(array)[0]

extern const struct table applTable, assocTable;
extern const struct table mtaTable, mtaGroupTable, mtaGroupAssociationTable, mtaGroupErrorTable;
extern const struct table mailmonAgent, mailmonSourceTable, mailmonChannelTable, mailmonAgeTable,
    mailmonEntryTable, mailmonDestinationTable, mailmonConnectionTable, mailmonPeerTable;
extern const struct table mailmonAccessTable, mailmonResponseTable, mailmonStepTable,
    mailmonRouteTable, mailmonLogEventTable, mailmonQuotaTable, mailmonQuota, mailmonStoreTable,
    mailmonSessionTable;
extern const struct table mailmonDiskTable, mailmonProcessTable, mailmonFileTable, mailmonHost;
extern const struct table mailmonAlarmTable, mailmonAlarmLogTable;
extern const struct table dsTable, dsApplIfOpsTable, dsIntTable;

/*
 * Prints one line for each accessible column, in OID order, fields separated by tabs: module,
 * table, column, OID, type (as in SMIv2), labels "up(1),down(2)" or "-", index objects or "-".
 */
void tables_list(FILE *out);

#endif
