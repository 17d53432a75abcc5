/* The tables of settings and what is done to any of them. Data first; see config_schema.h. */
#include <stdlib.h>
#include <string.h>
#include "config_schema.h"

#define IN(member)  offsetof(struct config, member)
#define CAPACITY(t) (offsetof(struct config, capacities) + (t) * sizeof(uint32_t))

#define ROWS_MAX    10000000
#define DAY_S       86400

static const char *const modes[] = {"agentx", "standalone", NULL};

static const struct setting queue_settings[] = {
    {.name = "interval",
     .kind = SETTING_DURATION_S,
     .offset = IN(queue_interval_s),
     .low = 1,
     .high = 3600,
     .number = 10,
     .example = "\"10 s\"",
     .help = "How often the numbers of the queues are brought up to date."},
    {.name = "rescan",
     .kind = SETTING_DURATION_S,
     .offset = IN(queue_rescan_s),
     .low = 10,
     .high = 7 * DAY_S,
     .number = 600,
     .example = "\"10 min\"",
     .help = "How often the queue directories are read in full, to correct what was missed."},
    {.name = "files_per_second",
     .kind = SETTING_NUMBER,
     .offset = IN(files_per_second),
     .low = 1,
     .high = 100000,
     .number = 200,
     .example = "200",
     .help = "How many queue files are opened each second to learn sizes and recipients that the "
             "log did not tell."},
    {.name = NULL},
};

static const struct setting capacity_settings[] = {
    {.name = "destinations",
     .kind = SETTING_NUMBER,
     .offset = CAPACITY(MODEL_DESTINATION),
     .high = ROWS_MAX,
     .example = "10000",
     .help = "Rows of destinations; 0 is the built-in number."},
    {.name = "peers",
     .kind = SETTING_NUMBER,
     .offset = CAPACITY(MODEL_PEER),
     .high = ROWS_MAX,
     .example = "10000",
     .help = "Rows of peers; 0 is the built-in number."},
    {.name = "groups",
     .kind = SETTING_NUMBER,
     .offset = CAPACITY(MODEL_GROUP),
     .high = ROWS_MAX,
     .example = "1000",
     .help = "Rows of mtaGroupTable; 0 is the built-in number."},
    {.name = "associations",
     .kind = SETTING_NUMBER,
     .offset = CAPACITY(MODEL_ASSOC),
     .high = ROWS_MAX,
     .example = "10000",
     .help = "Rows of assocTable; 0 is the built-in number."},
    {.name = "errors",
     .kind = SETTING_NUMBER,
     .offset = CAPACITY(MODEL_GROUP_ERROR),
     .high = ROWS_MAX,
     .example = "10000",
     .help = "Rows of mtaGroupErrorTable; 0 is the built-in number."},
    {.name = "entries",
     .kind = SETTING_NUMBER,
     .offset = CAPACITY(MODEL_ENTRY),
     .high = ROWS_MAX,
     .example = "10000",
     .help = "Rows of queue entries; 0 is the built-in number."},
    {.name = NULL},
};

static const struct setting snmp_settings[] = {
    {.name = "mode",
     .kind = SETTING_CHOICE,
     .offset = IN(standalone),
     .words = modes,
     .example = "\"agentx\"",
     .help = "\"agentx\": a subagent of snmpd. \"standalone\": answers SNMP requests itself."},
    {.name = "agentx_socket",
     .kind = SETTING_TEXT,
     .offset = IN(agentx),
     .example = "\"/var/agentx/master\"",
     .help = "Where the master agent listens, with mode \"agentx\"; left out: Net-SNMP's default."},
    {.name = "ping_interval",
     .kind = SETTING_DURATION_S,
     .offset = IN(agentx_ping_s),
     .low = 1,
     .high = 3600,
     .number = 3,
     .example = "\"3 s\"",
     .help = "How often the master agent is asked whether it is still there."},
    {.name = "context",
     .kind = SETTING_TEXT,
     .offset = IN(context),
     .example = "\"mail2\"",
     .help = "SNMPv3 context in which everything is shown; left out: the default context."},
    {.name = "listen",
     .kind = SETTING_TEXT,
     .offset = IN(listen),
     .text = "udp:127.0.0.1:1161",
     .example = "\"udp:127.0.0.1:1161\"",
     .help = "Where requests are answered, with mode \"standalone\"."},
    {.name = "directives",
     .kind = SETTING_TEXTS,
     .offset = IN(directives),
     .example = "( \"rouser monitor authpriv\" )",
     .help =
         "Lines of snmpd.conf(5), with mode \"standalone\": access control, users, trap sinks."},
    {.name = "fast_path",
     .kind = SETTING_BOOL,
     .offset = IN(fast_path),
     .number = 1,
     .example = "true",
     .help =
         "Answer the master agent's requests without Net-SNMP's handler chain. Turn it off only "
         "to look for a fault."},
    {.name = NULL},
};

