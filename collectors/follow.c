/*
 * Follows a log (see follow.h). One file is open at a time, the source: the live one, which the
 * path names, or an older generation that is read to its end first. `at` is the position in it and
 * all that is known of it: the content before `at.offset` is compared whenever more is read, and
 * whenever `at` has to be found again among the files of the directory.
 *
 * The invariant: `at` moves only past octets that were handed on or are skipped for ever, and from
 * one file to the next only when the first was read to its end after its successor was there. So
 * whoever stores `at` with what the lines gave can go on from it at any time.
 */
#include "../agent/clock.h"
#include "follow_source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    HEAD_SURE = 64, /* a head at least as long names a file by its content alone */
    DATE_ROOM = 9,
    DAYS_BACK = 35,
    QUIET_MS = 60000, /* a file to which generations are appended is complete when it is so old */
    GRACE_MS = 1000,  /* a writer may use a renamed file for so long after the new one is in use */
    TURNS_MAX = 32,   /* changes of the source in one call */
    STALE_MAX = 8     /* listings that were out of date before a file of them was opened */
};

/* What stat(path) said. */
struct path_look {
    int error; /* 0 or errno; EINVAL: not a regular file */
    uint64_t device, inode, size;
    int64_t mtime_ns;
    uint64_t state; /* changes when a look at the directory may find something new */
};

struct follow {
    char *path, *directory, *name; /* name is the end of path */
    size_t stem;   /* %D or %M ended the name: the date is behind so many octets; 0: neither did */
    bool by_month; /* %M */
    struct follow_source source;
    struct follow_position stored; /* the last one that is not blank: what is to be kept */
    bool live;                     /* the path names the source */
    bool was_live;                 /* ... or did, since it became the source */
    bool newer;                    /* another generation came after the source when it was chosen */
    bool settled;                  /* ... and had been there for GRACE_MS */
    bool deleted;                  /* the source has no name any more */
    bool collected;                /* the source is a file to which generations were appended */
    int64_t waiting_since; /* monotonic ms, 0: not waiting for the last words of a renamed source */
    uint64_t waiting_state;
    uint64_t refused; /* inode: it and newer gzip files turned out not to be the source */
    struct path_look look;
    uint64_t vain_state; /* of the path, when the directory was last looked through in vain */
    int vain_error;      /* ... and why: 0, or what hinders reading */
    uint64_t between;    /* octets in generations after the source and before the live one */
    uint64_t rotations;
    bool more;
    enum source_status trouble; /* SOURCE_OK or what hinders reading now */
    char error[128];
    char lost[128]; /* why bytes may be lost; empty: they are not */
};

static const uint64_t STATE_NEVER = UINT64_MAX;

/* "PATH: words"; the end of a long path is the part that tells. */
static void set_words(char words[128], const char *path, const char *file, const char *text)
{
    char name[80];
    snprintf(name, sizeof name, "%s", path);
    size_t n = strlen(path);
    if (n >= sizeof name)
        snprintf(name, sizeof name, "...%s", path + n - (sizeof name - 4));
    if (file != NULL)
        snprintf(name, sizeof name, "%.79s", file);
    snprintf(words, 128, "%s: %.*s", name, (int)(125 - strlen(name)), text);
}

static void set_trouble(struct follow *f, int error)
{
    const char *text = strerror(error);
    f->trouble = SOURCE_MISSING;
    if (error == ENOENT || error == ENOTDIR) {
        text = "no such file yet";
    } else if (error == EINVAL) {
        text = "not a regular file";
    } else if (error == EACCES || error == EPERM) {
        f->trouble = SOURCE_DENIED;
        text = "permission denied: add the account to the group of the file (adm) and let that "
               "read it";
    }
    set_words(f->error, f->path, NULL, text);
}

/* Knows size and mtime of the source. The live one was looked at by its path. */
static bool look_at_source(struct follow *f)
{
    struct stat st;
    f->deleted = false;
    if (f->live) {
        f->source.size = f->look.size;
        f->source.mtime_ns = f->look.mtime_ns;
        return true;
    }
    if (fstat(f->source.reader.fd, &st) != 0)
        return false;
    f->source.size = (uint64_t)st.st_size;
    f->source.mtime_ns = follow_file_mtime(&st);
    f->deleted = st.st_nlink == 0;
    return true;
}

