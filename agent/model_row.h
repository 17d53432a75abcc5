/*
 * What rows of the model are made of.
 *
 * Conventions of the members:
 *   - counters and levels are uint64_t; MODEL_ABSENT means "this source cannot know it" and is never
 *     served. Add to a counter only when it is present (model_add does).
 *   - instants are int64_t milliseconds of CLOCK_MONOTONIC (negative before boot); MODEL_NEVER is
 *     "it never happened". Names end in _at.
 *   - other numbers with a sign are int64_t; INT64_MIN is "unknown".
 *   - volumes are octets; they are divided when served.
 *   - text is stored inline with its length; TEXT_ABSENT is "unknown".
 * Every struct is append-only between its stored_ marks: the store keeps those bytes as they are and
 * fills what an older record lacks with the row's initial values.
 */
#ifndef MODEL_ROW_H
#define MODEL_ROW_H

#include <stddef.h>
#include <stdint.h>
#include "slice.h"

#define MODEL_ABSENT UINT64_MAX
#define MODEL_NEVER  INT64_MIN
#define TEXT_ABSENT  255

/* Inline text of at most 63, 127 or 254 octets. */
struct text64 {
    uint8_t length;
    char bytes[63];
};
struct text128 {
    uint8_t length;
    char bytes[127];
};
struct text255 {
    uint8_t length;
    char bytes[255];
};

/*
 * Sets a text member; what does not fit is cut on a UTF-8 character boundary. value.p == NULL makes it
 * absent. The value may lie in the member itself.
 */
#define TEXT_SET(member, slice)                                                                    \
    text_set(&(member).length, (member).bytes, sizeof(member).bytes, slice)
void text_set(uint8_t *length, char *bytes, size_t size, struct slice value);
/* The value of a text member; p == NULL when it is absent. */
#define TEXT_GET(member) text_get((member).length, (member).bytes, sizeof(member).bytes)
static inline struct slice text_get(uint8_t length, const char *bytes, size_t size)
{
    if (length == TEXT_ABSENT || length > size)
        return (struct slice){NULL, 0};
    return (struct slice){bytes, length};
}

/*
 * An object identifier: of a row or of a cell (RowPointer, VariablePointer of RFC 2579). length 0 is
 * zeroDotZero, "points nowhere"; OID_ABSENT is "unknown".
 */
#define OID_PARTS  40
#define OID_ABSENT UINT32_MAX
struct oid_value {
    uint32_t length;
    uint32_t parts[OID_PARTS];
};

/* The first member of every row. */
struct row {
    uint32_t key[3]; /* the integer parts of the index, unused ones 0 */
    uint8_t used;    /* 1 while the row exists */
    uint8_t dirty;   /* changed since the last checkpoint */
    uint8_t stored;  /* the store has a record of it */
    uint8_t stale;   /* a bit for each slot that has it as it was (slots.c) */
};

/* Adds to a counter that is present; an absent one stays absent. */
static inline void model_add(uint64_t *counter, uint64_t n)
{
    if (*counter != MODEL_ABSENT)
        *counter += n;
}

#endif
