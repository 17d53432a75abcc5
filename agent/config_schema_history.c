/* The settings of the history, as data; see config_schema.h. */
#include "config_schema.h"

#define IN(member) offsetof(struct config, member)

static char *const columns[] = {
    "mtaGroupStoredMessages",      "mtaGroupReceivedMessages",  "mtaGroupReceivedVolume",
    "mtaGroupTransmittedMessages", "mtaGroupTransmittedVolume", "mailmonChannelHeld",
    "applInboundAssociations",     "mailmonResponseTotal",      "mailmonRouteTotal",
    "mailmonDiskPercentAvailable", "mailmonHostCpuUser",        "mailmonHostCpuSystem",
    "mailmonHostCpuWait",          "mailmonHostCpuIdle",        "mailmonHostSwapAvailable",
    "mailmonHostScanRate",
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
         "Which columns are remembered, as mailmond --tables lists them; left out: depths, rates "
         "and times, as mailmond-report needs them."},
    {.name = NULL},
};
