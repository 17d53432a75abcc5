/*
 * What the parts of the engine share, for probe.c (its life, deadlines and results), probe_connect.c (a
 * name to a connection) and probe_talk.c (TLS and the dialog).
 */
#ifndef PROBE_INTERNAL_H
#define PROBE_INTERNAL_H

#include "probe.h"
#include "resolve.h"
#include "tls.h"

#include <time.h>

#define PROBE_BUFFER (2 * PROBE_PACKED_MAX) /* a line end and a dot are two when they are said */

enum phase { RESOLVING, CONNECTING, SECURING, TALKING, PARTING, OVER };

struct probe {
    struct watch watch; /* first */
    struct probe *next, *before;
    struct probes *of;
    struct probe_request request;
    void (*done)(void *arg, const struct probe_result *result);
    void *arg;
    enum phase phase;
    int fd;                 /* -1: none */
    bool early;             /* octets came in the clear before TLS */
    int64_t due_ms, end_ms; /* of this step or the whole; of the whole */
    int64_t mark_us;        /* since when the step is timed */
    struct lookup *lookup;
    struct tls *tls;
    struct addresses *addresses;
    unsigned tried; /* of the addresses */
    char *rest;     /* what the socket did not take, in the clear */
    size_t rest_n, rest_at;
    struct probe_result result;
    struct dialog dialog;
    size_t packed_size;
    char packed[]; /* what the request's texts point into */
};

struct probes {
    int epoll;
    int stamps; /* see keep_stamps */
    unsigned most, count;
    struct probe *first, *graves; /* graves: freed at the end of the turn */
    struct resolver *resolver;
    struct tls_trusts *trusts;
    int64_t due_ms;
    char buffer[PROBE_BUFFER];
};

/* The next deadline: at due_ms, or at the end of the whole if that comes first. */
void probe_set_due(struct probe *b, int64_t due_ms);
/* A step, or a part of it, begins to be timed now. */
void probe_begin_step(struct probe *b);
/* Adds what passed since the mark to a step, and moves the mark. */
void probe_time_step(struct probe *b, enum dialog_step step, int64_t until_us);

/* Reports a reason that no server gave; the probe goes on. */
void probe_report_fault(struct probe *b, enum response_status status, enum dialog_step step,
                        const char *text);
/* ... and ends it. */
void probe_fail(struct probe *b, enum response_status status, enum dialog_step step,
                const char *text);
/* Reports the dialog's verdict. */
void probe_conclude(struct probe *b);
/* Ends its part in the world; it is freed at the end of the turn, since events may name it. */
void probe_bury(struct probe *b);
/* Closes its socket, if it has one. */
void probe_close_socket(struct probe *b);

/* Begins: a name or an address to a connection, and on to the dialog. */
void probe_find_address(struct probe *b);
/* Its socket is ready. */
void probe_on_ready(struct watch *w, uint32_t events);

/* From now on its socket is watched for these (EPOLLIN, EPOLLOUT). */
void probe_want_events(struct probe *b, uint32_t events);
/* Sends what is left, as far as the socket takes it. false: the connection is broken. */
bool probe_flush(struct probe *b);
/* A handshake begins, at once or after STARTTLS. */
void probe_begin_tls(struct probe *b);
/* Says what there is to say; ends the probe when the dialog does. */
void probe_converse(struct probe *b);
/* Takes what came to the dialog, through TLS if there is any. */
void probe_receive(struct probe *b);
/* The connection is no more. */
void probe_broken(struct probe *b, const char *text);
/* Leaves, after a deadline or a fault of the dialog, with the words that the protocol has for it. */
void probe_part(struct probe *b);

#endif
