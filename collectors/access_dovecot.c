/*
 * Dovecot's log, 2.2 to 2.4: the head (syslog's or that of its own file), then
 * "SERVICE(USER)<PID><SESSION>: Level: MESSAGE". Pure. What the messages are is in Dovecot's
 * documentation (login_log_format, imap_logout_format, deliver_log_format) and differs by version and
 * by configuration; so a message is told by its first words and its elements by their names, in any
 * order. User names come from whoever connects: elements are taken from the end of the line, where no
 * user name is.
 */
#include "access_metrics.h"
#include "../agent/model.h"
#include "dovecot_prefix.h"
#include "field.h"

static const struct access_pattern patterns[] = {
    {"index corrupt", "orrupted", SEVERITY_MAJOR},
    {"index rebuilt", "ebuilding", SEVERITY_WARNING},
    {"reconstruct needed", "force-resync", SEVERITY_MAJOR},
    {"out of memory", "Out of memory", SEVERITY_CRITICAL},
    {"process limit", "process_limit", SEVERITY_MAJOR},
    {"client limit", "client_limit", SEVERITY_MAJOR},
    {"user connection limit", "Maximum number of connections from user+IP exceeded",
     SEVERITY_WARNING},
    {"mailbox locked", "Timeout while waiting for lock", SEVERITY_MAJOR},
    {"lock timeout", "Timeout (", SEVERITY_MAJOR},
    {"disk full", "No space left on device", SEVERITY_CRITICAL},
    {"disk quota", "Disk quota exceeded", SEVERITY_MAJOR},
    {"mailbox quota", "Quota exceeded", SEVERITY_WARNING},
    {"process died", "killed with signal", SEVERITY_MAJOR},
    {"startup throttled", "command startup failed", SEVERITY_MAJOR},
    {"authentication unavailable", "Auth process broken", SEVERITY_CRITICAL},
    {"authentication failing", "auth service reported temporary failure", SEVERITY_MAJOR},
    {"descriptors exhausted", "Too many open files", SEVERITY_CRITICAL},
    {"clock moved backwards", "Time moved backwards", SEVERITY_WARNING},
    {"panic", "Panic: ", SEVERITY_CRITICAL},
    {NULL, NULL, 0},
};

static uint32_t small_number(struct slice s)
{
    uint64_t v;
    return slice_number(&s, &v) && v < UINT32_MAX ? (uint32_t)v : 0;
}

/* Offset of the last `c` of s, or s.n. */
static size_t find_last(struct slice s, char c)
{
    const char *q = s.n ? memrchr(s.p, c, s.n) : NULL;
    return q ? (size_t)(q - s.p) : s.n;
}

/* Elements of login_log_format_elements, from the last one backwards: each is taken once. */
struct elements {
    struct slice message; /* what stands beside the elements */
    struct slice user, method, peer, session;
    uint32_t process;
    bool tls;
};

static struct slice in_angles(struct slice s)
{
    if (s.n >= 2 && *s.p == '<' && s.p[s.n - 1] == '>')
        return (struct slice){s.p + 1, s.n - 2};
    return s;
}

static void take_element(struct slice s, struct elements *x)
{
    if (TAKE(s, "rip=")) {
        if (!x->peer.p)
            x->peer = in_angles(s);
    } else if (TAKE(s, "session=")) {
        if (!x->session.p)
            x->session = in_angles(s);
    } else if (TAKE(s, "method=")) {
        if (!x->method.p)
            x->method = s;
    } else if (TAKE(s, "mpid=")) {
        if (!x->process)
            x->process = small_number(s);
    } else if (STARTS(s, "TLS") && !STARTS(s, "TLS handshaking")) {
        x->tls = true;
    }
}

/*
 * "MESSAGE: user=<U>, method=M, rip=R, ..., session=<S>". With login_log_format = "%s: %$" the message
 * stands behind the elements.
 */
