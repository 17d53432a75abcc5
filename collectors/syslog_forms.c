/*
 * See syslog_forms.h. Only lines that are not in a usual form come here.
 */
#include <time.h>
#include "syslog_forms.h"

#define CLOCK_LENGTH 8 /* "22:48:24" */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct slice skip_blanks(struct slice s)
{
    while (s.n && is_blank(*s.p))
        s = slice_skip(s, 1);
    return s;
}

/* A word and the blanks behind it, without either. */
static struct slice take_word(struct slice *s)
{
    size_t end = 0;
    while (end < s->n && !is_blank(s->p[end]))
        end++;
    struct slice word = slice_head(*s, end);
    *s = skip_blanks(slice_skip(*s, end));
    return word;
}

static bool is_digits(struct slice word, size_t min, size_t max)
{
    if (word.n < min || word.n > max)
        return false;
    for (size_t i = 0; i < word.n; i++)
        if (!slice_digit(word.p[i]))
            return false;
    return true;
}

/* Is it one of these names of three letters? Then which, from 1; else 0. */
static unsigned name_of(struct slice word, struct slice names)
{
    for (size_t i = 0; word.n == 3 && i < names.n; i += 3)
        if (memcmp(names.p + i, word.p, 3) == 0)
            return (unsigned)(i / 3 + 1);
    return 0;
}
#define MONTHS   SLICE("JanFebMarAprMayJunJulAugSepOctNovDec")
#define WEEKDAYS SLICE("SunMonTueWedThuFriSat")

static bool is_clock(struct slice word)
{
    return word.n >= CLOCK_LENGTH && word.p[2] == ':' && word.p[5] == ':';
}

/* ---- Writing ---- */

static size_t put(char *to, size_t n, struct slice text)
{
    if (text.n == 0 || text.n > SYSLOG_STAMP_ROOM - 1 - n) /* no time is as long as that */
        return n;
    memcpy(to + n, text.p, text.n);
    return n + text.n;
}

static size_t put_two(char *to, size_t n, unsigned number, char tens)
{
    char digits[2] = {number < 10 ? tens : (char)('0' + number / 10), (char)('0' + number % 10)};
    return put(to, n, (struct slice){digits, 2});
}

/* ---- Times ---- */

/* "Nov 1 22:48:24.123", with a year before, between or behind. */
static size_t month_stamp(struct slice *s, char *to)
{
    struct slice t = *s, word = take_word(&t), year = {NULL, 0}, before;
    if (is_digits(word, 4, 4)) {
        year = word;
        word = take_word(&t);
    }
    struct slice month = word, day_text = take_word(&t);
    uint64_t day = 0;
    if (!name_of(month, MONTHS) || !is_digits(day_text, 1, 2) || !slice_number(&day_text, &day))
        return 0;
    struct slice clock = take_word(&t);
    if (!year.n && is_digits(clock, 4, 4)) {
        year = clock;
        clock = take_word(&t);
    }
    before = t;
    if (!year.n && is_digits(word = take_word(&t), 4, 4))
        year = word;
    else
        t = before;
    if (!is_clock(clock))
        return 0;
    *s = t;
    if (!year.n) {
        size_t n = put_two(to, put(to, put(to, 0, month), SLICE(" ")), (unsigned)day, ' ');
        return put(to, put(to, put(to, n, SLICE(" ")), slice_head(clock, CLOCK_LENGTH)),
                   SLICE(" "));
    }
    size_t n = put_two(to, put(to, put(to, 0, year), SLICE("-")), name_of(month, MONTHS), '0');
    n = put_two(to, put(to, n, SLICE("-")), (unsigned)day, '0');
    return put(to, put(to, put(to, n, SLICE("T")), clock), SLICE(" "));
}

static bool is_zone_name(struct slice word)
{
    for (size_t i = 0; i < word.n; i++)
        if (word.p[i] < 'A' || word.p[i] > 'Z')
            return false;
    return word.n >= 3 && word.n <= 5;
}

/* "2026-11-01 22:48:24.123+01:00", "... +0100", "... CET" (with a weekday before it only: else it is a host), or with
 * a T and a tab behind it. */
static size_t iso_stamp(struct slice *s, bool weekday, char *to)
{
    struct slice t = *s, date = take_word(&t), clock = {NULL, 0}, zone = {NULL, 0};
    if (date.n < 10 || date.p[4] != '-' || date.p[7] != '-')
        return 0;
    if (date.n > 10) {
        *s = t;
        return put(to, put(to, 0, date), SLICE(" "));
    }
    clock = take_word(&t);
    if (date.n != 10 || !is_clock(clock))
        return 0;
    struct slice behind = t, word = take_word(&t);
    if (word.n && (*word.p == '+' || *word.p == '-') && slice_digit(word.p[word.n - 1]))
        zone = word;
    else if (!weekday || !is_zone_name(word))
        t = behind;
    *s = t;
    size_t n = put(to, put(to, put(to, 0, date), SLICE("T")), clock);
    return put(to, put(to, n, zone), SLICE(" "));
}

/* "1793573304.123" */
static size_t epoch_stamp(struct slice *s, char *to)
{
    struct slice t = *s, word = take_word(&t), number = word;
    uint64_t seconds;
    struct tm tm;
    if (!slice_number(&number, &seconds) || word.n - number.n != 10 ||
        (number.n && *number.p != '.'))
        return 0;
    time_t at = (time_t)seconds;
    if (!gmtime_r(&at, &tm))
        return 0;
    size_t n = strftime(to, SYSLOG_STAMP_ROOM, "%Y-%m-%dT%H:%M:%S", &tm);
    *s = t;
    return put(to, put(to, n, number), SLICE("Z "));
}

