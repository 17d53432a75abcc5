/*
 * What the parts of the queue collector share: mailq.c (the object and its result), mailq_scan.c
 * (full scans), mailq_events.c (inotify), mailq_writing.c (files that are perhaps incomplete), mailq_learn.c
 * (what only a file or its inode tells). Private to them.
 *
 * Invariant: the sums of a queue are those over its files in the map that are not being written.
 * Whoever changes a file takes it out of them before and puts it back after (mailq_count_out,
 * mailq_count_in).
 */
#ifndef MAILQ_STATE_H
#define MAILQ_STATE_H

#include "mailq.h"
#include "mailq_ages.h"
#include "mailq_map.h"
#include "mailq_tree.h"

#define MAILQ_READ_MAX    65536 /* octets of a queue file, when its Message-ID is sought */
#define MAILQ_READ_SIZES  8192  /* when only its envelope is */
#define MAILQ_CARRIED_MAX 32
#define MAILQ_RUNNING_MAX 64
#define MAILQ_WRITING_S   3600 /* what is written longer than this counts as complete */
#define MAILQ_RETRIES_NOW 40   /* next attempts that a refresh learns as events tell of them */
#define MAILQ_WRITING_MAX 1024 /* files that may be incomplete; of more the younger half */
#define MAILQ_LOOKS_MAX   128  /* of them after a first scan */

struct mailq_sums {
    uint64_t messages, bytes, recipients;
    uint64_t unsized, unaged, untimed; /* size, arrival, next attempt unknown */
    uint64_t held, changed;
    struct mailq_ages ages;
    struct mailq_ring retries; /* mapped for MTA_QUEUE_RETRY only */
    bool denied;
    struct queue_id oldest;        /* null: to be found */
    uint32_t oldest_s, oldest_at;  /* its arrival; its position, perhaps */
    struct queue_id message_id_of; /* whose Message-ID it is */
    struct text255 message_id;
};

/* A file that left one directory; its arrival in another is told by the next event. */
struct mailq_carried {
    uint32_t cookie; /* 0: none */
    struct mailq_file file;
    struct mailq_learnt learnt;
};

/* A file that was incomplete when it was looked at last, or was not yet. */
struct mailq_writing {
    struct queue_id id;
    uint32_t arrival_s, at; /* its position, perhaps */
};

struct mailq {
    const struct mta *mta;
    char *path;
    unsigned queue_count;
    struct mta_queue places[MTA_QUEUES_MAX]; /* their names and flags, in the order of queues */
    char found[MTA_QUEUES_MAX][MAILQ_NAME];  /* names that are not the MTA's own */
    unsigned retries_now;                    /* that this refresh may still */
    int64_t look_until_s;                    /* monotonic: a named queue is perhaps being made */
    bool left_out;                           /* there are more */
    struct mailq_map map;
    struct mailq_tree tree;
    struct mailq_sums queues[MTA_QUEUES_MAX];
    struct mailq_carried carried[MAILQ_CARRIED_MAX];
    unsigned carried_next;
    bool mark;          /* MAILQ_FILE_SEEN and seen of what the running scan found */
    bool filling;       /* the running scan fills an empty map */
    bool unindexed;     /* what it found is in the map, but not in its index */
    uint32_t scan_next; /* position where the running scan looks first for a file */
    bool need_scan;     /* the next refresh must scan */
    bool short_of_memory;
    int64_t now_s, monotonic_s; /* of this refresh */
    int64_t learnt_s,
        passed_s;    /* monotonic: last refresh, last pass over all files for the oldest */
    uint32_t cursor; /* where learning goes on */
    struct mailq_writing writing[MAILQ_WRITING_MAX]; /* in no order */
    unsigned writing_count;
    uint32_t written_since_s; /* of this refresh: what is older counts, there were too many */
    struct queue_id running[MAILQ_RUNNING_MAX]; /* had a journal when read: to be read again */
    unsigned running_count;
    uint64_t events, scans, overflows, files_read;
    enum source_status status; /* of the last scan */
    char error[160];
    struct mailq_result *result; /* of the running refresh: wanted is added to */
    char event_buffer[8192] __attribute__((aligned(8)));
    char buffer[MAILQ_READ_MAX * 4] __attribute__((aligned(8))); /* of directories, of files */
    char journal[MAILQ_READ_MAX];
};

