/*
 * Reads logs to their end and prints what the tables would show. "Now" is the time of the last line,
 * so that the same files always give the same text.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>
#include <zlib.h>
#include "dump.h"
#include "../collectors/access_tally.h"
#include "../collectors/maillog.h"
#include "main_read.h"

#define BUFFER       (1024 * 1024)
#define PIECES       3
#define ROOM         (BUFFER / 16) /* no line that counts is so short: it has a time, or is no event */
#define MESSAGES_MAX 1000000
#define SAMPLES      20 /* unrecognised lines shown */

_Static_assert(PIECES < MAILLOG_KEEPS, "an event may point to a line that was kept a piece before");

/* What is done with a piece of a log, each step in the order of the pieces. */
enum { FILL, PARSE, COUNT, STEPS };

/* A thread has one: while it counts what is in it, another reads and parses the next. */
struct piece {
    struct reading *of;
    struct piece *next;
    uv_sem_t turns[STEPS]; /* this piece's turn has come */
    char *buffer;          /* BUFFER octets */
    size_t used, whole;    /* octets in it, and of whole lines */
    struct event *events;  /* ROOM of them */
    uint64_t *lines_at;
    unsigned count;
    bool last;
};

struct reading {
    struct maillog log;
    const char *name; /* of the format */
    struct piece pieces[PIECES];
    unsigned threads;           /* pieces that are used: as many as there are processors */
    const struct piece *filled; /* last */
    bool ended;
    int fd;
    gzFile z;  /* NULL: not packed, and no pipe */
    int error; /* errno of reading, or EIO of unpacking; 0: none */
    uint64_t octets;
    unsigned shown;
};

static void show(void *arg, struct slice line)
{
    struct reading *r = arg;
    if (r->shown++ < SAMPLES)
        fprintf(stderr, "not recognised: %.*s\n", (int)(line.n < 400 ? line.n : 400), line.p);
}

/* Of what a pipe gives nothing can be seen before it is taken: zlib takes that, and finds out by itself. */
static bool may_be_packed(int fd)
{
    unsigned char magic[2];
    ssize_t n = pread(fd, magic, 2, 0);
    return (n < 0 && errno == ESPIPE) || (n == 2 && magic[0] == 0x1f && magic[1] == 0x8b);
}

/* Whole lines only; one that fills the buffer is cut. */
static size_t whole_lines(const struct piece *p)
{
    const char *end = p->last ? NULL : memrchr(p->buffer, '\n', p->used);
    return end ? (size_t)(end - p->buffer) + 1 : p->last || p->used == BUFFER ? p->used : 0;
}

/* Reads behind what the piece before left over. A file that grows has come to its end once it did. */
static void fill(struct reading *r, struct piece *p)
{
    const struct piece *before = r->filled;
    ssize_t n = !r->ended;
    size_t left = before->used - before->whole;
    memmove(p->buffer, before->buffer + before->whole, left);
    p->used = left;
    while (p->used < BUFFER && n > 0) {
        size_t room = BUFFER - p->used;
        n = r->z ? gzread(r->z, p->buffer + p->used, (unsigned)room)
                 : read(r->fd, p->buffer + p->used, room);
        p->used += n > 0 ? (size_t)n : 0;
        if (!r->z)
            break; /* a pipe gives what it has */
    }
    p->last = r->ended = n <= 0;
    if (n < 0)
        r->error = r->z ? EIO : errno;
    p->whole = whole_lines(p);
    r->filled = p;
}

static void parse(struct reading *r, struct piece *p)
{
    struct slice run = {p->buffer, p->whole};
    if (maillog_parse(&r->log, run, p->events, p->lines_at, ROOM, &p->count) < run.n)
        abort();           /* more lines than there can be */
    maillog_keep(&r->log); /* before the piece is filled again */
}

static void count(struct reading *r, struct piece *p)
{
    maillog_count(&r->log, p->events, p->lines_at, p->count);
    r->octets += p->whole;
}

/* A thread: one piece of the file after another, each from its octets to numbers. Behind the last piece each of the
 * other threads has an empty one. */
static void read_pieces(void *arg)
{
    static void (*const steps[STEPS])(struct reading *, struct piece *) = {fill, parse, count};
    struct piece *p = arg;
    do {
        for (unsigned i = 0; i < STEPS; i++) {
            uv_sem_wait(&p->turns[i]);
            steps[i](p->of, p);
            uv_sem_post(&p->next->turns[i]);
        }
    } while (!p->last);
}

/* Puts the pieces into a ring, of which the first has its turn. */
static void begin(struct reading *r)
{
    for (unsigned n = 0; n < r->threads; n++) {
        struct piece *p = &r->pieces[n];
        p->next = &r->pieces[(n + 1) % r->threads];
        p->used = p->whole = 0;
        for (unsigned i = 0; i < STEPS; i++)
            if (uv_sem_init(&p->turns[i], n == 0) != 0)
                abort();
    }
    r->filled = &r->pieces[r->threads - 1];
    r->ended = false;
    r->error = 0;
}

static void read_all(struct reading *r)
{
    uv_thread_t threads[PIECES];
    begin(r);
    for (unsigned n = 1; n < r->threads; n++)
        if (uv_thread_create(&threads[n], read_pieces, &r->pieces[n]) != 0)
            abort();
    read_pieces(&r->pieces[0]);
    for (unsigned n = 1; n < r->threads; n++)
        uv_thread_join(&threads[n]);
    for (unsigned n = 0; n < r->threads; n++)
        for (unsigned i = 0; i < STEPS; i++)
            uv_sem_destroy(&r->pieces[n].turns[i]);
}

