/*
 * Lines -> events -> tally, a few lines apart, so that memory is fetched ahead. No allocation and no
 * system call for a line.
 */
#include "container.h"
#include "escape.h"
#include "maillog.h"
#include "syslog_forms.h"

#define AHEAD 16 /* events between a fetch and its use */

void maillog_start(struct maillog *m, struct tally *tally)
{
    *m = (struct maillog){.tally = tally};
    m->in_parse = &m->parse_nobody;
    m->in_count = &m->count_nobody;
}

bool maillog_has(const struct maillog *m, maillog_parse_line *parse)
{
    return maillog_has_of(m, SLICE(""), parse);
}

bool maillog_add(struct maillog *m, maillog_parse_line *parse, maillog_count_event *count,
                 void *counter)
{
    return maillog_add_of(m, SLICE(""), parse, count, counter, NULL);
}

void maillog_count_nothing(void *counter, const struct event *e)
{
    (void)counter, (void)e;
}

static void count_mta(void *counter, const struct event *e)
{
    tally_event(counter, e);
}

static void *make_mta(void *counter, struct slice host)
{
    return tally_log_of_host(counter, host);
}

bool maillog_add_mta_of(struct maillog *m, struct slice host, const struct mta *mta,
                        struct slice instance)
{
    if (maillog_has_of(m, host, mta->parse))
        return true;
    struct tally_log *log = tally_log(m->tally, mta, host, instance);
    return log && maillog_add_of(m, host, mta->parse, count_mta, log, make_mta);
}

bool maillog_add_mta(struct maillog *m, const struct mta *mta, struct slice instance)
{
    return maillog_add_mta_of(m, SLICE(""), mta, instance);
}

static void not_recognised(struct maillog *m, struct slice line)
{
    m->unrecognised++;
    if (m->on_unrecognised)
        m->on_unrecognised(m->arg, line);
}

/* The first format whose line it is makes the event. */
static void parse_formats(const struct maillog_host *h, struct slice line, struct event *e)
{
    e->kind = EVENT_FOREIGN;
    for (unsigned i = 0; i < h->format_count; i++) {
        struct maillog_format *f = h->formats[i];
        f->parse(&f->context, line, e);
        e->format = f->number & 0xffff;
        if (e->kind != EVENT_FOREIGN)
            return;
    }
}

/* A line that is none of theirs may have a head of its own behind that of Docker's syslog driver. */
static void parse_nested(const struct maillog_host *h, struct slice line, struct event *e)
{
    struct slice nested = e->kind == EVENT_FOREIGN ? syslog_nested(line) : slice_head(line, 0);
    if (nested.n)
        parse_formats(h, nested, e);
}

/* "' repeated 3 times, suppressed by syslog-ng on mx1" behind the first words of the line before. */
static bool ng_times_again(struct slice s, struct slice before, uint64_t *times)
{
    static const struct slice repeated = {"' repeated ", 11};
    struct slice words = slice_head(s, slice_search(s, repeated));
    return slice_take(&s, words) && slice_take(&s, repeated) && slice_number(&s, times) &&
           slice_starts(s, SLICE(" times, suppressed by syslog-ng on ")) &&
           (!before.p || slice_search(before, words) < before.n);
}

/* Are they of the same tag, and the later one without a host? So some rsyslogd repeat: "  sshd[7]: last message ..." */
static bool repeats_tag(struct slice line, struct slice tag, struct slice before)
{
    struct syslog_context c;
    struct event e;
    struct slice s;
    syslog_start(&c, 0);
    return before.p && syslog_host(syslog_host_word(&c, line)).n == 0 &&
           syslog_head(&c, before, &e, &s) && slice_eq(e.tag, tag);
}

/*
 * "last message repeated 3 times" (BSD's syslogd and its descendants), "Last message 'warning: unkno' repeated 3
 * times, suppressed by syslog-ng on mx1": the whole of what stands behind the head, since in the midst of another
 * program's line anybody may say so.
 */
uint32_t maillog_times_again(struct slice line, struct slice before)
{
    uint64_t times;
    struct syslog_context c;
    struct event e;
    struct slice s;
    const char *blank = line.n ? memrchr(line.p, ' ', line.n) : NULL; /* before a host's name */
    struct slice head = slice_head(line, blank ? (size_t)(blank - line.p) : 0);
    if (!slice_ends(line, SLICE(" times")) &&
        !slice_ends(head, SLICE(" times, suppressed by syslog-ng on")))
        return 0;
    syslog_start(&c, 0);
    if (!syslog_head(&c, line, &e, &s))
        return 0;
    bool plain = (e.tag.n == 0 || repeats_tag(line, e.tag, before)) &&
                 slice_take(&s, SLICE("last message repeated "));
    if (!(plain && slice_number(&s, &times) && slice_eq(s, SLICE(" times"))) &&
        !(slice_take(&s, SLICE("Last message '")) && ng_times_again(s, before, &times)))
        return 0;
    return times > SYSLOG_TIMES_MAX ? SYSLOG_TIMES_MAX : (uint32_t)times;
}

