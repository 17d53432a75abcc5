/*
 * Which generation of a rotated log is to be read, for follow.c alone: a known one found again among the files of
 * a listing, or the one that was written after it.
 */
#ifndef FOLLOW_CHOICE_H
#define FOLLOW_CHOICE_H

#include "follow_source.h"

struct follow_log {
    char *path, *directory, *name; /* name is the end of path */
    size_t stem; /* %D or %M ended the name: the date is behind so many octets; 0: neither did */
};

/* The generation that is known. */
struct follow_known {
    const struct follow_position *at;
    uint64_t refused; /* inode: it and newer gzip files turned out not to be it */
    bool blank;       /* nothing is known of its content */
    /* it is open, so its inode number is not used again, and was read to its end: its successor is wanted, or the
     * rest of it where it was copied */
    bool finished;
    bool open; /* ... its successor alone */
};

struct follow_choice {
    int error;      /* 0, or the errno that hinders; ESTALE: list again; ENOENT: there is nothing */
    unsigned index; /* of the file in the listing */
    bool fresh;     /* read it from its start; else from the offset */
    struct follow_reader reader;
    struct follow_position start; /* of a fresh file */
    char lost[128];               /* why bytes are lost if the file is read */
};

/* Finds the known generation, or if it is finished its successor, in one listing. The caller owns the reader. */
void follow_choose(const struct follow_log *log, const struct follow_files *files,
                   const struct follow_known *known, struct follow_choice *choice);
/*
 * Knows the head of a fresh file. The live one may be copied and truncated between the listing and that moment, from
 * which on it would show: then there is a file more, or another one, and the choice is ESTALE.
 */
void follow_choice_confirm(const struct follow_log *log, const struct follow_files *files,
                           struct follow_choice *choice);

/* Is a file that was last written then complete, if generations are appended to it? */
bool follow_is_quiet(int64_t mtime_ns);
/* "PATH: text", or "FILE: text" if `file` is given; the end of a long path is the part that tells. */
void follow_say(char words[128], const char *path, const char *file, const char *text);

#endif
