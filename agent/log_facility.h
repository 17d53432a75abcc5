/*
 * The syslog facilities a configuration may name (RFC 5424, section 6.2.1, Table 1, by the names of
 * syslog.conf(5)): used to check the setting and to open the log.
 */
#ifndef LOG_FACILITY_H
#define LOG_FACILITY_H

#include <string.h>
#include <syslog.h>

/* The facility of a name ("mail", "local0"), or -1. */
static inline int log_facility(const char *name)
{
    static const struct {
        const char *name;
        int facility;
    } all[] = {
        {"daemon", LOG_DAEMON}, {"mail", LOG_MAIL},     {"user", LOG_USER},
        {"local0", LOG_LOCAL0}, {"local1", LOG_LOCAL1}, {"local2", LOG_LOCAL2},
        {"local3", LOG_LOCAL3}, {"local4", LOG_LOCAL4}, {"local5", LOG_LOCAL5},
        {"local6", LOG_LOCAL6}, {"local7", LOG_LOCAL7},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (strcmp(name, all[i].name) == 0)
            return all[i].facility;
    return -1;
}

#endif
