/*
 * Inbound peers by address: a bounded table. When it is full the row with the fewest connections
 * among the next few gives way; which ones are looked at depends on nothing but the events so far.
 */
#include <arpa/inet.h>
#include "tally_internal.h"

#define LOOK 8

enum { IPV4 = 1, IPV6 = 2 }; /* InetAddressType, RFC 4001 */

/*
 * "192.0.2.9" without a call into libc: this is on the way of every connection. Its octets are shifted through two
 * words, and the address is written as two: octets that were just written one by one cannot be read together yet.
 */
static bool parse_ipv4(struct slice text, uint8_t address[16])
{
    if (text.n < 7 || text.n > 15)
        return false;
    uint64_t word = text.n < 8 ? slice_short_word(text) : slice_word(text.p);
    uint64_t later = text.n > 8 ? slice_word(text.p + text.n - 8) >> 8 * (16 - text.n) : 0;
    uint64_t packed = 0;
    size_t taken = 0;
    for (unsigned i = 0; i < 4; i++) {
        uint64_t other = slice_no_digits(word);
        unsigned n = other ? (unsigned)__builtin_ctzll(other) / 8 : 8;
        if (n < 1 || n > 3)
            return false;
        uint64_t v = slice_decimal(word << (64 - 8 * n), n);
        bool dot = (word >> 8 * n & 0xff) == '.';
        if (v > 255 || dot != (i < 3))
            return false;
        packed |= v << 8 * i;
        unsigned bits = 8 * (n + dot);
        word = word >> bits | later << (64 - bits);
        later >>= bits;
        taken += n + dot;
    }
    slice_put_word(address, packed);
    slice_put_word(address + 8, 0);
    return taken == text.n;
}

/* The address type, 0 if the text is no address. */
static uint32_t parse_address(struct slice s, uint8_t address[16])
{
    char text[INET6_ADDRSTRLEN];
    if (parse_ipv4(s, address))
        return IPV4;
    memset(address, 0, 16);
    if (s.n == 0 || s.n >= sizeof text)
        return 0;
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    return inet_pton(AF_INET6, text, address) == 1 ? IPV6 : 0;
}

static uint64_t hash_peer(const uint32_t key[3], const uint8_t address[16])
{
    return slice_hash((struct slice){(const char *)address, 16}, (uint64_t)key[0] << 32 | key[1]);
}

uint64_t tally_peer_hash(const struct peer *p)
{
    return hash_peer(p->row.key, p->address);
}

static struct peer *at(const struct tally *t, uint32_t position)
{
    return (struct peer *)(t->model->tables[MODEL_PEER].base +
                           (size_t)position * sizeof(struct peer));
}

static struct peer *find(const struct tally *t, const uint32_t key[3], const uint8_t address[16],
                         uint64_t hash)
{
    uint32_t cursor = 0;
    for (int64_t n; (n = hashindex_next(&t->peers, hash, &cursor)) >= 0;) {
        struct peer *p = at(t, (uint32_t)n);
        if (p->row.key[0] == key[0] && p->row.key[1] == key[1] &&
            memcmp(p->address, address, 16) == 0)
            return p;
    }
    return NULL;
}

/* Where the log does not tell of connections, they do not matter. */
static uint64_t weight(const struct peer *p)
{
    return p->connections == MODEL_ABSENT ? 0 : p->connections;
}

/* Gives a row that matters least to another address. */
static struct peer *replace(struct tally *t, const uint32_t key[3], const uint8_t address[16])
{
    const struct rows *rows = &t->model->tables[MODEL_PEER];
    struct peer *least = NULL;
    for (unsigned i = 0; i < LOOK; i++) {
        struct peer *p = at(t, t->peer_hand);
        if (++t->peer_hand >= rows->high)
            t->peer_hand = 0;
        if (p->row.used && (!least || weight(p) < weight(least) ||
                            (weight(p) == weight(least) && p->last_seen_at < least->last_seen_at)))
            least = p;
    }
    if (!least)
        return NULL;
    uint32_t position = model_position(t->model, MODEL_PEER, least);
    hashindex_remove(&t->peers, tally_peer_hash(least), position);
    model_rekey(t->model, MODEL_PEER, least, key, address);
    return least;
}

