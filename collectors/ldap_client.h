/*
 * One conversation with a directory server, by libldap: connect, TLS, bind, search, unbind, each
 * step timed. Only mailmond-directory links it: libldap brings a TLS library and 3 MB with it, and
 * blocks where it likes. So may this; the caller sets the deadline, by a signal or by killing.
 *
 * Everything that is learned goes into the result at once, so that the result is whole and true at
 * any instant.
 */
#ifndef LDAP_CLIENT_H
#define LDAP_CLIENT_H

#include <ldap.h>
#include "ldap_record.h"

/*
 * Plays the request. `r` was made by ldap_result_init for the request's job. At a deadline (of all, or
 * of a step) SIGALRM comes, by ITIMER_REAL: the caller handles it, and need not come back.
 */
void ldap_client_run(const struct ldap_request *q, struct ldap_result *r);

/* The rest is shared by the files of this module. */

struct ldap_client {
    const struct ldap_request *q;
    struct ldap_result *r;
    LDAP *ld;
    LDAPURLDesc *url;
    int fd; /* until ld has it, else -1 */
    int64_t began_us, step_began_us;
    bool trusting;   /* this time any certificate will do */
    int code;        /* result code of the last answer, -1: none yet */
    bool lost;       /* the connection is no longer of use */
    uint64_t octets; /* received above TLS */
    uint64_t octets_counted;
    uint64_t before[LDAP_NUMBERS]; /* r->own before the message in hand */
};

/* A step begins, and is the one that is told if nothing else comes; it ends, and has its time. */
void ldap_client_step(struct ldap_client *c, enum ldap_step step);
void ldap_client_step_done(struct ldap_client *c);
/* Ends the conversation's luck: status, and text for the operator. Always false. */
bool ldap_client_fail(struct ldap_client *c, enum response_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same by one of libldap's own error codes (below 0). */
bool ldap_client_lost(struct ldap_client *c, int code);
/* Resolves and connects; c->ld then speaks plain LDAP. false: c->r says why. */
bool ldap_client_connect(struct ldap_client *c);
/* TLS as the request wants it, with what the certificate says. Sends StartTLS if that is wanted. */
bool ldap_client_tls(struct ldap_client *c);
/* The next message to an operation, counted; NULL: c->r says why. The caller frees it. */
LDAPMessage *ldap_client_next(struct ldap_client *c, int id);
/* The outcome of an operation from its last message (which is freed). false: c->r says why. */
bool ldap_client_outcome(struct ldap_client *c, LDAPMessage *m, const char *what);

#endif
