/* Any octets as a line of Sun's service logs: every slice of the event lies in the line. */
#include <stdlib.h>

#include "../../collectors/maillog.h"
#include "../../collectors/sun_service.h"
#include "fuzz_within.h"

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
        fuzz_within(e.service, line);
        fuzz_within(e.address, line);
        fuzz_within(e.peer, line);
        fuzz_within(e.relay, line);
        fuzz_within(e.other_id, line);
        fuzz_within(e.text, line);
        struct sun_expire x = {0};
        sun_expire_take(&x, &e);
        if (e.entry >> 8 >= SUN_CATEGORIES || (e.entry & 0xff) >= SUN_LEVELS)
            abort();
    }
    return 0;
}
