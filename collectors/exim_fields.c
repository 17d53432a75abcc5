/*
 * The fields that Exim's log lines are made of. Pure; see mta_exim.c for how text of strangers is kept
 * apart.
 */
#include "exim_fields.h"

#define OLD_LENGTH  16 /* 6-6-2 */
#define NEW_LENGTH  23 /* 6-11-4 */
#define TIME_DIGITS 6

#define HYPHEN      63 /* its code in queue_id_codes: no digit */

/* Packs n digits in base 62, at most ten; false if one is none. This runs for every line. */
static inline bool pack(const char *p, size_t n, uint64_t *digits)
{
    bool good = true;
    for (size_t i = 0; i < n; i++) {
        unsigned code = queue_id_codes[(unsigned char)p[i]];
        good &= code != 0 && code != HYPHEN;
        *digits = *digits << 6 | code;
    }
    return good;
}

/* Puts n digits behind those of the id. */
static inline void append(struct queue_id *id, uint64_t digits, unsigned n)
{
    id->hi = id->hi << 6 * n | id->lo >> (64 - 6 * n);
    id->lo = id->lo << 6 * n | digits;
}

size_t exim_id(struct slice s, struct queue_id *id)
{
    *id = (struct queue_id){0, 0};
    if (s.n < OLD_LENGTH || s.p[6] != '-')
        return 0;
    uint64_t head = 0, middle = 0, tail = 0;
    if (s.p[13] == '-') {
        if (!pack(s.p, 6, &head) || !pack(s.p + 7, 6, &middle) || !pack(s.p + 14, 2, &tail))
            return 0;
        id->lo = head;
        append(id, middle, 6);
        append(id, tail, 2);
        return OLD_LENGTH;
    }
    if (s.n < NEW_LENGTH || s.p[18] != '-' || !pack(s.p, 6, &head) || !pack(s.p + 7, 9, &middle) ||
        !pack(s.p + 16, 2, &tail) || !pack(s.p + 19, 4, &tail))
        return 0;
    id->lo = head;
    append(id, middle, 9);
    append(id, tail, 6);
    return NEW_LENGTH;
}

/* The first digits as a number; small letters are digits of base 62 only. */
static int64_t number_in(int base, struct slice id)
{
    int64_t n = 0;
    for (size_t i = 0; i < TIME_DIGITS && i < id.n; i++)
        n = n * base + queue_id_codes[(unsigned char)id.p[i]] - 1;
    return n;
}

int64_t exim_id_time(struct slice id)
{
    int64_t seconds = number_in(62, id);
    return seconds <= UINT32_MAX ? seconds : number_in(36, id);
}

/* Where a quoted string that starts at `at` ends: behind its quote, or the end of s. */
static size_t skip_quoted(struct slice s, size_t at)
{
    for (at++; at < s.n && s.p[at] != '"'; at++)
        if (s.p[at] == '\\')
            at++;
    return at < s.n ? at + 1 : s.n;
}

/*
 * Where the first blank or quote is, eight octets at a time, as words are short. The two differ in one bit:
 * with it set, both are a quote.
 */
static inline size_t find_end(struct slice s)
{
    const uint64_t ones = 0x0101010101010101u;
    size_t i = 0;
    for (; i + 8 <= s.n; i += 8) {
        uint64_t v;
        memcpy(&v, s.p + i, 8);
        v = (v | ones * ('"' ^ ' ')) ^ ones * '"';
        v = (v - ones) & ~v &
            ones * 0x80; /* the lowest octet that is zero has its highest bit set */
        if (v)
            return i + (size_t)__builtin_ctzll(v) / 8;
    }
    while (i < s.n && s.p[i] != ' ' && s.p[i] != '"')
        i++;
    return i;
}

struct slice exim_take_word(struct slice *s)
{
    size_t end = find_end(*s);
    while (end < s->n && s->p[end] != ' ')
        end = s->p[end] == '"' ? skip_quoted(*s, end) : end + 1;
    struct slice word = slice_head(*s, end);
    *s = slice_skip(*s, end + 1);
    return word;
}

