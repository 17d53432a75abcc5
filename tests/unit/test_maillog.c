/* Runs of lines: however they are cut into runs, the same numbers; what is counted and told. */
#include "tally_world.h"

#define P "2026-11-21T10:00:00+00:00 mx postfix/"

static char told[4096];
static unsigned told_count;

static void on_unrecognised(void *arg, struct slice line)
{
    assert_ptr_equal(arg, &told_count);
    told_count++;
    snprintf(told, sizeof told, "%.*s", (int)line.n, line.p);
}

static void test_lines(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL, 64);
    w.log.on_unrecognised = on_unrecognised;
    w.log.arg = &told_count;
    world_feed(&w, P "smtpd[7]: connect from h[192.0.2.9]\r\n"                         /* CR LF */
                     "\n\r\n"                                                          /* empty */
                     "2026-11-21T10:00:00+00:00 mx sshd[1]: connect from h[1.2.3.4]\n" /* foreign */
                     "no head at all\n" P "smtpd[7]: a word nobody knows\r\n" P
                     "qmgr[7]: cache x\n" P "smtpd[7]: connect from h[192.0.2.9]"); /* no newline */
    assert_int_equal(w.log.lines, 4);
    assert_int_equal(w.log.unrecognised, 1);
    assert_int_equal(told_count, 1);
    assert_string_equal(told, P "smtpd[7]: a word nobody knows");
    assert_true(w.log.last_ms == 1795255200000);
    assert_int_equal(world_expect(&w, "lines", "smtpd:accumulated_inbound=2"), 0);
    maillog_lines(&w.log, (struct slice){NULL, 0});
    maillog_lines(&w.log, (struct slice){"", 0});
    assert_int_equal(w.log.lines, 4);
    world_close(&w);
}

#define BSD     "Nov 21 10:00:00 mx "
#define ISO     "2026-11-21T10:00:00.123456+00:00 mx "
#define FAIL    "postfix/smtpd[7]: warning: h[192.0.2.9]: SASL LOGIN authentication failed: x"
#define CONNECT "postfix/smtpd[7]: connect from h[192.0.2.9]"

/* Lines that syslog daemons fold: each way to tell it counts as the lines themselves, in one run or in several. */
static void test_repeated(void **state)
{
    (void)state;
    static const char *const logs[] = {
        BSD FAIL "\n" BSD FAIL "\n" BSD FAIL "\n" BSD FAIL "\n",
        BSD FAIL "\n" BSD "postfix/smtpd[7]: message repeated 3 times: [ " /* rsyslog */
                 "warning: h[192.0.2.9]: SASL LOGIN authentication failed: x]\n",
        BSD FAIL "\n" BSD "last message repeated 2 times\r\n" BSD "last message repeated 1 times\n",
        "last message repeated 2 times\n" BSD FAIL "\n" BSD "last message repeated 3 times\n",
        BSD FAIL "\n" BSD "postfix/smtpd[7]: Last message 'warning: h[192.0.2.9' repeated 3 times, "
                 "suppressed by syslog-ng on mx\n",
        BSD FAIL "\n" BSD "last message repeated 3 times\n" BSD "sshd[1]: x\n" BSD
                 "last message repeated 9 times\n" BSD "last message repeated x times\n",
        /* the tag again, and no host */
        BSD FAIL "\nNov 21 10:00:03  postfix/smtpd[7]: last message repeated 3 times\n",
    };
    for (unsigned i = 0; i < sizeof logs / sizeof logs[0]; i++)
        for (unsigned in_runs = 0; in_runs < 2; in_runs++) {
            struct world w;
            world_open(&w, NULL, 64);
            for (struct slice rest = slice_of(logs[i]); rest.n;) {
                size_t n = in_runs ? slice_find(rest, '\n') + 1 : rest.n;
                char *copy = malloc(n); /* gone when the next run comes */
                assert_non_null(copy);
                memcpy(copy, rest.p, n);
                maillog_lines(&w.log, (struct slice){copy, n});
                free(copy);
                rest = slice_skip(rest, n);
            }
            assert_int_equal(world_expect(&w, logs[i], "192.0.2.9:auth_failures=4"), 0);
            assert_int_equal(w.log.unrecognised, 0);
            world_close(&w);
        }
}

