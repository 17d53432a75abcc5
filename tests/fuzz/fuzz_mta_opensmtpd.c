/* Any octets as one line of OpenSMTPD's log: every slice of the event lies in the line or is a group's name. */
#include <stdlib.h>

#include "../../collectors/mta.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct slice part, struct slice line)
{
    if (part.n && (part.p < line.p || part.p + part.n > line.p + line.n))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct syslog_context context;
    struct event e = {0};
    struct slice line = {(const char *)data, size};
    setenv("TZ", "UTC", 1);
    syslog_start(&context, INT64_C(1795301304000));
    mta_opensmtpd.parse(&context, line, &e);
    check(e.tag, line);
    check(e.app, line);
    check(e.id, line);
    check(e.other_id, line);
    check(e.address, line);
    check(e.peer, line);
    check(e.relay, line);
    check(e.original, line);
    check(e.text, line);
    if (e.kind >= EVENT_KINDS || (e.code && (e.code < 4000000 || e.code > 5999999)))
        abort();
    return 0;
}
