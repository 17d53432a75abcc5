/* table.c: each kind of column follows SMI. */
#include "table_world.h"

/* GET of a whole OID. */
static bool get(struct world *w, const uint32_t *oid, uint32_t n, struct value *value)
{
    for (uint32_t i = 0; i < tables_count; i++) {
        const struct table *t = tables[i];
        uint32_t entry = t->entry_length;
        if (n > entry && memcmp(oid, t->entry, entry * sizeof *oid) == 0)
            return table_get(t, view(w), &now, oid[entry], oid + entry + 1, n - entry - 1, value);
    }
    return false;
}

#define OID(...) (const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / 4
#define MIB2     1, 3, 6, 1, 2, 1
#define MAILMON  1, 3, 6, 1, 4, 1, 8072, 9999, 9999, 1566, 1

static void number(struct world *w, enum smi type, int64_t expected, const uint32_t *oid,
                   uint32_t n)
{
    struct value value;
    assert_true(get(w, oid, n, &value));
    assert_int_equal(value.type, type);
    assert_int_equal((int64_t)value.number, expected);
}

static void text(struct world *w, const char *expected, const uint32_t *oid, uint32_t n)
{
    struct value value;
    assert_true(get(w, oid, n, &value));
    assert_int_equal(value.type, SMI_OCTETS);
    assert_int_equal(value.length, strlen(expected));
    assert_memory_equal(value.octets, expected, value.length);
}

static void absent(struct world *w, const uint32_t *oid, uint32_t n)
{
    struct value value;
    assert_false(get(w, oid, n, &value));
}

static void vectors(void **state)
{
    struct world *w = *state;
    struct value value;
    const uint32_t smtp[] = {1, 3, 6, 1, 2, 1, 27, 4, 25};
    text(w, "Postfix MTA", OID(MIB2, 27, 1, 1, 2, 1));
    number(w, SMI_TIMETICKS, 7322, OID(MIB2, 27, 1, 1, 5, 1));
    number(w, SMI_INTEGER, 1, OID(MIB2, 27, 1, 1, 6, 1));
    number(w, SMI_INTEGER, 4, OID(MIB2, 27, 2, 1, 4, 1, 41));
    number(w, SMI_GAUGE32, 17, OID(MIB2, 28, 1, 1, 2, 1));
    number(w, SMI_INTEGER, 360000, OID(MIB2, 28, 2, 1, 12, 1, 3));
    text(w, "never", OID(MIB2, 28, 2, 1, 22, 1, 3));
    number(w, SMI_INTEGER, 41, OID(MIB2, 28, 3, 1, 1, 1, 3, 41));
    number(w, SMI_COUNTER32, 9, OID(MIB2, 28, 5, 1, 3, 1, 3, 4004001));
    assert_true(get(w, OID(MIB2, 27, 2, 1, 3, 1, 41), &value));
    assert_int_equal(value.type, SMI_OID);
    assert_int_equal(value.length, 9);
    assert_memory_equal(value.oid, smtp, sizeof smtp);
}

static void what_is_unknown_is_absent(void **state)
{
    struct world *w = *state;
    absent(w, OID(MIB2, 28, 1, 1, 1, 1));     // a counter
    absent(w, OID(MIB2, 28, 2, 1, 17, 1, 3)); // never: no TimeInterval says so
    absent(w, OID(MIB2, 28, 2, 1, 21, 1, 3)); // "never" refused, by what does not listen
    absent(w, OID(MIB2, 28, 2, 1, 25, 1, 3)); // a text
    absent(w, OID(MIB2, 28, 2, 1, 32, 1, 3)); // of a queue that is not empty
    absent(w, OID(MIB2, 28, 2, 1, 24, 1, 3));
    absent(w, OID(MIB2, 28, 2, 1, 31, 1, 3));
    absent(w, OID(MIB2, 27, 1, 1, 12, 1));
    text(w, "", OID(MIB2, 27, 1, 1, 3, 1)); // has no directory entry
    absent(w, OID(MIB2, 28, 1, 1, 2));      // no row
    absent(w, OID(MIB2, 28, 1, 1, 2, 2));
    absent(w, OID(MIB2, 28, 1, 1, 13, 1)); // no column
    absent(w, OID(MIB2, 28, 1, 1, 0, 1));
    absent(w, OID(MIB2, 28, 2, 1, 1, 1, 3)); // not accessible
}

