/*
 * MAILMON-MIB as data: what mail stands on: disks, processes, files, the host itself.
 */
#include "tables.h"

static const char *const disk_kind_labels[] = {"storePartition", "queue", "log",
                                               "state",          "other", NULL};
static const char *const process_status_labels[] = {"ok", "tooFew", "tooMany", "tooOld", NULL};
static const char *const process_phrases[] = {
    "runs as it must", "does not run, or not often enough", "runs more often than it may",
    "has run for too long", NULL};
static const char *const restart_state_labels[] = {"idle", "restarting", "gaveUp", NULL};

static const struct column disk_columns[] = {
    C(2, "mailmonDiskPath", TEXT, disk, path),
    C(3, "mailmonDiskKind", ENUM, disk, kind, .labels = disk_kind_labels),
    C(4, "mailmonDiskTotal", GAUGE64, disk, total_kb),
    C(5, "mailmonDiskAvailable", GAUGE64, disk, available_kb),
    C(6, "mailmonDiskTotalMB", GAUGE32, disk, total_mb),
    C(7, "mailmonDiskAvailableMB", GAUGE32, disk, available_mb),
    C(8, "mailmonDiskPercentAvailable", GAUGE32, disk, percent_available),
    C(9, "mailmonDiskInodesPercentAvailable", GAUGE32, disk, inodes_percent_available),
    C(10, "mailmonDiskLastStat", DATE, disk, last_stat_at),
    C(11, "mailmonDiskAge", AGE_S, disk, last_stat_at),
    C(12, "mailmonDiskLocked", TRUTH, disk, locked),
    C(13, "mailmonDiskLockThreshold", GAUGE32, disk, lock_threshold_percent),
    C(14, "mailmonDiskNextCheck", UNTIL_S, disk, next_check_at),
    C(15, "mailmonDiskFillRate", INTEGER, disk, fill_rate_kb_per_hour),
    C(16, "mailmonDiskHoursToFull", GAUGE32, disk, hours_to_full),
};

const struct table mailmonDiskTable = {
    .module = "MAILMON-MIB",
    .name = "mailmonDiskTable",
    .entry = {OBJECTS, 11, 1},
    .entry_length = 13,
    .index = "mailmonDiskIndex",
    .rows = MODEL_DISK,
    COLUMNS(disk_columns),
};

static const struct column process_columns[] = {
    C(2, "mailmonProcessName", TEXT, process, name),
    C(3, "mailmonProcessExpectedMin", GAUGE32, process, expected_min),
    C(4, "mailmonProcessExpectedMax", GAUGE32, process, expected_max),
    C(5, "mailmonProcessRunning", GAUGE32, process, running),
    C(6, "mailmonProcessOldest", AGE_S, process, oldest_at),
    C(7, "mailmonProcessConnectionsServed", GAUGE32, process, connections_served),
    C(8, "mailmonProcessCpuPerMille", GAUGE32, process, cpu_per_mille),
    C(9, "mailmonProcessResidentMemory", GAUGE32, process, resident_kb),
    C(10, "mailmonProcessRestarts", COUNTER32, process, restarts),
    C(11, "mailmonProcessStatus", ENUM, process, status, .labels = process_status_labels,
      .phrases = process_phrases),
    C(12, "mailmonProcessRestartsTried", COUNTER32, process, restarts_tried),
    C(13, "mailmonProcessRestartState", ENUM, process, restart_state,
      .labels = restart_state_labels),
};

const struct table mailmonProcessTable = {
    .module = "MAILMON-MIB",
    .name = "mailmonProcessTable",
    .entry = {OBJECTS, 12, 1},
    .entry_length = 13,
    .index = "mailmonProcessIndex",
    .rows = MODEL_PROCESS,
    COLUMNS(process_columns),
};

static const struct column file_watch_columns[] = {
    C(2, "mailmonFileName", TEXT, file_watch, name),
    C(3, "mailmonFilePattern", TEXT, file_watch, pattern),
    C(4, "mailmonFileFiles", GAUGE32, file_watch, files),
    C(5, "mailmonFileSize", GAUGE64, file_watch, size_bytes),
    C(6, "mailmonFileSizeMB", GAUGE32, file_watch, size_mb),
    C(7, "mailmonFileNewestAge", AGE_S, file_watch, newest_at),
    C(8, "mailmonFileOldestAge", AGE_S, file_watch, oldest_at),
    C(9, "mailmonFileGrowth", INTEGER, file_watch, growth_kb_per_hour),
};

const struct table mailmonFileTable = {
    .module = "MAILMON-MIB",
    .name = "mailmonFileTable",
    .entry = {OBJECTS, 19, 1},
    .entry_length = 13,
    .index = "mailmonFileIndex",
    .rows = MODEL_FILE_WATCH,
    COLUMNS(file_watch_columns),
};

static const struct column host_columns[] = {
    C(1, "mailmonHostCpuUser", GAUGE32, host, cpu_user_percent),
    C(2, "mailmonHostCpuSystem", GAUGE32, host, cpu_system_percent),
    C(3, "mailmonHostCpuWait", GAUGE32, host, cpu_wait_percent),
    C(4, "mailmonHostCpuIdle", GAUGE32, host, cpu_idle_percent),
    C(5, "mailmonHostSwapAvailable", GAUGE32, host, swap_available_mb),
    C(6, "mailmonHostScanRate", GAUGE32, host, scan_rate),
    C(7, "mailmonHostRunQueue", GAUGE32, host, run_queue),
};

const struct table mailmonHost = {
    .module = "MAILMON-MIB",
    .name = "mailmonHost",
    .entry = {OBJECTS, 21},
    .entry_length = 12,
    .scalar = true,
    .rows = MODEL_HOST,
    COLUMNS(host_columns),
};
