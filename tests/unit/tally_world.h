/*
 * A tally with its model, fed with log lines or events, for the tests of collectors/tally*.c. Cells are
 * named "mta:received_messages", "smtpd:rejected_messages", "smtpd/SENT:count", "@example.net:queued",
 * "smtp!4004001:outbound", "192.0.2.9:connections", "messages".
 */
#ifndef TALLY_WORLD_H
#define TALLY_WORLD_H

#include "../../agent/persist.h"
#include "../../collectors/maillog.h"
#include "../../collectors/tally_internal.h"
#include "group_sums.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <arpa/inet.h>
#include <unistd.h>
#include <cmocka.h>

#define WORLD_CLOCK 1700000000000 /* real minus monotonic, ms */

struct world {
    struct model model;
    struct names *names;
    struct tally *tally;
    struct maillog log;
    const char *instance; /* that world_expect asks about */
};

static inline void world_open_mta(struct world *w, const struct mta *mta,
                                  const uint32_t *capacities, uint32_t messages_max)
{
    *w = (struct world){.instance = mta->name};
    assert_true(model_init(&w->model, capacities));
    w->names = names_new();
    assert_non_null(w->names);
    w->tally = tally_new(&w->model, w->names, messages_max, true);
    assert_non_null(w->tally);
    tally_clock(w->tally, WORLD_CLOCK);
    maillog_start(&w->log, w->tally);
    assert_true(maillog_add_mta(&w->log, mta, SLICE("")));
    maillog_time(&w->log, 1700000000000);
}

static inline void world_open(struct world *w, const uint32_t *capacities, uint32_t messages_max)
{
    world_open_mta(w, &mta_postfix, capacities, messages_max);
}

static inline void world_close(struct world *w)
{
    tally_free(w->tally);
    names_free(w->names);
    model_free(&w->model);
}

static inline void world_feed(struct world *w, const char *text)
{
    maillog_lines(&w->log, (struct slice){text, strlen(text)});
}

/* The sums of docs/postfix.md and the destinations' gauges, for every application. */
static inline void world_check_sums(const struct world *w)
{
    const struct model *m = &w->model;
    for (uint32_t a = 0; a < m->tables[MODEL_APPL].count; a++) {
        const struct appl *appl = model_row(m, MODEL_APPL, a);
        struct group in, out;
        group_sums(m, appl, &in, &out);
        assert_int_equal(in.received_messages, appl->received_messages);
        assert_int_equal(in.received_bytes, appl->received_bytes);
        assert_int_equal(in.received_recipients, appl->received_recipients);
        assert_int_equal(out.transmitted_recipients, appl->transmitted_recipients);
        assert_true(out.transmitted_messages >= appl->transmitted_messages);
        assert_true(out.transmitted_bytes >= appl->transmitted_bytes);
        assert_true(appl->transmitted_recipients >= appl->transmitted_messages);
    }
}

/* The gauges of destinations, counted again from the waits, and the waits from their messages. */
static inline void world_check_waits(struct world *w)
{
    const struct messages *all = tally_messages(w->tally);
    struct rows *rows = &w->model.tables[MODEL_DESTINATION];
    uint64_t *queued = calloc(rows->capacity * 3ul, sizeof *queued);
    assert_non_null(queued);
    uint64_t *deferred = queued + rows->capacity, *oldest = deferred + rows->capacity;
    uint32_t count = 0, waits = 0;
    for (uint32_t s = 0; s < all->high; s++) {
        const struct message *m = &all->rows[s];
        count += !queue_id_null(m->id);
        if (queue_id_null(m->id))
            continue;
        assert_ptr_equal(messages_find(all, m->appl, m->id), m);
        for (uint32_t n = m->first_wait; n; n = all->waits[n - 1].chain) {
            const struct wait *wait = &all->waits[n - 1];
            assert_int_equal(wait->message, s);
            assert_true(wait->flags & 1);
            assert_true(wait->active + wait->deferred > 0);
            queued[wait->destination] += wait->active + wait->deferred;
            deferred[wait->destination] += wait->deferred;
            uint64_t *o = &oldest[wait->destination];
            *o = *o == 0 || m->first_seen_s < *o ? m->first_seen_s : *o;
            waits++;
        }
    }
    assert_int_equal(count, all->count);
    assert_int_equal(waits, all->wait_count);
    tally_levels(w->tally);
    for (uint32_t n = 0; n < rows->count; n++) {
        const struct destination *d = model_row(&w->model, MODEL_DESTINATION, n);
        uint32_t position = model_position(&w->model, MODEL_DESTINATION, d);
        assert_int_equal(d->queued, queued[position]);
        assert_int_equal(d->deferred, deferred[position]);
        assert_true(d->queued >= d->deferred);
        int64_t at = oldest[position]
                         ? (int64_t)oldest[position] * 1000 - w->tally->real_minus_monotonic_ms
                         : MODEL_NEVER;
        assert_true(d->oldest_at == at);
    }
    free(queued);
}

