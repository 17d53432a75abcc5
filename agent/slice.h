/*
 * Text as (pointer, length): cut, field, number. Every bound is checked here, once, so that a parser
 * built of these calls cannot read outside its line. A slice owns nothing; it points into a buffer
 * that somebody else keeps. None of these functions allocates or reads a clock.
 */
#ifndef SLICE_H
#define SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const char *p;
    size_t n;
};

/* A slice of a string literal. */
#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})

static inline struct slice slice_of(const char *s)
{
    return (struct slice){s, s ? strlen(s) : 0};
}

/* Copies a slice (or of a too long one its beginning) into a string of `size` octets with its NUL. */
static inline void slice_copy(char *to, size_t size, struct slice s)
{
    size_t n = s.n < size ? s.n : size - 1;
    if (n)
        memcpy(to, s.p, n);
    to[n] = '\0';
}

static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool slice_starts(struct slice s, struct slice with)
{
    return s.n >= with.n && memcmp(s.p, with.p, with.n) == 0;
}

static inline bool slice_ends(struct slice s, struct slice with)
{
    return s.n >= with.n && memcmp(s.p + s.n - with.n, with.p, with.n) == 0;
}

/* Drops the first n bytes (all of them if there are fewer). */
static inline struct slice slice_skip(struct slice s, size_t n)
{
    if (n > s.n)
        n = s.n;
    return (struct slice){s.p + n, s.n - n};
}

/* Keeps the first n bytes at most. */
static inline struct slice slice_head(struct slice s, size_t n)
{
    return (struct slice){s.p, n < s.n ? n : s.n};
}

/* If s starts with `prefix`, drops it and says true. */
static inline bool slice_take(struct slice *s, struct slice prefix)
{
    if (!slice_starts(*s, prefix))
        return false;
    *s = slice_skip(*s, prefix.n);
    return true;
}

/* Offset of the first `c`, or s.n. */
static inline size_t slice_find(struct slice s, char c)
{
    const char *q = s.n ? memchr(s.p, c, s.n) : NULL;
    return q ? (size_t)(q - s.p) : s.n;
}

/* Offset of the first `what`, or s.n. */
static inline size_t slice_search(struct slice s, struct slice what)
{
    const char *q = s.n ? memmem(s.p, s.n, what.p, what.n) : NULL;
    return q ? (size_t)(q - s.p) : s.n;
}

/*
 * Cuts s at the first `c`: what is before it is the result, s becomes what is after it.
 * Without a `c` the result is empty with p == NULL, and s is left alone.
 */
static inline struct slice slice_cut(struct slice *s, char c)
{
    size_t at = slice_find(*s, c);
    if (at == s->n)
        return (struct slice){NULL, 0};
    struct slice head = {s->p, at};
    *s = slice_skip(*s, at + 1);
    return head;
}

/* Takes a line without its newline; the last one need not have any. */
static inline struct slice slice_line(struct slice *s)
{
    struct slice line = slice_head(*s, slice_find(*s, '\n'));
    *s = slice_skip(*s, line.n + 1);
    return line;
}

/* Drops leading spaces. */
static inline struct slice slice_trim(struct slice s)
{
    while (s.n && *s.p == ' ')
        s = slice_skip(s, 1);
    return s;
}

static inline bool slice_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

/*
 * Takes a decimal number off the front of s. Says false, leaving s alone, when there is none;
 * a number beyond UINT64_MAX stays at UINT64_MAX.
 */
static inline bool slice_number(struct slice *s, uint64_t *value)
{
    uint64_t v = 0;
    size_t i = 0;
    for (; i < s->n && slice_digit(s->p[i]); i++) {
        unsigned d = (unsigned)(s->p[i] - '0');
        v = v > (UINT64_MAX - d) / 10 ? UINT64_MAX : v * 10 + d;
    }
    if (i == 0)
        return false;
    *value = v;
    *s = slice_skip(*s, i);
    return true;
}

/* FNV-like 64-bit hash of up to a few dozen bytes; not for hostile keys without a seed. */
static inline uint64_t slice_hash(struct slice s, uint64_t seed)
{
    uint64_t h = seed ^ (s.n * 0x9e3779b97f4a7c15u);
    size_t i = 0;
    for (; i + 8 <= s.n; i += 8) {
        uint64_t w;
        memcpy(&w, s.p + i, 8);
        h = (h ^ w) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    if (i < s.n) {
        uint64_t w = 0;
        memcpy(&w, s.p + i, s.n - i);
        h = (h ^ w) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    h *= 0xc4ceb9fe1a85ec53u;
    return h ^ (h >> 29);
}

#endif
