/*
 * Notifications: the transitions of the slot, in order, one at a time, each until it is accepted. Who
 * accepts is the master agent (AgentX), or each receiver that the embedded master is told of
 * (publish_sinks.h). A transition that nobody answered for is sent again with the same number.
 * Internal to publish*.c.
 */
#ifndef PUBLISH_NOTIFY_H
#define PUBLISH_NOTIFY_H

#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>
#include "publish.h"

#define NOTIFY_TEXT_MAX 120 /* octets of a text: the whole must fit into one UDP datagram */

/* Begins behind the number `accepted`. */
void notify_open(const struct publish_options *options, uint64_t accepted);
/* The AgentX session is open; NULL: it is lost. */
void notify_session(netsnmp_session *session);
/* Sends what is due; called after each turn of the loop. */
void notify_pump(int64_t now_ms);
/* When notify_pump has something to do at the latest, in milliseconds from now; -1: nothing. */
int notify_wait_ms(int64_t now_ms);
/* The last number that was accepted by all, and how many were given up. */
uint64_t notify_accepted(void);
uint64_t notify_given_up(void);

/*
 * Adds the varbinds of a transition to a PDU: sysUpTime.0 if `uptime` is not NULL, snmpTrapOID.0, and the
 * OBJECTS of its NOTIFICATION-TYPE, in order. false: no memory.
 */
bool notify_varbinds(netsnmp_pdu *pdu, const struct transition *x, const uint32_t *uptime);
/* The first transition of the newest slot behind a number; count and last: what the slot has. */
bool notify_after(uint64_t number, struct transition *x, uint32_t *count, uint64_t *last);

#endif
