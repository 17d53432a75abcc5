/*
 * Several kinds of mail systems in one model and in one log: Postfix, and one invented here whose tags
 * name no instance and whose transports have names of their own.
 */
#include "tally_world.h"

#define T "2026-11-21T10:00:00Z mx "

/* "ID from A SIZE COUNT", "ID to A STATUS", "connect ADDRESS" of the program "other". */
static void parse_other(struct syslog_context *c, struct slice line, struct event *e)
{
    struct slice s;
    uint64_t n = 0;
    event_clear(e);
    e->kind = EVENT_FOREIGN;
    if (!syslog_head(c, line, e, &s) || !slice_starts(e->tag, SLICE("other")))
        return;
    e->app = e->tag;
    e->kind = EVENT_UNKNOWN;
    e->service = SLICE("listener");
    if (slice_take(&s, SLICE("connect "))) {
        e->kind = EVENT_CONNECT;
        e->peer = s;
        return;
    }
    e->id = slice_cut(&s, ' ');
    if (slice_take(&s, SLICE("from "))) {
        e->kind = EVENT_QUEUED;
        e->address = slice_cut(&s, ' ');
        slice_number(&s, &e->size);
        s = slice_trim(s);
        slice_number(&s, &n);
        e->recipients = (uint32_t)n;
    } else if (slice_take(&s, SLICE("to "))) {
        e->kind = EVENT_DELIVERY;
        e->address = slice_cut(&s, ' ');
        e->service = slice_cut(&s, ' ');
        e->result = slice_eq(s, SLICE("sent")) ? RESULT_SENT : RESULT_DEFERRED;
    } else if (slice_eq(s, SLICE("done"))) {
        e->kind = EVENT_REMOVED;
    }
}

static bool queue_name(struct slice name, struct queue_id *id, int64_t *arrival_s)
{
    *id = queue_id_pack(name);
    *arrival_s = 0;
    return !queue_id_null(*id);
}

static const struct mta_service services[] = {
    {"listener", -1, MTA_SERVICE_NETWORK | MTA_SERVICE_OWN, 25, "all mail"},
    {"*", -2, 0, 0, "a transport"},
    {NULL, 0, 0, 0, NULL},
};
static const struct mta_queue queues[] = {{NULL, 0}};
static const struct mta other = {.name = "other",
                                 .summary = "another mail system",
                                 .parse = parse_other,
                                 .queues = queues,
                                 .services = services,
                                 .listener = "listener",
                                 .queue_name = queue_name};

static void open_both(struct world *w, const uint32_t *capacities)
{
    world_open(w, capacities, 64);
    assert_true(maillog_add_mta(&w->log, &other, SLICE("")));
    assert_true(maillog_add_mta(&w->log, &other, SLICE("twice"))); /* is there already */
    maillog_time(&w->log, 1700000000000);
    assert_int_equal(w->log.rest.format_count, 2);
}

static uint64_t cell(const struct world *w, const char *instance, const char *name)
{
    return world_cell(w, instance, slice_of(name));
}

/* Each line goes to the parser that owns it; the same queue id may be in both. */
static void test_one_log(void **state)
{
    (void)state;
    struct world w;
    open_both(&w, NULL);
    world_feed(&w, T "postfix/smtpd[7]: A1B2C3D4E5: client=h[192.0.2.9]\n" T
                     "other[8]: A1B2C3D4E5 from a@example.org 70 1\n" T
                     "postfix/qmgr[7]: A1B2C3D4E5: from=<a@example.org>, size=100, nrcpt=1 (queue "
                     "active)\n" T "other[8]: A1B2C3D4E5 to b@example.net fast sent\n" T
                     "sshd[9]: connect 192.0.2.1\n" T "other[8]: what is this\n" T
                     "postfix/smtpd[7]: what is that\n" T "other[8]: A1B2C3D4E5 done\n");
    assert_int_equal(w.log.lines, 7);
    assert_int_equal(w.log.unrecognised, 2);
    assert_int_equal(w.model.tables[MODEL_APPL].count, 2);
    assert_int_equal(cell(&w, "postfix", "mta:received_bytes"), 100);
    assert_int_equal(cell(&w, "postfix", "mta:transmitted_messages"), 0);
    assert_int_equal(cell(&w, "other", "mta:received_bytes"), 70);
    assert_int_equal(cell(&w, "other", "listener:received_messages"), 1);
    assert_int_equal(cell(&w, "other", "fast:transmitted_bytes"), 70);
    assert_int_equal(cell(&w, "postfix", "messages"), 1); /* Postfix's is still under way */
    world_check_sums(&w);
    world_close(&w);
}

