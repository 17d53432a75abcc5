/*
 * Quotas: a command for each configured source prints them; those at or above the warning level have a row, the
 * fullest first to get one. Invariant: the rows of the table are those of the newest answers.
 */
#include <errno.h>
#include <stdio.h>
#include "access_listing.h"
#include "access_source.h"
#include "child.h"

#define OUTPUT_MAX (64 << 20)
#define ROWS_MAX   1000

struct owner {
    uint32_t source;
    uint64_t percent, message_percent; /* of the quota; MODEL_ABSENT: none */
    struct quota row;
};

struct quota_source {
    struct collect *collect;
    const struct config_quota *config;
    struct source *row;
    struct child *child;
    int64_t next_ms, asked_ms;
    uint64_t accounts, over_warn, over_quota;
    struct owner *entries;
    uint32_t count, room;
    bool answered;
};

static struct {
    struct quota_source *sources;
    unsigned count;
} quotas;

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

static void take(struct quota_source *q, const struct access_usage *u)
{
    uint64_t percent =
        fuller(percent_of(u->used_kb, u->quota_kb), percent_of(u->messages, u->message_quota));
    q->accounts++;
    if (percent == MODEL_ABSENT || percent < q->config->warn_percent)
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
    *e = (struct owner){.source = q->row->row.key[0], .percent = percent};
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
    return x->percent != y->percent                ? (x->percent < y->percent ? 1 : -1)
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
    for (unsigned i = 0; i < quotas.count; i++) {
        struct quota_source *q = &quotas.sources[i];
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
    q->count = 0;
    q->accounts = q->over_warn = q->over_quota = 0;
    while (dovecot ? access_quota_dovecot(&text, &u) : access_quota_cyrus(&text, &u))
        take(q, &u);
    q->row->items += q->accounts;
    q->answered = true;
    model_dirty(c->model, MODEL_SOURCE, q->row);
    place_all(c);
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

static bool start(struct collect *c)
{
    const struct config_list *list = &c->config->quotas;
    quotas.sources = calloc(list->count + 1, sizeof *quotas.sources);
    for (unsigned i = 0; quotas.sources && i < list->count; i++) {
        struct quota_source *q = &quotas.sources[quotas.count];
        char name[96];
        *q = (struct quota_source){.collect = c,
                                   .config = (const struct config_quota *)list->items + i};
        if (q->config->name)
            snprintf(name, sizeof name, "%s", q->config->name);
        else
            snprintf(name, sizeof name, "%s quota %u", q->config->format, i + 1);
        q->row =
            source_place(c, SOURCE_COMMAND, name,
                         q->config->command.count ? q->config->command.items[0] : q->config->format,
                         0, q->config->interval_s);
        quotas.count += q->row != NULL;
    }
    return quotas.sources != NULL;
}

static void tick(struct collect *c)
{
    for (unsigned i = 0; i < quotas.count; i++) {
        struct quota_source *q = &quotas.sources[i];
        if (q->child || c->monotonic_ms < q->next_ms)
            continue;
        q->asked_ms = c->monotonic_ms;
        q->next_ms = c->monotonic_ms + (int64_t)q->config->interval_s * 1000;
        ask(q);
    }
}

static void stop(struct collect *c)
{
    (void)c;
    for (unsigned i = 0; i < quotas.count; i++) {
        if (quotas.sources[i].child)
            child_forget(quotas.sources[i].child);
        free(quotas.sources[i].entries);
    }
    free(quotas.sources);
    memset(&quotas, 0, sizeof quotas);
}

const struct collector collector_quota = {"quota", start, tick, NULL, stop};