/* Cells by name */

#define CELL(type, member)                                                                         \
    {                                                                                              \
#member, offsetof(struct type, member)                                                     \
    }
struct cell {
    const char *name;
    size_t offset;
};
static const struct cell appl_cells[] = {CELL(appl, received_messages),
                                         CELL(appl, received_bytes),
                                         CELL(appl, received_recipients),
                                         CELL(appl, transmitted_messages),
                                         CELL(appl, transmitted_bytes),
                                         CELL(appl, transmitted_recipients),
                                         CELL(appl, accumulated_inbound),
                                         CELL(appl, accumulated_outbound),
                                         CELL(appl, rejected_inbound),
                                         CELL(appl, failed_outbound),
                                         CELL(appl, loops_detected),
                                         CELL(appl, log_status),
                                         CELL(appl, stress),
                                         {NULL, 0}};
static const struct cell group_cells[] = {CELL(group, received_messages),
                                          CELL(group, received_bytes),
                                          CELL(group, received_recipients),
                                          CELL(group, rejected_messages),
                                          CELL(group, rejected_recipients),
                                          CELL(group, transmitted_messages),
                                          CELL(group, transmitted_bytes),
                                          CELL(group, transmitted_recipients),
                                          CELL(group, accumulated_inbound),
                                          CELL(group, accumulated_outbound),
                                          CELL(group, rejected_inbound),
                                          CELL(group, failed_outbound),
                                          CELL(group, loops_detected),
                                          CELL(group, submitted_messages),
                                          CELL(group, submitted_recipients),
                                          CELL(group, submitted_bytes),
                                          CELL(group, rejected_bytes),
                                          CELL(group, bounces_generated),
                                          CELL(group, queue_time_first_sum_ms),
                                          CELL(group, delivered_first_time),
                                          CELL(group, attempted_messages),
                                          CELL(group, attempted_recipients),
                                          CELL(group, attempted_bytes),
                                          CELL(group, failed_messages),
                                          CELL(group, failed_recipients),
                                          CELL(group, failed_bytes),
                                          CELL(group, expired),
                                          CELL(group, bounces_generated),
                                          CELL(group, queue_time_sum_ms),
                                          CELL(group, queue_time_count),
                                          CELL(group, queue_time_first_count),
                                          {NULL, 0}};
static const struct cell entry_cells[] = {
    CELL(entry, count), CELL(entry, with_tls), CELL(entry, with_sasl), {NULL, 0}};
static const struct cell error_cells[] = {CELL(group_error, inbound),
                                          CELL(group_error, internal),
                                          CELL(group_error, outbound),
                                          {NULL, 0}};
static const struct cell destination_cells[] = {
    CELL(destination, queued),           CELL(destination, deferred),
    CELL(destination, deferrals),        CELL(destination, deliveries),
    CELL(destination, last_status_code), {NULL, 0}};
static const struct cell peer_cells[] = {
    CELL(peer, connections), CELL(peer, rejected), CELL(peer, auth_failures), {NULL, 0}};
static const char *const entry_names[] = {"",
                                          "BAD_COMMAND",
                                          "DEQUEUED",
                                          "ENQUEUED",
                                          "REJECTED",
                                          "FAILED_SILENTLY",
                                          "DEFERRED",
                                          "RETURNED",
                                          "ABORTED",
                                          "DELAY_WARNING",
                                          "PARTLY_DEFERRED",
                                          "CLOSED",
                                          "OPENED",
                                          "AUTHENTICATION",
                                          "CONNECTION_REJECTED",
                                          "CONNECTION_FAILED",
                                          "ETRN",
                                          "SENT",
                                          "BOUNCED",
                                          "EXPIRED",
                                          "HELD",
                                          "DISCARDED"};

static inline const struct group *world_group(const struct world *w, uint32_t appl,
                                              struct slice name)
{
    for (uint32_t n = 0; n < w->model.tables[MODEL_GROUP].count; n++) {
        const struct group *g = model_row(&w->model, MODEL_GROUP, n);
        if (g->row.key[0] == appl && slice_eq(TEXT_GET(g->name), name))
            return g;
    }
    return NULL;
}

static inline const void *world_destination(const struct world *w, uint32_t appl,
                                            struct slice domain)
{
    for (uint32_t n = 0; n < w->model.tables[MODEL_DESTINATION].count; n++) {
        const struct destination *d = model_row(&w->model, MODEL_DESTINATION, n);
        if (d->row.key[0] == appl && slice_eq(TEXT_GET(d->domain), domain))
            return d;
    }
    return NULL;
}

