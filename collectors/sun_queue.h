/*
 * The queue directories of Sun's Messaging Server: below the queue directory one for each channel, in it
 * files, and with the channel keyword subdirs numbered directories of files (000, 001 ...). The name of a file tells
 * how often it was tried and whether it is held (sun_record.h), its inode how large and how old it is:
 * it is written once, when it is enqueued. Blocks: for a worker. Keeps nothing from one scan to the next.
 */
#ifndef SUN_QUEUE_H
#define SUN_QUEUE_H

#include "../agent/model.h"

#define SUN_CHANNELS_MAX 256

struct sun_queue_channel {
    char name[64];
    uint64_t messages, held, tried; /* held: .HELD; tried: at least once, and not held */
    uint64_t bytes;
    uint64_t buckets[AGE_BUCKETS]; /* messages younger than 5, 10, 20 ... 2560 minutes, and older */
    int64_t oldest_ms;             /* real time; 0: there is none */
    char oldest[300];              /* path of the oldest below the queue directory */
    struct text255 message_id;     /* its Message-ID, absent if the file does not tell */
};

struct sun_queue {
    struct sun_queue_channel *channels; /* room for SUN_CHANNELS_MAX */
    unsigned count;
    enum source_status status; /* SOURCE_OK, _MISSING, _DENIED, _TRUNCATED: too many channels */
    char error[160];
    uint64_t files, duration_us;
};

/* Scans it all. now_ms: real time, for the ages. */
void sun_queue_scan(const char *path, int64_t now_ms, struct sun_queue *q);

#endif
