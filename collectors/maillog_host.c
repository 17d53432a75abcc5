/*
 * The hosts of a central log: whose formats a line is offered to. A host has formats of its own, with contexts and the
 * line before, so that a log of several hosts counts as their logs would one by one; what it has none for is offered to
 * those of the rest. Names are looked for in a cache; nothing is allocated but for a new host.
 * Invariant: hosts only become more, and no more than the bounds of maillog.h, whoever writes to the log.
 */
#include "maillog.h"
#include "syslog_forms.h"

#define CACHE 256 /* direct-mapped, of hosts as they are written */

/* Of two formats with the same parser, that with the higher rank is a host's. */
enum maillog_rank { RANK_STRANGE, RANK_REST, RANK_EACH, RANK_HOST };

/* A format of each host that nobody named. */
struct each {
    maillog_parse_line *parse;
    maillog_count_event *count;
    void *counter;
    maillog_make_counter *make;
    struct syslog_context context; /* to look at a line before its host is believed */
};

/* A counter that is made when the first event comes. */
struct later {
    struct later *next;
    struct maillog_counter *at;
    const struct each *of;
    char host[HOST_NAME_ROOM];
};

struct maillog_hosts {
    struct maillog_host *all[MAILLOG_HOSTS];
    unsigned count, found;
    struct maillog_format *formats[MAILLOG_COUNTERS + MAILLOG_FORMATS]; /* to be released */
    unsigned format_count;
    struct each each[MAILLOG_FORMATS];
    unsigned each_count;
    struct later *later;
    struct {
        struct slice_key key;
        struct maillog_host *host;
    } cache[CACHE];
};

void maillog_stop(struct maillog *m)
{
    struct maillog_hosts *h = m->hosts;
    for (unsigned i = 0; h && i < h->count; i++)
        free(h->all[i]);
    for (unsigned i = 0; h && i < h->format_count; i++)
        free(h->formats[i]);
    for (struct later *l = h ? h->later : NULL, *next; l; l = next) {
        next = l->next;
        free(l);
    }
    free(h);
    m->hosts = NULL;
}

/* ---- Formats ---- */

/* Anew for a log near this time. */
static void start_context(struct syslog_context *c, int64_t reference_ms)
{
    const void *options = c->options;
    syslog_start(c, reference_ms);
    c->options = options;
}

static bool put_format(struct maillog_host *h, struct maillog_format *f)
{
    for (unsigned i = 0; i < h->format_count; i++)
        if (h->formats[i]->parse == f->parse) {
            if (f->rank >= h->formats[i]->rank)
                h->formats[i] = f;
            return true;
        }
    if (h->format_count == MAILLOG_FORMATS)
        return false;
    h->formats[h->format_count++] = f;
    return true;
}

static struct maillog_format *make_format(struct maillog *m, maillog_parse_line *parse,
                                          enum maillog_rank rank)
{
    struct maillog_hosts *all = m->hosts;
    bool room = all->format_count < sizeof all->formats / sizeof all->formats[0] &&
                (rank == RANK_STRANGE || m->counter_count < MAILLOG_STRANGE);
    struct maillog_format *f = room ? calloc(1, sizeof *f) : NULL;
    if (!f)
        return NULL;
    f->parse = parse;
    f->rank = (uint8_t)rank;
    f->number = rank == RANK_STRANGE ? MAILLOG_STRANGE : m->counter_count++;
    start_context(&f->context, m->written_ms);
    return all->formats[all->format_count++] = f;
}

/* Makes the counter that was to be made. */
static void make_counter(struct later *l)
{
    void *counter = l->of->make(l->of->counter, slice_of(l->host));
    *l->at = (struct maillog_counter){counter ? l->of->count : maillog_count_nothing, counter};
}

static void count_first(void *counter, const struct event *e)
{
    struct later *l = counter;
    make_counter(l);
    l->at->count(l->at->counter, e);
}

static bool put_each(struct maillog *m, struct maillog_host *h, const struct each *is)
{
    struct maillog_format *f = make_format(m, is->parse, RANK_EACH);
    struct later *l = f ? calloc(1, sizeof *l) : NULL;
    if (!l)
        return false;
    *l = (struct later){.next = m->hosts->later, .at = &m->counters[f->number], .of = is};
    memcpy(l->host, h->name, sizeof l->host);
    m->hosts->later = l;
    *l->at = (struct maillog_counter){count_first, l};
    return put_format(h, f);
}

/* ---- Hosts ---- */

static struct maillog_host *find_same(const struct maillog_hosts *all, struct slice name)
{
    for (unsigned i = 0; i < all->count; i++)
        if (host_name_same(slice_of(all->all[i]->name), name))
            return all->all[i];
    return NULL;
}

/* The one of this name, else the only one of the configuration that may be meant. */
static struct maillog_host *find(const struct maillog_hosts *all, struct slice name)
{
    struct maillog_host *same = find_same(all, name), *meant = NULL;
    unsigned count = 0;
    for (unsigned i = 0; !same && i < all->count; i++)
        if (!all->all[i]->found && host_name_fits(slice_of(all->all[i]->name), name)) {
            meant = all->all[i];
            count++;
        }
    return count == 1 ? meant : same;
}

