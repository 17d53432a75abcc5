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
#include <zlib.h>
#include "dump.h"
#include "../collectors/maillog.h"
#include "main_read.h"

#define BUFFER       (256 * 1024)
#define MESSAGES_MAX 1000000
#define SAMPLES      20 /* unrecognised lines shown */

struct reading {
    struct maillog log;
    char *buffer;
    uint64_t octets;
    unsigned shown;
};

static void show(void *arg, struct slice line)
{
    struct reading *r = arg;
    if (r->shown++ < SAMPLES)
        fprintf(stderr, "not recognised: %.*s\n", (int)(line.n < 400 ? line.n : 400), line.p);
}

/* Hands on the whole lines in the buffer and moves the rest to its front; a line that fills it is cut. */
static size_t hand_on(struct reading *r, size_t used, bool end)
{
    const char *last = end ? NULL : memrchr(r->buffer, '\n', used);
    size_t whole = end || (!last && used == BUFFER) ? used
                   : last                           ? (size_t)(last - r->buffer) + 1
                                                    : 0;
    maillog_lines(&r->log, (struct slice){r->buffer, whole});
    r->octets += whole;
    memmove(r->buffer, r->buffer + whole, used - whole);
    return used - whole;
}

static bool is_packed(int fd)
{
    unsigned char magic[2];
    return pread(fd, magic, 2, 0) == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
}

static bool read_fd(struct reading *r, int fd, const char *name)
{
    gzFile z = is_packed(fd) ? gzdopen(fd, "rb") : NULL;
    size_t used = 0;
    ssize_t n;
    while ((n = z ? gzread(z, r->buffer + used, (unsigned)(BUFFER - used))
                  : read(fd, r->buffer + used, BUFFER - used)) > 0)
        used = hand_on(r, used + (size_t)n, false);
    hand_on(r, used, true);
    if (n < 0)
        fprintf(stderr, "mailmond: %s: %s\n", name, z ? "damaged gzip data" : strerror(errno));
    if (z)
        gzclose(z);
    else
        close(fd);
    return n == 0;
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
        syslog_start(&r->log.context, written * 1000);
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
            (unsigned long long)r->octets, (unsigned long long)r->log.lines, r->log.mta->name,
            (unsigned long long)r->log.unrecognised, t->count, (unsigned long long)t->evicted,
            messages_memory(t));
}

int read_files(const struct read_options *o)
{
    struct model model;
    struct names *names = names_new();
    struct reading r = {.buffer = malloc(BUFFER)};
    uint32_t max = o->messages_max ? o->messages_max : MESSAGES_MAX;
    if (!names || !r.buffer || !model_init(&model, NULL)) {
        fprintf(stderr, "mailmond: out of memory\n");
        return 1;
    }
    struct tally *tally = tally_new(&model, names, o->mta, max, false, 0);
    if (!tally) {
        fprintf(stderr, "mailmond: out of memory\n");
        return 1;
    }
    maillog_start(&r.log, tally, o->mta, 0);
    r.log.on_unrecognised = show;
    r.log.arg = &r;
    bool ok = true;
    for (int i = 0; i < o->file_count; i++)
        ok &= read_one(&r, o->files[i]);
    tally_levels(tally);
    set_status(&model);
    ok &= print(&model, r.log.last_ms);
    if (o->statistics || r.log.unrecognised)
        print_statistics(&r);
    tally_free(tally);
    model_free(&model);
    names_free(names);
    free(r.buffer);
    return ok ? 0 : 1;
}
