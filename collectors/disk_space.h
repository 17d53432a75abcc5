/*
 * What the space of a file system means: shares, the lock of a store partition, when to look again. Pure
 * but for the two that ask a file system.
 */
#ifndef DISK_SPACE_H
#define DISK_SPACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct disk_space {
    uint64_t total_kb;
    uint64_t available_kb;     /* to an ordinary process */
    uint64_t inodes;           /* 0: the file system has no fixed number of them */
    uint64_t inodes_available; /* likewise */
};

/* available * 100 / total, cut to a whole number as counterutil's percentAvail; 0 of nothing. */
unsigned disk_percent(uint64_t available, uint64_t total);
/*
 * Is a partition locked? Above the threshold (percent in use) it is, below it is not, and at it
 * it stays as it was.
 */
bool disk_locked(const struct disk_space *d, unsigned threshold_percent, bool was);
/*
 * Seconds until the lock is to be decided again: from 100 minutes for an empty file system down to one
 * minute near the threshold.
 */
uint32_t disk_check_s(const struct disk_space *d, unsigned threshold_percent);

/* Asks the file system of a path, which may take for ever. An errno, or 0. */
int disk_ask(const char *path, struct disk_space *d);

/* A process of its own that asks, so that only it waits for a file system that does not answer. */
struct disk_child {
    pid_t pid; /* 0: none */
    int fd;    /* -1: nothing is expected from it any more */
};
/* Starts one. false with errno: it cannot. */
bool disk_child_start(struct disk_child *c, const char *path);
/* Whether it answered: -1: not yet, 0: *d is filled, else an errno. Afterwards nothing is expected. */
int disk_child_answer(struct disk_child *c, struct disk_space *d);
/* Does not wait any longer for its answer. */
void disk_child_kill(struct disk_child *c);
/* Whether it has ended; one that was killed may still hang in the kernel. */
bool disk_child_ended(struct disk_child *c);

#endif
