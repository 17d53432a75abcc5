/*
 * record_text.c: the very lines of the white paper's examples; record_file.c: a day for each file.
 */
#include <errno.h>
#include <fcntl.h>
#include <utime.h>
#include "../../collectors/record_file.h"
#include "../../collectors/record_text.h"
#include "scratch.h"

static const struct tm tenth = {
    .tm_year = 101, .tm_mon = 0, .tm_mday = 10, .tm_hour = 0, .tm_min = 10};

/* A text without its runs of blanks: so the example is printed. */
static const char *squeeze(const char *text)
{
    static char out[4096];
    size_t n = 0;
    for (; *text && n < sizeof out - 1; text++)
        if (*text != ' ' || n == 0 || out[n - 1] != ' ')
            out[n++] = *text;
    out[n] = 0;
    return out;
}

static void system_table(void **state)
{
    (void)state;
    char text[4096];
    struct record_system r = {
        .at = tenth, .swap_kb = 2005656, .wait = 2, .idle = 97, .connections = {0, 50, 0, 55, 0}};
    size_t n = record_system_head(text, sizeof text, &tenth, "msg-smtp1");
    assert_int_equal(n, strlen(text));
    assert_string_equal(
        squeeze(text),
        "DATE COLLECTED: 10 Jan 2001 instance name = msg-smtp1\n"
        "+-----------------------------------------------------------------------------------------"
        "----------+\n"
        "| System and Queue monitoring data |\n"
        "+-----+----------------+------------+---------+----------------------------+--------------"
        "----------+\n"
        "| | Msgs in Queue | Available | | CPU | TCP/IP Connections |\n"
        "|Time | act | held | swap |Scanrate | us | sys | wt | id |smtp|imap|pop3|ldap|http|\n"
        "+-----+-------+--------+------------+---------+------+------+------+-------+----+----+----"
        "+----+----+\n");
    record_system_line(text, sizeof text, &r);
    assert_string_equal(text, "|00:10|     0 |      0 |   2005656k |       0 |    0 |    0 |    2 |"
                              "    97 |   0|  50|   0|  55|   0|\n");
    assert_string_equal(squeeze(text),
                        "|00:10| 0 | 0 | 2005656k | 0 | 0 | 0 | 2 | 97 | 0| 50| 0| 55| 0|\n");
    memset((char *)&r + offsetof(struct record_system, active), 0xff,
           sizeof r - offsetof(struct record_system, active));
    record_system_line(text, sizeof text, &r);
    assert_string_equal(squeeze(text), "|00:10| - | - | - | - | - | - | - | - | -| -| -| -| -|\n");
    r.held = r.swap_kb = r.idle = r.connections[4] = UINT64_MAX - 1;
    n = record_system_line(text, RECORD_LINE_SIZE, &r);
    assert_int_equal(text[n - 1], '\n');
}

static void test_table(void **state)
{
    (void)state;
    char text[4096], much[400];
    struct record_test r = {.at = {.tm_hour = 0, .tm_min = 5, .tm_sec = 4},
                            .user = SLICE("ims2"),
                            .submit_host = SLICE("ssmtp02"),
                            .retrieve_host = SLICE("smux01"),
                            .total_ms = 2083};
    record_test_head(text, sizeof text, &tenth);
    assert_string_equal(
        squeeze(text),
        "DATE COLLECTED: 10 Jan 2001\n"
        "+--------------------------------------------------------+-----------------+\n"
        "| Message Delivery time | |\n"
        "+----------+-----------+------------+------------+-------+-----------------+\n"
        "| Test run | Username: | Msg submit | Msg retr | Total | Error |\n"
        "| at time: | | SMTP: | POP: | Time: | |\n"
        "+----------+-----------+------------+------------+-------+-----------------+\n");
    record_test_line(text, sizeof text, &r);
    assert_string_equal(
        text, "| 00:05:04 | ims2      | ssmtp02    | smux01     |  2083 |                 |\n");
    memset(much, 'x', sizeof much);
    r.user = r.submit_host = r.retrieve_host = (struct slice){much, sizeof much};
    r.error = SLICE("a|b\nc\033d");
    r.total_ms = UINT64_MAX;
    size_t n = record_test_line(text, RECORD_LINE_SIZE, &r);
    assert_int_equal(text[n - 1], '\n');
    assert_non_null(strstr(text, "|       | a?b?c?d "));
}

