/*
 * A view as text. Knows how snmpwalk writes a value by name; everything about the value itself
 * comes from table.c. All index parts are plain numbers, so that a line does not depend on loaded
 * MIBs.
 */
#include "dump.h"
#include "tables.h"

#define ROOM (64 * 1024)

/* What is to be written. A dump has 10,000s of lines, and stdio's calls for each part of each were most of its cost. */
struct output {
    FILE *file;
    size_t n;
    char text[ROOM];
};

static void flush(struct output *out)
{
    fwrite(out->text, 1, out->n, out->file);
    out->n = 0;
}

static void put_character(struct output *out, char c)
{
    if (out->n >= ROOM)
        flush(out);
    out->text[out->n++] = c;
}

/* n is far below ROOM: a name, a label, a number. */
static void put_few(struct output *out, const char *text, size_t n)
{
    if (n > ROOM - out->n)
        flush(out);
    memcpy(out->text + out->n, text, n);
    out->n += n;
}

static void put(struct output *out, const char *text)
{
    put_few(out, text, strlen(text));
}

static void put_number(struct output *out, const char *before, uint64_t number)
{
    char digits[20], *p = digits + sizeof digits;
    do
        *--p = (char)('0' + number % 10);
    while (number /= 10);
    put(out, before);
    put_few(out, p, (size_t)(digits + sizeof digits - p));
}

static void put_two_digits(struct output *out, const char *before, uint64_t number)
{
    put(out, before);
    put_character(out, (char)('0' + number / 10 % 10));
    put_character(out, (char)('0' + number % 10));
}

static void put_hex(struct output *out, const char *before, uint8_t octet, const char *digits)
{
    put(out, before);
    put_character(out, digits[octet >> 4]);
    put_character(out, digits[octet & 15]);
}

/* Text: what is not printable ASCII, and the backslash, as \xHH. */
static void put_text(struct output *out, const struct value *value)
{
    for (uint32_t i = 0; i < value->length; i++) {
        uint8_t c = value->octets[i];
        if (c < ' ' || c > '~' || c == '\\')
            put_hex(out, "\\x", c, "0123456789abcdef");
        else
            put_character(out, (char)c);
    }
}

static void put_oid(struct output *out, const struct column *c, const struct value *value)
{
    if (value->length == 2) {
        put(out, "OID: SNMPv2-SMI::zeroDotZero");
        return;
    }
    bool protocol = c->kind == COLUMN_PROTOCOL;
    put(out, protocol ? "OID: NETWORK-SERVICES-MIB::applTCPProtoID" : "OID: ");
    for (uint32_t i = protocol ? value->length - 1 : 0; i < value->length; i++)
        put_number(out, ".", value->oid[i]);
}

/* DateAndTime by its display hint 2d-1d-1d,1d:1d:1d.1d,1a1d:1d (RFC 2579). */
static void put_date(struct output *out, const struct value *value)
{
    static const char *const before[] = {"-", "-", ",", ":", ":", "."};
    const uint8_t *b = value->octets;
    put_number(out, "", (unsigned)b[0] << 8 | b[1]);
    for (unsigned i = 0; i < sizeof before / sizeof before[0]; i++)
        put_number(out, before[i], b[i + 2]);
    put(out, ",");
    put_character(out, (char)b[8]);
    put_number(out, "", b[9]);
    put_number(out, ":", b[10]);
}

static void put_ticks(struct output *out, uint64_t cs)
{
    uint64_t days = cs / 8640000;
    put_number(out, "Timeticks: (", cs);
    put(out, ") ");
    if (days) {
        put_number(out, "", days);
        put(out, days == 1 ? " day, " : " days, ");
    }
    put_number(out, "", cs / 360000 % 24);
    put_two_digits(out, ":", cs / 6000 % 60);
    put_two_digits(out, ":", cs / 100 % 60);
    put_two_digits(out, ".", cs % 100);
}

static void put_integer(struct output *out, const struct column *c, uint64_t number)
{
    static const char *const truth[] = {"true", "false", NULL};
    const char *const *labels = c->kind == COLUMN_TRUTH ? truth : c->labels;
    uint64_t count = 0;
    while (labels && labels[count])
        count++;
    put(out, "INTEGER: ");
    if (number >= 1 && number <= count) {
        put(out, labels[number - 1]);
        put_number(out, "(", number);
        put(out, ")");
    } else if (number > INT64_MAX) {
        put_number(out, "-", -number);
    } else {
        put_number(out, "", number);
    }
}

/* The octets, then each bit that is set with its label, where it has one; snmpwalk ends each with a space. */
static void put_bits(struct output *out, const struct column *c, const struct value *value)
{
    unsigned count = 0;
    while (c->labels && c->labels[count])
        count++;
    put(out, "BITS: ");
    for (uint32_t i = 0; i < value->length; i++) {
        put_hex(out, "", value->octets[i], "0123456789ABCDEF");
        put(out, " ");
    }
    for (uint32_t bit = 0; bit < 8 * value->length; bit++) {
        if (!(value->octets[bit / 8] & 0x80 >> bit % 8))
            continue;
        put(out, bit < count ? c->labels[bit] : "");
        put_number(out, bit < count ? "(" : "", bit);
        put(out, bit < count ? ") " : " ");
    }
}

static void put_octets(struct output *out, const struct column *c, const struct value *value)
{
    if (c->kind == COLUMN_BITS) {
        put_bits(out, c, value);
        return;
    }
    put(out, "STRING: ");
    if (c->kind == COLUMN_DATE)
        put_date(out, value);
    else
        put_text(out, value);
}

static void put_value(struct output *out, const struct column *c, const struct value *value)
{
    switch (value->type) {
    case SMI_INTEGER:
        put_integer(out, c, value->number);
        break;
    case SMI_OCTETS:
        put_octets(out, c, value);
        break;
    case SMI_OID:
        put_oid(out, c, value);
        break;
    case SMI_COUNTER32:
        put_number(out, "Counter32: ", value->number);
        break;
    case SMI_GAUGE32:
        put_number(out, "Gauge32: ", value->number);
        break;
    case SMI_TIMETICKS:
        put_ticks(out, value->number);
        break;
    case SMI_COUNTER64:
        put_number(out, "Counter64: ", value->number);
        break;
    }
}

static void put_cell(struct output *out, const struct table *t, const struct column *c,
                     const struct view *v, const void *row, const struct table_time *now)
{
    struct value value;
    uint32_t index[OID_MAX];
    if (!table_cell(t, c, v, row, now, &value))
        return;
    uint32_t n = table_index(t, row, index);
    put(out, t->module);
    put(out, "::");
    put(out, c->name);
    for (uint32_t i = 0; i < n; i++)
        put_number(out, ".", index[i]);
    put(out, " = ");
    put_value(out, c, &value);
    put(out, "\n");
}

bool dump_view(const struct view *v, const struct table_time *now, FILE *file)
{
    static struct output out;
    out.file = file;
    for (uint32_t i = 0; i < tables_count; i++) {
        const struct table *t = tables[i];
        const struct view_table *rows = &v->tables[t->rows];
        uint32_t count = t->scalar && rows->count ? 1 : rows->count;
        for (uint32_t k = 0; k < t->column_count; k++)
            for (uint32_t r = 0; r < count; r++)
                put_cell(&out, t, &t->columns[k], v, rows->rows + (size_t)r * rows->row_size, now);
    }
    flush(&out);
    return fflush(file) == 0 && !ferror(file);
}
