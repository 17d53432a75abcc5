/*
 * The engine of alarms. For each rule there is an array of watches, one for each position of the rows
 * that it judges: whether the row is meant, and what rates and staleness must remember. An alarm's own
 * state is in its row of MODEL_ALARM and nowhere else. Invariant: `told` is what the last transition
 * of an alarm said.
 */
#include "alarm.h"

#include <stdlib.h>
#include <string.h>
#include "alarm_internal.h"
#include "alarm_text.h"

#define SWEEP_MS  10000  /* reminders, and alarms whose row is gone, are looked for so often */
#define LOOK_MS   5000   /* rows that were never judged are looked for so often */
#define GONE_MS   120000 /* a row that is away for so long and one interval is gone */
#define AWAY_MS   30000  /* a restart takes less */
#define NO_RULE   0x7fff
#define RESTORED  0x8000 /* the store had it, and no watch has found it yet */
#define MINUTE_MS 60000

/* Telling */

static bool may_tell(struct alarms *s)
{
    int64_t price = s->limits.per_minute ? MINUTE_MS / s->limits.per_minute : 0;
    if (s->limits.per_minute && price == 0)
        price = 1;
    if (s->told == s->room || s->tokens < price) {
        s->owed = true;
        return false;
    }
    s->tokens -= price;
    return true;
}

static bool say(struct alarms *s, struct alarm *a, enum alarm_told told, enum alarm_event event,
                enum alarm_why why)
{
    if (!may_tell(s))
        return false;
    a->told = told;
    if (event != ALARM_EVENT_CLEARED) {
        a->warnings_sent++;
        a->last_warning_at = s->now;
    }
    uint16_t rule = s->rule_of[model_position(s->model, MODEL_ALARM, a)] & NO_RULE;
    const struct alarm_rule *r = rule == NO_RULE ? NULL : s->judges[rule].rule;
    alarm_tell(a, r, event, why, a->flaps, s->now, &s->out[s->told++]);
    model_dirty(s->model, MODEL_ALARM, a);
    return true;
}

/* Says what the receivers do not know yet, or reminds them. */
static void tell(struct alarms *s, struct alarm *a, const struct alarm_rule *r)
{
    enum alarm_told wanted = a->state == ALARM_SUPPRESSED ? TOLD_FLAPPING
                             : a->raised                  ? TOLD_RAISED
                                                          : TOLD_CLEAR;
    if (a->told != wanted)
        say(s, a, wanted,
            wanted == TOLD_CLEAR    ? ALARM_EVENT_CLEARED
            : a->told == TOLD_CLEAR ? ALARM_EVENT_RAISED
                                    : ALARM_EVENT_REMINDER,
            wanted == TOLD_FLAPPING ? WHY_FLAPPING : WHY_VALUE);
    else if (wanted != TOLD_CLEAR && r && r->repeat_s &&
             s->now - a->last_warning_at >= (int64_t)r->repeat_s * 1000)
        say(s, a, wanted, ALARM_EVENT_REMINDER, wanted == TOLD_FLAPPING ? WHY_FLAPPING : WHY_VALUE);
}

/* Alarms' rows */

static void remove_alarm(struct alarms *s, struct alarm *a)
{
    uint16_t *rule = &s->rule_of[model_position(s->model, MODEL_ALARM, a)];
    if ((*rule & RESTORED) && (*rule & NO_RULE) != NO_RULE)
        s->judges[*rule & NO_RULE].restored--;
    *rule = NO_RULE;
    model_remove(s->model, MODEL_ALARM, a);
}

