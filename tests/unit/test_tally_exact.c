/*
 * Random sequences of lines, valid and not, of several instances: the sums of docs/postfix.md hold after every
 * line and no counter goes back; and a run that crashes and goes on from its checkpoints ends with the
 * same numbers as one that does not, whatever gives way in its bounded tables.
 */
#include "scratch.h"
#include "tally_world.h"

#include <time.h>
#include <unistd.h>

#define LINES  100000
#define LENGTH 320 /* of a line, on average at most */

struct text {
    char *bytes;
    size_t *starts; /* of each line, and the end */
};

static uint64_t random_state;

static uint32_t pick(uint32_t n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % n;
}

/* Mostly few ids, that are used again and again; some with an arrival time in them. */
static const char *some_id(char text[32])
{
    static const char *const longs[] = {"4jXBXq5Ky0z1dLJH", "4jXBXq6kVYz1dLK7", "3Zz1yv0CtSz1dLJH"};
    if (pick(30) == 0)
        return longs[pick(3)];
    snprintf(text, 32, "%05X%03X", pick(4) ? pick(150) : pick(4000), 0x9A0);
    return text;
}

static const char *some_peer(char text[64])
{
    uint32_t kind = pick(10);
    if (kind == 0)
        snprintf(text, 64, "localhost[127.0.0.1]");
    else if (kind == 1)
        snprintf(text, 64, "unknown[2001:db8::%x]", pick(20));
    else
        snprintf(text, 64, "h.x[192.0.2.%u]", pick(30));
    return text;
}

static const char *some_domain(char text[64])
{
    snprintf(text, 64, pick(5) ? "%s@d%u.test" : "%s@D%u.TEST", pick(3) ? "b" : "c",
             pick(3) ? pick(6) : pick(40));
    return text;
}

static const char *some_result(void)
{
    static const char *const results[] = {
        "2.0.0, status=sent (250 Ok)", "4.2.2, status=deferred (host said: 452 4.2.2 full)",
        "5.1.1, status=bounced (no such user)", "4.4.1, status=deferred (timed out)"};
    return results[pick(20) < 9 ? 0 : pick(4)];
}

/* The words behind the tag, from the daemon's name on: of a connection ... */
static size_t words_of_peer(char *to, size_t size, unsigned which, const char *peer)
{
    switch (which) {
    case 0:
        return (size_t)snprintf(to, size, "smtpd[%u]: connect from %s", pick(9), peer);
    case 1:
        return (size_t)snprintf(to, size, "smtpd[1]: disconnect from %s unknown=0/%u commands=1/4",
                                peer, pick(3));
    case 2:
        return (size_t)snprintf(
            to, size, "smtpd[1]: warning: Connection rate limit exceeded: 61 from %s for service s",
            peer);
    case 3:
        return (size_t)snprintf(
            to, size, "postscreen[1]: NOQUEUE: reject: RCPT from [192.0.2.%u]:4: 550 5.7.1 no; f",
            pick(30));
    default:
        return (size_t)snprintf(to, size, "postscreen[1]: CONNECT from [192.0.2.%u]:4 to [::1]:25",
                                pick(30));
    }
}

/* ... of a message ... */
static size_t words_of_message(char *to, size_t size, unsigned which, const char *id,
                               const char *other, const char *peer)
{
    switch (which) {
    case 5:
    case 6:
    case 7:
        return (size_t)snprintf(to, size, "%ssmtpd[1]: %s: client=%s%s%s",
                                pick(5) ? "" : "submission/", id, peer,
                                pick(5) ? "" : ", sasl_method=PLAIN, sasl_username=u",
                                pick(5) ? "" : ", orig_queue_id=009A19A0");
    case 8:
        return (size_t)snprintf(to, size,
                                pick(2) ? "pickup[2]: %s: uid=1 from=<a>"
                                        : "pickup[2]: %s: uid=1 from=<a> orig_id=%s",
                                id, other);
    case 9:
    case 10:
        return (size_t)snprintf(to, size, "cleanup[3]: %s: message-id=<m@x>", id);
    case 11:
    case 12:
    case 13:
    case 14:
        return (size_t)snprintf(to, size,
                                "qmgr[4]: %s: from=<%s>, size=%u, nrcpt=%u (queue active)", id,
                                pick(8) ? "a@x" : "double-bounce@x", pick(1u << 20), pick(5));
    case 15:
        return (size_t)snprintf(to, size, "qmgr[4]: %s: from=<a@x>, status=expired, returned to x",
                                id);
    case 16:
    case 17:
        return (size_t)snprintf(to, size, "qmgr[4]: %s: removed", id);
    case 18:
        return (size_t)snprintf(to, size, "postsuper[4]: %s: %s", id,
                                pick(2) ? "placed on hold" : "released from hold");
    case 19:
        return (size_t)snprintf(to, size, "bounce[6]: %s: sender non-delivery notification: %s", id,
                                other);
    default:
        return (size_t)snprintf(to, size,
                                pick(2)
                                    ? "smtpd[1]: %s: reject: RCPT from %s: 554 5.7.1 no; from=<"
                                    : "cleanup[1]: %s: reject: header x from %s; from=<>: 5.7.1 n",
                                id, peer);
    }
}