static void split_elements(struct slice s, struct elements *x)
{
    *x = (struct elements){.message = s};
    size_t at = STARTS(s, "Login: user=<") ? 7 : slice_search(s, SLICE("user=<"));
    if (at == s.n)
        at = slice_search(s, SLICE(": rip=")) + 2; /* 2.1: nobody's name was told */
    if (at >= s.n)
        return;
    struct slice rest = slice_skip(s, at);
    if (at >= 2) {
        x->message = slice_head(s, s.p[at - 2] == ':' ? at - 2 : at);
    } else {
        size_t end = slice_search(rest, SLICE(">: "));
        x->message = end < rest.n ? slice_skip(rest, end + 3) : slice_head(rest, 0);
        if (end < rest.n)
            rest = slice_head(rest, end + 1);
    }
    for (size_t comma; (comma = find_last(rest, ',')) < rest.n;) {
        struct slice element = slice_trim(slice_skip(rest, comma + 1));
        take_element(element, x);
        rest = slice_head(rest, comma);
        if (comma && rest.p[comma - 1] == '>' &&
            (STARTS(element, "method=") || STARTS(element, "rip=")))
            if (!STARTS(element, "rip=") || slice_search(rest, SLICE(">, method=")) == rest.n)
                break;
    }
    if (!TAKE(rest, "user="))
        take_element(rest, x);
    else
        x->user = in_angles(rest);
}

/* "(auth failed, 3 attempts in 12 secs)" -> 3, before 2.2 without the time; "N/M successful auths" is no failure. */
static uint8_t attempts_of(struct slice why)
{
    size_t at = slice_search(why, SLICE(" attempts"));
    if (at == why.n)
        return 0;
    size_t from = at;
    while (from && slice_digit(why.p[from - 1]))
        from--;
    uint32_t n = small_number((struct slice){why.p + from, at - from});
    return n > UINT8_MAX ? UINT8_MAX : (uint8_t)n;
}

static bool has_any(struct slice s, const struct slice *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (slice_search(s, words[i]) < s.n)
            return true;
    return false;
}

/* The last attempt came to no end: nobody's password was refused. Those before it were told in the same number. */
static bool unfinished(struct slice why)
{
    static const struct slice reasons[] = {
        TEXT("didn't finish SASL auth"),
        TEXT("aborted by client"),
        TEXT("aborted authentication"),
        TEXT("while authenticating"),
    };
    return has_any(why, reasons, sizeof reasons / sizeof reasons[0]);
}

/* What a connection ended for, when nobody is to blame for a wrong name or password. */
static bool about_connection(struct slice why)
{
    static const struct slice reasons[] = {
        TEXT("no auth attempts"),
        TEXT("before auth was ready"),
        TEXT("during TLS handshake"),
        TEXT("cert required"),
        TEXT("a cert"),
        TEXT("invalid cert"),
        TEXT("untrusted cert"),
        TEXT("shutting down"),
        TEXT("was hit"),
        TEXT("auth process communication failure"),
        TEXT("temporary failure"),
        TEXT("internal failure"),
        TEXT("Internal login failure"),
        TEXT("Connection queue full"),
        TEXT("while finishing login"),
        TEXT("auth referral"),
        TEXT("proxy dest connection failed"),
        TEXT("proxy dest remote failure"),
        TEXT("proxy dest protocol failure"),
        TEXT("temporary authentication failure"),
    };
    return has_any(why, reasons, sizeof reasons / sizeof reasons[0]) ||
           slice_find(why, '(') == why.n;
}

/* The last parenthesis is why; a 2.4 line has a word for it behind: "(auth failed, ...) (auth_failed)". */
static void login_ended(const struct elements *x, struct event *e)
{
    struct slice m = x->message;
    e->text = m;
    if (HAS(m, "Maximum number of connections") || HAS(m, "(connection_limit)")) {
        e->kind = EVENT_LOGIN_LIMIT;
        return;
    }
    e->kind = EVENT_LOGIN_ABORT;
    e->access.attempts = attempts_of(m);
    if (unfinished(m) && e->access.attempts > 1) {
        e->access.attempts--;
    } else if (unfinished(m) || about_connection(m)) {
        e->flags |= EVENT_CONNECTION;
        e->access.attempts = 0;
    } else if (!e->access.attempts) {
        e->access.attempts = 1;
    }
}

/* "(0s idle, in=20, out=483)" at the end of a proxied session. */
static bool proxy_ended(struct slice m, struct event *e)
{
    size_t in = slice_search(m, SLICE(" in=")), out = slice_search(m, SLICE(" out="));
    if (in == m.n || out == m.n)
        return false;
    struct slice number = slice_skip(m, in + 4);
    slice_number(&number, &e->access.in);
    number = slice_skip(m, out + 5);
    slice_number(&number, &e->access.out);
    e->kind = EVENT_LOGOUT;
    return true;
}

