/* Any octets as a line of a log of the MTA's programs, in a file of any name: every slice lies in one of them. */
#include <stdlib.h>

#include "../../collectors/sun_program.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool inside(struct slice part, struct slice whole)
{
    return !part.n || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice line = {(const char *)data, size}, file = slice_cut(&line, '\n');
    struct syslog_context c;
    struct event e = {0};
    setenv("TZ", "UTC", 1);
    syslog_start(&c, INT64_C(1093864985000));
    c.file = file.p ? file : (struct slice){(const char *)data, 0};
    c.file_ms = size & 1 ? INT64_C(1093864985000) : 0;
    access_sun_program.parse(&c, line, &e);
    if (!inside(e.service, c.file) || !inside(e.text, line) ||
        e.entry > (SUN_PROGRAM_RECORD | SUN_PROGRAM_TROUBLE) ||
        (e.kind != EVENT_NONE && e.kind != EVENT_SERVER_LOG))
        abort();
    return 0;
}
