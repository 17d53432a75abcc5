/*
 * A ring of packed transitions in order of their numbers, without gaps: from the oldest that a reader
 * or the log needs to the newest. Packed, because 100,000 of them must not take 100 MB. `saved` and
 * `shown` are marks in it: oldest <= shown <= saved <= last.
 */
#include "transitions.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_NUMBERS (offsetof(struct transition, number))
#define NUMBERS_SIZE  (offsetof(struct transition, object) - FIRST_NUMBERS)
#define PACKED_MAX    2048
#define RING_FIRST    1024
#define NUMBER_MAX    (1u << 31) /* numbers are indexes of 32 bits; no store has come so far */

struct packed {
    uint32_t size;
    unsigned char octets[];
};

struct transitions {
    struct model *model;
    struct packed **ring; /* the transition `number` is at number % room */
    uint64_t room;        /* a power of two */
    uint64_t oldest;      /* the first number in the ring */
    uint64_t last, saved, shown;
    uint64_t logged;                           /* the last number that has a row in the log */
    uint64_t offered;                          /* the last number in MODEL_TRANSITION */
    uint64_t done[TRANSITION_READERS], marked; /* marked: of READER_SNMP, in the log's rows */
    uint64_t dropped;
    bool head_changed;
};

/* One record: where the stream and its readers are. Append only. */
struct head {
    uint64_t last, dropped, done[TRANSITION_READERS];
};
STORE_LAYOUT(struct head, 48);

/* Packing: the numbers, the object, the texts, each behind its length. */

static size_t pack_text(unsigned char *to, struct slice text)
{
    to[0] = text.p ? (unsigned char)text.n : TEXT_ABSENT;
    if (text.n)
        memcpy(to + 1, text.p, text.n);
    return 1 + text.n;
}

static size_t pack(const struct transition *x, int64_t offset, unsigned char to[PACKED_MAX])
{
    struct transition real = *x;
    uint32_t parts = x->object.length > OID_PARTS ? 0 : x->object.length;
    real.at += offset;
    if (real.reset_at != MODEL_NEVER)
        real.reset_at += offset;
    if (real.value_at != MODEL_NEVER)
        real.value_at += offset;
    memcpy(to, (const unsigned char *)&real + FIRST_NUMBERS, NUMBERS_SIZE);
    size_t n = NUMBERS_SIZE;
    to[n++] = (unsigned char)parts;
    memcpy(to + n, x->object.parts, parts * sizeof(uint32_t));
    n += parts * sizeof(uint32_t);
    n += pack_text(to + n, TEXT_GET(x->id));
    n += pack_text(to + n, TEXT_GET(x->instance));
    n += pack_text(to + n, TEXT_GET(x->text));
    n += pack_text(to + n, TEXT_GET(x->unit));
    n += pack_text(to + n, TEXT_GET(x->value_text));
    n += pack_text(to + n, TEXT_GET(x->description));
    return n;
}

/* Takes n octets off the front; p == NULL: there are not so many. */
static struct slice take(struct slice *s, size_t n)
{
    struct slice head = {s->n < n ? NULL : s->p, n};
    *s = slice_skip(*s, n);
    return head;
}

static struct slice take_text(struct slice *s)
{
    struct slice length = take(s, 1);
    size_t n = length.p ? (unsigned char)*length.p : TEXT_ABSENT;
    return n == TEXT_ABSENT ? (struct slice){NULL, 0} : take(s, n);
}

/* Of an instant that the store has, whatever it is. */
static int64_t earlier(int64_t at, int64_t by)
{
    return (int64_t)((uint64_t)at - (uint64_t)by);
}