/* ... of a delivery. */
static size_t words_of_delivery(char *to, size_t size, unsigned which, const char *id,
                                const char *other, const char *to_, const char *result)
{
    switch (which) {
    case 21:
        return (size_t)snprintf(to, size,
                                "pipe[7]: %s: to=<%s>, relay=r%u, delay=3, delays=1/1/1/0,"
                                " dsn=%s",
                                id, to_, pick(6), result);
    case 22:
        return (size_t)snprintf(to, size,
                                "%s[7]: %s: to=<%s>, relay=local, delay=3, delays=1/1/1/0, dsn=%s",
                                pick(2) ? "local" : "virtual", id, to_, result);
    case 23:
        return (size_t)snprintf(to, size,
                                "smtp[7]: %s: to=<%s>, relay=127.0.0.1[127.0.0.1]:10024, delay=3, "
                                "delays=1/1/1/0, dsn=2.0.0, status=sent (250 Ok: queued as %s)",
                                id, to_, other);
    case 24:
        return (size_t)snprintf(to, size,
                                "smtp[7]: %s: to=<%s>, relay=m[192.0.2.1]:25, delay=3, "
                                "delays=1/1/1/0, dsn=2.1.5, status=deliverable (Ok)",
                                id, to_);
    default:
        return (size_t)snprintf(to, size,
                                "%s[%u]: %s: to=<%s>, relay=m%u[192.0.2.1]:25, %sdelay=3.1, "
                                "delays=1/1/1/0.1, dsn=%s",
                                pick(4) ? "smtp" : "lmtp", pick(5), id, to_, pick(9),
                                pick(3) ? "" : "conn_use=2, ", result);
    }
}

static size_t some_words(char *to, size_t size)
{
    char i[32], j[32], p[64], d[64];
    const char *id = some_id(i), *other = some_id(j), *peer = some_peer(p), *to_ = some_domain(d);
    const char *result = some_result();
    unsigned which = pick(28);
    if (which < 5)
        return words_of_peer(to, size, which, peer);
    if (which < 21)
        return words_of_message(to, size, which, id, other, peer);
    return words_of_delivery(to, size, which, id, other, to_, result);
}

static void write_text(struct text *t, uint64_t seed, uint32_t lines)
{
    static const char *const apps[] = {"postfix", "postfix", "postfix", "postfix-out",
                                       "postfix-in"};
    time_t now = 1795309915;
    size_t at = 0;
    random_state = seed;
    t->bytes = malloc((size_t)lines * LENGTH);
    t->starts = malloc((lines + 1) * sizeof *t->starts);
    assert_true(t->bytes && t->starts);
    for (uint32_t i = 0; i < lines; i++) {
        char *line = t->bytes + at;
        struct tm tm;
        uint32_t jump = pick(2000);
        now += jump == 0 ? 90000 : jump == 1 ? -3000 : (int)pick(3);
        t->starts[i] = at;
        gmtime_r(&now, &tm);
        size_t n = strftime(line, 64, "%Y-%m-%dT%H:%M:%S+00:00 mx ", &tm);
        n += (size_t)sprintf(line + n, "%s/", apps[pick(5)]);
        n += some_words(line + n, LENGTH - n - 1);
        if (pick(50) == 0) /* damaged */
            line[pick((uint32_t)n)] = (char)('!' + pick(90));
        line[n++] = '\n';
        at += n;
    }
    t->starts[lines] = at;
}

static void free_text(struct text *t)
{
    free(t->bytes);
    free(t->starts);
}

static void feed(struct world *w, const struct text *t, uint32_t from, uint32_t to)
{
    maillog_lines(&w->log,
                  (struct slice){t->bytes + t->starts[from], t->starts[to] - t->starts[from]});
}

/* Counters only grow */

