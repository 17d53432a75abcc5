/* The head of a log line: time, program, process. Owns nothing; the context belongs to the caller. */
#include "../agent/host_name.h"
#include "field.h"
#include "syslog_time.h"

#define MARK "\xEF\xBB\xBF" /* of UTF-8 */

/* Takes "[pid]" off the end of a tag; 0 and the tag as it is when it has none. */
static uint32_t take_pid(struct slice *tag)
{
    if (tag->n < 3 || tag->p[tag->n - 1] != ']')
        return 0;
    const char *p = tag->p + tag->n - 2;
    uint64_t pid = 0, unit = 1;
    for (; p > tag->p && slice_digit(*p) && unit < UINT64_C(1000000000000); unit *= 10)
        pid += (uint64_t)(*p-- - '0') * unit;
    if (unit == 1 || *p != '[')
        return 0;
    tag->n = (size_t)(p - tag->p);
    return pid > UINT32_MAX ? 0 : (uint32_t)pid;
}

/*
 * Takes off a text behind its tag what is not the program's: Solaris' "[ID 197553 mail.info] ", blanks, and rsyslog's
 * "message repeated 3 times: [ text]" ($RepeatedMsgReduction), which sets e->repeats.
 */
static void strip_text(struct event *e, struct slice *text)
{
    struct slice s = slice_trim(*text);
    uint64_t times;
    struct slice id = s;
    if (slice_take(&id, SLICE("[ID ")) && slice_number(&id, &times) &&
        slice_take(&id, SLICE(" ")) && slice_cut(&id, ']').p && slice_take(&id, SLICE(" ")))
        s = id;
    struct slice inner = s;
    if (slice_take(&inner, SLICE("message repeated ")) && slice_number(&inner, &times) &&
        slice_take(&inner, SLICE(" times: ["))) {
        s = slice_trim(inner);
        s.n -= s.n && s.p[s.n - 1] == ']';
        e->repeats = (uint32_t)((times < 2                  ? 1
                                 : times > SYSLOG_TIMES_MAX ? SYSLOG_TIMES_MAX
                                                            : times) -
                                1);
    }
    *text = s;
}

/* Takes off the text what strip_text does, where it begins so. */
static inline void plain_text(struct event *e, struct slice *text)
{
    if (text->n && ((*text->p == ' ') | (*text->p == '[') | (*text->p == 'm')))
        strip_text(e, text);
}

/* Octets of the decimal number before p, at most 7, *word being the octets before p; 0: it is none, or longer. */
static inline unsigned digits_before(const char *p, uint64_t *word)
{
    *word = slice_word(p - 8);
    uint64_t other = slice_no_digits(*word);
    return other ? (unsigned)__builtin_clzll(other) / 8 : 0;
}

/* "host tag[pid]: text", s being behind a time stamp: what nearly all lines are, found without a loop. */
static inline bool usual_tag(struct syslog_context *c, struct slice s, struct event *e,
                             struct slice *text)
{
    uint64_t blanks = slice_front(s, ' ');
    uint64_t later = blanks & (blanks - 1);
    if (!later)
        return false;
    size_t host = (unsigned)__builtin_ctzll(blanks), end = (unsigned)__builtin_ctzll(later);
    const char *tag = s.p + host + 1, *bracket = s.p + end - 2;
    uint64_t word;
    if (host == 0 || tag[-2] == ':' || bracket <= tag || bracket[0] != ']' || bracket[1] != ':')
        return false;
    unsigned digits = digits_before(bracket, &word);
    const char *open_ = bracket - digits - 1;
    if (digits == 0 || open_ < tag || *open_ != '[')
        return false;
    c->host = (struct slice){s.p, host};
    e->pid = (uint32_t)slice_decimal(word, digits);
    e->tag = (struct slice){tag, (size_t)(open_ - tag)};
    *text = (struct slice){s.p + end + 1, s.n - end - 1};
    plain_text(e, text);
    return true;
}

/*
 * Takes a time stamp in the form of the one before and the blank behind it off *s. The copies let those of the caller
 * stay in registers.
 */
static inline bool usual_iso(struct syslog_context *c, struct slice *s, int64_t *ms)
{
    struct slice rest = *s;
    int64_t at;
    if (c->last[15] != SYSLOG_LAST_ISO || rest.n == 0 || !slice_digit(*rest.p) ||
        !syslog_take_iso(c, &rest, &at) || !TAKE(rest, " "))
        return false;
    *ms = at;
    *s = rest;
    return true;
}

