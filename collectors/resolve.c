/*
 * c-ares in an epoll set. The channel is made anew when /etc/resolv.conf changed and nothing is under
 * way; a lookup that was forgotten ends by c-ares' own timeouts.
 */
#include "resolve.h"

#include <ares.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#define SOCKETS_MAX 32
#define TRY_MS      2000
#define TRIES       3
#define RESOLV_CONF "/etc/resolv.conf"

struct dns_socket {
    struct watch watch;
    struct resolver *of;
    int fd; /* -1: free */
};

struct resolver {
    ares_channel channel;
    bool open;
    int epoll;
    unsigned lookups;
    struct timespec changed;
    struct dns_socket sockets[SOCKETS_MAX];
};

struct lookup {
    struct resolver *of;
    void (*found)(void *arg, const struct addresses *a);
    void *arg;
    bool starting, over;
    char host[];
};

static void on_ready(struct watch *w, uint32_t events)
{
    struct dns_socket *s = (struct dns_socket *)(void *)w;
    int fd = s->fd;
    if (fd < 0)
        return;
    ares_process_fd(s->of->channel, events & ~(uint32_t)EPOLLOUT ? fd : ARES_SOCKET_BAD,
                    events & EPOLLOUT ? fd : ARES_SOCKET_BAD);
}

/* c-ares tells what it waits for on a socket; nothing: it is about to be closed. */
static void on_state(void *data, ares_socket_t fd, int readable, int writable)
{
    struct resolver *r = data;
    struct dns_socket *s = NULL;
    for (unsigned i = 0; i < SOCKETS_MAX && !s; i++)
        if (r->sockets[i].fd == fd)
            s = &r->sockets[i];
    bool known = s != NULL;
    for (unsigned i = 0; i < SOCKETS_MAX && !s; i++)
        if (r->sockets[i].fd < 0)
            s = &r->sockets[i];
    if (!s)
        return; /* its query ends by its timeout */
    bool wanted = readable || writable;
    struct epoll_event e = {.events = (readable ? (uint32_t)EPOLLIN : 0) |
                                      (writable ? (uint32_t)EPOLLOUT : 0),
                            .data.ptr = &s->watch};
    s->fd = wanted ? fd : -1;
    if (wanted || known)
        epoll_ctl(r->epoll,
                  !wanted ? EPOLL_CTL_DEL
                  : known ? EPOLL_CTL_MOD
                          : EPOLL_CTL_ADD,
                  fd, &e);
}

static bool open_channel(struct resolver *r)
{
    struct ares_options o = {
        .timeout = TRY_MS, .tries = TRIES, .sock_state_cb = on_state, .sock_state_cb_data = r};
    struct stat st;
    r->changed = stat(RESOLV_CONF, &st) == 0 ? st.st_mtim : (struct timespec){0};
    r->open = ares_init_options(&r->channel, &o,
                                ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB) ==
              ARES_SUCCESS;
    return r->open;
}

struct resolver *resolver_new(int epoll)
{
    struct resolver *r = calloc(1, sizeof *r);
    if (!r || ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
        free(r);
        return NULL;
    }
    r->epoll = epoll;
    for (unsigned i = 0; i < SOCKETS_MAX; i++)
        r->sockets[i] = (struct dns_socket){{on_ready}, r, -1};
    return r;
}

void resolver_free(struct resolver *r)
{
    if (!r)
        return;
    if (r->open)
        ares_destroy(r->channel);
    ares_library_cleanup();
    free(r);
}

/* The channel, at its first use or after a change of what it was made from. */
static bool ready(struct resolver *r)
{
    struct stat st;
    bool same = stat(RESOLV_CONF, &st) != 0 || (st.st_mtim.tv_sec == r->changed.tv_sec &&
                                                st.st_mtim.tv_nsec == r->changed.tv_nsec);
    if (r->open && (same || r->lookups))
        return true;
    if (r->open)
        ares_destroy(r->channel);
    return open_channel(r);
}

bool resolve_literal(const char *host, uint16_t port, struct address *a)
{
    memset(a, 0, sizeof *a);
    if (inet_pton(AF_INET, host, &a->in.sin_addr) == 1) {
        a->in.sin_family = AF_INET;
        a->in.sin_port = htons(port);
        a->length = sizeof a->in;
        return true;
    }
    if (inet_pton(AF_INET6, host, &a->in6.sin6_addr) != 1)
        return false;
    a->in6.sin6_family = AF_INET6;
    a->in6.sin6_port = htons(port);
    a->length = sizeof a->in6;
    return true;
}

static void collect_addresses(struct addresses *out, const struct ares_addrinfo *found)
{
    for (const struct ares_addrinfo_node *n = found ? found->nodes : NULL; n; n = n->ai_next) {
        struct address *a = &out->list[out->count];
        if (out->count == RESOLVE_MAX || (size_t)n->ai_addrlen > sizeof a->in6)
            break;
        memcpy(&a->any, n->ai_addr, (size_t)n->ai_addrlen);
        a->length = (socklen_t)n->ai_addrlen;
        out->count++;
    }
}

static void on_found(void *arg, int status, int timeouts, struct ares_addrinfo *found)
{
    struct lookup *l = arg;
    struct addresses a = {.count = 0};
    (void)timeouts;
    if (status == ARES_SUCCESS)
        collect_addresses(&a, found);
    if (status == ARES_SUCCESS && a.count == 0)
        status = ARES_ENODATA;
    if (status != ARES_SUCCESS)
        snprintf(a.error, sizeof a.error, "%.100s: %s", l->host, ares_strerror(status));
    a.timed_out = status == ARES_ETIMEOUT;
    ares_freeaddrinfo(found);
    l->of->lookups--;
    l->over = true;
    if (l->found)
        l->found(l->arg, &a);
    if (!l->starting)
        free(l);
}

struct lookup *resolve(struct resolver *r, const char *host, uint16_t port, int family,
                       void (*found)(void *arg, const struct addresses *a), void *arg)
{
    struct lookup *l = calloc(1, sizeof *l + strlen(host) + 1);
    char service[8];
    if (!l || !ready(r)) {
        struct addresses none = {.error = "the resolver cannot be made"};
        free(l);
        found(arg, &none);
        return NULL;
    }
    *l = (struct lookup){.of = r, .found = found, .arg = arg, .starting = true};
    strcpy(l->host, host);
    struct ares_addrinfo_hints hints = {
        .ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = ARES_AI_NUMERICSERV};
    snprintf(service, sizeof service, "%u", port);
    r->lookups++;
    ares_getaddrinfo(r->channel, host, service, &hints, on_found, l);
    l->starting = false;
    if (!l->over)
        return l;
    free(l);
    return NULL;
}

void resolve_forget(struct lookup *l)
{
    if (l)
        l->found = NULL;
}

int resolver_wait(struct resolver *r, int most)
{
    struct timeval limit = {most / 1000, most % 1000 * 1000}, t;
    if (!r->open || !r->lookups)
        return most;
    const struct timeval *next = ares_timeout(r->channel, most < 0 ? NULL : &limit, &t);
    return next ? (int)(next->tv_sec * 1000 + (next->tv_usec + 999) / 1000) : most;
}

void resolver_due(struct resolver *r)
{
    if (r->open && r->lookups)
        ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}
