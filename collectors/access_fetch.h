/*
 * The metrics of a mailbox server, fetched by a worker from a file or from a web server of this host, and put
 * where its log tells nothing.
 */
#ifndef ACCESS_FETCH_H
#define ACCESS_FETCH_H

#include "access_tally.h"
#include "collector.h"

struct access_fetch;

/* Makes the source's row; NULL: no metrics are configured (what was counted by them is absent again), or memory
   is short. */
struct access_fetch *access_fetch_start(struct collect *c, const struct config_access *config,
                                        const struct access_server *server, const char *name,
                                        struct access_log *log);
/* Once a tick; NULL does nothing. */
void access_fetch_tick(struct access_fetch *f);
/* Waits for a fetch that runs: 5 s at most. */
void access_fetch_stop(struct access_fetch *f);

#endif
