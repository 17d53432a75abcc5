/*
 * What follows the collectors and the alarms in each tick and goes by what they made of the model: the history, alarms
 * by mail, actions, the daily report. main_collect.c lists them. They write no rows but marks of their own,
 * and what goes wrong in one is logged and harms nothing else.
 */
#ifndef MAIN_CONSUMER_H
#define MAIN_CONSUMER_H

#include "../collectors/collector.h"
#include "transitions.h"

struct consumer {
    /* What in a configuration cannot be done: a fault for each. NULL: nothing. */
    void (*check)(const struct config *c, struct err_list *errors);
    /* Starts as c->config says; state_dir is where history.db is. The stream outlives it. */
    void (*start)(struct collect *c, const char *state_dir, struct transitions *stream);
    /* Once a tick. */
    void (*tick)(struct collect *c);
    /* Is a work item under way? Then the loop is run until it is not, before stop. NULL: never. */
    bool (*busy)(void);
    /* Ends what still runs. The loop is not run any more. NULL: nothing does. */
    void (*stop)(struct collect *c);
};

extern const struct consumer consumer_history, consumer_mail, consumer_action, consumer_daily;

#endif
