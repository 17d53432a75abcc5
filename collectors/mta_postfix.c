/*
 * Postfix's log: one line in, one event out. Pure; slices point into the line.
 *
 * Much of a line is written by strangers: addresses, header lines, replies of other hosts. So a
 * line is read from its left end, field by field in the order that Postfix writes them
 * (global/log_adhoc.c, global/opened.c, smtpd/smtpd_check.c, postscreen/ ...), and never searched
 * for a key. The invariant: what stands in an address, in quotes or not, cannot become a field.
 */
#include "detect.h"
#include "mta.h"
#include "postfix_daemons.h"
#include "postfix_fields.h"
#include "postfix_queue.h"
#include "postfix_services.h"
#include "syslog_forms.h"

/*
 * rsyslog's RFC 5424 template ends the program's name at the first '/': only "postfix" is left. What it forwards is cut
 * behind 32 octets of the tag. Which daemon it was can be told where only one writes such lines.
 */
static struct slice service_by_shape(struct slice s, bool has_id)
{
    static const struct {
        struct slice start;
        struct slice service;
        bool has_id;
    } shapes[] = {
        {TEXT("from=<"), TEXT("qmgr"), true},
        {TEXT("removed"), TEXT("qmgr"), true},
        {TEXT("client="), TEXT("smtpd"), true},
        {TEXT("message-id="), TEXT("cleanup"), true},
        {TEXT("resent-message-id="), TEXT("cleanup"), true},
        {TEXT("uid="), TEXT("pickup"), true},
        {TEXT("sender "), TEXT("bounce"), true},
        {TEXT("postmaster "), TEXT("bounce"), true},
        {TEXT("reject: header "), TEXT("cleanup"), true},
        {TEXT("reject: body "), TEXT("cleanup"), true},
        {TEXT("reject: "), TEXT("smtpd"), true},
        {TEXT("milter-reject: "), TEXT("smtpd"), true},
        {TEXT("lost connection after "), TEXT("smtpd"), true},
        {TEXT("timeout after "), TEXT("smtpd"), true},
        {TEXT("connect from "), TEXT("smtpd"), false},
        {TEXT("disconnect from "), TEXT("smtpd"), false},
        {TEXT("lost connection after "), TEXT("smtpd"), false},
        {TEXT("timeout after "), TEXT("smtpd"), false},
        {TEXT("too many errors after "), TEXT("smtpd"), false},
        {TEXT("client="), TEXT("smtpd"), false},
        {TEXT("reject: RCPT from ["), TEXT("postscreen"), false},
        {TEXT("reject: CONNECT from ["), TEXT("postscreen"), false},
        {TEXT("reject: "), TEXT("smtpd"), false},
        {TEXT("milter-reject: "), TEXT("smtpd"), false},
        {TEXT("connect to "), TEXT("smtp"), false},
        {TEXT("CONNECT from "), TEXT("postscreen"), false},
        {TEXT("DISCONNECT "), TEXT("postscreen"), false},
        {TEXT("PASS "), TEXT("postscreen"), false},
        {TEXT("daemon started -- version "), TEXT("master"), false},
        {TEXT("reload -- version "), TEXT("master"), false},
        {TEXT("terminating on signal "), TEXT("master"), false},
        {TEXT("statistics: "), TEXT("anvil"), false},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        if (shapes[i].has_id == has_id && slice_starts(s, shapes[i].start))
            return shapes[i].service;
    return (struct slice){NULL, 0};
}

/* The transport that a delivery's relay= gives away. */
static struct slice service_by_relay(const struct event *e)
{
    if (slice_eq(e->relay, SLICE("local")) || slice_eq(e->relay, SLICE("virtual")))
        return e->relay;
    return e->flags & EVENT_NETWORK || slice_eq(e->relay, SLICE("none")) ? SLICE("smtp")
                                                                         : SLICE("pipe");
}

static bool take_severity(struct slice *s)
{
    return TAKE(*s, "warning: ") || TAKE(*s, "error: ") || TAKE(*s, "fatal: ") ||
           TAKE(*s, "panic: ");
}

#define ID_ROOM 22 /* the longest id and its colon */

static void take_id(struct slice *s, struct event *e)
{
    size_t n = slice_find(slice_head(*s, ID_ROOM), ':');
    if (n + 1 < s->n && s->p[n] == ':' && s->p[n + 1] == ' ' &&
        postfix_id_exact(slice_head(*s, n), &e->packed_id)) {
        e->id = slice_head(*s, n);
        *s = slice_skip(*s, n + 2);
    } else {
        e->packed_id = (struct queue_id){0, 0};
        TAKE(*s, "NOQUEUE: ");
    }
}

static void parse_nameless(struct slice s, struct event *e, struct slice app)
{
    e->kind = EVENT_FOREIGN;
    e->app = app;
    if (take_severity(&s)) {
        e->kind = EVENT_NONE;
        postfix_nameless_warning(s, e);
        return;
    }
    take_id(&s, e);
    if (e->id.n && TAKE(s, "to=<")) {
        postfix_delivery(s, e);
        e->service = service_by_relay(e);
        return;
    }
    struct slice name = service_by_shape(s, e->id.n != 0);
    const struct postfix_service *service = postfix_service_named(name);
    if (!service)
        return;
    e->service = name;
    e->kind = EVENT_UNKNOWN;
    service->parse(s, e);
}

/* What a tag says: "postfix/submission/smtpd" is smtpd. Cyrus IMAP has a "cyrus/master". */
static void learn_tag(struct syslog_tag *known, struct slice tag)
{
    size_t app = slice_find(tag, '/');
    known->known = true;
    known->app = (uint32_t)app;
    known->is = NULL;
    if (app == tag.n || slice_eq(slice_head(tag, app), SLICE("cyrus")))
        return;
    const char *slash = memrchr(tag.p, '/', tag.n);
    known->is = postfix_service_named(slice_skip(tag, (size_t)(slash + 1 - tag.p)));
}

static void parse(struct syslog_context *c, struct slice line, struct event *e)
{
    struct slice text;
    event_clear(e);
    e->kind = EVENT_FOREIGN;
    e->app.n = e->service.n = 0;
    if (!syslog_head(c, line, e, &text))
        return;
    struct slice s = {text.p, text.n}; /* in registers from here on */
    struct syslog_tag *tag = syslog_tag(c, e->tag);
    if (!tag->known)
        learn_tag(tag, e->tag);
    const struct postfix_service *service = tag->is;
    if (!service) {
        /* no part behind a '/', or not all of it */
        bool nameless = tag->app == e->tag.n || e->tag.n == SYSLOG_TAG_CUT;
        struct slice app = slice_head(e->tag, tag->app);
        if (nameless && (slice_eq(app, SLICE("postfix")) || STARTS(app, "postfix-")))
            parse_nameless(s, e, app);
        return;
    }
    e->app = slice_head(e->tag, tag->app);
    e->service = slice_skip(e->tag, tag->app + 1u);
    e->kind = EVENT_UNKNOWN;
    if (take_severity(&s)) {
        e->kind = EVENT_NONE;
        if (service->warning)
            service->warning(s, e);
        return;
    }
    take_id(&s, e);
    if (e->id.n && TAKE(s, "to=<"))
        postfix_delivery(s, e);
    else
        service->parse(s, e);
}

static const struct mta_queue queues[] = {
    {"maildrop", MTA_QUEUE_INCOMPLETE},
    {"incoming", MTA_QUEUE_INCOMPLETE},
    {"active", 0},
    {"deferred", MTA_QUEUE_RETRY},
    {"hold", 0},
    {"corrupt", MTA_QUEUE_DAMAGED},
    {NULL, 0},
};

static const struct mta_process processes[] = {{"qmgr nqmgr", 1, 1, NULL, false},
                                               {NULL, 0, 0, NULL, false}};

const struct mta mta_postfix = {
    .name = "postfix",
    .summary = "Postfix 2.3 and later, by syslog or its own log file",
    .master = "master",
    .pid_file = "pid/master.pid",
    .processes = processes,
    .account = "postfix",
    .flags = MTA_FORWARDS | MTA_NAMED_BY_TAG,
    .listener = "smtpd",
    .detect = detect_postfix,
    .parse = parse,
    .queues = queues,
    .services = postfix_services,
    .queue_name = postfix_queue_name,
    .queue_file = postfix_queue_file,
};