static void parse_login(struct slice s, struct event *e)
{
    struct elements x;
    split_elements(s, &x);
    e->address = x.user;
    e->peer = x.peer;
    e->relay = x.method;
    e->other_id = x.session;
    e->access.process = x.process;
    if (x.tls)
        e->flags |= EVENT_TLS;
    struct slice m = x.message;
    if (slice_eq(m, SLICE("Login")) || slice_eq(m, SLICE("Logged in"))) {
        e->kind = EVENT_LOGIN;
    } else if (STARTS(m, "proxy(")) {
        if (HAS(m, "started proxying") || HAS(m, "Started proxying"))
            e->kind = EVENT_LOGIN;
        else if (!(HAS(m, "isconnect") && proxy_ended(m, e)))
            e->kind = e->access.level ? EVENT_SERVER_LOG : EVENT_NONE;
    } else if (STARTS(m, "Login failed") || STARTS(m, "ID sent: ") || STARTS(m, "Pre-login ")) {
        e->kind = EVENT_NONE; /* the end of the connection tells how many failed; imap_id_log */
    } else if (STARTS(m, "Disconnected") || STARTS(m, "Aborted login") ||
               STARTS(m, "Login aborted") || STARTS(m, "Maximum number of connections") ||
               STARTS(m, "Internal login failure") ||
               (!e->access.level && x.peer.n && HAS(m, " secs)"))) {
        login_ended(&x,
                    e); /* of submission also "Client has quit the connection (auth failed, ..." */
    } else if (STARTS(m, "APOP failed: ") || STARTS(m, "SSL is disabled ") ||
               STARTS(m, "haproxy") || STARTS(m, "Authenticate ") || STARTS(m, "Send: ")) {
        e->kind = EVENT_NONE;
    } else {
        e->kind = e->access.level ? EVENT_SERVER_LOG : EVENT_UNKNOWN;
    }
}

/* "151/1190": both numbers. */
static void take_pair(struct slice s, uint64_t *first, uint64_t *second)
{
    uint64_t a, b;
    if (slice_number(&s, &a) && slice_take(&s, SLICE("/")) && slice_number(&s, &b)) {
        *first = a;
        *second = b;
    }
}

static uint64_t told(uint64_t v)
{
    return v == EVENT_NOT_TOLD ? 0 : v;
}

/* "retr=2/571" or "top=": messages, and their octets, which are added to *sent. */
static void take_fetched(struct slice s, struct event *e, uint64_t *sent)
{
    uint64_t count = EVENT_NOT_TOLD, octets = 0;
    uint32_t before = e->access.fetched == EVENT_NOT_TOLD_U32 ? 0 : e->access.fetched;
    take_pair(s, &count, &octets);
    if (count == EVENT_NOT_TOLD)
        return;
    e->access.fetched = before + (uint32_t)count;
    *sent = told(*sent) + octets;
}

/* One word of imap_logout_format, pop3_logout_format or managesieve_logout_format. */
static void take_total(struct slice s, struct event *e, uint64_t *sent)
{
    uint64_t count = EVENT_NOT_TOLD, octets;
    switch (*s.p) {
    case 'i':
        if (TAKE(s, "in="))
            slice_number(&s, &e->access.in);
        break;
    case 'o':
        if (TAKE(s, "out="))
            slice_number(&s, &e->access.out);
        break;
    case 'b':
        if (TAKE(s, "bytes="))
            take_pair(s, &e->access.in, &e->access.out);
        else if (TAKE(s, "body_count="))
            e->access.fetched = small_number(s);
        break;
    case 'e':
        if (TAKE(s, "expunged="))
            e->access.expunged = small_number(s);
        break;
    case 'r':
    case 't':
        if (TAKE(s, "rcvd="))
            slice_number(&s, &e->access.in);
        else if (TAKE(s, "retr=") || TAKE(s, "top="))
            take_fetched(s, e, sent);
        break;
    case 's':
        if (TAKE(s, "sent="))
            slice_number(&s, &e->access.out);
        break;
    case 'd':
        if (!TAKE(s, "del="))
            break;
        take_pair(s, &count, &octets);
        e->access.expunged = count == EVENT_NOT_TOLD ? EVENT_NOT_TOLD_U32 : (uint32_t)count;
        break;
    }
}

/* All of them; what POP3 fetched is what was sent, where nothing else tells that. */
static void take_totals(struct slice s, struct event *e)
{
    uint64_t sent = EVENT_NOT_TOLD;
    while (s.n) {
        size_t end = slice_find(s, ' ');
        if (end > 3)
            take_total(slice_head(s, end), e, &sent);
        s = slice_skip(s, end + 1);
    }
    if (e->access.out == EVENT_NOT_TOLD)
        e->access.out = sent;
}

