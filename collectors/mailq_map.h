/*
 * The files of all queues of one instance by queue id: a dense array of 24 octets a file, and an
 * open-addressing index of 4 octets a slot into it. The array can be passed over at the speed of
 * memory. New files are put at its end; removing one moves the last into its place, so a pointer to
 * a file holds only until the next call of mailq_map_place or mailq_map_remove. What must be learnt of a file
 * is in an array of its own, which a scan does not touch.
 */
#ifndef MAILQ_MAP_H
#define MAILQ_MAP_H

#include "event.h"

enum mailq_file_flag {
    MAILQ_FILE_SIZED = 1 << 0,   /* size and pending are known */
    MAILQ_FILE_ASKED = 1 << 1,   /* the log was asked at asked_s */
    MAILQ_FILE_WAITED = 1 << 2,  /* ... and once before: it had its time */
    MAILQ_FILE_READ = 1 << 3,    /* the file was read; it is never read again */
    MAILQ_FILE_WRITING = 1 << 4, /* still being written: not counted */
    MAILQ_FILE_HELD = 1 << 6,
    MAILQ_FILE_CHANGED = 1 << 7, /* what is known of it may be over */
    MAILQ_FILE_SEEN = 1 << 5     /* equals the scan's mark: found by the last scan or since */
};

struct mailq_file {
    struct queue_id id;
    uint32_t arrival_s; /* since the epoch, 0: unknown */
    uint16_t directory; /* mailq_tree.h */
    uint8_t flags;      /* enum mailq_file_flag */
    uint8_t asked_s;    /* low bits of the monotonic second */
};

/* What was learnt of a file. */
struct mailq_learnt {
    uint32_t size;    /* octets, UINT32_MAX: that or more */
    uint32_t pending; /* recipients */
    uint32_t retry_s; /* since the epoch, 0: unknown */
};

struct mailq_map {
    struct mailq_file *files;
    struct mailq_learnt *learnt; /* of the file at the same position; zero behind the last */
    uint32_t count, room;
    uint32_t *slots; /* 0: empty; else position + 1 in the low 26 bits, a tag of the hash above */
    uint32_t slot_count;
    uint64_t seed;
};

/* More files than this are not kept. */
#define MAILQ_MAP_MAX ((1u << 26) - 2)

/* Makes an empty map; false when memory is short. */
bool mailq_map_init(struct mailq_map *m);
void mailq_map_free(struct mailq_map *m);
/* Makes room for so many files at once. */
bool mailq_map_reserve(struct mailq_map *m, size_t files);
/* Gives back what a reservation took too much. */
void mailq_map_trim(struct mailq_map *m);
static inline uint64_t mailq_map_hash(const struct mailq_map *m, struct queue_id id)
{
    uint64_t h = (id.lo ^ m->seed) * 0xff51afd7ed558ccdu;
    h = (h ^ (h >> 32) ^ id.hi) * 0xc4ceb9fe1a85ec53u;
    h = (h ^ (h >> 29)) * 0x9e3779b97f4a7c15u;
    return h ^ (h >> 32);
}
/* Brings the hash's slot near; some files later the call that needs it does not wait. */
static inline void mailq_map_prefetch(const struct mailq_map *m, uint64_t hash)
{
    __builtin_prefetch(&m->slots[((hash >> 32) * m->slot_count) >> 32]);
}
/* When the slot is near: the same for the file that it most likely names. */
void mailq_map_prefetch_file(const struct mailq_map *m, uint64_t hash);
/* What was learnt of a file that is in the map; all zero at first. */
static inline struct mailq_learnt *mailq_map_learnt(const struct mailq_map *m,
                                                    const struct mailq_file *file)
{
    return &m->learnt[file - m->files];
}
/* The file with this id, or NULL. hash = mailq_map_hash(m, id), also below. */
struct mailq_file *mailq_map_find(const struct mailq_map *m, struct queue_id id, uint64_t hash);
/* The file with this id, all zero (but for its id) and *fresh set if it is new; NULL when memory is
 * short. */
struct mailq_file *mailq_map_place(struct mailq_map *m, struct queue_id id, uint64_t hash,
                                   bool *fresh);
/*
 * An empty map is filled at once: files are appended in any order, and indexed all together when one is first
 * sought. Until then they may be visited, but no other call than these, reserve and trim.
 */
bool mailq_map_more(struct mailq_map *m); /* room for those; false: memory is short */
static inline struct mailq_file *mailq_map_append(struct mailq_map *m, struct queue_id id)
{
    if (m->count == m->room && !mailq_map_more(m))
        return NULL;
    struct mailq_file *f = &m->files[m->count++];
    *f = (struct mailq_file){.id = id};
    return f;
}
/* Makes an index with room for all files, in which none is; false: memory is short. */
bool mailq_map_index(struct mailq_map *m);
/* Enters files from a position on, until the end or one whose id is that of an earlier one, which becomes *before.
   Returns the position of that, or the count of files. */
uint32_t mailq_map_enter(struct mailq_map *m, uint32_t position, struct mailq_file **before);
/* Takes out a file that was not entered; the last one, which was not either, takes its place. */
void mailq_map_cut(struct mailq_map *m, uint32_t position);
/* Removes a file that is in the map. */
void mailq_map_remove(struct mailq_map *m, struct mailq_file *file);
/* Octets of memory in use. */
size_t mailq_map_memory(const struct mailq_map *m);

#endif
