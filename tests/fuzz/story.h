/* A log with all that counts its lines, and what must hold of it whatever the lines are. */
#ifndef STORY_H
#define STORY_H

#include "../../agent/dump.h"
#include "../../agent/persist.h"
#include "../../agent/tables.h"
#include "../../collectors/access_tally.h"
#include "../../collectors/maillog.h"
#include "../../collectors/sun_record.h"
#include "../unit/group_sums.h"
#include "memory_store.h"

#define STORY_CLOCK INT64_C(1700000000000) /* real minus monotonic, ms */
#define STORY_MTIME INT64_C(1795357500000) /* of the log's file */

struct story {
    struct model model;
    struct names *names;
    struct tally *tally;
    struct access_tally *access;
    struct maillog log;
    unsigned programs;
    bool small;
};

static const struct mta *const story_mtas[] = {&mta_exim, &mta_opensmtpd, &mta_postfix,
                                               &mta_sendmail, &mta_sun};
static const struct access_server *const story_servers[] = {&access_dovecot, &access_cyrus};
static const struct sun_options story_options = {
    .format = 1, .fields = 0x7fff, .block_size = SUN_BLOCK_SIZE};

static void story_add_server(struct story *s, const struct access_server *server)
{
    struct access_log *log = access_tally_log(s->access, server, slice_of(server->name), 1);
    fuzz_check(log && maillog_add(&s->log, server->parse, access_tally_event, log));
}

/* programs: one of these, Sun's with all fields of an entry, or several in one log. */
static void story_add_programs(struct story *s, unsigned programs)
{
    if (programs < 5)
        fuzz_check(maillog_add_mta(&s->log, story_mtas[programs], SLICE("")));
    else if (programs < 7)
        story_add_server(s, story_servers[programs - 5]);
    else if (programs == 7)
        fuzz_check(maillog_add_mta(&s->log, &mta_sun, SLICE("msg")));
    if (programs == 7)
        maillog_options(&s->log, mta_sun.parse, &story_options);
    if (programs != 8)
        return;
    for (unsigned i = 0; i < 4; i++)
        fuzz_check(maillog_add_mta(&s->log, story_mtas[i], SLICE("")));
    story_add_server(s, &access_dovecot);
    story_add_server(s, &access_cyrus);
}

static void story_open(struct story *s, unsigned programs, bool small)
{
    static const uint32_t capacities[MODEL_TABLES] = {
        [MODEL_DESTINATION] = 3, [MODEL_PEER] = 2,  [MODEL_APPL] = 3,    [MODEL_GROUP] = 9,
        [MODEL_GROUP_ERROR] = 5, [MODEL_ENTRY] = 9, [MODEL_SESSION] = 2, [MODEL_ASSOC] = 2};
    *s = (struct story){.programs = programs % 9, .small = small};
    fuzz_check(model_init(&s->model, small ? capacities : NULL));
    s->names = names_new();
    s->tally = tally_new(&s->model, s->names, small ? 4 : 1000, true);
    s->access = access_tally_new(&s->model, s->names, s->tally, USERS_PLAIN);
    fuzz_check(s->names && s->tally && s->access);
    tally_clock(s->tally, STORY_CLOCK);
    access_tally_clock(s->access, STORY_CLOCK, STORY_MTIME - STORY_CLOCK);
    maillog_start(&s->log, s->tally);
    story_add_programs(s, s->programs);
    maillog_time(&s->log, STORY_MTIME);
    maillog_file(&s->log, SLICE("mail.log"), STORY_MTIME);
}

static void story_close(struct story *s)
{
    access_tally_free(s->access);
    tally_free(s->tally);
    names_free(s->names);
    model_free(&s->model);
}

static void story_save(struct story *s, struct checkpoint *c)
{
    fuzz_check(persist_save(&s->model, s->names, c, STORY_CLOCK));
    fuzz_check(tally_save(s->tally, c));
    fuzz_check(access_tally_save(s->access, c));
}

static bool story_load(struct story *s, struct store *store)
{
    return persist_load(&s->model, s->names, store, STORY_CLOCK) && tally_load(s->tally, store) &&
           access_tally_load(s->access, store);
}

