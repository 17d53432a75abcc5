/*
 * The settings of mail transfer agents: of Postfix, which tells most of it itself, and of the others.
 * Data only.
 */
#include "config_schema.h"

#define MTA(member) offsetof(struct config_mta, member)

/* Rows that several of them have. */
#define NAME(example_, otherwise)                                                                  \
    {                                                                                              \
        .name = "name", .kind = SETTING_TEXT, .high = CONFIG_NAME_OCTETS, .offset = MTA(name),     \
        .example = example_,                                                                       \
        .help = "Name of the instance, in applTable; left out: " otherwise "."                     \
    }
#define CONFIG_FILE_OF(example_, otherwise)                                                        \
    {                                                                                              \
        .name = "config_file", .kind = SETTING_PATH, .offset = MTA(config_file),                   \
        .example = example_, .help = "Its configuration; left out: " otherwise "."                 \
    }
#define QUEUE_DIRECTORY(example_, help_)                                                           \
    {                                                                                              \
        .name = "queue_directory", .kind = SETTING_PATH, .offset = MTA(queue_directory),           \
        .example = example_, .help = help_                                                         \
    }
#define PID_FILE(example_, otherwise)                                                              \
    {                                                                                              \
        .name = "pid_file", .kind = SETTING_PATH, .offset = MTA(pid_file), .example = example_,    \
        .help = "Where its daemon writes its process number; left out: " otherwise "."             \
    }
#define LOG                                                                                        \
    {                                                                                              \
        .name = "log", .kind = SETTING_LOG, .offset = MTA(log),                                    \
        .example = "\"/var/log/mail.log\"",                                                        \
        .help = "The file it logs to, or \"journal\"; several mail systems may log to one. Left "  \
                "out: as its configuration says, or where syslog usually puts mail, or the "       \
                "journal."                                                                         \
    }
#define SYSLOG_NAMES(example_, help_)                                                              \
    {                                                                                              \
        .name = "syslog_names", .kind = SETTING_TEXTS, .offset = MTA(syslog_names),                \
        .example = example_, .help = help_                                                         \
    }
#define INTERNAL_SERVICES(example_, help_)                                                         \
    {                                                                                              \
        .name = "internal_services", .kind = SETTING_TEXTS, .offset = MTA(internal_services),      \
        .example = example_, .help = help_                                                         \
    }
#define LISTEN(example_)                                                                           \
    {                                                                                              \
        .name = "listen", .kind = SETTING_TEXTS, .offset = MTA(listen), .example = example_,       \
        .help = "Addresses and ports of its listeners, to find its associations."                  \
    }
/* Of those whose next attempts only their own command tells. */
#define QUEUE_COMMAND(example_)                                                                    \
    {.name = "queue_command",                                                                      \
     .kind = SETTING_TEXTS,                                                                        \
     .offset = MTA(queue_command),                                                                 \
     .example = example_,                                                                          \
     .help = "A command that tells when queued mail is tried next, run without a shell; left "     \
             "out: none is run."},                                                                 \
    {                                                                                              \
        .name = "queue_command_interval", .kind = SETTING_DURATION_S,                              \
        .offset = MTA(queue_command_interval_s), .low = 5, .high = 86400, .number = 60,            \
        .example = "\"60 s\"", .help = "How often that is run."                                    \
    }

const struct setting config_postfix_settings[] = {
    {.name = "name",
     .kind = SETTING_TEXT,
     .high = CONFIG_NAME_OCTETS,
     .offset = MTA(name),
     .example = "\"postfix\"",
     .help = "Name of the instance: its syslog_name, and its name in applTable."},
    {.name = "config_directory",
     .kind = SETTING_PATH,
     .offset = MTA(config_directory),
     .example = "\"/etc/postfix\"",
     .help = "Where its main.cf is."},
    QUEUE_DIRECTORY("\"/var/spool/postfix\"", "Its queues; left out: as main.cf says."),
    {.name = "log",
     .kind = SETTING_LOG,
     .offset = MTA(log),
     .example = "\"/var/log/mail.log\"",
     .help =
         "The file it logs to, \"journal\" for systemd's journal, or \"journal:/directory\" for "
         "the files of another one. Left out: as main.cf says, or where syslog usually puts mail, "
         "or the journal."},
    CONFIG_HOST(MTA(host)),
    SYSLOG_NAMES("[ \"submission\" ]",
                 "Further names that its services log under (-o syslog_name=... in master.cf), up "
                 "to the first slash."),
    INTERNAL_SERVICES("[ \"reinject/smtpd\" ]",
                      "Services that take mail back from a content filter, as mtaGroupName shows "
                      "them, or hand it to one: that mail is not counted again. \"pickup/uid=103\" "
                      "is what that account submits."),
    LISTEN("[ \":25\", \"127.0.0.1:10025\" ]"),
    {.name = NULL},
};

