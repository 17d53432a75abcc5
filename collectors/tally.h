/*
 * Events -> rows: the only place where mail becomes numbers. The tally is a pure function of the
 * events it was given: no clock, no file, no scan changes a counter, so that reading the same bytes
 * again from a stored position gives the same numbers.
 *
 * What counts as what (docs/postfix.md has the columns):
 *   received     at the first "queue active" of a message, in the group of the service that took it in;
 *                not for mail that a content filter hands back, nor for address verification probes
 *   transmitted  recipients at each "sent"; messages and octets at the first recipient sent, once for
 *                the MTA and once for each transport: the sums of docs/postfix.md hold at every instant
 *   attempted    recipients at each "deferred"; messages once for each transport and activation
 *   failed       recipients at each "bounced" and those left over when a message expires
 *   refused connections are no accumulated connections: what was counted before it was refused is
 *                owed (connect_debt) and taken from the next ones, because a counter cannot go back
 */
#ifndef TALLY_H
#define TALLY_H

#include "../agent/names.h"
#include "../agent/store.h"
#include "message.h"
#include "mta.h"

struct tally;

/*
 * One tally for all mail systems: they share the tables of peers, destinations and messages in flight,
 * so one of them must decide which row gives way. Rows go to `model`, which must outlive it, as must
 * `names`. persist: keep lists of what changed, for checkpoints and queues (a reader of files that
 * exits at the end does not want them). NULL when memory is short.
 */
struct tally *tally_new(struct model *model, struct names *names, uint32_t messages_max,
                        bool persist);
void tally_free(struct tally *t);

/*
 * Where lines of one mail system come from. host: of which host, empty if that does not matter; then its instances are
 * named after it, HOST/NAME. instance: whose they are when no tag or alias says so (MTA_NAMED_BY_TAG); empty: the mail
 * system's own. The tally owns the result; NULL when memory is short.
 */
struct tally_log;
struct tally_log *tally_log(struct tally *t, const struct mta *mta, struct slice host,
                            struct slice instance);
/* One with the same instance, aliases and internal services for another host; NULL: there is no room for its row. */
struct tally_log *tally_log_of_host(struct tally_log *log, struct slice host);

/* The name of this host: processes of logs of other hosts are none of it. */
void tally_here(struct tally *t, struct slice host);

/*
 * An instance of another host: its sockets and processes are none of this one. What a log of another host makes is
 * one.
 */
void tally_set_elsewhere(struct tally *t, const struct appl *a);
bool tally_is_elsewhere(const struct tally *t, uint32_t appl);

/* Real time minus monotonic time, ms: turns the times of log lines into instants of the model. */
void tally_clock(struct tally *t, int64_t real_minus_monotonic_ms);

/*
 * Lines of this mail system (of this host, see tally_log) tagged `app`/... belong to the instance `name` (-o
 * syslog_name=submission); `prefix` is put before the service ("submission/smtpd"), empty: nothing.
 */
void tally_alias(struct tally *t, const struct mta *mta, struct slice host, struct slice app,
                 struct slice name, struct slice prefix);
/*
 * From now on a tag alone makes no application: one that is neither an instance nor an alias does when lines of
 * two of its daemons have come, and few do. false: memory is short.
 */
bool tally_wait_for_strangers(struct tally *t);
/* A name that waits so and was not told of before, or NULL. */
const char *tally_stranger(struct tally *t);
/*
 * What this service of an instance takes in was received before: it is behind a content filter. Of a service that
 * delivers: it hands mail to one, which is no transmission. "pickup/uid=65534": what pickup takes from this account.
 */
void tally_internal_service(struct tally *t, struct slice name, struct slice service);
/* The row of an instance, made if need be (configured instances exist before their first line); NULL if
   there is no room, or another mail system has the name. */
struct appl *tally_appl(struct tally *t, const struct mta *mta, struct slice name);
/*
 * What an MTA consists of besides, each with a row of applTable: "msg/smtp" takes mail from other hosts,
 * "msg/submission" from users. What they count, the MTA's own row counts as well. tally_part: the row, made if
 * `make`; NULL: it is not there, or there is no room, or this mail system has none.
 */
enum tally_part { PART_SMTP, PART_SUBMISSION, TALLY_PARTS };
struct appl *tally_part(struct tally *t, const struct appl *whole, enum tally_part part, bool make);
/* The MTA that this row is a part of, or the row itself. */
const struct appl *tally_whole(const struct tally *t, const struct appl *part);
/*
 * The row of e->peer as a peer of an application that somebody else counts, seen at the event's time; NULL
 * when it is no address or there is no room. The caller adds to its counters.
 */
