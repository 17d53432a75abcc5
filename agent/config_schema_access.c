/* Settings of mailbox servers, log events and quotas. */
#include <stdlib.h>
#include <string.h>
#include "config_schema.h"
#include "metrics_url.h"

#define ACCESS(member) offsetof(struct config_access, member)
#define EVENT(member)  offsetof(struct config_log_event, member)
#define QUOTA(member)  offsetof(struct config_quota, member)

const char *const show_users_words[] = {"plain", "hashed", "hidden", NULL};

/* What both servers have. */
#define NAME(example_)                                                                             \
    {                                                                                              \
        .name = "name", .kind = SETTING_TEXT, .high = CONFIG_NAME_OCTETS, .offset = ACCESS(name),  \
        .example = example_,                                                                       \
        .help = "Name of the instance; its services are this and their protocol's name, with a "   \
                "slash between. Left out: the server's own."                                       \
    }
#define LOG                                                                                        \
    {                                                                                              \
        .name = "log", .kind = SETTING_LOG, .offset = ACCESS(log),                                 \
        .example = "\"/var/log/mail.log\"",                                                        \
        .help = "The file it logs to, or \"journal\"; several mail systems may log to one. "       \
                "Left out: as its configuration says, or where syslog usually puts mail, or the "  \
                "journal."                                                                         \
    }
#define PID_FILE(example_)                                                                         \
    {                                                                                              \
        .name = "pid_file", .kind = SETTING_PATH, .offset = ACCESS(pid_file), .example = example_, \
        .help = "Where its master writes its process number; left out: the usual one."             \
    }
#define SYSLOG_NAMES(example_)                                                                     \
    {                                                                                              \
        .name = "syslog_names", .kind = SETTING_TEXTS, .offset = ACCESS(syslog_names),             \
        .example = example_,                                                                       \
        .help = "Tags of its lines up to the first slash, if it shares a log with another "        \
                "instance."                                                                        \
    }
#define PROTOCOLS                                                                                  \
    {                                                                                              \
        .name = "protocols", .kind = SETTING_TEXTS, .offset = ACCESS(protocols),                   \
        .example = "[ \"imap\", \"pop3\", \"lmtp\", \"managesieve\", \"submission\" ]",            \
        .help = "Services that have a row before the log first tells of them."                     \
    }
#define METRICS(example_)                                                                          \
    {                                                                                              \
        .name = "metrics", .kind = SETTING_TEXT, .offset = ACCESS(metrics), .example = example_,   \
        .help = "Where its own metrics are (OpenMetrics): an http URL of this host, or a file. "   \
                "They tell what its log does not; left out: none are fetched."                     \
    }
#define INTERVAL(help_)                                                                            \
    {                                                                                              \
        .name = "interval", .kind = SETTING_DURATION_S, .offset = ACCESS(interval_s), .low = 5,    \
        .high = 86400, .number = 60, .example = "\"60 s\"", .help = help_                          \
    }

const struct setting config_dovecot_settings[] = {
    NAME("\"dovecot\""),
    LOG,
    CONFIG_HOST(ACCESS(host)),
    PID_FILE("\"/run/dovecot/master.pid\""),
    SYSLOG_NAMES("[ \"dovecot\" ]"),
    PROTOCOLS,
    {.name = "who",
     .kind = SETTING_TEXTS,
     .offset = ACCESS(who),
     .example = "[ \"sudo\", \"-n\", \"doveadm\", \"-f\", \"tab\", \"who\", \"-1\" ]",
     .help = "A command that prints as doveadm -f tab who -1 does, to put right what the log "
             "says of sessions; left out: none is run."},
    METRICS("\"http://127.0.0.1:9900/metrics\""),
    INTERVAL("How often the command is run and metrics are fetched."),
    {.name = NULL},
};

const struct setting config_cyrus_settings[] = {
    NAME("\"cyrus\""),
    LOG,
    CONFIG_HOST(ACCESS(host)),
    PID_FILE("\"/run/cyrus-master.pid\""),
    SYSLOG_NAMES("[ \"cyrus\" ]"),
    PROTOCOLS,
    {.name = "proc_directory",
     .kind = SETTING_PATH,
     .offset = ACCESS(proc_directory),
     .example = "\"/run/cyrus/proc\"",
     .help =
         "Its proc_path, where each process says whom it serves; left out: as imapd.conf says."},
    METRICS("\"/var/lib/cyrus/stats/report.txt\""),
    INTERVAL("How often these are looked at."),
    {.name = NULL},
};

static const char *const severities[] = {"critical",      "major",   "minor", "warning",
                                         "indeterminate", "cleared", NULL};

const struct setting config_log_event_settings[] = {
    {.name = "name",
     .kind = SETTING_TEXT,
     .high = CONFIG_NAME_OCTETS,
     .offset = EVENT(name),
     .example = "\"raid degraded\"",
     .help = "Its name."},
    {.name = "source",
     .kind = SETTING_LOG,
     .offset = EVENT(source),
     .example = "\"/var/log/syslog\"",
     .help = "The log to look into."},
    {.name = "pattern",
     .kind = SETTING_TEXT,
     .offset = EVENT(pattern),
     .example = "\"md*degraded\"",
     .help = "What a line must contain, to the letter; an asterisk stands for any text."},
    {.name = "severity",
     .kind = SETTING_WORD,
     .offset = EVENT(severity),
     .text = "warning",
     .words = severities,
     .example = "\"major\"",
     .help = "How bad it is, in the words of X.733."},
    {.name = NULL},
};

