/*
 * The host of a log line. Apart from syslog_head, which has no use for it: logs of one host are read without.
 */
#include "../agent/host_name.h"
#include "syslog.h"
#include "syslog_forms.h"

/* What follows the time stamp; p == NULL: there is none in front. */
static struct slice behind_stamp(struct slice s)
{
    char stamp[SYSLOG_STAMP_ROOM];
    bool bsd = s.n > SYSLOG_BSD_LENGTH && s.p[SYSLOG_BSD_LENGTH] == ' ' && s.p[3] == ' ' &&
               s.p[6] == ' ' && s.p[9] == ':' && s.p[12] == ':';
    if (bsd)
        return slice_skip(s, SYSLOG_BSD_LENGTH + 1);
    struct slice word = slice_head(s, slice_find(s, ' '));
    if (word.n >= SYSLOG_ISO_LENGTH && slice_digit(*s.p) && s.p[4] == '-' && s.p[10] == 'T' &&
        slice_find(word, '\t') == word.n)
        return slice_skip(s, word.n + 1);
    return syslog_usual_stamp(&s, stamp) ? s : (struct slice){NULL, 0};
}

/* Where syslog_head takes the second word for the tag, the first one is the host. */
static struct slice word_before_tag(struct slice line)
{
    struct slice rest = behind_stamp(line), inner, other, text;
    struct slice word = slice_head(rest, slice_find(rest, ' '));
    struct slice next = slice_skip(rest, word.n + 1);
    next = slice_head(next, slice_find(next, ' '));
    if (word.n && !memchr(":]", word.p[word.n - 1], 2) && next.n > 1 && next.p[next.n - 1] == ':')
        return slice_head(word, syslog_is_priority(word) ? 0 : word.n);
    inner = syslog_in_front(line);
    if (inner.n)
        rest = behind_stamp(inner);
    return rest.p && syslog_find_tag(rest, &word, &other, &text) ? word : slice_head(line, 0);
}

struct slice syslog_host(struct slice line)
{
    struct slice s = line, host;
    if (syslog_take_priority(&s) && slice_take(&s, SLICE("1 "))) { /* RFC 5424: time, host */
        s = slice_skip(s, slice_find(s, ' ') + 1);
        host = slice_head(s, slice_find(s, ' '));
    } else {
        host = word_before_tag(s);
    }
    host =
        slice_head(host, slice_find(host, '/')); /* syslog-ng, chain-hostnames(): "src@mx1/relay" */
    size_t at = slice_find(host, '@');
    host = at < host.n ? slice_skip(host, at + 1) : host;
    return host_name_good(host) ? host : slice_head(line, 0);
}
