/*
 * Probes for collectors: hands requests to the process mailmond-probe and its results back. That
 * process talks to servers and knows OpenSSL and c-ares; this one does not. It is started at the first
 * request, and anew when it died.
 */
#ifndef PROBER_H
#define PROBER_H

#include "collector.h"
#include "probe.h"

/*
 * Has a probe made. The request is copied; `done` is called once, from the loop. A probe that was
 * lost because the process died is reported as RESPONSE_UNKNOWN. false: memory is short, the request is too long
 * for the kernel, or the process cannot be started (logged once).
 */
bool prober_ask(struct collect *c, const struct probe_request *r,
                void (*done)(void *arg, const struct probe_result *result), void *arg);
/* To be called once a tick: kills the process when it has hung for longer than its own timeouts allow. */
void prober_watch(const struct collect *c);
/* Ends it all without a word to `done`. May be called again. */
void prober_stop(void);

/* What the two processes send each other, each in one message: a request is an id and the packed
   request; a result is this. */
struct prober_answer {
    uint64_t id;
    struct probe_result result;
};

#endif
