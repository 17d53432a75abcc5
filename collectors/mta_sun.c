/*
 * Sun Java System / Oracle Communications Messaging Server: an entry of mail.log_current or
 * connection.log_current in, one event out (sun_record.h reads the entry). Pure; slices point into the line.
 *
 * The log has no queue ids: a message's copy in a channel is known by the name of its file
 * (LOG_FILENAME), else by its Message-ID and channel (LOG_MESSAGE_ID), else not at all; then the entries that are alike
 * but for the recipient and have one time stamp are one message.
 */
#include "../agent/model.h"
#include "detect.h"
#include "mta.h"
#include "reply.h"
#include "sun_record.h"

static enum entry_code message_entry(char code)
{
    switch (code) {
    case 'B':
        return ENTRY_BAD_COMMAND;
    case 'D':
        return ENTRY_DEQUEUED;
    case 'E':
        return ENTRY_ENQUEUED;
    case 'J':
        return ENTRY_REJECTED;
    case 'K':
        return ENTRY_FAILED_SILENTLY;
    case 'Q':
        return ENTRY_DEFERRED;
    case 'R':
        return ENTRY_RETURNED;
    case 'V':
        return ENTRY_ABORTED;
    case 'W':
        return ENTRY_DELAY_WARNING;
    case 'Z':
        return ENTRY_PARTLY_DEFERRED;
    default:
        return 0;
    }
}

static enum entry_code connection_entry(char code)
{
    switch (code) {
    case 'C':
        return ENTRY_CLOSED;
    case 'O':
        return ENTRY_OPENED;
    case 'U':
        return ENTRY_AUTHENTICATION;
    case 'X':
        return ENTRY_CONNECTION_REJECTED;
    case 'Y':
        return ENTRY_CONNECTION_FAILED;
    case 'I':
        return ENTRY_ETRN;
    default:
        return 0;
    }
}

/* The number before the first dot of "2e2d.2.1". */
static uint32_t process_id(struct slice process)
{
    uint32_t pid = 0;
    for (size_t i = 0; i < process.n && i < 8 && process.p[i] != '.'; i++) {
        unsigned char c = (unsigned char)process.p[i];
        pid = pid << 4 | ((c & 15u) + (c >> 6) * 9u); /* a letter's low bits are 1 to 6 */
    }
    return pid;
}

/* What entries of one message have in common when nothing names it. A notification has one recipient. */
static struct queue_id alike(const struct sun_record *r)
{
    uint64_t seed = slice_hash(r->source, (uint64_t)r->time_ms);
    seed = slice_hash(r->destination, seed ^ (uint64_t)(unsigned char)r->code);
    seed = slice_hash(r->process, seed ^ r->blocks << 8);
    return sun_hash_id(r->from.n ? r->from : r->to, seed);
}

/* The id of the file, in r->file_id; false: the entry names none. */
static bool has_file(struct sun_record *r)
{
    bool held;
    if (r->named)
        return true;
    const char *slash = r->file.n ? memrchr(r->file.p, '/', r->file.n) : NULL;
    struct slice name = slash ? slice_skip(r->file, (size_t)(slash + 1 - r->file.p)) : r->file;
    return name.n && sun_queue_name(name, &r->file_id, &r->attempts, &held);
}

/* The same id has the same hash however its text is escaped. */
static struct queue_id message_id(const struct sun_record *r)
{
    char text[512];
    if (r->escape == ESCAPE_NONE)
        return sun_hash_id(r->message_id, 0);
    return sun_hash_id(escape_undo(r->message_id, r->escape, text, sizeof text), 0);
}

static void set_identity(struct sun_record *r, struct event *e)
{
    if (r->message_id.n)
        e->packed_other = message_id(r);
    if (has_file(r)) {
        e->id = r->file;
        e->packed_id = r->file_id;
        e->attempts = r->attempts;
        e->flags |= EVENT_ATTEMPTS;
    } else if (r->message_id.n) {
        e->id = r->message_id;
    } else {
        e->packed_id = alike(r);
        e->flags |= EVENT_ALIKE;
    }
}

