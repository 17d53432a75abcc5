/* Any octets as one line of a mailbox server's log: every slice of the event lies in the line. */
#include <stdlib.h>

#include "../../collectors/access_listing.h"
#include "../../collectors/log_pattern.h"
#include "fuzz_within.h"

static void check_server(const struct access_server *server, struct slice line)
{
    struct syslog_context context;
    struct event e = {0};
    syslog_start(&context, INT64_C(1795301304000));
    server->parse(&context, line, &e);
    if (e.kind >= EVENT_KINDS)
        abort();
    if (e.kind == EVENT_FOREIGN || e.kind == EVENT_UNKNOWN)
        return;
    fuzz_within(e.tag, line);
    fuzz_within(e.app, line);
    fuzz_within(e.other_id, line);
    fuzz_within(e.address, line);
    fuzz_within(e.peer, line);
    fuzz_within(e.relay, line);
    fuzz_within(e.text, line);
    unsigned patterns = 0;
    while (server->patterns[patterns].name)
        patterns++;
    if (e.id.n || e.access.protocol >= ACCESS_PROTOCOLS || e.access.level > LEVEL_FATAL ||
        e.access.pattern > patterns)
        abort();
}

/* The same octets as a listing, and as a pattern and the text to search. */
static void check_listings(struct slice text)
{
    struct access_columns columns = {0};
    struct access_listed l;
    struct access_usage u;
    for (struct slice rest = text; access_who(&rest, &columns, &l);)
        fuzz_within(l.user, text);
    if (access_proc(text, &l))
        fuzz_within(l.remote, text);
    for (struct slice rest = text; access_quota_dovecot(&rest, &u);)
        fuzz_within(u.owner, text);
    for (struct slice rest = text; access_quota_cyrus(&rest, &u);)
        fuzz_within(u.owner, text);
    struct log_pattern p;
    struct slice line, rest = text;
    while (log_pattern_parse(&p, slice_head(text, 6)) && log_pattern_next(&p, &rest, &line))
        fuzz_within(line, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice line = {(const char *)data, size};
    setenv("TZ", "UTC", 1);
    check_server(&access_dovecot, line);
    check_server(&access_cyrus, line);
    check_listings(line);
    return 0;
}
