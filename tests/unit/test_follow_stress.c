/*
 * All that happens to a log, at random and at once: a process writes, rotates, truncates and compresses while the
 * follower is stopped and started anew from what was stored last, or some time before.
 *
 *   test_follow_stress [SEED COUNT]    without arguments 10 seeds
 */
#include "follow_fixture.h"

#include <sys/mman.h>
#include <sys/wait.h>

/* What reader and writer share: the writer owns the time. */
static struct shared {
    _Atomic int64_t monotonic_ms;
    atomic_bool begun, done;
    _Atomic unsigned written;
} * shared;

static uint64_t seed_state;
static unsigned dice(unsigned sides)
{
    seed_state ^= seed_state << 13;
    seed_state ^= seed_state >> 7;
    seed_state ^= seed_state << 17;
    return (unsigned)((seed_state >> 20) % sides);
}

static struct writer {
    int fd;
    bool append, dated;
    unsigned number, rotations;
} w;

static void pause_writer(unsigned most_us)
{
    if (dice(3) == 0)
        usleep(dice(most_us));
}

static void write_line(void)
{
    char line[420];
    int n = snprintf(line, sizeof line, "%u ", ++w.number);
    for (unsigned i = dice(dice(4) ? 60 : 380); i > 0; i--)
        line[n++] = (char)('a' + i % 26);
    n += snprintf(line + n, sizeof line - (size_t)n, " %u\n",
                  w.number);    /* no two ends are the same */
    for (int at = 0; at < n;) { /* as it is flushed: at any octet */
        int part = dice(3) ? n - at : 1 + (int)dice((unsigned)(n - at));
        if (write(w.fd, line + at, (size_t)part) != part)
            _exit(2);
        at += part;
        if (at < n)
            pause_writer(200);
    }
    shared->written = w.number;
}

static void write_lines(unsigned most)
{
    for (unsigned i = dice(most + 1); i > 0; i--)
        write_line();
}

static void open_log(void)
{
    if (w.fd >= 0)
        close(w.fd);
    w.fd = open(path, O_WRONLY | O_CREAT | (w.append ? O_APPEND : 0), 0600);
    if (w.fd < 0)
        _exit(3);
    if (!w.append)
        lseek(w.fd, 0, SEEK_END);
}

/* Makes room for a new generation and names it. */
static void next_name(char name[32])
{
    char from[32], to[32];
    snprintf(name, 32, "log.1");
    if (w.dated) {
        snprintf(name, 32, "log-20261121-%06u", w.rotations);
        return;
    }
    for (unsigned i = w.rotations; i > 0; i--)
        for (unsigned gz = 0; gz < 2; gz++) {
            snprintf(from, sizeof from, "log.%u%s", i, gz ? ".gz" : "");
            snprintf(to, sizeof to, "log.%u%s", i + 1, gz ? ".gz" : "");
            rename(scratch_path(from), scratch_path(to));
            if (dice(20) == 0)
                pause_writer(100);
        }
}

static void rotate(void)
{
    char name[32];
    next_name(name);
    w.rotations++;
    if (dice(2)) {
        copy("log", name, false);
        pause_writer(2000);
        if (ftruncate(w.fd, 0) != 0)
            _exit(4);
        return;
    }
    rename(path, scratch_path(name));
    pause_writer(1000);
    write_lines(3);
    if (dice(2)) /* else the new file comes with the next line */
        close(open(path, O_WRONLY | O_CREAT, 0600));
    write_lines(3);
    pause_writer(1000);
    open_log();
}

static void compress_one(void)
{
    char name[32];
    unsigned which = dice(2);
    if (w.dated)
        snprintf(name, sizeof name, "log-20261121-%06u", w.rotations - 1 - which);
    else
        snprintf(name, sizeof name, "log.%u", 1 + which);
    if (w.rotations > which && access(scratch_path(name), F_OK) == 0)
        compress_file(name);
}

static void run_writer(unsigned steps)
{
    for (unsigned i = 0; i < steps; i++) {
        unsigned what = dice(30);
        if (what == 0 && shared->begun && w.rotations < 60)
            rotate();
        else if (what == 1)
            compress_one();
        else
            write_lines(4);
        *monotonic_ms += dice(10) ? dice(50) : dice(2000);
        pause_writer(dice(10) ? 300 : 5000);
    }
    open_log();
    write_line();
    shared->done = true;
    _exit(0);
}

