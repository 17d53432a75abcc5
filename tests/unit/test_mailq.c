/* The queue collector, one behaviour at a time. */
#include "mailq_fixture.h"

#include "../../collectors/mailq_state.h"

static void test_counts_and_ages(void **state)
{
    (void)state;
    char path[64];
    mkdir(at("deferred/A"), 0700);
    mkdir(at("deferred/A/7"), 0700);
    snprintf(path, sizeof path, "deferred/A/7/T%lldX1", (long long)now_s - 299);
    make(path, 0700, "10 1 0 1");
    snprintf(path, sizeof path, "deferred/A/T%lldX2", (long long)now_s - 300);
    make(path, 0700, "20 2 0 2");
    snprintf(path, sizeof path, "hold/T%lldX3", (long long)now_s - 200000);
    make(path, 0700, "30 3 0 3 <oldest@example.com>");
    make("hold/not-an-id", 0700, "");
    make("hold/S", 0700, "");
    assert_int_equal(symlink("S1", at("hold/S4")), 0);
    assert_int_equal(symlink("../deferred", at("hold/L")), 0);
    struct mailq *q = mailq_new(&fake, root);
    struct mailq_queue *r = refresh(q);
    assert_int_equal(result.status, SOURCE_OK);
    assert_string_equal(result.error, "");
    assert_int_equal(result.files, 3);
    assert_int_equal(r[DEFERRED].messages, 2);
    assert_int_equal(r[DEFERRED].buckets[0], 1);
    assert_int_equal(r[DEFERRED].buckets[1], 1);
    assert_true(r[DEFERRED].ages_complete);
    assert_int_equal(r[DEFERRED].oldest_ms, (now_s - 300) * 1000);
    assert_int_equal(r[HOLD].messages, 1);
    assert_int_equal(r[HOLD].buckets[AGE_BUCKETS - 1], 1);
    assert_string_equal(r[HOLD].oldest_id, path + 5);
    assert_true(slice_eq(TEXT_GET(r[HOLD].message_id), SLICE("<oldest@example.com>")));
    assert_int_equal(r[INCOMING].messages + r[ACTIVE].messages, 0);
    assert_null(TEXT_GET(r[ACTIVE].message_id).p);
    pass(1);
    r = refresh(q);
    assert_int_equal(r[DEFERRED].buckets[0], 0);
    assert_int_equal(r[DEFERRED].buckets[1], 2);
    assert_int_equal(result.scans, 1);
    mailq_free(q);
}

/* A message that Exim delivers while it is looked at: its journal grows, then the delivery is cut off, then goes on. */
static void test_journal(void **state)
{
    (void)state;
    mkdir(at("input"), 0700);
    make("input/1xV5IU-000000008OS-24qY-H", 0600,
         "1xV5IU-000000008OS-24qY-H\nDebian-exim 999 995\n<s@a.test>\n1795345190 0\n"
         "XX\n3\na@b.test\nb@b.test\nc@b.test\n\n010  Subject: x\n");
    make("input/1xV5IU-000000008OS-24qY-D", 0600, "1xV5IU-000000008OS-24qY-D\ntext\n");
    struct mailq *q = mailq_new(&mta_exim, root);
    struct mailq_queue *r = refresh(q);
    for (unsigned i = 0; i < 3; i++, pass(10))
        r = refresh(q);
    assert_true(r[0].complete);
    assert_int_equal(r[0].recipients, 3);
    make("input/1xV5IU-000000008OS-24qY-J", 0600, "b@b.test\n");
    make("input/1xV5IU-000000008OS-24qY-H", 0600, /* as Exim does before it delivers: news */
         "1xV5IU-000000008OS-24qY-H\nDebian-exim 999 995\n<s@a.test>\n1795345190 0\n"
         "XX\n3\na@b.test\nb@b.test\nc@b.test\n\n010  Subject: x\n");
    assert_int_equal(rename(at("input/1xV5IU-000000008OS-24qY-H"), at("input/x")), 0);
    assert_int_equal(rename(at("input/x"), at("input/1xV5IU-000000008OS-24qY-H")), 0);
    for (unsigned i = 0; i < 4; i++, pass(10))
        r = refresh(q);
    assert_int_equal(r[0].recipients, 2);
    make("input/1xV5IU-000000008OS-24qY-J", 0600, "b@b.test\nc@b.test\n");
    for (unsigned i = 0; i < 4; i++, pass(10))
        r = refresh(q);
    assert_int_equal(r[0].recipients, 1);
    assert_int_equal(unlink(at("input/1xV5IU-000000008OS-24qY-J")), 0);
    for (unsigned i = 0; i < 4; i++, pass(10))
        r = refresh(q);
    assert_int_equal(r[0].recipients, 3); /* nothing tells of it any more */
    uint64_t reads_before = result.files_read;
    for (unsigned i = 0; i < 4; i++, pass(10))
        refresh(q);
    assert_int_equal(result.files_read, reads_before);
    mailq_free(q);
}

