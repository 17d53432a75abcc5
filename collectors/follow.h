/*
 * Follows a log over rename, copytruncate, deletion, late creation and rotation (also to .gz) that
 * happened while nobody looked: every byte is handed on exactly once and in order, in whole lines.
 * Reads only when told to (follow_read); no thread, no timer, no inotify: the caller's tick is the poll. One file is
 * open, and after a rotation up to 16 generations whose turn has not come: what rotates faster than a renamed
 * file is waited for (1 s) is not lost though it is removed. The position and what it explains are stored by the
 * caller together.
 */
#ifndef FOLLOW_H
#define FOLLOW_H

#include "../agent/model.h"

/*
 * Where reading stands, as the store keeps it. A file is known by its content as well as its inode, because inode
 * numbers are used again at once. All zero: nothing read yet.
 */
struct follow_position {
    uint64_t device, inode;
    uint64_t offset;    /* of the first byte not handed on yet: always the start of a line */
    uint64_t head_hash; /* of the file's first head_length octets (at most 256) */
    uint64_t tail_hash; /* of the tail_length octets before offset (at most 64) */
    uint32_t head_length, tail_length;
    int64_t mtime_ns; /* of the file when last read: orders generations of a rotated log */
};

enum follow_result {
    FOLLOW_IDLE, /* at the end of the newest file */
    FOLLOW_MORE, /* the budget was used up; call again */
    FOLLOW_ERROR /* see follow_status: missing, denied */
};

struct follow;

/*
 * path: the log's name; it need not exist yet. If it ends with %D or %M, these stand for the date (20261121,
 * 202611; local time): a file for each day or month, of which the next takes over when it is there. `at` is the
 * stored position, or NULL to read the log from its beginning. The caller owns the result. Never fails but for memory.
 */
struct follow *follow_new(const char *path, const struct follow_position *at);
void follow_free(struct follow *f);

/*
 * Reads up to `budget` octets and calls `lines` with runs of whole lines (each ending in '\n'; the run
 * is valid during the call only; reference_ms is the file's mtime). A line longer than the buffer
 * (256 KiB) is handed on cut, once, and the rest of it is skipped. The position moves past a run when
 * `lines` returns.
 */
enum follow_result follow_read(struct follow *f, size_t budget,
                               void (*lines)(void *arg, struct slice run, int64_t reference_ms),
                               void *arg);

/* Where reading goes on: behind the last run that was handed on. Good until the next follow_read. */
const struct follow_position *follow_position(const struct follow *f);

/*
 * The last octets, n at most, before the run that `lines` has: what this process may never have read. Returns how many:
 * none at the beginning of a file and in a compressed one.
 */
size_t follow_before(const struct follow *f, char *room, size_t n);

struct follow_status {
    /* SOURCE_OK, _MISSING, _DENIED, _TRUNCATED (bytes may be lost), _CATCHING_UP */
    enum source_status status;
    uint64_t behind_bytes; /* known to be unread, older generations included */
    uint64_t rotations;    /* generations finished since follow_new */
    uint64_t bytes;        /* handed on since follow_new */
    char error[128];       /* in words, with the file's name; empty when well */
};
void follow_status(const struct follow *f, struct follow_status *status);

#endif
