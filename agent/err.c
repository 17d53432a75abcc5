/*
 * The list of faults found so far; it owns its lines. It is filled while starting or reloading,
 * where a process without memory for one line of text cannot go on: then it aborts rather than
 * report less than it found.
 */
#include <stdio.h>
#include <stdlib.h>
#include "err.h"

static void make_room(struct err_list *list)
{
    if (list->count < list->room)
        return;
    list->room = list->room ? list->room * 2 : 16;
    list->lines = reallocarray(list->lines, list->room, sizeof *list->lines);
    if (!list->lines)
        abort();
}

void err_add(struct err_list *list, const char *file, unsigned line, const char *format, ...)
{
    char *text = NULL, *whole = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        abort();
    va_end(args);
    int n;
    if (file && line)
        n = asprintf(&whole, "%s:%u: %s", file, line, text);
    else if (file)
        n = asprintf(&whole, "%s: %s", file, text);
    else
        n = asprintf(&whole, "%s", text);
    if (n < 0)
        abort();
    free(text);
    make_room(list);
    list->lines[list->count++] = whole;
}

void err_free(struct err_list *list)
{
    for (unsigned i = 0; i < list->count; i++)
        free(list->lines[i]);
    free(list->lines);
    *list = (struct err_list){NULL, 0, 0};
}
