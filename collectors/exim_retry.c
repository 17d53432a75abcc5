/*
 * Exim's retry hints, as `exim_dumpdb SPOOL retry` prints them: two lines each, the key with the last
 * error, and three times of day of which the third is the next attempt. Pure. The invariant: what the error
 * says is text; a hint begins with two blanks and its kind.
 */
#include <time.h>

#include "exim_fields.h"
#include "exim_queue.h"

static bool take_digits(struct slice *s, int *value)
{
    uint64_t n;
    if (!s->n || !slice_digit(*s->p) || !slice_number(s, &n) || n > 9999)
        return false;
    *value = (int)n;
    return true;
}

static bool take_month(struct slice *s, int *month)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (*month = 0; *month < 12; ++*month)
        if (slice_take(s, (struct slice){names + 3 * *month, 3}))
            return true;
    return false;
}

/* "22-Nov-2026 05:55:09" and the blanks behind it, UTC. */
static bool take_time(struct slice *s, int64_t *at_s)
{
    struct tm tm = {0};
    if (!take_digits(s, &tm.tm_mday) || !TAKE(*s, "-") || !take_month(s, &tm.tm_mon) ||
        !TAKE(*s, "-") || !take_digits(s, &tm.tm_year) || !TAKE(*s, " ") ||
        !take_digits(s, &tm.tm_hour) || !TAKE(*s, ":") || !take_digits(s, &tm.tm_min) ||
        !TAKE(*s, ":") || !take_digits(s, &tm.tm_sec))
        return false;
    while (TAKE(*s, " "))
        ;
    tm.tm_year -= 1900;
    *at_s = timegm(&tm);
    return *at_s > 0;
}

/* The part behind the last colon. */
static struct slice tail_of(struct slice key)
{
    const char *colon = key.n ? memrchr(key.p, ':', key.n) : NULL;
    return colon ? slice_skip(key, (size_t)(colon + 1 - key.p)) : key;
}

/*
 * "R:domain", "R:address", "R:address:<sender>": a router waits for it. "T:address", "T:file:address": a local
 * transport. "T:host:ip:port": every message for that host; ":id" behind it: this one only.
 */
static void take_key(struct slice key, struct mta_attempt *a)
{
    if (TAKE(key, "R:")) {
        a->address = slice_head(key, slice_search(key, SLICE(":<")));
        return;
    }
    struct queue_id id;
    TAKE(key, "T:");
    struct slice tail = tail_of(key);
    if (tail.n && exim_id(tail, &id) == tail.n)
        a->message = tail, a->id = id;
    else if (tail.n && memchr(tail.p, '@', tail.n))
        a->address = tail;
}

bool exim_attempt(struct slice *text, int64_t now_s, struct mta_attempt *a)
{
    struct slice key = {NULL, 0}, line;
    int64_t first_s, last_s;
    (void)now_s;
    while (text->n) {
        line = slice_line(text);
        if (STARTS(line, "  R:") || STARTS(line, "  T:")) {
            struct slice rest = slice_skip(line, 2);
            key = slice_head(rest, slice_find(rest, ' '));
            continue;
        }
        *a = (struct mta_attempt){.at_s = 0};
        if (key.n && take_time(&line, &first_s) && take_time(&line, &last_s) &&
            take_time(&line, &a->at_s)) {
            take_key(key, a);
            return true;
        }
    }
    return false;
}
