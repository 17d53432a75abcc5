/*
 * One entry of the message and connection logs of Sun Java System / Oracle Communications Messaging
 * Server: mail.log_current, connection.log_current and what becomes of them. An entry is one line for each message,
 * recipient and channel, in one of five formats (MTA option LOG_FORMAT): 1 text, 2 text without empty
 * addresses, 3 text with counted fields, 4 XML, 5 JSON. Which fields it has depends on the LOG_* options of
 * the instance's option.dat; without that file it is inferred from the shape of each field.
 * Source: "Understanding the MTA Log Entry Format" of the Administration Guide.
 *
 * Pure: no I/O, no allocation; the time zone is the process's. Slices point into the line.
 */
#ifndef SUN_RECORD_H
#define SUN_RECORD_H

#include "escape.h"
#include "syslog.h"

enum sun_field {
    SUN_NODE = 1 << 0,
    SUN_PROCESS = 1 << 1,
    SUN_NOTARY = 1 << 2,
    SUN_FILENAME = 1 << 3,
    SUN_ENVELOPE_ID = 1 << 4,
    SUN_MESSAGE_ID = 1 << 5,
    SUN_USERNAME = 1 << 6,
    SUN_CONNECTION = 1 << 7, /* bit 0 of LOG_CONNECTION */
    SUN_SENSITIVITY = 1 << 8,
    SUN_PRIORITY = 1 << 9,
    SUN_INTERMEDIATE = 1 << 10,
    SUN_FILTER = 1 << 11,
    SUN_REASON = 1 << 12,
    SUN_REMOTE_MTA = 1 << 13,
    SUN_QUEUE_TIME = 1 << 14
};

#define SUN_BLOCK_SIZE 1024 /* octets; MTA option BLOCK_SIZE */

/* What option.dat says of the log. */
struct sun_options {
    unsigned fields;     /* enum sun_field */
    uint32_t format;     /* LOG_FORMAT */
    uint32_t block_size; /* octets */
    int32_t syslog;      /* LOG_MESSAGES_SYSLOG: not 0, entries go to syslog; < 0: only there */
    bool other;          /* an option is set that may add a field nobody here knows of */
};

/* Do the options tell which fields a text entry has? Else it is inferred. */
static inline bool sun_options_tell(const struct sun_options *o)
{
    return o && o->format <= 3 && !o->other;
}

/* Reads the text of option.dat ("LOG_FILENAME=1", '!' begins a comment). What it does not name has its default. */
void sun_options_parse(struct slice text, struct sun_options *o);

enum sun_modifier {
    SUN_SASL = 1 << 0,     /* A */
    SUN_CHUNKING = 1 << 1, /* C */
    SUN_ESMTP = 1 << 2,    /* E */
    SUN_LMTP = 1 << 3,     /* L */
    SUN_TLS = 1 << 4       /* S */
};

struct sun_record {
    int64_t time_ms;
    char code;      /* 'E', 'D', 'Q' ...; 0 in a header entry */
    char direction; /* of a connection: '+' inbound, '-' outbound; 0: an entry about a message */
    bool quoted;    /* there is a quote or a backslash in it */
    bool counted;   /* LOG_FORMAT 3 */
    enum escape escape; /* LOG_FORMAT 4 and above: how all texts are escaped */
    bool has_queue_time;
    bool named;         /* file_id and attempts are those of `file` */
    unsigned modifiers; /* enum sun_modifier */
    struct queue_id file_id;
    unsigned attempts;
    uint32_t notary; /* LOG_NOTARY */
    uint64_t blocks; /* size */
    uint64_t queue_time_ms;
    struct slice node, process, source, destination;
    struct slice from, original, to; /* without "rfc822;"; from is empty for a notification */
    struct slice file, envelope_id;
    struct slice message_id, original_message_id; /* without their <> */
    struct slice rest; /* of a text entry behind the message id: sun_record_details */
    struct slice username, connection, sensitivity, priority, intermediate, filter, reason;
    struct slice diagnostic, remote_mta;
    struct slice transport, application; /* "TCP|192.0.2.1|25|192.0.2.9|1244", "SMTP/host/host" */
};

void sun_record_clear(struct sun_record *r);
/*
 * Parses a line up to the message id. false: it is no entry of these logs. o: of its instance, or NULL:
 * infer the fields. Of the context the stamp parsed last is used.
 */
bool sun_record_parse(struct syslog_context *c, const struct sun_options *o, struct slice line,
                      struct sun_record *r);
/* The same for an entry without its time, as syslog has it, into a record that was cleared. */
bool sun_record_parse_body(const struct sun_options *o, struct slice body, struct sun_record *r);
/* Fills what is behind the message id, from username on; in XML and JSON it is there already. */
void sun_record_details(const struct sun_options *o, struct sun_record *r);

/* The remote IP address of a transport, or of the connection information; empty: none is told. */
struct slice sun_record_peer(const struct sun_record *r);
/* What the other side, or this MTA, answered: the diagnostic behind "smtp;", else the reason. */
struct slice sun_record_reply(const struct sun_record *r);

/*
 * The name of a queue file: two characters that count the delivery attempts down in base 36 ("ZZ": none, "ZY": one),
 * a unique part, and an extension of two characters or "HELD". *id is made of the unique part and the
 * extension ("HELD" counts as "00", which it is again after a release), so that it stays when the
 * attempts change. false: it is no such name.
 */
bool sun_queue_name(struct slice name, struct queue_id *id, unsigned *attempts, bool *held);
/* An id that no file has, for a text: a message id, say. */
struct queue_id sun_hash_id(struct slice text, uint64_t seed);

#endif
