/* Sessions that the log tells of in another order, and those that the server itself lists. */
#include "access_world.h"
#include "scratch.h"

/* Levels follow what the server itself says; counters do not. */
static bool is_bob(void *arg, const struct access_session *s)
{
    (void)arg;
    return slice_eq(TEXT_GET(s->user), SLICE("bob"));
}

static void test_reconcile(void **state)
{
    (void)state;
    struct world w;
    begin(&w, &access_dovecot, USERS_PLAIN);
    at(&w, 1, LOGIN, "alice", 1, 11, "s1");
    at(&w, 1, LOGIN, "bob", 2, 12, "s2");
    access_tally_reconcile(w.log, ACCESS_IMAP, is_bob, NULL);
    assert_int_equal(IMAP(&w)->current_connections, 1);
    access_tally_found(w.log, &(struct access_found){.protocol = ACCESS_IMAP,
                                                     .user = SLICE("bob"),
                                                     .remote = SLICE("192.0.2.2"),
                                                     .process = 12});
    access_tally_found(w.log, &(struct access_found){.protocol = ACCESS_IMAP,
                                                     .user = SLICE("carol"),
                                                     .remote = SLICE("192.0.2.3"),
                                                     .process = 14});
    assert_int_equal(IMAP(&w)->current_connections, 2);
    assert_int_equal(IMAP(&w)->users_logged_in, 2);
    assert_int_equal(IMAP(&w)->good_logins, 2);
    at(&w, 9, "imap(carol)<14><s4>: Info: Disconnected: Logged out in=1 out=2");
    assert_int_equal(IMAP(&w)->current_connections, 1);
    end(&w);
}

/* A log that is read late, as at a start: who is logged in was told before. */
static void test_found_before_its_line(void **state)
{
    (void)state;
    struct world w;
    begin(&w, &access_dovecot, USERS_PLAIN);
    at(&w, 1, LOGIN, "alice", 1, 11, "s1");
    access_tally_found(w.log, &(struct access_found){.protocol = ACCESS_IMAP,
                                                     .user = SLICE("bob"),
                                                     .remote = SLICE("192.0.2.2"),
                                                     .process = 12});
    at(&w, 2, LOGIN, "bob", 2, 12, "s2");
    assert_int_equal(IMAP(&w)->current_connections, 2);
    assert_int_equal(IMAP(&w)->users_logged_in, 2);
    at(&w, 9, "imap(bob)<12><s2>: Info: Disconnected: Logged out in=1 out=2");
    assert_int_equal(IMAP(&w)->current_connections, 1);
    assert_int_equal(IMAP(&w)->users_logged_in, 1);
    end(&w);
}

/* The login process may log that a session begins when another has logged its end. */
static void test_end_before_its_begin(void **state)
{
    (void)state;
    struct world w;
    char error[256];
    assert_int_equal(scratch_make(NULL), 0);
    struct store *s = store_open(scratch, error, sizeof error);
    assert_non_null(s);
    begin(&w, &access_dovecot, USERS_PLAIN);
    at(&w, 1, "imap(alice)<11><s1>: Info: Disconnected: Logged out in=3 out=4");
    at(&w, 1, LOGIN, "alice", 1, 11, "s1");
    assert_int_equal(IMAP(&w)->connections, 1);
    assert_int_equal(IMAP(&w)->good_logins, 1);
    assert_int_equal(IMAP(&w)->octets_in, 3);
    assert_int_equal(IMAP(&w)->current_connections, 0);
    assert_int_equal(access_tally_users(w.log), 0);
    at(&w, 2, LOGIN, "alice", 1, 12, "s1"); /* another of that name */
    assert_int_equal(IMAP(&w)->current_connections, 1);
    at(&w, 3, "imap(bob)<13><s2>: Info: Disconnected: Logged out in=3 out=4");
    restart(&w, s);
    at(&w, 2, LOGIN, "bob", 2, 13, "s2");
    assert_int_equal(IMAP(&w)->current_connections, 1);
    access_tally_found(w.log, &(struct access_found){.protocol = ACCESS_IMAP,
                                                     .user = SLICE("bob"),
                                                     .remote = SLICE("192.0.2.2"),
                                                     .process = 14});
    assert_int_equal(IMAP(&w)->current_connections, 2);
    at(&w, 4, "imap(bob)<14><s3>: Info: Disconnected: Logged out in=3 out=4");
    at(&w, 4, LOGIN, "bob", 2, 14, "s3");
    assert_int_equal(IMAP(&w)->current_connections, 1);
    /* The end of one that began before the log did is not that of a later one. */
    at(&w, 5, "imap(carol)<15><s4>: Info: Disconnected: Logged out in=3 out=4");
    at(&w, 16, LOGIN, "carol", 3, 15, "s4");
    assert_int_equal(IMAP(&w)->current_connections, 2);
    assert_int_equal(IMAP(&w)->good_logins, 5);
    end(&w);
    store_close(s);
    assert_int_equal(scratch_remove(NULL), 0);
}

/* Another source counts connections and logins: the log counts the rest, once. */
static void test_counted_elsewhere(void **state)
{
    (void)state;
    struct world w;
    begin(&w, &access_dovecot, USERS_PLAIN);
    access_tally_counted_elsewhere(w.log, ACCESS_IMAP);
    at(&w, 1, LOGIN, "alice", 1, 11, "s1");
    assert_int_equal(IMAP(&w)->good_logins, 0);
    assert_int_equal(IMAP(&w)->connections, 0);
    assert_int_equal(IMAP(&w)->current_connections, 0);
    assert_int_equal(IMAP(&w)->users_logged_in, 1);
    at(&w, 9, "imap(alice)<11><s1>: Info: Disconnected: Logged out in=1 out=2");
    assert_int_equal(IMAP(&w)->octets_out, 2);
    assert_int_equal(IMAP(&w)->current_connections, 0);
    end(&w);
}

/* Sessions of one user that began at different times are several; the one that the log knows is not a new one. */
static void test_found_since(void **state)
{
    (void)state;
    struct world w;
    begin(&w, &access_dovecot, USERS_PLAIN);
    struct access_found f = {.protocol = ACCESS_IMAP, .user = SLICE("anil"), .since_ms = 1000000};
    access_tally_found(w.log, &f);
    access_tally_found(w.log, &f);
    assert_int_equal(IMAP(&w)->current_connections, 1);
    f.since_ms += ACCESS_SAME_MS;
    access_tally_found(w.log, &f);
    assert_int_equal(IMAP(&w)->current_connections, 1);
    f.since_ms += 1;
    access_tally_found(w.log, &f);
    assert_int_equal(IMAP(&w)->current_connections, 2);
    assert_int_equal(IMAP(&w)->users_logged_in, 1);
    end(&w);
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    tzset();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reconcile),
        cmocka_unit_test(test_found_before_its_line),
        cmocka_unit_test(test_end_before_its_begin),
        cmocka_unit_test(test_counted_elsewhere),
        cmocka_unit_test(test_found_since),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
