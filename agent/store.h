/*
 * What must outlive the process, in SQLite (WAL, synchronous=FULL): positions in logs with the
 * counters they explain, messages in flight, the name -> index map. All of one checkpoint is one
 * transaction. A record is (kind, slot) -> octets; the store does not know what they mean.
 *
 * A checkpoint is filled on the collect process's loop (copies, no I/O) and written by a worker, one at
 * a time. The store object is used by one thread at a time: the loop at start, then the worker.
 */
#ifndef STORE_H
#define STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Kinds of records. Rows of the model: STORE_MODEL + enum model_table. The tally's own are from
 * STORE_TALLIES on.
 */
enum store_kind {
    STORE_MODEL = 0,
    STORE_NAMES = 100,
    STORE_FOLLOW,
    STORE_SINCE,              /* one record: when counting began */
    STORE_DIRECTORY,          /* by applIndex: what our own questions add to a server's counters */
    STORE_SUN_READINGS = 150, /* by applIndex << 16 | mtaGroupIndex: counters of Sun's utilities */
    STORE_TALLIES = 200,
    STORE_ACCESS_SESSIONS = 300,
    STORE_ACCESS_HEADER,
    STORE_TRANSITIONS = 310, /* by number */
    STORE_TRANSITIONS_HEAD
};

/*
 * Written into the file with the first checkpoint. Raise it with each change for which an earlier mailmond would take a
 * record for damaged: it refuses the file then, and leaves it as it is. A row of the model may grow at its end without.
 */
#define STORE_VERSION 2
/* Beside each struct that is a record of one size. */
#define STORE_LAYOUT(type, size)                                                                   \
    _Static_assert(sizeof(void *) != 8 || sizeof(type) == (size),                                  \
                   "raise STORE_VERSION, and take over the earlier layout")

struct checkpoint; /* a list of records to put and delete, in one growing buffer */
struct checkpoint *checkpoint_new(void);
void checkpoint_free(struct checkpoint *c);
void checkpoint_clear(struct checkpoint *c);
/* Copies the record. Returns false when memory is short (the checkpoint is then unusable: clear it). */
bool checkpoint_put(struct checkpoint *c, int kind, uint32_t slot, const void *data, size_t size);
/*
 * The same, unless it is what was offered last time: for the few records that nobody marks, such as the
 * position in a log. Where nothing changes nothing is written.
 */
bool checkpoint_offer(struct checkpoint *c, int kind, uint32_t slot, const void *data, size_t size);
bool checkpoint_delete(struct checkpoint *c, int kind, uint32_t slot);
size_t checkpoint_count(const struct checkpoint *c);

struct store;
/*
 * Opens (and makes) DIR/state.db. NULL: `error` says why and what would mend it; errno is EBADMSG if the file
 * is damaged. A file that a later mailmond wrote is not touched. On a read-only file system it is opened all the
 * same: then store_write fails until that can be written again.
 */
struct store *store_open(const char *dir, char *error, size_t error_size);
void store_close(struct store *s);
/*
 * Puts a damaged DIR/state.db aside, as state.db.damaged, so that the next store_open begins anew. false (errno):
 * it cannot, or one was put aside within the last minute, as on a failing disk (EAGAIN). To be called with the
 * store closed.
 */
bool store_put_aside(const char *dir);
/* Calls `row` for each record of a kind in order of slot. false: the database cannot be read. */
bool store_load(struct store *s, int kind,
                bool (*row)(void *arg, uint32_t slot, const void *data, size_t size), void *arg);
/*
 * Writes all of it in one transaction. false: nothing was written, or into a file that has been removed;
 * store_error says why.
 */
bool store_write(struct store *s, const struct checkpoint *c);
const char *store_error(const struct store *s);
/* Whether what could not be read is damaged: the next attempt will fail as well. */
bool store_damaged(const struct store *s);

#endif
