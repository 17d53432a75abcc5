/*
 * Events of access services -> rows: applications, access, peers, sessions, log events. As the tally of
 * mail transfer agents it is a pure function of the events: no clock, scan or command changes a counter.
 *
 * What counts as what:
 *   connections  login processes tell a connection once, when it is logged in or over: both are
 *                connections; those refused by a limit are not (applRejectedInboundAssociations)
 *   failed logins  each attempt that the end of a connection tells; attempts before a good login on
 *                the same connection where the authentication process tells them (auth_verbose)
 *   failed connections  ended without an attempt: nobody tried, TLS failed, the server was not ready
 *   sessions now a level: begins with a login, ends with the session's last line or when the server
 *                starts anew
 */
#ifndef ACCESS_TALLY_H
#define ACCESS_TALLY_H

#include "access.h"
#include "tally.h"

struct access_tally;
/* How a user's name is shown: as it is, as a hash, not at all. */
enum access_users { USERS_PLAIN, USERS_HASHED, USERS_HIDDEN };

/* peers: the tally that has the table of peers, or NULL. NULL when memory is short. */
struct access_tally *access_tally_new(struct model *model, struct names *names, struct tally *peers,
                                      enum access_users users);
void access_tally_free(struct access_tally *t);
/* Turns times of lines into instants. monotonic_ms: now, which no counter depends on. */
void access_tally_clock(struct access_tally *t, int64_t real_minus_monotonic_ms,
                        int64_t monotonic_ms);

/*
 * An instance of a server, for its log; the result is what access_tally_event takes. name: of the
 * instance. source: the sourceIndex of its log, for log events. Lines that carry a tag of another
 * instance belong to that one. NULL when memory is short. The tally owns it.
 */
struct access_log;
struct access_log *access_tally_log(struct access_tally *t, const struct access_server *server,
                                    struct slice name, uint32_t source);
/* The name of an instance, with its host before it. */
const char *access_tally_name(const struct access_log *log);
/* Its lines are those of this host of a central log (see tally_log), before whose name the host's stands. */
void access_tally_host(struct access_log *log, struct slice host);
/* An instance like this one, of another host (maillog_make_counter); NULL when memory is short. */
void *access_tally_of_host(void *log, struct slice host);
/* Lines tagged `tag` belong to this instance. */
bool access_tally_tag(struct access_log *log, struct slice tag);
/* Makes the row of a service before its first line; NULL when there is no room. */
struct appl *access_tally_service(struct access_log *log, enum access_protocol protocol);
/* For maillog_add: counter is a struct access_log. */
void access_tally_event(void *counter, const struct event *e);

/* The instance of this server and name, or NULL. */
struct access_log *access_tally_find(const struct access_tally *t,
                                     const struct access_server *server, struct slice name);
/* Connections and logins of this service are counted by another source: its log counts the rest. */
void access_tally_counted_elsewhere(struct access_log *log, enum access_protocol protocol);

/* The row of a service if it is there. */
struct appl *access_tally_appl(const struct access_log *log, enum access_protocol protocol);
struct access *access_tally_access(const struct access_log *log, enum access_protocol protocol);
/* Ends all sessions of a service of which live(arg, session) is false: levels only, no counter. */
struct access_session;
void access_tally_reconcile(struct access_log *log, enum access_protocol protocol,
                            bool (*live)(void *arg, const struct access_session *s), void *arg);

/*
 * Somebody (user is not empty) is logged in whom the log may not know: a level, no counter. process 0: not told.
 * since_ms, real time: a session of this user that began then, give or take ACCESS_SAME_MS, is this one; 0, not
 * told: any is.
 */
#define ACCESS_SAME_MS 2000
struct access_found {
    enum access_protocol protocol;
    struct slice user, remote, method;
    uint32_t process;
    int64_t since_ms;
};
void access_tally_found(struct access_log *log, const struct access_found *f);

/* Rows of sessions: to be called before each publish. Looks at those that began since, and at no other. */
void access_tally_levels(struct access_tally *t);

/*
 * What the server's own metrics tell, into cells of which the log has told nothing; from then on the log does
 * not count them. m NULL: there are none any more, and such cells are absent again. To be called when the
 * log was read to its end.
 */
struct access_metrics;
void access_tally_metrics(struct access_log *log, const struct access_metrics *m);

/* How many users are logged in to any service of an instance; MODEL_ABSENT: memory is short, or names are hidden. */
uint64_t access_tally_users(const struct access_log *log);

/* The key of users' hashes: random, and kept in the store. */
uint64_t access_tally_salt(const struct access_tally *t);

/* Puts the sessions and attempts that changed since the last checkpoint. false: memory is short. */
bool access_tally_save(struct access_tally *t, struct checkpoint *c);
/* Takes them back. The model's rows must have been restored, and the instances added. false: the store cannot
 * be read. */
bool access_tally_load(struct access_tally *t, struct store *s);

/* The protocols' names and primary ports, by enum access_protocol. */
extern const struct access_protocol_name {
    const char *name;
    uint16_t port;
} access_protocols[ACCESS_PROTOCOLS];

#endif
