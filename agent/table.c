/*
 * Cells of a view by OID: a binary search over the rows in index order, straight against the
 * sub-identifiers asked for, then one member turned into a value. SMI's rules live here and nowhere
 * else. Owns nothing; an answer points into the view, a constant or the caller's value.
 */
#include "table.h"

#include <arpa/inet.h>

#define INTEGER_MAX 2147483647
#define K           1024u /* a K-octet of MTA-MIB, which leaves 1000 or 1024 open */

static uint32_t clamp_gauge(uint64_t v)
{
    return v < UINT32_MAX ? (uint32_t)v : UINT32_MAX;
}

/* Milliseconds from `from` to `to`, at least 0, without overflow. */
static uint64_t elapsed_ms(int64_t from, int64_t to)
{
    return from < to ? (uint64_t)to - (uint64_t)from : 0;
}

/* Milliseconds as TimeInterval: INTEGER 0..2147483647 hundredths of a second (RFC 2579). */
static uint64_t interval_cs(uint64_t ms)
{
    return ms / 10 < INTEGER_MAX ? ms / 10 : INTEGER_MAX;
}

static uint64_t number_at(const unsigned char *row, uint32_t offset)
{
    uint64_t v;
    memcpy(&v, row + offset, sizeof v);
    return v;
}

static int64_t instant_at(const unsigned char *row, uint32_t offset)
{
    int64_t v;
    memcpy(&v, row + offset, sizeof v);
    return v;
}

static bool give(struct value *value, enum smi type, uint64_t number)
{
    value->type = type;
    value->number = number;
    return true;
}

static bool give_octets(struct value *value, const void *octets, size_t length)
{
    value->type = SMI_OCTETS;
    value->octets = octets;
    value->length = (uint32_t)length;
    return true;
}

/* Octets of the UTF-8 character at p (RFC 3629); 0: it is none, or a control character but the newline. */
static size_t character(const uint8_t *p, size_t n)
{
    uint8_t c = p[0];
    if (c < 0x80)
        return (c >= 0x20 && c != 0x7f) || c == '\n';
    size_t length = c >= 0xc2 && c < 0xe0   ? 2
                    : (c & 0xf0) == 0xe0    ? 3
                    : c >= 0xf0 && c < 0xf5 ? 4
                                            : 0;
    if (length == 0 || length > n)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool too_long = (c == 0xe0 && p[1] < 0xa0) || (c == 0xf0 && p[1] < 0x90);
    bool no_character = (c == 0xed && p[1] >= 0xa0) || (c == 0xf4 && p[1] >= 0x90);
    return too_long || no_character ? 0 : length;
}

/* SnmpAdminString (RFC 3411) is UTF-8, and texts come from logs: any octet that is not becomes '?'. */
static bool give_characters(struct value *value, const void *octets, size_t length)
{
    const uint8_t *p = octets;
    size_t at = 0;
    while (at < length && p[at] >= 0x20 && p[at] < 0x7f)
        at++;
    if (at == length || length > sizeof value->buffer)
        return give_octets(value, octets, length);
    memcpy(value->buffer, octets, length);
    while (at < length) {
        size_t n = character(p + at, length - at);
        if (n == 0)
            value->buffer[at] = '?';
        at += n ? n : 1;
    }
    return give_octets(value, value->buffer, length);
}

/* What a column `needs` is known. */
static bool known(const struct column *c, const unsigned char *row)
{
    return !c->needs || number_at(row, c->needs) != MODEL_ABSENT;
}

/* The stored messages of an OLDEST_ column are known to be none. */
static bool empty(const struct column *c, const unsigned char *row)
{
    return number_at(row, c->needs) == 0;
}

static bool give_text(const struct column *c, const unsigned char *row, struct value *value)
{
    const unsigned char *member = row + c->offset;
    struct slice text = text_get(member[0], (const char *)member + 1, c->size - 1);
    if (c->kind == COLUMN_OLDEST_TEXT && (!known(c, row) || empty(c, row)))
        text = known(c, row) ? SLICE("") : (struct slice){NULL, 0};
    else if (!text.p && c->kind == COLUMN_TEXT_NEVER && known(c, row))
        text = SLICE("never");
    else if (!text.p && c->kind == COLUMN_TEXT_EMPTY && known(c, row))
        text = SLICE("");
    return text.p && give_characters(value, text.p, text.n);
}

