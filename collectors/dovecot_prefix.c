/*
 * The head and the prefix of a line of Dovecot's log. Invariant: a line that is no beginning of Dovecot's
 * own is left to syslog's head.
 */
#include "dovecot_prefix.h"
#include "field.h"

static const struct {
    struct slice name;
    enum access_protocol protocol;
    enum dovecot_role role;
} services[] = {
    {TEXT("imap"), ACCESS_IMAP, ROLE_SESSION},
    {TEXT("imap-login"), ACCESS_IMAP, ROLE_LOGIN},
    {TEXT("pop3"), ACCESS_POP3, ROLE_SESSION},
    {TEXT("pop3-login"), ACCESS_POP3, ROLE_LOGIN},
    {TEXT("lmtp"), ACCESS_LMTP, ROLE_LMTP},
    {TEXT("auth"), ACCESS_NONE, ROLE_AUTH},
    {TEXT("auth-worker"), ACCESS_NONE, ROLE_AUTH},
    {TEXT("master"), ACCESS_NONE, ROLE_MASTER},
    {TEXT("managesieve"), ACCESS_MANAGESIEVE, ROLE_SESSION},
    {TEXT("managesieve-login"), ACCESS_MANAGESIEVE, ROLE_LOGIN},
    {TEXT("submission"), ACCESS_SUBMISSION, ROLE_SESSION},
    {TEXT("submission-login"), ACCESS_SUBMISSION, ROLE_LOGIN},
    {TEXT("imap-hibernate"), ACCESS_IMAP, ROLE_SESSION},
    {TEXT("IMAP"), ACCESS_IMAP, ROLE_SESSION},
    {TEXT("POP3"), ACCESS_POP3, ROLE_SESSION},
    {TEXT("deliver"), ACCESS_NONE, ROLE_OTHER},
};

/* The service's name: letters, digits, '-' and '_'. */
static struct slice service_name(struct slice s)
{
    size_t i = 0;
    while (i < s.n && i < 32 &&
           (((unsigned char)((s.p[i] | 32) - 'a') < 26) || slice_digit(s.p[i]) || s.p[i] == '-' ||
            s.p[i] == '_'))
        i++;
    return slice_head(s, i);
}

void dovecot_service(struct slice name, struct dovecot_prefix *p)
{
    for (unsigned i = 0; i < sizeof services / sizeof services[0]; i++) {
        if (!slice_eq(services[i].name, name))
            continue;
        p->protocol = services[i].protocol;
        p->role = services[i].role;
        return;
    }
    p->protocol = ACCESS_NONE;
    p->role = ROLE_OTHER;
}

/* Offset of the first "):" or ")<", or s.n. */
static size_t end_of_parenthesis(struct slice s)
{
    for (size_t at = 0; at + 1 < s.n; at++) {
        at += slice_find(slice_skip(s, at), ')');
        if (at + 1 < s.n && (s.p[at + 1] == ':' || s.p[at + 1] == '<'))
            return at;
    }
    return s.n;
}

/* Takes "(USER)", "(PID)" or "(PID, USER)" off s; a user name may hold any character but a control. */
static bool take_parenthesis(struct slice *s, struct dovecot_prefix *p)
{
    if (!slice_take(s, SLICE("(")))
        return true;
    size_t end = end_of_parenthesis(*s);
    if (end == s->n)
        return false;
    struct slice in = slice_head(*s, end);
    *s = slice_skip(*s, end + 1);
    if (p->role == ROLE_SESSION || (p->role == ROLE_LMTP && !(in.n && slice_digit(*in.p)))) {
        p->user = in;
        return true;
    }
    uint64_t pid;
    if (slice_number(&in, &pid) && pid <= UINT32_MAX)
        p->pid = (uint32_t)pid;
    if (TAKE(in, ", "))
        p->user = in;
    return true;
}

/* Takes "<PID>" and "<SESSION>" off s. */
static void take_angles(struct slice *s, struct dovecot_prefix *p)
{
    while (s->n && *s->p == '<') {
        size_t end = slice_find(*s, '>');
        if (end == s->n)
            return;
        struct slice in = {s->p + 1, end - 1};
        uint64_t pid;
        struct slice digits = in;
        if (!p->pid && slice_number(&digits, &pid) && digits.n == 0 && pid <= UINT32_MAX)
            p->pid = (uint32_t)pid;
        else if (in.n)
            p->session = in;
        *s = slice_skip(*s, end + 1);
    }
}

