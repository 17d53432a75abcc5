/*
 * One generation of a log while it is read, for follow.c alone: the position in it, and the buffer
 * in which whole lines are found. Which file this is, and when another one takes over, is decided
 * there.
 */
#ifndef FOLLOW_SOURCE_H
#define FOLLOW_SOURCE_H

#include "follow.h"
#include "follow_files.h"

enum {
    FOLLOW_LINE_ROOM = 256 * 1024, /* the longest line handed on whole */
    FOLLOW_CHUNK = 64 * 1024,      /* read at once: more takes memory and is not faster */
    FOLLOW_HEAD_MAX = 256,
    FOLLOW_TAIL_MAX = 64
};

struct follow_source {
    struct follow_position at;
    struct follow_reader reader; /* closed: nothing is read now */
    uint64_t size;               /* on disk, and mtime, as the caller found them before a drain */
    int64_t mtime_ns;
    uint64_t seen_size; /* ... when it was last read to its end */
    int64_t seen_mtime_ns;
    bool checked; /* a gzip file had the right content before the offset */
    /* Only NULs precede the offset, or nothing does: `at` fits other files of this log as well. */
    bool blank;
    bool damaged;   /* it ended too early */
    bool large;     /* more than FOLLOW_CHUNK of the buffer was used */
    uint64_t bytes; /* handed on */
    char *buffer;   /* octets of the file from `base`, at least those that the hashes at the offset
                       cover */
    uint64_t base;
    size_t fill;
};

/* One follow_read: where lines go and how much may still be read. */
struct follow_call {
    void (*lines)(void *arg, struct slice run, int64_t reference_ms);
    void *arg;
    size_t left;
    bool yielded; /* lines were handed on */
};

enum follow_drain {
    FOLLOW_DRAIN_END,  /* all there is was handed on, but for a line without its end */
    FOLLOW_DRAIN_MORE, /* the budget was used up */
    FOLLOW_DRAIN_LOST, /* this is not the file that `at` describes, or not any more */
    FOLLOW_DRAIN_ERROR /* errno */
};

/* Is it a stored position that no source can have had? */
bool follow_source_impossible(const struct follow_position *at);
/* Makes a closed source at `at`; false when there is no memory. */
bool follow_source_start(struct follow_source *s, const struct follow_position *at);
void follow_source_end(struct follow_source *s);
/* The position at the start of a plain file, with its head; false with errno. */
bool follow_source_begin(struct follow_reader *reader, struct follow_position *at);
/* Reads `file` from now on, at the same offset or, if `fresh` is given, there. Owns the reader. */
void follow_source_adopt(struct follow_source *s, const struct follow_file *file,
                         struct follow_reader reader, const struct follow_position *fresh);
/* Hands on what the budget allows; `last`: everything, and a line without its end as well. */
enum follow_drain follow_source_drain(struct follow_source *s, struct follow_call *c, bool last);
/* Does the file hold, at the same places, what was read before `at`? A gzip file is asked for its head. */
bool follow_source_matches(const struct follow_position *at, const struct follow_file *file,
                           struct follow_reader *reader);
/*
 * Looks in a file to which generations were appended, its last FOLLOW_COLLECTED_MAX octets, for what was read before
 * `at`; *start: the position behind it. False: it is not there, or errno is set.
 */
#define FOLLOW_COLLECTED_MAX (1 << 30)
bool follow_source_find(const struct follow_position *at, const struct follow_file *file,
                        struct follow_reader *reader, struct follow_position *start);
/* See follow_before. */
size_t follow_source_before(const struct follow_source *s, char *room, size_t n);
/* Octets not read yet. */
uint64_t follow_source_behind(const struct follow_source *s);
/* Gives back the memory that only a long line needed. */
void follow_source_shrink(struct follow_source *s);

#endif
