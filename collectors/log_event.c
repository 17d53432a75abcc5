/*
 * Rows of mailmonLogEventTable. Invariant: matches only grows, and with the lines read alone.
 */
#include "log_event.h"

struct log_event *log_event_place(struct model *m, struct names *n, struct slice name,
                                  uint64_t severity, uint32_t source)
{
    struct text64 fits;
    TEXT_SET(fits, name);
    uint32_t key[3] = {names_index(n, MODEL_LOG_EVENT, 0, TEXT_GET(fits)), 0, 0};
    struct log_event *row = key[0] ? model_place(m, MODEL_LOG_EVENT, key, NULL) : NULL;
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
