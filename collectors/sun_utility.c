/* The output of Sun's utilities, see sun_utility.h. Pure. */
#include "sun_utility.h"

#include <time.h>

static struct slice take_line(struct slice *text)
{
    size_t end = slice_find(*text, '\n');
    struct slice line = slice_head(*text, end);
    *text = slice_skip(*text, end + 1);
    while (line.n && (line.p[line.n - 1] == '\r' || line.p[line.n - 1] == ' '))
        line.n--;
    return line;
}

static struct slice take_word(struct slice *s)
{
    *s = slice_trim(*s);
    size_t end = slice_find(*s, ' ');
    struct slice word = slice_head(*s, end);
    *s = slice_skip(*s, end);
    return word;
}

bool sun_counter_next(struct slice *text, struct sun_counter *c)
{
    while (text->n) {
        struct slice line = slice_trim(take_line(text));
        size_t bytes = slice_search(line, SLICE(" ["));
        struct slice name = slice_head(line, bytes), rest = slice_skip(line, bytes);
        size_t value = slice_search(rest, SLICE(" bytes]:"));
        const char *dot = name.n ? memrchr(name.p, '.', name.n) : NULL;
        if (value == rest.n || !dot)
            continue;
        c->object = slice_head(name, (size_t)(dot - name.p));
        c->name = slice_skip(name, c->object.n + 1);
        c->value = slice_trim(slice_skip(rest, value + 8));
        return true;
    }
    return false;
}

static bool take_digits(struct slice *s, unsigned n, int *value)
{
    if (s->n < n)
        return false;
    *value = 0;
    for (unsigned i = 0; i < n; i++) {
        if (!slice_digit(s->p[i]))
            return false;
        *value = *value * 10 + (s->p[i] - '0');
    }
    *s = slice_skip(*s, n);
    return true;
}

static bool take_month(struct slice *s, int *month)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int i = 0; i < 12 && s->n >= 3; i++)
        if (memcmp(s->p, names + 3 * i, 3) == 0) {
            *s = slice_skip(*s, 3);
            *month = i;
            return true;
        }
    return false;
}

/* " -0700": seconds east of Greenwich. */
static bool take_zone(struct slice *s, int *zone_s)
{
    int h, m;
    struct slice t = *s;
    *zone_s = 0;
    if (!slice_take(&t, SLICE(" ")))
        return true;
    bool west = slice_take(&t, SLICE("-"));
    if ((!west && !slice_take(&t, SLICE("+"))) || !take_digits(&t, 2, &h) ||
        !take_digits(&t, 2, &m))
        return false;
    *zone_s = (west ? -1 : 1) * (h * 3600 + m * 60);
    *s = t;
    return true;
}

bool sun_take_service_time(struct slice *s, int64_t *time_ms)
{
    struct tm tm = {.tm_isdst = 0};
    struct slice t = *s;
    int year, zone_s;
    if (!take_digits(&t, 2, &tm.tm_mday) || !slice_take(&t, SLICE("/")) ||
        !take_month(&t, &tm.tm_mon) || !slice_take(&t, SLICE("/")) || !take_digits(&t, 4, &year) ||
        !slice_take(&t, SLICE(":")) || !take_digits(&t, 2, &tm.tm_hour) ||
        !slice_take(&t, SLICE(":")) || !take_digits(&t, 2, &tm.tm_min) ||
        !slice_take(&t, SLICE(":")) || !take_digits(&t, 2, &tm.tm_sec) || !take_zone(&t, &zone_s))
        return false;
    if (year < 1970 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59 ||
        tm.tm_sec > 60)
        return false;
    tm.tm_year = year - 1900;
    *time_ms = ((int64_t)timegm(&tm) - zone_s) * 1000;
    *s = t;
    return true;
}

/* "no quota" or a number of the line; with a quota, its use in percent follows the use. */
static bool take_use(struct slice *s, uint64_t *quota, uint64_t *used)
{
    *s = slice_trim(*s);
    *quota = UINT64_MAX;
    if (!slice_take(s, SLICE("no quota")) && !slice_number(s, quota))
        return false;
    *s = slice_trim(*s);
    if (!slice_number(s, used) || (s->n && *s->p != ' '))
        return false;
    uint64_t percent;
    struct slice t = slice_trim(*s);
    if (*quota == UINT64_MAX || !slice_number(&t, &percent))
        return true;
    if (!slice_take(&t, SLICE("%")) && t.n && *t.p != ' ' && *t.p != '.')
        return true; /* the name of a user that begins with a digit */
    *s = slice_skip(t, slice_find(t, ' '));
    return true;
}

