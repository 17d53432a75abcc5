/*
 * The embedded master agent: for hosts without snmpd. Internal to publish*.c.
 */
#ifndef PUBLISH_MASTER_H
#define PUBLISH_MASTER_H

#include "publish.h"

/*
 * Starts the agent library as a master that listens on config->listen and reads nothing but
 * config->directives and the persistent directory. Calls `registrations` when tables can be
 * registered. false: it cannot serve; the log says why.
 */
bool master_open(const struct publish_options *options, void (*registrations)(void));
/* Shown each message of the library while it starts; true: it was about a directive and is dealt
 * with. */
bool master_take_message(const char *message);

#endif
