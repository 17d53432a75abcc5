/* See recipients.h. Pure. */
#include "recipients.h"

/* Where what `s` begins with, '<' or '(', is closed; 0: it is not. */
static size_t closed_length(struct slice s)
{
    const char close = *s.p == '<' ? '>' : ')';
    bool quoted = false;
    for (size_t i = 1; i < s.n; i++) {
        if (s.p[i] == '\\')
            i++;
        else if (s.p[i] == '"')
            quoted = !quoted;
        else if (!quoted && s.p[i] == close)
            return i + 1;
    }
    return 0;
}

/* Octets of " public <a@b>" behind "john", or " (john)" behind "a@b", at the end or before a comma; 0: neither. */
static size_t name_length(struct slice s)
{
    bool quoted = false;
    for (size_t i = 0; i < s.n && (quoted || s.p[i] != ','); i++) {
        if (s.p[i] == '"')
            quoted = !quoted;
        if (quoted || (s.p[i] != '<' && s.p[i] != '('))
            continue;
        size_t n = closed_length(slice_skip(s, i));
        return n && (i + n == s.n || s.p[i + n] == ',') ? i + n : 0;
    }
    return 0;
}

/* Octets of the address that `s` begins with, quotes and brackets included; named: and its owner's name. */
static size_t address_length(struct slice s, bool named)
{
    bool quoted = false, bracket = s.n && *s.p == '<';
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '\\' && quoted)
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && bracket && c == '>')
            return i + 1;
        else if (!quoted && !bracket && (c == ',' || c == ' '))
            return i + (named && c == ' ' ? name_length(slice_skip(s, i)) : 0);
    }
    if (!quoted && !bracket)
        return s.n;
    /* A quote or bracket that nothing closes is an octet as any other. */
    size_t comma = slice_find(s, ','), blank = slice_find(s, ' ');
    return comma < blank ? comma : blank;
}

/* "<a@b>", "john <a@b>" and "a@b (john)" without brackets and names. */
static struct slice without_name(struct slice s)
{
    bool bracket = s.n >= 2 && s.p[s.n - 1] == '>', quoted = false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            quoted = !quoted;
        if (!quoted && bracket && s.p[i] == '<')
            return (struct slice){s.p + i + 1, s.n - i - 2};
    }
    size_t name = address_length(s, false);
    return !bracket && s.n && s.p[s.n - 1] == ')' && *s.p != '<' ? slice_head(s, name) : s;
}

struct slice recipients_next(struct slice *list)
{
    if (list->n == 0)
        return (struct slice){NULL, 0};
    struct slice address = slice_head(*list, address_length(*list, true));
    *list = slice_skip(*list, address.n);
    slice_take(list, SLICE(","));
    return without_name(address);
}

static size_t list_length(struct slice text, bool named, unsigned *count)
{
    size_t at = 0;
    for (*count = 0; at < text.n;) {
        size_t n = address_length(slice_skip(text, at), named);
        if (n == 0)
            break;
        ++*count;
        at += n;
        if (at + 1 >= text.n || text.p[at] != ',' || text.p[at + 1] == ' ')
            break;
        at++;
    }
    return at;
}

size_t recipients_length(struct slice text, unsigned *count)
{
    return list_length(text, false, count);
}

size_t recipients_named_length(struct slice text, unsigned *count)
{
    return list_length(text, true, count);
}
