/*
 * proc_text.c: recorded texts of /proc, of several kernels, and texts that are none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../collectors/proc_text.h"

/* Linux 6.1, Debian 12. */
static const char master[] =
    "2660 (master) S 1 2660 2660 0 -1 4194560 5231 98211 3 12 27 143 88 61 20 0 1 0 311823 "
    "43925504 "
    "1178 18446744073709551615 94606416187392 94606416207273 140724740324832 0 0 0 0 4096 73735 1 "
    "0 0 17 1 0 0 0 0 0 94606416223280 94606416224896 94606578610176 140724740332158 "
    "140724740332178 140724740332178 140724740333547 0\n";
/* Linux 2.6.32, which has fewer fields. */
static const char old[] =
    "77 (qmgr) D 70 70 70 0 -1 4194560 12 0 0 0 1000 2 0 0 20 0 1 0 99 43925504 300 "
    "18446744073709551615 1 1 0 0 0 0 0 4096 73735 0 0 0 17 1 0 0 0 0 0\n";
static const char named[] = "5 (a) R 1 (b\n)) R 4 5 5 0 -1 0 0 0 0 0 1 2 0 0 20 0 1 0 9 9 8 0\n";

static void reads_processes(void **state)
{
    (void)state;
    struct proc_stat p;
    assert_true(proc_stat_parse(slice_of(master), &p));
    assert_true(slice_eq(p.name, SLICE("master")));
    assert_int_equal(p.state, 'S');
    assert_int_equal(p.pid, 2660);
    assert_int_equal(p.parent, 1);
    assert_int_equal(p.cpu_ticks, 27 + 143);
    assert_int_equal(p.start_ticks, 311823);
    assert_int_equal(p.rss_pages, 1178);
    assert_true(proc_stat_parse(slice_of(old), &p));
    assert_int_equal(p.parent, 70);
    assert_int_equal(p.cpu_ticks, 1002);
    assert_int_equal(p.rss_pages, 300);
    assert_true(proc_stat_parse(slice_of(named), &p));
    assert_true(slice_eq(p.name, SLICE("a) R 1 (b\n)")));
    assert_int_equal(p.parent, 4);
    assert_int_equal(p.start_ticks, 9);
}

static void refuses_other_texts(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        ")",
                                        "1 (x)",
                                        "1 (x) ",
                                        "0 (x) S 1 2",
                                        "99999999999999999999 (x) S 1 2 3",
                                        "x (y) S 1",
                                        "1 x) S 1",
                                        "1 (",
                                        "1 (x) S 1 2660 2660 0 -1 4194560\n"};
    struct proc_stat p;
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_false(proc_stat_parse(slice_of(texts[i]), &p));
    for (size_t n = 0; n < slice_search(slice_of(master), SLICE("1178 ")); n++)
        assert_false(proc_stat_parse((struct slice){master, n}, &p));
}

static void reads_users(void **state)
{
    (void)state;
    uint32_t uid = 7;
    assert_true(proc_uid_parse(
        SLICE("Name:\tqmgr\nUmask:\t0077\nUid:\t0\t104\t105\t106\nGid:\t1\t1\t1\t1\n"), &uid));
    assert_int_equal(uid, 104);
    assert_false(proc_uid_parse(SLICE("Name:\tUid:\t1\t2\n"), &uid));
    assert_false(proc_uid_parse(SLICE("Uid:\t1\n"), &uid) && uid != 1);
    assert_false(proc_uid_parse(SLICE("Uid:\t1\t99999999999\t3\n"), &uid));
    assert_false(proc_uid_parse(SLICE(""), &uid));
}

static void reads_processor_time(void **state)
{
    (void)state;
    struct proc_cpu c;
    uint64_t running;
    assert_true(proc_cpu_parse(SLICE("cpu  414653 10 240446 1705031 19069 5 5565 162 7 0\n"
                                     "cpu0 1 2 3 4 5 6 7 8 9 10\nintr 5 6 7\nctxt 9\n"),
                               &c));
    assert_int_equal(c.user, 414663);
    assert_int_equal(c.system, 246016);
    assert_int_equal(c.idle, 1705031);
    assert_int_equal(c.wait, 19069);
    assert_int_equal(c.total, 414663 + 246016 + 1705031 + 19069 + 162);
    assert_true(proc_cpu_parse(SLICE("cpu  1 2 3 4 5"), &c)); /* before steal was known */
    assert_int_equal(c.total, 15);
    assert_false(proc_cpu_parse(SLICE("cpu  1 2 3 4\n"), &c));
    assert_false(proc_cpu_parse(SLICE(""), &c));
    assert_false(proc_cpu_parse(SLICE("cpu0 1 2 3 4 5 6\n"), &c));
    assert_true(proc_running_parse(SLICE("0.08 0.11 0.16 3/451 8812\n"), &running));
    assert_int_equal(running, 3);
    assert_false(proc_running_parse(SLICE("0.08 0.11 0.16\n"), &running));
    assert_false(proc_running_parse(SLICE("0.08 0.11 0.16 x/4\n"), &running));
}

static void reads_memory(void **state)
{
    (void)state;
    uint64_t n;
    assert_true(proc_scanned_parse(
        SLICE("nr_free_pages 9\npgscan_kswapd 100\npgscan_direct 20\npgscan_khugepaged 3\n"
              "pgscan_direct_throttle 5000\npgscan_anon 60\npgscan_file 63\npgsteal_kswapd 8\n"),
        &n));
    assert_int_equal(n, 123);
    assert_true(proc_scanned_parse(SLICE("pgscan_kswapd_dma 1\npgscan_kswapd_normal 2\n"
                                         "pgscan_direct_dma 4\npgscan_direct_throttle 9"),
                                   &n));
    assert_int_equal(n, 7);
    assert_false(proc_scanned_parse(SLICE("pgscan_\npgscan_kswapd\npgscan_kswapd x\n"), &n));
    assert_true(
        proc_swap_parse(SLICE("MemFree: 12 kB\nSwapTotal:  99 kB\nSwapFree:      42 kB\n"), &n));
    assert_int_equal(n, 42);
    assert_false(proc_swap_parse(SLICE("SwapTotal:  99 kB\n"), &n));
    assert_false(proc_swap_parse(SLICE("SwapFree:\n"), &n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_processes), cmocka_unit_test(refuses_other_texts),
        cmocka_unit_test(reads_users),     cmocka_unit_test(reads_processor_time),
        cmocka_unit_test(reads_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
