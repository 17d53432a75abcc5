/*
 * Stands between the library and the session's socket. PDUs are told apart by their lengths; those that
 * agentx.c does not answer reach the library whole and in their order, so to it this is a socket on which
 * no Get comes.
 *
 * A walk is a chain of small requests, each made of the answer before it. So when a request comes soon
 * after an answer the next one is awaited here, for a few milliseconds: that spares a turn of the loop for
 * each varbind.
 */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include "agentx.h"
#include "publish_answer.h"
#include "publish_fast.h"

#define SOON_MS  10
#define BURST_MS 50 /* after which the loop turns, whatever comes */

static struct {
    struct agentx_session session;
    size_t kept;      /* octets in `in`: the beginning of a PDU */
    uint64_t through; /* octets to come of one that is longer: they are the library's */
    int64_t last_ms;  /* when something was read */
    uint8_t in[SNMP_MAX_RCV_MSG_SIZE], out[65536];
} fast;

static bool send_all(int fd, const uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            return false;
        p += sent > 0 ? sent : 0;
        n -= sent > 0 ? (size_t)sent : 0;
    }
    return true;
}

/* Octets at `at` that belong together and are here: a PDU, or what there is of a long one; 0: wait. */
static size_t next_piece(size_t at)
{
    size_t here = fast.kept - at;
    if (fast.through == 0) {
        uint64_t length = agentx_length(fast.in + at, here);
        if (length <= sizeof fast.in)
            return length <= here ? (size_t)length : 0;
        fast.through = length;
    }
    return fast.through < here ? (size_t)fast.through : here;
}

/* Writes the Response to `out`; 0: it is the library's. */
static size_t answer(const uint8_t *pdu, size_t n)
{
    const struct answer_moment *m = answer_begin();
    return agentx_answer(&fast.session, &m->view, &m->now, pdu, n, fast.out, sizeof fast.out);
}

/* Answers what was read, or gives it to the library, which has room for all of it. false: the
 * connection is broken. */
static bool take_pdus(int fd, uint8_t *library, size_t *given)
{
    size_t at = 0, n;
    while (at < fast.kept && (n = next_piece(at)) > 0) {
        const uint8_t *pdu = fast.in + at;
        size_t length = 0;
        if (fast.through)
            fast.through -= n;
        else
            length = answer(pdu, n);
        if (length == 0) {
            memcpy(library + *given, pdu, n);
            *given += n;
        } else if (!send_all(fd, fast.out, length)) {
            return false;
        }
        at += n;
    }
    fast.kept -= at;
    memmove(fast.in, fast.in + at, fast.kept);
    return true;
}

/* Nothing for the library: it is not to take this for the end of the stream. */
static int nothing(netsnmp_transport *t)
{
    t->flags |= NETSNMP_TRANSPORT_FLAG_EMPTY_PKT;
    return 0;
}

/* Not in recv(): one that sleeps there is also woken, for nothing, when the master reads the answer,
 * since that makes room to send. */
static bool comes_soon(int fd)
{
    struct pollfd p = {fd, POLLIN, 0};
    return poll(&p, 1, SOON_MS) > 0;
}

/* In the place of the transport's own, which the library calls when the socket is readable. */
static int receive(netsnmp_transport *t, void *library, int size, void **peer, int *peer_size)
{
    int64_t end = 0;
    *peer = NULL;
    *peer_size = 0;
    assert(size >= (int)sizeof fast.in);
    for (;;) {
        ssize_t n = recv(t->sock, fast.in + fast.kept, sizeof fast.in - fast.kept, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return nothing(t);
        if (n <= 0)
            return -1;
        fast.kept += (size_t)n;
        size_t given = 0;
        int64_t now = answer_begin()->now.monotonic_ms;
        bool whole = take_pdus(t->sock, library, &given);
        answer_end();
        if (!whole)
            return -1;
        if (given > 0)
            return (int)given;
        bool soon = now - fast.last_ms <= SOON_MS;
        end = end ? end : now + BURST_MS;
        fast.last_ms = now;
        if (!soon || now >= end || !comes_soon(t->sock))
            return nothing(t);
    }
}

void fast_attach(netsnmp_session *session, const char *context)
{
    netsnmp_transport *t = snmp_sess_transport(snmp_sess_pointer(session));
    if (!t || (t->flags & NETSNMP_TRANSPORT_FLAG_STREAM) == 0 ||
        (t->flags & NETSNMP_TRANSPORT_FLAG_TUNNELED) != 0) /* TLS: not the octets of the socket */
        return;
    fast.session = (struct agentx_session){(uint32_t)session->sessid, slice_of(context)};
    fast.kept = fast.through = 0;
    t->f_recv = receive;
}
