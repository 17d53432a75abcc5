/*
 * The receivers of the embedded master's notifications: snmpd.conf(5)'s trapsink, trap2sink, informsink
 * and trapsess. Each has a process of its own, because Net-SNMP waits for a receiver: seconds for the
 * engineID of a v3 inform's, and for the answer to an inform. So a dead receiver stalls neither
 * requests nor other receivers. Internal to publish*.c.
 *
 * Each receiver gets every transition in order. A trap is accepted when it is sent, an inform when it
 * is answered; what is not accepted is sent again, up to a minute later. Transitions wait while no
 * receiver accepts them. While another one does, a receiver may be as far behind as a slot is long;
 * then it misses some, which is counted.
 */
#ifndef PUBLISH_SINKS_H
#define PUBLISH_SINKS_H

#include "publish.h"

/* Is this directive one of a receiver? Then Net-SNMP must not see it. */
bool sinks_take(const char *directive);
/* After init_snmp: understands the directives. false: one of them is wrong; the log says which. */
bool sinks_open(const struct publish_options *options);
/* Ends the receivers' processes. */
void sinks_close(void);
/* *accepted: up to where all are; *given_up: how often one missed a transition. */
void sinks_pump(int64_t now_ms, uint64_t *accepted, uint64_t *given_up);
int sinks_wait_ms(int64_t now_ms);
/* Descriptors that the loop must wait for, at most `room`; returns how many. */
unsigned sinks_fds(int *fds, unsigned room);

#endif
