/*
 * A mail transfer agent as this project sees it: pure functions. Each mta_<name>.c defines one of
 * these; collectors.c lists them.
 */
#ifndef MTA_H
#define MTA_H

#include "event.h"
#include "syslog.h"

/* What the file of one queued message tells. */
struct queue_file {
    /* octets of header and body; without the body's if that is in a file of its own */
    uint64_t size;
    uint32_t recipients;     /* as first queued */
    uint32_t pending;        /* not yet delivered, when known; else = recipients */
    int64_t arrival_ms;      /* real time; 0 unknown */
    struct slice message_id; /* with its <>; points into the buffer; p == NULL: not found */
    bool held;               /* no delivery is tried until somebody says so */
};

/* One of its queue directories, below queue_directory. */
enum mta_queue_flag {
    /* files without the owner's execute bit are still being written */
    MTA_QUEUE_INCOMPLETE = 1 << 0,
    MTA_QUEUE_RETRY = 1 << 1,    /* a file's mtime is the time of its next attempt */
    MTA_QUEUE_DAMAGED = 1 << 2,  /* not awaiting delivery: left out of what the MTA stores */
    MTA_QUEUE_REWRITTEN = 1 << 3 /* a file is replaced when its message's state changes; it tells
                                    which messages are held */
};
struct mta_queue {
    const char *name; /* "deferred" */
    unsigned flags;
};
#define MTA_QUEUES_MAX 32

/* One of the files that make a message, where these are several (spool.h). */
enum mta_spool_role {
    MTA_SPOOL_CONTROL = 1, /* says who shall get it: queue_file is asked what it holds */
    MTA_SPOOL_BODY,
    MTA_SPOOL_ENVELOPE /* one recipient each */
};
struct mta_spool_file {
    unsigned queue; /* which of `queues`; of a body that has a control file: not told */
    unsigned role;  /* enum mta_spool_role */
    bool arrives;   /* a body whose mtime is when the message arrived */
    struct slice id;
};
/* What a mail system's own command tells of queued mail: of a recipient, a domain or a message. */
struct mta_attempt {
    struct slice address; /* recipient or domain; empty: not told */
    struct slice message; /* its queue id; empty: all for that address */
    struct queue_id id;   /* the same, packed */
    int64_t at_s;         /* next attempt, real time; 0: not told */
    bool active, waits;   /* it is tried now; it waits for its next attempt */
    bool held;            /* no attempt is made until somebody says so */
};
/* What a mail system's own command tells of itself as it is now. MODEL_ABSENT: it does not tell. */
#define MTA_BUSY_MAX 2
struct mta_levels {
    uint64_t uptime_s;
    uint64_t inbound, outbound; /* open associations */
    uint64_t stored_messages, stored_recipients;
    struct {
        const char *service; /* of `services`; NULL: none */
        uint64_t messages;
    } busy[MTA_BUSY_MAX]; /* messages that it delivers now */
};
#define MTA_LEVELS_NONE                                                                            \
    ((struct mta_levels){                                                                          \
        MODEL_ABSENT, MODEL_ABSENT, MODEL_ABSENT, MODEL_ABSENT, MODEL_ABSENT, {{NULL, 0}}})
#define MTA_FILE_NAME 32 /* room for the name of a queued message's file */

/* A daemon that receives or delivers: how its tag becomes a row of mtaGroupTable. */
enum mta_service_flag {
    MTA_SERVICE_NETWORK = 1 << 0,  /* has associations */
    MTA_SERVICE_BY_RELAY = 1 << 1, /* one group for each relay: "pipe/dovecot" */
    MTA_SERVICE_DISCARDS = 1 << 2, /* what it "sends" is dropped */
    MTA_SERVICE_OWN = 1 << 3, /* takes in what the MTA makes itself, and mail of unknown origin */
    /* stands before another service, which logs the connection again */
    MTA_SERVICE_SCREENS = 1 << 4,
    MTA_SERVICE_NONE = 1 << 8,    /* no transport was named: what expired is the last one's */
    MTA_SERVICE_LEARN = 1 << 5,   /* whether it has associations shows when it first has one */
    MTA_SERVICE_CHANNEL = 1 << 6, /* a Sun channel: receives, queues and delivers */
    MTA_SERVICE_PASSES = 1 << 7   /* ... whose mail comes back to the MTA or goes nowhere */
};
struct mta_service {
    /* last part of the service; "tcp_*": one that begins so; the first that fits counts */
    const char *daemon;
    int hierarchy; /* -1 receives, -2 delivers (docs/postfix.md) */
    unsigned flags;
    uint32_t port;           /* the protocol's primary port, 0: none */
    const char *description; /* mtaGroupDescription */
};

