/* Entries of Sun's log in, cells out: what is counted of channels, and what of the MTA. */
#include "scratch.h"
#include "tally_world.h"

#include <time.h>

#define AT(time) "15-Jan-1998 " time " "
/* The columns of the log: source, destination, code. */
#define ENQUEUE(time, from, to, rest)    AT(time) from " " to " E 3 " rest "\n"
#define ENTRY(time, channel, code, rest) AT(time) channel "                 " code " 3 " rest "\n"
#define MAIL(to)                         "ann@a.test rfc822;" to " " to
#define NOTICE(to)                       " rfc822;" to " " to
#define FILE(channel, name, id)          " /q/" channel "/000/" name " <" id "@a.test>"
#define F1                               FILE("tcp_local", "ZZ0AAAA111.00", "one")
#define F1Y                              FILE("tcp_local", "ZY0AAAA111.00", "one")
#define F1X                              FILE("tcp_local", "ZX0BBBB222.00", "one")
#define F2                               FILE("ims-ms", "ZZ0CCCC333.00", "one")
#define F3                               FILE("conversion", "ZZ0DDDD444.00", "one")
#define SMTP_OK                          " dns;mx.b.test (TCP|192.0.2.1|4000|192.0.2.25|25) (mx ESMTP) smtp;250 2.1.5 ok"
#define SMTP_NO                          " dns;mx.b.test (TCP|192.0.2.1|4000|192.0.2.25|25) (mx ESMTP) smtp;550 5.1.1 no"
#define BUSY                             " dns;mx.b.test (TCP|192.0.2.1|4000|192.0.2.25|25) (mx ESMTP) smtp;451 4.7.1 later"

