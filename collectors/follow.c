/*
 * Follows a log (see follow.h). One file is read at a time, the source: the live one, which the
 * path names, or an older generation that is read to its end first. `at` is the position in it and
 * all that is known of it: the content before `at.offset` is compared whenever more is read, and
 * whenever `at` has to be found again among the files of the directory. The generations between the source and
 * the live file are held open, since a fast rotation may remove them before their turn.
 *
 * The invariant: `at` moves only past octets that were handed on or are skipped for ever, and from
 * one file to the next only when the first was read to its end after its successor was there. So
 * whoever stores `at` with what the lines gave can go on from it at any time.
 */
#include "../agent/clock.h"
#include "follow_choice.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    DATE_ROOM = 9,
    DAYS_BACK = 35,
    GRACE_MS = 1000, /* a writer may use a renamed file for so long after the new one is in use */
    TURNS_MAX = 32,  /* changes of the source in one call */
    STALE_MAX = 8,   /* listings that were out of date before a file of them was opened */
    HELD_MAX = 16,
    LEFT_MAX = 4
};

/* What stat(path) said. */
struct path_look {
    int error; /* 0 or errno; EINVAL: not a regular file */
    uint64_t device, inode, size;
    int64_t mtime_ns;
    uint64_t state; /* changes when a look at the directory may find something new */
};

/* A generation whose turn has not come. */
struct held {
    struct follow_file file;
    struct follow_reader reader;
    struct follow_position start;
    int64_t passed_ms; /* monotonic, when a later one was seen to be in use; 0: it was not */
};

struct follow {
    struct follow_log log;
    bool by_month; /* %M */
    struct follow_source source;
    struct follow_position stored; /* the last one that is not blank: what is to be kept */
    bool live;                     /* the path names the source */
    bool was_live;                 /* ... or did, since it became the source */
    bool newer;                    /* another generation came after the source when it was chosen */
    bool settled;                  /* ... and neither was written to for GRACE_MS */
    bool deleted;                  /* the source has no name any more */
    bool collected;                /* the source is a file to which generations were appended */
    int64_t waiting_since; /* monotonic ms, 0: not waiting for the last words of a renamed source */
    uint64_t waiting_state;
    bool passed;                /* ... and a later generation is in use */
    struct held held[HELD_MAX]; /* in order, right behind the source */
    unsigned held_count;
    int64_t
        held_ns; /* the directory's mtime when it was last looked through for them; 0: it was not */
    struct follow_position left[LEFT_MAX]; /* where the last finished sources ended, in no order */
    unsigned left_count;                   /* ever */
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
    follow_say(f->error, f->log.path, NULL, text);
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
        follow_say(f->lost, f->log.path, NULL,
                   "a compressed generation is damaged, its end is lost");
    if (r != FOLLOW_DRAIN_LOST && !f->source.blank)
        f->stored = f->source.at;
    if (r != FOLLOW_DRAIN_LOST && f->live)
        f->refused = 0;
    return r;
}

/* ---- the generations behind the source ---- */

static uint64_t count_octets(const struct follow_file *file)
{
    return file->gzip ? file->size * 8 : file->size; /* about what a log compresses to */
}

static void drop_held(struct follow *f)
{
    while (f->held_count > 0)
        follow_file_close(&f->held[--f->held_count].reader);
    f->held_ns = 0;
}

/* Is the path another file that has lines already? */
static bool is_replaced(const struct follow *f)
{
    return !f->live && f->look.error == 0 && f->look.size > 0;
}

/* Was a file last written to so long ago? One that is being copied is not. */
static bool is_old(int64_t mtime_ns)
{
    return mtime_ns / 1000000 + GRACE_MS < clock_ms(CLOCK_REALTIME);
}

/*
 * The grace of a generation counts from the moment the next one was seen to be in use, however often it is renamed. It
 * is over if both were last written to so long ago.
 */
static void note_passed(struct follow *f)
{
    int64_t now_ms = clock_ms(CLOCK_MONOTONIC);
    for (unsigned i = 0; i < f->held_count; i++) {
        struct held *held = &f->held[i];
        bool last = i + 1 == f->held_count;
        if (held->passed_ms != 0 || (last && !is_replaced(f)))
            continue;
        int64_t next_ns = last ? f->look.mtime_ns : held[1].file.mtime_ns;
        bool old = is_old(next_ns) && is_old(held->file.mtime_ns);
        held->passed_ms = old ? now_ms - GRACE_MS : now_ms;
    }
}

/* Does the content of a file not tell it from others, since it begins with NULs? */
static bool is_nameless(const struct follow_position *at)
{
    static const char nuls[FOLLOW_HEAD_MAX];
    return at->head_length == 0 ||
           slice_hash((struct slice){nuls, at->head_length}, 0) == at->head_hash;
}

