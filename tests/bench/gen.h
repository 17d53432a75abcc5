/*
 * The world that gen_postfix_log simulates, shared by its files: random numbers, domains, clients
 * and lines (gen_world.c), how mail comes in (gen_inbound.c), its life in the queue (gen_message.c),
 * its deliveries (gen_delivery.c), what all of it must amount to (gen_truth.c).
 *
 * Independent of mailmond: the simulation knows what happened, so nothing is ever parsed here. The
 * invariant: whoever writes a line also tells the truth about it, in the same function.
 */
#ifndef GEN_H
#define GEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define INSTANCES 2 /* "postfix" and "postfix-out" */
#define RCPT_MAX  16

enum group { /* services that take mail in, then transports */
             IN_SMTPD,
             IN_SUBMISSION,
             IN_SMTPS,
             IN_REINJECT,
             IN_POSTSCREEN,
             IN_PICKUP,
             IN_CLEANUP,
             OUT_SMTP,
             OUT_RELAY,
             OUT_LMTP,
             OUT_LOCAL,
             OUT_VIRTUAL,
             OUT_DOVECOT,
             OUT_MAILMAN,
             OUT_ERROR,
             OUT_RETRY,
             GROUPS
};
extern const char *const group_tag[GROUPS]; /* the service as the tag of a line names it */

/* --- gen_world.c ------------------------------------------------------------------------------ */

struct options {
    uint64_t bytes, seed;
    unsigned in_flight; /* messages in flight at a time */
    unsigned peers;     /* distinct client addresses of an instance */
    unsigned domains;   /* distinct remote domains */
    unsigned rare;      /* how many times as likely the rare cases are, 1..10 */
    enum { HEAD_BSD, HEAD_RFC3339, HEAD_RFC5424 } head;
    enum { ID_MIX, ID_SHORT, ID_LONG } ids;
    const char *log, *truth;
};
extern struct options options;

uint64_t rng(void);
unsigned rnd(unsigned n); /* 0..n-1 */
bool chance(double p);
bool rarely(double p);       /* chance, made options.rare times as likely */
unsigned skewed(unsigned n); /* 0..n-1, the small ones much more often */

struct domain {
    char name[64];
    enum group transport;
    float trouble; /* how often an attempt is deferred */
};
extern struct domain *domains;
extern unsigned domain_count, remote_count; /* the remote ones come first */

struct mailbox {
    uint32_t seed; /* decides the local part, always the same text for the same seed */
    uint32_t domain;
};
struct mailbox mailbox_remote(void);
struct mailbox mailbox_local(void);
/* The address as Postfix logs it; returns text. The domain may have capitals. */
const char *mailbox_text(struct mailbox m, char text[256]);

#define CLIENT_LOOPBACK UINT32_MAX
/* "host.example[192.0.2.1]"; `bare` is the address alone. */
void client_text(unsigned client, char name[128], char bare[48]);

void world_init(void);
void line_open(void); /* opens options.log */
void line_close(void);
/* Writes one line of instance 0 or 1; NULL service: a program of its own, `tag` is then its name.
 */
