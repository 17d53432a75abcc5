/* What the collector of file systems tells others. */
#ifndef DISK_H
#define DISK_H

#include <stdbool.h>
#include "../agent/slice.h"

/* Is the row of this path of mailmonDiskTable this collector's own, which asks the kernel? */
bool disk_is_watched(struct slice path);

#endif