const struct setting config_settings[] = {
    {.name = "log",
     .kind = SETTING_TEXT,
     .offset = IN(log),
     .text = "stderr",
     .example = "\"syslog\"",
     .help = "Where mailmond logs to: \"stderr\", \"syslog\", \"syslog:FACILITY\" or a file."},
    {.name = "log_level",
     .kind = SETTING_WORD,
     .offset = IN(log_level),
     .text = "notice",
     .words = log_level_names,
     .example = "\"notice\"",
     .help = "The least important messages to log: error, warning, notice, info or debug."},
    {.name = "state_dir",
     .kind = SETTING_PATH,
     .offset = IN(state_dir),
     .text = STATE_DIR,
     .example = "\"" STATE_DIR "\"",
     .help = "What must outlive a restart is kept here."},
    {.name = "run_dir",
     .kind = SETTING_PATH,
     .offset = IN(run_dir),
     .text = RUN_DIR,
     .example = "\"" RUN_DIR "\"",
     .help = "The pid file is here."},
    {.name = "user",
     .kind = SETTING_TEXT,
     .offset = IN(user),
     .example = "\"mailmond\"",
     .help =
         "Account of the process that reads logs and queues, if mailmond is started as root; left "
         "out: mailmond if there is such an account, else nobody."},
    {.name = "publish_user",
     .kind = SETTING_TEXT,
     .offset = IN(publish_user),
     .example = "\"mailmond\"",
     .help = "Account of the process that speaks SNMP, if mailmond is started as root; left out: "
             "mailmond if there is such an account, else nobody."},
    {.name = "detect",
     .kind = SETTING_BOOL,
     .offset = IN(detect),
     .number = 1,
     .example = "true",
     .help = "Look for mail systems on this host; left out: only if none is configured."},
    {.name = "interval",
     .kind = SETTING_DURATION_MS,
     .offset = IN(interval_ms),
     .low = 50,
     .high = 60000,
     .number = 1000,
     .example = "\"1 s\"",
     .help = "How often the logs are looked at. A plain number is in milliseconds."},
    {.name = "checkpoint_interval",
     .kind = SETTING_DURATION_S,
     .offset = IN(checkpoint_s),
     .low = 1,
     .high = 3600,
     .number = 15,
     .example = "\"15 s\"",
     .help = "How often counters and positions are written to state_dir."},
    {.name = "messages_max",
     .kind = SETTING_NUMBER,
     .offset = IN(messages_max),
     .low = 1000,
     .high = CONFIG_MESSAGES_MAX,
     .number = 1000000,
     .example = "1000000",
     .help = "How many messages under way are remembered."},
    {.name = "queue",
     .kind = SETTING_GROUP,
     .members = queue_settings,
     .example = "{ interval = \"10 s\"; }",
     .help = "The queues."},
    {.name = "capacities",
     .kind = SETTING_GROUP,
     .members = capacity_settings,
     .example = "{ peers = 10000; }",
     .help = "How many rows a table may have. What is beyond is counted and left out."},
    {.name = "history",
     .kind = SETTING_GROUP,
     .members = config_history_settings,
     .example = "{ days = 90; }",
     .help = "What was, for baselines, reports and --what-if: history.db in state_dir."},
    {.name = "report",
     .kind = SETTING_GROUP,
     .members = config_report_settings,
     .example = "{ directory = \"/var/log/mailmond\"; }",
     .help = "The daily report by schedule; mailmond-report makes it at any time."},
    {.name = "snmp",
     .kind = SETTING_GROUP,
     .members = snmp_settings,
     .example = "{ mode = \"agentx\"; }",
     .help = "How all this is shown."},
    {.name = "alarms",
     .kind = SETTING_LIST,
     .offset = IN(alarms),
     .members = config_alarm_settings,
     .item_size = sizeof(struct config_alarm),
     .example = "( { name = \"spool\"; object = \"mtaGroupStoredMessages\"; threshold = 1000; } )",
     .help = "Rules of alarms, a group for each. A rule of a built-in name changes that one."},
    {.name = "mail",
     .kind = SETTING_GROUP,
     .members = config_mail_settings,
     .example = "{ enabled = true; recipient = \"postmaster@example.com\"; }",
     .help = "Alarms by mail, beside notifications."},
    {.name = "configutil",
     .kind = SETTING_PATH,
     .offset = IN(configutil),
     .example = "\"/etc/mailmond/configutil\"",
     .help = "A file of lines as configutil -l prints them: its alarm.* and local.snmp.* "
             "parameters are "
             "taken over."},
    {.name = "notifications",
     .kind = SETTING_GROUP,
     .members = config_notification_settings,
     .example = "{ per_minute = 60; }",
     .help = "How many notifications there may be."},
    {.name = "postfix",
     .kind = SETTING_MTAS,
     .members = config_postfix_settings,
     .example = "( { name = \"postfix\"; config_directory = \"/etc/postfix\"; } )",
     .help = "Instances of Postfix, a group for each."},
    {.name = "sun",
     .kind = SETTING_MTAS,
     .members = config_sun_settings,
     .example = "( { base_directory = \"/opt/sun/comms/messaging64\"; } )",
     .help = "Instances of Sun's or Oracle's Messaging Server, a group for each."},
    {.name = "exim",
     .kind = SETTING_MTAS,
     .members = config_exim_settings,
     .example = "( { config_file = \"/etc/exim4/exim4.conf\"; } )",
     .help = "Instances of Exim 4, a group for each."},
    {.name = "sendmail",
     .kind = SETTING_MTAS,
     .members = config_sendmail_settings,
     .example = "( { log = \"/var/log/mail.log\"; } )",
     .help = "Instances of Sendmail, a group for each."},
    {.name = "opensmtpd",
     .kind = SETTING_MTAS,
     .members = config_opensmtpd_settings,
     .example = "( { log = \"/var/log/mail.log\"; } )",
     .help = "Instances of OpenSMTPD, a group for each."},
    {.name = "system_interval",
     .kind = SETTING_DURATION_S,
     .offset = IN(system_interval_s),
     .low = 1,
     .high = 3600,
     .number = 60,
     .example = "\"60 s\"",
     .help = "How often the host, its disks, processes and files are looked at."},
    {.name = "disks",
     .kind = SETTING_LIST,
     .offset = IN(disks),
     .item_size = sizeof(struct config_disk),
     .members = disk_settings,
     .example = "( { path = \"/var/spool/imap\"; kind = \"store\"; } )",
     .help = "File systems to watch beside those of the logs and queues that are read."},
    {.name = "responses",
     .kind = SETTING_LIST,
     .offset = IN(responses),
     .item_size = sizeof(struct config_response),
     .members = response_settings,
     .example = "( { name = \"mx1 smtp\"; protocol = \"smtp\"; host = \"mx1.example.com\"; } )",
     .help = "Services to ask for their response times. Without any, nothing is probed."},
    {.name = "routes",
     .kind = SETTING_LIST,
     .offset = IN(routes),
     .members = route_settings,
     .item_size = sizeof(struct config_route),
     .example = "( { name = \"relay1\"; submit = \"smtp://relay1\"; recipient = "
                "\"probe@example.com\"; } )",
     .help = "Round trips: messages that are sent to see them arrive, a group for each."},
    {.name = "sequence",
     .kind = SETTING_GROUP,
     .members = sequence_settings,
     .example = "{ file = \"/etc/mailmond/sequence.cfg\"; }",
     .help = "Round trips from healthmon's sequence.cfg."},
    {.name = "directories",
     .kind = SETTING_LIST,
     .offset = IN(directories),
     .item_size = sizeof(struct config_directory),
     .members = config_directory_settings,
     .example = "( { name = \"slapd\"; uri = \"ldapi:///\"; } )",
     .help = "Directory servers (LDAP), a group for each."},
    {.name = "processes",
     .kind = SETTING_LIST,
     .offset = IN(processes),
     .item_size = sizeof(struct config_process),
     .members = process_settings,
     .example = "( { process = \"dovecot\"; appl = \"imap\"; } )",
     .help = "Processes that are to run beside those of the mail systems."},
    {.name = "files",
     .kind = SETTING_LIST,
     .offset = IN(files),
     .item_size = sizeof(struct config_file),
     .members = file_settings,
     .example = "( { name = \"core files\"; pattern = \"/var/crash/core*\"; } )",
     .help = "Files to watch beside the logs that are read."},
    {.name = "records",
     .kind = SETTING_GROUP,
     .members = record_settings,
     .example = "{ directory = \"/var/lib/mailmond/records\"; }",
     .help = "Daily records in the layout of Sun's healthmon scripts."},
    {.name = "dovecot",
     .kind = SETTING_LIST,
     .offset = IN(dovecots),
     .item_size = sizeof(struct config_access),
     .members = config_dovecot_settings,
     .example = "( { log = \"/var/log/mail.log\"; protocols = [ \"imap\", \"lmtp\" ]; } )",
     .help = "Instances of Dovecot, a group for each."},
    {.name = "cyrus",
     .kind = SETTING_LIST,
     .offset = IN(cyruses),
     .item_size = sizeof(struct config_access),
     .members = config_cyrus_settings,
     .example = "( { log = \"/var/log/mail.log\"; proc_directory = \"/run/cyrus/proc\"; } )",
     .help = "Instances of Cyrus IMAP, a group for each."},
    {.name = "show_users",
     .kind = SETTING_WORD,
     .offset = IN(show_users),
     .text = "plain",
     .words = show_users_words,
     .example = "\"hashed\"",
     .help = "Whether names of users are shown as they are (plain), as a keyed hash (hashed), or "
             "not at all (hidden): in sessions, quotas and lines of log events."},
    {.name = "log_events",
     .kind = SETTING_LIST,
     .offset = IN(log_events),
     .item_size = sizeof(struct config_log_event),
     .members = config_log_event_settings,
     .example = "( { name = \"raid\"; source = \"/var/log/syslog\"; pattern = \"md*degraded\"; } )",
     .help = "Texts to look for in logs, beside those that are looked for anyway."},
    {.name = "quotas",
     .kind = SETTING_LIST,
     .offset = IN(quotas),
     .item_size = sizeof(struct config_quota),
     .members = config_quota_settings,
     .example = "( { format = \"dovecot\"; } )",
     .help = "Commands that tell who uses how much of his quota."},
    {.name = NULL},
};

