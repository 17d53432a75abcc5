/* Sun's service logs: the examples of the Administration Guide, line by line, and what they count. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "../../collectors/explain.h"
#include "../../collectors/maillog.h"
#include "../../collectors/sun_service.h"

static const struct {
    const char *line, *expected;
} lines[] = {
    {"[30/Aug/2004:16:53:05 -0700] vadar imapd[13027]: Account Notice: badlogin: [192.0.2.9] "
     "plaintext user1 "
     "authentication failure",
     "Account Notice imapd login failed user1 192.0.2.9 plaintext pattern=bad login: "
     "authentication failure"},
    {"[30/Aug/2004:16:53:31 -0700] vadar imapd[13027]: Account Notice: badlogin: [192.0.2.9:1244] "
     "plaintext user3 "
     "account disabled (hold)",
     "Account Notice imapd login failed user3 192.0.2.9 plaintext pattern=bad login: account on "
     "hold"},
    {"[30/Aug/2004:16:53:13 -0700] vadar imapd[13027]: Account Information: login [192.0.2.9:1244] "
     "user1 plaintext",
     "Account Information imapd login user1 192.0.2.9 plaintext session=[192.0.2.9:1244] user1"},
    {"03/Dec/1998:06:54:32 +0200 SiroePost imapd[232]: Account Notice: close [192.0.2.9:1244] "
     "user1 1998/12/3 6:54:32 "
     "0:00:10 5 115 2",
     "Account Notice imapd logout user1 192.0.2.9  session=[192.0.2.9:1244] user1 in=5 out=115 "
     "n=2"},
    {"03/Dec/1998:06:54:32 +0200 SiroePost imapd[232]: Account Notice: close [] [unauthenticated] "
     "1998/12/3 6:54:32 "
     "0:00:00 0 115 0",
     "Account Notice imapd login aborted    in=0 out=115"},
    {"02/May/1998:17:37:32 -0700 showshoe cgi_store[18753]: General Notice:   Log created "
     "(894155852)",
     "General Notice cgi_store log   "},
    {"04/May/1998:11:07:44 -0400 xyzmail cgi_service[343]: General Error: "
     "function=getserverhello|port=2500|error=failed to connect",
     "General Error cgi_service log    pattern=server does not answer level=2"},
    {"[31/Aug/2004:16:33:14 -0700] vadar ims_master[13822]: Store Information: "
     "append:user1:user/user1:659:<a@b>",
     "Store Information ims_master stored user1   in=659 n=1"},
    {"[31/Aug/2004:15:55:26 -0700] vadar imapd[13729]: Store Information: "
     "fetch:user1:user/user1:<a@b>",
     "Store Information imapd traffic user1   n=1"},
    {"31/Aug/2004:16:57:36 -0700] vadar imexpire[13923]: Store Information: "
     "expunge:user/user1:<a@b>",
     "Store Information imexpire deleted    n=1"},
    {"[31/Aug/2004:16:57:36 -0700] vadar stored[1]: Store Error: Invalid cache data for msg 102 in "
     "mailbox "
     "user/joe/INBOX. Needs reconstruct",
     "Store Error stored log    pattern=invalid cache level=2"},
    {"[31/Aug/2004:16:57:36 -0700] vadar stored[1]: Store Critical: Recovering database from "
     "snapshot. Run "
     "reconstruct -m soon after startup to resync redundant data",
     "Store Critical stored log    pattern=recovering from snapshot level=3"},
    {"[31/Aug/2004:16:57:36 -0700] vadar stored[1]: Store Error: Mailbox corrupted, missing fixed "
     "headers: user/joe/INBOX",
     "Store Error stored log    pattern=mailbox corrupt level=2"},
    {"[31/Aug/2004:16:57:36 -0700] vadar stored[1]: Store Error: Mailbox corrupted, start_offset "
     "beyond EOF: user/joe/INBOX",
     "Store Error stored log    pattern=mailbox corrupt level=2"},
    {"[31/Aug/2004:16:57:36 -0700] vadar stored[1]: General Warning: Removing extra database logs. "
     "Run reconstruct -m soon after startup to resync redundant data",
     "General Warning stored log    pattern=removing database logs level=1"},
    {"[31/Aug/2004:16:57:36 -0700] vadar imapd[1]: Account Notice: badlogin: [192.0.2.9] plaintext "
     "partition locked, needs reconstruct authentication failure",
     "Account Notice imapd login failed partition 192.0.2.9 plaintext pattern=bad login: "
     "authentication failure"},
    {"[31/Aug/2004:16:57:36 -0700] vadar imapd[1]: Store Information: "
     "fetch:ann:user/ann:<alarmid=deadlock@x>",
     "Store Information imapd traffic ann   n=1"},
    {"Aug 31 16:57:36 vadar imapd[1]: Account Notice: badlogin: [2001:db8::1] plaintext ann user "
     "not found",
     "Account Notice imapd login failed ann 2001:db8::1 plaintext pattern=bad login: no such user"},
    {"Aug 31 16:57:36 vadar sshd[1]: Accepted password", "foreign"},
    {"[31/Aug/2004:16:57:36 -0700] vadar stored[1]: something new", "unknown"},
};

static const char *const kinds[EVENT_KINDS] = {
    [EVENT_UNKNOWN] = "unknown", [EVENT_FOREIGN] = "foreign",
    [EVENT_LOGIN] = "login",     [EVENT_LOGIN_FAIL] = "login failed",
    [EVENT_LOGOUT] = "logout",   [EVENT_LOGIN_ABORT] = "login aborted",
    [EVENT_SERVER_LOG] = "log",  [EVENT_STORED] = "stored",
    [EVENT_TRAFFIC] = "traffic", [EVENT_DELETED] = "deleted",
};

static void render(const struct event *e, char *to, size_t size)
{
    size_t n = 0;
    if (e->kind == EVENT_UNKNOWN || e->kind == EVENT_FOREIGN) {
        snprintf(to, size, "%s", kinds[e->kind]);
        return;
    }
#define ADD(...) (n += (size_t)snprintf(to + n, size - n, __VA_ARGS__))
    ADD("%s %s %.*s %s %.*s %.*s %.*s", sun_categories[e->entry >> 8], sun_levels[e->entry & 255],
        (int)e->service.n, e->service.p, kinds[e->kind], (int)e->address.n, e->address.p,
        (int)e->peer.n, e->peer.p, (int)e->relay.n, e->relay.p);
    if (e->other_id.n)
        ADD(" session=%.*s", (int)e->other_id.n, e->other_id.p);
    if (e->access.in != EVENT_NOT_TOLD)
        ADD(" in=%llu", (unsigned long long)e->access.in);
    if (e->access.out != EVENT_NOT_TOLD)
        ADD(" out=%llu", (unsigned long long)e->access.out);
    if (e->recipients)
        ADD(" n=%u", (unsigned)e->recipients);
    if (e->access.pattern)
        ADD(" pattern=%s", access_sun.patterns[e->access.pattern - 1].name);
    if (e->access.level)
        ADD(" level=%u", (unsigned)e->access.level);
}

static void test_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct syslog_context c;
        struct event e = {0};
        char text[512];
        size_t n = strlen(lines[i].line);
        char *copy = malloc(n); /* of just its length, for the sanitizer */
        assert_non_null(copy);
        memcpy(copy, lines[i].line, n);
        syslog_start(&c, INT64_C(1093864985000));
        access_sun.parse(&c, (struct slice){copy, n}, &e);
        render(&e, text, sizeof text);
        if (strcmp(text, lines[i].expected) != 0)
            fail_msg("%s\n  is       %s\n  expected %s", lines[i].line, text, lines[i].expected);
        free(copy);
    }
}

