/*
 * The daily report by schedule: mailmond-report is run after midnight for the day before, and what it prints
 * is written to a directory, sent by mail, or both.
 */
#ifndef MAIN_DAILY_H
#define MAIN_DAILY_H

#include "../collectors/collector.h"

/* Starts as c->config says; `dir` is where history.db is. */
void main_daily_start(struct collect *c, const char *dir);
/* Once a tick. */
void main_daily_tick(struct collect *c);
void main_daily_stop(void);

#endif