/* Hands on what the source has; `last`: to its end for ever. */
static enum follow_drain drain(struct follow *f, struct follow_call *c, bool last)
{
    if (!look_at_source(f))
        return FOLLOW_DRAIN_ERROR;
    enum follow_drain r = follow_source_drain(&f->source, c, last);
    if (f->source.damaged)
        set_words(f->lost, f->path, NULL, "a compressed generation is damaged, its end is lost");
    if (r != FOLLOW_DRAIN_LOST && !f->source.blank)
        f->stored = f->source.at;
    if (r != FOLLOW_DRAIN_LOST && f->live)
        f->refused = 0;
    return r;
}

/* ---- which file to read ---- */

/*
 * Writes today's date into the path, once there is such a file; at first that of the newest file of the
 * last weeks.
 */
static void choose_date(struct follow *f)
{
    char *date = f->name + f->stem, had[DATE_ROOM];
    struct stat st;
    struct tm tm;
    memcpy(had, date, sizeof had);
    for (int back = 0; back < (had[0] ? 1 : DAYS_BACK); back++) {
        time_t day = (time_t)(clock_ms(CLOCK_REALTIME) / 1000 - (int64_t)back * 86400);
        if (localtime_r(&day, &tm))
            strftime(date, DATE_ROOM, f->by_month ? "%Y%m" : "%Y%m%d", &tm);
        if (stat(f->path, &st) == 0)
            return;
    }
    if (had[0])
        memcpy(date, had, sizeof had);
}

static void look_at_path(struct follow *f)
{
    if (f->stem)
        choose_date(f);
    struct stat st;
    struct path_look *look = &f->look;
    *look = (struct path_look){0};
    if (stat(f->path, &st) != 0) {
        look->error = errno;
        look->state = (uint64_t)errno;
    } else {
        look->error = S_ISREG(st.st_mode) ? 0 : EINVAL;
        look->device = st.st_dev;
        look->inode = st.st_ino;
        look->size = look->error ? 0 : (uint64_t)st.st_size;
        look->mtime_ns = follow_file_mtime(&st);
        uint64_t parts[] = {look->inode, look->size > 0, st.st_mode, st.st_uid, st.st_gid};
        look->state = slice_hash((struct slice){(const char *)parts, sizeof parts}, 0) >> 1;
    }
    bool live = f->source.reader.fd >= 0 && f->source.reader.gz == NULL && look->error == 0 &&
                look->device == f->source.at.device && look->inode == f->source.at.inode;
    if (f->live && !live) {
        f->newer = f->settled = false;
        f->waiting_since = 0;
        f->vain_state = STATE_NEVER;
    }
    f->live = live;
    f->was_live |= live;
}

static bool same_file(const struct follow *f, const struct follow_file *file)
{
    return file->device == f->source.at.device && file->inode == f->source.at.inode;
}

struct choice {
    int error;      /* 0, or the errno that hinders; ESTALE: list again; ENOENT: there is nothing */
    unsigned index; /* of the file */
    bool fresh;     /* read it from its start; else from the offset */
    struct follow_reader reader;
    struct follow_position start; /* of a fresh file */
    char lost[128];               /* why bytes are lost if the file is read */
};

/* The newest file with the source's content: sets index and reader and says true. */
static bool find_source(struct follow *f, const struct follow_files *files, bool finished,
                        struct choice *choice)
{
    bool sure = f->source.at.head_length >= HEAD_SURE;
    for (unsigned pass = sure; pass < 2; pass++) {
        bool refused = f->refused != 0;
        for (unsigned i = files->count; i-- > 0;) {
            const struct follow_file *file = &files->list[i];
            bool same = same_file(f, file);
            bool skip = (refused && file->gzip) || (file->collected && !same);
            refused = refused && file->inode != f->refused;
            choice->index = i;
            if (finished && same) { /* it is open: its number cannot have been used again */
                choice->lost[0] = '\0';
                return true;
            }
            if ((pass == 0 && !same) || file->size == 0 || file->foreign || skip ||
                (finished && f->source.blank))
                continue;
            int error = follow_file_open(f->directory, file, &choice->reader);
            if (error == 0 && follow_source_matches(&f->source, file, &choice->reader)) {
                choice->lost[0] = '\0';
                return true;
            }
            follow_file_close(&choice->reader);
            if (error == EACCES)
                set_words(choice->lost, f->path, file->name,
                          "permission denied, lines may be missing: let the account read it");
            if (error != 0 && error != EACCES && error != EINVAL) {
                choice->error = error;
                return false;
            }
        }
    }
    return false;
}

