/* See secret.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "secret.h"

#define ERROR_SIZE 512

/*
 * What is wrong with a file that may hold a secret; NULL: nothing. Root only checks, before it becomes the
 * account that the file may belong to: the owner is judged when that one reads it.
 */
static const char *unsafe(const struct stat *st)
{
    return !S_ISREG(st->st_mode) ? "it is not a plain file"
           : st->st_uid != 0 && st->st_uid != geteuid() && geteuid() != 0
               ? "it belongs to another account: chown root"
           : st->st_mode & 0007 ? "everybody may read or change it: chmod o-rwx"
           : st->st_mode & 0020 ? "its group may change it: chmod g-w"
                                : NULL;
}

static bool take_line(char *secret, size_t n, size_t size, const char *path, char *error)
{
    char *end = memchr(secret, '\n', n);
    size_t length = end ? (size_t)(end - secret) : n;
    if (length && secret[length - 1] == '\r')
        length--;
    if (!end && n == size)
        snprintf(error, ERROR_SIZE, "%s: its first line is longer than %zu octets", path, size - 1);
    else if (length == 0)
        snprintf(error, ERROR_SIZE, "%s: its first line is empty; write the password there", path);
    else if (memchr(secret, 0, length))
        snprintf(error, ERROR_SIZE, "%s: there is a NUL in its first line", path);
    else {
        memset(secret + length, 0, size - length);
        return true;
    }
    secret_wipe(secret, size);
    return false;
}

bool secret_read(const char *path, char *secret, size_t size, char error[ERROR_SIZE])
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0) {
        snprintf(error, ERROR_SIZE, "%s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    const char *fault = unsafe(&st);
    ssize_t n = fault ? 0 : read(fd, secret, size);
    int why = errno;
    close(fd);
    if (fault || n < 0) {
        snprintf(error, ERROR_SIZE, "%s: %s", path, fault ? fault : strerror(why));
        return false;
    }
    return take_line(secret, (size_t)n, size, path, error);
}

void secret_wipe(void *secret, size_t size)
{
    explicit_bzero(secret, size);
}
