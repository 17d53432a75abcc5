/*
 * The history in the collect process: takes samples once a minute, hands them to a worker that writes
 * them, and brings back baselines for the model. Whatever goes wrong here costs history alone: it is
 * logged once, and tried again.
 */
#ifndef MAIN_HISTORY_H
#define MAIN_HISTORY_H

#include "../collectors/collector.h"
#include "transitions.h"

/* The columns of the configuration that cannot be sampled: a fault for each. */
void main_history_check(const struct config *c, struct err_list *errors);
/* Starts with the settings of c->config; `dir` is where history.db is. The stream must outlive it. */
void main_history_start(struct collect *c, const char *dir, struct transitions *transitions);
/* Once a tick. */
void main_history_tick(struct collect *c);
/* Writes what there is yet and closes. The loop is no longer run, and no work item is under way. */
void main_history_stop(struct collect *c);
/* Is a work item under way? */
bool main_history_busy(void);

#endif