static const struct log_event *event_named(const struct model *m, const char *name)
{
    for (uint32_t i = 0; i < m->tables[MODEL_LOG_EVENT].count; i++) {
        const struct log_event *e = model_row(m, MODEL_LOG_EVENT, i);
        if (slice_eq(TEXT_GET(e->name), slice_of(name)))
            return e;
    }
    fail_msg("no log event %s", name);
    return NULL;
}

/* The lines above in the log of a service, and those of msgtrace, where logins stand again. */
static void test_rows(void **state)
{
    (void)state;
    struct model m;
    struct names *names = names_new();
    assert_true(names && model_init(&m, NULL));
    struct access_tally *t = access_tally_new(&m, names, NULL, USERS_PLAIN);
    struct access_log *log = access_tally_log(t, &access_sun, SLICE("sun"), 0);
    struct sun_expire expire = {0};
    struct sun_service_log *imap = sun_service_log(&m, names, log, "sun", "imap", 1, &expire);
    struct sun_service_log *trace = sun_service_log(&m, names, log, "sun", "msgtrace", 2, &expire);
    assert_true(t && log && imap && trace);
    struct maillog service, traced;
    maillog_start(&service, NULL);
    maillog_start(&traced, NULL);
    assert_true(maillog_add(&service, access_sun.parse, sun_service_event, imap));
    assert_true(maillog_add(&traced, sun_parse_trace, sun_service_event, trace));
    maillog_time(&service, INT64_C(1093864985000));
    maillog_time(&traced, INT64_C(1093864985000));
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char line[512];
        int n = snprintf(line, sizeof line, "%s\n", lines[i].line);
        maillog_lines(strstr(line, "Information: ") ? &traced : &service,
                      (struct slice){line, (size_t)n});
        if (strstr(line, "Account Information"))
            maillog_lines(&service, (struct slice){line, (size_t)n});
    }
    const struct access *a = access_tally_access(log, ACCESS_IMAP);
    assert_non_null(a);
    assert_int_equal(a->good_logins, 1);
    assert_int_equal(a->failed_logins, 4);
    assert_int_equal(a->connections, 2);
    assert_int_equal(a->failed_connections, 1);
    assert_int_equal(a->mailboxes_selected, 2);
    assert_int_equal(a->octets_in, 5);
    assert_int_equal(a->octets_out, 115);
    assert_int_equal(a->fetched, 2);
    assert_int_equal(a->current_connections, 0);
    assert_int_equal(access_tally_access(log, ACCESS_LMTP)->appended, 1);
    assert_int_equal(event_named(&m, "sun: imap Account Notice")->matches, 6);
    assert_int_equal(event_named(&m, "sun: imap Store Error")->matches, 3);
    assert_int_equal(event_named(&m, "sun: invalid cache")->matches, 1);
    assert_int_equal(event_named(&m, "sun: recovering from snapshot")->matches, 1);
    assert_int_equal(event_named(&m, "sun: mailbox corrupt")->matches, 2);
    assert_int_equal(event_named(&m, "sun: reconstruct needed")->matches, 3);
    assert_int_equal(event_named(&m, "sun: msgtrace Store Information")->matches, 4);
    assert_int_equal(service.unrecognised, 1);
    free(imap);
    free(trace);
    access_tally_free(t);
    model_free(&m);
    names_free(names);
}

