/*
 * Passwords in files of their own: never in the configuration's printout, an argument or a log. A
 * file that others may read or change is refused. Holds no state.
 */
#ifndef SECRET_H
#define SECRET_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The first line of a file, without its end, into `secret`. false: `error` says why and what would mend
 * it. The file must be a plain one that belongs to root or to this account, which no other account but
 * its group may read and none may change. For root it may belong to any account.
 */
bool secret_read(const char *path, char *secret, size_t size, char error[512]);
/* Overwrites it, whatever the compiler thinks of that. */
void secret_wipe(void *secret, size_t size);

#endif
