/*
 * The model: the facts of one moment, as flat rows without pointers. Collectors write the live model
 * (one process, one thread), slots.c hands copies of it to other processes, table.c names its cells
 * as OIDs, store.c keeps what must outlive the process. This header has the kinds of rows and what is
 * done to rows of any kind; their members are in model_mail.h, model_service.h, model_host.h and
 * model_agent.h.
 *
 * Who owns what: `struct model` owns its rows; a row's address never changes while the row exists, so
 * a collector may keep a pointer to a row it placed until it removes it. Rows are placed anywhere and
 * visited in index order through `order`.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include "model_agent.h"
#include "model_host.h"
#include "model_mail.h"
#include "model_service.h"

/* The shared memory has room for this many times the default capacities; more cannot be configured. */
#define MODEL_CAPACITY_FACTOR 16

/* In the store a kind of row is known by its number here: add at the end. */
enum model_table {
    MODEL_AGENT,
    MODEL_APPL,
    MODEL_ASSOC,
    MODEL_GROUP,
    MODEL_GROUP_ASSOC,
    MODEL_GROUP_ERROR,
    MODEL_SOURCE,
    MODEL_AGE,
    MODEL_ENTRY,
    MODEL_DESTINATION,
    MODEL_CONNECTION,
    MODEL_PEER,
    MODEL_ACCESS,
    MODEL_RESPONSE,
    MODEL_STEP,
    MODEL_ROUTE,
    MODEL_DISK,
    MODEL_PROCESS,
    MODEL_LOG_EVENT,
    MODEL_QUOTA,
    MODEL_QUOTA_TOTALS,
    MODEL_MAIL_STORE,
    MODEL_FILE_WATCH,
    MODEL_SESSION,
    MODEL_HOST,
    MODEL_ALARM,
    MODEL_ALARM_LOG,
    MODEL_DS,
    MODEL_DS_OPS,
    MODEL_DS_INT,
    MODEL_TRANSITION,
    MODEL_TABLES
};

/* What the model, the store and the slots must know of a kind of row. */
struct model_kind {
    const char *name;
    uint32_t row_size;
    uint32_t keys;                   /* integer parts of the index, 1..3 */
    uint32_t address_offset;         /* of an InetAddress that ends the index, or 0 */
    uint32_t capacity;               /* default */
    uint32_t stored_from, stored_to; /* the bytes that the store keeps; equal: none */
    const uint32_t *instants;        /* offsets of the instants among them, ends with 0 */
    const void *initial;             /* a fresh row */
};
extern const struct model_kind model_kinds[MODEL_TABLES];

/* The rows of one kind. */
struct rows {
    unsigned char *base; /* capacity * row_size, reserved at once, touched as used */
    uint32_t *order;     /* positions of the rows that exist, in index order */
    uint32_t count;      /* how many exist */
    uint32_t high;       /* positions ever used */
    uint32_t capacity;
    uint32_t row_size;
    uint32_t *free_list; /* positions to use again */
    uint32_t free_count;
    uint32_t *dirty_list; /* positions whose `dirty` is set */
    uint32_t dirty_count;
    bool unsorted;       /* `order` must be sorted before it is used */
    uint64_t overflow;   /* rows left out because the table was full */
    uint64_t generation; /* grows at every change that a reader should see */
    uint64_t touched; /* the generation at which any rows may have changed; later it is those that
                            are stale */
};

struct model {
    struct rows tables[MODEL_TABLES];
};

/*
 * Which line of a log is in work, in memory that outlives the collect process, so that its successor
 * knows on which line it died.
 */
struct model_work {
    uint64_t file;                 /* inode of the log */
    uint64_t line;                 /* offset of the line in work + 1; 0: none */
    uint64_t died_file, died_line; /* the line on which the last death happened */
    uint64_t deaths;               /* how many in a row happened on it */
};

/*
 * Makes an empty model; capacities[i] == 0 takes the default. Memory is reserved, not touched.
 * Returns false with errno when it cannot be had.
 */
bool model_init(struct model *m, const uint32_t capacities[MODEL_TABLES]);
void model_free(struct model *m);

/* The row with this index, or NULL. `address` (16 octets, zero padded) only for kinds that have one. */
void *model_find(const struct model *m, enum model_table t, const uint32_t key[3],
                 const uint8_t *address);
/* The row with this index, made from the kind's initial row if it is new; NULL when full (counted). */
void *model_place(struct model *m, enum model_table t, const uint32_t key[3],
                  const uint8_t *address);
/*
 * Restores a row that the store has, at its position; NULL if the position is taken or out of range or
 * the index exists already.
 */
void *model_place_at(struct model *m, enum model_table t, uint32_t position, const uint32_t key[3],
                     const uint8_t *address);
/*
 * Removes a row; its position may be used again at once. If the store has a record of it, it is in the
 * dirty list (with used == 0, unless the position was used again) until the next checkpoint.
 */
void model_remove(struct model *m, enum model_table t, void *row);
/*
 * Removes the rows that the store remembered and nobody named since, as they are no longer configured: those whose text
 * at this offset is absent.
 */
void model_remove_nameless(struct model *m, enum model_table t, size_t name_offset);
/*
 * Forgets the dirty list, after a checkpoint took it: put each position of the list with used == 1,
 * deleted those with used == 0 and stored == 1. Sets `stored` accordingly.
 */
void model_clean(struct model *m, enum model_table t);
/* The i-th row in index order, i < count. */
static inline void *model_row(const struct model *m, enum model_table t, uint32_t i)
{
    const struct rows *r = &m->tables[t];
    return r->base + (size_t)r->order[i] * r->row_size;
}
/* The position of a row, which is its name in the store. */
static inline uint32_t model_position(const struct model *m, enum model_table t, const void *row)
{
    const struct rows *r = &m->tables[t];
    return (uint32_t)((size_t)((const unsigned char *)row - r->base) / r->row_size);
}
/*
 * Gives a row another index and its initial members, in its position: for tables whose rows come and
 * go all the time. The order of the table is not kept; model_sort must be called before anything but
 * model_rekey, model_dirty and model_position is used on it again.
 */
void model_rekey(struct model *m, enum model_table t, void *row, const uint32_t key[3],
                 const uint8_t *address);
void model_sort(struct model *m, enum model_table t);

/* Says that only levels of this row changed: the next slots take it, the store does not. */
static inline void model_touch_row(struct model *m, enum model_table t, void *row)
{
    ((struct row *)row)->stale = UINT8_MAX;
    m->tables[t].generation++;
}
/* Says that this row's stored members changed: the next checkpoint and the next slots take it. */
static inline void model_dirty(struct model *m, enum model_table t, void *row)
{
    struct rows *r = &m->tables[t];
    struct row *head = row;
    model_touch_row(m, t, row);
    if (!head->dirty) {
        head->dirty = 1;
        r->dirty_list[r->dirty_count++] =
            (uint32_t)((size_t)((unsigned char *)row - r->base) / r->row_size);
    }
}
/* The same of any rows of a table: the next slots take it whole. */
static inline void model_touch(struct model *m, enum model_table t)
{
    m->tables[t].touched = ++m->tables[t].generation;
}

/* Compares two rows of a kind by index: <0, 0, >0. */
int model_compare(enum model_table t, const void *a, const void *b);

#endif
