/*
 * The files of one rotated log (see follow_files.h). A listing is taken twice and believed when
 * both agree: readdir is not atomic, and a rotation renames a whole chain of files while it runs.
 * Everything that a directory holds is hostile: only regular files are opened, never waiting.
 */
#include "follow_files.h"
#include "../agent/slice.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

enum { FILES_MAX = FOLLOW_FILES_MAX, LISTINGS_MAX = 20, GZIP_BUFFER = 64 * 1024 };

int64_t follow_file_mtime(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

/* Drops `end` from the end of s, if it is there. */
static bool drop_end(struct slice *s, struct slice end)
{
    if (!slice_ends(*s, end))
        return false;
    s->n -= end.n;
    return true;
}

/*
 * Sun's Messaging Server keeps one older generation: each night mail.log_current becomes
 * mail.log_yesterday, whose lines went to the end of mail.log before.
 */
static bool is_yesterday(struct slice name, struct slice base)
{
    return drop_end(&base, SLICE("_current")) && drop_end(&name, SLICE("_yesterday")) &&
           slice_eq(name, base);
}

static bool is_collected(struct slice name, struct slice base)
{
    return drop_end(&base, SLICE("_current")) && slice_eq(name, base);
}

/* Of a log with the date in its name: the same, with another date. */
static bool parse_dated(struct slice name, struct slice base, size_t stem, struct follow_file *file)
{
    struct slice rest = name;
    if (name.n >= sizeof file->name || !slice_take(&rest, slice_head(base, stem)))
        return false;
    *file = (struct follow_file){.live = slice_eq(name, base), .number = UINT64_MAX};
    memcpy(file->name, name.p, name.n);
    file->gzip = drop_end(&rest, SLICE(".gz"));
    for (size_t i = 0; i < rest.n; i++)
        if (!slice_digit(rest.p[i]))
            return false;
    return rest.n == base.n - stem;
}

static bool is_packed(struct slice name)
{
    return slice_ends(name, SLICE(".gz")) || slice_ends(name, SLICE(".bz2")) ||
           slice_ends(name, SLICE(".xz")) || slice_ends(name, SLICE(".zst"));
}

/* Does the name fit the pattern? What was packed was read before, under its own name. */
static bool parse_fitting(struct slice name, struct slice pattern, struct follow_file *file)
{
    *file = (struct follow_file){.number = UINT64_MAX};
    if (name.n >= sizeof file->name || is_packed(name))
        return false;
    memcpy(file->name, name.p, name.n);
    return fnmatch(pattern.p, file->name, FNM_PERIOD) == 0;
}

/* Is `name` a generation of the log `base`? Then the members that the name tells are set. */
static bool parse_name(struct slice name, struct slice base, const struct follow_files *files,
                       struct follow_file *file)
{
    struct slice rest = name;
    if (files->pattern)
        return parse_fitting(name, base, file);
    if (files->stem)
        return parse_dated(name, base, files->stem, file);
    bool yesterday = is_yesterday(name, base);
    file->collected = is_collected(name, base);
    bool known = yesterday || file->collected;
    if (name.n >= sizeof file->name || (!known && !slice_take(&rest, base)))
        return false;
    memcpy(file->name, name.p, name.n);
    file->name[name.n] = '\0';
    file->live = rest.n == 0;
    file->number = yesterday ? 1 : file->collected ? 2 : UINT64_MAX;
    file->gzip = file->foreign = false;
    if (file->live || known)
        return true;
    file->gzip = drop_end(&rest, SLICE(".gz"));
    file->foreign =
        !file->gzip && (drop_end(&rest, SLICE(".bz2")) || drop_end(&rest, SLICE(".xz")) ||
                        drop_end(&rest, SLICE(".zst")));
    if (rest.n < 2 || (rest.p[0] != '.' && rest.p[0] != '-'))
        return false;
    if (slice_eq(rest, SLICE(".old")))
        return true;
    for (size_t i = 1; i < rest.n; i++) /* a number or a time, in whatever form */
        if (!slice_digit(rest.p[i]) && memchr("-._:T", rest.p[i], 5) == NULL)
            return false;
    struct slice digits = slice_skip(rest, 1);
    uint64_t number;
    if (rest.p[0] == '.' && rest.n <= 5 && slice_number(&digits, &number) && digits.n == 0)
        file->number = number;
    return true;
}

/* Adds the file if it is one. Returns 0 or ENOMEM. */
static int add(struct follow_files *files, int directory, struct slice name, struct slice base)
{
    struct follow_file file;
    struct stat st;
    if (!parse_name(name, base, files, &file) || fstatat(directory, file.name, &st, 0) != 0 ||
        !S_ISREG(st.st_mode))
        return 0;
    file.device = st.st_dev;
    file.inode = st.st_ino;
    file.size = (uint64_t)st.st_size;
    file.mtime_ns = follow_file_mtime(&st);
    if (files->count == files->room) {
        unsigned room = files->room ? files->room * 2 : 16;
        struct follow_file *list = realloc(files->list, room * sizeof *list);
        if (list == NULL)
            return ENOMEM;
        files->list = list;
        files->room = room;
    }
    files->list[files->count++] = file;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct follow_file *)a)->name, ((const struct follow_file *)b)->name);
}

/* One listing, in order of names. */
static int list_once(const char *directory, const char *name, struct follow_files *files)
{
    files->count = 0;
    DIR *d = opendir(directory);
    if (d == NULL && errno == EACCES && !files->pattern) {
        int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
            return errno;
        int error = add(files, fd, slice_of(name), slice_of(name));
        close(fd);
        return error;
    }
    if (d == NULL)
        return errno;
    int error = 0;
    struct dirent *entry;
    while (error == 0 && files->count < FILES_MAX && (entry = readdir(d)) != NULL)
        error = add(files, dirfd(d), slice_of(entry->d_name), slice_of(name));
    closedir(d);
    if (files->count)
        qsort(files->list, files->count, sizeof *files->list, by_name);
    return error;
}

