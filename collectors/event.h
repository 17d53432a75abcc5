/*
 * What a line of a mail log can mean. A parser (mta_<name>.c) is a pure function from a line to one
 * event; tally.c is the only place where events become numbers. Slices point into the line.
 *
 * The event is one struct that the caller keeps and every line overwrites. event_clear() resets the
 * scalar members only; a slice member is meaningful only for the kinds that say so below. This keeps
 * the cost of a line at a few stores.
 */
#ifndef EVENT_H
#define EVENT_H

#include "../agent/slice.h"

enum event_kind {
    EVENT_UNKNOWN, /* a line of this mail system that the parser does not recognise */
    EVENT_FOREIGN, /* a line of another program */
    EVENT_NONE,    /* recognised, changes no number */

    /* Associations that others open. peer = the IP address as text (also all below up to EVENT_AUTH_FAIL). */
    EVENT_CONNECT,
    EVENT_DISCONNECT, /* bad_commands = commands refused as unknown or out of place, if told */
    EVENT_CONNECTION_REJECT, /* refused by the application; text = why, code, EVENT_COUNTED if a
                                CONNECT of the same association was logged before */
    EVENT_ABORT,             /* lost connection, timeout, too many errors; text = the words */
    EVENT_TLS_IN,            /* TLS established on an inbound association */
    EVENT_TLS_OUT,           /* ... on an outbound one */
    EVENT_AUTH_FAIL,         /* text = why */

    /* A message begins. id = queue id */
    EVENT_CLIENT, /* ... from the network: peer, EVENT_SASL, EVENT_REINJECTED when it carries the
                         queue id it had before a content filter, EVENT_LOOPBACK if peer is this host */
    EVENT_SUBMIT, /* ... from a local program (pickup) */
    EVENT_ARRIVED, /* ... and is queued, all told in one line: peer, EVENT_SASL, address = sender, size,
                      recipients (0: not told), packed_other = of the message that it is a notice of */
    EVENT_MESSAGE_ID, /* text = the Message-ID with its <> */
    EVENT_QUEUED, /* entered the active queue: address = sender, size, recipients. Logged anew at each attempt */
    EVENT_EXPIRED,   /* returned to sender: it is too old, or EVENT_BY_ADMIN */
    EVENT_REMOVED,   /* left the mail system (EVENT_BY_ADMIN: deleted by hand) */
    EVENT_HELD,      /* put on hold: text = why, if told; id empty for NOQUEUE */
    EVENT_RELEASED,  /* taken off hold, requeued */
    EVENT_PURGED,    /* messages were deleted by hand, perhaps more than are told one by one */
    EVENT_REJECT,    /* a message or recipient refused: peer if known, code, text = the reply or
                         reason; EVENT_RECIPIENT if one recipient was refused (stage RCPT) */
    EVENT_DISCARDED, /* accepted and dropped by an action; text = why */
    EVENT_NOTICE, /* a notification was generated for id: notice says which; other_id = its queue id */
    EVENT_COPIED, /* some recipients of id are those of a copy now: other_id = its queue id */

    /*
     * One recipient, or as many as `recipients` says (address is then the list): id, address, relay, result, code,
     * delay_ms, text (without the parentheses)
     */
    EVENT_DELIVERY,
    EVENT_CONNECT_OUT, /* an outbound association was opened, or EVENT_UNTRIED: is tried; relay = where, if
                           told. Of MTAs whose deliveries are not EVENT_NETWORK */
    EVENT_CONNECT_FAIL, /* an outbound association could not be opened; relay = where, text = why */
    EVENT_ETRN,

    /*
     * An entry of a log that has one for each message, recipient and channel (Sun; tally_channel.c counts
     * them): entry says which; service = its channel, relay = the channel it is enqueued to, address =
     * current recipient, size, packed_id = the copy in the queue (null: only packed_other = hash of the
     * Message-ID is known), attempts, delay_ms with EVENT_TIMED, peer, code, text.
     */
    EVENT_CHANNEL,

    /* The mail system as a whole */
    EVENT_STARTING, /* is being started, serves nobody yet */
    EVENT_STARTED,  /* text = version if told */
    EVENT_RELOADED,
    EVENT_STOPPING,
    EVENT_STOPPED,
    EVENT_CONGESTED, /* cannot take a further association now; text = why */
    EVENT_STRESS_ON,
    EVENT_STRESS_OFF,
    EVENT_QUEUE_RUN, /* all that is queued is tried, if its time has come; EVENT_STARTED's delay_ms is how
                        often that will be, 0: not told */

