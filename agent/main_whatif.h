/* mailmond --what-if. */
#ifndef MAIN_WHATIF_H
#define MAIN_WHATIF_H

#include "alarm_rule.h"

/*
 * Prints what the rules would have told of the history in `dir`; mailmond may be running. `from` and `to` are
 * days as YYYY-MM-DD, both included, or NULL. Returns the exit code.
 */
int whatif_mode(const struct config *c, const struct alarm_rules *rules, const char *dir,
                const char *from, const char *to);

#endif
