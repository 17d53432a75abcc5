/* Names, values and sentences; see alarm_text.h. */
#include "alarm_text.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct writing {
    char *text;
    size_t n;
};

/* Appends a part behind a slash; what does not fit is cut on a boundary of UTF-8 characters. */
static void add(struct writing *w, struct slice part)
{
    size_t room = INSTANCE_MAX - w->n;
    if (w->n && room) {
        w->text[w->n++] = '/';
        room--;
    }
    if (part.n > room) {
        part.n = room;
        while (part.n > 0 && ((unsigned char)part.p[part.n] & 0xc0) == 0x80)
            part.n--;
    }
    memcpy(w->text + w->n, part.p, part.n);
    w->n += part.n;
    w->text[w->n] = '\0';
}

static void add_number(struct writing *w, uint32_t number)
{
    char digits[16];
    snprintf(digits, sizeof digits, "%" PRIu32, number);
    add(w, slice_of(digits));
}

/* The name of the row that a part of the index points at; p == NULL: none. */
static struct slice name_of(const struct model *m, struct slice index, const uint32_t key[3])
{
    uint32_t at[3] = {key[0], 0, 0};
    struct slice none = {NULL, 0};
    if (slice_eq(index, SLICE("applIndex"))) {
        const struct appl *a = model_find(m, MODEL_APPL, at, NULL);
        return a ? TEXT_GET(a->name) : none;
    }
    if (slice_eq(index, SLICE("mtaGroupIndex"))) {
        at[1] = key[1];
        const struct group *g = model_find(m, MODEL_GROUP, at, NULL);
        return g ? TEXT_GET(g->name) : none;
    }
    if (slice_eq(index, SLICE("mailmonResponseIndex"))) {
        const struct response *r = model_find(m, MODEL_RESPONSE, at, NULL);
        return r ? TEXT_GET(r->name) : none;
    }
    return none;
}

static struct slice own_name(const struct alarm_rule *r, const void *row, struct value *value)
{
    if (r->naming && table_cell(r->table, r->naming, NULL, row, &(struct table_time){0}, value))
        return (struct slice){(const char *)value->octets, value->length};
    return (struct slice){NULL, 0};
}

void alarm_instance(const struct model *m, const struct alarm_rule *r, const void *row,
                    char text[INSTANCE_MAX + 1])
{
    const struct model_kind *k = &model_kinds[r->table->rows];
    const uint32_t *key = ((const struct row *)row)->key;
    struct value value;
    struct slice own = own_name(r, row, &value), rest = slice_of(r->table->index);
    struct writing w = {text, 0};
    text[0] = '\0';
    for (uint32_t i = 0; rest.p && i < k->keys; i++) {
        struct slice part = slice_head(rest, slice_find(rest, ','));
        struct slice name = name_of(m, part, key);
        rest = slice_skip(rest, part.n + 1);
        if (i + 1 == k->keys && own.p)
            add(&w, own);
        else if (name.p)
            add(&w, name);
        else if (!k->address_offset || i == 0) /* the type of an address says nothing */
            add_number(&w, key[i]);
    }
    if (r->table->scalar)
        add(&w, slice_of(r->table->name));
    for (char *p = text; *p; p++) /* from outside: nothing that moves a cursor or ends a line */
        if ((unsigned char)*p < 0x20 || *p == 0x7f || *p == '"')
            *p = '?';
}

bool alarm_matches(const struct alarm_rule *r, const void *row, const char *instance)
{
    char own[256], dotted[160] = "";
    uint32_t index[OID_MAX];
    struct value value;
    if (!r->instances || fnmatch(r->instances, instance, 0) == 0)
        return true;
    struct slice name = own_name(r, row, &value);
    snprintf(own, sizeof own, "%.*s", (int)name.n, name.p ? name.p : "");
    if (name.p && fnmatch(r->instances, own, 0) == 0)
        return true;
    uint32_t count = table_index(r->table, row, index);
    for (uint32_t i = 0, n = 0; i < count && n < sizeof dotted; i++)
        n +=
            (uint32_t)snprintf(dotted + n, sizeof dotted - n, "%s%" PRIu32, i ? "." : "", index[i]);
    return fnmatch(r->instances, dotted, 0) == 0;
}