char *config_copy(const char *text)
{
    char *copy = text ? strdup(text) : NULL;
    if (text && !copy)
        abort();
    return copy;
}

void config_defaults(const struct setting *settings, void *base)
{
    for (const struct setting *s = settings; s->name; s++) {
        void *member = (char *)base + s->offset;
        switch (s->kind) {
        case SETTING_TEXT:
        case SETTING_PATH:
        case SETTING_LOG:
        case SETTING_WORD:
            *(char **)member = config_copy(s->text);
            break;
        case SETTING_CHOICE:
        case SETTING_BOOL:
            *(bool *)member = s->number != 0;
            break;
        case SETTING_NUMBER:
        case SETTING_DURATION_MS:
        case SETTING_DURATION_S:
        case SETTING_TIME:
            *(uint32_t *)member = s->number;
            break;
        case SETTING_INTEGER:
            *(int64_t *)member = INT64_MIN;
            break;
        case SETTING_GROUP:
            config_defaults(s->members, base);
            break;
        case SETTING_TEXTS:
        case SETTING_LIST:
        case SETTING_MTAS:
            break; /* empty */
        }
    }
}

static void release_strings(struct config_strings *list)
{
    for (unsigned i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct config_strings){NULL, 0};
}

void config_release_list(const struct setting *s, struct config_list *list)
{
    for (unsigned i = 0; i < list->count; i++) {
        char *item = (char *)list->items + i * s->item_size;
        config_release(s->members, item);
        free(((struct config_at *)(void *)item)->file);
    }
    free(list->items);
    *list = (struct config_list){NULL, 0};
}

