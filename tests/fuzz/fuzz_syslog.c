/* Any octets as the head of a log line, twice, because the second time the kept stamp is used. */
#include <stdlib.h>

#include "../../agent/host_name.h"
#include "../../collectors/syslog.h"
#include "../../collectors/syslog_forms.h"
#include "fuzz_within.h"

#define MAX_INPUT 8192

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct syslog_context context;
    struct event e = {0};
    struct slice line = {(const char *)data, size}, text = {NULL, 0};
    int64_t first = 0;
    setenv("TZ", "UTC", 1);
    syslog_start(&context, INT64_C(1795301304000));
    struct slice host = syslog_host(syslog_host_word(&context, line));
    struct slice in_front = syslog_in_front(line), nested = syslog_nested(line);
    fuzz_within(host, line);
    fuzz_within(in_front, line);
    fuzz_within(nested, line);
    if (host.n && !host_name_good(host))
        abort();
    syslog_start(&context, INT64_C(1795301304000));
    for (int i = 0; i < 2; i++) {
        if (!syslog_head(&context, line, &e, &text))
            return 0;
        fuzz_within(e.tag, line);
        fuzz_within(text, line);
        if (host.n && e.tag.n && host.p + host.n > e.tag.p)
            abort(); /* it stands before the tag */
        if (i == 0)
            first = e.time_ms;
    }
    /* The year depends on the line before only when there is none in the line (a service's name may be in front). */
    if (size && data[0] >= '0' && data[0] <= '9' && !memchr(data, '|', size) && e.time_ms != first)
        abort();
    return 0;
}
