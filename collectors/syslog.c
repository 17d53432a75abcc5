/*
 * The head of a log line: time, program, process. Owns nothing; the context belongs to the caller.
 * Invariant: c->last and c->last_ms always agree, so a stamp that is the same as the one before
 * costs a comparison. For RFC 3164 they hold the whole stamp, for RFC 3339 the day; last[15] says
 * which.
 */
#include "syslog.h"
#include "../agent/host_name.h"
#include "field.h"
#include "syslog_forms.h"

#include <time.h>

enum { STAMP_NONE, STAMP_BSD, STAMP_ISO, STAMP_LOCAL };
#define MINUTE 14 /* "26-11-21T22:48" */
#define DAY_MS 86400000
#define MARK   "\xEF\xBB\xBF" /* of UTF-8 */

static const uint8_t month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

/* Days since 1970-01-01 in the Gregorian calendar; month 1..12. Counts years from March. */
static int64_t days_of(int64_t year, int month, int day)
{
    int64_t y = year - (month <= 2);
    int64_t march = (month + 9) % 12;
    return y * 365 + y / 4 - y / 100 + y / 400 + (153 * march + 2) / 5 + day - 1 - 719468;
}

static bool date_valid(int64_t year, int month, int day)
{
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day >= 1 && day <= month_days[month - 1] + (month == 2 && leap);
}

static int64_t year_of(int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    return gmtime_r(&seconds, &tm) ? tm.tm_year + 1900 : 1970;
}

/* Two digits below `limit`, the first perhaps a space; -1 if they are not. */
static int two_digits(const char *p, int limit)
{
    int tens = p[0] == ' ' ? 0 : p[0] - '0';
    int ones = p[1] - '0';
    if (tens < 0 || tens > 9 || ones < 0 || ones > 9)
        return -1;
    return tens * 10 + ones < limit ? tens * 10 + ones : -1;
}

/* "22:48:24" in ms, -1 if it is no time of day. A leap second is the last of its minute. */
static int64_t time_of_day(const char *p)
{
    int h = two_digits(p, 24), m = two_digits(p + 3, 60), s = two_digits(p + 6, 61);
    if (p[2] != ':' || p[5] != ':' || h < 0 || m < 0 || s < 0)
        return -1;
    return (h * 3600 + m * 60 + (s > 59 ? 59 : s)) * INT64_C(1000);
}

/* Local time minus UTC at a local time given as if it were UTC. */
static int64_t zone_at(int64_t local_ms)
{
    time_t as_utc = (time_t)(local_ms / 1000);
    struct tm tm;
    if (!gmtime_r(&as_utc, &tm))
        return 0;
    tm.tm_isdst = -1;
    return ((int64_t)as_utc - (int64_t)mktime(&tm)) * 1000;
}

void syslog_start(struct syslog_context *c, int64_t reference_ms)
{
    memset(c, 0, sizeof *c);
    c->now_ms = reference_ms;
    time_t seconds = (time_t)(reference_ms / 1000);
    struct tm tm;
    if (localtime_r(&seconds, &tm))
        c->zone_ms = (int64_t)tm.tm_gmtoff * 1000;
}

static int month_of(const char *p)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int i = 0; i < 12; i++)
        if (memcmp(p, names + 3 * i, 3) == 0)
            return i + 1;
    return 0;
}

/*
 * The day's start in local time, of the year that fits. The first line of a log may be far older
 * than the reference (the file's last change) but not younger; any later line is close to the one
 * before.
 */
static bool choose_day(const struct syslog_context *c, int month, int day, int64_t *local_ms)
{
    int64_t reference = c->now_ms + c->zone_ms, best = INT64_MAX;
    int64_t last_year = year_of(reference) + 1;
    bool first = c->last[15] == STAMP_NONE;
    for (int64_t year = last_year; year > last_year - 10; year--) { /* 29 February is rare */
        if (!date_valid(year, month, day))
            continue;
        int64_t at = days_of(year, month, day) * DAY_MS;
        int64_t distance = at > reference ? at - reference : reference - at;
        if ((first && at > reference + DAY_MS) || distance >= best)
            continue;
        best = distance;
        *local_ms = at;
    }
    return best != INT64_MAX;
}