/* The process begins anew between a line and the one that says how often it came again: the file still has it. */
static void test_repeated_before(void **state)
{
    (void)state;
    static const struct {
        const char *before, *run, *expected;
    } cases[] = {
        {BSD FAIL "\n", BSD "last message repeated 3 times\n", "192.0.2.9:auth_failures=3"},
        {BSD FAIL "\r\n" BSD "last message repeated 2 times\r\n",
         BSD "last message repeated 3 times\n" BSD FAIL "\n", "192.0.2.9:auth_failures=4"},
        {BSD FAIL "\n" BSD "sshd[1]: x\n", BSD "last message repeated 3 times\n" BSD FAIL "\n",
         "192.0.2.9:auth_failures=1"},
        {"", BSD "last message repeated 3 times\n" BSD FAIL "\n", "192.0.2.9:auth_failures=1"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world w;
        world_open(&w, NULL, 64);
        char *copy = strdup(cases[i].before); /* gone when the run comes */
        assert_non_null(copy);
        maillog_before(&w.log, slice_of(copy));
        free(copy);
        world_feed(&w, cases[i].run);
        assert_int_equal(world_expect(&w, cases[i].run, cases[i].expected), 0);
        world_close(&w);
    }
}

/* A forged number counts for no more than could have been logged since the line before, also after a restart. */
static void test_repeated_too_often(void **state)
{
    (void)state;
#define AT(time)           "Nov 21 " time " mx "
#define AGAIN(time, times) AT(time) "last message repeated " times " times\n"
#define FOLDED(time, times)                                                                        \
    AT(time)                                                                                       \
    "postfix/smtpd[7]: message repeated " times                                                    \
    " times: [ warning: h[192.0.2.9]: SASL LOGIN authentication failed: x]\n"
    static const struct {
        const char *before, *run, *expected;
    } cases[] = {
        {"", AT("10:00:00") FAIL "\n" AGAIN("10:00:00", "99999"), "192.0.2.9:auth_failures=1001"},
        {"", AT("10:00:00") FAIL "\n" AGAIN("10:00:01", "1999"), "192.0.2.9:auth_failures=2000"},
        {"", AT("10:00:00") FAIL "\n" AGAIN("10:00:09", "99999") AGAIN("10:00:09", "99999"),
         "192.0.2.9:auth_failures=11001"},
        {"", AT("10:00:00") FAIL "\n" AGAIN("10:10:00", "99999"), "192.0.2.9:auth_failures=100000"},
        {"", AT("10:00:00") FAIL "\n" AGAIN("09:00:00", "99999"), "192.0.2.9:auth_failures=1001"},
        {"", AT("10:00:00") FAIL "\n" FOLDED("10:00:00", "99999"), "192.0.2.9:auth_failures=1002"},
        {AT("10:00:00") FAIL "\n" AGAIN("10:00:30", "5"), AGAIN("10:00:30", "99999"),
         "192.0.2.9:auth_failures=1000"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world w;
        world_open(&w, NULL, 64);
        maillog_before(&w.log, slice_of(cases[i].before));
        world_feed(&w, cases[i].run);
        assert_int_equal(world_expect(&w, cases[i].run, cases[i].expected), 0);
        world_close(&w);
    }
}

/* Words of a stranger's in another program's line repeat nothing, and are no line of their own. */
static void test_strangers_words(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "sshd[1]: Invalid user last message repeated 9 times",
        "sshd[1]: Invalid user last message repeated 9 times, suppressed by syslog-ng on x",
        "sshd[1]: Last message 'Invalid user x' repeated 9 times, suppressed by syslog-ng on mx",
        "sshd: last message repeated 9 times",
        "postfix/smtpd[7]: what is new: last message repeated 9 times",
        "last message repeated 9 times for x, repeated 9 times",
        "postfix/smtpd[7]: last message repeated 9 times",
        "dovecot: imap-login: Disconnected: user=<x]: Nov 21 10:00:00 mx " FAIL,
        "web: GET /]: 2026-11-21T10:00:00+00:00 mx " FAIL,
    };
    for (unsigned i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct world w;
        char log[1024];
        world_open(&w, NULL, 64);
        snprintf(log, sizeof log, BSD FAIL "\n" BSD "%s\n", lines[i]);
        world_feed(&w, log);
        assert_int_equal(world_expect(&w, lines[i], "192.0.2.9:auth_failures=1"), 0);
        world_close(&w);
    }
}

/* Docker's syslog driver: a head of the runtime, and behind it the program's own. */
static void test_nested(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL, 64);
    world_feed(&w,
               BSD "mail[99]: " BSD "postfix/smtpd[7]: connect from h[192.0.2.9]\n" BSD
                   "docker/mail[99]: 2026-11-21T10:00:00+00:00 mx postfix/smtpd[7]: connect "
                   "from h[192.0.2.9]\n" BSD "mail[99]: Nov 21 10:00:00\n" BSD
                   "mail[99]: Nov 21 10:00:00 mx sshd[7]: connect from h[192.0.2.9]\n" BSD
                   "mail[99]: a Nov 21 10:00:00 mx postfix/smtpd[7]: connect from h[192.0.2.9]\n"
                   "]: \n]:");
    assert_int_equal(world_expect(&w, "nested", "smtpd:accumulated_inbound=2"), 0);
    assert_int_equal(w.log.lines, 2);
    world_close(&w);
}