void line(unsigned instance, const char *service, unsigned pid, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void line_other(const char *tag, unsigned pid, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
extern uint64_t line_count, byte_count, clock_us;

/* --- gen_message.c ---------------------------------------------------------------------------- */

enum rcpt_state { RCPT_NEW, RCPT_DEFERRED, RCPT_RETRYING, RCPT_DONE };
struct rcpt {
    struct mailbox to;
    uint8_t state;
    bool tried; /* in this activation */
};
struct message {
    char id[24];
    enum { MESSAGE_FREE, MESSAGE_ENTERING, MESSAGE_ACTIVE, MESSAGE_DEFERRED, MESSAGE_HELD } state;
    enum { KIND_MAIL, KIND_FILTERED, KIND_REINJECTED, KIND_PROBE } kind;
    enum group origin, last_transport;
    uint8_t instance;
    bool null_sender, queued_once, any_sent, ever_deferred, bounced_now, warned, id_copied;
    uint8_t activations;
    uint16_t sent_mask, failed_mask, attempted_mask; /* one bit a transport */
    uint16_t batches, pid_base;
    uint32_t size, position; /* in the list of messages in flight */
    struct mailbox from;
    unsigned rcpt_count;
    struct rcpt rcpt[RCPT_MAX];
};
void messages_init(void);
extern unsigned messages_live;
struct message *message_at(unsigned i); /* one of those in flight */
/* A new message with an id, not yet in flight. */
struct message *message_new(unsigned instance, enum group origin);
void message_add_rcpt(struct message *m, struct mailbox to);
void message_free(struct message *m);
/* cleanup logs its message-id, then qmgr takes it into the active queue. */
void message_cleanup(struct message *m);
void message_activate(struct message *m);
void message_hold_on_entry(struct message *m);
void message_advance(struct message *m); /* the next thing that happens to it */
const char *message_sender(const struct message *m, char text[256]);

/* --- gen_delivery.c --------------------------------------------------------------------------- */

/* The next recipients that one delivery agent takes together; false when all have been tried. */
bool message_deliver(struct message *m);

/* --- gen_inbound.c ---------------------------------------------------------------------------- */

void inbound_init(void);
void inbound_step(void);  /* the next thing that happens in one of the open sessions */
void inbound_local(void); /* a submission by pickup, or a verification probe */

/* --- gen_truth.c ------------------------------------------------------------------------------ */

enum field {
    RECEIVED_MESSAGES,
    RECEIVED_OCTETS,
    RECEIVED_RECIPIENTS,
    TRANSMITTED_MESSAGES,
    TRANSMITTED_OCTETS,
    TRANSMITTED_RECIPIENTS,
    REJECTED_MESSAGES,
    REJECTED_RECIPIENTS,
    ACCUMULATED_INBOUND,
    REJECTED_INBOUND,
    ACCUMULATED_OUTBOUND,
    FAILED_OUTBOUND,
    ATTEMPTED_MESSAGES,
    ATTEMPTED_RECIPIENTS,
    ATTEMPTED_OCTETS,
    FAILED_MESSAGES,
    FAILED_RECIPIENTS,
    FAILED_OCTETS,
    EXPIRED,
    LOOPS_DETECTED,
    QUEUE_TIME_SUM_MS,
    QUEUE_TIME_COUNT,
    QUEUE_TIME_FIRST_SUM_MS,
    QUEUE_TIME_FIRST_COUNT,
    TLS,
    FIELDS
};
enum { /* MAILMON-MIB mailmonEntryCode */
       CODE_ENQUEUED = 3,
       CODE_REJECTED = 4,
       CODE_DEFERRED = 6,
       CODE_ABORTED = 8,
       CODE_DELAY_WARNING = 9,
       CODE_CLOSED = 11,
       CODE_OPENED = 12,
       CODE_AUTHENTICATION = 13,
       CODE_CONNECTION_REJECTED = 14,
       CODE_CONNECTION_FAILED = 15,
       CODE_SENT = 17,
       CODE_BOUNCED = 18,
       CODE_EXPIRED = 19,
       CODE_HELD = 20,
       CODE_DISCARDED = 21,
       CODES
};
enum side { SIDE_INBOUND, SIDE_INTERNAL, SIDE_OUTBOUND };

void truth_init(void);
void truth_connect(unsigned instance, enum group service, unsigned client, bool through_postscreen);
void truth_refused(unsigned instance, enum group service, unsigned client, unsigned code);
void truth_rejected(unsigned instance, enum group service, unsigned client, unsigned code,
                    bool recipient);
void truth_auth_failed(unsigned instance, enum group service, unsigned client);
void truth_entry(unsigned instance, enum group g, unsigned code);
void truth_tls(unsigned instance, enum group g);
void truth_received(const struct message *m);
void truth_sent(struct message *m, const struct rcpt *r, enum group transport, unsigned delay_ms);
void truth_deferred(struct message *m, const struct rcpt *r, enum group transport, unsigned code);
void truth_bounced(struct message *m, enum group transport, unsigned code, bool loop);
void truth_expired(struct message *m);
void truth_bounce_made(unsigned instance);
void truth_connected_out(unsigned instance, enum group transport);
void truth_connect_failed(unsigned instance, enum group transport);
void truth_write(void);

#endif