static inline const void *world_below_group(const struct world *w, enum model_table t,
                                            uint32_t appl, struct slice name, uint32_t number)
{
    const struct group *g = world_group(w, appl, name);
    uint32_t key[3] = {appl, g ? g->row.key[1] : 0, number};
    return g ? model_find(&w->model, t, key, NULL) : NULL;
}

static inline uint32_t entry_number(struct slice name)
{
    for (uint32_t n = 1; n <= ENTRY_CODES; n++)
        if (slice_eq(slice_of(entry_names[n]), name))
            return n;
    fail_msg("no entry %.*s", (int)name.n, name.p);
    return 0;
}

/* The row that a name means, and the cells that such a row has. */
static inline const void *world_row(const struct world *w, uint32_t appl, struct slice name,
                                    const struct cell **cells)
{
    char text[64] = "";
    uint8_t address[16] = {0};
    uint32_t key[3] = {appl, 1, 0};
    struct slice code = name;
    *cells = appl_cells;
    if (slice_eq(name, SLICE("mta")))
        return model_find(&w->model, MODEL_APPL, (uint32_t[3]){appl, 0, 0}, NULL);
    *cells = destination_cells;
    if (slice_take(&name, SLICE("@")))
        return world_destination(w, appl, name);
    *cells = peer_cells;
    memcpy(text, name.p, name.n < 63 ? name.n : 63);
    if (inet_pton(AF_INET, text, address) == 1)
        return model_find(&w->model, MODEL_PEER, key, address);
    *cells = error_cells;
    struct slice group = slice_cut(&code, '!');
    if (group.p)
        return world_below_group(w, MODEL_GROUP_ERROR, appl, group, (uint32_t)atoi(code.p));
    *cells = entry_cells;
    group = slice_cut(&code, '+');
    if (group.p)
        return world_below_group(w, MODEL_ENTRY, appl, group, entry_number(code));
    *cells = group_cells;
    return world_group(w, appl, name);
}

/* The value of "row:cell"; MODEL_ABSENT when there is no such row. */
static inline uint64_t world_cell(const struct world *w, const char *instance, struct slice name)
{
    uint32_t appl = 0;
    const struct cell *cells;
    for (uint32_t n = 0; n < w->model.tables[MODEL_APPL].count; n++) {
        const struct appl *a = model_row(&w->model, MODEL_APPL, n);
        if (slice_eq(TEXT_GET(a->name), slice_of(instance)))
            appl = a->row.key[0];
    }
    if (slice_eq(name, SLICE("messages")))
        return tally_messages(w->tally)->count;
    struct slice row_name = slice_cut(&name, ':');
    const unsigned char *row = world_row(w, appl, row_name, &cells);
    for (const struct cell *c = cells; c->name; c++)
        if (slice_eq(slice_of(c->name), name))
            return row ? *(const uint64_t *)(const void *)(row + c->offset) : MODEL_ABSENT;
    fail_msg("no cell %.*s", (int)name.n, name.p);
    return 0;
}

/* How many of "cell=number", separated by spaces, do not hold; "-" stands for an absent one. */
static inline unsigned world_expect(const struct world *w, const char *title, const char *expected)
{
    const char *instance = w->instance;
    unsigned wrong = 0;
    char words[2048], *next = NULL;
    snprintf(words, sizeof words, "%s", expected);
    for (char *word = strtok_r(words, " ", &next); word; word = strtok_r(NULL, " ", &next)) {
        char *equals = strchr(word, '=');
        assert_non_null(equals);
        struct slice name = {word, (size_t)(equals - word)};
        uint64_t is = world_cell(w, instance, name);
        uint64_t want = equals[1] == '-' ? MODEL_ABSENT : strtoull(equals + 1, NULL, 10);
        if (is == want)
            continue;
        print_error("%s: %.*s is %lld, not %lld\n", title, (int)name.n, name.p, (long long)is,
                    (long long)want);
        wrong++;
    }
    return wrong;
}

/* A log and what it must give (see world_expect). */
struct world_case {
    const char *title, *log, *expected;
};

/* Feeds each log to a world of its own: every number as expected, every line recognised, every wait where it belongs. */
static inline void world_check_cases(const struct mta *mta, const struct world_case *cases,
                                     size_t count)
{
    unsigned wrong = 0;
    for (size_t i = 0; i < count; i++) {
        struct world w;
        world_open_mta(&w, mta, NULL, 1000);
        world_feed(&w, cases[i].log);
        wrong += world_expect(&w, cases[i].title, cases[i].expected);
        assert_int_equal(w.log.unrecognised, 0);
        world_check_waits(&w);
        world_close(&w);
    }
    assert_int_equal(wrong, 0);
}

#endif
