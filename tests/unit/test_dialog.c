/*
 * The dialogs against transcripts. In a script each line begins with who speaks: "S " the server,
 * "C " what must be said next, "T" TLS begins; each is also played with one octet at a time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../collectors/dialog.h"

struct script {
    const char *name;
    enum response_protocol protocol;
    struct dialog_want want;
    const char *text;
    enum response_status verdict;
    const char *reply; /* of the dialog, or what its text begins with */
    uint64_t messages;
    uint32_t found;
};

#define LOGIN .user = "u1", .password = "pw"
#define ANY   0
#define FINDS .search_header = "Message-ID", .search_value = "<a@b>", .mailbox = "INBOX"

static const struct script scripts[] = {
    {"tcp connects only", PROTOCOL_TCP, {0}, "", RESPONSE_UP, "", ANY, 0},
    {"tcp expects",
     PROTOCOL_TCP,
     {.expect = "hello"},
     "S oh hello you\n",
     RESPONSE_UP,
     "oh hello",
     ANY,
     0},
    {"tcp hears else",
     PROTOCOL_TCP,
     {.expect = "hello"},
     "S bye\n",
     RESPONSE_PROTOCOL_ERROR,
     "bye",
     ANY,
     0},
    {"smtp",
     PROTOCOL_SMTP,
     {0},
     "S 220 mx ESMTP\nC EHLO mailmond\nS 250-mx\nS 250 SIZE\nC QUIT\nS 221 bye\n",
     RESPONSE_UP,
     "250-mx",
     ANY,
     0},
    {"smtp, old server",
     PROTOCOL_SMTP,
     {.helo = "me"},
     "S 220 mx\nC EHLO me\nS 500 what\nC HELO me\nS 250 mx\nC QUIT\nS 221 bye\n",
     RESPONSE_UP,
     "250 mx",
     ANY,
     0},
    {"smtp, multi-line greeting",
     PROTOCOL_SMTP,
     {0},
     "S 220-mx\nS 220-wait\nS 220 go\nC EHLO mailmond\nS 250 mx\nC QUIT\nS 221 bye\n",
     RESPONSE_UP,
     "250 mx",
     ANY,
     0},
    {"smtp refuses in the greeting",
     PROTOCOL_SMTP,
     {0},
     "S 554 no service\nC QUIT\nS 221 bye\n",
     RESPONSE_PROTOCOL_ERROR,
     "554 no service",
     ANY,
     0},
    {"smtp busy",
     PROTOCOL_SMTP,
     {0},
     "S 421 4.3.2 too busy\nC QUIT\nE",
     RESPONSE_CONGESTED,
     "421 4.3.2",
     ANY,
     0},
    {"smtp, another's banner",
     PROTOCOL_SMTP,
     {0},
     "S SSH-2.0-OpenSSH_9\n",
     RESPONSE_PROTOCOL_ERROR,
     "greeting: this is not",
     ANY,
     0},
    {"submission with STARTTLS and AUTH PLAIN",
     PROTOCOL_SUBMISSION,
     {.starttls = 1, LOGIN},
     "S 220 mx\nC EHLO mailmond\nS 250-mx\nS 250 STARTTLS\nC STARTTLS\nS 220 go\nT\n"
     "C EHLO mailmond\nS 250-mx\nS 250 AUTH LOGIN PLAIN\nC AUTH PLAIN AHUxAHB3\nS 235 ok\n"
     "C QUIT\nS 221 bye\n",
     RESPONSE_UP,
     "235 ok",
     ANY,
     0},
    {"STARTTLS is not offered",
     PROTOCOL_SMTP,
     {.starttls = 1, LOGIN},
     "S 220 mx\nC EHLO mailmond\nS 250 mx\nC STARTTLS\nS 502 unknown\nC QUIT\nS 221 bye\n",
     RESPONSE_TLS_ERROR,
     "502 unknown",
     ANY,
     0},
    {"AUTH LOGIN, wrong password",
     PROTOCOL_SMTPS,
     {LOGIN},
     "S 220 mx\nC EHLO mailmond\nS 250 AUTH=LOGIN\nC AUTH LOGIN\nS 334 VXNlcm5hbWU6\nC dTE=\n"
     "S 334 UGFzc3dvcmQ6\nC cHc=\nS 535 5.7.8 no\nC QUIT\nS 221 bye\n",
     RESPONSE_AUTH_FAILED,
     "535 5.7.8 no",
     ANY,
     0},
    {"no mechanism",
     PROTOCOL_SMTP,
     {LOGIN},
     "S 220 mx\nC EHLO mailmond\nS 250 mx\nC QUIT\nS 221 bye\n",
     RESPONSE_AUTH_FAILED,
     "login: neither",
     ANY,
     0},
    {"a message, dot-stuffed",
     PROTOCOL_LMTP,
     {.sender = "", .recipient = "u@x", .message = "Subject: x\n\n.dot\r\nend"},
     "S 220 mx\nC LHLO mailmond\nS 250 mx\nC MAIL FROM:<>\nS 250 ok\nC RCPT TO:<u@x>\nS 250 ok\n"
     "C DATA\nS 354 go\nC Subject: x\nC \nC ..dot\nC end\nC .\nS 250 taken\nC QUIT\nS 221 bye\n",
     RESPONSE_UP,
     "250 taken",
     ANY,
     0},
    {"recipient refused for now",
     PROTOCOL_SMTP,
     {.sender = "a@x", .recipient = "u@x"},
     "S 220 mx\nC EHLO mailmond\nS 250 mx\nC MAIL FROM:<a@x>\nS 250 ok\nC RCPT TO:<u@x>\n"
     "S 450 greylisted\nC QUIT\nS 221 bye\n",
     RESPONSE_CONGESTED,
     "450 greylisted",
     ANY,
     0},
    {"imap",
     PROTOCOL_IMAP,
     {0},
     "S * OK ready\nC a1 CAPABILITY\nS * CAPABILITY IMAP4rev1\nS a1 OK done\nC a2 LOGOUT\n"
     "S * BYE out\nS a2 OK bye\n",
     RESPONSE_UP,
     "OK done",
     ANY,
     0},
    {"imap says BYE",
     PROTOCOL_IMAP,
     {0},
     "S * BYE too many\nC a1 LOGOUT\nE",
     RESPONSE_CONGESTED,
     "* BYE too many",
     ANY,
     0},
    {"imap login, quoted, mailbox with a literal",
     PROTOCOL_IMAP,
     {.user = "u\"1", .password = "p\\w", .mailbox = "INBOX"},
     "S * OK ready\nC a1 CAPABILITY\nS * CAPABILITY IMAP4rev1\nS a1 OK done\n"
     "C a2 LOGIN \"u\\\"1\" \"p\\\\w\"\nS a2 OK in\nC a3 STATUS \"INBOX\" (MESSAGES UNSEEN)\n"
     "S * STATUS {5}\nS IN(OX (MESSAGES 100000 UNSEEN 7)\nS a3 OK done\nC a4 LOGOUT\n"
     "S * BYE\nS a4 OK\n",
     RESPONSE_UP,
     "OK done",
     100000,
     0},
    {"imap, STARTTLS, AUTHENTICATE",
     PROTOCOL_IMAP,
     {.starttls = 1, LOGIN},
     "S * OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] ready\nC a1 CAPABILITY\n"
     "S * CAPABILITY STARTTLS LOGINDISABLED\nS a1 OK\nC a2 STARTTLS\nS a2 OK go\nT\n"
     "C a3 CAPABILITY\nS * CAPABILITY AUTH=PLAIN\nS a3 OK\nC a4 AUTHENTICATE PLAIN\nS + \n"
     "C AHUxAHB3\nS a4 OK in\nC a5 LOGOUT\nS * BYE\nS a5 OK\n",
     RESPONSE_UP,
     "OK in",
     ANY,
     0},
    {"imap, login not in the clear",
     PROTOCOL_IMAP,
     {LOGIN},
     "S * OK ready\nC a1 CAPABILITY\nS * CAPABILITY LOGINDISABLED\nS a1 OK\nC a2 LOGOUT\nS * BYE\n"
     "S a2 OK\n",
     RESPONSE_AUTH_FAILED,
     "login: the server takes no login",
     ANY,
     0},
    {"imap, password wrong",
     PROTOCOL_IMAPS,
     {LOGIN},
     "S * OK ready\nC a1 CAPABILITY\nS a1 OK\nC a2 LOGIN \"u1\" \"pw\"\n"
     "S a2 NO [AUTHENTICATIONFAILED] no\nC a3 LOGOUT\nS * BYE\nS a3 OK\n",
     RESPONSE_AUTH_FAILED,
     "NO [AUTHENTICATIONFAILED] no",
     ANY,
     0},
    {"imap, backend away",
     PROTOCOL_IMAPS,
     {LOGIN},
     "S * OK ready\nC a1 CAPABILITY\nS a1 OK\nC a2 LOGIN \"u1\" \"pw\"\n"
     "S a2 NO [UNAVAILABLE] later\nC a3 LOGOUT\nS * BYE\nS a3 OK\n",
     RESPONSE_CONGESTED,
     "NO [UNAVAILABLE] later",
     ANY,
     0},
    {"imap, found, read, removed",
     PROTOCOL_IMAP,
     {LOGIN, FINDS, .retrieve = 1, .remove = 1},
     "S * PREAUTH ready\nC a1 CAPABILITY\nS * CAPABILITY IMAP4rev1 UIDPLUS\nS a1 OK\n"
     "C a2 SELECT \"INBOX\"\nS * 9 EXISTS\nS a2 OK\n"
     "C a3 UID SEARCH UNDELETED HEADER \"Message-ID\" \"<a@b>\"\nS * SEARCH 17 4711\nS a3 OK\n"
     "C a4 UID FETCH 4711 BODY.PEEK[]\nS * 9 FETCH (UID 4711 BODY[] {10}\nS a4 OK\nS xx)\nS a4 OK\n"
     "C a5 UID STORE 17,4711 +FLAGS.SILENT (\\Deleted)\nS a5 OK\nC a6 CAPABILITY\n"
     "S * CAPABILITY UIDPLUS\nS a6 OK\nC a7 UID EXPUNGE 17,4711\nS a7 OK\nC a8 LOGOUT\nS * BYE\n"
     "S a8 OK\n",
     RESPONSE_UP,
     "OK",
     9,
     2},
    {"imap, not found",
     PROTOCOL_IMAP,
     {LOGIN, FINDS, .retrieve = 1, .remove = 1},
     "S * PREAUTH ready\nC a1 CAPABILITY\nS a1 OK\n"
     "C a2 SELECT \"INBOX\"\nS * 9 EXISTS\nS a2 OK\n"
     "C a3 UID SEARCH UNDELETED HEADER \"Message-ID\" \"<a@b>\"\nS * SEARCH\nS a3 OK\n"
     "C a4 LOGOUT\nS * BYE\nS a4 OK\n",
     RESPONSE_UP,
     "OK",
     9,
     0},
    {"pop3",
     PROTOCOL_POP3,
     {LOGIN},
     "S +OK ready\nC CAPA\nS +OK\nS TOP\nS .\nC USER u1\nS +OK\nC PASS pw\nS +OK in\nC STAT\n"
     "S +OK 100000 123456789\nC QUIT\nS +OK bye\n",
     RESPONSE_UP,
     "+OK 100000",
     100000,
     0},
    {"pop3, SASL, STLS",
     PROTOCOL_POP3,
     {LOGIN, .starttls = 1},
     "S +OK ready\nC STLS\nS +OK\nT\nC CAPA\nS +OK\nS SASL PLAIN\nS .\nC AUTH PLAIN\nS + \n"
     "C AHUxAHB3\nS +OK in\nC STAT\nS +OK 0 0\nC QUIT\nS +OK bye\n",
     RESPONSE_UP,
     "+OK 0 0",
     0,
     0},
    {"pop3, no CAPA, wrong password",
     PROTOCOL_POP3S,
     {LOGIN},
     "S +OK ready\nC CAPA\nS -ERR what\nC USER u1\nS +OK\nC PASS pw\nS -ERR [AUTH] no\nC QUIT\n"
     "S +OK\n",
     RESPONSE_AUTH_FAILED,
     "-ERR [AUTH] no",
     ANY,
     0},
    {"pop3, mailbox in use",
     PROTOCOL_POP3S,
     {LOGIN},
     "S +OK ready\nC CAPA\nS -ERR what\nC USER u1\nS +OK\nC PASS pw\nS -ERR [IN-USE] no\nC QUIT\n"
     "S +OK\n",
     RESPONSE_CONGESTED,
     "-ERR [IN-USE] no",
     ANY,
     0},
    {"pop3, found by its folded header, removed",
     PROTOCOL_POP3,
     {LOGIN, FINDS, .retrieve = 1, .remove = 1, .search_max = 2},
     "S +OK ready\nC CAPA\nS -ERR\nC USER u1\nS +OK\nC PASS pw\nS +OK\nC STAT\nS +OK 3 99\n"
     "C TOP 3 0\nS +OK\nS message-id:\nS  <a@b>\nS \nS .\nC RETR 3\nS +OK\nS text\nS ..\nS .\n"
     "C DELE 3\nS +OK\nC TOP 2 0\nS +OK\nS X-Y: <a@b>\nS \nS Message-ID: <a@b>\nS .\n"
     "C QUIT\nS +OK\n",
     RESPONSE_UP,
     "+OK",
     3,
     1},
    {"pop3 without TOP",
     PROTOCOL_POP3,
     {LOGIN, FINDS},
     "S +OK ready\nC CAPA\nS -ERR\nC USER u1\nS +OK\nC PASS pw\nS +OK\nC STAT\nS +OK 2 99\n"
     "C TOP 2 0\nS -ERR\nC RETR 2\nS +OK\nS Message-ID: <c@d>\nS .\nC TOP 1 0\nS -ERR\nC RETR 1\n"
     "S +OK\nS Message-ID: <a@b>\nS .\nC QUIT\nS +OK\n",
     RESPONSE_UP,
     "+OK",
     2,
     1},
    {"http",
     PROTOCOL_HTTP,
     {.host = "h", .path = "/x"},
     "C HEAD /x HTTP/1.1\nC Host: h\nC User-Agent: mailmond/" VERSION
     "\nC Accept: */*\nC Connection: close\nC \nS HTTP/1.1 100 Continue\nS \n"
     "S HTTP/1.1 200 OK\nS A: b\nS \n",
     RESPONSE_UP,
     "HTTP/1.1 200 OK",
     ANY,
     0},
    {"http, login refused",
     PROTOCOL_HTTPS,
     {.host = "h", LOGIN},
     "C HEAD / HTTP/1.1\nC Host: h\nC User-Agent: mailmond/" VERSION
     "\nC Accept: */*\nC Connection: close\nC Authorization: Basic dTE6cHc=\nC \n"
     "S HTTP/1.1 401 no\nS \n",
     RESPONSE_AUTH_FAILED,
     "HTTP/1.1 401 no",
     ANY,
     0},
    {"http failed",
     PROTOCOL_HTTP,
     {.host = "h"},
     "C HEAD / HTTP/1.1\nC Host: h\nC User-Agent: mailmond/" VERSION
     "\nC Accept: */*\nC Connection: close\nC \nS HTTP/1.1 500 oops\nS \n",
     RESPONSE_PROTOCOL_ERROR,
     "request: the server failed",
     ANY,
     0},
    {"managesieve",
     PROTOCOL_MANAGESIEVE,
     {LOGIN, .starttls = 1},
     "S \"SASL\" \"\"\nS \"STARTTLS\"\nS OK \"ready\"\nC STARTTLS\nS OK\nT\nS \"SASL\" \"PLAIN\"\n"
     "S OK \"tls\"\nC AUTHENTICATE \"PLAIN\" \"AHUxAHB3\"\nS OK\nC LOGOUT\nS OK\n",
     RESPONSE_UP,
     "OK",
     ANY,
     0},
    {"managesieve, try later",
     PROTOCOL_MANAGESIEVE,
     {LOGIN},
     "S \"SASL\" \"PLAIN\"\nS OK\nC AUTHENTICATE \"PLAIN\" \"AHUxAHB3\"\nS NO (TRYLATER) {5}\nS "
     "later\n"
     "C LOGOUT\nS OK\n",
     RESPONSE_CONGESTED,
     "NO (TRYLATER)",
     ANY,
     0},
};

