/*
 * What the names do not tell: size and recipients (asked of the log, else read from the file,
 * once), the arrival of a message with a short id (from its file), the next attempt (the inode's
 * mtime). All within rates, so that a refresh costs what changed and not what is stored: a cursor
 * goes round the files.
 */
#include "mailq_state.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define STEPS_MAX    8192 /* files looked at in a refresh */
#define ASKED_MAX    512  /* of so many that were asked for it is asked whether they are all */
#define STATS_RATE   20   /* inodes looked at in a second */
#define RECHECKS_MAX 8    /* of them in a refresh for a next attempt that is known */
#define GRACE_S      5    /* the log is given so long */
#define ASK_AGAIN_S  10
#define PASS_EVERY_S 60    /* between passes over many files for the oldest */
#define PASS_FREE    65536 /* up to so many files a pass costs nothing */

struct budget {
    unsigned reads, stats, rechecks;
};

static uint32_t to_u32(uint64_t n)
{
    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

static void known(struct mailq *q, struct mailq_file *f, uint64_t size, uint32_t pending,
                  int64_t arrival_ms, bool held)
{
    int64_t arrival_s = arrival_ms / 1000;
    mailq_count_out(q, f);
    f->flags |= MAILQ_FILE_SIZED;
    f->flags &= (uint8_t) ~(MAILQ_FILE_CHANGED | MAILQ_FILE_HELD);
    if (held)
        f->flags |= MAILQ_FILE_HELD;
    mailq_map_learnt(&q->map, f)->size = to_u32(size);
    mailq_map_learnt(&q->map, f)->pending = pending;
    if (!f->arrival_s && arrival_s > 0 && arrival_s <= UINT32_MAX)
        f->arrival_s = (uint32_t)arrival_s;
    mailq_count_in(q, f);
}

void mailq_update(struct mailq *q, const struct mailq_update *u)
{
    if (!(u->known || u->sought) || queue_id_null(u->id))
        return;
    struct mailq_file *f = mailq_map_find(&q->map, u->id, mailq_map_hash(&q->map, u->id));
    struct mailq_result *r = q->result;
    if (!f && u->sought && r->missing_count < MAILQ_MISSING_MAX)
        r->missing[r->missing_count++] = u->id;
    if (f && u->known)
        known(q, f, u->size, u->pending, u->arrival_ms, u->held);
}

static bool unknown(const struct mailq_file *f)
{
    return !(f->flags & MAILQ_FILE_SIZED) || !f->arrival_s || f->flags & MAILQ_FILE_CHANGED;
}

static uint8_t asked_for(const struct mailq *q, const struct mailq_file *f)
{
    return (uint8_t)((uint8_t)q->monotonic_s - f->asked_s);
}

void mailq_want(struct mailq *q, struct mailq_file *f)
{
    struct mailq_result *r = q->result;
    bool due = !(f->flags & MAILQ_FILE_ASKED) || asked_for(q, f) >= ASK_AGAIN_S;
    if (!unknown(f) || (f->flags & MAILQ_FILE_WRITING) || !due ||
        r->wanted_count == MAILQ_WANTED_MAX)
        return;
    if (f->flags & MAILQ_FILE_ASKED)
        f->flags |= MAILQ_FILE_WAITED;
    f->flags |= MAILQ_FILE_ASKED;
    f->asked_s = (uint8_t)q->monotonic_s;
    r->wanted[r->wanted_count++] = f->id;
}

static void file_name(const struct mailq *q, const struct mailq_file *f, char name[MTA_FILE_NAME])
{
    if (q->mta->queue_file_name)
        q->mta->queue_file_name(f->id, name);
    else
        queue_id_text(f->id, name);
}

bool mailq_file_path(const struct mailq *q, const struct mailq_file *f, char path[MAILQ_TREE_PATH])
{
    char name[MTA_FILE_NAME];
    file_name(q, f, name);
    return mailq_tree_file(&q->tree, f->directory, name, path);
}

/* How large the body's file is; 0 if there is none. */
static uint64_t body_size(const struct mailq *q, int directory, char name[MTA_FILE_NAME])
{
    struct stat st;
    size_t n = strlen(name);
    if (!q->mta->body_letter || n == 0)
        return 0;
    name[n - 1] = q->mta->body_letter;
    return fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? (uint64_t)st.st_size : 0;
}

static size_t read_whole(int fd, char *buffer, size_t room)
{
    size_t have = 0;
    ssize_t n;
    while (have < room && (n = read(fd, buffer + have, room - have)) > 0)
        have += (size_t)n;
    return have;
}

/* What the file beside it says that is there while the message is delivered; p == NULL: there is none. */
static struct slice read_journal(struct mailq *q, int directory, char name[MTA_FILE_NAME])
{
    struct slice journal = {NULL, 0};
    size_t n = strlen(name);
    if (!q->mta->journal_letter || n == 0)
        return journal;
    name[n - 1] = q->mta->journal_letter;
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return journal;
    journal = (struct slice){q->journal, read_whole(fd, q->journal, sizeof q->journal)};
    close(fd);
    return journal;
}

/* What is beside a queue file. */
struct beside {
    uint64_t body; /* octets in the body's own file */
    struct slice journal;
};

/* Opens a queue file that is a regular one; -1 with errno. */
static int open_file(struct mailq *q, const struct mailq_file *f, struct beside *beside)
{
    char name[MTA_FILE_NAME];
    struct stat st;
    file_name(q, f, name);
    int directory = mailq_tree_open(&q->tree, f->directory);
    if (directory < 0)
        return -1;
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int error = errno;
    if (fd >= 0) {
        beside->body = body_size(q, directory, name);
        beside->journal = read_journal(q, directory, name);
    }
    close(directory);
    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
        close(fd);
        fd = -1;
        error = EINVAL;
    }
    errno = error;
    return fd;
}

