/* What the files of the tally share; nobody else includes this. */
#ifndef TALLY_INTERNAL_H
#define TALLY_INTERNAL_H

#include "../agent/host_name.h"
#include "served.h"
#include "tally.h"

#define TAGS        256 /* cache of tags, each in one of two places */
#define TAG_LENGTH  88
#define RELAY_PORTS 16
#define GONE        32
#define CHANNELS    64

struct instance;
struct wait_list;
struct strangers;

/* A row of mtaGroupTable with the rows that hang from it, found without a search. */
struct service {
    struct service *next; /* of the same instance */
    struct instance *of;
    struct group *group;
    const struct mta_service *is; /* NULL: a queue */
    bool internal;                /* behind a content filter */
    struct entry *entries[ENTRY_CODES + 1];
    struct group_error *error; /* the last one counted */
};

/* A row of applTable. */
struct instance {
    struct instance *next;
    const struct mta *mta;
    struct appl *appl;
    struct service *services;
    struct service *numbered[UINT8_MAX + 1]; /* by mtaGroupIndex, for messages */
    struct service *own;                     /* MTA_SERVICE_OWN */
    unsigned transports;
    int64_t run_at;         /* the last queue run, MODEL_NEVER: none was seen */
    int64_t run_told_ms;    /* how often there is one, as the daemon said; 0: it did not */
    int64_t run_seen_ms;    /* ... as the last two were apart */
    int64_t attempt_at;     /* see tally_attempt */
    bool counted_elsewhere; /* see tally_counted_elsewhere */
    bool elsewhere;         /* its processes are another host's */
    bool purged;            /* see tally_purged */
    struct gone *
        gone; /* the tally's, or of its own where hosts are told apart, which have clocks of their own */
    struct appl *parts[TALLY_PARTS];
    struct relay_port {
        uint16_t port;
        struct service *service;
    } ports[RELAY_PORTS]; /* that it delivers to, as lately seen */
    unsigned port_hand;
};

/* See tally.h. */
struct tally_log {
    struct tally_log *next;
    struct tally *tally;
    const struct mta *mta;
    char host[HOST_NAME_ROOM]; /* empty: any */
    char instance[64];         /* with the host before it */
    struct tag *tags;          /* TAGS of them; the tally's, or of this host */
};

/* What a tag means in a log, or what stands in its place: the first part and the service. */
struct tag {
    struct slice_key tag, service;
    const struct tally_log *from;
    struct instance *instance;
    const struct mta_service *is; /* NULL: neither receives nor delivers */
    struct service *known;        /* if `settled`: the service of each of its lines, or NULL */
    bool settled;
    char text[TAG_LENGTH]; /* of the tag and the service */
};

struct alias {
    struct alias *next;
    const struct mta *mta;
    char host[HOST_NAME_ROOM], app[64], name[64], prefix[64];
};

/* Messages that came back from a content filter and are gone, for the hop that is logged late. */
struct gone {
    struct queue_id id[GONE];
    struct message message[GONE];
    uint32_t left_s[GONE]; /* log time */
    uint32_t next;
    bool unexplained; /* some may be */
    uint32_t looked_s;
};

/* The same of one application. */
struct gone_of {
    struct gone_of *next;
    uint32_t appl;
    struct gone gone;
};

/* The last entries that nothing but their likeness tells apart (EVENT_ALIKE). */
#define RUNS 16
struct runs {
    uint64_t last[RUNS];
    uint64_t next;
};

struct tally {
    struct model *model;
    struct names *names;
    struct messages messages;
    struct instance *instances;
    struct tally_log *logs;
    struct alias *aliases;
    struct alias *internals;
    struct tag tags[TAGS];
    struct hashindex peers, destinations; /* positions of their rows */
    uint32_t peer_hand, destination_hand;
    uint32_t next_destination; /* destinationIndex of the next new row */
    int64_t real_minus_monotonic_ms;
    int64_t at;                  /* instant of the event at hand */
    struct strangers *strangers; /* NULL: a tag is enough */
    struct gone gone;
    struct gone_of *gones;
    struct runs runs;
    struct served served;
    char here[HOST_NAME_ROOM];
    struct named_channel {
        uint64_t hash;
        const struct instance *of;
        struct service *service;
    } channels[CHANNELS];         /* direct-mapped cache of tally_named_service */
    struct wait_list *wait_lists; /* of each destination, by position */
    uint32_t *retries_s; /* next attempt of each wait, real time, 0: not told; NULL: of none */
};

