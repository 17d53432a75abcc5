/*
 * AgentX PDUs of our own, where the library's functions tell nobody what the master answers. Internal to publish*.c.
 */
#ifndef PUBLISH_PDU_H
#define PUBLISH_PDU_H

#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>

/*
 * A PDU of this kind (RFC 2741, 6.1: h.type) for the session, in a context; NULL: the default one. The caller owns it
 * until snmp_async_send() takes it; NULL: out of memory.
 */
netsnmp_pdu *pdu_new(const netsnmp_session *session, int type, const char *context);

#endif
