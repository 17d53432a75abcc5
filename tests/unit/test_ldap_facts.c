/* What recorded directory servers say of themselves: OpenLDAP 2.5.13 as provider and as consumer,
 * 389 Directory Server 2.3.1; and what must not be believed. */
#include "ldap_ldif.h"
#include "data_file.h"

static struct ldap_facts facts;

static void read_file(const char *name)
{
    ldif_read(data_file("tests/data/%s", name), &facts);
}

static void read_text(const char *text)
{
    ldif_read(slice_of(text), &facts);
}

static void assert_slice(struct slice s, const char *expected)
{
    assert_non_null(s.p);
    assert_int_equal(s.n, strlen(expected));
    assert_memory_equal(s.p, expected, s.n);
}

struct expected {
    enum ldap_number number;
    uint64_t value;
};

/* These and no others are known. */
static void assert_numbers(const struct expected *expected, size_t count)
{
    for (unsigned n = 0; n < LDAP_NUMBERS; n++) {
        uint64_t want = MODEL_ABSENT;
        for (size_t i = 0; i < count; i++)
            if (expected[i].number == n)
                want = expected[i].value;
        if (facts.numbers[n] != want)
            print_error("number %u: %llu\n", n, (unsigned long long)facts.numbers[n]);
        assert_true(facts.numbers[n] == want);
    }
}

static void test_openldap(void **state)
{
    (void)state;
    static const struct expected expected[] = {
        {LDAP_CONNECTIONS, 14},    {LDAP_OPEN, 2},         {LDAP_DESCRIPTORS, 20000},
        {LDAP_INITIATED, 39},      {LDAP_COMPLETED, 38},   {LDAP_BIND, 14},
        {LDAP_UNBIND, 12},         {LDAP_SEARCH, 5},       {LDAP_COMPARE, 1},
        {LDAP_MODIFY, 1},          {LDAP_MODRDN, 1},       {LDAP_ADD, 3},
        {LDAP_DELETE, 1},          {LDAP_ABANDON, 0},      {LDAP_EXTENDED, 1},
        {LDAP_BYTES_SENT, 25657},  {LDAP_PDUS, 99},        {LDAP_ENTRIES, 74},
        {LDAP_REFERRALS, 0},       {LDAP_THREADS_MAX, 4},  {LDAP_THREADS_ACTIVE, 1},
        {LDAP_THREADS_PENDING, 0}, {LDAP_READ_WAITERS, 2}, {LDAP_WRITE_WAITERS, 0},
        {LDAP_MASTER_ENTRIES, 25},
    };
    read_file("directory_openldap.ldif");
    assert_int_equal(facts.server, LDAP_SERVER_OPENLDAP);
    assert_slice(TEXT_GET(facts.version), "slapd 2.5.13+dfsg-5");
    assert_slice(TEXT_GET(facts.monitor_base), "cn=Monitor");
    assert_slice(TEXT_GET(facts.context), "dc=lab,dc=test");
    assert_int_equal(facts.now_s - facts.started_s, 3);
    assert_int_equal(facts.started_s, ldap_time(SLICE("20261122040404Z")));
    assert_numbers(expected, sizeof expected / sizeof expected[0]);
    assert_int_equal(facts.listener_count, 2);
    assert_int_equal(facts.listeners[0], 24000);
    assert_int_equal(facts.listeners[1], 24001);
    assert_int_equal(facts.consumer_count, 0);
    assert_int_equal(facts.left_out, 0);
    assert_int_equal(facts.front_end, 0);
}

static void test_databases(void **state)
{
    (void)state;
    read_file("directory_openldap.ldif");
    assert_int_equal(facts.database_count, 3);
    const struct ldap_database *d = &facts.databases[2];
    assert_slice(TEXT_GET(d->backend), "mdb");
    assert_slice(TEXT_GET(d->context), "dc=lab,dc=test");
    assert_slice(TEXT_GET(d->directory), "/srv/lab/s1/db/");
    assert_int_equal(d->pages_max, 16384);
    assert_int_equal(d->entries, 25);
    assert_int_equal(d->shadow, 0);
    assert_true(facts.databases[0].pages_max == MODEL_ABSENT);
}

static void test_sessions(void **state)
{
    (void)state;
    read_file("directory_openldap.ldif");
    assert_int_equal(facts.session_count, 2);
    const struct ldap_session *local = &facts.sessions[0], *remote = &facts.sessions[1];
    assert_int_equal(local->number, 1013);
    assert_null(TEXT_GET(local->peer).p);
    assert_true(local->local_port == MODEL_ABSENT);
    assert_slice(TEXT_GET(local->user), "gidNumber=0+uidNumber=0,cn=peercred,cn=external,cn=auth");
    assert_int_equal(remote->number, 1000);
    assert_slice(TEXT_GET(remote->peer), "127.0.0.1");
    assert_int_equal(remote->peer_port, 50148);
    assert_int_equal(remote->local_port, 24000);
    assert_slice(TEXT_GET(remote->user), "cn=admin,dc=lab,dc=test");
    assert_int_equal(remote->since_s, ldap_time(SLICE("20261122040405Z")));
}

