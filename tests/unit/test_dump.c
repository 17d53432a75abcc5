/*
 * dump.c: the lines that golden files consist of, cell by cell.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include "../../agent/dump.h"

static const struct table_time now = {
    .monotonic_ms = 100000000, .real_ms = 1795308247000, .uptime_cs = 9000000};

static void some_rows(struct model *m)
{
    struct agent *agent = model_place(m, MODEL_AGENT, (uint32_t[3]){1}, NULL);
    agent->started_at = now.monotonic_ms;
    agent->worst_severity = 1;
    struct appl *a = model_place(m, MODEL_APPL, (uint32_t[3]){1}, NULL);
    TEXT_SET(a->name, SLICE("Postfix \\ MTA\n\xc3\xa9"));
    a->is_mta = 1;
    a->status = 1;
    a->started_at = now.monotonic_ms - (90000000 - 73220); // sysUpTime was 73.22 s then
    a->status_changed_at = now.monotonic_ms - 10;
    a->received_messages = 17;
    a->stored_messages = 3;
    struct group *g = model_place(m, MODEL_GROUP, (uint32_t[3]){1, 3}, NULL);
    g->created_at = now.monotonic_ms - 3600000;
    g->protocol_port = 25;
    g->hierarchy = -2;
    g->submitted_bytes = 1ull << 40;
    struct group *local = model_place(m, MODEL_GROUP, (uint32_t[3]){1, 4}, NULL);
    local->protocol_port = 0;
    struct source *s = model_place(m, MODEL_SOURCE, (uint32_t[3]){2}, NULL);
    s->status = 99; // beyond its labels
    s->appl = 1;
    uint8_t address[16] = {192, 0, 2, 9};
    model_place(m, MODEL_PEER, (uint32_t[3]){1, 1}, address);
    struct ds *d = model_place(m, MODEL_DS, (uint32_t[3]){1}, NULL);
    d->server_type = 2;
    d = model_place(m, MODEL_DS, (uint32_t[3]){2}, NULL);
    d->server_type = 7; // the last bit has no label
    d = model_place(m, MODEL_DS, (uint32_t[3]){3}, NULL);
    d->server_type = 0;
}

static const char *const expected =
    "NETWORK-SERVICES-MIB::applName.1 = STRING: Postfix \\x5c MTA\\x0a\\xc3\\xa9\n"
    "NETWORK-SERVICES-MIB::applDirectoryName.1 = STRING: \n"
    "NETWORK-SERVICES-MIB::applUptime.1 = Timeticks: (7322) 0:01:13.22\n"
    "NETWORK-SERVICES-MIB::applOperStatus.1 = INTEGER: up(1)\n"
    "NETWORK-SERVICES-MIB::applLastChange.1 = Timeticks: (8999999) 1 day, 0:59:59.99\n"
    "NETWORK-SERVICES-MIB::applURL.1 = STRING: \n"
    "MTA-MIB::mtaReceivedMessages.1 = Counter32: 17\n"
    "MTA-MIB::mtaStoredMessages.1 = Gauge32: 3\n"
    "MTA-MIB::mtaGroupMailProtocol.1.3 = OID: NETWORK-SERVICES-MIB::applTCPProtoID.25\n"
    "MTA-MIB::mtaGroupMailProtocol.1.4 = OID: SNMPv2-SMI::zeroDotZero\n"
    "MTA-MIB::mtaGroupCreationTime.1.3 = INTEGER: 360000\n"
    "MTA-MIB::mtaGroupHierarchy.1.3 = INTEGER: -2\n"
    "DIRECTORY-SERVER-MIB::dsServerType.1 = BITS: 40 backEndDirectoryServer(1) \n"
    "DIRECTORY-SERVER-MIB::dsServerType.2 = BITS: E0 frontEndDirectoryServer(0) "
    "backEndDirectoryServer(1) 2 \n"
    "DIRECTORY-SERVER-MIB::dsServerType.3 = BITS: 00 \n"
    "MAILMON-MIB::mailmonAgentStartTime.0 = STRING: 2026-11-22,0:44:7.0,+0:0\n"
    "MAILMON-MIB::mailmonAgentModelAge.0 = Gauge32: 0\n"
    "MAILMON-MIB::mailmonAgentWorstSeverity.0 = INTEGER: cleared(1)\n"
    "MAILMON-MIB::mailmonSourceAppl.2 = INTEGER: 1\n"
    "MAILMON-MIB::mailmonSourceStatus.2 = INTEGER: 99\n"
    "MAILMON-MIB::mailmonSourceItems.2 = Counter32: 0\n"
    "MAILMON-MIB::mailmonSourceOctets.2 = Counter64: 0\n"
    "MAILMON-MIB::mailmonSourceUnrecognised.2 = Counter32: 0\n"
    "MAILMON-MIB::mailmonSourceRotations.2 = Counter32: 0\n"
    "MAILMON-MIB::mailmonSourceErrors.2 = Counter32: 0\n"
    "MAILMON-MIB::mailmonChannelSubmittedOctets.1.3 = Counter64: 1099511627776\n"
    "MAILMON-MIB::mailmonPeerAddressText.1.1.4.192.0.2.9 = STRING: 192.0.2.9\n"
    "MAILMON-MIB::mailmonPeerCurrent.1.1.4.192.0.2.9 = Gauge32: 0\n"
    "MAILMON-MIB::mailmonPeerConnections.1.1.4.192.0.2.9 = Counter32: 0\n"
    "MAILMON-MIB::mailmonPeerRejected.1.1.4.192.0.2.9 = Counter32: 0\n"
    "MAILMON-MIB::mailmonPeerAuthFailures.1.1.4.192.0.2.9 = Counter32: 0\n"
    "MAILMON-MIB::mailmonPeerSynReceived.1.1.4.192.0.2.9 = Gauge32: 0\n"
    "MAILMON-MIB::mailmonPeerCloseWait.1.1.4.192.0.2.9 = Gauge32: 0\n";

static void every_line(void **state)
{
    (void)state;
    struct model m;
    struct view v;
    char *text = NULL;
    size_t size = 0;
    assert_true(model_init(&m, NULL));
    some_rows(&m);
    assert_true(slots_view_of(&m, now.monotonic_ms, now.real_ms, &v));
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    assert_true(dump_view(&v, &now, out));
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
    slots_view_free(&v);
    model_free(&m);
}

static void stream_that_fails(void **state)
{
    (void)state;
    struct model m;
    struct view v;
    assert_true(model_init(&m, NULL));
    some_rows(&m);
    assert_true(slots_view_of(&m, now.monotonic_ms, now.real_ms, &v));
    FILE *full = fopen("/dev/full", "w");
    assert_non_null(full);
    assert_false(dump_view(&v, &now, full));
    fclose(full);
    slots_view_free(&v);
    model_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line),
        cmocka_unit_test(stream_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
