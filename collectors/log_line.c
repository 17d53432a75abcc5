/*
 * See log_line.h. Invariant: between two calls of put() at least one octet is left for the newline.
 */
#include <stdio.h>
#include <time.h>
#include "../agent/host_name.h"
#include "log_line.h"

struct line {
    char *to;
    size_t n;
};

static void put(struct line *l, char c)
{
    if (l->n < LOG_LINE_MAX - 1)
        l->to[l->n++] = c;
}

static void put_text(struct line *l, struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c >= ' ' && c != 127) || c == '\t') {
            put(l, (char)c);
            continue;
        }
        put(l, '#');
        put(l, (char)('0' + (c >> 6)));
        put(l, (char)('0' + (c >> 3 & 7)));
        put(l, (char)('0' + (c & 7)));
    }
}

/* A tag is one word without a colon at its end, which ends it. */
static void put_tag(struct line *l, struct slice tag)
{
    for (size_t i = 0; i < tag.n && i < 128; i++)
        put(l, (unsigned char)tag.p[i] <= ' ' || tag.p[i] == 127 ? '_' : tag.p[i]);
}

static void put_time_and_host(struct line *l, int64_t time_us, struct slice host)
{
    char text[64];
    time_t seconds = (time_t)(time_us / 1000000);
    struct tm tm;
    if (time_us < 0 || !gmtime_r(&seconds, &tm) || tm.tm_year > 8099)
        seconds = 0, gmtime_r(&seconds, &tm);
    size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    n += (size_t)snprintf(text + n, sizeof text - n, ".%06dZ ",
                          (int)(time_us < 0 ? 0 : time_us % 1000000));
    put_text(l, (struct slice){text, n});
    bool good = host_name_good(host) && host.p[host.n - 1] != ':'; /* else it looks like a tag */
    put_text(l, good ? host : SLICE("-"));
    put(l, ' ');
}

static bool has_stamp(struct slice text)
{
    struct syslog_context c;
    struct event e = {0};
    syslog_start(&c, 0);
    return syslog_stamp(&c, &text, &e);
}

/* The tag, pid and text that a head in the text gives. */
static bool take_head(struct log_record *r)
{
    struct syslog_context c;
    struct event e = {0};
    struct slice text;
    syslog_start(&c, r->time_us / 1000);
    if (!syslog_head(&c, r->text, &e, &text) || !e.pid || !e.tag.n)
        return false;
    r->tag = e.tag;
    r->pid = e.pid;
    r->text = text;
    return true;
}

size_t log_line_write(const struct log_record *record, char *to)
{
    struct line l = {to, 0};
    struct log_record r = *record;
    char pid[16];
    while (r.text.n && (r.text.p[r.text.n - 1] == '\n' || r.text.p[r.text.n - 1] == '\r'))
        r.text.n--;
    if (!r.stdout_ || take_head(&r) || !has_stamp(r.text)) {
        put_time_and_host(&l, r.time_us, r.host);
        put_tag(&l, r.tag);
        if (r.pid) {
            int n = snprintf(pid, sizeof pid, "[%u]", r.pid);
            put_text(&l, (struct slice){pid, (size_t)n});
        }
        if (r.tag.n)
            put_text(&l, SLICE(": "));
    }
    put_text(&l, r.text);
    l.to[l.n++] = '\n';
    return l.n;
}