/* A log's instance, a tag that belongs to another one, and a name that is taken. */
static void test_instances(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL, 64);
    assert_non_null(tally_appl(w.tally, &mta_postfix, SLICE("taken")));
    assert_null(tally_appl(w.tally, &other, SLICE("taken")));
    assert_true(maillog_add_mta(&w.log, &other, SLICE("mail-in")));
    maillog_time(&w.log, 1700000000000);
    tally_alias(w.tally, &other, SLICE(""), SLICE("other-out"), SLICE("mail-out"), SLICE(""));
    tally_alias(w.tally, &other, SLICE(""), SLICE("other-bad"), SLICE("taken"), SLICE(""));
    world_feed(&w, T "other[8]: A1 from a@example.org 1 1\n" T
                     "other-in[8]: A2 from a@example.org 20 1\n" T
                     "other-out[8]: A1 from a@example.org 300 1\n" T
                     "other-bad[8]: A1 from a@example.org 4000 1\n" T
                     "other-out/smtpd[8]: connect from h[192.0.2.9]\n");
    assert_int_equal(cell(&w, "mail-in", "mta:received_bytes"), 21);
    assert_int_equal(cell(&w, "mail-out", "mta:received_bytes"), 300);
    assert_int_equal(cell(&w, "taken", "mta:received_bytes"), 0);
    assert_int_equal(cell(&w, "other-out", "smtpd:accumulated_inbound"), 1); /* Postfix's */
    world_check_sums(&w);
    world_close(&w);
}

static void feed_round(struct world *w, unsigned i)
{
    char text[1024];
    snprintf(text, sizeof text,
             T "other[8]: connect 192.0.2.%u\n" T "postfix/smtpd[7]: connect from h[192.0.2.%u]\n" T
               "other[8]: A%u from a@example.org 1 1\n" T
               "other[8]: A%u to b@d%u.example slow deferred\n" T
               "postfix/qmgr[7]: A1B2C3D%03u: from=<a@b>, size=1, nrcpt=1 (queue active)\n" T
               "postfix/smtp[7]: A1B2C3D%03u: to=<b@d%u.example>, relay=none, delay=1, "
               "dsn=4.4.1, status=deferred (why)\n",
             i % 7, i % 5, i, i, i % 6, i, i, i % 4);
    world_feed(w, text);
    if (i % 3 == 0) {
        snprintf(text, sizeof text,
                 T "other[8]: A%u done\n" T "postfix/qmgr[7]: A1B2C3D%03u: removed\n", i, i);
        world_feed(w, text);
    }
}

/* Rows of one give way to rows of the other, and each row's levels stay its own. */
static void test_eviction(void **state)
{
    (void)state;
    struct world w;
    uint32_t capacities[MODEL_TABLES] = {[MODEL_PEER] = 5, [MODEL_DESTINATION] = 6};
    open_both(&w, capacities);
    for (unsigned i = 1; i < 200; i++) {
        feed_round(&w, i);
        world_check_waits(&w); /* each level, and that each message is found */
        world_check_sums(&w);
    }
    assert_int_equal(w.model.tables[MODEL_PEER].count, 5);
    assert_int_equal(w.model.tables[MODEL_DESTINATION].count, 6);
    world_close(&w);
}

/* What arrived before an instance's first line was not seen to arrive: each has its own. */
static void test_first_line(void **state)
{
    (void)state;
    struct world w;
    open_both(&w, NULL);
    world_feed(&w, "2020-11-21T10:00:00Z mx other[8]: A1 from a@example.org 1 1\n"
                   "2026-11-21T10:00:00Z mx postfix/qmgr[7]: 4SVLCh4dz5z9HdB: from=<a@b>, size=1, "
                   "nrcpt=1 (queue active)\n"); /* of 2023 by its id */
    assert_int_equal(cell(&w, "other", "mta:received_messages"), 1);
    assert_int_equal(cell(&w, "postfix", "mta:received_messages"), 0);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_log),
        cmocka_unit_test(test_instances),
        cmocka_unit_test(test_eviction),
        cmocka_unit_test(test_first_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
