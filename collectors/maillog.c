/*
 * Lines -> events -> tally. No allocation and no system call for a line.
 */
#include "maillog.h"

void maillog_start(struct maillog *m, struct tally *tally, const struct mta *mta,
                   int64_t reference_ms)
{
    *m = (struct maillog){.tally = tally, .mta = mta};
    syslog_start(&m->context, reference_ms);
}

static void take_line(struct maillog *m, struct slice line)
{
    struct event *e = &m->event;
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    m->mta->parse(&m->context, line, e);
    if (e->kind == EVENT_FOREIGN)
        return;
    m->lines++;
    m->last_ms = e->time_ms;
    if (e->kind == EVENT_UNKNOWN) {
        m->unrecognised++;
        if (m->on_unrecognised)
            m->on_unrecognised(m->arg, line);
        return;
    }
    tally_event(m->tally, e);
}

void maillog_lines(struct maillog *m, struct slice run)
{
    while (run.n) {
        const char *end = memchr(run.p, '\n', run.n);
        size_t length = end ? (size_t)(end - run.p) : run.n;
        take_line(m, (struct slice){run.p, length});
        run = slice_skip(run, length + 1);
    }
}
