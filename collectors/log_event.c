/*
 * Rows of mailmonLogEventTable. Invariant: matches only grows, and with the lines read alone.
 */
#include "log_event.h"

struct log_event *log_event_place(struct model *m, struct names *n, struct slice name,
                                  uint64_t severity, uint32_t source)
{
    struct text64 fits;
    TEXT_SET(fits, name);
    struct log_event *row = names_place(n, m, MODEL_LOG_EVENT, TEXT_GET(fits));
    if (!row)
        return NULL;
    row->name = fits;
    row->severity = severity;
    row->source = source ? source : MODEL_ABSENT;
    model_dirty(m, MODEL_LOG_EVENT, row);
    return row;
}

void log_event_count(struct model *m, struct log_event *row, int64_t at, struct slice line)
{
    row->matches++;
    row->last_at = at;
    TEXT_SET(row->last_line, line);
    for (unsigned i = 0; line.p && i < row->last_line.length; i++) {
        unsigned char c = (unsigned char)row->last_line.bytes[i];
        if (c < 0x20 || c == 0x7f)
            row->last_line.bytes[i] = '?';
    }
    model_dirty(m, MODEL_LOG_EVENT, row);
}
