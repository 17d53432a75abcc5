/*
 * The logs (files, the journal, FIFOs: input.h): each is followed once, whatever number of programs write to
 * it, and handed to the parsers of their formats. The stored position and the counters it explains go into the same
 * checkpoint. Invariant: a position is put only between two runs of whole lines.
 */
#include "../agent/host_name.h"
#include "../agent/log.h"
#include "collector.h"
#include "input.h"
#include "log_event.h"
#include "log_pattern.h"
#include "maillog.h"

#define BUDGET    (1 << 20) /* octets read in one go: about a millisecond */
#define NAME_SIZE 64
#define STRANGERS 8       /* hosts of a log that nobody named and that are told of */
#define SAMPLE_MS 3600000 /* an unrecognised line of a log is shown so often */

/* A text of the configuration to look for. */
struct watch {
    struct watch *next;
    struct log_pattern pattern;
    struct log_event *row;
};

struct log_source {
    struct log_source *next;
    struct watch *watches;
    struct syslog_context watch_time;
    const char *path; /* as configured: a file's, or "journal", "fifo:/path" */
    const struct input_kind *kind;
    void *input;
    struct maillog log;
    struct source *row;
    struct model_work *work;
    const struct collect *collect;
    uint32_t slot; /* in the store: the source's index */
    bool started;
    bool optional;                                  /* the file need not exist */
    uint64_t lines, unrecognised, bytes, rotations; /* as last added to the row */
    int64_t sample_ms;                              /* when an unrecognised line was shown last */
    uint64_t shown;                                 /* how many were not recognised by then */
    char strangers[STRANGERS][256];                 /* hosts that were told of */
    unsigned stranger_count;
};

static struct log_source *sources;
static uv_idle_t more; /* runs while there is more to read */

struct wanted_position {
    uint32_t slot;
    char *at; /* a copy */
    size_t size;
};

static bool load_position(void *arg, uint32_t slot, const void *data, size_t size)
{
    struct wanted_position *w = arg;
    if (slot != w->slot || w->at)
        return true;
    w->at = malloc(size + 1);
    if (!w->at)
        return false;
    memcpy(w->at, data, w->size = size);
    return true;
}

/* All are counted, a sample is shown. */
static void on_unrecognised(void *arg, struct slice line)
{
    struct log_source *l = arg;
    int64_t now = l->collect->monotonic_ms;
    if (l->shown && now - l->sample_ms < SAMPLE_MS)
        return;
    log_notice("%s: not recognised (%llu lines since the last one shown): %.*s", l->path,
               (unsigned long long)(l->log.unrecognised - l->shown),
               (int)(line.n < 300 ? line.n : 300), line.p);
    l->shown = l->log.unrecognised;
    l->sample_ms = now;
}

/* Lines of a host that nobody named are told of once, of so many hosts. */
static void on_stranger(void *arg, struct slice host)
{
    struct log_source *l = arg;
    for (unsigned i = 0; i < l->stranger_count; i++)
        if (host_name_same(slice_of(l->strangers[i]), host))
            return;
    if (l->stranger_count == STRANGERS)
        return;
    slice_copy(l->strangers[l->stranger_count++], sizeof l->strangers[0], host);
    const char *last = l->stranger_count == STRANGERS ? "; no further hosts are told of" : "";
    if (host.n)
        log_notice("%s: lines of the host %.*s are not counted: no instance has host = \"%.*s\"%s",
                   l->path, (int)host.n, host.p, (int)host.n, host.p, last);
    else
        log_notice("%s: lines that name no host are not counted: each instance has a host%s",
                   l->path, last);
}

static struct log_source *find(const char *path)
{
    for (struct log_source *l = sources; l; l = l->next)
        if (strcmp(l->path, path) == 0)
            return l;
    return NULL;
}

/*
 * The name of a log's source: the one it had, whatever program was the first to write there, because the
 * stored position hangs from it.
 */
