/* What the files of the access tally share; nobody else includes this. */
#ifndef ACCESS_INTERNAL_H
#define ACCESS_INTERNAL_H

#include "../agent/host_name.h"
#include "access_peer.h"
#include "access_session.h"
#include "access_tally.h"

#define ATTEMPTS 256
#define ENDS     256

/* A service of an instance. */
struct access_service {
    struct appl *appl; /* NULL: not there (yet) */
    struct access *access;
};

struct access_log {
    struct access_log *next;
    struct access_tally *tally;
    const struct access_server *server;
    char host[HOST_NAME_ROOM]; /* empty: any */
    char name[64];             /* with the host before it */
    uint32_t source;
    struct access_service services[ACCESS_PROTOCOLS];
    bool counted_elsewhere[ACCESS_PROTOCOLS]; /* access_tally_counted_elsewhere */
    struct log_event *levels[LEVEL_FATAL + 1];
    struct log_event *patterns[UINT8_MAX + 1];
    struct access_tag {
        struct access_tag *next;
        char text[64];
    } * tags;
};

/* Failed attempts of a connection that is not over, as the authentication process told them. */
struct attempts {
    uint64_t id;
    int64_t first_ms;
    uint64_t count;
};

/* A session whose end was logged, its begin not yet. */
struct early_end {
    uint64_t id;
    int64_t at_ms;
};

struct access_tally {
    struct model *model;
    struct names *names;
    struct tally *peers;
    enum access_users users;
    struct access_log *logs;
    struct access_sessions sessions;
    struct access_peers peers_now; /* their sessions */
    struct attempts attempts[ATTEMPTS];
    struct early_end ends[ENDS];
    bool attempts_changed; /* or ends */
    uint64_t salt;         /* of users' hashes */
    int64_t real_minus_monotonic_ms;
    int64_t now_ms; /* real time, for sessions whose begin was not seen */
};

/* access_rows.c: the rows of services and sessions */
struct access_service *access_service(struct access_log *log, unsigned protocol);
/* A session begins, or was restored: the levels of its service and its peer. p: the peer's row; NULL: it is sought. */
void access_open(struct access_log *log, struct access_service *s, const struct access_session *x,
                 struct peer *p);
/* Its end: levels, rows, itself. */
void access_close(struct access_log *log, struct access_service *s, struct access_session *x);
void access_close_all(struct access_log *log);
/* access_tally.c: what the store does not keep of the rows of log events */
void access_restore_log_events(struct access_log *log);

#endif
