/*
 * The short way of AgentX: Get and GetNext of a connected master are answered where its socket is read,
 * before the agent library sees them. Internal to publish*.c.
 */
#ifndef PUBLISH_FAST_H
#define PUBLISH_FAST_H

#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>

/* Reads the session's socket in the library's place, and gives the library what is not answered here.
 * `context`: what the registrations are in, NULL: the default one; it must outlive the session. */
void fast_attach(netsnmp_session *session, const char *context);

#endif
