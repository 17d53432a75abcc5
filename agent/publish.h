/*
 * Shows the model: over AgentX as a subagent of a master agent, or as an embedded master. Only the
 * files publish*.c include Net-SNMP. Everything is answered from the pinned slot; nothing here
 * waits for a collector or opens a store.
 */
#ifndef PUBLISH_H
#define PUBLISH_H

#include "config.h"
#include "slots.h"

/* Set up by the supervisor. */
struct publish_options {
    const struct config *config;
    struct slots *slots;    /* reader side */
    const char *engine_dir; /* Net-SNMP's persistent directory (engineID, engineBoots) */
    int ready_fd;           /* one byte is written when it serves; -1: nobody listens */
    int wake_fd;            /* eventfd, written when there are notifications; -1: none */
};

/* mailmonAgentMasterState */
enum master_state { MASTER_CONNECTED = 1, MASTER_AWAY, MASTER_EMBEDDED };

/*
 * Opens what may need root: the listening addresses of an embedded master. Call it once, before
 * privileges are dropped. false: it cannot serve, and the log says why. `options` must outlive all
 * of it.
 */
bool publish_open(const struct publish_options *options);
/*
 * Serves until `*stop` is set by a signal handler; opens the log file anew when `*hangup` is. Returns
 * an exit code.
 */
int publish_run(const volatile int *stop, volatile int *hangup);

#endif