/* "tag[pid]: text" or "tag: text", the first blank at `end`; s is behind a time stamp. */
static bool split_tag(struct slice s, size_t end, struct event *e, struct slice *text)
{
    if (end < 2 || s.p[end - 1] != ':')
        return false;
    *text = slice_skip(s, end + 1);
    e->tag = slice_head(s, end - 1);
    e->pid = take_pid(&e->tag);
    plain_text(e, text);
    return true;
}

struct syslog_tag *syslog_tag(struct syslog_context *c, struct slice tag)
{
    struct slice_key key = slice_key(tag);
    if (tag.n > SLICE_KEY) {
        c->long_tag.known = false;
        return &c->long_tag;
    }
    uint64_t hash = slice_key_hash(&key);
    struct syslog_tag *at = &c->tags[hash % SYSLOG_TAGS];
    if (slice_key_eq(&at->key, &key))
        return at;
    if (at->known) /* another's: there is a second place */
        at = &c->tags[(hash >> 32) % SYSLOG_TAGS];
    if (!slice_key_eq(&at->key, &key))
        *at = (struct syslog_tag){.key = key};
    return at;
}

/* RFC 5424 section 6.3: "-" or [id name="value"...]..., where \ takes the meaning of the next
 * octet. */
static bool skip_structured_data(struct slice *s)
{
    if (TAKE(*s, "-"))
        return true;
    size_t i = 0;
    while (i < s->n && s->p[i] == '[') {
        for (bool quoted = false; i < s->n && (quoted || s->p[i] != ']'); i++) {
            if (quoted && s->p[i] == '\\')
                i++;
            else if (s->p[i] == '"')
                quoted = !quoted;
        }
        i++;
    }
    if (i == 0 || i > s->n)
        return false;
    *s = slice_skip(*s, i);
    return true;
}

/* "host app pid msgid - text", s being behind a time stamp: what nearly all lines of RFC 5424 are, likewise. */
static inline bool usual_5424(struct syslog_context *c, struct slice s, struct event *e,
                              struct slice *text)
{
    size_t ends[5];
    uint64_t blanks = slice_front(s, ' '), word;
    for (unsigned i = 0; i < 5; i++, blanks &= blanks - 1) {
        if (!blanks)
            return false;
        ends[i] = (unsigned)__builtin_ctzll(blanks);
    }
    const char *app = s.p + ends[0] + 1, *behind = s.p + ends[4];
    unsigned digits = digits_before(s.p + ends[2], &word);
    if (ends[0] == 0 || *app == '-' || behind[-1] != '-' || behind[-2] != ' ' || digits == 0 ||
        digits != ends[2] - ends[1] - 1)
        return false;
    c->host = (struct slice){s.p, ends[0]};
    e->tag = (struct slice){app, ends[1] - ends[0] - 1};
    e->pid = (uint32_t)slice_decimal(word, digits);
    *text = (struct slice){behind + 1, s.n - ends[4] - 1};
    TAKE(*text, MARK);
    plain_text(e, text);
    return true;
}

/* RFC 5424 section 6.2 behind "<PRI>1 ": TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA.
 */
static bool head_5424(struct syslog_context *c, struct slice s, struct event *e, struct slice *text)
{
    int64_t ms = c->now_ms;
    uint64_t pid;
    if (!TAKE(s, "-") && !syslog_take_iso(c, &s, &ms))
        return false;
    if (!TAKE(s, " ") || !(c->host = slice_cut(&s, ' ')).p)
        return false;
    struct slice app = slice_cut(&s, ' '), process = slice_cut(&s, ' ');
    if (!app.p || !process.p || !slice_cut(&s, ' ').p || !skip_structured_data(&s))
        return false;
    TAKE(s, " ");
    TAKE(s, MARK);
    e->time_ms = c->now_ms = ms;
    e->tag = slice_eq(app, SLICE("-")) ? slice_head(app, 0) : app;
    if (slice_number(&process, &pid) && process.n == 0 && pid <= UINT32_MAX)
        e->pid = (uint32_t)pid;
    strip_text(e, &s);
    *text = s;
    return true;
}

/* Takes "<22>" off the front of *s; false, and *s as it is: it is not there. */
static bool take_priority(struct slice *s)
{
    uint64_t priority;
    struct slice t = *s;
    if (!TAKE(t, "<") || !slice_number(&t, &priority) || !TAKE(t, ">"))
        return false;
    *s = t;
    return true;
}

