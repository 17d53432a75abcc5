/*
 * Errors for the operator: what is wrong, where, and what would be right. They are collected, so that
 * one run names them all; the caller prints them.
 */
#ifndef ERR_H
#define ERR_H

#include <stdarg.h>
#include <stdbool.h>

struct err_list {
    char **lines; /* "FILE:LINE: text" */
    unsigned count, room;
};

/* Adds one. file may be NULL; line 0 is not printed. */
void err_add(struct err_list *list, const char *file, unsigned line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void err_free(struct err_list *list);

#endif