struct peer *tally_peer_of(struct tally *t, const struct appl *a, const struct event *e)
{
    uint8_t address[16];
    uint32_t key[3] = {a->row.key[0], parse_address(e->peer, address), 0};
    if (key[1] == 0)
        return NULL;
    uint64_t hash = hash_peer(key, address);
    struct peer *p = find(t, key, address, hash);
    if (!p) {
        const struct rows *rows = &t->model->tables[MODEL_PEER];
        p = rows->count < rows->capacity ? model_place(t->model, MODEL_PEER, key, address)
                                         : replace(t, key, address);
        if (!p)
            return NULL;
        p->first_seen_at = tally_at(t, e);
        if (a->is_mta == 1 && a->accumulated_inbound == MODEL_ABSENT)
            p->connections = MODEL_ABSENT;
        if (tally_is_elsewhere(t, key[0]))
            p->current = p->syn_received = p->close_wait = MODEL_ABSENT;
        hashindex_add(&t->peers, hash, model_position(t->model, MODEL_PEER, p));
    }
    p->last_seen_at = tally_at(t, e);
    model_dirty(t->model, MODEL_PEER, p);
    return p;
}

struct peer *tally_peer_find(const struct tally *t, const struct appl *a, struct slice address,
                             uint64_t *hash)
{
    uint8_t octets[16];
    uint32_t key[3] = {a->row.key[0], parse_address(address, octets), 0};
    *hash = key[1] ? hash_peer(key, octets) : 0;
    return *hash ? find(t, key, octets, *hash) : NULL;
}

struct peer *tally_peer(struct tally *t, const struct instance *i, const struct event *e)
{
    return tally_peer_of(t, i->appl, e);
}

struct peer *tally_peer_seen(struct tally *t, const struct appl *a, bool ipv6,
                             const uint8_t address[16], int64_t now_ms)
{
    uint32_t key[3] = {a->row.key[0], ipv6 ? IPV6 : IPV4, 0};
    uint64_t hash = hash_peer(key, address);
    const struct rows *rows = &t->model->tables[MODEL_PEER];
    struct peer *p = find(t, key, address, hash);
    if (p || rows->count == rows->capacity ||
        !(p = model_place(t->model, MODEL_PEER, key, address)))
        return p;
    if (a->is_mta == 1 && a->accumulated_inbound == MODEL_ABSENT)
        p->connections = MODEL_ABSENT;
    p->first_seen_at = p->last_seen_at = now_ms;
    hashindex_add(&t->peers, hash, model_position(t->model, MODEL_PEER, p));
    return p;
}

void tally_peers_forget(struct tally *t)
{
    for (uint32_t i = t->model->tables[MODEL_PEER].count; i-- > 0;) {
        struct peer *p = model_row(t->model, MODEL_PEER, i);
        if (p->row.stored || p->row.dirty || p->current + p->syn_received + p->close_wait > 0)
            continue;
        hashindex_remove(&t->peers, tally_peer_hash(p), model_position(t->model, MODEL_PEER, p));
        model_remove(t->model, MODEL_PEER, p);
    }
}

uint16_t tally_peer_number(const struct tally *t, const struct instance *i, struct slice text)
{
    uint8_t address[16];
    uint32_t key[3] = {i->appl->row.key[0], parse_address(text, address), 0};
    const struct peer *p = key[1] ? find(t, key, address, hash_peer(key, address)) : NULL;
    uint32_t position = p ? model_position(t->model, MODEL_PEER, p) : UINT16_MAX;
    return position < UINT16_MAX ? (uint16_t)(position + 1) : 0;
}

struct peer *tally_peer_numbered(struct tally *t, const struct instance *i, uint16_t number,
                                 const struct event *e)
{
    struct peer *p = number <= t->model->tables[MODEL_PEER].high ? at(t, number - 1u) : NULL;
    if (!p || !p->row.used || p->row.key[0] != i->appl->row.key[0])
        return NULL;
    p->last_seen_at = tally_at(t, e);
    model_dirty(t->model, MODEL_PEER, p);
    return p;
}

void peer_load(struct tally *t)
{
    for (uint32_t i = 0; i < t->model->tables[MODEL_PEER].count; i++) {
        const struct peer *p = model_row(t->model, MODEL_PEER, i);
        hashindex_add(&t->peers, tally_peer_hash(p), model_position(t->model, MODEL_PEER, p));
    }
}
