/* The settings of the history, as data; see config_schema.h. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "config_schema.h"

#define IN(member) offsetof(struct config, member)

static char *const columns[] = {
    "mtaGroupStoredMessages",      "mtaGroupReceivedMessages",
    "mtaGroupReceivedVolume",      "mtaGroupTransmittedMessages",
    "mtaGroupTransmittedVolume",   "mailmonChannelHeld",
    "applInboundAssociations",     "mailmonResponseTotal",
    "mailmonRouteTotal",           "mailmonDiskPercentAvailable",
    "mailmonHostCpuUser",          "mailmonHostCpuSystem",
    "mailmonHostCpuWait",          "mailmonHostCpuIdle",
    "mailmonHostSwapAvailable",    "mailmonHostScanRate",
    "mtaGroupOldestMessageStored", "mailmonDiskHoursToFull",
    "mailmonChannelFailedPerHour", "mailmonAccessFailedLogins",
    "mailmonResponseCertDaysLeft", "applOperStatus",
    "mailmonResponseStatus",       "mailmonRouteStatus",
    "mailmonProcessStatus",        "mailmonSourceStatus",
};
const struct config_strings config_history_columns = {(char **)(uintptr_t)columns,
                                                      sizeof columns / sizeof columns[0]};

const struct setting config_history_settings[] = {
    {.name = "days",
     .kind = SETTING_NUMBER,
     .offset = IN(history_days),
     .high = 3660,
     .number = 90,
     .example = "90",
     .help = "How many days are remembered; 0: nothing is."},
    {.name = "fine_days",
     .kind = SETTING_NUMBER,
     .offset = IN(history_fine_days),
     .low = 1,
     .high = 3660,
     .number = 14,
     .example = "14",
     .help = "How many days in spans of five minutes; what is older is kept by the hour."},
    {.name = "baseline_weeks",
     .kind = SETTING_NUMBER,
     .offset = IN(history_baseline_weeks),
     .low = 1,
     .high = 12,
     .number = 2,
     .example = "2",
     .help = "How many weeks make a baseline: mean and deviation in the same hour of the week."},
    {.name = "series",
     .kind = SETTING_NUMBER,
     .offset = IN(history_series_max),
     .low = 1,
     .high = 500,
     .number = 500,
     .example = "500",
     .help = "How many cells are remembered at most: a row of a column is one."},
    {.name = "columns",
     .kind = SETTING_TEXTS,
     .offset = IN(history_columns),
     .example = "( \"mtaGroupStoredMessages\", \"mailmonResponseTotal\" )",
     .help =
         "Which columns are remembered, as mailmond --tables lists them; left out: depths, rates, "
         "times and states, as mailmond-report and --what-if need them."},
    {.name = NULL},
};

const struct setting config_report_settings[] = {
    {.name = "at",
     .kind = SETTING_TIME,
     .offset = IN(report_at_min),
     .number = 5,
     .example = "\"00:05\"",
     .help = "When the report of the day before is made, local time."},
    {.name = "directory",
     .kind = SETTING_PATH,
     .offset = IN(report_directory),
     .example = "\"/var/log/mailmond\"",
     .help = "Write it there, as report-YYYY-MM-DD.txt; below state_dir the directory is made."},
    {.name = "mail",
     .kind = SETTING_BOOL,
     .offset = IN(report_mail),
     .example = "true",
     .help = "Send it by mail, as the section mail says of host, sender and recipient."},
    {.name = "template",
     .kind = SETTING_PATH,
     .offset = IN(report_template),
     .example = "\"/etc/mailmond/report.template\"",
     .help = "What it looks like; see mailmond-report(8)."},
    {.name = NULL},
};

void config_check_report(const struct config *c, const config_t *tree, struct err_list *errors)
{
    const config_setting_t *at = config_lookup(tree, "report");
    size_t n = strlen(c->state_dir);
    bool is_made = c->report_directory && strncmp(c->report_directory, c->state_dir, n) == 0 &&
                   c->report_directory[n] == '/';
    if (c->report_directory && !is_made && access(c->report_directory, F_OK) != 0)
        config_fault(errors, at, "directory: %.300s: %s", c->report_directory, strerror(errno));
    if ((c->report_directory || c->report_mail) && c->history_days == 0)
        config_fault(errors, at, "there is no report without a history: history.days is 0");
}
