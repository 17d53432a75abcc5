/* The settings of an instance of Sun's or Oracle's Messaging Server. Data only. */
#include "config_schema.h"

#define MTA(member) offsetof(struct config_mta, member)

const struct setting config_sun_settings[] = {
    {.name = "name",
     .kind = SETTING_TEXT,
     .offset = MTA(name),
     .example = "\"mailsrv-1\"",
     .help = "Name of the instance, in applTable; left out: \"sun\"."},
    {.name = "base_directory",
     .kind = SETTING_PATH,
     .offset = MTA(base_directory),
     .example = "\"/opt/sun/comms/messaging64\"",
     .help = "Where the instance is (msg-svr-base); left out: the first usual place that exists."},
    {.name = "log_directory",
     .kind = SETTING_PATH,
     .offset = MTA(log_directory),
     .example = "\"/opt/sun/comms/messaging64/data/log\"",
     .help =
         "Where mail.log_current and the logs of its services are; left out: data/log or log of "
         "base_directory."},
    {.name = "log",
     .kind = SETTING_PATH,
     .offset = MTA(log),
     .example = "\"/opt/sun/comms/messaging64/data/log/mail.log_current\"",
     .help = "Its MTA log; left out: mail.log_current in log_directory."},
    {.name = "config_file",
     .kind = SETTING_PATH,
     .offset = MTA(config_file),
     .example = "\"/opt/sun/comms/messaging64/config/option.dat\"",
     .help =
         "Its MTA options, which tell what an entry of the log has; left out: config/option.dat "
         "of base_directory."},
    {.name = "log_options",
     .kind = SETTING_TEXTS,
     .offset = MTA(log_options),
     .example = "[ \"LOG_FILENAME=1\", \"LOG_MESSAGE_ID=1\" ]",
     .help =
         "What its MTA options say of the log, where their file may not be read. Without either, "
         "the fields of an entry are told by their shapes."},
    {.name = "queue_directory",
     .kind = SETTING_PATH,
     .offset = MTA(queue_directory),
     .example = "\"/opt/sun/comms/messaging64/data/queue\"",
     .help = "Where its channels have their queues; left out: data/queue or queue of "
             "base_directory."},
    {.name = "store_directory",
     .kind = SETTING_PATH,
     .offset = MTA(store_directory),
     .example = "\"/opt/sun/comms/messaging64/data/store\"",
     .help = "Its message store, for database logs, snapshots and core files; left out: data/store "
             "or store of base_directory."},
    {.name = "partitions",
     .kind = SETTING_TEXTS,
     .offset = MTA(partitions),
     .example = "[ \"/opt/sun/comms/messaging64/data/store/partition/primary\" ]",
     .help = "Partitions of its message store, each a row of mailmonDiskTable; left out: the "
             "directories in partition of store_directory."},
    {.name = "utilities",
     .kind = SETTING_TEXTS,
     .offset = MTA(utilities),
     .example = "[ \"counterutil imapstat\", \"imquotacheck\", \"stored\" ]",
     .help = "Its utilities that are run, one at a time; see mailmond.conf(5). Left out: none."},
    {.name = "utility_prefix",
     .kind = SETTING_TEXTS,
     .offset = MTA(utility_prefix),
     .example = "[ \"/usr/bin/sudo\", \"-n\", \"-u\", \"mailsrv\" ]",
     .help = "What stands before each of them, where mailmond's own account may not run them."},
    {.name = "utility_interval",
     .kind = SETTING_DURATION_S,
     .offset = MTA(utility_interval_s),
     .low = 1,
     .high = 86400,
     .number = 300,
     .example = "\"5 min\"",
     .help = "How often each is run."},
    {.name = "listen",
     .kind = SETTING_TEXTS,
     .offset = MTA(listen),
     .example = "[ \":25\", \":587 tcp_submit\" ]",
     .help = "Addresses and ports of its listeners, to find its associations; behind them the "
             "channel, if it is not tcp_local. Left out: \":25\"."},
    {.name = NULL},
};
