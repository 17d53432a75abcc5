/*
 * Text entries of Sun's MTA log (LOG_FORMAT 1 to 3), from the left: time, node, process, source and
 * destination channel, code, size, addresses, ids. Channels stand in columns of twelve, so that a
 * blank destination leaves a gap. Invariant: addresses and replies are written by strangers, and
 * what stands in one field cannot become another: fields are cut in their order and never searched.
 */
#include "field.h"
#include "sun_record_internal.h"

#include <time.h>

#define HEAD_MAX  4  /* node, process, source, destination */
#define BLANK_GAP 14 /* spaces before the code when there is no destination */

/* ---- Time ---- */

static int digits(const char *p, unsigned n)
{
    int v = 0;
    for (; n; n--, p++) {
        if (!slice_digit(*p))
            return -1;
        v = v * 10 + (*p - '0');
    }
    return v;
}

static inline int two_digits(const char *p)
{
    unsigned tens = (unsigned char)(p[0] - '0'), ones = (unsigned char)(p[1] - '0');
    return tens < 10 && ones < 10 ? (int)(tens * 10 + ones) : -1;
}

static int month_of(const char *p)
{
    static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    for (int i = 0; i < 12; i++)
        if ((p[0] | 32) == names[3 * i] && (p[1] | 32) == names[3 * i + 1] &&
            (p[2] | 32) == names[3 * i + 2])
            return i;
    return -1;
}

/* The start of an hour of local time, or INT64_MIN. */
static int64_t local_hour(int year, int month, int day, int hour)
{
    static const uint8_t days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (year < 1970 || month < 0 || month > 11 || day < 1 || day > days[month] || hour < 0 ||
        hour > 23)
        return INT64_MIN;
    struct tm tm = {.tm_year = year - 1900, .tm_mon = month, .tm_mday = day, .tm_hour = hour};
    tm.tm_isdst = -1;
    return (int64_t)mktime(&tm) * 1000;
}

#define TEXT_HOUR 14 /* "19-Jan-1998 19" */
#define ISO_HOUR  13 /* "2004-12-08T00" */

/* Which form the context's stamp has; syslog.c has its own two. */
enum { STAMP_AT = 15, STAMP_TEXT = 's', STAMP_ISO = 'i' };

static bool set_hour(struct syslog_context *c, const char *p, bool iso)
{
    size_t n = iso ? ISO_HOUR : TEXT_HOUR;
    if (c->last[STAMP_AT] == (iso ? STAMP_ISO : STAMP_TEXT) && slice_same_words(c->last, p, n))
        return true;
    int64_t ms = INT64_MIN;
    if (iso && p[4] == '-' && p[7] == '-' && p[10] == 'T')
        ms = local_hour(digits(p, 4), digits(p + 5, 2) - 1, digits(p + 8, 2), digits(p + 11, 2));
    else if (!iso && p[2] == '-' && p[6] == '-' && p[11] == ' ')
        ms = local_hour(digits(p + 7, 4), month_of(p + 3),
                        digits(p[0] == ' ' ? p + 1 : p, p[0] == ' ' ? 1 : 2), digits(p + 12, 2));
    if (ms == INT64_MIN)
        return false;
    memcpy(c->last, p, n);
    c->last[STAMP_AT] = iso ? STAMP_ISO : STAMP_TEXT;
    c->last_ms = ms;
    return true;
}

/* "+0100", "-07:00" or "Z" instead of the local zone. */
static void take_zone(struct slice *s, int64_t *time_ms)
{
    bool utc = slice_take(s, SLICE("Z"));
    if (!utc && (s->n < 5 || (*s->p != '+' && *s->p != '-')))
        return;
    size_t colon = !utc && s->n >= 6 && s->p[3] == ':';
    int h = utc ? 0 : digits(s->p + 1, 2), m = utc ? 0 : digits(s->p + 3 + colon, 2);
    if (h < 0 || h > 23 || m < 0 || m > 59)
        return;
    time_t seconds = (time_t)(*time_ms / 1000);
    struct tm tm;
    if (!localtime_r(&seconds, &tm))
        return;
    int64_t zone_s = utc ? 0 : (*s->p == '-' ? -1 : 1) * (h * 3600 + m * 60);
    *time_ms += ((int64_t)tm.tm_gmtoff - zone_s) * 1000;
    if (!utc)
        *s = slice_skip(*s, 5 + colon);
}