/* clang-format off */
static const struct world_case cases[] = {
    {"enqueued, then delivered",
     ENQUEUE("10:00:00.00", "tcp_intranet", "tcp_local", MAIL("bo@b.test") F1)
         ENTRY("10:00:02.50", "tcp_local", "D", MAIL("bo@b.test") F1 SMTP_OK),
     "mta:received_messages=1 mta:received_bytes=3072 mta:received_recipients=1 "
     "mta:transmitted_messages=1 mta:transmitted_bytes=3072 mta:transmitted_recipients=1 "
     "tcp_intranet:submitted_messages=1 tcp_intranet:submitted_recipients=1 "
     "tcp_intranet:submitted_bytes=3072 tcp_intranet:received_messages=0 "
     "tcp_local:received_messages=1 tcp_local:received_bytes=3072 tcp_local:received_recipients=1 "
     "tcp_local:transmitted_messages=1 tcp_local:transmitted_bytes=3072 "
     "tcp_local:transmitted_recipients=1 tcp_local:delivered_first_time=1 "
     "tcp_local:queue_time_sum_ms=2500 tcp_local:queue_time_count=1 "
     "tcp_local:queue_time_first_sum_ms=2500 tcp_local:queue_time_first_count=1 "
     "tcp_local:submitted_messages=0 tcp_local:failed_messages=0 "
     "tcp_intranet+ENQUEUED:count=1 tcp_local+DEQUEUED:count=1 messages=0"},
    {"two recipients of one copy, one of another",
     ENQUEUE("10:00:00.00", "l", "tcp_local", MAIL("bo@b.test") F1)
         ENQUEUE("10:00:00.00", "l", "tcp_local", MAIL("cy@b.test") F1)
             ENQUEUE("10:00:00.30", "l", "ims-ms", MAIL("di@ims-ms-daemon") F2)
                 ENTRY("10:00:02.50", "tcp_local", "D", MAIL("bo@b.test") F1 SMTP_OK)
                     ENTRY("10:00:02.50", "tcp_local", "D", MAIL("cy@b.test") F1 SMTP_OK)
                         ENTRY("10:00:03.00", "ims-ms", "D", MAIL("di@ims-ms-daemon") F2),
     "mta:received_messages=1 mta:received_recipients=3 mta:received_bytes=3072 "
     "mta:transmitted_messages=1 mta:transmitted_recipients=3 l:submitted_messages=2 "
     "l:submitted_recipients=3 tcp_local:received_messages=1 tcp_local:received_recipients=2 "
     "tcp_local:transmitted_messages=1 tcp_local:transmitted_recipients=2 "
     "ims-ms:received_messages=1 ims-ms:transmitted_messages=1 messages=0"},
    {"without any name: entries that are alike are one message",
     ENQUEUE("10:00:00.00", "l", "tcp_local", MAIL("bo@b.test"))
         ENQUEUE("10:00:00.00", "l", "tcp_local", MAIL("cy@b.test"))
             ENQUEUE("10:00:00.04", "l", "tcp_local", MAIL("cy@b.test"))
                 ENTRY("10:00:02.50", "tcp_local", "D", MAIL("bo@b.test"))
                     ENTRY("10:00:02.50", "tcp_local", "D", MAIL("cy@b.test")),
     "mta:received_messages=2 mta:received_recipients=3 tcp_local:received_messages=2 "
     "tcp_local:transmitted_messages=1 tcp_local:transmitted_recipients=2 "
     "tcp_local:delivered_first_time=- tcp_local:queue_time_count=- messages=0"},
    {"... but notifications have one recipient each",
     ENQUEUE("10:00:00.00", "tcp_local", "process", NOTICE("ann@a.test"))
         ENQUEUE("10:00:00.00", "tcp_local", "process", NOTICE("postmaster@a.test")),
     "mta:received_messages=2 process:received_messages=2 tcp_local:bounces_generated=2"},
    {"by Message-ID alone",
     ENQUEUE("10:00:00.00", "l", "tcp_local", MAIL("bo@b.test") " <one@a.test>")
         ENQUEUE("10:00:00.90", "l", "tcp_local", MAIL("cy@b.test") " <one@a.test>") ENTRY(
             "10:00:02.50", "tcp_local", "Q", MAIL("bo@b.test") " <one@a.test>" BUSY)
             ENTRY("10:00:02.60", "tcp_local", "Q", MAIL("cy@b.test") " <one@a.test>" BUSY) ENTRY(
                 "10:30:00.00", "tcp_local", "D", MAIL("bo@b.test") " <one@a.test>" SMTP_OK)
                 ENTRY("10:30:00.00", "tcp_local", "D", MAIL("cy@b.test") " <one@a.test>" SMTP_OK),
     "mta:received_messages=1 mta:received_recipients=2 tcp_local:received_messages=1 "
     "tcp_local:attempted_messages=1 tcp_local:attempted_recipients=2 "
     "tcp_local:transmitted_messages=1 tcp_local:delivered_first_time=0 "
     "tcp_local:queue_time_sum_ms=1800000 @b.test:queued=0 @b.test:deliveries=2 messages=0"},
    {"several attempts, the file's name changes",
     ENQUEUE("10:00:00.00", "l", "tcp_local", MAIL("bo@b.test") F1)
         ENTRY("10:00:02.50", "tcp_local", "Q", MAIL("bo@b.test") F1 BUSY)
             ENTRY("12:00:02.50", "tcp_local", "Q", MAIL("bo@b.test") F1Y BUSY)
                 ENTRY("14:00:02.50", "tcp_local", "Q",
                       MAIL("bo@b.test") F1X
                       " TCP active open: Failed connect() Error: connection refused"),
     "tcp_local:attempted_messages=3 tcp_local:attempted_recipients=3 "
     "tcp_local:attempted_bytes=9216 @b.test:queued=1 @b.test:deferred=1 @b.test:deferrals=3 "
     "tcp_local!4007001:outbound=2 tcp_local!4000000:outbound=1 tcp_local+DEFERRED:count=3 "
     "mta:transmitted_messages=0"},
    {"... and is delivered at last",
     ENQUEUE("10:00:00.00", "l", "tcp_local", MAIL("bo@b.test") F1)
         ENTRY("10:00:02.50", "tcp_local", "Q", MAIL("bo@b.test") F1 BUSY)
             ENTRY("14:00:02.50", "tcp_local", "Q", MAIL("bo@b.test") F1X BUSY)
                 ENTRY("18:00:00.00", "tcp_local", "D", MAIL("bo@b.test") F1X SMTP_OK),
     "tcp_local:transmitted_messages=1 tcp_local:delivered_first_time=0 "
     "tcp_local:queue_time_sum_ms=28800000 tcp_local:queue_time_count=1 "
     "tcp_local:queue_time_first_count=0 @b.test:queued=0 messages=0"},
    {"partly deferred: the rest goes into a new file",
     ENQUEUE("10:00:00.00", "l", "tcp_local", MAIL("bo@b.test") F1)
         ENQUEUE("10:00:00.00", "l", "tcp_local", MAIL("cy@c.test") F1)
             ENTRY("10:00:02.00", "tcp_local", "D", MAIL("bo@b.test") F1 SMTP_OK)
                 ENTRY("10:00:02.00", "tcp_local", "Z", MAIL("cy@c.test") F1 BUSY)
                     ENTRY("10:30:00.00", "tcp_local", "D", MAIL("cy@c.test") F1X SMTP_OK),
     "tcp_local:received_messages=1 tcp_local:transmitted_messages=1 "
     "tcp_local:transmitted_recipients=2 tcp_local:attempted_messages=1 "
     "tcp_local+PARTLY_DEFERRED:count=1 mta:transmitted_messages=1 mta:transmitted_recipients=2 "
     "@c.test:queued=0 messages=0"},
    {"returned: dequeued, failed, and not transmitted by the MTA",
     ENQUEUE("10:00:00.00", "l", "tcp_local", MAIL("bo@b.test") F1)
         ENTRY("10:00:02.00", "tcp_local", "R", MAIL("bo@b.test") F1 SMTP_NO),
     "tcp_local:transmitted_messages=1 tcp_local:failed_messages=1 tcp_local:failed_recipients=1 "
     "tcp_local:failed_bytes=3072 tcp_local!5001001:outbound=1 tcp_local+RETURNED:count=1 "
     "mta:transmitted_messages=0 mta:transmitted_recipients=0 messages=0"},
    {"returned without a word",
     ENTRY("10:00:02.00", "ims-ms", "K", MAIL("bo@ims-ms-daemon") F2 " Mailbox is gone"),
     "ims-ms:transmitted_messages=1 ims-ms:failed_recipients=1 ims-ms+FAILED_SILENTLY:count=1 "
     "ims-ms!5000000:internal=1"},
    {"through the conversion channel: counted by each channel, once by the MTA",
     ENQUEUE("10:00:00.00", "tcp_local", "conversion", MAIL("bo@b.test") F3)
         ENQUEUE("10:00:01.00", "conversion", "ims-ms", MAIL("bo@ims-ms-daemon") F2)
             ENTRY("10:00:01.20", "conversion", "D", MAIL("bo@b.test") F3)
                 ENTRY("10:00:03.00", "ims-ms", "D", MAIL("bo@ims-ms-daemon") F2),
     "mta:received_messages=1 mta:received_recipients=1 mta:transmitted_messages=1 "
     "mta:transmitted_recipients=1 conversion:received_messages=1 "
     "conversion:transmitted_messages=1 conversion:submitted_messages=1 "
     "ims-ms:received_messages=1 ims-ms:transmitted_messages=1 tcp_local:submitted_messages=1 "
     "messages=0"},
    {"a message that comes again later is another",
     ENQUEUE("10:00:00.00", "tcp_local", "tcp_intranet", MAIL("bo@b.test") " <one@a.test>")
         ENQUEUE("10:20:00.00", "tcp_local", "tcp_intranet", MAIL("bo@b.test") " <one@a.test>"),
     "mta:received_messages=2"},
    {"queued before the log began",
     ENTRY("10:00:02.00", "tcp_local", "D", MAIL("bo@b.test") F1Y SMTP_OK)
         ENTRY("10:00:02.00", "tcp_local", "D", MAIL("cy@b.test") F1Y SMTP_OK),
     "tcp_local:transmitted_messages=1 tcp_local:transmitted_recipients=2 "
     "tcp_local:delivered_first_time=0 tcp_local:queue_time_count=- mta:transmitted_messages=1 "
     "mta:received_messages=0"},
    {"rejected",
     AT("10:00:00.00") "tcp_local                 J 0 eve@e.test rfc822;x@b.test x@b.test 550 "
                       "5.7.1 Relaying not permitted: x@b.test\n" AT(
                           "10:00:00.00") "tcp_local                 J 0 eve@e.test "
                                          "rfc822;y@b.test y@b.test 550 5.7.1 Relaying not "
                                          "permitted: y@b.test\n" AT("10:00:09.00") "tcp_local     "
                                                                                    "            J "
                                                                                    "2 eve@e.test "
                                                                                    "rfc822;y@b."
                                                                                    "test y@b.test "
                                                                                    "552 5.3.4 too "
                                                                                    "large\n",
     "tcp_local:rejected_messages=2 tcp_local:rejected_recipients=3 tcp_local:rejected_bytes=2048 "
     "tcp_local!5007001:inbound=2 tcp_local!5003004:inbound=1 tcp_local+REJECTED:count=3 "
     "mta:received_messages=0"},
    {"connections",
     AT("10:00:00.00") "tcp_local    +            O   TCP|192.0.2.1|25|192.0.2.9|1244 SMTP\n"
     AT("10:00:01.00") "tcp_local    +            U   TCP|192.0.2.1|25|192.0.2.9|1244 SMTP adam 535 5.7.8 Bad username or password\n"
     AT("10:00:01.00") "tcp_local    +            US  TCP|192.0.2.1|25|192.0.2.9|1244 SMTP adam 235 2.7.0 Authentication successful\n"
     AT("10:00:02.00") "tcp_local    +            C   TCP|192.0.2.1|25|192.0.2.9|1244 SMTP Session limit reached\n"
     AT("10:00:03.00") "tcp_local    +            X   TCP|192.0.2.1|25|192.0.2.9|1245 SMTP Too many connections\n"
     AT("10:00:04.00") "tcp_local    -            O   TCP|192.0.2.1|4000|192.0.2.25|25 SMTP/b.test/mx.b.test\n"
     AT("10:00:05.00") "tcp_local    -            Y   TCP|192.0.2.1|4001|192.0.2.26|25 SMTP/c.test/mx.c.test connection refused\n"
     AT("10:00:06.00") "tcp_local    +            I   TCP|192.0.2.1|25|192.0.2.9|1246 SMTP ETRN b.test\n",
     "mta:accumulated_inbound=1 mta:accumulated_outbound=1 mta:rejected_inbound=1 "
     "mta:failed_outbound=1 tcp_local:accumulated_inbound=1 tcp_local:accumulated_outbound=1 "
     "tcp_local:rejected_inbound=1 tcp_local:failed_outbound=1 192.0.2.9:connections=1 "
     "192.0.2.9:auth_failures=1 192.0.2.9:rejected=1 tcp_local+OPENED:count=2 "
     "tcp_local+CLOSED:count=1 tcp_local+AUTHENTICATION:count=2 "
     "tcp_local+AUTHENTICATION:with_sasl=1 tcp_local+AUTHENTICATION:with_tls=1 "
     "tcp_local+ETRN:count=1 tcp_local+CONNECTION_FAILED:count=1"},
    {"codes that count as entries only, and modifiers",
     ENTRY("10:00:00.00", "tcp_local", "W", NOTICE("ann@a.test")) ENTRY("10:00:00.00", "tcp_local",
                                                                        "VEA", MAIL("bo@b.test"))
         AT("10:00:00.00") "tcp_local    l            EESA 3 " MAIL("bo@b.test") "\n" AT(
             "10:00:00.00") "tcp_local                 B 0  rfc822;XX 500 5.5.1 Unknown command\n",
     "tcp_local+DELAY_WARNING:count=1 tcp_local+ABORTED:count=1 tcp_local+ENQUEUED:with_tls=1 "
     "tcp_local+ENQUEUED:with_sasl=1 tcp_local+BAD_COMMAND:count=1 mta:received_messages=1"},
    {"discarded",
     ENQUEUE("10:00:00.00", "tcp_local", "bitbucket",
             MAIL("bo@b.test") FILE("bitbucket", "ZZ0E5.00", "two"))
         ENTRY("10:00:01.00", "bitbucket", "D",
               MAIL("bo@b.test") FILE("bitbucket", "ZZ0E5.00", "two")),
     "bitbucket+DISCARDED:count=1 bitbucket:transmitted_messages=1 mta:transmitted_messages=0 "
     "mta:received_messages=1 messages=0"},
};
/* clang-format on */

