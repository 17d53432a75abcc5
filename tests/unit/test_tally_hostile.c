/* What a log may do to the tally that no mail system would: too many names, too long, any octet. */
#include "scratch.h"
#include "tally_world.h"

#include <unistd.h>

#define TIME "2026-11-21T10:00:00+00:00 mx "

static void feed_format(struct world *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void feed_format(struct world *w, const char *format, ...)
{
    char line[2048] = TIME;
    va_list ap;
    va_start(ap, format);
    vsnprintf(line + sizeof TIME - 1, sizeof line - sizeof TIME, format, ap);
    va_end(ap);
    strcat(line, "\n");
    world_feed(w, line);
}

static unsigned count_instances(const struct world *w)
{
    unsigned n = 0;
    for (const struct instance *i = w->tally->instances; i; i = i->next)
        n++;
    return n;
}

static unsigned count_services(const struct world *w)
{
    unsigned n = 0;
    for (const struct instance *i = w->tally->instances; i; i = i->next)
        for (const struct service *s = i->services; s; s = s->next)
            n++;
    return n;
}

/* Nothing may grow without a row, and rows are bounded. */
static void check_bounds(const struct world *w)
{
    uint32_t appls = w->model.tables[MODEL_APPL].count, groups = w->model.tables[MODEL_GROUP].count;
    assert_true(appls <= w->model.tables[MODEL_APPL].capacity);
    assert_true(names_count(w->names) <= appls + groups);
    assert_true(count_instances(w) <= appls);
    assert_true(count_services(w) <= groups);
    world_check_sums(w);
}

static void test_instances(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL, 1000);
    assert_non_null(
        tally_appl(w.tally, &mta_postfix, SLICE("postfix"))); /* configured: made at the start */
    for (unsigned round = 0; round < 2; round++)
        for (unsigned n = 0; n < 5000; n++) {
            feed_format(&w, "app%u/smtpd[1]: %05X9A0: client=h[192.0.2.1]", n, n);
            feed_format(&w, "app%u/qmgr[1]: %05X9A0: from=<>, size=1, nrcpt=1 (queue active)", n,
                        n);
        }
    assert_int_equal(w.model.tables[MODEL_APPL].count, model_kinds[MODEL_APPL].capacity);
    assert_true(w.model.tables[MODEL_APPL].overflow > 0);
    check_bounds(&w);
    feed_format(&w, "postfix/smtpd[1]: connect from h[192.0.2.9]");
    assert_int_equal(world_expect(&w, "the real one", "mta:accumulated_inbound=1"), 0);
    world_close(&w);
}

static void test_services(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL, 1000);
    for (unsigned n = 0; n < 5000; n++) {
        feed_format(&w, "postfix/s%u/smtpd[1]: %05X9A0: client=h[192.0.2.1]", n, n);
        feed_format(&w, "postfix/qmgr[1]: %05X9A0: from=<>, size=1, nrcpt=1 (queue active)", n);
        feed_format(&w,
                    "postfix/pipe[1]: %05X9A0: to=<a@b>, relay=r%u, delay=1, delays=1/0/0/0, "
                    "dsn=2.0.0, status=sent (x)",
                    n, n);
    }
    assert_int_equal(w.model.tables[MODEL_GROUP].count, model_kinds[MODEL_GROUP].capacity);
    check_bounds(&w);
    /* an instance that comes too late for a group still has nothing that does not add up */
    feed_format(&w, "late/smtpd[1]: A1B2C3D4E5: client=h[192.0.2.1]");
    feed_format(&w, "late/qmgr[1]: A1B2C3D4E5: from=<>, size=1, nrcpt=1 (queue active)");
    feed_format(&w, "late/smtp[1]: A1B2C3D4E5: to=<a@b>, relay=m[192.0.2.1]:25, delay=1, "
                    "delays=1/0/0/0, dsn=2.0.0, status=sent (x)");
    check_bounds(&w);
    world_close(&w);
}

