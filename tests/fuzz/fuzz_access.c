/* Any octets as one line of a mailbox server's log: every slice of the event lies in the line. */
#include <stdlib.h>

#include "../../collectors/access.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice line = {(const char *)data, size};
    setenv("TZ", "UTC", 1);
    check_server(&access_dovecot, line);
    check_server(&access_cyrus, line);
    return 0;
}
