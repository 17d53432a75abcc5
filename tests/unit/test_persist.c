/*
 * Rows and names through a real store: what outlives the process comes back, instants keep their real
 * time through a reboot, and records that are older, damaged or too many do no harm.
 */
#include "../../agent/persist.h"
#include "scratch.h"

#define CLOCK 1700000000000

struct kept {
    struct model model;
    struct names *names;
};

static char error[256]; /* of the last load */

static void begin(struct kept *k, const uint32_t *capacities)
{
    assert_true(model_init(&k->model, capacities));
    assert_non_null(k->names = names_new());
}

static void end(struct kept *k)
{
    names_free(k->names);
    model_free(&k->model);
}

/* One process at a time has the store. */
static struct store *open_store(void)
{
    struct store *s = store_open(scratch, error, sizeof error);
    if (!s)
        fail_msg("%s", error);
    return s;
}

static void save(struct kept *k, int64_t clock)
{
    struct store *s = open_store();
    struct checkpoint *c = checkpoint_new();
    assert_true(persist_save(&k->model, k->names, c, clock));
    assert_true(store_write(s, c));
    checkpoint_free(c);
    store_close(s);
}

static bool load(struct kept *k, int64_t clock)
{
    struct store *s = open_store();
    bool ok = persist_load(&k->model, k->names, s, clock);
    snprintf(error, sizeof error, "%s", store_error(s));
    store_close(s);
    return ok;
}

static bool is_instant(const struct model_kind *k, size_t offset)
{
    for (const uint32_t *o = k->instants; *o; o++)
        if (*o == offset)
            return true;
    return false;
}

/* Every octet of the stored part set, instants to something that can be. */
static void fill(const struct model_kind *k, unsigned char *row)
{
    size_t from = k->stored_from;
    if (k->address_offset)
        from = k->address_offset + 16;
    for (size_t o = from; o < k->stored_to; o++)
        row[o] = (unsigned char)random();
    for (const uint32_t *o = k->instants; *o; o++)
        *(int64_t *)(void *)(row + *o) = random() % 3 ? random() : MODEL_NEVER;
}

static void place_all(struct model *m)
{
    for (int t = 0; t < MODEL_TABLES; t++) {
        const struct model_kind *k = &model_kinds[t];
        for (uint32_t n = 1; n < 20 && n < m->tables[t].capacity; n++) {
            uint32_t key[3] = {n * 7, k->keys > 1 ? UINT32_MAX - n : 0, k->keys > 2 ? n : 0};
            uint8_t address[16] = {(uint8_t)n, 0, 255};
            void *row = model_place(m, (enum model_table)t, key, address);
            assert_non_null(row);
            fill(k, row);
            model_dirty(m, (enum model_table)t, row);
        }
    }
}

static void test_all_tables(void **state)
{
    (void)state;
    const int64_t later = CLOCK + 123456789; /* the host was started again */
    struct kept a, b;
    begin(&a, NULL);
    place_all(&a.model);
    save(&a, CLOCK);
    begin(&b, NULL);
    assert_true(load(&b, later));
    for (int t = 0; t < MODEL_TABLES; t++) {
        const struct model_kind *k = &model_kinds[t];
        if (k->stored_to == k->stored_from) {
            assert_int_equal(b.model.tables[t].count, 0);
            continue;
        }
        assert_int_equal(a.model.tables[t].count, b.model.tables[t].count);
        for (uint32_t n = 0; n < a.model.tables[t].count; n++) {
            const unsigned char *x = model_row(&a.model, (enum model_table)t, n);
            const unsigned char *y = model_row(&b.model, (enum model_table)t, n);
            assert_memory_equal(x, y, sizeof(uint32_t[3]));
            for (size_t o = k->stored_from; o < k->stored_to; o++) {
                if (!is_instant(k, o)) {
                    assert_int_equal(x[o], y[o]);
                    continue;
                }
                int64_t was = *(const int64_t *)(const void *)(x + o);
                int64_t is = *(const int64_t *)(const void *)(y + o);
                assert_true(was == MODEL_NEVER ? is == MODEL_NEVER : is + later == was + CLOCK);
                o += sizeof is - 1;
            }
        }
    }
    save(&b, later); /* nothing changed: nothing to put */
    struct checkpoint *c = checkpoint_new();
    assert_true(persist_save(&b.model, b.names, c, later));
    assert_int_equal(checkpoint_count(c), 0);
    checkpoint_free(c);
    end(&a);
    end(&b);
}

