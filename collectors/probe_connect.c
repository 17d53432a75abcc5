/*
 * A probe that is not connected yet: its name, its addresses one after the other, its socket.
 */
#include "../agent/clock.h"
#include "probe_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "own.h"

/* The status that an error means; of what is this host's fault, none. */
static enum response_status status_of(int error)
{
    switch (error) {
    case ECONNREFUSED:
        return RESPONSE_REFUSED;
    case ETIMEDOUT:
        return RESPONSE_TIMED_OUT;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case EADDRNOTAVAIL: /* a source that is not ours, or no port is left */
        return RESPONSE_UNKNOWN;
    default:
        return RESPONSE_DOWN;
    }
}

/* Connecting */

static void connect_next(struct probe *b);

static void connected(struct probe *b)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    int64_t now = clock_us(CLOCK_MONOTONIC);
    /* The kernel timed the handshake itself, unless it had to send anew. */
    if (getsockopt(b->fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_rtt &&
        info.tcpi_total_retrans == 0 && b->mark_us + (int64_t)info.tcpi_rtt < now)
        now = b->mark_us + (int64_t)info.tcpi_rtt;
    probe_time_step(b, STEP_CONNECT, now);
    probe_set_due(b, clock_ms(CLOCK_MONOTONIC) + b->request.step_timeout_ms);
    probe_want_events(b, EPOLLIN);
    b->phase = TALKING;
    if (dialog_implicit_tls(b->request.protocol))
        probe_begin_tls(b);
    else
        probe_converse(b);
}

static void connect_failed(struct probe *b, int error)
{
    char text[160];
    probe_close_socket(b);
    if (b->tried < b->addresses->count) {
        connect_next(b);
        return;
    }
    snprintf(text, sizeof text, "%s (%s port %u)", strerror(error), b->result.address,
             b->request.port);
    probe_fail(b, status_of(error), STEP_CONNECT, text);
}

/* Is it an IPv4 address of this host? The kernel would choose it as the source, too. */
static bool is_own(const struct address *to)
{
    struct sockaddr_in from = {0};
    socklen_t size = sizeof from;
    if (to->any.sa_family != AF_INET)
        return false;
    if (ntohl(to->in.sin_addr.s_addr) >> 24 == 127)
        return true;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool own = fd >= 0 && connect(fd, &to->any, to->length) == 0 &&
               getsockname(fd, (struct sockaddr *)&from, &size) == 0 &&
               from.sin_addr.s_addr == to->in.sin_addr.s_addr;
    if (fd >= 0)
        close(fd);
    return own;
}

static int open_socket(struct probe *b, const struct address *to)
{
    struct address from;
    int on = 1, fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    const char *source = b->request.source;
    if (!source && b->request.marked && is_own(to))
        source = OWN_ADDRESS;
    if (source && (!resolve_literal(source, 0, &from) || bind(fd, &from.any, from.length) != 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* The next address; the names of those that were tried are lost but for the last. */
static void connect_next(struct probe *b)
{
    const struct address *to = &b->addresses->list[b->tried++];
    const void *octets = to->any.sa_family == AF_INET ? (const void *)&to->in.sin_addr
                                                      : (const void *)&to->in6.sin6_addr;
    inet_ntop(to->any.sa_family, octets, b->result.address, sizeof b->result.address);
    b->phase = CONNECTING;
    probe_begin_step(b);
    b->fd = open_socket(b, to);
    if (b->fd < 0 || (connect(b->fd, &to->any, to->length) != 0 && errno != EINPROGRESS)) {
        connect_failed(b, errno);
        return;
    }
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data.ptr = &b->watch};
    if (epoll_ctl(b->of->epoll, EPOLL_CTL_ADD, b->fd, &e) != 0)
        connect_failed(b, errno);
}

static void on_connected(struct probe *b)
{
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(b->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error)
        connect_failed(b, error);
    else
        connected(b);
}

void probe_on_ready(struct watch *w, uint32_t events)
{
    struct probe *b = (struct probe *)(void *)w;
    if (b->phase == CONNECTING) {
        on_connected(b);
        return;
    }
    if ((events & EPOLLOUT) && (b->phase == TALKING || b->phase == SECURING)) {
        probe_want_events(b, EPOLLIN);
        if (!probe_flush(b))
            probe_broken(b, "the connection broke off");
    }
    if ((events & ~(uint32_t)EPOLLOUT) && b->phase != OVER)
        probe_receive(b);
}

/* Resolving */

static void on_addresses(void *arg, const struct addresses *a)
{
    struct probe *b = arg;
    b->lookup = NULL;
    probe_time_step(b, STEP_RESOLVE, clock_us(CLOCK_MONOTONIC));
    if (a->error[0]) {
        probe_fail(b, a->timed_out ? RESPONSE_TIMED_OUT : RESPONSE_DOWN, STEP_RESOLVE, a->error);
        return;
    }
    *b->addresses = *a;
    connect_next(b);
}

static int family_of(const struct probe_request *r)
{
    struct address source;
    if (r->source && resolve_literal(r->source, 0, &source))
        return source.any.sa_family;
    return r->family == PROBE_IPV4 ? AF_INET : r->family == PROBE_IPV6 ? AF_INET6 : AF_UNSPEC;
}

void probe_find_address(struct probe *b)
{
    const struct probe_request *r = &b->request;
    probe_begin_step(b);
    if (resolve_literal(r->host, r->port, &b->addresses->list[0])) {
        b->addresses->count = 1;
        connect_next(b);
        return;
    }
    b->phase = RESOLVING;
    struct lookup *l = resolve(b->of->resolver, r->host, r->port, family_of(r), on_addresses, b);
    if (l)
        b->lookup = l;
}