static bool unpack(const void *octets, size_t size, int64_t offset, struct transition *x)
{
    struct slice s = {octets, size};
    struct slice numbers = take(&s, NUMBERS_SIZE), parts = take(&s, 1);
    memset(x, 0, sizeof *x);
    if (!numbers.p || !parts.p || (unsigned char)*parts.p > OID_PARTS)
        return false;
    memcpy((unsigned char *)x + FIRST_NUMBERS, numbers.p, NUMBERS_SIZE);
    x->at = earlier(x->at, offset);
    if (x->reset_at != MODEL_NEVER)
        x->reset_at = earlier(x->reset_at, offset);
    if (x->value_at != MODEL_NEVER)
        x->value_at = earlier(x->value_at, offset);
    x->object.length = (unsigned char)*parts.p;
    struct slice object = take(&s, x->object.length * sizeof(uint32_t));
    if (!object.p)
        return false;
    memcpy(x->object.parts, object.p, object.n);
    TEXT_SET(x->id, take_text(&s));
    TEXT_SET(x->instance, take_text(&s));
    TEXT_SET(x->text, take_text(&s));
    TEXT_SET(x->unit, take_text(&s));
    TEXT_SET(x->value_text, take_text(&s));
    TEXT_SET(x->description, take_text(&s));
    return true;
}

/* The ring */

static struct packed **slot(const struct transitions *t, uint64_t number)
{
    return &t->ring[number & (t->room - 1)];
}

static bool grow(struct transitions *t)
{
    uint64_t room = t->room ? t->room * 2 : RING_FIRST;
    struct packed **ring = calloc(room, sizeof *ring);
    if (!ring)
        return false;
    for (uint64_t n = t->oldest; t->room && n <= t->last; n++)
        ring[n & (room - 1)] = *slot(t, n);
    free(t->ring);
    t->ring = ring;
    t->room = room;
    return true;
}

/* Puts octets behind the last number, as the next one. */
static bool append(struct transitions *t, const void *octets, size_t size)
{
    if (t->last + 1 - t->oldest >= t->room && !grow(t))
        return false;
    struct packed *p = malloc(sizeof *p + size);
    if (!p)
        return false;
    p->size = (uint32_t)size;
    memcpy(p->octets, octets, size);
    *slot(t, ++t->last) = p;
    return true;
}

static void forget_oldest(struct transitions *t)
{
    free(*slot(t, t->oldest));
    *slot(t, t->oldest++) = NULL;
}

static bool get(const struct transitions *t, uint64_t number, int64_t offset, struct transition *x)
{
    const struct packed *p = number >= t->oldest && number <= t->last ? *slot(t, number) : NULL;
    return p && unpack(p->octets, p->size, offset, x);
}

struct transitions *transitions_new(struct model *model)
{
    struct transitions *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->model = model;
    t->oldest = 1;
    if (grow(t))
        return t;
    free(t);
    return NULL;
}

void transitions_free(struct transitions *t)
{
    if (!t)
        return;
    while (t->oldest <= t->last)
        forget_oldest(t);
    free(t->ring);
    free(t);
}

/* Restoring */

static bool load_head(void *arg, uint32_t slot_, const void *data, size_t size)
{
    struct transitions *t = arg;
    struct head h = {0};
    (void)slot_;
    memcpy(&h, data, size < sizeof h ? size : sizeof h);
    if (h.last > NUMBER_MAX)
        return false;
    t->saved = h.last;
    t->dropped = h.dropped;
    for (unsigned i = 0; i < TRANSITION_READERS; i++)
        t->done[i] =
            size >= offsetof(struct head, done) + (i + 1) * sizeof(uint64_t) ? h.done[i] : h.last;
    return true;
}

/* Records come in order of number; what is before a gap is not needed any more. */
static bool load_one(void *arg, uint32_t number, const void *data, size_t size)
{
    struct transitions *t = arg;
    struct transition x;
    if (number == 0 || number > NUMBER_MAX || size > PACKED_MAX || !unpack(data, size, 0, &x) ||
        x.number != number)
        return true; /* damaged: as if it were not there */
    while (t->oldest <= t->last && number != t->last + 1)
        forget_oldest(t);
    if (number != t->last + 1) {
        t->oldest = number;
        t->last = number - 1;
    }
    return append(t, data, size);
}