bool syslog_stamp(struct syslog_context *c, struct slice *s, struct event *e)
{
    struct slice rest = *s;
    int64_t ms;
    e->pid = 0;
    bool digit = rest.n && slice_digit(*rest.p);
    if (digit ? !syslog_take_iso(c, &rest, &ms) && !syslog_take_local(c, &rest, &ms)
              : !syslog_take_bsd(c, &rest, &ms))
        return false;
    if (!slice_take(&rest, SLICE(" ")))
        return false;
    e->time_ms = c->now_ms = ms;
    *s = rest;
    return true;
}

/* Takes "[1234567" or less off the end of a tag that was cut: 0 if digits may be missing (no pid has more than 7). */
static uint32_t take_cut_pid(struct slice *tag)
{
    size_t open_ = slice_find(*tag, '[');
    struct slice digits = slice_skip(*tag, open_ + 1);
    uint64_t pid = 0;
    if (tag->n != SYSLOG_TAG_CUT || open_ == tag->n)
        return 0;
    bool whole = digits.n == 7 && slice_number(&digits, &pid) && digits.n == 0;
    tag->n = open_;
    return whole ? (uint32_t)pid : 0;
}

/* What is behind the time stamp, in one of the forms that syslog_forms.c knows. */
static bool other_tag(struct syslog_context *c, struct slice s, struct event *e, struct slice *text)
{
    struct slice tag;
    if (!syslog_find_tag(s, &c->host, &tag, text))
        return false;
    e->tag = tag;
    e->pid = take_pid(&e->tag);
    if (!e->pid)
        e->pid = take_cut_pid(&e->tag);
    strip_text(e, text);
    return true;
}

static bool other_head(struct syslog_context *c, struct slice s, struct event *e,
                       struct slice *text)
{
    char stamp[SYSLOG_STAMP_ROOM];
    struct slice usual = {stamp, syslog_usual_stamp(&s, stamp)};
    return syslog_stamp(c, &usual, e) && other_tag(c, s, e, text);
}

/* Takes "<22>" off the front of *s, and RFC 5424's "1 " behind it; was that there? */
static inline bool take_5424(struct slice *s)
{
    struct slice rest = *s;
    if (s->n == 0 || *s->p != '<' || !take_priority(&rest))
        return false;
    bool is = TAKE(rest, "1 ");
    *s = rest;
    return is;
}

/* Any line, usual or not. */
__attribute__((noinline)) static bool any_head(struct syslog_context *c, struct slice line,
                                               struct event *e, struct slice *text)
{
    struct slice s = line;
    e->time_ms = c->now_ms;
    e->tag = (struct slice){line.p, 0};
    e->pid = 0;
    if (take_5424(&s))
        return head_5424(c, s, e, text);
    int64_t ms;
    struct slice rest = s;
    bool digit = s.n && slice_digit(*s.p);
    if (!(digit ? syslog_take_iso(c, &rest, &ms) : syslog_take_bsd(c, &rest, &ms)) ||
        !TAKE(rest, " "))
        return other_head(c, s, e, text);
    size_t first = slice_find(rest, ' ');
    if (first == rest.n)
        return false;
    e->time_ms = c->now_ms = ms;
    c->host = (struct slice){rest.p, first};
    struct slice behind = slice_skip(rest, first + 1);
    if (first && rest.p[first - 1] != ':' && split_tag(behind, slice_find(behind, ' '), e, text))
        return true;
    return other_tag(c, rest, e, text);
}

bool syslog_head(struct syslog_context *c, struct slice line, struct event *e, struct slice *text)
{
    struct slice s = line;
    int64_t ms;
    bool usual;
    if (take_5424(&s))
        usual = usual_iso(c, &s, &ms) && usual_5424(c, s, e, text);
    else
        usual = ((syslog_take_last(c, &s, &ms) && TAKE(s, " ")) || usual_iso(c, &s, &ms)) &&
                usual_tag(c, s, e, text);
    if (!usual)
        return any_head(c, line, e, text);
    e->time_ms = c->now_ms = ms;
    return true;
}

struct slice syslog_host_word(struct syslog_context *c, struct slice line)
{
    struct event e;
    struct slice text;
    bool told = syslog_head(c, line, &e, &text);
    if (!told || !e.tag.n) {
        struct slice inner = syslog_in_front(line);
        told = inner.n ? syslog_head(c, inner, &e, &text) : told;
    }
    return told ? c->host : slice_head(line, 0);
}

struct slice syslog_host(struct slice word)
{
    struct slice host = slice_head(word, slice_find(word, '/'));
    size_t at = slice_find(host, '@');
    host = at < host.n ? slice_skip(host, at + 1) : host;
    bool other = slice_ends(word, SLICE("]")) || syslog_is_priority(word);
    return host_name_good(host) && !other ? host : slice_head(word, 0);
}
