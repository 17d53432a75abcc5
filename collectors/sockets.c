/*
 * One dump of the TCP sockets of both address families, through libmnl.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <time.h>
#include "../agent/slice.h"
#include "proc_scan.h"
#include "sockets.h"

struct each {
    void (*seen)(void *arg, const struct socket_seen *s);
    void *arg;
};

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

/* An IPv4 peer of an IPv6 socket is an IPv4 peer. */
static void unmap(struct socket_seen *s)
{
    if (s->family != AF_INET6 || memcmp(s->remote, mapped, 12) != 0)
        return;
    s->family = AF_INET;
    memmove(s->remote, s->remote + 12, 4);
    memset(s->remote + 4, 0, 12);
    memmove(s->local, s->local + 12, 4);
    memset(s->local + 4, 0, 12);
}

static int on_message(const struct nlmsghdr *head, void *data)
{
    const struct each *e = data;
    if (mnl_nlmsg_get_payload_len(head) < sizeof(struct inet_diag_msg))
        return MNL_CB_OK;
    const struct inet_diag_msg *m = mnl_nlmsg_get_payload(head);
    struct socket_seen s = {.family = m->idiag_family, .state = m->idiag_state};
    size_t size = m->idiag_family == AF_INET ? 4 : 16;
    s.local_port = ntohs(m->id.idiag_sport);
    s.remote_port = ntohs(m->id.idiag_dport);
    memcpy(s.local, m->id.idiag_src, size);
    memcpy(s.remote, m->id.idiag_dst, size);
    s.uid = m->idiag_uid;
    s.cookie = (uint64_t)m->id.idiag_cookie[1] << 32 | m->id.idiag_cookie[0];
    unmap(&s);
    e->seen(e->arg, &s);
    return MNL_CB_OK;
}

/* How many octets are whole messages: libmnl takes a length beyond 2^31 for one that fits. */
static size_t count_whole(const char *octets, size_t size)
{
    size_t at = 0;
    while (size - at >= sizeof(struct nlmsghdr)) {
        const struct nlmsghdr *head = (const void *)(octets + at);
        if (head->nlmsg_len < sizeof *head || head->nlmsg_len > size - at)
            break;
        size_t aligned = (head->nlmsg_len + 3u) & ~(size_t)3;
        at += aligned < size - at ? aligned : size - at;
    }
    return at;
}

int sockets_parse(const void *octets, size_t size, unsigned sequence, unsigned port,
                  void (*seen)(void *arg, const struct socket_seen *s), void *arg)
{
    struct each e = {seen, arg};
    return mnl_cb_run(octets, count_whole(octets, size), sequence, port, on_message, &e);
}

/*
 * The older request: it alone asks for both families at once, and the kernel walks its whole table of
 * connections for every request.
 */
static bool ask(struct mnl_socket *nl, unsigned sequence)
{
    char buffer[256];
    struct nlmsghdr *head = mnl_nlmsg_put_header(buffer);
    head->nlmsg_type = TCPDIAG_GETSOCK;
    head->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    head->nlmsg_seq = sequence;
    struct inet_diag_req *r = mnl_nlmsg_put_extra_header(head, sizeof *r);
    r->idiag_family = AF_UNSPEC;
    r->idiag_states = ~0u;
    return mnl_socket_sendto(nl, head, head->nlmsg_len) > 0;
}

static int dump(struct mnl_socket *nl, unsigned sequence, struct each *e)
{
    char buffer[32768];
    if (!ask(nl, sequence))
        return errno;
    for (;;) {
        ssize_t n = mnl_socket_recvfrom(nl, buffer, sizeof buffer);
        if (n < 0)
            return errno;
        int rc =
            sockets_parse(buffer, (size_t)n, sequence, mnl_socket_get_portid(nl), e->seen, e->arg);
        if (rc <= 0)
            return rc < 0 ? errno : 0;
    }
}

int sockets_each(void (*seen)(void *arg, const struct socket_seen *s), void *arg)
{
    struct each e = {seen, arg};
    struct mnl_socket *nl = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
    if (!nl)
        return errno;
    int error = mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ? errno : 0;
    unsigned sequence = (unsigned)time(NULL);
    if (!error)
        error = dump(nl, sequence, &e);
    mnl_socket_close(nl);
    return error;
}

/* Adds the lines that begin so, each up to a word. */
static uint64_t hash_lines(const char *path, struct slice begin, struct slice until, uint64_t hash)
{
    char text[16384];
    ssize_t n = proc_read(path, text, sizeof text);
    if (n <= 0)
        return 0;
    for (struct slice rest = {text, (size_t)n}; rest.n;) {
        struct slice line = slice_head(rest, slice_find(rest, '\n'));
        rest = slice_skip(rest, line.n + 1);
        if (slice_starts(line, begin))
            hash = slice_hash(slice_head(line, slice_search(line, until)), hash);
    }
    return hash;
}

uint64_t sockets_activity(void)
{
    uint64_t segments = hash_lines("/proc/self/net/snmp", SLICE("Tcp:"), SLICE("\n"), 1);
    uint64_t v4 = hash_lines("/proc/self/net/sockstat", SLICE("TCP:"), SLICE(" alloc"), segments);
    uint64_t v6 = hash_lines("/proc/self/net/sockstat6", SLICE("TCP6:"), SLICE("\n"), v4);
    return segments && v4 ? v6 ? v6 : v4 : 0; /* a host may have no IPv6 */
}
