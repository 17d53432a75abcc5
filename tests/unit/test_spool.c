/* Queues of several files for a message: Sendmail's and OpenSMTPD's, made here file by file. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../collectors/spool.h"

#define NOW_S 1795321700

static char folder[64];
static struct mailq_result result;

static void make_file(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (char *slash = path + strlen(folder) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        mkdir(path, 0700);
        *slash = '/';
    }
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void set_time(const char *name, time_t seconds)
{
    char path[256];
    struct timespec times[2] = {{seconds, 0}, {seconds, 0}};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/test_spool.XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void refresh(struct spool *s)
{
    struct mailq_request request = {.real_ms = NOW_S * INT64_C(1000)};
    spool_refresh(s, &request, &result);
}

/* As Sendmail 8.17 writes it, shortened. */
static void make_control(const char *name, unsigned arrival_s, unsigned recipients)
{
    char text[2048];
    int n = snprintf(text, sizeof text,
                     "V8\nT%u\nK0\nN0\nP30196\nFbs\n$_[127.0.0.2]\n${daemon_flags}\n"
                     "S<sender@ok.test>\nrRFC822; a@ok.test\n",
                     arrival_s);
    for (unsigned i = 0; i < recipients; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "RPFD:<a%u@ok.test>\n", i);
    snprintf(text + n, sizeof text - (size_t)n,
             "H?P?Return-Path: <\x81g>\nH??Received: from x\n\tby y\nH??Message-ID: <%s@x>\n.\n",
             name);
    make_file(name, text);
}

static void test_sendmail(void **state)
{
    (void)state;
    struct spool *s = spool_new(&mta_sendmail, folder);
    assert_non_null(s);
    make_control("qf6AM4R6SU014071", NOW_S - 100, 2);
    make_file("df6AM4R6SU014071", "0123456789");
    make_control("q1/qf/qf6AM4R6SU014072", NOW_S - 700, 1);
    make_file("q1/df/df6AM4R6SU014072", "01234");
    make_control("hf6AM4R6SU014073", NOW_S - 3, 1);
    make_control("Qf6AM4R6SU014074", NOW_S - 3, 1);
    make_file("df6AM4R6SU014075", "being received");
    make_file("xf6AM4R6SU014071", "transcript");
    make_file("tf6AM4R6SU014071", "temporary");
    make_file("notes", "nothing of Sendmail's");
    refresh(s);
    assert_int_equal(result.status, SOURCE_OK);
    const struct mailq_queue *q = &result.queues[0];
    assert_int_equal(q->messages, 2);
    assert_int_equal(q->recipients, 3);
    assert_true(q->bytes > 15 && q->bytes < 250);
    assert_true(q->complete && q->ages_complete);
    assert_int_equal(q->oldest_ms, (NOW_S - 700) * INT64_C(1000));
    assert_string_equal(q->oldest_id, "6AM4R6SU014072");
    assert_memory_equal(q->message_id.bytes, "<q1/qf/qf6AM4R6SU014072@x>", q->message_id.length);
    assert_int_equal(q->buckets[0], 1); /* below 5 minutes */
    assert_int_equal(q->buckets[2], 1); /* below 20 */
    assert_int_equal(result.queues[1].messages, 1);
    assert_int_equal(result.queues[2].messages, 1);
    assert_int_equal(result.files_read, 4 + 3); /* control files, and each queue's oldest */
    uint64_t read = result.files_read;
    refresh(s); /* nothing changed: only the oldest are read */
    assert_int_equal(result.files_read, read + 3);
    assert_int_equal(result.queues[0].recipients, 3);
    make_control("qf6AM4R6SU014071", NOW_S - 100, 1); /* a recipient less */
    set_time("qf6AM4R6SU014071", NOW_S);
    refresh(s);
    assert_int_equal(result.queues[0].recipients, 2);
    char path[128];
    snprintf(path, sizeof path, "%s/qf6AM4R6SU014071", folder);
    unlink(path);
    refresh(s);
    assert_int_equal(result.queues[0].messages, 1);
    spool_free(s);
}

