/*
 * gen_queue: makes a Postfix queue directory of any size, and what is in it as JSON (on standard
 * output).
 *
 *   cc -O2 -D_GNU_SOURCE -o gen_queue gen_queue.c
 *   gen_queue DIR -n 1000000 [-s seed] [-S] [-d depth] [-e] [-t now]
 *
 * The same options make the same tree. Queue ids are long, or short with -S; deferred is hashed to
 * depth 1 or -d. Files are empty, or with -e they hold a small message as Postfix writes it. As
 * there, a deferred file's mtime is its next attempt; elsewhere it is the arrival. Files that are
 * not messages lie between: unfinished ones (mode 0600), defer logs, stray names. No age is within
 * a minute below a bucket's limit, and no next attempt within a minute of now, so that the numbers
 * hold for a minute.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BUCKETS 11
enum queue { MAILDROP, INCOMING, ACTIVE, DEFERRED, HOLD, CORRUPT, QUEUES };
static const char *const queue_name[QUEUES] = {"maildrop", "incoming", "active",
                                               "deferred", "hold",     "corrupt"};

struct count { /* the truth of one queue */
    uint64_t messages, unfinished, bytes, recipients, pending, buckets[BUCKETS];
    int64_t oldest_s, oldest_us, next_attempt_s;
    char oldest_id[24];
};
static struct count counts[QUEUES];
static uint64_t rng_state;
static int64_t now;
static int depth = 1;
static bool short_ids, envelopes;

static uint64_t rng(void)
{
    uint64_t z = rng_state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}
static unsigned rnd(unsigned n)
{
    return (unsigned)(((rng() >> 32) * n) >> 32);
}

static void fail(const char *path)
{
    fprintf(stderr, "gen_queue: %s: %s\n", path, strerror(errno));
    exit(1);
}

static void make_directory(const char *path)
{
    if (mkdir(path, 0700) != 0)
        fail(path);
}

/* The 16^depth subdirectories of a hashed queue. */
static void make_hashed(const char *path, int levels)
{
    make_directory(path);
    for (unsigned i = 0; levels > 0 && i < 16; i++) {
        char below[64];
        snprintf(below, sizeof below, "%s/%X", path, i);
        make_hashed(below, levels - 1);
    }
}

static char *put_base(char *p, uint64_t value, unsigned base, int width)
{
    static const char digits[] = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz";
    char reversed[24];
    int n = 0;
    for (; value > 0 || n < width; value /= base)
        reversed[n++] = digits[value % base];
    while (n > 0)
        *p++ = reversed[--n];
    *p = 0;
    return p;
}

struct file {
    enum queue queue;
    bool unfinished;
    int64_t s, us, mtime_s; /* arrival */
    unsigned recipients, done;
    char id[24], path[96];
};

static void name_file(struct file *f, uint64_t inode)
{
    char hash[8];
    snprintf(hash, sizeof hash, "%05X", (unsigned)f->us);
    if (short_ids) {
        snprintf(f->id, sizeof f->id, "%s%" PRIX64, hash, inode);
    } else {
        char *p = put_base(f->id, (uint64_t)f->s, 52, 6);
        p = put_base(p, (uint64_t)f->us, 52, 4);
        *p++ = 'z';
        put_base(p, inode, 51, 1);
    }
    int n = snprintf(f->path, sizeof f->path, "%s/", queue_name[f->queue]);
    for (int i = 0; f->queue == DEFERRED && i < depth; i++)
        n += snprintf(f->path + n, sizeof f->path - (size_t)n, "%c/", hash[i]);
    snprintf(f->path + n, sizeof f->path - (size_t)n, "%s", f->id);
}

static unsigned bucket_of(int64_t age_s)
{
    unsigned i = 0;
    for (int64_t limit = 300; i < BUCKETS - 1 && age_s >= limit; limit *= 2)
        i++;
    return i;
}

/* Most mail is young; some has waited for up to five days. */
static int64_t some_age(enum queue q)
{
    unsigned k = rnd(10);
    int64_t age = q == ACTIVE || q == INCOMING || q == MAILDROP ? 1 + rnd(200)
                  : k < 3                                       ? 1 + rnd(3600)
                  : k < 7                                       ? 1 + rnd(86400)
                                                                : 1 + rnd(432000);
    return bucket_of(age) != bucket_of(age + 60) ? age - 60 > 0 ? age - 60 : 1 : age;
}

static enum queue some_queue(uint64_t active)
{
    unsigned k = rnd(1000);
    return k < 5                      ? MAILDROP
           : k < 25                   ? INCOMING
           : k < 45 && active < 20000 ? ACTIVE
           : k < 95                   ? HOLD
           : k < 97                   ? CORRUPT
                                      : DEFERRED;
}