    /* Servers of mailboxes (access.h). access.protocol says which service; address = user,
       peer, other_id = the session's name in the log, access.process = its process */
    EVENT_LOGIN,        /* a session begins: relay = how it was authenticated, EVENT_TLS */
    EVENT_LOGOUT,       /* it ends: access.in, out, fetched, expunged where told */
    EVENT_TRAFFIC,      /* of a session that ends or ended: access.in, out, fetched */
    EVENT_LOGIN_ABORT,  /* a connection ended before login: text = why, access.attempts = logins
                           that failed on it, EVENT_CONNECTION if nobody tried to */
    EVENT_LOGIN_FAIL,   /* one login failed, the connection goes on: text = why */
    EVENT_AUTH_VERBOSE, /* ... told by the authentication process: other_id = session */
    EVENT_LOGIN_LIMIT,  /* refused: too many connections of this user or host; text */
    EVENT_SERVER_FULL,  /* connections are dropped because a limit of the server is reached; text */
    EVENT_PEER_OPEN,    /* an association without login (LMTP) begins: access.process */
    EVENT_PEER_CLOSE,
    EVENT_STORED,     /* recipients = messages stored in mailboxes, access.in = octets if told */
    EVENT_DELETED,    /* recipients = messages expunged */
    EVENT_SELECTED,   /* a mailbox was opened */
    EVENT_SERVER_LOG, /* only access.level, access.pattern and text matter */
    EVENT_KINDS
};

enum event_result {
    RESULT_NONE,
    RESULT_SENT,
    RESULT_DEFERRED,
    RESULT_BOUNCED,
    RESULT_PROBE,  /* address verification (deliverable, undeliverable): not mail */
    RESULT_REMOVED /* by an administrator: it is not tried any more, and nobody is told */
};

enum event_notice {
    NOTICE_NONE,
    NOTICE_BOUNCE, /* non-delivery notification, to the sender or the postmaster */
    NOTICE_DELAY,
    NOTICE_SUCCESS
};

enum event_flag {
    EVENT_SASL = 1 << 0,
    EVENT_TLS = 1 << 1, /* this delivery used TLS */
    EVENT_REINJECTED = 1 << 2,
    EVENT_LOOPBACK = 1 << 3,
    EVENT_RECIPIENT = 1 << 4,
    EVENT_COUNTED = 1 << 5,
    EVENT_REUSED = 1 << 6,  /* this delivery used an open association again */
    EVENT_NETWORK = 1 << 7, /* relay is a host or a socket, not "local" or "none" */
    EVENT_LOOP = 1 << 8,    /* the mail system found that the message loops */
    EVENT_BY_ADMIN = 1 << 9,
    EVENT_QUEUED_AS = 1 << 10, /* other_id = the queue id that the next system gave, or this one */
    EVENT_PROBE_SENDER = 1 << 11, /* the sender is the one that address verification uses */
    EVENT_FIRST = 1 << 12,        /* the first recipient sent over its association */
    EVENT_UNTRIED = 1 << 13,      /* deferred although nothing was tried: its time has not come */
    EVENT_OVERDUE = 1 << 14,      /* bounced because it was tried for too long */
    EVENT_BUSY = 1 << 15,         /* a connection was refused because no more can be taken now */
    EVENT_NULL_SENDER = 1 << 16,
    EVENT_ATTEMPTS = 1 << 17, /* attempts is told */
    EVENT_TIMED = 1 << 18,    /* delay_ms is told */
    /* packed_id is no name: equal in entries that differ in the recipient only */
    EVENT_ALIKE = 1 << 19,
    EVENT_INBOUND = 1 << 20, /* direction of an association */
    EVENT_OUTBOUND = 1 << 21,
    EVENT_UNREACHED = 1 << 22, /* this delivery could not open its association; text = why */
    /* id is the session's that EVENT_CONNECT or EVENT_CLIENT began; of EVENT_ARRIVED: other_id */
    EVENT_SESSION = 1 << 23,
    EVENT_CONNECTION = 1 << 24, /* it was about the connection, nobody tried to log in */
    EVENT_SMTP = 1 << 25,       /* of EVENT_CHANNEL: an association of other hosts' MTAs ... */
    EVENT_SUBMISSION = 1 << 26, /* ... or of users' programs, which is a service of its own */
    EVENT_XML = 1 << 27,        /* the texts are escaped as in XML ... */
    EVENT_JSON = 1 << 28,       /* ... or JSON: see escape.h */
    EVENT_PART =
        1 << 29 /* of EVENT_ARRIVED: each recipient of the message has a line, one after another */
};

