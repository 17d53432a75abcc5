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

#define BUFFER       (256 * 1024)
#define PIECES       (MAILLOG_KEEPS - 1) /* an event may point to a line that was kept a piece before */
#define ROOM         (BUFFER / 16) /* no line that counts is so short: it has a time, or is no event */
#define MESSAGES_MAX 1000000
#define SAMPLES      20 /* unrecognised lines shown */

/* A piece of a log: read by a thread, parsed by another, then counted here while these have the next ones. */
struct piece {
    char *buffer;         /* BUFFER octets */
    size_t used, whole;   /* octets in it, and of whole lines */
    struct event *events; /* ROOM of them */
    uint64_t *lines_at;
    unsigned count;
    bool last;
};

struct reading {
    struct maillog log;
    const char *name;                     /* of the format */
    struct piece pieces[PIECES];          /* a ring: nobody waits for another at each piece */
    uv_sem_t to_fill, to_parse, to_count; /* pieces that each may take */
    int fd;
    gzFile z;  /* NULL: not packed */
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

static bool is_packed(int fd)
{
    unsigned char magic[2];
    return pread(fd, magic, 2, 0) == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
}

/* Fills the buffer behind what the piece before left over; at the end of the file *last is set. */
static void fill(struct reading *r, struct piece *p, const struct piece *before)
{
    ssize_t n = 1;
    p->used = before->used - before->whole;
    memcpy(p->buffer, before->buffer + before->whole, p->used);
    while (p->used < BUFFER && n > 0) {
        size_t room = BUFFER - p->used;
        n = r->z ? gzread(r->z, p->buffer + p->used, (unsigned)room)
                 : read(r->fd, p->buffer + p->used, room);
        p->used += n > 0 ? (size_t)n : 0;
        if (!r->z)
            break; /* a pipe gives what it has */
    }
    p->last = n <= 0;
    if (n < 0)
        r->error = r->z ? EIO : errno;
}

/* Whole lines only; one that fills the buffer is cut. */
static size_t whole_lines(const struct piece *p)
{
    const char *end = p->last ? NULL : memrchr(p->buffer, '\n', p->used);
    return end ? (size_t)(end - p->buffer) + 1 : p->last || p->used == BUFFER ? p->used : 0;
}

/* A thread: the file, to its end. */
static void fill_all(void *arg)
{
    struct reading *r = arg;
    struct piece *p = r->pieces, *before = &r->pieces[PIECES - 1];
    before->used = before->whole = 0;
    for (unsigned i = 0;; i++, before = p) {
        p = &r->pieces[i % PIECES];
        uv_sem_wait(&r->to_fill);
        fill(r, p, before);
        p->whole = whole_lines(p);
        bool last = p->last;
        uv_sem_post(&r->to_parse);
        if (last)
            return;
    }
}

static void parse_piece(struct reading *r, struct piece *p)
{
    struct slice run = {p->buffer, p->whole};
    if (maillog_parse(&r->log, run, p->events, p->lines_at, ROOM, &p->count) < run.n)
        abort();           /* more lines than there can be */
    maillog_keep(&r->log); /* before the piece is given away */
}

/* A thread: pieces of the file to events. */
static void parse_all(void *arg)
{
    struct reading *r = arg;
    for (unsigned i = 0;; i++) {
        struct piece *p = &r->pieces[i % PIECES];
        uv_sem_wait(&r->to_parse);
        parse_piece(r, p);
        bool last = p->last;
        uv_sem_post(&r->to_count);
        if (last)
            return;
    }
}

static void count_all(struct reading *r)
{
    for (unsigned i = 0;; i++) {
        const struct piece *p = &r->pieces[i % PIECES];
        uv_sem_wait(&r->to_count);
        maillog_count(&r->log, p->events, p->lines_at, p->count);
        r->octets += p->whole;
        bool last = p->last;
        uv_sem_post(&r->to_fill);
        if (last)
            return;
    }
}

static bool read_fd(struct reading *r, int fd, const char *name)
{
    uv_thread_t reader, parser;
    r->fd = fd;
    r->z = is_packed(fd) ? gzdopen(fd, "rb") : NULL;
    r->error = 0;
    if (uv_thread_create(&reader, fill_all, r) != 0 || uv_thread_create(&parser, parse_all, r) != 0)
        abort();
    count_all(r);
    uv_thread_join(&reader);
    uv_thread_join(&parser);
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
    bool ok = uv_sem_init(&r->to_fill, PIECES) == 0 && uv_sem_init(&r->to_parse, 0) == 0 &&
              uv_sem_init(&r->to_count, 0) == 0;
    for (struct piece *p = r->pieces; p < r->pieces + PIECES; p++) {
        *p = (struct piece){.buffer = malloc(BUFFER)};
        p->events = calloc(ROOM, sizeof *p->events);
        p->lines_at = calloc(ROOM, sizeof *p->lines_at);
        ok &= p->buffer && p->events && p->lines_at;
    }
    return ok;
}

static void free_pieces(struct reading *r)
{
    for (struct piece *p = r->pieces; p < r->pieces + PIECES; p++) {
        free(p->buffer);
        free(p->events);
        free(p->lines_at);
    }
    uv_sem_destroy(&r->to_fill);
    uv_sem_destroy(&r->to_parse);
    uv_sem_destroy(&r->to_count);
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