static void knows_services(void **state)
{
    (void)state;
    assert_int_equal(record_service_of(587), RECORD_SMTP);
    assert_int_equal(record_service_of(993), RECORD_IMAP);
    assert_int_equal(record_service_of(110), RECORD_POP3);
    assert_int_equal(record_service_of(636), RECORD_LDAP);
    assert_int_equal(record_service_of(443), RECORD_HTTP);
    assert_int_equal(record_service_of(22), RECORD_SERVICES);
}

static const char *content(const char *name)
{
    static char text[1024];
    FILE *f = fopen(scratch_path(name), "r");
    if (!f)
        return "(none)";
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    return text;
}

static void a_day_for_each_file(void **state)
{
    (void)state;
    static const char first[] = "DATE COLLECTED: 10 Jan 2001\nhead\n",
                      second[] = "DATE COLLECTED: 11 Jan 2001\nhead\n";
    struct tm day = tenth;
    day.tm_isdst = -1;
    assert_int_equal(record_append(scratch, "q.log", &day, first, "one\n", 3), 0);
    assert_int_equal(record_append(scratch, "q.log", &day, first, "two\n", 3), 0);
    assert_string_equal(content("q.log"), "DATE COLLECTED: 10 Jan 2001\nhead\none\ntwo\n");
    time_t at = mktime(&day);
    utime(scratch_path("q.log"), &(struct utimbuf){at, at});
    static const char *const others[] = {"q.log.20010107", "q.log.20010108", "q.log.2001010x",
                                         "q.log.200101070", "r.log.20010101"};
    for (unsigned i = 0; i < 5; i++)
        close(open(scratch_path(others[i]), O_WRONLY | O_CREAT, 0600));
    day.tm_mday = 11;
    assert_int_equal(record_append(scratch, "q.log", &day, second, "three\n", 3), 0);
    assert_string_equal(content("q.log"), "DATE COLLECTED: 11 Jan 2001\nhead\nthree\n");
    assert_string_equal(content("q.log.20010110"), "DATE COLLECTED: 10 Jan 2001\nhead\none\ntwo\n");
    assert_int_not_equal(access(scratch_path(others[0]), F_OK), 0);
    for (unsigned i = 1; i < 5; i++)
        assert_int_equal(access(scratch_path(others[i]), F_OK), 0);
}

static void refuses_what_is_no_record(void **state)
{
    (void)state;
    static const char head[] = "DATE COLLECTED: 10 Jan 2001\n";
    assert_int_equal(symlink("/etc/passwd", scratch_path("link.log")), 0);
    assert_int_equal(record_append(scratch, "link.log", &tenth, head, "x\n", 0), ELOOP);
    assert_int_equal(mkdir(scratch_path("dir.log"), 0755), 0);
    assert_int_equal(record_append(scratch, "dir.log", &tenth, head, "x\n", 0), EISDIR);
    assert_int_equal(mkfifo(scratch_path("fifo.log"), 0600), 0);
    assert_int_equal(record_append(scratch, "fifo.log", &tenth, head, "x\n", 0), EINVAL);
    assert_int_equal(record_append(scratch_path("new"), "q.log", &tenth, head, "x\n", 0), 0);
    assert_string_equal(content("new/q.log"), "DATE COLLECTED: 10 Jan 2001\nx\n");
    assert_int_equal(record_append("/no/such/folder", "q.log", &tenth, head, "x\n", 0), ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(system_table),
        cmocka_unit_test(test_table),
        cmocka_unit_test(knows_services),
        cmocka_unit_test_setup_teardown(a_day_for_each_file, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(refuses_what_is_no_record, scratch_make, scratch_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
