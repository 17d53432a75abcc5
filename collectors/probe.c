/*
 * The engine of the probes. One epoll set, level-triggered; a probe owns its socket, its TLS
 * connection, its dialog and a copy of its request. It is reported once, when its result stands; if a
 * farewell is still to be heard out then, it lingers for a second at most.
 *
 * Deadlines: `due_ms` of the engine is a lower bound of those of all probes. The list is looked
 * through when that time is reached, so that a probe that ends in time costs no timer.
 */
#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>
#include "own.h"
#include "resolve.h"
#include "tls.h"

#define TIMEOUT_MS      30000
#define STEP_TIMEOUT_MS 10000
#define LINGER_MS       1000 /* for a farewell after a deadline */
#define EVENTS          64
#define BUFFER          (64 * 1024)

enum phase { RESOLVING, CONNECTING, SECURING, TALKING, PARTING, OVER };

struct probe {
    struct watch watch; /* first */
    struct probe *next, *before;
    struct probes *of;
    struct probe_request request;
    void (*done)(void *arg, const struct probe_result *result);
    void *arg;
    enum phase phase;
    int fd;                 /* -1: none */
    bool early;             /* octets came in the clear before TLS */
    int64_t due_ms, end_ms; /* of this step or the whole; of the whole */
    int64_t mark_us;        /* since when the step is timed */
    struct lookup *lookup;
    struct tls *tls;
    struct addresses *addresses;
    unsigned tried; /* of the addresses */
    char *rest;     /* what the socket did not take, in the clear */
    size_t rest_n, rest_at;
    struct probe_result result;
    struct dialog dialog;
    size_t packed_size;
    char packed[]; /* what the request's texts point into */
};

struct probes {
    int epoll;
    int stamps; /* see keep_stamps */
    unsigned most, count, busy;
    struct probe *first, *graves; /* graves: freed at the end of the turn */
    struct resolver *resolver;
    struct tls_trusts *trusts;
    int64_t due_ms;
    char buffer[BUFFER];
};

