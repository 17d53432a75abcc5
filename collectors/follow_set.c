/*
 * Follows the files that fit a pattern (see follow_set.h). A file is known by its inode, and what was read
 * of it is compared before more is read, so that a number that is used again shows. One source (follow_source.h) serves
 * all: its buffer is needed only while a file is read.
 *
 * The invariant: at[i] moves only past octets that were handed on or are skipped for ever, and is forgotten
 * only when its file has no name any more.
 */
#include "../agent/clock.h"
#include "follow_set.h"
#include "follow_source.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    HEAD_SURE = 64,      /* a head at least as long names a file by its content alone */
    LIST_MIN_MS = 1000,  /* between two listings */
    LIST_MAX_MS = 60000, /* ... of a directory that has not changed: files may have */
    RACE_MS = 2000,      /* a directory's mtime is no finer, on some file systems */
    HOT_MS = 600000,     /* a file written to so lately is looked at each time */
    QUIET_MS = 60000     /* a line that has no end for so long will have none */
};

struct member {
    struct follow_file file; /* as it was seen last; no name: it was not yet */
    uint64_t read_size;      /* ... when it was last read to its end */
    int64_t read_mtime_ns;
    bool ended;  /* the rest without its newline was handed on, too */
    bool listed; /* in the listing at hand */
};

struct follow_set {
    char *directory, *name;
    struct member *members;
    struct follow_position *at; /* of each member */
    unsigned count, room;
    unsigned reading; /* the member at work */
    struct follow_source source;
    int64_t changed_ns; /* mtime of the directory when it was listed; 0: list it again */
    int64_t listed_ms;  /* monotonic; 0: never */
    uint64_t begun, left_out;
    bool more;
    enum source_status trouble;
    char error[128], lost[128];
};

static void set_words(char words[128], const struct follow_set *s, const char *file,
                      const char *text)
{
    size_t n = strlen(s->directory);
    if (file)
        snprintf(words, 128, "%.60s: %s", file, text);
    else
        snprintf(words, 128, "%s%s/%.30s: %s", n > 40 ? "..." : "",
                 s->directory + (n > 40 ? n - 37 : 0), s->name, text);
}

static void set_trouble(struct follow_set *s, const char *file, int error)
{
    bool denied = error == EACCES || error == EPERM;
    s->trouble = denied ? SOURCE_DENIED : SOURCE_MISSING;
    set_words(s->error, s, file,
              denied ? "permission denied: let the account read it" : strerror(error));
}

/* ---- which files there are ---- */

static bool grow(struct follow_set *s)
{
    unsigned room = s->room ? s->room * 2 : 8;
    struct member *members = realloc(s->members, room * sizeof *members);
    if (members)
        s->members = members;
    struct follow_position *at = members ? realloc(s->at, room * sizeof *at) : NULL;
    if (!at)
        return false;
    s->at = at;
    s->room = room;
    return true;
}

static bool add(struct follow_set *s, const struct follow_file *file,
                const struct follow_position *at)
{
    struct follow_position start = at ? *at : (struct follow_position){0};
    if (s->count == s->room && !grow(s))
        return false;
    s->members[s->count] = (struct member){.read_mtime_ns = INT64_MIN, .listed = file != NULL};
    if (file)
        s->members[s->count].file = *file;
    s->at[s->count++] = start;
    return true;
}

/* Is it the file of this member, which was seen before? */
static bool is_same(const struct follow_set *s, unsigned i, const struct follow_file *file)
{
    const struct member *m = &s->members[i];
    const struct follow_position *at = &s->at[i];
    if (m->listed || !*m->file.name || m->file.inode != file->inode ||
        m->file.device != file->device)
        return false;
    return at->head_length >= HEAD_SURE ||
           strncmp(m->file.name, file->name, strlen(m->file.name)) == 0;
}

static struct member *find(struct follow_set *s, const struct follow_file *file)
{
    for (unsigned i = 0; i < s->count; i++)
        if (is_same(s, i, file))
            return &s->members[i];
    return NULL;
}

/* Does the file hold what was read of a member, and is its name the member's with something behind? */
static bool is_copy(const struct follow_set *s, unsigned i, const struct follow_file *file,
                    struct follow_reader *reader)
{
    const char *name = s->members[i].file.name; /* empty: it was stored, any name will do */
    struct follow_source read = {.at = s->at[i]};
    return strncmp(name, file->name, strlen(name)) == 0 &&
           follow_source_matches(&read.at, file, reader);
}

/*
 * The member whose content a file has that was not there before: the same one, after a start (the number of a device
 * may have changed, and after a restored backup its own), or one that it was copied from (copytruncate).
 */
static struct member *find_copied(struct follow_set *s, const struct follow_file *file)
{
    struct follow_reader reader = FOLLOW_READER_CLOSED;
    struct member *found = NULL;
    int error = s->count && file->size ? follow_file_open(s->directory, file, &reader) : ENOENT;
    for (unsigned pass = 0; pass < 2 && !found && (error == 0 || error == EACCES); pass++)
        for (unsigned i = 0; i < s->count && !found; i++) {
            bool sure = pass ? s->at[i].head_length >= HEAD_SURE
                             : !s->members[i].listed && s->at[i].inode == file->inode;
            if (sure && (error ? !pass : is_copy(s, i, file, &reader)))
                found = &s->members[i];
        }
    follow_file_close(&reader);
    return found;
}

