/*
 * Alarms by mail, in the collect process: a reader of the stream of transitions, whose queue the store
 * keeps. One message at a time goes to the server through mailmond-probe, which speaks SMTP; what
 * cannot be sent is tried again, and given up politely.
 */
#ifndef MAIN_MAIL_H
#define MAIN_MAIL_H

#include "../collectors/prober.h"
#include "transitions.h"

/* Starts as c->config says. The stream must outlive it. */
void main_mail_start(struct collect *c, struct transitions *transitions);
/* Once a tick. */
void main_mail_tick(struct collect *c);
/*
 * Sends a whole message as the section `mail` says; it is copied. `done` is called once, from the loop.
 * false: it cannot be sent now, `why` says why; done is not called.
 */
bool main_mail_send(struct collect *c, const char *message,
                    void (*done)(void *arg, const struct probe_result *r), char why[512]);
/* The name of this host, for messages. */
const char *main_mail_host(void);

#endif
