/* Any octets as one line of a mailbox server's log: every slice of the event lies in the line. */
#include <stdlib.h>

#include "../../collectors/access_listing.h"
#include "../../collectors/log_pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct slice part, struct slice line)
{
    if (part.n && (part.p < line.p || part.p + part.n > line.p + line.n))
        abort();
}

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
    check(e.tag, line);
    check(e.app, line);
    check(e.other_id, line);
    check(e.address, line);
    check(e.peer, line);
    check(e.relay, line);
    check(e.text, line);
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
        check(l.user, text);
    if (access_proc(text, &l))
        check(l.remote, text);
    for (struct slice rest = text; access_quota_dovecot(&rest, &u);)
        check(u.owner, text);
    for (struct slice rest = text; access_quota_cyrus(&rest, &u);)
        check(u.owner, text);
    struct log_pattern p;
    struct slice line, rest = text;
    while (log_pattern_parse(&p, slice_head(text, 6)) && log_pattern_next(&p, &rest, &line))
        check(line, text);
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
