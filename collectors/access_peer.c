/* Counts by hash: a list of those above 0, its free places, an index. See access_peer.h. */
#include "access_peer.h"

bool access_peers_init(struct access_peers *p)
{
    *p = (struct access_peers){0};
    return hashindex_init(&p->by_hash, 6);
}

void access_peers_free(struct access_peers *p)
{
    hashindex_free(&p->by_hash);
    free(p->list);
    free(p->free_list);
    *p = (struct access_peers){0};
}

static struct peer_sessions *find(const struct access_peers *p, uint64_t hash)
{
    uint32_t cursor = 0;
    for (int64_t n; (n = hashindex_next(&p->by_hash, hash, &cursor)) >= 0;)
        if (p->list[n].hash == hash)
            return &p->list[n];
    return NULL;
}

/* Memory that cannot be had is our failure, as in hashindex_add. */
static void grow(struct access_peers *p)
{
    p->room = p->room ? p->room * 2 : 64;
    p->list = reallocarray(p->list, p->room, sizeof *p->list);
    p->free_list = reallocarray(p->free_list, p->room, sizeof *p->free_list);
    if (!p->list || !p->free_list)
        abort();
}

static struct peer_sessions *add(struct access_peers *p, uint64_t hash)
{
    if (!p->free_count && p->high == p->room)
        grow(p);
    uint32_t place = p->free_count ? p->free_list[--p->free_count] : p->high++;
    p->list[place] = (struct peer_sessions){.hash = hash};
    hashindex_add(&p->by_hash, hash, place);
    return &p->list[place];
}

uint32_t access_peers_opened(struct access_peers *p, uint64_t hash)
{
    struct peer_sessions *s = hash ? find(p, hash) : NULL;
    if (hash && !s)
        s = add(p, hash);
    return s ? ++s->count : 0;
}

uint32_t access_peers_closed(struct access_peers *p, uint64_t hash)
{
    struct peer_sessions *s = hash ? find(p, hash) : NULL;
    if (!s)
        return 0;
    if (--s->count)
        return s->count;
    uint32_t place = (uint32_t)(s - p->list);
    hashindex_remove(&p->by_hash, hash, place);
    p->free_list[p->free_count++] = place;
    return 0;
}

uint32_t access_peers_count(const struct access_peers *p, uint64_t hash)
{
    const struct peer_sessions *s = hash ? find(p, hash) : NULL;
    return s ? s->count : 0;
}