/* Numbers: RFC 2578 section 7.1; counters wrap, gauges latch. */
static bool give_number(const struct column *c, uint64_t v, struct value *value)
{
    if (v == MODEL_ABSENT)
        return false;
    switch (c->kind) {
    case COLUMN_COUNTER32:
        return give(value, SMI_COUNTER32, v & UINT32_MAX);
    case COLUMN_KCOUNTER32:
        return give(value, SMI_COUNTER32, v / K & UINT32_MAX);
    case COLUMN_GAUGE32:
        return give(value, SMI_GAUGE32, clamp_gauge(v));
    case COLUMN_KGAUGE32:
        return give(value, SMI_GAUGE32, clamp_gauge(v / K + (v % K != 0)));
    case COLUMN_ENUM:
        return v > 0 && v <= INTEGER_MAX && give(value, SMI_INTEGER, v);
    case COLUMN_TRUTH: // TruthValue (RFC 2579): true(1), false(2)
        return give(value, SMI_INTEGER, v ? 1 : 2);
    default:
        return give(value, SMI_COUNTER64, v);
    }
}

static bool give_integer(int64_t v, struct value *value)
{
    if (v == INT64_MIN)
        return false;
    v = v > INTEGER_MAX ? INTEGER_MAX : v < -INTEGER_MAX - 1 ? -INTEGER_MAX - 1 : v;
    return give(value, SMI_INTEGER, (uint64_t)v);
}

/* Days since 1970-01-01 as year, month and day of the Gregorian calendar; counts years from March.
 */
static void civil(int64_t days, int64_t *year, uint8_t *month, uint8_t *day)
{
    days += 719468; // from 0000-03-01
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t of_era = days - era * 146097;
    int64_t years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * years + years / 4 - years / 100);
    int64_t march = (5 * of_year + 2) / 153;
    *day = (uint8_t)(of_year - (153 * march + 2) / 5 + 1);
    *month = (uint8_t)(march < 10 ? march + 3 : march - 9);
    *year = years + era * 400 + (*month <= 2);
}

/* DateAndTime with its zone (RFC 2579): year(2) month day hour minute second decisecond sign hours
   minutes. To the nearest decisecond: the two clocks are read a little apart, and what a log says in whole
   seconds must not become the decisecond before, now and then. */
static bool give_date(int64_t instant, const struct table_time *now, struct value *value)
{
    int64_t age, real, local, year;
    int32_t zone = now->zone_min;
    if (__builtin_sub_overflow(now->monotonic_ms, instant, &age) ||
        __builtin_sub_overflow(now->real_ms, age, &real) ||
        __builtin_add_overflow(real, (int64_t)zone * 60000 + 50, &local))
        return false;
    int64_t days = local / 86400000 - (local % 86400000 < 0);
    int64_t ms = local - days * 86400000;
    uint8_t *b = value->buffer;
    civil(days, &year, &b[2], &b[3]);
    if (year < 0 || year > UINT16_MAX)
        return false;
    b[0] = (uint8_t)(year >> 8);
    b[1] = (uint8_t)(year & 0xff);
    b[4] = (uint8_t)(ms / 3600000);
    b[5] = (uint8_t)(ms / 60000 % 60);
    b[6] = (uint8_t)(ms / 1000 % 60);
    b[7] = (uint8_t)(ms / 100 % 10);
    b[8] = zone < 0 ? '-' : '+';
    zone = zone < 0 ? -zone : zone;
    b[9] = (uint8_t)(zone / 60);
    b[10] = (uint8_t)(zone % 60);
    return give_octets(value, b, 11);
}

static bool give_instant(const struct column *c, const unsigned char *row,
                         const struct table_time *now, struct value *value)
{
    int64_t at = instant_at(row, c->offset);
    bool never = at == MODEL_NEVER;
    uint64_t age_ms = elapsed_ms(at, now->monotonic_ms);
    uint64_t until_ms = elapsed_ms(now->monotonic_ms, at);

    switch (c->kind) {
    case COLUMN_TIMESTAMP:
        if (never)
            return known(c, row) && give(value, SMI_TIMETICKS, 0);
        return give(value, SMI_TIMETICKS,
                    age_ms / 10 <= now->uptime_cs ? now->uptime_cs - age_ms / 10 : 0);
    case COLUMN_AGE_TI:
        return !never && give(value, SMI_INTEGER, interval_cs(age_ms));
    case COLUMN_OLDEST_TI:
        if (empty(c, row))
            return give(value, SMI_INTEGER, 0);
        return known(c, row) && !never && give(value, SMI_INTEGER, interval_cs(age_ms));
    case COLUMN_UNTIL_TI:
        if (never)
            return known(c, row) && give(value, SMI_INTEGER, 0);
        return give(value, SMI_INTEGER, interval_cs(until_ms));
    case COLUMN_AGE_S:
        return !never && give(value, SMI_GAUGE32, clamp_gauge(age_ms / 1000));
    case COLUMN_UNTIL_S:
        return !never && give(value, SMI_GAUGE32, clamp_gauge(until_ms / 1000));
    default:
        return !never && give_date(at, now, value);
    }
}

