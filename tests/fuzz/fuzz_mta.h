/* What holds for every mail transfer agent's parser, whatever octets are given to it as one line. */
#ifndef FUZZ_MTA_H
#define FUZZ_MTA_H

#include <stdlib.h>

#include "../../collectors/mta.h"
#include "fuzz_within.h"

/* The event of a line, checked but for its text, which may be a word of the parser's. */
static inline struct event fuzz_mta_parse(const struct mta *mta, struct slice line)
{
    struct syslog_context context;
    struct event e = {0};
    setenv("TZ", "UTC", 1);
    syslog_start(&context, INT64_C(1795301304000));
    mta->parse(&context, line, &e);
    const struct slice parts[] = {e.tag,     e.app,  e.id,    e.other_id,
                                  e.address, e.peer, e.relay, e.original};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        fuzz_within(parts[i], line);
    if (e.kind == EVENT_DELIVERY)
        fuzz_within(e.text, line);
    if (e.kind >= EVENT_KINDS || (e.code && (e.code < 4000000 || e.code > 5999999)))
        abort();
    return e;
}

#endif