static void name_source(const struct collect *c, const char *kind, const char *path,
                        char name[NAME_SIZE])
{
    size_t room = NAME_SIZE - 1 - strlen(kind) - strlen(" log "), n = strlen(path);
    if (n > room) /* its end is what tells it from others */
        snprintf(name, NAME_SIZE, "%s log ...%s", kind, path + n - (room - 3));
    else
        snprintf(name, NAME_SIZE, "%s log %s", kind, path);
    for (uint32_t i = 0; i < c->model->tables[MODEL_SOURCE].count; i++) {
        const struct source *s = model_row(c->model, MODEL_SOURCE, i);
        struct slice had = TEXT_GET(s->name);
        if ((s->kind == SOURCE_LOG || s->kind == SOURCE_JOURNAL) &&
            slice_eq(TEXT_GET(s->target), slice_of(path)))
            snprintf(name, NAME_SIZE, "%.*s", (int)had.n, had.p);
    }
}

static void wake(struct collect *c);

static struct log_source *add(struct collect *c, const char *kind, const char *path)
{
    char name[NAME_SIZE];
    const char *target;
    const struct input_kind *input = input_named(path, &target);
    name_source(c, kind, path, name);
    struct source *row =
        source_place(c, input->kind, name, path, 0, (c->config->interval_ms + 999) / 1000);
    if (!row)
        return NULL;
    struct wanted_position w = {.slot = row->row.key[0]};
    if (c->store && !store_load(c->store, STORE_FOLLOW, load_position, &w)) {
        log_error("%s: the stored position cannot be read: %s", path, store_error(c->store));
        return NULL;
    }
    struct log_source *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    *l = (struct log_source){.next = sources, .path = path, .row = row, .collect = c};
    l->slot = w.slot;
    l->kind = input;
    l->input = input->open(c, target, (struct slice){w.at, w.size}, wake);
    free(w.at);
    maillog_start(&l->log, c->tally);
    l->log.on_unrecognised = on_unrecognised;
    l->log.on_stranger = on_stranger;
    l->log.arg = l;
    l->log.in_parse = l->log.in_count = &c->work->line;
    l->work = c->work;
    sources = l;
    if (!l->input)
        log_error("%s: the stored position makes no sense, or memory is short", path);
    return l->input ? l : NULL;
}

struct maillog *log_source_of(struct collect *c, const char *kind, const char *path)
{
    struct log_source *l = find(path);
    if (!l)
        l = add(c, kind, path);
    return l ? &l->log : NULL;
}

uint32_t log_source_index(const char *path)
{
    const struct log_source *l = find(path);
    return l ? l->row->row.key[0] : 0;
}

void log_source_optional(const char *path)
{
    find(path)->optional = true;
}

#define DEATHS 2 /* so many on one line, and the next start does not touch it */

/* Was the process before this one killed by a line? */
static void judge_death(struct model_work *w)
{
    if (w->line == 0)
        return;
    bool again = w->line == w->died_line && w->file == w->died_file;
    w->deaths = again ? w->deaths + 1 : 1;
    w->died_line = w->line;
    w->died_file = w->file;
    w->line = 0;
    if (w->deaths >= DEATHS)
        log_error(
            "the line at octet %llu of the log with inode %llu killed this program %llu times "
            "and is left out; please report it",
            (unsigned long long)w->died_line - 1, (unsigned long long)w->died_file,
            (unsigned long long)w->deaths);
}

/* Notes where the run is, for the case that one of its lines is the last. */
static void begin_run(struct log_source *l, int64_t written_ms)
{
    struct input_place at = l->kind->place(l->input);
    struct model_work *w = l->work;
    const char *slash = strrchr(l->path, '/');
    maillog_file(&l->log, slice_of(at.name ? at.name : slash ? slash + 1 : l->path), written_ms);
    l->log.base = at.offset;
    w->file = at.file;
    l->log.skip = w->deaths >= DEATHS && w->died_file == at.file ? w->died_line : 0;
}

/* Counts the lines of a run that the configuration asks for. */
static void watch_lines(struct log_source *l, struct slice run)
{
    struct event e = {0};
    for (struct watch *w = l->watches; w; w = w->next) {
        struct slice rest = run, line;
        while (log_pattern_next(&w->pattern, &rest, &line)) {
            struct slice stamped = line;
            bool told = syslog_stamp(&l->watch_time, &stamped, &e);
            int64_t at =
                (told ? e.time_ms : l->watch_time.now_ms) - l->collect->real_minus_monotonic_ms;
            bool plain = strcmp(l->collect->config->show_users, "plain") == 0;
            log_event_count(l->collect->model, w->row, at, plain ? line : (struct slice){NULL, 0});
        }
    }
}

#define BEFORE 4096