/* A TCP port as {applTCPProtoID port} (RFC 2788); 0 is zeroDotZero. */
static bool give_protocol(uint64_t port, struct value *value)
{
    static const uint32_t tcp[] = {1, 3, 6, 1, 2, 1, 27, 4};
    if (port == MODEL_ABSENT || port > UINT16_MAX)
        return false;
    value->type = SMI_OID;
    if (port == 0) {
        value->oid[0] = value->oid[1] = 0;
        value->length = 2;
        return true;
    }
    memcpy(value->oid, tcp, sizeof tcp);
    value->oid[8] = (uint32_t)port;
    value->length = 9;
    return true;
}

static bool give_oid(const struct oid_value *oid, struct value *value)
{
    if (oid->length > OID_PARTS)
        return false;
    value->type = SMI_OID;
    value->oid[0] = value->oid[1] = 0;
    memcpy(value->oid, oid->parts, oid->length * sizeof oid->parts[0]);
    value->length = oid->length < 2 ? 2 : oid->length;
    return true;
}

/* The first accessible cell of row `number` of a table (RowPointer, RFC 2579). */
static bool give_row(const struct table *t, uint64_t number, struct value *value)
{
    struct oid_value oid = {0};
    if (number == MODEL_ABSENT || number > UINT32_MAX)
        return false;
    if (number) {
        memcpy(oid.parts, t->entry, t->entry_length * sizeof oid.parts[0]);
        oid.parts[t->entry_length] = t->columns[0].id;
        oid.parts[t->entry_length + 1] = (uint32_t)number;
        oid.length = t->entry_length + 2;
    }
    return give_oid(&oid, value);
}

/* BITS (RFC 2578 section 7.1.4): the first bit is the highest of the first octet. */
static bool give_bits(uint64_t v, struct value *value)
{
    if (v == MODEL_ABSENT)
        return false;
    value->buffer[0] = 0;
    for (unsigned bit = 0; bit < 8; bit++)
        if (v >> bit & 1)
            value->buffer[0] |= (uint8_t)(0x80u >> bit);
    return give_octets(value, value->buffer, 1);
}

/* InetAddressType (RFC 4001) of a row with an address: ipv4(1) or ipv6(2). */
static uint32_t address_length(const unsigned char *row)
{
    return ((const struct row *)(const void *)row)->key[1] == 1 ? 4 : 16;
}

static bool give_address(const struct column *c, const unsigned char *row, struct value *value)
{
    char *text = (char *)value->buffer;
    int family = address_length(row) == 4 ? AF_INET : AF_INET6;
    if (!inet_ntop(family, row + c->offset, text, sizeof value->buffer))
        return false;
    return give_octets(value, text, strlen(text));
}

bool table_cell(const struct table *t, const struct column *c, const struct view *v,
                const void *row_, const struct table_time *now, struct value *value)
{
    const unsigned char *row = row_;
    uint32_t part;

    if (t->presence_offset && number_at(row, t->presence_offset) != 1)
        return false;
    switch (c->kind) {
    case COLUMN_TEXT:
    case COLUMN_TEXT_NEVER:
    case COLUMN_TEXT_EMPTY:
    case COLUMN_OLDEST_TEXT:
        return give_text(c, row, value);
    case COLUMN_INTEGER:
        return give_integer(instant_at(row, c->offset), value);
    case COLUMN_TIMESTAMP:
    case COLUMN_AGE_TI:
    case COLUMN_OLDEST_TI:
    case COLUMN_UNTIL_TI:
    case COLUMN_AGE_S:
    case COLUMN_UNTIL_S:
    case COLUMN_DATE:
        return give_instant(c, row, now, value);
    case COLUMN_MODEL_AGE:
        return give(value, SMI_GAUGE32,
                    clamp_gauge(elapsed_ms(v->monotonic_ms, now->monotonic_ms)));
    case COLUMN_PROTOCOL:
        return give_protocol(number_at(row, c->offset), value);
    case COLUMN_KEY:
        memcpy(&part, row + c->offset, sizeof part);
        return give(value, SMI_INTEGER, part);
    case COLUMN_ADDRESS:
        return give_address(c, row, value);
    case COLUMN_OID:
        return give_oid((const void *)(row + c->offset), value);
    case COLUMN_ROW:
        return give_row(c->points, number_at(row, c->offset), value);
    case COLUMN_BITS:
        return give_bits(number_at(row, c->offset), value);
    default:
        return give_number(c, number_at(row, c->offset), value);
    }
}