/* What comes after the stored mark is not kept; the rest of a row that is new is as in a new row. */
static void test_levels(void **state)
{
    (void)state;
    struct kept a, b;
    uint32_t key[3] = {1, 2, 0};
    begin(&a, NULL);
    struct group *g = model_place(&a.model, MODEL_GROUP, key, NULL);
    g->received_messages = 5;
    g->stored_messages = 6;
    model_dirty(&a.model, MODEL_GROUP, g);
    save(&a, CLOCK);
    begin(&b, NULL);
    assert_true(load(&b, CLOCK));
    g = model_find(&b.model, MODEL_GROUP, key, NULL);
    assert_non_null(g);
    assert_int_equal(g->received_messages, 5);
    assert_true(g->stored_messages == MODEL_ABSENT && g->rejected_messages == MODEL_ABSENT);
    assert_true(g->created_at == MODEL_NEVER);
    end(&a);
    end(&b);
}

static void test_removed(void **state)
{
    (void)state;
    struct kept a, b;
    begin(&a, NULL);
    place_all(&a.model);
    save(&a, CLOCK);
    struct rows *r = &a.model.tables[MODEL_SOURCE];
    while (r->count > 3)
        model_remove(&a.model, MODEL_SOURCE, model_row(&a.model, MODEL_SOURCE, r->count / 2));
    uint32_t key[3] = {4711, 0, 0};
    void *row = model_place(&a.model, MODEL_SOURCE, key, NULL); /* in a position that was used */
    fill(&model_kinds[MODEL_SOURCE], row);
    model_dirty(&a.model, MODEL_SOURCE, row);
    struct peer *p = model_row(&a.model, MODEL_PEER, 2);
    uint8_t address[16] = {9};
    model_rekey(&a.model, MODEL_PEER, p, (uint32_t[3]){1, 1, 0}, address);
    p->connections = 77;
    model_dirty(&a.model, MODEL_PEER, p);
    save(&a, CLOCK);
    begin(&b, NULL);
    assert_true(load(&b, CLOCK));
    assert_int_equal(b.model.tables[MODEL_SOURCE].count, 4);
    assert_non_null(model_find(&b.model, MODEL_SOURCE, key, NULL));
    assert_int_equal(b.model.tables[MODEL_PEER].count, a.model.tables[MODEL_PEER].count);
    p = model_find(&b.model, MODEL_PEER, (uint32_t[3]){1, 1, 0}, address);
    assert_non_null(p);
    assert_int_equal(p->connections, 77);
    end(&a);
    end(&b);
}

static void test_names(void **state)
{
    (void)state;
    struct kept a, b;
    begin(&a, NULL);
    uint32_t one = names_index(a.names, MODEL_GROUP, 1, SLICE("smtp"));
    uint32_t two = names_index(a.names, MODEL_GROUP, 1, SLICE("lmtp"));
    uint32_t next = names_next(a.names, MODEL_ASSOC, 1);
    save(&a, CLOCK);
    begin(&b, NULL);
    assert_true(load(&b, CLOCK));
    assert_int_equal(names_index(b.names, MODEL_GROUP, 1, SLICE("lmtp")), two);
    assert_int_equal(names_index(b.names, MODEL_GROUP, 1, SLICE("smtp")), one);
    assert_int_equal(names_index(b.names, MODEL_GROUP, 1, SLICE("local")), two + 1);
    assert_true(names_next(b.names, MODEL_ASSOC, 1) > next);
    end(&a);
    end(&b);
}

static void put(int kind, uint32_t slot, const void *data, size_t size)
{
    struct store *s = open_store();
    struct checkpoint *c = checkpoint_new();
    assert_true(checkpoint_put(c, kind, slot, data, size));
    assert_true(store_write(s, c));
    checkpoint_free(c);
    store_close(s);
}

