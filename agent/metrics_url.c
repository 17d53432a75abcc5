/* URLs of metrics: only http, only this host, so that no setting makes mailmond ask strangers. */
#include "metrics_url.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* The host up to its port or path, without brackets. */
static const char *take_host(const char *s, char host[64])
{
    bool bracket = *s == '[';
    const char *from = s + bracket;
    size_t n = strcspn(from, bracket ? "]" : ":/");
    if (n >= 64 || (bracket && from[n] != ']'))
        return NULL;
    memcpy(host, from, n);
    host[n] = '\0';
    return from + n + bracket;
}

static bool set_address(struct metrics_url *u, const char *host, unsigned port)
{
    struct sockaddr_in *four = (struct sockaddr_in *)&u->address;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&u->address;
    memset(&u->address, 0, sizeof u->address);
    if (inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &four->sin_addr) ==
        1) {
        four->sin_family = AF_INET;
        four->sin_port = htons((uint16_t)port);
        u->length = sizeof *four;
        return ntohl(four->sin_addr.s_addr) >> 24 == 127;
    }
    six->sin6_family = AF_INET6;
    six->sin6_port = htons((uint16_t)port);
    u->length = sizeof *six;
    return inet_pton(AF_INET6, host, &six->sin6_addr) == 1 && IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}

static bool set_path(struct metrics_url *u, const char *s)
{
    if (!*s)
        s = "/metrics";
    if (*s != '/' || strlen(s) >= sizeof u->path)
        return false;
    for (const char *p = s; *p; p++)
        if (*p <= ' ' || *p > '~')
            return false;
    strcpy(u->path, s);
    return true;
}

bool metrics_url(const char *text, struct metrics_url *u)
{
    static const char scheme[] = "http://";
    char host[64];
    unsigned long port = 80;
    if (strncmp(text, scheme, sizeof scheme - 1) != 0)
        return false;
    const char *s = take_host(text + sizeof scheme - 1, host);
    if (s && *s == ':') {
        char *end;
        port = s[1] >= '0' && s[1] <= '9' ? strtoul(s + 1, &end, 10) : 0;
        s = port ? end : NULL;
    }
    return s && port && port <= 65535 && set_address(u, host, (unsigned)port) && set_path(u, s);
}