/* Opens the generation after the last that is open; false: there is none but the live file, or choice->error. */
static bool hold_one(struct follow *f, const struct follow_files *files,
                     struct follow_choice *choice)
{
    const struct held *last = f->held_count ? &f->held[f->held_count - 1] : NULL;
    struct follow_position at = last ? last->start : f->source.at;
    struct stat st;
    if (fstat(last ? last->reader.fd : f->source.reader.fd, &st) != 0 ||
        (st.st_nlink == 0 && is_nameless(&at)))
        return false; /* nothing tells where it would be: its turn comes first */
    at.mtime_ns = follow_file_mtime(&st);
    struct follow_known known = {
        .at = &at, .blank = is_nameless(&at), .finished = true, .open = true};
    follow_choose(&f->log, files, &known, choice);
    const struct follow_file *file = choice->error ? NULL : &files->list[choice->index];
    if (file == NULL || file->live || file->collected || choice->lost[0])
        return false;
    follow_choice_confirm(&f->log, files, choice);
    if (choice->error != 0)
        return false;
    struct held *held = &f->held[f->held_count++];
    *held = (struct held){.file = *file, .reader = choice->reader, .start = choice->start};
    held->start.device = file->device;
    held->start.inode = file->inode;
    choice->reader = FOLLOW_READER_CLOSED;
    return true;
}

/* After each change of the directory: a rotated source is followed by generations that may go before it is finished. */
static void hold(struct follow *f)
{
    struct stat st;
    if (f->live || f->collected || f->source.reader.fd < 0 || f->source.blank ||
        stat(f->log.directory, &st) != 0)
        return;
    note_passed(f);
    if (f->held_ns == follow_file_mtime(&st))
        return;
    uint64_t octets = 0;
    struct follow_files files = {.stem = f->log.stem};
    struct follow_choice choice = {.reader = FOLLOW_READER_CLOSED};
    choice.error = follow_files_list(f->log.directory, f->log.name, &files);
    while (choice.error == 0 && f->held_count < HELD_MAX && hold_one(f, &files, &choice))
        continue;
    if (choice.error != ESTALE && choice.error != EAGAIN && f->held_count < HELD_MAX)
        f->held_ns = follow_file_mtime(&st);
    follow_file_close(&choice.reader);
    follow_files_free(&files);
    note_passed(f);
    for (unsigned i = 0; i < f->held_count; i++)
        octets += count_octets(&f->held[i].file);
    if (octets > f->between)
        f->between = octets;
}

/* ---- which file to read ---- */

/*
 * Writes today's date into the path, once there is such a file; at first that of the newest file of the
 * last weeks.
 */
static void choose_date(struct follow *f)
{
    char *date = f->log.name + f->log.stem, had[DATE_ROOM];
    struct stat st;
    struct tm tm;
    memcpy(had, date, sizeof had);
    for (int back = 0; back < (had[0] ? 1 : DAYS_BACK); back++) {
        time_t day = (time_t)(clock_ms(CLOCK_REALTIME) / 1000 - (int64_t)back * 86400);
        if (localtime_r(&day, &tm))
            strftime(date, DATE_ROOM, f->by_month ? "%Y%m" : "%Y%m%d", &tm);
        if (stat(f->log.path, &st) == 0)
            return;
    }
    if (had[0])
        memcpy(date, had, sizeof had);
}

static void look_at_path(struct follow *f)
{
    if (f->log.stem)
        choose_date(f);
    struct stat st;
    struct path_look *look = &f->look;
    *look = (struct path_look){0};
    if (stat(f->log.path, &st) != 0) {
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
    if (live)
        drop_held(f);
    f->live = live;
    f->was_live |= live;
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
            f->settled = is_old(file->mtime_ns) && is_old(f->source.mtime_ns);
        f->newer = true;
        if (!file->live)
            f->between += count_octets(file);
    }
}

/* Makes the chosen file the source. */
static void adopt(struct follow *f, const struct follow_file *file, struct follow_choice *choice)
{
    follow_source_adopt(&f->source, file, choice->reader, choice->fresh ? &choice->start : NULL);
    f->live = f->was_live = file->live;
    f->collected = file->collected;
    f->waiting_since = 0;
    f->passed = false;
    f->vain_state = STATE_NEVER;
    f->held_ns = 0;
    if (choice->lost[0])
        memcpy(f->lost, choice->lost, sizeof f->lost);
    if (choice->fresh)
        f->refused = 0;
}

/* There is nothing to read: remembers the empty live file, to know what it becomes. */
static void note_empty(struct follow *f, const struct follow_files *files,
                       const struct follow_choice *choice)
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

/*
 * A fresh file may be one that was read before: renamed and renamed back, or on a file system that came back. It
 * goes on where it was left, if it still has what was read of it.
 */
static void go_on(const struct follow *f, const struct follow_file *file,
                  struct follow_choice *choice)
{
    for (unsigned i = 0; i < LEFT_MAX && choice->reader.gz == NULL; i++) {
        const struct follow_position *at = &f->left[i];
        if (at->offset > choice->start.offset && at->offset <= file->size &&
            at->device == file->device && at->inode == file->inode &&
            follow_source_matches(at, file, &choice->reader))
            choice->start = *at;
    }
}

