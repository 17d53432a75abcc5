/*
 * Stable indexes: a name keeps its number through restarts, reloads and reordering, and a number is
 * never given twice. The map lives in the collect process; the store keeps its records in the same
 * transaction as the counters they lead to.
 */
#ifndef NAMES_H
#define NAMES_H

#include "model.h"

/*
 * The name -> index map: a name keeps its number for ever within its scope. Scopes are a kind of
 * row and, where the index lies within another, that row's number (the applIndex of a group).
 */
struct names;
struct names *names_new(void);
void names_free(struct names *n);
/*
 * The number of a name, given (from 1 up) at its first use; a name beyond 254 octets is known by
 * its first 254. 0 when memory is short, the name is empty, or all 2^31-1 numbers are given.
 */
uint32_t names_index(struct names *n, enum model_table scope, uint32_t within, struct slice name);
/*
 * The row of a name in a table whose index is a number alone, made if there is room. A name that finds none
 * gets no number, so that names stay as bounded as rows. NULL: no room, or as names_index.
 */
void *names_place(struct names *n, struct model *m, enum model_table t, struct slice name);
/*
 * Takes numbers off the counter of a scope without a name (assocIndex): each is given once, until
 * 2^31-1 is reached and they begin again at 1. 0 when memory is short.
 */
uint32_t names_next(struct names *n, enum model_table scope, uint32_t within);

/* What the store keeps. For a counter, `index` is a high-water mark, reserved in blocks of 1024. */
struct name_record {
    uint32_t scope, within, index;
    struct text255 name; /* length 0: the counter of names_next */
};
/* How many records there are. */
uint32_t names_count(const struct names *n);
/* Record i < names_count, which is its slot in the store; valid until the next names_ call. */
const struct name_record *names_record(const struct names *n, uint32_t i);
/*
 * For a checkpoint: says true and gives the slot of the next record that is new or was rewritten
 * since it was last given here; false: no more.
 */
bool names_changed(struct names *n, uint32_t *i);
/*
 * Takes back a record the store kept, in order of slot and before any other call; false when it is
 * impossible or contradicts another, or memory is short.
 */
bool names_restore(struct names *n, const struct name_record *r);

#endif
