/*
 * Associations from the real sockets: assocTable, mtaGroupAssociationTable, the open-association
 * gauges, mailmonConnectionTable, and what the peers have open now. A socket is inbound when its local port is
 * one that the MTA listens on; outbound when it belongs to the MTA's account and goes to a port that
 * the MTA delivers to. The dump runs on a worker; the loop merges it. While TCP is silent nothing changes.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pwd.h>
#include "socket.h"
#include "own.h"
#include "sockets.h"

#define INTERVAL_MS 10000
#define QUIET_MS    60000 /* a list is made so often although TCP is silent */
#define SOCKETS_MAX 20000
#define PORTS_MAX   16
#define STATES      12

enum { UA_INITIATOR = 1, PEER_INITIATOR = 3, PEER_RESPONDER = 4 };

/* A listener: "ADDRESS:PORT" or ":PORT", and " SERVICE" if it is not the mail system's own. */
struct listener {
    uint8_t family; /* 0: any address */
    uint8_t address[16];
    uint16_t port;
    const char *service; /* mtaGroupName of who listens; NULL: the mail system's usual one */
};

struct endpoint {
    const struct instance_of_mta *of;
    struct listener listeners[PORTS_MAX];
    unsigned listener_count;
    uint32_t uid;
    bool has_uid;
    uint64_t states[STATES];
};

/* An application of which only the states of its sockets are counted. */
struct watched {
    uint32_t appl;
    uint16_t ports[SOCKET_PORTS_MAX];
    unsigned port_count;
    uint64_t states[STATES];
};

static struct {
    struct collect *collect;
    struct watched *watched, *scanned; /* as it is; as the scan under way has it */
    unsigned watched_count, scanned_count;
    struct endpoint *endpoints;
    struct source *row;
    struct socket_seen *seen;
    unsigned count, room, left_out;
    int error;
    uv_work_t work;
    bool busy;
    int64_t next_ms, began_ms;
    uint64_t activity; /* sockets_activity before the last list; 0: make one in any case */
    int64_t listed_ms;
    bool listed;                /* this time */
    bool due;                   /* somebody else's sockets are asked for since */
    struct hashindex by_cookie; /* positions of assoc rows */
    uint64_t round;             /* rows of an earlier round are gone */
} sockets;

/* The kernel's TCP states -> tcpConnectionState of RFC 4022 (closed 1 ... timeWait 11). */
static const uint8_t rfc4022[13] = {0, 5, 3, 4, 6, 7, 11, 1, 8, 9, 2, 10, 4};

static bool parse_listener(const char *text, struct listener *l)
{
    const char *colon = strrchr(text, ':');
    char address[64];
    *l = (struct listener){0};
    if (!colon)
        return false;
    char *end;
    l->port = (uint16_t)strtoul(colon + 1, &end, 10);
    l->service = *end == ' ' && end[1] ? end + 1 : NULL;
    size_t n = (size_t)(colon - text);
    if (n == 0 || (n == 1 && *text == '*'))
        return l->port != 0;
    if (n > 2 && *text == '[') {
        text++;
        n -= 2;
    }
    if (n >= sizeof address)
        return false;
    memcpy(address, text, n);
    address[n] = 0;
    l->family = strchr(address, ':') ? AF_INET6 : AF_INET;
    return l->port && inet_pton(l->family, address, l->address) == 1;
}

static bool any_address(const struct listener *l)
{
    static const uint8_t zero[16];
    return l->family == 0 || memcmp(l->address, zero, 16) == 0;
}

static const struct listener *listens(const struct endpoint *e, const struct socket_seen *s)
{
    for (unsigned i = 0; i < e->listener_count; i++) {
        const struct listener *l = &e->listeners[i];
        if (l->port == s->local_port &&
            (any_address(l) || (l->family == s->family && memcmp(l->address, s->local, 16) == 0)))
            return l;
    }
    return NULL;
}

static bool delivers(const struct endpoint *e, const struct socket_seen *s)
{
    return e->has_uid && s->uid == e->uid && s->state != 10 &&
           tally_relay_service(sockets.collect->tally, e->of->appl, s->remote_port) != NULL;
}

