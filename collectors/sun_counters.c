/* Sun's channel counters, see sun_counters.h. Pure. */
#include "sun_counters.h"

#define VALUE_MAX (UINT64_C(1) << 53) /* what is larger is no counter */

static const struct {
    const char *name;
    enum sun_line line;
} line_names[] = {{"Received", SUN_RECEIVED},   {"Stored", SUN_STORED},
                  {"Delivered", SUN_DELIVERED}, {"Submitted", SUN_SUBMITTED},
                  {"Attempted", SUN_ATTEMPTED}, {"Rejected", SUN_REJECTED},
                  {"Failed", SUN_FAILED}};

static bool take_signed(struct slice *s, int64_t *value)
{
    uint64_t n;
    struct slice t = slice_trim(*s);
    bool negative = slice_take(&t, SLICE("-"));
    if (!slice_number(&t, &n) || n > VALUE_MAX)
        return false;
    *value = negative ? -(int64_t)n : (int64_t)n;
    *s = t;
    return true;
}

/* "29369  79723  983903 (29369 first time)" */
static void take_line(struct slice s, enum sun_line line, struct sun_counters *c)
{
    int64_t value[3];
    for (unsigned i = 0; i < 3; i++)
        if (!take_signed(&s, &value[i]))
            return;
    memcpy(c->line[line], value, sizeof value);
    c->lines |= 1u << line;
    s = slice_trim(s);
    if (!slice_take(&s, SLICE("(")) || !take_signed(&s, &value[0]) ||
        !slice_starts(slice_trim(s), SLICE("first")))
        return;
    c->single[SUN_FIRST_TIME] = value[0];
    c->singles |= 1u << SUN_FIRST_TIME;
}

/* "16425/29440 = 0.56" */
static void take_time(struct slice s, enum sun_single sum, struct sun_counters *c)
{
    int64_t seconds, count;
    if (!take_signed(&s, &seconds) || !slice_take(&s, SLICE("/")) || !take_signed(&s, &count))
        return;
    c->single[sum] = seconds;
    c->single[sum + 1] = count;
    c->singles |= 3u << sum;
}

static void take_single(struct slice s, enum sun_single which, struct sun_counters *c)
{
    int64_t value;
    if (!take_signed(&s, &value))
        return;
    c->single[which] = value;
    c->singles |= 1u << which;
}

static void take_row(struct slice s, struct sun_counters *c)
{
    s = slice_trim(s);
    if (slice_take(&s, SLICE("Queue time/count"))) {
        take_time(s, SUN_QUEUE_S, c);
        return;
    }
    if (slice_take(&s, SLICE("Queue first time/count"))) {
        take_time(s, SUN_QUEUE_FIRST_S, c);
        return;
    }
    if (slice_take(&s, SLICE("Total In Assocs"))) {
        take_single(s, SUN_IN_ASSOCS, c);
        return;
    }
    if (slice_take(&s, SLICE("Total Out Assocs"))) {
        take_single(s, SUN_OUT_ASSOCS, c);
        return;
    }
    size_t end = slice_find(s, ' ');
    for (unsigned i = 0; i < SUN_LINES; i++)
        if (slice_eq(slice_head(s, end), slice_of(line_names[i].name)))
            take_line(slice_skip(s, end), line_names[i].line, c);
}

/* A name that stands alone at the left edge: of a channel, not a heading. */
static bool is_channel(struct slice line)
{
    return line.n && line.n < 64 && *line.p != ' ' && *line.p != '-' && *line.p != '\t' &&
           slice_find(line, ' ') == line.n;
}

static struct slice trim_end(struct slice s)
{
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\r' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

bool sun_counters_next(struct slice *text, struct sun_counters *c)
{
    memset(c, 0, sizeof *c);
    while (text->n) {
        size_t end = slice_find(*text, '\n');
        struct slice line = trim_end(slice_head(*text, end));
        if (is_channel(line)) {
            if (c->channel.n)
                return true; /* the next one, for the next call */
            c->channel = line;
        } else if (c->channel.n) {
            take_row(line, c);
        }
        *text = slice_skip(*text, end + 1);
    }
    return c->channel.n;
}

bool sun_counters_line(struct slice line)
{
    struct sun_counters c = {.lines = 0};
    take_row(trim_end(line), &c);
    return c.lines || c.singles || is_channel(trim_end(line));
}

static int64_t since(int64_t last, int64_t now)
{
    return now < last ? now : now - last;
}

/* Was the section of the counters made anew? What only grows tells it. */
static bool was_reset(const struct sun_counters *last, const struct sun_counters *now)
{
    for (unsigned l = 0; l < SUN_LINES; l++)
        if (l != SUN_STORED && now->lines & last->lines & 1u << l &&
            now->line[l][SUN_MESSAGES] < last->line[l][SUN_MESSAGES])
            return true;
    for (unsigned n = 0; n < SUN_SINGLES; n++)
        if (now->singles & last->singles & 1u << n && now->single[n] < last->single[n])
            return true;
    return false;
}

static void correct_stored(struct sun_counted *last, struct sun_counters *delta)
{
    for (unsigned k = 0; k < 3; k++) {
        int64_t now = last->last.line[SUN_STORED][k];
        if (now < last->minimum[k])
            last->minimum[k] = now;
        delta->line[SUN_STORED][k] = now - last->minimum[k];
    }
}

void sun_counters_since(struct sun_counted *last, const struct sun_counters *now,
                        struct sun_counters *delta)
{
    *delta = *now;
    if (last->read && was_reset(&last->last, now)) {
        last->read = false;
        memset(last->minimum, 0, sizeof last->minimum);
    }
    for (unsigned l = 0; last->read && l < SUN_LINES; l++)
        for (unsigned k = 0; k < 3; k++)
            delta->line[l][k] = since(last->last.line[l][k], now->line[l][k]);
    for (unsigned n = 0; last->read && n < SUN_SINGLES; n++)
        delta->single[n] = since(last->last.single[n], now->single[n]);
    last->last = *now;
    last->last.channel = (struct slice){NULL, 0};
    last->read = true;
    correct_stored(last, delta);
}