/* A world that has read one line. */
static void open_with_line(struct world *w, const char *line)
{
    char log[1024];
    world_open(w, NULL, 64);
    snprintf(log, sizeof log, "%s\n", line);
    world_feed(w, log);
}

/* What collectors of logs put in front of a line that has a head: a time, a facility, a pod. No tag stands there. */
static void test_in_front(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "2026-11-21T10:00:01.123456789Z " BSD CONNECT, /* docker logs -t */
        "2026-11-21T10:00:01.123456789Z " ISO CONNECT, /* ... of rsyslog */
        "mail.info: Nov 21 10:00:00 " CONNECT,         /* s6's syslogd, socklog */
        "mail.info: " BSD CONNECT,                     /* ... of another host */
        "@40000000692037d02f5e5c04 mail.info: " BSD CONNECT,
        "2026-11-21 10:00:01.123456789  mail.info: " BSD CONNECT,
        "[pod/mail-0/postfix] " BSD CONNECT, /* kubectl logs --prefix */
        BSD "Nov 21 10:00:00 mx " CONNECT,   /* a relay that does not know a head */
        "2026-11-21T10:00:00Z 192.0.2.4 " BSD CONNECT,
        BSD "2026-11-21T10:00:00+00:00 " CONNECT,
    };
    for (unsigned i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct world w;
        open_with_line(&w, lines[i]);
        assert_int_equal(world_expect(&w, lines[i], "smtpd:accumulated_inbound=1"), 0);
        world_close(&w);
    }
}

/* ... but behind a tag they are a program's words. */
static void test_in_front_of_nothing(void **state)
{
    (void)state;
    static const char *const lines[] = {
        BSD "web: " BSD CONNECT,      BSD "a: b: " BSD CONNECT,
        "web: " BSD CONNECT,          "mail.noise: " BSD CONNECT,
        BSD "a b c d e " BSD CONNECT, BSD BSD,
        "mail.info: Nov 21 10:00:00", "@4 ",
    };
    for (unsigned i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct world w;
        open_with_line(&w, lines[i]);
        if (w.log.lines)
            fail_msg("%s", lines[i]);
        world_close(&w);
    }
}