static inline int64_t tally_at(const struct tally *t, const struct event *e)
{
    return e->time_ms - t->real_minus_monotonic_ms;
}

/* Kinds of records, from STORE_TALLIES. */
enum { KIND_MESSAGES, KIND_WAITS, KIND_HEADER, KIND_RUNS, KIND_GONE };

/* Is there a row of applTable with this name? */
bool tally_knows(const struct tally *t, struct slice name);
struct instance *tally_instance(struct tally *t, const struct mta *mta, struct slice name);
/* The instance of this row, and that of the row with this applIndex; NULL: no line of it was told yet. */
struct instance *tally_instance_of(const struct tally *t, const struct appl *a);
struct instance *tally_instance_at(const struct tally *t, uint32_t appl);
/* What a service of this name is by its last part, NULL: neither receives nor delivers. */
const struct mta_service *tally_service_kind(const struct mta *mta, struct slice service);
/* See tally_internal_service; service: as mtaGroupName shows it. */
bool tally_is_internal(const struct tally *t, const struct instance *i, struct slice service);
struct service *tally_service(struct tally *t, struct instance *i, const struct mta_service *is,
                              struct slice name, int hierarchy, struct slice description);
/* The service of this name, made if need be; NULL: there is no room. */
struct service *tally_named_service(struct tally *t, struct instance *i, struct slice name);
/* Counts an entry of a group: how often, when last, and why (p == NULL: no reason was told). */
struct entry *tally_entry(struct tally *t, struct service *s, enum entry_code code,
                          const struct event *e, struct slice reason);
enum tally_side { SIDE_INBOUND, SIDE_INTERNAL, SIDE_OUTBOUND };
void tally_error(struct tally *t, struct service *s, uint32_t code, enum tally_side side);

/* tally_peer.c; the result is NULL when the address is none or the table has no room */
struct peer *tally_peer(struct tally *t, const struct instance *i, const struct event *e);
/* The number of an address's row, 0 if it has none; and the row with this number, if it still is this instance's. */
uint16_t tally_peer_number(const struct tally *t, const struct instance *i, struct slice text);
struct peer *tally_peer_numbered(struct tally *t, const struct instance *i, uint16_t number,
                                 const struct event *e);

/* tally_destination.c; hop: it was no delivery, the message came back */
void destination_delivery(struct tally *t, const struct instance *i, struct message *m,
                          const struct event *e, bool hop);
/* Was this recipient tried before in what passed for the running attempt? Then this is another one. */
bool destination_tried(const struct tally *t, const struct message *m, const struct event *e);
/* The message is tried again: what was deferred becomes active, or nothing is tried yet. */
void destination_retry(struct tally *t, struct message *m);
/* The message is gone. */
void destination_forget(struct tally *t, struct message *m);
void destination_levels(struct tally *t);
void destination_attempt(struct tally *t, uint32_t appl, const struct mta_attempt *a,
                         int64_t at_ms);
void destination_attempts_forget(struct tally *t, uint32_t appl);
void destination_next_attempt(struct tally *t, uint32_t appl, struct queue_id id, uint32_t at_s);
void destination_load(struct tally *t);
void peer_load(struct tally *t);

/* tally_message.c */
typedef void tally_handler(struct tally *t, struct instance *i, struct service *s,
                           const struct event *e);
tally_handler on_client, on_submit, on_arrived, on_message_id, on_queued;

#define SIZE_LIMIT ((uint64_t)1 << 40) /* no message is larger; a counter must not wrap at once */

/* The message that an event is about, and its id, which is null if the event has none. NULL: there is none. */
struct message *message_find(struct tally *t, const struct instance *i, const struct event *e,
                             struct queue_id *id);
struct message *message_add(struct tally *t, const struct instance *i, struct queue_id id,
                            const struct event *e);
/* A message that a service takes in; flags: enum message_flag. NULL: the event has no id. */
struct message *message_begin(struct tally *t, struct instance *i, struct service *s,
                              const struct event *e, unsigned flags);
/* The MTA made a non-delivery notification; s is its own service. */
void message_bounce_made(struct tally *t, struct service *s);
/* It enters the queue for the first time: its size and recipients are told. */
void message_first_queued(struct tally *t, struct instance *i, struct message *m,
                          const struct event *e);
