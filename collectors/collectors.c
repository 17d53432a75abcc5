/*
 * The registries: a line for each collector, a line for each mail transfer agent.
 */
#include <stdio.h>
#include "collector.h"

extern const struct collector collector_directory;
extern const struct collector collector_log, collector_queue, collector_process, collector_socket,
    collector_rate;
extern const struct collector collector_disk, collector_host, collector_processes;
extern const struct collector collector_response;

/* In the order of a tick: the log first, because the others ask what it knows. */
/* clang-format off */
const struct collector *const collectors[] = {
    &collector_log,
    &collector_queue,
    &collector_process,
    &collector_socket,
    &collector_rate,
    &collector_disk,
    &collector_host,
    &collector_processes,
    &collector_response,
    &collector_directory,
    NULL,
};
/* clang-format on */

const struct mta *const mtas[] = {
    &mta_postfix,
    &mta_exim,
    &mta_sun,
    NULL,
};

const struct mta *mta_find(const char *name)
{
    for (const struct mta *const *m = mtas; *m; m++)
        if (strcmp((*m)->name, name) == 0)
            return *m;
    return NULL;
}

bool format_at(unsigned i, struct format *f)
{
    if (i >= sizeof mtas / sizeof mtas[0] - 1)
        return false;
    *f = (struct format){
        .name = mtas[i]->name, .summary = mtas[i]->summary, .parse = mtas[i]->parse};
    return true;
}

bool format_find(const char *name, struct format *f)
{
    for (unsigned i = 0; format_at(i, f); i++)
        if (strcmp(f->name, name) == 0)
            return true;
    fprintf(stderr, "mailmond: %s: unknown format; known are:", name);
    for (unsigned i = 0; format_at(i, f); i++)
        fprintf(stderr, "%s %s", i ? "," : "", f->name);
    fputc('\n', stderr);
    return false;
}
