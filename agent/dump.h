/*
 * A view as text, through the tables: one cell a line, as snmpwalk -OQ-like tools print it by name:
 *   MODULE::object.index = Type: value
 * for people, bug reports and golden tests.
 */
#ifndef DUMP_H
#define DUMP_H

#include <stdio.h>
#include "table.h"

/* Prints every cell of every table in OID order. false: the stream failed. */
bool dump_view(const struct view *v, const struct table_time *now, FILE *out);

#endif
