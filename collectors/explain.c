/*
 * An event in words. Pure but for the stream. Invariant: what is printed of a line holds no octet
 * that could end the line or move a cursor, whoever wrote it.
 */
#include "explain.h"

#include <inttypes.h>
#include <time.h>

static const char *const kinds[EVENT_KINDS] = {
    [EVENT_UNKNOWN] = "not recognised",
    [EVENT_FOREIGN] = "of another program",
    [EVENT_NONE] = "changes no number",
    [EVENT_CONNECT] = "connect",
    [EVENT_DISCONNECT] = "disconnect",
    [EVENT_CONNECTION_REJECT] = "connection refused",
    [EVENT_ABORT] = "connection lost",
    [EVENT_TLS_IN] = "TLS inbound",
    [EVENT_TLS_OUT] = "TLS outbound",
    [EVENT_AUTH_FAIL] = "authentication failed",
    [EVENT_CLIENT] = "message from a client",
    [EVENT_SUBMIT] = "message from a program",
    [EVENT_ARRIVED] = "arrived",
    [EVENT_MESSAGE_ID] = "message-id",
    [EVENT_QUEUED] = "queued",
    [EVENT_EXPIRED] = "expired",
    [EVENT_REMOVED] = "removed",
    [EVENT_HELD] = "held",
    [EVENT_RELEASED] = "released",
    [EVENT_PURGED] = "messages deleted",
    [EVENT_REJECT] = "rejected",
    [EVENT_DISCARDED] = "discarded",
    [EVENT_NOTICE] = "notice",
    [EVENT_COPIED] = "copied",
    [EVENT_DELIVERY] = "delivery",
    [EVENT_CONNECT_OUT] = "connection out",
    [EVENT_CONNECT_FAIL] = "connection failed",
    [EVENT_ETRN] = "ETRN",
    [EVENT_CHANNEL] = "entry",
    [EVENT_STARTING] = "starting",
    [EVENT_STARTED] = "started",
    [EVENT_RELOADED] = "reloaded",
    [EVENT_STOPPING] = "stopping",
    [EVENT_STOPPED] = "stopped",
    [EVENT_CONGESTED] = "congested",
    [EVENT_STRESS_ON] = "stress",
    [EVENT_STRESS_OFF] = "stress over",
    [EVENT_QUEUE_RUN] = "queue run",
    [EVENT_LOGIN] = "login",
    [EVENT_LOGOUT] = "logout",
    [EVENT_TRAFFIC] = "traffic of a session",
    [EVENT_LOGIN_ABORT] = "ended before login",
    [EVENT_LOGIN_FAIL] = "login failed",
    [EVENT_AUTH_VERBOSE] = "attempt failed",
    [EVENT_LOGIN_LIMIT] = "refused by a limit",
    [EVENT_SERVER_FULL] = "server full",
    [EVENT_PEER_OPEN] = "association begins",
    [EVENT_PEER_CLOSE] = "association ends",
    [EVENT_STORED] = "stored in a mailbox",
    [EVENT_DELETED] = "expunged",
    [EVENT_SELECTED] = "mailbox selected",
    [EVENT_SERVER_LOG] = "for the log events",
};
static const char *const results[] = {"", "sent", "deferred", "bounced", "probe", "removed"};
static const char *const notices[] = {"", "bounce", "delay", "success"};
static const char *const flags[] = {
    "sasl",     "tls",       "reinjected",  "loopback",   "recipient",    "counted",   "reused",
    "network",  "loop",      "admin",       "queued-as",  "probe-sender", "first",     "untried",
    "overdue",  "busy",      "null-sender", "attempts",   "timed",        "alike",     "inbound",
    "outbound", "unreached", "session",     "connection", "smtp",         "submission"};

/* Of enum entry_code, model_mail.h. */
static const char *const entries[] = {"",
                                      "bad-command",
                                      "dequeued",
                                      "enqueued",
                                      "rejected",
                                      "failed",
                                      "deferred",
                                      "returned",
                                      "aborted",
                                      "delay-warning",
                                      "partly-deferred",
                                      "closed",
                                      "opened",
                                      "authentication",
                                      "connection-rejected",
                                      "connection-failed",
                                      "etrn"};

static void print_text(FILE *out, const char *name, struct slice text)
{
    if (!text.n)
        return;
    fprintf(out, " %s=", name);
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c < 0x20 || c == 0x7f || (c >= 0x80 && c < 0xa0))
            fprintf(out, "\\x%02x", c);
        else
            fputc(c, out);
    }
}

static void print_number(FILE *out, const char *name, uint64_t value)
{
    if (value)
        fprintf(out, " %s=%" PRIu64, name, value);
}

static void print_time(FILE *out, int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    char text[32] = "";
    if (gmtime_r(&seconds, &tm) && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm))
        fprintf(out, " time=%s", text);
}

static void print_code(FILE *out, uint32_t code)
{
    if (code)
        fprintf(out, " code=%u.%u.%u", code / 1000000, code / 1000 % 1000, code % 1000);
}

/* Of the kinds from EVENT_LOGIN on. */
static void print_access(FILE *out, const struct event_access *a)
{
    static const char *const levels[] = {"", "warning", "error", "fatal"};
    print_number(out, "protocol", a->protocol);
    print_number(out, "process", a->process);
    print_number(out, "attempts", a->attempts);
    print_number(out, "in", a->in == EVENT_NOT_TOLD ? 0 : a->in);
    print_number(out, "out", a->out == EVENT_NOT_TOLD ? 0 : a->out);
    print_number(out, "fetched", a->fetched == EVENT_NOT_TOLD_U32 ? 0 : a->fetched);
    print_number(out, "expunged", a->expunged == EVENT_NOT_TOLD_U32 ? 0 : a->expunged);
    if (a->level && a->level < sizeof levels / sizeof levels[0])
        fprintf(out, " level=%s", levels[a->level]);
    print_number(out, "log-event", a->pattern);
}

/* What an event is about depends on its kind; a member that was not set is empty or 0. */
void explain_event(const struct event *e, FILE *out)
{
    const char *kind = (unsigned)e->kind < EVENT_KINDS ? kinds[e->kind] : NULL;
    fputs(kind ? kind : "unnamed", out);
    if (e->kind == EVENT_FOREIGN || e->kind == EVENT_UNKNOWN || e->kind == EVENT_NONE) {
        fputc('\n', out);
        return;
    }
    print_time(out, e->time_ms);
    print_text(out, "instance", e->app);
    print_text(out, "service", e->service);
    if (e->kind == EVENT_CHANNEL && e->entry < sizeof entries / sizeof entries[0])
        fprintf(out, " entry=%s", entries[e->entry]);
    print_text(out, "id", e->id);
    if (e->result)
        fprintf(out, " result=%s", results[e->result]);
    if (e->notice)
        fprintf(out, " notice=%s", notices[e->notice]);
    print_code(out, e->code);
    print_text(out, "address", e->address);
    print_text(out, "original", e->original);
    print_text(out, "peer", e->peer);
    print_text(out, "relay", e->relay);
    print_text(out, "other-id", e->other_id);
    print_number(out, "size", e->size);
    print_number(out, "recipients", e->recipients);
    print_number(out, "bad-commands", e->bad_commands);
    print_number(out, "repeats", e->repeats);
    print_number(out, "delay-ms", e->delay_ms);
    for (unsigned i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (e->flags & 1u << i)
            fprintf(out, " %s", flags[i]);
    if (e->kind >= EVENT_LOGIN)
        print_access(out, &e->access);
    print_text(out, "text", e->text);
    fputc('\n', out);
}
