/*
 * Logs of several hosts: how a host is told by a line, whose its lines are, and that a log of k hosts counts as k logs,
 * for every format at once, of logs of the real servers.
 */
#include "data_file.h"
#include "tally_world.h"

#include "../../collectors/access_tally.h"
#include "../../collectors/syslog_forms.h"

#include <time.h>

#define WRITTEN INT64_C(1796083200000) /* 2026-12-01, as the recorded logs are read */

/* ---- Names ---- */

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool same, fits;
    } cases[] = {
        {"mx1", "mx1", true, true},
        {"mx1", "MX1", true, true},
        {"mx1", "mx1.example.org", false, true},
        {"Mx1.Example.Org", "mx1", false, true},
        {"mx1.example.org", "mx1.example.net", false, false},
        {"mx1", "mx11", false, false},
        {"mx1", "mx", false, false},
        {"mx1.", "mx1", false, true},
        {"192.0.2.1", "192.0.2.1", true, true},
        {"192.0.2.1", "192.0.2.10", false, false},
        {"2001:db8::1", "2001:DB8::1", true, true},
        {"2001:db8::1", "2001:db8::2", false, false},
        {"a", "\x41", true, true},
        {"[", "{", false, false},
        {"@", "`", false, false},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct slice a = slice_of(cases[i].a), b = slice_of(cases[i].b);
        assert_int_equal(host_name_same(a, b), cases[i].same);
        assert_int_equal(host_name_same(b, a), cases[i].same);
        assert_int_equal(host_name_fits(a, b), cases[i].fits);
        assert_int_equal(host_name_fits(b, a), cases[i].fits);
    }
    char text[300];
    memset(text, 'a', sizeof text);
    assert_true(host_name_good((struct slice){text, 255}));
    assert_false(host_name_good((struct slice){text, 256}));
    static const char *const bad[] = {"", "-", ".", "::", "mx 1", "mx1/x", "mx\x80", "mx1\n", "*"};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(host_name_good(slice_of(bad[i])));
}

