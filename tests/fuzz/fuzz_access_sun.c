/* Any octets as a line of Sun's service logs: every slice of the event lies in the line. */
#include <stdlib.h>

#include "../../collectors/maillog.h"
#include "../../collectors/sun_service.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct slice part, struct slice line)
{
    if (part.n && (part.p < line.p || part.p + part.n > line.p + line.n))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice line = {(const char *)data, size};
    maillog_parse_line *const parsers[] = {access_sun.parse, sun_parse_trace};
    setenv("TZ", "UTC", 1);
    for (unsigned i = 0; i < 2; i++) {
        struct syslog_context c;
        struct event e = {0};
        syslog_start(&c, INT64_C(1093864985000));
        parsers[i](&c, line, &e);
        check(e.service, line);
        check(e.address, line);
        check(e.peer, line);
        check(e.relay, line);
        check(e.other_id, line);
        check(e.text, line);
        struct sun_expire x = {0};
        sun_expire_take(&x, &e);
        if (e.entry >> 8 >= SUN_CATEGORIES || (e.entry & 0xff) >= SUN_LEVELS)
            abort();
    }
    return 0;
}
