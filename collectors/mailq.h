/*
 * The queue directories of one MTA instance: how many messages, how old, how large. Baseline by
 * getdents64, then inotify; a full scan now and then reconciles, and one follows every overflow of
 * the event queue. A refresh costs what changed, not what is stored. No loop here: the object is
 * used by one thread at a time (a worker item), with a request in and a result out.
 *
 * Sizes and recipients come from the log where it knows the message (updates), else from the file's
 * envelope, read once in its life at a bounded rate. Until every file of a queue is known, its sums
 * are not complete.
 */
#ifndef MAILQ_H
#define MAILQ_H

#include "../agent/model.h"
#include "mta.h"

/* What the log knows of one message: the answer to `wanted`, or a change of one it gave before. */
struct mailq_update {
    struct queue_id id;
    uint64_t size;
    uint32_t pending;   /* recipients not yet delivered */
    bool known;         /* false: the log does not know it, the file must be read */
    int64_t arrival_ms; /* real time, 0: unknown */
    bool held;
    bool sought; /* told in `missing` if there is no such file */
};

struct mailq_request {
    int64_t real_ms; /* now */
    int64_t monotonic_ms;
    bool rescan;        /* do a full scan whatever is known */
    unsigned files_max; /* how many queue files may be read in this refresh */
    const struct mailq_update *updates;
    unsigned update_count;
};

#define MAILQ_NAME 48 /* room for its directory, "deferred", "NAME/input" */
struct mailq_queue {
    char name[MAILQ_NAME];
    unsigned flags; /* enum mta_queue_flag */
    uint64_t messages;
    uint64_t bytes, recipients;
    bool complete;             /* bytes and recipients cover every message */
    uint64_t held;             /* of MTA_QUEUE_REWRITTEN; holds when complete */
    bool ages_complete;        /* the arrival of every message is known: oldest and buckets hold */
    int64_t oldest_ms;         /* real time of the oldest arrival; 0: none */
    char oldest_id[22];        /* its queue id */
    struct text255 message_id; /* its Message-ID, absent if not found */
    int64_t retry_ms; /* MTA_QUEUE_RETRY: earliest next attempt, real time; 0: none known */
    uint64_t buckets[AGE_BUCKETS]; /* messages younger than 5, 10, 20 ... 2560 minutes, and older */
};

#define MAILQ_WANTED_MAX   4096
#define MAILQ_MISSING_MAX  4096
#define MAILQ_ATTEMPTS_MAX 1024
/* When a message is tried next. */
struct mailq_attempt {
    struct queue_id id;
    uint32_t at_s; /* real time */
};
struct mailq_result {
    enum source_status status; /* SOURCE_OK, _MISSING, _DENIED, _STALE, _TRUNCATED */
    char error[160];           /* in words, with the path and what would mend it; empty when well */
    unsigned queue_count;      /* those of the MTA first, then those that were found */
    struct mailq_queue queues[MTA_QUEUES_MAX];     /* a queue keeps its place */
    uint64_t files;                                /* known in all queues */
    uint64_t events, scans, overflows, files_read; /* since mailq_new */
    uint64_t duration_us;
    uint64_t memory;                          /* octets of state */
    struct queue_id wanted[MAILQ_WANTED_MAX]; /* messages that the log is asked for */
    unsigned wanted_count;
    struct mailq_attempt attempts[MAILQ_ATTEMPTS_MAX]; /* those looked at in this refresh */
    unsigned attempt_count;
    struct queue_id missing[MAILQ_MISSING_MAX]; /* of those sought; holds with SOURCE_OK */
    unsigned missing_count;
};

struct mailq;
/* mta and its names must outlive the object. NULL with errno when memory or descriptors are short.
 */
struct mailq *mailq_new(const struct mta *mta, const char *queue_directory);
void mailq_free(struct mailq *q);
/* One refresh. Blocks for as long as the disk takes; never call it on the loop. */
void mailq_refresh(struct mailq *q, const struct mailq_request *request,
                   struct mailq_result *result);
/* Readable when something changed (inotify), -1 when it must be polled. */
int mailq_fd(const struct mailq *q);

#endif