static struct reader {
    unsigned next; /* the number expected */
} r;
static unsigned bad;

static void check_lines(void *arg, struct slice run, int64_t reference_ms)
{
    (void)arg;
    (void)reference_ms;
    while (run.n > 0) {
        struct slice line = slice_cut(&run, '\n');
        uint64_t number = 0;
        if (line.p == NULL || !slice_number(&line, &number) || number != r.next) {
            if (bad++ == 0)
                print_message("expected %u, got %.*s (%llu)\n", r.next, (int)line.n, line.p,
                              (unsigned long long)number);
        }
        r.next = (unsigned)number + 1;
    }
}

struct saved {
    struct follow_position at;
    unsigned next;
};

/* Reads, is killed and started from what was stored last or some time before. */
static void run_reader(void)
{
    struct saved saved[16];
    unsigned saves = 1, idle = 0;
    start();
    follow_read(f, 1, check_lines, NULL); /* the first line is there already */
    shared->begun = r.next > 1;
    saved[0] = (struct saved){*follow_position(f), r.next};
    while (idle < 40 && bad == 0) {
        bool done = shared->done;
        unsigned before = r.next;
        enum follow_result last = follow_read(f, 1 + dice(20000), check_lines, NULL);
        if (status().status == SOURCE_TRUNCATED && bad++ == 0)
            print_message("%s\n", status().error);
        idle = done && last != FOLLOW_MORE && before == r.next ? idle + 1 : 0;
        if (done)
            later(300);
        if (dice(4) == 0)
            saved[saves++ % 16] = (struct saved){*follow_position(f), r.next};
        if (dice(8) == 0 && !(done && idle > 5)) {
            unsigned back = dice(3) || saves < 16 ? 1 : 1 + dice(15);
            struct saved *from = &saved[(saves - back) % 16];
            follow_free(f);
            if (!done)
                usleep(dice(4) ? dice(1000) : dice(60000));
            f = follow_new(path, &from->at);
            r.next = from->next;
        }
        usleep(dice(1000));
    }
}

static unsigned run_seed(uint64_t seed)
{
    void *none = NULL;
    setup(&none);
    seed_state = seed * 0x9e3779b97f4a7c15u + 1;
    for (unsigned i = 0; i < 20; i++)
        dice(2);
    w = (struct writer){.fd = -1, .append = dice(3) != 0, .dated = dice(3) == 0};
    r.next = 1;
    bad = 0;
    shared->begun = shared->done = false;
    open_log();
    write_line();
    pid_t child = fork();
    if (child == 0)
        run_writer(1200);
    seed_state ^= 0x5555555555;
    run_reader();
    int code = 0;
    if (bad)
        kill(child, SIGKILL);
    waitpid(child, &code, 0);
    close(w.fd);
    if (bad == 0 && (code != 0 || r.next != shared->written + 1)) {
        print_message("ended before %u of %u, writer %d\n", r.next, shared->written, code);
        bad = 1;
    }
    if (bad)
        print_message("status %d, behind %llu %s\n", status().status,
                      (unsigned long long)status().behind_bytes, status().error);
    if (bad)
        print_message("seed %llu failed (append %d, dated %d): see %s\n", (unsigned long long)seed,
                      w.append, w.dated, scratch);
    else
        teardown(&none);
    return bad != 0;
}

static uint64_t first_seed = 1, seeds = 10;

static void stress(void **state)
{
    (void)state;
    unsigned failed = 0;
    for (uint64_t i = 0; i < seeds; i++)
        failed += run_seed(first_seed + i);
    if (seeds > 10)
        print_message("%llu seeds, %u failed\n", (unsigned long long)seeds, failed);
    assert_int_equal(failed, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(stress)};
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 1;
    monotonic_ms = &shared->monotonic_ms;
    if (argc == 3) {
        first_seed = strtoull(argv[1], NULL, 10);
        seeds = strtoull(argv[2], NULL, 10);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