/* What the process before this one read last, from its first whole line on. */
static void look_back(struct log_source *l)
{
    char room[BEFORE];
    struct slice read = {room, l->kind->before ? l->kind->before(l->input, room, sizeof room) : 0};
    if (read.n == sizeof room)
        slice_line(&read);
    maillog_before(&l->log, read);
}

static void lines(void *arg, struct slice run, int64_t reference_ms)
{
    struct log_source *l = arg;
    if (!l->started) {
        maillog_time(&l->log, reference_ms);
        syslog_start(&l->watch_time, reference_ms);
        look_back(l);
    }
    l->started = true;
    begin_run(l, reference_ms);
    maillog_lines(&l->log, run);
    watch_lines(l, run);
}

static void update_row(struct collect *c, struct log_source *l)
{
    struct follow_status st;
    l->kind->status(l->input, &st);
    c->caught_up &= st.status != SOURCE_CATCHING_UP;
    bool changed = st.bytes != l->bytes || st.rotations != l->rotations;
    l->row->items += l->log.lines - l->lines;
    l->row->unrecognised += l->log.unrecognised - l->unrecognised;
    l->row->bytes += st.bytes - l->bytes;
    l->row->rotations += st.rotations - l->rotations;
    l->row->behind_bytes = st.behind_bytes;
    l->lines = l->log.lines;
    l->unrecognised = l->log.unrecognised;
    l->bytes = st.bytes;
    l->rotations = st.rotations;
    if (changed)
        model_dirty(c->model, MODEL_SOURCE, l->row);
    if (l->optional && st.status == SOURCE_MISSING)
        source_status(c, l->row, SOURCE_OK, NULL);
    else
        source_status(c, l->row, st.status, st.error);
}

/*
 * Reads one budget of each log; true: some have more. When none is catching up any more, all were read to
 * their end once.
 */
static bool read_all(struct collect *c)
{
    bool again = false, before = c->caught_up;
    c->caught_up = true;
    tally_clock(c->tally, c->real_minus_monotonic_ms);
    for (struct log_source *l = sources; l; l = l->next) {
        again |= l->kind->read(l->input, BUDGET, lines, l) == FOLLOW_MORE;
        update_row(c, l);
    }
    c->caught_up = before || (c->caught_up && !again);
    return again;
}

static void on_more(uv_idle_t *handle)
{
    if (!read_all(handle->data))
        uv_idle_stop(handle);
}

/* An input has something before the next tick. */
static void wake(struct collect *c)
{
    (void)c;
    uv_idle_start(&more, on_more);
}

/* A line of a log that is only counted. */
static void any_line(struct syslog_context *c, struct slice line, struct event *e)
{
    (void)line;
    event_clear(e);
    e->kind = EVENT_NONE;
    e->time_ms = c->now_ms;
}

/* A log beside the main one, which need not be there: that there is nothing to say is well. */
static bool follow_beside(struct collect *c, const struct instance_of_mta *i, const char *path)
{
    if (!path || find(path))
        return true;
    struct maillog *log = log_source_of(c, i->mta->name, path);
    if (!log)
        return false;
    log_source_optional(path);
    return maillog_add(log, any_line, maillog_count_nothing, NULL);
}

static uint64_t severity_named(const char *name)
{
    static const char *const names[] = {"cleared", "indeterminate", "critical",
                                        "major",   "minor",         "warning"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0)
            return i + SEVERITY_CLEARED;
    return SEVERITY_INDETERMINATE;
}

/* A text that the configuration asks for. */
static bool add_watch(struct collect *c, const struct config_log_event *e)
{
    struct watch *w = calloc(1, sizeof *w);
    if (!w || !log_source_of(c, "watched", e->source)) {
        free(w);
        return false;
    }
    struct log_source *l = find(e->source);
    w->row = log_event_place(c->model, c->names, slice_of(e->name), severity_named(e->severity),
                             l->row->row.key[0]);
    if (!log_pattern_parse(&w->pattern, slice_of(e->pattern)) || !w->row) {
        log_error("log event %s is left out: its pattern has more than %d parts, or there are too "
                  "many",
                  e->name, LOG_PATTERN_PARTS);
        free(w);
        return true;
    }
    w->next = l->watches;
    l->watches = w;
    return true;
}

