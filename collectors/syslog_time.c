/*
 * The time stamp of a log line. Invariant: c->last and c->last_ms always agree, so a stamp that is the same as the one
 * before costs a comparison. For RFC 3164 they hold the whole stamp, for RFC 3339 the minute; last[15] says which.
 */
#include "syslog_time.h"
#include "field.h"

#include <time.h>

#define MINUTE 14 /* "26-11-21T22:48" */
#define DAY_MS 86400000

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
    bool first = c->last[15] == SYSLOG_LAST_NONE;
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
    if (c->last[15] != SYSLOG_LAST_BSD || memcmp(c->last, p, 9) != 0)
        c->zone_ms = zone_at(local);
    *ms = c->last_ms = local - c->zone_ms;
    memcpy(c->last, p, SYSLOG_BSD_LENGTH);
    c->last[15] = SYSLOG_LAST_BSD;
    return true;
}

bool syslog_take_bsd(struct syslog_context *c, struct slice *s, int64_t *ms)
{
    if (syslog_take_last(c, s, ms))
        return true;
    if (s->n <= SYSLOG_BSD_LENGTH || !next_bsd_time(c, s->p, ms))
        return false;
    *s = slice_skip(*s, SYSLOG_BSD_LENGTH);
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
            p[10] != (kind == SYSLOG_LAST_ISO ? 'T' : ' ') || of_day < 0 ||
            !date_valid(century * 100 + year, month, day))
            return false;
        c->last_ms = days_of(century * 100 + year, month, day) * DAY_MS + of_day / 60000 * 60000;
        memcpy(c->last, p + 2, MINUTE);
        c->last[15] = century == 20 ? (char)kind : SYSLOG_LAST_NONE;
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

bool syslog_take_iso(struct syslog_context *c, struct slice *s, int64_t *ms)
{
    int64_t zone;
    if (s->n < SYSLOG_ISO_LENGTH || !iso_time(c, s->p, SYSLOG_LAST_ISO, ms))
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
    if (s->n < SYSLOG_ISO_LENGTH || !iso_time(c, s->p, SYSLOG_LAST_LOCAL, ms))
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
