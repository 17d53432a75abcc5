/*
 * Which file system a path lies on, told without touching it: a file system whose server is gone
 * blocks whoever asks it anything. Pure but for mounts_of, which reads symbolic links of local file
 * systems only.
 */
#ifndef MOUNTS_H
#define MOUNTS_H

#include <limits.h>
#include "../agent/slice.h"

/* A line of /proc/PID/mountinfo (proc(5)); slices point into the text. */
struct mount {
    struct slice device; /* "8:1", of the file system: the same for all its mounts */
    struct slice point;  /* as written there: blanks are \040 */
    struct slice type;   /* "ext4", "nfs4", "fuse.sshfs" */
    bool local;          /* it is on this host: a question is answered at once */
};

/*
 * The mount that an absolute path without symbolic links is on: the longest mount point that it
 * begins with, and the last of several at the same place. false: none.
 */
bool mounts_find(struct slice mountinfo, struct slice path, struct mount *m);
/* The mount point as a path; what does not fit is cut. Returns its length. */
size_t mounts_point(const struct mount *m, char *path, size_t size);
/*
 * The mount that a path is on, following its symbolic links up to the first file system that is not
 * local. false: none, or links without end.
 */
bool mounts_of(struct slice mountinfo, const char *path, struct mount *m);

#endif
