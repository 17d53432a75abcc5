/*
 * Rows of mailmonLogEventTable. Invariant: matches only grows, and with the lines read alone.
 */
#include "log_event.h"

struct log_event *log_event_place(struct model *m, struct names *n, struct slice name,
                                  uint64_t severity, uint32_t source)
{
    struct text64 fits = {0}; /* it is copied whole */
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

/* Does it begin with "SERVER: "? */
static bool is_of(struct slice name, const char *server)
{
    if (strncmp(server, CONFIG_EACH_HOST "/", 2) == 0) { /* of any host */
        name = slice_skip(name, slice_find(name, '/'));
        server++;
    }
    return slice_take(&name, slice_of(server)) && slice_starts(name, SLICE(": "));
}

/* usual: the name of a server that the configuration gives none. */
static bool is_of_any(struct slice name, const struct config_list *servers, const char *usual)
{
    const struct config_access *all = servers->items;
    for (unsigned i = 0; i < servers->count; i++)
        if (is_of(name, all[i].name ? all[i].name : usual))
            return true;
    return false;
}

void log_event_drop_unplaced(struct model *m, const struct config *c)
{
    for (uint32_t i = m->tables[MODEL_LOG_EVENT].count; i-- > 0;) {
        struct log_event *row = model_row(m, MODEL_LOG_EVENT, i);
        struct slice name = TEXT_GET(row->name);
        bool wanted = row->severity != MODEL_ABSENT || is_of_any(name, &c->dovecots, "dovecot") ||
                      is_of_any(name, &c->cyruses, "cyrus");
        for (unsigned n = 0; !wanted && n < c->mta_count; n++)
            wanted = c->mtas[n].name && is_of(name, c->mtas[n].name);
        if (!wanted)
            model_remove(m, MODEL_LOG_EVENT, row);
    }
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
