/* Short forms for parsers that take a line field by field. */
#ifndef FIELD_H
#define FIELD_H

#include "event.h"

/* A slice of a string literal, in a table. */
#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }
/* slice_starts and slice_take for a string literal, so that the comparison is one of constant
 * length. */
#define STARTS(s, literal)                                                                         \
    ((s).n >= sizeof(literal) - 1 && memcmp((s).p, literal, sizeof(literal) - 1) == 0)
#define TAKE(s, literal) (STARTS(s, literal) && ((s) = slice_skip(s, sizeof(literal) - 1), true))
#define HAS(s, literal)  (slice_search(s, SLICE(literal)) < (s).n)

/* The offset of the first space, or s.n: words are short, and a call for each is dear. */
static inline size_t field_space(struct slice s)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones * 0x80;
    uint64_t v;
    size_t i = 0;
    for (; i + 8 <= s.n; i += 8) {
        memcpy(&v, s.p + i, 8);
        v ^= ones * ' ';
        v = (v - ones) & ~v & high;
        if (v)
            return i + (size_t)__builtin_ctzll(v) / 8;
    }
    while (i < s.n && s.p[i] != ' ')
        i++;
    return i;
}

#endif
