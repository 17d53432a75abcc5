/*
 * The service logs of Sun's Messaging Server (imap, pop, http, admin, default, msgtrace, watcher), one form for all:
 *   [30/Aug/2004:16:53:05 -0700] host imapd[13027]: Account Notice: badlogin: [192.0.2.9:1244] plaintext ann ...
 * or, with syslogfacility, what is behind the host in a line of syslog. Pure. A process serves many clients:
 * a session is known by its address and user, which stand side by side where it begins and where it ends.
 * event.entry has category and level (sun_service.h). Source: "Understanding Service Log File Format" of the
 * Administration Guide.
 */
#include "../agent/model.h"
#include "access.h"
#include "field.h"
#include "sun_service.h"
#include "sun_utility.h"

static const struct access_pattern patterns[] = {
    {"invalid cache", "nvalid cache", SEVERITY_MAJOR},
    {"mailbox corrupt", "ailbox corrupted", SEVERITY_MAJOR},
    {"recovering from snapshot", "database from snapshot", SEVERITY_CRITICAL},
    {"removing database logs", "emoving extra database logs", SEVERITY_CRITICAL},
    {"database recovery", "ecovering", SEVERITY_MAJOR},
    {"database error", "atabase error", SEVERITY_MAJOR},
    {"mailbox repair requested", "repair requested", SEVERITY_MAJOR},
    {"mailbox repaired", "repairing ", SEVERITY_MINOR},
    {"message file damaged", "has wrong size", SEVERITY_MAJOR},
    {"snapshot taken", "atabase snapshot finished", SEVERITY_INDETERMINATE},
    {"purge lock held", "Could not get purge session lock", SEVERITY_WARNING},
    {"store not enabled", "message store is not enabled", SEVERITY_CRITICAL},
    {"alarm of the server", "alarmid=", SEVERITY_WARNING},
    {"deadlock", "eadlock", SEVERITY_MINOR},
    {"partition locked", "artition locked", SEVERITY_CRITICAL},
    {"partition locked", "locked partition", SEVERITY_CRITICAL},
    {"partition unlocked", "artition unlocked", SEVERITY_INDETERMINATE},
    {"disk full", "No space left on device", SEVERITY_CRITICAL},
    {"over quota", "ver quota", SEVERITY_WARNING},
    {"server does not answer", "getserverhello", SEVERITY_MAJOR},
    {"server exited abnormally", "exited abnormally", SEVERITY_MAJOR},
    {"server restarted", "equest to restart", SEVERITY_MINOR},
    {"bad login: no such user", "user not found", SEVERITY_INDETERMINATE},
    {"bad login: authentication failure", "authentication failure", SEVERITY_INDETERMINATE},
    {"bad login: authentication failure", "Authentication failed", SEVERITY_INDETERMINATE},
    {"bad login: account on hold", "account disabled (hold)", SEVERITY_INDETERMINATE},
    {"bad login: account inactive", "account disabled (inactive)", SEVERITY_INDETERMINATE},
    {"bad login: account disabled", "account disabled", SEVERITY_INDETERMINATE},
    {"too many connections", "oo many connections", SEVERITY_WARNING},
    {"too many connections", "Connection limit reached", SEVERITY_WARNING},
    {NULL, NULL, 0},
};

const char *const sun_categories[] = {"",        "General",  "LDAP",  "Network",
                                      "Account", "Protocol", "Stats", "Store"};
const char *const sun_levels[] = {"",       "Critical",    "Error", "Warning",
                                  "Notice", "Information", "Debug"};

static unsigned find_word(struct slice word, const char *const *words, unsigned count)
{
    for (unsigned i = 1; i < count; i++)
        if (slice_eq(word, slice_of(words[i])))
            return i;
    return 0;
}

/* "Account Notice: " off s: category and level. */
static bool take_category(struct slice *s, struct event *e)
{
    struct slice t = *s, word = slice_cut(&t, ' ');
    unsigned category = find_word(word, sun_categories, SUN_CATEGORIES);
    struct slice level = slice_cut(&t, ':');
    unsigned number = find_word(level, sun_levels, SUN_LEVELS);
    if (!category || !number)
        return false;
    e->entry = category << 8 | number;
    static const uint8_t severities[] = {LEVEL_NONE, LEVEL_FATAL, LEVEL_ERROR, LEVEL_WARNING};
    e->access.level = number < sizeof severities ? severities[number] : LEVEL_NONE;
    *s = slice_trim(t);
    return true;
}

