/* Rows of the host that the mail systems run on: disks, processes, files, the host itself. */
#ifndef MODEL_HOST_H
#define MODEL_HOST_H

#include "model_row.h"

enum disk_kind { DISK_STORE_PARTITION = 1, DISK_QUEUE, DISK_LOG, DISK_STATE, DISK_OTHER };

/* MAILMON-MIB mailmonDiskTable. key: mailmonDiskIndex. */
struct disk {
    struct row row;
    struct text255 path;
    uint64_t kind; /* enum disk_kind */
    uint64_t total_kb;
    uint64_t available_kb;
    uint64_t total_mb;
    uint64_t available_mb;
    uint64_t percent_available;
    uint64_t inodes_percent_available;
    int64_t last_stat_at;
    uint64_t locked;
    uint64_t lock_threshold_percent;
    int64_t next_check_at;
    int64_t fill_rate_kb_per_hour;
    uint64_t hours_to_full;
};

enum process_status { PROCESS_OK = 1, PROCESS_TOO_FEW, PROCESS_TOO_MANY, PROCESS_TOO_OLD };
enum process_restart { RESTART_IDLE = 1, RESTART_RESTARTING, RESTART_GAVE_UP };

/* MAILMON-MIB mailmonProcessTable. key: mailmonProcessIndex. */
struct process {
    struct row row;
    /* stored from here */
    uint64_t restarts;
    uint64_t restarts_tried;
    uint64_t main_pid;       /* of the process whose restarts are counted, not served */
    int64_t main_started_at; /* likewise */
    /* to here */
    struct text64 name;
    uint64_t expected_min;
    uint64_t expected_max;
    uint64_t running;
    int64_t oldest_at;
    uint64_t connections_served;
    uint64_t cpu_per_mille;
    uint64_t resident_kb;
    uint64_t status;        /* enum process_status */
    uint64_t restart_state; /* enum process_restart */
    uint64_t appl;          /* applIndex of what is down without it, or 0; not served */
};

/* MAILMON-MIB mailmonFileTable. key: mailmonFileIndex. */
struct file_watch {
    struct row row;
    struct text64 name;
    struct text255 pattern;
    uint64_t files;
    uint64_t size_bytes;
    uint64_t size_mb;
    int64_t newest_at;
    int64_t oldest_at;
    int64_t growth_kb_per_hour;
};

/* MAILMON-MIB mailmonHost. one row. */
struct host {
    struct row row;
    uint64_t cpu_user_percent;
    uint64_t cpu_system_percent;
    uint64_t cpu_wait_percent;
    uint64_t cpu_idle_percent;
    uint64_t swap_available_mb;
    uint64_t swap_available_kb; /* likewise, not served */
    uint64_t scan_rate;
    uint64_t run_queue;
};

#endif
