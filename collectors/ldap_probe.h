/*
 * Response times of directory servers: the requests and results of probe.h, played by
 * mailmond-directory. It looks something up, by default the root DSE, and measures that.
 */
#ifndef LDAP_PROBE_H
#define LDAP_PROBE_H

#include "ldap_run.h"
#include "probe.h"

/* Is this for ldap_probe_ask rather than for mailmond-probe? */
static inline bool ldap_probe_is(enum response_protocol p)
{
    return p == PROTOCOL_LDAP || p == PROTOCOL_LDAPS;
}
/* As prober_ask. want.user is a DN. */
bool ldap_probe_ask(struct collect *c, const struct probe_request *r,
                    void (*done)(void *arg, const struct probe_result *result), void *arg);
/*
 * Has `counted` hear what each probe of an application (its applName) added to that server's own
 * counters. NULL: nobody.
 */
void ldap_probe_counted(void (*counted)(const char *appl, const uint64_t own[LDAP_NUMBERS]));

#endif