static const char *name;

static void hear(struct dialog *d, const char *line, size_t n, size_t piece)
{
    char text[4096];
    size_t size = (size_t)snprintf(text, sizeof text, "%.*s\r\n", (int)n, line);
    for (size_t at = 0; at < size;) {
        bool whole;
        size_t left = size - at;
        size_t taken =
            dialog_hear(d, (struct slice){text + at, piece < left ? piece : left}, &whole);
        if (taken == 0)
            fail_msg("%s: not heard: %s", name, text + at);
        at += taken;
    }
}

/* What is said, line by line, must be the script's lines that follow. */
static const char *say(struct dialog *d, const char *script)
{
    char out[8192];
    size_t n = dialog_say(d, out, sizeof out);
    for (size_t at = 0; at < n;) {
        size_t line = slice_search((struct slice){out + at, n - at}, SLICE("\r\n"));
        size_t wanted = strcspn(script, "\n");
        if (strncmp(script, "C ", 2) != 0 || wanted - 2 != line ||
            memcmp(script + 2, out + at, line) != 0)
            fail_msg("%s: said \"%.*s\", not \"%.*s\"", name, (int)line, out + at, (int)wanted,
                     script);
        at += line + 2;
        script += wanted + 1;
    }
    return script;
}

static void play(const struct script *s, size_t piece)
{
    struct dialog d;
    const char *at = s->text;
    name = s->name;
    assert_null(dialog_unfit(s->protocol, &s->want));
    dialog_start(&d, s->protocol, &s->want);
    while (dialog_next(&d) != DIALOG_END) {
        enum dialog_next next = dialog_next(&d);
        if (next == DIALOG_SAY) {
            at = say(&d, at);
        } else if (*at == 'E') {
            assert_true(dialog_closed(&d));
        } else if (next == DIALOG_SECURE && *at == 'T') {
            dialog_secured(&d, false);
            at += 2;
        } else if (next == DIALOG_HEAR && *at == 'S') {
            size_t n = strcspn(at, "\n");
            hear(&d, at + 2, n - 2, piece);
            at += n + 1;
        } else {
            fail_msg("%s: next is %d, the script has: %s", s->name, next, at);
        }
    }
    if (*at && *at != 'E')
        fail_msg("%s: %d (%s; %s), not played: %s", s->name, d.verdict, d.text, d.reply, at);
    if (d.verdict != s->verdict)
        fail_msg("%s: verdict %d, text %s", s->name, d.verdict, d.text);
    assert_memory_equal(d.text[0] ? d.text : d.reply, s->reply, strlen(s->reply));
    assert_int_equal(d.found, s->found);
    if (s->messages)
        assert_int_equal(d.messages, s->messages);
}