/* The group of who listens, once it has received something; else the usual one. */
static struct group *inbound_group(const struct endpoint *e, const struct listener *l)
{
    const struct tally *t = sockets.collect->tally;
    struct slice usual = slice_of(e->of->mta->listener);
    struct group *g = l->service ? tally_find_group(t, e->of->appl, slice_of(l->service)) : NULL;
    return g ? g : tally_find_group(t, e->of->appl, usual);
}

static void address_text(const struct socket_seen *s, char text[INET6_ADDRSTRLEN])
{
    if (!inet_ntop(s->family, s->remote, text, INET6_ADDRSTRLEN))
        text[0] = 0;
}

static uint64_t hash_cookie(uint32_t appl, uint64_t cookie)
{
    return slice_hash((struct slice){(const char *)&cookie, sizeof cookie}, appl);
}

static struct assoc *find_assoc(uint32_t appl, uint64_t cookie)
{
    const struct rows *rows = &sockets.collect->model->tables[MODEL_ASSOC];
    uint32_t cursor = 0;
    for (int64_t n;
         (n = hashindex_next(&sockets.by_cookie, hash_cookie(appl, cookie), &cursor)) >= 0;) {
        struct assoc *a = (struct assoc *)(void *)(rows->base + (size_t)n * rows->row_size);
        if (a->row.key[0] == appl && a->cookie == cookie)
            return a;
    }
    return NULL;
}

static bool submission(uint16_t port)
{
    return port == 587 || port == 465;
}

static struct assoc *new_assoc(const struct endpoint *e, const struct socket_seen *s, bool inbound,
                               struct group *g)
{
    struct collect *c = sockets.collect;
    uint32_t key[3] = {e->of->appl->row.key[0], 0, 0};
    char remote[INET6_ADDRSTRLEN];
    key[1] = names_next(c->names, MODEL_ASSOC, key[0]);
    struct assoc *a = key[1] ? model_place(c->model, MODEL_ASSOC, key, NULL) : NULL;
    if (!a)
        return NULL;
    address_text(s, remote);
    TEXT_SET(a->remote, slice_of(remote));
    a->type = !inbound ? PEER_RESPONDER : submission(s->local_port) ? UA_INITIATOR : PEER_INITIATOR;
    a->protocol_port = inbound && submission(s->local_port) ? s->local_port
                       : g                                  ? g->protocol_port
                                                            : 25;
    a->since_at = c->monotonic_ms;
    a->cookie = s->cookie;
    hashindex_add(&sockets.by_cookie, hash_cookie(key[0], a->cookie),
                  model_position(c->model, MODEL_ASSOC, a));
    if (g) {
        uint32_t path[3] = {key[0], g->row.key[1], key[1]};
        model_place(c->model, MODEL_GROUP_ASSOC, path, NULL);
    }
    return a;
}

static void count_up(uint64_t *level)
{
    *level = *level == MODEL_ABSENT ? 1 : *level + 1;
}

/* One that never gets beyond SYN-RECEIVED is in no log. */
static void merge_peer(const struct endpoint *e, const struct socket_seen *s)
{
    bool open = s->state == 1, half_open = s->state == 3 || s->state == 12, left = s->state == 8;
    struct collect *c = sockets.collect;
    struct peer *p = open || half_open || left
                         ? tally_peer_seen(c->tally, e->of->appl, s->family == AF_INET6, s->remote,
                                           c->monotonic_ms)
                         : NULL;
    if (!p)
        return;
    p->current += open;
    p->syn_received += half_open;
    p->close_wait += left;
}

/* The part of the MTA that listens there: its level, too. */
static void count_part(const struct endpoint *e, const struct listener *l, const struct group *g)
{
    enum tally_part part = submission(l->port) ? PART_SUBMISSION : PART_SMTP;
    bool lmtp = g && g->protocol_port == 24;
    struct appl *a = lmtp ? NULL : tally_part(sockets.collect->tally, e->of->appl, part, false);
    if (a)
        count_up(&a->inbound);
}

static void merge_socket(struct endpoint *e, const struct socket_seen *s,
                         const struct listener *inbound)
{
    e->states[rfc4022[s->state] - 1]++;
    if (inbound)
        merge_peer(e, s);
    if (s->state != 1 && s->state != 8)
        return; /* no association (yet, or any more) */
    struct group *g =
        inbound ? inbound_group(e, inbound)
                : tally_relay_service(sockets.collect->tally, e->of->appl, s->remote_port);
    struct assoc *a = find_assoc(e->of->appl->row.key[0], s->cookie);
    if (!a)
        a = new_assoc(e, s, inbound != NULL, g);
    if (!a)
        return;
    a->round = sockets.round;
    count_up(inbound ? &e->of->appl->inbound : &e->of->appl->outbound);
    if (inbound)
        count_part(e, inbound, g);
    if (g)
        count_up(inbound ? &g->inbound : &g->outbound);
}

