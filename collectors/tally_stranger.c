/*
 * Instances that only the tags of their lines tell of. Whoever may write to syslog chooses tags, so one of
 * these makes no application before two daemons of it have written: what came first is kept and counted
 * then. Invariant: what is kept here was counted nowhere.
 */
#include "tally_internal.h"

#define STRANGERS 8    /* names at a time; the one that was silent for longest gives way */
#define KEPT      16   /* events of each */
#define TEXT_MAX  1536 /* octets of an event's texts; a longer one is not kept */
#define ADMITTED  8    /* applications that are made of tags alone, in the life of this process */

struct kept {
    struct tally_log *from;
    struct event event;
    char text[TEXT_MAX];
};

struct stranger {
    char name[64], daemon[32];
    struct kept *kept;
    unsigned count;
    uint64_t seen; /* turn */
    bool told;
};

struct strangers {
    struct stranger all[STRANGERS];
    uint64_t turn;
    unsigned admitted;
};

bool tally_wait_for_strangers(struct tally *t)
{
    t->strangers = calloc(1, sizeof *t->strangers);
    return t->strangers != NULL;
}

void tally_strangers_free(struct tally *t)
{
    for (unsigned n = 0; t->strangers && n < STRANGERS; n++)
        free(t->strangers->all[n].kept);
    free(t->strangers);
}

static bool is(const char *text, struct slice s)
{
    return slice_eq(slice_of(text), s);
}

static void copy(char *to, size_t size, struct slice from)
{
    from = slice_head(from, size - 1);
    memcpy(to, from.p, from.n);
    to[from.n] = '\0';
}

/* The daemon of a service: "submission/smtpd" is smtpd. */
static struct slice daemon_of(const struct event *e)
{
    struct slice s = e->service;
    for (size_t at; (at = slice_find(s, '/')) < s.n;)
        s = slice_skip(s, at + 1);
    return slice_head(s, sizeof((struct stranger){0}).daemon - 1);
}

static struct stranger *find(struct strangers *all, struct slice name)
{
    struct stranger *s = &all->all[0];
    for (unsigned n = 0; n < STRANGERS; n++) {
        if (is(all->all[n].name, name))
            return &all->all[n];
        if (all->all[n].seen < s->seen)
            s = &all->all[n];
    }
    copy(s->name, sizeof s->name, name);
    s->daemon[0] = '\0';
    s->count = 0;
    s->told = false;
    return s;
}

/* The event with texts of its own; it is not kept if they have no room. */
static void keep(struct stranger *s, struct tally_log *from, const struct event *e)
{
    if (!s->kept)
        s->kept = calloc(KEPT, sizeof *s->kept);
    if (!s->kept || s->count == KEPT)
        return;
    struct kept *k = &s->kept[s->count];
    struct slice *texts[] = {&k->event.tag,  &k->event.app,      &k->event.service, &k->event.id,
                             &k->event.peer, &k->event.other_id, &k->event.address, &k->event.relay,
                             &k->event.text, &k->event.original};
    size_t used = 0;
    k->from = from;
    k->event = *e;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i]->n > TEXT_MAX - used)
            return;
        if (texts[i]->n)
            memcpy(k->text + used, texts[i]->p, texts[i]->n);
        texts[i]->p = k->text + used;
        used += texts[i]->n;
    }
    s->count++;
}

static void admit(struct tally *t, struct stranger *s)
{
    struct stranger known = *s;
    *s = (struct stranger){.seen = 0};
    t->strangers->admitted++;
    if (tally_instance(t, known.kept[0].from->mta, slice_of(known.name)))
        for (unsigned n = 0; n < known.count; n++)
            tally_event(known.kept[n].from, &known.kept[n].event);
    free(known.kept);
}

bool tally_is_stranger(struct tally_log *from, const struct event *e)
{
    struct tally *t = from->tally;
    struct strangers *all = t->strangers;
    char room[128];
    struct slice name =
        slice_head(tally_name_of(from, e->app, room), sizeof((struct stranger){0}).name - 1);
    if (!all || tally_knows(t, name))
        return false;
    struct stranger *s = find(all, name);
    struct slice daemon = daemon_of(e);
    s->seen = ++all->turn;
    if (s->count && daemon.n && !is(s->daemon, daemon) && all->admitted < ADMITTED) {
        admit(t, s);
        return false;
    }
    if (!s->daemon[0])
        copy(s->daemon, sizeof s->daemon, daemon);
    keep(s, from, e);
    return true;
}

const char *tally_stranger(struct tally *t)
{
    for (unsigned n = 0; t->strangers && n < STRANGERS; n++) {
        struct stranger *s = &t->strangers->all[n];
        if (!s->name[0] || s->told)
            continue;
        s->told = true;
        return s->name;
    }
    return NULL;
}
