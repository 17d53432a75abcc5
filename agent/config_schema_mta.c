/*
 * The settings of mail transfer agents: of Postfix, which tells most of it itself, and of the others.
 * Data only.
 */
#include "config_schema.h"

#define MTA(member) offsetof(struct config_mta, member)

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
     .offset = MTA(name),
     .example = "\"postfix\"",
     .help = "Name of the instance: its syslog_name, and its name in applTable."},
    {.name = "config_directory",
     .kind = SETTING_PATH,
     .offset = MTA(config_directory),
     .example = "\"/etc/postfix\"",
     .help = "Where its main.cf is."},
    {.name = "queue_directory",
     .kind = SETTING_PATH,
     .offset = MTA(queue_directory),
     .example = "\"/var/spool/postfix\"",
     .help = "Its queues; left out: as main.cf says."},
    {.name = "log",
     .kind = SETTING_LOG,
     .offset = MTA(log),
     .example = "\"/var/log/mail.log\"",
     .help =
         "The file it logs to, \"journal\" for systemd's journal, or \"journal:/directory\" for "
         "the files of another one. Left out: as main.cf says, or where syslog usually puts mail, "
         "or the journal."},
    {.name = "syslog_names",
     .kind = SETTING_TEXTS,
     .offset = MTA(syslog_names),
     .example = "[ \"submission\" ]",
     .help = "Further names that its services log under (-o syslog_name=... in master.cf), up to "
             "the first slash."},
    {.name = "internal_services",
     .kind = SETTING_TEXTS,
     .offset = MTA(internal_services),
     .example = "[ \"reinject/smtpd\" ]",
     .help = "Services that take mail back from a content filter, as mtaGroupName shows them: "
             "that mail is not counted again."},
    {.name = "listen",
     .kind = SETTING_TEXTS,
     .offset = MTA(listen),
     .example = "[ \":25\", \"127.0.0.1:10025\" ]",
     .help = "Addresses and ports of its listeners, to find its associations."},
    {.name = NULL},
};

const struct setting config_mta_settings[] = {
    {.name = "name",
     .kind = SETTING_TEXT,
     .offset = MTA(name),
     .example = "\"mail-out\"",
     .help = "Name of the instance, in applTable; left out: the mail system's own."},
    {.name = "config_file",
     .kind = SETTING_PATH,
     .offset = MTA(config_file),
     .example = "\"/etc/mail/sendmail.cf\"",
     .help = "Its configuration; left out: the usual one."},
    {.name = "queue_directory",
     .kind = SETTING_PATH,
     .offset = MTA(queue_directory),
     .example = "\"/var/spool/mqueue\"",
     .help = "Its queue; left out: as its configuration says, or the usual one."},
    {.name = "statistics_file",
     .kind = SETTING_PATH,
     .offset = MTA(statistics_file),
     .example = "\"/var/lib/sendmail/sendmail.st\"",
     .help = "Where it keeps statistics of its own, if it does."},
    {.name = "pid_file",
     .kind = SETTING_PATH,
     .offset = MTA(pid_file),
     .example = "\"/run/sendmail/mta/sendmail.pid\"",
     .help = "Where its daemon writes its process number; left out: the usual one."},
    {.name = "log",
     .kind = SETTING_LOG,
     .offset = MTA(log),
     .example = "\"/var/log/mail.log\"",
     .help =
         "The file it logs to, or \"journal\"; several mail systems may log to one. Left out: as "
         "its configuration says, or where syslog usually puts mail, or the journal."},
    {.name = "syslog_names",
     .kind = SETTING_TEXTS,
     .offset = MTA(syslog_names),
     .example = "[ \"sm-mta-out\" ]",
     .help = "Names under which it logs, if it shares a log with another instance of its kind."},
    {.name = "listen",
     .kind = SETTING_TEXTS,
     .offset = MTA(listen),
     .example = "[ \":25\", \"127.0.0.1:587\" ]",
     .help = "Addresses and ports of its listeners, to find its associations."},
    {.name = NULL},
};

