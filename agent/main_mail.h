/*
 * Alarms by mail, in the collect process: a reader of the stream of transitions, whose queue the store
 * keeps. One message at a time goes to the server through mailmond-probe, which speaks SMTP; what
 * cannot be sent is tried again, and given up politely.
 */
#ifndef MAIN_MAIL_H
#define MAIN_MAIL_H

#include "../collectors/collector.h"
#include "transitions.h"

/* Starts as c->config says. The stream must outlive it. */
void main_mail_start(struct collect *c, struct transitions *transitions);
/* Once a tick. */
void main_mail_tick(struct collect *c);

#endif
