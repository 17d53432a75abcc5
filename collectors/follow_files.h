/*
 * The files of one rotated log, for follow.c alone: which they are, in what order they were
 * written, and how one is opened and read, plain or gzip. Nothing here knows a position.
 */
#ifndef FOLLOW_FILES_H
#define FOLLOW_FILES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#define FOLLOW_FILES_MAX 4096 /* of one listing */

/* One generation of the log, as the directory had it. */
struct follow_file {
    char name[256];
    uint64_t device, inode;
    uint64_t size; /* on disk */
    int64_t mtime_ns;
    uint64_t number; /* of log.N or log.N.gz; UINT64_MAX: not named so */
    bool live;       /* has the log's own name */
    bool collected;  /* mail.log of mail.log_current: older generations are appended to it */
    bool gzip;
    bool foreign; /* compressed by a program whose format is not read here */
};

struct follow_files {
    struct follow_file *list; /* oldest first; the live one, if it exists, is the last */
    unsigned count, room;
    size_t stem; /* the log's name has a date behind so many octets; 0: none */
    /* the log's name is a pattern (glob(7)): a log of its own is each file that fits */
    bool pattern;
};

/*
 * Lists the regular files of the log `name` in `directory`, files->stem and pattern being set: itself and log.1,
 * log.1.gz, log-20261121, log.20261121-120000 and the like (of mail.log_current: mail.log_yesterday, mail.log), as
 * they were all at one instant. Returns 0 or an errno; EAGAIN: the directory changes too fast, try later. A
 * directory that may be searched but not read shows the live file alone. The caller frees the list in every case.
 */
int follow_files_list(const char *directory, const char *name, struct follow_files *files);
/* Is nothing but the live file different? */
bool follow_files_same(const struct follow_files *a, const struct follow_files *b);
void follow_files_free(struct follow_files *files);

/* A file open for reading. Closed: fd == -1. */
struct follow_reader {
    int fd;
    void *gz; /* gzFile, owns fd then; NULL for a plain file */
};
#define FOLLOW_READER_CLOSED ((struct follow_reader){-1, NULL})

/*
 * Opens a file that the list showed. Returns 0 or an errno; ESTALE: another file has that name now,
 * EINVAL: not a regular file.
 */
int follow_file_open(const char *directory, const struct follow_file *file,
                     struct follow_reader *reader);
/*
 * Reads n octets, fewer only at the end of the file; `offset` applies to a plain file, a compressed
 * one goes on where it is. -1 with errno: unreadable (EBADMSG: a damaged gzip file).
 */
ssize_t follow_file_read(struct follow_reader *reader, char *p, size_t n, uint64_t offset);
/* Compressed octets not read yet of a gzip file of `size`. */
uint64_t follow_file_left(const struct follow_reader *reader, uint64_t size);
/* Back to its beginning. */
void follow_file_rewind(struct follow_reader *reader);
void follow_file_close(struct follow_reader *reader);

/* When the file was last written, in nanoseconds since the epoch. */
int64_t follow_file_mtime(const struct stat *st);

#endif
