/* The rarest part is not known, so the first one is searched in the whole run, the others in its line. */
#include "log_pattern.h"

bool log_pattern_parse(struct log_pattern *p, struct slice text)
{
    *p = (struct log_pattern){.count = 0};
    while (text.n) {
        struct slice part = slice_head(text, slice_find(text, '*'));
        text = slice_skip(text, part.n + 1);
        if (!part.n)
            continue;
        if (p->count == LOG_PATTERN_PARTS)
            return false;
        p->parts[p->count++] = part;
    }
    return p->count > 0;
}

static bool has_rest(const struct log_pattern *p, struct slice s)
{
    for (unsigned i = 1; i < p->count; i++) {
        size_t at = slice_search(s, p->parts[i]);
        if (at == s.n)
            return false;
        s = slice_skip(s, at + p->parts[i].n);
    }
    return true;
}

bool log_pattern_next(const struct log_pattern *p, struct slice *run, struct slice *line)
{
    for (size_t at; (at = slice_search(*run, p->parts[0])) < run->n;) {
        const char *newline = memrchr(run->p, '\n', at);
        size_t begin = newline ? (size_t)(newline - run->p) + 1 : 0;
        *line = slice_skip(*run, begin);
        *line = slice_head(*line, slice_find(*line, '\n'));
        struct slice rest = slice_skip(*line, at - begin + p->parts[0].n);
        *run = slice_skip(*run, begin + line->n + 1);
        if (has_rest(p, rest))
            return true;
    }
    *run = slice_skip(*run, run->n);
    return false;
}
