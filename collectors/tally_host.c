/*
 * Logs, and the hosts that they are of: where several hosts write to one log, each has a log of its own here, and its
 * instances have its name before theirs.
 */
#include "tally_internal.h"

static struct slice join(struct slice host, struct slice name, char room[128])
{
    slice_copy(room, 64, host);
    size_t n = strlen(room);
    if (n)
        room[n++] = '/';
    slice_copy(room + n, 64, name);
    return slice_of(room);
}

struct slice tally_name_of(const struct tally_log *log, struct slice name, char room[128])
{
    return log->host[0] ? join(slice_of(log->host), name, room) : name;
}

struct tally_log *tally_log(struct tally *t, const struct mta *mta, struct slice host,
                            struct slice instance)
{
    char room[128];
    struct tally_log *l = calloc(1, sizeof *l);
    struct tag *tags = l && host.n ? calloc(TAGS, sizeof *tags) : t->tags;
    if (!l || !tags) {
        free(l);
        return NULL;
    }
    *l = (struct tally_log){.next = t->logs, .tally = t, .mta = mta, .tags = tags};
    slice_copy(l->host, sizeof l->host, host);
    if (!instance.n)
        instance = tally_name_of(l, slice_of(mta->name), room);
    slice_copy(l->instance, sizeof l->instance, instance);
    return t->logs = l;
}

void tally_logs_free(struct tally *t)
{
    for (struct tally_log *l = t->logs, *next; l; l = next) {
        next = l->next;
        if (l->tags != t->tags)
            free(l->tags);
        free(l);
    }
}

void tally_here(struct tally *t, struct slice host)
{
    slice_copy(t->here, sizeof t->here, host);
}

struct gone_of *tally_gone_of(struct tally *t, uint32_t appl, bool make)
{
    struct gone_of *g = t->gones;
    while (g && g->appl != appl)
        g = g->next;
    if (g || !make || !(g = calloc(1, sizeof *g)))
        return g;
    g->appl = appl;
    g->next = t->gones;
    return t->gones = g;
}

/* How many connections its peers have now is not known. */
static void set_elsewhere(struct tally *t, struct instance *i)
{
    i->elsewhere = true;
    for (uint32_t n = 0; n < t->model->tables[MODEL_PEER].count; n++) {
        struct peer *p = model_row(t->model, MODEL_PEER, n);
        if (p->row.key[0] == i->appl->row.key[0])
            p->current = p->syn_received = p->close_wait = MODEL_ABSENT;
    }
}

void tally_own(const struct tally_log *log, struct instance *i)
{
    struct tally *t = log->tally;
    if (!log->host[0])
        return;
    if (!i->elsewhere && !host_name_fits(slice_of(log->host), slice_of(t->here)))
        set_elsewhere(t, i);
    struct gone_of *own = tally_gone_of(t, i->appl->row.key[0], true);
    if (own)
        i->gone = &own->gone;
}

/* A name of one host as one of another; empty: it is neither. */
static struct slice renamed(const struct tally_log *of, struct slice name, struct slice host,
                            char room[128])
{
    if (!slice_take(&name, slice_of(of->host)) || !slice_take(&name, SLICE("/")))
        return slice_head(name, 0);
    return join(host, name, room);
}

struct tally_log *tally_log_of_host(struct tally_log *log, struct slice host)
{
    struct tally *t = log->tally;
    char room[128];
    struct slice name = renamed(log, slice_of(log->instance), host, room);
    struct instance *i = name.n ? tally_instance(t, log->mta, name) : NULL;
    if (!i)
        return NULL;
    struct tally_log *made = tally_log(t, log->mta, host, name);
    if (!made)
        return NULL;
    tally_own(made, i);
    for (const struct alias *a = t->aliases; a; a = a->next)
        if (a->mta == log->mta && strcmp(a->host, log->host) == 0 &&
            (name = renamed(log, slice_of(a->name), host, room)).n)
            tally_alias(t, log->mta, host, slice_of(a->app), name, slice_of(a->prefix));
    for (const struct alias *a = t->internals; a; a = a->next)
        if ((name = renamed(log, slice_of(a->name), host, room)).n)
            tally_internal_service(t, name, slice_of(a->app));
    return made;
}

void tally_set_elsewhere(struct tally *t, const struct appl *a)
{
    struct instance *i = tally_instance_of(t, a);
    if (i)
        set_elsewhere(t, i);
}

bool tally_is_elsewhere(const struct tally *t, uint32_t appl)
{
    const struct instance *i = tally_instance_at(t, appl);
    return i && i->elsewhere;
}
