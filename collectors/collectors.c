/*
 * The registries: a line for each collector, a line for each mail transfer agent.
 */
#include <stdio.h>
#include "collector.h"
#include "sun_program.h"
#include "sun_service.h"

/* In the order of a tick: the log first, because the others ask what it knows. */
/* clang-format off */
const struct collector *const collectors[] = {
    &collector_log, &collector_access, &collector_quota,
    &collector_queue, &collector_queue_command,
    &collector_process,
    &collector_socket,
    &collector_rate,
    &collector_disk,
    &collector_file,
    &collector_host,
    &collector_processes,
    &collector_response, &collector_route,
    &collector_directory,
    &collector_sun,
    &collector_sun_queue,
    &collector_record,
    &collector_statistics,
    &collector_sun_command,
    NULL,
};
/* clang-format on */

const struct mta *const mtas[] = {
    &mta_postfix, &mta_exim, &mta_sendmail, &mta_opensmtpd, &mta_sun, NULL,
};

static const struct access_server *const access_servers[] = {
    &access_dovecot, &access_cyrus, &access_sun, &access_sun_program, NULL,
};

const struct access_server *access_find(const char *name)
{
    for (const struct access_server *const *a = access_servers; *a; a++)
        if (strcmp((*a)->name, name) == 0)
            return *a;
    return NULL;
}

const struct mta *mta_find(const char *name)
{
    for (const struct mta *const *m = mtas; *m; m++)
        if (strcmp((*m)->name, name) == 0)
            return *m;
    return NULL;
}

/* The i-th format, from 0; false: there are not so many. */
static bool format_at(unsigned i, struct format *f)
{
    const unsigned mta_count = sizeof mtas / sizeof mtas[0] - 1;
    if (i >= mta_count + sizeof access_servers / sizeof access_servers[0] - 1)
        return false;
    if (i >= mta_count) {
        const struct access_server *a = access_servers[i - mta_count];
        *f = (struct format){.name = a->name, .summary = a->summary, .parse = a->parse};
        return true;
    }
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
