/*
 * What the rules of a configuration would have told of the stored history: thresholds from facts. Each
 * rule is judged by the engine of alarms itself, over a private model that holds the rule's column as
 * the history has it, minute by minute.
 */
#ifndef WHATIF_H
#define WHATIF_H

#include <stdio.h>
#include "alarm_rule.h"
#include "history.h"

struct whatif {
    const struct config *config;
    const struct alarm_rules *rules;
    int64_t from_s, to_s; /* the end is not part of it */
};

/*
 * Prints a line for each alarm that would have been raised or cleared (rule by rule, in order of time, which
 * is local time), a table of the rules, and which of them the history cannot judge and why. false: the
 * history cannot be read (see history_error; that text is empty when it was memory).
 */
bool whatif_print(const struct whatif *w, struct history *h, FILE *out);

#endif
