/*
 * One receiver, as its process sees it: takes a transition, sends it as trap or inform, says whether
 * that was accepted. It may wait for the receiver as long as it likes. Internal to publish*.c.
 */
#ifndef PUBLISH_SENDER_H
#define PUBLISH_SENDER_H

#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>
#include "model.h"

/* What a directive says. */
struct sender_target {
    char peer[128];
    bool inform;
    netsnmp_session session; /* all that snmp_open needs; what it points at lives on */
};

struct sender_job {
    uint32_t uptime_cs;
    struct transition transition;
};
struct sender_answer {
    uint64_t number;
    bool ok;
    char error[120];
};

/*
 * Understands trapsink, trap2sink, informsink or trapsess (snmpd.conf(5)); the library must have been
 * initialised. false: it cannot be understood.
 */
bool sender_parse(const char *directive, const char *community, const char *context,
                  struct sender_target *t);
/* Serves jobs (struct sender_job) from fd with answers (struct sender_answer) until it is closed. */
void sender_run(const struct sender_target *t, int fd);

#endif
