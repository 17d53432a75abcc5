/*
 * A view as text. Knows how snmpwalk writes a value by name; everything about the value itself
 * comes from table.c. All index parts are plain numbers, so that a line does not depend on loaded
 * MIBs.
 */
#include "dump.h"
#include "tables.h"

#include <inttypes.h>

/* What is printed most: calls of printf would be half of what a dump costs. */
static void print_number(const char *before, uint64_t number, FILE *out)
{
    char digits[20], *p = digits + sizeof digits;
    do
        *--p = (char)('0' + number % 10);
    while (number /= 10);
    fputs_unlocked(before, out);
    fwrite_unlocked(p, 1, (size_t)(digits + sizeof digits - p), out);
}

/* Text: what is not printable ASCII, and the backslash, as \xHH. */
static void print_text(const struct value *value, FILE *out)
{
    for (uint32_t i = 0; i < value->length; i++) {
        uint8_t c = value->octets[i];
        if (c < ' ' || c > '~' || c == '\\')
            fprintf(out, "\\x%02x", c);
        else
            fputc_unlocked(c, out);
    }
}

static void print_oid(const struct column *c, const struct value *value, FILE *out)
{
    if (value->length == 2) {
        fputs("OID: SNMPv2-SMI::zeroDotZero", out);
        return;
    }
    fputs(c->kind == COLUMN_PROTOCOL ? "OID: NETWORK-SERVICES-MIB::applTCPProtoID" : "OID: ", out);
    for (uint32_t i = c->kind == COLUMN_PROTOCOL ? value->length - 1 : 0; i < value->length; i++)
        print_number(".", value->oid[i], out);
}

/* DateAndTime by its display hint 2d-1d-1d,1d:1d:1d.1d,1a1d:1d (RFC 2579). */
static void print_date(const struct value *value, FILE *out)
{
    const uint8_t *b = value->octets;
    fprintf(out, "%d-%d-%d,%d:%d:%d.%d,%c%d:%d", b[0] << 8 | b[1], b[2], b[3], b[4], b[5], b[6],
            b[7], b[8], b[9], b[10]);
}

static void print_ticks(uint64_t cs, FILE *out)
{
    uint64_t days = cs / 8640000;
    fprintf(out, "Timeticks: (%" PRIu64 ") ", cs);
    if (days)
        fprintf(out, "%" PRIu64 " day%s, ", days, days == 1 ? "" : "s");
    fprintf(out, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64 ".%02" PRIu64, cs / 360000 % 24,
            cs / 6000 % 60, cs / 100 % 60, cs % 100);
}

static void print_integer(const struct column *c, uint64_t number, FILE *out)
{
    static const char *const truth[] = {"true", "false", NULL};
    const char *const *labels = c->kind == COLUMN_TRUTH ? truth : c->labels;
    uint64_t count = 0;
    while (labels && labels[count])
        count++;
    if (number >= 1 && number <= count)
        fprintf(out, "INTEGER: %s(%" PRIu64 ")", labels[number - 1], number);
    else
        fprintf(out, "INTEGER: %" PRId64, (int64_t)number);
}

/* The octets, then each bit that is set with its label, where it has one; snmpwalk ends each with a space. */
static void print_bits(const struct column *c, const struct value *value, FILE *out)
{
    unsigned count = 0;
    while (c->labels && c->labels[count])
        count++;
    fputs("BITS: ", out);
    for (uint32_t i = 0; i < value->length; i++)
        fprintf(out, "%02X ", value->octets[i]);
    for (uint32_t bit = 0; bit < 8 * value->length; bit++)
        if (value->octets[bit / 8] & 0x80 >> bit % 8)
            fprintf(out, bit < count ? "%s(%" PRIu32 ") " : "%s%" PRIu32 " ",
                    bit < count ? c->labels[bit] : "", bit);
}

static void print_octets(const struct column *c, const struct value *value, FILE *out)
{
    if (c->kind == COLUMN_BITS) {
        print_bits(c, value, out);
        return;
    }
    fputs("STRING: ", out);
    (c->kind == COLUMN_DATE ? print_date : print_text)(value, out);
}

static void print_value(const struct column *c, const struct value *value, FILE *out)
{
    switch (value->type) {
    case SMI_INTEGER:
        print_integer(c, value->number, out);
        break;
    case SMI_OCTETS:
        print_octets(c, value, out);
        break;
    case SMI_OID:
        print_oid(c, value, out);
        break;
    case SMI_COUNTER32:
        print_number("Counter32: ", value->number, out);
        break;
    case SMI_GAUGE32:
        print_number("Gauge32: ", value->number, out);
        break;
    case SMI_TIMETICKS:
        print_ticks(value->number, out);
        break;
    case SMI_COUNTER64:
        print_number("Counter64: ", value->number, out);
        break;
    }
}

static void dump_cell(const struct table *t, const struct column *c, const struct view *v,
                      const void *row, const struct table_time *now, FILE *out)
{
    struct value value;
    uint32_t index[OID_MAX];
    if (!table_cell(t, c, v, row, now, &value))
        return;
    uint32_t n = table_index(t, row, index);
    fputs_unlocked(t->module, out);
    fputs_unlocked("::", out);
    fputs_unlocked(c->name, out);
    for (uint32_t i = 0; i < n; i++)
        print_number(".", index[i], out);
    fputs_unlocked(" = ", out);
    print_value(c, &value, out);
    fputc_unlocked('\n', out);
}

bool dump_view(const struct view *v, const struct table_time *now, FILE *out)
{
    for (uint32_t i = 0; i < tables_count; i++) {
        const struct table *t = tables[i];
        const struct view_table *rows = &v->tables[t->rows];
        uint32_t count = t->scalar && rows->count ? 1 : rows->count;
        for (uint32_t k = 0; k < t->column_count; k++)
            for (uint32_t r = 0; r < count; r++)
                dump_cell(t, &t->columns[k], v, rows->rows + (size_t)r * rows->row_size, now, out);
    }
    return fflush(out) == 0 && !ferror(out);
}