/* --- a queue file ----------------------------------------------------------------------------- */

struct buffer {
    char bytes[8192];
    size_t length;
};

static void record(struct buffer *b, char type, const char *text)
{
    size_t n = strlen(text), rest = n;
    if (b->length + n + 8 > sizeof b->bytes)
        abort();
    b->bytes[b->length++] = type;
    do {
        b->bytes[b->length++] = (char)((rest & 127) | (rest > 127 ? 128 : 0));
        rest >>= 7;
    } while (rest > 0);
    memcpy(b->bytes + b->length, text, n);
    b->length += n;
}

static void put_recipients(struct buffer *b, const struct file *f)
{
    char text[96];
    for (unsigned i = 0; i < f->recipients; i++) {
        snprintf(text, sizeof text, "user%u.%u@dest%u.example", i, rnd(10000), rnd(400));
        record(b, 'O', text);
        record(b, i < f->done ? 'D' : 'R', text);
    }
}

static void put_content(struct buffer *b, const struct file *f)
{
    char text[256];
    snprintf(text, sizeof text, "Message-ID: <%s.gen@queue.example>", f->id);
    record(b, 'N', "Received: by mx1.example (Postfix)");
    record(b, 'N', "Subject: a queued message");
    record(b, 'N', text);
    record(b, 'N', "");
    memset(text, 'x', sizeof text);
    for (unsigned i = rnd(12); i > 0; i--) {
        text[30 + rnd(45)] = 0;
        record(b, 'N', text);
        memset(text, 'x', sizeof text);
    }
}

/* Returns the message's size as its first record says. Files in maildrop do not have that record.
 */
static size_t put_message(struct buffer *b, const struct file *f)
{
    struct buffer content = {.length = 0};
    char text[160];
    put_content(&content, f);
    b->length = 0;
    if (f->queue !=
        MAILDROP) { /* the offset of the content follows from the rest: filled in below */
        snprintf(text, sizeof text, "%15zu %15d %15u %15d %15zu %15d", content.length, 0,
                 f->recipients, 0, content.length, 0);
        record(b, 'C', text);
    }
    snprintf(text, sizeof text, "%" PRId64 " %" PRId64, f->s, f->us);
    record(b, 'T', text);
    snprintf(text, sizeof text, "create_time=%" PRId64, f->s);
    record(b, 'A', text);
    record(b, 'A', "log_client_address=192.0.2.9");
    record(b, 'S', rnd(20) ? "sender@queue.example" : "");
    put_recipients(b, f);
    record(b, 'M', "");
    if (f->queue != MAILDROP) {
        snprintf(text, sizeof text, "%15zu", b->length);
        memcpy(b->bytes + 2 + 16, text, 15);
    }
    memcpy(b->bytes + b->length, content.bytes, content.length);
    b->length += content.length;
    record(b, 'X', "");
    record(b, 'E', "");
    return content.length;
}

static void write_file(const struct file *f, const struct buffer *b)
{
    const struct timespec times[2] = {{.tv_sec = f->mtime_s, .tv_nsec = f->us * 1000},
                                      {.tv_sec = f->mtime_s, .tv_nsec = f->us * 1000}};
    int fd = open(f->path, O_WRONLY | O_CREAT | O_EXCL, f->unfinished ? 0600 : 0700);
    if (fd < 0)
        fail(f->path);
    if (b->length > 0 && write(fd, b->bytes, b->length) != (ssize_t)b->length)
        fail(f->path);
    if (futimens(fd, times) != 0 || close(fd) != 0)
        fail(f->path);
}

static void tell(const struct file *f, size_t size)
{
    struct count *c = &counts[f->queue];
    if (f->unfinished) {
        c->unfinished++;
        return;
    }
    c->messages++;
    c->bytes += size;
    c->recipients += f->recipients;
    c->pending += f->recipients - f->done;
    c->buckets[bucket_of(now - f->s)]++;
    if (c->messages == 1 || f->s < c->oldest_s || (f->s == c->oldest_s && f->us < c->oldest_us)) {
        c->oldest_s = f->s;
        c->oldest_us = f->us;
        memcpy(c->oldest_id, f->id, sizeof f->id);
    }
    if (f->queue == DEFERRED && (c->messages == 1 || f->mtime_s < c->next_attempt_s))
        c->next_attempt_s = f->mtime_s;
}

