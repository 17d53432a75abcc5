/* Listings of mailbox servers, taken line by line. Pure; slices point into the text. */
#include "../agent/model.h"
#include "access_listing.h"
#include "field.h"

/* Takes a line without its end off the text; false: there is none. */
static bool take_line(struct slice *text, struct slice *line)
{
    if (!text->n)
        return false;
    *line = slice_head(*text, slice_find(*text, '\n'));
    *text = slice_skip(*text, line->n + 1);
    if (slice_ends(*line, SLICE("\r")))
        line->n--;
    return true;
}

static struct slice next_field(struct slice *line)
{
    struct slice f = slice_head(*line, slice_find(*line, '\t'));
    *line = slice_skip(*line, f.n + 1);
    return f;
}

static uint32_t number_of(struct slice s)
{
    uint64_t v;
    return slice_number(&s, &v) && v <= UINT32_MAX ? (uint32_t)v : 0;
}

static enum access_protocol protocol_of(struct slice s)
{
    static const struct {
        struct slice prefix;
        enum access_protocol protocol;
    } names[] = {{TEXT("imap"), ACCESS_IMAP},
                 {TEXT("pop3"), ACCESS_POP3},
                 {TEXT("lmtp"), ACCESS_LMTP},
                 {TEXT("managesieve"), ACCESS_MANAGESIEVE},
                 {TEXT("sieve"), ACCESS_MANAGESIEVE},
                 {TEXT("timsieved"), ACCESS_MANAGESIEVE},
                 {TEXT("submission"), ACCESS_SUBMISSION},
                 {TEXT("http"), ACCESS_HTTP}};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (slice_starts(s, names[i].prefix))
            return names[i].protocol;
    return ACCESS_NONE;
}

static void name_columns(struct slice head, struct access_columns *c)
{
    for (int i = 1; head.n; i++) {
        struct slice f = next_field(&head);
        if (slice_eq(f, SLICE("username")))
            c->user = i;
        else if (slice_eq(f, SLICE("proto")) || slice_eq(f, SLICE("service")))
            c->protocol = i;
        else if (slice_eq(f, SLICE("pid")))
            c->process = i;
        else if (slice_eq(f, SLICE("ip")))
            c->remote = i;
    }
    c->known = true;
}

bool access_who(struct slice *text, struct access_columns *c, struct access_listed *l)
{
    struct slice line;
    *l = (struct access_listed){.protocol = ACCESS_NONE};
    if (!take_line(text, &line))
        return false;
    if (!c->known) {
        name_columns(line, c);
        return true;
    }
    for (int i = 1; line.n; i++) {
        struct slice f = next_field(&line);
        if (i == c->user)
            l->user = f;
        else if (i == c->protocol)
            l->protocol = protocol_of(f);
        else if (i == c->process)
            l->process = number_of(f);
        else if (i == c->remote)
            l->remote = f;
    }
    if (!l->user.n)
        l->protocol = ACCESS_NONE;
    return true;
}

bool access_proc(struct slice text, struct access_listed *l)
{
    struct slice line;
    *l = (struct access_listed){.protocol = ACCESS_NONE};
    if (!take_line(&text, &line))
        return false;
    l->protocol = protocol_of(next_field(&line));
    struct slice host = next_field(&line);
    size_t open_ = slice_find(host, '[');
    if (open_ < host.n) {
        host = slice_skip(host, open_ + 1);
        host = slice_head(host, slice_find(host, ']'));
    }
    l->remote = host;
    l->user = next_field(&line);
    return l->protocol != ACCESS_NONE && l->user.n;
}

/* Sets a pair if it is fuller than what is known. */
static void take_fuller(uint64_t *used, uint64_t *limit, uint64_t new_used, uint64_t new_limit)
{
    bool known = *used != MODEL_ABSENT, limited = *limit != MODEL_ABSENT && *limit;
    bool new_limited = new_limit != MODEL_ABSENT && new_limit;
    if (known && limited &&
        (!new_limited || (double)new_used / (double)new_limit <= (double)*used / (double)*limit))
        return;
    *used = new_used;
    *limit = new_limit;
}

/* A line of the owner whose lines these are, or of the first one. */
static void take_usage(struct access_usage *u, struct slice owner, struct slice type, uint64_t used,
                       uint64_t limit)
{
    if (u->owner.p && !slice_eq(u->owner, owner))
        return;
    if (slice_eq(type, SLICE("STORAGE")))
        take_fuller(&u->used_kb, &u->quota_kb, used, limit);
    else if (slice_eq(type, SLICE("MESSAGE")))
        take_fuller(&u->messages, &u->message_quota, used, limit);
}

static bool dovecot_line(struct slice line, struct slice *owner, struct access_usage *u)
{
    uint64_t used, limit = MODEL_ABSENT;
    *owner = next_field(&line);
    next_field(&line);
    struct slice type = next_field(&line), value = next_field(&line), most = next_field(&line);
    if (!owner->n || !slice_number(&value, &used))
        return false;
    slice_number(&most, &limit);
    take_usage(u, *owner, type, used, limit);
    return true;
}

static void clear(struct access_usage *u)
{
    *u = (struct access_usage){.used_kb = MODEL_ABSENT,
                               .quota_kb = MODEL_ABSENT,
                               .messages = MODEL_ABSENT,
                               .message_quota = MODEL_ABSENT};
}

/* Lines of one owner stand together. */
static bool take_owner(struct slice *text, struct access_usage *u,
                       bool (*parse)(struct slice, struct slice *, struct access_usage *))
{
    clear(u);
    while (text->n) {
        struct slice before = *text, line, owner;
        take_line(text, &line);
        if (!parse(line, &owner, u))
            continue;
        if (!u->owner.p) {
            u->owner = owner;
        } else if (!slice_eq(u->owner, owner)) {
            *text = before;
            return true;
        }
    }
    return u->owner.p != NULL;
}

bool access_quota_dovecot(struct slice *text, struct access_usage *u)
{
    return take_owner(text, u, dovecot_line);
}

/* "   10240      12     1234 STORAGE user.bob"; without a limit the first two columns are blank. */
static bool cyrus_line(struct slice line, struct slice *owner, struct access_usage *u)
{
    uint64_t numbers[3];
    unsigned n = 0;
    struct slice rest = line, word = slice_take_word(&rest);
    for (; n < 3 && word.n && slice_number(&word, &numbers[n]) && word.n == 0; n++)
        word = slice_take_word(&rest);
    struct slice type = word;
    *owner = slice_trim(rest);
    if ((n != 1 && n != 3) || !owner->n)
        return false;
    uint64_t used = numbers[n - 1], limit = n == 3 ? numbers[0] : MODEL_ABSENT;
    take_usage(u, *owner, type, used, limit);
    return true;
}

bool access_quota_cyrus(struct slice *text, struct access_usage *u)
{
    return take_owner(text, u, cyrus_line);
}