static enum access_protocol protocol_of(struct slice process)
{
    static const struct {
        struct slice name;
        enum access_protocol protocol;
    } known[] = {
        {TEXT("imapd"), ACCESS_IMAP},      {TEXT("popd"), ACCESS_POP3},
        {TEXT("mshttpd"), ACCESS_HTTP},    {TEXT("httpd"), ACCESS_HTTP},
        {TEXT("ims_master"), ACCESS_LMTP}, {TEXT("tcp_lmtp_server"), ACCESS_LMTP},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (slice_eq(known[i].name, process))
            return known[i].protocol;
    return ACCESS_NONE;
}

/* "[192.0.2.9:1244] ", "[2001:db8::1] ", "[] ": the address, without its port. */
static bool take_peer(struct slice *s, struct event *e)
{
    struct slice t = *s;
    if (!TAKE(t, "["))
        return false;
    struct slice inside = slice_cut(&t, ']');
    if (!inside.p)
        return false;
    const char *colon = inside.n ? memrchr(inside.p, ':', inside.n) : NULL;
    bool port = colon && slice_find(inside, ':') == (size_t)(colon - inside.p);
    e->peer = port ? slice_head(inside, (size_t)(colon - inside.p)) : inside;
    *s = slice_trim(t);
    return true;
}

static struct slice take_word(struct slice *s)
{
    size_t end = slice_find(*s, ' ');
    struct slice word = slice_head(*s, end);
    *s = slice_trim(slice_skip(*s, end));
    return word;
}

/* "[ip:port] user method": a session's name is what stands up to the user. */
static void on_login(struct slice s, struct event *e)
{
    const char *start = s.p;
    if (!take_peer(&s, e))
        return;
    e->address = take_word(&s);
    e->other_id = (struct slice){start, (size_t)(e->address.p + e->address.n - start)};
    e->relay = take_word(&s);
    e->kind = EVENT_LOGIN;
}

/* "[ip] plaintext user authentication failure" */
static void on_badlogin(struct slice s, struct event *e)
{
    if (!take_peer(&s, e))
        return;
    e->relay = take_word(&s);
    e->address = take_word(&s);
    e->kind = EVENT_LOGIN_FAIL;
}

/* Takes the last word off the end, a number: octets or mailboxes. */
static bool take_last(struct slice *s, uint64_t *n)
{
    const char *space = s->n ? memrchr(s->p, ' ', s->n) : NULL;
    struct slice word = space ? slice_skip(*s, (size_t)(space + 1 - s->p)) : *s;
    if (!space || !slice_number(&word, n) || word.n)
        return false;
    s->n = (size_t)(space - s->p);
    return true;
}

/* "[ip] user 1998/12/3 6:54:32 0:00:00 0 115 0": octets of the client, of the server, mailboxes. */
static void on_close(struct slice s, struct event *e)
{
    const char *start = s.p;
    uint64_t mailboxes = 0, in, out;
    if (!take_peer(&s, e))
        return;
    e->address = take_word(&s);
    e->other_id = (struct slice){start, (size_t)(e->address.p + e->address.n - start)};
    if (take_last(&s, &mailboxes) && take_last(&s, &out) && take_last(&s, &in)) {
        e->access.in = in;
        e->access.out = out;
        e->recipients = mailboxes < UINT32_MAX ? (uint32_t)mailboxes : 0;
    }
    e->kind = EVENT_LOGOUT;
    if (!slice_eq(e->address, SLICE("[unauthenticated]")) &&
        !slice_eq(e->address, SLICE("unauthenticated")))
        return;
    e->kind = EVENT_LOGIN_ABORT;
    e->flags |= EVENT_CONNECTION;
    e->address.n = e->other_id.n = 0;
}

/* "user:folder:size:<id>" behind "append:". */
static void on_append(struct slice s, struct event *e)
{
    uint64_t size;
    e->address = slice_cut(&s, ':');
    e->kind = EVENT_STORED;
    e->recipients = 1;
    if (slice_cut(&s, ':').p && slice_number(&s, &size))
        e->access.in = size;
}

static void on_fetch(struct slice s, struct event *e)
{
    e->address = slice_cut(&s, ':');
    e->kind = EVENT_TRAFFIC;
    e->recipients = 1;
}

static void on_expunge(struct event *e)
{
    e->kind = EVENT_DELETED;
    e->recipients = 1;
}

static bool on_trace(struct slice s, struct event *e)
{
    if (TAKE(s, "append:"))
        on_append(s, e);
    else if (TAKE(s, "fetch:"))
        on_fetch(s, e);
    else if (STARTS(s, "expunge:"))
        on_expunge(e);
    else
        return false;
    return true;
}

/* Of a failed login only why: the user's name, which anybody may choose, stands in the same line. */
static uint8_t login_pattern(struct slice s)
{
    for (unsigned i = 0; patterns[i].name; i++)
        if (slice_starts(slice_of(patterns[i].name), SLICE("bad login")) &&
            slice_search(s, slice_of(patterns[i].literal)) < s.n)
            return (uint8_t)(i + 1);
    return 0;
}

/* Names of users, folders and messages are no words of the server: their lines have no pattern. */
static void on_message(struct slice s, bool trace_only, struct event *e)
{
    e->text = s;
    e->kind = EVENT_SERVER_LOG;
    if (on_trace(s, e))
        return;
    if (trace_only) { /* the log of the service has it, too */
        e->access.level = 0;
    } else if (TAKE(s, "login ")) {
        on_login(s, e);
    } else if (TAKE(s, "badlogin: ")) {
        on_badlogin(s, e);
        e->access.pattern = login_pattern(s);
    } else if (TAKE(s, "close ")) {
        on_close(s, e);
    } else {
        e->access.pattern = access_pattern(patterns, s);
    }
}

/* "imapd[13027]: " off s. */
static bool take_process(struct slice *s, struct event *e)
{
    struct slice t = *s, name = slice_cut(&t, '[');
    uint64_t pid;
    if (!name.n || slice_find(name, ' ') < name.n || !slice_number(&t, &pid) || !TAKE(t, "]: "))
        return false;
    e->service = name;
    e->pid = (uint32_t)pid;
    *s = slice_trim(t);
    return true;
}

static void parse_line(struct syslog_context *c, struct slice line, bool trace_only,
                       struct event *e)
{
    struct slice s = line;
    int64_t ms;
    access_clear(e);
    e->entry = 0;
    e->kind = EVENT_FOREIGN;
    e->tag = e->app = e->service = (struct slice){line.p, 0};
    e->time_ms = c->now_ms;
    e->pid = 0;
    TAKE(s, "[");
    if (sun_take_service_time(&s, &ms)) {
        TAKE(s, "]");
        s = slice_trim(s);
        e->kind = EVENT_UNKNOWN;
        e->time_ms = c->now_ms = ms;
        if (!slice_cut(&s, ' ').p || !take_process(&s, e))
            return;
    } else {
        if (!line.n || !syslog_head(c, line, e, &s) || !e->tag.n)
            return;
        e->service = e->tag;
        e->tag = (struct slice){line.p, 0};
    }
    struct slice service = e->service;
    if (!take_category(&s, e))
        return;
    e->access.protocol = (uint8_t)protocol_of(service);
    on_message(s, trace_only, e);
}

static void parse(struct syslog_context *c, struct slice line, struct event *e)
{
    parse_line(c, line, false, e);
}

void sun_parse_trace(struct syslog_context *c, struct slice line, struct event *e)
{
    parse_line(c, line, true, e);
}

const struct access_server access_sun = {
    .name = "sun-services",
    .summary = "service logs of Sun's Messaging Server: imap, pop, http, default ...",
    .master = "stored",
    .pid_file = "/nonexistent",
    .parse = parse,
    .patterns = patterns,
};