/* A session's last line; totals stand behind the last parenthesis, if there is one. */
static bool session_ends(struct slice s)
{
    return STARTS(s, "Disconnected") || STARTS(s, "Logged out") || STARTS(s, "Connection closed") ||
           STARTS(s, "Server shutting down");
}

static void parse_session(struct slice s, const struct dovecot_prefix *p, struct event *e)
{
    e->address = p->user;
    e->other_id = p->session;
    e->access.process = p->pid;
    if (session_ends(s)) {
        if (!TAKE(s, "Disconnected: Logged out ")) {
            size_t close = slice_search(s, SLICE(") "));
            s = close < s.n ? slice_skip(s, close + 2) : s;
        }
        take_totals(s, e);
        e->kind = EVENT_LOGOUT;
    } else if (STARTS(s, "save: ") || STARTS(s, "append: ")) { /* the mail_log plugin */
        e->kind = EVENT_STORED;
        e->recipients = 1;
    } else {
        e->kind = e->access.level ? EVENT_SERVER_LOG : EVENT_NONE;
    }
}

/* Where the last `what` begins, from 1; 0: it is not there. */
static size_t last_of(struct slice s, struct slice what)
{
    size_t found = 0;
    for (size_t at = 0, next; (next = slice_search(slice_skip(s, at), what)) + at < s.n;)
        found = at = at + next + 1;
    return found;
}

/* Which of these words, which end with none, stand last; 0: none does. */
static size_t last_of_any(struct slice s, const struct slice *words)
{
    size_t found = 0;
    for (; words->n; words++) {
        size_t at = last_of(s, *words);
        found = at > found ? at : found;
    }
    return found;
}

/*
 * deliver_log_format: "msgid=%m: %$" by default; %$ begins with one of these words. A Message-ID is a stranger's and
 * may hold them too, so those that the text begins with count, or the last ones.
 */
static const struct slice stored_words[] = {
    TEXT("saved mail to "), TEXT("stored mail into mailbox "), {NULL, 0}};
static const struct slice other_words[] = {
    TEXT(": save failed to "),   TEXT(": forwarded to "),
    TEXT(": redirect action: "), TEXT(": discarded "),
    TEXT(": discard action: "),  TEXT(": marked message to be discarded"),
    TEXT(": rejected: "),        {NULL, 0}};

static bool is_stored(struct slice s)
{
    for (const struct slice *words = stored_words; words->n; words++)
        if (slice_starts(s, *words))
            return true;
    return last_of_any(s, stored_words) > last_of_any(s, other_words);
}

/* The message without the Message-ID before what became of it. */
static struct slice told_of(struct slice s)
{
    size_t at = last_of_any(s, other_words);
    return at ? slice_skip(s, at - 1) : s;
}

/* The octets, where the format tells them, behind what a stranger may have written. */
static void take_size(struct slice s, struct event *e)
{
    size_t at = last_of(s, SLICE("size="));
    struct slice number = slice_skip(s, at + 4);
    if (at)
        slice_number(&number, &e->access.in);
}

static void parse_lmtp(struct slice s, const struct dovecot_prefix *p, struct event *e)
{
    e->access.process = p->pid;
    e->address = p->user;
    if (TAKE(s, "Connect from ")) {
        e->kind = EVENT_PEER_OPEN;
        e->peer = s;
    } else if (STARTS(s, "Disconnect from ")) {
        e->kind = EVENT_PEER_CLOSE;
    } else if (is_stored(s)) {
        e->kind = EVENT_STORED;
        e->recipients = 1;
        take_size(s, e);
    } else if (e->access.level || HAS(s, "save failed to ")) {
        e->kind = EVENT_SERVER_LOG;
    } else {
        e->kind = EVENT_NONE;
    }
}

/* "Password mismatch (given password: ...)" and what else passdbs say of a login that they refuse. */
static bool refuses_login(struct slice why)
{
    return !HAS(why, "trying the next") &&
           (STARTS(why, "unknown user") || STARTS(why, "nknown user") ||
            STARTS(why, "Password mismatch") || HAS(why, "() failed") ||
            HAS(why, "mpty password") || STARTS(why, "Invalid password") ||
            STARTS(why, "invalid credentials") || STARTS(why, "oauth2 failed: "));
}

/*
 * Takes "passwd-file(bob,192.0.2.9,<SESSION>): " off the front, up to the last that ends so: bob is what a client
 * says, where auth_username_chars lets it. Behind a password, which may be shown, nothing is looked for.
 */
