/*
 * What stands behind the message id of a text entry: who, from where, and how it ended. Only entries
 * that are not plain successes need it. See sun_record.c.
 */
#include <ctype.h>

#include "sun_record_internal.h"

/* "(...)" with what is nested in it, off the front. */
static bool take_parentheses(struct slice *s, struct slice *inside)
{
    if (!s->n || *s->p != '(')
        return false;
    unsigned depth = 0;
    for (size_t i = 0; i < s->n; i++) {
        depth += s->p[i] == '(';
        depth -= s->p[i] == ')';
        if (depth)
            continue;
        *inside = (struct slice){s->p + 1, i - 1};
        *s = slice_skip(*s, i + 1);
        return true;
    }
    return false;
}

static struct slice take_word(struct slice *s)
{
    size_t end = slice_find(*s, ' ');
    struct slice word = slice_head(*s, end);
    *s = slice_skip(*s, end + 1);
    return word;
}

static bool take_counted(struct slice *s, struct slice *field)
{
    uint64_t n;
    struct slice t = *s;
    if (!slice_number(&t, &n) || !slice_take(&t, SLICE(":")) || n > t.n)
        return false;
    *field = slice_head(t, n);
    *s = slice_skip(t, n + 1);
    return true;
}

/* "client.example.org (dns.example.org [192.0.2.9])" or a host alone. */
static struct slice take_system(struct slice *s)
{
    struct slice t = *s, inside, before = *s;
    take_word(&t);
    if (take_parentheses(&t, &inside) && inside.n && inside.p[inside.n - 1] == ']') {
        struct slice whole = {s->p, (size_t)(t.p - s->p)};
        *s = slice_skip(t, 1);
        return whole;
    }
    *s = before;
    return take_word(s);
}

static struct slice take_filter(struct slice *s)
{
    if (s->n && *s->p == '\'') {
        struct slice t = slice_skip(*s, 1);
        size_t end = slice_find(t, '\'');
        if (end < t.n) {
            *s = slice_skip(t, end + 2);
            return slice_head(t, end);
        }
    }
    return take_word(s);
}

/* Takes the last word off the end. */
static struct slice take_last(struct slice *s)
{
    while (s->n && s->p[s->n - 1] == ' ')
        s->n--;
    const char *space = s->n ? memrchr(s->p, ' ', s->n) : NULL;
    size_t at = space ? (size_t)(space + 1 - s->p) : 0;
    struct slice word = slice_skip(*s, at);
    s->n = space ? at - 1 : 0;
    return word;
}

static void set_queue_time(struct sun_record *r, struct slice word)
{
    uint64_t seconds;
    if (!slice_number(&word, &seconds) || seconds > UINT32_MAX)
        return;
    r->has_queue_time = true;
    r->queue_time_ms = seconds * 1000;
}

/* A reason has no end of its own: what follows begins with the other side's name, or its reply. */
static void split_reason(struct sun_record *r)
{
    struct slice s = r->diagnostic;
    size_t host = slice_starts(s, SLICE("dns;")) ? 0 : slice_search(s, SLICE(" dns;"));
    size_t reply = slice_search(s, SLICE("smtp;")), at = host < reply ? host : reply;
    r->reason = slice_head(s, at);
    while (r->reason.n && r->reason.p[r->reason.n - 1] == ' ')
        r->reason.n--;
    r->diagnostic = slice_trim(slice_skip(s, at));
}

static void known_details(unsigned fields, struct slice s, struct sun_record *r)
{
    bool dequeue =
        r->code == 'D' || r->code == 'Q' || r->code == 'R' || r->code == 'K' || r->code == 'Z';
    if (fields & SUN_USERNAME)
        r->username = take_word(&s);
    if (fields & SUN_CONNECTION)
        r->connection = take_system(&s);
    if (fields & SUN_SENSITIVITY)
        r->sensitivity = take_word(&s);
    if (fields & SUN_PRIORITY)
        r->priority = take_word(&s);
    if (fields & SUN_INTERMEDIATE)
        r->intermediate = take_word(&s);
    if (fields & SUN_FILTER)
        r->filter = take_filter(&s);
    if (fields & SUN_QUEUE_TIME && dequeue)
        set_queue_time(r, take_last(&s));
    if (fields & SUN_REMOTE_MTA && dequeue)
        r->remote_mta = take_last(&s);
    r->diagnostic = slice_trim(s);
    if (fields & SUN_REASON && (r->code == 'R' || r->code == 'K'))
        split_reason(r);
}

