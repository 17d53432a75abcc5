/* From what recorded servers said to rows; what our own questions add; restarts; bad days. */
#include "../../collectors/directory_rows.h"
#include "ldap_ldif.h"
#include "data_file.h"

#define NOW INT64_C(10000000)

static struct model model;
static struct directory_rows d;
static struct ldap_result r;

static int set_up(void **state)
{
    static const uint32_t none[MODEL_TABLES];
    (void)state;
    memset(&d, 0, sizeof d);
    d.model = &model;
    d.names = names_new();
    d.sessions = true;
    return model_init(&model, none) && directory_rows_place(&d, SLICE("slapd")) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    names_free(d.names);
    model_free(&model);
    return 0;
}

/* A result that went well, of a recorded server. */
static void recorded(const char *name)
{
    ldap_result_init(&r, LDAP_JOB_MONITOR);
    ldif_read(data_file("tests/data/%s", name), &r.facts);
    r.status = RESPONSE_UP;
    r.monitor = 1;
    r.steps_us[LDAP_STEP_CONNECT] = 10;
}

/* One more question, in which the server's counters grew by `others` and by our own. */
static void next_question(uint64_t others)
{
    static const enum ldap_number counters[] = {LDAP_CONNECTIONS, LDAP_INITIATED, LDAP_SEARCH,
                                                LDAP_BYTES_SENT};
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        r.facts.numbers[counters[i]] += others + r.own[counters[i]];
        r.own[counters[i]] = 3 + i;
        r.included[counters[i]] = 1;
    }
}

static void *row(enum model_table table, uint32_t second, uint32_t third)
{
    uint32_t key[3] = {d.appl->row.key[0], second, third};
    return model_find(&model, table, key, NULL);
}

static void test_openldap(void **state)
{
    (void)state;
    recorded("directory_openldap.ldif");
    r.included[LDAP_CONNECTIONS] = r.included[LDAP_OPEN] = r.included[LDAP_BIND] = 1;
    directory_rows_take(&d, &r, NOW);
    const struct appl *a = d.appl;
    assert_true(slice_eq(TEXT_GET(a->version), SLICE("slapd 2.5.13+dfsg-5")));
    assert_int_equal(a->status, APPL_UP);
    assert_int_equal(a->inbound, 1);
    assert_int_equal(a->accumulated_inbound, 13);
    assert_int_equal(a->started_at, NOW - 3000);
    assert_int_equal(a->last_inbound_at, NOW);
    const struct ds *ds = row(MODEL_DS, 0, 0);
    assert_int_equal(ds->server_type, 2);
    assert_int_equal(ds->master_entries, 25);
    assert_true(ds->copy_entries == MODEL_ABSENT && ds->cache_hits == MODEL_ABSENT);
    const struct ds_ops *ops = row(MODEL_DS_OPS, 1, 0);
    assert_int_equal(ops->in_ops, 39);
    assert_int_equal(ops->search_ops, 5);
    assert_int_equal(ops->add_entry_ops, 3);
    assert_int_equal(ops->remove_entry_ops, 1);
    assert_int_equal(ops->modify_rdn_ops, 1);
    assert_int_equal(ops->out_bytes, 25657);
    assert_int_equal(ops->protocol_port, 389);
    assert_true(ops->simple_auth_binds == MODEL_ABSENT && ops->errors == MODEL_ABSENT);
    const struct disk *disk = model_row(&model, MODEL_DISK, 0);
    assert_true(slice_eq(TEXT_GET(disk->path), SLICE("slapd: mdb dc=lab,dc=test")));
    assert_int_equal(disk->total_mb, 64);
    assert_int_equal(disk->percent_available, 99);
}

static void test_sessions(void **state)
{
    (void)state;
    recorded("directory_openldap.ldif");
    directory_rows_take(&d, &r, NOW); /* ours is the local one */
    assert_int_equal(model.tables[MODEL_ASSOC].count, 1);
    struct assoc *a = model_row(&model, MODEL_ASSOC, 0);
    struct session *s = model_row(&model, MODEL_SESSION, 0);
    uint32_t index = a->row.key[1];
    assert_true(slice_eq(TEXT_GET(a->remote), SLICE("127.0.0.1")));
    assert_int_equal(a->since_at, NOW - 2000);
    assert_int_equal(s->row.key[1], index);
    assert_true(slice_eq(TEXT_GET(s->user), SLICE("cn=admin,dc=lab,dc=test")));
    assert_null(TEXT_GET(s->authentication).p);
    r.local_port = 50148; /* now ours is the other one */
    directory_rows_take(&d, &r, NOW);
    assert_int_equal(model.tables[MODEL_SESSION].count, 1);
    s = model_row(&model, MODEL_SESSION, 0);
    assert_true(s->row.key[1] > index);
    assert_true(slice_eq(TEXT_GET(s->authentication), SLICE("external")));
    d.sessions = false;
    directory_rows_take(&d, &r, NOW);
    assert_int_equal(model.tables[MODEL_ASSOC].count, 0);
    assert_int_equal(model.tables[MODEL_SESSION].count, 0);
}

