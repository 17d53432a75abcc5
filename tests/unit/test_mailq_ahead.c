/*
 * Large directories, which a thread reads ahead: what it gives, and what a scan makes of it. The directories are
 * on a file system whose directories grow with their entries, as all but few do.
 */
#include "mailq_fixture.h"

#include "../../collectors/mailq_ahead.h"

#define MANY 12000 /* of 21 octets: more than 256 KiB of a directory */

static void make_many(const char *directory, unsigned first, unsigned n)
{
    for (unsigned i = first; i < first + n; i++) {
        char path[80];
        snprintf(path, sizeof path, "%s/T%lldX%09u", directory, (long long)(now_s - 100000 + i), i);
        int fd = open(at(path), O_WRONLY | O_CREAT | O_EXCL, 0700);
        assert_true(fd >= 0);
        close(fd);
    }
}

/* Names and their lengths, so that a lost or repeated one is seen. */
static unsigned take_names(const char *entries, long size, uint64_t *sum)
{
    unsigned names = 0;
    for (long i = 0; i < size; names++) {
        uint16_t length;
        memcpy(&length, entries + i + 16, sizeof length);
        *sum += slice_hash(slice_of(entries + i + 19), 0);
        i += length;
    }
    return names;
}

static void test_pieces(void **state)
{
    (void)state;
    static struct mailq_ahead a;
    static char buffer[65536];
    const char *entries;
    uint64_t sum = 0, expected_sum = 0;
    unsigned names = 0, expected = 0, pieces = 0;
    long n;
    make_many("hold", 0, MANY);
    int fd = open(at("hold"), O_RDONLY | O_DIRECTORY);
    while ((n = mailq_ahead_read(fd, buffer, sizeof buffer)) > 0)
        expected += take_names(buffer, n, &expected_sum);
    assert_int_equal(n, 0);
    assert_int_equal(expected, MANY + 2);
    lseek(fd, 0, SEEK_SET);
    assert_true(mailq_ahead_start(&a, fd));
    for (; (n = mailq_ahead_next(&a, &entries)) > 0; pieces++)
        names += take_names(entries, n, &sum);
    assert_int_equal(n, 0);
    assert_int_equal(names, expected);
    assert_true(sum == expected_sum && pieces > 1);
    close(fd);
    assert_true(mailq_ahead_start(&a, fd)); /* which is closed */
    assert_int_equal(mailq_ahead_next(&a, &entries), -EBADF);
}

/* One of them in another queue too, and in one directory what is no message. */
static void test_filled_by_thread(void **state)
{
    (void)state;
    char path[80], twice[80];
    struct stat st;
    make_many("hold", 0, MANY);
    make_many("deferred", MANY, MANY);
    assert_int_equal(stat(at("hold"), &st), 0);
    assert_true(st.st_size >= 256 << 10); /* or the directories are too small for this test */
    snprintf(path, sizeof path, "hold/T%lldX000000000", (long long)(now_s - 100000));
    snprintf(twice, sizeof twice, "deferred%s", strchr(path, '/'));
    assert_int_equal(link(at(path), at(twice)), 0);
    make("deferred/stray", 0600, "");
    make_many("active", 2 * MANY, 10);
    struct mailq *q = mailq_new(&fake, root);
    const struct mailq_queue *r = refresh(q);
    assert_int_equal(result.status, SOURCE_OK);
    assert_int_equal(result.files, 2 * MANY + 10);
    assert_int_equal(r[HOLD].messages, MANY);
    assert_int_equal(r[DEFERRED].messages, MANY);
    assert_int_equal(r[ACTIVE].messages, 10);
    assert_int_equal(r[HOLD].oldest_ms, (now_s - 100000) * 1000);
    assert_int_equal(r[DEFERRED].oldest_ms, (now_s - 100000 + MANY) * 1000);
    refresh_with(q, (struct mailq_request){.rescan = true});
    assert_int_equal(result.files, 2 * MANY + 10);
    mailq_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_pieces), TEST(test_filled_by_thread)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