static void make_file(uint64_t i)
{
    static struct buffer b;
    struct file f = {.queue = some_queue(counts[ACTIVE].messages)};
    f.unfinished = (f.queue == INCOMING || f.queue == MAILDROP) && rnd(20) == 0;
    f.s = now - some_age(f.queue);
    f.us = rnd(1000000);
    f.mtime_s = f.queue == DEFERRED ? now + 61 + rnd(4000) : f.s;
    f.recipients = rnd(100) < 85 ? 1 : 2 + rnd(5);
    f.done = f.queue == DEFERRED && rnd(5) == 0 ? rnd(f.recipients) : 0;
    name_file(&f, 100000 + i);
    size_t size = envelopes ? put_message(&b, &f) : 0;
    write_file(&f, &b);
    tell(&f, size);
}

static void make_directories(const char *dir)
{
    static const char *const others[] = {"bounce", "trace",  "flush",  "saved",
                                         "pid",    "public", "private"};
    make_directory(dir);
    if (chdir(dir) != 0)
        fail(dir);
    for (unsigned q = 0; q < QUEUES; q++)
        make_hashed(queue_name[q], q == DEFERRED ? depth : 0);
    make_hashed("defer", depth);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        make_directory(others[i]);
}

/* What a careless reader would count. */
static void make_strays(void)
{
    static const char *const strays[] = {"deferred/0/.nfs0000000012345678", "deferred/lost+found",
                                         "hold/README.txt", "incoming/12345.67890",
                                         "defer/0/0A1B2C3D4E5"};
    for (size_t i = 0; i < sizeof strays / sizeof *strays; i++) {
        int fd = open(strays[i], O_WRONLY | O_CREAT, 0600);
        if ((fd < 0 && errno != ENOENT) || (fd >= 0 && close(fd) != 0))
            fail(strays[i]);
    }
}

/* What the files do not tell is null. */
static void print_sum(const char *name, uint64_t value, bool known)
{
    if (known)
        printf(", \"%s\": %" PRIu64, name, value);
    else
        printf(", \"%s\": null", name);
}

static void print_queue(enum queue q)
{
    const struct count *c = &counts[q];
    printf("%s\n \"%s\": {\"messages\": %" PRIu64 ", \"unfinished\": %" PRIu64, q ? "," : "",
           queue_name[q], c->messages, c->unfinished);
    print_sum("recipients", c->recipients, envelopes);
    print_sum("pending", c->pending, envelopes);
    print_sum("bytes", c->bytes, envelopes && q != MAILDROP);
    printf(", \"oldest_s\": %" PRId64 ", \"oldest_id\": \"%s\", \"next_attempt_s\": %" PRId64
           ", \"ages\": [",
           c->oldest_s, c->oldest_id, c->next_attempt_s);
    for (unsigned i = 0; i < BUCKETS; i++)
        printf("%s%" PRIu64, i ? ", " : "", c->buckets[i]);
    printf("]}");
}

static void print_truth(void)
{
    printf("{\"now\": %" PRId64
           ", \"ids\": \"%s\", \"depth\": %d, \"envelopes\": %s, \"queues\": {",
           now, short_ids ? "short" : "long", depth, envelopes ? "true" : "false");
    for (unsigned q = 0; q < QUEUES; q++)
        print_queue(q);
    printf("}}\n");
}

static void refuse_usage(void)
{
    fputs("usage: gen_queue DIR -n files [-s seed] [-S (short ids)] [-d depth 0..3] [-e "
          "(envelopes)]\n"
          "       [-t now, seconds since the epoch]\n",
          stderr);
    exit(2);
}

static uint64_t number(const char *text, uint64_t high)
{
    char *end;
    uint64_t n = strtoull(text, &end, 10);
    if (*end || end == text || n > high)
        refuse_usage();
    return n;
}

int main(int argc, char **argv)
{
    uint64_t files = 0, seed = 1;
    now = time(NULL);
    for (int c; (c = getopt(argc, argv, "n:s:Sd:et:")) != -1;) {
        if (c == 'n')
            files = number(optarg, 100000000);
        else if (c == 's')
            seed = number(optarg, UINT64_MAX);
        else if (c == 'S')
            short_ids = true;
        else if (c == 'd')
            depth = (int)number(optarg, 3);
        else if (c == 'e')
            envelopes = true;
        else if (c == 't')
            now = (int64_t)number(optarg, INT64_MAX / 2);
        else
            refuse_usage();
    }
    if (optind != argc - 1 || files == 0)
        refuse_usage();
    rng_state = seed * 0x2545f4914f6cdd1du;
    umask(0);
    make_directories(argv[optind]);
    for (uint64_t i = 0; i < files; i++)
        make_file(i);
    make_strays();
    print_truth();
    return 0;
}
