/*
 * Follows all files of a directory whose names fit a pattern, "*_master.log*": each program that runs
 * writes a file of its own there, several at the same time, and another one the next time. As follow.h for one log:
 * every byte is handed on exactly once, in whole lines; within a file in order, the oldest file first.
 * Reads only when told to. No file stays open; the directory is listed when it has changed, and once a minute; files
 * are looked at at each call only while they were written to lately.
 */
#ifndef FOLLOW_SET_H
#define FOLLOW_SET_H

#include "follow.h"

#define FOLLOW_SET_MAX 256 /* files; older ones beyond it are not read, and the status tells */

struct follow_set;

/*
 * pattern: a path whose last part is a pattern of glob(7). at: the stored positions, count of them; a file
 * that none of them is for is read from its beginning. The caller owns the result. NULL: memory is short, or there
 * are more positions than there can be.
 */
struct follow_set *follow_set_new(const char *pattern, const struct follow_position *at,
                                  unsigned count);
void follow_set_free(struct follow_set *s);

/* See follow_read; the budget is for all files together. */
enum follow_result follow_set_read(struct follow_set *s, size_t budget,
                                   void (*lines)(void *arg, struct slice run, int64_t reference_ms),
                                   void *arg);

/* While `lines` runs: where its run stands, and in which file (without its directory). */
const struct follow_position *follow_set_place(const struct follow_set *s, const char **file);
/* One for each file that is there. */
const struct follow_position *follow_set_positions(const struct follow_set *s, unsigned *count);
/* rotations: files begun since follow_set_new. */
void follow_set_status(const struct follow_set *s, struct follow_status *status);

#endif