static void test_consumer(void **state)
{
    (void)state;
    read_file("directory_openldap_consumer.ldif");
    assert_int_equal(facts.numbers[LDAP_COPY_ENTRIES], 25);
    assert_true(facts.numbers[LDAP_MASTER_ENTRIES] == MODEL_ABSENT);
    assert_int_equal(facts.consumer_count, 1);
    const struct ldap_consumer *c = &facts.consumers[0];
    assert_int_equal(c->number, 1);
    assert_int_equal(c->database, 2);
    assert_slice(TEXT_GET(c->provider), "ldap://127.0.0.1:24000");
    assert_int_equal(c->last_contact_s - c->last_connect_s, 2);
    assert_int_equal(c->next_connect_s, 0); /* connected: the year 0 */
}

static void test_389(void **state)
{
    (void)state;
    static const struct expected expected[] = {
        {LDAP_CONNECTIONS, 27},
        {LDAP_OPEN, 4},
        {LDAP_DESCRIPTORS, 19936},
        {LDAP_INITIATED, 64},
        {LDAP_COMPLETED, 63},
        {LDAP_ENTRIES, 12},
        {LDAP_BYTES_SENT, 9757},
        {LDAP_READ_WAITERS, 0},
        {LDAP_THREADS_MAX, 17},
        {LDAP_UNAUTH_BINDS, 5},
        {LDAP_SIMPLE_BINDS, 11},
        {LDAP_STRONG_BINDS, 13},
        {LDAP_BIND_SECURITY_ERRORS, 7},
        {LDAP_COMPARE, 1},
        {LDAP_ADD, 2},
        {LDAP_DELETE, 1},
        {LDAP_MODIFY, 1},
        {LDAP_MODRDN, 1},
        {LDAP_SEARCH, 11},
        {LDAP_ONE_LEVEL, 1},
        {LDAP_SUBTREE, 2},
        {LDAP_REFERRALS, 0},
        {LDAP_SECURITY_ERRORS, 6},
        {LDAP_ERRORS, 22},
    };
    read_file("directory_389ds.ldif");
    assert_int_equal(facts.server, LDAP_SERVER_389);
    assert_slice(TEXT_GET(facts.version), "389-Directory/2.3.1 B2025.016.1616");
    assert_slice(TEXT_GET(facts.monitor_base), "cn=monitor");
    assert_int_equal(facts.now_s - facts.started_s, 67);
    assert_numbers(expected, sizeof expected / sizeof expected[0]);
    assert_int_equal(facts.session_count, 4);
    assert_int_equal(facts.sessions[0].number, 23);
    assert_slice(TEXT_GET(facts.sessions[0].peer), "127.0.0.1");
    assert_slice(TEXT_GET(facts.sessions[0].user), "");
    assert_slice(TEXT_GET(facts.sessions[3].user), "cn=Directory Manager");
    assert_null(TEXT_GET(facts.sessions[3].peer).p);
}

/* Elder servers of the family; and a DN with colons in it. */
static void test_elder_389(void **state)
{
    (void)state;
    read_text(
        "dn:\nvendorName: Sun Microsystems, Inc.\nvendorVersion: Sun-Directory-Server/11.1\n\n"
        "dn: cn=monitor\nconnection: 64:20190704223412Z:3:1:r:cn=a:b:c,o=x:0:0:0:64:ip="
        "2001:db8::1\nstarttime: 20190704223400Z\n\n"
        "dn: cn=snmp,cn=monitor\nmasterentries: 7\nslavehits: 2\nbytesrecv: 99\n");
    assert_int_equal(facts.server, LDAP_SERVER_389);
    assert_int_equal(facts.numbers[LDAP_MASTER_ENTRIES], 7);
    assert_int_equal(facts.numbers[LDAP_SLAVE_HITS], 2);
    assert_int_equal(facts.numbers[LDAP_BYTES_RECEIVED], 99);
    assert_int_equal(facts.session_count, 1);
    assert_slice(TEXT_GET(facts.sessions[0].user), "cn=a:b:c,o=x");
    assert_slice(TEXT_GET(facts.sessions[0].peer), "2001:db8::1");
    assert_int_equal(facts.now_s, 0);
}

