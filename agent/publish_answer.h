/*
 * Answers SNMP requests from the slots: the handler behind every registration, and the AgentX fast
 * path, which skips the agent library. Internal to publish*.c.
 */
#ifndef PUBLISH_ANSWER_H
#define PUBLISH_ANSWER_H

#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>
#include <net-snmp/agent/net-snmp-agent-includes.h>
#include "slots.h"

void answer_open(struct slots *slots);
/*
 * After each turn of the loop: lets go of the slot. The first request of a turn pins the newest one
 * and notes the time, so that all varbinds of a PDU tell of one moment.
 */
void answer_end_turn(void);

/* GET, GETNEXT and GETBULK of a registration. */
Netsnmp_Node_Handler answer_requests;
/* Has the session of a connected master answered by the fast path; what it does not know goes the
 * old way. */
void answer_attach(netsnmp_session *session);

#endif