/* connect_debt goes up and down, ordinal, levels of status and instants are no counters. */
static bool is_counter(enum model_table t, size_t offset)
{
    if (t == MODEL_APPL)
        return offset >= offsetof(struct appl, accumulated_inbound) &&
               offset <= offsetof(struct appl, loops_detected) &&
               offset != offsetof(struct appl, last_inbound_at) &&
               offset != offsetof(struct appl, last_outbound_at);
    return (offset >= offsetof(struct group, received_messages) &&
            offset <= offsetof(struct group, failed_outbound)) ||
           (offset >= offsetof(struct group, converted_messages) &&
            offset <= offsetof(struct group, queue_time_first_count));
}

struct earlier {
    struct appl appls[64];
    struct group groups[1024];
};

static void check_growth(const struct world *w, enum model_table t, unsigned char *before)
{
    const struct rows *r = &w->model.tables[t];
    for (uint32_t n = 0; n < r->high; n++) {
        const unsigned char *now = r->base + (size_t)n * r->row_size;
        unsigned char *then = before + (size_t)n * r->row_size;
        for (size_t o = 0; ((struct row *)then)->used && o + 8 <= r->row_size; o += 8)
            if (is_counter(t, o) && *(const uint64_t *)(now + o) < *(const uint64_t *)(then + o))
                fail_msg("%s row %u: the counter at %zu goes back", model_kinds[t].name, n, o);
        memcpy(then, now, r->row_size);
    }
}

static const uint32_t tiny[MODEL_TABLES] = {[MODEL_DESTINATION] = 20, [MODEL_PEER] = 15};
static const uint32_t tiniest[MODEL_TABLES] = {
    [MODEL_DESTINATION] = 3, [MODEL_PEER] = 1,         [MODEL_APPL] = 2,
    [MODEL_GROUP] = 11,      [MODEL_GROUP_ERROR] = 10, [MODEL_ENTRY] = 20};

static const struct bounds {
    const char *title;
    const uint32_t *capacities;
    uint32_t messages_max;
} bounds[] = {{"wide", NULL, 100000}, {"tiny", tiny, 64}, {"tiniest", tiniest, 5}};

static void test_sums(void **state)
{
    (void)state;
    static struct earlier earlier;
    for (unsigned b = 0; b < 3; b++) {
        struct world w;
        struct text t;
        memset(&earlier, 0, sizeof earlier);
        write_text(&t, b + 1, LINES);
        world_open(&w, bounds[b].capacities, bounds[b].messages_max);
        for (uint32_t i = 0; i < LINES; i++) {
            feed(&w, &t, i, i + 1);
            world_check_sums(&w);
            if (i < 4000 || i % 50 == 0) {
                check_growth(&w, MODEL_APPL, (unsigned char *)earlier.appls);
                check_growth(&w, MODEL_GROUP, (unsigned char *)earlier.groups);
            }
            if (i % (b ? 17 : 997) == 0)
                world_check_waits(&w);
        }
        assert_true(tally_messages(w.tally)->count <= bounds[b].messages_max);
        assert_true(names_count(w.names) <=
                    w.model.tables[MODEL_APPL].count + w.model.tables[MODEL_GROUP].count);
        print_message("%s: %llu of %u lines not recognised, %u messages, %llu evicted\n",
                      bounds[b].title, (unsigned long long)w.log.unrecognised, LINES,
                      tally_messages(w.tally)->count,
                      (unsigned long long)tally_messages(w.tally)->evicted);
        world_close(&w);
        free_text(&t);
    }
}

/* Exactly once */

static void save(struct world *w, struct checkpoint *c, uint32_t at)
{
    assert_true(persist_save(&w->model, w->names, c, WORLD_CLOCK));
    assert_true(tally_save(w->tally, c));
    assert_true(checkpoint_put(c, STORE_FOLLOW, 0, &at, sizeof at));
}

static bool load_position(void *arg, uint32_t slot, const void *data, size_t size)
{
    assert_int_equal(slot, 0);
    assert_int_equal(size, sizeof(uint32_t));
    memcpy(arg, data, size);
    return true;
}

/* Throws everything away and takes up what the store has; returns the line to go on with. */
static uint32_t crash(struct world *w, struct store **s, const struct bounds *b)
{
    char error[256];
    uint32_t at = 0;
    store_close(*s);
    world_close(w);
    *s = store_open(scratch, error, sizeof error);
    assert_non_null(*s);
    world_open(w, b->capacities, b->messages_max);
    assert_true(persist_load(&w->model, w->names, *s, WORLD_CLOCK));
    assert_true(tally_load(w->tally, *s));
    assert_true(store_load(*s, STORE_FOLLOW, load_position, &at));
    world_check_waits(w);
    return at;
}

