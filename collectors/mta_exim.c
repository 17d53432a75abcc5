/*
 * Exim's main log: one line in, one event out. Pure; slices point into the line or to constant text.
 *
 * Much of a line is written by strangers: addresses, HELO names, subjects, replies of other hosts. So
 * what a line is about is told by its first field behind the time and the message's id (an arrow or a
 * word), and the fields are taken from the left in the order in which Exim writes them, quoted
 * strings as wholes. The invariant: an arrow or a "rejected" anywhere else is text.
 *
 * Exim's own files have no program's name; lines that went by syslog have it, and in front of their own
 * time perhaps "[1/2] " where a long line was split.
 */
#include "detect.h"
#include "exim_fields.h"
#include "exim_queue.h"
#include "mta.h"

/* "[1/2] ": the first part is read as the line, others are not. False: it is another part. */
static bool take_part(struct slice *s)
{
    uint64_t part, parts;
    struct slice t = *s;
    if (!TAKE(t, "[") || !slice_number(&t, &part) || !(TAKE(t, "/") || TAKE(t, "\\")) ||
        !slice_number(&t, &parts) || !TAKE(t, "] "))
        return true;
    *s = t;
    return part == 1;
}

/* The time of Exim's own files. */
static bool take_own_head(struct syslog_context *c, struct slice line, struct event *e,
                          struct slice *s)
{
    e->pid = 0;
    s->p = line.p; /* one by one: they are read so */
    s->n = line.n;
    if (!syslog_take_local(c, s, &e->time_ms))
        return false;
    e->tag = (struct slice){line.p, 0};
    return TAKE(*s, " ") || s->n == 0;
}

/* Of syslog; false: a line of another program, or of none. */
static bool take_head(struct syslog_context *c, struct slice line, struct event *e, struct slice *s,
                      bool *whole)
{
    int64_t ms;
    if (!syslog_head(c, line, e, s) || !STARTS(e->tag, "exim"))
        return false;
    e->app = e->tag;
    *whole = take_part(s);
    if (syslog_take_local(c, s, &ms))
        TAKE(*s, " ");
    return true;
}

/* "[1234] ", with log_selector = +pid. */
static void take_pid(struct slice *s, struct event *e)
{
    uint64_t pid;
    struct slice t = *s;
    if (TAKE(t, "[") && slice_number(&t, &pid) && pid <= UINT32_MAX && TAKE(t, "] ")) {
        e->pid = (uint32_t)pid;
        *s = t;
    }
}

static void take_id(struct slice *s, struct event *e)
{
    size_t n = exim_id(*s, &e->packed_id);
    if (n && n < s->n && s->p[n] == ' ') {
        e->id = slice_head(*s, n);
        *s = slice_skip(*s, n + 1);
    } else {
        e->packed_id = (struct queue_id){0, 0};
    }
}

/* Since arrival, where the line does not tell (log_selector = +queue_time). */
static uint64_t delay_of(const struct event *e)
{
    int64_t arrival_ms = exim_id_time(e->id) * 1000;
    return e->time_ms > arrival_ms ? (uint64_t)(e->time_ms - arrival_ms) : 0;
}

/* The line of a message, which begins with an arrow or a word; true if it was one. */
static bool parse_message(struct slice s, struct event *e)
{
    if (s.n < 3 || s.p[2] != ' ') {
        if (!STARTS(s, "Completed") || (s.n > 9 && s.p[9] != ' '))
            return false;
        e->kind = EVENT_REMOVED;
        return true;
    }
    struct slice rest = slice_skip(s, 3);
    if (s.p[1] == '=' && (s.p[0] == '<' || s.p[0] == '(')) {
        exim_arrival(rest, e);
    } else if (s.p[1] == '>' && memchr("=->", s.p[0], 3)) {
        e->flags = s.p[0] == '-' ? EVENT_REUSED : EVENT_FIRST;
        exim_delivery(rest, e);
        if (!e->delay_ms)
            e->delay_ms = delay_of(e);
    } else if (STARTS(s, "** ")) {
        exim_failure(rest, e);
    } else if (STARTS(s, "== ")) {
        exim_deferral(rest, e);
    } else if (STARTS(s, "*> ")) { /* exim -N: nothing is delivered */
        e->kind = EVENT_NONE;
    } else {
        return false;
    }
    return true;
}

/* Returns what is behind the process and the id. */
static struct slice parse_text(struct slice s, struct event *e)
{
    take_pid(&s, e);
    take_id(&s, e);
    if (!e->id.n || !parse_message(s, e))
        exim_other(s, e);
    return s;
}

/* A line that is not understood as one of Exim's own files may be syslog's with a time of the same form. */
static void parse(struct syslog_context *c, struct slice line, struct event *e)
{
    struct slice s, behind;
    bool whole, own;
    event_clear(e);
    e->kind = EVENT_FOREIGN;
    e->app = e->service = (struct slice){line.p, 0};
    own = take_own_head(c, line, e, &s);
    if (own)
        s = parse_text(s, e);
    if (own && e->kind != EVENT_UNKNOWN)
        return;
    if (take_head(c, line, e, &behind, &whole)) {
        e->kind = EVENT_NONE;
        if (whole)
            s = parse_text(behind, e);
    }
    if (e->kind == EVENT_UNKNOWN && exim_is_local_text(s, e->id.n != 0))
        e->kind = EVENT_NONE;
}

/* Drivers have names of letters, digits and underscores. */
static const struct mta_service services[] = {
    {EXIM_SMTP, -1, MTA_SERVICE_NETWORK, 25, "SMTP from other hosts"},
    {EXIM_SMTPS, -1, MTA_SERVICE_NETWORK, 465, "SMTP within TLS, from other hosts"},
    {EXIM_SUBMISSION, -1, MTA_SERVICE_NETWORK, 587, "submission from other hosts"},
    {EXIM_LOCAL, -1, 0, 0, "submission by programs of this host"},
    {EXIM_OWN, -1, MTA_SERVICE_OWN, 0, "notices that Exim makes, and mail of unknown origin"},
    {EXIM_DISCARD, -2, MTA_SERVICE_DISCARDS, 0, "recipients that a router drops"},
    {"**bypassed**", -2, MTA_SERVICE_DISCARDS, 0, "deliveries to /dev/null, left out"},
    {EXIM_NOWHERE, -2, MTA_SERVICE_NONE, 0, "recipients that no router or transport was found for"},
    {"*", -2, MTA_SERVICE_LEARN, 0, "transport (R=: router) of Exim's configuration"},
    {NULL, 0, 0, 0, NULL},
};

static const struct mta_queue queues[] = {
    {"input", MTA_QUEUE_REWRITTEN},
    {NULL, 0},
};

const struct mta mta_exim = {
    .name = "exim",
    .summary = "Exim 4, by its own log files or syslog",
    .master = "exim4 exim",
    .pid_file = "/run/exim4/exim.pid",
    .account = "Debian-exim",
    .listener = EXIM_SMTP,
    .flags = MTA_CONNECTIONS_OPTIONAL | MTA_ATTEMPTS_UNTOLD,
    .detect = detect_exim,
    .parse = parse,
    .queues = queues,
    .named_queues = "input",
    .services = services,
    .queue_name = exim_queue_name,
    .queue_file = exim_queue_file,
    .queue_file_journal = exim_queue_file_journal,
    .attempt = exim_attempt,
    .queue_file_name = exim_queue_file_name,
    .body_letter = 'D',
    .journal_letter = 'J',
};