static bool understand(const struct mailq *q, struct slice content, struct slice journal,
                       struct queue_file *told)
{
    return journal.n ? q->mta->queue_file_journal(content, journal, told)
                     : q->mta->queue_file(content, told);
}

/* Reads and understands the first octets of a file. What it tells of size and arrival is kept. */
static bool read_file(struct mailq *q, struct mailq_file *f, size_t octets, struct queue_file *told)
{
    struct beside beside = {0, {NULL, 0}};
    *told = (struct queue_file){0};
    int fd = open_file(q, f, &beside);
    if (fd < 0) {
        if (errno != ENOENT) /* it will not get better */
            f->flags |= MAILQ_FILE_READ;
        return false;
    }
    if (q->mta->body_letter)
        octets = sizeof q->buffer; /* no body is read, and the envelope may be long */
    struct slice content = {q->buffer, read_whole(fd, q->buffer, octets)};
    close(fd);
    q->files_read++;
    f->flags |= MAILQ_FILE_READ;
    if (!understand(q, content, beside.journal, told))
        return false;
    if (beside.journal.p && q->running_count < MAILQ_RUNNING_MAX)
        q->running[q->running_count++] = f->id;
    /* The log knows better how many recipients are left. */
    bool sized = (f->flags & (MAILQ_FILE_SIZED | MAILQ_FILE_CHANGED)) == MAILQ_FILE_SIZED;
    bool held = sized ? f->flags & MAILQ_FILE_HELD : told->held;
    told->size = q->mta->body_letter && beside.body == 0 ? 0 : told->size + beside.body;
    const struct mailq_learnt *learnt = mailq_map_learnt(&q->map, f);
    known(q, f, sized ? learnt->size : told->size, sized ? learnt->pending : told->pending,
          told->arrival_ms, held);
    return true;
}

