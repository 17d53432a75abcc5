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

static void set_number(struct slice value, uint64_t *to)
{
    slice_number(&value, to);
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
    case KEY('n', 'o'):
        r->node = value;
        break;
    case KEY('p', 'i'):
        r->process = value;
        break;
    case KEY('s', 'c'):
        r->source = value;
        break;
    case KEY('d', 'c'):
        r->destination = value;
        break;
    case KEY('d', 'r'):
        r->direction = value.n && *value.p == '+' ? '+' : '-';
        break;
    case KEY('s', 'z'):
        set_number(value, &r->blocks);
        break;
    case KEY('s', 'o'):
        r->from = slice_eq(value, SLICE("<>")) ? slice_head(value, 0) : value;
        break;
    case KEY('o', 'd'):
        r->original = sun_without_type(value);
        break;
    case KEY('d', 'e'):
        r->to = value;
        break;
    case KEY('r', 'f'):
        set_number(value, &number), r->notary = (uint32_t)number;
        break;
    case KEY('f', 'i'):
        r->file = value;
        break;
    case KEY('e', 'i'):
        r->envelope_id = value;
        break;
    case KEY('m', 'i'):
        r->message_id = first_id(&value);
        r->original_message_id = sun_bare_id(value);
        break;
    case KEY('u', 's'):
        r->username = value;
        break;
    case KEY('s', 's'):
        r->connection = value;
        break;
    case KEY('s', 'e'):
        r->sensitivity = value;
        break;
    case KEY('p', 'r'):
        r->priority = value;
        break;
    case KEY('i', 'n'):
        r->intermediate = value;
        break;
    case KEY('f', 'l'):
        r->filter = value;
        break;
    case KEY('r', 'e'):
        r->reason = value;
        break;
    case KEY('d', 'i'):
        r->diagnostic = value;
        break;
    case KEY('r', 'm'):
        r->remote_mta = value;
        break;
    case KEY('t', 'r'):
        r->transport = value;
        break;
    case KEY('a', 'p'):
        r->application = value;
        break;
    case KEY('q', 't'):
        r->has_queue_time = slice_number(&value, &number) && number <= UINT32_MAX;
        r->queue_time_ms = r->has_queue_time ? number * 1000 : 0;
        break;
    default:
        break;
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
