/*
 * A text to look for in log lines: literal parts in this order, with anything of the same line between them.
 * Pure, and linear in the length of what is searched: an expression of more power could be made to take for ever
 * by whoever writes to the log.
 */
#ifndef LOG_PATTERN_H
#define LOG_PATTERN_H

#include "../agent/slice.h"

#define LOG_PATTERN_PARTS 8

struct log_pattern {
    struct slice parts[LOG_PATTERN_PARTS];
    unsigned count;
};

/* Splits a text at its asterisks; the slices point into it. false: nothing but asterisks, or too many. */
bool log_pattern_parse(struct log_pattern *p, struct slice text);
/* The next line of the run (without its newline) that matches; *run becomes what is behind it. */
bool log_pattern_next(const struct log_pattern *p, struct slice *run, struct slice *line);

#endif
