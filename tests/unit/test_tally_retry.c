/*
 * mailmonDestinationNextRetry: what queue files tell of messages becomes the soonest next attempt of
 * their destinations, beside a naive model of the same.
 */
#include "tally_world.h"

#define MESSAGES     400
#define DESTINATIONS 6
#define NOW_S        1700000000

static struct world w;

static struct waiting {
    bool there, active;
    uint32_t at_s;
} waiting[MESSAGES];

static void feed(const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    maillog_lines(&w.log, (struct slice){text, (size_t)n});
}

static void id_text(unsigned n, char id[16])
{
    snprintf(id, 16, "%010X", 0x10000 + n);
}

/* It is tried, and deferred again or delivered. */
static void attempt(unsigned n, bool sent)
{
    struct waiting *m = &waiting[n];
    char id[16];
    id_text(n, id);
    if (!m->active)
        feed("Nov 14 22:00:00 mx1 postfix/qmgr[80]: %s: from=<a@x.example>, size=100, nrcpt=1 "
             "(queue active)\n",
             id);
    feed("Nov 14 22:00:00 mx1 postfix/smtp[9]: %s: to=<b@d%u.example>, relay=none, delay=1, "
         "delays=1/0/0/0, "
         "dsn=%s (said)\n",
         id, n % DESTINATIONS, sent ? "2.0.0, status=sent" : "4.4.1, status=deferred");
    if (sent)
        feed("Nov 14 22:00:00 mx1 postfix/qmgr[80]: %s: removed\n", id);
    *m = (struct waiting){.there = !sent};
}

static void activate(unsigned n)
{
    char id[16];
    id_text(n, id);
    if (!waiting[n].there || waiting[n].active)
        return;
    feed("Nov 14 22:00:00 mx1 postfix/qmgr[80]: %s: from=<a@x.example>, size=100, nrcpt=1 (queue "
         "active)\n",
         id);
    waiting[n].active = true;
    waiting[n].at_s = 0;
}

static void tell(unsigned n, uint32_t at_s)
{
    char id[16];
    id_text(n, id);
    const struct appl *a = model_row(&w.model, MODEL_APPL, 0);
    tally_next_attempt(w.tally, a, queue_id_pack(slice_of(id)), at_s);
    if (waiting[n].there && !waiting[n].active)
        waiting[n].at_s = at_s;
}

static int64_t expected(unsigned destination)
{
    uint32_t soonest = 0;
    for (unsigned n = destination; n < MESSAGES; n += DESTINATIONS)
        if (waiting[n].there && waiting[n].at_s && (!soonest || waiting[n].at_s < soonest))
            soonest = waiting[n].at_s;
    return soonest ? (int64_t)soonest * 1000 - WORLD_CLOCK : MODEL_NEVER;
}

static void check(void)
{
    tally_levels(w.tally);
    tally_levels(w.tally); /* one that was gone, then the walk */
    for (uint32_t i = 0; i < w.model.tables[MODEL_DESTINATION].count; i++) {
        const struct destination *d = model_row(&w.model, MODEL_DESTINATION, i);
        assert_true(d->retry_at == expected((unsigned)(d->domain.bytes[1] - '0')));
    }
}

static void soonest_of_a_destination(void **state)
{
    (void)state;
    world_open(&w, NULL, 1000);
    memset(waiting, 0, sizeof waiting);
    srandom(7);
    for (unsigned i = 0; i < 40000; i++) {
        unsigned n = (unsigned)random() % MESSAGES;
        switch (random() % 5) {
        case 0:
            attempt(n, random() % 3 == 0);
            break;
        case 1:
            activate(n);
            break;
        default:
            tell(n, NOW_S + 1 + (uint32_t)random() % 2000);
        }
        if (i % 20 == 0)
            check();
    }
    for (unsigned n = 0; n < MESSAGES; n++)
        if (waiting[n].there)
            attempt(n, true);
    check();
    world_close(&w);
}

