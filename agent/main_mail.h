/*
 * Messages to whom the section `mail` names: alarms (main_mail.c) and the daily report. They go to the server
 * through mailmond-probe, which speaks SMTP.
 */
#ifndef MAIN_MAIL_H
#define MAIN_MAIL_H

#include "../collectors/prober.h"

/*
 * Sends a whole message as the section `mail` says; it is copied. `done` is called once, from the loop.
 * false: it cannot be sent now, `why` says why; done is not called.
 */
bool main_mail_send(struct collect *c, const char *message,
                    void (*done)(void *arg, const struct probe_result *r), char why[512]);
/* The name of this host, for messages. */
const char *main_mail_host(void);

#endif
