/*
 * Warnings of Postfix's programs that say what was refused, or how the mail system is. Pure, see mta_postfix.c.
 */
#include "postfix_daemons.h"
#include "postfix_fields.h"
#include "postfix_queue.h"

static bool refused(struct event *e, uint32_t code, struct slice text)
{
    e->kind = EVENT_REJECT;
    e->code = code; /* what the client is told (smtpd/smtpd.c, global/cleanup_strerror.c) */
    e->text = text;
    return true;
}

/*
 * Behind "warning: ": what is refused without a "reject:". "Connection rate limit exceeded: 61 from host[ip] for
 * service smtp" and the like.
 */
static bool limit_exceeded(struct slice s, struct event *e)
{
    static const struct {
        struct slice start;
        enum event_kind kind;
        unsigned flags;
        uint32_t code;
    } limits[] = {
        {TEXT("Connection "), EVENT_CONNECTION_REJECT, EVENT_COUNTED, 4007000},
        {TEXT("New TLS session rate "), EVENT_CONNECTION_REJECT, EVENT_COUNTED, 4007000},
        {TEXT("Message delivery request rate "), EVENT_REJECT, 0, 4007001},
        {TEXT("Recipient address rate "), EVENT_REJECT, EVENT_RECIPIENT, 4007001},
        {TEXT("AUTH command rate "), EVENT_AUTH_FAIL, 0, 0},
    };
    struct slice words = slice_head(s, slice_search(s, SLICE(" exceeded: ")) + 9);
    s = slice_skip(s, words.n);
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        if (!slice_starts(words, limits[i].start))
            continue;
        if (!postfix_take_peer(&s, e))
            return false;
        e->kind = limits[i].kind;
        e->flags |= limits[i].flags;
        e->code = limits[i].code;
        e->text = words;
        return true;
    }
    return false;
}

/*
 * Behind "warning: ": a connection to a service in TLS is dropped, and nothing is told to the client (smtpd/smtpd.c).
 */
static bool connection_dropped(struct slice s, struct event *e)
{
    struct slice words = slice_head(s, slice_search(s, SLICE(" from ")));
    s = slice_skip(s, words.n);
    if (!slice_eq(words, SLICE("Wrapper-mode request dropped")) &&
        !slice_eq(words, SLICE("Refusing TLS service request")))
        return false;
    if (!postfix_take_peer(&s, e))
        return false;
    e->kind = EVENT_CONNECTION_REJECT;
    e->flags |= EVENT_COUNTED;
    e->text = words;
    return true;
}

/* Behind the words "Illegal address syntax": " from host[ip] in RCPT command: ..." */
static bool illegal_address(struct slice s, struct event *e, struct slice words)
{
    if (!postfix_take_peer(&s, e))
        return false;
    s = slice_skip(s, slice_find(s, ' '));
    bool recipient = STARTS(s, " in RCPT command: ");
    if (!recipient && !STARTS(s, " in MAIL command: "))
        return false;
    e->flags |= recipient ? EVENT_RECIPIENT : 0;
    return refused(e, recipient ? 5001003 : 5001007, words);
}

/* Behind "warning: "; false if it is of no interest. */
static bool connection_warning(struct slice s, struct event *e)
{
    struct slice host = slice_head(s, slice_find(s, ' ')), text = s;
    if (TAKE(text, "Illegal address syntax"))
        return illegal_address(text, e, slice_head(s, s.n - text.n));
    if (limit_exceeded(s, e) || connection_dropped(s, e))
        return true;
    /* host[ip]: SASL LOGIN authentication failed: why */
    s = slice_skip(s, host.n + 1);
    if (!STARTS(s, "SASL ") || !HAS(s, " authentication failed") || !postfix_take_peer(&host, e))
        return false;
    e->kind = EVENT_AUTH_FAIL;
    e->text = s;
    return true;
}

/* Takes the queue id, or NOQUEUE, in front of a warning. */
static void take_warning_id(struct slice *s, struct event *e)
{
    size_t id = postfix_id_length(*s);
    if (id && STARTS(slice_skip(*s, id), ": ")) {
        e->id = slice_head(*s, id);
        *s = slice_skip(*s, id + 2);
    } else {
        TAKE(*s, "NOQUEUE: ");
    }
}

bool postfix_smtpd_warning(struct slice s, struct event *e)
{
    take_warning_id(&s, e);
    if (slice_eq(s, SLICE("queue file size limit exceeded")))
        return refused(e, 5003004, s);
    if (!TAKE(s, "BDAT request from "))
        return connection_warning(s, e);
    if (!postfix_take_peer(&s, e) || !slice_ends(s, SLICE(" exceeds message size limit")))
        return false;
    return refused(e, 5003004, slice_skip(s, slice_find(s, ' ') + 1));
}

/* "virtual_alias_maps map lookup problem for a@b -- message not accepted, try again later", warned of or not. */
bool postfix_not_accepted(struct slice s, struct event *e)
{
    size_t dash = slice_search(s, SLICE(" -- message not accepted, try again later"));
    return dash < s.n && refused(e, 4003000, slice_skip(s, dash + 4));
}

bool postfix_cleanup_warning(struct slice s, struct event *e)
{
    take_warning_id(&s, e);
    if (!e->id.n)
        return false;
    if (slice_eq(s, SLICE("message rejected: hopcount exceeded"))) {
        e->flags |= EVENT_LOOP;
        return refused(e, 5004000, s);
    }
    if (STARTS(s, "message rejected: ") || STARTS(s, "write queue file: "))
        return refused(e, 4003000, s);
    return postfix_not_accepted(s, e);
}

bool postfix_master_warning(struct slice s, struct event *e)
{
    if (!STARTS(s, "service \"") || !HAS(s, " has reached its process limit "))
        return false;
    e->kind = EVENT_CONGESTED;
    e->text = s;
    return true;
}

bool postfix_script_warning(struct slice s, struct event *e)
{
    if (!STARTS(s, "mail system startup failed"))
        return false;
    e->kind = EVENT_STOPPED;
    return true;
}

bool postfix_nameless_warning(struct slice s, struct event *e)
{
    if (connection_warning(s, e))
        e->service = SLICE("smtpd");
    else if (postfix_cleanup_warning(s, e))
        e->service = SLICE("cleanup");
    else if (postfix_master_warning(s, e))
        e->service = SLICE("master");
    else
        return false;
    return true;
}
