/*
 * Rows of mailmonLogEventTable: how often something that somebody should see stood in a log, when and
 * in which words. The names keep their index for ever.
 */
#ifndef LOG_EVENT_H
#define LOG_EVENT_H

#include "../agent/config.h"
#include "../agent/names.h"

/*
 * The row of this name, made if need be; NULL when the table is full or the name empty. source: the
 * sourceIndex of its log, 0 unknown; severity: enum alarm_severity.
 */
struct log_event *log_event_place(struct model *m, struct names *n, struct slice name,
                                  uint64_t severity, uint32_t source);
/*
 * Removes what an earlier configuration asked for: rows that were not placed since the start and whose names do not
 * begin with a server of this one, "NAME: ", as those do that are placed when something is first seen again.
 */
void log_event_drop_unplaced(struct model *m, const struct config *c);
/* Counts a line; at: its instant. Octets that are no printable text become '?'. line.p NULL: not kept. */
void log_event_count(struct model *m, struct log_event *row, int64_t at, struct slice line);

#endif
