/*
 * Parsers of /proc. No state; slice.h checks every bound.
 */
#include "proc_text.h"

/* The next number of a line of numbers and words; a word or a negative number is 0. */
static bool next_number(struct slice *s, uint64_t *value)
{
    *s = slice_trim(*s);
    if (s->n == 0 || *s->p == '\n')
        return false;
    if (!slice_number(s, value))
        *value = 0;
    while (s->n && *s->p != ' ' && *s->p != '\n')
        *s = slice_skip(*s, 1);
    return true;
}

/*
 * The second field is the name in parentheses and may hold any octet: what follows is counted from the
 * last parenthesis.
 */
bool proc_stat_parse(struct slice text, struct proc_stat *p)
{
    uint64_t pid, field[25] = {0};
    const char *close = text.n ? memrchr(text.p, ')', text.n) : NULL;
    struct slice s = text;
    if (!close || !slice_number(&s, &pid) || pid == 0 || pid > INT32_MAX ||
        !slice_take(&s, SLICE(" (")) || s.p > close)
        return false;
    p->name = (struct slice){s.p, (size_t)(close - s.p)};
    s = slice_trim(slice_skip(text, (size_t)(close + 1 - text.p)));
    if (s.n == 0)
        return false;
    p->state = *s.p;
    for (unsigned i = 3; i < 25; i++)
        if (!next_number(&s, &field[i]))
            return false;
    p->pid = (uint32_t)pid;
    p->parent = field[4] <= INT32_MAX ? (uint32_t)field[4] : 0;
    p->cpu_ticks = field[14] + field[15];
    p->start_ticks = field[22];
    p->rss_pages = field[24];
    return true;
}

/* What follows `name` at the start of a line; p == NULL: there is no such line. */
static struct slice line_of(struct slice text, struct slice name)
{
    while (text.n) {
        struct slice line = slice_head(text, slice_find(text, '\n'));
        if (slice_take(&line, name))
            return line;
        text = slice_skip(text, slice_find(text, '\n') + 1);
    }
    return (struct slice){NULL, 0};
}

bool proc_cpu_parse(struct slice text, struct proc_cpu *c)
{
    /* user nice system idle iowait irq softirq steal; the guests' are a part of user and nice */
    uint64_t v[8] = {0};
    struct slice s = line_of(text, SLICE("cpu "));
    unsigned n = 0;
    while (n < 8 && next_number(&s, &v[n]))
        n++;
    if (n < 5)
        return false;
    c->user = v[0] + v[1];
    c->system = v[2] + v[5] + v[6];
    c->idle = v[3];
    c->wait = v[4];
    c->total = c->user + c->system + c->idle + c->wait + v[7];
    return true;
}

/* 0.00 0.01 0.05 2/345 6789 */
bool proc_running_parse(struct slice text, uint64_t *running)
{
    for (unsigned i = 0; i < 3; i++)
        slice_cut(&text, ' ');
    return slice_number(&text, running) && slice_take(&text, SLICE("/"));
}

/* Uid: real, effective, saved, of file access */
bool proc_uid_parse(struct slice text, uint32_t *uid)
{
    struct slice s = line_of(text, SLICE("Uid:\t"));
    uint64_t n;
    slice_cut(&s, '\t');
    if (!slice_number(&s, &n) || n > UINT32_MAX)
        return false;
    *uid = (uint32_t)n;
    return true;
}

/* Kernels before 4.8 count by zone: pgscan_kswapd_dma, pgscan_kswapd_normal ... */
bool proc_scanned_parse(struct slice text, uint64_t *pages)
{
    static const struct slice by[] = {SLICE("kswapd"), SLICE("direct"), SLICE("khugepaged"),
                                      SLICE("proactive")};
    bool found = false;
    *pages = 0;
    while (text.n) {
        struct slice line = slice_head(text, slice_find(text, '\n'));
        text = slice_skip(text, line.n + 1);
        if (!slice_take(&line, SLICE("pgscan_")))
            continue;
        struct slice name = slice_cut(&line, ' ');
        uint64_t n;
        bool counts = false;
        for (unsigned i = 0; i < sizeof by / sizeof by[0]; i++)
            counts |= slice_starts(name, by[i]) && !slice_ends(name, SLICE("_throttle"));
        if (!counts || !slice_number(&line, &n))
            continue;
        *pages += n;
        found = true;
    }
    return found;
}

bool proc_swap_parse(struct slice text, uint64_t *kb)
{
    struct slice s = slice_trim(line_of(text, SLICE("SwapFree:")));
    return slice_number(&s, kb);
}
