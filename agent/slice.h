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
#include <strings.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

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

/* Is it this word, or does it begin with it? Letters of either case (ASCII) are the same: names of commands, fields. */
static inline bool slice_same(struct slice s, const char *word)
{
    return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

static inline bool slice_starts_same(struct slice s, const char *word)
{
    size_t n = strlen(word);
    return s.n >= n && strncasecmp(s.p, word, n) == 0;
}

static inline bool slice_starts(struct slice s, struct slice with)
{
    return s.n >= with.n && memcmp(s.p, with.p, with.n) == 0;
}

/* Does it begin with one of these? */
static inline bool slice_starts_any(struct slice s, const struct slice *with, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (slice_starts(s, with[i]))
            return true;
    return false;
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

/* Eight octets as a number, the first one lowest. */
static inline uint64_t slice_word(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

/* Writes such a number. */
static inline void slice_put_word(void *to, uint64_t v)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    memcpy(to, &v, sizeof v);
}

/* Are n octets, 8 to 16, the same? Two words that overlap. */
static inline bool slice_same_words(const char *a, const char *b, size_t n)
{
    return slice_word(a) == slice_word(b) && slice_word(a + n - 8) == slice_word(b + n - 8);
}

/* A bit for each of 16 octets that is `c`, the first one lowest. */
static inline unsigned slice_sixteen(const char *p, char c)
{
#ifdef __SSE2__
    __m128i octets = _mm_loadu_si128((const __m128i *)(const void *)p);
    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(octets, _mm_set1_epi8(c)));
#else
    unsigned found = 0;
    for (unsigned i = 0; i < 16; i++)
        found |= (unsigned)(p[i] == c) << i;
    return found;
#endif
}

/* A bit for each of 16 octets from `first` to `last`. */
static inline unsigned slice_sixteen_within(const char *p, char first, char last)
{
#ifdef __SSE2__
    __m128i above =
        _mm_sub_epi8(_mm_loadu_si128((const __m128i *)(const void *)p), _mm_set1_epi8(first));
    __m128i most = _mm_set1_epi8((char)(last - first));
    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(above, most), above));
#else
    unsigned found = 0;
    for (unsigned i = 0; i < 16; i++)
        found |= (unsigned)((unsigned char)(p[i] - first) <= (unsigned char)(last - first)) << i;
    return found;
#endif
}

/* The same as slice_sixteen of octets in which these bits are set first, for two that differ in those. */
static inline unsigned slice_sixteen_set(const char *p, char bits, char c)
{
#ifdef __SSE2__
    __m128i octets =
        _mm_or_si128(_mm_loadu_si128((const __m128i *)(const void *)p), _mm_set1_epi8(bits));
    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(octets, _mm_set1_epi8(c)));
#else
    unsigned found = 0;
    for (unsigned i = 0; i < 16; i++)
        found |= (unsigned)((p[i] | bits) == c) << i;
    return found;
#endif
}

/* The same as slice_sixteen, of 32 and of 64. */
static inline uint32_t slice_thirty_two(const char *p, char c)
{
    return slice_sixteen(p, c) | slice_sixteen(p + 16, c) << 16;
}
static inline uint64_t slice_sixty_four(const char *p, char c)
{
    return slice_thirty_two(p, c) | (uint64_t)slice_thirty_two(p + 32, c) << 32;
}

/* The same of the first octets of s, 64 if it has as many; none of less than 16. Two parts, which may overlap. */
static inline uint64_t slice_front(struct slice s, char c)
{
    if (s.n >= 32) {
        size_t later = s.n < 64 ? s.n - 32 : 32;
        return slice_thirty_two(s.p, c) | (uint64_t)slice_thirty_two(s.p + later, c) << later;
    }
    if (s.n >= 16)
        return slice_sixteen(s.p, c) | slice_sixteen(s.p + s.n - 16, c) << (s.n - 16);
    return 0;
}

/*
 * Offset of the first `c`, or s.n. Most fields end within 32 octets, so these are looked at here, all at once: a call
 * or a loop that ends somewhere costs more than the comparison.
 */
static inline size_t slice_find(struct slice s, char c)
{
    size_t i = 0;
    if (s.n >= 32) {
        unsigned found = slice_sixteen(s.p, c) | slice_sixteen(s.p + 16, c) << 16;
        if (found)
            return (unsigned)__builtin_ctz(found);
        i = 32;
    } else if (s.n >= 16) {
        size_t last = s.n - 16;
        unsigned found = slice_sixteen(s.p, c) | slice_sixteen(s.p + last, c) << last;
        return found ? (unsigned)__builtin_ctz(found) : s.n;
    }
    const char *q = s.n > i ? memchr(s.p + i, c, s.n - i) : NULL;
    return q ? (size_t)(q - s.p) : s.n;
}

/* Is there an `a` or a `b`? */
static inline bool slice_has_either(struct slice s, char a, char b)
{
    size_t i = 0;
    unsigned found = 0;
    for (; i + 16 <= s.n; i += 16)
        found |= slice_sixteen(s.p + i, a) | slice_sixteen(s.p + i, b);
    if (s.n >= 16)
        return found || slice_sixteen(s.p + s.n - 16, a) || slice_sixteen(s.p + s.n - 16, b);
    for (; i < s.n; i++)
        found |= s.p[i] == a || s.p[i] == b;
    return found;
}

/*
 * Offset of the first `what`, which is not empty, or s.n. Where both its first and its last octet stand is looked for
 * at sixteen places at once; what remains of s is too short for that.
 */
