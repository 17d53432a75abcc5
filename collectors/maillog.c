/*
 * Lines -> events -> tally, a few lines apart, so that memory is fetched ahead. No allocation and no
 * system call for a line.
 */
#include "maillog.h"

void maillog_start(struct maillog *m, struct tally *tally, const struct mta *mta,
                   int64_t reference_ms)
{
    *m = (struct maillog){.tally = tally, .mta = mta};
    m->in_work = &m->nobody;
    syslog_start(&m->context, reference_ms);
}

static void not_recognised(struct maillog *m, struct slice line)
{
    m->unrecognised++;
    if (m->on_unrecognised)
        m->on_unrecognised(m->arg, line);
}

/* Parses a line into the ring; what it names is fetched while the next lines are parsed. */
static void parse_line(struct maillog *m, struct slice line, uint64_t at)
{
    struct event *e = &m->ring[m->parsed % MAILLOG_RING];
    *m->in_work = m->lines_at[m->parsed % MAILLOG_RING] = at;
    if (at == m->skip) {
        m->lines++;
        not_recognised(m, (struct slice){"(a line that killed this program)", 33});
        return;
    }
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    m->mta->parse(&m->context, line, e);
    if (e->kind == EVENT_FOREIGN)
        return;
    m->lines++;
    m->last_ms = e->time_ms;
    if (e->kind == EVENT_UNKNOWN) {
        not_recognised(m, line);
        return;
    }
    if (e->kind == EVENT_NONE)
        return;
    if (e->id.n) {
        if (queue_id_null(e->packed_id))
            e->packed_id = queue_id_pack(e->id);
        __builtin_prefetch(messages_entry(tally_messages(m->tally), e->packed_id));
    }
    if (e->flags & EVENT_QUEUED_AS) {
        e->packed_other = queue_id_pack(e->other_id);
        __builtin_prefetch(messages_entry(tally_messages(m->tally), e->packed_other));
    }
    m->parsed++;
}

/* Counts the oldest event of the ring, and has the row of one in the middle fetched. */
static void count_event(struct maillog *m)
{
    const struct event *middle = &m->ring[(m->counted + MAILLOG_RING / 2) % MAILLOG_RING];
    if (m->counted + MAILLOG_RING / 2 < m->parsed && middle->id.n)
        __builtin_prefetch(messages_row(tally_messages(m->tally), middle->packed_id), 1);
    *m->in_work = m->lines_at[m->counted % MAILLOG_RING];
    tally_event(m->tally, &m->ring[m->counted % MAILLOG_RING]);
    m->counted++;
}

void maillog_lines(struct maillog *m, struct slice run)
{
    const char *start = run.p;
    while (run.n) {
        const char *end = memchr(run.p, '\n', run.n);
        size_t length = end ? (size_t)(end - run.p) : run.n;
        parse_line(m, (struct slice){run.p, length}, m->base + (uint64_t)(run.p - start) + 1);
        run = slice_skip(run, length + 1);
        if (m->parsed - m->counted == MAILLOG_RING)
            count_event(m);
    }
    while (m->counted < m->parsed) /* the slices of events end with the run */
        count_event(m);
    *m->in_work = 0;
}
