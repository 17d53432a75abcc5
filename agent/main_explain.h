/* mailmond --explain. */
#ifndef MAIN_EXPLAIN_H
#define MAIN_EXPLAIN_H

#include "../collectors/collector.h"

/* Prints each line of the files ("-": standard input) and what the format's parser makes of it; exit code. */
int explain_files(const struct format *f, int count, char **files);

#endif
