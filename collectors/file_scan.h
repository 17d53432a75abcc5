/*
 * How many files match a pattern, how large and how old they are. For a worker: what it asks may take
 * long. Bounded: however many files there are, a look ends.
 */
#ifndef FILE_SCAN_H
#define FILE_SCAN_H

#include <stdbool.h>
#include <stdint.h>

struct file_scan {
    uint64_t files, bytes;      /* regular files only */
    int64_t newest_s, oldest_s; /* modification times; 0 without a file */
    bool truncated;             /* there are more than were looked at */
    int error;                  /* EACCES: something could not be looked into */
};

/* A path in which nothing is special. */
void file_scan_path(struct file_scan *s, const char *path);
/* A pattern of glob(7), for which so many entries of directories are read. Not for two threads at once. */
void file_scan_pattern(struct file_scan *s, const char *pattern, unsigned entries_max);

#endif
