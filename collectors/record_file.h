/*
 * A daily record on disk: appended to, put aside when its day is over, removed when it is old. For a
 * worker: it waits for the disk.
 */
#ifndef RECORD_FILE_H
#define RECORD_FILE_H

#include <stddef.h>
#include <time.h>

/*
 * Appends `text` to DIRECTORY/NAME, making the last part of DIRECTORY. If the file is new it begins with `head`,
 * whose first line tells the day; a file that begins with another day is renamed to NAME.YYYYMMDD first, and files
 * of that form of more than keep_days before `at` are removed (0: none). An errno, or 0.
 */
int record_append(const char *directory, const char *name, const struct tm *at, const char *head,
                  const char *text, unsigned keep_days);

#endif