void config_release(const struct setting *settings, void *base)
{
    for (const struct setting *s = settings; s->name; s++) {
        void *member = (char *)base + s->offset;
        switch (s->kind) {
        case SETTING_TEXT:
        case SETTING_PATH:
        case SETTING_LOG:
        case SETTING_WORD:
            free(*(char **)member);
            *(char **)member = NULL;
            break;
        case SETTING_TEXTS:
            release_strings(member);
            break;
        case SETTING_GROUP:
            config_release(s->members, base);
            break;
        case SETTING_LIST:
            config_release_list(s, member);
            break;
        case SETTING_MTAS: /* each is released by what its type has: config_mta_release */
        case SETTING_CHOICE:
        case SETTING_BOOL:
        case SETTING_NUMBER:
        case SETTING_INTEGER:
        case SETTING_DURATION_MS:
        case SETTING_DURATION_S:
        case SETTING_TIME:
            break; /* own nothing */
        }
    }
}

int64_t config_duration(const char *text)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000}};
    struct slice s = slice_trim(slice_of(text));
    uint64_t value;
    if (!slice_number(&s, &value) || value > INT32_MAX)
        return -1;
    s = slice_trim(s);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (slice_eq(s, slice_of(units[i].name)))
            return (int64_t)value * units[i].ms;
    return -1;
}

/* The settings of a type; ours to know, since only what the schema names is a type. */
static const struct setting *members_of(const char *type)
{
    const struct setting *s = config_settings;
    while (s->kind != SETTING_MTAS || strcmp(s->name, type) != 0)
        s++;
    return s->members;
}

struct config_mta config_mta_new(const char *type)
{
    struct config_mta m = {.type = config_copy(type)};
    config_defaults(members_of(type), &m);
    return m;
}

void config_mta_release(struct config_mta *m)
{
    config_release(members_of(m->type), m);
    free(m->type);
    free(m->source_file);
}
