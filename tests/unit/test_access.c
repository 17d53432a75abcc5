/*
 * The tally of mailbox servers: what counts as what, sessions and their ends, and that a stop at any line with
 * a restart from the store gives the same tables as no stop.
 */
#include "access_world.h"
#include "scratch.h"

#include "../../agent/dump.h"

static void test_sessions(void **state)
{
    (void)state;
    struct world w;
    begin(&w, &access_dovecot, USERS_PLAIN);
    at(&w, 1, LOGIN, "alice", 1, 11, "s1");
    at(&w, 2, LOGIN, "alice", 2, 12, "s2");
    at(&w, 3, LOGIN, "bob", 3, 13, "s3");
    assert_int_equal(IMAP(&w)->current_connections, 3);
    assert_int_equal(IMAP(&w)->users_logged_in, 2);
    at(&w, 3,
       "pop3-login: Info: Login: user=<bob>, method=PLAIN, rip=192.0.2.3, lip=192.0.2.1, "
       "session=<p1>");
    assert_int_equal(access_tally_users(w.log), 2);
    at(&w, 3,
       "pop3(bob)<14><p1>: Info: Disconnected: Logged out top=0/0, retr=0/0, del=0/0, size=0");
    access_tally_levels(w.tally);
    assert_int_equal(w.model.tables[MODEL_SESSION].count, 3);
    at(&w, 4,
       "imap(alice)<12><s2>: Info: Disconnected: Logged out in=10 out=20 expunged=1 body_count=2");
    assert_int_equal(IMAP(&w)->current_connections, 2);
    assert_int_equal(IMAP(&w)->users_logged_in, 2);
    assert_int_equal(IMAP(&w)->max_connections, 3);
    assert_int_equal(IMAP(&w)->octets_in, 10);
    assert_int_equal(IMAP(&w)->octets_out, 20);
    assert_int_equal(IMAP(&w)->expunged, 1);
    assert_int_equal(IMAP(&w)->fetched, 2);
    assert_int_equal(IMAP(&w)->mailboxes_selected, MODEL_ABSENT);
    /* A line of 2.2's form tells neither process nor session: the user's oldest one ends. */
    at(&w, 5, "imap(bob): Info: Disconnected: Logged out in=1 out=2");
    assert_int_equal(IMAP(&w)->current_connections, 1);
    /* An unknown session's end is counted, and ends no other. */
    at(&w, 6, "imap(alice)<99><s9>: Info: Disconnected: Logged out in=5 out=5");
    assert_int_equal(IMAP(&w)->current_connections, 1);
    assert_int_equal(IMAP(&w)->octets_in, 16);
    at(&w, 7, "master: Info: Dovecot v2.3.19.1 (9b53102964) starting up for imap");
    assert_int_equal(IMAP(&w)->current_connections, 0);
    assert_int_equal(IMAP(&w)->users_logged_in, 0);
    assert_int_equal(w.model.tables[MODEL_SESSION].count, 0);
    assert_int_equal(w.model.tables[MODEL_ASSOC].count, 0);
    end(&w);
}

/* What peers have open is what the sessions say, whatever row came, went and came back. */

#define PEERS    20
#define SESSIONS 60

static void check_peers(const struct world *w, const unsigned from[SESSIONS])
{
    uint32_t appl = IMAP(w)->row.key[0];
    for (unsigned n = 0; n < PEERS; n++) {
        uint8_t address[16] = {192, 0, 2, (uint8_t)n};
        uint32_t key[3] = {appl, 1, 0};
        const struct peer *p = model_find(&w->model, MODEL_PEER, key, address);
        unsigned open = 0;
        for (unsigned i = 0; i < SESSIONS; i++)
            open += from[i] == n + 1;
        if (p)
            assert_int_equal(p->current, open);
    }
}

