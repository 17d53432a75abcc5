/*
 * What dialog.c and dialog_protocols.c share: the shape of a protocol's rows and the grammars of
 * answers.
 */
#ifndef DIALOG_ROWS_H
#define DIALOG_ROWS_H

#include "dialog.h"

/* What is wanted and what was heard: a row is played if all of `when` and none of `unless` hold. */
enum dialog_bit {
    WANTS_STARTTLS = 1 << 0,
    WANTS_LOGIN = 1 << 1,
    WANTS_MAIL = 1 << 2,
    WANTS_RCPT = 1 << 3,
    WANTS_MESSAGE = 1 << 4,
    WANTS_MAILBOX = 1 << 5,
    WANTS_SEARCH = 1 << 6,
    WANTS_RETRIEVE = 1 << 7,
    WANTS_REMOVE = 1 << 8,
    WANTS_EXPECT = 1 << 9,
    HEARD_PLAIN = 1 << 10,     /* AUTH=PLAIN, AUTH PLAIN, SASL PLAIN */
    HEARD_LOGIN = 1 << 11,     /* AUTH LOGIN */
    HEARD_LOGIN_OFF = 1 << 12, /* LOGINDISABLED */
    HEARD_UIDPLUS = 1 << 13,
    HEARD_PREAUTH = 1 << 14,
    HEARD_REFUSAL = 1 << 15, /* a row with ROW_OPTIONAL was refused */
    HEARD_MESSAGE = 1 << 16, /* POP3: there is one to look at */
    HEARD_FOUND = 1 << 17    /* the message looked at, or one of them, is ours */
};

enum dialog_row_flag {
    ROW_OPTIONAL = 1 << 0, /* refused: HEARD_REFUSAL, and on; granted: that bit goes */
    ROW_SECURE = 1 << 1,   /* granted: TLS begins */
    ROW_BODY = 1 << 2,     /* POP3: what is granted ends with a line "." */
    ROW_LARGE = 1 << 3,    /* a message comes: the answer may be long */
    ROW_SEARCH = 1 << 4,   /* the header field is looked for in what comes */
    ROW_REFUSE = 1 << 5,   /* says nothing: `send` is what is wrong */
    ROW_NEXT = 1 << 6,     /* says nothing: POP3, the message before; back to the row of `back` */
    ROW_CAPABILITIES = 1 << 7, /* what comes says what the server can do: what was known is void */
    ROW_LEAVE = 1 << 8         /* the last row: the leave */
};

/*
 * One step. In `send`, %h helo, %E EHLO or LHLO, %T IMAP tag, %u user, %p password, %q and %w these
 * two as IMAP quoted strings, %P base64 of NUL user NUL password, %U %W base64 of each, %B base64 of
 * user:password, %m mailbox quoted, %s sender, %r recipient, %M the message dot-stuffed, %H %V search
 * header and value (quoted), %n the message, %N all that were found, %o HTTP host, %a path, %v
 * version. NULL: nothing is said, the server speaks first.
 */
struct dialog_row {
    enum dialog_step step;
    unsigned when, unless;
    const char *send;
    const char *good; /* what an answer begins with that grants it: "250", "+OK", "OK" */
    unsigned flags;
    enum response_status fail; /* of a refusal; 0: RESPONSE_PROTOCOL_ERROR */
    uint8_t back;
};

/* What a line does to an answer. */
enum heard { HEARD_MORE, HEARD_GOOD, HEARD_BAD, HEARD_BUSY, HEARD_GARBAGE };

struct protocol_rows {
    const char *name;
    uint16_t port;
    bool implicit_tls;
    const char *hello;             /* EHLO, LHLO */
    const char *farewell;          /* as the last row says it */
    const struct dialog_row *rows; /* ends with step 0 */
    enum heard (*line)(struct dialog *d, struct slice line);
    bool literals; /* a line that ends in {N} is followed by N octets and goes on */
};

extern const struct protocol_rows dialog_protocols[PROTOCOLS_END];

/* Of dialog_grammar.c: one for each kind of answer. */
enum heard dialog_line_any(struct dialog *d, struct slice line);
enum heard dialog_line_smtp(struct dialog *d, struct slice line);
enum heard dialog_line_pop3(struct dialog *d, struct slice line);
enum heard dialog_line_imap(struct dialog *d, struct slice line);
enum heard dialog_line_http(struct dialog *d, struct slice line);
enum heard dialog_line_sieve(struct dialog *d, struct slice line);

#endif
