/*
 * replay: plays the part of Postfix for the demonstration. A recorded log is written again, line by
 * line with the time of day, and again from its start when it ends; a queue directory is kept as the
 * lines tell: a file for each message, moved and removed as Postfix would.
 *
 *   replay RECORDED SPOOL LOG [lines per second, 20 [seconds of history, 7200]]
 *
 * The first pass is history: it is written at once, spread over the time before now. Each pass has
 * queue ids of its own (the pass number is appended). What a pass leaves in the queue stays for one
 * more, then it is deleted as postsuper(1) does. Ends with SIGTERM, or with its parent. The invariant:
 * a file is in the queue exactly while its message is in the table.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ID_MIN     10 /* shorter runs of hexadecimal digits are no queue ids */
#define ID_MAX     20
#define MESSAGES   1024 /* in the queue at once; the recording has far less */
#define RETRY_S    300  /* a deferred file's mtime is its next attempt */
#define HELD_BYTES 1200 /* the log does not tell the size of held mail */

enum queue { NONE, INCOMING, ACTIVE, DEFERRED, HOLD };
static const char *const queue_names[] = {"", "incoming", "active", "deferred", "hold"};

struct message {
    char id[ID_MAX + 4], sender[128];
    enum queue queue;
    unsigned pass;
    long size, recipients, left, tried,
        deferred; /* left: not delivered; tried, deferred: of this attempt */
    time_t arrival;
};

static struct message messages[MESSAGES];
static char **lines;
static size_t line_count;
static bool history; /* no file is touched while the past is told */
static time_t now_s; /* of the line at hand */
static FILE *out;

