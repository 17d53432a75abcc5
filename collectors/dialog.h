/*
 * Line protocols as tables of steps, and the one player of them. Pure: it is given the octets that
 * were heard, names what is to be said next, and ends with a verdict; no socket, no clock, no
 * allocation. A protocol is rows of data in dialog_protocols.c.
 *
 * Use: dialog_start; then as dialog_next says: DIALOG_HEAR: give octets to dialog_hear until it says
 * that the answer is whole; DIALOG_SAY: send what dialog_say writes; DIALOG_SECURE: make the
 * connection a TLS one, then dialog_secured; DIALOG_END: the verdict stands.
 *
 * It always takes its leave (QUIT, LOGOUT) where the server still listens: also after a refusal.
 * RFC 5321 and 4954 (SMTP), 2033 (LMTP), 3207 (STARTTLS), 9051 and 3501 (IMAP), 1939, 2449 and 2595
 * (POP3), 9110 and 9112 (HTTP), 5804 (ManageSieve).
 */
#ifndef DIALOG_H
#define DIALOG_H

#include "../agent/model.h"

/* What is timed; values of mailmonStepIndex. Commands of one step are timed together. */
enum dialog_step {
    STEP_RESOLVE = 1,
    STEP_CONNECT,
    STEP_TLS, /* STARTTLS and the handshake */
    STEP_GREETING,
    STEP_HELO, /* EHLO, LHLO, CAPABILITY, CAPA */
    STEP_LOGIN,
    STEP_MAIL,
    STEP_RCPT,
    STEP_DATA,
    STEP_SENDING, /* the message, until it is accepted */
    STEP_REQUEST, /* HTTP */
    STEP_SELECT,  /* STATUS or SELECT; STAT */
    STEP_SEARCH,
    STEP_RETRIEVE,
    STEP_DELETE,
    STEP_QUIT,
    STEPS
};
/* "resolve", "connect" ... as mailmonStepName shows them; "" for 0. */
extern const char *const dialog_step_names[STEPS];

/*
 * What a dialog is to do beyond greeting and leave. Texts may be NULL; none may hold CR, LF or NUL
 * (dialog_start refuses them) but `message`, whose lines end in CRLF or LF and which is dot-stuffed
 * here.
 */
struct dialog_want {
    const char *helo;   /* name in EHLO; NULL: "mailmond" */
    const char *expect; /* tcp: text that the first line must contain; NULL: nothing is read */
    const char *user;   /* set: log in */
    const char *password;
    const char *mailbox;   /* IMAP: look at it, needs `user`; NULL: none. POP3 always has its one */
    const char *sender;    /* MAIL FROM, "" for <>; NULL: no MAIL */
    const char *recipient; /* RCPT TO; needs `sender` */
    const char *message;   /* DATA; needs `recipient` */
    const char *host;      /* HTTP */
    const char *path;      /* HTTP; NULL: "/" */
    const char *search_header, *search_value; /* find the messages with this header field, as
                                                 "Message-ID", "<x@y>"; needs `mailbox` or POP3 */
    uint32_t search_max;                /* POP3: look at so many of the newest messages; 0: 20 */
    uint8_t starttls, retrieve, remove; /* bool: read the newest one found; delete all found */
};

#define DIALOG_LINE    1024 /* octets of a line that are looked at; the rest of it is skipped */
#define DIALOG_REPLY   255
#define DIALOG_FOUND   256 /* text of the numbers found */
#define DIALOG_UNKNOWN UINT64_MAX

struct protocol_rows;

struct dialog {
    const struct dialog_want *want;
    const struct protocol_rows *protocol;
    const struct dialog_row *row;
    enum response_status verdict; /* 0 until DIALOG_END */
    enum response_status outcome; /* what it will be after the leave */
    enum dialog_step failed;      /* at which it went wrong; 0: nowhere */
    unsigned state;               /* of enum dialog_bit */
    unsigned tag;                 /* IMAP: of the last command */
    uint8_t said, heard;          /* this row's text was given; something was heard at all */
    uint8_t securing;             /* TLS is to begin */
    uint8_t leaving;              /* the last row is played */
    uint8_t in_body, in_header;   /* of the answer; of the header field looked for */
    uint8_t noted;                /* this answer's telling line is in `reply` */
    uint8_t cut;                  /* the line is longer than what was kept of it */
    uint64_t literal, octets;     /* left of a literal; of this answer */
    uint64_t messages, unseen;    /* of the mailbox, or DIALOG_UNKNOWN */
    uint64_t number, low;         /* POP3: the message looked at, and the last to look at */
    uint32_t found;               /* messages found */
    uint32_t newest;              /* the last one of them: number or UID */
    char numbers[DIALOG_FOUND];   /* IMAP: "5,7,12" */
    char reply[DIALOG_REPLY + 1]; /* the last answer before the leave, printable */
    char text[128];               /* what is wrong, in words, with the step; empty: see reply */
    size_t fill;
    char line[DIALOG_LINE];
};

enum dialog_next { DIALOG_HEAR, DIALOG_SAY, DIALOG_SECURE, DIALOG_END };

/* Is it a protocol with rows here? */
bool dialog_knows(enum response_protocol p);
/* The protocol of a name, "smtp", as the configuration and the MIB have it; 0: none. */
enum response_protocol dialog_protocol_named(struct slice name);
/* The port it is commonly at; 0 for tcp. */
uint16_t dialog_port(enum response_protocol p);
/* Does TLS come before the first octet (smtps)? */
bool dialog_implicit_tls(enum response_protocol p);
/* NULL, or what is wrong with a want, in words ("password: must not hold a line end"). */
const char *dialog_unfit(enum response_protocol p, const struct dialog_want *want);

/* `want` must outlive the dialog, and dialog_unfit must find nothing. */
void dialog_start(struct dialog *d, enum response_protocol p, const struct dialog_want *want);
enum dialog_next dialog_next(const struct dialog *d);
/* The step that is going on, for the clock. */
enum dialog_step dialog_step(const struct dialog *d);
/* Writes what is to be said; 0: it does not fit (the verdict is RESPONSE_PROTOCOL_ERROR then). */
size_t dialog_say(struct dialog *d, char *out, size_t room);
/*
 * Takes octets in; returns how many it took. It stops after the octet that makes an answer whole
 * (*whole), since what follows belongs to the next step, or must not come at all (before TLS).
 */
size_t dialog_hear(struct dialog *d, struct slice octets, bool *whole);
/* TLS stands. early: octets had come in the clear behind the answer to STARTTLS. */
void dialog_secured(struct dialog *d, bool early);
/* The server closed. True: that was to be expected, and the verdict stands. */
bool dialog_closed(struct dialog *d);
/*
 * It ends for a reason of the caller's (a deadline, a broken connection): sets verdict and text, the
 * latter with the step before it ("greeting: ...").
 */
void dialog_fail(struct dialog *d, enum response_status v, const char *text);
/* The octets that take leave at any point, for a dialog that failed by its deadline; n 0: none are
   due, since nothing was heard or TLS was about to begin. */
struct slice dialog_farewell(struct dialog *d);

#endif