static void compare_rows(const struct world *a, const struct world *b)
{
    for (int t = 0; t < MODEL_TABLES; t++) {
        const struct model_kind *k = &model_kinds[t];
        const struct rows *ra = &a->model.tables[t], *rb = &b->model.tables[t];
        assert_int_equal(ra->count, rb->count);
        assert_int_equal(ra->high, rb->high);
        for (uint32_t i = 0; i < ra->high && k->stored_to > k->stored_from; i++) {
            const unsigned char *x = ra->base + (size_t)i * ra->row_size;
            const unsigned char *y = rb->base + (size_t)i * rb->row_size;
            const struct row *hx = (const void *)x, *hy = (const void *)y;
            assert_int_equal(hx->used, hy->used);
            assert_memory_equal(hx->key, hy->key, sizeof hx->key);
            assert_memory_equal(x + k->stored_from, y + k->stored_from,
                                k->stored_to - k->stored_from);
        }
    }
}

static uint64_t wait_of(const struct messages *all, const struct message *m, uint32_t destination)
{
    for (uint32_t n = m->first_wait; n; n = all->waits[n - 1].chain)
        if (all->waits[n - 1].destination == destination)
            return (uint64_t)all->waits[n - 1].deferred << 32 | all->waits[n - 1].active;
    return 0;
}

static void compare_messages(struct world *a, struct world *b)
{
    const struct messages *ma = tally_messages(a->tally), *mb = tally_messages(b->tally);
    assert_int_equal(ma->count, mb->count);
    assert_int_equal(ma->high, mb->high);
    assert_int_equal(ma->hand, mb->hand);
    assert_int_equal(ma->evicted, mb->evicted);
    assert_int_equal(ma->wait_count, mb->wait_count);
    for (uint32_t s = 0; s < ma->high; s++) {
        struct message x = ma->rows[s], y = mb->rows[s];
        if (queue_id_null(x.id)) {
            assert_true(queue_id_null(y.id));
            continue;
        }
        for (uint32_t n = x.first_wait; n; n = ma->waits[n - 1].chain) {
            uint32_t d = ma->waits[n - 1].destination;
            assert_true(wait_of(ma, &x, d) == wait_of(mb, &y, d));
        }
        x.first_wait = y.first_wait = 0;
        const uint16_t mine = MESSAGE_CHANGED | MESSAGE_DIRTY | MESSAGE_STORED;
        x.flags &= (uint16_t)~mine;
        y.flags &= (uint16_t)~mine;
        assert_memory_equal(&x, &y, sizeof x);
    }
}

static void compare_names(const struct world *a, const struct world *b)
{
    assert_int_equal(names_count(a->names), names_count(b->names));
    for (uint32_t i = 0; i < names_count(a->names); i++) {
        const struct name_record *x = names_record(a->names, i), *y = names_record(b->names, i);
        assert_true(x->scope == y->scope && x->within == y->within && x->index == y->index);
        assert_true(slice_eq(TEXT_GET(x->name), TEXT_GET(y->name)));
    }
}

static void run_interrupted(const struct bounds *b, const struct text *t, uint32_t lines,
                            struct world *w, uint32_t step)
{
    char error[256];
    struct store *s = store_open(scratch, error, sizeof error);
    struct checkpoint *c = checkpoint_new();
    unsigned crashes = 0, checkpoints = 0;
    assert_non_null(s);
    world_open(w, b->capacities, b->messages_max);
    for (uint32_t at = 0; at < lines;) {
        uint32_t n = pick(step) + 1;
        n = n < lines - at ? n : lines - at;
        feed(w, t, at, at + n);
        at += n;
        uint32_t what = pick(5);
        if (what < 2) {
            save(w, c, at);
            assert_true(store_write(s, c));
            checkpoint_clear(c);
            checkpoints++;
        } else if (what == 2) {
            if (pick(2)) /* while a checkpoint is on its way */
                save(w, c, at);
            checkpoint_clear(c);
            at = crash(w, &s, b);
            crashes++;
        }
    }
    save(w, c, lines);
    assert_true(store_write(s, c));
    assert_int_equal(crash(w, &s, b), lines);
    print_message("%s: %u checkpoints, %u crashes\n", b->title, checkpoints, crashes);
    assert_true(crashes > 10);
    checkpoint_free(c);
    store_close(s);
}