static void test_sizes_from_the_log(void **state)
{
    (void)state;
    make("active/S5", 0700, "77 7 0 5");
    struct mailq *q = mailq_new(&fake, root);
    make("hold/T5X1", 0700, "1 1 0 1"); /* the oldest there: read for its Message-ID */
    make("hold/T6X2", 0700, "2 2 0 2");
    refresh(q);
    assert_int_equal(result.wanted_count, 3);
    make("active/S6", 0700, "9 9 0 6");
    refresh(q);
    assert_int_equal(result.wanted_count, 1); /* the new one, at once */
    assert_true(result.wanted[0].lo == id("S6").lo && result.wanted[0].hi == id("S6").hi);
    struct mailq_update u[] = {
        {id("S6"), 900, 3, true, (now_s - 60) * 1000, false, true},
        {id("S5"), 0, 0, false, 0, false, true},
        {id("T6X2"), 50, 0, true, 0, false, false},
        {id("T99X9"), 9, 9, true, 0, false, true}}; /* sought: is there a file? */
    struct mailq_request with = {.updates = u, .update_count = 4, .files_max = 100};
    struct mailq_queue *r = refresh_with(q, with);
    assert_int_equal(result.missing_count, 1);
    assert_true(result.missing[0].lo == id("T99X9").lo && result.missing[0].hi == id("T99X9").hi);
    assert_int_equal(r[ACTIVE].bytes, 900);
    assert_int_equal(r[ACTIVE].recipients, 3);
    assert_false(r[ACTIVE].complete);
    assert_false(r[ACTIVE].ages_complete);
    assert_int_equal(r[ACTIVE].buckets[0], 1);
    assert_true(r[HOLD].complete);
    assert_int_equal(r[HOLD].bytes, 51);
    assert_int_equal(reads[5], 0);
    pass(4);
    refresh(q);
    assert_int_equal(reads[5], 0);
    pass(1);
    r = refresh(q);
    assert_int_equal(reads[5], 1);
    assert_true(r[ACTIVE].complete);
    assert_int_equal(r[ACTIVE].bytes, 977);
    assert_int_equal(r[ACTIVE].recipients, 10);
    u[0].pending = 1; /* two were delivered */
    r = refresh_with(q, with);
    assert_int_equal(r[ACTIVE].recipients, 8);
    assert_int_equal(reads[6], 1); /* once, as the oldest there */
    assert_int_equal(reads[2], 0);
    assert_int_equal(reads[1], 1);
    mailq_free(q);
}

static void test_asks_again_and_reads_within_rate(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 50; i++) {
        char path[32], text[32];
        snprintf(path, sizeof path, "active/S%u", i);
        snprintf(text, sizeof text, "%u 1 5 %u", i, i);
        make(path, 0700, text);
    }
    struct mailq *q = mailq_new(&fake, root);
    refresh_with(q, (struct mailq_request){0});
    assert_int_equal(result.wanted_count, 50);
    pass(9);
    refresh_with(q, (struct mailq_request){0});
    assert_int_equal(result.wanted_count, 0);
    pass(1);
    refresh_with(q, (struct mailq_request){0});
    assert_int_equal(result.wanted_count, 50);
    assert_int_equal(result.files_read, 0);
    for (unsigned i = 1; i <= 7; i++) {
        refresh_with(q, (struct mailq_request){.files_max = 7});
        /* with the first that is known, the oldest of the queue is read again for its Message-ID */
        assert_true(result.files_read <= 7 * i + 1);
    }
    assert_false(result.queues[ACTIVE].complete);
    refresh_with(q, (struct mailq_request){.files_max = 7});
    assert_true(result.queues[ACTIVE].complete);
    assert_int_equal(result.queues[ACTIVE].bytes, 50 * 51 / 2);
    assert_int_equal(result.queues[ACTIVE].oldest_ms, 5000);
    mailq_free(q);
}