/* Another second than that of the line before. */
static bool next_bsd_time(struct syslog_context *c, const char *p, int64_t *ms)
{
    int month = month_of(p), day = two_digits(p + 4, 32);
    int64_t of_day = time_of_day(p + 7), local;
    if (!month || p[3] != ' ' || p[6] != ' ' || of_day < 0 || !choose_day(c, month, day, &local))
        return false;
    local += of_day;
    /* The zone's offset can change at a full hour only: ask for it once an hour. */
    if (c->last[15] != STAMP_BSD || memcmp(c->last, p, 9) != 0)
        c->zone_ms = zone_at(local);
    *ms = c->last_ms = local - c->zone_ms;
    memcpy(c->last, p, SYSLOG_BSD_LENGTH);
    c->last[15] = STAMP_BSD;
    return true;
}

/* "Nov  1 22:48:24" with at least SYSLOG_BSD_LENGTH octets at p. */
static inline bool bsd_time(struct syslog_context *c, const char *p, int64_t *ms)
{
    if (c->last[15] != STAMP_BSD || !slice_same_words(c->last, p, SYSLOG_BSD_LENGTH))
        return next_bsd_time(c, p, ms);
    *ms = c->last_ms;
    return true;
}

/* "2026-11-21T22:48:24" with at least SYSLOG_ISO_LENGTH octets at p, as if it were UTC; `kind`: with a T or with
 * a space. */
static bool iso_time(struct syslog_context *c, const char *p, int kind, int64_t *ms)
{
    int second = two_digits(p + 17, 61);
    if (second < 0)
        return false;
    if (c->last[15] != kind || memcmp(p, "20", 2) != 0 ||
        !slice_same_words(c->last, p + 2, MINUTE)) {
        int century = two_digits(p, 100), year = two_digits(p + 2, 100);
        int month = two_digits(p + 5, 13), day = two_digits(p + 8, 32);
        int64_t of_day = time_of_day(p + 11);
        if (century < 0 || year < 0 || month < 1 || p[4] != '-' || p[7] != '-' ||
            p[10] != (kind == STAMP_ISO ? 'T' : ' ') || of_day < 0 ||
            !date_valid(century * 100 + year, month, day))
            return false;
        c->last_ms = days_of(century * 100 + year, month, day) * DAY_MS + of_day / 60000 * 60000;
        memcpy(c->last, p + 2, MINUTE);
        c->last[15] = century == 20 ? (char)kind : STAMP_NONE;
    }
    *ms = c->last_ms + (second > 59 ? 59 : second) * INT64_C(1000);
    return p[16] == ':';
}

/* Takes "Z", "+01:00", "+0100" or "+01". */
static bool take_zone(struct slice *s, int64_t *zone_ms)
{
    *zone_ms = 0;
    if (TAKE(*s, "+00:00") || TAKE(*s, "Z"))
        return true;
    if (s->n < 3 || (*s->p != '+' && *s->p != '-'))
        return false;
    size_t colon = s->n > 3 && s->p[3] == ':';
    bool minutes = s->n > 3 + colon && slice_digit(s->p[3 + colon]);
    if (minutes && s->n < 5 + colon)
        return false;
    int h = two_digits(s->p + 1, 24), m = minutes ? two_digits(s->p + 3 + colon, 60) : 0;
    if (h < 0 || m < 0)
        return false;
    *zone_ms = (*s->p == '-' ? -1 : 1) * (h * 60 + m) * INT64_C(60000);
    *s = slice_skip(*s, minutes ? 5 + colon : 3);
    return true;
}

/* Takes ".123456": thousandths of it. */
static inline int64_t take_fraction(struct slice *s)
{
    int64_t ms = 0, unit = 100;
    size_t i = 0;
    if (s->n == 0 || (*s->p != '.' && *s->p != ','))
        return 0;
    *s = slice_skip(*s, 1);
    if (s->n >= 8) {
        uint64_t word = slice_word(s->p), other = slice_no_digits(word);
        if (other >> 24 && !(other << 40)) { /* 3 to 7 digits */
            *s = slice_skip(*s, (unsigned)__builtin_ctzll(other) / 8);
            return (int64_t)slice_decimal(word << 40, 3);
        }
    }
    for (; i < s->n && slice_digit(s->p[i]); i++)
        if (i < 3) {
            ms += (s->p[i] - '0') * unit;
            unit /= 10;
        }
    *s = slice_skip(*s, i);
    return ms;
}

