/*
 * How many open sessions each peer of an access service has. Counted by address and beside the rows of
 * mailmonPeerTable, which come and go while sessions stay.
 */
#ifndef ACCESS_PEER_H
#define ACCESS_PEER_H

#include "../agent/hashindex.h"
#include "../agent/slice.h"

struct access_peers {
    struct hashindex by_hash;
    struct peer_sessions {
        uint64_t hash; /* of tally_peer_find */
        uint32_t count;
    } * list;
    uint32_t high, room;
    uint32_t *free_list, free_count;
};

/* false: memory is short. To be freed in either case. */
bool access_peers_init(struct access_peers *p);
void access_peers_free(struct access_peers *p);
/* A session from there begins or ends; how many there are now. hash 0, no address: none. */
uint32_t access_peers_opened(struct access_peers *p, uint64_t hash);
uint32_t access_peers_closed(struct access_peers *p, uint64_t hash);
uint32_t access_peers_count(const struct access_peers *p, uint64_t hash);

#endif