bool sun_take_time(struct syslog_context *c, struct slice *s, int64_t *time_ms)
{
    bool iso = s->n > 10 && s->p[10] == 'T';
    size_t hour = iso ? ISO_HOUR : TEXT_HOUR;
    if (s->n < hour + 6 || !set_hour(c, s->p, iso))
        return false;
    const char *p = s->p + hour;
    int minute = two_digits(p + 1), second = two_digits(p + 4), hundredths;
    if (p[0] != ':' || p[3] != ':' || minute < 0 || minute > 59 || second < 0 || second > 60)
        return false;
    *time_ms = c->last_ms + (minute * 60 + second) * INT64_C(1000);
    *s = slice_skip(*s, hour + 6);
    if (s->n >= 3 && s->p[0] == '.' && (hundredths = two_digits(s->p + 1)) >= 0) {
        *time_ms += hundredths * 10;
        *s = slice_skip(*s, 3);
        while (s->n && slice_digit(*s->p))
            *s = slice_skip(*s, 1);
    }
    if (iso)
        take_zone(s, time_ms);
    return true;
}

/* ---- The code ---- */

bool sun_set_code(struct sun_record *r, struct slice code)
{
    static const unsigned meaning[26] = {['A' - 'A'] = SUN_SASL,
                                         ['C' - 'A'] = SUN_CHUNKING,
                                         ['E' - 'A'] = SUN_ESMTP,
                                         ['L' - 'A'] = SUN_LMTP,
                                         ['S' - 'A'] = SUN_TLS};
    if (code.n < 1 || code.n > 8)
        return false;
    for (size_t i = 0; i < code.n; i++) {
        unsigned letter = (unsigned char)code.p[i] - 'A';
        if (letter > 25)
            return false;
        if (i)
            r->modifiers |= meaning[letter];
    }
    r->code = code.p[0];
    return true;
}

static inline bool is_upper(char c)
{
    return (unsigned char)(c - 'A') < 26;
}

/* Can this word be the code of an entry, by what follows it? */
static bool is_code(struct slice word, struct slice rest, char direction)
{
    if (word.n > 8 || !is_upper(*word.p))
        return false;
    for (size_t i = 1; i < word.n; i++)
        if (!is_upper(word.p[i]))
            return false;
    if (direction)
        return true;
    rest = field_skip_spaces(rest);
    return rest.n && (slice_digit(*rest.p) || STARTS(rest, "TCP|"));
}

/* ---- Channels ---- */

