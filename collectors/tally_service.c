/*
 * Instances and services: the rows of applTable and mtaGroupTable that lines are about. A name has one
 * row for ever; a row is made when there is room for it, and gets its number only then.
 */
#include "tally_internal.h"

#include <stdio.h>

static void copy(char *to, size_t size, struct slice from)
{
    from = slice_head(from, size - 1);
    if (from.n)
        memcpy(to, from.p, from.n);
    to[from.n] = 0;
}

static void remember(struct alias **list, const struct mta *mta, struct slice host,
                     struct slice app, struct slice name, struct slice prefix)
{
    struct alias *a = calloc(1, sizeof *a);
    if (!a)
        abort();
    a->mta = mta;
    copy(a->host, sizeof a->host, host);
    copy(a->app, sizeof a->app, app);
    copy(a->name, sizeof a->name, name);
    copy(a->prefix, sizeof a->prefix, prefix);
    a->next = *list;
    *list = a;
}

void tally_alias(struct tally *t, const struct mta *mta, struct slice host, struct slice app,
                 struct slice name, struct slice prefix)
{
    remember(&t->aliases, mta, host, app, name, prefix);
}

void tally_internal_service(struct tally *t, struct slice name, struct slice service)
{
    remember(&t->internals, NULL, SLICE(""), service, name, SLICE(""));
}

/* Counters that an MTA's row starts with; what no log tells stays absent. */
static void start_appl(struct appl *a, const struct mta *mta, struct slice name)
{
    TEXT_SET(a->name, name);
    a->is_mta = 1;
    a->accumulated_inbound = a->accumulated_outbound = a->rejected_inbound = a->failed_outbound = 0;
    a->received_messages = a->received_bytes = a->received_recipients = 0;
    a->transmitted_messages = a->transmitted_bytes = a->transmitted_recipients = 0;
    a->loops_detected = a->stress = a->connect_debt = 0;
    if (mta->flags & MTA_CONNECTIONS_OPTIONAL)
        a->accumulated_inbound = MODEL_ABSENT;
}

/*
 * May a row be made? Whoever can write to the log chooses names: a name without room for its row gets
 * no number, so that the names stay as bounded as the rows are.
 */
static bool has_room(struct rows *r)
{
    if (r->count < r->capacity)
        return true;
    r->overflow++;
    return false;
}

static struct appl *find_appl(const struct tally *t, struct slice name)
{
    for (uint32_t n = 0; n < t->model->tables[MODEL_APPL].count; n++) {
        struct appl *a = model_row(t->model, MODEL_APPL, n);
        if (slice_eq(TEXT_GET(a->name), name))
            return a;
    }
    return NULL;
}

bool tally_knows(const struct tally *t, struct slice name)
{
    return find_appl(t, name) != NULL;
}

static struct appl *place_appl(struct tally *t, const struct mta *mta, struct slice name)
{
    struct appl *a = find_appl(t, name);
    if (a || !has_room(&t->model->tables[MODEL_APPL]))
        return a;
    uint32_t key[3] = {names_index(t->names, MODEL_APPL, 0, name), 0, 0};
    if (key[0] == 0 || key[0] > UINT16_MAX)
        return NULL;
    a = model_place(t->model, MODEL_APPL, key, NULL);
    if (!a)
        return NULL;
    start_appl(a, mta, name);
    TEXT_SET(a->description, slice_of(mta->summary));
    model_dirty(t->model, MODEL_APPL, a);
    return a;
}

struct instance *tally_instance(struct tally *t, const struct mta *mta, struct slice name)
{
    struct text64 fits; /* the name as a row keeps it */
    TEXT_SET(fits, name);
    name = TEXT_GET(fits);
    for (struct instance *i = t->instances; i; i = i->next)
        if (slice_eq(TEXT_GET(i->appl->name), name))
            return i->mta == mta ? i : NULL;
    struct appl *a = place_appl(t, mta, name);
    if (!a)
        return NULL;
    struct instance *i = calloc(1, sizeof *i);
    if (!i)
        return NULL;
    struct gone_of *own = tally_gone_of(t, a->row.key[0], false);
    *i = (struct instance){.next = t->instances,
                           .gone = own ? &own->gone : &t->gone,
                           .mta = mta,
                           .appl = a,
                           .run_at = MODEL_NEVER,
                           .attempt_at = MODEL_NEVER};
    for (uint32_t n = 0; n < t->model->tables[MODEL_GROUP].count; n++) {
        const struct group *g = model_row(t->model, MODEL_GROUP, n);
        i->transports += g->row.key[0] == a->row.key[0] && g->hierarchy == -2;
    }
    return t->instances = i;
}

struct appl *tally_appl(struct tally *t, const struct mta *mta, struct slice name)
{
    struct instance *i = tally_instance(t, mta, name);
    return i ? i->appl : NULL;
}

struct instance *tally_instance_of(const struct tally *t, const struct appl *a)
{
    struct instance *i = t->instances;
    while (i && i->appl != a)
        i = i->next;
    return i;
}

