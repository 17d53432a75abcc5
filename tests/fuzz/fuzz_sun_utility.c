/* Any octets as the output of Sun's utilities: every slice lies in it, and each reader comes to its end. */
#include <stdlib.h>

#include "../../collectors/sun_counters.h"
#include "../../collectors/sun_utility.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct slice part, struct slice text)
{
    if (part.n && (part.p < text.p || part.p + part.n > text.p + text.n))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct slice text = {(const char *)data, size};
    struct sun_counters counters, delta;
    struct sun_counted counted = {0};
    struct sun_counter c;
    struct sun_quota q;
    struct slice what;
    uint64_t n;
    int64_t ms;
    for (struct slice s = text; sun_counters_next(&s, &counters);) {
        check(counters.channel, text);
        sun_counters_since(&counted, &counters, &delta);
    }
    for (struct slice s = text; sun_counter_next(&s, &c);) {
        check(c.object, text);
        check(c.name, text);
        check(c.value, text);
        sun_take_service_time(&c.value, &ms);
    }
    for (struct slice s = text; sun_quota_next(&s, &q);)
        check(q.user, text);
    struct sun_connected connected;
    for (struct slice s = text; sun_connected_next(&s, &connected);) {
        check(connected.user, text);
        check(connected.method, text);
        check(connected.from, text);
        check(connected.service, text);
    }
    struct sun_last_access last;
    for (struct slice s = text; sun_last_access_next(&s, &last);)
        check(last.user, text);
    struct sun_server server;
    sun_server_of(text, &server);
    check(server.protocol, text);
    check(server.host, text);
    enum sun_finding is;
    for (struct slice s = text; sun_reconstruct_next(&s, &is, &n, &what);)
        check(what, text);
    for (struct slice s = text; sun_statistic_next(&s, &n, &what);)
        check(what, text);
    sun_quota_users(text, &n);
    sun_knows_line *const forms[] = {sun_knows_counters,  sun_knows_database,    sun_knows_quota,
                                     sun_knows_connected, sun_knows_last_access, sun_knows_finding};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        check(sun_judge_lines(text, forms[i]).sample, text);
    return 0;
}