static struct maillog_host *add_host(struct maillog *m, struct slice name, bool found)
{
    struct maillog_hosts *all = m->hosts;
    bool room = all->count < MAILLOG_HOSTS && name.n < HOST_NAME_ROOM &&
                (!found || all->found < MAILLOG_FOUND);
    struct maillog_host *h = room ? calloc(1, sizeof *h) : NULL;
    if (!h)
        return NULL;
    slice_copy(h->name, sizeof h->name, name);
    h->found = found;
    for (unsigned i = 0; i < m->rest.format_count; i++)
        put_format(h, m->rest.formats[i]);
    for (unsigned i = 0; i < all->each_count; i++)
        if (!put_each(m, h, &all->each[i])) {
            free(h);
            return NULL;
        }
    all->found += found;
    return all->all[all->count++] = h;
}

/* The place of a host that was found and has counted nothing, for another; NULL: all count. */
static struct maillog_host *take_place(struct maillog *m, struct slice name)
{
    struct maillog_hosts *all = m->hosts;
    struct maillog_host *h = NULL;
    for (unsigned i = 0; !h && i < all->count; i++)
        if (all->all[i]->found && !all->all[i]->counts)
            h = all->all[i];
    if (!h || name.n >= HOST_NAME_ROOM)
        return NULL;
    slice_copy(h->name, sizeof h->name, name);
    h->before.n = 0;
    for (unsigned i = 0; i < h->format_count; i++) {
        struct maillog_format *f = h->formats[i];
        struct later *l = f->rank == RANK_EACH ? m->counters[f->number].counter : NULL;
        if (!l)
            continue;
        memcpy(l->host, h->name, sizeof l->host);
        start_context(&f->context, m->written_ms);
    }
    for (unsigned i = 0; i < CACHE; i++)
        if (all->cache[i].host == h)
            all->cache[i].host = NULL;
    return h;
}

/* Is it a line of one of these formats? Then its host is one. */
static bool is_of_each(struct maillog_hosts *all, struct slice line)
{
    struct slice nested = syslog_nested(line);
    for (unsigned i = 0; i < all->each_count; i++) {
        struct event e;
        event_clear(&e);
        all->each[i].parse(&all->each[i].context, line, &e);
        if (e.kind == EVENT_FOREIGN && nested.n)
            all->each[i].parse(&all->each[i].context, nested, &e);
        if (e.kind != EVENT_FOREIGN)
            return true;
    }
    return false;
}

/* Whose formats the lines are offered to that have this word in front of their tag; NULL: it may become known yet. */
static struct maillog_host *host_of_word(struct maillog *m, struct slice word, struct slice line)
{
    struct maillog_hosts *all = m->hosts;
    struct slice name = syslog_host(word);
    struct maillog_host *h = name.n ? find(all, name) : &m->rest;
    if (h || !all->each_count)
        return h ? h : &m->rest;
    if (!is_of_each(all, line))
        return NULL;
    return all->found < MAILLOG_FOUND ? add_host(m, name, true) : take_place(m, name);
}

struct maillog_host *maillog_host_of(struct maillog *m, struct slice line)
{
    struct maillog_hosts *all = m->hosts;
    struct slice word = syslog_host_word(&m->heads, line);
    struct slice_key key = slice_key(word);
    unsigned slot = (unsigned)(slice_key_hash(&key) % CACHE);
    if (all->cache[slot].host && slice_key_eq(&all->cache[slot].key, &key) && word.n <= SLICE_KEY)
        return all->cache[slot].host;
    struct maillog_host *h = host_of_word(m, word, line);
    if (!h)
        return &m->rest;
    all->cache[slot].key = key;
    all->cache[slot].host = h;
    return h;
}

bool maillog_know(struct maillog *m, struct slice host, maillog_parse_line *parse)
{
    if (!m->hosts)
        return false;
    struct maillog_host *h = find_same(m->hosts, host);
    if (!h)
        h = add_host(m, host, true);
    for (unsigned i = 0; h && i < h->format_count; i++) {
        struct maillog_counter *c = &m->counters[h->formats[i]->number];
        if (h->formats[i]->parse == parse && c->count == count_first)
            make_counter(c->counter);
        h->counts = true;
    }
    return h != NULL;
}

/* ---- What is configured ---- */

static bool is_each(struct slice host)
{
    return slice_eq(host, SLICE(MAILLOG_EACH));
}

static bool add_rest(struct maillog *m, maillog_parse_line *parse, maillog_count_event *count,
                     void *counter)
{
    if (m->own_count == MAILLOG_FORMATS || m->counter_count == MAILLOG_STRANGE)
        return false;
    struct maillog_format *f = &m->own[m->own_count++];
    *f = (struct maillog_format){.parse = parse, .number = m->counter_count++, .rank = RANK_REST};
    m->counters[f->number] = (struct maillog_counter){count, counter};
    bool ok = put_format(&m->rest, f);
    for (unsigned i = 0; m->hosts && i < m->hosts->count; i++)
        ok &= put_format(m->hosts->all[i], f);
    return ok;
}

