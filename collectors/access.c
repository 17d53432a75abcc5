/* What the parsers of all servers of mailboxes do alike. */
#include "access.h"

void access_clear(struct event *e)
{
    event_clear(e);
    e->access = (struct event_access){.in = EVENT_NOT_TOLD,
                                      .out = EVENT_NOT_TOLD,
                                      .fetched = EVENT_NOT_TOLD_U32,
                                      .expunged = EVENT_NOT_TOLD_U32};
}

uint8_t access_pattern(const struct access_pattern *patterns, struct slice message)
{
    for (unsigned i = 0; patterns[i].name; i++)
        if (slice_search(message, slice_of(patterns[i].literal)) < message.n)
            return (uint8_t)(i + 1);
    return 0;
}