static struct slice take_auth_prefix(struct slice *s)
{
    struct slice own = slice_head(*s, slice_search(*s, SLICE("(given password"))), session = {0};
    for (size_t at; (at = slice_search(own, SLICE(">): "))) < own.n;) {
        struct slice head = slice_head(own, at);
        session = slice_skip(head, find_last(head, '<') + 1);
        own = slice_skip(own, at + 4);
    }
    *s = slice_skip(*s, (size_t)(own.p - s->p));
    return session;
}

/*
 * "passwd-file(bob,192.0.2.9,<SESSION>): Password mismatch", in a worker behind "conn ...: "; since 2.4 the prefix
 * has the session, "passwd-file: " or nothing follows, in a worker behind "request [7]: ". Only what has a session
 * belongs to a login process; the text may hold a password (auth_verbose_passwords).
 */
static void parse_auth(struct slice s, const struct dovecot_prefix *p, struct event *e)
{
    struct slice session = p->session, why = s;
    e->kind = e->access.level ? EVENT_SERVER_LOG : EVENT_NONE;
    if (session.n) {
        if (TAKE(why, "request ["))
            why = slice_skip(why, slice_search(why, SLICE(": ")) + 2);
        if (!refuses_login(why))
            why = slice_skip(why, slice_search(why, SLICE(": ")) + 2);
    } else {
        session = take_auth_prefix(&why);
    }
    if (e->access.level || !session.n || !refuses_login(why))
        return;
    e->kind = EVENT_AUTH_VERBOSE;
    e->text = slice_head(why, 0);
    e->other_id = session;
}

static void parse_master(struct slice s, struct event *e)
{
    struct slice name;
    e->kind = e->access.level ? EVENT_SERVER_LOG : EVENT_NONE;
    if (TAKE(s, "Dovecot v")) {
        e->kind = EVENT_STARTED;
        e->text = slice_head(s, slice_find(s, ' '));
    } else if (STARTS(s, "Killed with signal")) {
        e->kind = EVENT_STOPPED;
    } else if (STARTS(s, "SIGHUP received")) {
        e->kind = EVENT_RELOADED;
    } else if (HAS(s, "client connections are being dropped")) {
        e->kind = EVENT_SERVER_FULL;
        struct dovecot_prefix of = {0};
        if (TAKE(s, "service(")) {
            name = slice_head(s, slice_find(s, ')'));
            dovecot_service(name, &of);
        }
        e->access.protocol = (uint8_t)of.protocol;
    }
}

static void dovecot_parse(struct syslog_context *c, struct slice line, struct event *e)
{
    struct slice s;
    struct dovecot_prefix p;
    access_clear(e);
    e->service = (struct slice){line.p, 0};
    if (!dovecot_head(c, line, e, &s)) {
        e->kind = EVENT_FOREIGN;
        return;
    }
    /* "dovecot-lda" and the like are other programs, and so is what has neither tag nor level. */
    bool taken = dovecot_take_prefix(&s, &p);
    if (taken ? !e->tag.n && !p.leveled : !slice_eq(e->tag, SLICE("dovecot"))) {
        e->kind = EVENT_FOREIGN;
        return;
    }
    if (!taken) { /* before 2.0 the master had no name of its own */
        parse_master(s, e);
        e->kind = e->kind == EVENT_NONE ? EVENT_UNKNOWN : e->kind;
        return;
    }
    e->text = s;
    e->access.protocol = (uint8_t)p.protocol;
    e->access.level = (uint8_t)p.level;
    if (p.debug) { /* what counts is said again as info */
        e->kind = EVENT_NONE;
        return;
    }
    switch (p.role) {
    case ROLE_LOGIN:
        parse_login(s, e);
        break;
    case ROLE_SESSION:
        parse_session(s, &p, e);
        break;
    case ROLE_LMTP:
        parse_lmtp(s, &p, e);
        break;
    case ROLE_AUTH:
        parse_auth(s, &p, e);
        break;
    case ROLE_MASTER:
        parse_master(s, e);
        break;
    case ROLE_OTHER:
        e->kind = p.level ? EVENT_SERVER_LOG : EVENT_NONE;
        break;
    }
    if (e->access.level || e->kind == EVENT_SERVER_LOG || e->kind == EVENT_LOGIN_LIMIT)
        e->access.pattern = access_pattern(patterns, p.role == ROLE_LMTP ? told_of(s) : s);
}

const struct access_server access_dovecot = {
    .name = "dovecot",
    .summary = "Dovecot: syslog or its own log file",
    .master = "dovecot",
    .pid_file = "/run/dovecot/master.pid",
    .parse = dovecot_parse,
    .metrics = dovecot_metrics,
    .patterns = patterns,
};