/* A kind of record is a table's number: tables are added at the end. */
static void test_kinds(void **state)
{
    (void)state;
    static const char *const names[] = {
        "agent",     "appl",     "assoc",        "group",       "group_assoc", "group_error",
        "source",    "age",      "entry",        "destination", "connection",  "peer",
        "access",    "response", "step",         "route",       "disk",        "process",
        "log_event", "quota",    "quota_totals", "mail_store",  "file_watch",  "session",
        "host",      "alarm",    "alarm_log",    "ds",          "ds_ops",      "ds_int",
        "transition"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_string_equal(model_kinds[i].name, names[i]);
}

/* Records of an older version are shorter, of a later one longer. */
static void test_versions(void **state)
{
    (void)state;
    struct kept k;
    begin(&k, NULL);
    const struct model_kind *kind = &model_kinds[MODEL_APPL];
    unsigned char record[2000] = {0};
    uint32_t key[3] = {1, 0, 0};
    size_t head = sizeof key, name = sizeof(struct text64);
    memcpy(record, key, head);
    record[head] = 2;
    memcpy(record + head + 1, "mx", 2);
    put(STORE_MODEL + MODEL_APPL, 0, record, head + name);
    key[0] = 2;
    memcpy(record, key, head);
    put(STORE_MODEL + MODEL_APPL, 1, record, sizeof record);
    key[0] = 3;
    memcpy(record, key, head);
    put(STORE_MODEL + MODEL_APPL, 2, record, head);
    put(STORE_MODEL + MODEL_APPL, 3, record, head); /* the same index again: left out */
    put(STORE_MODEL + MODEL_APPL, kind->capacity, record, head);
    assert_true(load(&k, CLOCK));
    assert_int_equal(k.model.tables[MODEL_APPL].count, 3);
    const struct appl *a = model_row(&k.model, MODEL_APPL, 0);
    assert_true(slice_eq(TEXT_GET(a->name), SLICE("mx")));
    assert_true(a->received_messages == MODEL_ABSENT && a->started_at == MODEL_NEVER);
    a = model_row(&k.model, MODEL_APPL, 1);
    assert_true(a->received_messages == 0 && a->inbound == MODEL_ABSENT);
    end(&k);
}

static void test_damaged(void **state)
{
    (void)state;
    static const struct {
        int kind;
        size_t size;
    } records[] = {{STORE_MODEL + MODEL_APPL, 5},
                   {STORE_MODEL + MODEL_PEER, 20}, /* ends in the address */
                   {STORE_NAMES, 7},
                   {STORE_NAMES, sizeof(struct name_record) + 1}};
    const unsigned char zero[sizeof(struct name_record) + 1] = {0};
    for (unsigned i = 0; i < sizeof records / sizeof records[0]; i++) {
        struct kept k;
        begin(&k, NULL);
        put(records[i].kind, 0, zero, records[i].size);
        assert_false(load(&k, CLOCK));
        assert_non_null(strstr(error, "damaged"));
        end(&k);
        scratch_remove(NULL);
        scratch_make(NULL);
    }
}

/* Any octets: loaded or refused, and what is loaded can be used and kept again. */
static void test_random_octets(void **state)
{
    (void)state;
    unsigned loaded = 0;
    srandom(9);
    for (unsigned round = 0; round < 60; round++) {
        struct kept k;
        begin(&k, NULL);
        for (int t = 0; t < MODEL_TABLES; t++) {
            const struct model_kind *kind = &model_kinds[t];
            unsigned char record[4096];
            for (size_t o = 0; o < sizeof record; o++)
                record[o] = (unsigned char)(random() % 4 ? random() : 0xff);
            if (kind->stored_to > kind->stored_from)
                put(STORE_MODEL + t, (uint32_t)random() % 3, record,
                    12 + (size_t)random() % (kind->stored_to - kind->stored_from + 20));
        }
        if (load(&k, CLOCK)) {
            loaded++;
            for (int t = 0; t < MODEL_TABLES; t++)
                for (uint32_t n = 0; n < k.model.tables[t].count; n++)
                    model_dirty(&k.model, (enum model_table)t,
                                model_row(&k.model, (enum model_table)t, n));
            save(&k, -CLOCK);
        }
        end(&k);
        scratch_remove(NULL);
        scratch_make(NULL);
    }
    assert_true(loaded > 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_all_tables), TEST(test_levels),   TEST(test_removed), TEST(test_names),
        TEST(test_kinds),      TEST(test_versions), TEST(test_damaged), TEST(test_random_octets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
