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

/*
 * What is behind "warning: ", "fatal: " ... of these programs; false if it is of no interest. cleanup tells some
 * refusals without a severity, too: postfix_not_accepted.
 */
bool postfix_smtpd_warning(struct slice s, struct event *e);
bool postfix_cleanup_warning(struct slice s, struct event *e);
bool postfix_not_accepted(struct slice s, struct event *e);
bool postfix_master_warning(struct slice s, struct event *e);
bool postfix_script_warning(struct slice s, struct event *e);

/* A warning whose writer is unknown: if it is one of interest, sets e->service too. */
bool postfix_nameless_warning(struct slice s, struct event *e);

#endif
