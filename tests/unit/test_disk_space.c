/*
 * disk_space.c: shares, lock and schedule at their edges; a child asks as well as we do, and one that
 * hangs or dies is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "../../collectors/disk_space.h"

static void cuts_percent(void **state)
{
    (void)state;
    static const struct {
        uint64_t available, total;
        unsigned percent;
    } cases[] = {
        {0, 0, 0},
        {5, 0, 0},
        {0, 10, 0},
        {1, 3, 33},
        {999, 1000, 99},
        {10, 10, 100},
        {11, 10, 100},
        {UINT64_MAX / 2, UINT64_MAX, 49},
        {UINT64_MAX, UINT64_MAX, 100},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(disk_percent(cases[i].available, cases[i].total), cases[i].percent);
}

static struct disk_space used(uint64_t percent_times_ten)
{
    return (struct disk_space){.total_kb = 1000000,
                               .available_kb = 1000000 - percent_times_ten * 1000};
}

static void locks_above_the_threshold(void **state)
{
    (void)state;
    struct disk_space below = used(899), at = used(900), above = used(901), nothing = {0};
    assert_false(disk_locked(&below, 90, false));
    assert_false(disk_locked(&below, 90, true));
    assert_false(disk_locked(&at, 90, false));
    assert_true(disk_locked(&at, 90, true));
    assert_true(disk_locked(&above, 90, false));
    assert_true(disk_locked(&above, 90, true));
    assert_false(disk_locked(&nothing, 90, true));
}

static void looks_sooner_as_it_fills(void **state)
{
    (void)state;
    static const struct {
        uint64_t used;
        unsigned threshold;
        uint32_t minutes;
    } cases[] = {
        {0, 99, 100},  {1, 99, 99},  {495, 99, 50}, {980, 99, 1}, {990, 99, 1},
        {1000, 99, 1}, {0, 50, 100}, {250, 50, 50}, {499, 50, 1}, {600, 50, 1},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct disk_space d = used(cases[i].used);
        assert_int_equal(disk_check_s(&d, cases[i].threshold), cases[i].minutes * 60);
    }
    uint32_t last = UINT32_MAX;
    for (uint64_t n = 0; n <= 1000; n++) {
        struct disk_space d = used(n);
        uint32_t s = disk_check_s(&d, 99);
        assert_in_range(s, 60, last < 6000 ? last : 6000);
        last = s;
    }
    struct disk_space nothing = {0}, huge = {.total_kb = UINT64_MAX, .available_kb = UINT64_MAX};
    assert_int_equal(disk_check_s(&nothing, 99), 60);
    assert_int_equal(disk_check_s(&huge, 99), 6000);
}

/* What a child says within 5 s. */
static int ask_child(struct disk_child *c, const char *path, struct disk_space *d)
{
    int error = -1;
    assert_true(disk_child_start(c, path));
    for (int i = 0; i < 5000 && (error = disk_child_answer(c, d)) < 0; i++)
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    return error;
}

static void wait_for_end(struct disk_child *c)
{
    for (int i = 0; i < 5000 && !disk_child_ended(c); i++)
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    assert_int_equal(c->pid, 0);
}

static void asks_by_a_child(void **state)
{
    (void)state;
    struct disk_child c = {0, -1};
    struct disk_space own = {0}, its = {0};
    assert_int_equal(disk_ask("/", &own), 0);
    assert_int_equal(ask_child(&c, "/", &its), 0);
    assert_true(own.total_kb > 0 && own.total_kb == its.total_kb && own.inodes == its.inodes);
    wait_for_end(&c);
    assert_int_equal(disk_ask("/no/such/path", &own), ENOENT);
    assert_int_equal(ask_child(&c, "/no/such/path", &its), ENOENT);
    wait_for_end(&c);
    assert_int_equal(c.fd, -1);
}

static void survives_its_death(void **state)
{
    (void)state;
    struct disk_child c = {0, -1};
    struct disk_space d;
    assert_true(disk_child_start(&c, "/"));
    kill(c.pid, SIGKILL);
    wait_for_end(&c);
    int error = disk_child_answer(&c, &d);
    assert_true(error == EIO || error == 0); /* it may have been quicker than the signal */
    assert_true(disk_child_start(&c, "/"));
    disk_child_kill(&c);
    assert_int_equal(c.fd, -1);
    wait_for_end(&c);
    disk_child_kill(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_percent),
        cmocka_unit_test(locks_above_the_threshold),
        cmocka_unit_test(looks_sooner_as_it_fills),
        cmocka_unit_test(asks_by_a_child),
        cmocka_unit_test(survives_its_death),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
