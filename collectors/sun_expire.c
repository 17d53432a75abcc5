/* Runs of imexpire, see sun_expire.h. */
#include "sun_expire.h"

/* "12 messages", "1 message", "7 msgs": the number before the word. */
static bool take_messages(struct slice clause, uint64_t *n)
{
    for (; clause.n; clause = slice_skip(clause, 1)) {
        if (!slice_digit(*clause.p))
            continue;
        struct slice rest = clause;
        if (!slice_number(&rest, n))
            return false;
        if (slice_starts(rest, SLICE(" message")) || slice_starts(rest, SLICE(" msg")))
            return true;
        clause = rest;
    }
    return false;
}

static bool has(struct slice text, struct slice word)
{
    return slice_search(text, word) < text.n;
}

static uint64_t more(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* "12 messages expunged, 7 messages purged" */
static void take_summary(struct sun_expire *x, struct slice text)
{
    while (text.n) {
        size_t end = 0;
        uint64_t n = 0;
        while (end < text.n && text.p[end] != ',' && text.p[end] != ';')
            end++;
        struct slice clause = slice_head(text, end);
        text = slice_skip(text, end + 1);
        if (!take_messages(clause, &n))
            continue;
        if (has(clause, SLICE("urged")) || has(clause, SLICE("leaned")))
            x->purged = more(x->purged, n);
        else if (has(clause, SLICE("xpunged")) || has(clause, SLICE("xpired")))
            x->told = more(x->told, n);
    }
}

struct sun_expired sun_expire_take(struct sun_expire *x, const struct event *e)
{
    bool expire = slice_eq(e->service, SLICE("imexpire"));
    bool deleted = e->kind == EVENT_DELETED;
    if (!expire && !slice_eq(e->service, SLICE("impurge")))
        return (struct sun_expired){.expunged = deleted};
    if (x->pid != e->pid)
        *x = (struct sun_expire){.pid = e->pid, .first_ms = e->time_ms};
    const struct sun_expire before = *x;
    x->traced += deleted;
    if (!deleted)
        take_summary(x, e->text);
    return (struct sun_expired){
        .expunged = more(x->traced, x->told) - more(before.traced, before.told),
        .purged = x->purged - before.purged,
        .is_run = expire,
        .run_s = e->time_ms > x->first_ms ? (uint64_t)(e->time_ms - x->first_ms) / 1000 : 0};
}