/* What the rule says may have changed since the store kept the row. */
static void set_rule(struct alarms *s, struct alarm *a, const struct judge *j)
{
    const struct alarm_rule *r = j->rule;
    bool has_unit = r->kind != RULE_ABSENT && !r->values;
    s->rule_of[model_position(s->model, MODEL_ALARM, a)] = (uint16_t)(j - s->judges);
    TEXT_SET(a->description, slice_of(r->description));
    TEXT_SET(a->unit, has_unit ? slice_of(r->unit) : ((struct slice){NULL, 0}));
    a->severity = r->severity;
    a->threshold = r->threshold;
    a->direction = r->above ? 1 : -1;
    a->check_interval_s = r->interval_s;
    a->repeat_interval_h = (r->repeat_s + 3599) / 3600;
    a->hold_time_s = r->hold_s;
    a->seen_at = s->now;
    model_dirty(s->model, MODEL_ALARM, a);
}

static void set_object(const struct alarm_rule *r, const void *row, struct oid_value *object)
{
    uint32_t index[OID_MAX], n = row ? table_index(r->table, row, index) : 0;
    *object = (struct oid_value){0};
    memcpy(object->parts, r->table->entry, r->table->entry_length * sizeof(uint32_t));
    object->parts[r->table->entry_length] = r->column->id;
    object->length = r->table->entry_length + 1;
    for (uint32_t i = 0; i < n && object->length < OID_PARTS; i++)
        object->parts[object->length++] = index[i];
}

static bool same_object(const struct oid_value *a, const struct oid_value *b)
{
    return a->length == b->length && a->length <= OID_PARTS &&
           memcmp(a->parts, b->parts, a->length * sizeof a->parts[0]) == 0;
}

/* The alarm of this rule and object that the store kept, or NULL. */
static struct alarm *find_restored(struct alarms *s, struct judge *j,
                                   const struct oid_value *object)
{
    const struct rows *rows = &s->model->tables[MODEL_ALARM];
    for (uint32_t i = 0; j->restored && i < rows->count; i++) {
        if (s->rule_of[rows->order[i]] != (RESTORED | (j - s->judges)))
            continue;
        struct alarm *a = model_row(s->model, MODEL_ALARM, i);
        if (same_object(&a->object, object)) {
            j->restored--;
            return a;
        }
    }
    return NULL;
}

/* Makes room among the alarms: one that is clear gives way to one that is not. */
static bool evict_clear(struct alarms *s)
{
    for (uint32_t i = 0; i < s->model->tables[MODEL_ALARM].count; i++) {
        struct alarm *a = model_row(s->model, MODEL_ALARM, i);
        if (!a->beyond && a->told == TOLD_CLEAR) {
            remove_alarm(s, a);
            return true;
        }
    }
    return false;
}

static struct alarm *new_alarm(struct alarms *s, struct judge *j, const char *instance,
                               const struct oid_value *object, bool urgent)
{
    uint32_t key[3] = {0};
    struct rows *rows = &s->model->tables[MODEL_ALARM];
    if (rows->count == rows->capacity && (!urgent || !evict_clear(s)))
        return NULL;
    key[0] = names_next(s->names, MODEL_ALARM, 0);
    struct alarm *a = key[0] ? model_place(s->model, MODEL_ALARM, key, NULL) : NULL;
    if (!a)
        return NULL;
    TEXT_SET(a->id, slice_of(j->rule->name));
    TEXT_SET(a->instance, slice_of(instance));
    a->object = *object;
    a->state = ALARM_CLEAR;
    a->reset_at = s->now;
    set_rule(s, a, j);
    return a;
}

static void link_alarm(struct alarms *s, struct watch *w, const struct alarm *a)
{
    w->alarm = a ? a->row.key[0] : 0;
    w->alarm_position = a ? model_position(s->model, MODEL_ALARM, a) : 0;
}

/* Once for each watch: the alarm that was there before the restart. */
static void look_back(struct alarms *s, struct judge *j, struct watch *w, const void *row)
{
    struct oid_value object;
    if (w->looked || !j->restored)
        return;
    w->looked = true;
    set_object(j->rule, row, &object);
    struct alarm *a = find_restored(s, j, &object);
    if (a)
        set_rule(s, a, j);
    link_alarm(s, w, a);
}

