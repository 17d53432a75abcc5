/*
 * The registries: a line for each collector, a line for each mail transfer agent.
 */
#include "collector.h"

extern const struct collector collector_log, collector_queue, collector_process, collector_socket,
    collector_rate;

/* In the order of a tick: the log first, because the others ask what it knows. */
const struct collector *const collectors[] = {
    &collector_log, &collector_queue, &collector_process, &collector_socket, &collector_rate, NULL,
};

const struct mta *const mtas[] = {
    &mta_postfix,
    NULL,
};

const struct mta *mta_find(const char *name)
{
    for (const struct mta *const *m = mtas; *m; m++)
        if (strcmp((*m)->name, name) == 0)
            return *m;
    return NULL;
}