static void test_other_servers(void **state)
{
    (void)state;
    read_text("dn:\nobjectClass: top\nvendorName: Example Corp\nvendorVersion: 7.1\n");
    assert_int_equal(facts.server, LDAP_SERVER_UNKNOWN);
    assert_null(TEXT_GET(facts.monitor_base).p);
    assert_slice(TEXT_GET(facts.version), "7.1");
    assert_numbers(NULL, 0);
}

static void test_proxy(void **state)
{
    (void)state;
    read_text("dn: cn=Database 1,cn=Databases,cn=Monitor\nmonitoredInfo: ldap\n");
    assert_int_equal(facts.front_end, 1);
}

/* IPv6, and addresses that are none. */
static void test_addresses(void **state)
{
    (void)state;
    read_text("dn: cn=Connection 5,cn=Connections,cn=Monitor\n"
              "monitorConnectionPeerAddress: IP=[2001:db8::1]:4711\n"
              "monitorConnectionLocalAddress: IP=[::1]:636\n\n"
              "dn: cn=Connection 6,cn=Connections,cn=Monitor\n"
              "monitorConnectionPeerAddress: IP=[2001:db8::1:4711\n"
              "monitorConnectionLocalAddress: IP=127.0.0.1:\n");
    assert_int_equal(facts.session_count, 2);
    assert_slice(TEXT_GET(facts.sessions[0].peer), "2001:db8::1");
    assert_int_equal(facts.sessions[0].peer_port, 4711);
    assert_int_equal(facts.sessions[0].local_port, 636);
    assert_null(TEXT_GET(facts.sessions[1].peer).p);
    assert_true(facts.sessions[1].local_port == MODEL_ABSENT);
}

static void test_odd_numbers(void **state)
{
    (void)state;
    read_text("dn: cn=Total,cn=Connections,cn=Monitor\nmonitorCounter: -1\nmonitorCounter: 7x\n"
              "monitorCounter: \nmonitorCounter:\n\n"
              "dn: CN=Bytes,CN=Statistics,CN=Monitor\nMONITORCOUNTER: 18446744073709551620\n\n"
              "dn: cn=Referrals,cn=Statistics,cn=Monitorx\nmonitorCounter: 1\n");
    assert_true(facts.numbers[LDAP_CONNECTIONS] == MODEL_ABSENT);
    assert_true(facts.numbers[LDAP_BYTES_SENT] == MODEL_ABSENT); /* beyond any counter */
    assert_true(facts.numbers[LDAP_REFERRALS] == MODEL_ABSENT);
}

static void test_too_many(void **state)
{
    (void)state;
    char dn[64];
    struct ldap_entry e;
    ldap_facts_init(&facts);
    for (unsigned i = 0; i < LDAP_SESSIONS_MAX + 5; i++) {
        int n = snprintf(dn, sizeof dn, "cn=Connection %u,cn=Connections,cn=Monitor", i);
        ldap_facts_entry(&facts, (struct slice){dn, (size_t)n}, &e);
        ldap_facts_value(&facts, &e, SLICE("monitorConnectionAuthzDN"), SLICE("cn=x"));
        n = snprintf(dn, sizeof dn, "cn=Database %u,cn=Databases,cn=Monitor", i);
        ldap_facts_entry(&facts, (struct slice){dn, (size_t)n}, &e);
        ldap_facts_value(&facts, &e, SLICE("olmMDBEntries"), SLICE("1"));
    }
    ldap_facts_end(&facts);
    assert_int_equal(facts.session_count, LDAP_SESSIONS_MAX);
    assert_int_equal(facts.database_count, LDAP_DATABASES_MAX);
    assert_int_equal(facts.left_out, LDAP_SESSIONS_MAX + 5 - LDAP_DATABASES_MAX);
    assert_int_equal(facts.numbers[LDAP_MASTER_ENTRIES], LDAP_DATABASES_MAX);
}

static void test_time(void **state)
{
    (void)state;
    assert_int_equal(ldap_time(SLICE("19700101000001Z")), 1);
    assert_int_equal(ldap_time(SLICE("20261122035911.344582Z")),
                     ldap_time(SLICE("20261122035911Z")));
    static const char *const none[] = {
        "00000101000000Z",    "20261122035911", "20261322035911Z", "2026112203591Z", "",
        "20261122035911+0100"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_int_equal(ldap_time(slice_of(none[i])), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_openldap),      cmocka_unit_test(test_databases),
        cmocka_unit_test(test_sessions),      cmocka_unit_test(test_consumer),
        cmocka_unit_test(test_389),           cmocka_unit_test(test_elder_389),
        cmocka_unit_test(test_other_servers), cmocka_unit_test(test_proxy),
        cmocka_unit_test(test_addresses),     cmocka_unit_test(test_odd_numbers),
        cmocka_unit_test(test_too_many),      cmocka_unit_test(test_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
