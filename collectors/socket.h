/*
 * What the collector of sockets does for others: mailmonConnectionTable of an application that is no
 * mail transfer agent.
 */
#ifndef SOCKET_H
#define SOCKET_H

#include "collector.h"

#define SOCKET_PORTS_MAX 8

/*
 * Has the TCP sockets of an application counted by state from the next scan on: those whose local port
 * is one of these. count 0: no longer; its rows go. false: no room, or memory is short.
 */
bool socket_watch(struct collect *c, uint32_t appl, const uint16_t *ports, unsigned count);

#endif