/* Messages come and go with every refresh, some between two: one that the log does not know is read nevertheless. */
static void test_unknown_beside_others(void **state)
{
    (void)state;
    make("active/S1", 0700, "7 1 5 1");
    struct mailq *q = mailq_new(&fake, root);
    refresh_with(q, (struct mailq_request){0});
    for (unsigned i = 10; i < 30; i++) {
        static struct mailq_update updates[MAILQ_WANTED_MAX];
        unsigned count = result.wanted_count;
        char path[64], gone[64];
        for (unsigned k = 0; k < count; k++)
            updates[k] = (struct mailq_update){
                .id = result.wanted[k], .size = 3, .known = result.wanted[k].lo != id("S1").lo};
        snprintf(path, sizeof path, "active/T%lldX%u", (long long)now_s, i);
        snprintf(gone, sizeof gone, "active/T%lldX%u", (long long)now_s, i + 100);
        make(path, 0700, "");
        make(gone, 0700, "");
        assert_int_equal(unlink(at(gone)), 0);
        pass(1);
        refresh_with(
            q, (struct mailq_request){.files_max = 1, .updates = updates, .update_count = count});
    }
    assert_true(reads[1]);
    mailq_free(q);
}

static void test_damaged_file(void **state)
{
    (void)state;
    make("active/S1", 0700, "nonsense");
    struct mailq *q = mailq_new(&fake, root);
    learn_all(q);
    learn_all(q);
    assert_int_equal(result.queues[ACTIVE].messages, 1);
    assert_false(result.queues[ACTIVE].complete);
    assert_int_equal(result.files_read, 1);
    mailq_free(q);
}

static void test_incomplete(void **state)
{
    (void)state;
    char young[64], old[64], full[64];
    snprintf(young, sizeof young, "incoming/T%lldX1", (long long)now_s - 10);
    snprintf(full, sizeof full, "incoming/T%lldX2", (long long)now_s - 10);
    snprintf(old, sizeof old, "incoming/T%lldX3", (long long)now_s - 3600);
    make(young, 0600, "");
    make(full, 0700, "1 1 0 2");
    make(old, 0600, "");
    struct mailq *q = mailq_new(&fake, root);
    assert_int_equal(refresh(q)[INCOMING].messages, 2);
    assert_int_equal(chmod(at(young), 0700), 0);
    assert_int_equal(refresh(q)[INCOMING].messages, 3);
    /* as cleanup does it: temporary name, id, complete */
    make("incoming/12.34", 0600, "");
    assert_int_equal(refresh(q)[INCOMING].messages, 3);
    assert_int_equal(rename(at("incoming/12.34"), at("incoming/S4")), 0);
    assert_int_equal(refresh(q)[INCOMING].messages, 3);
    assert_int_equal(chmod(at("incoming/S4"), 0700), 0);
    assert_int_equal(refresh(q)[INCOMING].messages, 4);
    assert_int_equal(rename(at("incoming/S4"), at("active/S4")), 0);
    struct mailq_queue *r = refresh(q);
    assert_int_equal(r[INCOMING].messages, 3);
    assert_int_equal(r[ACTIVE].messages, 1);
    make("incoming/S5", 0600, "");
    assert_int_equal(refresh(q)[INCOMING].messages, 3);
    set_mtime("incoming/S5", now_s - 3600);
    assert_int_equal(refresh(q)[INCOMING].messages, 4);
    assert_int_equal(result.scans, 1);
    mailq_free(q);
}

static void make_young(unsigned first, unsigned count, int64_t age_s, unsigned mode)
{
    for (unsigned i = first; i < first + count; i++) {
        char path[64];
        snprintf(path, sizeof path, "incoming/T%lldX%u", (long long)(now_s - age_s), i);
        make(path, mode, "");
    }
}

static void complete_young(unsigned first, unsigned count, int64_t age_s)
{
    for (unsigned i = first; i < first + count; i++) {
        char path[64];
        snprintf(path, sizeof path, "incoming/T%lldX%u", (long long)(now_s - age_s), i);
        assert_int_equal(chmod(at(path), 0700), 0);
    }
}