/* Lines of this format whose host has no formats of its own: they are told of. */
static bool add_strange(struct maillog *m, maillog_parse_line *parse)
{
    for (unsigned i = 0; i < m->rest.format_count; i++)
        if (m->rest.formats[i]->parse == parse)
            return true;
    struct maillog_format *f = make_format(m, parse, RANK_STRANGE);
    bool ok = f && put_format(&m->rest, f);
    for (unsigned i = 0; ok && i < m->hosts->count; i++)
        ok &= put_format(m->hosts->all[i], f);
    return ok;
}

static bool add_each(struct maillog *m, const struct each *is)
{
    struct maillog_hosts *all = m->hosts;
    if (all->each_count == MAILLOG_FORMATS)
        return false;
    struct each *each = &all->each[all->each_count++];
    *each = *is;
    for (unsigned i = 0; i < all->count; i++)
        if (!put_each(m, all->all[i], each))
            return false;
    return true;
}

static bool add_named(struct maillog *m, struct slice host, maillog_parse_line *parse,
                      maillog_count_event *count, void *counter)
{
    struct maillog_host *h = find_same(m->hosts, host);
    if (!h)
        h = add_host(m, host, false);
    struct maillog_format *f = h ? make_format(m, parse, RANK_HOST) : NULL;
    if (!f)
        return false;
    m->counters[f->number] = (struct maillog_counter){count, counter};
    return put_format(h, f);
}

bool maillog_add_of(struct maillog *m, struct slice host, maillog_parse_line *parse,
                    maillog_count_event *count, void *counter, maillog_make_counter *make)
{
    if (!host.n)
        return add_rest(m, parse, count, counter);
    if (!m->hosts)
        m->hosts = calloc(1, sizeof *m->hosts);
    const struct each each = {.parse = parse, .count = count, .counter = counter, .make = make};
    return m->hosts && add_strange(m, parse) &&
           (is_each(host) ? add_each(m, &each) : add_named(m, host, parse, count, counter));
}

static bool has_format(const struct maillog_host *h, maillog_parse_line *parse,
                       enum maillog_rank rank)
{
    for (unsigned i = 0; h && i < h->format_count; i++)
        if (h->formats[i]->parse == parse && h->formats[i]->rank == rank)
            return true;
    return false;
}

bool maillog_has_of(const struct maillog *m, struct slice host, maillog_parse_line *parse)
{
    if (!host.n)
        return has_format(&m->rest, parse, RANK_REST);
    for (unsigned i = 0; m->hosts && is_each(host) && i < m->hosts->each_count; i++)
        if (m->hosts->each[i].parse == parse)
            return true;
    return m->hosts && !is_each(host) && has_format(find_same(m->hosts, host), parse, RANK_HOST);
}

/* ---- What all of them have ---- */

void maillog_options(struct maillog *m, maillog_parse_line *parse, const void *options)
{
    for (unsigned i = 0; i < m->own_count; i++)
        if (m->own[i].parse == parse)
            m->own[i].context.options = options;
}

void maillog_time(struct maillog *m, int64_t reference_ms)
{
    m->written_ms = reference_ms;
    for (unsigned i = 0; i < m->own_count; i++)
        start_context(&m->own[i].context, reference_ms);
    for (unsigned i = 0; m->hosts && i < m->hosts->format_count; i++)
        start_context(&m->hosts->formats[i]->context, reference_ms);
    for (unsigned i = 0; m->hosts && i < m->hosts->each_count; i++)
        start_context(&m->hosts->each[i].context, reference_ms);
}

static void set_file(struct syslog_context *c, struct slice name, int64_t written_ms)
{
    c->file = name;
    c->file_ms = written_ms;
}

void maillog_file(struct maillog *m, struct slice name, int64_t written_ms)
{
    m->written_ms = written_ms;
    for (unsigned i = 0; i < m->own_count; i++)
        set_file(&m->own[i].context, name, written_ms);
    for (unsigned i = 0; m->hosts && i < m->hosts->format_count; i++)
        set_file(&m->hosts->formats[i]->context, name, written_ms);
}

static void keep_before(struct maillog_host *h)
{
    if (h->before.n > MAILLOG_KEPT)
        h->before.n = 0;
    if (!h->before.n || (h->keeps && h->before.p == h->kept[(h->keeps - 1) % MAILLOG_KEEPS]))
        return;
    char *room = h->kept[h->keeps++ % MAILLOG_KEEPS];
    memcpy(room, h->before.p, h->before.n);
    h->before.p = room;
}

void maillog_keep(struct maillog *m)
{
    keep_before(&m->rest);
    for (unsigned i = 0; m->hosts && i < m->hosts->count; i++)
        keep_before(m->hosts->all[i]);
}

void maillog_forget(struct maillog *m)
{
    m->rest.before.n = 0;
    for (unsigned i = 0; m->hosts && i < m->hosts->count; i++)
        m->hosts->all[i]->before.n = 0;
}