static void test_own_questions(void **state)
{
    (void)state;
    recorded("directory_openldap.ldif");
    next_question(0);
    directory_rows_take(&d, &r, NOW);
    uint64_t connections = d.appl->accumulated_inbound;
    const struct ds_ops *ops = row(MODEL_DS_OPS, 1, 0);
    uint64_t searches = ops->search_ops, octets = ops->out_bytes;
    for (int i = 0; i < 10; i++) {
        next_question(0);
        directory_rows_take(&d, &r, NOW);
    }
    assert_int_equal(d.appl->accumulated_inbound, connections);
    assert_int_equal(ops->search_ops, searches);
    assert_int_equal(ops->out_bytes, octets);
    next_question(7);
    directory_rows_take(&d, &r, NOW);
    assert_int_equal(d.appl->accumulated_inbound, connections + 7);
    assert_int_equal(ops->search_ops, searches + 7);
}

/* The store gives the memory back to the process that comes after. */
static void test_remembered(void **state)
{
    (void)state;
    recorded("directory_openldap.ldif");
    next_question(0);
    directory_rows_take(&d, &r, NOW);
    struct directory_memory memory = d.memory;
    uint64_t connections = d.appl->accumulated_inbound;
    tear_down(NULL);
    set_up(NULL);
    d.memory = memory;
    next_question(2);
    directory_rows_take(&d, &r, NOW);
    assert_int_equal(d.appl->accumulated_inbound, connections + 2);
}

static void test_restart(void **state)
{
    (void)state;
    recorded("directory_openldap.ldif");
    next_question(100);
    directory_rows_take(&d, &r, NOW);
    recorded("directory_openldap.ldif");
    r.facts.started_s += 600;
    r.facts.now_s += 700;
    r.facts.numbers[LDAP_CONNECTIONS] = 1;
    r.included[LDAP_CONNECTIONS] = 1;
    directory_rows_take(&d, &r, NOW + 700000);
    assert_int_equal(d.appl->accumulated_inbound, 0);
    assert_int_equal(d.appl->started_at, NOW + 700000 - 103000);
}

/* Our share was guessed too high: what was shown stays. */
static void test_never_back(void **state)
{
    (void)state;
    recorded("directory_openldap.ldif");
    directory_rows_take(&d, &r, NOW);
    uint64_t own[LDAP_NUMBERS] = {[LDAP_SEARCH] = 3, [LDAP_CONNECTIONS] = 2};
    directory_rows_own(&d, own);
    directory_rows_take(&d, &r, NOW);
    assert_int_equal(d.appl->accumulated_inbound, 14);
    assert_int_equal(((struct ds_ops *)row(MODEL_DS_OPS, 1, 0))->search_ops, 5);
}

static void test_consumer(void **state)
{
    (void)state;
    recorded("directory_openldap_consumer.ldif");
    directory_rows_take(&d, &r, NOW);
    assert_int_equal(((struct ds *)row(MODEL_DS, 0, 0))->copy_entries, 25);
    assert_int_equal(model.tables[MODEL_DS_INT].count, 1);
    const struct ds_int *i = model_row(&model, MODEL_DS_INT, 0);
    assert_int_equal(i->created_at, NOW);
    assert_int_equal(i->last_success_at - i->last_attempt_at, 2000);
    assert_true(slice_eq(TEXT_GET(i->url), SLICE("ldap://127.0.0.1:24000")));
    assert_true(i->failures == MODEL_ABSENT);
    directory_rows_take(&d, &r, NOW + 1000);
    assert_int_equal(i->created_at, NOW);
    recorded("directory_openldap.ldif"); /* it is no consumer any more */
    directory_rows_take(&d, &r, NOW);
    assert_int_equal(model.tables[MODEL_DS_INT].count, 0);
}

