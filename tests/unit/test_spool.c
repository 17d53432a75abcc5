/* Queues of several files for a message: Sendmail's and OpenSMTPD's, made here file by file. */
#include <fcntl.h>
#include <time.h>

#include "../../collectors/spool.h"
#include "scratch.h"

#define NOW_S 1795321700

static struct mailq_result result;

static void set_time(const char *name, time_t seconds)
{
    struct timespec times[2] = {{seconds, 0}, {seconds, 0}};
    assert_int_equal(utimensat(AT_FDCWD, scratch_path(name), times, 0), 0);
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
    scratch_put(name, text, 0600);
}

static void test_sendmail(void **state)
{
    (void)state;
    struct spool *s = spool_new(&mta_sendmail, scratch);
    assert_non_null(s);
    make_control("qf6AM4R6SU014071", NOW_S - 100, 2);
    scratch_put("df6AM4R6SU014071", "0123456789", 0600);
    make_control("q1/qf/qf6AM4R6SU014072", NOW_S - 700, 1);
    scratch_put("q1/df/df6AM4R6SU014072", "01234", 0600);
    make_control("hf6AM4R6SU014073", NOW_S - 3, 1);
    make_control("Qf6AM4R6SU014074", NOW_S - 3, 1);
    scratch_put("df6AM4R6SU014075", "being received", 0600);
    scratch_put("xf6AM4R6SU014071", "transcript", 0600);
    scratch_put("tf6AM4R6SU014071", "temporary", 0600);
    scratch_put("notes", "nothing of Sendmail's", 0600);
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
    unlink(scratch_path("qf6AM4R6SU014071"));
    refresh(s);
    assert_int_equal(result.queues[0].messages, 1);
    spool_free(s);
}

static void test_opensmtpd(void **state)
{
    (void)state;
    struct spool *s = spool_new(&mta_opensmtpd, scratch);
    assert_non_null(s);
    scratch_put("queue/45/4553e208/message", "From: a\nMessage-ID: <m@x>\n\nMessage-ID: no\n",
                0600);
    set_time("queue/45/4553e208/message", NOW_S - 1000);
    scratch_put("queue/45/4553e208/4553e208997e3e57", "version: 3\n", 0600);
    scratch_put("queue/45/4553e208/4553e208d1916dba", "version: 3\n", 0600);
    scratch_put("queue/0a/0a6586e2/message", "x\n", 0600);
    set_time("queue/0a/0a6586e2/message", NOW_S - 10);
    scratch_put("queue/0a/0a6586e2/0a6586e26db3e3a2", "version: 3\n", 0600);
    scratch_put("queue/0b/0b6586e2/message", "no recipients any more", 0600);
    scratch_put("corrupt/0c6586e2/message", "x", 0600);
    scratch_put("corrupt/0c6586e2/0c6586e26db3e3a2", "x", 0600);
    scratch_put("offline/1795322820.abc", "later", 0600);
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
    struct spool *s = spool_new(&mta_sendmail, "/nonexistent");
    refresh(s);
    assert_int_equal(result.status, SOURCE_MISSING);
    assert_true(result.queues[0].messages == MODEL_ABSENT);
    spool_free(s);
    s = spool_new(&mta_sendmail, scratch);
    make_control("deep/1/2/3/4/5/qf6AM4R6SU014071", NOW_S - 100, 1);
    assert_int_equal(symlink("/etc/passwd", scratch_path("qf6AM4R6SU014072")), 0);
    assert_int_equal(symlink(scratch, scratch_path("loop")), 0);
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
        cmocka_unit_test_setup_teardown(test_sendmail, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(test_opensmtpd, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(test_nothing, scratch_make, scratch_remove),
        cmocka_unit_test(test_statistics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
