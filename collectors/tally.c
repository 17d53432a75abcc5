/*
 * The tally: tags -> instances and services, kinds of events -> what they count. That is in the other
 * tally_*.c: associations, messages, peers, destinations.
 * Invariant: every number here is a function of the events given so far.
 */
#include "own.h"
#include "recipients.h"
#include "tally_internal.h"

struct tally *tally_new(struct model *model, struct names *names, uint32_t messages_max,
                        bool persist)
{
    struct tally *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    *t = (struct tally){.model = model, .names = names, .next_destination = 1};
    t->at = MODEL_NEVER;
    if (messages_init(&t->messages, messages_max, persist) && hashindex_init(&t->peers, 6) &&
        hashindex_init(&t->destinations, 6))
        return t;
    tally_free(t);
    return NULL;
}

static void free_aliases(struct alias *a)
{
    while (a) {
        struct alias *next = a->next;
        free(a);
        a = next;
    }
}

void tally_free(struct tally *t)
{
    if (!t)
        return;
    for (struct instance *i = t->instances, *next; i; i = next) {
        next = i->next;
        for (struct service *s = i->services, *following; s; s = following) {
            following = s->next;
            free(s);
        }
        free(i);
    }
    tally_logs_free(t);
    for (struct gone_of *g = t->gones, *next; g; g = next) {
        next = g->next;
        free(g);
    }
    tally_strangers_free(t);
    free_aliases(t->aliases);
    free_aliases(t->internals);
    free(t->wait_lists);
    free(t->retries_s);
    hashindex_free(&t->peers);
    hashindex_free(&t->destinations);
    messages_free(&t->messages);
    free(t);
}

void tally_clock(struct tally *t, int64_t real_minus_monotonic_ms)
{
    t->real_minus_monotonic_ms = real_minus_monotonic_ms;
}

struct entry *tally_entry(struct tally *t, struct service *s, enum entry_code code,
                          const struct event *e, struct slice reason)
{
    if (!s)
        return NULL;
    struct entry *entry = s->entries[code];
    if (!entry) {
        uint32_t key[3] = {s->group->row.key[0], s->group->row.key[1], code};
        entry = s->entries[code] = model_place(t->model, MODEL_ENTRY, key, NULL);
        if (!entry)
            return NULL;
    }
    entry->count++;
    entry->last_at = tally_at(t, e);
    if (reason.n)
        TEXT_SET(entry->last_reason, reason);
    model_dirty(t->model, MODEL_ENTRY, entry);
    return entry;
}

void tally_error(struct tally *t, struct service *s, uint32_t code, enum tally_side side)
{
    if (!s || code < 4000000 || code > 5999999) /* mtaStatusCode's range */
        return;
    if (!s->error || s->error->row.key[2] != code) {
        uint32_t key[3] = {s->group->row.key[0], s->group->row.key[1], code};
        s->error = model_place(t->model, MODEL_GROUP_ERROR, key, NULL);
        if (!s->error)
            return;
    }
    uint64_t *counts[] = {&s->error->inbound, &s->error->internal, &s->error->outbound};
    ++*counts[side];
    model_dirty(t->model, MODEL_GROUP_ERROR, s->error);
}

/* A line that tells of several recipients is as many as it tells of. */
static void on_deliveries(struct tally *t, struct instance *i, struct service *s,
                          const struct event *e)
{
    if (e->recipients <= 1) {
        on_delivery(t, i, s, e);
        return;
    }
    struct event one = *e;
    struct slice list = e->address;
    while ((one.address = recipients_next(&list)).p)
        on_delivery(t, i, s, &one);
}

static tally_handler *const handlers[EVENT_KINDS] = {
    [EVENT_CONNECT] = on_connect,
    [EVENT_DISCONNECT] = on_disconnect,
    [EVENT_CONNECTION_REJECT] = on_connection_reject,
    [EVENT_ABORT] = on_abort,
    [EVENT_TLS_IN] = on_tls,
    [EVENT_TLS_OUT] = on_tls,
    [EVENT_AUTH_FAIL] = on_auth_fail,
    [EVENT_CLIENT] = on_client,
    [EVENT_SUBMIT] = on_submit,
    [EVENT_ARRIVED] = on_arrived,
    [EVENT_MESSAGE_ID] = on_message_id,
    [EVENT_QUEUED] = on_queued,
    [EVENT_EXPIRED] = on_expired,
    [EVENT_REMOVED] = on_removed,
    [EVENT_HELD] = on_held,
    [EVENT_RELEASED] = on_released,
    [EVENT_PURGED] = on_purged,
    [EVENT_REJECT] = on_reject,
    [EVENT_DISCARDED] = on_discarded,
    [EVENT_NOTICE] = on_notice,
    [EVENT_COPIED] = on_copied,
    [EVENT_DELIVERY] = on_deliveries,
    [EVENT_CONNECT_OUT] = on_connect_out,
    [EVENT_CONNECT_FAIL] = on_connect_fail,
    [EVENT_ETRN] = on_etrn,
    [EVENT_CHANNEL] = on_channel,
    [EVENT_STARTING] = on_starting,
    [EVENT_STARTED] = on_started,
    [EVENT_STOPPING] = on_stopping,
    [EVENT_STOPPED] = on_stopped,
    [EVENT_CONGESTED] = on_congested,
    [EVENT_STRESS_ON] = on_stress,
    [EVENT_STRESS_OFF] = on_stress,
    [EVENT_QUEUE_RUN] = on_queue_run,
};