static struct alarm *make_alarm(struct alarms *s, struct judge *j, struct watch *w, const void *row,
                                bool urgent)
{
    char instance[INSTANCE_MAX + 1];
    struct oid_value object;
    if (row)
        alarm_instance(s->model, j->rule, row, instance);
    else
        snprintf(instance, sizeof instance, "%s",
                 j->rule->instances ? j->rule->instances : j->rule->table->name);
    set_object(j->rule, row, &object);
    struct alarm *a = new_alarm(s, j, instance, &object, urgent);
    link_alarm(s, w, a);
    return a;
}

/* Judging */

static bool is_beyond(const struct alarm_rule *r, const struct measure *x, bool was)
{
    if (r->values)
        return x->value >= 0 && x->value < 64 && (r->values >> x->value & 1);
    if (r->above)
        return x->value > (was ? x->clear : x->threshold);
    return x->value < (was ? x->clear : x->threshold);
}

/* raised, and how often that happened lately */
static void change_raised(struct alarms *s, struct alarm *a, bool raised)
{
    int64_t flap_ms = (int64_t)s->limits.flap_time_s * 1000;
    a->raised = raised;
    if (!raised)
        return;
    if (a->flaps_at == MODEL_NEVER ||
        (a->state != ALARM_SUPPRESSED && s->now - a->flaps_at >= flap_ms)) {
        a->flaps = 0;
        a->flaps_at = s->now;
    }
    a->flaps++;
}

static void set_state(struct alarms *s, struct alarm *a, bool changed)
{
    int64_t flap_ms = (int64_t)s->limits.flap_time_s * 1000;
    bool flapping = a->state == ALARM_SUPPRESSED;
    if (flapping && !changed && s->now - a->state_changed_at >= flap_ms)
        flapping = false;
    else if (changed && s->limits.flap_changes && a->flaps >= s->limits.flap_changes)
        flapping = true;
    uint64_t state = flapping    ? ALARM_SUPPRESSED
                     : a->raised ? ALARM_RAISED
                     : a->beyond ? ALARM_PENDING
                                 : ALARM_CLEAR;
    if (state != a->state || changed) {
        a->state = state;
        a->state_changed_at = s->now;
        model_dirty(s->model, MODEL_ALARM, a);
    }
}

static void judge_value(struct alarms *s, const struct alarm_rule *r, struct alarm *a, bool beyond)
{
    if (beyond != a->beyond) {
        a->beyond = beyond;
        a->beyond_at = s->now;
        a->crossings += beyond;
        model_dirty(s->model, MODEL_ALARM, a);
    }
    bool raised = a->beyond && (a->raised || s->now - a->beyond_at >= (int64_t)r->hold_s * 1000);
    bool changed = raised != a->raised;
    if (changed)
        change_raised(s, a, raised);
    set_state(s, a, changed);
    tell(s, a, r);
}

static void show(struct alarms *s, const struct alarm_rule *r, struct alarm *a,
                 const struct measure *x)
{
    int64_t current = x->value / r->divide;
    a->last_set_at = a->seen_at = s->now;
    if (a->beyond && !a->raised)
        model_dirty(s->model, MODEL_ALARM, a); /* take_up must know */
    if (r->kind == RULE_BASELINE)
        a->threshold = x->threshold / r->divide;
    if (current != a->current || !TEXT_GET(a->value_text).p) {
        a->current = current;
        alarm_value_text(r, a);
    }
    if (a->high == INT64_MIN || current > a->high || current < a->low) {
        a->high = a->high == INT64_MIN || current > a->high ? current : a->high;
        a->low = a->low == INT64_MIN || current < a->low ? current : a->low;
        model_dirty(s->model, MODEL_ALARM, a);
    }
}