static bool add_copy(struct follow_set *s, const struct follow_file *file)
{
    struct member *m = find_copied(s, file);
    if (!m || (m->listed && s->count >= FOLLOW_SET_MAX))
        return false;
    if (m->listed)
        return add(s, file, &s->at[m - s->members]);
    m->file = *file;
    m->listed = true;
    return true;
}

/* Forgets the files that have no name any more. */
static void drop_unlisted(struct follow_set *s)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < s->count; i++) {
        const struct member *m = &s->members[i];
        if (!m->listed) {
            if (m->file.size > s->at[i].offset)
                set_words(s->lost, s, m->file.name, "removed before it was read to its end");
            continue;
        }
        s->members[kept] = *m;
        s->at[kept++] = s->at[i];
    }
    s->count = kept;
}

static void take_listing(struct follow_set *s, const struct follow_files *files)
{
    unsigned fresh = 0;
    bool known[FOLLOW_FILES_MAX] = {false};
    for (unsigned i = 0; i < s->count; i++)
        s->members[i].listed = false;
    for (unsigned i = 0; i < files->count; i++) {
        struct member *m = find(s, &files->list[i]);
        known[i] = m != NULL;
        if (m) {
            m->file = files->list[i];
            m->listed = true;
        }
    }
    for (unsigned i = 0; i < files->count; i++)
        if (!known[i])
            fresh += !(known[i] = add_copy(s, &files->list[i]));
    drop_unlisted(s);
    unsigned room = FOLLOW_SET_MAX - s->count;
    s->left_out = fresh > room ? fresh - room : 0;
    uint64_t skip = s->left_out; /* the oldest */
    for (unsigned i = 0; i < files->count; i++) {
        if (known[i])
            continue;
        if (skip)
            skip--;
        else if (add(s, &files->list[i], NULL))
            s->begun++;
    }
}

static void look_at_directory(struct follow_set *s)
{
    struct stat st;
    int64_t now = clock_ms(CLOCK_MONOTONIC), age = now - s->listed_ms;
    if (s->listed_ms && age < LIST_MIN_MS)
        return;
    if (stat(s->directory, &st) != 0) {
        set_trouble(s, NULL, errno);
        return;
    }
    int64_t changed_ns = follow_file_mtime(&st);
    if (s->listed_ms && changed_ns == s->changed_ns && age < LIST_MAX_MS)
        return;
    struct follow_files files = {.pattern = true};
    int error = follow_files_list(s->directory, s->name, &files);
    if (error == 0) {
        take_listing(s, &files);
        s->listed_ms = now ? now : 1;
        bool raced = clock_ms(CLOCK_REALTIME) - changed_ns / 1000000 < RACE_MS;
        s->changed_ns = raced ? 0 : changed_ns;
    } else if (error != EAGAIN) {
        set_trouble(s, NULL, error);
    }
    follow_files_free(&files);
}

/* Knows size and mtime of a file that was written to lately. */
static void look_at_file(struct follow_set *s, struct member *m)
{
    char path[PATH_MAX + 258];
    struct stat st;
    if (clock_ms(CLOCK_REALTIME) - m->file.mtime_ns / 1000000 > HOT_MS)
        return;
    snprintf(path, sizeof path, "%s/%s", s->directory, m->file.name);
    if (stat(path, &st) != 0 || st.st_ino != m->file.inode || st.st_dev != m->file.device) {
        s->changed_ns = 0;
        return;
    }
    m->file.size = (uint64_t)st.st_size;
    m->file.mtime_ns = follow_file_mtime(&st);
}

/* ---- reading them ---- */

enum wanted { NOTHING, WHOLE_LINES, THE_REST };

static enum wanted wanted(const struct follow_set *s, unsigned i)
{
    const struct member *m = &s->members[i];
    if (!*m->file.name)
        return NOTHING;
    if (m->file.size != m->read_size || m->file.mtime_ns != m->read_mtime_ns)
        return WHOLE_LINES;
    bool rest = !m->ended && s->at[i].offset < m->file.size;
    bool quiet = m->file.mtime_ns / 1000000 + QUIET_MS < clock_ms(CLOCK_REALTIME);
    return rest && quiet ? THE_REST : NOTHING;
}

/* Opens a member as the source, where it was left. An errno, or 0. */
static int open_member(struct follow_set *s, unsigned i)
{
    struct follow_reader reader;
    struct follow_position start;
    const struct follow_file *file = &s->members[i].file;
    int error = follow_file_open(s->directory, file, &reader);
    bool fresh = s->at[i].head_length == 0;
    if (error == 0 && fresh && !follow_source_begin(&reader, &start)) {
        error = errno;
        follow_file_close(&reader);
    }
    if (error == 0) {
        s->source.at = s->at[i];
        follow_source_adopt(&s->source, file, reader, fresh ? &start : NULL);
    }
    return error;
}