/* Line -> host; where syslog_head finds a tag, it is behind the host. */
static void test_heads(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"Nov  1 22:48:24 mx1 postfix/smtpd[1]: text", "mx1"},
        {"Nov  1 22:48:24 mx1 postfix/smtpd: text", "mx1"},
        {"Nov  1 22:48:24 mx1.example.org sm-mta[1]: x", "mx1.example.org"},
        {"<22>Nov  1 22:48:24 192.0.2.7 postfix/smtpd[1]: text", "192.0.2.7"},
        {"Nov  1 22:48:24 2001:db8::1 postfix/smtpd[1]: text", "2001:db8::1"},
        {"Nov  1 22:48:24 postfix/smtpd[1]: text", ""},
        {"Nov  1 22:48:24 mx1 last message repeated 3 times", "mx1"},
        {"Nov  1 22:48:24 src@mx1/relay postfix/smtpd[1]: text", "mx1"},
        {"Nov  1 22:48:24 mx1/relay postfix/smtpd[1]: text", "mx1"},
        {"Nov  1 22:48:24 mx1 mail.info postfix/smtpd[1]: text", "mx1"},
        {"Nov  1 22:48:24 <mail.info> mx1 postfix/smtpd[1]: text", "mx1"},
        {"Nov  1 22:48:24 mail.info postfix/smtpd[1]: text", ""},
        {"Nov  1 22:48:24 mx1 sendmail[1]: [ID 801593 mail.info] x", "mx1"},
        {"Nov 1 22:48:24 mx1 postfix/smtpd[1]: text", "mx1"},
        {"Nov  1 2026 22:48:24 mx1 postfix/smtpd[1]: text", "mx1"},
        {"Sun Nov  1 22:48:24 2026 mail.info postfix/smtpd[1]: text", ""},
        {"2026-11-21T22:48:24.123456+00:00 mx1 postfix/smtpd[1]: text", "mx1"},
        {"2026-11-21T22:48:24Z - postfix/smtpd[1]: text", ""},
        {"2026-11-21T22:48:24 mx1 postfix/smtpd[1]: text", "mx1"},
        {"2026-11-21 22:48:24.1+01:00 mx1 postfix/smtpd[1]: text", "mx1"},
        {"2026-11-21 22:48:24 1abcde-000001-AB <= a@b", "1abcde-000001-AB"},
        {"1793573304.123456 mx1 postfix/smtpd[1]: text", "mx1"},
        {"<22>1 2026-11-21T22:48:24Z mx1 postfix/smtpd 1 - - text", "mx1"},
        {"<22>1 - mx1.example.org postfix/smtpd 1 - - text", "mx1.example.org"},
        {"<22>1 2026-11-21T22:48:24Z - postfix/smtpd 1 - - text", ""},
        {"<22>1 2026-11-21T22:48:24Z", ""},
        {"postfix-1  | Nov  1 22:48:24 mx1 postfix/smtpd[1]: text", "mx1"},
        {"Nov  1 22:48:24 dockerhost mail[9]: Nov  1 22:48:24 mx1 postfix/smtpd[1]: x",
         "dockerhost"},
        {"2026-11-01T22:48:24.1Z Nov  1 22:48:24 mx1 postfix/smtpd[1]: x", "mx1"},
        {"2026-11-01T22:48:24.1Z Nov  1 22:48:24 postfix/smtpd[1]: x", ""},
        {"Nov  1 22:48:24 192.0.2.4 Nov  1 22:48:24 mx1 postfix/smtpd[1]: x", "mx1"},
        {"mail.info: Nov  1 22:48:24 mx1 postfix/smtpd[1]: x", "mx1"},
        {"mail.info: Nov  1 22:48:24 postfix/smtpd[1]: x", ""},
        {"Nov  1 22:48:24 mx1 mail:info postfix/smtpd[1]: text", "mx1"},
        {"2026-11-21T22:48:24Z\tmx1\tpostfix/smtpd[1]:\ta text", "mx1"},
        {"Nov  1 22:48:24 mx1 postfix/submission/smtpd[1234567 text", "mx1"},
        {"Nov  1 22:48:24 mx\x01 postfix/smtpd[1]: text", ""},
        {"Nov  1 22:48:24 ../.. postfix/smtpd[1]: text", ""},
        {"Nov  1 22:48:24 ", ""},
        {"Nov  1 22:48:24", ""},
        {"no head at all", ""},
        {"", ""},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t n = strlen(cases[i][0]);
        char *copy = malloc(n + 1); /* what is read behind its end is found */
        assert_non_null(copy);
        memcpy(copy, cases[i][0], n);
        struct slice host = syslog_host((struct slice){copy, n});
        if (!slice_eq(host, slice_of(cases[i][1])))
            fail_msg("%s: \"%.*s\"", cases[i][0], (int)host.n, host.p);
        free(copy);
    }
}

/* ---- A world with every format ---- */

static const struct mta *const all_mtas[] = {&mta_postfix, &mta_exim, &mta_sendmail,
                                             &mta_opensmtpd};
static const struct access_server *const all_servers[] = {&access_dovecot, &access_cyrus};

struct site {
    struct model model;
    struct names *names;
    struct tally *tally;
    struct access_tally *access;
    struct maillog log;
    char strangers[256];
};

static void on_stranger(void *arg, struct slice host)
{
    struct site *s = arg;
    size_t n = strlen(s->strangers);
    snprintf(s->strangers + n, sizeof s->strangers - n, "%.*s ", (int)host.n, host.p);
}

static void add_server(struct site *s, struct slice host, const struct access_server *server)
{
    char name[128];
    int n = snprintf(name, sizeof name, "%.*s%s%s", (int)host.n, host.p, host.n ? "/" : "",
                     server->name);
    struct access_log *log =
        access_tally_log(s->access, server, (struct slice){name, (size_t)n}, 1);
    assert_non_null(log);
    access_tally_host(log, host);
    assert_true(maillog_add_of(&s->log, host, server->parse, access_tally_event, log,
                               access_tally_of_host));
}

