/*
 * Postfix's programs as writers of log lines. Private to mta_postfix.c.
 */
#ifndef POSTFIX_DAEMONS_H
#define POSTFIX_DAEMONS_H

#include "event.h"

/* How to read the lines of one program, "smtpd". */
struct postfix_service {
    struct slice name;
    /* What is behind "tag[pid]: " and behind the queue id, which is in e->id if there is one;
       e->kind is EVENT_UNKNOWN. Deliveries do not come here: postfix_delivery. */
    void (*parse)(struct slice s, struct event *e);
    /* What is behind "warning: ", "fatal: " ...; false if it is of no interest. May be NULL. */
    bool (*warning)(struct slice s, struct event *e);
};

/* NULL: no program of Postfix has this name. */
const struct postfix_service *postfix_service_named(struct slice name);

/* A warning whose writer is unknown: if it is one of interest, sets e->service too. */
bool postfix_nameless_warning(struct slice s, struct event *e);

#endif
