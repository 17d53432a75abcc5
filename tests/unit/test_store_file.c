/*
 * Writes that are gathered: on the disk whatever SQLite might ask for next finds them, and one that cannot be
 * written is told of in time.
 */
#include "../../agent/store_file.h"
#include "scratch.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>

#define FLAGS (SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MAIN_DB)

static char path[64];
static sqlite3_file *file;

static int set_up(void **state)
{
    assert_int_equal(scratch_make(state), 0);
    snprintf(path, sizeof path, "%s/file", scratch);
    sqlite3_vfs *vfs = sqlite3_vfs_find(store_file_functions());
    assert_string_equal(vfs->zName, store_file_functions());
    file = calloc(1, (size_t)vfs->szOsFile);
    assert_int_equal(vfs->xOpen(vfs, path, file, FLAGS, NULL), SQLITE_OK);
    return 0;
}

static int tear_down(void **state)
{
    free(file);
    return scratch_remove(state);
}

static int put(const char *octets, size_t n, sqlite3_int64 at)
{
    return file->pMethods->xWrite(file, octets, (int)n, at);
}

/* What is in the file, as another process sees it. */
static size_t on_disk(char *octets, size_t room)
{
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, octets, room);
    close(fd);
    assert_true(n >= 0);
    return (size_t)n;
}

static off_t size_on_disk(void)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
}

static void test_gathered(void **state)
{
    (void)state;
    char octets[64];
    assert_int_equal(put("head", 4, 0), SQLITE_OK);
    assert_int_equal(put("page", 4, 4), SQLITE_OK);
    assert_int_equal(size_on_disk(), 0);
    assert_int_equal(file->pMethods->xSync(file, SQLITE_SYNC_NORMAL), SQLITE_OK);
    assert_int_equal(on_disk(octets, sizeof octets), 8);
    assert_memory_equal(octets, "headpage", 8);
    assert_int_equal(file->pMethods->xClose(file), SQLITE_OK);
}

/* Another place: what was gathered comes first, so that of two writes to one place the later holds. */
static void test_order(void **state)
{
    (void)state;
    char octets[64];
    assert_int_equal(put("aaaaaaaa", 8, 0), SQLITE_OK);
    assert_int_equal(put("bb", 2, 2), SQLITE_OK);
    assert_int_equal(put("cc", 2, 4), SQLITE_OK);
    assert_int_equal(put("d", 1, 12), SQLITE_OK);
    assert_int_equal(put("e", 1, 3), SQLITE_OK);
    assert_int_equal(file->pMethods->xClose(file), SQLITE_OK);
    assert_int_equal(on_disk(octets, sizeof octets), 13);
    assert_memory_equal(octets, "aabeccaa\0\0\0\0d", 13);
}

static void test_asked(void **state)
{
    (void)state;
    char octets[8] = "";
    sqlite3_int64 size = 0;
    int reserved;
    const sqlite3_io_methods *m = file->pMethods;
    assert_int_equal(put("ab", 2, 0), SQLITE_OK);
    assert_int_equal(m->xRead(file, octets, 2, 0), SQLITE_OK);
    assert_memory_equal(octets, "ab", 2);
    assert_int_equal(put("cd", 2, 2), SQLITE_OK);
    assert_int_equal(m->xFileSize(file, &size), SQLITE_OK);
    assert_int_equal(size, 4);
    assert_int_equal(m->xLock(file, SQLITE_LOCK_SHARED), SQLITE_OK);
    assert_int_equal(put("ef", 2, 4), SQLITE_OK);
    assert_int_equal(m->xCheckReservedLock(file, &reserved), SQLITE_OK);
    assert_int_equal(size_on_disk(), 6);
    assert_int_equal(put("gh", 2, 6), SQLITE_OK);
    assert_int_equal(m->xUnlock(file, SQLITE_LOCK_NONE), SQLITE_OK);
    assert_int_equal(size_on_disk(), 8);
    assert_int_equal(put("ij", 2, 8), SQLITE_OK);
    assert_int_equal(m->xTruncate(file, 9), SQLITE_OK);
    assert_int_equal(size_on_disk(), 9);
    assert_int_equal(m->xClose(file), SQLITE_OK);
}

/* More than is ever held back, in small pieces and at once. */
static void test_large(void **state)
{
    (void)state;
    static char page[100000], read_back[2 * sizeof page];
    for (size_t i = 0; i < sizeof page; i++)
        page[i] = (char)(i * 7 % 251);
    size_t at = 0;
    for (size_t n = 1; at + n < sizeof page; at += n, n = n % 4000 + 24)
        assert_int_equal(put(page + at, n, (sqlite3_int64)at), SQLITE_OK);
    assert_true(size_on_disk() > 0);
    assert_int_equal(put(page + at, sizeof page - at, (sqlite3_int64)at), SQLITE_OK);
    assert_int_equal(put(page, sizeof page, sizeof page), SQLITE_OK);
    assert_int_equal(file->pMethods->xClose(file), SQLITE_OK);
    assert_int_equal(on_disk(read_back, sizeof read_back), sizeof read_back);
    assert_memory_equal(read_back, page, sizeof page);
    assert_memory_equal(read_back + sizeof page, page, sizeof page);
}

static void limit_files(rlim_t octets)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = octets;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A file that may not grow. Whatever heeds no failure comes between; fsync tells of it, and once. */
static void test_full(void **state)
{
    (void)state;
    static char page[4096];
    const sqlite3_io_methods *m = file->pMethods;
    sqlite3_int64 size = 0;
    signal(SIGXFSZ, SIG_IGN);
    limit_files(0);
    assert_int_equal(put(page, sizeof page, 0), SQLITE_OK);
    m->xFileControl(file, SQLITE_FCNTL_SIZE_HINT, &size);
    m->xUnlock(file, SQLITE_LOCK_NONE);
    int rc = m->xSync(file, SQLITE_SYNC_NORMAL);
    assert_int_not_equal(rc, SQLITE_OK);
    assert_int_equal(put(page, sizeof page, 0), SQLITE_OK);
    assert_int_not_equal(m->xRead(file, page, 1, 0), SQLITE_OK);
    assert_int_equal(put(page, sizeof page, 0), SQLITE_OK);
    assert_int_not_equal(put(page, sizeof page, sizeof page * 2), SQLITE_OK);
    limit_files(RLIM_INFINITY);
    assert_int_equal(put(page, sizeof page, 0), SQLITE_OK);
    assert_int_equal(m->xSync(file, SQLITE_SYNC_NORMAL), SQLITE_OK);
    assert_int_equal(size_on_disk(), sizeof page);
    assert_int_equal(m->xClose(file), SQLITE_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_gathered), TEST(test_order), TEST(test_asked), TEST(test_large), TEST(test_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
