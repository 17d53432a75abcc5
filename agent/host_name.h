/* Names of hosts, as they stand in logs and in the configuration. Pure functions of text. */
#ifndef HOST_NAME_H
#define HOST_NAME_H

#include "slice.h"

#define HOST_NAME_ROOM 48 /* of one with its NUL that applications are named after */

/*
 * Is it a name or an address of a host? Letters, digits, ".", "-", "_" and ":", of which one is a letter or digit,
 * at most 255.
 */
bool host_name_good(struct slice name);
/* The same name, in whatever case. */
bool host_name_same(struct slice a, struct slice b);
/*
 * The same host as far as two names can tell: the same name, or one is short ("mx1") and the first part of the other.
 */
bool host_name_fits(struct slice a, struct slice b);

#endif