/* Takes over what the reader of the log knows by itself. */
static void story_carry(struct story *to, struct story *from)
{
    for (unsigned i = 0; i < from->log.own_count; i++)
        to->log.own[i].context = from->log.own[i].context;
    to->log.lines = from->log.lines;
    to->log.unrecognised = from->log.unrecognised;
    to->log.last_ms = from->log.last_ms;
    to->log.in_parts = from->log.in_parts;
    to->log.rest.before = from->log.rest.before;
    maillog_keep(&to->log);
}

/* The sums of the MIB's groups, but for Sun's, whose channels count hops too. */
static void story_check_sums(const struct story *s)
{
    const struct model *m = &s->model;
    bool sun = s->programs == 4 || s->programs == 7;
    for (uint32_t a = 0; a < m->tables[MODEL_APPL].count && !sun; a++) {
        const struct appl *appl = model_row(m, MODEL_APPL, a);
        struct group in, out;
        group_sums(m, appl, &in, &out);
        if (appl->is_mta != 1)
            continue;
        fuzz_check(in.received_messages == appl->received_messages);
        fuzz_check(in.received_bytes == appl->received_bytes);
        fuzz_check(in.received_recipients == appl->received_recipients);
        fuzz_check(out.transmitted_recipients == appl->transmitted_recipients);
        fuzz_check(out.transmitted_messages >= appl->transmitted_messages);
        fuzz_check(out.transmitted_bytes >= appl->transmitted_bytes);
        fuzz_check(appl->transmitted_recipients >= appl->transmitted_messages);
    }
}

/* The rows as they were when they were looked at last. */
struct growth {
    unsigned char *rows[MODEL_TABLES];
    uint32_t high[MODEL_TABLES];
};

static bool is_counter(const struct column *c)
{
    return c->kind == COLUMN_COUNTER32 || c->kind == COLUMN_COUNTER64 ||
           c->kind == COLUMN_KCOUNTER32;
}

static void growth_check_row(const struct table *t, const unsigned char *then,
                             const unsigned char *now)
{
    const struct row *a = (const void *)then, *b = (const void *)now;
    if (!a->used || !b->used || memcmp(a->key, b->key, sizeof a->key) != 0)
        return;
    for (uint32_t i = 0; i < t->column_count; i++) {
        const struct column *c = &t->columns[i];
        uint64_t x, y;
        if (!is_counter(c))
            continue;
        memcpy(&x, then + c->offset, sizeof x);
        memcpy(&y, now + c->offset, sizeof y);
        if (x != MODEL_ABSENT && (y == MODEL_ABSENT || y < x)) {
            fprintf(stderr, "%s goes back\n", c->name);
            abort();
        }
    }
}

/* No counter is less than it was. A peer's row is another's when it gave way, so it is left out. */
static void growth_check(struct growth *g, const struct story *s)
{
    for (uint32_t i = 0; i < tables_count; i++) {
        const struct table *t = tables[i];
        const struct rows *r = &s->model.tables[t->rows];
        for (uint32_t n = 0; t->rows != MODEL_PEER && n < r->high && n < g->high[t->rows]; n++)
            growth_check_row(t, g->rows[t->rows] + (size_t)n * r->row_size,
                             r->base + (size_t)n * r->row_size);
    }
    for (int t = 0; t < MODEL_TABLES; t++) {
        const struct rows *r = &s->model.tables[t];
        size_t size = (size_t)r->high * r->row_size;
        g->rows[t] = realloc(g->rows[t], size + 1);
        fuzz_check(g->rows[t] != NULL);
        memcpy(g->rows[t], r->base, size);
        g->high[t] = r->high;
    }
}

static void growth_free(struct growth *g)
{
    for (int t = 0; t < MODEL_TABLES; t++)
        free(g->rows[t]);
}

