/*
 * A container's standard output as its runtime keeps it in a file, a line each:
 *   {"log":"TEXT\n","stream":"stdout","time":"2026-01-01T00:00:00.000000000Z"}     Docker's json-file
 *   2026-01-01T00:00:00.000000000Z stdout F TEXT                                   CRI (containerd, CRI-O)
 * A text longer than the runtime's 16 KiB is written in parts (no \n at its end; P for F): the first is taken
 * and the others are left out, as syslog cuts a long line. Pure.
 */
#ifndef CONTAINER_H
#define CONTAINER_H

#include "log_line.h"

/* Does the first line of s have one of these forms? */
bool container_is(struct slice s);

/*
 * Writes what the program wrote as a line of syslog (log_line_write) to `to`, LOG_LINE_MAX octets, and returns
 * its length with '\n'; 0: the rest of an earlier line, or not of these forms. line: without its '\n'.
 * in_parts: false at first, carried from line to line.
 */
size_t container_line(struct slice line, bool *in_parts, char *to);

#endif