static enum follow_drain read_member(struct follow_set *s, unsigned i, struct follow_call *c,
                                     bool last)
{
    int error = open_member(s, i);
    if (error == ESTALE)
        s->changed_ns = 0;
    else if (error != 0)
        set_trouble(s, s->members[i].file.name, error);
    if (error != 0)
        return FOLLOW_DRAIN_ERROR;
    s->reading = i;
    enum follow_drain r = follow_source_drain(&s->source, c, last);
    if (r == FOLLOW_DRAIN_ERROR)
        set_trouble(s, s->members[i].file.name, errno);
    if (r == FOLLOW_DRAIN_LOST)
        s->at[i] = (struct follow_position){0}; /* it was written anew */
    else if (!s->source.blank)
        s->at[i] = s->source.at;
    follow_file_close(&s->source.reader);
    return r;
}

/* False: the budget is used up. */
static bool read_whole(struct follow_set *s, unsigned i, struct follow_call *c)
{
    enum wanted what = wanted(s, i);
    struct member *m = &s->members[i];
    if (what == NOTHING)
        return true;
    enum follow_drain r = read_member(s, i, c, what == THE_REST);
    if (r == FOLLOW_DRAIN_LOST)
        r = read_member(s, i, c, what == THE_REST);
    if (r == FOLLOW_DRAIN_END) {
        m->read_size = m->file.size;
        m->read_mtime_ns = m->file.mtime_ns;
        m->ended = what == THE_REST;
    }
    return r != FOLLOW_DRAIN_MORE;
}

enum follow_result follow_set_read(struct follow_set *s, size_t budget,
                                   void (*lines)(void *arg, struct slice run, int64_t reference_ms),
                                   void *arg)
{
    struct follow_call c = {lines, arg, budget, false};
    s->trouble = SOURCE_OK;
    s->error[0] = '\0';
    s->more = false;
    look_at_directory(s);
    for (unsigned i = 0; i < s->count && !s->more; i++) {
        look_at_file(s, &s->members[i]);
        s->more = !read_whole(s, i, &c);
    }
    if (s->more)
        return FOLLOW_MORE;
    if (!c.yielded)
        follow_source_shrink(&s->source);
    return s->trouble == SOURCE_OK ? FOLLOW_IDLE : FOLLOW_ERROR;
}

/* ---- the interface ---- */

struct follow_set *follow_set_new(const char *pattern, const struct follow_position *at,
                                  unsigned count)
{
    static const struct follow_position none;
    struct follow_set *s = count <= FOLLOW_SET_MAX ? calloc(1, sizeof *s) : NULL;
    if (!s)
        return NULL;
    const char *slash = strrchr(pattern, '/');
    s->name = strdup(slash ? slash + 1 : pattern);
    s->directory =
        slash ? strndup(pattern, slash == pattern ? 1 : (size_t)(slash - pattern)) : strdup(".");
    bool ok = s->name && s->directory && follow_source_start(&s->source, &none);
    for (unsigned i = 0; ok && i < count; i++)
        if (at[i].inode && at[i].offset && !follow_source_impossible(&at[i]))
            ok = add(s, NULL, &at[i]);
    s->trouble = SOURCE_OK;
    if (ok)
        return s;
    follow_set_free(s);
    return NULL;
}

void follow_set_free(struct follow_set *s)
{
    if (!s)
        return;
    follow_source_end(&s->source);
    free(s->directory);
    free(s->name);
    free(s->members);
    free(s->at);
    free(s);
}

const struct follow_position *follow_set_place(const struct follow_set *s, const char **file)
{
    *file = s->reading < s->count ? s->members[s->reading].file.name : "";
    return &s->source.at;
}

const struct follow_position *follow_set_positions(const struct follow_set *s, unsigned *count)
{
    *count = s->count;
    return s->at;
}

void follow_set_status(const struct follow_set *s, struct follow_status *status)
{
    *status = (struct follow_status){
        .status = SOURCE_OK, .rotations = s->begun, .bytes = s->source.bytes};
    for (unsigned i = 0; i < s->count; i++)
        if (s->members[i].file.size > s->at[i].offset)
            status->behind_bytes += s->members[i].file.size - s->at[i].offset;
    if (s->trouble != SOURCE_OK) {
        status->status = s->trouble;
        memcpy(status->error, s->error, sizeof status->error);
    } else if (s->left_out) {
        status->status = SOURCE_TRUNCATED;
        set_words(status->error, s, NULL, "too many files, the oldest are not read");
    } else if (s->lost[0]) {
        status->status = SOURCE_TRUNCATED;
        memcpy(status->error, s->lost, sizeof status->error);
    } else if (s->more) {
        status->status = SOURCE_CATCHING_UP;
    } else if (s->count == 0) {
        status->status = SOURCE_MISSING;
        set_words(status->error, s, NULL, "no such file yet");
    }
}
