/* What a test asks of the faults that were found in a configuration. */
#ifndef CONFIG_SAID_H
#define CONFIG_SAID_H

#include "../../agent/err.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

/* Is there a line of this beginning (after the file's name) that contains `part`? */
static inline bool config_said(const struct err_list *list, const char *file, unsigned line,
                               const char *part)
{
    char start[160];
    if (line)
        snprintf(start, sizeof start, "%s:%u: ", file, line);
    else
        snprintf(start, sizeof start, "%s: ", file);
    for (unsigned i = 0; i < list->count; i++)
        if (strncmp(list->lines[i], start, strlen(start)) == 0 && strstr(list->lines[i], part))
            return true;
    print_message("no line \"%s... %s\" among:\n", start, part);
    for (unsigned i = 0; i < list->count; i++)
        print_message("  %s\n", list->lines[i]);
    return false;
}

#endif
