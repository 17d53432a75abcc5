/*
 * Files that match a pattern, by glob(3) with our own readdir, which stops after so many entries.
 */
#include "file_scan.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>

/* Of the pattern in work: glob's functions are told nothing of their caller. */
static struct {
    struct file_scan *scan;
    unsigned entries_left;
} work;

static struct dirent *read_bounded(void *directory)
{
    if (work.entries_left == 0) {
        work.scan->truncated = true;
        return NULL;
    }
    work.entries_left--;
    return readdir(directory);
}

static void *open_directory(const char *path)
{
    return opendir(path);
}

static void close_directory(void *directory)
{
    closedir(directory);
}

static int on_error(const char *path, int error)
{
    (void)path;
    if (error == EACCES)
        work.scan->error = error;
    return 0;
}

static void add(struct file_scan *s, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        if (errno == EACCES)
            s->error = errno;
        return;
    }
    if (!S_ISREG(st.st_mode))
        return;
    if (s->files == 0 || st.st_mtime > s->newest_s)
        s->newest_s = st.st_mtime;
    if (s->files == 0 || st.st_mtime < s->oldest_s)
        s->oldest_s = st.st_mtime;
    s->files++;
    s->bytes += (uint64_t)st.st_size;
}

void file_scan_path(struct file_scan *s, const char *path)
{
    *s = (struct file_scan){0};
    add(s, path);
}

void file_scan_pattern(struct file_scan *s, const char *pattern, unsigned entries_max)
{
    glob_t found = {.gl_opendir = open_directory,
                    .gl_readdir = read_bounded,
                    .gl_closedir = close_directory,
                    .gl_stat = stat,
                    .gl_lstat = lstat};
    *s = (struct file_scan){0};
    work.scan = s;
    work.entries_left = entries_max;
    int result = glob(pattern, GLOB_NOSORT | GLOB_ALTDIRFUNC, on_error, &found);
    s->truncated |= result == GLOB_NOSPACE;
    for (size_t i = 0; result == 0 && i < found.gl_pathc; i++)
        add(s, found.gl_pathv[i]);
    globfree(&found);
}