/* Tags */

/* Is it the daemon's name, or does it begin as one that ends in '*'? */
static bool is_named(const char *daemon, struct slice name)
{
    struct slice pattern = slice_of(daemon);
    if (pattern.n && daemon[pattern.n - 1] == '*')
        return slice_starts(name, slice_head(pattern, pattern.n - 1));
    return slice_eq(pattern, name);
}

const struct mta_service *tally_service_kind(const struct mta *mta, struct slice service)
{
    for (size_t at; (at = slice_find(service, '/')) < service.n;)
        service = slice_skip(service, at + 1);
    for (const struct mta_service *s = mta->services; s->daemon; s++)
        if (service.n && is_named(s->daemon, service))
            return s;
    return NULL;
}

struct service *tally_named_service(struct tally *t, struct instance *i, struct slice name)
{
    uint64_t hash = slice_hash(name, i->appl->row.key[0]);
    struct named_channel *c = &t->channels[hash % CHANNELS];
    if (c->hash == hash && c->of == i)
        return c->service;
    const struct mta_service *is = tally_service_kind(i->mta, name);
    struct service *s = is ? tally_service(t, i, is, name, is->hierarchy, SLICE("")) : NULL;
    if (s)
        *c = (struct named_channel){hash, i, s};
    return s;
}

static const struct alias *find_alias(const struct tally_log *from, struct slice app)
{
    for (const struct alias *a = from->tally->aliases; a; a = a->next)
        if (a->mta == from->mta && slice_eq(slice_of(a->app), app) &&
            strcmp(a->host, from->host) == 0)
            return a;
    return NULL;
}

/* A name that a manager can show: a tag from a damaged or forged line makes no instance. */
static bool is_plain(struct slice name)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] <= ' ' || name.p[i] > '~')
            return false;
    return name.n > 0;
}

/* The instance that a line is about. */
static struct instance *find_instance(const struct tally_log *from, const struct event *e)
{
    char room[128];
    const struct alias *a = find_alias(from, e->app);
    bool by_tag = !a && from->mta->flags & MTA_NAMED_BY_TAG;
    if (by_tag && !is_plain(e->app))
        return NULL;
    struct slice name = a        ? slice_of(a->name)
                        : by_tag ? tally_name_of(from, e->app, room)
                                 : slice_of(from->instance);
    struct instance *i = tally_instance(from->tally, from->mta, name);
    if (i)
        tally_own(from, i);
    return i;
}

/* The name of the group: the service, with what an alias puts before it. */
static struct slice group_name(const struct tally_log *from, const struct event *e, char buffer[64])
{
    const struct alias *a = find_alias(from, e->app);
    if (!a || !a->prefix[0])
        return e->service;
    size_t n = strlen(a->prefix);
    memcpy(buffer, a->prefix, n);
    if (n < 62)
        buffer[n++] = '/';
    struct slice rest = slice_head(e->service, 63 - n);
    memcpy(buffer + n, rest.p, rest.n);
    return (struct slice){buffer, n + rest.n};
}

static bool is_tag(const struct tag *tag, const struct tally_log *from, const struct slice_key *of,
                   const struct slice_key *service)
{
    return slice_key_eq(&tag->tag, of) && slice_key_eq(&tag->service, service) && tag->from == from;
}

/* Texts that are longer than their keys are compared whole. */
static bool is_long_tag(const struct tag *tag, struct slice of, struct slice service)
{
    return memcmp(tag->text, of.p, of.n) == 0 &&
           (service.n == 0 || memcmp(tag->text + of.n, service.p, service.n) == 0);
}

/* Is the line of an instance that only its tag tells of, and that is not believed yet? */
static bool is_stranger(struct tally_log *from, const struct event *e)
{
    return from->mta->flags & MTA_NAMED_BY_TAG && is_plain(e->app) && !find_alias(from, e->app) &&
           tally_is_stranger(from, e);
}

/*
 * Fills in what is told by a tag, or by the first part and the service. NULL: nothing. Rare: find_tag is on every
 * line's way.
 */
__attribute__((cold, noinline)) static struct tag *learn_tag(struct tally_log *from,
                                                             struct tag *tag, const struct event *e,
                                                             struct slice of, struct slice service)
{
    struct instance *i = is_stranger(from, e) ? NULL : find_instance(from, e);
    if (!i || of.n + service.n > TAG_LENGTH)
        return NULL;
    *tag = (struct tag){
        .tag = slice_key(of), .service = slice_key(service), .from = from, .instance = i};
    memcpy(tag->text, of.p, of.n);
    if (service.n)
        memcpy(tag->text + of.n, service.p, service.n);
    tag->is = tally_service_kind(from->mta, e->service);
    tag->settled = !tag->is;
    return tag;
}