/* The first file that was written after the source, which is gone. */
static unsigned find_after(const struct follow *f, const struct follow_files *files)
{
    const struct follow_position *at = &f->source.at;
    bool empty = at->head_length == 0;
    for (unsigned i = 0; i < files->count; i++) {
        const struct follow_file *file = &files->list[i];
        if (file->collected)
            continue;
        if (file->live || (at->mtime_ns != 0 && file->mtime_ns > at->mtime_ns) ||
            (empty && same_file(f, file) && file->mtime_ns == at->mtime_ns))
            return i;
    }
    return files->count;
}

/* Opens the first file from `index` on that has something to read. */
static void open_next(const struct follow *f, const struct follow_files *files,
                      struct choice *choice)
{
    for (; choice->index < files->count; choice->index++) {
        const struct follow_file *file = &files->list[choice->index];
        if (file->size == 0 || file->collected)
            continue;
        int error = file->foreign ? ENOTSUP : follow_file_open(f->directory, file, &choice->reader);
        if (error == 0) {
            choice->fresh = true;
            return;
        }
        if (file->live || (error != ENOTSUP && error != EACCES)) {
            choice->error = error;
            return;
        }
        set_words(choice->lost, f->path, file->name,
                  error == EACCES ? "permission denied, its lines are missing"
                                  : "only gzip is read, its lines are missing");
    }
    choice->error = ENOENT;
}

static bool is_quiet(int64_t mtime_ns)
{
    return mtime_ns / 1000000 + QUIET_MS < clock_ms(CLOCK_REALTIME);
}

/*
 * The source is gone, but what it had may have been appended to another file, which is then read from there on. While
 * that one grows the rest of it may be in two places: then it is not time yet. True: choice is made.
 */
static bool find_collected(const struct follow *f, const struct follow_files *files,
                           struct choice *choice)
{
    const struct follow_file *file = files->count ? &files->list[0] : NULL;
    if (file == NULL || !file->collected || f->source.at.head_length == 0)
        return false;
    if (!is_quiet(file->mtime_ns)) {
        choice->error = EAGAIN;
        return true;
    }
    if (follow_file_open(f->directory, file, &choice->reader) == 0 &&
        follow_source_find(&f->source.at, file, &choice->reader, &choice->start)) {
        choice->index = 0;
        choice->fresh = true;
        choice->lost[0] = '\0';
        return true;
    }
    follow_file_close(&choice->reader);
    return false;
}

/* Finds the source again, or if it is `finished` its successor, in one listing. */
static void choose(struct follow *f, const struct follow_files *files, bool finished,
                   struct choice *choice)
{
    *choice = (struct choice){.reader = FOLLOW_READER_CLOSED};
    if ((finished || f->source.at.head_length > 0) && find_source(f, files, finished, choice)) {
        if (choice->reader.fd >= 0)
            return;
        choice->index++;
    } else if (choice->error != 0) {
        return;
    } else if (find_collected(f, files, choice)) {
        return;
    } else {
        choice->index = find_after(f, files);
        if (finished)
            choice->lost[0] = '\0';
        else if (f->source.at.head_length > 0 && choice->lost[0] == '\0')
            set_words(choice->lost, f->path, NULL,
                      "truncated or removed with no copy beside it, lines may be missing");
    }
    open_next(f, files, choice);
}

/* Notes what comes after the chosen file. */
static void look_ahead(struct follow *f, const struct follow_files *files, unsigned index)
{
    f->newer = f->settled = false;
    f->between = 0;
    for (unsigned i = index + 1; i < files->count; i++) {
        const struct follow_file *file = &files->list[i];
        if (file->size == 0)
            continue;
        if (!f->newer)
            f->settled = file->mtime_ns / 1000000 + GRACE_MS < clock_ms(CLOCK_REALTIME);
        f->newer = true;
        if (!file->live)
            f->between += file->gzip ? file->size * 8 : file->size;
    }
}

/* Makes the chosen file the source. */
static void adopt(struct follow *f, const struct follow_file *file, struct choice *choice)
{
    follow_source_adopt(&f->source, file, choice->reader, choice->fresh ? &choice->start : NULL);
    f->live = f->was_live = file->live;
    f->collected = file->collected;
    f->waiting_since = 0;
    f->vain_state = STATE_NEVER;
    if (choice->lost[0])
        memcpy(f->lost, choice->lost, sizeof f->lost);
    if (choice->fresh)
        f->refused = 0;
}

