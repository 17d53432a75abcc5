/*
 * LOG_FORMAT 4 to 6: an entry is one XML element or one JSON object of two-letter attributes, in any
 * order. en is an entry about a message, co one about a connection, he a header; in 6 the object is not within
 * another one that says so. Attributes that are not known are skipped, as the documentation asks, and so is what is
 * nested in one: a header of a message may have any name. No recursion.
 */
#include "sun_record_internal.h"

#define KEY(a, b) ((unsigned)(a) << 8 | (unsigned)(b))

/* Two ids in one attribute: "<new>,<original>" or with a blank between. */
static struct slice first_id(struct slice *ids)
{
    size_t end = slice_find(*ids, ' '), comma = slice_find(*ids, ',');
    struct slice before = slice_head(*ids, comma);
    if (comma < end && sun_bare_id(before).n < before.n)
        end = comma;
    struct slice first = slice_head(*ids, end);
    *ids = slice_skip(*ids, end + 1);
    return sun_bare_id(first);
}

/* "<>" is no sender. */
static struct slice sender(struct slice value)
{
    struct slice bare = sun_bare_id(value);
    return bare.n == 0 ? bare : value;
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
        r->from = sender(value);
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
    r->escape = ESCAPE_XML;
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

/* Where in an entry the scan is. */
struct nesting {
    unsigned depth;   /* of objects and lists */
    unsigned entries; /* depth of the object that has the attributes */
    uint64_t lists;   /* bits: what is open at this depth is a list */
    bool header;
};
#define DEPTH_MAX 63

static bool is_space(char ch)
{
    return ch == ' ' || ch == '\t' || ch == '\r';
}

static struct slice trim(struct slice s)
{
    while (s.n && is_space(*s.p))
        s = slice_skip(s, 1);
    return s;
}

/* A bare word: a number, true, false; null is nothing. */
static struct slice take_bare(struct slice *s)
{
    size_t n = 0;
    while (n < s->n && !is_space(s->p[n]) && !memchr(",:]}[{\"", s->p[n], 7))
        n++;
    struct slice word = slice_head(*s, n);
    *s = slice_skip(*s, n);
    return slice_eq(word, SLICE("null")) ? slice_head(word, 0) : word;
}

/* The object behind this key has the attributes. */
static void see_entry(struct nesting *in, struct slice key)
{
    bool header = slice_eq(key, SLICE("he"));
    if (in->depth != 1 || !(header || slice_eq(key, SLICE("en")) || slice_eq(key, SLICE("co"))))
        return;
    in->entries = 2;
    in->header |= header;
}

/* A string is a key if a ':' follows; its value is taken with it, unless that opens something. */
static bool take_member(struct syslog_context *c, struct slice *s, struct nesting *in,
                        struct sun_record *r)
{
    struct slice key, value;
    if (!take_string(s, &key))
        return false;
    *s = trim(*s);
    if (in->lists >> in->depth & 1 || !slice_take(s, SLICE(":")))
        return true;
    *s = trim(*s);
    if (s->n && (*s->p == '{' || *s->p == '[')) {
        if (*s->p == '{')
            see_entry(in, key);
        return true;
    }
    if (!slice_take(s, SLICE("\"")))
        value = take_bare(s);
    else if (!take_string(s, &value))
        return false;
    return in->depth != in->entries || set(c, r, key, value);
}

/* One step; false: it is no JSON, or it is nested too deeply. */
static bool take_token(struct syslog_context *c, struct slice *s, struct nesting *in,
                       struct sun_record *r)
{
    char ch = *s->p;
    *s = slice_skip(*s, 1);
    if (ch == '"')
        return take_member(c, s, in, r);
    if (ch == '{' || ch == '[') {
        uint64_t bit = UINT64_C(1) << ++in->depth;
        in->lists = ch == '[' ? in->lists | bit : in->lists & ~bit;
        return in->depth < DEPTH_MAX;
    }
    if (ch == '}' || ch == ']')
        return (in->lists >> in->depth & 1) == (ch == ']') && in->depth-- > 0;
    return true; /* a comma, a blank, a bare word of a list */
}

bool sun_parse_json(struct syslog_context *c, struct slice s, struct sun_record *r)
{
    struct nesting in = {.entries = 1};
    r->escape = ESCAPE_JSON;
    do
        if (!s.n || !take_token(c, &s, &in, r))
            return false;
    while (in.depth);
    if (in.header)
        r->code = 0;
    return in.header || complete(r);
}
