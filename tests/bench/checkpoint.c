/*
 * What a checkpoint costs a busy mail system: with very many messages in flight and 2,000 a second
 * passing, how long the collector's loop is held up (the copy of what changed), how long the worker
 * writes, and how much of a core both take. Lines are fed as the collector feeds them, two tallied
 * seconds at a time; only the checkpoints are timed.
 *
 *   checkpoint DIR MESSAGES INTERVAL_S ROUNDS
 *
 * Traffic: of the new messages 1 in 20 is deferred and stays; as many old ones leave; and a 4,000th
 * part of all is tried again each second, as Postfix does at its longest backoff. New messages stay a
 * second and a half. Exit status 1 if a limit is missed.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "../../agent/persist.h"
#include "../../collectors/collector.h"
#include "../../collectors/maillog.h"

#define RATE          2000 /* messages a second */
#define STAY          (RATE * 3 / 2)
#define DEFERRED      20   /* one in so many */
#define RETRY_S       4000 /* maximal_backoff_time */
#define PEERS         2000
#define DOMAINS       5000
#define PAUSE_LIMIT   1.0 /* ms */
#define WRITE_LIMIT   100.0
#define PERCENT_LIMIT 5.0

static struct model model;
static struct names *names;
static struct tally *tally;
static struct store *store;
static struct checkpoint *checkpoint;
static struct maillog reading;
static uint32_t *waiting, waiting_count; /* numbers of the deferred messages */
static uint32_t next_number;
static char text[1 << 16];
static size_t text_length;
static uint64_t random_state = 88172645463325252u;

static uint32_t pick(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 20) % below);
}

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void flush(void)
{
    maillog_lines(&reading, (struct slice){text, text_length});
    text_length = 0;
}

#define line(...)                                                                                  \
    (text_length > sizeof text - 512 ? flush() : (void)0,                                          \
     text_length += (size_t)snprintf(text + text_length, sizeof text - text_length,                \
                                     "Nov 21 12:00:00 mx1 postfix/" __VA_ARGS__))

static void arrive(uint32_t n)
{
    uint32_t peer = n % PEERS;
    line("smtpd[%u]: connect from h%u.example[198.51.%u.%u]\n", 100 + n % 50, peer, peer / 256,
         peer % 256);
    line("smtpd[%u]: %010X: client=h%u.example[198.51.%u.%u]\n", 100 + n % 50, n, peer, peer / 256,
         peer % 256);
    line("cleanup[90]: %010X: message-id=<%u@h%u.example>\n", n, n, peer);
    line("qmgr[80]: %010X: from=<a@h%u.example>, size=%u, nrcpt=1 (queue active)\n", n, peer,
         1000 + n % 50000);
}

static void deliver(uint32_t n, bool sent)
{
    line("smtp[%u]: %010X: to=<b@d%u.example>, relay=mx.d%u.example[203.0.113.9]:25, delay=1.2, "
         "delays=0.1/0/0.5/0.6, dsn=%s (said)\n",
         200 + n % 50, n, n % DOMAINS, n % DOMAINS,
         sent ? "2.0.0, status=sent" : "4.4.1, status=deferred");
    if (sent)
        line("qmgr[80]: %010X: removed\n", n);
}

static void wait_for_retry(uint32_t n)
{
    deliver(n, false);
    waiting[waiting_count++] = n;
}

static void leave_or_wait(uint32_t n)
{
    if (n % DEFERRED == 0)
        wait_for_retry(n);
    else
        deliver(n, true);
}

/* One of the old ones is tried again. */
static void retry(bool sent)
{
    uint32_t i = pick(waiting_count), n = waiting[i];
    line("qmgr[80]: %010X: from=<a@h%u.example>, size=%u, nrcpt=1 (queue active)\n", n, n % PEERS,
         1000 + n % 50000);
    deliver(n, sent);
    if (sent)
        waiting[i] = waiting[--waiting_count];
}

static void one_second(void)
{
    uint32_t retries = waiting_count / RETRY_S;
    for (uint32_t i = 0; i < RATE; i++) {
        arrive(next_number);
        leave_or_wait(next_number++ - STAY);
        if (i % DEFERRED == 0)
            retry(true);
    }
    for (uint32_t i = 0; i < retries; i++)
        retry(false);
    flush();
}

static void fill(void)
{
    if (!persist_save(&model, names, checkpoint, 0) || !tally_save(tally, checkpoint))
        abort();
}