static void test_transcripts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        play(&scripts[i], SIZE_MAX);
        play(&scripts[i], 1);
    }
}

static size_t give(struct dialog *d, const char *p, size_t n)
{
    bool whole;
    return dialog_hear(d, (struct slice){p, n}, &whole);
}

static void begin(struct dialog *d, enum response_protocol p)
{
    static const struct dialog_want nothing;
    dialog_start(d, p, &nothing);
}

static void test_endless_banner(void **state)
{
    struct dialog d;
    static char octets[10000];
    (void)state;
    memset(octets, 'x', sizeof octets);
    begin(&d, PROTOCOL_SMTP);
    assert_int_equal(give(&d, "220 ", 4), 4);
    size_t heard = 0;
    while (dialog_next(&d) == DIALOG_HEAR)
        heard += give(&d, octets, sizeof octets);
    assert_in_range(heard, 60000, 80000);
    assert_int_equal(d.verdict, RESPONSE_PROTOCOL_ERROR);
    assert_string_equal(d.text, "greeting: the answer is longer than 64 kB");
}

static void test_endless_lines(void **state)
{
    struct dialog d;
    (void)state;
    begin(&d, PROTOCOL_SMTP);
    for (unsigned i = 0; i < 100000 && dialog_next(&d) == DIALOG_HEAR; i++)
        give(&d, "220-more\r\n", 10);
    assert_int_equal(d.verdict, RESPONSE_PROTOCOL_ERROR);
}