/* UTF-8 without control characters but the newline. Not table.c's own check: a second opinion. */
static bool is_text(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n;) {
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        size_t length = p[i] < 0x80 ? 1 : p[i] >> 5 == 6 ? 2 : p[i] >> 4 == 14 ? 3 : 4;
        uint32_t c = length == 1 ? p[i] : p[i] & (0x7fu >> length);
        if (i + length > n || (length == 4 && p[i] >> 3 != 30))
            return false;
        for (size_t k = 1; k < length; k++) {
            if (p[i + k] >> 6 != 2)
                return false;
            c = c << 6 | (p[i + k] & 0x3f);
        }
        bool control = (c < 0x20 && c != '\n') || c == 0x7f;
        if (control || c < least[length] || c > 0x10ffff || c >> 11 == 27)
            return false;
        i += length;
    }
    return true;
}

static void check_value(const struct column *c, const struct value *v)
{
    bool text = c->kind == COLUMN_TEXT || c->kind == COLUMN_TEXT_NEVER ||
                c->kind == COLUMN_TEXT_EMPTY || c->kind == COLUMN_OLDEST_TEXT;
    uint64_t labels = 0;
    while (c->labels && c->labels[labels])
        labels++;
    bool odd = text && (v->length > 255 || !is_text(v->octets, v->length));
    odd |= c->kind == COLUMN_ENUM && labels && v->number > labels;
    odd |= v->type == SMI_OCTETS && v->length > 255;
    odd |= v->type == SMI_INTEGER && c->kind != COLUMN_INTEGER && v->number > INT32_MAX;
    if (odd) {
        fprintf(stderr, "%s is no value that it may have\n", c->name);
        abort();
    }
}

static void story_levels(struct story *s)
{
    tally_end(s->tally);
    tally_levels(s->tally);
    access_tally_levels(s->access);
    model_sort(&s->model, MODEL_PEER);
    model_sort(&s->model, MODEL_DESTINATION);
}

static void story_check_cells(struct story *s)
{
    struct view view;
    const struct table_time now = {.monotonic_ms = STORY_MTIME - STORY_CLOCK,
                                   .real_ms = STORY_MTIME};
    story_levels(s);
    fuzz_check(slots_view_of(&s->model, now.monotonic_ms, now.real_ms, &view));
    for (uint32_t i = 0; i < tables_count; i++) {
        const struct table *t = tables[i];
        const struct view_table *rows = &view.tables[t->rows];
        for (uint32_t n = 0; n < rows->count; n++)
            for (uint32_t k = 0; k < t->column_count; k++) {
                struct value value;
                if (table_cell(t, &t->columns[k], &view, rows->rows + (size_t)n * rows->row_size,
                               &now, &value))
                    check_value(&t->columns[k], &value);
            }
    }
    slots_view_free(&view);
}

/* The same counters and texts in the same rows: what the store keeps. */
static void story_check_same(const struct story *a, const struct story *b)
{
    for (int t = 0; t < MODEL_TABLES; t++) {
        const struct model_kind *k = &model_kinds[t];
        const struct rows *x = &a->model.tables[t], *y = &b->model.tables[t];
        bool stored = k->stored_to > k->stored_from;
        if (stored && (x->count != y->count || x->high != y->high))
            fprintf(stderr, "%s: %u and %u rows, %u and %u ever\n", k->name, x->count, y->count,
                    x->high, y->high);
        fuzz_check(!stored || (x->count == y->count && x->high == y->high));
        for (uint32_t n = 0; stored && n < x->high; n++) {
            const unsigned char *p = x->base + (size_t)n * x->row_size;
            const unsigned char *q = y->base + (size_t)n * y->row_size;
            const struct row *r = (const void *)p, *o = (const void *)q;
            fuzz_check(r->used == o->used);
            bool same =
                memcmp(r->key, o->key, sizeof r->key) == 0 &&
                memcmp(p + k->stored_from, q + k->stored_from, k->stored_to - k->stored_from) == 0;
            for (uint32_t i = k->stored_from; r->used && !same && i < k->stored_to; i++)
                if (p[i] != q[i])
                    fprintf(stderr, "%s row %u differs at %u\n", k->name, n, i);
            fuzz_check(!r->used || same);
        }
    }
    fuzz_check(a->log.lines == b->log.lines && a->log.unrecognised == b->log.unrecognised);
    fuzz_check(tally_messages(a->tally)->count == tally_messages(b->tally)->count);
    fuzz_check(tally_messages(a->tally)->evicted == tally_messages(b->tally)->evicted);
}

#endif
