/* Any octets as the output of Sun's utilities: every slice lies in it, and each reader comes to its end. */
#include "../../collectors/sun_counters.h"
#include "../../collectors/sun_utility.h"
#include "fuzz_within.h"

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
        fuzz_within(counters.channel, text);
        sun_counters_since(&counted, &counters, &delta);
    }
    for (struct slice s = text; sun_counter_next(&s, &c);) {
        fuzz_within(c.object, text);
        fuzz_within(c.name, text);
        fuzz_within(c.value, text);
        sun_take_service_time(&c.value, &ms);
    }
    for (struct slice s = text; sun_quota_next(&s, &q);)
        fuzz_within(q.user, text);
    struct sun_connected connected;
    for (struct slice s = text; sun_connected_next(&s, &connected);) {
        fuzz_within(connected.user, text);
        fuzz_within(connected.method, text);
        fuzz_within(connected.from, text);
        fuzz_within(connected.service, text);
    }
    struct sun_last_access last;
    for (struct slice s = text; sun_last_access_next(&s, &last);)
        fuzz_within(last.user, text);
    struct sun_server server;
    sun_server_of(text, &server);
    fuzz_within(server.protocol, text);
    fuzz_within(server.host, text);
    enum sun_finding is;
    for (struct slice s = text; sun_reconstruct_next(&s, &is, &n, &what);)
        fuzz_within(what, text);
    for (struct slice s = text; sun_statistic_next(&s, &n, &what);)
        fuzz_within(what, text);
    sun_quota_users(text, &n);
    sun_knows_line *const forms[] = {sun_knows_counters,  sun_knows_database,    sun_knows_quota,
                                     sun_knows_connected, sun_knows_last_access, sun_knows_finding};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        fuzz_within(sun_judge_lines(text, forms[i]).sample, text);
    return 0;
}