static void counters_wrap_and_gauges_latch(void **state)
{
    struct world *w = *state;
    w->mta->received_messages = (1ull << 32) + 5;
    w->mta->stored_messages = (1ull << 32) + 5;
    w->mta->received_bytes = (1ull << 42) + 3 * 1024 + 1023;
    w->mta->stored_bytes = 3 * 1024 + 1;
    w->smtp->received_bytes = UINT64_MAX - 1;
    w->smtp->stored_bytes = UINT64_MAX - 1;
    number(w, SMI_COUNTER32, 5, OID(MIB2, 28, 1, 1, 1, 1));
    number(w, SMI_GAUGE32, UINT32_MAX, OID(MIB2, 28, 1, 1, 2, 1));
    number(w, SMI_COUNTER32, 3, OID(MIB2, 28, 1, 1, 4, 1));
    number(w, SMI_GAUGE32, 4, OID(MIB2, 28, 1, 1, 5, 1));
    number(w, SMI_GAUGE32, UINT32_MAX, OID(MIB2, 28, 2, 1, 7, 1, 3));
    number(w, SMI_COUNTER64, -2, OID(MAILMON, 3, 1, 10, 1, 3));
    w->mta->stored_bytes = 0;
    number(w, SMI_GAUGE32, 0, OID(MIB2, 28, 1, 1, 5, 1));
}

static void integers_are_clamped(void **state)
{
    struct world *w = *state;
    w->smtp->hierarchy = -2;
    number(w, SMI_INTEGER, -2, OID(MIB2, 28, 2, 1, 31, 1, 3));
    w->smtp->hierarchy = INT64_MAX;
    number(w, SMI_INTEGER, INT32_MAX, OID(MIB2, 28, 2, 1, 31, 1, 3));
    w->smtp->hierarchy = INT64_MIN + 1;
    number(w, SMI_INTEGER, INT32_MIN, OID(MIB2, 28, 2, 1, 31, 1, 3));
    w->mta->status = 0; // no such label
    absent(w, OID(MIB2, 27, 1, 1, 6, 1));
}

static void time_stamps(void **state)
{
    struct world *w = *state;
    w->mta->accumulated_inbound = 0;
    number(w, SMI_TIMETICKS, 0, OID(MIB2, 27, 1, 1, 12, 1)); // never
    w->mta->started_at = at_uptime(0);
    number(w, SMI_TIMETICKS, 0, OID(MIB2, 27, 1, 1, 5, 1));
    w->mta->started_at = at_uptime(0) - 10; // before the agent
    number(w, SMI_TIMETICKS, 0, OID(MIB2, 27, 1, 1, 5, 1));
    w->mta->started_at = INT64_MIN + 1;
    number(w, SMI_TIMETICKS, 0, OID(MIB2, 27, 1, 1, 5, 1));
    w->mta->started_at = now.monotonic_ms + 5000; // a clock that was ahead
    number(w, SMI_TIMETICKS, now.uptime_cs, OID(MIB2, 27, 1, 1, 5, 1));
}