static void test_nul(void **state)
{
    struct dialog d;
    (void)state;
    begin(&d, PROTOCOL_POP3);
    give(&d, "+OK a\0b\r\n", 9);
    assert_int_equal(d.verdict, RESPONSE_PROTOCOL_ERROR);
    assert_string_equal(d.text, "greeting: a NUL octet in the answer");
}

static void test_huge_literal(void **state)
{
    struct dialog d;
    (void)state;
    begin(&d, PROTOCOL_IMAP);
    give(&d, "* OK {99999999999999999999}\r\n", 29);
    assert_int_equal(d.verdict, RESPONSE_PROTOCOL_ERROR);
}

/* What comes in the clear behind the answer to STARTTLS was put there by somebody else. */
static void test_early_octets(void **state)
{
    struct dialog d;
    char out[200];
    struct dialog_want want = {.starttls = 1};
    (void)state;
    dialog_start(&d, PROTOCOL_POP3, &want);
    give(&d, "+OK\r\n", 5);
    dialog_say(&d, out, sizeof out);
    assert_int_equal(give(&d, "+OK\r\n+OK more\r\n", 15), 5);
    assert_int_equal(dialog_next(&d), DIALOG_SECURE);
    dialog_secured(&d, true);
    assert_int_equal(d.verdict, RESPONSE_TLS_ERROR);
}