static inline size_t slice_search(struct slice s, struct slice what)
{
    size_t at = 0, last = what.n - 1;
    for (; at + last + 16 <= s.n; at += 16) {
        unsigned found =
            slice_sixteen(s.p + at, what.p[0]) & slice_sixteen(s.p + at + last, what.p[last]);
        for (; found; found &= found - 1) {
            size_t here = at + (unsigned)__builtin_ctz(found);
            if (memcmp(s.p + here, what.p, what.n) == 0)
                return here;
        }
    }
    for (; at + what.n <= s.n; at++) {
        at += slice_find(slice_skip(s, at), *what.p);
        if (at + what.n <= s.n && s.p[at + what.n - 1] == what.p[what.n - 1] &&
            memcmp(s.p + at, what.p, what.n) == 0)
            return at;
    }
    return s.n;
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

/* Takes the next word, up to a blank; what is left has no blanks around it. n 0: there is none. */
static inline struct slice slice_take_word(struct slice *s)
{
    *s = slice_trim(*s);
    struct slice word = slice_head(*s, slice_find(*s, ' '));
    *s = slice_skip(*s, word.n);
    return word;
}

static inline bool slice_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

/* Four octets, likewise. */
static inline uint64_t slice_half_word(const char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap32(v);
#endif
    return v;
}

/* A word with the high bit set of each octet that is no decimal digit. */
static inline uint64_t slice_no_digits(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101u;
    word ^= ones * '0';
    return (((word & ones * 0x7f) + ones * (0x80 - 10)) | word) & ones * 0x80;
}

/*
 * The number that the last n octets of a word are, all of them digits, 1 to 8: neighbours are joined to numbers below a
 * hundred, these to numbers below ten thousand, and these to one. No loop, whose end could not be predicted.
 */
static inline uint64_t slice_decimal(uint64_t word, unsigned n)
{
    uint64_t v = (word & 0x0f0f0f0f0f0f0f0fu) >> (64 - 8 * n) << (64 - 8 * n);
    v = v * 10 + (v >> 8);
    v = ((v & 0x000000ff000000ffu) * (100 + (UINT64_C(1000000) << 32)) +
         (v >> 16 & 0x000000ff000000ffu) * (1 + (UINT64_C(10000) << 32))) >>
        32;
    return v & UINT32_MAX;
}

/*
 * Takes a decimal number off the front of s. Says false, leaving s alone, when there is none;
 * a number beyond UINT64_MAX stays at UINT64_MAX.
 */
static inline bool slice_number(struct slice *s, uint64_t *value)
{
    uint64_t v = 0;
    size_t i = 0;
    if (s->n >= 8) {
        uint64_t word = slice_word(s->p), no_digits = slice_no_digits(word);
        unsigned n = no_digits ? (unsigned)__builtin_ctzll(no_digits) / 8 : 8;
        if (n == 0)
            return false;
        if (n < 8) {
            *value = slice_decimal(word << (64 - 8 * n), n);
            *s = slice_skip(*s, n);
            return true;
        }
    }
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

/* The octets of s, 1 to 8, as a word; what is behind them in it is 0. No call of memcpy, whose length is not known. */
static inline uint64_t slice_short_word(struct slice s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t last = s.n - 1, middle = s.n / 2;
    if (s.n == 8)
        return slice_word(s.p);
    if (s.n < 4)
        return p[0] | (uint64_t)p[middle] << 8 * middle | (uint64_t)p[last] << 8 * last;
    return slice_half_word(s.p) | slice_half_word(s.p + s.n - 4) << 8 * (s.n - 4);
}

/* FNV-like 64-bit hash of up to a few dozen bytes; not for hostile keys without a seed. */
static inline uint64_t slice_hash(struct slice s, uint64_t seed)
{
    uint64_t h = seed ^ (s.n * 0x9e3779b97f4a7c15u);
    size_t i = 0;
    for (; i + 8 <= s.n; i += 8) {
        h = (h ^ slice_word(s.p + i)) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    if (i < s.n) {
        uint64_t rest =
            s.n < 8 ? slice_short_word(s) : slice_word(s.p + s.n - 8) >> (64 - 8 * (s.n - i));
        h = (h ^ rest) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    h *= 0xc4ceb9fe1a85ec53u;
    return h ^ (h >> 29);
}

/*
 * A short text that is to be found among others: its octets as words that overlap, so that one of any length
 * is compared without a loop. Texts of at most SLICE_KEY octets are the same if their keys are; of a longer one the
 * key has the first octets and the last.
 */
#define SLICE_KEY 32
struct slice_key {
    uint64_t words[SLICE_KEY / 8], n;
};

static inline struct slice_key slice_key(struct slice s)
{
    if (s.n < 8)
        return (struct slice_key){{s.n ? slice_short_word(s) : 0, 0, 0, 0}, s.n};
    size_t last = s.n - 8;
    return (struct slice_key){{slice_word(s.p), slice_word(s.p + (last < 8 ? last : 8)),
                               slice_word(s.p + (last < 16 ? last : 16)), slice_word(s.p + last)},
                              s.n};
}

static inline bool slice_key_eq(const struct slice_key *a, const struct slice_key *b)
{
    return ((a->words[0] ^ b->words[0]) | (a->words[1] ^ b->words[1]) |
            (a->words[2] ^ b->words[2]) | (a->words[3] ^ b->words[3]) | (a->n ^ b->n)) == 0;
}

static inline uint64_t slice_key_hash(const struct slice_key *k)
{
    uint64_t h = ((k->words[0] + k->n) * 0xff51afd7ed558ccdu ^ k->words[3]) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 32;
}

#endif
