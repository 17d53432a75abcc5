/*
 * Who is logged in, as the server itself says (doveadm who, Cyrus's proc directory): puts right what
 * its log says of open sessions. Levels only: no counter depends on it.
 */
#ifndef ACCESS_LIVE_H
#define ACCESS_LIVE_H

#include "access_tally.h"
#include "collector.h"

struct access_live;
/* NULL: this instance has no such source, or memory is short. */
struct access_live *access_live_start(struct collect *c, const struct config_access *config,
                                      const char *name, struct access_log *log);
/* Once a tick; l may be NULL here and below. */
void access_live_tick(struct access_live *l);
void access_live_stop(struct access_live *l);

#endif