static void test_peers(void **state)
{
    (void)state;
    uint32_t capacities[MODEL_TABLES] = {0};
    capacities[MODEL_PEER] = 8;
    capacities[MODEL_ASSOC] = 16;
    struct world w;
    begin_sized(&w, &access_dovecot, USERS_PLAIN, capacities);
    unsigned from[SESSIONS] = {0}, open = 0, random = 1; /* peer + 1, 0: not open */
    for (unsigned k = 0; k < 4000; k++) {
        char user[16], name[16];
        random = random * 1103515245u + 12345u;
        unsigned i = (random >> 16) % SESSIONS, peer = (random >> 8) % PEERS;
        snprintf(user, sizeof user, "u%u", i % 7);
        snprintf(name, sizeof name, "s%u", i);
        if (random >> 28 == 0) {
            at(&w, 1,
               "imap-login: Info: Disconnected: Connection closed (auth failed, 1 attempts in 3 "
               "secs): user=<bob>, method=PLAIN, rip=192.0.2.%u, lip=192.0.2.1, session=<x>",
               peer);
        } else if (from[i]) {
            at(&w, 1, "imap(%s)<%u><%s>: Info: Disconnected: Logged out in=1 out=2", user, i + 1,
               name);
            from[i] = 0;
            open--;
        } else {
            at(&w, 1, LOGIN, user, (int)peer, (int)i + 1, name);
            from[i] = peer + 1;
            open++;
        }
        if (k % 3 == 0)
            access_tally_levels(w.tally);
        else
            model_sort(&w.model, MODEL_PEER);
        check_peers(&w, from);
        assert_int_equal(IMAP(&w)->current_connections, open);
        if (k % 3 == 0) /* those that found no room have rows as soon as there is some */
            assert_int_equal(w.model.tables[MODEL_ASSOC].count, open < 16 ? open : 16);
    }
    end(&w);
}

/* Two ways of writing an address are one peer. */
static void test_peer_spelled(void **state)
{
    (void)state;
    struct world w;
    begin(&w, &access_dovecot, USERS_PLAIN);
    const char *ways[] = {"2001:db8::1", "2001:DB8:0:0::1"};
    for (int i = 0; i < 2; i++)
        at(&w, 1,
           "imap-login: Info: Login: user=<a>, method=PLAIN, rip=%s, lip=::1, mpid=%d, "
           "session=<s%d>",
           ways[i], 10 + i, i);
    assert_int_equal(w.model.tables[MODEL_PEER].count, 1);
    assert_int_equal(((const struct peer *)model_row(&w.model, MODEL_PEER, 0))->current, 2);
    end(&w);
}

/* While nothing happens to sessions nothing is handed on, however many are open. */
static void test_quiet(void **state)
{
    (void)state;
    static const enum model_table quiet[] = {MODEL_PEER, MODEL_ASSOC, MODEL_SESSION, MODEL_APPL};
    struct world w;
    begin(&w, &access_dovecot, USERS_PLAIN);
    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof name, "s%d", i);
        at(&w, 1, LOGIN, "alice", i % 3, i + 1, name);
    }
    access_tally_levels(w.tally);
    assert_int_equal(w.model.tables[MODEL_SESSION].count, 100);
    for (unsigned i = 0; i < sizeof quiet / sizeof quiet[0]; i++) {
        uint64_t before = w.model.tables[quiet[i]].generation;
        access_tally_levels(w.tally);
        assert_int_equal(w.model.tables[quiet[i]].generation, before);
    }
    end(&w);
}

/* Attempts before a good login: told by the authentication process, if it took its time. */
static void test_attempts(void **state)
{
    (void)state;
    struct world w;
    begin(&w, &access_dovecot, USERS_PLAIN);
    at(&w, 1, "auth: Info: passwd-file(alice,192.0.2.1,<s1>): Password mismatch");
    at(&w, 4, "auth: Info: passwd-file(alice,192.0.2.1,<s1>): Password mismatch");
    at(&w, 9, LOGIN, "alice", 1, 11, "s1");
    assert_int_equal(IMAP(&w)->failed_logins, 2);
    at(&w, 10, "auth: Info: pam(bob,192.0.2.1,<s2>): unknown user");
    at(&w, 10, LOGIN, "bob", 1, 12, "s2"); /* the second passdb knew him */
    assert_int_equal(IMAP(&w)->failed_logins, 2);
    at(&w, 11, "auth: Info: passwd-file(bob,192.0.2.1,<s3>): Password mismatch");
    at(&w, 14,
       "imap-login: Info: Disconnected: Connection closed (auth failed, 1 attempts in 3 secs): "
       "user=<bob>, method=PLAIN, rip=192.0.2.1, lip=192.0.2.1, session=<s3>");
    assert_int_equal(IMAP(&w)->failed_logins, 3);
    assert_int_equal(IMAP(&w)->good_logins, 2);
    assert_int_equal(IMAP(&w)->connections, 3);
    uint8_t address[16] = {192, 0, 2, 1};
    uint32_t key[3] = {IMAP(&w)->row.key[0], 1, 0};
    struct peer *p = model_find(&w.model, MODEL_PEER, key, address);
    assert_non_null(p);
    assert_int_equal(p->auth_failures, 3);
    assert_int_equal(p->connections, 3);
    access_tally_levels(w.tally);
    assert_int_equal(p->current, 2);
    end(&w);
}

