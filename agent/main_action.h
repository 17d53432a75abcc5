/*
 * Actions: programs that the configuration names, run when an alarm is raised or cleared, and restarts of
 * what is down. Never through a shell, never because of anything that SNMP said, each with a deadline.
 */
#ifndef MAIN_ACTION_H
#define MAIN_ACTION_H

#include "../collectors/collector.h"
#include "transitions.h"

/* Programs that cannot be run as they are written: a fault for each. */
void main_action_check(const struct config *c, struct err_list *errors);
/* Starts as c->config says. The stream must outlive it. */
void main_action_start(struct collect *c, struct transitions *transitions);
/* Once a tick. */
void main_action_tick(struct collect *c);
/* Kills what still runs. */
void main_action_stop(void);

#endif