struct cost {
    double wall, cpu;
};

static void *write_it(void *arg)
{
    struct cost *cost = arg;
    cost->wall = seconds(CLOCK_MONOTONIC);
    cost->cpu = seconds(CLOCK_THREAD_CPUTIME_ID);
    if (!store_write(store, checkpoint)) {
        fprintf(stderr, "checkpoint: %s\n", store_error(store));
        exit(1);
    }
    cost->wall = seconds(CLOCK_MONOTONIC) - cost->wall;
    cost->cpu = seconds(CLOCK_THREAD_CPUTIME_ID) - cost->cpu;
    return NULL;
}

static struct cost write_by_worker(void)
{
    struct cost cost;
    pthread_t worker;
    if (pthread_create(&worker, NULL, write_it, &cost) != 0)
        abort();
    pthread_join(worker, NULL);
    checkpoint_clear(checkpoint);
    return cost;
}

static void start(const char *dir, uint32_t messages)
{
    char error[512];
    store = store_open(dir, error, sizeof error);
    if (!store) {
        fprintf(stderr, "checkpoint: %s\n", error);
        exit(1);
    }
    waiting = calloc(messages + messages / 2, sizeof *waiting);
    names = names_new();
    checkpoint = checkpoint_new();
    if (!waiting || !names || !checkpoint || !model_init(&model, NULL))
        abort();
    tally = tally_new(&model, names, messages + messages / 8 + 100000, true);
    maillog_start(&reading, tally);
    maillog_add_mta(&reading, mta_find("postfix"), SLICE(""));
    maillog_time(&reading, 1795262400000);
    for (; next_number < messages; next_number++) {
        arrive(next_number);
        if (next_number + STAY < messages)
            wait_for_retry(next_number);
    }
    next_number -= next_number % DEFERRED;
    flush();
    fill();
    write_by_worker();
}

static int limited(const char *what, double value, double limit, const char *unit)
{
    printf("  %-34s %8.2f %s (at most %g)%s\n", what, value, unit, limit,
           value > limit ? " MISSED" : "");
    return value > limit;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, unsigned count)
{
    qsort(values, count, sizeof *values, by_value);
    return values[count / 2];
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fputs("usage: checkpoint DIR MESSAGES INTERVAL_S ROUNDS\n", stderr);
        return 2;
    }
    uint32_t messages = (uint32_t)strtoul(argv[2], NULL, 10);
    unsigned interval = (unsigned)strtoul(argv[3], NULL, 10),
             rounds = (unsigned)strtoul(argv[4], NULL, 10);
    start(argv[1], messages);
    double *pauses = calloc(rounds, sizeof *pauses), *writes = calloc(rounds, sizeof *writes);
    double pause = 0, pause_cpu = 0, cpu = 0, longest = 0;
    size_t records = 0;
    for (unsigned i = 0; i < rounds; i++) {
        for (unsigned s = 0; s < interval; s++)
            one_second();
        double wall = seconds(CLOCK_MONOTONIC), mine = seconds(CLOCK_THREAD_CPUTIME_ID);
        fill();
        pauses[i] = seconds(CLOCK_MONOTONIC) - wall;
        mine = seconds(CLOCK_THREAD_CPUTIME_ID) - mine;
        records += checkpoint_count(checkpoint);
        struct cost cost = write_by_worker();
        writes[i] = cost.wall;
        pause = pauses[i] > pause ? pauses[i] : pause;
        pause_cpu = mine > pause_cpu ? mine : pause_cpu;
        longest = cost.wall > longest ? cost.wall : longest;
        cpu += mine + cost.cpu;
    }
    printf("every %u s, %u messages in flight, %d a second, %zu records each:\n", interval,
           tally_messages(tally)->count, RATE, records / rounds);
    int missed = limited("longest pause of the loop", pause * 1e3, PAUSE_LIMIT, "ms");
    printf("  %-34s %8.2f ms\n  %-34s %8.2f ms\n", "  of that on the processor, at most",
           pause_cpu * 1e3, "  median pause", median(pauses, rounds) * 1e3);
    missed += limited("longest write", longest * 1e3, WRITE_LIMIT, "ms");
    printf("  %-34s %8.2f ms\n", "  median write", median(writes, rounds) * 1e3);
    missed += limited("of a core", cpu / rounds / interval * 100, PERCENT_LIMIT, "%");
    return missed ? 1 : 0;
}
