/*
 * How many connections each process has served, by the lines in which it logged them: for daemons that are
 * to end after so many (Sun's MAX_LIFE_CONNS, Postfix's max_use). A level of this run of mailmond, so
 * nothing is said of a process that is older than the first line read.
 */
#ifndef SERVED_H
#define SERVED_H

#include <stdbool.h>
#include <stdint.h>

#define SERVED_SLOTS 1024 /* processes remembered; their numbers follow each other */

struct served {
    int64_t since_at; /* instant of the first line */
    bool began;
    struct {
        uint32_t pid, count;
        int64_t first_at;
    } of[SERVED_SLOTS];
};

/* A line of this instant was read; the first one counts. */
void served_begin(struct served *s, int64_t at);
/* A process logged a connection; a line of it was read. */
void served_add(struct served *s, uint32_t pid, int64_t at);
/* How many a process has served that began at this instant; MODEL_ABSENT: the log does not tell. */
uint64_t served_by(const struct served *s, uint32_t pid, int64_t started_at);

#endif