static void test_389(void **state)
{
    (void)state;
    recorded("directory_389ds.ldif");
    directory_rows_take(&d, &r, NOW);
    const struct ds_ops *ops = row(MODEL_DS_OPS, 1, 0);
    assert_int_equal(ops->unauth_binds, 5);
    assert_int_equal(ops->simple_auth_binds, 11);
    assert_int_equal(ops->bind_security_errors, 7);
    assert_int_equal(ops->whole_subtree_search_ops, 2);
    assert_int_equal(ops->errors, 22);
    assert_true(ops->in_bytes == MODEL_ABSENT && ops->read_ops == MODEL_ABSENT);
    assert_int_equal(model.tables[MODEL_SESSION].count, 3);
    assert_int_equal(d.appl->started_at, NOW - 67000);
}

static void test_status(void **state)
{
    (void)state;
    static const struct {
        enum response_status status;
        bool connected;
        uint64_t expected;
    } cases[] = {
        {RESPONSE_UP, true, APPL_UP},
        {RESPONSE_CONGESTED, true, APPL_CONGESTED},
        {RESPONSE_REFUSED, false, APPL_DOWN},
        {RESPONSE_DOWN, false, APPL_DOWN},
        {RESPONSE_TIMED_OUT, false, APPL_DOWN},
        {RESPONSE_TIMED_OUT, true, APPL_HALTED},
        {RESPONSE_PROTOCOL_ERROR, true, APPL_HALTED},
        {RESPONSE_TLS_ERROR, true, APPL_UP},
        {RESPONSE_AUTH_FAILED, true, APPL_UP},
        {RESPONSE_AUTH_FAILED, false, MODEL_ABSENT},
        {RESPONSE_UNKNOWN, false, MODEL_ABSENT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ldap_result_init(&r, LDAP_JOB_MONITOR);
        r.status = cases[i].status;
        if (cases[i].connected)
            r.steps_us[LDAP_STEP_CONNECT] = 1;
        directory_rows_take(&d, &r, NOW + (int64_t)i);
        assert_true(d.appl->status == cases[i].expected);
        assert_true(d.appl->inbound == MODEL_ABSENT);
    }
}

/* A database that grows by 1 MB an hour, of which 64 MB there are. */
static void test_database_fills(void **state)
{
    (void)state;
    recorded("directory_openldap.ldif");
    const struct disk *disk = NULL;
    for (int i = 0; i < 20; i++) {
        r.facts.databases[2].pages_used += 16; /* 64 kB */
        directory_rows_take(&d, &r, NOW + i * 225000);
        disk = model_row(&model, MODEL_DISK, 0);
        assert_true(i >= 11 || disk->hours_to_full == MODEL_ABSENT);
    }
    assert_int_equal(disk->fill_rate_kb_per_hour, 1024);
    assert_int_equal(disk->hours_to_full, disk->available_kb / 1024);
}

/* What was counted stays when nobody answers; what is open then is not known. */
static void test_silence(void **state)
{
    (void)state;
    recorded("directory_openldap.ldif");
    directory_rows_take(&d, &r, NOW);
    directory_rows_unknown(&d, NOW + 1);
    assert_true(d.appl->inbound == MODEL_ABSENT && d.appl->status == MODEL_ABSENT);
    assert_int_equal(d.appl->status_changed_at, NOW + 1);
    assert_int_equal(d.appl->accumulated_inbound, 14);
    assert_int_equal(model.tables[MODEL_ASSOC].count, 0);
    assert_int_equal(((struct ds_ops *)row(MODEL_DS_OPS, 1, 0))->in_ops, 39);
}

static void test_busy_threads(void **state)
{
    (void)state;
    recorded("directory_openldap.ldif");
    r.facts.numbers[LDAP_THREADS_ACTIVE] = 4;
    directory_rows_take(&d, &r, NOW);
    assert_int_equal(d.appl->status, APPL_UP);
    r.facts.numbers[LDAP_THREADS_PENDING] = 1;
    directory_rows_take(&d, &r, NOW);
    assert_int_equal(d.appl->status, APPL_CONGESTED);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_openldap),   TEST(test_sessions),     TEST(test_own_questions),
        TEST(test_remembered), TEST(test_restart),      TEST(test_never_back),
        TEST(test_consumer),   TEST(test_389),          TEST(test_status),
        TEST(test_silence),    TEST(test_busy_threads), TEST(test_database_fills),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
