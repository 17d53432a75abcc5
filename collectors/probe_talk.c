/*
 * A probe that is connected: TLS, and the dialog over it or in the clear. Words are written into the
 * engine's one buffer and sent at once; what the socket does not take is kept by the probe.
 */
#include "../agent/clock.h"
#include "probe_internal.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#define LINGER_MS 1000 /* for a farewell after a deadline */

/* When the last octets of a message came, on the monotonic clock; never outside of mark and now. */
static int64_t arrival_us(const struct probe *b, struct msghdr *m)
{
    int64_t now = clock_us(CLOCK_MONOTONIC);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        struct timespec t;
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
            continue;
        memcpy(&t, CMSG_DATA(c), sizeof t);
        int64_t at = now - (clock_us(CLOCK_REALTIME) - (t.tv_sec * 1000000 + t.tv_nsec / 1000));
        return at > now ? now : at < b->mark_us ? b->mark_us : at;
    }
    return now;
}

/* Sending */

void probe_want_events(struct probe *b, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = &b->watch};
    epoll_ctl(b->of->epoll, EPOLL_CTL_MOD, b->fd, &e);
}

/* What is left to be sent, as far as the socket takes it. false: the connection is broken. */
bool probe_flush(struct probe *b)
{
    if (!b->tls && !b->rest)
        return true;
    for (;;) {
        struct slice s = b->tls ? tls_pending(b->tls)
                                : (struct slice){b->rest + b->rest_at, b->rest_n - b->rest_at};
        if (s.n == 0)
            return true;
        ssize_t n = send(b->fd, s.p, s.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            probe_want_events(b, EPOLLIN | EPOLLOUT);
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
    return b->rest && probe_flush(b);
}

static bool transmit(struct probe *b, struct slice s)
{
    if (b->tls)
        return tls_write(b->tls, s) && probe_flush(b);
    ssize_t n = send(b->fd, s.p, s.n, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN)
        return false;
    s = slice_skip(s, n > 0 ? (size_t)n : 0);
    return s.n == 0 || keep_rest(b, s);
}

/* Leaves, after a deadline or a fault of the dialog, with the words that the protocol has for it. */
void probe_part(struct probe *b)
{
    struct slice bye = dialog_farewell(&b->dialog);
    bool said = bye.n && (!b->tls || b->phase == TALKING) && transmit(b, bye);
    if (!said) {
        probe_bury(b);
        return;
    }
    if (b->tls) {
        tls_close(b->tls);
        probe_flush(b);
    }
    shutdown(b->fd, SHUT_WR);
    b->phase = PARTING;
    b->end_ms = INT64_MAX;
    probe_set_due(b, clock_ms(CLOCK_MONOTONIC) + LINGER_MS);
}

void probe_broken(struct probe *b, const char *text)
{
    dialog_fail(&b->dialog, RESPONSE_DOWN, text);
    probe_conclude(b);
    probe_bury(b);
}

/* TLS */

static void secure(struct probe *b)
{
    struct probe_result *r = &b->result;
    struct tls_certificate c;
    enum tls_state s = tls_handshake(b->tls);
    bool sent = probe_flush(b);
    if (s == TLS_FAILED || !sent) {
        char text[200];
        snprintf(text, sizeof text, "the handshake failed: %s",
                 s == TLS_FAILED ? tls_error(b->tls) : strerror(errno));
        probe_fail(b, RESPONSE_TLS_ERROR, STEP_TLS, text);
        return;
    }
    if (s == TLS_GOES_ON)
        return;
    tls_certificate(b->tls, clock_us(CLOCK_REALTIME) / 1000000, &c);
    r->cert_not_after_s = c.not_after_s;
    snprintf(r->cert_error, sizeof r->cert_error, "%s", c.error);
    b->phase = TALKING;
    probe_set_due(b, clock_ms(CLOCK_MONOTONIC) + b->request.step_timeout_ms);
    /* A server that writes twice now (session tickets, then its words) waits for our acknowledgement of
       the first, which would come 40 ms late and be taken for its own time. */
    int on = 1;
    setsockopt(b->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
    if (b->request.strict && c.error[0]) {
        b->dialog.securing = 0;
        probe_report_fault(b, RESPONSE_TLS_ERROR, STEP_TLS, c.error);
        probe_part(b);
        return;
    }
    if (dialog_next(&b->dialog) == DIALOG_SECURE)
        dialog_secured(&b->dialog, b->early);
    probe_converse(b);
}

void probe_begin_tls(struct probe *b)
{
    char error[160];
    const struct probe_request *r = &b->request;
    int on = 1; /* its last octets and our first command are two packets */
    setsockopt(b->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    b->phase = SECURING;
    probe_begin_step(b);
    b->tls = tls_new(b->of->trusts, r->ca_file, r->tls_name ? r->tls_name : r->host, error,
                     sizeof error);
    if (b->tls) /* reading whom to trust is not the server's time */
        probe_begin_step(b);
    if (b->tls)
        secure(b);
    else
        probe_fail(b, RESPONSE_TLS_ERROR, STEP_TLS, error);
}

/* Talking */

static void say(struct probe *b)
{
    struct probes *p = b->of;
    size_t n = dialog_say(&b->dialog, p->buffer, sizeof p->buffer);
    if (n == 0)
        return;
    probe_begin_step(b);
    bool sent = transmit(b, (struct slice){p->buffer, n});
    explicit_bzero(p->buffer, n);
    if (!sent && !dialog_closed(&b->dialog))
        dialog_fail(&b->dialog, RESPONSE_DOWN, "the connection broke off");
}

/* Says what there is to say; ends the probe when the dialog does. */
void probe_converse(struct probe *b)
{
    while (b->phase == TALKING)
        switch (dialog_next(&b->dialog)) {
        case DIALOG_SAY:
            say(b);
            break;
        case DIALOG_HEAR:
            return;
        case DIALOG_SECURE:
            probe_begin_tls(b);
            return;
        case DIALOG_END: {
            bool polite = b->dialog.leaving;
            probe_conclude(b);
            if (polite || b->dialog.verdict == RESPONSE_DOWN)
                probe_bury(b);
            else
                probe_part(b);
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
        probe_time_step(b, step, at_us);
        probe_set_due(b, clock_ms(CLOCK_MONOTONIC) + b->request.step_timeout_ms);
        b->early = octets.n > 0;
        /* Octets behind an answer lie in the buffer that words are written to. */
        if (octets.n && dialog_next(&b->dialog) == DIALOG_SAY) {
            char *copy = malloc(octets.n);
            if (!copy)
                return;
            memcpy(copy, octets.p, octets.n);
            probe_converse(b);
            hear(b, (struct slice){copy, octets.n}, at_us);
            free(copy);
            return;
        }
        probe_converse(b);
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
        probe_converse(b);
    else if (n < 0)
        probe_broken(b,
                     tls_error(b->tls)[0] ? tls_error(b->tls) : "the server closed the connection");
    else if (!probe_flush(b))
        probe_broken(b, "the connection broke off");
}

static void on_end_of_stream(struct probe *b, int error)
{
    const char *text = error ? strerror(error) : "the server closed the connection";
    if (b->phase == SECURING)
        probe_fail(b, RESPONSE_TLS_ERROR, STEP_TLS, text);
    else if (dialog_closed(&b->dialog))
        probe_converse(b);
    else
        probe_broken(b, text);
}

void probe_receive(struct probe *b)
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
            probe_bury(b);
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
        probe_fail(b, RESPONSE_DOWN, STEP_TLS, "out of memory");
        return;
    }
    if (b->phase == SECURING) {
        probe_time_step(b, STEP_TLS, at_us);
        secure(b);
    }
    if (b->phase == TALKING)
        hear_tls(b, at_us);
}
