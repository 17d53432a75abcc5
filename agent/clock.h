/* The clocks: for what waits, measures or stamps. Parsers and tables have none; time is an argument there. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>
#include <time.h>

/* Microseconds, milliseconds of CLOCK_MONOTONIC, or since the epoch of CLOCK_REALTIME. */
static inline int64_t clock_us(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static inline int64_t clock_ms(clockid_t id)
{
    return clock_us(id) / 1000;
}

#endif