static void set_reply(const struct sun_options *o, struct sun_record *r, struct event *e)
{
    sun_record_details(o, r);
    e->text = sun_record_reply(r);
    e->peer = sun_record_peer(r);
    e->code = reply_status(e->text, true);
}

static void set_security(const struct sun_record *r, struct event *e)
{
    if (r->modifiers & SUN_TLS)
        e->flags |= EVENT_TLS;
    if (r->modifiers & SUN_SASL)
        e->flags |= EVENT_SASL;
}

static void message_event(const struct sun_options *o, struct sun_record *r, struct event *e)
{
    e->kind = EVENT_CHANNEL;
    e->entry = message_entry(r->code);
    if (!e->entry)
        e->kind = EVENT_UNKNOWN;
    uint32_t block = o ? o->block_size : SUN_BLOCK_SIZE;
    e->size = r->blocks < UINT32_MAX ? r->blocks * block : 0;
    e->address = r->to;
    e->relay = r->destination;
    if (!r->from.n)
        e->flags |= EVENT_NULL_SENDER;
    set_security(r, e);
    set_identity(r, e);
    if ((r->rest.n && *r->rest.p == '*') || (r->username.n && *r->username.p == '*'))
        e->flags |= EVENT_SASL; /* as LOG_USERNAME marks it */
    bool plain = r->code == 'E' || r->code == 'D';
    if (!plain)
        set_reply(o, r, e);
    else if (o && o->fields & SUN_QUEUE_TIME && r->code == 'D')
        sun_record_details(o, r);
    if (r->has_queue_time) {
        e->delay_ms = r->queue_time_ms;
        e->flags |= EVENT_TIMED;
    }
}

/* The third part of "TCP|192.0.2.10|25|192.0.2.9|1244": where an inbound association came in; 0: not told. */
static uint64_t local_port(struct slice transport)
{
    uint64_t port = 0;
    slice_cut(&transport, '|');
    slice_cut(&transport, '|');
    struct slice digits = slice_cut(&transport, '|');
    return digits.n && slice_number(&digits, &port) ? port : 0;
}

/* Which of its services took the association. */
static unsigned part_of(const struct sun_record *r)
{
    uint64_t port = local_port(r->transport);
    if (port == 587 || port == 465 || slice_eq(r->source, SLICE("tcp_submit")))
        return EVENT_SUBMISSION;
    if (slice_starts(r->application, SLICE("LMTP")) || slice_starts(r->source, SLICE("tcp_lmtp")))
        return 0;
    return EVENT_SMTP;
}

static void connection_event(const struct sun_options *o, struct sun_record *r, struct event *e)
{
    e->entry = connection_entry(r->code);
    e->kind = e->entry ? EVENT_CHANNEL : EVENT_NONE;
    e->flags |= r->direction == '+' ? EVENT_INBOUND | part_of(r) : EVENT_OUTBOUND;
    set_security(r, e);
    if (r->rest.n || r->diagnostic.n)
        set_reply(o, r, e);
    e->peer = sun_record_peer(r);
    if (r->code == 'U' && e->text.n && *e->text.p == '2')
        e->flags |= EVENT_SASL;
}

static void to_event(const struct sun_options *o, struct sun_record *r, struct event *e)
{
    e->kind = EVENT_NONE;
    e->tag = e->service = r->source;
    e->pid = process_id(r->process);
    e->flags |= r->escape == ESCAPE_XML ? EVENT_XML : r->escape == ESCAPE_JSON ? EVENT_JSON : 0;
    if (r->direction)
        connection_event(o, r, e);
    else if (r->code)
        message_event(o, r, e);
}

/* Among the lines of other programs only what cannot be taken for anything else. */
static bool is_certain(const struct sun_record *r)
{
    return r->direction ? slice_starts(r->transport, SLICE("TCP|"))
                        : r->original.n && r->original.p[-1] == ';';
}

/* "19-Jan-1998 19:16:57.64 > Subject: words", of LOG_HEADER. */
static bool is_header(struct slice line)
{
    return slice_digit(*line.p) && slice_cut(&line, ' ').p && slice_cut(&line, ' ').p &&
           STARTS(line, "> ");
}