/* What cannot be counted here the mail system may have told (statistics_command). */
static void take_told(const struct endpoint *e)
{
    struct appl *a = e->of->appl;
    uint64_t inbound = e->listener_count ? a->inbound : e->of->levels.inbound;
    uint64_t outbound = e->has_uid ? a->outbound : e->of->levels.outbound;
    if (a->inbound == inbound && a->outbound == outbound)
        return;
    a->inbound = inbound;
    a->outbound = outbound;
    model_touch(sockets.collect->model, MODEL_APPL);
}

/* Is this application one whose sockets are listed? Levels of peers of others are others' to set. */
static bool is_listed(uint32_t appl)
{
    for (unsigned n = 0; n < sockets.collect->instance_count; n++)
        if (sockets.endpoints[n].of->appl->row.key[0] == appl)
            return true;
    return false;
}

/* Levels begin at zero where they will be known. */
static void reset_levels(void)
{
    struct model *m = sockets.collect->model;
    for (unsigned n = 0; n < sockets.collect->instance_count; n++) {
        struct endpoint *e = &sockets.endpoints[n];
        memset(e->states, 0, sizeof e->states);
        e->of->appl->inbound = e->of->appl->outbound = 0;
        take_told(e);
        for (unsigned p = 0; p < TALLY_PARTS; p++) {
            struct appl *part =
                tally_part(sockets.collect->tally, e->of->appl, (enum tally_part)p, false);
            if (part)
                part->inbound = e->of->appl->inbound;
        }
    }
    for (uint32_t i = 0; i < m->tables[MODEL_GROUP].count; i++) {
        struct group *g = model_row(m, MODEL_GROUP, i);
        if (tally_is_elsewhere(sockets.collect->tally, g->row.key[0]))
            continue;
        g->inbound = g->accumulated_inbound == MODEL_ABSENT ? MODEL_ABSENT : 0;
        g->outbound = g->accumulated_outbound == MODEL_ABSENT ? MODEL_ABSENT : 0;
    }
    for (uint32_t i = 0; i < m->tables[MODEL_PEER].count; i++) {
        struct peer *p = model_row(m, MODEL_PEER, i);
        if (is_listed(p->row.key[0]) && !tally_is_elsewhere(sockets.collect->tally, p->row.key[0]))
            p->current = p->syn_received = p->close_wait = 0;
    }
}

/* Rows of associations that were not seen this time go. */
static void drop_closed(void)
{
    struct model *m = sockets.collect->model;
    for (uint32_t i = m->tables[MODEL_GROUP_ASSOC].count; i-- > 0;) {
        struct group_assoc *g = model_row(m, MODEL_GROUP_ASSOC, i);
        uint32_t key[3] = {g->row.key[0], g->row.key[2], 0};
        const struct assoc *a = model_find(m, MODEL_ASSOC, key, NULL);
        if (!a || a->round != sockets.round)
            model_remove(m, MODEL_GROUP_ASSOC, g);
    }
    for (uint32_t i = m->tables[MODEL_ASSOC].count; i-- > 0;) {
        struct assoc *a = model_row(m, MODEL_ASSOC, i);
        if (a->round == sockets.round || a->cookie == MODEL_ABSENT) /* not of a socket */
            continue;
        hashindex_remove(&sockets.by_cookie, hash_cookie(a->row.key[0], a->cookie),
                         model_position(m, MODEL_ASSOC, a));
        model_remove(m, MODEL_ASSOC, a);
    }
}

static struct watched *find_watched(uint32_t appl)
{
    for (unsigned i = 0; i < sockets.watched_count; i++)
        if (sockets.watched[i].appl == appl)
            return &sockets.watched[i];
    return NULL;
}

static bool watches(const struct watched *w, const struct socket_seen *s)
{
    for (unsigned i = 0; i < w->port_count; i++)
        if (w->ports[i] == s->local_port)
            return true;
    return false;
}

