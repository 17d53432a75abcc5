/* See sun_dispatcher.h. Pure. */
#include "sun_dispatcher.h"

#include <strings.h>

/* The options of a service so far; what its section does not say is said before the first. */
struct service {
    struct slice address, channel, ports, tls_ports;
    uint64_t max_life_s;
};

static struct slice trim(struct slice s)
{
    while (s.n && (*s.p == ' ' || *s.p == '\t'))
        s = slice_skip(s, 1);
    while (s.n && strchr(" \t\r", s.p[s.n - 1]))
        s.n--;
    return s;
}

static void set(struct service *s, struct slice name, struct slice value)
{
    uint64_t n;
    if (slice_same(name, "PORT"))
        s->ports = value;
    else if (slice_same(name, "TLS_PORT"))
        s->tls_ports = value;
    else if (slice_same(name, "INTERFACE_ADDRESS"))
        s->address = value;
    else if (slice_same(name, "MAX_LIFE_TIME") && slice_number(&value, &n) && n <= UINT32_MAX)
        s->max_life_s = n;
    else if (slice_same(name, "PARAMETER") && slice_starts_same(value, "CHANNEL="))
        s->channel = slice_skip(value, 8);
}

/* "25,26" */
static void add_ports(struct sun_dispatcher *d, const struct service *s, struct slice ports)
{
    while (ports.n && d->count < SUN_LISTENERS) {
        size_t end = slice_find(ports, ',');
        struct slice word = trim(slice_head(ports, end));
        uint64_t port;
        if (slice_number(&word, &port) && !word.n && port > 0 && port <= UINT16_MAX)
            d->listeners[d->count++] = (struct sun_listener){
                .address = s->address, .port = (uint16_t)port, .channel = s->channel};
        ports = slice_skip(ports, end + 1);
    }
}

static void end_service(struct sun_dispatcher *d, const struct service *s)
{
    add_ports(d, s, s->ports);
    add_ports(d, s, s->tls_ports);
    if (s->max_life_s > d->max_life_s)
        d->max_life_s = (uint32_t)s->max_life_s;
}

void sun_dispatcher_parse(struct slice text, struct sun_dispatcher *d)
{
    struct service common = {.max_life_s = SUN_MAX_LIFE_S}, one;
    bool in_service = false;
    *d = (struct sun_dispatcher){.count = 0};
    while (text.n) {
        struct slice line = slice_line(&text);
        line = trim(slice_head(line, slice_find(line, '!')));
        if (line.n && *line.p == '[') {
            if (in_service)
                end_service(d, &one);
            one = common;
            in_service = true;
            continue;
        }
        struct slice name = slice_cut(&line, '=');
        if (name.p)
            set(in_service ? &one : &common, trim(name), trim(line));
    }
    if (in_service)
        end_service(d, &one);
}