/* Names that a row cannot hold whole, cut within a character or not. */
static void feed_long_names(struct world *w)
{
    static const char *const ends[] = {"x", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x93\xa7", "\xff"};
    char stem[70], stem_of_relay[40];
    memset(stem, 'n', 62);
    stem[62] = 0;
    for (unsigned n = 0; n < 400; n++) {
        const char *end = ends[n % 5];
        memset(stem_of_relay, 'r', sizeof stem_of_relay);
        stem_of_relay[25 + n % 8] = 0;
        feed_format(w, "%s%s%u/smtpd[1]: connect from h[192.0.2.1]", stem, end, n / 5 % 3);
        feed_format(w, "postfix/%s%s%u/smtpd[1]: connect from h[192.0.2.1]", stem, end, n / 5 % 3);
        feed_format(w,
                    "postfix/pipe[1]: A1B2C3D4E5: to=<a@b>, relay=012345678901234567890123456789%s"
                    "%s%s, delay=1, delays=1/0/0/0, dsn=2.0.0, status=sent (x)",
                    stem_of_relay, end, end);
        feed_format(w, "postfix/%u/qmgr[1]: cache", n); /* other tags in between */
    }
    char longest[301];
    memset(longest, 'z', 300);
    longest[300] = 0;
    feed_format(w, "%s/smtpd[1]: connect from h[192.0.2.1]", longest);
    feed_format(w, "postfix/%s/smtpd[1]: connect from h[192.0.2.1]", longest);
}

static void test_long_names(void **state)
{
    (void)state;
    char error[256];
    struct world w;
    assert_int_equal(scratch_make(NULL), 0);
    world_open(&w, NULL, 1000);
    feed_long_names(&w);
    check_bounds(&w);
    uint32_t appls = w.model.tables[MODEL_APPL].count, groups = w.model.tables[MODEL_GROUP].count;
    uint32_t names = names_count(w.names);
    assert_true(appls < 20 && groups < 60);
    struct store *s = store_open(scratch, error, sizeof error);
    struct checkpoint *c = checkpoint_new();
    assert_true(persist_save(&w.model, w.names, c, WORLD_CLOCK) && tally_save(w.tally, c));
    assert_true(store_write(s, c));
    world_close(&w);
    world_open(&w, NULL, 1000); /* the same names find their rows again */
    assert_true(persist_load(&w.model, w.names, s, WORLD_CLOCK) && tally_load(w.tally, s));
    feed_long_names(&w);
    check_bounds(&w);
    assert_int_equal(w.model.tables[MODEL_APPL].count, appls);
    assert_int_equal(w.model.tables[MODEL_GROUP].count, groups);
    assert_int_equal(names_count(w.names), names);
    checkpoint_free(c);
    store_close(s);
    world_close(&w);
    assert_int_equal(scratch_remove(NULL), 0);
}

/* A tag with an octet that no manager could show is no name of an instance, nor takes its place. */
static void test_tags(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL, 1000);
    unsigned before = count_instances(&w), plain = 0;
    for (unsigned octet = 1; octet < 256; octet++) {
        feed_format(&w, "po%ctfix/smtpd[1]: connect from h[192.0.2.1]", (int)octet);
        plain += octet > ' ' && octet <= '~' && !strchr("/[:s", (int)octet);
    }
    assert_true(count_instances(&w) - before <= plain);
    for (uint32_t i = 0; i < w.model.tables[MODEL_APPL].count; i++) {
        struct slice name = TEXT_GET(((struct appl *)model_row(&w.model, MODEL_APPL, i))->name);
        for (size_t n = 0; n < name.n; n++)
            assert_in_range(name.p[n], '!', '~');
    }
    world_close(&w);
}

/* Every octet but the newline, in every place where a stranger's octets come in. */
static void test_octets(void **state)
{
    (void)state;
    struct world w;
    const uint32_t capacities[MODEL_TABLES] = {[MODEL_DESTINATION] = 100};
    world_open(&w, capacities, 1000);
    for (unsigned octet = 0; octet < 256; octet++) {
        for (unsigned place = 0; place < 5; place++) {
            char line[512];
            static const char *const places[] = {
                "postfix/smtp[1]: A%03u9A0: to=<%sb@d.test>, relay=m[192.0.2.1]:25, delay=1, "
                "delays=1/0/0/0, dsn=4.0.0, status=deferred (x)\n",
                "postfix/smtp[1]: A%03u9A0: to=<b@%s.test>, relay=m[192.0.2.1]:25, delay=1, "
                "delays=1/0/0/0, dsn=4.0.0, status=deferred (x)\n",
                "postfix/smtp[1]: A%03u9A0: to=<b@d.test>, relay=%s[192.0.2.1]:25, delay=1, "
                "delays=1/0/0/0, dsn=4.0.0, status=deferred (x)\n",
                "postfix/smtpd[1]: A%03u9A0: client=h[%s192.0.2.1]\n",
                "postfix/cleanup[1]: A%03u9A0: message-id=<%s>\n"};
            int n = snprintf(line, sizeof line, TIME);
            n += snprintf(line + n, sizeof line - (size_t)n, places[place], octet, "\x01");
            *(char *)memchr(line, 1, sizeof line) = (char)octet;
            maillog_lines(&w.log, (struct slice){line, (size_t)n});
        }
    }
    check_bounds(&w);
    world_check_waits(&w);
    assert_int_equal(w.model.tables[MODEL_DESTINATION].count, 100);
    world_close(&w);
}

/* A domain as long as one can be, and longer: one row each, however often it comes. */
static void test_long_domains(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL, 1000);
    for (unsigned round = 0; round < 3; round++)
        for (unsigned length = 250; length < 300; length++) {
            char domain[301];
            memset(domain, length % 2 ? 'D' : 'd', length);
            domain[length] = 0;
            feed_format(&w,
                        "postfix/smtp[1]: A%u%03u9A: to=<b@%s>, relay=none, delay=1, "
                        "delays=1/0/0/0, dsn=4.0.0, status=deferred (x)",
                        round, length, domain);
        }
    assert_int_equal(w.model.tables[MODEL_DESTINATION].count, 5); /* 250 to 254 */
    assert_int_equal(w.log.unrecognised, 0);
    world_check_waits(&w);
    world_close(&w);
}

