/*
 * What `imsimta counters -show` and `imsimta qm counters show` print: for each channel messages, recipients and blocks
 * received, stored, delivered ..., queue times and associations. The counters live in shared memory: they are
 * zeroed by -clear and lost when that goes, and Stored may be negative for what was queued when they
 * were zeroed ("the correct absolute value is the current value less the minimum value that counter has
 * ever held"). Source: "imsimta counters" of the Administration Guide. Pure.
 */
#ifndef SUN_COUNTERS_H
#define SUN_COUNTERS_H

#include "../agent/slice.h"

enum sun_line {
    SUN_RECEIVED,
    SUN_STORED,
    SUN_DELIVERED,
    SUN_SUBMITTED,
    SUN_ATTEMPTED,
    SUN_REJECTED,
    SUN_FAILED,
    SUN_LINES
};
enum { SUN_MESSAGES, SUN_RECIPIENTS, SUN_BLOCKS };
enum sun_single {
    SUN_FIRST_TIME, /* delivered at the first attempt */
    SUN_QUEUE_S,    /* seconds in the queue, of ... */
    SUN_QUEUE_COUNT,
    SUN_QUEUE_FIRST_S,
    SUN_QUEUE_FIRST_COUNT,
    SUN_IN_ASSOCS,
    SUN_OUT_ASSOCS,
    SUN_SINGLES
};

struct sun_counters {
    struct slice channel;
    unsigned lines, singles; /* bits: which were printed */
    int64_t line[SUN_LINES][3];
    int64_t single[SUN_SINGLES];
};

/* Takes the next channel off the text; false: no more. Lines of any other form are skipped. */
bool sun_counters_next(struct slice *text, struct sun_counters *c);

/* Is a line the name of a channel, or one of its rows? */
bool sun_counters_line(struct slice line);

/* What must be remembered of a channel to count on, from one reading to the next. */
struct sun_counted {
    bool read; /* there was a reading before */
    struct sun_counters last;
    int64_t minimum[3]; /* of Stored; at most 0 */
};

/*
 * What came since the last reading, into *delta (of Stored: the level as corrected); `last` becomes this reading. A
 * counter that went down was reset: what it has now came since. All of the first reading came before it, and
 * counts.
 */
void sun_counters_since(struct sun_counted *last, const struct sun_counters *now,
                        struct sun_counters *delta);

#endif