/* There is nothing to read: remembers the empty live file, to know what it becomes. */
static void note_empty(struct follow *f, const struct follow_files *files,
                       const struct choice *choice)
{
    const struct follow_file *last = files->count ? &files->list[files->count - 1] : NULL;
    follow_file_close(&f->source.reader);
    if (last == NULL || !last->live || last->size != 0)
        return;
    f->source.at = (struct follow_position){
        .device = last->device, .inode = last->inode, .mtime_ns = last->mtime_ns};
    f->stored = f->source.at;
    if (choice->lost[0])
        memcpy(f->lost, choice->lost, sizeof f->lost);
}

/* The old source is read to its end, last of all, before a fresh one takes over. */
static void take_over(struct follow *f, struct follow_call *c, bool finished, struct choice *choice,
                      const struct follow_files *files)
{
    if (choice->fresh && f->source.at.head_length > 0)
        f->rotations++;
    if (choice->fresh && finished && f->was_live)
        f->lost[0] = '\0';
    if (choice->fresh && finished && drain(f, c, true) != FOLLOW_DRAIN_END)
        set_words(f->lost, f->path, NULL, "the end of a rotated file could not be read");
    adopt(f, &files->list[choice->index], choice);
    look_ahead(f, files, choice->index);
}

/*
 * The live file may be copied and truncated between the listing and the moment its head is known, from
 * which on that would show: then there is a file more, or another one.
 */
static void confirm_live(const struct follow *f, const struct follow_files *files,
                         struct choice *choice)
{
    struct follow_files again = {.stem = f->stem};
    if (choice->error != 0 || !choice->fresh || choice->start.offset > 0)
        return;
    if (!follow_source_begin(&choice->reader, &choice->start))
        choice->error = errno;
    else if (files->list[choice->index].live)
        choice->error = follow_files_list(f->directory, f->name, &again);
    if (choice->error == 0 && again.count && !follow_files_same(files, &again))
        choice->error = ESTALE;
    if (choice->error != 0)
        follow_file_close(&choice->reader);
    follow_files_free(&again);
}

/*
 * Turns to the file to read next, if there is one: the source's successor if it is `finished`, else
 * the source as the directory has it.
 */
static bool turn(struct follow *f, struct follow_call *c, bool finished)
{
    struct follow_files files = {.stem = f->stem};
    struct choice choice = {.error = ESTALE};
    if (!finished && f->source.blank) {
        f->source.at = f->stored;
        f->source.blank = false;
    }
    for (unsigned i = 0; i < STALE_MAX && choice.error == ESTALE; i++) {
        choice.error = follow_files_list(f->directory, f->name, &files);
        if (choice.error == 0)
            choose(f, &files, finished, &choice);
        confirm_live(f, &files, &choice);
    }
    bool turned = choice.error == 0;
    if (turned) {
        take_over(f, c, finished, &choice, &files);
    } else if (choice.error != ESTALE && choice.error != EAGAIN) {
        bool nothing = choice.error == ENOENT || choice.error == ENOTDIR;
        bool denied = choice.error == EACCES || choice.error == EINVAL;
        if (nothing || denied) { /* look again only when something has changed */
            f->vain_state = f->look.state;
            f->vain_error = nothing ? 0 : choice.error;
            f->newer = f->settled = false;
            f->waiting_since = 0;
        }
        if (nothing && !finished)
            note_empty(f, &files, &choice);
        if (!nothing)
            set_trouble(f, choice.error);
    }
    follow_files_free(&files);
    return turned;
}

/* Was an old source read to its end for ever? Asked after a read that came to its end. */
static bool finished(struct follow *f, bool yielded)
{
    bool newer = f->newer || f->look.state != f->vain_state;
    if (f->live || !newer || (f->collected && !is_quiet(f->source.mtime_ns)))
        return false;
    if (f->source.reader.gz != NULL || f->settled)
        return true;
    int64_t now = clock_ms(CLOCK_MONOTONIC);
    if (f->waiting_since == 0 || f->waiting_state != f->look.state) {
        f->waiting_since = now ? now : 1;
        f->waiting_state = f->look.state;
        return false;
    }
    return !yielded && now - f->waiting_since >= GRACE_MS;
}

/* ---- the interface ---- */

/* "mainlog-%D": a file for each day. */
static void take_pattern(struct follow *f)
{
    size_t n = strlen(f->name);
    if (n < 3 || f->name[n - 2] != '%' || (f->name[n - 1] != 'D' && f->name[n - 1] != 'M'))
        return;
    f->stem = n - 2;
    f->by_month = f->name[n - 1] == 'M';
    memset(f->name + f->stem, 0, DATE_ROOM);
}

