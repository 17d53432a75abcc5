/*
 * A request by itself: is it right, and as one block: the struct, with the texts behind it in the order of `texts`,
 * each ended by a NUL; a pointer in the block says only whether there is a text.
 */
#include "probe.h"

#include <arpa/inet.h>

#define AT(member) offsetof(struct probe_request, member)

static const size_t texts[] = {
    AT(host),
    AT(source),
    AT(ca_file),
    AT(tls_name),
    AT(want.helo),
    AT(want.expect),
    AT(want.user),
    AT(want.password),
    AT(want.mailbox),
    AT(want.sender),
    AT(want.recipient),
    AT(want.message),
    AT(want.host),
    AT(want.path),
    AT(want.search_header),
    AT(want.search_value),
};
#define TEXTS (sizeof texts / sizeof texts[0])

static const char **text_at(struct probe_request *r, unsigned i)
{
    return (const char **)(void *)((char *)r + texts[i]);
}

size_t probe_packed_size(const struct probe_request *r)
{
    struct probe_request copy = *r;
    size_t size = sizeof copy;
    for (unsigned i = 0; i < TEXTS; i++)
        size += *text_at(&copy, i) ? strlen(*text_at(&copy, i)) + 1 : 0;
    return size;
}

void probe_pack(const struct probe_request *r, char *out)
{
    struct probe_request copy = *r;
    char *to = out + sizeof copy;
    for (unsigned i = 0; i < TEXTS; i++) {
        const char **text = text_at(&copy, i);
        if (!*text)
            continue;
        size_t n = strlen(*text) + 1;
        memcpy(to, *text, n);
        *text = "";
        to += n;
    }
    memcpy(out, &copy, sizeof copy);
}

bool probe_unpack(struct slice octets, struct probe_request *r)
{
    if (octets.n < sizeof *r)
        return false;
    memcpy(r, octets.p, sizeof *r);
    struct slice rest = slice_skip(octets, sizeof *r);
    for (unsigned i = 0; i < TEXTS; i++) {
        const char **text = text_at(r, i);
        if (!*text)
            continue;
        size_t n = slice_find(rest, '\0');
        if (n == rest.n)
            return false;
        *text = rest.p;
        rest = slice_skip(rest, n + 1);
    }
    return true;
}

const char *probe_unfit(const struct probe_request *r)
{
    unsigned char address[16];
    if (!r->host || !*r->host || strlen(r->host) > 253)
        return "a host of 1 to 253 octets is needed";
    if (!r->port && !dialog_port(r->protocol))
        return "a port is needed";
    if (r->source && inet_pton(AF_INET, r->source, address) != 1 &&
        inet_pton(AF_INET6, r->source, address) != 1)
        return "the source must be an address";
    if (probe_packed_size(r) > PROBE_PACKED_MAX)
        return "it is too long";
    return dialog_unfit(r->protocol, &r->want);
}
