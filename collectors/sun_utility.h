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

/*
 * imsconnutil -c: "ed 17/Jun/2003:11:24:03 plain [TO] [FROM]" for each session; then, with service set and nothing
 * else but users, "10 users were logged in to imap.", which those before it belong to. time_ms as if the server's
 * local time were UTC.
 */
struct sun_connected {
    struct slice user, method, from, service;
    uint64_t users;
    int64_t time_ms;
};
bool sun_connected_next(struct slice *text, struct sun_connected *c);

/* imsconnutil -a: "UID IMAP-time HTTP-time POP-time"; as above, INT64_MIN: not recorded. */
enum sun_last_access_service { SUN_LAST_IMAP, SUN_LAST_HTTP, SUN_LAST_POP, SUN_LAST_SERVICES };
struct sun_last_access {
    struct slice user;
    int64_t time_ms[SUN_LAST_SERVICES];
};
bool sun_last_access_next(struct slice *text, struct sun_last_access *a);

/* counterutil serverresponse: the end of an object's name, "ldap_host.example.com_389" -> "ldap", host, 389. */
struct sun_server {
    struct slice protocol, host;
    uint32_t port; /* 0: not told */
};
void sun_server_of(struct slice object, struct sun_server *s);

/* reconstruct -o: "mboxutil -d MAILBOX" for each orphan, or "Found 2 orphaned mailbox(es)", which says their number
   where -d wrote them to a file. reconstruct -n: a line with a word of damage in it. */
enum sun_finding { SUN_ORPHAN, SUN_ORPHANS, SUN_DAMAGE };
bool sun_reconstruct_next(struct slice *text, enum sun_finding *is, uint64_t *number,
                          struct slice *line);

/* imcheck -s and db_stat: "2<tab>Current number of locks". readership -d: "3 user/ann/golf", readers and folder. */
bool sun_statistic_next(struct slice *text, uint64_t *value, struct slice *what);

/*
 * Does a line of a utility's output say something that its reader above understands? The guides show the
 * output of only some of them; a release may print another one.
 */
typedef bool sun_knows_line(struct slice line);
sun_knows_line sun_knows_counters, sun_knows_counter, sun_knows_statistic, sun_knows_database,
    sun_knows_quota, sun_knows_connected, sun_knows_last_access, sun_knows_finding;
/* How many lines are understood and how many are not; blank lines, headings and rules are neither. */
struct sun_judged {
    uint64_t known, unknown;
    struct slice sample; /* the first that is not */
};
struct sun_judged sun_judge_lines(struct slice text, sun_knows_line *knows);

#endif