struct instance *tally_instance_at(const struct tally *t, uint32_t appl)
{
    struct instance *i = t->instances;
    while (i && i->appl->row.key[0] != appl)
        i = i->next;
    return i;
}

/* ---- Parts of an MTA ---- */

static struct appl *place_part(struct tally *t, struct slice name, const char *description)
{
    if (!has_room(&t->model->tables[MODEL_APPL]))
        return NULL;
    struct appl *a = names_place(t->names, t->model, MODEL_APPL, name);
    if (!a)
        return NULL;
    TEXT_SET(a->name, name);
    TEXT_SET(a->description, slice_of(description));
    a->is_mta = 0;
    a->accumulated_inbound = a->rejected_inbound = 0;
    model_dirty(t->model, MODEL_APPL, a);
    return a;
}

struct appl *tally_part(struct tally *t, const struct appl *whole, enum tally_part part, bool make)
{
    static const struct {
        const char *name, *description;
    } parts[TALLY_PARTS] = {
        [PART_SMTP] = {"smtp", "SMTP service: its associations are the MTA's too"},
        [PART_SUBMISSION] = {"submission",
                             "submission service: its messages and associations are the MTA's too"},
    };
    struct instance *i = tally_instance_of(t, whole);
    if (!i || !(i->mta->flags & MTA_HAS_PARTS))
        return NULL;
    if (i->parts[part])
        return i->parts[part];
    struct text64 name; /* as the row keeps it */
    char text[80];
    struct slice base = TEXT_GET(whole->name);
    snprintf(text, sizeof text, "%.*s/%s", (int)base.n, base.p, parts[part].name);
    TEXT_SET(name, slice_of(text));
    struct appl *a = find_appl(t, TEXT_GET(name));
    if (!a && make)
        a = place_part(t, TEXT_GET(name), parts[part].description);
    return i->parts[part] = a && a != whole ? a : NULL;
}

const struct appl *tally_whole(const struct tally *t, const struct appl *part)
{
    for (const struct instance *i = t->instances; i; i = i->next)
        for (unsigned p = 0; p < TALLY_PARTS; p++)
            if (i->parts[p] == part)
                return i->appl;
    return part;
}

/* A channel carries everything. First attempts and times are absent until something tells them. */
static void start_channel(struct group *g)
{
    g->received_messages = g->received_bytes = g->received_recipients = 0;
    g->submitted_messages = g->submitted_bytes = g->submitted_recipients = 0;
    g->rejected_messages = g->rejected_recipients = g->rejected_bytes = g->bounces_generated = 0;
    g->delivered_first_time = g->expired = g->loops_detected = MODEL_ABSENT;
    g->queue_time_sum_ms = g->queue_time_count = MODEL_ABSENT;
    g->queue_time_first_sum_ms = g->queue_time_first_count = MODEL_ABSENT;
    g->accumulated_inbound = g->rejected_inbound = 0;
    g->accumulated_outbound = g->failed_outbound = 0;
}

/* A group has the columns of its slice; the others stay absent. */
static void start_group(struct group *g, const struct mta_service *is, int hierarchy)
{
    g->hierarchy = hierarchy;
    if (hierarchy == -1) {
        g->received_messages = g->received_bytes = g->received_recipients = 0;
        g->submitted_messages = g->submitted_bytes = g->submitted_recipients = 0;
        g->rejected_messages = g->rejected_recipients = 0;
    }
    if (hierarchy == -2) {
        g->transmitted_messages = g->transmitted_bytes = g->transmitted_recipients = 0;
        g->attempted_messages = g->attempted_bytes = g->attempted_recipients = 0;
        g->failed_messages = g->failed_bytes = g->failed_recipients = 0;
        g->delivered_first_time = g->expired = g->loops_detected = 0;
        g->queue_time_sum_ms = g->queue_time_count = 0;
        g->queue_time_first_sum_ms = g->queue_time_first_count = 0;
    }
    if (is && is->flags & MTA_SERVICE_CHANNEL)
        start_channel(g);
    if (!is)
        return;
    g->protocol_port = is->port;
    TEXT_SET(g->description, slice_of(is->description));
    if (is->flags & MTA_SERVICE_OWN)
        g->bounces_generated = 0;
    if (is->flags & MTA_SERVICE_NETWORK && hierarchy == -1)
        g->accumulated_inbound = g->rejected_inbound = g->connect_debt = 0;
    if (is->flags & MTA_SERVICE_NETWORK && hierarchy == -2)
        g->accumulated_outbound = g->failed_outbound = 0;
}

bool tally_is_internal(const struct tally *t, const struct instance *i, struct slice service)
{
    for (const struct alias *a = t->internals; a; a = a->next)
        if (slice_eq(slice_of(a->app), service) &&
            slice_eq(slice_of(a->name), TEXT_GET(i->appl->name)))
            return true;
    return false;
}

