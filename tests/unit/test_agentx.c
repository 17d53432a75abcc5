/*
 * agentx.c: requests and their Responses octet by octet as RFC 2741 has them, in both orders of octets;
 * what is not to be answered; and every request that is cut off or changed in one octet.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "../../agent/agentx.h"

enum { GET = 5, GET_NEXT = 6, CONTEXT = 8, NETWORK = 16 };

static struct {
    struct model model;
    struct view view;
} world;

static const struct table_time now = {.monotonic_ms = 1000000, .real_ms = 1700000000000};
static const struct agentx_session session = {7, {NULL, 0}};

/* applTable with the rows 3 and 5, one association of 3, and a disk. */
static int set_up(void **state)
{
    (void)state;
    if (!model_init(&world.model, (uint32_t[MODEL_TABLES]){0}))
        return -1;
    struct appl *a = model_place(&world.model, MODEL_APPL, (uint32_t[3]){3, 0, 0}, NULL);
    struct appl *b = model_place(&world.model, MODEL_APPL, (uint32_t[3]){5, 0, 0}, NULL);
    struct assoc *s = model_place(&world.model, MODEL_ASSOC, (uint32_t[3]){3, 1, 0}, NULL);
    struct disk *d = model_place(&world.model, MODEL_DISK, (uint32_t[3]){1, 0, 0}, NULL);
    TEXT_SET(a->name, SLICE("mx-1a"));
    a->inbound = 0x01020304;
    b->inbound = MODEL_ABSENT;
    s->protocol_port = 25;
    d->total_kb = 0x0102030405060708;
    return slots_view_of(&world.model, now.monotonic_ms, now.real_ms, &world.view) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    slots_view_free(&world.view);
    model_free(&world.model);
    return 0;
}

/* --- octets ---------------------------------------------------------------------------------- */

struct octets {
    uint8_t at[70000];
    size_t n;
    bool big;
};

static void add(struct octets *o, const void *p, size_t n)
{
    memcpy(o->at + o->n, p, n);
    o->n += n;
}

/* A number of 2 or 4 octets. */
static void add_number(struct octets *o, uint32_t number, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        o->at[o->n++] = (uint8_t)(number >> 8 * (o->big ? size - 1 - i : i));
}

/* n_subid, prefix, include, and what follows them; ends with -1. */
static void add_oid(struct octets *o, uint8_t prefix, uint8_t include, const int64_t *ids)
{
    uint8_t n = 0;
    while (ids[n] >= 0)
        n++;
    add(o, (uint8_t[]){n, prefix, include, 0}, 4);
    for (uint8_t i = 0; i < n; i++)
        add_number(o, (uint32_t)ids[i], 4);
}
#define IDS(...)                                                                                   \
    (const int64_t[])                                                                              \
    {                                                                                              \
        __VA_ARGS__, -1                                                                            \
    }
static const int64_t none[] = {-1};

/* A header; the length is put in by end(). */
static void begin(struct octets *o, uint8_t type, uint8_t flags)
{
    o->n = 0;
    o->big = flags & NETWORK;
    add(o, (uint8_t[]){1, type, flags, 0}, 4);
    add_number(o, 7, 4);
    add_number(o, 0x11121314, 4);
    add_number(o, 0x21222324, 4);
    add_number(o, 0, 4);
}

static void end(struct octets *o)
{
    size_t n = o->n;
    o->n = 16;
    add_number(o, (uint32_t)n - 20, 4);
    o->n = n;
}

static void begin_response(struct octets *o, uint8_t flags)
{
    begin(o, 18, flags);
    add(o, (uint8_t[8]){0}, 8);
}

/* The answer to a copy that ends where its octets do, for the sanitizer. */
static size_t answer(const struct agentx_session *s, const struct octets *request,
                     struct octets *response)
{
    uint8_t *exact = malloc(request->n + 1);
    assert_non_null(exact);
    memcpy(exact, request->at, request->n);
    response->n =
        agentx_answer(s, &world.view, &now, exact, request->n, response->at, sizeof response->at);
    free(exact);
    return response->n;
}

static void check(const struct octets *request, const struct octets *expected)
{
    static struct octets seen;
    assert_int_equal(agentx_length(request->at, request->n), request->n);
    assert_int_equal(answer(&session, request, &seen), expected->n);
    assert_memory_equal(seen.at, expected->at, expected->n);
    assert_int_equal(agentx_length(seen.at, seen.n), seen.n);
}

static struct octets q, r; /* request and Response */

/* --- tests ----------------------------------------------------------------------------------- */