static bool read_fd(struct reading *r, int fd, const char *name)
{
    r->fd = fd;
    r->z = may_be_packed(fd) ? gzdopen(fd, "rb") : NULL;
    read_all(r);
    if (r->error)
        fprintf(stderr, "mailmond: %s: %s\n", name,
                r->z ? "damaged gzip data" : strerror(r->error));
    if (r->z)
        gzclose(r->z);
    else
        close(fd);
    return r->error == 0;
}

static bool read_one(struct reading *r, const char *name)
{
    int fd = strcmp(name, "-") == 0 ? dup(0) : open(name, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        fprintf(stderr, "mailmond: %s: %s\n", name, strerror(errno));
        return false;
    }
    int64_t written = S_ISREG(st.st_mode) ? (int64_t)st.st_mtim.tv_sec : (int64_t)time(NULL);
    if (r->octets == 0)
        maillog_time(&r->log, written * 1000);
    const char *slash = strrchr(name, '/');
    maillog_file(&r->log, slice_of(slash ? slash + 1 : name), written * 1000);
    posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return read_fd(r, fd, name);
}

static bool print(struct model *m, int64_t now_ms)
{
    struct view v;
    struct table_time now = {.monotonic_ms = now_ms, .real_ms = now_ms, .uptime_cs = 0};
    if (!slots_view_of(m, now_ms, now_ms, &v))
        return false;
    bool ok = dump_view(&v, &now, stdout) && fflush(stdout) == 0;
    slots_view_free(&v);
    return ok;
}

/* In a file the log is the only witness: what it says last is the status. */
static void set_status(struct model *m)
{
    for (uint32_t i = 0; i < m->tables[MODEL_APPL].count; i++) {
        struct appl *a = model_row(m, MODEL_APPL, i);
        a->status = a->log_status;
    }
}

static void print_statistics(const struct reading *r)
{
    struct messages *t = tally_messages(r->log.tally);
    fprintf(stderr,
            "%llu octets, %llu lines of %s, %llu not recognised; %u messages in flight, %llu "
            "forgotten, message table %zu octets\n",
            (unsigned long long)r->octets, (unsigned long long)r->log.lines, r->name,
            (unsigned long long)r->log.unrecognised, t->count, (unsigned long long)t->evicted,
            messages_memory(t));
}

static bool make_pieces(struct reading *r)
{
    unsigned processors = uv_available_parallelism();
    r->threads = processors < PIECES ? processors : PIECES;
    bool ok = true;
    for (struct piece *p = r->pieces; p < r->pieces + r->threads; p++) {
        *p = (struct piece){.of = r, .buffer = malloc(BUFFER)};
        p->events = calloc(ROOM, sizeof *p->events);
        p->lines_at = calloc(ROOM, sizeof *p->lines_at);
        ok &= p->buffer && p->events && p->lines_at;
    }
    return ok;
}

static void free_pieces(struct reading *r)
{
    for (struct piece *p = r->pieces; p < r->pieces + r->threads; p++) {
        free(p->buffer);
        free(p->events);
        free(p->lines_at);
    }
}

/* Adds the one format that is read; what counts it is in *access unless it is an MTA's. */
static bool add_format(struct reading *r, const struct read_options *o, struct model *m,
                       struct names *n, struct access_tally **access)
{
    r->name = o->mta ? o->mta->name : o->server->name;
    if (o->mta)
        return maillog_add_mta_of(&r->log, o->host, o->mta, SLICE(""));
    char name[128];
    int length = snprintf(name, sizeof name, "%.*s%s%s", (int)o->host.n, o->host.n ? o->host.p : "",
                          o->host.n ? "/" : "", o->server->name);
    *access = access_tally_new(m, n, r->log.tally, USERS_PLAIN);
    struct access_log *log =
        *access ? access_tally_log(*access, o->server, (struct slice){name, (size_t)length}, 0)
                : NULL;
    if (log)
        access_tally_host(log, o->host);
    return log && maillog_add_of(&r->log, o->host, o->server->parse, access_tally_event, log,
                                 access_tally_of_host);
}

int read_files(const struct read_options *o)
{
    struct model model;
    struct names *names = names_new();
    struct reading r = {.fd = -1};
    uint32_t max = o->messages_max ? o->messages_max : MESSAGES_MAX;
    if (!names || !make_pieces(&r) || !model_init(&model, NULL)) {
        fprintf(stderr, "mailmond: out of memory\n");
        return 1;
    }
    struct tally *tally = tally_new(&model, names, max, false);
    if (!tally) {
        fprintf(stderr, "mailmond: out of memory\n");
        return 1;
    }
    struct access_tally *access = NULL;
    maillog_start(&r.log, tally);
    if (!add_format(&r, o, &model, names, &access)) {
        fprintf(stderr, "mailmond: out of memory\n");
        return 1;
    }
    r.log.on_unrecognised = show;
    r.log.arg = &r;
    bool ok = true;
    for (int i = 0; i < o->file_count; i++)
        ok &= read_one(&r, o->files[i]);
    tally_end(tally);
    tally_levels(tally);
    if (access)
        access_tally_levels(access);
    set_status(&model);
    ok &= print(&model, r.log.last_ms);
    if (o->statistics || r.log.unrecognised)
        print_statistics(&r);
    maillog_stop(&r.log);
    access_tally_free(access);
    tally_free(tally);
    model_free(&model);
    names_free(names);
    free_pieces(&r);
    return ok ? 0 : 1;
}
