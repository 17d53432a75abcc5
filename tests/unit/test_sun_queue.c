/* Queue directories of Sun's Messaging Server: names, ages and sizes of files, and what is no queue file. */
#include "../../collectors/sun_queue.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>

#define NOW 2000000000

static struct sun_queue q;

/* A file of `size` octets that is `age` seconds old, with the directories to it. */
static void put(const char *name, size_t size, time_t age, const char *text)
{
    int fd = open(scratch_put(name, text, 0600), O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    struct timespec t[2] = {{NOW - age, 0}, {NOW - age, 0}};
    assert_int_equal(futimens(fd, t), 0);
    close(fd);
}

static const struct sun_queue_channel *channel(const char *name)
{
    for (unsigned i = 0; i < q.count; i++)
        if (strcmp(q.channels[i].name, name) == 0)
            return &q.channels[i];
    fail_msg("no channel %s", name);
    return NULL;
}

static void scan(void **state)
{
    (void)state;
    char path[128];
    put("tcp_local/000/ZZ01ISKLSKLZLI90N15M.00", 1000, 10, "");
    put("tcp_local/000/ZY01ISKLSKLZLI90N15N.00", 2000, 700, "");
    put("tcp_local/001/ZX01ISKLSKLZLI90N15P.HELD", 300, 90000,
        "m;junk\nReceived: from x\nMESSAGE-id:  <oldest@a.test>\nSubject: y\n\nMessage-ID: "
        "<no@a.test>\n");
    put("tcp_local/ZZf0r4i0Wdy51.01", 4, 200000, "no header here");
    put("tcp_local/$tmp01234.00", 100, 1, "");
    put("tcp_local/readme", 100, 1, "");
    put("ims-ms/ZZ01ISKLSKLZLI90N15Q.00", 50, 5, "");
    put("process/.lock", 1, 1, "");
    put("file", 1, 1, "");
    snprintf(path, sizeof path, "%s/ims-ms/ZZ01ISKLSKLZLI90N15R.00", scratch);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    snprintf(path, sizeof path, "%s/linked", scratch);
    assert_int_equal(symlink("/etc", path), 0);
    sun_queue_scan(scratch, (int64_t)NOW * 1000, &q);
    assert_int_equal(q.status, SOURCE_OK);
    assert_int_equal(q.count, 3);
    assert_int_equal(q.files, 5);
    const struct sun_queue_channel *c = channel("tcp_local");
    assert_int_equal(c->messages, 4);
    assert_int_equal(c->held, 1);
    assert_int_equal(c->tried, 1);
    assert_int_equal(c->bytes, 3304);
    assert_int_equal(c->oldest_ms, (int64_t)(NOW - 200000) * 1000);
    assert_int_equal(c->message_id.length, TEXT_ABSENT);
    assert_int_equal(c->buckets[0], 1);
    assert_int_equal(c->buckets[2], 1); /* 700 s: below 20 minutes */
    assert_int_equal(c->buckets[9], 1); /* 90,000 s: below 2560 minutes */
    assert_int_equal(c->buckets[10], 1);
    assert_int_equal(channel("ims-ms")->messages, 1);
    assert_int_equal(channel("process")->messages, 0);
    snprintf(path, sizeof path, "%s/tcp_local/ZZf0r4i0Wdy51.01", scratch);
    unlink(path);
    sun_queue_scan(scratch, (int64_t)NOW * 1000, &q);
    c = channel("tcp_local");
    assert_int_equal(c->messages, 3);
    assert_true(slice_eq(TEXT_GET(c->message_id), SLICE("<oldest@a.test>")));
}

static void missing(void **state)
{
    (void)state;
    sun_queue_scan("/no/such/queue", 0, &q);
    assert_int_equal(q.status, SOURCE_MISSING);
    assert_int_equal(q.count, 0);
    assert_non_null(strstr(q.error, "/no/such/queue"));
}

static int setup(void **state)
{
    q.channels = calloc(SUN_CHANNELS_MAX, sizeof *q.channels);
    return q.channels ? scratch_make(state) : -1;
}

static int teardown(void **state)
{
    free(q.channels);
    return scratch_remove(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scan),
        cmocka_unit_test(missing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