static void merge_watched(const struct socket_seen *s)
{
    for (unsigned i = 0; i < sockets.scanned_count; i++)
        if (watches(&sockets.scanned[i], s)) {
            sockets.scanned[i].states[rfc4022[s->state] - 1]++;
            return;
        }
}

static void merge_states(uint32_t appl, const uint64_t *states)
{
    for (uint32_t s = 1; s < STATES; s++) {
        uint32_t key[3] = {appl, s, 0};
        struct connection *row = model_place(sockets.collect->model, MODEL_CONNECTION, key, NULL);
        if (row)
            row->count = states[s - 1];
    }
}

static void merge(void)
{
    struct collect *c = sockets.collect;
    sockets.round++;
    model_sort(c->model, MODEL_PEER);
    reset_levels();
    for (unsigned i = 0; i < sockets.count; i++) {
        const struct socket_seen *s = &sockets.seen[i];
        merge_watched(s);
        for (unsigned n = 0; n < c->instance_count; n++) {
            struct endpoint *e = &sockets.endpoints[n];
            const struct listener *inbound = listens(e, s);
            if (!inbound && !delivers(e, s))
                continue;
            merge_socket(e, s, inbound);
            break; /* one account: the first instance that delivers there */
        }
    }
    drop_closed();
    tally_peers_forget(c->tally);
    for (unsigned n = 0; n < c->instance_count; n++)
        if (!sockets.endpoints[n].of->config->elsewhere)
            merge_states(sockets.endpoints[n].of->appl->row.key[0], sockets.endpoints[n].states);
    for (unsigned n = 0; n < sockets.scanned_count; n++)
        if (find_watched(sockets.scanned[n].appl))
            merge_states(sockets.scanned[n].appl, sockets.scanned[n].states);
    static const enum model_table changed[] = {MODEL_APPL,  MODEL_GROUP,       MODEL_PEER,
                                               MODEL_ASSOC, MODEL_GROUP_ASSOC, MODEL_CONNECTION};
    for (unsigned i = 0; i < sizeof changed / sizeof changed[0]; i++)
        model_touch(c->model, changed[i]);
}

/* Either end of a connection by which we probe a server of this host. */
static bool is_probe(const struct socket_seen *s)
{
    struct in_addr own;
    return s->family == AF_INET && inet_pton(AF_INET, OWN_ADDRESS, &own) == 1 &&
           (memcmp(s->remote, &own, 4) == 0 || memcmp(s->local, &own, 4) == 0);
}

/* On the worker: keeps only what can belong to an MTA. */
static void on_seen(void *arg, const struct socket_seen *s)
{
    (void)arg;
    bool ours = s->state < sizeof rfc4022 && s->state > 0;
    bool mine = false;
    for (unsigned n = 0; ours && n < sockets.collect->instance_count; n++) {
        const struct endpoint *e = &sockets.endpoints[n];
        mine |= listens(e, s) != NULL || (e->has_uid && e->uid == s->uid && s->state != 10);
    }
    for (unsigned n = 0; ours && !mine && n < sockets.scanned_count; n++)
        mine = watches(&sockets.scanned[n], s);
    if (!mine || is_probe(s))
        return;
    if (sockets.count == sockets.room) {
        unsigned room = sockets.room ? sockets.room * 2 : 256;
        struct socket_seen *seen =
            room <= SOCKETS_MAX * 2 ? realloc(sockets.seen, room * sizeof *seen) : NULL;
        if (!seen) {
            sockets.left_out++;
            return;
        }
        sockets.seen = seen;
        sockets.room = room;
    }
    sockets.seen[sockets.count++] = *s;
}

static void run(uv_work_t *work)
{
    (void)work;
    uint64_t activity = sockets_activity();
    sockets.listed = activity == 0 || activity != sockets.activity;
    sockets.activity = activity;
    if (!sockets.listed)
        return;
    sockets.count = sockets.left_out = 0;
    sockets.error = sockets_each(on_seen, NULL);
}