/* Of the times that a line is said to have come again, those that may be true. */
static uint32_t bound_times(const struct maillog_host *h, uint32_t times, int64_t now_ms)
{
    int64_t seconds = h->before_ms ? (now_ms - h->before_ms) / 1000 + 1 : 1;
    if (seconds >= SYSLOG_TIMES_MAX / SYSLOG_TIMES_A_SECOND)
        return times;
    uint32_t most = SYSLOG_TIMES_A_SECOND * (uint32_t)(seconds < 1 ? 1 : seconds);
    return times < most ? times : most;
}

static bool is_odd(const struct event *e)
{
    return e->kind == EVENT_FOREIGN || e->kind == EVENT_UNKNOWN;
}

/* A line that no format knows, which may have two heads or tell that the one before it came again; or one that tells
 * how often it came itself. */
static void parse_odd(struct maillog_host *h, struct slice line, struct event *e)
{
    parse_nested(h, line, e);
    uint32_t times = is_odd(e) ? maillog_times_again(line, h->before) : 0;
    int64_t time_ms = e->time_ms;
    if (times) {
        times = bound_times(h, times, time_ms);
        parse_formats(h, h->before, e);
        parse_nested(h, h->before, e);
        e->repeats = times - 1;
        e->time_ms = time_ms;
    } else {
        e->repeats = e->repeats ? bound_times(h, e->repeats, time_ms) : 0;
        h->before = line;
    }
    h->before_ms = time_ms;
}

/* The event of a line, or of the one before it if the line says that this came again. */
static void parse_one(struct maillog_host *h, struct slice line, struct event *e)
{
    parse_formats(h, line, e);
    if (is_odd(e) || e->repeats) {
        parse_odd(h, line, e);
        return;
    }
    h->before = line;
    h->before_ms = e->time_ms;
}

/* Is it a line of a mail system, but of a host whose lines nobody counts? */
static bool is_strange(struct maillog *m, struct slice line, const struct event *e)
{
    if (e->format != MAILLOG_STRANGE)
        return false;
    if (m->on_stranger)
        m->on_stranger(m->arg, syslog_host(syslog_host_word(&m->heads, line)));
    return true;
}

/* Makes an event of a line; false if there is nothing to count. */
static bool parse_line(struct maillog *m, struct slice line, uint64_t at, struct event *e)
{
    *m->in_parse = at;
    if (at == m->skip) {
        m->lines++;
        not_recognised(m, (struct slice){"(a line that killed this program)", 33});
        return false;
    }
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    struct maillog_host *h = m->hosts ? maillog_host_of(m, line) : &m->rest;
    parse_one(h, line, e);
    if (e->kind == EVENT_FOREIGN || (m->hosts && is_strange(m, line, e)))
        return false;
    m->lines++;
    m->last_ms = e->time_ms;
    if (e->kind == EVENT_UNKNOWN)
        not_recognised(m, line);
    if (e->kind == EVENT_UNKNOWN || e->kind == EVENT_NONE)
        return false;
    h->counts = true;
    if (e->id.n && queue_id_null(e->packed_id))
        e->packed_id = queue_id_pack(e->id);
    if (e->flags & EVENT_QUEUED_AS)
        e->packed_other = queue_id_pack(e->other_id);
    return true;
}

#define ENDS 64 /* newlines found at once */

/*
 * The ends of the next lines of a run, ENDS of them if there are as many; returns how many. Where lines end cannot be
 * predicted, so nothing here depends on it but that few are shorter than 64 octets.
 */
static unsigned find_ends(struct slice run, uint32_t ends[ENDS + 64])
{
    unsigned n = 0;
    uint32_t at = 0;
    for (; n < ENDS && at + 64 <= run.n; at += 64) {
        uint64_t found = slice_sixty_four(run.p + at, '\n');
        ends[n] = at + (unsigned)__builtin_ctzll(found | (uint64_t)1 << 63);
        n += found != 0;
        while (__builtin_expect((found &= found - 1) != 0, 0))
            ends[n++] = at + (unsigned)__builtin_ctzll(found);
    }
    while (n < ENDS && at < run.n) {
        at += (uint32_t)slice_find(slice_skip(run, at), '\n');
        ends[n++] = at++;
    }
    uint32_t rest = n ? ends[n - 1] + 1 : 0; /* the last line may have no end */
    if (n < ENDS && rest < run.n)
        ends[n++] = (uint32_t)run.n;
    return n;
}

