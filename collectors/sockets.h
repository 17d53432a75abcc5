/*
 * The TCP sockets of this host, by netlink sock_diag (sock_diag(7)): what a scan of /proc/net/tcp says,
 * without its cost. Blocks for as long as the kernel takes: call it from a worker.
 */
#ifndef SOCKETS_H
#define SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct socket_seen {
    uint8_t family; /* AF_INET or AF_INET6; an IPv4 address in IPv6 form is given as AF_INET */
    uint8_t state;  /* the kernel's (1 established ... 12 new syn received) */
    uint16_t local_port, remote_port;
    uint8_t local[16], remote[16];
    uint32_t uid;
    uint64_t cookie; /* stays the same while the socket exists */
};

/*
 * Calls `seen` for each socket. Returns 0, or an errno (EPERM, EAFNOSUPPORT in a kernel without it).
 */
int sockets_each(void (*seen)(void *arg, const struct socket_seen *s), void *arg);

/*
 * One datagram of the kernel's answer to request `sequence` of socket `port`, aligned to 4 octets (netlink(7)). 1: more
 * are to come, 0: that was the last, -1 with errno: it is no such answer, or says that. For sockets_each.
 */
int sockets_parse(const void *octets, size_t size, unsigned sequence, unsigned port,
                  void (*seen)(void *arg, const struct socket_seen *s), void *arg);

/*
 * A number that is another when TCP has sent or received a segment, or sockets have come or gone, since it
 * was asked for last: by /proc/net/snmp and sockstat (proc(5)). 0: it cannot be told. The kernel walks its
 * whole table of connections for a list, some 250,000 places on a host with memory, however few there
 * are; this costs a fiftieth of it.
 */
uint64_t sockets_activity(void);

#endif