static void counted_details(unsigned fields, struct slice s, struct sun_record *r)
{
    struct {
        unsigned field;
        struct slice *to;
    } all[] = {
        {SUN_USERNAME, &r->username},
        {SUN_CONNECTION, &r->connection},
        {SUN_SENSITIVITY, &r->sensitivity},
        {SUN_PRIORITY, &r->priority},
        {SUN_INTERMEDIATE, &r->intermediate},
        {SUN_FILTER, &r->filter},
        {SUN_REASON, &r->reason},
        {0, &r->diagnostic},
        {SUN_REMOTE_MTA, &r->remote_mta},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (!all[i].field || fields & all[i].field)
            if (!take_counted(&s, all[i].to))
                *all[i].to = take_word(&s);
    if (fields & SUN_QUEUE_TIME)
        set_queue_time(r, take_word(&s));
}

/* Words before the first parenthesis. */
static unsigned words_before(struct slice s, char end)
{
    unsigned n = 0;
    bool in_word = false;
    for (size_t i = 0; i < s.n && s.p[i] != end; i++) {
        n += s.p[i] != ' ' && !in_word;
        in_word = s.p[i] != ' ';
    }
    return n;
}

/* The host that a delivery went to is part of the diagnostic: "dns;host (TCP|...) (banner) smtp;..." */
static bool is_diagnostic(struct slice s)
{
    return slice_starts(s, SLICE("dns;")) || slice_starts(s, SLICE("smtp;"));
}

static bool is_login(struct slice word)
{
    for (size_t i = 0; i < word.n; i++)
        if (!isalnum((unsigned char)word.p[i]) && !memchr("._-", word.p[i], 3))
            return false;
    return word.n > 0;
}

static void inferred_details(struct slice s, struct sun_record *r)
{
    s = slice_trim(s);
    if (s.n && *s.p == '*')
        r->username = take_word(&s);
    s = slice_trim(s);
    if (r->counted) {
        struct slice *const fields[] = {&r->username, &r->connection, &r->diagnostic};
        struct slice field;
        unsigned first = r->username.n ? 1 : 0;
        for (unsigned i = first; i < 3 && take_counted(&s, &field); i++)
            *(is_diagnostic(field) ? &r->diagnostic : fields[i]) = field;
        return;
    }
    size_t open = slice_find(s, '(');
    if (open < s.n && !is_diagnostic(s)) {
        struct slice t = slice_skip(s, open), inside;
        unsigned words = words_before(s, '(');
        if (words <= 2 && take_parentheses(&t, &inside) && inside.n &&
            inside.p[inside.n - 1] == ']') {
            if (words == 2)
                r->username = take_word(&s);
            r->connection = take_system(&s);
        }
    }
    if (!r->connection.n) { /* "user dns;..." and "host dns;..." look alike: neither is needed */
        struct slice t = s, word = take_word(&t);
        if (!is_diagnostic(s) && (is_diagnostic(t) || (!t.n && r->code == 'E')))
            *(r->username.n || !t.n ? &r->connection : &r->username) = word, s = t;
    }
    if (!r->username.n &&
        !is_diagnostic(s)) { /* "mailsrv  Too many failures": no system between them */
        struct slice t = s, word = take_word(&t);
        if (is_login(word) && t.n && *t.p == ' ')
            r->username = word, s = t;
    }
    r->diagnostic = slice_trim(s);
}

/* Of a connection: a user's name may precede the words. */
static void connection_details(struct sun_record *r)
{
    struct slice s = slice_trim(r->rest);
    if (r->code == 'U' && s.n && !slice_digit(*s.p) && words_before(s, '\0') > 1) {
        struct slice t = s, word = take_word(&t);
        if (t.n && slice_digit(*t.p)) { /* "adam 235 2.7.0 ..." */
            r->username = word;
            s = t;
        }
    }
    r->diagnostic = s;
}

void sun_record_details(const struct sun_options *o, struct sun_record *r)
{
    if (!r->rest.p)
        return;
    if (r->direction)
        connection_details(r);
    else if (!sun_options_tell(o))
        inferred_details(r->rest, r);
    else if (r->counted)
        counted_details(o->fields, r->rest, r);
    else
        known_details(o->fields, r->rest, r);
    r->rest = (struct slice){NULL, 0};
}

/* The fourth part of "TCP|192.0.2.10|25|192.0.2.9|1244". */
static struct slice transport_peer(struct slice t)
{
    for (unsigned i = 0; i < 3; i++)
        if (!slice_cut(&t, '|').p)
            return (struct slice){NULL, 0};
    return slice_head(t, slice_find(t, '|'));
}

/* "host (dns [192.0.2.9])": what is in the last brackets. */
static struct slice system_peer(struct slice s)
{
    const char *open = s.n ? memrchr(s.p, '[', s.n) : NULL;
    if (!open)
        return (struct slice){NULL, 0};
    s = slice_skip(s, (size_t)(open + 1 - s.p));
    return slice_head(s, slice_find(s, ']'));
}

struct slice sun_record_peer(const struct sun_record *r)
{
    if (r->transport.n)
        return transport_peer(r->transport);
    return system_peer(r->connection);
}

struct slice sun_record_reply(const struct sun_record *r)
{
    struct slice s = r->diagnostic, inside;
    if (!s.n)
        s = r->reason.n ? r->reason : slice_head(r->source, 0);
    if (slice_starts(s, SLICE("dns;"))) { /* the host, its connection and its banner */
        take_word(&s);
        for (s = slice_trim(s); take_parentheses(&s, &inside); s = slice_trim(s))
            ;
    }
    if (slice_take(&s, SLICE("smtp;")))
        return slice_trim(s);
    s = slice_trim(s);
    return s.n || !r->reason.n ? s : r->reason;
}
