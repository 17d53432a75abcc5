/* mailmond --explain. */
#ifndef MAIN_EXPLAIN_H
#define MAIN_EXPLAIN_H

#include "../collectors/collector.h"

/*
 * Prints each line of the files ("-": standard input) and what the format's parser makes of it; exit code. host:
 * lines of this one only; empty or MAILLOG_EACH: of all.
 */
int explain_files(const struct format *f, struct slice host, int count, char **files);

#endif