/* A number that was cut off names another message: it is not used. */
static void test_search_cut(void **state)
{
    struct dialog d;
    char out[1000], line[3000] = "* SEARCH";
    struct dialog_want want = {LOGIN, FINDS, .remove = 1};
    (void)state;
    dialog_start(&d, PROTOCOL_IMAP, &want);
    give(&d, "* PREAUTH\r\n", 11);
    for (unsigned i = 1; i < 3; i++) {
        char ok[16];
        dialog_say(&d, out, sizeof out);
        give(&d, ok, (size_t)snprintf(ok, sizeof ok, "a%u OK\r\n", i));
    }
    dialog_say(&d, out, sizeof out);
    for (size_t n = strlen(line); n < 1023; n = strlen(line))
        strcat(line, n < 1015 ? "       8" : " 12");
    strcat(line, "345 77\r\n");
    give(&d, line, strlen(line));
    assert_null(strstr(d.numbers, "12"));
    assert_null(strstr(d.numbers, "77"));
    give(&d, "a3 OK\r\n", 7);
    size_t n = dialog_say(&d, out, sizeof out);
    assert_true(n > 0 && n < sizeof out);
}

static void test_unfit(void **state)
{
    (void)state;
    struct dialog_want crlf = {.sender = "a\r\nRCPT TO:<b>"}, no_password = {.user = "a"};
    struct dialog_want tls = {.starttls = 1};
    assert_non_null(dialog_unfit(PROTOCOL_SMTP, &crlf));
    assert_non_null(dialog_unfit(PROTOCOL_SMTP, &no_password));
    assert_non_null(dialog_unfit(PROTOCOL_IMAPS, &tls));
    assert_non_null(dialog_unfit(PROTOCOL_LDAP, &(struct dialog_want){0}));
}