/* As RFC 2741 draws it, without the helpers above. */
static void one_get_octet_by_octet(void **state)
{
    (void)state;
    /* clang-format off */
    static const uint8_t request[] = {
        1, GET, NETWORK, 0,   0, 0, 0, 7,   0, 0, 1, 2,   0, 0, 3, 4,   0, 0, 0, 32, //
        6, 2, 0, 0,   0, 0, 0, 1,   0, 0, 0, 27,   0, 0, 0, 1,   0, 0, 0, 1,   0, 0, 0, 2,
        0, 0, 0, 3,   0, 0, 0, 0};
    static const uint8_t expected[] = {
        1, 18, NETWORK, 0,   0, 0, 0, 7,   0, 0, 1, 2,   0, 0, 3, 4,   0, 0, 0, 52, //
        0, 0, 0, 0,   0, 0, 0, 0,   0, 4, 0, 0,
        6, 2, 0, 0,   0, 0, 0, 1,   0, 0, 0, 27,   0, 0, 0, 1,   0, 0, 0, 1,   0, 0, 0, 2,
        0, 0, 0, 3,   0, 0, 0, 5,   'm', 'x', '-', '1',   'a', 0, 0, 0};
    /* clang-format on */
    q.n = 0, r.n = 0;
    add(&q, request, sizeof request);
    add(&r, expected, sizeof expected);
    check(&q, &r);
}

static void values_of_all_types(void **state)
{
    (void)state;
    for (uint8_t flags = 0; flags <= NETWORK; flags += NETWORK) {
        begin(&q, GET, flags);
        add_oid(&q, 2, 0, IDS(1, 27, 1, 1, 8, 3)), add_oid(&q, 0, 0, none);
        add_oid(&q, 2, 0, IDS(1, 27, 2, 1, 3, 3, 1)), add_oid(&q, 0, 0, none);
        add_oid(&q, 4, 0, IDS(1, 8072, 9999, 9999, 1566, 1, 11, 1, 4, 1)), add_oid(&q, 0, 0, none);
        add_oid(&q, 2, 0, IDS(1, 27, 1, 1, 8, 5)), add_oid(&q, 0, 0, none);
        add_oid(&q, 0, 0, IDS(1, 3, 6, 1, 2, 1, 27, 1, 1, 99, 3)), add_oid(&q, 0, 0, none);
        end(&q);
        begin_response(&r, flags);
        add_number(&r, 0x42, 2), add_number(&r, 0, 2); /* Gauge32 */
        add_oid(&r, 2, 0, IDS(1, 27, 1, 1, 8, 3)), add_number(&r, 0x01020304, 4);
        add_number(&r, 0x06, 2), add_number(&r, 0, 2); /* OBJECT IDENTIFIER */
        add_oid(&r, 2, 0, IDS(1, 27, 2, 1, 3, 3, 1)), add_oid(&r, 2, 0, IDS(1, 27, 4, 25));
        add_number(&r, 0x46, 2), add_number(&r, 0, 2); /* Counter64 */
        add_oid(&r, 4, 0, IDS(1, 8072, 9999, 9999, 1566, 1, 11, 1, 4, 1));
        add_number(&r, flags ? 0x01020304 : 0x05060708, 4);
        add_number(&r, flags ? 0x05060708 : 0x01020304, 4);
        add_number(&r, 129, 2), add_number(&r, 0, 2); /* noSuchInstance */
        add_oid(&r, 2, 0, IDS(1, 27, 1, 1, 8, 5));
        add_number(&r, 128, 2), add_number(&r, 0, 2); /* noSuchObject */
        add_oid(&r, 2, 0, IDS(1, 27, 1, 1, 99, 3));
        end(&r);
        check(&q, &r);
    }
}

static void ranges(void **state)
{
    (void)state;
    begin(&q, GET_NEXT, 0);
    add_oid(&q, 2, 0, IDS(1, 27, 1, 1, 2)), add_oid(&q, 2, 0, IDS(1, 27, 1, 1, 3));
    add_oid(&q, 2, 1, IDS(1, 27, 1, 1, 8, 3)), add_oid(&q, 2, 0, IDS(1, 27, 1, 1, 9)); /* include */
    add_oid(&q, 2, 0, IDS(1, 27, 1, 1, 8, 3)), add_oid(&q, 2, 0, IDS(1, 27, 1, 1, 9));
    add_oid(&q, 0, 0, IDS(2, 5)), add_oid(&q, 0, 0, none); /* behind all there is */
    add_oid(&q, 2, 0, IDS(1, 27, 1, 1, 2, 2)),
        add_oid(&q, 2, 0, IDS(1, 27, 1, 1, 2, 3)); /* before it */
    end(&q);
    begin_response(&r, 0);
    add_number(&r, 0x04, 4), add_oid(&r, 2, 0, IDS(1, 27, 1, 1, 2, 3));
    add_number(&r, 5, 4), add(&r, "mx-1a\0\0", 8);
    add_number(&r, 0x42, 4), add_oid(&r, 2, 0, IDS(1, 27, 1, 1, 8, 3));
    add_number(&r, 0x01020304, 4);
    add_number(&r, 130, 4), add_oid(&r, 2, 0, IDS(1, 27, 1, 1, 8, 3)); /* endOfMibView */
    add_number(&r, 130, 4), add_oid(&r, 0, 0, IDS(2, 5));
    add_number(&r, 130, 4), add_oid(&r, 2, 0, IDS(1, 27, 1, 1, 2, 2));
    end(&r);
    check(&q, &r);
}