/*
 * A queue id in 128 bits, six bits a character ([0-9A-Za-z-], at most 21 of them), so that two ids are
 * equal exactly when these are. All zero: not an id.
 */
struct queue_id {
    uint64_t hi, lo;
};
struct queue_id queue_id_pack(struct slice text);
/* The six bits of a character; 0: not a character of an id. */
extern const uint8_t queue_id_codes[256];
/* Writes the text back (at most 21 octets and a NUL); returns its length. */
size_t queue_id_text(struct queue_id id, char text[22]);
static inline bool queue_id_null(struct queue_id id)
{
    return (id.hi | id.lo) == 0;
}
static inline uint64_t queue_id_hash(struct queue_id id)
{
    uint64_t h = id.hi * 0xff51afd7ed558ccdu;
    h ^= h >> 32;
    h = (h ^ id.lo) * 0xc4ceb9fe1a85ec53u;
    return h ^ (h >> 29);
}

#define EVENT_NOT_TOLD     UINT64_MAX
#define EVENT_NOT_TOLD_U32 UINT32_MAX
/* What the kinds from EVENT_LOGIN on have in addition. */
struct event_access {
    uint64_t in, out;           /* octets from and to the client, or EVENT_NOT_TOLD */
    uint32_t fetched, expunged; /* messages, or EVENT_NOT_TOLD_U32 */
    uint32_t process;           /* of the session, 0 if not told */
    uint8_t attempts;
    uint8_t protocol; /* enum access_protocol */
    uint8_t level;    /* enum access_level */
    uint8_t pattern;  /* of the server's log events, from 1; 0: none */
};

struct event {
    int64_t time_ms;  /* real time, ms since the epoch; the last known one if the line has none */
    struct slice tag; /* program name as logged: instance and service, "postfix/submission/smtpd" */
    struct slice app; /* first part of the tag: the instance, "postfix" */
    struct slice service; /* the rest, "submission/smtpd" */
    enum event_kind kind;
    enum event_result result : 8;
    enum event_notice notice : 8;
    unsigned format : 16; /* of the log it is from, see maillog.h */
    unsigned flags;       /* enum event_flag */
    uint32_t pid;         /* of the logging process, 0 if unknown */
    /* status code class*1000000 + subject*1000 + detail (mtaStatusCode), 0 if none */
    uint32_t code;
    uint32_t recipients;
    uint32_t bad_commands;
    uint32_t entry, attempts; /* of EVENT_CHANNEL only: enum entry_code; delivery attempts before */
    uint32_t repeats;         /* further times that the same was logged, told in one line */
    uint64_t size;            /* octets */
    uint64_t delay_ms;        /* since arrival */
    struct slice id, other_id, address, peer, relay, text;
    /* the recipient as it came, where address is what it became; else empty */
    struct slice original;
    union {
        struct {
            struct queue_id packed_other; /* other_id of EVENT_QUEUED_AS, likewise */
            struct queue_id packed_id;    /* id, if the parser packed it; null: not yet */
        };
        struct event_access access; /* from EVENT_LOGIN on */
    };
};

static inline void event_clear(struct event *e)
{
    const struct slice none = {NULL, 0};
    e->kind = EVENT_UNKNOWN;
    e->result = RESULT_NONE;
    e->notice = NOTICE_NONE;
    e->format = 0; /* so that the word is written without being read */
    e->flags = 0;
    e->code = e->recipients = e->bad_commands = e->repeats = 0;
    e->size = e->delay_ms = 0;
    e->packed_id = e->packed_other = (struct queue_id){0, 0};
    /* Not by one assignment: what was written in halves would be read in one, for which the processor waits. */
    e->id = none;
    e->other_id = none;
    e->address = none;
    e->peer = none;
    e->relay = none;
    e->text = none;
    e->original = none;
}

#endif