bool table_number(const struct table *t, const struct column *c, const void *row,
                  const struct table_time *now, int64_t *number)
{
    struct value value;
    uint64_t v;
    switch (c->kind) {
    case COLUMN_COUNTER32:
    case COLUMN_COUNTER64:
    case COLUMN_GAUGE32:
    case COLUMN_GAUGE64:
        v = number_at(row, c->offset);
        if (v == MODEL_ABSENT || (t->presence_offset && number_at(row, t->presence_offset) != 1))
            return false;
        break;
    case COLUMN_MODEL_AGE:
        return false;
    default:
        if (!table_cell(t, c, NULL, row, now, &value) || value.type == SMI_OCTETS ||
            value.type == SMI_OID)
            return false;
        v = value.number;
        if (value.type == SMI_INTEGER) {
            *number = (int64_t)v;
            return true;
        }
    }
    *number = v < INT64_MAX ? (int64_t)v : INT64_MAX;
    return true;
}

uint32_t table_column_from(const struct table *t, uint32_t column_id)
{
    uint32_t low = 0, high = t->column_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (t->columns[middle].id < column_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct column *table_column(const struct table *t, uint32_t column_id)
{
    uint32_t at = table_column_from(t, column_id);
    return at < t->column_count && t->columns[at].id == column_id ? &t->columns[at] : NULL;
}

uint32_t table_index(const struct table *t, const void *row, uint32_t index[OID_MAX])
{
    const struct model_kind *k = &model_kinds[t->rows];
    uint32_t n = k->keys;
    if (t->scalar) {
        index[0] = 0;
        return 1;
    }
    memcpy(index, ((const struct row *)row)->key, n * sizeof index[0]);
    if (k->address_offset) {
        uint32_t length = address_length(row);
        index[n++] = length;
        for (uint32_t i = 0; i < length; i++)
            index[n++] = ((const uint8_t *)row)[k->address_offset + i];
    }
    return n;
}

/*
 * Compares a row's index with the sub-identifiers asked for, as OIDs are ordered: part by part, and
 * the shorter of two that agree comes first.
 */
static int compare(const struct model_kind *k, const unsigned char *row, const uint32_t *index,
                   uint32_t n)
{
    const uint32_t *key = ((const struct row *)(const void *)row)->key;
    uint32_t parts = n < k->keys ? n : k->keys;
    for (uint32_t i = 0; i < parts; i++)
        if (key[i] != index[i])
            return key[i] < index[i] ? -1 : 1;
    if (n < k->keys)
        return 1;
    index += parts;
    n -= parts;
    if (!k->address_offset)
        return n ? -1 : 0;
    if (n == 0)
        return 1;

    const uint8_t *address = row + k->address_offset;
    uint32_t length = address_length(row);
    if (length != index[0])
        return length < index[0] ? -1 : 1;
    parts = n - 1 < length ? n - 1 : length;
    for (uint32_t i = 0; i < parts; i++)
        if (address[i] != index[i + 1])
            return address[i] < index[i + 1] ? -1 : 1;
    return parts < length ? 1 : n - 1 > length ? -1 : 0;
}

/* The first row whose index is not below `index`; *equal: it is that one. */
static uint32_t seek(const struct table *t, const struct view *v, const uint32_t *index, uint32_t n,
                     bool *equal)
{
    const struct model_kind *k = &model_kinds[t->rows];
    const struct view_table *rows = &v->tables[t->rows];
    uint32_t low = 0, high = rows->count;
    *equal = false;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int c = compare(k, rows->rows + (size_t)middle * rows->row_size, index, n);
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
        *equal = *equal || c == 0;
    }
    return low;
}

bool table_get(const struct table *t, const struct view *v, const struct table_time *now,
               uint32_t column_id, const uint32_t *index, uint32_t index_length,
               struct value *value)
{
    const struct column *c = table_column(t, column_id);
    const struct view_table *rows = &v->tables[t->rows];
    bool equal = index_length == 1 && index[0] == 0 && rows->count > 0;
    uint32_t i = 0;
    if (!t->scalar)
        i = seek(t, v, index, index_length, &equal);
    return c && equal && table_cell(t, c, v, rows->rows + (size_t)i * rows->row_size, now, value);
}

bool table_next(const struct table *t, const struct view *v, const struct table_time *now,
                uint32_t column_id, const uint32_t *index, uint32_t index_length, uint32_t *next,
                uint32_t *next_length, struct value *value)
{
    const struct column *c = table_column(t, column_id);
    const struct view_table *rows = &v->tables[t->rows];
    uint32_t count = rows->count, i = 0;
    bool equal;
    if (!c)
        return false;
    if (t->scalar) { // one cell, with the least index there is: 0
        count = index_length == 0 && count > 0;
    } else if (index_length > 0) {
        i = seek(t, v, index, index_length, &equal);
        i += equal;
    }
    for (; i < count; i++) {
        const unsigned char *row = rows->rows + (size_t)i * rows->row_size;
        if (!table_cell(t, c, v, row, now, value))
            continue;
        *next_length = table_index(t, row, next);
        return true;
    }
    return false;
}
