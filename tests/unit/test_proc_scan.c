/*
 * proc_scan.c over trees of recorded and hostile files in the place of /proc, and over the real one; and
 * process_rows.c: what two passes make of a row.
 */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include "../../collectors/process_rows.h"
#include "../../collectors/served.h"
#include "scratch.h"

static void put(const char *name, const char *text, size_t n)
{
    scratch_put_bytes(name, text, n, 0644);
}

static void put_process(unsigned pid, const char *name, unsigned parent, char state, unsigned cpu,
                        unsigned start)
{
    char path[64], text[512];
    int n = snprintf(text, sizeof text,
                     "%u (%s) %c %u 1 1 0 -1 0 0 0 0 0 %u 0 0 0 20 0 1 0 %u 9999 10 0\n", pid, name,
                     state, parent, cpu, start);
    snprintf(path, sizeof path, "%u/stat", pid);
    put(path, text, (size_t)n);
}

/* Which processes were seen, as "want:pid ". */
static const char *seen(const struct proc_scan *s)
{
    static char text[512];
    size_t n = 0;
    text[0] = 0;
    for (unsigned i = 0; i < s->seen_count && n < sizeof text - 32; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%u:%u ", s->seen[i].want, s->seen[i].pid);
    return text;
}

static void finds_what_is_wanted(void **state)
{
    (void)state;
    char pid_file[128];
    snprintf(pid_file, sizeof pid_file, "%s/master.pid", scratch);
    put("master.pid", "             200\n", 17);
    put_process(1, "init", 0, 'S', 1, 1);
    put_process(100, "master", 1, 'S', 5, 10); /* of another program */
    put_process(200, "master", 1, 'S', 5, 20);
    put_process(201, "qmgr", 200, 'S', 5, 21);
    put_process(101, "qmgr", 100, 'S', 5, 11);
    put_process(300, "a-long-name-of-", 1, 'R', 5, 30);
    put_process(301, "python3", 1, 'R', 5, 30);
    put("301/cmdline", "/usr/bin/python3\0/opt/filter.py\0--all", 37);
    put("301/status", "Name:\tpython3\nUid:\t0\t104\t0\t0\n", 29);
    put_process(302, "python3", 1, 'R', 5, 30);
    put("302/cmdline", "/usr/bin/python3\0/opt/other.py", 30);
    put_process(400, "master", 1, 'Z', 5, 40);
    const struct proc_want wants[] = {
        {.names = "master"},
        {.names = "master", .pid_file = pid_file},
        {.names = "qmgr nqmgr", .pid_file = pid_file, .child = true},
        {.names = "a-long-name-of-a-process"},
        {.names = "python3", .arguments = "/opt/filter.py --all"},
        {.names = "python3", .has_uid = true, .uid = 104},
        {.pid_file = pid_file},
        {.names = "master", .pid_file = "/no/such/file"},
        {.names = "python3", .has_uid = true, .uid = 0},
    };
    struct proc_scan s;
    assert_true(proc_scan_init(&s, scratch, wants, sizeof wants / sizeof wants[0]));
    proc_scan_run(&s);
    assert_int_equal(s.error, 0);
    assert_string_equal(seen(&s), "0:100 0:200 1:200 6:200 2:201 3:300 4:301 5:301 ");
    assert_int_equal(s.processes, 9);
    assert_false(s.hidden);
    proc_scan_free(&s);
}

/* What hangs from pid files is not looked for while none of them names a process. */
static void looks_when_there_is_a_pid(void **state)
{
    (void)state;
    char pid_file[128];
    snprintf(pid_file, sizeof pid_file, "%s/master.pid", scratch);
    const struct proc_want wants[] = {{.names = "master", .pid_file = pid_file},
                                      {.names = "qmgr", .pid_file = pid_file, .child = true}};
    struct proc_scan s;
    put_process(1, "init", 0, 'S', 1, 1);
    put_process(201, "sh", 1, 'S', 1, 1);
    assert_true(proc_scan_init(&s, scratch, wants, 2));
    proc_scan_run(&s); /* is there hidepid? */
    assert_int_equal(s.processes, 2);
    put("master.pid", "200\n", 4); /* one that was killed */
    for (unsigned i = 0; i < 3; i++) {
        proc_scan_run(&s);
        assert_int_equal(s.error, 0);
        assert_int_equal(s.processes + s.read + s.seen_count, 0);
    }
    put_process(200, "master", 1, 'S', 5, 20);
    put_process(201, "qmgr", 200, 'S', 5, 21); /* a number that another had before */
    proc_scan_run(&s);
    assert_string_equal(seen(&s), "0:200 1:201 ");
    proc_scan_free(&s);
}

static void reads_little(void **state)
{
    (void)state;
    const struct proc_want wants[] = {{.names = "wanted"}};
    struct proc_scan s;
    for (unsigned pid = 2; pid < 162; pid++)
        put_process(pid, pid == 2 ? "wanted" : "other", 1, 'S', 0, 0);
    assert_true(proc_scan_init(&s, scratch, wants, 1));
    proc_scan_run(&s);
    assert_int_equal(s.read, 160);
    assert_true(s.hidden); /* there is no process 1 */
    proc_scan_run(&s);
    assert_int_equal(s.read, 160); /* it may just have begun another program */
    unsigned read = 0;
    for (unsigned i = 0; i < 16; i++) {
        proc_scan_run(&s);
        assert_string_equal(seen(&s), "0:2 ");
        assert_in_range(s.read, 1, 12);
        read += s.read;
    }
    assert_int_equal(read, 159 + 16);        /* each once, and the wanted one each time */
    put_process(90, "wanted", 1, 'S', 0, 0); /* the number was given to another */
    unsigned passes = 0;
    do
        proc_scan_run(&s);
    while (++passes < 17 && s.seen_count < 2);
    assert_string_equal(seen(&s), "0:2 0:90 ");
    proc_scan_free(&s);
}

static void survives_hostile_files(void **state)
{
    (void)state;
    const struct proc_want wants[] = {{.names = "x", .arguments = "y"},
                                      {.names = "x", .has_uid = true}};
    struct proc_scan s;
    char path[128];
    put("1/stat", "", 0);
    put("2/stat", "2 (x", 4);
    put("3/stat/sub", "", 0);          /* a directory */
    put_process(4, "x", 1, 'S', 1, 1); /* without a command line */
    put("99999999999999999999/stat", "5 (x) S", 7);
    put("0/stat", "0 (x) S", 7);
    put("6x/stat", "6 (x) S", 7);
    put_process(7, "x", 1, 'S', 1, 1);
    put("7/cmdline", "\0\0\0\0", 4);
    put("7/status", "Uid:", 4);
    snprintf(path, sizeof path, "%s/8", scratch);
    mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/8/stat", scratch);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_true(proc_scan_init(&s, scratch, wants, 2));
    proc_scan_run(&s);
    assert_int_equal(s.seen_count, 0);
    assert_int_equal(s.processes, 6);
    proc_scan_free(&s);
    assert_true(proc_scan_init(&s, "/no/such/tree", wants, 2));
    proc_scan_run(&s);
    assert_int_not_equal(s.error, 0);
    proc_scan_free(&s);
}

static void sees_real_processes(void **state)
{
    (void)state;
    const struct proc_want wants[] = {{.names = "sleep", .arguments = "sleep 1234567"}};
    struct proc_scan s;
    pid_t child = fork();
    if (child == 0) {
        execlp("sleep", "sleep", "1234567", (char *)NULL);
        _exit(1);
    }
    assert_true(proc_scan_init(&s, "/proc", wants, 1));
    for (int i = 0; i < 100; i++) {
        proc_scan_run(&s);
        if (s.seen_count)
            break;
        usleep(20000);
    }
    assert_int_equal(s.seen_count, 1);
    assert_int_equal(s.seen[0].pid, child);
    int64_t start_ms = proc_start_ms(s.seen[0].start_ticks);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t now_ms = now.tv_sec * 1000 + now.tv_nsec / 1000000;
    assert_in_range(now_ms - start_ms + 50, 0, 3000);
    kill(child, SIGKILL);
    proc_scan_run(&s);
    waitpid(child, NULL, 0);
    proc_scan_run(&s);
    assert_int_equal(s.seen_count, 0);
    proc_scan_free(&s);
}

static void reads_pid_files(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t pid;
    } files[] = {{"17\n", 17},
                 {"  17 x", 17},
                 {"2147483647", 2147483647},
                 {"", 0},
                 {"x", 0},
                 {"0\n", 0},
                 {"-17\n", 0},
                 {"2147483648\n", 0},
                 {"99999999999999999999999", 0}};
    char path[128];
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        put("pid", files[i].text, strlen(files[i].text));
        snprintf(path, sizeof path, "%s/pid", scratch);
        assert_int_equal(proc_pid_file(path), files[i].pid);
    }
    snprintf(path, sizeof path, "%s/none", scratch);
    assert_int_equal(proc_pid_file(path), 0);
    assert_int_equal(proc_pid_file(scratch), -1);
    assert_int_equal(errno, EISDIR);
}