/*
 * Local time -> UTC. The offset can change at a full hour only: it is asked for once an hour. When the
 * clock goes back by an hour that is written twice, the times of its second round would lie before the last one.
 */
static int64_t utc_of(struct syslog_context *c, int64_t local)
{
    const int64_t hour = 3600000;
    if (c->zone_until_ms == 0 || local >= c->zone_until_ms || local < c->zone_until_ms - hour) {
        c->zone_ms = zone_at(local);
        c->zone_until_ms = local - local % hour + hour;
    }
    int64_t ms = local - c->zone_ms;
    if (ms < c->now_ms - hour / 2 && ms > c->now_ms - hour - hour / 2 &&
        zone_at(local + hour) == c->zone_ms - hour) {
        c->zone_ms -= hour;
        ms += hour;
    }
    return ms;
}

/* Takes "2026-11-21T22:48:24.123456+00:00" off s; without a zone it is this host's time. */
static bool take_iso_time(struct syslog_context *c, struct slice *s, int64_t *ms)
{
    int64_t zone;
    if (s->n < SYSLOG_ISO_LENGTH || !iso_time(c, s->p, STAMP_ISO, ms))
        return false;
    *s = slice_skip(*s, SYSLOG_ISO_LENGTH);
    int64_t fraction = take_fraction(s);
    if (s->n == 0 || *s->p == ' ') {
        *ms = utc_of(c, *ms) + fraction;
        return true;
    }
    if (!take_zone(s, &zone))
        return false;
    *ms += fraction - zone;
    return true;
}

bool syslog_take_local(struct syslog_context *c, struct slice *s, int64_t *ms)
{
    int64_t zone;
    if (s->n < SYSLOG_ISO_LENGTH || !iso_time(c, s->p, STAMP_LOCAL, ms))
        return false;
    struct slice t = slice_skip(*s, SYSLOG_ISO_LENGTH);
    int64_t fraction = take_fraction(&t);
    if (t.n > 5 && t.p[0] == ' ' && (t.p[1] == '+' || t.p[1] == '-')) {
        struct slice zoned = slice_skip(t, 1);
        if (!take_zone(&zoned, &zone))
            return false;
        t = zoned;
        *ms += fraction - zone;
    } else {
        *ms = utc_of(c, *ms) + fraction;
    }
    c->now_ms = *ms;
    *s = t;
    return true;
}

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

/* Takes a time stamp and the blank behind it off *s, where it is the one that was parsed last ... */
static inline bool usual_bsd(struct syslog_context *c, struct slice *s, int64_t *ms)
{
    if (c->last[15] != STAMP_BSD || s->n <= SYSLOG_BSD_LENGTH ||
        !slice_same_words(c->last, s->p, SYSLOG_BSD_LENGTH) || s->p[SYSLOG_BSD_LENGTH] != ' ')
        return false;
    *ms = c->last_ms;
    *s = slice_skip(*s, SYSLOG_BSD_LENGTH + 1);
    return true;
}

/* ... or in the form of that one. The copies let those of the caller stay in registers. */
static inline bool usual_iso(struct syslog_context *c, struct slice *s, int64_t *ms)
{
    struct slice rest = *s;
    int64_t at;
    if (c->last[15] != STAMP_ISO || rest.n == 0 || !slice_digit(*rest.p) ||
        !take_iso_time(c, &rest, &at) || !TAKE(rest, " "))
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
    if (!TAKE(s, "-") && !take_iso_time(c, &s, &ms))
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
    if (rest.n && slice_digit(*rest.p)) {
        if (!take_iso_time(c, &rest, &ms) && !syslog_take_local(c, &rest, &ms))
            return false;
    } else {
        if (rest.n <= SYSLOG_BSD_LENGTH || !bsd_time(c, rest.p, &ms))
            return false;
        rest = slice_skip(rest, SYSLOG_BSD_LENGTH);
    }
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
    if (s.n && slice_digit(*s.p)) {
        if (!take_iso_time(c, &rest, &ms))
            return other_head(c, s, e, text);
    } else {
        if (s.n <= SYSLOG_BSD_LENGTH || !bsd_time(c, s.p, &ms))
            return other_head(c, s, e, text);
        rest = slice_skip(s, SYSLOG_BSD_LENGTH);
    }
    if (!TAKE(rest, " "))
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
        usual = (usual_bsd(c, &s, &ms) || usual_iso(c, &s, &ms)) && usual_tag(c, s, e, text);
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
