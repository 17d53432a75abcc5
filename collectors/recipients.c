/* See recipients.h. Pure. */
#include "recipients.h"

/* Octets of the address that `s` begins with, quotes and brackets included. */
static size_t address_length(struct slice s)
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
            return i;
    }
    if (!quoted && !bracket)
        return s.n;
    /* A quote or bracket that nothing closes is an octet as any other. */
    size_t comma = slice_find(s, ','), blank = slice_find(s, ' ');
    return comma < blank ? comma : blank;
}

struct slice recipients_next(struct slice *list)
{
    if (list->n == 0)
        return (struct slice){NULL, 0};
    struct slice address = slice_head(*list, address_length(*list));
    *list = slice_skip(*list, address.n);
    slice_take(list, SLICE(","));
    if (address.n >= 2 && address.p[0] == '<' && address.p[address.n - 1] == '>')
        return (struct slice){address.p + 1, address.n - 2};
    return address;
}

size_t recipients_length(struct slice text, unsigned *count)
{
    size_t at = 0;
    for (*count = 0; at < text.n;) {
        size_t n = address_length(slice_skip(text, at));
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
