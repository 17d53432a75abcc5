/*
 * Has a mailmond-directory play one request: starts it, hands the request over, reads the result, all
 * on the loop and none of it waiting. A process that takes longer than its request allows is killed.
 */
#ifndef LDAP_RUN_H
#define LDAP_RUN_H

#include "collector.h"
#include "ldap_record.h"

#define LDAP_RUNS_MAX    64   /* processes at once; further requests wait until one ends */
#define LDAP_WAITING_MAX 1000 /* requests that wait */

/* r: what came of it, checked, valid until this returns; NULL: nothing, and why. */
typedef void ldap_run_done(void *arg, const struct ldap_result *r, const char *error);

/*
 * server: applName of who is asked, NULL if it is none of ours. Questions to one server are asked one
 * after the other: what one of them adds to the server's counters is known when the next is asked.
 * The request is copied and what is copied is wiped when it was sent. `done` is called once, later, from
 * the loop. false: too many wait, or memory is short: ask again at the next tick.
 */
bool ldap_run(struct collect *c, const char *server, const struct ldap_request *q,
              ldap_run_done *done, void *arg);
/* Kills what runs; no `done` is called any more. */
void ldap_run_stop(void);

#endif