const struct setting config_opensmtpd_settings[] = {
    {.name = "name",
     .kind = SETTING_TEXT,
     .offset = MTA(name),
     .example = "\"mail-out\"",
     .help = "Name of the instance, in applTable; left out: the mail system's own."},
    {.name = "config_file",
     .kind = SETTING_PATH,
     .offset = MTA(config_file),
     .example = "\"/etc/smtpd.conf\"",
     .help = "Its configuration; left out: the usual one."},
    {.name = "queue_directory",
     .kind = SETTING_PATH,
     .offset = MTA(queue_directory),
     .example = "\"/var/spool/smtpd\"",
     .help = "Its queue; left out: as its configuration says, or the usual one."},
    {.name = "pid_file",
     .kind = SETTING_PATH,
     .offset = MTA(pid_file),
     .example = "\"/run/smtpd.pid\"",
     .help = "Where its daemon writes its process number; left out: the usual one."},
    {.name = "log",
     .kind = SETTING_LOG,
     .offset = MTA(log),
     .example = "\"/var/log/mail.log\"",
     .help = "The file it logs to, or \"journal\"; several mail systems may log to one. Left out: "
             "as its "
             "configuration says, or where syslog usually puts mail."},
    {.name = "syslog_names",
     .kind = SETTING_TEXTS,
     .offset = MTA(syslog_names),
     .example = "[ \"smtpd\" ]",
     .help = "Names under which it logs, if it shares a log with another instance of its kind."},
    {.name = "listen",
     .kind = SETTING_TEXTS,
     .offset = MTA(listen),
     .example = "[ \":25\", \"127.0.0.1:587\" ]",
     .help = "Addresses and ports of its listeners, to find its associations."},
    QUEUE_COMMAND("[ \"sudo\", \"-n\", \"smtpctl\", \"show\", \"queue\" ]"),
    {.name = NULL},
};

const struct setting config_exim_settings[] = {
    {.name = "name",
     .kind = SETTING_TEXT,
     .offset = MTA(name),
     .example = "\"exim-out\"",
     .help = "Name of the instance, in applTable; left out: exim."},
    {.name = "config_file",
     .kind = SETTING_PATH,
     .offset = MTA(config_file),
     .example = "\"/etc/exim4/exim4.conf\"",
     .help = "Its configuration; left out: the one that exim takes by itself."},
    {.name = "queue_directory",
     .kind = SETTING_PATH,
     .offset = MTA(queue_directory),
     .example = "\"/var/spool/exim4\"",
     .help = "Its spool_directory; left out: as exim -bP says."},
    {.name = "pid_file",
     .kind = SETTING_PATH,
     .offset = MTA(pid_file),
     .example = "\"/run/exim4/exim.pid\"",
     .help = "Where its daemon writes its process number; left out: as exim -bP says."},
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
    {.name = "syslog_names",
     .kind = SETTING_TEXTS,
     .offset = MTA(syslog_names),
     .example = "[ \"exim-out\" ]",
     .help = "Names under which it logs to syslog, if several instances do."},
    {.name = "internal_services",
     .kind = SETTING_TEXTS,
     .offset = MTA(internal_services),
     .example = "[ \"submission-in\" ]",
     .help = "Groups that take mail back from a content filter: that mail is not counted again."},
    QUEUE_COMMAND("[ \"sudo\", \"-n\", \"-u\", \"Debian-exim\", \"exim_dumpdb\", "
                  "\"/var/spool/exim4\", \"retry\" ]"),
    {.name = "listen",
     .kind = SETTING_TEXTS,
     .offset = MTA(listen),
     .example = "[ \":25\", \":465 smtps-in\" ]",
     .help = "Addresses and ports of its listeners, to find its associations."},
    {.name = NULL},
};