/* Adds every format for this host. */
static void add_host(struct site *s, const char *host)
{
    for (unsigned i = 0; i < sizeof all_mtas / sizeof all_mtas[0]; i++)
        assert_true(maillog_add_mta_of(&s->log, slice_of(host), all_mtas[i], SLICE("")));
    for (unsigned i = 0; i < sizeof all_servers / sizeof all_servers[0]; i++)
        add_server(s, slice_of(host), all_servers[i]);
}

static void site_open(struct site *s)
{
    memset(s, 0, sizeof *s);
    assert_true(model_init(&s->model, NULL));
    assert_non_null(s->names = names_new());
    assert_non_null(s->tally = tally_new(&s->model, s->names, 20000, true));
    assert_non_null(s->access = access_tally_new(&s->model, s->names, s->tally, USERS_PLAIN));
    tally_clock(s->tally, WORLD_CLOCK);
    tally_here(s->tally, SLICE("loghost"));
    access_tally_clock(s->access, WORLD_CLOCK, 0);
    maillog_start(&s->log, s->tally);
    s->log.on_stranger = on_stranger;
    s->log.arg = s;
}

static void site_close(struct site *s)
{
    maillog_stop(&s->log);
    access_tally_free(s->access);
    tally_free(s->tally);
    names_free(s->names);
    model_free(&s->model);
}

static void feed(struct site *s, const char *text)
{
    maillog_lines(&s->log, slice_of(text));
}

static const struct appl *find_appl(const struct model *m, const char *host, struct slice name)
{
    char text[256];
    snprintf(text, sizeof text, "%s%s%.*s", host, *host ? "/" : "", (int)name.n, name.p);
    for (uint32_t i = 0; i < m->tables[MODEL_APPL].count; i++) {
        const struct appl *a = model_row(m, MODEL_APPL, i);
        if (slice_eq(TEXT_GET(a->name), slice_of(text)))
            return a;
    }
    return NULL;
}

static uint64_t connections(const struct site *s, const char *name)
{
    const struct appl *a = find_appl(&s->model, "", slice_of(name));
    return a ? a->accumulated_inbound : MODEL_ABSENT;
}

/* ---- Whose a line is ---- */

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

/* ---- k logs in one ---- */

struct lines {
    char *text;
    size_t size, at;
};

static uint64_t random_state;

static uint32_t pick(uint32_t n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % n;
}

/* A line as syslog of this host would have it: recorded logs have another host, or a head of their own. */
static size_t as_host(struct slice line, const char *kind, const char *host, char *to, size_t size)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct slice rest = line;
    int n = 0;
    if (strcmp(kind, "exim") == 0) {
        unsigned month = (unsigned)atoi(line.p + 5) - 1;
        n = snprintf(to, size, "%s %2d %.8s %s exim[77]: %.*s\n", months[month % 12],
                     atoi(line.p + 8), line.p + 11, host, (int)line.n, line.p);
    } else if (strcmp(kind, "dovecot") == 0) {
        struct slice text = slice_skip(line, 16);
        size_t info = slice_search(text, SLICE(": Info: "));
        n = snprintf(to, size, "%.15s %s dovecot: %.*s: %.*s\n", line.p, host, (int)info, text.p,
                     (int)slice_skip(text, info + 8).n, slice_skip(text, info + 8).p);
    } else {
        struct slice stamp = slice_head(rest, *line.p > '9' ? 15 : slice_find(rest, ' '));
        rest = slice_skip(rest, stamp.n + 1);
        rest = slice_skip(rest, slice_find(rest, ' ') + 1);
        n = snprintf(to, size, "%.*s %s %.*s\n", (int)stamp.n, stamp.p, host, (int)rest.n, rest.p);
    }
    return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

/* Adds a recorded log to a host's lines, now and then with a line that says that the one before came again. */
static void add_log(struct lines *l, const char *kind, const char *file, const char *host,
                    const char *long_host)
{
    struct slice data = data_file("tests/data/%s", file);
    while (data.n) {
        struct slice line = slice_line(&data);
        const char *name = long_host && pick(3) == 0 ? long_host : host;
        if (line.n < 20 || (strcmp(kind, "exim") == 0 && *line.p != '2'))
            continue;
        l->text = realloc(l->text, l->size + line.n + 400);
        assert_non_null(l->text);
        l->size += as_host(line, kind, name, l->text + l->size, line.n + 200);
        if (*l->text > '9' && pick(40) == 0)
            l->size += (size_t)snprintf(l->text + l->size, 200,
                                        "Nov 22 04:20:00 %s last message repeated %u times\n", name,
                                        1 + pick(3));
    }
}