/* So many files are looked at after a scan; the others count at once. */
static void test_many_young(void **state)
{
    (void)state;
    make_young(0, MAILQ_LOOKS_MAX + 50, 10, 0600);
    struct mailq *q = mailq_new(&fake, root);
    assert_int_equal(refresh(q)[INCOMING].messages, 50);
    assert_int_equal(result.files, MAILQ_LOOKS_MAX + 50);
    complete_young(0, MAILQ_LOOKS_MAX + 50, 10);
    assert_int_equal(refresh(q)[INCOMING].messages, MAILQ_LOOKS_MAX + 50);
    mailq_free(q);
}

/* Among many the youngest are looked at, in whatever order they are found. */
static void test_youngest(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        make_young(i, 1, 100 + i, 0700);
    make_young(1000, MAILQ_LOOKS_MAX, 10, 0600);
    struct mailq *q = mailq_new(&fake, root);
    assert_int_equal(refresh(q)[INCOMING].messages, 1000);
    assert_int_equal(result.queues[INCOMING].buckets[0], 200);
    complete_young(1000, MAILQ_LOOKS_MAX - 1, 10);
    assert_int_equal(refresh(q)[INCOMING].messages, 1000 + MAILQ_LOOKS_MAX - 1);
    pass(MAILQ_WRITING_S);
    assert_int_equal(refresh(q)[INCOMING].messages, 1000 + MAILQ_LOOKS_MAX);
    mailq_free(q);
}

/* More are being written than processes write: the older ones count. */
static void test_much_written(void **state)
{
    (void)state;
    struct mailq *q = mailq_new(&fake, root);
    refresh(q);
    make_young(0, MAILQ_WRITING_MAX, 20, 0600);
    assert_int_equal(refresh(q)[INCOMING].messages, 0);
    make_young(MAILQ_WRITING_MAX, 10, 5, 0600);
    assert_int_equal(refresh(q)[INCOMING].messages, MAILQ_WRITING_MAX / 2);
    complete_young(0, MAILQ_WRITING_MAX, 20);
    complete_young(MAILQ_WRITING_MAX, 10, 5);
    assert_int_equal(refresh(q)[INCOMING].messages, MAILQ_WRITING_MAX + 10);
    assert_int_equal(result.scans, 1);
    mailq_free(q);
}

/* What was learnt in this refresh of a file's next attempt, 0: nothing. */
static int64_t attempt_of(const char *name)
{
    struct queue_id is = id(name);
    for (unsigned i = result.attempt_count; i-- > 0;)
        if (result.attempts[i].id.lo == is.lo && result.attempts[i].id.hi == is.hi)
            return result.attempts[i].at_s;
    return 0;
}

static void test_retry(void **state)
{
    (void)state;
    make("deferred/T5X1", 0700, "1 1 0 1");
    make("deferred/T5X2", 0700, "1 1 0 2");
    set_mtime("deferred/T5X1", now_s + 100);
    set_mtime("deferred/T5X2", now_s + 50);
    struct mailq *q = mailq_new(&fake, root);
    assert_int_equal(refresh(q)[DEFERRED].retry_ms, (now_s + 50) * 1000);
    assert_int_equal(attempt_of("T5X1"), now_s + 100);
    assert_int_equal(attempt_of("T5X2"), now_s + 50);
    assert_int_equal(rename(at("deferred/T5X2"), at("active/T5X2")), 0);
    assert_int_equal(refresh(q)[DEFERRED].retry_ms, (now_s + 100) * 1000);
    set_mtime("deferred/T5X1", now_s + 20);
    assert_int_equal(refresh(q)[DEFERRED].retry_ms, (now_s + 20) * 1000);
    assert_int_equal(attempt_of("T5X1"), now_s + 20);
    assert_int_equal(attempt_of("T5X2"), 0);
    set_mtime("active/T5X2", now_s + 5);
    assert_int_equal(rename(at("active/T5X2"), at("deferred/T5X2")), 0);
    refresh_with(q, (struct mailq_request){0}); /* an event is enough, within a bound */
    assert_int_equal(result.queues[DEFERRED].retry_ms, (now_s + 5) * 1000);
    assert_int_equal(attempt_of("T5X2"), now_s + 5);
    assert_int_equal(unlink(at("deferred/T5X1")), 0);
    assert_int_equal(unlink(at("deferred/T5X2")), 0);
    assert_int_equal(refresh(q)[DEFERRED].retry_ms, 0);
    mailq_free(q);
}

