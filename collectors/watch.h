/*
 * Who is told that a descriptor is ready: the first member of whatever owns one. Its address is the
 * descriptor's data in the epoll set of a struct probes.
 */
#ifndef WATCH_H
#define WATCH_H

#include <stdint.h>

struct watch {
    void (*ready)(struct watch *w, uint32_t events); /* EPOLLIN ... */
};

#endif