/* The numbers that a log makes when it comes in runs of so many lines. */
static uint64_t sum_of(const char *text, unsigned lines)
{
    struct world w;
    uint64_t sum = 0;
    world_open(&w, NULL, 64);
    for (struct slice rest = slice_of(text); rest.n;) {
        size_t n = 0;
        for (unsigned i = 0; i < lines && n < rest.n; i++)
            n += slice_find(slice_skip(rest, n), '\n') + 1;
        char *copy = malloc(n); /* so that a slice kept beyond its run is found */
        assert_non_null(copy);
        memcpy(copy, rest.p, n);
        maillog_lines(&w.log, (struct slice){copy, n});
        free(copy);
        rest = slice_skip(rest, n);
    }
    for (int t = 0; t < MODEL_TABLES; t++)
        for (uint32_t n = 0; n < w.model.tables[t].count; n++)
            sum = slice_hash((struct slice){model_row(&w.model, (enum model_table)t, n),
                                            w.model.tables[t].row_size},
                             sum);
    sum ^= w.log.lines << 32 ^ tally_messages(w.tally)->count;
    world_close(&w);
    return sum;
}

static void test_runs(void **state)
{
    (void)state;
    char text[65536];
    size_t at = 0;
    for (unsigned i = 0; i < 100; i++)
        at += (size_t)snprintf(
            text + at, sizeof text - at,
            P "smtpd[7]: A1B2C3D4E%u: client=h[192.0.2.%u]\n" P
              "qmgr[9]: A1B2C3D4E%u: from=<a@x>, size=%u, nrcpt=1 (queue active)\n" P
              "smtp[2]: A1B2C3D4E%u: to=<b@d%u>, relay=none, delay=1, delays=1/0/0/0, dsn=4.4.1, "
              "status=deferred (why %u)\n%s",
            i % 10, i % 7, i % 10, i, i % 10, i % 9, i, i % 3 ? "" : "garbage\n");
    uint64_t one = sum_of(text, 1);
    for (unsigned lines = 2; lines < 40; lines++)
        assert_true(sum_of(text, lines) == one);
}

static struct slice seen[1024];
static unsigned seen_count;

static void note_line(struct syslog_context *c, struct slice line, struct event *e)
{
    (void)c;
    e->kind = EVENT_NONE;
    e->time_ms = 0;
    seen[seen_count++] = line;
}

/* Each line once, wherever in a block of octets it ends, and also the last one, which may have no newline. */
static void test_ends(void **state)
{
    (void)state;
    srandom(7);
    for (unsigned r = 0; r < 20000; r++) {
        static struct maillog m;
        size_t n = (size_t)random() % 300, unlike = (size_t)(1 + random() % 40);
        char *text = malloc(n ? n : 1);
        assert_non_null(text);
        for (size_t i = 0; i < n; i++)
            text[i] = random() % (long)unlike ? 'x' : '\n';
        maillog_start(&m, NULL);
        assert_true(maillog_add(&m, note_line, NULL, NULL));
        seen_count = 0;
        maillog_lines(&m, (struct slice){text, n});
        struct slice rest = {text, n};
        for (unsigned i = 0; rest.n; i++) {
            assert_true(i < seen_count);
            struct slice line = slice_line(&rest);
            assert_ptr_equal(seen[i].p, line.p);
            assert_int_equal(seen[i].n, line.n);
        }
        assert_int_equal(m.lines, seen_count);
        free(text);
    }
}

/* Octets that no log should have, in lines that nearly are lines of a mail system. */
static void test_garbage(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL, 64);
    srandom(11);
    static const char start[] =
        P "smtp[2]: A1B2C3D4E5: to=<b@d>, relay=m[192.0.2.1]:25, delay=1, delays=1/0/0/0, "
          "dsn=4.4.1, status=deferred (why)\n";
    for (unsigned i = 0; i < 50000; i++) {
        char line[sizeof start];
        size_t n = (size_t)random() % sizeof start;
        memcpy(line, start, sizeof start);
        for (unsigned k = (unsigned)random() % 4; k > 0; k--)
            line[random() % (long)(sizeof start - 1)] = (char)random();
        maillog_lines(&w.log, (struct slice){line, i % 2 ? n : sizeof start - 1});
    }
    world_check_sums(&w);
    world_check_waits(&w);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_repeated),
        cmocka_unit_test(test_repeated_before),
        cmocka_unit_test(test_repeated_too_often),
        cmocka_unit_test(test_strangers_words),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_in_front),
        cmocka_unit_test(test_in_front_of_nothing),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