/* A process that runs while the mail system does, besides its master. */
struct mta_process {
    const char *name;
    unsigned min, max; /* max 0: any number */
    /* it is this one of the instance's applications ("imap" of "msg/imap"), which is down
       without it; NULL: if min is not 0, the mail system is */
    const char *service;
    bool mortal; /* config_mta.max_life_time_s is for it */
};

/* What a mail system's log, queue and command tell, or do not. */
enum mta_flag {
    /* The first part of a line's tag is the instance's name; else the file tells (or an alias of the tag:
       syslog_names). */
    MTA_NAMED_BY_TAG = 1 << 0,
    /* It logs connections that it takes only if told to: before the first one nobody knows how many there were. */
    MTA_CONNECTIONS_OPTIONAL = 1 << 1,
    /* It does not log that a message is tried again: each recipient's result does. */
    MTA_ATTEMPTS_UNTOLD = 1 << 2,
    /* It does not log that a message is gone: the last recipient's result tells. */
    MTA_ENDS_UNTOLD = 1 << 3,
    /* A notice that it makes has no line of its own but EVENT_NOTICE. */
    MTA_NOTICES_UNTOLD = 1 << 4,
    /* What an alias or a list sends on is a new message that nobody brought, and a line that comes later says whose
       (EVENT_QUEUED_AS without EVENT_NETWORK). */
    MTA_FORWARDS = 1 << 5,
    /* What takes mail from other hosts and what takes it from users are applications of their own besides
       (tally_part). */
    MTA_HAS_PARTS = 1 << 6,
    /* The members active, waits and held of mta_attempt are told. */
    MTA_ATTEMPTS_HAVE_STATES = 1 << 7
};

struct config;
struct err_list;
struct mta {
    const char *name; /* "postfix": the FORMAT of --read and the name of its configuration group */
    const char *summary;  /* for --help */
    const char *master;   /* names of its master process, with blanks between them */
    const char *pid_file; /* of that process, below queue_directory if it is no absolute path */
    /* the master's children; ends with a NULL name; may be NULL */
    const struct mta_process *processes;
    const char *account;  /* that its daemons run as: their outbound sockets belong to it */
    const char *listener; /* group of its listeners, where the configuration names none */
    unsigned flags;       /* enum mta_flag */
    /* Completes the instances of the configuration and adds those it finds, see detect.h; may be NULL. */
    void (*detect)(struct config *c, const char *path, struct err_list *notes);
    /* One whole line without its newline -> *e. The context carries dates from line to line. */
    void (*parse)(struct syslog_context *c, struct slice line, struct event *e);
    const struct mta_queue *queues; /* at most MTA_QUEUES_MAX, ends with a NULL name */
    /* Of queues whose names the administrator chooses: the last part of their directories, "NAME/input". Each
       is like the first of `queues`. NULL: there are none. */
    const char *named_queues;
    const struct mta_service *services; /* ends with a NULL daemon */
    /* The file of statistics that it keeps: how many associations it took since the file is there. NULL:
       it keeps none, or its log tells. */
    bool (*statistics)(struct slice content, uint64_t *inbound);
    /* Instead of queue_name, which then is for ids in logs: is this, below queue_directory, a file of a
       message? `queues` are no directories then; queue_file is given the control file, or the body. */
    bool (*spool_file)(struct slice path, struct mta_spool_file *f);
    /* Is this the name of a queued message's file? Then *id is its queue id and *arrival_s its arrival
       in seconds since the epoch if the name tells, else 0. */
    bool (*queue_name)(struct slice name, struct queue_id *id, int64_t *arrival_s);
    /* The name of its file; NULL: the id as text. */
    void (*queue_file_name)(struct queue_id id, char name[MTA_FILE_NAME]);
    /* The first octets of a queued message's file (its envelope and header, at most 64 kB; 256 kB with a
       body_letter). */
    bool (*queue_file)(struct slice content, struct queue_file *f);
    /* The same of a message whose delivery goes on, or was cut off: journal is the file beside it that tells which
       recipients are done with since, of last letter journal_letter. NULL: there is none. */
    bool (*queue_file_journal)(struct slice content, struct slice journal, struct queue_file *f);
    /* Takes the next entry off what its `queue_command` printed; false: there are no more. Times of day in it
       are UTC. NULL: no command tells what its log and queue do not. */
    bool (*attempt)(struct slice *text, int64_t now_s, struct mta_attempt *a);
    /* What its `statistics_command` printed; false: that is something else. NULL: it has no such command. */
    bool (*levels)(struct slice text, struct mta_levels *l);
    /* the file with the body has this last letter in its name; 0: it is the same */
    char body_letter, journal_letter;
};

extern const struct mta mta_exim, mta_opensmtpd, mta_postfix, mta_sendmail, mta_sun;

#endif
