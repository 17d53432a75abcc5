/*
 * MIB tables as data: one line per column names a member of a row and how it is served. table_get
 * and table_next find cells in a view by binary search; SMI's rules (wrap, latch, TimeStamp,
 * TimeInterval, what is absent) live here, once. Pure: no I/O, no clock, no allocation.
 */
#ifndef TABLE_H
#define TABLE_H

#include "slots.h"

#define OID_MAX 128

/* The type on the wire. */
enum smi {
    SMI_INTEGER = 0x02,
    SMI_OCTETS = 0x04,
    SMI_OID = 0x06,
    SMI_COUNTER32 = 0x41,
    SMI_GAUGE32 = 0x42,
    SMI_TIMETICKS = 0x43,
    SMI_COUNTER64 = 0x46
};

/* How a member becomes a value. */
enum column_kind {
    COLUMN_COUNTER32, /* uint64_t, modulo 2^32 */
    COLUMN_COUNTER64, /* uint64_t */
    COLUMN_GAUGE32,   /* uint64_t, latches at 2^32-1; also Unsigned32 */
    COLUMN_GAUGE64,   /* uint64_t as Counter64 (CounterBasedGauge64) */
    COLUMN_INTEGER, /* int64_t clamped to Integer32, INT64_MIN absent; also negative enumerations */
    COLUMN_ENUM,    /* uint64_t as INTEGER 1..2147483647, 0 absent; labels in struct column */
    COLUMN_TRUTH,   /* uint64_t 0/1 as TruthValue 2/1 */
    COLUMN_TEXT,    /* text member */
    COLUMN_TEXT_NEVER,  /* text member, "never" when it is absent */
    COLUMN_TEXT_EMPTY,  /* text member, "" when it is absent */
    COLUMN_OLDEST_TEXT, /* text member, "" when `needs` (the stored messages) is 0 */
    COLUMN_KCOUNTER32,  /* octets as K-octets of 1024, Counter32 */
    COLUMN_KGAUGE32,    /* octets as K-octets, rounded up, Gauge32 */
    COLUMN_TIMESTAMP,   /* instant as sysUpTime then; 0 before the agent started or never */
    COLUMN_AGE_TI,      /* instant as TimeInterval since then; absent when never */
    COLUMN_OLDEST_TI,   /* the same, but 0 when `needs` (the stored messages) is 0 */
    COLUMN_UNTIL_TI,    /* instant as TimeInterval until then; 0 when past or never */
    COLUMN_AGE_S,       /* instant as seconds since then, Gauge32; absent when never */
    COLUMN_UNTIL_S,     /* instant as seconds until then, Gauge32; 0 when past, absent when never */
    COLUMN_MODEL_AGE,   /* ms since the view was published, Gauge32; no member */
    COLUMN_DATE,        /* instant as DateAndTime (11 octets, local zone); absent when never */
    COLUMN_PROTOCOL,    /* uint64_t port as applTCPProtoID.port; 0 is 0.0 */
    COLUMN_KEY,         /* uint32_t part of the index as INTEGER */
    COLUMN_ADDRESS,     /* the peer's address as text; the member has its octets */
    COLUMN_OID,         /* struct oid_value; of length 0 it is 0.0 */
    COLUMN_ROW, /* uint64_t, the index of a row of the table that `points` names, as its first cell's
                           name (RowPointer); 0 is 0.0 */
    COLUMN_BITS /* uint64_t as BITS of one octet: bit 0 of the number is bit 0, the first */
};

struct table;
struct column {
    const char *name; /* the object's descriptor */
    uint32_t id;      /* its last sub-identifier */
    enum column_kind kind;
    uint32_t offset; /* of the member */
    uint32_t size;   /* of the member */
    /* 0, or the offset of a uint64_t without which the value that stands for "never" is not known:
       while that is MODEL_ABSENT, a cell that never got a value is absent. */
    uint32_t needs;
    /* COLUMN_ENUM: label of value i+1, NULL: plain number; COLUMN_BITS: of bit i. Ends with NULL. */
    const char *const *labels;
    /* COLUMN_ENUM: what is so when the value is i+1, as the predicate of a sentence ("is down"); NULL: none. */
    const char *const *phrases;
    const struct table *points; /* COLUMN_ROW */
};

/* Does it only grow, so that what is worth to know of it is its rate? */
static inline bool column_is_counter(const struct column *c)
{
    return c->kind == COLUMN_COUNTER32 || c->kind == COLUMN_COUNTER64 ||
           c->kind == COLUMN_KCOUNTER32;
}

struct table {
    const char *module; /* "MTA-MIB" */
    const char *name;   /* "mtaGroupTable"; scalars: the name of their group */
    uint32_t entry[16]; /* OID of the entry; scalars: of the group */
    uint32_t entry_length;
    bool scalar;       /* cells are entry.id.0, else entry.id.index */
    const char *index; /* names of the index objects: "applIndex,mtaGroupIndex"; NULL for scalars */
    enum model_table rows;
    const struct column *columns; /* in order of id */
    uint32_t column_count;
    /* 0, or the offset of a uint64_t that must be 1 for a row to be here */
    uint32_t presence_offset;
};

/* All tables, in OID order. */
extern const struct table *const tables[];
extern const uint32_t tables_count;

/* The moment at which a view is served. */
struct table_time {
    int64_t monotonic_ms;
    int64_t real_ms;
    uint32_t uptime_cs; /* sysUpTime of the master */
    int32_t zone_min;   /* local time minus UTC, for DateAndTime */
};

/* A value: `octets` points into the view, into a constant or into `buffer`. */
struct value {
    enum smi type;
    uint64_t number; /* INTEGER as two's complement */
    const uint8_t *octets;
    uint32_t length; /* octets, or sub-identifiers in oid */
    uint32_t oid[OID_PARTS];
    uint8_t buffer[256];
};

/* GET: the cell column.index; false: there is none. `index` are the sub-identifiers after the
 * column. */
bool table_get(const struct table *t, const struct view *v, const struct table_time *now,
               uint32_t column_id, const uint32_t *index, uint32_t index_length,
               struct value *value);
/*
 * GETNEXT within a column: the first cell whose index is greater than `index` (index_length 0: the
 * first of all). On success `next` (OID_MAX long) and *next_length are its index.
 */
bool table_next(const struct table *t, const struct view *v, const struct table_time *now,
                uint32_t column_id, const uint32_t *index, uint32_t index_length, uint32_t *next,
                uint32_t *next_length, struct value *value);

/* The position of the first column whose last sub-identifier is not below; column_count: there is none. */
uint32_t table_column_from(const struct table *t, uint32_t column_id);
/* The column with this last sub-identifier, or NULL. */
const struct column *table_column(const struct table *t, uint32_t column_id);
/* The index of row i of the view as sub-identifiers; returns how many. */
uint32_t table_index(const struct table *t, const void *row, uint32_t index[OID_MAX]);
/* One cell of a row; false when it is absent. */
bool table_cell(const struct table *t, const struct column *c, const struct view *v,
                const void *row, const struct table_time *now, struct value *value);

/*
 * A cell as a number that can be judged: counters whole, not modulo 2^32; enumerations and TruthValue
 * as SNMP shows them. false: it is absent, or not a number.
 */
bool table_number(const struct table *t, const struct column *c, const void *row,
                  const struct table_time *now, int64_t *number);

#endif