/* Many have the same second; as each oldest goes, another takes its place. */
static void test_oldest(void **state)
{
    (void)state;
    char path[64];
    for (int i = 0; i < 20; i++) {
        snprintf(path, sizeof path, "hold/T%dX%d", 1000 + i / 2, i + 1);
        make(path, 0700, "1 1 0 1");
    }
    struct mailq *q = mailq_new(&fake, root);
    for (int i = 0; i < 20; i++) {
        struct mailq_queue *r = refresh(q);
        assert_int_equal(r[HOLD].oldest_ms, (1000 + i / 2) * 1000);
        snprintf(path, sizeof path, "hold/%s", r[HOLD].oldest_id);
        assert_int_equal(unlink(at(path)), 0);
    }
    assert_int_equal(refresh(q)[HOLD].oldest_ms, 0);
    assert_string_equal(result.queues[HOLD].oldest_id, "");
    mailq_free(q);
}

static void test_status(void **state)
{
    (void)state;
    char missing[80];
    snprintf(missing, sizeof missing, "%s/nowhere", root);
    struct mailq *q = mailq_new(&fake, missing);
    refresh(q);
    assert_int_equal(result.status, SOURCE_MISSING);
    assert_non_null(strstr(result.error, missing));
    assert_int_equal(mkdir(missing, 0700), 0);
    refresh(q);
    assert_int_equal(result.status, SOURCE_MISSING); /* no queue in it */
    assert_int_equal(mkdir(at("nowhere/hold"), 0700), 0);
    make("nowhere/hold/S1", 0700, "1 1 1 1");
    refresh(q);
    assert_int_equal(result.status, SOURCE_OK);
    assert_int_equal(result.queues[HOLD].messages, 1);
    assert_int_equal(mkdir(at("nowhere/active"), 0700), 0); /* appears later, without a scan */
    make("nowhere/active/S2", 0700, "1 1 1 2");
    refresh(q);
    assert_int_equal(result.queues[ACTIVE].messages, 1);
    remove_tree(missing);
    refresh(q);
    assert_int_equal(result.status, SOURCE_MISSING);
    assert_int_equal(result.files, 0);
    mailq_free(q);
}

static void test_denied(void **state)
{
    (void)state;
    if (geteuid() == 0 && seteuid(65534) != 0)
        skip();
    if (seteuid(0) == 0) { /* give nobody the tree, but one queue */
        assert_int_equal(chown(root, 65534, 65534), 0);
        for (unsigned i = 0; i < QUEUES; i++)
            if (i != HOLD)
                assert_int_equal(chown(at(queues[i].name), 65534, 65534), 0);
        make("active/S1", 0700, "1 1 1 1");
        assert_int_equal(seteuid(65534), 0);
    } else {
        make("active/S1", 0700, "1 1 1 1");
        assert_int_equal(chmod(at("hold"), 0), 0);
    }
    struct mailq *q = mailq_new(&fake, root);
    struct mailq_queue *r = refresh(q);
    if (geteuid() == 65534)
        assert_int_equal(seteuid(0), 0);
    chmod(at("hold"), 0700);
    assert_int_equal(result.status, SOURCE_DENIED);
    assert_non_null(strstr(result.error, "/hold: "));
    assert_non_null(strstr(result.error, "CAP_DAC_READ_SEARCH"));
    assert_true(r[HOLD].messages == MODEL_ABSENT);
    assert_int_equal(r[ACTIVE].messages, 1);
    r = refresh_with(q, (struct mailq_request){.rescan = true});
    assert_int_equal(result.status, SOURCE_OK);
    assert_int_equal(r[HOLD].messages, 0);
    mailq_free(q);
}

/* Without inotify every refresh is a full scan. */
static void test_polling(void **state)
{
    (void)state;
    struct mailq *q = new_polling();
    make("active/T5X1", 0700, "1 1 1 1");
    assert_int_equal(refresh(q)[ACTIVE].messages, 1);
    assert_int_equal(result.status, SOURCE_OK);
    assert_non_null(strstr(result.error, "polled"));
    assert_int_equal(rename(at("active/T5X1"), at("hold/T5X1")), 0);
    make("hold/T5X2", 0700, "1 1 1 2");
    assert_int_equal(refresh(q)[ACTIVE].messages, 0);
    assert_int_equal(result.queues[HOLD].messages, 2);
    assert_int_equal(result.scans, 2);
    mailq_free(q);
}

