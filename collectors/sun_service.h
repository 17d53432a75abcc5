/*
 * The service logs of Sun's Messaging Server beyond what all servers of mailboxes have: each line is counted by
 * category and level, too, and msgtrace tells what is fetched.
 */
#ifndef SUN_SERVICE_H
#define SUN_SERVICE_H

#include "access_tally.h"
#include "sun_expire.h"

/* Of event.entry: category << 8 | level, from 1; 0: the line has none. */
#define SUN_CATEGORIES 8
#define SUN_LEVELS     7
extern const char *const sun_categories[SUN_CATEGORIES], *const sun_levels[SUN_LEVELS];

extern const struct access_server access_sun;
/* The same for the file msgtrace, in which logins stand a second time: only what is traced counts. */
void sun_parse_trace(struct syslog_context *c, struct slice line, struct event *e);

/* One log of an instance. */
struct sun_service_log;
/* service: "imap", for the names of log events. source: its sourceIndex. expire: of all logs of the instance, the
   caller's. NULL when memory is short. */
struct sun_service_log *sun_service_log(struct model *m, struct names *n, struct access_log *log,
                                        const char *instance, const char *service, uint32_t source,
                                        struct sun_expire *expire);
/* For maillog_add: counter is a struct sun_service_log. */
void sun_service_event(void *counter, const struct event *e);

#endif
