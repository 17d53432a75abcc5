/*
 * LOG_FORMAT 4 and 5: an entry is one XML element or one JSON object of two-letter attributes, in any
 * order. en is an entry about a message, co one about a connection, he a header. Attributes that are not
 * known are skipped, as the documentation asks. No recursion: nesting means nothing here.
 */
#include "sun_record_internal.h"

#define KEY(a, b) ((unsigned)(a) << 8 | (unsigned)(b))

static struct slice first_id(struct slice *ids)
{
    /* Two ids in one attribute: "<new>,<original>". */
    size_t end = slice_find(*ids, ' '), comma = slice_search(*ids, SLICE(">,"));
    if (comma < end)
        end = comma + 1;
    struct slice first = slice_head(*ids, end);
    *ids = slice_skip(*ids, end + 1);
    return sun_bare_id(first);
}

/* Attributes that are taken as they are. */
#define MEMBER(name) offsetof(struct sun_record, name)
static const struct {
    unsigned key;
    size_t member; /* a struct slice */
} plain[] = {
    {KEY('n', 'o'), MEMBER(node)},        {KEY('p', 'i'), MEMBER(process)},
    {KEY('s', 'c'), MEMBER(source)},      {KEY('d', 'c'), MEMBER(destination)},
    {KEY('d', 'e'), MEMBER(to)},          {KEY('f', 'i'), MEMBER(file)},
    {KEY('e', 'i'), MEMBER(envelope_id)}, {KEY('u', 's'), MEMBER(username)},
    {KEY('s', 's'), MEMBER(connection)},  {KEY('s', 'e'), MEMBER(sensitivity)},
    {KEY('p', 'r'), MEMBER(priority)},    {KEY('i', 'n'), MEMBER(intermediate)},
    {KEY('f', 'l'), MEMBER(filter)},      {KEY('r', 'e'), MEMBER(reason)},
    {KEY('d', 'i'), MEMBER(diagnostic)},  {KEY('r', 'm'), MEMBER(remote_mta)},
    {KEY('t', 'r'), MEMBER(transport)},   {KEY('a', 'p'), MEMBER(application)},
};

static void set_plain(struct sun_record *r, unsigned key, struct slice value)
{
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (plain[i].key == key)
            memcpy((char *)r + plain[i].member, &value, sizeof value);
}

static bool set(struct syslog_context *c, struct sun_record *r, struct slice key,
                struct slice value)
{
    uint64_t number = 0;
    if (key.n != 2)
        return true;
    switch (KEY(key.p[0], key.p[1])) {
    case KEY('t', 's'):
        return sun_take_time(c, &value, &r->time_ms);
    case KEY('a', 'c'):
        return sun_set_code(r, value);
    case KEY('d', 'r'):
        r->direction = value.n && *value.p == '+' ? '+' : '-';
        break;
    case KEY('s', 'z'):
        slice_number(&value, &r->blocks);
        break;
    case KEY('s', 'o'):
        r->from = slice_eq(value, SLICE("<>")) ? slice_head(value, 0) : value;
        break;
    case KEY('o', 'd'):
        r->original = sun_without_type(value);
        break;
    case KEY('r', 'f'):
        slice_number(&value, &number);
        r->notary = (uint32_t)number;
        break;
    case KEY('m', 'i'):
        r->message_id = first_id(&value);
        r->original_message_id = sun_bare_id(value);
        break;
    case KEY('q', 't'):
        r->has_queue_time = slice_number(&value, &number) && number <= UINT32_MAX;
        r->queue_time_ms = r->has_queue_time ? number * 1000 : 0;
        break;
    default:
        set_plain(r, KEY(key.p[0], key.p[1]), value);
    }
    return true;
}

static bool complete(const struct sun_record *r)
{
    return r->time_ms && r->source.n && r->code;
}

bool sun_parse_xml(struct syslog_context *c, struct slice s, struct sun_record *r)
{
    bool header = slice_take(&s, SLICE("<he "));
    if (!header && !slice_take(&s, SLICE("<en ")) && !slice_take(&s, SLICE("<co ")))
        return false;
    for (s = slice_trim(s); s.n && *s.p != '/' && *s.p != '>'; s = slice_trim(s)) {
        struct slice key = slice_cut(&s, '=');
        if (!key.p || !s.n || (*s.p != '"' && *s.p != '\''))
            return false;
        char quote = *s.p;
        s = slice_skip(s, 1);
        struct slice value = slice_cut(&s, quote);
        if (!value.p || !set(c, r, key, value))
            return false;
    }
    if (header)
        r->code = 0;
    return s.n && (header || complete(r));
}

/* The rest of a JSON string whose opening quote is gone. */
static bool take_string(struct slice *s, struct slice *string)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->p[i] == '\\')
            i++;
        else if (s->p[i] == '"') {
            *string = slice_head(*s, i);
            *s = slice_skip(*s, i + 1);
            return true;
        }
    }
    return false;
}

static bool is_value(char ch)
{
    return slice_digit(ch) || ch == '-' || ch == '.' || (unsigned char)((ch | 32) - 'a') < 26;
}

/* A value behind its ':': a string or a bare word; false: it is an object or a list. */
static bool take_value(struct slice *s, struct slice *value, bool *damaged)
{
    *s = slice_trim(*s);
    if (slice_take(s, SLICE("\""))) {
        *damaged = !take_string(s, value);
        return !*damaged;
    }
    size_t n = 0;
    while (n < s->n && is_value(s->p[n]))
        n++;
    *value = slice_head(*s, n);
    *s = slice_skip(*s, n);
    return n != 0;
}

bool sun_parse_json(struct syslog_context *c, struct slice s, struct sun_record *r)
{
    bool header = false, damaged = false;
    for (size_t at; (at = slice_find(s, '"')) < s.n;) {
        struct slice key, value;
        s = slice_skip(s, at + 1);
        if (!take_string(&s, &key))
            return false;
        s = slice_trim(s);
        if (!slice_take(&s, SLICE(":")))
            continue;
        header |= slice_eq(key, SLICE("he"));
        if (take_value(&s, &value, &damaged) && !set(c, r, key, value))
            return false;
        if (damaged)
            return false;
    }
    if (header)
        r->code = 0;
    return header || complete(r);
}
