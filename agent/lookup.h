/*
 * Finds the cell that an OID names, or the one that follows an OID, among all tables. Pure: no I/O,
 * no clock, no allocation; the view is the caller's. Names are never longer than OID_MAX
 * sub-identifiers.
 */
#ifndef LOOKUP_H
#define LOOKUP_H

#include "table.h"

struct oid_name {
    uint32_t ids[OID_MAX];
    uint32_t length;
};

enum lookup_result { LOOKUP_FOUND, LOOKUP_NO_INSTANCE, LOOKUP_NO_OBJECT }; /* RFC 3416, 4.2.1 */

/* Compares two OIDs as SNMP orders them: <0, 0, >0. */
int lookup_compare(const uint32_t *a, uint32_t a_length, const uint32_t *b, uint32_t b_length);
/* The column of this descriptor, as in the MIB, and its table; NULL: there is none. */
const struct column *lookup_column(const char *name, const struct table **table);
/* GET. */
enum lookup_result lookup_get(const struct view *v, const struct table_time *now,
                              const struct oid_name *name, struct value *value);
/*
 * GETNEXT: the first cell after `name` and before `end` (end->length 0: no bound). true: *next is
 * its name. next may be name itself.
 */
bool lookup_next(const struct view *v, const struct table_time *now, const struct oid_name *name,
                 const struct oid_name *end, struct oid_name *next, struct value *value);

#endif