/* The numbers after a gap at the end were given, but what they said is lost. */
static void skip_to(struct transitions *t, uint64_t last)
{
    if (last <= t->last)
        return;
    while (t->oldest <= t->last)
        forget_oldest(t);
    t->last = last;
    t->oldest = last + 1;
}

bool transitions_load(struct transitions *t, struct store *store, uint64_t accepted,
                      int64_t real_minus_monotonic_ms)
{
    if (!store_load(store, STORE_TRANSITIONS_HEAD, load_head, t) ||
        !store_load(store, STORE_TRANSITIONS, load_one, t))
        return false;
    skip_to(t, t->saved);
    if (accepted >
        t->last +
            TRANSITIONS_WAITING) /* no publisher of ours says so, and numbers must not run out */
        accepted = 0;
    skip_to(t, accepted);
    for (unsigned i = 0; i < TRANSITION_READERS; i++) {
        if (i == READER_SNMP && t->done[i] < accepted)
            t->done[i] = accepted;
        if (t->done[i] + 1 < t->oldest)
            t->done[i] = t->oldest - 1;
        if (t->done[i] > t->last)
            t->done[i] = t->last;
    }
    t->saved = t->shown = t->last;
    t->logged = t->last > TRANSITIONS_LOG ? t->last - TRANSITIONS_LOG : 0;
    if (t->logged + 1 < t->oldest)
        t->logged = t->oldest - 1;
    t->offered = t->marked = t->done[READER_SNMP];
    transitions_show(t, real_minus_monotonic_ms);
    return true;
}

/* Going on */

bool transitions_add(struct transitions *t, struct transition *x, int64_t real_minus_monotonic_ms)
{
    unsigned char octets[PACKED_MAX];
    x->number = t->last + 1;
    x->row.key[0] = (uint32_t)x->number;
    if (append(t, octets, pack(x, real_minus_monotonic_ms, octets)))
        return true;
    t->dropped++;
    t->head_changed = true;
    return false;
}

bool transitions_urgent(const struct transitions *t)
{
    return t->last > t->saved;
}

/* What waits too long for a reader is dropped, so that the store does not grow without end. */
static void drop(struct transitions *t)
{
    for (unsigned i = 0; i < TRANSITION_READERS; i++) {
        if (t->last - t->done[i] <= TRANSITIONS_WAITING)
            continue;
        if (i == READER_SNMP)
            t->dropped += t->last - TRANSITIONS_WAITING - t->done[i];
        transitions_done(t, (enum transition_reader)i, t->last - TRANSITIONS_WAITING);
    }
}

static uint64_t needed_from(const struct transitions *t)
{
    uint64_t least = t->shown > TRANSITIONS_LOG ? t->shown - TRANSITIONS_LOG : 0;
    for (unsigned i = 0; i < TRANSITION_READERS; i++)
        least = t->done[i] < least ? t->done[i] : least;
    return least + 1;
}

bool transitions_save(struct transitions *t, struct checkpoint *c)
{
    bool ok = true;
    drop(t);
    for (uint64_t n = t->saved + 1; ok && n <= t->last; n++) {
        const struct packed *p = *slot(t, n);
        ok = checkpoint_put(c, STORE_TRANSITIONS, (uint32_t)n, p->octets, p->size);
        t->head_changed = true;
    }
    for (uint64_t to = needed_from(t); ok && t->oldest < to; forget_oldest(t))
        ok = checkpoint_delete(c, STORE_TRANSITIONS, (uint32_t)t->oldest);
    if (ok && t->head_changed) {
        struct head h = {.last = t->last, .dropped = t->dropped};
        memcpy(h.done, t->done, sizeof h.done);
        ok = checkpoint_put(c, STORE_TRANSITIONS_HEAD, 0, &h, sizeof h);
    }
    t->head_changed = false;
    t->saved = t->last;
    return ok;
}

void transitions_stored(struct transitions *t, bool ok)
{
    t->shown = ok ? t->saved : t->last;
}