static void fail(const char *what)
{
    fprintf(stderr, "replay: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* The queue's files; the working directory is the spool */

static void path_of(const struct message *m, enum queue q, char path[64])
{
    if (q == DEFERRED) /* hashed by the first character, as hash_queue_names has it */
        snprintf(path, 64, "deferred/%c/%.23s", m->id[0], m->id);
    else
        snprintf(path, 64, "%s/%.23s", queue_names[q], m->id);
}

/* Record of Postfix's global/record.c: a type, a length in base 128 with its low digits first. */
static void record(FILE *f, int type, const char *text)
{
    size_t n = strlen(text);
    fputc(type, f);
    for (; n > 127; n >>= 7)
        fputc((int)(n & 127) | 128, f);
    fputc((int)n, f);
    fputs(text, f);
}

/* Size, offset of the content, recipients (global/rec_type.h). */
static void size_record(FILE *f, const struct message *m, long offset)
{
    char text[128];
    snprintf(text, sizeof text, "%15ld %15ld %15ld %15d %15ld %15d", m->size, offset, m->recipients,
             0, m->size, 0);
    record(f, 'C', text);
}

static void write_message(const struct message *m, const char *path)
{
    char text[64];
    FILE *f = fopen(path, "w");
    if (!f)
        fail(path);
    size_record(f, m, 0);
    snprintf(text, sizeof text, "%lld 0", (long long)m->arrival);
    record(f, 'T', text);
    record(f, 'S', m->sender);
    for (long i = 0; i < m->recipients; i++)
        record(f, 'R', "somebody@example.com");
    record(f, 'M', "");
    long offset = ftell(f);
    snprintf(text, sizeof text, "Message-ID: <%.23s@mx.example.net>", m->id);
    record(f, 'N', text);
    record(f, 'N', "");
    record(f, 'N', "(the recording has no contents)");
    record(f, 'X', "");
    record(f, 'E', "");
    rewind(f); /* the offset is known now, and its field has a fixed width */
    size_record(f, m, offset);
    if (fchmod(fileno(f), m->queue == INCOMING ? 0600 : 0700) < 0 || fclose(f) != 0)
        fail(path);
}

static void set_time(const struct message *m, const char *path)
{
    struct timespec t[2] = {{m->arrival, 0}, {m->arrival, 0}};
    if (m->queue == DEFERRED)
        t[1].tv_sec = now_s + RETRY_S;
    if (utimensat(AT_FDCWD, path, t, 0) < 0)
        fail(path);
}

static void move(struct message *m, enum queue to)
{
    char old[64], new[64];
    enum queue from = m->queue;
    path_of(m, from, old);
    path_of(m, to, new);
    m->queue = to;
    if (history)
        return;
    if (from == NONE || from == INCOMING)
        write_message(m, from == NONE ? new : old);
    if (from != NONE && rename(old, new) < 0)
        fail(new);
    set_time(m, new);
}

static void drop(struct message *m)
{
    char path[64];
    path_of(m, m->queue, path);
    if (!history && m->queue != NONE)
        unlink(path);
    m->id[0] = 0;
}

static struct message *find(const char *id)
{
    for (struct message *m = messages; m < messages + MESSAGES; m++)
        if (strcmp(m->id, id) == 0)
            return m;
    return NULL;
}

static struct message *find_or_add(const char *id, unsigned pass)
{
    struct message *m = find(id);
    if (m)
        return m;
    m = find("");
    if (m) {
        *m = (struct message){.pass = pass, .size = HELD_BYTES, .recipients = 1, .arrival = now_s};
        snprintf(m->id, sizeof m->id, "%s", id);
    }
    return m;
}

/* What a line does to the queue */

static long number_after(const char *line, const char *key)
{
    const char *p = strstr(line, key);
    return p ? strtol(p + strlen(key), NULL, 10) : 0;
}

/* An attempt is over when each recipient that was left has a result. */
static void on_delivery(struct message *m, const char *line)
{
    m->tried++;
    if (strstr(line, "status=deferred"))
        m->deferred++;
    if (m->tried < m->left)
        return;
    m->left = m->deferred;
    m->tried = m->deferred = 0;
    if (m->left)
        move(m, DEFERRED);
}

static void on_active(struct message *m, const char *line)
{
    m->size = number_after(line, "size=");
    m->tried = m->deferred = 0;
    if (m->left == 0)
        m->left = m->recipients = number_after(line, "nrcpt=");
    sscanf(line, "from=<%127[^>]>", m->sender);
    if (m->queue == NONE) /* made by Postfix itself, or the line of its arrival is older */
        move(m, INCOMING);
    move(m, ACTIVE);
}

/* line: what follows "service[pid]: ID: " */
static void apply(const char *id, const char *line, unsigned pass)
{
    bool arrives = strncmp(line, "message-id=", 11) == 0;
    bool active = strstr(line, "(queue active)") != NULL;
    bool held = strncmp(line, "hold: ", 6) == 0;
    struct message *m = arrives || active || held ? find_or_add(id, pass) : find(id);
    if (!m)
        return;
    if (arrives && m->queue == NONE)
        move(m, INCOMING);
    else if (active)
        on_active(m, line);
    else if (held)
        move(m, HOLD);
    else if (strncmp(line, "to=<", 4) == 0)
        on_delivery(m, line);
    else if (strncmp(line, "removed", 7) == 0 || strncmp(line, "reject: ", 8) == 0)
        drop(m);
}

/* The log */

static void print_head(void)
{
    char text[40];
    struct tm t;
    localtime_r(&now_s, &t);
    strftime(text, sizeof text, "%b %e %H:%M:%S", &t);
    fprintf(out, "%s mx ", text);
}

/* Copies a line with the pass number behind every queue id. The first id and what follows it are given back. */
static const char *rewrite(const char *line, unsigned pass, char *to, size_t size,
                           char id[ID_MAX + 4])
{
    const char *after = NULL;
    size_t n = 0;
    id[0] = 0;
    while (*line && n + ID_MAX + 8 < size) {
        size_t run = strspn(line, "0123456789ABCDEF");
        bool is_id = run >= ID_MIN && run <= ID_MAX - 2 && !isalnum((unsigned char)line[run]);
        if (run == 0 || run > ID_MAX)
            run = 1;
        memcpy(to + n, line, run);
        n += run;
        line += run;
        if (!is_id)
            continue;
        n += (size_t)sprintf(to + n, "%02X", pass & 255);
        if (!id[0] && line[0] == ':') {
            memcpy(id, to + n - run - 2, run + 2);
            id[run + 2] = 0;
            after = line + 2;
        }
    }
    to[n] = 0;
    return after;
}

/* A recorded line without its head: "postfix/qmgr[27403]: 4C0A: removed". */
static void play(const char *line, unsigned pass)
{
    char text[2048], id[ID_MAX + 4];
    const char *after = rewrite(line, pass, text, sizeof text, id);
    print_head();
    fprintf(out, "%s\n", text);
    if (id[0])
        apply(id, after, pass);
}

static void delete_left_over(unsigned pass)
{
    for (struct message *m = messages; m < messages + MESSAGES; m++) {
        if (!m->id[0] || m->pass + 1 >= pass)
            continue;
        print_head();
        fprintf(out, "postfix/postsuper[%d]: %s: removed\n", (int)getpid(), m->id);
        drop(m);
    }
    fflush(out);
}

static void read_recording(const char *path)
{
    FILE *f = fopen(path, "r");
    char *line = NULL;
    size_t size = 0;
    if (!f)
        fail(path);
    for (ssize_t n; (n = getline(&line, &size, f)) > 0;) {
        line[strcspn(line, "\n")] = 0;
        lines = reallocarray(lines, line_count + 1, sizeof *lines);
        if (!lines || strlen(line) < 20 ||
            !(lines[line_count++] = strdup(strchr(line + 16, ' ') + 1)))
            fail(path); /* "Mon dd hh:mm:ss host " is 20 octets at least */
    }
    free(line);
    fclose(f);
    if (line_count == 0)
        fail("the recording is empty");
}

static void make_spool(const char *spool)
{
    char path[64];
    if ((mkdir(spool, 0755) < 0 && errno != EEXIST) || chdir(spool) < 0)
        fail(spool);
    static const char *const names[] = {"pid",      "maildrop", "incoming", "active",
                                        "deferred", "hold",     "corrupt"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (mkdir(names[i], 0755) < 0)
            fail(names[i]);
    for (const char *c = "0123456789ABCDEF"; *c; c++) {
        snprintf(path, sizeof path, "deferred/%c", *c);
        if (mkdir(path, 0755) < 0)
            fail(path);
    }
}

/* Postfix is up while its pid file names a process "master". */
static void be_master(void)
{
    prctl(PR_SET_NAME, "master");
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    FILE *f = fopen("pid/master.pid", "w");
    if (!f || fprintf(f, "%10d\n", (int)getpid()) < 0 || fclose(f) != 0)
        fail("pid/master.pid");
}

static void tell_history(long seconds)
{
    time_t now = time(NULL);
    history = true;
    for (size_t i = 0; i < line_count; i++) {
        now_s = now - seconds + (time_t)(i * (size_t)seconds / line_count);
        play(lines[i], 0);
    }
    history = false;
    now_s = now;
    for (struct message *m = messages; m < messages + MESSAGES; m++) {
        enum queue q = m->queue;
        if (!m->id[0] || q == NONE)
            continue;
        m->queue = NONE;
        move(m, q);
    }
    fflush(out);
}

int main(int argc, char **argv)
{
    if (argc < 4 || argc > 6) {
        fputs("usage: replay RECORDED SPOOL LOG [lines/s [seconds of history]]\n", stderr);
        return 2;
    }
    long rate = argc > 4 ? atol(argv[4]) : 20, past = argc > 5 ? atol(argv[5]) : 7200;
    if (rate < 1 || rate > 100000 || past < 0)
        return 2;
    read_recording(argv[1]);
    out = fopen(argv[3], "w");
    if (!out)
        fail(argv[3]);
    make_spool(argv[2]);
    be_master();
    tell_history(past);
    puts("ready");
    fflush(stdout);
    struct timespec pause = {rate == 1 ? 1 : 0, rate == 1 ? 0 : 1000000000 / rate};
    for (unsigned pass = 1;; pass++) {
        for (size_t i = 0; i < line_count; i++) {
            now_s = time(NULL);
            play(lines[i], pass);
            fflush(out);
            nanosleep(&pause, NULL);
        }
        delete_left_over(pass + 1);
    }
}
