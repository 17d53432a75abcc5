/*
 * How libFuzzer shall change inputs that are lines: it puts lines elsewhere, again or away, and puts words of one into
 * others, so that one message has several lines. Nothing of it is used when a corpus is only run.
 */
#ifndef LINES_H
#define LINES_H

#include <string.h>

#include "fuzz.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max) __attribute__((weak));
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);

#define LINES_HEAD 3 /* octets that are no line */

static uint32_t lines_state;

static size_t lines_pick(size_t n)
{
    lines_state = lines_state * 1664525 + 1013904223;
    return n ? (lines_state >> 8) % n : 0;
}

/* A line at random, with its newline. */
static void lines_some(const uint8_t *data, size_t size, size_t *from, size_t *to)
{
    size_t at = LINES_HEAD + lines_pick(size - LINES_HEAD);
    for (*from = at; *from > LINES_HEAD && data[*from - 1] != '\n';)
        --*from;
    for (*to = at; *to < size && data[*to] != '\n';)
        ++*to;
    *to += *to < size;
}

/* A word at random: what stands between octets that are none of a name. */
static void lines_word(const uint8_t *data, size_t size, size_t *from, size_t *to)
{
    static const char between[] = " \n\t[]<>(),;:=\"'{}";
    *from = *to = LINES_HEAD + lines_pick(size - LINES_HEAD);
    while (*from > LINES_HEAD && !memchr(between, data[*from - 1], sizeof between - 1))
        --*from;
    while (*to < size && !memchr(between, data[*to], sizeof between - 1))
        ++*to;
}

/* Puts a copy of n octets in the place of those from `from` to `to`; returns the size then. */
static size_t lines_put(uint8_t *data, size_t size, size_t max, size_t from, size_t to,
                        const uint8_t *octets, size_t n)
{
    static uint8_t copy[1 << 20];
    if (n > sizeof copy || size - (to - from) + n > max)
        return size;
    memcpy(copy, octets, n);
    memmove(data + from + n, data + to, size - to);
    memcpy(data + from, copy, n);
    return size - (to - from) + n;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
    size_t from, to, other_from, other_to;
    lines_state = seed;
    if (size <= LINES_HEAD || lines_pick(3) == 0)
        return LLVMFuzzerMutate(data, size, max);
    for (size_t n = 1 + lines_pick(3); n && size > LINES_HEAD; n--)
        switch (lines_pick(4)) {
        case 0: /* a line again, elsewhere */
            lines_some(data, size, &from, &to);
            lines_some(data, size, &other_from, &other_to);
            size = lines_put(data, size, max, other_to, other_to, data + from, to - from);
            break;
        case 1: /* a line away */
            lines_some(data, size, &from, &to);
            size = lines_put(data, size, max, from, to, data, 0);
            break;
        default: /* a word in the place of another */
            lines_word(data, size, &from, &to);
            lines_word(data, size, &other_from, &other_to);
            size = lines_put(data, size, max, other_from, other_to, data + from, to - from);
        }
    return size;
}

#endif