bool transitions_next(const struct transitions *t, enum transition_reader reader,
                      struct transition *x)
{
    return t->done[reader] < t->shown && get(t, t->done[reader] + 1, 0, x);
}

void transitions_done(struct transitions *t, enum transition_reader reader, uint64_t number)
{
    if (number > t->last)
        number = t->last;
    if (number <= t->done[reader])
        return;
    t->done[reader] = number;
    t->head_changed = true;
}

uint64_t transitions_taken(const struct transitions *t, enum transition_reader reader)
{
    return t->done[reader] > t->dropped ? t->done[reader] - t->dropped : 0;
}

uint64_t transitions_waiting(const struct transitions *t, enum transition_reader reader)
{
    return t->last - t->done[reader];
}

uint64_t transitions_dropped(const struct transitions *t)
{
    return t->dropped;
}

/* Showing */

static void fill_log(struct alarm_log *l, const struct transition *x, bool sent)
{
    l->number = x->number;
    l->time_at = x->at;
    l->alarm_index = x->alarm_index;
    TEXT_SET(l->id, TEXT_GET(x->id));
    TEXT_SET(l->instance, TEXT_GET(x->instance));
    l->event = x->event;
    l->severity = x->severity;
    l->value = x->value;
    l->threshold = x->threshold;
    TEXT_SET(l->text, TEXT_GET(x->text));
    l->notified = sent ? NOTIFIED_SENT : NOTIFIED_PENDING;
    l->crossings = x->crossings;
}

static void log_row(struct transitions *t, const struct transition *x)
{
    uint32_t key[3] = {(uint32_t)x->number, 0, 0};
    struct model *m = t->model;
    if (m->tables[MODEL_ALARM_LOG].count == TRANSITIONS_LOG)
        model_remove(m, MODEL_ALARM_LOG, model_row(m, MODEL_ALARM_LOG, 0));
    struct alarm_log *l = model_place(m, MODEL_ALARM_LOG, key, NULL);
    if (l)
        fill_log(l, x, x->number <= t->done[READER_SNMP]);
}

static void show_log(struct transitions *t, int64_t offset)
{
    struct transition x;
    uint64_t first = t->shown > TRANSITIONS_LOG ? t->shown - TRANSITIONS_LOG : 0;
    if (t->logged < first)
        t->logged = first;
    while (t->logged < t->shown)
        if (get(t, ++t->logged, offset, &x))
            log_row(t, &x);
    for (; t->marked < t->done[READER_SNMP]; t->marked++) {
        uint32_t key[3] = {(uint32_t)(t->marked + 1), 0, 0};
        struct alarm_log *l = model_find(t->model, MODEL_ALARM_LOG, key, NULL);
        if (l)
            l->notified = NOTIFIED_SENT;
        model_touch(t->model, MODEL_ALARM_LOG);
    }
}

bool transitions_show(struct transitions *t, int64_t real_minus_monotonic_ms)
{
    struct rows *rows = &t->model->tables[MODEL_TRANSITION];
    struct transition x;
    bool fresh = false;
    show_log(t, real_minus_monotonic_ms);
    while (rows->count > 0) {
        struct transition *first = model_row(t->model, MODEL_TRANSITION, 0);
        if (first->number > t->done[READER_SNMP])
            break;
        model_remove(t->model, MODEL_TRANSITION, first);
    }
    if (t->offered < t->done[READER_SNMP])
        t->offered = t->done[READER_SNMP];
    while (t->offered < t->shown && rows->count < rows->capacity) {
        if (!get(t, ++t->offered, real_minus_monotonic_ms, &x))
            continue;
        uint32_t key[3] = {(uint32_t)x.number, 0, 0};
        struct transition *row = model_place(t->model, MODEL_TRANSITION, key, NULL);
        if (!row) {
            t->offered--;
            break;
        }
        x.row = row->row;
        *row = x;
        fresh = true;
    }
    return fresh;
}
