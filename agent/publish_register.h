/*
 * What becomes of registrations with the master agent. The library sends one Register PDU for each subtree when
 * a session opens, and waits for each answer; what happens to them is seen here. One that was refused, as while
 * a predecessor's session is still open, is tried again: the library never does. A master that does not answer is
 * waited for once, not once for each subtree. Internal to publish*.c.
 */
#ifndef PUBLISH_REGISTER_H
#define PUBLISH_REGISTER_H

#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>
#include <stdbool.h>

/* Before the library registers anything. context: of all registrations, NULL: the default one; it must outlive the
 * sessions. */
void registrations_open(const char *context, int priority);
/* The session is open, and the library registers next, before the loop turns; NULL: it is lost. */
void registrations_session(netsnmp_session *session);
/* Takes the library's message of a refusal; false: it is another message. */
bool registrations_take_message(const char *message);
/* Tries again what is due; called after each turn of the loop. */
void registrations_pump(int64_t now_ms);
/* When registrations_pump has something to do at the latest, in milliseconds from now; -1: nothing. */
int registrations_wait_ms(int64_t now_ms);
/* Of this session: how many were refused and still are, and the AgentX error of the last one (RFC 2741, 6.2.16). */
unsigned registrations_refused(int *why);

#endif