static void conclude(struct alarms *s, struct judge *j, struct watch *w, const void *row,
                     const struct measure *x)
{
    struct alarm *a = alarm_of(s, w);
    bool many = j->matched > j->rule->instances_max;
    bool beyond = is_beyond(j->rule, x, a && a->beyond);
    w->judged = true;
    if (!a && (beyond || !many))
        a = make_alarm(s, j, w, row, beyond);
    if (!a)
        return;
    show(s, j->rule, a, x);
    judge_value(s, j->rule, a, beyond);
    if (many && a->state == ALARM_CLEAR && a->told == TOLD_CLEAR)
        remove_alarm(s, a);
}

/* Rounds */

static bool is_same(const struct watch *w, const struct model_kind *k, const unsigned char *row)
{
    const struct row *head = (const void *)row;
    return w->known && memcmp(w->key, head->key, sizeof w->key) == 0 &&
           (!k->address_offset ||
            memcmp(w->address, row + k->address_offset, sizeof w->address) == 0);
}

/* Another row is in this position now. Its former one, if an alarm tells of it, is gone. */
static void begin(struct alarms *s, struct judge *j, struct watch *w, const unsigned char *row)
{
    const struct model_kind *k = &model_kinds[j->rule->table->rows];
    char instance[INSTANCE_MAX + 1];
    memset(w, 0, sizeof *w);
    memcpy(w->key, ((const struct row *)(const void *)row)->key, sizeof w->key);
    if (k->address_offset)
        memcpy(w->address, row + k->address_offset, sizeof w->address);
    alarm_instance(s->model, j->rule, row, instance);
    w->matches = alarm_matches(j->rule, row, instance);
    w->known = true;
}

static bool is_meant(const struct alarms *s, const struct alarm_rule *r, const void *row)
{
    int64_t number;
    return !r->where ||
           (table_number(r->table, r->where, row, &s->time, &number) && number == r->where_value);
}

static void see(struct alarms *s, const struct watch *w)
{
    struct alarm *a = alarm_of(s, w);
    if (a)
        a->seen_at = s->now;
}

/* RULE_ABSENT: that there is no row at all. */
static void judge_pattern(struct alarms *s, struct judge *j, uint32_t matched)
{
    struct measure x = {.value = matched == 0};
    look_back(s, j, &j->none, NULL);
    conclude(s, j, &j->none, NULL, &x);
}

/* A watch for every position that a row ever had: most tables have room for far more. */
static bool have_watches(struct judge *j, uint32_t positions)
{
    uint32_t room = j->room ? j->room : 8;
    while (room < positions)
        room *= 2;
    if (room == j->room)
        return true;
    struct watch *watches = realloc(j->watches, room * sizeof *watches);
    if (!watches)
        return false;
    memset(watches + j->room, 0, (room - j->room) * sizeof *watches);
    j->watches = watches;
    j->room = room;
    return true;
}

/* `fresh`: only rows that were never judged. */
static void judge_round(struct alarms *s, struct judge *j, bool fresh)
{
    const struct alarm_rule *r = j->rule;
    const struct model_kind *k = &model_kinds[r->table->rows];
    const struct rows *rows = &s->model->tables[r->table->rows];
    uint32_t matched = 0;
    if (!have_watches(j, rows->high))
        return; /* at the next round, perhaps */
    for (uint32_t i = 0; i < rows->count; i++) {
        const unsigned char *row = model_row(s->model, r->table->rows, i);
        struct watch *w = &j->watches[rows->order[i]];
        struct measure x;
        if (!is_same(w, k, row))
            begin(s, j, w, row);
        if (!w->matches || !is_meant(s, r, row))
            continue;
        matched++;
        if (fresh && w->judged)
            continue;
        if (j->matched < matched)
            j->matched = matched;
        look_back(s, j, w, row);
        if (alarm_measure(s, j, w, row, &x))
            conclude(s, j, w, row, &x);
        else
            see(s, w);
    }
    j->matched = matched;
    if (r->kind == RULE_ABSENT && !fresh)
        judge_pattern(s, j, matched);
}