static void time_intervals(void **state)
{
    struct world *w = *state;
    const int64_t longest_ms = 21474836470;
    w->smtp->last_inbound_at = now.monotonic_ms - 1239;
    number(w, SMI_INTEGER, 123, OID(MIB2, 28, 2, 1, 17, 1, 3));
    w->smtp->last_inbound_at = now.monotonic_ms + 1;
    number(w, SMI_INTEGER, 0, OID(MIB2, 28, 2, 1, 17, 1, 3));
    w->smtp->last_inbound_at = now.monotonic_ms - longest_ms - 10;
    number(w, SMI_INTEGER, INT32_MAX, OID(MIB2, 28, 2, 1, 17, 1, 3));
    w->smtp->last_inbound_at = INT64_MIN + 1;
    number(w, SMI_INTEGER, INT32_MAX, OID(MIB2, 28, 2, 1, 17, 1, 3));
    number(w, SMI_INTEGER, 0, OID(MIB2, 28, 2, 1, 23, 1, 3)); // nothing scheduled
    w->smtp->retry_at = now.monotonic_ms + 3000;
    number(w, SMI_INTEGER, 300, OID(MIB2, 28, 2, 1, 23, 1, 3));
    w->smtp->retry_at = now.monotonic_ms - 3000;
    number(w, SMI_INTEGER, 0, OID(MIB2, 28, 2, 1, 23, 1, 3));
}

static void oldest_message(void **state)
{
    struct world *w = *state;
    TEXT_SET(w->smtp->oldest_id, SLICE("<1@example.com>"));
    text(w, "<1@example.com>", OID(MIB2, 28, 2, 1, 32, 1, 3));
    w->smtp->stored_messages = 0; // known to be empty, whatever was there before
    number(w, SMI_INTEGER, 0, OID(MIB2, 28, 2, 1, 12, 1, 3));
    text(w, "", OID(MIB2, 28, 2, 1, 32, 1, 3));
    w->smtp->stored_messages = MODEL_ABSENT; // a slice without storage
    absent(w, OID(MIB2, 28, 2, 1, 12, 1, 3));
    absent(w, OID(MIB2, 28, 2, 1, 23, 1, 3));
    absent(w, OID(MIB2, 28, 2, 1, 32, 1, 3));
    w->smtp->stored_messages = 2; // some, of which nothing is known
    w->smtp->oldest_at = MODEL_NEVER;
    absent(w, OID(MIB2, 28, 2, 1, 12, 1, 3));
}

static void reasons(void **state)
{
    struct world *w = *state;
    TEXT_SET(w->smtp->outbound_failure_reason, SLICE("Connection refused"));
    text(w, "Connection refused", OID(MIB2, 28, 2, 1, 22, 1, 3));
    w->smtp->failed_outbound = MODEL_ABSENT; // a reason that is known is served
    text(w, "Connection refused", OID(MIB2, 28, 2, 1, 22, 1, 3));
}

static void protocols(void **state)
{
    struct world *w = *state;
    struct value value;
    w->smtp->protocol_port = 0;
    assert_true(get(w, OID(MIB2, 28, 2, 1, 24, 1, 3), &value));
    assert_true(value.length == 2 && value.oid[0] == 0 && value.oid[1] == 0);
    w->smtp->protocol_port = 65536;
    absent(w, OID(MIB2, 28, 2, 1, 24, 1, 3));
}

