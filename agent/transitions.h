/*
 * The stream of transitions: each gets the next number, is committed to the store, and only then is
 * shown: as a row of mailmonAlarmLogTable (the last 1,000), and to each of its readers, in order. A
 * reader says how far it came; what it has not taken outlives the process. Up to 100,000 wait for a
 * reader; then the oldest is dropped and counted.
 *
 *   transitions_add -> transitions_save (into a checkpoint) -> transitions_stored -> readers
 *
 * If the store cannot be written, transitions are shown all the same: a full disk is what an alarm is
 * for. Then a crash before it can be written again may give a number twice.
 */
#ifndef TRANSITIONS_H
#define TRANSITIONS_H

#include "model.h"
#include "store.h"

/* Who takes transitions. Each has a mark of its own in the store; a new one begins at the present. */
enum transition_reader {
    READER_SNMP,
    READER_HISTORY,
    READER_MAIL,
    READER_ACTION,
    TRANSITION_READERS
};

#define TRANSITIONS_WAITING 100000 /* at most, for one reader */
#define TRANSITIONS_LOG     1000   /* rows of mailmonAlarmLogTable */

struct transitions;

/* `model` must outlive it. NULL: no memory. */
struct transitions *transitions_new(struct model *model);
void transitions_free(struct transitions *t);
/*
 * Restores what the store has. accepted: the last number that the publisher knows of; no number up to
 * it is given again. false: the store cannot be read.
 */
bool transitions_load(struct transitions *t, struct store *store, uint64_t accepted,
                      int64_t real_minus_monotonic_ms);
/* Appends one; sets its number. false: no memory, it is lost and counted. */
bool transitions_add(struct transitions *t, struct transition *x, int64_t real_minus_monotonic_ms);
/* Is there something that no checkpoint took yet? Then the next one should not wait. */
bool transitions_urgent(const struct transitions *t);
/* Puts what is new into a checkpoint, and deletes what nobody needs any more. */
bool transitions_save(struct transitions *t, struct checkpoint *c);
/* That checkpoint was written, or could not be: what it holds is shown now. */
void transitions_stored(struct transitions *t, bool ok);
/*
 * The first transition that a reader has not taken; false: it has them all. Its instants are in
 * milliseconds of real time.
 */
bool transitions_next(const struct transitions *t, enum transition_reader reader,
                      struct transition *x);
/* The reader has taken all up to this number. */
void transitions_done(struct transitions *t, enum transition_reader reader, uint64_t number);
/* How many a reader has taken, how many wait for it, and how many were dropped before READER_SNMP took
   them; since the beginning. */
uint64_t transitions_taken(const struct transitions *t, enum transition_reader reader);
uint64_t transitions_waiting(const struct transitions *t, enum transition_reader reader);
uint64_t transitions_dropped(const struct transitions *t);
/*
 * Brings MODEL_TRANSITION and the rows of the log up to date; true if MODEL_TRANSITION got a new row.
 */
bool transitions_show(struct transitions *t, int64_t real_minus_monotonic_ms);

#endif