static void test_cases(void **state)
{
    (void)state;
    world_check_cases(&mta_sun, cases, sizeof cases / sizeof cases[0]);
}

/* What takes mail from others and from users has rows of its own. */
static void test_parts(void **state)
{
    (void)state;
    struct world w;
    world_open_mta(&w, &mta_sun, NULL, 1000);
    world_feed(&w, "15-Jan-1998 10:00:00.00 tcp_local + O TCP|192.0.2.1|25|192.0.2.9|1 SMTP\n"
                   "15-Jan-1998 10:00:01.00 tcp_local + O TCP|192.0.2.1|465|192.0.2.9|2 SMTP\n"
                   "15-Jan-1998 10:00:02.00 tcp_auth + OS TCP|192.0.2.1|587|192.0.2.9|3 SMTP\n"
                   "15-Jan-1998 10:00:03.00 tcp_submit + O TCP|192.0.2.1|2525|192.0.2.9|4 SMTP\n"
                   "15-Jan-1998 10:00:04.00 tcp_lmtpss + O TCP|192.0.2.1|24|192.0.2.9|5 LMTP\n"
                   "15-Jan-1998 10:00:05.00 tcp_local + X TCP|192.0.2.1|25|192.0.2.9|6 SMTP Full\n"
                   "15-Jan-1998 10:00:06.00 tcp_auth + X TCP|192.0.2.1|587|192.0.2.9|7 SMTP Full\n"
                   "15-Jan-1998 10:00:07.00 tcp_local - O TCP|192.0.2.1|4000|192.0.2.25|25 SMTP\n");
    assert_int_equal(world_expect(&w, "the MTA",
                                  "mta:accumulated_inbound=5 mta:rejected_inbound=2 "
                                  "mta:accumulated_outbound=1"),
                     0);
    w.instance = "sun/smtp";
    assert_int_equal(world_expect(&w, "SMTP",
                                  "mta:accumulated_inbound=1 mta:rejected_inbound=1 "
                                  "mta:accumulated_outbound=- mta:received_messages=-"),
                     0);
    w.instance = "sun/submission";
    assert_int_equal(
        world_expect(&w, "submission", "mta:accumulated_inbound=3 mta:rejected_inbound=1"), 0);
    const struct appl *whole = tally_appl(w.tally, &mta_sun, SLICE("sun"));
    const struct appl *part = tally_part(w.tally, whole, PART_SMTP, false);
    assert_true(part && part != whole);
    assert_ptr_equal(tally_whole(w.tally, part), whole);
    assert_ptr_equal(tally_whole(w.tally, whole), whole);
    world_close(&w);
}