static int64_t now_us(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t now_ms(void)
{
    return now_us(CLOCK_MONOTONIC) / 1000;
}

/*
 * The kernel stamps packets as long as a socket wants it, and needs a while to begin: this one, which
 * is for nothing else, wants it as long as there are probes.
 */
static int keep_stamps(void)
{
    int on = 1, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    return fd;
}

struct probes *probes_new(unsigned most)
{
    struct probes *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->most = most;
    p->due_ms = INT64_MAX;
    p->epoll = epoll_create1(EPOLL_CLOEXEC);
    p->resolver = p->epoll < 0 ? NULL : resolver_new(p->epoll);
    p->trusts = tls_trusts_new();
    p->stamps = keep_stamps();
    if (p->resolver && p->trusts)
        return p;
    probes_free(p);
    return NULL;
}

static void close_socket(struct probe *b)
{
    if (b->fd >= 0)
        close(b->fd);
    b->fd = -1;
}

/* Ends its part in the world; it is freed at the end of the turn, since events may name it. */
static void bury(struct probe *b)
{
    struct probes *p = b->of;
    resolve_forget(b->lookup);
    b->lookup = NULL;
    if (b->tls && b->fd >= 0) {
        tls_close(b->tls);
        struct slice last = tls_pending(b->tls);
        if (last.n)
            send(b->fd, last.p, last.n, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    close_socket(b);
    if (b->before)
        b->before->next = b->next;
    else
        p->first = b->next;
    if (b->next)
        b->next->before = b->before;
    b->phase = OVER;
    b->next = p->graves;
    p->graves = b;
    p->count--;
}

static void free_probe(struct probe *b)
{
    tls_free(b->tls);
    free(b->addresses);
    free(b->rest);
    explicit_bzero(b->packed, b->packed_size); /* there may be a password in it */
    free(b);
}

static void free_graves(struct probes *p)
{
    for (struct probe *b = p->graves, *next; b; b = next) {
        next = b->next;
        free_probe(b);
    }
    p->graves = NULL;
}

void probes_free(struct probes *p)
{
    if (!p)
        return;
    while (p->first)
        bury(p->first);
    free_graves(p);
    resolver_free(p->resolver);
    tls_trusts_free(p->trusts);
    if (p->stamps >= 0)
        close(p->stamps);
    if (p->epoll >= 0)
        close(p->epoll);
    free(p);
}

unsigned probes_busy(const struct probes *p)
{
    return p->busy;
}

/* Time */

static void set_due(struct probe *b, int64_t due_ms)
{
    b->due_ms = due_ms < b->end_ms ? due_ms : b->end_ms;
    if (b->due_ms < b->of->due_ms)
        b->of->due_ms = b->due_ms;
}

/* A step, or a part of it, begins to be timed now. */
static void begin_step(struct probe *b)
{
    b->mark_us = now_us(CLOCK_MONOTONIC);
    set_due(b, b->mark_us / 1000 + b->request.step_timeout_ms);
}

static void time_step(struct probe *b, enum dialog_step step, int64_t until_us)
{
    int64_t us = until_us > b->mark_us ? until_us - b->mark_us : 0;
    uint32_t *total = &b->result.steps_us[step];
    uint64_t sum = (*total == PROBE_NO_TIME ? 0 : *total) + (uint64_t)us;
    *total = sum < PROBE_NO_TIME ? (uint32_t)sum : PROBE_NO_TIME - 1;
    b->mark_us = b->mark_us > until_us ? b->mark_us : until_us;
}

/* When the last octets of a message came, on the monotonic clock; never outside of mark and now. */
static int64_t arrival_us(const struct probe *b, struct msghdr *m)
{
    int64_t now = now_us(CLOCK_MONOTONIC);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        struct timespec t;
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
            continue;
        memcpy(&t, CMSG_DATA(c), sizeof t);
        int64_t at = now - (now_us(CLOCK_REALTIME) - (t.tv_sec * 1000000 + t.tv_nsec / 1000));
        return at > now ? now : at < b->mark_us ? b->mark_us : at;
    }
    return now;
}

/* Results */

static void report(struct probe *b)
{
    struct probe_result *r = &b->result;
    if (!b->done)
        return;
    void (*done)(void *, const struct probe_result *) = b->done;
    b->done = NULL;
    b->of->busy--;
    r->total_us = 0;
    for (unsigned i = 0; i < STEPS; i++)
        if (r->steps_us[i] != PROBE_NO_TIME)
            r->total_us += r->steps_us[i];
    r->messages = b->dialog.messages;
    r->unseen = b->dialog.unseen;
    r->found = b->dialog.found;
    done(b->arg, r);
}

static void report_fault(struct probe *b, enum response_status status, enum dialog_step step,
                         const char *text)
{
    b->result.status = status;
    b->result.step = step;
    snprintf(b->result.reply, sizeof b->result.reply, "%s: %s", dialog_step_names[step], text);
    report(b);
}

/* Ends for a reason that no server gave. */
static void fail(struct probe *b, enum response_status status, enum dialog_step step,
                 const char *text)
{
    report_fault(b, status, step, text);
    bury(b);
}

/* The dialog's verdict stands. */
static void conclude(struct probe *b)
{
    const struct dialog *d = &b->dialog;
    b->result.status = d->verdict;
    b->result.step = d->failed;
    snprintf(b->result.reply, sizeof b->result.reply, "%s", d->text[0] ? d->text : d->reply);
    report(b);
}

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

static void converse(struct probe *b);

/* Sending */

static void want_events(struct probe *b, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = &b->watch};
    epoll_ctl(b->of->epoll, EPOLL_CTL_MOD, b->fd, &e);
}

/* What is left to be sent, as far as the socket takes it. false: the connection is broken. */
static bool flush(struct probe *b)
{
    for (;;) {
        struct slice s = b->tls ? tls_pending(b->tls)
                                : (struct slice){b->rest + b->rest_at, b->rest_n - b->rest_at};
        if (s.n == 0)
            return true;
        ssize_t n = send(b->fd, s.p, s.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            want_events(b, EPOLLIN | EPOLLOUT);
        if (n < 0)
            return errno == EAGAIN;
        if (b->tls)
            tls_sent(b->tls, (size_t)n);
        else
            b->rest_at += (size_t)n;
    }
}

/* Keeps what a socket did not take at once. */
static bool keep_rest(struct probe *b, struct slice s)
{
    free(b->rest);
    b->rest = malloc(s.n);
    b->rest_at = 0;
    b->rest_n = b->rest ? s.n : 0;
    if (b->rest)
        memcpy(b->rest, s.p, s.n);
    return b->rest && flush(b);
}

static bool transmit(struct probe *b, struct slice s)
{
    if (b->tls)
        return tls_write(b->tls, s) && flush(b);
    ssize_t n = send(b->fd, s.p, s.n, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN)
        return false;
    s = slice_skip(s, n > 0 ? (size_t)n : 0);
    return s.n == 0 || keep_rest(b, s);
}

/* Leaves, after a deadline or a fault of the dialog, with the words that the protocol has for it. */
static void part(struct probe *b)
{
    struct slice bye = dialog_farewell(&b->dialog);
    bool said = bye.n && (!b->tls || b->phase == TALKING) && transmit(b, bye);
    if (!said) {
        bury(b);
        return;
    }
    if (b->tls) {
        tls_close(b->tls);
        flush(b);
    }
    shutdown(b->fd, SHUT_WR);
    b->phase = PARTING;
    b->end_ms = INT64_MAX;
    set_due(b, now_ms() + LINGER_MS);
}

static void broken(struct probe *b, const char *text)
{
    dialog_fail(&b->dialog, RESPONSE_DOWN, text);
    conclude(b);
    bury(b);
}

/* TLS */

static void secure(struct probe *b)
{
    struct probe_result *r = &b->result;
    struct tls_certificate c;
    enum tls_state s = tls_handshake(b->tls);
    bool sent = flush(b);
    if (s == TLS_FAILED || !sent) {
        char text[200];
        snprintf(text, sizeof text, "the handshake failed: %s",
                 s == TLS_FAILED ? tls_error(b->tls) : strerror(errno));
        fail(b, RESPONSE_TLS_ERROR, STEP_TLS, text);
        return;
    }
    if (s == TLS_GOES_ON)
        return;
    tls_certificate(b->tls, now_us(CLOCK_REALTIME) / 1000000, &c);
    r->cert_not_after_s = c.not_after_s;
    snprintf(r->cert_error, sizeof r->cert_error, "%s", c.error);
    b->phase = TALKING;
    set_due(b, now_ms() + b->request.step_timeout_ms);
    /* A server that writes twice now (session tickets, then its words) waits for our acknowledgement of
       the first, which would come 40 ms late and be taken for its own time. */
    int on = 1;
    setsockopt(b->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
    if (b->request.strict && c.error[0]) {
        b->dialog.securing = 0;
        report_fault(b, RESPONSE_TLS_ERROR, STEP_TLS, c.error);
        part(b);
        return;
    }
    if (dialog_next(&b->dialog) == DIALOG_SECURE)
        dialog_secured(&b->dialog, b->early);
    converse(b);
}

static void begin_tls(struct probe *b)
{
    char error[160];
    const struct probe_request *r = &b->request;
    int on = 1; /* its last octets and our first command are two packets */
    setsockopt(b->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    b->phase = SECURING;
    begin_step(b);
    b->tls = tls_new(b->of->trusts, r->ca_file, r->tls_name ? r->tls_name : r->host, error,
                     sizeof error);
    if (b->tls) /* reading whom to trust is not the server's time */
        begin_step(b);
    if (b->tls)
        secure(b);
    else
        fail(b, RESPONSE_TLS_ERROR, STEP_TLS, error);
}

/* Talking */

static void say(struct probe *b)
{
    struct probes *p = b->of;
    size_t n = dialog_say(&b->dialog, p->buffer, sizeof p->buffer);
    if (n == 0)
        return;
    begin_step(b);
    bool sent = transmit(b, (struct slice){p->buffer, n});
    explicit_bzero(p->buffer, n);
    if (!sent && !dialog_closed(&b->dialog))
        dialog_fail(&b->dialog, RESPONSE_DOWN, "the connection broke off");
}

/* Says what there is to say; ends the probe when the dialog does. */
static void converse(struct probe *b)
{
    while (b->phase == TALKING)
        switch (dialog_next(&b->dialog)) {
        case DIALOG_SAY:
            say(b);
            break;
        case DIALOG_HEAR:
            return;
        case DIALOG_SECURE:
            begin_tls(b);
            return;
        case DIALOG_END: {
            bool polite = b->dialog.leaving;
            conclude(b);
            if (polite || b->dialog.verdict == RESPONSE_DOWN)
                bury(b);
            else
                part(b);
            return;
        }
        }
}

static void hear(struct probe *b, struct slice octets, int64_t at_us)
{
    while (octets.n && b->phase == TALKING && dialog_next(&b->dialog) == DIALOG_HEAR) {
        bool whole;
        enum dialog_step step = dialog_step(&b->dialog);
        size_t n = dialog_hear(&b->dialog, octets, &whole);
        octets = slice_skip(octets, n);
        if (!whole)
            return;
        time_step(b, step, at_us);
        set_due(b, now_ms() + b->request.step_timeout_ms);
        b->early = octets.n > 0;
        /* Octets behind an answer lie in the buffer that words are written to. */
        if (octets.n && dialog_next(&b->dialog) == DIALOG_SAY) {
            char *copy = malloc(octets.n);
            if (!copy)
                return;
            memcpy(copy, octets.p, octets.n);
            converse(b);
            hear(b, (struct slice){copy, octets.n}, at_us);
            free(copy);
            return;
        }
        converse(b);
    }
}

static void hear_tls(struct probe *b, int64_t at_us)
{
    struct probes *p = b->of;
    int n = 0;
    while (b->phase == TALKING && (n = tls_read(b->tls, p->buffer, sizeof p->buffer)) > 0)
        hear(b, (struct slice){p->buffer, (size_t)n}, at_us);
    if (b->phase != TALKING)
        return;
    if (n < 0 && dialog_closed(&b->dialog))
        converse(b);
    else if (n < 0)
        broken(b, tls_error(b->tls)[0] ? tls_error(b->tls) : "the server closed the connection");
    else if (!flush(b))
        broken(b, "the connection broke off");
}

static void on_end_of_stream(struct probe *b, int error)
{
    const char *text = error ? strerror(error) : "the server closed the connection";
    if (b->phase == SECURING)
        fail(b, RESPONSE_TLS_ERROR, STEP_TLS, text);
    else if (dialog_closed(&b->dialog))
        converse(b);
    else
        broken(b, text);
}

static void receive(struct probe *b)
{
    struct probes *p = b->of;
    char control[CMSG_SPACE(sizeof(struct timespec))];
    struct iovec v = {p->buffer, sizeof p->buffer};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t n = recvmsg(b->fd, &m, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (b->phase == PARTING) {
        if (n <= 0)
            bury(b);
        return;
    }
    if (n <= 0) {
        on_end_of_stream(b, n < 0 ? errno : 0);
        return;
    }
    int64_t at_us = arrival_us(b, &m);
    struct slice octets = {p->buffer, (size_t)n};
    if (!b->tls) {
        hear(b, octets, at_us);
        return;
    }
    if (!tls_feed(b->tls, octets)) {
        fail(b, RESPONSE_DOWN, STEP_TLS, "out of memory");
        return;
    }
    if (b->phase == SECURING) {
        time_step(b, STEP_TLS, at_us);
        secure(b);
    }
    if (b->phase == TALKING)
        hear_tls(b, at_us);
}

/* Connecting */

static void connect_next(struct probe *b);

static void connected(struct probe *b)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    int64_t now = now_us(CLOCK_MONOTONIC);
    /* The kernel timed the handshake itself, unless it had to send anew. */
    if (getsockopt(b->fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_rtt &&
        info.tcpi_total_retrans == 0 && b->mark_us + (int64_t)info.tcpi_rtt < now)
        now = b->mark_us + (int64_t)info.tcpi_rtt;
    time_step(b, STEP_CONNECT, now);
    set_due(b, now_ms() + b->request.step_timeout_ms);
    want_events(b, EPOLLIN);
    b->phase = TALKING;
    if (dialog_implicit_tls(b->request.protocol))
        begin_tls(b);
    else
        converse(b);
}

static void connect_failed(struct probe *b, int error)
{
    char text[160];
    close_socket(b);
    if (b->tried < b->addresses->count) {
        connect_next(b);
        return;
    }
    snprintf(text, sizeof text, "%s (%s port %u)", strerror(error), b->result.address,
             b->request.port);
    fail(b, status_of(error), STEP_CONNECT, text);
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
    begin_step(b);
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

static void on_ready(struct watch *w, uint32_t events)
{
    struct probe *b = (struct probe *)(void *)w;
    if (b->phase == CONNECTING) {
        on_connected(b);
        return;
    }
    if ((events & EPOLLOUT) && (b->phase == TALKING || b->phase == SECURING)) {
        want_events(b, EPOLLIN);
        if (!flush(b))
            broken(b, "the connection broke off");
    }
    if ((events & ~(uint32_t)EPOLLOUT) && b->phase != OVER)
        receive(b);
}

/* Resolving */

static void on_addresses(void *arg, const struct addresses *a)
{
    struct probe *b = arg;
    b->lookup = NULL;
    time_step(b, STEP_RESOLVE, now_us(CLOCK_MONOTONIC));
    if (a->error[0]) {
        fail(b, a->timed_out ? RESPONSE_TIMED_OUT : RESPONSE_DOWN, STEP_RESOLVE, a->error);
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

static void find_address(struct probe *b)
{
    const struct probe_request *r = &b->request;
    begin_step(b);
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

static void set_defaults(struct probe *b)
{
    struct probe_request *r = &b->request;
    r->port = r->port ? r->port : dialog_port(r->protocol);
    r->timeout_ms = r->timeout_ms ? r->timeout_ms : TIMEOUT_MS;
    r->step_timeout_ms = r->step_timeout_ms ? r->step_timeout_ms : STEP_TIMEOUT_MS;
    r->want.host = r->want.host ? r->want.host : r->host;
    b->result.cert_not_after_s = INT64_MIN;
    for (unsigned i = 0; i < STEPS; i++)
        b->result.steps_us[i] = PROBE_NO_TIME;
}

bool probes_start(struct probes *p, const struct probe_request *r,
                  void (*done)(void *arg, const struct probe_result *result), void *arg)
{
    size_t size = probe_packed_size(r);
    struct probe *b = p->count < p->most ? calloc(1, sizeof *b + size) : NULL;
    if (!b || !(b->addresses = calloc(1, sizeof *b->addresses))) {
        free(b);
        return false;
    }
    b->packed_size = size;
    probe_pack(r, b->packed);
    probe_unpack((struct slice){b->packed, size}, &b->request);
    b->watch.ready = on_ready;
    b->of = p;
    b->done = done;
    b->arg = arg;
    b->fd = -1;
    set_defaults(b);
    b->end_ms = now_ms() + b->request.timeout_ms;
    b->due_ms = b->end_ms;
    b->next = p->first;
    if (p->first)
        p->first->before = b;
    p->first = b;
    p->count++;
    p->busy++;
    dialog_start(&b->dialog, b->request.protocol, &b->request.want);
    b->phase = RESOLVING;
    set_due(b, 0); /* begun in the next turn: `done` is never called from here */
    return true;
}

/* A deadline passed. */
static void expire(struct probe *b, int64_t now)
{
    static const enum dialog_step steps[] = {
        [RESOLVING] = STEP_RESOLVE, [CONNECTING] = STEP_CONNECT, [SECURING] = STEP_TLS};
    char text[160];
    bool whole = now >= b->end_ms;
    uint32_t limit_ms = whole ? b->request.timeout_ms : b->request.step_timeout_ms;
    if (b->phase == PARTING) {
        bury(b);
        return;
    }
    if (b->phase == TALKING) {
        snprintf(text, sizeof text,
                 b->dialog.octets ? "no whole answer within %g s%s, only %llu octets"
                                  : "no answer within %g s%s",
                 limit_ms / 1000.0, whole ? " in all" : "", (unsigned long long)b->dialog.octets);
        time_step(b, dialog_step(&b->dialog), now * 1000);
        dialog_fail(&b->dialog, RESPONSE_TIMED_OUT, text);
        conclude(b);
        part(b);
        return;
    }
    snprintf(text, sizeof text, "no answer%s%s within %g s%s", b->result.address[0] ? " from " : "",
             b->result.address, limit_ms / 1000.0, whole ? " in all" : "");
    time_step(b, steps[b->phase], now * 1000);
    fail(b, RESPONSE_TIMED_OUT, steps[b->phase], text);
}

/* Begins what is new, ends what is overdue, and finds the next deadline. */
static void check_deadlines(struct probes *p)
{
    int64_t now = now_ms();
    p->due_ms = INT64_MAX;
    for (struct probe *b = p->first, *next; b; b = next) {
        next = b->next;
        if (b->due_ms == 0)
            find_address(b);
        else if (b->due_ms <= now)
            expire(b, now);
        if (b->phase != OVER && b->due_ms < p->due_ms)
            p->due_ms = b->due_ms;
    }
}

static int wait_time(const struct probes *p, int wait_ms)
{
    int64_t left = p->due_ms == INT64_MAX ? INT64_MAX : p->due_ms - now_ms();
    if (left < 0)
        left = 0;
    if (wait_ms >= 0 && wait_ms < left)
        left = wait_ms;
    return left > INT32_MAX ? -1 : (int)left;
}

void probes_turn(struct probes *p, int wait_ms)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(p->epoll, events, EVENTS, resolver_wait(p->resolver, wait_time(p, wait_ms)));
    for (int i = 0; i < n; i++) {
        struct watch *w = events[i].data.ptr;
        w->ready(w, events[i].events);
    }
    resolver_due(p->resolver);
    if (p->due_ms <= now_ms())
        check_deadlines(p);
    free_graves(p);
}

bool probes_watch(struct probes *p, int fd, struct watch *w)
{
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = w};
    return epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &e) == 0;
}