static void done(uv_work_t *work, int status)
{
    (void)work;
    sockets.busy = false;
    if (status == UV_ECANCELED || sockets.collect->stopping)
        return;
    if (sockets.listed)
        sockets.listed_ms = sockets.began_ms;
    sockets.row->duration_ms = (uint64_t)(sockets.collect->monotonic_ms - sockets.began_ms);
    if (sockets.error) {
        char text[128];
        snprintf(text, sizeof text, "sock_diag: %s", strerror(sockets.error));
        source_status(sockets.collect, sockets.row, SOURCE_DENIED, text);
        return;
    }
    if (sockets.listed)
        merge();
    source_status(sockets.collect, sockets.row, sockets.left_out ? SOURCE_TRUNCATED : SOURCE_OK,
                  sockets.left_out ? "more sockets than are looked at" : "");
}

static void open_endpoint(struct endpoint *e, const struct instance_of_mta *i)
{
    e->of = i;
    for (unsigned n = 0; n < i->config->listen.count && e->listener_count < PORTS_MAX; n++)
        if (parse_listener(i->config->listen.items[n], &e->listeners[e->listener_count]))
            e->listener_count++;
    const struct passwd *account =
        i->mta->account && !i->config->elsewhere ? getpwnam(i->mta->account) : NULL;
    e->has_uid = account != NULL;
    e->uid = account ? account->pw_uid : 0;
}

static bool place_source(void)
{
    if (!sockets.row)
        sockets.row = source_place(sockets.collect, SOURCE_SOCKET, "sockets", "sock_diag", 0,
                                   INTERVAL_MS / 1000);
    return sockets.row != NULL;
}

static bool start(struct collect *c)
{
    sockets.collect = c;
    if (c->instance_count == 0)
        return true;
    sockets.endpoints = calloc(c->instance_count, sizeof *sockets.endpoints);
    if (!sockets.endpoints || !place_source() || !hashindex_init(&sockets.by_cookie, 6))
        return false;
    for (unsigned n = 0; n < c->instance_count; n++)
        open_endpoint(&sockets.endpoints[n], &c->instances[n]);
    return true;
}

static void drop_states(uint32_t appl)
{
    struct model *m = sockets.collect->model;
    for (uint32_t s = 1; s < STATES; s++) {
        void *row = model_find(m, MODEL_CONNECTION, (uint32_t[3]){appl, s, 0}, NULL);
        if (row)
            model_remove(m, MODEL_CONNECTION, row);
    }
}

bool socket_watch(struct collect *c, uint32_t appl, const uint16_t *ports, unsigned count)
{
    struct watched w = {.appl = appl, .port_count = count};
    struct watched *at = find_watched(appl);
    memcpy(w.ports, ports, count * sizeof *ports);
    sockets.collect = c;
    if (at && count == 0) {
        *at = sockets.watched[--sockets.watched_count];
        drop_states(appl);
    }
    if ((!at && count == 0) || (at && memcmp(at, &w, sizeof w) == 0) || count == 0)
        return true;
    if (!at) {
        struct watched *more = realloc(sockets.watched, (sockets.watched_count + 1) * sizeof *more);
        if (!more || !place_source())
            return false;
        sockets.watched = more;
        at = &more[sockets.watched_count++];
    }
    *at = w;
    sockets.next_ms = 0; /* at once */
    sockets.due = true;
    return true;
}

/* The worker has a list of its own. */
static bool copy_watched(void)
{
    size_t size = sockets.watched_count * sizeof *sockets.watched;
    struct watched *copy = realloc(sockets.scanned, size ? size : 1);
    if (!copy)
        return false;
    if (size)
        memcpy(copy, sockets.watched, size);
    sockets.scanned = copy;
    sockets.scanned_count = sockets.watched_count;
    return true;
}

static void tick(struct collect *c)
{
    for (unsigned n = 0; sockets.row && n < c->instance_count; n++)
        take_told(&sockets.endpoints[n]);
    if (!sockets.row || sockets.busy || c->monotonic_ms < sockets.next_ms || !c->caught_up)
        return;
    sockets.next_ms = c->monotonic_ms + INTERVAL_MS;
    sockets.began_ms = c->monotonic_ms;
    if (!copy_watched())
        return;
    if (sockets.due || c->monotonic_ms - sockets.listed_ms >= QUIET_MS)
        sockets.activity = 0;
    sockets.due = false;
    sockets.busy = uv_queue_work(c->loop, &sockets.work, run, done) == 0;
}

static void stop(struct collect *c)
{
    (void)c;
    if (sockets.busy)
        uv_cancel((uv_req_t *)&sockets.work);
}

const struct collector collector_socket = {"socket", start, tick, NULL, stop};
