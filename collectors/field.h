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

/* Drops the spaces that fill a column. */
static inline struct slice field_skip_spaces(struct slice s)
{
    while (s.n >= 32) {
        unsigned others = ~(slice_sixteen(s.p, ' ') | slice_sixteen(s.p + 16, ' ') << 16);
        if (others)
            return slice_skip(s, (unsigned)__builtin_ctz(others));
        s = slice_skip(s, 32);
    }
    return slice_trim(s);
}

#endif