static void test_exactly_once(void **state)
{
    (void)state;
    for (unsigned b = 0; b < 3; b++) {
        const uint32_t lines = 40000;
        struct world once, again;
        struct text t;
        assert_int_equal(scratch_make(NULL), 0);
        write_text(&t, 100 + b, lines);
        world_open(&once, bounds[b].capacities, bounds[b].messages_max);
        feed(&once, &t, 0, lines);
        run_interrupted(&bounds[b], &t, lines, &again, 300);
        tally_levels(once.tally);
        tally_levels(again.tally);
        compare_names(&once, &again);
        compare_rows(&once, &again);
        compare_messages(&once, &again);
        assert_int_equal(once.tally->next_destination, again.tally->next_destination);
        world_close(&once);
        world_close(&again);
        free_text(&t);
        assert_int_equal(scratch_remove(NULL), 0);
    }
}

/* A smaller bound than before: what does not fit is left out, and not found again with the old one. */
static void test_smaller(void **state)
{
    (void)state;
    char error[256];
    struct world w;
    struct text t;
    const struct bounds wide = {"wide", NULL, 100000}, small = {"small", tiny, 64};
    assert_int_equal(scratch_make(NULL), 0);
    write_text(&t, 7, 20000);
    struct store *s = store_open(scratch, error, sizeof error);
    struct checkpoint *c = checkpoint_new();
    world_open(&w, NULL, wide.messages_max);
    feed(&w, &t, 0, 10000);
    save(&w, c, 10000);
    assert_true(store_write(s, c));
    checkpoint_clear(c);
    assert_true(tally_messages(w.tally)->count > 64);
    assert_int_equal(crash(&w, &s, &small), 10000);
    assert_int_equal(tally_messages(w.tally)->count, 64);
    feed(&w, &t, 10000, 20000);
    world_check_sums(&w);
    world_check_waits(&w);
    save(&w, c, 20000);
    assert_true(store_write(s, c));
    uint32_t waits = tally_messages(w.tally)->wait_count;
    crash(&w, &s, &wide);
    assert_int_equal(tally_messages(w.tally)->count, 64);
    assert_int_equal(tally_messages(w.tally)->wait_count, waits);
    checkpoint_free(c);
    store_close(s);
    world_close(&w);
    free_text(&t);
    assert_int_equal(scratch_remove(NULL), 0);
}

/* Records with other octets than were written: refused, or taken and harmless. */

struct damage {
    struct checkpoint *to;
    int kind;
};

static bool damage(void *arg, uint32_t slot, const void *data, size_t size)
{
    struct damage *d = arg;
    unsigned char record[4096];
    assert_true(size <= sizeof record);
    memcpy(record, data, size);
    for (unsigned n = pick(4); size && n > 0; n--)
        record[pick((uint32_t)size)] = (unsigned char)(pick(2) ? pick(256) : 255);
    return checkpoint_put(d->to, d->kind, pick(50) ? slot : pick(200), record, size);
}

static void test_damaged(void **state)
{
    (void)state;
    static const int kinds[] = {STORE_MODEL + MODEL_APPL,        STORE_MODEL + MODEL_GROUP,
                                STORE_MODEL + MODEL_GROUP_ERROR, STORE_MODEL + MODEL_ENTRY,
                                STORE_MODEL + MODEL_DESTINATION, STORE_MODEL + MODEL_PEER,
                                STORE_TALLIES + KIND_MESSAGES,   STORE_TALLIES + KIND_WAITS,
                                STORE_TALLIES + KIND_HEADER};
    unsigned loaded = 0;
    for (unsigned round = 0; round < 40; round++) {
        char error[256];
        struct world w;
        struct text t;
        assert_int_equal(scratch_make(NULL), 0);
        write_text(&t, 300 + round, 2000);
        struct store *s = store_open(scratch, error, sizeof error);
        struct damage d = {.to = checkpoint_new()};
        world_open(&w, tiny, 64);
        feed(&w, &t, 0, 1000);
        save(&w, d.to, 1000);
        assert_true(store_write(s, d.to));
        checkpoint_clear(d.to);
        for (unsigned k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
            d.kind = kinds[k];
            if (round % 10 == 9 || round % 9 == k)
                assert_true(store_load(s, d.kind, damage, &d));
        }
        assert_true(store_write(s, d.to));
        world_close(&w);
        world_open(&w, tiny, 64);
        if (persist_load(&w.model, w.names, s, WORLD_CLOCK) && tally_load(w.tally, s)) {
            loaded++;
            feed(&w, &t, 1000, 2000);
            tally_levels(w.tally);
        }
        checkpoint_free(d.to);
        store_close(s);
        world_close(&w);
        free_text(&t);
        assert_int_equal(scratch_remove(NULL), 0);
    }
    assert_true(loaded > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_exactly_once),
        cmocka_unit_test(test_smaller),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