static void request_for_one_cell(uint8_t flags)
{
    begin(&q, GET, flags);
    if (flags & CONTEXT)
        add_number(&q, 5, 4), add(&q, "mail2\0\0", 8);
    add_oid(&q, 2, 0, IDS(1, 27, 1, 1, 2, 3)), add_oid(&q, 0, 0, none);
    end(&q);
}

static void context_and_session_must_be_ours(void **state)
{
    (void)state;
    static const struct agentx_session other = {8, {NULL, 0}}, inside = {7, {"mail2", 5}},
                                       longer = {7, {"mail22", 6}}, apart = {7, {"mail3", 5}};
    request_for_one_cell(0);
    assert_true(answer(&session, &q, &r) > 0);
    assert_true(answer(&other, &q, &r) == 0);
    assert_true(answer(&inside, &q, &r) == 0);
    request_for_one_cell(CONTEXT);
    assert_true(answer(&session, &q, &r) == 0);
    assert_true(answer(&longer, &q, &r) == 0);
    assert_true(answer(&apart, &q, &r) == 0);
    assert_true(answer(&inside, &q, &r) > 0);
    assert_int_equal(r.at[2], 0); /* a Response has no context */
}

static void only_get_and_getnext(void **state)
{
    (void)state;
    for (int type = 0; type < 256; type++) {
        request_for_one_cell(0);
        q.at[1] = (uint8_t)type;
        assert_int_equal(answer(&session, &q, &r) > 0, type == GET || type == GET_NEXT);
    }
    request_for_one_cell(0);
    q.at[0] = 2; /* another version */
    assert_true(answer(&session, &q, &r) == 0);
}

static void what_is_cut_off_is_not_answered(void **state)
{
    (void)state;
    request_for_one_cell(CONTEXT);
    static const struct agentx_session inside = {7, {"mail2", 5}};
    for (size_t whole = q.n; q.n > 0; q.n--) {
        bool ends = q.n == whole || q.n == 20 + 12; /* without a range there is nothing to answer */
        assert_int_equal(answer(&inside, &q, &r) > 0, ends);
    }
    assert_true(agentx_length(q.at, 19) == 0);
    memset(q.at + 16, 0xff, 4);
    assert_true(agentx_length(q.at, 20) == UINT64_C(0xffffffff) + 20);
}

/* The Response is whole or there is none, and nothing is written behind the room. */
static void room_is_kept(void **state)
{
    (void)state;
    request_for_one_cell(0);
    size_t n = answer(&session, &q, &r);
    for (size_t room = 0; room <= n; room++) {
        uint8_t *out = malloc(room + 1);
        assert_non_null(out);
        out[room] = 0xa5;
        size_t seen = agentx_answer(&session, &world.view, &now, q.at, q.n, out, room);
        assert_int_equal(seen, room < n ? 0 : n);
        assert_int_equal(out[room], 0xa5);
        free(out);
    }
}

static void overlong_names_are_not_answered(void **state)
{
    (void)state;
    for (unsigned n = 120; n <= 130; n++)
        for (uint8_t prefix = 0; prefix <= 2; prefix += 2) {
            begin(&q, GET_NEXT, 0);
            add(&q, (uint8_t[]){(uint8_t)n, prefix, 0, 0}, 4);
            for (unsigned i = 0; i < n; i++)
                add_number(&q, 1, 4);
            add_oid(&q, 0, 0, none);
            end(&q);
            assert_int_equal(answer(&session, &q, &r) > 0, n + (prefix ? 5 : 0) <= OID_MAX);
        }
}

/* Whatever one octet becomes: no more is read than there is, and a Response is a whole one. */
static void any_octet_changed(void **state)
{
    (void)state;
    for (uint8_t flags = 0; flags <= NETWORK; flags += NETWORK) {
        request_for_one_cell(flags);
        for (size_t i = 0; i < q.n; i++)
            for (unsigned x = 1; x < 256; x++) {
                q.at[i] ^= (uint8_t)x;
                if (answer(&session, &q, &r))
                    assert_int_equal(agentx_length(r.at, r.n), r.n);
                q.at[i] ^= (uint8_t)x;
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_get_octet_by_octet),
        cmocka_unit_test(values_of_all_types),
        cmocka_unit_test(ranges),
        cmocka_unit_test(context_and_session_must_be_ours),
        cmocka_unit_test(only_get_and_getnext),
        cmocka_unit_test(what_is_cut_off_is_not_answered),
        cmocka_unit_test(room_is_kept),
        cmocka_unit_test(overlong_names_are_not_answered),
        cmocka_unit_test(any_octet_changed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