/* A tag whose place is another's has a second one. Inline: with a service that is known to be empty little is left. */
static inline struct tag *tag_of(struct tally_log *from, const struct event *e, struct slice of,
                                 struct slice service)
{
    struct slice_key key = slice_key(of), service_key = slice_key(service);
    uint64_t hash = slice_key_hash(&key) ^ slice_key_hash(&service_key);
    struct tag *tag = &from->tags[hash % TAGS], *second = &from->tags[(hash >> 32) % TAGS];
    bool longer = of.n > SLICE_KEY || service.n > SLICE_KEY;
    if (is_tag(tag, from, &key, &service_key) && (!longer || is_long_tag(tag, of, service)))
        return tag;
    if (is_tag(second, from, &key, &service_key) && (!longer || is_long_tag(second, of, service)))
        return second;
    return learn_tag(from, tag->from ? second : tag, e, of, service);
}

/* The service belongs to a tag, also where a log writes it elsewhere in the line. */
static struct tag *find_tag(struct tally_log *from, const struct event *e)
{
    if (e->tag.n != e->app.n)
        return tag_of(from, e, e->tag, (struct slice){NULL, 0});
    return tag_of(from, e, e->app, e->service);
}

/* The service that a delivery of a daemon with one for each relay is about. */
static struct service *relay_service(const struct tally_log *from, struct tag *tag,
                                     const struct event *e, struct slice name)
{
    char longer[64];
    if (e->kind != EVENT_DELIVERY)
        return NULL;
    name = slice_head(name, 31);
    memcpy(longer, name.p, name.n);
    longer[name.n] = '/';
    struct slice relay = slice_head(e->relay, sizeof longer - name.n - 1);
    if (relay.n)
        memcpy(longer + name.n + 1, relay.p, relay.n);
    name = (struct slice){longer, name.n + 1 + relay.n};
    return tally_service(from->tally, tag->instance, tag->is, name, tag->is->hierarchy, SLICE(""));
}

/* The service that a line is about, made at its first event. NULL: the line is not a service's. */
static struct service *line_service(const struct tally_log *from, struct tag *tag,
                                    const struct event *e)
{
    char buffer[64];
    if (tag->settled)
        return tag->known;
    struct slice name = group_name(from, e, buffer);
    if (tag->is->flags & MTA_SERVICE_BY_RELAY)
        return relay_service(from, tag, e, name);
    tag->known =
        tally_service(from->tally, tag->instance, tag->is, name, tag->is->hierarchy, SLICE(""));
    tag->settled = tag->known != NULL;
    return tag->known;
}

/* An association of mailmond's own probes is no traffic; a message that one brings in is a message. */
static bool is_own(const struct event *e)
{
    return slice_eq(e->peer, SLICE(OWN_ADDRESS)) &&
           ((e->kind >= EVENT_CONNECT && e->kind <= EVENT_AUTH_FAIL) || e->kind == EVENT_REJECT);
}

void tally_event(struct tally_log *from, const struct event *e)
{
    struct tally *t = from->tally;
    tally_handler *handler = (unsigned)e->kind < EVENT_KINDS ? handlers[e->kind] : NULL;
    if (!handler || is_own(e))
        return;
    struct tag *tag = find_tag(from, e);
    if (!tag)
        return;
    if (tag->instance->appl->first_line_s == 0) {
        tag->instance->appl->first_line_s = (uint64_t)(e->time_ms / 1000);
        model_dirty(t->model, MODEL_APPL, tag->instance->appl);
    }
    t->at = tally_at(t, e);
    served_begin(&t->served, t->at);
    if (tag->instance->gone->unexplained)
        tally_gone_time(t, tag->instance, (uint32_t)(e->time_ms / 1000));
    struct service *s = line_service(from, tag, e);
    if (e->flags & EVENT_UNREACHED)
        on_connect_fail(t, tag->instance, s, e);
    handler(t, tag->instance, s, e);
}

const struct message *tally_message(const struct tally *t, uint32_t appl, struct queue_id id)
{
    return appl > UINT16_MAX ? NULL : messages_find(&t->messages, (uint16_t)appl, id);
}

uint64_t tally_served(const struct tally *t, uint32_t pid, int64_t started_at)
{
    return served_by(&t->served, pid, started_at);
}

struct messages *tally_messages(struct tally *t)
{
    return &t->messages;
}

void tally_end(struct tally *t)
{
    tally_gone_settle(t);
}

void tally_levels(struct tally *t)
{
    model_sort(t->model, MODEL_PEER);
    model_sort(t->model, MODEL_DESTINATION);
    destination_levels(t);
}
