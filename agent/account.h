/*
 * The account a process runs as, and its tie to its parent: what each child of the supervisor does
 * before it serves.
 */
#ifndef ACCOUNT_H
#define ACCOUNT_H

#include <stdbool.h>
#include <sys/types.h>

#define ACCOUNT_PUBLISHER                                                                          \
    "snmp" /* a directory in the state directory that the publisher's account has */

/*
 * When root: gives `directory` (may be NULL), the files and directories in it (systemd gives them to root at
 * each start) and the files in those to the account, but for ACCOUNT_PUBLISHER, and becomes it for good, with its
 * groups. name NULL: "mailmond" if there is such an account, else "nobody". Does nothing when not
 * root. false: not possible; the log says why.
 */
bool account_become(const char *name, const char *directory);
/*
 * Has SIGTERM sent when the parent dies; to be called after account_become, which would undo it.
 * false: the parent is dead already.
 */
bool account_end_with(pid_t parent);

#endif
