/*
 * See container.h. JSON (RFC 8259) is read as far as a runtime writes it: an object of one line, of which two
 * members matter; what else is in it is passed over. Invariant: cut from the line as it is read, so
 * nothing is read twice or behind its end.
 */
#include "container.h"
#include "escape.h"

#define DOCKER_START SLICE("{\"log\":\"")

/* Takes a string off s, behind its first quote, into `to`; what does not fit is left out. false: it does not end. */
static bool take_string(struct slice *s, char *to, size_t room, size_t *n)
{
    *n = 0;
    while (s->n) {
        char octets[4];
        size_t count = 1;
        uint32_t c;
        if (*s->p == '\\' && escape_take_json(s, &c)) {
            count = escape_utf8(c, octets);
        } else {
            octets[0] = *s->p;
            *s = slice_skip(*s, 1);
            if (octets[0] == '"')
                return true;
        }
        if (*n + count <= room) {
            memcpy(to + *n, octets, count);
            *n += count;
        }
    }
    return false;
}

/* Passes over what is not a string, to the ',' or '}' behind it. */
static bool skip_value(struct slice *s)
{
    size_t n;
    for (unsigned depth = 0; s->n; *s = slice_skip(*s, 1)) {
        if (depth == 0 && (*s->p == ',' || *s->p == '}'))
            return true;
        if (*s->p == '{' || *s->p == '[')
            depth++;
        else if ((*s->p == '}' || *s->p == ']') && depth)
            depth--;
        else if (*s->p == '"') {
            *s = slice_skip(*s, 1);
            if (!take_string(s, NULL, 0, &n))
                return false;
            *s = (struct slice){s->p - 1, s->n + 1}; /* its last quote, for the loop to pass */
        }
    }
    return false;
}

static bool time_of(struct slice text, int64_t *time_us)
{
    struct syslog_context c;
    struct event e = {0};
    syslog_start(&c, 0);
    if (!syslog_stamp(&c, &text, &e))
        return false;
    *time_us = e.time_ms * 1000;
    return true;
}

/* The members "log" and "time"; text: room for what the program wrote. */
static bool read_docker(struct slice s, char *text, struct log_record *r)
{
    char name[16], time[64];
    size_t n = 0, length = 0;
    bool has_text = false, has_time = false;
    do {
        s = slice_skip(s, 1); /* '{' or ',' */
        if (!slice_take(&s, SLICE("\"")) || !take_string(&s, name, sizeof name, &n) ||
            !slice_take(&s, SLICE(":")))
            return false;
        struct slice key = {name, n};
        bool quoted = s.n && *s.p == '"';
        if (quoted && slice_eq(key, SLICE("log"))) {
            s = slice_skip(s, 1);
            has_text = take_string(&s, text, LOG_LINE_MAX, &length);
        } else if (quoted && slice_eq(key, SLICE("time"))) {
            s = slice_skip(s, 1);
            if (!take_string(&s, time, sizeof time - 1, &n))
                return false;
            time[n] = ' ';
            has_time = time_of((struct slice){time, n + 1}, &r->time_us);
        } else if (!skip_value(&s)) {
            return false;
        }
    } while (s.n && *s.p == ',');
    r->text = (struct slice){text, length};
    return has_text && has_time;
}

/* "TIME stdout F text": the flags are F or P, and perhaps more behind a colon. */
static bool read_cri(struct slice s, struct log_record *r, bool *part)
{
    struct slice time = slice_head(s, slice_find(s, ' ') + 1);
    s = slice_skip(s, time.n);
    if (!slice_take(&s, SLICE("stdout ")) && !slice_take(&s, SLICE("stderr ")))
        return false;
    if (s.n == 0 || (*s.p != 'F' && *s.p != 'P') || !time_of(time, &r->time_us))
        return false;
    *part = *s.p == 'P';
    r->text = slice_skip(s, slice_find(s, ' ') + 1);
    return true;
}

bool container_is(struct slice s)
{
    struct log_record r;
    bool part;
    if (slice_starts(s, DOCKER_START))
        return true;
    return s.n > 20 && slice_digit(*s.p) && s.p[10] == 'T' &&
           read_cri(slice_head(s, slice_find(s, '\n')), &r, &part);
}

size_t container_line(struct slice line, bool *in_parts, char *to)
{
    static char text[LOG_LINE_MAX];
    struct log_record r = {.stdout_ = true};
    bool part, rest = *in_parts;
    if (slice_starts(line, DOCKER_START)) {
        if (!read_docker(line, text, &r))
            return 0;
        part = r.text.n < LOG_LINE_MAX && (r.text.n == 0 || r.text.p[r.text.n - 1] != '\n');
    } else if (!read_cri(line, &r, &part)) {
        return 0;
    }
    *in_parts = part;
    return rest ? 0 : log_line_write(&r, to);
}
