/*
 * `mailmond --probe`: asks one service once and prints how long each step took.
 */
#ifndef MAIN_ASK_H
#define MAIN_ASK_H

#include "config.h"

/*
 * what: the name of one of the configuration's responses, or PROTOCOL://HOST[:PORT][/PATH], with
 * PROTOCOL+starttls for TLS within. Returns the exit status: 0 up, 1 slow, 2 failed, 64 wrong usage.
 */
int ask_once(const struct config *c, const char *what);

#endif
