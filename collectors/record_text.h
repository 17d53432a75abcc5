/*
 * The daily records of healthmon (the monitoring scripts of Sun's messaging server) in their own
 * layout, so that what reads them still can: qmonitor.log and systest.log. Pure.
 */
#ifndef RECORD_TEXT_H
#define RECORD_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include "../agent/slice.h"

#define RECORD_LINE_SIZE 512

enum record_service {
    RECORD_SMTP,
    RECORD_IMAP,
    RECORD_POP3,
    RECORD_LDAP,
    RECORD_HTTP,
    RECORD_SERVICES
};

/* A line of qmonitor.log; UINT64_MAX is written as "-". */
struct record_system {
    struct tm at; /* local time */
    uint64_t active, held;
    uint64_t swap_kb, scan_rate;
    uint64_t user, system, wait, idle; /* percent */
    uint64_t connections[RECORD_SERVICES];
};

/* A line of systest.log; total_ms UINT64_MAX is left blank. */
struct record_test {
    struct tm at;
    struct slice user, submit_host, retrieve_host, error;
    uint64_t total_ms;
};

/* The service of a TCP port; RECORD_SERVICES: none of these. */
enum record_service record_service_of(uint16_t port);

/* The head of a file, with a newline at each line's end. Returns its length, less than `size`. */
size_t record_system_head(char *text, size_t size, const struct tm *at, const char *instance);
size_t record_test_head(char *text, size_t size, const struct tm *at);
/* One line with its newline. What could break the table is written as "?". */
size_t record_system_line(char *text, size_t size, const struct record_system *r);
size_t record_test_line(char *text, size_t size, const struct record_test *r);

#endif