static uint32_t count_labels(const struct column *c)
{
    uint32_t n = 0;
    while (c->labels[n])
        n++;
    return n;
}

void alarm_value_text(const struct alarm_rule *r, struct alarm *a)
{
    char text[128];
    struct slice unit = TEXT_GET(a->unit);
    int64_t v = a->current;
    if (r->kind == RULE_ABSENT)
        snprintf(text, sizeof text, "%s", v ? "absent" : "there");
    else if (r->values && r->column->kind == COLUMN_TRUTH)
        snprintf(text, sizeof text, "%s", v == 1 ? "true" : "false");
    else if (r->values) {
        int64_t count = count_labels(r->column);
        snprintf(text, sizeof text, "%s", v >= 1 && v <= count ? r->column->labels[v - 1] : "?");
    } else
        snprintf(text, sizeof text, "%" PRId64 "%s%.*s", v, unit.n ? " " : "", (int)unit.n,
                 unit.p ? unit.p : "");
    TEXT_SET(a->value_text, slice_of(text));
}

/* The predicate of the sentence if the value is one of an enumeration; NULL: there is none. */
static const char *phrase_of(const struct alarm *a, const struct alarm_rule *r)
{
    bool has_phrase = r && r->kind != RULE_ABSENT && r->values && r->column->phrases;
    return has_phrase && a->current >= 1 && a->current <= count_labels(r->column)
               ? r->column->phrases[a->current - 1]
               : NULL;
}

/* `mail service "postfix" is down`, `age of the oldest message of "postfix/deferred" is 30 hours, threshold 24` */
static void set_text(const struct alarm *a, const char *phrase, enum alarm_event event,
                     enum alarm_why why, uint64_t flaps, struct transition *t)
{
    char text[600], threshold[64] = "", change[64] = "", is[128];
    struct slice d = TEXT_GET(a->description), i = TEXT_GET(a->instance),
                 v = TEXT_GET(a->value_text);
    if (TEXT_GET(a->unit).p) /* else it is a value or its absence that is bad */
        snprintf(threshold, sizeof threshold, ", threshold %" PRId64, a->threshold);
    if (why == WHY_FLAPPING)
        snprintf(change, sizeof change, "changes too often (raised %" PRIu64 " times): ", flaps);
    if (why == WHY_GONE)
        snprintf(is, sizeof is, "is gone");
    else if (phrase)
        snprintf(is, sizeof is, "%s", phrase);
    else
        snprintf(is, sizeof is, "is %.*s%s", (int)v.n, v.p ? v.p : "", threshold);
    snprintf(text, sizeof text, "%s%.*s%s \"%.*s\" %s",
             why == WHY_FLAPPING             ? change
             : event == ALARM_EVENT_CLEARED  ? "cleared: "
             : event == ALARM_EVENT_REMINDER ? "still: "
                                             : "",
             (int)d.n, d.p, phrase ? "" : " of", (int)i.n, i.p, is);
    TEXT_SET(t->text, slice_of(text));
}

/* SNMP's Integer32, as table.c clamps it. */
static int64_t clamp(int64_t v)
{
    return v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? v == INT64_MIN ? 0 : INT32_MIN : v;
}

void alarm_tell(const struct alarm *a, const struct alarm_rule *r, enum alarm_event event,
                enum alarm_why why, uint64_t flaps, int64_t now_ms, struct transition *t)
{
    memset(t, 0, sizeof *t);
    t->at = now_ms;
    t->alarm_index = a->row.key[0];
    t->event = event;
    t->severity = event == ALARM_EVENT_CLEARED ? SEVERITY_CLEARED : a->severity;
    t->direction = a->direction;
    t->value = clamp(a->current);
    t->threshold = clamp(a->threshold);
    t->high = clamp(a->high);
    t->low = clamp(a->low);
    t->crossings = a->crossings;
    t->warnings_sent = a->warnings_sent;
    t->check_interval_s = a->check_interval_s;
    t->repeat_interval_h = a->repeat_interval_h;
    t->reset_at = a->reset_at;
    t->value_at = a->last_set_at;
    t->object = a->object;
    t->id = a->id;
    t->unit = a->unit;
    t->value_text = a->value_text;
    t->instance = a->instance;
    t->description = a->description;
    set_text(a, phrase_of(a, r), event, why, flaps, t);
}
