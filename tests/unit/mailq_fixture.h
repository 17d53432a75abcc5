/*
 * What the tests of the queue collector share: real directories below /tmp and a mail system of our own.
 * Its ids are "T<arrival>X<serial>" (arrival in the name) or "S<serial>" (not); the text of a file is
 * "size recipients arrival serial Message-ID".
 */
#ifndef MAILQ_FIXTURE_H
#define MAILQ_FIXTURE_H

#include "../../collectors/mailq.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SERIALS 200000

static uint8_t reads[SERIALS]; /* how often a file was understood */
static bool counting;

static inline bool fake_name(struct slice name, struct queue_id *id, int64_t *arrival_s)
{
    uint64_t n, serial;
    *arrival_s = 0;
    *id = queue_id_pack(name);
    if (slice_take(&name, SLICE("S")))
        return slice_number(&name, &serial) && name.n == 0;
    if (!slice_take(&name, SLICE("T")) || !slice_number(&name, &n) ||
        !slice_take(&name, SLICE("X")))
        return false;
    *arrival_s = (int64_t)n;
    return slice_number(&name, &serial) && name.n == 0;
}

static inline bool take(struct slice *s, uint64_t *n)
{
    *s = slice_trim(*s);
    return slice_number(s, n);
}

static inline bool fake_file(struct slice content, struct queue_file *f)
{
    uint64_t size, recipients, arrival, serial;
    if (!take(&content, &size) || !take(&content, &recipients) || !take(&content, &arrival) ||
        !take(&content, &serial) || serial >= SERIALS)
        return false;
    if (counting)
        reads[serial]++;
    *f = (struct queue_file){size,
                             (uint32_t)recipients,
                             (uint32_t)recipients,
                             (int64_t)arrival * 1000,
                             slice_trim(content),
                             false};
    return true;
}

static const struct mta_queue queues[] = {{"incoming", MTA_QUEUE_INCOMPLETE},
                                          {"active", 0},
                                          {"deferred", MTA_QUEUE_RETRY},
                                          {"hold", 0},
                                          {NULL, 0}};
enum { INCOMING, ACTIVE, DEFERRED, HOLD, QUEUES };
static const struct mta fake = {
    .name = "fake", .queues = queues, .queue_name = fake_name, .queue_file = fake_file};

static char root[64];
static int64_t now_s, monotonic_s;
static struct mailq_result result;

static inline const char *at(const char *path)
{
    static char full[8][256];
    static unsigned next;
    char *p = full[next++ % 8];
    snprintf(p, sizeof full[0], "%s/%s", root, path);
    return p;
}

static inline void make(const char *path, unsigned mode, const char *content)
{
    int fd = open(at(path), O_WRONLY | O_CREAT | O_TRUNC, mode);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
    close(fd);
}

static inline void set_mtime(const char *path, int64_t s)
{
    struct timespec t[2] = {{.tv_sec = s}, {.tv_sec = s}};
    assert_int_equal(utimensat(AT_FDCWD, at(path), t, 0), 0);
}

static inline int set_up(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/test_mailq.XXXXXX");
    assert_non_null(mkdtemp(root));
    for (unsigned i = 0; i < QUEUES; i++)
        assert_int_equal(mkdir(at(queues[i].name), 0700), 0);
    now_s = time(NULL);
    monotonic_s = 1000;
    memset(reads, 0, sizeof reads);
    counting = true;
    return 0;
}

static inline void remove_tree(const char *path)
{
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        char below[512];
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        int n = snprintf(below, sizeof below, "%s/%s", path, e->d_name);
        assert_true(n > 0 && (size_t)n < sizeof below);
        if (unlink(below) != 0)
            remove_tree(below);
    }
    if (d)
        closedir(d);
    rmdir(path);
}

static inline int tear_down(void **state)
{
    (void)state;
    remove_tree(root);
    return 0;
}

static bool was_oldest[SERIALS]; /* these are read once more, for the Message-ID */

static inline void note_oldest(void)
{
    for (unsigned i = 0; i < QUEUES; i++) {
        const char *x = strpbrk(result.queues[i].oldest_id, "XS");
        if (x)
            was_oldest[strtoul(x + 1, NULL, 10)] = true;
    }
}

static inline struct mailq_queue *refresh_with(struct mailq *q, struct mailq_request r)
{
    r.real_ms = now_s * 1000;
    r.monotonic_ms = monotonic_s * 1000;
    mailq_refresh(q, &r, &result);
    if (counting)
        note_oldest();
    return result.queues;
}

static inline struct mailq_queue *refresh(struct mailq *q)
{
    return refresh_with(q, (struct mailq_request){.files_max = 1000});
}

static inline void pass(int64_t seconds)
{
    now_s += seconds;
    monotonic_s += seconds;
}

static inline struct queue_id id(const char *text)
{
    return queue_id_pack(slice_of(text));
}

/* Until nothing is left to learn. */
static inline struct mailq_queue *learn_all(struct mailq *q)
{
    for (unsigned i = 0; i < 5; i++) {
        refresh_with(q, (struct mailq_request){.files_max = 100000});
        monotonic_s += 60;
    }
    return refresh_with(q, (struct mailq_request){.files_max = 100000});
}

/* One that gets no inotify instance. */
static inline struct mailq *new_polling(void)
{
    struct rlimit before, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){0, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    struct mailq *q = mailq_new(&fake, root);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_non_null(q);
    assert_int_equal(mailq_fd(q), -1);
    return q;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif
