/*
 * Sendmail's log: one line in, one event out. Pure; slices point into the line, or are names of groups.
 * Finds the tag and the queue id; sendmail_lines.c knows the rest.
 */
#include "detect.h"
#include "mta.h"
#include "sendmail_lines.h"
#include "sendmail_queue.h"

/* "sendmail", "sm-mta", "sm-msp-queue": what -L and Debian's scripts make of it. */
static bool is_tag(struct slice tag)
{
    return slice_eq(tag, SLICE("sendmail")) || STARTS(tag, "sm-") || STARTS(tag, "sendmail-");
}

static void parse(struct syslog_context *c, struct slice line, struct event *e)
{
    struct slice s;
    event_clear(e);
    e->kind = EVENT_FOREIGN;
    e->app.n = e->service.n = 0;
    if (!syslog_head(c, line, e, &s) || !is_tag(e->tag))
        return;
    e->app = e->tag;
    e->kind = EVENT_UNKNOWN;
    struct slice id = slice_head(s, slice_find(slice_head(s, 24), ':'));
    if (id.n + 1 < s.n && s.p[id.n] == ':' && s.p[id.n + 1] == ' ' && sendmail_is_id(id)) {
        e->id = id;
        s = slice_skip(s, id.n + 2);
    } else {
        TAKE(s, "NOQUEUE: ");
    }
    sendmail_line(s, e);
}

static const struct mta_service services[] = {
    {SENDMAIL_SMTP, -1, MTA_SERVICE_NETWORK, 25, "mail received by SMTP"},
    {SENDMAIL_LOCAL, -1, 0, 0, "mail submitted by local programs (sendmail command)"},
    {SENDMAIL_OWN, -1, MTA_SERVICE_OWN, 0,
     "notices that Sendmail makes, and mail of unknown origin"},
    {"smtp", -2, MTA_SERVICE_NETWORK, 25, "delivery by SMTP"},
    {"esmtp", -2, MTA_SERVICE_NETWORK, 25, "delivery by ESMTP"},
    {"smtp8", -2, MTA_SERVICE_NETWORK, 25, "delivery by SMTP, eight bits"},
    {"dsmtp", -2, MTA_SERVICE_NETWORK, 25, "delivery by SMTP, on demand"},
    {"relay", -2, MTA_SERVICE_NETWORK, 25, "delivery by SMTP to a relay"},
    {"local", -2, 0, 0, "delivery to mailboxes of this host"},
    {"prog", -2, 0, 0, "delivery to programs"},
    {"*file*", -2, 0, 0, "delivery to files"},
    {"*", -2, MTA_SERVICE_LEARN, 0, "mailer of sendmail.cf"},
    {NULL, 0, 0, 0, NULL},
};

static bool queue_name(struct slice name, struct queue_id *id, int64_t *arrival_s)
{
    *arrival_s = 0;
    *id = queue_id_pack(name);
    return sendmail_is_id(name);
}

const struct mta mta_sendmail = {
    .name = "sendmail",
    .summary = "Sendmail 8.12 and later, by syslog",
    .master = "sendmail-mta sendmail",
    .pid_file = "/run/sendmail/mta/sendmail.pid",
    .account = "root",
    .listener = SENDMAIL_SMTP,
    .flags = MTA_CONNECTIONS_OPTIONAL | MTA_ATTEMPTS_UNTOLD | MTA_ENDS_UNTOLD | MTA_NOTICES_UNTOLD,
    .detect = detect_sendmail,
    .parse = parse,
    .queues = sendmail_queues,
    .services = services,
    .queue_name = queue_name,
    .queue_file = sendmail_queue_file,
    .spool_file = sendmail_spool_file,
    .statistics = sendmail_statistics,
};
