/* Logs of several hosts: whose a line is, and hosts that nobody named. */
#include "maillog_site.h"

static void feed(struct site *s, const char *text)
{
    maillog_lines(&s->log, slice_of(text));
}

static uint64_t connections(const struct site *s, const char *name)
{
    const struct appl *a = find_appl(&s->model, "", slice_of(name));
    return a ? a->accumulated_inbound : MODEL_ABSENT;
}

#define LINE(host, daemon, text) "Nov 21 10:00:00 " host " postfix/" daemon "[7]: " text "\n"
#define CONNECT(host)            LINE(host, "smtpd", "connect from h[192.0.2.9]")

static void test_whose(void **state)
{
    (void)state;
    struct site s;
    site_open(&s);
    assert_true(maillog_add_mta_of(&s.log, SLICE("mx1"), &mta_postfix, SLICE("")));
    assert_true(maillog_add_mta_of(&s.log, SLICE("mx2.example.org"), &mta_postfix, SLICE("")));
    assert_true(maillog_add_mta_of(&s.log, SLICE("mx2.example.net"), &mta_postfix, SLICE("")));
    assert_true(maillog_add_mta_of(&s.log, SLICE("mx1"), &mta_postfix, SLICE("mx1/other")));
    maillog_time(&s.log, WRITTEN);
    feed(&s, CONNECT("mx1") CONNECT("MX1.example.org") CONNECT("mx2.example.org"));
    feed(&s, CONNECT("mx2") CONNECT("mx3") "Nov 21 10:00:00 mx4 cron[1]: x\n" CONNECT(
                 "mx3") "Nov 21 10:00:00 postfix/smtpd[7]: connect from h[192.0.2.9]\n");
    assert_int_equal(connections(&s, "mx1/postfix"), 2);
    assert_int_equal(connections(&s, "mx2.example.org/postfix"), 1);
    assert_int_equal(connections(&s, "mx2.example.net/postfix"), MODEL_ABSENT);
    assert_int_equal(s.model.tables[MODEL_APPL].count, 2);
    assert_string_equal(s.strangers, "mx2 mx3 mx3  "); /* mx2 may be either; the last has none */
    assert_int_equal(s.log.lines, 3);
    /* With an instance that has no host these are its lines. */
    assert_true(maillog_add_mta(&s.log, &mta_postfix, SLICE("")));
    maillog_time(&s.log, WRITTEN);
    feed(&s, CONNECT("mx1") CONNECT("mx2") CONNECT("mx3"));
    feed(&s, "Nov 21 10:00:00 postfix/smtpd[7]: connect from h[192.0.2.9]\n");
    assert_int_equal(connections(&s, "mx1/postfix"), 3);
    assert_int_equal(connections(&s, "postfix"), 3);
    site_close(&s);
}

#define SMTPD(host)                                                                                \
    "Nov 21 10:00:00 " host " smtpd[1]: b9ea049ed50902e7 smtp connected address=::1 host=x\n"

/* A format that has no host is that of all of them, whatever hosts another one has. */
static void test_other_format(void **state)
{
    (void)state;
    struct site s;
    for (unsigned first = 0; first < 2; first++) {
        site_open(&s);
        if (first)
            assert_true(maillog_add_mta_of(&s.log, SLICE("mx1"), &mta_postfix, SLICE("")));
        assert_true(maillog_add_mta(&s.log, &mta_opensmtpd, SLICE("")));
        if (!first)
            assert_true(maillog_add_mta_of(&s.log, SLICE("mx1"), &mta_postfix, SLICE("")));
        maillog_time(&s.log, WRITTEN);
        feed(&s, CONNECT("mx1") SMTPD("mx1") CONNECT("mx2") SMTPD("mx2"));
        assert_int_equal(connections(&s, "mx1/postfix"), 1);
        assert_int_equal(connections(&s, "opensmtpd"), 2);
        assert_string_equal(s.strangers, "mx2 ");
        site_close(&s);
    }
}

/* Ids of two hosts do not meet, and what one hands to the other is new there. */
static void test_ids(void **state)
{
    (void)state;
    struct site s;
    site_open(&s);
    add_host(&s, "mx1");
    add_host(&s, "mx2");
    maillog_time(&s.log, WRITTEN);
    feed(&s, LINE("mx1", "smtpd", "A1B2C3D4E5: client=h[192.0.2.9]"));
    feed(&s, LINE("mx2", "smtpd", "A1B2C3D4E5: client=h[192.0.2.10]"));
    feed(&s, LINE("mx1", "qmgr", "A1B2C3D4E5: from=<a@x>, size=100, nrcpt=1 (queue active)"));
    feed(&s, LINE("mx2", "qmgr", "A1B2C3D4E5: from=<a@x>, size=3000, nrcpt=2 (queue active)"));
    feed(&s, LINE("mx2", "qmgr", "A1B2C3D4E5: removed"));
    feed(&s, LINE("mx1", "smtp",
                  "A1B2C3D4E5: to=<b@y>, relay=mx2[192.0.2.2]:25, delay=1, delays=1/0/0/0, "
                  "dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as A1B2C3D4E5)"));
    const struct appl *one = find_appl(&s.model, "mx1", SLICE("postfix")),
                      *two = find_appl(&s.model, "mx2", SLICE("postfix"));
    assert_non_null(one);
    assert_non_null(two);
    assert_int_equal(one->received_bytes, 100);
    assert_int_equal(one->transmitted_messages, 1);
    assert_int_equal(two->received_bytes, 3000);
    assert_int_equal(two->received_messages, 1);
    assert_int_equal(two->transmitted_messages, 0);
    assert_int_equal(tally_messages(s.tally)->count, 1);
    site_close(&s);
}

