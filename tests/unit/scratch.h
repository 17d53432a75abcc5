/*
 * A directory of a test's own below /tmp, and the files in it: scratch_make and scratch_remove are the
 * set-up and the tear-down, of a group or of each test.
 */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch[32];

static inline int scratch_make(void **state)
{
    (void)state;
    strcpy(scratch, "/tmp/mailmond-test.XXXXXX");
    return mkdtemp(scratch) ? 0 : -1;
}

static inline int scratch_remove_one(const char *path, const struct stat *st, int type,
                                     struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static inline int scratch_remove(void **state)
{
    (void)state;
    return nftw(scratch, scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Good for eight calls. */
static inline const char *scratch_path(const char *name)
{
    static char paths[8][256];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", scratch, name);
    return path;
}

/* A new file in the place of an old one; the directories above it are made. */
static inline const char *scratch_put_bytes(const char *name, const void *data, size_t n,
                                            mode_t mode)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", scratch, name);
    for (char *slash = path + strlen(scratch) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        mkdir(path, 0755);
    }
    unlink(path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
    return scratch_path(name);
}

static inline const char *scratch_put(const char *name, const char *text, mode_t mode)
{
    return scratch_put_bytes(name, text, strlen(text), mode);
}

#endif