static void judge_due(struct alarms *s, struct judge *j)
{
    int64_t interval_ms = (int64_t)j->rule->interval_s * 1000;
    if (s->now >= j->next_ms) {
        j->next_ms += interval_ms; /* a late tick does not delay all that follow */
        if (j->next_ms <= s->now)
            j->next_ms = s->now + interval_ms;
        j->look_ms = s->now + LOOK_MS;
        judge_round(s, j, false);
    } else if (s->now >= j->look_ms && interval_ms > LOOK_MS && j->rule->kind != RULE_RATE) {
        j->look_ms = s->now + LOOK_MS;
        judge_round(s, j, true);
    }
}

/* An alarm whose row or rule is gone is cleared and removed (true); others are told at last, or
 * reminded of. */
static bool sweep_alarm(struct alarms *s, struct alarm *a)
{
    uint16_t rule = s->rule_of[model_position(s->model, MODEL_ALARM, a)] & NO_RULE;
    const struct alarm_rule *r = rule == NO_RULE ? NULL : s->judges[rule].rule;
    int64_t gone_ms = r ? GONE_MS + (int64_t)r->interval_s * 1000 : 0;
    if (s->now - a->seen_at < gone_ms) {
        if (r)
            tell(s, a, r);
    } else if (a->told == TOLD_CLEAR || say(s, a, TOLD_CLEAR, ALARM_EVENT_CLEARED, WHY_GONE)) {
        remove_alarm(s, a);
        return true;
    }
    return false;
}

static void sweep(struct alarms *s)
{
    s->owed = false;
    for (uint32_t i = 0; i < s->model->tables[MODEL_ALARM].count;)
        i += !sweep_alarm(s, model_row(s->model, MODEL_ALARM, i));
}

static void set_totals(struct alarms *s)
{
    struct agent *agent = model_find(s->model, MODEL_AGENT, (uint32_t[3]){1, 0, 0}, NULL);
    const struct rows *rows = &s->model->tables[MODEL_ALARM];
    static const unsigned char rank[] = {
        [SEVERITY_CLEARED] = 0, [SEVERITY_INDETERMINATE] = 1, [SEVERITY_WARNING] = 2,
        [SEVERITY_MINOR] = 3,   [SEVERITY_MAJOR] = 4,         [SEVERITY_CRITICAL] = 5};
    uint64_t active = 0, worst = SEVERITY_CLEARED;
    for (uint32_t i = 0; i < rows->count; i++) {
        const struct alarm *a = model_row(s->model, MODEL_ALARM, i);
        if (a->state != ALARM_RAISED && a->state != ALARM_SUPPRESSED)
            continue;
        active++;
        if (a->severity <= SEVERITY_WARNING && rank[a->severity] > rank[worst])
            worst = a->severity;
    }
    if (!agent || (agent->alarms_active == active && agent->worst_severity == worst))
        return;
    agent->alarms_active = active;
    agent->worst_severity = worst;
    model_touch(s->model, MODEL_AGENT);
}

/* An instant cannot be to come: the clock it was taken from has been set back. */
static void not_after(int64_t *at, int64_t now)
{
    if (*at > now)
        *at = now;
}

static void rebase(struct alarms *s, int64_t now)
{
    for (uint32_t i = 0; i < s->model->tables[MODEL_ALARM].count; i++) {
        struct alarm *a = model_row(s->model, MODEL_ALARM, i);
        not_after(&a->beyond_at, now);
        not_after(&a->flaps_at, now);
        not_after(&a->last_warning_at, now);
        not_after(&a->last_set_at, now);
        not_after(&a->state_changed_at, now);
        not_after(&a->reset_at, now);
        not_after(&a->seen_at, now);
    }
    for (unsigned i = 0; i < s->count; i++) {
        int64_t latest = now + (int64_t)s->judges[i].rule->interval_s * 1000;
        not_after(&s->judges[i].next_ms, latest);
        not_after(&s->judges[i].look_ms, now + LOOK_MS);
    }
    not_after(&s->next_sweep, now + SWEEP_MS);
}