/* Of another host's connections now and of its processes the log does not tell. */
static void test_elsewhere(void **state)
{
    (void)state;
    struct site s;
    site_open(&s);
    tally_here(s.tally, SLICE("mx2.example.org"));
    assert_true(maillog_add_mta_of(&s.log, SLICE("mx1"), &mta_postfix, SLICE("")));
    assert_true(maillog_add_mta_of(&s.log, SLICE("mx2"), &mta_postfix, SLICE("")));
    maillog_time(&s.log, WRITTEN);
    feed(&s, CONNECT("mx1") CONNECT("mx2"));
    for (unsigned i = 0; i < 2; i++) {
        const struct appl *a = find_appl(&s.model, i ? "mx2" : "mx1", SLICE("postfix"));
        uint32_t key[3] = {a->row.key[0], 1, 0};
        const struct peer *p =
            model_find(&s.model, MODEL_PEER, key, (const uint8_t[16]){192, 0, 2, 9});
        assert_int_equal(tally_is_elsewhere(s.tally, a->row.key[0]), i == 0);
        assert_non_null(p);
        assert_int_equal(p->connections, 1);
        assert_int_equal(p->current, i == 0 ? MODEL_ABSENT : 0);
    }
    assert_int_equal(tally_served(s.tally, 7, 1795255200000 - WORLD_CLOCK), 1); /* of mx2 */
    site_close(&s);
}

/* ---- Hosts that nobody named ---- */

static void test_found(void **state)
{
    (void)state;
    struct site s;
    site_open(&s);
    assert_true(maillog_add_mta_of(&s.log, SLICE("mx1"), &mta_postfix, SLICE("")));
    assert_true(maillog_add_mta_of(&s.log, SLICE(MAILLOG_EACH), &mta_postfix, SLICE("")));
    assert_true(maillog_add_mta_of(&s.log, SLICE(MAILLOG_EACH), &mta_sendmail, SLICE("*/out")));
    tally_alias(s.tally, &mta_postfix, SLICE(MAILLOG_EACH), SLICE("submission"), SLICE("*/postfix"),
                SLICE("submission"));
    tally_internal_service(s.tally, SLICE("*/postfix"), SLICE("reinject/smtpd"));
    maillog_time(&s.log, WRITTEN);
    feed(&s, "Nov 21 10:00:00 web7 cron[1]: x\n"
             "Nov 21 10:00:00 web8 postfix/smtpd[1]: a word nobody knows\n");
    assert_int_equal(s.model.tables[MODEL_APPL].count, 0); /* nothing was counted of them */
    assert_string_equal(s.strangers, "");
    feed(&s,
         CONNECT("mx1.x") CONNECT("mx9") CONNECT("MX9")
             CONNECT("mx9.x") "Nov 21 10:00:00 mx9 submission/smtpd[1]: connect from h[192.0.2.9]\n"
                              "Nov 21 10:00:00 mx8 sm-mta[1]: 6AM4R6vT013995: from=<a@x>, "
                              "size=196, class=0, "
                              "nrcpts=1, msgid=<x>, proto=ESMTP, daemon=MTA, relay=[192.0.2.1]\n");
    assert_int_equal(connections(&s, "mx1/postfix"), 1);
    assert_int_equal(connections(&s, "mx9/postfix"), 3);
    assert_int_equal(connections(&s, "mx9.x/postfix"), 1);
    assert_non_null(find_appl(&s.model, "mx8", SLICE("out")));
    assert_int_equal(s.model.tables[MODEL_APPL].count, 4);
    /* A tag of its instance, a service behind a filter: as the configuration says of all hosts. */
    const struct appl *mx9 = find_appl(&s.model, "mx9", SLICE("postfix"));
    uint32_t key[3] = {mx9->row.key[0], 2, 0};
    const struct group *g = model_find(&s.model, MODEL_GROUP, key, NULL);
    assert_non_null(g);
    assert_true(slice_eq(TEXT_GET(g->name), SLICE("submission/smtpd")));
    feed(&s, LINE("mx9", "reinject/smtpd", "A1B2C3D4E5: client=localhost[127.0.0.1]")
                 LINE("mx9", "qmgr", "A1B2C3D4E5: from=<a@x>, size=1, nrcpt=1 (queue active)"));
    assert_int_equal(mx9->received_messages, 0);
    site_close(&s);
}