static const char *const quota_formats[] = {"dovecot", "cyrus", NULL};

const struct setting config_quota_settings[] = {
    {.name = "name",
     .kind = SETTING_TEXT,
     .high = CONFIG_NAME_OCTETS,
     .offset = QUOTA(name),
     .example = "\"quotas\"",
     .help = "Name of its row of mailmonSourceTable; left out: the format and the word quota."},
    {.name = "format",
     .kind = SETTING_WORD,
     .offset = QUOTA(format),
     .text = "dovecot",
     .words = quota_formats,
     .example = "\"cyrus\"",
     .help =
         "What the command prints as: doveadm -f tab quota get -A (dovecot), or quota (cyrus)."},
    {.name = "command",
     .kind = SETTING_TEXTS,
     .offset = QUOTA(command),
     .example = "[ \"sudo\", \"-n\", \"doveadm\", \"-f\", \"tab\", \"quota\", \"get\", \"-A\" ]",
     .help = "The command and its arguments, run without a shell; left out: the usual one of the "
             "format."},
    {.name = "interval",
     .kind = SETTING_DURATION_S,
     .offset = QUOTA(interval_s),
     .low = 10,
     .high = 604800,
     .number = 3600,
     .example = "\"1 h\"",
     .help = "How often it is run."},
    {.name = "timeout",
     .kind = SETTING_DURATION_S,
     .offset = QUOTA(timeout_s),
     .low = 1,
     .high = 3600,
     .number = 300,
     .example = "\"5 min\"",
     .help = "After which it is killed."},
    {.name = "warn",
     .kind = SETTING_NUMBER,
     .offset = QUOTA(warn_percent),
     .low = 1,
     .high = 100,
     .number = 90,
     .example = "90",
     .help = "Owners that use so many percent or more have a row."},
    {.name = NULL},
};

static struct config_access *add(struct config_list *list, const struct setting *settings)
{
    struct config_access *items = realloc(list->items, (list->count + 1) * sizeof *items);
    if (!items)
        abort();
    list->items = items;
    struct config_access *a = &items[list->count++];
    memset(a, 0, sizeof *a);
    config_defaults(settings, a);
    return a;
}

struct config_access *config_add_dovecot(struct config *c)
{
    return add(&c->dovecots, config_dovecot_settings);
}

struct config_access *config_add_cyrus(struct config *c)
{
    return add(&c->cyruses, config_cyrus_settings);
}

static void check_protocols(const struct config_list *list, struct err_list *errors)
{
    static const char *const known[] = {"imap",       "pop3", "lmtp", "managesieve",
                                        "submission", "http", NULL};
    for (unsigned i = 0; i < list->count; i++) {
        const struct config_access *a = (const struct config_access *)list->items + i;
        for (unsigned n = 0; n < a->protocols.count; n++) {
            unsigned k = 0;
            while (known[k] && strcmp(known[k], a->protocols.items[n]) != 0)
                k++;
            if (!known[k])
                err_add(errors, a->at.file, a->at.line,
                        "protocols cannot have \"%.50s\": it must be imap, pop3, lmtp, "
                        "managesieve, submission or http",
                        a->protocols.items[n]);
        }
    }
}

static void check_names(const struct config_list *list, struct err_list *errors)
{
    for (unsigned i = 0; i < list->count; i++) {
        const struct config_access *a = (const struct config_access *)list->items + i;
        for (unsigned k = 0; k < i; k++) {
            const struct config_access *b = (const struct config_access *)list->items + k;
            if (strcmp(a->host ? a->host : "", b->host ? b->host : "") != 0)
                continue;
            if ((!a->name && !b->name) || (a->name && b->name && strcmp(a->name, b->name) == 0))
                err_add(errors, a->at.file, a->at.line,
                        "this instance has the name of another; give each its own name");
        }
    }
}

static void check_metrics(const struct config_list *list, struct err_list *errors)
{
    for (unsigned i = 0; i < list->count; i++) {
        const struct config_access *a = (const struct config_access *)list->items + i;
        struct metrics_url u;
        if (a->metrics && *a->metrics != '/' && !metrics_url(a->metrics, &u))
            err_add(errors, a->at.file, a->at.line,
                    "metrics cannot be \"%.100s\": it must be a URL of this host, such as "
                    "\"http://127.0.0.1:9900/metrics\", or a file",
                    a->metrics);
    }
}

void config_check_access(const struct config *c, struct err_list *errors)
{
    check_protocols(&c->dovecots, errors);
    check_protocols(&c->cyruses, errors);
    check_names(&c->dovecots, errors);
    check_names(&c->cyruses, errors);
    check_metrics(&c->dovecots, errors);
    check_metrics(&c->cyruses, errors);
    for (unsigned i = 0; i < c->log_events.count; i++) {
        const struct config_log_event *e = (const struct config_log_event *)c->log_events.items + i;
        if (!e->name || !e->source || !e->pattern || !*e->pattern)
            err_add(errors, e->at.file, e->at.line,
                    "a log event needs a name, a source and a pattern, such as: { name = \"raid\"; "
                    "source = \"/var/log/syslog\"; pattern = \"md*degraded\"; }");
    }
}