static void refill(struct alarms *s, int64_t now)
{
    if (now > s->now)
        s->tokens += now - s->now < MINUTE_MS ? now - s->now : MINUTE_MS;
    if (s->tokens > MINUTE_MS || !s->limits.per_minute)
        s->tokens = MINUTE_MS;
}

unsigned alarm_step(struct alarms *s, int64_t now_ms, struct transition *out, unsigned room)
{
    if (now_ms < s->now)
        rebase(s, now_ms);
    refill(s, now_ms);
    s->now = now_ms;
    s->time = (struct table_time){.monotonic_ms = now_ms};
    s->out = out;
    s->room = room;
    s->told = 0;
    for (unsigned i = 0; i < s->count; i++)
        judge_due(s, &s->judges[i]);
    if (s->now >= s->next_sweep || s->owed) {
        s->next_sweep = s->now + SWEEP_MS;
        sweep(s);
    }
    set_totals(s);
    model_touch(s->model, MODEL_ALARM);
    return s->told;
}

/* The start */

static struct judge start_judge(const struct alarms *s, const struct alarm_rule *r)
{
    return (struct judge){.rule = r,
                          .baseline = alarm_baseline_of(r->column, r->table->rows),
                          .next_ms = s->now,
                          .look_ms = s->now};
}

/*
 * What is held is what was seen all the time: an input that was not read yet when mailmond stopped, and is not read yet
 * when it starts a day later, was not out of date for a day.
 */
static void hold_on(const struct alarms *s, struct alarm *a)
{
    if (!a->beyond || a->raised || a->last_set_at == MODEL_NEVER || a->last_set_at > s->now)
        return;
    int64_t away = s->now - a->last_set_at;
    if (away > AWAY_MS)
        a->beyond_at += away;
}

/* What the store had: whose rule it is; without one it goes with the first step. */
static void take_up(struct alarms *s)
{
    const struct rows *rows = &s->model->tables[MODEL_ALARM];
    for (uint32_t i = 0; i <= rows->capacity; i++)
        s->rule_of[i] = NO_RULE;
    for (uint32_t i = 0; i < rows->count; i++) {
        struct alarm *a = model_row(s->model, MODEL_ALARM, i);
        a->seen_at = s->now;
        hold_on(s, a);
        for (unsigned k = 0; k < s->count; k++)
            if (slice_eq(TEXT_GET(a->id), slice_of(s->judges[k].rule->name))) {
                s->rule_of[rows->order[i]] = (uint16_t)(k | RESTORED);
                s->judges[k].restored++;
            }
        s->owed |= s->rule_of[rows->order[i]] == NO_RULE;
    }
    rebase(s, s->now);
}

struct alarms *alarm_new(const struct alarm_rules *rules, const struct alarm_limits *limits,
                         struct model *m, struct names *n, int64_t now_ms)
{
    struct alarms *s = malloc(sizeof *s), start = {.limits = *limits, .model = m, .names = n};
    uint32_t capacity = m->tables[MODEL_ALARM].capacity;
    if (!s)
        return NULL;
    start.now = now_ms;
    start.next_sweep = now_ms + SWEEP_MS;
    start.tokens = MINUTE_MS;
    start.judges = calloc(rules->count + 1, sizeof *start.judges);
    start.rule_of = malloc((capacity + 1) * sizeof *start.rule_of);
    memcpy(s, &start, sizeof *s);
    if (!s->judges || !s->rule_of) {
        alarm_free(s);
        return NULL;
    }
    for (unsigned i = 0; i < rules->count; i++)
        s->judges[s->count++] = start_judge(s, &rules->rules[i]);
    take_up(s);
    return s;
}

void alarm_free(struct alarms *s)
{
    if (!s)
        return;
    for (unsigned i = 0; s->judges && i < s->count; i++)
        free(s->judges[i].watches);
    free(s->judges);
    free(s->rule_of);
    free(s);
}
