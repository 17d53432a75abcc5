/*
 * Chooses among the generations of a log (see follow_choice.h). A file is known by device and inode while it is
 * open, and by its content when it is not.
 */
#include "follow_choice.h"
#include "../agent/clock.h"

#include <errno.h>
#include <stdio.h>

enum {
    HEAD_SURE = 64, /* a head at least as long names a file by its content alone */
    QUIET_MS = 60000
};

void follow_say(char words[128], const char *path, const char *file, const char *text)
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

static bool same_file(const struct follow_known *known, const struct follow_file *file)
{
    return file->device == known->at->device && file->inode == known->at->inode;
}

/* The newest file with the known content: sets index and reader and says true. */
static bool find_known(const struct follow_log *log, const struct follow_files *files,
                       const struct follow_known *known, struct follow_choice *choice)
{
    bool sure = known->at->head_length >= HEAD_SURE;
    for (unsigned pass = sure; pass < 2; pass++) {
        bool refused = known->refused != 0;
        for (unsigned i = files->count; i-- > 0;) {
            const struct follow_file *file = &files->list[i];
            bool same = same_file(known, file);
            bool skip = (refused && file->gzip) || (file->collected && !same);
            refused = refused && file->inode != known->refused;
            choice->index = i;
            if (known->finished && same) { /* it is open: its number cannot have been used again */
                choice->lost[0] = '\0';
                return true;
            }
            if ((pass == 0 && !same) || file->size == 0 || file->foreign || skip ||
                (known->finished && known->blank))
                continue;
            int error = follow_file_open(log->directory, file, &choice->reader);
            if (error == 0 && follow_source_matches(known->at, file, &choice->reader)) {
                choice->lost[0] = '\0';
                return true;
            }
            follow_file_close(&choice->reader);
            if (error == EACCES)
                follow_say(choice->lost, log->path, file->name,
                           "permission denied, lines may be missing: let the account read it");
            if (error != 0 && error != EACCES && error != EINVAL) {
                choice->error = error;
                return false;
            }
        }
    }
    return false;
}

/* The first file that was written after the known one, which is gone. */
static unsigned find_after(const struct follow_known *known, const struct follow_files *files)
{
    const struct follow_position *at = known->at;
    bool empty = at->head_length == 0;
    for (unsigned i = 0; i < files->count; i++) {
        const struct follow_file *file = &files->list[i];
        if (file->collected)
            continue;
        if (file->live || (at->mtime_ns != 0 && file->mtime_ns > at->mtime_ns) ||
            (empty && same_file(known, file) && file->mtime_ns == at->mtime_ns))
            return i;
    }
    return files->count;
}

/* Opens the first file from `index` on that has something to read. */
static void open_next(const struct follow_log *log, const struct follow_files *files,
                      struct follow_choice *choice)
{
    for (; choice->index < files->count; choice->index++) {
        const struct follow_file *file = &files->list[choice->index];
        if (file->size == 0 || file->collected)
            continue;
        int error =
            file->foreign ? ENOTSUP : follow_file_open(log->directory, file, &choice->reader);
        if (error == 0) {
            choice->fresh = true;
            return;
        }
        if (file->live || (error != ENOTSUP && error != EACCES)) {
            choice->error = error;
            return;
        }
        follow_say(choice->lost, log->path, file->name,
                   error == EACCES ? "permission denied, its lines are missing"
                                   : "only gzip is read, its lines are missing");
    }
    choice->error = ENOENT;
}

bool follow_is_quiet(int64_t mtime_ns)
{
    return mtime_ns / 1000000 + QUIET_MS < clock_ms(CLOCK_REALTIME);
}

/*
 * The known file is gone, but what it had may have been appended to another file, which is then read from there on.
 * While that one grows the rest of it may be in two places: then it is not time yet. True: choice is made.
 */
static bool find_collected(const struct follow_log *log, const struct follow_files *files,
                           const struct follow_known *known, struct follow_choice *choice)
{
    const struct follow_file *file = files->count ? &files->list[0] : NULL;
    if (file == NULL || !file->collected || known->at->head_length == 0)
        return false;
    if (!follow_is_quiet(file->mtime_ns)) {
        choice->error = EAGAIN;
        return true;
    }
    if (follow_file_open(log->directory, file, &choice->reader) == 0 &&
        follow_source_find(known->at, file, &choice->reader, &choice->start)) {
        choice->index = 0;
        choice->fresh = true;
        choice->lost[0] = '\0';
        return true;
    }
    follow_file_close(&choice->reader);
    return false;
}

void follow_choose(const struct follow_log *log, const struct follow_files *files,
                   const struct follow_known *known, struct follow_choice *choice)
{
    *choice = (struct follow_choice){.reader = FOLLOW_READER_CLOSED};
    if ((known->finished || known->at->head_length > 0) && find_known(log, files, known, choice)) {
        if (choice->reader.fd >= 0 && !known->open)
            return;
        follow_file_close(&choice->reader);
        choice->index++;
    } else if (choice->error != 0) {
        return;
    } else if (find_collected(log, files, known, choice)) {
        return;
    } else {
        choice->index = find_after(known, files);
        if (known->finished)
            choice->lost[0] = '\0';
        else if (known->at->head_length > 0 && choice->lost[0] == '\0')
            follow_say(choice->lost, log->path, NULL,
                       "truncated or removed with no copy beside it, lines may be missing");
    }
    open_next(log, files, choice);
}

void follow_choice_confirm(const struct follow_log *log, const struct follow_files *files,
                           struct follow_choice *choice)
{
    struct follow_files again = {.stem = log->stem};
    if (choice->error != 0 || !choice->fresh || choice->start.offset > 0)
        return;
    if (!follow_source_begin(&choice->reader, &choice->start))
        choice->error = errno;
    else if (files->list[choice->index].live)
        choice->error = follow_files_list(log->directory, log->name, &again);
    if (choice->error == 0 && again.count && !follow_files_same(files, &again))
        choice->error = ESTALE;
    if (choice->error != 0)
        follow_file_close(&choice->reader);
    follow_files_free(&again);
}