/* "2e2d.2.1": hexadecimal numbers with dots between. end: of the line. */
static bool is_process(struct slice word, const char *end)
{
    if (word.n <= 16 && end - word.p >= 16) {
        unsigned dots = slice_sixteen(word.p, '.');
        unsigned digits = slice_sixteen_within(word.p, '0', '9') |
                          slice_sixteen_within(word.p, 'a', 'f') |
                          slice_sixteen_within(word.p, 'A', 'F');
        unsigned all = (1u << word.n) - 1;
        return dots & all && (all & ~(dots | digits)) == 0;
    }
    static const uint8_t kinds[256] = {
        ['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1, ['7'] = 1,
        ['8'] = 1, ['9'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1, ['e'] = 1, ['f'] = 1,
        ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1, ['F'] = 1, ['.'] = 2,
    };
    unsigned seen = 0;
    for (size_t i = 0; i < word.n; i++) {
        unsigned kind = kinds[(unsigned char)word.p[i]];
        if (!kind)
            return false;
        seen |= kind;
    }
    return seen & 2;
}

static bool looks_like_node(struct slice word)
{
    for (size_t i = 0; i < word.n; i++)
        if (is_upper(word.p[i]) || word.p[i] == '.')
            return true;
    return false;
}

/* Two words without a process id between them: is the first one the node? */
static bool first_is_node(const struct sun_options *o, const struct sun_record *r,
                          const struct slice *words, size_t gap)
{
    if (r->code == 'E')
        return false; /* which always has a destination */
    if (gap >= BLANK_GAP)
        return true;
    if (sun_options_tell(o))
        return o->fields & SUN_NODE;
    return r->code != 'W' && looks_like_node(words[0]);
}

static bool set_channels(const struct sun_options *o, struct sun_record *r, struct slice *words,
                         unsigned n, size_t gap, const char *end)
{
    if (r->direction)
        n--;
    for (unsigned i = 0; i < n && i < 2; i++) {
        if (!is_process(words[i], end))
            continue;
        r->process = words[i];
        if (i)
            r->node = words[0];
        words += i + 1;
        n -= i + 1;
        break;
    }
    unsigned channels = r->direction ? 1 : 2;
    if (!r->process.n &&
        (n > channels || (n == 2 && !r->direction && first_is_node(o, r, words, gap)))) {
        r->node = *words++;
        n--;
    }
    if (n < 1 || n > channels)
        return false;
    r->source = words[0];
    if (n == 2)
        r->destination = words[1];
    return true;
}

/* The words up to the code; *s is left behind it. */
static bool take_head(const struct sun_options *o, struct slice *s, struct sun_record *r)
{
    struct slice words[HEAD_MAX];
    struct slice t = slice_trim(*s);
    size_t gap = 0;
    for (unsigned n = 0; n <= HEAD_MAX; n++) {
        size_t end = slice_find(t, ' ');
        struct slice word = slice_head(t, end), rest = slice_skip(t, end);
        if (!word.n)
            return false;
        if (n >= 1 && is_code(word, rest, r->direction)) {
            *s = rest;
            return sun_set_code(r, word) && set_channels(o, r, words, n, gap, rest.p + rest.n);
        }
        if (n == HEAD_MAX)
            return false;
        if (word.n == 1 && (*word.p == '+' || *word.p == '-'))
            r->direction = *word.p;
        words[n] = word;
        t = field_skip_spaces(rest);
        gap = rest.n - t.n;
    }
    return false;
}

/* ---- Fields ---- */

/* "17:adam@example.com" of LOG_FORMAT 3. */
static bool take_counted(struct slice *s, struct slice *field)
{
    uint64_t n;
    struct slice t = *s;
    if (!slice_number(&t, &n) || !slice_take(&t, SLICE(":")) || n > t.n ||
        (n < t.n && t.p[n] != ' '))
        return false;
    *field = slice_head(t, n);
    *s = slice_skip(t, n + 1);
    return true;
}

/* The end of a word that has a quote or a backslash in it: spaces there belong to it. */
static size_t quoted_end(struct slice s)
{
    bool quoted = false;
    size_t i = 0;
    for (; i < s.n && (quoted || s.p[i] != ' '); i++) {
        if (s.p[i] == '\\')
            i++;
        else if (s.p[i] == '"')
            quoted = !quoted;
    }
    return quoted || i > s.n ? slice_find(s, ' ') : i;
}

/* A field and what is behind it. */
struct cut {
    struct slice field, rest;
};

static __attribute__((noinline)) struct cut cut_odd_field(struct slice s,
                                                          const struct sun_record *r)
{
    struct slice field;
    if (r->counted && take_counted(&s, &field))
        return (struct cut){field, s};
    size_t end = r->quoted ? quoted_end(s) : slice_find(s, ' ');
    return (struct cut){slice_head(s, end), slice_skip(s, end + 1)};
}

/*
 * A field up to the next space; two spaces in a row mean an empty one. In what follows no address of a slice is handed
 * to a function that is not inline: it would be written to memory and read again at each step.
 */
static inline struct slice take_field(struct slice *s, const struct sun_record *r)
{
    if (__builtin_expect(r->counted | r->quoted, 0)) {
        struct cut odd = cut_odd_field(*s, r);
        *s = odd.rest;
        return odd.field;
    }
    size_t end = slice_find(*s, ' ');
    struct slice field = slice_head(*s, end);
    *s = slice_skip(*s, end + 1);
    return field;
}

static bool is_counted(struct slice s)
{
    struct slice field;
    return take_counted(&s, &field);
}

struct slice sun_without_type(struct slice address)
{
    if (STARTS(address, "rfc822;"))
        return slice_skip(address, 7);
    size_t at = slice_find(slice_head(address, 10), ';');
    return at && at < address.n && at < 10 ? slice_skip(address, at + 1) : address;
}

static struct slice address(struct slice field)
{
    return slice_eq(field, SLICE("<>")) ? slice_head(field, 0) : field; /* LOG_FORMAT 2 */
}

/* "500 ..." */
static bool is_reply(struct slice s)
{
    return s.n > 3 && slice_digit(s.p[0]) && slice_digit(s.p[1]) && slice_digit(s.p[2]) &&
           s.p[3] == ' ';
}

/* "  a@x rfc822;b@y b@y": more spaces than one before a sender, not an empty one. */
static struct slice take_late_sender(struct slice *s, const struct sun_record *r)
{
    struct slice t = *s, word = field_skip_spaces(t);
    t = word;
    word = take_field(&t, r);
    if (STARTS(word, "rfc822;") || !STARTS(t, "rfc822;"))
        return slice_head(*s, 0);
    *s = t;
    return word;
}

static inline void take_three(struct slice *s, struct sun_record *r)
{
    struct slice from = {s->p, 0};
    if (!STARTS(*s, "rfc822;")) /* an empty one in a line whose spaces were lost */
        from = take_field(s, r);
    if (__builtin_expect(from.n == 0 && !r->counted && !STARTS(*s, "rfc822;"), 0))
        from = take_late_sender(s, r);
    r->from = address(from);
    r->original = sun_without_type(address(take_field(s, r)));
    if (r->code != 'B' || !is_reply(*s)) /* of a bad command there is only one address field */
        r->to = address(take_field(s, r));
}

/* Behind them. */
static inline struct slice take_addresses(struct slice start, struct sun_record *r)
{
    r->counted = start.n && slice_digit(*start.p) && is_counted(start);
    for (;;) {
        struct slice s = start;
        take_three(&s, r);
        if (r->quoted)
            return s;
        r->quoted = slice_has_either(slice_head(start, start.n - s.n), '"', '\\');
        if (!r->quoted || r->counted)
            return s;
        /* once more: a space in quotes ends nothing */
    }
}

struct slice sun_bare_id(struct slice id)
{
    static const struct {
        struct slice before, after;
    } marks[] = {{{"<", 1}, {">", 1}},
                 {{"&lt;", 4}, {"&gt;", 4}},
                 {{"\\u003c", 6}, {"\\u003e", 6}},
                 {{"\\u003C", 6}, {"\\u003E", 6}}};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        size_t before = marks[i].before.n, after = marks[i].after.n;
        if (id.n >= before + after && slice_starts(id, marks[i].before) &&
            slice_ends(id, marks[i].after))
            return (struct slice){id.p + before, id.n - before - after};
    }
    return id;
}

/* "<id>" off the front: an id may hold spaces when a bad client made it. */
static inline bool take_message_id(struct slice *s, const struct sun_record *r, struct slice *id)
{
    if (r->counted && is_counted(*s)) {
        struct cut cut = cut_odd_field(*s, r);
        if (!cut.field.n || *cut.field.p != '<')
            return false;
        *id = sun_bare_id(cut.field);
        *s = cut.rest;
        return true;
    }
    size_t end = s->n && *s->p == '<' ? slice_find(*s, '>') : s->n;
    if (end >= s->n || (end + 1 < s->n && s->p[end + 1] != ' ' && s->p[end + 1] != ','))
        return false; /* a notification's id and that of its cause have a comma between */
    *id = (struct slice){s->p + 1, end - 1};
    *s = slice_skip(*s, end + 2);
    return true;
}

/* Does a field look like a path in the queue area? */
static bool is_queue_file(struct slice field, struct sun_record *r)
{
    const char *slash = field.n ? memrchr(field.p, '/', field.n) : NULL;
    bool held;
    r->named = slash && sun_queue_name(slice_skip(field, (size_t)(slash + 1 - field.p)),
                                       &r->file_id, &r->attempts, &held);
    return r->named;
}

static struct slice take_known_ids(unsigned fields, struct slice s, struct sun_record *r)
{
    uint64_t notary;
    if (fields & SUN_NOTARY) {
        struct slice field = take_field(&s, r);
        r->notary = slice_number(&field, &notary) ? (uint32_t)notary : 0;
    }
    if (fields & SUN_FILENAME)
        r->file = take_field(&s, r);
    if (fields & SUN_ENVELOPE_ID)
        r->envelope_id = take_field(&s, r);
    if (fields & SUN_MESSAGE_ID) {
        if (!take_message_id(&s, r, &r->message_id))
            r->message_id = sun_bare_id(take_field(&s, r));
        take_message_id(&s, r, &r->original_message_id);
    }
    return s;
}

/* Is this field of a text an id, or the envelope's before one? */
static bool is_id(struct slice field, struct slice after, const struct sun_record *r)
{
    if (field.n && *field.p == '<')
        return true;
    after = slice_trim(after);
    return field.n && memchr(field.p, '@', field.n) &&
           slice_starts(take_field(&after, r), SLICE("<"));
}

/* A bare number is the NOTARY flags only before a file's name or an id: it may be the code of a reply, too. */
static struct slice infer_notary(struct slice s, struct sun_record *r)
{
    struct slice after = s;
    uint64_t notary;
    if (!slice_number(&after, &notary) || !slice_take(&after, SLICE(" ")))
        return s;
    struct slice rest = after = slice_trim(after), next = take_field(&rest, r);
    if (!is_queue_file(next, r) && !is_id(next, rest, r))
        return s;
    r->notary = (uint32_t)notary;
    return after;
}

/* Which of the fields up to the message id are there, by their shapes. */
static struct slice infer_ids(struct slice s, struct sun_record *r)
{
    struct slice t = infer_notary(slice_trim(s), r), after = t;
    struct slice field = take_field(&after, r);
    if (is_queue_file(field, r)) {
        r->file = field;
        t = slice_trim(after);
    }
    bool id = t.n && *t.p == '<';
    after = t;
    field = id ? slice_head(t, 0) : take_field(&after, r);
    if (field.n && *field.p != '<' && is_id(field, after, r)) {
        r->envelope_id = field;
        t = slice_trim(after);
    }
    if (take_message_id(&t, r, &r->message_id)) {
        t = slice_trim(t);
        if (t.n && *t.p == '<' && take_message_id(&t, r, &r->original_message_id))
            t = slice_trim(t);
    }
    return t;
}

/* "TCP|192.0.2.10|25|192.0.2.9|1244 SMTP/host/host", a user's name, an id, a diagnostic. */
static void take_connection(struct slice s, struct sun_record *r)
{
    s = slice_trim(s);
    r->counted = s.n && slice_digit(*s.p) && is_counted(s);
    r->transport = take_field(&s, r);
    struct slice before = s;
    r->application = take_field(&s, r);
    if (!r->counted && !STARTS(r->application, "SMTP") && !STARTS(r->application, "LMTP") &&
        !STARTS(r->application, "ESMTP")) {
        r->application.n = 0; /* "connection refused" */
        s = before;
    }
    r->rest = s;
}

bool sun_record_parse_body(const struct sun_options *o, struct slice s, struct sun_record *r)
{
    if (STARTS(s, "> ") || !take_head(o, &s, r)) /* "> Subject: words" of LOG_HEADER: anybody's */
        return false;
    s = slice_trim(s);
    if (r->direction || slice_starts(s, SLICE("TCP|"))) {
        if (!r->direction)
            r->direction = '-'; /* an attempt that failed before there was a connection */
        take_connection(s, r);
        return true;
    }
    if (!slice_number(&s, &r->blocks) || (s.n && *s.p != ' '))
        return false;
    s = slice_skip(s, 1);
    s = take_addresses(s, r);
    r->rest = sun_options_tell(o) ? take_known_ids(o->fields, s, r) : infer_ids(s, r);
    return true;
}

/* As memset, which is dear here: it runs for every line. */
void sun_record_clear(struct sun_record *r)
{
    r->time_ms = 0;
    r->code = r->direction = 0;
    r->quoted = r->counted = r->has_queue_time = r->named = false;
    r->escape = ESCAPE_NONE;
    r->modifiers = r->attempts = 0;
    r->notary = 0;
    r->file_id = (struct queue_id){0, 0};
    r->blocks = r->queue_time_ms = 0;
    r->node = r->process = r->source = r->destination = r->from = r->original = r->to = r->file =
        r->envelope_id = r->message_id = r->original_message_id = r->rest = r->username =
            r->connection = r->sensitivity = r->priority = r->intermediate = r->filter = r->reason =
                r->diagnostic = r->remote_mta = r->transport = r->application =
                    (struct slice){NULL, 0};
}

bool sun_record_parse(struct syslog_context *c, const struct sun_options *o, struct slice line,
                      struct sun_record *r)
{
    sun_record_clear(r);
    struct slice s = line;
    if (s.n && *s.p == '<')
        return sun_parse_xml(c, s, r);
    if (s.n && *s.p == '{')
        return sun_parse_json(c, s, r);
    if (slice_starts(s, SLICE("mail.log")) || slice_starts(s, SLICE("connection.log")))
        slice_cut(&s, ':'); /* as grep puts it before a line */
    return sun_take_time(c, &s, &r->time_ms) && slice_take(&s, SLICE(" ")) &&
           sun_record_parse_body(o, s, r);
}
