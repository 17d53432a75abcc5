/* The rows of a Postfix MTA at applIndex 1 with a group "smtp" at 3, and the instant at which they are asked for. */
#ifndef TABLE_WORLD_H
#define TABLE_WORLD_H

#include "../../agent/tables.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#define HOUR_MS 3600000

static const struct table_time now = {.monotonic_ms = 10000000,
                                      .real_ms = 1795308247000, /* 2026-11-22 00:44:07 UTC */
                                      .uptime_cs = 500000};

struct world {
    struct model m;
    struct view v;
    struct appl *mta;
    struct group *smtp;
};

/* An instant at which sysUpTime had a value. */
static inline int64_t at_uptime(uint32_t cs)
{
    return now.monotonic_ms - ((int64_t)now.uptime_cs - cs) * 10;
}

static inline int setup(void **state)
{
    static struct world w;
    *state = &w;
    if (!model_init(&w.m, NULL))
        return -1;
    w.mta = model_place(&w.m, MODEL_APPL, (uint32_t[3]){1}, NULL);
    TEXT_SET(w.mta->name, SLICE("Postfix MTA"));
    w.mta->started_at = at_uptime(7322);
    w.mta->status = 1;
    w.mta->is_mta = 1;
    w.mta->stored_messages = 17;
    w.smtp = model_place(&w.m, MODEL_GROUP, (uint32_t[3]){1, 3}, NULL);
    w.smtp->stored_messages = 17;
    w.smtp->oldest_at = now.monotonic_ms - HOUR_MS;
    w.smtp->failed_outbound = 0;
    struct assoc *a = model_place(&w.m, MODEL_ASSOC, (uint32_t[3]){1, 41}, NULL);
    a->protocol_port = 25;
    a->type = 4;
    model_place(&w.m, MODEL_GROUP_ASSOC, (uint32_t[3]){1, 3, 41}, NULL);
    model_place(&w.m, MODEL_GROUP_ASSOC, (uint32_t[3]){1, 3, 42}, NULL);
    struct group_error *e =
        model_place(&w.m, MODEL_GROUP_ERROR, (uint32_t[3]){1, 3, 4004001}, NULL);
    e->outbound = 9;
    return 0;
}

static inline int teardown(void **state)
{
    struct world *w = *state;
    slots_view_free(&w->v);
    model_free(&w->m);
    return 0;
}

#define table_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static inline const struct view *view(struct world *w)
{
    slots_view_free(&w->v);
    assert_true(slots_view_of(&w->m, now.monotonic_ms - 250, now.real_ms - 250, &w->v));
    return &w->v;
}

static inline int compare_oids(const uint32_t *a, uint32_t an, const uint32_t *b, uint32_t bn)
{
    for (uint32_t i = 0; i < an && i < bn; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return an < bn ? -1 : an > bn;
}

#endif