static void tells_who_lives(void **state)
{
    (void)state;
    int64_t start_ms = -1;
    char name[16];
    pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    prctl(PR_GET_NAME, name);
    assert_false(proc_alive(child, "another", &start_ms));
    assert_false(proc_alive(0, name, &start_ms));
    assert_false(proc_alive(-1, name, &start_ms));
    assert_int_equal(start_ms, -1);
    assert_true(proc_alive(child, name, &start_ms));
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    assert_in_range(now.tv_sec * 1000 + now.tv_nsec / 1000000 - start_ms + 50, 0, 3000);
    siginfo_t info;
    kill(child, SIGKILL);
    waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
    assert_false(proc_alive(child, name, &start_ms)); /* it is there, but has ended */
    waitpid(child, NULL, 0);
    assert_false(proc_alive(child, name, &start_ms));
}

static void sums_up(void **state)
{
    (void)state;
    const struct proc_seen before[] = {{0, 10, 100, 5, 1}, {0, 11, 50, 6, 1}, {1, 11, 50, 6, 1}};
    const struct proc_seen now[] = {
        {0, 10, 130, 5, 2}, {1, 11, 70, 6, 4}, {0, 11, 7, 9, 8}, {0, 12, 3, 4, 16}};
    struct process_sum sum = process_sum(0, now, 4, before, 3);
    assert_int_equal(sum.running, 3);
    assert_int_equal(sum.cpu_ticks, 30 + 7 + 3); /* 11 is another process now */
    assert_int_equal(sum.rss_pages, 2 + 8 + 16);
    assert_int_equal(sum.oldest->pid, 12);
    sum = process_sum(2, now, 4, before, 3);
    assert_int_equal(sum.running, 0);
    assert_null(sum.oldest);
    sum = process_sum(0, NULL, 0, NULL, 0);
    assert_int_equal(sum.running, 0);
}