static void test_opensmtpd(void **state)
{
    (void)state;
    struct spool *s = spool_new(&mta_opensmtpd, folder);
    assert_non_null(s);
    make_file("queue/45/4553e208/message", "From: a\nMessage-ID: <m@x>\n\nMessage-ID: no\n");
    set_time("queue/45/4553e208/message", NOW_S - 1000);
    make_file("queue/45/4553e208/4553e208997e3e57", "version: 3\n");
    make_file("queue/45/4553e208/4553e208d1916dba", "version: 3\n");
    make_file("queue/0a/0a6586e2/message", "x\n");
    set_time("queue/0a/0a6586e2/message", NOW_S - 10);
    make_file("queue/0a/0a6586e2/0a6586e26db3e3a2", "version: 3\n");
    make_file("queue/0b/0b6586e2/message", "no recipients any more");
    make_file("corrupt/0c6586e2/message", "x");
    make_file("corrupt/0c6586e2/0c6586e26db3e3a2", "x");
    make_file("offline/1795322820.abc", "later");
    refresh(s);
    assert_int_equal(result.status, SOURCE_OK);
    const struct mailq_queue *q = &result.queues[0];
    assert_int_equal(q->messages, 2);
    assert_int_equal(q->recipients, 3);
    assert_int_equal(q->bytes, 44);
    assert_int_equal(q->oldest_ms, (NOW_S - 1000) * INT64_C(1000));
    assert_string_equal(q->oldest_id, "4553e208");
    assert_memory_equal(q->message_id.bytes, "<m@x>", 5);
    assert_int_equal(result.queues[1].messages, 1);
    spool_free(s);
}

/* No directory; one that is no queue's; links, which nobody follows. */
static void test_nothing(void **state)
{
    (void)state;
    char path[128];
    struct spool *s = spool_new(&mta_sendmail, "/nonexistent");
    refresh(s);
    assert_int_equal(result.status, SOURCE_MISSING);
    assert_true(result.queues[0].messages == MODEL_ABSENT);
    spool_free(s);
    s = spool_new(&mta_sendmail, folder);
    make_control("deep/1/2/3/4/5/qf6AM4R6SU014071", NOW_S - 100, 1);
    snprintf(path, sizeof path, "%s/qf6AM4R6SU014072", folder);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    snprintf(path, sizeof path, "%s/loop", folder);
    assert_int_equal(symlink(folder, path), 0);
    refresh(s);
    assert_int_equal(result.status, SOURCE_OK);
    assert_int_equal(result.queues[0].messages, 0);
    spool_free(s);
}

/* The head of sendmail.st: magic, version, since, size, connections from, to, refused. */
static void test_statistics(void **state)
{
    (void)state;
    struct {
        int magic, version;
        time_t since;
        short size;
        long counts[3], mailers[175];
    } st = {0x1b1de, 4, 1, sizeof st, {50, 26, 10}, {0}};
    struct slice content = {(const char *)&st, sizeof st};
    uint64_t inbound = 0;
    assert_true(mta_sendmail.statistics(content, &inbound));
    assert_int_equal(inbound, 50);
    for (size_t n = 0; n < sizeof st; n++) { /* cut: as it is while it is made */
        char *copy = malloc(n + 1);
        memcpy(copy, &st, n);
        assert_false(mta_sendmail.statistics((struct slice){copy, n}, &inbound));
        free(copy);
    }
    st.version = 2;
    assert_false(mta_sendmail.statistics(content, &inbound));
    st.version = 3;
    assert_true(mta_sendmail.statistics(content, &inbound));
    st.magic = 1;
    assert_false(mta_sendmail.statistics(content, &inbound));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sendmail, setup, teardown),
        cmocka_unit_test_setup_teardown(test_opensmtpd, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing, setup, teardown),
        cmocka_unit_test(test_statistics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