/* RowPointer and VariablePointer (RFC 2579), BITS (RFC 2578, 7.1.4). */
static void pointers_and_bits(void **state)
{
    struct world *w = *state;
    struct value value;
    uint32_t key[3] = {1, 0, 0};
    struct route *route = model_place(&w->m, MODEL_ROUTE, key, NULL);
    struct ds *ds = model_place(&w->m, MODEL_DS, key, NULL);
    absent(w, OID(ARC, 1, 10, 1, 18, 1));
    route->fault_response = 0;
    assert_true(get(w, OID(ARC, 1, 10, 1, 18, 1), &value));
    assert_true(value.type == SMI_OID && value.length == 2 && !value.oid[0] && !value.oid[1]);
    route->fault_response = 7; // its mailmonResponseName
    assert_true(get(w, OID(ARC, 1, 10, 1, 18, 1), &value));
    const uint32_t name[] = {ARC, 1, 8, 1, 2, 7};
    assert_int_equal(value.length, sizeof name / sizeof name[0]);
    assert_memory_equal(value.oid, name, sizeof name);
    struct alarm *alarm = model_place(&w->m, MODEL_ALARM, key, NULL);
    absent(w, OID(ARC, 1, 22, 1, 4, 1));
    alarm->object = (struct oid_value){3, {1, 3, 6}};
    assert_true(get(w, OID(ARC, 1, 22, 1, 4, 1), &value));
    assert_true(value.length == 3 && value.oid[0] == 1 && value.oid[2] == 6);
    absent(w, OID(MIB2, 66, 1, 1, 1, 1));
    ds->server_type = 2; // backEndDirectoryServer(1)
    assert_true(get(w, OID(MIB2, 66, 1, 1, 1, 1), &value));
    assert_true(value.type == SMI_OCTETS && value.length == 1 && value.octets[0] == 0x40);
}

static void not_every_application_is_an_mta(void **state)
{
    struct world *w = *state;
    struct appl *imap = model_place(&w->m, MODEL_APPL, (uint32_t[3]){2}, NULL);
    imap->stored_messages = 1;
    absent(w, OID(MIB2, 28, 1, 1, 2, 2));
    imap->is_mta = 1;
    number(w, SMI_GAUGE32, 1, OID(MIB2, 28, 1, 1, 2, 2));
}

static void texts_are_utf8(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *text, *shown;
    } texts[] = {
        {"plain", "plain"},
        {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x93\xa7", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x93\xa7"},
        {"two\nlines", "two\nlines"},
        {"caf\xe9!", "caf?!"},                                     // ISO 8859-1
        {"\x1b[31m\x07\x7f\t", "?[31m???"},                        // controls
        {"cut \xe2\x82", "cut ??"},                                // the end of a cut text
        {"\xc0\xaf \xe0\x80\xaf \xf0\x80\x80\xaf", "?? ??? ????"}, // longer than need be
        {"\xed\xa0\x80 \xf4\x90\x80\x80 \xff", "??? ???? ?"},      // no characters
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct value value;
        TEXT_SET(w->mta->name, slice_of(texts[i].text));
        assert_true(get(w, OID(MIB2, 27, 1, 1, 2, 1), &value));
        assert_int_equal(value.length, strlen(texts[i].shown));
        assert_memory_equal(value.octets, texts[i].shown, value.length);
    }
}

static void dates(void **state)
{
    struct world *w = *state;
    struct table_time there = now;
    struct value value;
    struct agent *a = model_place(&w->m, MODEL_AGENT, (uint32_t[3]){1}, NULL);
    const uint32_t zero = 0;
    a->started_at = now.monotonic_ms - 100;
    const uint8_t utc[] = {0x07, 0xea, 11, 22, 0, 44, 6, 9, '+', 0, 0};
    assert_true(get(w, OID(MAILMON, 1, 2, 0), &value));
    assert_int_equal(value.length, 11);
    assert_memory_equal(value.octets, utc, 11);
    absent(w, OID(MAILMON, 1, 3, 0)); // never
    // a second of a log is that second, though the clocks were read a millisecond apart
    a->started_at = now.monotonic_ms - 1001;
    const uint8_t whole[] = {0x07, 0xea, 11, 22, 0, 44, 6, 0, '+', 0, 0};
    assert_true(get(w, OID(MAILMON, 1, 2, 0), &value));
    assert_memory_equal(value.octets, whole, 11);
    a->started_at = now.monotonic_ms - 100;
    there.zone_min = -210;
    const uint8_t newfoundland[] = {0x07, 0xea, 11, 21, 21, 14, 6, 9, '-', 3, 30};
    assert_true(table_get(&mailmonAgent, view(w), &there, 2, &zero, 1, &value));
    assert_memory_equal(value.octets, newfoundland, 11);
    // calendars agree with the library's, leap years and times before 1970 included
    srandom(1);
    for (int i = 0; i < 20000; i++) {
        time_t t = (time_t)((int64_t)random() * 16 - 10000000000);
        struct tm tm;
        gmtime_r(&t, &tm);
        there = (struct table_time){.monotonic_ms = a->started_at, .real_ms = (int64_t)t * 1000};
        assert_true(
            table_cell(&mailmonAgent, table_column(&mailmonAgent, 2), &w->v, a, &there, &value));
        assert_int_equal(value.octets[0] << 8 | value.octets[1], tm.tm_year + 1900);
        assert_int_equal(value.octets[2], tm.tm_mon + 1);
        assert_int_equal(value.octets[3], tm.tm_mday);
        assert_int_equal(value.octets[4], tm.tm_hour);
        assert_int_equal(value.octets[6], tm.tm_sec);
    }
    there = (struct table_time){.monotonic_ms = INT64_MAX, .real_ms = INT64_MIN};
    assert_false(
        table_cell(&mailmonAgent, table_column(&mailmonAgent, 2), &w->v, a, &there, &value));
}

