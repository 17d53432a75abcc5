/* See journal_frame.h. */
#include <stdlib.h>
#include "journal_frame.h"

bool journal_frame_good(const struct journal_frame *f)
{
    bool read = f->status == SOURCE_OK || f->status == SOURCE_CATCHING_UP;
    bool not_read = f->status == SOURCE_MISSING || f->status == SOURCE_DENIED;
    return f->magic == JOURNAL_MAGIC && f->size <= JOURNAL_BODY && f->gap <= 1 &&
           (read || (not_read && f->size == 0)) &&
           memchr(f->cursor, '\0', sizeof f->cursor) != NULL &&
           memchr(f->error, '\0', sizeof f->error) != NULL;
}

/* The value of "KEY=" in a cursor; p == NULL: it has none. */
static struct slice part(const char *cursor, const char *key)
{
    struct slice rest = slice_of(cursor);
    while (rest.n) {
        struct slice one = slice_head(rest, slice_find(rest, ';'));
        rest = slice_skip(rest, one.n + 1);
        if (slice_take(&one, slice_of(key)))
            return one;
    }
    return (struct slice){NULL, 0};
}

bool journal_cursor_follows(const char *last, const char *next)
{
    struct slice a = part(last, "s="), b = part(next, "s=");
    struct slice i = part(last, "i="), j = part(next, "i=");
    return a.n && slice_eq(a, b) && i.n && j.n &&
           strtoull(i.p, NULL, 16) + 1 == strtoull(j.p, NULL, 16);
}