/* A run of imexpire, traced and summed up: each message counts once, and those that users expunge do, too. */
static void expire(void **state)
{
    (void)state;
    static const struct {
        const char *process;
        uint32_t pid;
        int64_t s;
        bool deleted;
        const char *text;
        uint64_t expunged, purged, run_s;
    } steps[] = {
        {"imapd", 7, 0, true, "", 1, 0, 0},
        {"imexpire", 5, 1, false, "Expire started", 0, 0, 0},
        {"imexpire", 5, 2, true, "", 1, 0, 1},
        {"imexpire", 5, 3, true, "", 1, 0, 2},
        {"imexpire", 5, 61, false, "user/ann: 4 messages expunged; 7 messages purged", 2, 7, 60},
        {"imexpire", 5, 62, true, "", 0, 0, 61},
        {"imexpire", 5, 63, false, "Expire finished", 0, 0, 62},
        {"imexpire", 6, 90, false, "Expired 1 message", 1, 0, 0},
        {"impurge", 8, 91, false, "3 messages cleaned up in 9 mailboxes", 0, 3, 0},
        {"stored", 9, 92, false, "12 messages expunged", 0, 0, 0},
    };
    struct sun_expire x = {0};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct event e = {.service = slice_of(steps[i].process),
                          .pid = steps[i].pid,
                          .time_ms = steps[i].s * 1000,
                          .kind = steps[i].deleted ? EVENT_DELETED : EVENT_SERVER_LOG,
                          .text = slice_of(steps[i].text)};
        struct sun_expired is = sun_expire_take(&x, &e);
        assert_int_equal(is.expunged, steps[i].expunged);
        assert_int_equal(is.purged, steps[i].purged);
        assert_int_equal(is.run_s, steps[i].run_s);
        assert_int_equal(is.is_run, strcmp(steps[i].process, "imexpire") == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expire),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_rows),
    };
    setenv("TZ", "UTC", 1);
    tzset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
