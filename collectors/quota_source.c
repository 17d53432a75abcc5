/*
 * Quotas: a command for each configured source prints them; those at or above the warning level have a row, the
 * fullest first to get one. Other collectors may have sources here, too; the totals are of all together.
 * Invariant: the rows of the table are those of the newest answers.
 */
#include "quota_source.h"
#include <errno.h>
#include <stdio.h>
#include "access_source.h"
#include "child.h"

#define OUTPUT_MAX (64 << 20)
#define ROWS_MAX   1000

struct owner {
    uint32_t source;
    struct quota row;
};

struct quota_source {
    struct quota_source *next;
    struct collect *collect;
    const struct config_quota *config; /* NULL: another collector asks */
    uint32_t warn_percent;
    struct source *row;
    struct child *child;
    int64_t next_ms, asked_ms;
    uint64_t accounts, over_warn, over_quota;
    struct owner *entries;
    uint32_t count, room;
};

static struct quota_source *sources;

static uint64_t percent_of(uint64_t used, uint64_t limit)
{
    if (used == MODEL_ABSENT || limit == MODEL_ABSENT || limit == 0)
        return MODEL_ABSENT;
    return used > UINT64_MAX / 100 ? 100 : used * 100 / limit;
}

static uint64_t fuller(uint64_t a, uint64_t b)
{
    return a == MODEL_ABSENT ? b : b == MODEL_ABSENT ? a : a > b ? a : b;
}

static void name_owner(const struct quota_source *q, struct quota *row, struct slice owner)
{
    const char *show = q->collect->config->show_users;
    char text[32];
    if (!show || strcmp(show, "plain") == 0) {
        TEXT_SET(row->owner, owner);
    } else if (strcmp(show, "hashed") == 0) {
        int n = snprintf(text, sizeof text, "%016llx",
                         (unsigned long long)slice_hash(owner, access_salt()));
        TEXT_SET(row->owner, ((struct slice){text, (size_t)n}));
    }
}

static struct owner *new_entry(struct quota_source *q)
{
    if (q->count == q->room) {
        uint32_t room = q->room ? q->room * 2 : 64;
        struct owner *e = reallocarray(q->entries, room, sizeof *e);
        if (!e)
            return NULL;
        q->entries = e;
        q->room = room;
    }
    return &q->entries[q->count++];
}

void quota_source_take(struct quota_source *q, const struct access_usage *u)
{
    uint64_t percent =
        fuller(percent_of(u->used_kb, u->quota_kb), percent_of(u->messages, u->message_quota));
    q->accounts++;
    if (percent == MODEL_ABSENT || percent < q->warn_percent)
        return;
    q->over_warn++;
    q->over_quota += percent >= 100;
    struct owner *e = new_entry(q);
    if (!e)
        return;
    char name[320];
    uint32_t key[1];
    int n = snprintf(name, sizeof name, "%u %.*s", q->row->row.key[0],
                     (int)(u->owner.n < 240 ? u->owner.n : 240), u->owner.p);
    key[0] = names_index(q->collect->names, MODEL_QUOTA, 0, (struct slice){name, (size_t)n});
    *e = (struct owner){.source = q->row->row.key[0]};
    e->row = *(const struct quota *)model_kinds[MODEL_QUOTA].initial;
    e->row.row.key[0] = key[0];
    e->row.used_kb = u->used_kb;
    e->row.quota_kb = u->quota_kb;
    e->row.percent = percent;
    e->row.messages = u->messages;
    e->row.message_quota = u->message_quota;
    name_owner(q, &e->row, u->owner);
}

static int by_percent(const void *a, const void *b)
{
    const struct owner *x = a, *y = b;
    return x->row.percent != y->row.percent        ? (x->row.percent < y->row.percent ? 1 : -1)
           : x->row.row.key[0] < y->row.row.key[0] ? -1
                                                   : 1;
}

static void place(struct model *m, const struct owner *e)
{
    struct quota *row =
        e->row.row.key[0] ? model_place(m, MODEL_QUOTA, e->row.row.key, NULL) : NULL;
    if (!row)
        return;
    struct row head = row->row;
    *row = e->row;
    row->row = head;
}