static bool same_listing(const struct follow_files *a, const struct follow_files *b)
{
    if (a->count != b->count)
        return false;
    for (unsigned i = 0; i < a->count; i++)
        if (a->list[i].device != b->list[i].device || a->list[i].inode != b->list[i].inode ||
            strcmp(a->list[i].name, b->list[i].name) != 0)
            return false;
    return true;
}

/* While gzip works, both files exist and the compressed one is not whole: leaves that one out. */
static void drop_unfinished(struct follow_files *files)
{
    unsigned kept = 0;
    bool drop[FILES_MAX] = {false};
    for (unsigned i = 0; i < files->count; i++) {
        struct follow_file *file = &files->list[i], plain;
        if (!file->gzip)
            continue;
        memcpy(plain.name, file->name, sizeof plain.name);
        plain.name[strlen(plain.name) - 3] = '\0';
        drop[i] = bsearch(&plain, files->list, files->count, sizeof plain, by_name) != NULL;
    }
    for (unsigned i = 0; i < files->count; i++)
        if (!drop[i])
            files->list[kept++] = files->list[i];
    files->count = kept;
}

/* log.2 is older than log.1, whatever their times say. */
static int by_number(const void *a, const void *b)
{
    const struct follow_file *x = a, *y = b;
    if (x->live != y->live)
        return x->live ? 1 : -1;
    if (x->number != y->number)
        return x->number > y->number ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int by_time(const void *a, const void *b)
{
    const struct follow_file *x = a, *y = b;
    if (x->live != y->live)
        return x->live ? 1 : -1;
    if (x->mtime_ns != y->mtime_ns)
        return x->mtime_ns > y->mtime_ns ? 1 : -1;
    return by_number(a, b);
}

static void put_in_order(struct follow_files *files)
{
    bool numbered = true;
    for (unsigned i = 0; i < files->count; i++)
        if (!files->list[i].live && files->list[i].number == UINT64_MAX)
            numbered = false;
    if (files->count)
        qsort(files->list, files->count, sizeof *files->list, numbered ? by_number : by_time);
}

int follow_files_list(const char *directory, const char *name, struct follow_files *files)
{
    struct follow_files again = {.stem = files->stem, .pattern = files->pattern};
    int error = list_once(directory, name, files);
    for (unsigned i = 0; error == 0; i++) {
        error = list_once(directory, name, &again);
        if (error != 0 || same_listing(files, &again))
            break;
        struct follow_files swap = *files;
        *files = again;
        again = swap;
        if (i == LISTINGS_MAX)
            error = EAGAIN;
    }
    free(again.list);
    if (error == 0) {
        drop_unfinished(files);
        put_in_order(files);
    }
    return error;
}

bool follow_files_same(const struct follow_files *a, const struct follow_files *b)
{
    if (!same_listing(a, b))
        return false;
    for (unsigned i = 0; i < a->count; i++)
        if (!a->list[i].live &&
            (a->list[i].size != b->list[i].size || a->list[i].mtime_ns != b->list[i].mtime_ns))
            return false;
    return true;
}

void follow_files_free(struct follow_files *files)
{
    free(files->list);
    *files = (struct follow_files){.list = NULL};
}

static int check_opened(int fd, const struct follow_file *file)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return errno;
    if (!S_ISREG(st.st_mode))
        return EINVAL;
    return st.st_dev == file->device && st.st_ino == file->inode ? 0 : ESTALE;
}

int follow_file_open(const char *directory, const struct follow_file *file,
                     struct follow_reader *reader)
{
    char path[PATH_MAX + 258];
    snprintf(path, sizeof path, "%s/%s", directory, file->name);
    *reader = FOLLOW_READER_CLOSED;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? ESTALE : errno;
    int error = check_opened(fd, file);
    if (error == 0 && file->gzip) {
        reader->gz = gzdopen(fd, "rb");
        if (reader->gz == NULL)
            error = ENOMEM;
        else
            gzbuffer(reader->gz, GZIP_BUFFER);
    }
    if (error != 0)
        close(fd);
    else
        reader->fd = fd;
    return error;
}

static ssize_t read_gzip(gzFile gz, char *p, size_t n)
{
    int got = gzread(gz, p, (unsigned)n);
    int error = Z_OK;
    if (got < (int)n) /* a file that ends too early shows only here */
        gzerror(gz, &error);
    if (got > 0 || (got == 0 && error == Z_OK))
        return got;
    if (error != Z_ERRNO)
        errno = EBADMSG;
    return -1;
}

ssize_t follow_file_read(struct follow_reader *reader, char *p, size_t n, uint64_t offset)
{
    if (reader->gz != NULL)
        return read_gzip(reader->gz, p, n);
    size_t done = 0;
    while (done < n) {
        ssize_t got = pread(reader->fd, p + done, n - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

uint64_t follow_file_left(const struct follow_reader *reader, uint64_t size)
{
    off_t at = gzoffset(reader->gz);
    return at < 0 || (uint64_t)at >= size ? 0 : size - (uint64_t)at;
}

void follow_file_rewind(struct follow_reader *reader)
{
    if (reader->gz != NULL)
        gzrewind(reader->gz);
}

void follow_file_close(struct follow_reader *reader)
{
    if (reader->gz != NULL)
        gzclose(reader->gz);
    else if (reader->fd >= 0)
        close(reader->fd);
    *reader = FOLLOW_READER_CLOSED;
}
