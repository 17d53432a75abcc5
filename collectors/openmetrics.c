/*
 * OpenMetrics' text format, line by line. Pure. Invariant: quoted values are taken as wholes, so that a
 * brace, a comma or a blank in one is text.
 */
#include "field.h"
#include "openmetrics.h"

static bool in_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || slice_digit(c) || c == '_' ||
           c == ':';
}

static struct slice take_name(struct slice *s)
{
    size_t n = 0;
    while (n < s->n && in_name(s->p[n]))
        n++;
    struct slice name = slice_head(*s, n);
    *s = slice_skip(*s, n);
    return name;
}

static void skip_blanks(struct slice *s)
{
    while (s->n && (*s->p == ' ' || *s->p == '\t'))
        *s = slice_skip(*s, 1);
}

/* Takes name="value" and the comma behind it. */
static bool take_label(struct slice *s, struct slice *name, struct slice *value)
{
    size_t n = 0;
    skip_blanks(s);
    *name = take_name(s);
    if (!name->n || !TAKE(*s, "=\""))
        return false;
    while (n < s->n && s->p[n] != '"')
        n += s->p[n] == '\\' ? 2 : 1;
    if (n >= s->n)
        return false;
    *value = slice_head(*s, n);
    *s = slice_skip(*s, n + 1);
    skip_blanks(s);
    TAKE(*s, ",");
    skip_blanks(s);
    return true;
}

static bool take_labels(struct slice *s, struct slice *labels)
{
    struct slice name, value;
    const char *from = s->p;
    while (take_label(s, &name, &value))
        ;
    *labels = (struct slice){from, (size_t)(s->p - from)};
    return TAKE(*s, "}");
}

static bool take_sample(struct slice line, struct metric *m)
{
    *m = (struct metric){.name = take_name(&line)};
    if (!m->name.n || (TAKE(line, "{") && !take_labels(&line, &m->labels)))
        return false;
    size_t before = line.n;
    skip_blanks(&line);
    if (line.n == before || !line.n || !slice_digit(*line.p) || !slice_number(&line, &m->value) ||
        m->value > INT64_MAX)
        return false;
    if (TAKE(line, "."))
        while (line.n && slice_digit(*line.p))
            line = slice_skip(line, 1);
    return line.n == 0 || *line.p == ' ' || *line.p == '\t' || *line.p == '\r';
}

bool metric_next(struct slice *text, struct metric *m)
{
    while (text->n)
        if (take_sample(slice_line(text), m))
            return true;
    return false;
}

bool metric_label(const struct metric *m, struct slice name, struct slice *value)
{
    struct slice rest = m->labels, is;
    while (take_label(&rest, &is, value))
        if (slice_eq(is, name))
            return true;
    return false;
}

unsigned metric_labels(const struct metric *m)
{
    struct slice rest = m->labels, name, value;
    unsigned n = 0;
    while (take_label(&rest, &name, &value))
        n++;
    return n;
}