/* It is neither re-injected nor a probe after all. */
/*
 * Mail that nobody brought: a notice, or what local delivery sends on? A later line says so. Until then the MTA has
 * not transmitted it.
 */
bool message_is_unexplained(struct tally *t, struct instance *i, const struct message *m);
/* It is neither re-injected nor a probe after all; of a copy, too. */
void message_count(struct tally *t, struct instance *i, struct message *m, const struct event *e);
/* The MTA has transmitted it. */
void message_transmitted(struct tally *t, struct instance *i, struct message *m);
void message_settle(struct tally *t, struct instance *i, struct message *m, const struct event *e);
/*
 * A message of which was not told how many recipients it came with: another one of them is done with. One
 * that became several (an alias, a list) counts when the first of those is.
 */
void message_learn_recipient(struct tally *t, struct instance *i, struct message *m,
                             const struct event *e);
void message_forget(struct tally *t, struct message *m);

/* Services are known to a message by the low part of their group's number; 0: unknown. */
uint8_t tally_service_number(const struct service *s);
struct service *tally_numbered_service(struct tally *t, struct instance *i, uint8_t number,
                                       int hierarchy);
/* The service that takes in what the MTA makes itself. */
struct service *tally_own_service(struct tally *t, struct instance *i);
/* The service that took a message in; NULL when there is no room for its group. */
struct service *tally_origin(struct tally *t, struct instance *i, const struct message *m);

/* tally_delivery.c */
tally_handler on_delivery, on_connect_out;

/* These recipients of the message, or it itself (0), failed in this transport. */
void message_failed(struct service *s, struct message *m, uint32_t recipients);
/* The mail system found a loop; s: may be NULL. */
void tally_loop(struct tally *t, struct instance *i, struct service *s);

/* tally_end.c */
tally_handler on_expired, on_removed, on_held, on_released, on_purged, on_notice, on_copied,
    on_reject, on_discarded;

/* A connection for a message failed; which transport's it was, the next result of the message tells. */
void message_connect_failed(struct tally *t, struct instance *i, const struct event *e);

/*
 * Where lines of a session do not repeat whose it is: what its first line said is kept until its last,
 * as a message that is never queued. session_service: of this line's session, else s; session_peer: likewise, else of
 * the line's own peer.
 */
void session_begin(struct tally *t, struct instance *i, struct service *s, const struct event *e);
struct service *session_service(struct tally *t, struct instance *i, struct service *s,
                                const struct event *e);
struct peer *session_peer(struct tally *t, struct instance *i, const struct event *e);
/* The same for a message that is cut off: its id may come again. */
void session_end(struct tally *t, struct instance *i, const struct event *e);

/* tally_host.c. The name of an instance, with the log's host before it. */
struct slice tally_name_of(const struct tally_log *log, struct slice name, char room[128]);
/* An instance of a log of one host: what it has of its own. */
void tally_own(const struct tally_log *log, struct instance *i);
/* What is kept for an application; made: if it has none yet. NULL: none, or memory is short. */
struct gone_of *tally_gone_of(struct tally *t, uint32_t appl, bool make);
void tally_logs_free(struct tally *t);

/* tally_stranger.c. Is the tag's instance one that nobody knows? Then the event is kept, or forgotten. */
bool tally_is_stranger(struct tally_log *from, const struct event *e);
void tally_strangers_free(struct tally *t);

/* tally_hop.c */
uint16_t tally_link(struct slice id);
/*
 * Counts mail that was removed before any line said what it is: this one, which is a notice (false if there
 * is none of this id); or all.
 */
bool tally_gone_notice(struct tally *t, struct instance *i, struct queue_id id,
                       const struct event *e);
void tally_gone_settle(struct tally *t);
/* The log has come to this time; asked for where something is unexplained. */
void tally_gone_time(struct tally *t, const struct instance *i, uint32_t now_s);
/* Did this result of `from` only bring it under another queue id? */
bool tally_is_hop(struct tally *t, struct instance *i, struct message *from, const struct event *e);
/* The message is removed: a delivery that handed it over may be logged only now. */
void tally_leave(struct tally *t, const struct instance *i, const struct message *m,
                 const struct event *e);

/* tally_channel.c */
tally_handler on_channel;

/* tally_association.c */
tally_handler on_connect, on_disconnect, on_connection_reject, on_abort, on_tls, on_auth_fail,
    on_connect_fail, on_etrn, on_starting, on_started, on_stopping, on_stopped, on_congested,
    on_stress, on_queue_run;

#endif
