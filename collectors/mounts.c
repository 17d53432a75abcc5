/*
 * /proc/PID/mountinfo, and the way of a path through it. No state.
 */
#include "mounts.h"

#include <stdio.h>
#include <unistd.h>

#define LINKS_MAX 40 /* as the kernel's */

/*
 * File systems of this host. Of any other, known or not, nobody can say how long an answer takes.
 */
static bool is_local(struct slice type)
{
    static const char *const types[] = {"ext2",     "ext3",     "ext4", "xfs",   "btrfs",
                                        "zfs",      "f2fs",     "jfs",  "tmpfs", "ramfs",
                                        "devtmpfs", "overlay",  "vfat", "exfat", "reiserfs",
                                        "bcachefs", "squashfs", "aufs", "rootfs"};
    for (unsigned i = 0; i < sizeof types / sizeof types[0]; i++)
        if (slice_eq(type, slice_of(types[i])))
            return true;
    return false;
}

/* 36 35 98:0 /root /point options [shared:1 ...] - type source superoptions */
static bool parse(struct slice line, struct mount *m)
{
    slice_cut(&line, ' ');
    slice_cut(&line, ' ');
    m->device = slice_cut(&line, ' ');
    slice_cut(&line, ' ');
    m->point = slice_cut(&line, ' ');
    size_t dash = slice_search(line, SLICE(" - "));
    line = slice_skip(line, dash + 3);
    m->type = slice_cut(&line, ' ');
    m->local = is_local(m->type);
    return m->device.n && m->point.n && *m->point.p == '/' && m->type.n;
}

/* Takes an octet of a mount point off its front: \040 is a blank. */
static char take_octet(struct slice *point)
{
    char c = *point->p;
    unsigned v = 0;
    size_t n = 1;
    if (c == '\\')
        while (n < 4 && n < point->n && point->p[n] >= '0' && point->p[n] <= '7')
            v = v * 8 + (unsigned)(point->p[n++] - '0');
    *point = slice_skip(*point, n == 4 ? 4 : 1);
    return n == 4 ? (char)(unsigned char)v : c;
}

/* How many octets of the path the mount point is; -1: the path is not below it. */
static ssize_t covers(struct slice point, struct slice path)
{
    size_t n = 0;
    if (point.n == 1)
        return path.n && *path.p == '/' ? 0 : -1;
    while (point.n) {
        if (n == path.n || take_octet(&point) != path.p[n])
            return -1;
        n++;
    }
    return n == path.n || path.p[n] == '/' ? (ssize_t)n : -1;
}

bool mounts_find(struct slice mountinfo, struct slice path, struct mount *m)
{
    ssize_t best = -1;
    while (mountinfo.n) {
        struct slice line = slice_head(mountinfo, slice_find(mountinfo, '\n'));
        struct mount one;
        mountinfo = slice_skip(mountinfo, line.n + 1);
        if (!parse(line, &one))
            continue;
        ssize_t n = covers(one.point, path);
        if (n < 0 || n < best)
            continue;
        best = n;
        *m = one;
    }
    return best >= 0;
}

size_t mounts_point(const struct mount *m, char *path, size_t size)
{
    struct slice point = m->point;
    size_t n = 0;
    while (point.n && n + 1 < size)
        path[n++] = take_octet(&point);
    path[n] = 0;
    return n;
}

/* Drops the last part of a path: "/a/b" -> "/a" -> "". */
static void leave(char *path, size_t *n)
{
    while (*n && path[--*n] != '/') {
    }
    path[*n] = 0;
}

/* Cuts the first part off the front of `rest` (within its own buffer). */
static struct slice next_part(struct slice *rest)
{
    while (rest->n && *rest->p == '/')
        *rest = slice_skip(*rest, 1);
    struct slice part = slice_head(*rest, slice_find(*rest, '/'));
    *rest = slice_skip(*rest, part.n);
    return part;
}

bool mounts_of(struct slice mountinfo, const char *path, struct mount *m)
{
    char done[PATH_MAX] = "", left[2][PATH_MAX], target[PATH_MAX];
    size_t n = 0;
    struct slice rest = slice_of(path);
    if (!mounts_find(mountinfo, SLICE("/"), m))
        return false;
    for (unsigned links = 0; m->local;) {
        struct slice part = next_part(&rest);
        if (part.n == 0)
            return mounts_find(mountinfo, n ? (struct slice){done, n} : SLICE("/"), m);
        if (slice_eq(part, SLICE(".")))
            continue;
        if (slice_eq(part, SLICE(".."))) {
            leave(done, &n);
            continue;
        }
        if (n + part.n + 2 > sizeof done)
            return false;
        size_t before = n;
        n += (size_t)snprintf(done + n, sizeof done - n, "/%.*s", (int)part.n, part.p);
        if (!mounts_find(mountinfo, (struct slice){done, n}, m))
            return false;
        ssize_t length = m->local ? readlink(done, target, sizeof target - 1) : -1;
        if (length < 0)
            continue;
        if (++links > LINKS_MAX || (size_t)length + rest.n + 2 > PATH_MAX)
            return false;
        char *to = left[links % 2];
        n = *target == '/' ? 0 : before;
        done[n] = 0;
        rest.n =
            (size_t)snprintf(to, PATH_MAX, "%.*s%.*s", (int)length, target, (int)rest.n, rest.p);
        rest.p = to;
    }
    return true;
}
