/* What the collector of mailbox servers tells others. */
#ifndef ACCESS_SOURCE_H
#define ACCESS_SOURCE_H

#include "appl_status.h"

/* Is the master of the server that this application is a service of alive? LIFE_UNKNOWN: not one of its. */
enum life access_life(const struct appl *a);
/* The key of users' hashes (show_users = "hashed"); good after this collector's start. */
uint64_t access_salt(void);
/* The service logs of an instance of Sun's Messaging Server; NULL: it has none. */
struct access_log;
struct access_log *access_sun_log(const char *instance);

#endif
