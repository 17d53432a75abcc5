/*
 * 100,000 random operations on a queue, with more events at once than the kernel keeps: the collector must
 * always know what a fresh one finds and what we did, and read no file twice for its size.
 */
#include "mailq_fixture.h"

#define FILES      3000
#define OPERATIONS 100000

struct file {
    char name[24], directory[32]; /* name empty: none */
    unsigned queue, size, recipients, serial;
    bool writing;
};
static struct file files[FILES];
static unsigned serial;

static void path_of(const struct file *f, char path[80])
{
    snprintf(path, 80, "%s/%s", f->directory, f->name);
}

/* A directory, made if need be: deferred is hashed to any depth up to two. */
static unsigned random_directory(char directory[32])
{
    unsigned queue = (unsigned)random() % QUEUES;
    snprintf(directory, 32, "%s", queues[queue].name);
    for (unsigned depth = queue == DEFERRED ? (unsigned)random() % 3 : 0; depth; depth--) {
        size_t n = strlen(directory);
        snprintf(directory + n, 32 - n, "/%c", "0Az"[random() % 3]);
        mkdir(at(directory), 0700);
    }
    return queue;
}

static void create(struct file *f)
{
    char path[80], text[80];
    int64_t age = random() % 10 ? random() % 600000 : random() % 3000000, arrival = now_s - age;
    f->serial = ++serial;
    f->size = (unsigned)random() % 100000;
    f->recipients = (unsigned)random() % 5;
    f->queue = random_directory(f->directory);
    if (random() % 3)
        snprintf(f->name, sizeof f->name, "T%lldX%u", (long long)arrival, f->serial);
    else
        snprintf(f->name, sizeof f->name, "S%u", f->serial);
    path_of(f, path);
    snprintf(text, sizeof text, "%u %u %lld %u <m%u@x>", f->size, f->recipients, (long long)arrival,
             f->serial, f->serial);
    f->writing = f->queue == INCOMING && random() % 2;
    make(path, f->writing ? 0600 : 0700, text);
    set_mtime(path, now_s + random() % 4000 - 500);
}

static void complete(struct file *f)
{
    char path[80];
    path_of(f, path);
    if (f->name[0] && f->writing)
        assert_int_equal(chmod(at(path), 0700), 0);
    f->writing = false;
}

static void operate(void)
{
    struct file *f = &files[random() % FILES];
    char path[80], to[80];
    path_of(f, path);
    if (!f->name[0]) {
        create(f);
    } else if (random() % 4 == 0) {
        assert_int_equal(unlink(at(path)), 0);
        f->name[0] = '\0';
    } else if (f->writing) {
        complete(f);
    } else {
        f->queue = random_directory(f->directory);
        path_of(f, to);
        assert_int_equal(rename(at(path), at(to)), 0);
    }
    if (random() % 50 == 0) { /* a hash directory that happens to be empty goes */
        char directory[32];
        if (random_directory(directory) == DEFERRED && strchr(directory, '/'))
            rmdir(at(directory));
    }
}

static void check_against_fresh(struct mailq *q)
{
    static struct mailq_queue live[QUEUES];
    memcpy(live, learn_all(q), sizeof live);
    counting = false;
    struct mailq *fresh = mailq_new(&fake, root);
    struct mailq_queue *r = learn_all(fresh);
    counting = true;
    mailq_free(fresh);
    for (unsigned i = 0; i < QUEUES; i++) {
        assert_int_equal(live[i].messages, r[i].messages);
        assert_int_equal(live[i].bytes, r[i].bytes);
        assert_int_equal(live[i].recipients, r[i].recipients);
        assert_true(live[i].complete && live[i].ages_complete && r[i].ages_complete);
        assert_int_equal(live[i].oldest_ms, r[i].oldest_ms);
        assert_int_equal(live[i].retry_ms, r[i].retry_ms);
        assert_memory_equal(live[i].buckets, r[i].buckets, sizeof r[i].buckets);
    }
}

/* The numbers of the last refresh against what we did. */
static void check_against_truth(void)
{
    uint64_t messages[QUEUES] = {0}, bytes[QUEUES] = {0}, recipients[QUEUES] = {0};
    for (unsigned i = 0; i < FILES; i++) {
        if (!files[i].name[0])
            continue;
        messages[files[i].queue]++;
        bytes[files[i].queue] += files[i].size;
        recipients[files[i].queue] += files[i].recipients;
    }
    for (unsigned i = 0; i < QUEUES; i++) {
        assert_int_equal(result.queues[i].messages, messages[i]);
        assert_int_equal(result.queues[i].bytes, bytes[i]);
        assert_int_equal(result.queues[i].recipients, recipients[i]);
    }
}

static void test_random_operations(void **state)
{
    (void)state;
    memset(files, 0, sizeof files);
    memset(was_oldest, 0, sizeof was_oldest);
    serial = 0;
    srandom(3);
    struct mailq *q = mailq_new(&fake, root);
    for (unsigned i = 0; i < OPERATIONS; i++) {
        operate();
        bool burst = i > 50000 && i < 75000; /* more than the event queue holds */
        if (!burst && random() % 500 == 0) {
            refresh_with(q, (struct mailq_request){.files_max = 50, .rescan = random() % 20 == 0});
            pass(random() % 30);
        }
        if (!burst && i % 10000 == 9999) {
            for (unsigned k = 0; k < FILES; k++)
                complete(&files[k]);
            check_against_fresh(q);
            check_against_truth();
        }
    }
    learn_all(q);
    assert_true(result.overflows > 0);
    assert_int_equal(result.status, SOURCE_OK);
    check_against_truth();
    for (unsigned i = 0; i <= serial; i++)
        assert_true(reads[i] <= 1 || was_oldest[i]);
    mailq_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_random_operations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