/* Who may send lines chooses hosts: they take so many places and no more, and those that were named keep theirs. */
static void test_forged(void **state)
{
    (void)state;
    struct site s;
    char line[400], name[300];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = 0;
    site_open(&s);
    assert_true(maillog_add_mta_of(&s.log, SLICE("mx1"), &mta_postfix, SLICE("")));
    assert_true(maillog_add_mta_of(&s.log, SLICE(MAILLOG_EACH), &mta_postfix, SLICE("")));
    maillog_time(&s.log, WRITTEN);
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(line, sizeof line, CONNECT("forged-%u.example.org") CONNECT("mx1"), i);
        feed(&s, line);
        snprintf(line, sizeof line, CONNECT("%.*s"), (int)(40 + i % 250), name);
        feed(&s, line);
    }
    assert_int_equal(s.model.tables[MODEL_APPL].count, 1 + MAILLOG_FOUND);
    assert_int_equal(connections(&s, "mx1/postfix"), 5000);
    assert_int_equal(connections(&s, "forged-7.example.org/postfix"), 1);
    site_close(&s);
}

/* A host that logs nothing that counts keeps no place from one that does, and may come back. */
static void test_silent(void **state)
{
    (void)state;
    struct site s;
    char line[400];
    site_open(&s);
    assert_true(maillog_add_mta_of(&s.log, SLICE(MAILLOG_EACH), &mta_postfix, SLICE("")));
    maillog_time(&s.log, WRITTEN);
    feed(&s, CONNECT("mx1"));
    for (unsigned i = 0; i < 100; i++) {
        snprintf(line, sizeof line,
                 LINE("silent-%u", "anvil", "statistics: max cache size 1 at Nov 21 10:00:00"), i);
        feed(&s, line);
    }
    for (unsigned i = 0; i < 2 * MAILLOG_FOUND; i++) {
        snprintf(line, sizeof line, CONNECT("silent-%u") CONNECT("mx1"), i);
        feed(&s, line);
    }
    assert_int_equal(s.model.tables[MODEL_APPL].count, MAILLOG_FOUND);
    assert_int_equal(connections(&s, "mx1/postfix"), 1 + 2 * MAILLOG_FOUND);
    assert_int_equal(connections(&s, "silent-0/postfix"), 1);
    assert_int_equal(connections(&s, "silent-40/postfix"), MODEL_ABSENT);
    site_close(&s);
}

/* What was known before a restart is known after it, however many others come first. */
static void test_known(void **state)
{
    (void)state;
    struct site s;
    site_open(&s);
    assert_false(maillog_know(&s.log, SLICE("mx9"), mta_postfix.parse));
    add_host(&s, MAILLOG_EACH);
    maillog_time(&s.log, WRITTEN);
    assert_true(maillog_know(&s.log, SLICE("mx9"), mta_postfix.parse));
    assert_true(maillog_know(&s.log, SLICE("mx9"), access_dovecot.parse));
    assert_true(maillog_know(&s.log, SLICE("mx9"), mta_postfix.parse));
    assert_int_equal(connections(&s, "mx9/postfix"), 0);
    assert_non_null(access_tally_find(s.access, &access_dovecot, SLICE("mx9/dovecot")));
    assert_null(find_appl(&s.model, "mx9", SLICE("sendmail")));
    for (unsigned i = 1; i < MAILLOG_FOUND; i++) {
        char name[16];
        snprintf(name, sizeof name, "h%u", i);
        assert_true(maillog_know(&s.log, slice_of(name), mta_postfix.parse));
    }
    assert_false(maillog_know(&s.log, SLICE("one-more"), mta_postfix.parse));
    feed(&s, CONNECT("mx9") CONNECT("one-more"));
    assert_int_equal(connections(&s, "mx9/postfix"), 1);
    assert_int_equal(connections(&s, "one-more/postfix"), MODEL_ABSENT);
    site_close(&s);
}

/* Hosts and formats have bounds, which say no. */
static void test_bounds(void **state)
{
    (void)state;
    struct site s;
    site_open(&s);
    for (unsigned i = 0; i < MAILLOG_HOSTS; i++) {
        char name[16];
        snprintf(name, sizeof name, "h%u", i);
        add_host(&s, name);
    }
    assert_false(maillog_add_mta_of(&s.log, SLICE("more"), &mta_postfix, SLICE("")));
    maillog_time(&s.log, WRITTEN);
    feed(&s, CONNECT("h0") CONNECT("h63") CONNECT("more"));
    assert_int_equal(connections(&s, "h63/postfix"), 1);
    assert_string_equal(s.strangers, "more ");
    site_close(&s);
}

int main(void)
{
    setenv("TZ", "UTC0", 1);
    tzset();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whose),  cmocka_unit_test(test_other_format),
        cmocka_unit_test(test_ids),    cmocka_unit_test(test_elsewhere),
        cmocka_unit_test(test_found),  cmocka_unit_test(test_forged),
        cmocka_unit_test(test_silent), cmocka_unit_test(test_known),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