static void take_level(struct slice *s, struct dovecot_prefix *p)
{
    p->leveled = true;
    p->level = LEVEL_NONE;
    p->debug = TAKE(*s, "Debug: ");
    if (p->debug || TAKE(*s, "Info: "))
        return;
    if (TAKE(*s, "Warning: "))
        p->level = LEVEL_WARNING;
    else if (TAKE(*s, "Error: "))
        p->level = LEVEL_ERROR;
    else if (TAKE(*s, "Fatal: ") || STARTS(*s, "Panic: "))
        p->level = LEVEL_FATAL;
    else
        p->leveled = false;
}

/* "service=imap, user=bob, ip=[192.0.2.9]. ", another mail_log_prefix. */
static bool take_assignments(struct slice *s, struct dovecot_prefix *p)
{
    struct slice rest = *s, name;
    if (!TAKE(rest, "service=") || !(name = slice_cut(&rest, ',')).p || !TAKE(rest, " user="))
        return false;
    struct slice user = slice_head(rest, slice_search(rest, SLICE(", ip=[")));
    rest = slice_skip(rest, user.n);
    size_t end = slice_search(rest, SLICE("]. "));
    if (end == rest.n)
        return false;
    *p = (struct dovecot_prefix){.user = user};
    dovecot_service(name, p);
    *s = slice_skip(rest, end + 3);
    take_level(s, p);
    return true;
}

static bool take_service(struct slice *s, struct dovecot_prefix *p)
{
    struct slice name = service_name(*s), rest = slice_skip(*s, name.n);
    *p = (struct dovecot_prefix){.protocol = ACCESS_NONE};
    if (take_assignments(s, p))
        return true;
    if (name.n == 0)
        return false;
    dovecot_service(name, p);
    if (!take_parenthesis(&rest, p))
        return false;
    take_angles(&rest, p);
    if (!TAKE(rest, ": "))
        return false;
    take_level(&rest, p);
    *s = rest;
    return true;
}

/*
 * Takes "SERVICE(USER)<PID><SESSION>: Level: " off s; false: it begins otherwise. Before 2.0 the level stood in
 * front, and there it stands as long as no service has a name: "Fatal: Error reading configuration".
 */
bool dovecot_take_prefix(struct slice *s, struct dovecot_prefix *p)
{
    struct dovecot_prefix front = {0};
    take_level(s, &front);
    bool taken = take_service(s, p);
    if (!front.leveled || p->leveled)
        return taken;
    if (!taken)
        p->role = ROLE_OTHER;
    p->leveled = true;
    p->level = front.level;
    p->debug = front.debug;
    return true;
}

/* Is this token the beginning of Dovecot's own prefix, and no host? */
static bool is_own(struct slice s)
{
    size_t end = slice_find(s, ' ');
    return end && (s.p[end - 1] == ':' || slice_find(slice_head(s, end), '(') < end);
}

/*
 * Takes the head: of a file of Dovecot's own (log_path, log_timestamp) or of syslog. false: another
 * program's line.
 */
bool dovecot_head(struct syslog_context *c, struct slice line, struct event *e, struct slice *text)
{
    struct slice s = line;
    if (line.n && *line.p != '<' && syslog_stamp(c, &s, e) && !STARTS(s, "dovecot")) {
        if (is_own(s)) {
            e->tag = e->app = slice_head(s, 0);
            *text = s;
            return true;
        }
        struct slice rest = slice_skip(s, slice_find(s, ' ') + 1); /* the host's name */
        if (STARTS(rest, "dovecot: ") && !STARTS(rest, "dovecot: message repeated ")) { /* most */
            e->tag = e->app = slice_head(rest, 7);
            *text = slice_skip(rest, 9);
            return true;
        }
    }
    if (!syslog_head(c, line, e, text))
        return false;
    e->app = e->tag;
    return STARTS(e->tag, "dovecot");
}