/* The sums hold where counters are large: 64 bits here, of which SNMP serves the lower 32. */
static void test_large_counters(void **state)
{
    (void)state;
    static const uint64_t near[] = {UINT32_MAX, (uint64_t)UINT32_MAX << 10, UINT64_MAX / 2};
    for (unsigned n = 0; n < 3; n++) {
        struct world w;
        world_open(&w, NULL, 1000);
        feed_format(&w, "postfix/smtpd[1]: connect from h[192.0.2.9]");
        struct appl *a = model_row(&w.model, MODEL_APPL, 0);
        struct group *g = model_row(&w.model, MODEL_GROUP, 0);
        a->received_messages = a->received_bytes = a->received_recipients = near[n];
        g->received_messages = g->received_bytes = g->received_recipients = near[n];
        feed_format(&w, "postfix/smtpd[1]: A1B2C3D4E5: client=h[192.0.2.1]");
        feed_format(&w, "postfix/qmgr[1]: A1B2C3D4E5: from=<>, size=1000, nrcpt=50 (queue active)");
        assert_true(a->received_messages == near[n] + 1 && g->received_bytes == near[n] + 1000);
        assert_true(a->received_recipients == near[n] + 50);
        check_bounds(&w);
        world_close(&w);
    }
}

static unsigned appls(const struct world *w)
{
    return w->model.tables[MODEL_APPL].count;
}

/* In a daemon, one line of a name that nobody configured makes no application; what came first counts. */
static void test_strangers(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL, 1000);
    tally_appl(w.tally, &mta_postfix, SLICE("postfix"));
    tally_alias(w.tally, &mta_postfix, SLICE(""), SLICE("submission"), SLICE("postfix"),
                SLICE("submission"));
    assert_true(tally_wait_for_strangers(w.tally));
    feed_format(&w, "postfix/smtpd[1]: connect from h[192.0.2.9]");
    feed_format(&w, "submission/smtpd[1]: connect from h[192.0.2.9]");
    for (unsigned n = 0; n < 100; n++) {
        feed_format(&w, "forged/smtpd[1]: connect from h[192.0.2.9]");
        feed_format(&w, "forged%u/smtpd[1]: connect from h[192.0.2.9]", n);
        feed_format(&w, "forged/submission/smtpd[1]: connect from h[192.0.2.9]");
    }
    assert_int_equal(appls(&w), 1);
    assert_non_null(tally_stranger(w.tally));
    feed_format(&w, "out/smtpd[1]: connect from h[192.0.2.9]");
    feed_format(&w, "out/smtpd[1]: A1B2C3D4E5: client=h[192.0.2.9]");
    feed_format(&w, "out/cleanup[2]: A1B2C3D4E5: message-id=<x@y>");
    feed_format(&w, "out/qmgr[3]: A1B2C3D4E5: from=<a@x>, size=1000, nrcpt=2 (queue active)");
    assert_int_equal(appls(&w), 2);
    w.instance = "out";
    assert_int_equal(
        world_expect(
            &w, "what came first",
            "mta:received_messages=1 mta:accumulated_inbound=1 smtpd:received_recipients=2"),
        0);
    for (unsigned n = 0; n < 100; n++) {
        feed_format(&w, "more%u/smtpd[1]: connect from h[192.0.2.9]", n);
        feed_format(&w, "more%u/qmgr[1]: A1B2C3D4E5: from=<a@x>, size=1, nrcpt=1 (queue active)",
                    n);
    }
    assert_int_equal(appls(&w), 9);
    check_bounds(&w);
    world_close(&w);
}

/* A host is this one by its address; its name may say anything. */
static void test_named_as_this_host(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL, 1000);
    feed_format(&w, "postfix/smtpd[1]: A1B2C3D4E5: client=h[192.0.2.9]");
    feed_format(&w, "postfix/qmgr[3]: A1B2C3D4E5: from=<a@x>, size=9, nrcpt=1 (queue active)");
    feed_format(&w, "postfix/smtpd[1]: B1B2C3D4E5: client=localhost[127.0.0.1]");
    feed_format(&w, "postfix/qmgr[3]: B1B2C3D4E5: from=<a@x>, size=9, nrcpt=1 (queue active)");
    feed_format(&w, "postfix/smtp[4]: A1B2C3D4E5: to=<b@y>, relay=[127.0.0.1].y[198.51.100.7]:25, "
                    "delay=1, delays=1/0/0/0, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as "
                    "B1B2C3D4E5)");
    assert_int_equal(
        world_expect(&w, "no hop", "mta:transmitted_messages=1 mta:received_messages=2"), 0);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_instances),
        cmocka_unit_test(test_services),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_octets),
        cmocka_unit_test(test_long_domains),
        cmocka_unit_test(test_large_counters),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_named_as_this_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
