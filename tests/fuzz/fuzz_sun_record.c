/* Any octets as a line of Sun's MTA log, with the fields inferred and with all of them: every slice lies in the line. */
#include <stdlib.h>

#include "../../collectors/mta.h"
#include "../../collectors/sun_record.h"
#include "fuzz_within.h"

static void parse(const struct sun_options *o, struct slice line)
{
    struct syslog_context c = {0};
    struct sun_record r;
    if (!sun_record_parse(&c, o, line, &r))
        return;
    sun_record_details(o, &r);
    const struct slice all[] = {r.node,
                                r.process,
                                r.source,
                                r.destination,
                                r.from,
                                r.original,
                                r.to,
                                r.file,
                                r.message_id,
                                r.rest,
                                r.envelope_id,
                                r.original_message_id,
                                r.username,
                                r.reason,
                                r.connection,
                                r.sensitivity,
                                r.priority,
                                r.filter,
                                r.diagnostic,
                                r.intermediate,
                                r.remote_mta,
                                r.transport,
                                r.application,
                                sun_record_peer(&r),
                                sun_record_reply(&r)};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        fuzz_within(all[i], line);
    if (r.code && (r.code < 'A' || r.code > 'Z' || !r.source.n))
        abort();
}

static void parse_event(struct slice line)
{
    struct syslog_context c;
    struct event e = {0};
    syslog_start(&c, INT64_C(1795301304000));
    mta_sun.parse(&c, line, &e);
    fuzz_within(e.service, line);
    fuzz_within(e.relay, line);
    fuzz_within(e.address, line);
    fuzz_within(e.peer, line);
    fuzz_within(e.id, line);
    fuzz_within(e.text, line);
    if (e.kind >= EVENT_KINDS || (e.code && (e.code < 4000000 || e.code > 5999999)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice line = {(const char *)data, size};
    struct sun_options text = {.format = 1, .fields = 0x7fff}, read;
    setenv("TZ", "UTC", 1);
    parse(NULL, line);
    parse_event(line);
    parse(&text, line);
    sun_options_parse(line, &read);
    parse(&read, line);
    return 0;
}
