/*
 * Probes: resolve a name, connect, make TLS, play a dialog, and time each step. Hundreds at once on
 * one epoll set and one thread; nothing waits but probes_turn.
 *
 * Times are those of the network, not of this process: what comes in is stamped by the kernel when it
 * arrives (SO_TIMESTAMPNS), so that a step's time is right even if we are late to look.
 *
 * It runs in the process mailmond-probe. Collectors ask it through prober.h with the same requests
 * and results.
 */
#ifndef PROBE_H
#define PROBE_H

#include "dialog.h"
#include "watch.h"

#define PROBE_NO_TIME    UINT32_MAX
#define PROBE_PACKED_MAX (190 * 1024) /* octets of a packed request: a daily report is one */

enum probe_family { PROBE_ANY, PROBE_IPV4, PROBE_IPV6 };

/* What is asked. Texts may be NULL but `host`. */
struct probe_request {
    enum response_protocol protocol;
    enum probe_family family;
    uint16_t port; /* 0: the protocol's own */
    bool marked;   /* no `source`, and an IPv4 server of this host: come from OWN_ADDRESS (own.h) */
    bool strict;   /* a certificate's fault is RESPONSE_TLS_ERROR; else only data */
    uint32_t timeout_ms, step_timeout_ms; /* of the whole (0: 30 s), of each answer (0: 10 s) */
    const char *host;                     /* name or address */
    const char *source;                   /* our address; NULL: any */
    const char *ca_file;                  /* whom to trust; NULL: the system's */
    const char *tls_name;                 /* name that the certificate must have; NULL: `host` */
    const char *base, *filter;            /* ldap: where and what to look for; NULL: the root DSE */
    const char *appl; /* ldap: applName of the server; NULL: none that we know */
    struct dialog_want want;
};

struct probe_result {
    /* unknown: it could not be asked; up, down, refused, timedOut, tlsError, protocolError,
       authFailed, congested; never slow */
    enum response_status status;
    enum dialog_step step;     /* at which it ended, if not up */
    uint32_t steps_us[STEPS];  /* PROBE_NO_TIME: it did not come to this step */
    uint64_t total_us;         /* their sum */
    uint64_t messages, unseen; /* of the mailbox; DIALOG_UNKNOWN */
    uint32_t found;            /* messages found */
    int64_t cert_not_after_s;  /* seconds since the epoch; INT64_MIN: no certificate was seen */
    char cert_error[128];      /* empty: it is well, or there is none */
    char address[46];          /* that was connected to; empty: none */
    char reply[256]; /* the server's last answer; or, if it failed without one, what is wrong */
};

struct probes;

/* At most `most` at once. NULL: memory or descriptors are short. */
struct probes *probes_new(unsigned most);
/* Ends those under way without a word to `done`. */
void probes_free(struct probes *p);
/* NULL, or what is wrong with a request, in words (packed it may have PROBE_PACKED_MAX octets). */
const char *probe_unfit(const struct probe_request *r);
/*
 * Begins one; everything of the request is copied. `done` is called once, from probes_turn. false: too
 * many are under way, or memory is short.
 */
bool probes_start(struct probes *p, const struct probe_request *r,
                  void (*done)(void *arg, const struct probe_result *result), void *arg);
/* Waits at most wait_ms (-1: for ever) for something to happen, and does what is due. */
void probes_turn(struct probes *p, int wait_ms);
/* Has a descriptor of the caller's watched by probes_turn. */
bool probes_watch(struct probes *p, int fd, struct watch *w);

/*
 * A request as octets and back, to hand it to another process: its size; it into `out`, which has
 * that room; and from octets, whose texts the request then points into. false: they are none.
 */
size_t probe_packed_size(const struct probe_request *r);
void probe_pack(const struct probe_request *r, char *out);
bool probe_unpack(struct slice octets, struct probe_request *r);

#endif
