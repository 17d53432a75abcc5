/*
 * Writing records. A symbolic link in the place of a record is refused, since others may be able to write
 * into the directory.
 */
#include "record_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY_TEXT 27 /* "DATE COLLECTED: 10 Jan 2001" */

static int open_record(int folder, const char *name)
{
    return openat(folder, name,
                  O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
                  0640);
}

/* Does the file begin with the day of this head? An empty one does. */
static bool is_of_day(int fd, const char *head)
{
    char text[DAY_TEXT];
    ssize_t n = pread(fd, text, sizeof text, 0);
    return n == 0 || (n == sizeof text && strncmp(text, head, sizeof text) == 0);
}

static int put_aside(int folder, int fd, const char *name)
{
    char aside[128];
    struct stat st;
    struct tm day;
    if (fstat(fd, &st) != 0 || !localtime_r(&st.st_mtime, &day))
        return errno;
    snprintf(aside, sizeof aside, "%.100s.%04d%02d%02d", name, day.tm_year + 1900, day.tm_mon + 1,
             day.tm_mday);
    return renameat(folder, name, folder, aside) == 0 ? 0 : errno;
}

/* The day of NAME.YYYYMMDD as a number; 0: it is another file. */
static long day_of(const char *file, const char *name)
{
    size_t n = strlen(name);
    long day = 0;
    if (strncmp(file, name, n) != 0 || file[n] != '.' || strlen(file + n + 1) != 8)
        return 0;
    for (const char *p = file + n + 1; *p; p++) {
        if (*p < '0' || *p > '9')
            return 0;
        day = day * 10 + (*p - '0');
    }
    return day;
}

static void remove_old(int folder, const char *name, const struct tm *at, unsigned keep_days)
{
    struct tm first = *at;
    int fd = dup(folder);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    first.tm_mday -= (int)keep_days;
    first.tm_isdst = -1;
    mktime(&first);
    long oldest = (first.tm_year + 1900) * 10000L + (first.tm_mon + 1) * 100L + first.tm_mday;
    for (struct dirent *e; d && (e = readdir(d));) {
        long day = day_of(e->d_name, name);
        if (day && day < oldest)
            unlinkat(folder, e->d_name, 0);
    }
    if (d)
        closedir(d);
    else if (fd >= 0)
        close(fd);
}

static int write_all(int fd, const char *text)
{
    size_t n = strlen(text);
    for (ssize_t done; n; text += done, n -= (size_t)done) {
        done = write(fd, text, n);
        if (done < 0)
            return errno;
    }
    return 0;
}

/* Opens the record of the day; -1 with errno. */
static int open_of_day(int folder, const char *name, const struct tm *at, const char *head,
                       unsigned keep_days)
{
    struct stat st;
    int fd = open_record(folder, name);
    if (fd < 0)
        return -1;
    int error = fstat(fd, &st) != 0 ? errno : !S_ISREG(st.st_mode) ? EINVAL : 0;
    if (!error && is_of_day(fd, head))
        return fd;
    if (!error)
        error = put_aside(folder, fd, name);
    close(fd);
    errno = error;
    if (error)
        return -1;
    if (keep_days)
        remove_old(folder, name, at, keep_days);
    return open_record(folder, name);
}

int record_append(const char *directory, const char *name, const struct tm *at, const char *head,
                  const char *text, unsigned keep_days)
{
    int folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 && errno == ENOENT && mkdir(directory, 0750) == 0)
        folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = folder < 0 ? -1 : open_of_day(folder, name, at, head, keep_days);
    int error = fd < 0 ? errno : 0;
    if (!error && lseek(fd, 0, SEEK_END) == 0)
        error = write_all(fd, head);
    if (!error)
        error = write_all(fd, text);
    if (fd >= 0)
        close(fd);
    if (folder >= 0)
        close(folder);
    return error;
}
