/* A recorded file of tests/, whole. */
#ifndef DATA_FILE_H
#define DATA_FILE_H

#include "../../agent/slice.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

/* format, ...: its path. Good until the next call. */
__attribute__((format(printf, 1, 2))) static inline struct slice data_file(const char *format, ...)
{
    static char text[1 << 17];
    char path[256];
    va_list args;
    va_start(args, format);
    vsnprintf(path, sizeof path, format, args);
    va_end(args);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t n = fread(text, 1, sizeof text, file);
    fclose(file);
    assert_true(n > 0 && n < sizeof text);
    return (struct slice){text, n};
}

#endif