/* Makes one queue more, with no directory yet; false with errno. name must outlive q. */
bool mailq_add_queue(struct mailq *q, const char *name, unsigned flags);
/* Takes a file out of its queue's sums, or puts it in. */
void mailq_count_out(struct mailq *q, const struct mailq_file *f);
void mailq_count_in(struct mailq *q, const struct mailq_file *f);
/* Marks a file as found by the running scan or, before the next one begins, not yet by that. */
static inline void mailq_mark(const struct mailq *q, struct mailq_file *f)
{
    f->flags = (uint8_t)((f->flags & ~MAILQ_FILE_SEEN) | (q->mark ? MAILQ_FILE_SEEN : 0));
}
/* An arrival as a file keeps it. */
static inline uint32_t mailq_instant(int64_t s)
{
    return s > 0 && s <= UINT32_MAX ? (uint32_t)s : 0;
}
/* The queue a file is in, and what the MTA says of it. */
unsigned mailq_queue_of(const struct mailq *q, const struct mailq_file *f);
unsigned mailq_queue_flags(const struct mailq *q, const struct mailq_file *f);
/* Puts a file in a directory: a new one, or one known elsewhere that keeps what is known. NULL when
   memory is short. In an MTA_QUEUE_INCOMPLETE queue a new file counts as being written until the
   caller knows. */
struct mailq_file *mailq_place(struct mailq *q, struct queue_id id, uint64_t hash,
                               int64_t arrival_s, uint16_t directory);
/* Counts the files that a scan has appended to an empty map. */
void mailq_filled(struct mailq *q);
/* Whoever seeks a file says so: enters those in the index, if that was not done, and puts right what was found
   twice. */
void mailq_index(struct mailq *q);
void mailq_remove(struct mailq *q, struct mailq_file *f);
/* It was written anew: what is known of it holds until it is learnt again. */
void mailq_changed(struct mailq *q, struct mailq_file *f);
/* It is complete: from now on it counts. */
void mailq_complete(struct mailq *q, struct mailq_file *f);
/* The file with this id, which is perhaps at this position; NULL if there is none. */
struct mailq_file *mailq_find(struct mailq *q, struct queue_id id, uint32_t at);

/* Scans all queues: sets status and error, watches every directory, drops files that are no more.
 */
void mailq_scan(struct mailq *q);
/* Looks for named queues that are new; those were empty until then, if `scan` they are scanned. */
void mailq_find_named(struct mailq *q, bool scan);
/* Scans a directory that appeared, and what is below it. */
void mailq_scan_new(struct mailq *q, uint16_t directory);

/* Takes in what inotify has to say. */
void mailq_events(struct mailq *q);
/* Puts files that left without arriving back, for a scan to find or drop. */
void mailq_events_settle(struct mailq *q);

/* Takes in what the log knows of a message. */
void mailq_update(struct mailq *q, const struct mailq_update *u);
/* Asks the log for a file's size, now. */
void mailq_want(struct mailq *q, struct mailq_file *f);
/* Its path below the queue directory; false if it has no room. */
bool mailq_file_path(const struct mailq *q, const struct mailq_file *f, char path[MAILQ_TREE_PATH]);
/* A file that counts as being written is new: it is looked at in each refresh until it is complete, or counts
   at once if it is old. */
void mailq_doubt(struct mailq *q, struct mailq_file *f);
/* Of the files that may be incomplete only so many are looked at, the youngest; the others count. */
void mailq_keep_youngest(struct mailq *q, unsigned n);
/* Takes a look at the inodes of all files that may be incomplete. */
void mailq_check_writing(struct mailq *q);
/* A file arrived in a queue: learns when it is tried next, if that is told there. */
void mailq_learn_retry(struct mailq *q, struct mailq_file *f);
/* Learns what is unknown, within the rates of the request. */
void mailq_learn(struct mailq *q, const struct mailq_request *request);
/* Finds each queue's oldest message and its Message-ID. */
void mailq_find_oldest(struct mailq *q);

#endif
