/*
 * What a parser understood of a line, in words: for `mailmond --explain` and for bug reports.
 */
#ifndef EXPLAIN_H
#define EXPLAIN_H

#include <stdio.h>
#include "event.h"

/*
 * Prints "KIND field=value ..." of one event, a line, with what the event does not say left out.
 * Octets that a terminal would act on are printed as \xHH.
 */
void explain_event(const struct event *e, FILE *out);

#endif