static void scalars(void **state)
{
    struct world *w = *state;
    struct value value;
    uint32_t next[OID_MAX], length, index[] = {0, 0, 1};
    assert_false(table_next(&mailmonAgent, view(w), &now, 6, NULL, 0, next, &length, &value));
    absent(w, OID(MAILMON, 1, 6, 0)); // no agent's row yet
    model_place(&w->m, MODEL_AGENT, (uint32_t[3]){1}, NULL);
    number(w, SMI_GAUGE32, 250, OID(MAILMON, 1, 6, 0));
    absent(w, OID(MAILMON, 1, 6));
    absent(w, OID(MAILMON, 1, 6, 1));
    absent(w, OID(MAILMON, 1, 6, 0, 0));
    assert_true(table_next(&mailmonAgent, view(w), &now, 6, NULL, 0, next, &length, &value));
    assert_true(length == 1 && next[0] == 0 && value.number == 250);
    for (uint32_t n = 1; n <= 3; n++)
        assert_false(table_next(&mailmonAgent, &w->v, &now, 6, index, n, next, &length, &value));
    assert_false(table_next(&mailmonAgent, &w->v, &now, 2, NULL, 0, next, &length, &value));
}

static void peers(void **state)
{
    struct world *w = *state;
    uint8_t four[16] = {192, 0, 2, 9}, six[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};
    model_place(&w->m, MODEL_PEER, (uint32_t[3]){1, 1}, four);
    model_place(&w->m, MODEL_PEER, (uint32_t[3]){1, 2}, six);
    text(w, "192.0.2.9", OID(MAILMON, 14, 1, 3, 1, 1, 4, 192, 0, 2, 9));
    text(w, "2001:db8::1",
         OID(MAILMON, 14, 1, 3, 1, 2, 16, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1));
    absent(w, OID(MAILMON, 14, 1, 3, 1, 1, 4, 192, 0, 2));
    absent(w, OID(MAILMON, 14, 1, 3, 1, 1, 4, 192, 0, 2, 9, 0));
    absent(w, OID(MAILMON, 14, 1, 3, 1, 1, 4, 192, 0, 2, 256 + 9));
    absent(w, OID(MAILMON, 14, 1, 3, 1, 1, 5, 192, 0, 2, 9));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        table_test(vectors),
        table_test(what_is_unknown_is_absent),
        table_test(counters_wrap_and_gauges_latch),
        table_test(integers_are_clamped),
        table_test(time_stamps),
        table_test(time_intervals),
        table_test(oldest_message),
        table_test(reasons),
        table_test(protocols),
        table_test(pointers_and_bits),
        table_test(not_every_application_is_an_mta),
        table_test(texts_are_utf8),
        table_test(dates),
        table_test(scalars),
        table_test(peers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