/* Also one that is known is told again: the log may not have told of the message before. */
static void learn_retry(struct mailq *q, struct mailq_file *f)
{
    char path[MAILQ_TREE_PATH];
    struct stat st;
    if (q->result->attempt_count == MAILQ_ATTEMPTS_MAX || !mailq_file_path(q, f, path) ||
        fstatat(q->tree.root, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return;
    mailq_count_out(q, f);
    uint32_t at_s = st.st_mtime > 0 ? to_u32((uint64_t)st.st_mtime) : 1;
    mailq_map_learnt(&q->map, f)->retry_s = at_s;
    mailq_count_in(q, f);
    q->result->attempts[q->result->attempt_count++] = (struct mailq_attempt){f->id, at_s};
}

void mailq_learn_retry(struct mailq *q, struct mailq_file *f)
{
    if (!(mailq_queue_flags(q, f) & MTA_QUEUE_RETRY) || q->retries_now == 0)
        return;
    q->retries_now--;
    learn_retry(q, f);
}

static void learn_file(struct mailq *q, struct mailq_file *f, struct budget *b)
{
    struct queue_file told;
    if (f->flags & MAILQ_FILE_WRITING)
        return;
    if (unknown(f)) {
        bool waited = (f->flags & MAILQ_FILE_WAITED) ||
                      ((f->flags & MAILQ_FILE_ASKED) && asked_for(q, f) >= GRACE_S);
        mailq_want(q, f);
        if (waited && !(f->flags & MAILQ_FILE_READ) && b->reads) {
            b->reads--;
            read_file(q, f, MAILQ_READ_SIZES, &told);
        }
    }
    bool timed = mailq_map_learnt(&q->map, f)->retry_s != 0;
    if (b->stats && (!timed || b->rechecks) && (mailq_queue_flags(q, f) & MTA_QUEUE_RETRY)) {
        b->stats--;
        b->rechecks -= timed;
        learn_retry(q, f);
    }
}

/* How much is unknown of a message that the log may tell, as the sums of its queue have it. */
static uint64_t count_unknown(const struct mailq_file *f)
{
    bool unsized = !(f->flags & MAILQ_FILE_SIZED), changed = f->flags & MAILQ_FILE_CHANGED;
    return (uint64_t)unsized + !f->arrival_s + changed;
}

/* Was the log asked for all that is unknown in this very refresh? Then there is nothing to look for. */
static bool all_asked(const struct mailq *q, uint64_t unknown)
{
    const struct mailq_result *r = q->result;
    if (q->unindexed || r->wanted_count > ASKED_MAX)
        return false;
    for (unsigned i = 0; i < r->wanted_count; i++) {
        const struct mailq_file *f =
            mailq_map_find(&q->map, r->wanted[i], mailq_map_hash(&q->map, r->wanted[i]));
        unknown -= f ? count_unknown(f) : 0;
    }
    return unknown == 0;
}

/* What is there to learn at all? */
struct unknowns {
    bool messages; /* sizes or arrivals */
    bool inodes;   /* next attempts */
    bool retries;  /* next attempts that may have changed */
};

static struct unknowns find_unknowns(const struct mailq *q)
{
    struct unknowns u = {false, false, false};
    uint64_t unknown = 0;
    for (unsigned i = 0; i < q->queue_count; i++) {
        unknown += q->queues[i].unsized + q->queues[i].unaged + q->queues[i].changed;
        u.inodes |= q->queues[i].untimed;
        u.retries |= (q->places[i].flags & MTA_QUEUE_RETRY) && q->queues[i].messages;
    }
    u.messages = unknown && !all_asked(q, unknown);
    return u;
}

/* What was being delivered when its file was read has fewer recipients left by now. */
static void read_again(struct mailq *q)
{
    if (q->running_count)
        mailq_index(q);
    while (q->running_count) {
        struct queue_id id = q->running[--q->running_count];
        struct mailq_file *f = mailq_map_find(&q->map, id, mailq_map_hash(&q->map, id));
        if (f)
            mailq_changed(q, f);
    }
}

void mailq_learn(struct mailq *q, const struct mailq_request *request)
{
    read_again(q);
    int64_t passed = q->monotonic_s - q->learnt_s;
    unsigned rate = STATS_RATE * (unsigned)(passed < 1 ? 1 : passed > 60 ? 60 : passed);
    uint64_t stats = (uint64_t)request->files_max * 10;
    struct budget b = {.reads = request->files_max, .stats = stats < rate ? (unsigned)stats : rate};
    b.rechecks = b.stats < RECHECKS_MAX ? b.stats : RECHECKS_MAX;
    q->learnt_s = q->monotonic_s;
    if (q->tree.root < 0)
        return;
    struct unknowns u = find_unknowns(q);
    uint32_t steps = q->map.count < STEPS_MAX ? q->map.count : STEPS_MAX;
    while (steps-- && (u.messages || (u.inodes && b.stats) || (u.retries && b.rechecks))) {
        if (q->cursor >= q->map.count)
            q->cursor = 0;
        struct mailq_file *f = &q->map.files[q->cursor++];
        if (unknown(f) || b.rechecks || (b.stats && !mailq_map_learnt(&q->map, f)->retry_s))
            learn_file(q, f, &b);
    }
}

/* One pass over all files finds the oldest of every queue that lost its own. */
static void pass_for_oldest(struct mailq *q)
{
    for (uint32_t i = 0; i < q->map.count; i++) {
        const struct mailq_file *f = &q->map.files[i];
        struct mailq_sums *s = &q->queues[mailq_queue_of(q, f)];
        bool older = queue_id_null(s->oldest) || f->arrival_s < s->oldest_s;
        if (!f->arrival_s || (f->flags & MAILQ_FILE_WRITING) || !older)
            continue;
        s->oldest = f->id;
        s->oldest_s = f->arrival_s;
        s->oldest_at = i;
    }
    q->passed_s = q->monotonic_s;
}

static void find_message_id(struct mailq *q, struct mailq_sums *s)
{
    struct queue_file told;
    struct mailq_file *f = mailq_find(q, s->oldest, s->oldest_at);
    s->message_id_of = s->oldest;
    s->message_id.length = TEXT_ABSENT;
    if (f && read_file(q, f, MAILQ_READ_MAX, &told) && told.message_id.p)
        TEXT_SET(s->message_id, told.message_id);
}

void mailq_find_oldest(struct mailq *q)
{
    bool lost = false;
    for (unsigned i = 0; i < q->queue_count; i++) {
        const struct mailq_sums *s = &q->queues[i];
        lost |= queue_id_null(s->oldest) && s->messages > s->unaged;
    }
    if (lost && (q->map.count <= PASS_FREE || q->monotonic_s - q->passed_s >= PASS_EVERY_S))
        pass_for_oldest(q);
    for (unsigned i = 0; i < q->queue_count; i++) {
        struct mailq_sums *s = &q->queues[i];
        bool same = s->oldest.hi == s->message_id_of.hi && s->oldest.lo == s->message_id_of.lo;
        if (!queue_id_null(s->oldest) && !same)
            find_message_id(q, s);
    }
}