/* The old source is read to its end, last of all, before a fresh one takes over. */
static void take_over(struct follow *f, struct follow_call *c, bool finished,
                      struct follow_choice *choice, const struct follow_file *file)
{
    if (choice->fresh && f->source.at.head_length > 0)
        f->rotations++;
    if (choice->fresh && finished && f->was_live)
        f->lost[0] = '\0';
    if (choice->fresh && finished && drain(f, c, true) != FOLLOW_DRAIN_END)
        follow_say(f->lost, f->log.path, NULL, "the end of a rotated file could not be read");
    if (choice->fresh && finished && !f->source.blank)
        f->left[f->left_count++ % LEFT_MAX] = f->source.at;
    if (choice->fresh)
        go_on(f, file, choice);
    adopt(f, file, choice);
}

/* The source is finished, and what comes next is open. */
static void turn_to_held(struct follow *f, struct follow_call *c)
{
    struct held next = f->held[0];
    int64_t looked_ns = f->held_ns;
    uint64_t octets = count_octets(&next.file);
    memmove(f->held, f->held + 1, --f->held_count * sizeof f->held[0]);
    struct follow_choice choice = {.fresh = true, .reader = next.reader, .start = next.start};
    take_over(f, c, true, &choice, &next.file);
    f->held_ns = looked_ns;
    f->waiting_since = next.passed_ms;
    f->passed = f->newer = next.passed_ms != 0;
    f->settled = f->passed && next.passed_ms + GRACE_MS <= clock_ms(CLOCK_MONOTONIC);
    f->between -= octets < f->between ? octets : f->between;
}

/*
 * Turns to the file to read next, if there is one: the source's successor if it is `finished`, else
 * the source as the directory has it.
 */
static bool turn(struct follow *f, struct follow_call *c, bool finished)
{
    struct follow_files files = {.stem = f->log.stem};
    struct follow_choice choice = {.error = ESTALE};
    if (finished && f->held_count > 0) {
        turn_to_held(f, c);
        return true;
    }
    drop_held(f);
    if (!finished && f->source.blank) {
        f->source.at = f->stored;
        f->source.blank = false;
    }
    struct follow_known known = {
        .at = &f->source.at, .refused = f->refused, .blank = f->source.blank, .finished = finished};
    for (unsigned i = 0; i < STALE_MAX && choice.error == ESTALE; i++) {
        choice.error = follow_files_list(f->log.directory, f->log.name, &files);
        if (choice.error == 0)
            follow_choose(&f->log, &files, &known, &choice);
        follow_choice_confirm(&f->log, &files, &choice);
    }
    bool turned = choice.error == 0;
    if (turned) {
        take_over(f, c, finished, &choice, &files.list[choice.index]);
        look_ahead(f, &files, choice.index);
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
    bool newer = f->newer || f->held_count > 0 || f->look.state != f->vain_state;
    if (f->live || !newer || (f->collected && !follow_is_quiet(f->source.mtime_ns)))
        return false;
    if (f->source.reader.gz != NULL || f->settled || f->held_count == HELD_MAX)
        return true;
    int64_t now = clock_ms(CLOCK_MONOTONIC);
    if (f->waiting_since == 0 || (!f->passed && f->waiting_state != f->look.state)) {
        f->waiting_since = now ? now : 1;
        f->waiting_state = f->look.state;
        f->passed = f->held_count > 0 || is_replaced(f);
        return false;
    }
    return !yielded && now - f->waiting_since >= GRACE_MS;
}

/* ---- the interface ---- */

/* "mainlog-%D": a file for each day. */
static void take_pattern(struct follow *f)
{
    size_t n = strlen(f->log.name);
    if (n < 3 || f->log.name[n - 2] != '%' ||
        (f->log.name[n - 1] != 'D' && f->log.name[n - 1] != 'M'))
        return;
    f->log.stem = n - 2;
    f->by_month = f->log.name[n - 1] == 'M';
    memset(f->log.name + f->log.stem, 0, DATE_ROOM);
}

struct follow *follow_new(const char *path, const struct follow_position *at)
{
    static const struct follow_position none;
    struct follow *f = calloc(1, sizeof *f);
    if (f == NULL)
        return NULL;
    f->log.path = malloc(strlen(path) + DATE_ROOM);
    if (f->log.path)
        strcpy(f->log.path, path);
    f->log.directory = strdup(path);
    if (!follow_source_start(&f->source, at == NULL || follow_source_impossible(at) ? &none : at) ||
        f->log.path == NULL || f->log.directory == NULL) {
        follow_free(f);
        return NULL;
    }
    f->stored = f->source.at;
    char *slash = strrchr(f->log.directory, '/');
    f->log.name = f->log.path + (slash ? slash + 1 - f->log.directory : 0);
    take_pattern(f);
    if (slash == NULL)
        strcpy(f->log.directory, path[0] ? "." : "");
    else
        slash[slash == f->log.directory] = '\0';
    f->trouble = SOURCE_OK;
    f->vain_state = STATE_NEVER;
    return f;
}

void follow_free(struct follow *f)
{
    if (f == NULL)
        return;
    drop_held(f);
    follow_source_end(&f->source);
    free(f->log.directory);
    free(f->log.path);
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
        hold(f);
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