struct peer *tally_peer_of(struct tally *t, const struct appl *a, const struct event *e);
/* The row that a peer of an application has by now, or NULL. *hash: of the application and the address, the same
 * for every way of writing it; 0: this is no address. */
struct peer *tally_peer_find(const struct tally *t, const struct appl *a, struct slice address,
                             uint64_t *hash);
/* That hash of a row. */
uint64_t tally_peer_hash(const struct peer *p);
/*
 * The row of a peer that has a socket open; NULL: it has none and there is no room for one, since what
 * the log told gives way to nobody. Such a row is not stored, and forgotten once the peer has no socket.
 * The table must be sorted (model_sort).
 */
struct peer *tally_peer_seen(struct tally *t, const struct appl *a, bool ipv6,
                             const uint8_t address[16], int64_t now_ms);
/* Removes the rows of peers that no log told of and that have no socket open. */
void tally_peers_forget(struct tally *t);
/* The row of a group of this instance (queues), made if need be. */
struct group *tally_group(struct tally *t, const struct appl *a, struct slice name, int hierarchy,
                          struct slice description);

/* The row of a Sun channel, made if need be; NULL: there is no room. */
struct group *tally_channel(struct tally *t, const struct appl *a, struct slice name);
/*
 * Recipients that wait in an instance's channels, as far as the log showed them arrive; each channel's number is
 * put into its group. Looks at every message in flight.
 */
uint64_t tally_waiting(struct tally *t, const struct appl *a);
/*
 * The counters of this instance's channels that `imsimta counters` has come from there: the log does not count
 * them. To be called before the first line.
 */
void tally_counted_elsewhere(struct tally *t, const struct appl *a);
/* The row of a group that is there already, or NULL. */
struct group *tally_find_group(const struct tally *t, const struct appl *a, struct slice name);
/* The transport that delivered to this TCP port of other hosts, as the log showed; NULL: none has. */
struct group *tally_relay_service(const struct tally *t, const struct appl *a, uint16_t port);

/*
 * When queued mail is tried next, as somebody told who is not the log; the earliest of several counts.
 * tally_attempts_forget: nothing of it holds any more. Levels only.
 */
void tally_attempt(struct tally *t, const struct appl *appl, const struct mta_attempt *a,
                   int64_t at_ms);
void tally_attempts_forget(struct tally *t, const struct appl *appl);
/*
 * Were messages deleted by hand since the last call (postsuper -d ALL, which names none)? Then tally_not_queued is to
 * be told each whose file is gone: it waits for no destination any more. Levels only: no counter changes.
 */
bool tally_purged(struct tally *t, const struct appl *appl);
void tally_not_queued(struct tally *t, const struct appl *appl, struct queue_id id);
/*
 * When a message is tried next, real time, as its queue file tells (Postfix: its mtime in deferred); holds
 * until the log shows the attempt or it is told anew. Nothing is done if the message waits for nobody. Levels
 * only, shown by tally_levels.
 */
void tally_next_attempt(struct tally *t, const struct appl *appl, struct queue_id id,
                        uint32_t at_s);
/* When all that is queued will be tried next (RFC 2789, mtaGroupScheduledRetry), by the queue runs seen since the
   start of this process, else by tally_attempt; MODEL_NEVER: nobody knows. */
int64_t tally_next_run(const struct tally *t, const struct appl *a);

/* Counts what a line of this log told. */
void tally_event(struct tally_log *from, const struct event *e);

/* The message in flight, or NULL. */
const struct message *tally_message(const struct tally *t, uint32_t appl, struct queue_id id);
struct messages *tally_messages(struct tally *t);
/* Connections that a process has served, see served.h; MODEL_ABSENT: the log does not tell. */
uint64_t tally_served(const struct tally *t, uint32_t pid, int64_t started_at);
/* Levels that follow from the messages in flight (a destination's oldest message), and the order of the
   tables whose rows give way to others: to be called before each publish. */
void tally_levels(struct tally *t);
/* No line comes any more that could say what mail is that was removed: it counts. */
void tally_end(struct tally *t);

/* Puts what changed since the last time into a checkpoint; the model's rows are put by persist.c. */
bool tally_save(struct tally *t, struct checkpoint *c);
/* Takes back what the store kept; the model's rows must have been restored before. */
bool tally_load(struct tally *t, struct store *s);

#endif
