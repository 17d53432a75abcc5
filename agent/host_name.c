/* See host_name.h. */
#include "host_name.h"

static bool is_letter_or_digit(char c)
{
    char small = (char)(c | 0x20);
    return slice_digit(c) || (small >= 'a' && small <= 'z');
}

bool host_name_good(struct slice name)
{
    bool one = false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        one |= is_letter_or_digit(c);
        if (!is_letter_or_digit(c) && c != '.' && c != '-' && c != '_' && c != ':')
            return false;
    }
    return one && name.n <= 255;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool host_name_same(struct slice a, struct slice b)
{
    for (size_t i = 0; a.n == b.n && i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return a.n == b.n;
}

bool host_name_fits(struct slice a, struct slice b)
{
    struct slice first_a = slice_head(a, slice_find(a, '.'));
    struct slice first_b = slice_head(b, slice_find(b, '.'));
    bool one_is_short = first_a.n == a.n || first_b.n == b.n;
    return host_name_same(a, b) || (one_is_short && host_name_same(first_a, first_b));
}