const struct setting config_sendmail_settings[] = {
    NAME("\"mail-out\"", "the mail system's own"),
    CONFIG_FILE_OF("\"/etc/mail/sendmail.cf\"", "the usual one"),
    QUEUE_DIRECTORY("\"/var/spool/mqueue\"",
                    "Its queue; left out: as its configuration says, or the usual one."),
    {.name = "statistics_file",
     .kind = SETTING_PATH,
     .offset = MTA(statistics_file),
     .example = "\"/var/lib/sendmail/sendmail.st\"",
     .help = "Where it keeps statistics of its own, if it does."},
    PID_FILE("\"/run/sendmail/mta/sendmail.pid\"", "the usual one"),
    LOG,
    CONFIG_HOST(MTA(host)),
    SYSLOG_NAMES(
        "[ \"sm-mta-out\" ]",
        "Names under which it logs, if it shares a log with another instance of its kind."),
    LISTEN("[ \":25\", \"127.0.0.1:587\" ]"),
    {.name = NULL},
};

const struct setting config_opensmtpd_settings[] = {
    NAME("\"mail-out\"", "the mail system's own"),
    CONFIG_FILE_OF("\"/etc/smtpd.conf\"", "the usual one"),
    QUEUE_DIRECTORY("\"/var/spool/smtpd\"",
                    "Its queue; left out: as its configuration says, or the usual one."),
    PID_FILE("\"/run/smtpd.pid\"", "the usual one"),
    LOG,
    CONFIG_HOST(MTA(host)),
    SYSLOG_NAMES(
        "[ \"smtpd\" ]",
        "Names under which it logs, if it shares a log with another instance of its kind."),
    LISTEN("[ \":25\", \"127.0.0.1:587\" ]"),
    QUEUE_COMMAND("[ \"sudo\", \"-n\", \"smtpctl\", \"show\", \"queue\" ]"),
    {.name = "statistics_command",
     .kind = SETTING_TEXTS,
     .offset = MTA(statistics_command),
     .example = "[ \"sudo\", \"-n\", \"smtpctl\", \"show\", \"stats\" ]",
     .help = "A command that tells what it does now, for what mailmond cannot see itself, run "
             "without a shell; left out: none is run."},
    {.name = "statistics_command_interval",
     .kind = SETTING_DURATION_S,
     .offset = MTA(statistics_command_interval_s),
     .low = 5,
     .high = 86400,
     .number = 60,
     .example = "\"60 s\"",
     .help = "How often that is run."},
    {.name = NULL},
};

const struct setting config_exim_settings[] = {
    NAME("\"exim-out\"", "exim"),
    CONFIG_FILE_OF("\"/etc/exim4/exim4.conf\"", "the one that exim takes by itself"),
    QUEUE_DIRECTORY("\"/var/spool/exim4\"", "Its spool_directory; left out: as exim -bP says."),
    PID_FILE("\"/run/exim4/exim.pid\"", "as exim -bP says"),
    {.name = "log",
     .kind = SETTING_LOG,
     .offset = MTA(log),
     .example = "\"/var/log/exim4/mainlog\"",
     .help = "Its main log, one for each instance; %D or %M at the end stand for the date as in "
             "log_file_path. Left out: as exim -bP says."},
    {.name = "reject_log",
     .kind = SETTING_PATH,
     .offset = MTA(reject_log),
     .example = "\"/var/log/exim4/rejectlog\"",
     .help =
         "Its reject log: lines are counted in mailmonSourceTable, as the main log has them too."},
    {.name = "panic_log",
     .kind = SETTING_PATH,
     .offset = MTA(panic_log),
     .example = "\"/var/log/exim4/paniclog\"",
     .help = "Its panic log: lines are counted in mailmonSourceTable; any of them is an alarm."},
    CONFIG_HOST(MTA(host)),
    SYSLOG_NAMES("[ \"exim-out\" ]",
                 "Names under which it logs to syslog, if several instances do."),
    INTERNAL_SERVICES("[ \"submission-in\" ]",
                      "Groups that take mail back from a content filter: that mail is not counted "
                      "again."),
    QUEUE_COMMAND("[ \"sudo\", \"-n\", \"-u\", \"Debian-exim\", \"exim_dumpdb\", "
                  "\"/var/spool/exim4\", \"retry\" ]"),
    LISTEN("[ \":25\", \":465 smtps-in\" ]"),
    {.name = NULL},
};