bool exim_take_angle(struct slice *s, struct slice *address)
{
    size_t at = 1;
    if (s->n == 0 || *s->p != '<')
        return false;
    if (s->n > 1 && s->p[1] == '"')
        at = skip_quoted(*s, 1);
    while (at < s->n && s->p[at] != '>')
        at++;
    if (at >= s->n)
        return false;
    *address = (struct slice){s->p + 1, at - 1};
    *s = slice_skip(*s, at + 1);
    TAKE(*s, " ");
    return true;
}

static inline bool in_address(char c)
{
    return slice_digit(c) || c == '.' || c == ':' || (unsigned)((c | 32) - 'a') < 6;
}

/* Takes "[ip]" with an address in it, and ":port". */
static bool take_ip(struct slice *s, struct slice *ip, uint64_t *port)
{
    struct slice t = *s;
    *port = 0;
    if (!TAKE(t, "["))
        return false;
    size_t n = 0;
    while (n < t.n && n < 46 && in_address(t.p[n]))
        n++;
    if (n < 2 || n >= t.n || t.p[n] != ']')
        return false;
    *ip = slice_head(t, n);
    t = slice_skip(t, n + 1);
    struct slice number = t;
    if (TAKE(number, ":") && slice_number(&number, port))
        t = number;
    *s = t;
    return true;
}

/* Up to the helo's end: who connects chooses it, and it may have parentheses of its own. */
static void skip_helo(struct slice *s)
{
    struct slice t = *s;
    while (slice_cut(&t, ')').p)
        if (STARTS(t, " [")) {
            *s = slice_skip(t, 1);
            return;
        }
}

static struct slice service_of_port(uint64_t port)
{
    return port == 465   ? SLICE(EXIM_SMTPS)
           : port == 587 ? SLICE(EXIM_SUBMISSION)
                         : SLICE(EXIM_SMTP);
}

bool exim_take_peer(struct slice *s, struct event *e)
{
    struct slice t = *s, ip;
    uint64_t port;
    if (t.n && *t.p != '(' && *t.p != '[' && !slice_cut(&t, ' ').p)
        return false;
    TAKE(t, "DS ");
    if (t.n && *t.p == '(')
        skip_helo(&t);
    if (!take_ip(&t, &e->peer, &port))
        return false;
    e->service = SLICE(EXIM_SMTP);
    struct slice rest = t;
    if (TAKE(rest, " I=") && take_ip(&rest, &ip, &port)) {
        e->service = service_of_port(port);
        t = rest;
    }
    TAKE(t, " ");
    if (STARTS(t, "U="))
        exim_take_word(&t);
    if (STARTS(t, "Ci="))
        exim_take_word(&t);
    *s = t;
    return true;
}

void exim_take_relay(struct slice *s, struct event *e)
{
    struct slice t = *s, ip;
    uint64_t port;
    size_t name = slice_find(t, ' ');
    t = slice_skip(t, name + 1);
    TAKE(t, "DS ");
    if (!take_ip(&t, &ip, &port)) {
        e->relay = slice_head(*s, name);
        *s = slice_skip(*s, name + 1);
        return;
    }
    e->flags |= EVENT_NETWORK;
    e->relay = (struct slice){s->p, (size_t)(t.p - s->p)};
    if (TAKE(t, "*"))
        e->flags |= EVENT_REUSED;
    TAKE(t, " ");
    *s = t;
}

static uint64_t unit_ms(char c)
{
    switch (c) {
    case 'w':
        return 7 * 86400000;
    case 'd':
        return 86400000;
    case 'h':
        return 3600000;
    case 'm':
        return 60000;
    case 's':
        return 1000;
    default:
        return 0;
    }
}

bool exim_take_span(struct slice *s, uint64_t *ms)
{
    struct slice t = *s;
    uint64_t n, sum = 0;
    bool some = false;
    while (slice_number(&t, &n)) {
        uint64_t fraction = 0, place = 100;
        if (TAKE(t, "."))
            for (; t.n && slice_digit(*t.p); t = slice_skip(t, 1), place /= 10)
                fraction += (uint64_t)(*t.p - '0') * place;
        uint64_t unit = t.n ? unit_ms(*t.p) : 0;
        if (unit == 0 || n > UINT32_MAX)
            return false;
        sum += n * unit + fraction * unit / 1000;
        t = slice_skip(t, 1);
        some = true;
    }
    if (some) {
        *ms = sum;
        *s = t;
    }
    return some;
}