static struct process_sum running(unsigned n, const struct proc_seen *oldest)
{
    return (struct process_sum){.running = n, .rss_pages = n, .cpu_ticks = 50, .oldest = oldest};
}

static void judges(void **state)
{
    (void)state;
    struct process row = {.main_started_at = MODEL_NEVER};
    struct process_rule rule = {.min = 1, .max = 2, .max_life_ms = 60000};
    long hz = sysconf(_SC_CLK_TCK), page = sysconf(_SC_PAGESIZE);
    struct proc_seen oldest = {0, 10, 0, (uint64_t)hz, 1};
    int64_t born_ms = proc_start_ms(oldest.start_ticks);
    struct process_sum sum = running(0, NULL);
    assert_false(process_row_set(&row, &rule, &sum, born_ms, 0));
    assert_int_equal(row.status, PROCESS_TOO_FEW);
    assert_true(row.oldest_at == MODEL_NEVER && row.cpu_per_mille == MODEL_ABSENT);
    sum = running(2, &oldest);
    process_row_set(&row, &rule, &sum, born_ms + 60000, 1000);
    assert_int_equal(row.status, PROCESS_OK);
    assert_int_equal(row.cpu_per_mille, 50 * 1000 / hz);
    assert_int_equal(row.resident_kb, 2 * page / 1024);
    process_row_set(&row, &rule, &sum, born_ms + 60100, 1000);
    assert_int_equal(row.status, PROCESS_TOO_OLD);
    rule.max_life_ms = 0;
    rule.max_connections = 100;
    row.connections_served = 99;
    process_row_set(&row, &rule, &sum, born_ms + 60100, 1000);
    assert_int_equal(row.status, PROCESS_OK);
    row.connections_served = 100;
    process_row_set(&row, &rule, &sum, born_ms + 60100, 1000);
    assert_int_equal(row.status, PROCESS_TOO_OLD);
    row.connections_served = MODEL_ABSENT;
    process_row_set(&row, &rule, &sum, born_ms + 60100, 1000);
    assert_int_equal(row.status, PROCESS_OK);
    sum = running(3, &oldest);
    process_row_set(&row, &rule, &sum, born_ms + 60100, 1000);
    assert_int_equal(row.status, PROCESS_TOO_MANY);
}