static const struct entry *entry_of(const struct world *w, enum entry_code code)
{
    for (uint32_t n = 0; n < w->model.tables[MODEL_ENTRY].count; n++) {
        const struct entry *e = model_row(&w->model, MODEL_ENTRY, n);
        if (e->row.key[2] == code)
            return e;
    }
    fail_msg("no entry %d", (int)code);
    return NULL;
}

/* A line of LOG_HEADER is a stranger's, whatever it looks like. */
static void test_header_lines(void **state)
{
    (void)state;
    struct world w;
    world_open_mta(&w, &mta_sun, NULL, 1000);
    world_feed(&w, "19-Jan-1998 19:16:57.64 tcp_local l E 1 a@b.test rfc822;c@d.test c@d.test\n"
                   "19-Jan-1998 19:16:57.64 > Subject: hello\n"
                   "19-Jan-1998 19:16:57.64 > Subject: E 1 a@b.test rfc822;c@d.test c@d.test\n"
                   "19-Jan-1998 19:16:57.64 >  + O TCP|192.0.2.1|25|192.0.2.66|7 SMTP\n");
    assert_int_equal(w.log.unrecognised, 0);
    assert_int_equal(world_expect(&w, "headers",
                                  "tcp_local:submitted_messages=1 l:received_messages=1 "
                                  "mta:received_messages=1"),
                     0);
    world_close(&w);
}