/* Scans that find most files where they were, some gone, some moved, some new. */
static void test_scan_again(void **state)
{
    (void)state;
    char hold[64], active[64];
    unsigned held = 0, activated = 0;
    struct mailq *watching = mailq_new(&fake, root), *polling = new_polling();
    srandom(7);
    for (unsigned round = 0; round < 40; round++) {
        for (unsigned i = 0; i < 150; i++) {
            snprintf(hold, sizeof hold, "hold/T%uX%u", 1000 + i, i);
            snprintf(active, sizeof active, "active/T%uX%u", 1000 + i, i);
            if (round && random() % 8)
                continue;
            if (unlink(at(active)) == 0) {
                activated--;
            } else if (random() % 2 && rename(at(hold), at(active)) == 0) {
                held--;
                activated++;
            } else if (access(at(hold), F_OK) != 0) {
                make(hold, 0700, "10 1 0 1");
                held++;
            }
        }
        for (unsigned k = 0; k < 2; k++) {
            struct mailq_queue *r =
                refresh_with(k ? polling : watching, (struct mailq_request){.rescan = true});
            assert_int_equal(r[HOLD].messages, held);
            assert_int_equal(r[ACTIVE].messages, activated);
            assert_int_equal(r[HOLD].buckets[AGE_BUCKETS - 1], held);
            assert_int_equal(result.files, held + activated);
        }
    }
    mailq_free(watching);
    mailq_free(polling);
}

/* Queues that the administrator made, with a directory of their own each. */
static void test_named(void **state)
{
    (void)state;
    struct mta named = fake;
    named.named_queues = "hold";
    assert_int_equal(mkdir(at("slow"), 0700), 0);
    assert_int_equal(mkdir(at("slow/hold"), 0700), 0);
    assert_int_equal(mkdir(at("other"), 0700), 0);
    assert_int_equal(symlink("slow", at("linked")), 0);
    make("slow/hold/T5X1", 0700, "1 1 0 1");
    struct mailq *q = mailq_new(&named, root);
    struct mailq_queue *r = refresh(q);
    assert_int_equal(result.status, SOURCE_OK);
    assert_int_equal(result.queue_count, QUEUES + 1);
    assert_string_equal(r[QUEUES].name, "slow/hold");
    assert_int_equal(r[QUEUES].messages, 1);
    assert_int_equal(r[HOLD].messages, 0);
    assert_string_equal(r[HOLD].name, "hold");
    assert_int_equal(mkdir(at("new"), 0700), 0);
    refresh(q);
    assert_int_equal(mkdir(at("new/hold"), 0700), 0); /* nobody watches there yet */
    assert_int_equal(mkdir(at("new/hold/a"), 0700), 0);
    make("new/hold/a/T6X2", 0700, "1 1 0 2");
    pass(1);
    r = refresh(q);
    assert_int_equal(result.queue_count, QUEUES + 2);
    assert_string_equal(r[QUEUES + 1].name, "new/hold");
    assert_int_equal(r[QUEUES + 1].messages, 1);
    assert_int_equal(result.scans, 1);
    assert_int_equal(rename(at("new/hold/a/T6X2"), at("slow/hold/T6X2")), 0);
    pass(1);
    r = refresh(q);
    assert_int_equal(r[QUEUES].messages, 2);
    assert_int_equal(r[QUEUES + 1].messages, 0);
    assert_int_equal(r[QUEUES].bytes, 2); /* of both files, wherever they are */
    for (unsigned i = 0; i < MTA_QUEUES_MAX; i++) {
        char path[32];
        snprintf(path, sizeof path, "many%u", i);
        assert_int_equal(mkdir(at(path), 0700), 0);
        snprintf(path, sizeof path, "many%u/hold", i);
        assert_int_equal(mkdir(at(path), 0700), 0);
    }
    r = refresh_with(q, (struct mailq_request){.rescan = true});
    assert_int_equal(result.status, SOURCE_TRUNCATED);
    assert_int_equal(result.queue_count, MTA_QUEUES_MAX);
    assert_int_equal(r[QUEUES].messages, 2);
    mailq_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_counts_and_ages),
        TEST(test_sizes_from_the_log),
        TEST(test_journal),
        TEST(test_asks_again_and_reads_within_rate),
        TEST(test_unknown_beside_others),
        TEST(test_damaged_file),
        TEST(test_incomplete),
        TEST(test_many_young),
        TEST(test_youngest),
        TEST(test_much_written),
        TEST(test_retry),
        TEST(test_oldest),
        TEST(test_status),
        TEST(test_denied),
        TEST(test_polling),
        TEST(test_scan_again),
        TEST(test_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