size_t maillog_parse(struct maillog *m, struct slice run, struct event *events, uint64_t *lines_at,
                     unsigned room, unsigned *count)
{
    const char *start = run.p;
    uint32_t ends[ENDS + 64];
    unsigned made = 0;
    while (run.n && made < room) {
        unsigned n = find_ends(run, ends);
        size_t begin = 0;
        uint64_t base = m->base + (uint64_t)(run.p - start) + 1;
        for (unsigned i = 0; i < n && made < room; i++) {
            lines_at[made] = base + begin;
            made += parse_line(m, (struct slice){run.p + begin, ends[i] - begin}, base + begin,
                               &events[made]);
            begin = (size_t)ends[i] + 1;
        }
        run = slice_skip(run, begin);
    }
    *count = made;
    return (size_t)(run.p - start);
}

void maillog_before(struct maillog *m, struct slice lines)
{
    if (container_is(lines))
        return;
    while (lines.n) {
        struct slice line = slice_line(&lines);
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        struct maillog_host *h = m->hosts ? maillog_host_of(m, line) : &m->rest;
        struct event e;
        event_clear(&e);
        parse_one(h, line, &e);
    }
    maillog_keep(m);
}

static bool has_other(const struct event *e)
{
    return e->flags & EVENT_QUEUED_AS || e->kind == EVENT_CHANNEL;
}

static void count_event(const struct maillog_counter *c, const struct event *e)
{
    for (uint32_t more = 0; more <= e->repeats; more++)
        c->count(c->counter, e);
}

static void count_escaped(const struct maillog_counter *c, const struct event *e)
{
    struct escape_scratch scratch;
    struct event plain = escape_undone(e, &scratch);
    count_event(c, &plain);
}

/* An event and its line were written by another processor, where there is a thread for each half. */
static inline void fetch_event(const struct event *e)
{
    for (size_t at = 0; at < sizeof *e; at += 64)
        __builtin_prefetch((const char *)e + at);
}

/* Fetches what counting the event at `next` will touch, and the row of the one AHEAD / 2 before it. */
static void fetch_ahead(const struct messages *t, const struct event *events, unsigned count,
                        unsigned next, uint64_t hashes[AHEAD])
{
    fetch_event(&events[next + AHEAD < count ? next + AHEAD : count - 1]);
    __builtin_prefetch(messages_row(t, hashes[(next + AHEAD / 2) % AHEAD]), 1);
    if (next >= count)
        return;
    const struct event *later = &events[next];
    __builtin_prefetch(later->service.p);
    __builtin_prefetch(later->address.p);
    uint64_t hash = queue_id_hash(later->packed_id);
    __builtin_prefetch(messages_entry(t, hash));
    hashes[next % AHEAD] = hash;
    if (has_other(later))
        __builtin_prefetch(messages_entry(t, queue_id_hash(later->packed_other)));
}

void maillog_count(struct maillog *m, const struct event *events, const uint64_t *lines_at,
                   unsigned count)
{
    const struct messages *t = m->tally ? tally_messages(m->tally) : NULL;
    uint64_t hashes[AHEAD] = {0}; /* of the next events */
    for (unsigned next = 0; count && next < count + AHEAD; next++) {
        if (t)
            fetch_ahead(t, events, count, next, hashes);
        if (next < AHEAD)
            continue;
        const struct event *e = &events[next - AHEAD];
        *m->in_count = lines_at[next - AHEAD];
        const struct maillog_counter *c = &m->counters[e->format];
        if (e->flags & (EVENT_XML | EVENT_JSON))
            count_escaped(c, e);
        else
            count_event(c, e);
    }
}

static void take_lines(struct maillog *m, struct slice run)
{
    while (run.n) {
        unsigned count;
        size_t taken = maillog_parse(m, run, m->events, m->lines_at, MAILLOG_EVENTS, &count);
        maillog_count(m, m->events, m->lines_at, count);
        m->base += taken;
        run = slice_skip(run, taken);
    }
}

/* What a program in a container wrote, line by line, each at the offset that its wrapping has in the file. */
static void take_container(struct maillog *m, struct slice run)
{
    static char text[LOG_LINE_MAX];
    uint64_t base = m->base;
    for (const char *start = run.p; run.n;) {
        m->base = base + (uint64_t)(run.p - start);
        size_t n = container_line(slice_line(&run), &m->in_parts, text);
        if (n)
            take_lines(m, (struct slice){text, n});
        maillog_forget(m);
    }
}

void maillog_lines(struct maillog *m, struct slice run)
{
    uint64_t base = m->base;
    if (container_is(run))
        take_container(m, run);
    else
        take_lines(m, run);
    maillog_keep(m);
    m->base = base;
    *m->in_parse = *m->in_count = 0;
}