/* All rows anew, of all sources. */
static void place_all(struct collect *c)
{
    struct model *m = c->model;
    uint32_t key[3] = {1, 0, 0};
    while (m->tables[MODEL_QUOTA].count)
        model_remove(m, MODEL_QUOTA, model_row(m, MODEL_QUOTA, 0));
    struct quota_totals *t = model_place(m, MODEL_QUOTA_TOTALS, key, NULL);
    if (!t)
        return;
    t->accounts = t->over_warn = t->over_quota = 0;
    for (struct quota_source *q = sources; q; q = q->next) {
        t->accounts += q->accounts;
        t->over_warn += q->over_warn;
        t->over_quota += q->over_quota;
        if (q->count)
            qsort(q->entries, q->count, sizeof *q->entries, by_percent);
        for (uint32_t n = 0; n < q->count && n < ROWS_MAX; n++)
            place(m, &q->entries[n]);
    }
    model_touch(m, MODEL_QUOTA);
    model_touch(m, MODEL_QUOTA_TOTALS);
}

void quota_source_begin(struct quota_source *q)
{
    q->count = 0;
    q->accounts = q->over_warn = q->over_quota = 0;
}

void quota_source_end(struct quota_source *q, uint64_t accounts)
{
    if (q->accounts < accounts)
        q->accounts = accounts;
    q->row->items += q->accounts;
    model_dirty(q->collect->model, MODEL_SOURCE, q->row);
    place_all(q->collect);
}

struct quota_source *quota_source_new(struct collect *c, struct source *row, uint32_t warn_percent)
{
    struct quota_source *q = calloc(1, sizeof *q);
    if (!q)
        return NULL;
    *q = (struct quota_source){
        .next = sources, .collect = c, .row = row, .warn_percent = warn_percent};
    return sources = q;
}

static void on_answer(void *arg, const char *error, struct slice text)
{
    struct quota_source *q = arg;
    struct collect *c = q->collect;
    struct access_usage u;
    bool dovecot = strcmp(q->config->format, "dovecot") == 0;
    q->child = NULL;
    q->row->duration_ms = (uint64_t)(c->monotonic_ms - q->asked_ms);
    if (*error) {
        source_status(c, q->row, SOURCE_STALE, error);
        return;
    }
    quota_source_begin(q);
    while (dovecot ? access_quota_dovecot(&text, &u) : access_quota_cyrus(&text, &u))
        quota_source_take(q, &u);
    quota_source_end(q, 0);
    source_status(c, q->row, SOURCE_OK, "");
}

static void ask(struct quota_source *q)
{
    static const char *const usual_dovecot[] = {"doveadm", "-f", "tab", "quota", "get", "-A", NULL};
    static const char *const usual_cyrus[] = {"/usr/lib/cyrus/bin/quota", NULL};
    const char *argv[32] = {0};
    char error[256];
    for (unsigned i = 0; i < q->config->command.count && i < 31; i++)
        argv[i] = q->config->command.items[i];
    const char *const *usual =
        strcmp(q->config->format, "dovecot") == 0 ? usual_dovecot : usual_cyrus;
    q->child = child_start(q->collect->loop, argv[0] ? argv : usual, OUTPUT_MAX,
                           q->config->timeout_s, on_answer, q);
    if (q->child)
        return;
    snprintf(error, sizeof error, "%s: %s", argv[0] ? argv[0] : usual[0], strerror(errno));
    source_status(q->collect, q->row, SOURCE_MISSING, error);
}

static bool add(struct collect *c, const struct config_quota *config, unsigned number)
{
    char name[96];
    if (config->name)
        snprintf(name, sizeof name, "%s", config->name);
    else
        snprintf(name, sizeof name, "%s quota %u", config->format, number);
    const char *target = config->command.count ? config->command.items[0] : config->format;
    struct source *row = source_place(c, SOURCE_COMMAND, name, target, 0, config->interval_s);
    struct quota_source *q = row ? quota_source_new(c, row, config->warn_percent) : NULL;
    if (q)
        q->config = config;
    return q;
}

static bool start(struct collect *c)
{
    const struct config_list *list = &c->config->quotas;
    for (unsigned i = 0; i < list->count; i++)
        if (!add(c, (const struct config_quota *)list->items + i, i + 1))
            return false;
    return true;
}

static void tick(struct collect *c)
{
    for (struct quota_source *q = sources; q; q = q->next) {
        if (!q->config || q->child || c->monotonic_ms < q->next_ms)
            continue;
        q->asked_ms = c->monotonic_ms;
        q->next_ms = c->monotonic_ms + (int64_t)q->config->interval_s * 1000;
        ask(q);
    }
}

static void stop(struct collect *c)
{
    (void)c;
    for (struct quota_source *q = sources, *next; q; q = next) {
        next = q->next;
        if (q->child)
            child_forget(q->child);
        free(q->entries);
        free(q);
    }
    sources = NULL;
}

const struct collector collector_quota = {"quota", start, tick, NULL, stop};
