/* Apart from the rest because <grp.h> and the model both have a struct group. */
#ifndef DETECT_GROUP_H
#define DETECT_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The name of a UNIX group; false: it has none. */
bool detect_group_name(gid_t gid, char *name, size_t size);

#endif
