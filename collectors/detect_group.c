/* See detect_group.h. */
#include <grp.h>
#include <stdio.h>
#include "detect_group.h"

bool detect_group_name(gid_t gid, char *name, size_t size)
{
    const struct group *g = getgrgid(gid);
    if (g)
        snprintf(name, size, "%s", g->gr_name);
    return g != NULL;
}