static void counts_connections(void **state)
{
    (void)state;
    static struct served s;
    assert_true(served_by(&s, 5, 0) == MODEL_ABSENT);
    served_begin(&s, 7000);
    served_begin(&s, 9000);
    served_add(&s, 5, 10000);
    served_add(&s, 5, 20000);
    served_add(&s, 6, 20000);
    assert_int_equal(served_by(&s, 5, 7000), 2); /* it waited for the first one */
    assert_int_equal(served_by(&s, 5, 9500), 2);
    assert_int_equal(served_by(&s, 5, 11000), 2);         /* the log tells whole seconds */
    assert_true(served_by(&s, 5, 5000) == MODEL_ABSENT);  /* older than the first line */
    assert_true(served_by(&s, 5, 15000) == MODEL_ABSENT); /* the number was another's */
    assert_true(served_by(&s, 7, 15000) == MODEL_ABSENT);
    served_add(&s, 5 + SERVED_SLOTS, 30000);
    assert_true(served_by(&s, 5, 10000) == MODEL_ABSENT);
    assert_int_equal(served_by(&s, 5 + SERVED_SLOTS, 30000), 1);
}

static void counts_restarts(void **state)
{
    (void)state;
    struct process row = {.main_started_at = MODEL_NEVER};
    struct process_rule rule = {.min = 1, .max = 1, .one = true};
    struct proc_seen a = {0, 10, 0, 10000, 1}, b = {0, 11, 0, 20000, 1},
                     again = {0, 11, 0, 90000, 1};
    struct process_sum none = running(0, NULL), first = running(1, &a), second = running(1, &b),
                       third = running(1, &again);
    assert_true(process_row_set(&row, &rule, &first, 0, 1));
    assert_int_equal(row.restarts, 0); /* the first one ever */
    assert_false(process_row_set(&row, &rule, &first, 0, 1));
    assert_false(process_row_set(&row, &rule, &none, 0, 1));
    assert_false(process_row_set(&row, &rule, &first, 0, 1)); /* it was only not seen */
    assert_true(process_row_set(&row, &rule, &second, 0, 1));
    assert_int_equal(row.restarts, 1);
    row.main_started_at += 1500; /* the clock was set while mailmond did not run */
    assert_false(process_row_set(&row, &rule, &second, 0, 1));
    assert_true(process_row_set(&row, &rule, &third, 0, 1)); /* the same number, another process */
    assert_int_equal(row.restarts, 2);
    rule.one = false;
    assert_false(process_row_set(&row, &rule, &first, 0, 1));
    assert_int_equal(row.restarts, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_what_is_wanted, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(looks_when_there_is_a_pid, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(reads_little, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(survives_hostile_files, scratch_make, scratch_remove),
        cmocka_unit_test(sees_real_processes),
        cmocka_unit_test_setup_teardown(reads_pid_files, scratch_make, scratch_remove),
        cmocka_unit_test(tells_who_lives),
        cmocka_unit_test(sums_up),
        cmocka_unit_test(judges),
        cmocka_unit_test(counts_connections),
        cmocka_unit_test(counts_restarts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