/* What is escaped in XML and JSON is published as what it stands for, and a message is one in either form. */
static void test_escaped(void **state)
{
    (void)state;
    struct world w;
    world_open_mta(&w, &mta_sun, NULL, 1000);
    world_feed(&w,
               "<en ts=\"1998-01-15T10:00:00.00\" sc=\"tcp&amp;x\" dc=\"tcp_local\" ac=\"E\" "
               "sz=\"1\" so=\"a@b\" "
               "de=\"&quot;b o&quot;@b.test\" mi=\"&lt;a&amp;b@c&gt;\"/>\n"
               "{\"en\":{\"ts\":\"1998-01-15T10:01:00.00\",\"sc\":\"tcp_local\",\"ac\":\"Q\","
               "\"sz\":1,\"so\":\"a@b\","
               "\"de\":\"\\\"b "
               "o\\\"@b.test\",\"mi\":\"\\u003ca\\u0026b@c\\u003e\",\"di\":\"smtp;451 4.7.1 "
               "\\u00e9t\\u00e9\\nlater \\\"x\\\"\"}}\n"
               "<co ts=\"1998-01-15T10:02:00.00\" sc=\"tcp_local\" dr=\"+\" ac=\"X\" "
               "tr=\"TCP|192.0.2.1|25|192.0.2.9|7\" ap=\"SMTP\" di=\"&lt;no&gt;&#10;&bad;\"/>\n");
    assert_int_equal(w.log.unrecognised, 0);
    assert_int_equal(
        world_expect(&w, "escaped",
                     "tcp&x:submitted_messages=1 tcp_local:received_messages=1 "
                     "tcp_local:attempted_messages=1 mta:received_messages=1 @b.test:queued=1 "
                     "@b.test:deferred=1 192.0.2.9:rejected=1 tcp_local!4007001:outbound=1"),
        0);
    assert_true(slice_eq(TEXT_GET(entry_of(&w, ENTRY_DEFERRED)->last_reason),
                         SLICE("451 4.7.1 \u00e9t\u00e9 later \"x\"")));
    assert_true(slice_eq(TEXT_GET(entry_of(&w, ENTRY_CONNECTION_REJECTED)->last_reason),
                         SLICE("<no> &bad;")));
    world_close(&w);
}

