/*
 * A transition of an alarm as a mail message (RFC 5322), in the form that Sun's Messaging Server gave
 * it (Monitoring guide, "Alarm Messages"), or in that of a template. Pure.
 */
#ifndef NOTICE_H
#define NOTICE_H

#include "model.h"

#define NOTICE_MAX 16384

struct notice {
    const char *sender, *recipient;
    const char *server_instance; /* what the line of that name says */
    const char *host;            /* of this host, for the Message-ID */
    const char *template; /* NULL: the built-in form. Each %s is replaced in this order: sender,
                                    recipient, description, instance, value, summary */
};

/*
 * Writes header and body, lines ended by LF. The instants of x are in milliseconds of real time; times
 * are written in local time. Returns the length, less than size; 0: it does not fit.
 */
size_t notice_write(const struct notice *n, const struct transition *x, char *out, size_t size);

#endif
