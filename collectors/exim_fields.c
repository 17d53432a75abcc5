/*
 * The fields that Exim's log lines are made of. Pure; see mta_exim.c for how text of strangers is kept
 * apart.
 */
#include "exim_fields.h"

#define OLD_LENGTH  16 /* 6-6-2 */
#define NEW_LENGTH  23 /* 6-11-4 */
#define TIME_DIGITS 6

/* Packs n digits in base 62, at most ten. This runs for every line. */
static inline uint64_t pack(const char *p, size_t n)
{
    uint64_t digits = 0;
    for (size_t i = 0; i < n; i++)
        digits = digits << 6 | queue_id_codes[(unsigned char)p[i]];
    return digits;
}

/* A bit for each of 16 octets that is such a digit. */
static inline unsigned sixteen_digits(const char *p)
{
    return slice_sixteen_within(p, '0', '9') | slice_sixteen_within(p, 'A', 'Z') |
           slice_sixteen_within(p, 'a', 'z');
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
    unsigned digits = sixteen_digits(s.p);
    if (s.p[13] == '-') {
        if (digits != (0xffff & ~(1u << 6 | 1u << 13)))
            return 0;
        id->lo = pack(s.p, 6);
        append(id, pack(s.p + 7, 6), 6);
        append(id, pack(s.p + 14, 2), 2);
        return OLD_LENGTH;
    }
    const char *rest = s.p + NEW_LENGTH - 16;
    if (s.n < NEW_LENGTH || s.p[18] != '-' || digits != (0xffff & ~(1u << 6)) ||
        sixteen_digits(rest) != (0xffff & ~(1u << (18 + 16 - NEW_LENGTH))))
        return 0;
    id->lo = pack(s.p, 6);
    append(id, pack(s.p + 7, 9), 9);
    append(id, pack(s.p + 16, 2) << 24 | pack(s.p + 19, 4), 6);
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
    struct slice inside = slice_skip(s, ++at);
    inside.n = slice_find(inside, '"');
    if (slice_find(inside, '\\') == inside.n) {
        at += inside.n;
        return at < s.n ? at + 1 : s.n;
    }
    for (; at < s.n && s.p[at] != '"'; at++)
        if (s.p[at] == '\\')
            at++;
    return at < s.n ? at + 1 : s.n;
}

size_t exim_quoted_end(struct slice s, size_t at)
{
    while (at < s.n && s.p[at] != ' ')
        at = s.p[at] == '"' ? skip_quoted(s, at) : at + 1;
    return at;
}

size_t exim_angle_end(struct slice s)
{
    size_t at = 1;
    if (s.n == 0 || *s.p != '<')
        return 0;
    if (s.n > 1 && s.p[1] == '"')
        at = skip_quoted(s, 1);
    at += slice_find(slice_skip(s, at), '>');
    return at < s.n ? at : 0;
}

static inline bool in_address(char c)
{
    return slice_digit(c) || c == '.' || c == ':' || (unsigned)((c | 32) - 'a') < 6;
}

/* The octets of the address that s begins with, a few more than there can be at most. */
static size_t address_octets(struct slice s)
{
    size_t n = 0;
    if (s.n >= 16) {
        unsigned others =
            0xffff & ~(slice_sixteen_within(s.p, '0', ':') | slice_sixteen(s.p, '.') |
                       slice_sixteen_within(s.p, 'a', 'f') | slice_sixteen_within(s.p, 'A', 'F'));
        if (others)
            return (unsigned)__builtin_ctz(others);
        n = 16;
    }
    while (n < s.n && n < 46 && in_address(s.p[n]))
        n++;
    return n;
}

/* "[ip]" with an address in it, and ":port", at the front of s: its octets, or 0. */
static inline size_t find_ip(struct slice s, struct slice *ip, uint64_t *port)
{
    struct slice t = s;
    *port = 0;
    if (!TAKE(t, "["))
        return 0;
    size_t n = address_octets(t);
    if (n < 2 || n >= t.n || t.p[n] != ']')
        return 0;
    *ip = slice_head(t, n);
    t = slice_skip(t, n + 1);
    struct slice number = t;
    if (TAKE(number, ":") && slice_number(&number, port))
        t = number;
    return (size_t)(t.p - s.p);
}

/* Up to the helo's end: who connects chooses it, and it may have parentheses of its own. */
static inline struct slice skip_helo(struct slice s)
{
    struct slice t = s;
    while (slice_cut(&t, ')').p)
        if (STARTS(t, " ["))
            return slice_skip(t, 1);
    return s;
}

static struct slice service_of_port(uint64_t port)
{
    return port == 465   ? SLICE(EXIM_SMTPS)
           : port == 587 ? SLICE(EXIM_SUBMISSION)
                         : SLICE(EXIM_SMTP);
}

bool exim_take_peer(struct slice *s, struct event *e)
{
    struct slice t = slice_skip(*s, 0), ip;
    uint64_t port;
    if (t.n && *t.p != '(' && *t.p != '[' && !slice_cut(&t, ' ').p)
        return false;
    TAKE(t, "DS ");
    if (t.n && *t.p == '(')
        t = skip_helo(t);
    size_t n = find_ip(t, &e->peer, &port);
    if (!n)
        return false;
    t = slice_skip(t, n);
    e->service = SLICE(EXIM_SMTP);
    if (STARTS(t, " I=") && (n = find_ip(slice_skip(t, 3), &ip, &port)) != 0) {
        e->service = service_of_port(port);
        t = slice_skip(t, n + 3);
    }
    TAKE(t, " ");
    if (STARTS(t, "U="))
        exim_take_word(&t);
    if (STARTS(t, "Ci="))
        exim_take_word(&t);
    *s = t;
    return true;
}

struct slice exim_skip_relay(struct slice s, struct event *e)
{
    struct slice ip;
    uint64_t port;
    size_t name = slice_find(s, ' ');
    struct slice t = slice_skip(s, name + 1);
    TAKE(t, "DS ");
    size_t n = find_ip(t, &ip, &port);
    if (!n) {
        e->relay = slice_head(s, name);
        return slice_skip(s, name + 1);
    }
    t = slice_skip(t, n);
    e->flags |= EVENT_NETWORK;
    e->relay = (struct slice){s.p, (size_t)(t.p - s.p)};
    if (TAKE(t, "*"))
        e->flags |= EVENT_REUSED;
    TAKE(t, " ");
    return t;
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
