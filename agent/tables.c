/*
 * The registry of all tables, in OID order, and the list that holds code and MIB text together.
 */
#include "tables.h"

#include <inttypes.h>

const struct table *const tables[] = {
    &applTable,
    &assocTable,
    &mtaTable,
    &mtaGroupTable,
    &mtaGroupAssociationTable,
    &mtaGroupErrorTable,
    &dsTable,
    &dsApplIfOpsTable,
    &dsIntTable,
    &mailmonAgent,
    &mailmonSourceTable,
    &mailmonChannelTable,
    &mailmonAgeTable,
    &mailmonEntryTable,
    &mailmonDestinationTable,
    &mailmonAccessTable,
    &mailmonResponseTable,
    &mailmonStepTable,
    &mailmonRouteTable,
    &mailmonDiskTable,
    &mailmonProcessTable,
    &mailmonConnectionTable,
    &mailmonPeerTable,
    &mailmonLogEventTable,
    &mailmonQuotaTable,
    &mailmonQuota,
    &mailmonStoreTable,
    &mailmonFileTable,
    &mailmonSessionTable,
    &mailmonHost,
    &mailmonAlarmTable,
    &mailmonAlarmLogTable,
};
const uint32_t tables_count = sizeof tables / sizeof tables[0];

static const char *type_name(const struct column *c)
{
    switch (c->kind) {
    case COLUMN_COUNTER32:
    case COLUMN_KCOUNTER32:
        return "Counter32";
    case COLUMN_COUNTER64:
    case COLUMN_GAUGE64:
        return "Counter64";
    case COLUMN_GAUGE32:
    case COLUMN_KGAUGE32:
    case COLUMN_AGE_S:
    case COLUMN_UNTIL_S:
    case COLUMN_MODEL_AGE:
        return "Gauge32";
    case COLUMN_ENUM:
        return c->labels ? "Enum" : "Integer32";
    case COLUMN_TRUTH:
        return "Enum";
    case COLUMN_INTEGER:
    case COLUMN_AGE_TI:
    case COLUMN_OLDEST_TI:
    case COLUMN_UNTIL_TI:
    case COLUMN_KEY:
        return "Integer32";
    case COLUMN_TIMESTAMP:
        return "TimeTicks";
    case COLUMN_PROTOCOL:
    case COLUMN_OID:
    case COLUMN_ROW:
        return "ObjectIdentifier";
    case COLUMN_TEXT:
    case COLUMN_TEXT_NEVER:
    case COLUMN_TEXT_EMPTY:
    case COLUMN_OLDEST_TEXT:
    case COLUMN_DATE:
    case COLUMN_ADDRESS:
    case COLUMN_BITS:
        break;
    }
    return "OctetString";
}

static void print_labels(const struct column *c, FILE *out)
{
    if (!c->labels)
        fputs(c->kind == COLUMN_TRUTH ? "true(1),false(2)" : "-", out);
    for (unsigned i = 0; c->labels && c->labels[i]; i++)
        fprintf(out, "%s%s(%u)", i ? "," : "", c->labels[i], c->kind == COLUMN_BITS ? i : i + 1);
}

void tables_list(FILE *out)
{
    for (uint32_t i = 0; i < tables_count; i++) {
        const struct table *t = tables[i];
        for (uint32_t k = 0; k < t->column_count; k++) {
            const struct column *c = &t->columns[k];
            fprintf(out, "%s\t%s\t%s\t", t->module, t->name, c->name);
            for (uint32_t n = 0; n < t->entry_length; n++)
                fprintf(out, "%" PRIu32 ".", t->entry[n]);
            fprintf(out, "%" PRIu32 "\t%s\t", c->id, type_name(c));
            print_labels(c, out);
            fprintf(out, "\t%s\n", t->index ? t->index : "-");
        }
    }
}