static struct group *find_group(const struct tally *t, const struct instance *i, struct slice name)
{
    for (uint32_t n = 0; n < t->model->tables[MODEL_GROUP].count; n++) {
        struct group *g = model_row(t->model, MODEL_GROUP, n);
        if (g->row.key[0] == i->appl->row.key[0] && slice_eq(TEXT_GET(g->name), name))
            return g;
    }
    return NULL;
}

static struct group *place_group(struct tally *t, struct instance *i, const struct mta_service *is,
                                 struct slice name, int hierarchy)
{
    struct group *g = find_group(t, i, name);
    if (g || !has_room(&t->model->tables[MODEL_GROUP]))
        return g;
    uint32_t key[3] = {i->appl->row.key[0], 0, 0};
    key[1] = names_index(t->names, MODEL_GROUP, key[0], name);
    g = key[1] ? model_place(t->model, MODEL_GROUP, key, NULL) : NULL;
    if (!g)
        return NULL;
    TEXT_SET(g->name, name);
    g->created_at = t->at;
    start_group(g, is, hierarchy);
    if (hierarchy == -1 && i->mta->flags & MTA_CONNECTIONS_OPTIONAL)
        g->accumulated_inbound = MODEL_ABSENT;
    if (hierarchy == -2)
        g->ordinal = i->transports++;
    model_dirty(t->model, MODEL_GROUP, g);
    return g;
}

/*
 * Is it the service that is meant? Not if the log gives one name to a service that receives and to one
 * that delivers. One that was made of its group's row after a restart learns here what it is.
 */
static bool is_kind(struct service *s, const struct mta_service *is, int hierarchy)
{
    if (!s->is)
        s->is = is;
    return s->is == is && s->group->hierarchy == hierarchy;
}

struct service *tally_service(struct tally *t, struct instance *i, const struct mta_service *is,
                              struct slice name, int hierarchy, struct slice description)
{
    struct text64 fits;
    TEXT_SET(fits, name);
    name = TEXT_GET(fits);
    for (struct service *s = i->services; s; s = s->next)
        if (slice_eq(TEXT_GET(s->group->name), name))
            return is_kind(s, is, hierarchy) ? s : NULL;
    struct group *g = place_group(t, i, is, name, hierarchy);
    struct service *s = g && g->hierarchy == hierarchy ? calloc(1, sizeof *s) : NULL;
    if (!s)
        return NULL;
    if (description.n)
        TEXT_SET(g->description, description);
    *s = (struct service){.next = i->services, .of = i, .group = g, .is = is};
    s->internal = tally_is_internal(t, i, name);
    if (g->row.key[1] <= UINT8_MAX)
        i->numbered[g->row.key[1]] = s;
    return i->services = s;
}

struct group *tally_group(struct tally *t, const struct appl *a, struct slice name, int hierarchy,
                          struct slice description)
{
    struct instance *i = tally_instance_of(t, a);
    struct service *s = i ? tally_service(t, i, NULL, name, hierarchy, description) : NULL;
    return s ? s->group : NULL;
}

struct group *tally_find_group(const struct tally *t, const struct appl *a, struct slice name)
{
    const struct instance *i = tally_instance_of(t, a);
    for (const struct service *s = i ? i->services : NULL; s; s = s->next)
        if (slice_eq(TEXT_GET(s->group->name), name))
            return s->group;
    return NULL;
}

struct group *tally_relay_service(const struct tally *t, const struct appl *a, uint16_t port)
{
    const struct instance *i = tally_instance_of(t, a);
    for (unsigned n = 0; i && n < RELAY_PORTS; n++)
        if (i->ports[n].port == port && i->ports[n].service)
            return i->ports[n].service->group;
    return NULL;
}

int64_t tally_next_run(const struct tally *t, const struct appl *a)
{
    const struct instance *i = tally_instance_of(t, a);
    if (!i)
        return MODEL_NEVER;
    int64_t every_ms = i->run_told_ms ? i->run_told_ms : i->run_seen_ms;
    return i->run_at != MODEL_NEVER && every_ms > 0 ? i->run_at + every_ms : i->attempt_at;
}

void tally_attempt(struct tally *t, const struct appl *appl, const struct mta_attempt *a,
                   int64_t at_ms)
{
    struct instance *i = tally_instance_of(t, appl);
    if (i && (i->attempt_at == MODEL_NEVER || at_ms < i->attempt_at))
        i->attempt_at = at_ms;
    destination_attempt(t, appl->row.key[0], a, at_ms);
}

void tally_next_attempt(struct tally *t, const struct appl *appl, struct queue_id id, uint32_t at_s)
{
    destination_next_attempt(t, appl->row.key[0], id, at_s);
}

void tally_attempts_forget(struct tally *t, const struct appl *appl)
{
    struct instance *i = tally_instance_of(t, appl);
    if (i)
        i->attempt_at = MODEL_NEVER;
    destination_attempts_forget(t, appl->row.key[0]);
}