static void test_users(void **state)
{
    (void)state;
    struct world w;
    for (int users = USERS_PLAIN; users <= USERS_HIDDEN; users++) {
        begin(&w, &access_dovecot, (enum access_users)users);
        at(&w, 1, LOGIN, "alice", 1, 11, "s1");
        at(&w, 1, "imap(alice)<11><s1>: Error: Corrupted index file");
        access_tally_levels(w.tally);
        const struct session *s = model_row(&w.model, MODEL_SESSION, 0);
        const struct log_event *l = model_row(&w.model, MODEL_LOG_EVENT, 0);
        struct slice user = TEXT_GET(s->user);
        assert_int_equal(user.n, users == USERS_PLAIN ? 5 : users == USERS_HASHED ? 16 : 0);
        assert_int_equal(TEXT_GET(l->last_line).p != NULL, users == USERS_PLAIN);
        assert_int_equal(IMAP(&w)->users_logged_in, 1);
        end(&w);
    }
}

/* Cyrus: a process serves one client at a time. */
static void test_cyrus(void **state)
{
    (void)state;
    struct world w;
    begin(&w, &access_cyrus, USERS_PLAIN);
    at(&w, 1, "mx1 cyrus/imap[7]: login: h [192.0.2.1] alice PLAIN+TLS User logged in");
    at(&w, 2, "mx1 cyrus/imap[8]: login: h [192.0.2.1] bob PLAIN User logged in");
    assert_int_equal(IMAP(&w)->current_connections, 2);
    assert_int_equal(IMAP(&w)->tls_sessions, 1);
    at(&w, 3, "mx1 cyrus/imap[7]: login: h [192.0.2.1] carol PLAIN User logged in");
    assert_int_equal(IMAP(&w)->current_connections, 2);
    assert_int_equal(IMAP(&w)->users_logged_in, 2);
    at(&w, 4, "mx1 cyrus/imap[8]: USAGE bob user: 0.1 sys: 0.1");
    at(&w, 4, "mx1 cyrus/imap[8]: auditlog: traffic sessionid=<x-8-1> bytes_in=<7> bytes_out=<9>");
    assert_int_equal(IMAP(&w)->current_connections, 1);
    assert_int_equal(IMAP(&w)->octets_out, 9);
    at(&w, 5, "mx1 cyrus/pop3[9]: counts: retr=<3> top=<1> dele=<2>");
    assert_int_equal(access_tally_access(w.log, ACCESS_POP3)->fetched, 4);
    end(&w);
}

/* All that the tables show, as text. */
static char *shown(struct world *w)
{
    struct view v;
    struct table_time now = {.monotonic_ms = NOV_21, .real_ms = NOV_21};
    char *text = NULL;
    size_t size;
    tally_levels(w->peers);
    access_tally_levels(w->tally);
    assert_true(slots_view_of(&w->model, NOV_21, NOV_21, &v));
    FILE *out = open_memstream(&text, &size);
    assert_true(dump_view(&v, &now, out));
    fclose(out);
    slots_view_free(&v);
    return text;
}

/* Reads a log; every `each` lines everything goes through the store. 0: never. */
static char *read_log(const struct access_server *server, const char *path, unsigned each)
{
    struct world w;
    char line[4096], error[256];
    assert_int_equal(scratch_make(NULL), 0);
    struct store *s = store_open(scratch, error, sizeof error);
    assert_non_null(s);
    begin(&w, server, USERS_PLAIN);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    for (unsigned n = 1; fgets(line, sizeof line, in); n++) {
        line[strcspn(line, "\n")] = '\0';
        read_line(&w, line);
        if (each && n % each == 0)
            restart(&w, s);
    }
    fclose(in);
    char *text = shown(&w);
    end(&w);
    store_close(s);
    assert_int_equal(scratch_remove(NULL), 0);
    return text;
}

static void check_restarts(const struct access_server *server, const char *path)
{
    static const unsigned each[] = {1, 3, 7};
    char *whole = read_log(server, path, 0);
    for (unsigned i = 0; i < sizeof each / sizeof each[0]; i++) {
        char *parts = read_log(server, path, each[i]);
        assert_string_equal(parts, whole);
        free(parts);
    }
    free(whole);
}

static void test_exact(void **state)
{
    (void)state;
    check_restarts(&access_dovecot, "tests/data/dovecot_real.log");
    check_restarts(&access_cyrus, "tests/data/cyrus_real.log");
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    tzset();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sessions),     cmocka_unit_test(test_peers),
        cmocka_unit_test(test_peer_spelled), cmocka_unit_test(test_quiet),
        cmocka_unit_test(test_attempts),     cmocka_unit_test(test_users),
        cmocka_unit_test(test_cyrus),        cmocka_unit_test(test_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