static void parse(struct syslog_context *c, struct slice line, struct event *e)
{
    const struct sun_options *o = c->options;
    struct sun_record r;
    struct slice text;
    event_clear(e);
    e->entry = e->attempts = 0;
    e->tag = e->app = e->service = (struct slice){line.p, 0};
    e->kind = EVENT_FOREIGN;
    if (!line.n)
        return;
    if (sun_record_parse(c, o, line, &r)) {
        e->time_ms = c->now_ms = r.time_ms;
        to_event(o, &r, e);
        return;
    }
    e->time_ms = c->now_ms;
    e->pid = 0;
    if (is_header(line)) {
        e->kind = EVENT_NONE;
        return;
    }
    if (slice_digit(*line.p) || *line.p == '{' ||
        (*line.p == '<' && !slice_digit(line.p[line.n > 1])))
        e->kind = EVENT_UNKNOWN;
    if (!syslog_head(c, line, e, &text))
        return;
    sun_record_clear(&r);
    e->kind = EVENT_FOREIGN;
    e->tag = (struct slice){line.p, 0};
    if (sun_record_parse_body(o, text, &r) && is_certain(&r))
        to_event(o, &r, e);
}

/* A channel is one group that carries everything (docs/sun.md, Channels). */
#define CHANNEL MTA_SERVICE_CHANNEL
#define TCP     MTA_SERVICE_CHANNEL | MTA_SERVICE_NETWORK
#define PASSES  MTA_SERVICE_CHANNEL | MTA_SERVICE_PASSES
static const struct mta_service services[] = {
    {"process", -2, PASSES, 0, "channel: what the MTA makes itself, notifications for one"},
    {"reprocess", -2, PASSES, 0, "channel: addresses that are expanded once more"},
    {"conversion", -2, PASSES, 0, "channel: converted, and taken in again"},
    {"defragment", -2, PASSES, 0, "channel: parts of messages that are put together"},
    {"hold", -2, PASSES, 0, "channel: mail held for users in transition"},
    {"bitbucket", -2, PASSES | MTA_SERVICE_DISCARDS, 0, "channel: mail that is discarded"},
    {"filter_discard", -2, PASSES | MTA_SERVICE_DISCARDS, 0, "channel: mail that filters discard"},
    {"tcp_lmtp*", -2, TCP, 24, "channel: LMTP to and from message stores"},
    {"tcp_submit", -2, TCP, 587, "channel: mail that users submit"},
    {"tcp_*", -2, TCP, 25, "channel: SMTP"},
    {"ims-ms", -2, CHANNEL, 0, "channel: delivery to the message store"},
    {"*", -2, CHANNEL, 0, "channel"},
    {NULL, 0, 0, 0, NULL},
};

static const struct mta_queue queues[] = {{NULL, 0}};

/* The queue directories have a scanner of their own: sun_queue.h. */
static bool queue_name(struct slice name, struct queue_id *id, int64_t *arrival_s)
{
    unsigned attempts;
    bool held;
    *arrival_s = 0;
    return sun_queue_name(name, id, &attempts, &held);
}

static bool queue_file(struct slice content, struct queue_file *f)
{
    (void)content, (void)f;
    return false;
}

/* Of the MTA exactly one each; of the others an instance has what it offers. */
static const struct mta_process processes[] = {
    {"dispatcher", 1, 1, NULL, false},     {"stored", 0, 1, NULL, false},
    {"imapd", 0, 0, "imap", false},        {"popd", 0, 0, "pop3", false},
    {"mshttpd", 0, 0, "http", false},      {"imsched", 0, 1, NULL, false},
    {"enpd", 0, 1, NULL, false},           {"ImapProxyAServi AService.cfg", 0, 0, NULL, false},
    {"tcp_smtp_server", 0, 0, NULL, true}, {NULL, 0, 0, NULL, false},
};

const struct mta mta_sun = {
    .name = "sun",
    .summary = "Sun Java System / Oracle Communications Messaging Server, its mail.log",
    .master = "job_controller",
    .pid_file = NULL,
    .processes = processes,
    .account = "mailsrv",
    .listener = "tcp_local",
    .flags = MTA_HAS_PARTS,
    .detect = detect_sun,
    .parse = parse,
    .queues = queues,
    .services = services,
    .queue_name = queue_name,
    .queue_file = queue_file,
};
