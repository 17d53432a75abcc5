/*
 * mailmond --read: no daemon; files from start to end, then the tables as text and what was not
 * understood. For benchmarks, bug reports and golden tests.
 */
#ifndef MAIN_READ_H
#define MAIN_READ_H

#include "../collectors/access.h"
#include "../collectors/mta.h"

struct read_options {
    const struct mta *mta; /* or NULL, and: */
    const struct access_server *server;
    struct slice
        host; /* whose lines are read; MAILLOG_EACH: each is an instance; empty: they are not told apart */
    char *const *files; /* "-": standard input; .gz is unpacked */
    int file_count;
    uint32_t messages_max; /* 0: default */
    bool statistics;       /* lines, octets, memory and unrecognised lines, on stderr */
};

/* Returns an exit code: 0, or 1 if a file could not be read. */
int read_files(const struct read_options *options);

#endif