struct follow *follow_new(const char *path, const struct follow_position *at)
{
    static const struct follow_position none;
    struct follow *f = calloc(1, sizeof *f);
    if (f == NULL)
        return NULL;
    f->path = malloc(strlen(path) + DATE_ROOM);
    if (f->path)
        strcpy(f->path, path);
    f->directory = strdup(path);
    if (!follow_source_start(&f->source, at == NULL || follow_source_impossible(at) ? &none : at) ||
        f->path == NULL || f->directory == NULL) {
        follow_free(f);
        return NULL;
    }
    f->stored = f->source.at;
    char *slash = strrchr(f->directory, '/');
    f->name = f->path + (slash ? slash + 1 - f->directory : 0);
    take_pattern(f);
    if (slash == NULL)
        strcpy(f->directory, path[0] ? "." : "");
    else
        slash[slash == f->directory] = '\0';
    f->trouble = SOURCE_OK;
    f->vain_state = STATE_NEVER;
    return f;
}

void follow_free(struct follow *f)
{
    if (f == NULL)
        return;
    follow_source_end(&f->source);
    free(f->directory);
    free(f->path);
    free(f);
}

/* A live file of NULs alone could be truncated unseen: it is as if it had not been chosen yet. */
static void undo_blank(struct follow *f)
{
    if (!f->live || !f->source.blank)
        return;
    follow_file_close(&f->source.reader);
    f->source.at = f->stored;
    f->source.blank = f->live = false;
    if (f->stored.head_length > 0 && f->rotations > 0)
        f->rotations--;
}

/* Ends a call that found nothing more to read. A busy log keeps the memory of its long runs. */
static enum follow_result rest(struct follow *f, const struct follow_call *c)
{
    if (!c->yielded)
        follow_source_shrink(&f->source);
    undo_blank(f);
    bool waits = f->source.reader.fd >= 0 && f->look.error == ENOENT && !f->deleted;
    if (f->trouble == SOURCE_OK && f->look.error != 0 && !waits)
        set_trouble(f, f->look.error);
    if (f->trouble == SOURCE_OK && f->look.state == f->vain_state && f->vain_error != 0)
        set_trouble(f, f->vain_error);
    return f->trouble == SOURCE_OK ? FOLLOW_IDLE : FOLLOW_ERROR;
}

enum follow_result follow_read(struct follow *f, size_t budget,
                               void (*lines)(void *arg, struct slice run, int64_t reference_ms),
                               void *arg)
{
    struct follow_call c = {lines, arg, budget, false};
    f->more = false;
    f->trouble = SOURCE_OK;
    f->error[0] = '\0';
    for (unsigned turns = 0; turns < TURNS_MAX; turns++) {
        look_at_path(f);
        if (f->source.reader.fd < 0) {
            if (f->look.state == f->vain_state || !turn(f, &c, false))
                return rest(f, &c);
            continue;
        }
        c.yielded = false;
        enum follow_drain r = drain(f, &c, false);
        if (r == FOLLOW_DRAIN_ERROR) {
            set_trouble(f, errno);
            return rest(f, &c);
        }
        if (r == FOLLOW_DRAIN_MORE)
            break;
        if (r == FOLLOW_DRAIN_LOST && f->source.reader.gz != NULL)
            f->refused = f->source.at.inode;
        if (r == FOLLOW_DRAIN_LOST ? !turn(f, &c, false)
                                   : !finished(f, c.yielded) || !turn(f, &c, true))
            return rest(f, &c);
    }
    f->more = true;
    return FOLLOW_MORE;
}

size_t follow_before(const struct follow *f, char *room, size_t n)
{
    return follow_source_before(&f->source, room, n);
}

const struct follow_position *follow_position(const struct follow *f)
{
    return &f->stored;
}

void follow_status(const struct follow *f, struct follow_status *status)
{
    uint64_t behind = follow_source_behind(&f->source) + f->between;
    *status = (struct follow_status){.behind_bytes = behind + (f->live ? 0 : f->look.size),
                                     .rotations = f->rotations,
                                     .bytes = f->source.bytes};
    const char *words = f->error;
    if (f->trouble != SOURCE_OK) {
        status->status = f->trouble;
    } else if (f->lost[0] != '\0') {
        status->status = SOURCE_TRUNCATED;
        words = f->lost;
    } else {
        status->status = f->more ? SOURCE_CATCHING_UP : SOURCE_OK;
    }
    memcpy(status->error, words, sizeof status->error);
}
