/* See escape.h. What comes out of an escape is never longer than it. */
#include "escape.h"

#define REPLACEMENT 0xfffd

/* Takes up to `most` digits of this base; false: there is none. */
static bool take_digits(struct slice *s, unsigned base, unsigned most, uint32_t *value)
{
    unsigned n = 0;
    *value = 0;
    for (; n < most && s->n; n++, *s = slice_skip(*s, 1)) {
        char c = *s->p, lower = c | 32;
        unsigned digit = slice_digit(c)                 ? (unsigned)(c - '0')
                         : lower >= 'a' && lower <= 'f' ? (unsigned)(lower - 'a') + 10
                                                        : 16;
        if (digit >= base)
            break;
        *value = *value * base + digit;
    }
    return n > 0;
}

/* "&#10;", "&#xe9;", "&lt;" off the front. */
static bool take_entity(struct slice *s, uint32_t *c)
{
    static const struct {
        struct slice name;
        char c;
    } names[] = {{{"&lt;", 4}, '<'},
                 {{"&gt;", 4}, '>'},
                 {{"&amp;", 5}, '&'},
                 {{"&quot;", 6}, '"'},
                 {{"&apos;", 6}, '\''}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (slice_take(s, names[i].name)) {
            *c = (unsigned char)names[i].c;
            return true;
        }
    struct slice t = *s;
    if (!slice_take(&t, SLICE("&#")))
        return false;
    bool hex = slice_take(&t, SLICE("x")) || slice_take(&t, SLICE("X"));
    if (!take_digits(&t, hex ? 16 : 10, 7, c) || *c > 0x10ffff || !slice_take(&t, SLICE(";")))
        return false;
    *s = t;
    return true;
}

static bool take_unicode(struct slice *s, uint32_t *c)
{
    struct slice t = *s, digits;
    if (!slice_take(&t, SLICE("\\u")))
        return false;
    digits = slice_head(t, 4);
    if (!take_digits(&digits, 16, 4, c) || digits.n || t.n < 4)
        return false;
    *s = slice_skip(t, 4);
    return true;
}

bool escape_take_json(struct slice *s, uint32_t *c)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    if (take_unicode(s, c)) {
        struct slice t = *s;
        uint32_t low;
        if (*c >> 10 == 0xd800 >> 10 && take_unicode(&t, &low) && low >> 10 == 0xdc00 >> 10) {
            *c = 0x10000 + ((*c & 0x3ff) << 10 | (low & 0x3ff));
            *s = t;
        }
        return true;
    }
    const char *at = s->n > 1 && s->p[1] ? strchr(names, s->p[1]) : NULL;
    if (!at)
        return false;
    *c = (unsigned char)values[at - names];
    *s = slice_skip(*s, 2);
    return true;
}

size_t escape_utf8(uint32_t c, char to[4])
{
    if (c >> 11 == 0xd800 >> 11)
        c = REPLACEMENT;
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n; i-- > 1; c >>= 6)
        to[i] = (char)(0x80 | (c & 0x3f));
    to[0] = (char)(first[n] | c);
    return n;
}

/* Without the beginning of a character at its end. */
static size_t whole_characters(const char *p, size_t n)
{
    size_t at = n;
    while (at && n - at < 4 && ((unsigned char)p[at - 1] & 0xc0) == 0x80)
        at--;
    return at && (unsigned char)p[at - 1] >= 0xc0 ? at - 1 : n;
}

struct slice escape_undo(struct slice s, enum escape how, char *to, size_t room)
{
    char mark = how == ESCAPE_XML ? '&' : '\\';
    size_t n = 0;
    if (how == ESCAPE_NONE || slice_find(s, mark) == s.n)
        return s;
    while (s.n) {
        char character[4];
        size_t length = 1;
        uint32_t c;
        bool escaped =
            *s.p == mark && (how == ESCAPE_XML ? take_entity(&s, &c) : escape_take_json(&s, &c));
        if (escaped) {
            length = escape_utf8(c < 0x20 || c == 0x7f ? ' ' : c, character);
        } else {
            *character = *s.p;
            s = slice_skip(s, 1);
        }
        if (length > room - n)
            return (struct slice){to, escaped ? n : whole_characters(to, n)};
        memcpy(to + n, character, length);
        n += length;
    }
    return (struct slice){to, n};
}

/* How an event's texts are escaped. */
static enum escape escape_of(const struct event *e)
{
    return e->flags & EVENT_XML ? ESCAPE_XML : e->flags & EVENT_JSON ? ESCAPE_JSON : ESCAPE_NONE;
}

struct event escape_undone(const struct event *e, struct escape_scratch *scratch)
{
    struct event plain = *e;
    struct slice *const texts[] = {&plain.tag,   &plain.service, &plain.address,  &plain.peer,
                                   &plain.relay, &plain.text,    &plain.original, &plain.id};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        *texts[i] = escape_undo(*texts[i], escape_of(e), scratch->field[i], ESCAPE_FIELD_MAX);
    plain.flags &= ~(unsigned)(EVENT_XML | EVENT_JSON);
    return plain;
}