static const struct {
    const char *kind, *file;
} recorded[] = {
    {"postfix", "postfix_real.log"},   {"postfix", "postfix_site.log"},
    {"sendmail", "sendmail_real.log"}, {"opensmtpd", "opensmtpd_real.log"},
    {"exim", "exim_real.log"},         {"exim", "exim_selectors.log"},
    {"dovecot", "dovecot_real.log"},   {"cyrus", "cyrus_real.log"},
};
#define RECORDED (sizeof recorded / sizeof recorded[0])

/* Runs of whole lines, each gone when the next one comes. */
static void feed_runs(struct site *s, const char *text, size_t size)
{
    for (struct slice rest = {text, size}; rest.n;) {
        size_t n = 0;
        for (unsigned i = 1 + pick(200); i && n < rest.n; i--)
            n += slice_find(slice_skip(rest, n), '\n') + 1;
        char *copy = malloc(n);
        assert_non_null(copy);
        memcpy(copy, rest.p, n);
        maillog_lines(&s->log, (struct slice){copy, n});
        free(copy);
        rest = slice_skip(rest, n);
    }
    tally_end(s->tally);
    tally_levels(s->tally);
}

/* The lines of all in one, those of each in their order. */
static struct lines merge(struct lines *of, unsigned count)
{
    struct lines all = {NULL, 0, 0};
    size_t left = 0;
    for (unsigned i = 0; i < count; i++)
        left += of[i].size;
    all.text = malloc(left + 1);
    assert_non_null(all.text);
    while (left) {
        struct lines *l = &of[pick(count)];
        for (unsigned n = 1 + pick(5); n && l->at < l->size; n--) {
            struct slice rest = {l->text + l->at, l->size - l->at};
            size_t length = slice_find(rest, '\n') + 1;
            memcpy(all.text + all.size, rest.p, length);
            all.size += length;
            l->at += length;
            left -= length;
        }
    }
    return all;
}

static const void *same_destination(const struct model *m, uint32_t appl,
                                    const struct destination *d)
{
    for (uint32_t i = 0; i < m->tables[MODEL_DESTINATION].count; i++) {
        const struct destination *x = model_row(m, MODEL_DESTINATION, i);
        if (x->row.key[0] == appl && slice_eq(TEXT_GET(x->domain), TEXT_GET(d->domain)))
            return x;
    }
    return NULL;
}

/* Each row of one application is there in the other model, to the octet, and there are no more. */
static unsigned compare_below(const struct model *one, uint32_t appl, const struct model *all,
                              uint32_t in_all, enum model_table t)
{
    unsigned wrong = 0, rows = 0;
    size_t size = one->tables[t].row_size - sizeof(struct row);
    if (t == MODEL_PEER) /* connections now are another host's */
        size = model_kinds[t].stored_to - sizeof(struct row);
    for (uint32_t i = 0; i < one->tables[t].count; i++) {
        const struct row *row = model_row(one, t, i);
        if (row->key[0] != appl)
            continue;
        uint32_t key[3] = {in_all, row->key[1], row->key[2]};
        const void *other =
            t == MODEL_DESTINATION
                ? same_destination(all, in_all, (const struct destination *)(const void *)row)
                : model_find(all, t, key,
                             t == MODEL_PEER ? ((const struct peer *)(const void *)row)->address
                                             : NULL);
        wrong += !other || memcmp((const char *)other + sizeof(struct row),
                                  (const char *)row + sizeof(struct row), size) != 0;
        rows++;
    }
    for (uint32_t i = 0; i < all->tables[t].count; i++)
        rows -= ((const struct row *)model_row(all, t, i))->key[0] == in_all;
    return wrong + (rows != 0);
}