/* Whatever stands in an MTA's panic log is an event. */
static bool watch_panics(struct collect *c, const struct instance_of_mta *i)
{
    char name[64];
    snprintf(name, sizeof name, "%s panic log", i->config->name);
    struct config_log_event every = {.name = name,
                                     .source = i->config->panic_log,
                                     .pattern = (char *)" ",
                                     .severity = (char *)"major"};
    return !i->config->panic_log || add_watch(c, &every);
}

void log_source_know(struct collect *c, struct maillog *log, maillog_parse_line *parse,
                     struct slice name)
{
    name = slice_skip(name, strlen(MAILLOG_EACH));
    for (uint32_t i = 0; i < c->model->tables[MODEL_APPL].count; i++) {
        const struct appl *a = model_row(c->model, MODEL_APPL, i);
        struct slice rest = TEXT_GET(a->name), host = slice_head(rest, slice_find(rest, '/'));
        rest = slice_skip(rest, host.n);
        if (slice_take(&rest, name) && (rest.n == 0 || *rest.p == '/') && host_name_good(host))
            maillog_know(log, host, parse);
    }
}

/* An instance for each host that is found. */
static bool add_each(struct collect *c, const struct config_mta *m)
{
    const struct mta *mta = mta_find(m->type);
    struct maillog *log = log_source_of(c, m->type, m->log);
    if (!log || !maillog_add_mta_of(log, SLICE(MAILLOG_EACH), mta, slice_of(m->name)))
        return false;
    log_source_know(c, log, mta->parse, slice_of(m->name));
    return true;
}

static bool start(struct collect *c)
{
    uv_idle_init(c->loop, &more);
    more.data = c;
    judge_death(c->work);
    for (unsigned n = 0; n < c->instance_count; n++) {
        const struct instance_of_mta *i = &c->instances[n];
        if (!i->config->log)
            continue;
        struct maillog *log = log_source_of(c, i->mta->name, i->config->log);
        if (!log ||
            !maillog_add_mta_of(log, slice_of(i->config->host), i->mta, slice_of(i->config->name)))
            return false;
    }
    for (unsigned n = 0; n < c->config->mta_count; n++) {
        const struct config_mta *m = &c->config->mtas[n];
        if (m->host && m->log && strcmp(m->host, CONFIG_EACH_HOST) == 0 && !add_each(c, m))
            return false;
    }
    for (unsigned n = 0; n < c->instance_count; n++)
        if (!follow_beside(c, &c->instances[n], c->instances[n].config->reject_log) ||
            !follow_beside(c, &c->instances[n], c->instances[n].config->panic_log) ||
            !watch_panics(c, &c->instances[n]))
            return false;
    for (unsigned n = 0; n < c->config->log_events.count; n++)
        if (!add_watch(c, (const struct config_log_event *)c->config->log_events.items + n))
            return false;
    log_event_drop_unplaced(c->model, c->config);
    return true;
}

/* Tells of instances that nobody named, of not more than one a minute: who may log chooses tags. */
static void tell_strangers(struct collect *c)
{
    static int64_t next_ms;
    if (!next_ms)
        next_ms = c->monotonic_ms + 10000;
    const char *name = c->monotonic_ms >= next_ms ? tally_stranger(c->tally) : NULL;
    if (!name)
        return;
    next_ms = c->monotonic_ms + 60000;
    log_notice("lines are tagged \"%s\", but no such mail system is configured or was found: it "
               "becomes an application when another of its daemons writes; syslog_names tells "
               "whose a tag is",
               name);
}

static void tick(struct collect *c)
{
    tell_strangers(c);
    if (uv_is_active((uv_handle_t *)&more))
        return;
    if (read_all(c))
        uv_idle_start(&more, on_more);
}

static bool save(struct collect *c, struct checkpoint *to)
{
    bool ok = true;
    (void)c;
    for (const struct log_source *l = sources; l; l = l->next) {
        struct slice at = l->kind->position(l->input);
        ok &= checkpoint_offer(to, STORE_FOLLOW, l->slot, at.p, at.n);
    }
    return ok;
}

static void stop(struct collect *c)
{
    (void)c;
    uv_close((uv_handle_t *)&more, NULL);
    for (struct log_source *l = sources, *next; l; l = next) {
        next = l->next;
        l->kind->close(l->input);
        maillog_stop(&l->log);
        for (struct watch *w = l->watches, *following; w; w = following) {
            following = w->next;
            free(w);
        }
        free(l);
    }
    sources = NULL;
}

const struct collector collector_log = {"log", start, tick, save, stop};
