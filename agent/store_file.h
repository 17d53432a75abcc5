/*
 * SQLite's own file functions with one thing added: what is written piece by piece in a row goes to the file
 * at once (docs/decisions/34-writes-gathered.md). For a database that one connection alone has open, in
 * locking_mode=EXCLUSIVE: there is no shared memory behind it.
 */
#ifndef STORE_FILE_H
#define STORE_FILE_H

/* The name for sqlite3_open_v2; NULL: memory is short, and SQLite's own are to be used. */
const char *store_file_functions(void);

#endif
