/*
 * Answers SNMP requests from the slots: the handler behind every registration, and what the AgentX fast
 * path (publish_fast.h) answers from. Internal to publish*.c.
 */
#ifndef PUBLISH_ANSWER_H
#define PUBLISH_ANSWER_H

#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>
#include <net-snmp/agent/net-snmp-agent-includes.h>
#include "table.h"

/* What is answered from; without a row when nothing was published yet. */
struct answer_moment {
    struct view view;
    struct table_time now;
};

/* The slots that everything here is answered from; they stay the caller's. Once, before all else. */
void answer_open(struct slots *slots);
/* Pins the newest slot and notes the time, so that all varbinds of a PDU tell of one moment. What was
 * begun before and not ended yet stays. */
const struct answer_moment *answer_begin(void);
/* After each turn of the loop, or a PDU of the fast path: lets go of the slot. */
void answer_end(void);

/* GET, GETNEXT and GETBULK of a registration. */
Netsnmp_Node_Handler answer_requests;

#endif