/* "postfix-1  | ": one word, a bar, and a blank, where compose puts the service. */
static struct slice skip_service(struct slice s)
{
    struct slice t = s;
    take_word(&t);
    return slice_take(&t, SLICE("| ")) ? t : s;
}

size_t syslog_usual_stamp(struct slice *s, char to[SYSLOG_STAMP_ROOM])
{
    struct slice t = skip_service(slice_head(*s, 128)), rest = t;
    bool weekday = name_of(take_word(&rest), WEEKDAYS);
    if (weekday)
        t = rest;
    size_t n = month_stamp(&t, to);
    if (!n)
        n = iso_stamp(&t, weekday, to);
    if (!n && !weekday)
        n = epoch_stamp(&t, to);
    if (n)
        *s = (struct slice){t.p, s->n - (size_t)(t.p - s->p)};
    return n;
}

/* ---- Tags ---- */

bool syslog_is_priority(struct slice word)
{
    static const char *const severities[] = {"emerg",   "alert", "crit",   "err",  "error",
                                             "warning", "warn",  "notice", "info", "debug"};
    if (word.n > 2 && *word.p == '<' && word.p[word.n - 1] == '>')
        return true;
    struct slice severity = word;
    if (!slice_cut(&severity, '.').n && !slice_cut(&severity, ':').n)
        return false;
    for (size_t i = 0; i < sizeof severities / sizeof severities[0]; i++)
        if (slice_eq(severity, slice_of(severities[i])))
            return true;
    return false;
}

/* The octets of the tag in "tag[1]:", "tag:" or "tag[1]"; 0: it is none. An IPv6 address may end with two colons. */
static size_t tag_length(struct slice word)
{
    if (word.n < 2)
        return 0;
    if (word.p[word.n - 1] == ':')
        return word.p[word.n - 2] == ':' ? 0 : word.n - 1;
    struct slice pid = slice_skip(word, slice_find(word, '[') + 1);
    bool ends = pid.n && pid.p[--pid.n] == ']';
    return ends && *word.p != '[' && is_digits(pid, 1, 10) ? word.n : 0;
}

/* Behind the time: a word with a colon is a tag, unless a tag with a pid follows: then it is a host. */
static bool is_host(struct slice word, struct slice rest)
{
    struct slice next = take_word(&rest);
    return !tag_length(word) || (slice_ends(next, SLICE("]:")) && !slice_ends(word, SLICE("]:")));
}

/* "postfix/submission/smtpd[1234567": its "]:" was cut off when it was forwarded. */
static bool is_cut_tag(struct slice word)
{
    return word.n == SYSLOG_TAG_CUT && slice_find(word, '/') < word.n;
}

bool syslog_find_tag(struct slice s, struct slice *host, struct slice *tag, struct slice *text)
{
    struct slice rest = skip_blanks(s), behind_host = {NULL, 0}, id;
    *host = slice_head(s, 0);
    for (int words = 0; words < 4 && rest.n; words++) {
        struct slice here = rest, word = take_word(&rest);
        if (words == 0)
            behind_host = rest;
        if (!syslog_is_priority(word) && tag_length(word) && (host->n || !is_host(word, rest))) {
            *tag = slice_head(word, tag_length(word));
            *text = rest;
            return true;
        }
        if (host->n && is_cut_tag(word)) {
            *tag = word;
            *text = rest;
            return true;
        }
        id = here;
        if (slice_take(&id, SLICE("[ID ")) && slice_cut(&id, ']').p)
            rest = skip_blanks(id);
        else if (!syslog_is_priority(word) && host->n)
            break;
        else if (!syslog_is_priority(word))
            *host = word;
    }
    *tag = slice_head(s, 0);
    *text = behind_host;
    return behind_host.n > 0;
}

/* Has what stands here the shape of a time stamp? Whoever reads the line says whether it is one. */
static bool is_stamp(struct slice s)
{
    bool bsd = s.n > 20 && s.p[3] == ' ' && s.p[6] == ' ' && s.p[9] == ':' && s.p[12] == ':';
    bool iso = s.n > 20 && s.p[4] == '-' && s.p[10] == 'T' && s.p[13] == ':';
    return bsd || iso;
}

struct slice syslog_in_front(struct slice line)
{
    struct slice s = line;
    for (int words = 0; words < 4; words++) {
        struct slice word =
            slice_head(s, slice_find(s, ' ')); /* all that are not ours come here: no tabs */
        bool ends = word.n && (word.p[word.n - 1] == ':' || word.p[word.n - 1] == ']');
        size_t tag = ends ? tag_length(word) : 0;
        if (tag && !syslog_is_priority(slice_head(word, tag)))
            break; /* what follows is a program's */
        s = skip_blanks(slice_skip(s, word.n));
        if (is_stamp(s))
            return s;
    }
    return slice_head(line, 0);
}

struct slice syslog_nested(struct slice line)
{
    size_t colon = slice_search(line, SLICE(": ")); /* the tag's: a later one may be anybody's */
    struct slice s = slice_skip(line, colon + 2);
    bool told = colon && colon < line.n && line.p[colon - 1] == ']' && is_stamp(s);
    return told ? s : syslog_in_front(line);
}