/* More wait than a tick looks at: the next is found some ticks later, and nothing before is shown as later. */
static void very_many(void **state)
{
    (void)state;
    enum { MANY = 9000 };
    world_open(&w, NULL, 2 * MANY);
    for (unsigned n = 0; n < MANY; n++) {
        char id[16];
        id_text(n, id);
        feed("Nov 14 22:00:00 mx1 postfix/qmgr[80]: %s: from=<a@x.example>, size=100, nrcpt=1 "
             "(queue active)\n"
             "Nov 14 22:00:00 mx1 postfix/smtp[9]: %s: to=<b@many.example>, relay=none, delay=1, "
             "delays=1/0/0/0, dsn=4.4.1, status=deferred (said)\n",
             id, id);
    }
    const struct appl *a = model_row(&w.model, MODEL_APPL, 0);
    const struct destination *d = model_row(&w.model, MODEL_DESTINATION, 0);
    for (unsigned n = 0; n < MANY; n++) {
        char id[16];
        id_text(n, id);
        tally_next_attempt(w.tally, a, queue_id_pack(slice_of(id)), NOW_S + 100 + n);
    }
    tally_levels(w.tally);
    assert_true(d->retry_at == (NOW_S + 100) * INT64_C(1000) - WORLD_CLOCK);
    char id[16];
    id_text(0, id);
    feed("Nov 14 22:00:00 mx1 postfix/qmgr[80]: %s: removed\n", id);
    for (unsigned i = 0; i < 3; i++) {
        tally_levels(w.tally);
        assert_true(d->retry_at == (NOW_S + 100) * INT64_C(1000) - WORLD_CLOCK);
    }
    tally_levels(w.tally);
    tally_levels(w.tally);
    assert_true(d->retry_at == (NOW_S + 101) * INT64_C(1000) - WORLD_CLOCK);
    world_close(&w);
}

/* Of what the log does not know, and of what nothing was told. */
static void unknown(void **state)
{
    (void)state;
    world_open(&w, NULL, 100);
    memset(waiting, 0, sizeof waiting);
    attempt(1, false);
    tell(2, NOW_S + 5);
    check();
    const struct destination *d = model_row(&w.model, MODEL_DESTINATION, 0);
    assert_true(d->retry_at == MODEL_NEVER);
    tell(1, NOW_S + 5);
    tell(1, NOW_S + 9);
    check();
    assert_true(d->retry_at == (NOW_S + 9) * INT64_C(1000) - WORLD_CLOCK);
    world_close(&w);
}

/* `postsuper -d ALL` does not tell what it deleted: levels go down when files are missed, and no counter moves. */
static void purged(void **state)
{
    (void)state;
    memset(waiting, 0, sizeof waiting);
    world_open(&w, NULL, 64);
    for (unsigned n = 1; n <= 3; n++)
        attempt(n * DESTINATIONS, false);
    const struct appl *a = model_row(&w.model, MODEL_APPL, 0);
    const struct destination *d = model_row(&w.model, MODEL_DESTINATION, 0);
    assert_int_equal(d->queued, 3);
    assert_false(tally_purged(w.tally, a));
    feed("Nov 14 22:00:01 mx1 postfix/postsuper[81]: Deleted: 2 messages\n");
    assert_true(tally_purged(w.tally, a));
    assert_false(tally_purged(w.tally, a));
    for (unsigned n = 1; n <= 4; n++) { /* the third is there; of the fourth nothing is known */
        char id[16];
        id_text(n * DESTINATIONS, id);
        if (n != 3)
            tally_not_queued(w.tally, a, queue_id_pack(slice_of(id)));
    }
    tally_levels(w.tally);
    assert_int_equal(d->queued, 1);
    assert_int_equal(d->deferred, 1);
    assert_int_equal(d->deferrals, 3);
    assert_int_equal(tally_messages(w.tally)->count, 3);
    world_check_sums(&w);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(soonest_of_a_destination),
        cmocka_unit_test(very_many),
        cmocka_unit_test(unknown),
        cmocka_unit_test(purged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