bool sun_quota_next(struct slice *text, struct sun_quota *q)
{
    while (text->n) {
        struct slice line = take_line(text);
        if (!take_use(&line, &q->quota_kb, &q->used_kb) ||
            !take_use(&line, &q->message_quota, &q->messages))
            continue;
        q->user = take_word(&line);
        if (q->user.n && !slice_trim(line).n)
            return true;
    }
    return false;
}

bool sun_quota_users(struct slice text, uint64_t *users)
{
    while (text.n) {
        struct slice line = take_line(&text);
        if (slice_take(&line, SLICE("# of users = ")))
            return slice_number(&line, users);
    }
    return false;
}

static bool take_summary(struct slice line, struct sun_connected *c)
{
    if (!slice_number(&line, &c->users) ||
        (!slice_take(&line, SLICE(" users were logged in to ")) &&
         !slice_take(&line, SLICE(" user was logged in to "))))
        return false;
    c->service = slice_head(line, slice_find(line, '.'));
    return true;
}

bool sun_connected_next(struct slice *text, struct sun_connected *c)
{
    while (text->n) {
        struct slice line = slice_trim(take_line(text));
        *c = (struct sun_connected){.users = 0};
        if (take_summary(line, c))
            return true;
        c->users = 0;
        c->user = take_word(&line);
        struct slice time = take_word(&line);
        if (!c->user.n || !sun_take_service_time(&time, &c->time_ms))
            continue;
        c->method = take_word(&line);
        take_word(&line); /* to */
        c->from = take_word(&line);
        return true;
    }
    return false;
}

bool sun_last_access_next(struct slice *text, struct sun_last_access *a)
{
    while (text->n) {
        struct slice line = take_line(text);
        unsigned times = 0;
        a->user = take_word(&line);
        for (; times < SUN_LAST_SERVICES; times++) {
            struct slice word = take_word(&line);
            if (slice_eq(word, SLICE("----NOT-RECORDED----")))
                a->time_ms[times] = INT64_MIN;
            else if (!sun_take_service_time(&word, &a->time_ms[times]))
                break;
        }
        if (a->user.n && times == SUN_LAST_SERVICES)
            return true;
    }
    return false;
}

void sun_server_of(struct slice object, struct sun_server *s)
{
    size_t end = slice_find(object, '_');
    *s = (struct sun_server){.protocol = slice_head(object, end)};
    struct slice rest = slice_skip(object, end + (end < object.n));
    const char *last = rest.n ? memrchr(rest.p, '_', rest.n) : NULL;
    struct slice digits = last ? slice_skip(rest, (size_t)(last + 1 - rest.p)) : rest;
    uint64_t port;
    s->host = rest;
    if (!last || !slice_number(&digits, &port) || digits.n || port > UINT16_MAX)
        return;
    s->host = slice_head(rest, (size_t)(last - rest.p));
    s->port = (uint32_t)port;
}

static bool tells_damage(struct slice line)
{
    static const char *const words[] = {"corrupt", "inconsisten", "nvalid",     "needs",
                                        "damaged", "mismatch",    "bad format", "rror",
                                        "missing", "wrong",       "repair"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (slice_search(line, slice_of(words[i])) < line.n)
            return true;
    return false;
}

bool sun_reconstruct_next(struct slice *text, enum sun_finding *is, uint64_t *number,
                          struct slice *line)
{
    while (text->n) {
        struct slice s = *line = slice_trim(take_line(text));
        *number = 1;
        size_t found = slice_search(s, SLICE("Found "));
        struct slice rest = slice_skip(s, found + (found < s.n ? 6 : 0));
        if (slice_take(&s, SLICE("mboxutil -d "))) {
            *is = SUN_ORPHAN;
            *line = slice_trim(s);
            return true;
        }
        if (rest.n && slice_number(&rest, number) && slice_take(&rest, SLICE(" orphaned"))) {
            *is = SUN_ORPHANS;
            return true;
        }
        *number = 1;
        if (tells_damage(*line)) {
            *is = SUN_DAMAGE;
            return true;
        }
    }
    return false;
}

bool sun_statistic_next(struct slice *text, uint64_t *value, struct slice *what)
{
    while (text->n) {
        struct slice line = slice_trim(take_line(text));
        if (!slice_number(&line, value) || !line.n || (*line.p != '\t' && *line.p != ' '))
            continue;
        while (line.n && (*line.p == '\t' || *line.p == ' '))
            line = slice_skip(line, 1);
        *what = line;
        return true;
    }
    return false;
}
