/*
 * What the utilities of Sun's Messaging Server print, line by line. Each function takes the next row off the text and
 * says false at its end; lines of another form are skipped. Pure. Source: chapter Monitoring of the Administration
 * Guide and the manual pages of the utilities.
 */
#ifndef SUN_UTILITY_H
#define SUN_UTILITY_H

#include "../agent/slice.h"

/* counterutil: "global.numConnections [4 bytes]: 12480" -> "global", "numConnections", "12480". */
struct sun_counter {
    struct slice object, name, value;
};
bool sun_counter_next(struct slice *text, struct sun_counter *c);

/* "20/Oct/2000:15:53:37 -0700" off the front of s, in ms of real time. */
bool sun_take_service_time(struct slice *s, int64_t *time_ms);

/* imquotacheck: "diskquota size(K) %use msgquota msgs %use user"; UINT64_MAX: no quota. */
struct sun_quota {
    uint64_t quota_kb, used_kb, message_quota, messages;
    struct slice user;
};
bool sun_quota_next(struct slice *text, struct sun_quota *q);
/* "# of users = 705"; false: it is not told. */
bool sun_quota_users(struct slice text, uint64_t *users);

/* imsconnutil -c: "10 users were logged in to imap." -> 10, "imap". */
bool sun_logged_in_next(struct slice *text, uint64_t *users, struct slice *service);

/* imcheck -s and db_stat: "2<tab>Current number of locks". */
bool sun_statistic_next(struct slice *text, uint64_t *value, struct slice *what);

#endif
