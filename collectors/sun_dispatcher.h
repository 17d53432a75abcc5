/*
 * dispatcher.cnf of Sun's Messaging Server: where its SMTP servers listen, and how long one of them lives. Options
 * before the first "[SERVICE=NAME]" are of all services. Source: "Dispatcher Configuration File" of the Administration
 * Reference. Pure.
 */
#ifndef SUN_DISPATCHER_H
#define SUN_DISPATCHER_H

#include "../agent/slice.h"

#define SUN_LISTENERS  16
#define SUN_MAX_LIFE_S 86400 /* default of MAX_LIFE_TIME */

struct sun_listener {
    struct slice address; /* INTERFACE_ADDRESS; empty: any */
    uint16_t port;
    struct slice channel; /* of PARAMETER=CHANNEL=...; empty: the usual one */
};
struct sun_dispatcher {
    struct sun_listener listeners[SUN_LISTENERS]; /* PORT and TLS_PORT */
    unsigned count;
    uint32_t max_life_s; /* the longest MAX_LIFE_TIME of any service */
};

/* The slices point into the text. */
void sun_dispatcher_parse(struct slice text, struct sun_dispatcher *d);

#endif