/* What the log of one host gives is what the log of all gives of that host. Returns its messages under way. */
static uint32_t compare_host(const struct lines *lines, const char *host, struct site *all,
                             unsigned long seed)
{
    static const enum model_table tables[] = {MODEL_GROUP, MODEL_ENTRY,       MODEL_GROUP_ERROR,
                                              MODEL_PEER,  MODEL_DESTINATION, MODEL_ACCESS};
    struct site one;
    site_open(&one);
    add_host(&one, "");
    maillog_time(&one.log, WRITTEN);
    feed_runs(&one, lines->text, lines->size);
    assert_true(one.model.tables[MODEL_APPL].count > 0);
    for (uint32_t i = 0; i < one.model.tables[MODEL_APPL].count; i++) {
        const struct appl *a = model_row(&one.model, MODEL_APPL, i),
                          *b = find_appl(&all->model, host, TEXT_GET(a->name));
        struct slice name = TEXT_GET(a->name);
        if (!b)
            fail_msg("seed %lu: no %s/%.*s", seed, host, (int)name.n, name.p);
        size_t from = offsetof(struct appl, name) + sizeof a->name;
        if (memcmp((const char *)a + from, (const char *)b + from, sizeof *a - from) != 0)
            fail_msg("seed %lu: %s/%.*s is another row", seed, host, (int)name.n, name.p);
        for (unsigned t = 0; t < sizeof tables / sizeof tables[0]; t++)
            if (compare_below(&one.model, a->row.key[0], &all->model, b->row.key[0], tables[t]))
                fail_msg("seed %lu: %s/%.*s, rows of %s", seed, host, (int)name.n, name.p,
                         model_kinds[tables[t]].name);
    }
    uint32_t messages = tally_messages(one.tally)->count;
    all->log.lines -= one.log.lines;
    all->log.unrecognised -= one.log.unrecognised;
    site_close(&one);
    return messages;
}

static void check_merge(unsigned long seed)
{
    static const char *const hosts[] = {"mx1", "mx2.example.org", "192.0.2.3", "store", "mx10"};
    static const char *const longs[] = {"MX1.example.org", NULL, NULL, "store.example.org", NULL};
    struct lines lines[5] = {{0}};
    struct site all;
    random_state = seed;
    unsigned count = 2 + pick(4), named = pick(3) == 0 ? 0 : pick(3) == 0 ? 1 : count;
    site_open(&all);
    for (unsigned h = 0; h < count; h++) {
        for (unsigned n = 1 + pick(3); n; n--) {
            unsigned r = pick(RECORDED);
            add_log(&lines[h], recorded[r].kind, recorded[r].file, hosts[h],
                    h < named ? longs[h] : NULL);
        }
        if (h < named)
            add_host(&all, hosts[h]);
    }
    if (named < count)
        add_host(&all, MAILLOG_EACH);
    maillog_time(&all.log, WRITTEN);
    struct lines merged = merge(lines, count);
    feed_runs(&all, merged.text, merged.size);
    uint32_t messages = 0;
    for (unsigned h = 0; h < count; h++)
        messages += compare_host(&lines[h], hosts[h], &all, seed);
    assert_int_equal(messages, tally_messages(all.tally)->count);
    assert_int_equal(all.log.lines, 0);
    assert_int_equal(all.log.unrecognised, 0);
    assert_string_equal(all.strangers, "");
    for (unsigned h = 0; h < count; h++)
        free(lines[h].text);
    free(merged.text);
    site_close(&all);
}

static void test_merge(void **state)
{
    (void)state;
    for (unsigned long seed = 1; seed <= 60; seed++)
        check_merge(seed);
}

int main(void)
{
    setenv("TZ", "UTC0", 1);
    tzset();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),  cmocka_unit_test(test_heads),
        cmocka_unit_test(test_whose),  cmocka_unit_test(test_other_format),
        cmocka_unit_test(test_ids),    cmocka_unit_test(test_elsewhere),
        cmocka_unit_test(test_found),  cmocka_unit_test(test_forged),
        cmocka_unit_test(test_silent), cmocka_unit_test(test_known),
        cmocka_unit_test(test_bounds), cmocka_unit_test(test_merge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