static void test_deadline(void **state)
{
    struct dialog d;
    char out[100];
    (void)state;
    begin(&d, PROTOCOL_SMTP);
    assert_int_equal(dialog_farewell(&d).n, 0); /* nothing was said yet */
    give(&d, "220 mx\r\n", 8);
    dialog_say(&d, out, sizeof out);
    dialog_fail(&d, RESPONSE_TIMED_OUT, "no answer within 5 s");
    assert_string_equal(d.text, "helo: no answer within 5 s");
    assert_int_equal(d.failed, STEP_HELO);
    assert_memory_equal(dialog_farewell(&d).p, "QUIT\r\n", 6);
}

static void test_names(void **state)
{
    (void)state;
    assert_int_equal(dialog_protocol_named(SLICE("managesieve")), PROTOCOL_MANAGESIEVE);
    assert_int_equal(dialog_protocol_named(SLICE("pop3s")), PROTOCOL_POP3S);
    assert_int_equal(dialog_protocol_named(SLICE("ldap")), 0);
    assert_int_equal(dialog_port(PROTOCOL_SUBMISSION), 587);
    for (unsigned i = 1; i < STEPS; i++)
        assert_true(strlen(dialog_step_names[i]) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transcripts),   cmocka_unit_test(test_endless_banner),
        cmocka_unit_test(test_endless_lines), cmocka_unit_test(test_nul),
        cmocka_unit_test(test_huge_literal),  cmocka_unit_test(test_early_octets),
        cmocka_unit_test(test_search_cut),    cmocka_unit_test(test_unfit),
        cmocka_unit_test(test_deadline),      cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
