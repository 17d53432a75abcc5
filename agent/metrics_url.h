/* "http://127.0.0.1:9900/metrics": where metrics are fetched from on this host. Pure. */
#ifndef METRICS_URL_H
#define METRICS_URL_H

#include <stdbool.h>
#include <sys/socket.h>

struct metrics_url {
    struct sockaddr_storage address;
    socklen_t length;
    char path[256]; /* begins with a slash; printable, without blanks */
};

/* false: it is no such URL, or not of this host (127.0.0.0/8, [::1], localhost). */
bool metrics_url(const char *text, struct metrics_url *u);

#endif
