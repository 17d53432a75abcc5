/*
 * Names to addresses, without waiting: c-ares, its sockets in the caller's epoll set. Knows
 * /etc/hosts, address literals and /etc/resolv.conf, which is read again when it changed.
 */
#ifndef RESOLVE_H
#define RESOLVE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include "watch.h"

#define RESOLVE_MAX 8 /* addresses of a name that are kept */

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    };
    socklen_t length;
};

struct addresses {
    struct address list[RESOLVE_MAX];
    unsigned count;
    bool timed_out;  /* no name server answered */
    char error[160]; /* in words; empty: there is one at least */
};

struct resolver;
struct lookup; /* one that is under way */

/* NULL: memory is short. */
struct resolver *resolver_new(int epoll);
void resolver_free(struct resolver *r);
/*
 * An address literal -> *a; false: it is none. Never waits.
 */
bool resolve_literal(const char *host, uint16_t port, struct address *a);
/*
 * Begins a lookup. family: AF_UNSPEC, AF_INET or AF_INET6. `found` is called once, perhaps before this
 * returns (then NULL is returned), unless the lookup is forgotten before.
 */
struct lookup *resolve(struct resolver *r, const char *host, uint16_t port, int family,
                       void (*found)(void *arg, const struct addresses *a), void *arg);
/* `found` will not be called. */
void resolve_forget(struct lookup *l);
/* Until when to wait at most, ms; `most` if nothing is due before. To be followed by resolver_due. */
int resolver_wait(struct resolver *r, int most);
void resolver_due(struct resolver *r);

#endif
