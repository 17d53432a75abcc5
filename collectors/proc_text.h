/*
 * The texts of /proc that mailmond reads, as proc(5) describes them. Pure: text in, numbers out.
 */
#ifndef PROC_TEXT_H
#define PROC_TEXT_H

#include "../agent/slice.h"

/* /proc/PID/stat. Times are in clock ticks (sysconf(_SC_CLK_TCK)). */
struct proc_stat {
    struct slice name; /* at most 15 octets, any but NUL; points into the text */
    char state;        /* 'Z', 'X': it has ended */
    uint32_t pid, parent;
    uint64_t cpu_ticks;   /* user and system, without its children's */
    uint64_t start_ticks; /* since boot */
    uint64_t rss_pages;
};
/* false: this is no such text. */
bool proc_stat_parse(struct slice text, struct proc_stat *p);

/* The effective user of /proc/PID/status. */
bool proc_uid_parse(struct slice text, uint32_t *uid);

/* The first line of /proc/stat: ticks since boot of all processors together. */
struct proc_cpu {
    uint64_t user, system, wait, idle; /* nice counts as user, interrupts as system */
    uint64_t total;                    /* of these and of what a hypervisor took */
};
bool proc_cpu_parse(struct slice text, struct proc_cpu *c);
/* Processes of /proc/loadavg that run or wait to run. */
bool proc_running_parse(struct slice text, uint64_t *running);

/* Pages looked at in search of free ones since boot: the pgscan_ lines of /proc/vmstat. */
bool proc_scanned_parse(struct slice text, uint64_t *pages);
/* Free swap space of /proc/meminfo, in kB. */
bool proc_swap_parse(struct slice text, uint64_t *kb);

#endif