/* Cut after each line, stored and restored, the same lines give the same numbers. */
static void test_restart(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char error[256];
        assert_int_equal(scratch_make(NULL), 0);
        const char *line = cases[i].log;
        while (*line) {
            struct world w;
            struct store *s = store_open(scratch, error, sizeof error);
            struct checkpoint *c = checkpoint_new();
            size_t n = strcspn(line, "\n") + 1;
            assert_non_null(s);
            world_open_mta(&w, &mta_sun, NULL, 1000);
            assert_true(persist_load(&w.model, w.names, s, WORLD_CLOCK));
            assert_true(tally_load(w.tally, s));
            maillog_lines(&w.log, (struct slice){line, n});
            line += n;
            if (!*line)
                assert_int_equal(world_expect(&w, cases[i].title, cases[i].expected), 0);
            assert_true(tally_save(w.tally, c) && persist_save(&w.model, w.names, c, WORLD_CLOCK));
            assert_true(store_write(s, c));
            checkpoint_free(c);
            store_close(s);
            world_close(&w);
        }
        assert_int_equal(scratch_remove(NULL), 0);
    }
}

/* Of entries through syslog only those count that cannot be anything else. */
static void test_syslog(void **state)
{
    (void)state;
    struct world w;
    world_open_mta(&w, &mta_sun, NULL, 1000);
    world_feed(
        &w, "Jan 15 10:00:00 host imta[77]: l            tcp_local    E 3 " MAIL(
                "bo@b.test") "\n"
                             "Jan 15 10:00:01 host postfix/smtpd[77]: warning: odd line E 3 what\n"
                             "Jan 15 10:00:01 host imta[77]: tcp_local    + O   "
                             "TCP|192.0.2.1|25|192.0.2.9|1244 SMTP\n");
    assert_int_equal(world_expect(&w, "syslog",
                                  "mta:received_messages=1 tcp_local:received_messages=1 "
                                  "mta:accumulated_inbound=1"),
                     0);
    assert_int_equal(w.log.lines, 2);
    assert_int_equal(w.log.unrecognised, 0);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_header_lines), cmocka_unit_test(test_escaped),
        cmocka_unit_test(test_restart),      cmocka_unit_test(test_syslog),
    };
    setenv("TZ", "UTC", 1);
    tzset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
