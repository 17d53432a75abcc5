/*
 * The tally: tags -> instances and services, and the events that concern associations and the mail
 * system as a whole. Messages are in tally_message.c, peers and destinations in their own files.
 * Invariant: every number here is a function of the events given so far.
 */
#include "tally_internal.h"

struct tally *tally_new(struct model *model, struct names *names, const struct mta *mta,
                        uint32_t messages_max, bool persist, unsigned number)
{
    struct tally *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    *t = (struct tally){.model = model, .names = names, .mta = mta, .next_destination = 1};
    t->at = MODEL_NEVER;
    t->first_ms = MODEL_NEVER;
    t->kinds = STORE_TALLIES + (int)number * STORE_PER_TALLY;
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
    free_aliases(t->aliases);
    free_aliases(t->internals);
    free(t->wait_lists);
    hashindex_free(&t->peers);
    hashindex_free(&t->destinations);
    messages_free(&t->messages);
    free(t);
}

void tally_clock(struct tally *t, int64_t real_minus_monotonic_ms)
{
    t->real_minus_monotonic_ms = real_minus_monotonic_ms;
}

static void copy(char *to, size_t size, struct slice from)
{
    from = slice_head(from, size - 1);
    if (from.n)
        memcpy(to, from.p, from.n);
    to[from.n] = 0;
}

static void remember(struct alias **list, struct slice app, struct slice name, struct slice prefix)
{
    struct alias *a = calloc(1, sizeof *a);
    if (!a)
        abort();
    copy(a->app, sizeof a->app, app);
    copy(a->name, sizeof a->name, name);
    copy(a->prefix, sizeof a->prefix, prefix);
    a->next = *list;
    *list = a;
}

void tally_alias(struct tally *t, struct slice app, struct slice name, struct slice prefix)
{
    remember(&t->aliases, app, name, prefix);
}

void tally_internal_service(struct tally *t, struct slice name, struct slice service)
{
    remember(&t->internals, service, name, SLICE(""));
}

/* Counters that an MTA's row starts with; what no log tells stays absent. */
static void start_appl(struct appl *a, struct slice name)
{
    TEXT_SET(a->name, name);
    a->is_mta = 1;
    a->accumulated_inbound = a->accumulated_outbound = a->rejected_inbound = a->failed_outbound = 0;
    a->received_messages = a->received_bytes = a->received_recipients = 0;
    a->transmitted_messages = a->transmitted_bytes = a->transmitted_recipients = 0;
    a->loops_detected = a->stress = a->connect_debt = 0;
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

static struct appl *place_appl(struct tally *t, struct slice name)
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
    start_appl(a, name);
    TEXT_SET(a->description, slice_of(t->mta->summary));
    model_dirty(t->model, MODEL_APPL, a);
    return a;
}

struct instance *tally_instance(struct tally *t, struct slice name)
{
    struct text64 fits; /* the name as a row keeps it */
    TEXT_SET(fits, name);
    name = TEXT_GET(fits);
    for (struct instance *i = t->instances; i; i = i->next)
        if (slice_eq(TEXT_GET(i->appl->name), name))
            return i;
    struct appl *a = place_appl(t, name);
    if (!a)
        return NULL;
    struct instance *i = calloc(1, sizeof *i);
    if (!i)
        return NULL;
    *i = (struct instance){.next = t->instances, .appl = a};
    for (uint32_t n = 0; n < t->model->tables[MODEL_GROUP].count; n++) {
        const struct group *g = model_row(t->model, MODEL_GROUP, n);
        i->transports += g->row.key[0] == a->row.key[0] && g->hierarchy == -2;
    }
    return t->instances = i;
}

struct appl *tally_appl(struct tally *t, struct slice name)
{
    struct instance *i = tally_instance(t, name);
    return i ? i->appl : NULL;
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

static bool is_internal(const struct tally *t, const struct instance *i, struct slice service)
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
    s->internal = is_internal(t, i, name);
    if (g->row.key[1] <= UINT8_MAX)
        i->numbered[g->row.key[1]] = s;
    return i->services = s;
}

struct group *tally_group(struct tally *t, const struct appl *a, struct slice name, int hierarchy,
                          struct slice description)
{
    struct instance *i = tally_instance(t, TEXT_GET(a->name));
    struct service *s = i ? tally_service(t, i, NULL, name, hierarchy, description) : NULL;
    return s ? s->group : NULL;
}

static const struct instance *instance_of(const struct tally *t, const struct appl *a)
{
    for (const struct instance *i = t->instances; i; i = i->next)
        if (i->appl == a)
            return i;
    return NULL;
}

struct group *tally_find_group(const struct tally *t, const struct appl *a, struct slice name)
{
    const struct instance *i = instance_of(t, a);
    for (const struct service *s = i ? i->services : NULL; s; s = s->next)
        if (slice_eq(TEXT_GET(s->group->name), name))
            return s->group;
    return NULL;
}

struct group *tally_relay_service(const struct tally *t, const struct appl *a, uint16_t port)
{
    const struct instance *i = instance_of(t, a);
    for (unsigned n = 0; i && n < RELAY_PORTS; n++)
        if (i->ports[n].port == port && i->ports[n].service)
            return i->ports[n].service->group;
    return NULL;
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

/* Associations */

/* Counts a connection, unless one is owed. */
static void count_connection(uint64_t *counter, uint64_t *debt)
{
    if (*counter == MODEL_ABSENT)
        return;
    if (*debt)
        --*debt;
    else
        ++*counter;
}

static void on_connect(struct tally *t, struct instance *i, struct service *s,
                       const struct event *e)
{
    if (!s)
        return;
    struct group *g = s->group;
    count_connection(&g->accumulated_inbound, &g->connect_debt);
    g->last_inbound_at = tally_at(t, e);
    model_dirty(t->model, MODEL_GROUP, g);
    tally_entry(t, s, ENTRY_OPENED, e, SLICE(""));
    if (s->is->flags & MTA_SERVICE_SCREENS)
        return; /* whom it lets pass is logged again by the service behind it */
    count_connection(&i->appl->accumulated_inbound, &i->appl->connect_debt);
    i->appl->last_inbound_at = tally_at(t, e);
    model_dirty(t->model, MODEL_APPL, i->appl);
    struct peer *p = tally_peer(t, i, e);
    if (p)
        p->connections++;
}

static void on_disconnect(struct tally *t, struct instance *i, struct service *s,
                          const struct event *e)
{
    (void)i;
    tally_entry(t, s, ENTRY_CLOSED, e, SLICE(""));
    struct entry *bad = e->bad_commands ? tally_entry(t, s, ENTRY_BAD_COMMAND, e, SLICE("")) : NULL;
    if (bad)
        bad->count += e->bad_commands - 1;
}

static void on_connection_reject(struct tally *t, struct instance *i, struct service *s,
                                 const struct event *e)
{
    if (!s)
        return;
    struct group *g = s->group;
    model_add(&g->rejected_inbound, 1);
    i->appl->rejected_inbound++;
    if (e->flags & EVENT_COUNTED) {
        model_add(&g->connect_debt, 1);
        i->appl->connect_debt += !(s->is->flags & MTA_SERVICE_SCREENS);
    }
    TEXT_SET(g->inbound_rejection_reason, e->text);
    model_dirty(t->model, MODEL_GROUP, g);
    model_dirty(t->model, MODEL_APPL, i->appl);
    tally_entry(t, s, ENTRY_CONNECTION_REJECTED, e, e->text);
    tally_error(t, s, e->code, SIDE_INBOUND);
    struct peer *p = tally_peer(t, i, e);
    if (p)
        p->rejected++;
}

static void on_abort(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    (void)i;
    tally_entry(t, s, ENTRY_ABORTED, e, e->text);
}

static void on_tls(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    (void)i;
    if (!s)
        return;
    struct entry *entry = tally_entry(t, s, ENTRY_OPENED, e, SLICE(""));
    if (entry) {
        entry->count--; /* it was, or will be, counted as opened */
        entry->with_tls++;
    }
}

static void on_auth_fail(struct tally *t, struct instance *i, struct service *s,
                         const struct event *e)
{
    tally_entry(t, s, ENTRY_AUTHENTICATION, e, e->text);
    struct peer *p = tally_peer(t, i, e);
    if (p)
        p->auth_failures++;
}

static void on_connect_fail(struct tally *t, struct instance *i, struct service *s,
                            const struct event *e)
{
    if (!s)
        return;
    model_add(&s->group->failed_outbound, 1);
    s->group->last_attempt_at = tally_at(t, e);
    TEXT_SET(s->group->outbound_failure_reason, e->text);
    i->appl->failed_outbound++;
    model_dirty(t->model, MODEL_GROUP, s->group);
    model_dirty(t->model, MODEL_APPL, i->appl);
    tally_entry(t, s, ENTRY_CONNECTION_FAILED, e, e->text);
}

static void on_etrn(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    (void)i;
    tally_entry(t, s, ENTRY_ETRN, e, e->text);
}

/* The mail system as a whole */

enum { UP = 1, DOWN = 2, RESTARTING = 5, QUIESCING = 6 };

static void set_log_status(struct tally *t, struct instance *i, uint64_t status)
{
    i->appl->log_status = status;
    i->appl->stress = 0;
    i->appl->log_congested_at = MODEL_NEVER;
    model_dirty(t->model, MODEL_APPL, i->appl);
}

static void on_started(struct tally *t, struct instance *i, struct service *s,
                       const struct event *e)
{
    (void)s;
    set_log_status(t, i, UP);
    i->appl->started_at = tally_at(t, e);
    if (e->text.n)
        TEXT_SET(i->appl->version, e->text);
}

static void on_starting(struct tally *t, struct instance *i, struct service *s,
                        const struct event *e)
{
    (void)s, (void)e;
    set_log_status(t, i, RESTARTING);
}

static void on_stopping(struct tally *t, struct instance *i, struct service *s,
                        const struct event *e)
{
    (void)s, (void)e;
    set_log_status(t, i, QUIESCING);
}

static void on_stopped(struct tally *t, struct instance *i, struct service *s,
                       const struct event *e)
{
    (void)s, (void)e;
    set_log_status(t, i, DOWN);
}

static void on_congested(struct tally *t, struct instance *i, struct service *s,
                         const struct event *e)
{
    (void)s;
    i->appl->log_congested_at = tally_at(t, e);
    model_dirty(t->model, MODEL_APPL, i->appl);
}

static void on_stress(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    (void)s;
    i->appl->stress = e->kind == EVENT_STRESS_ON;
    model_dirty(t->model, MODEL_APPL, i->appl);
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
    [EVENT_MESSAGE_ID] = on_message_id,
    [EVENT_QUEUED] = on_queued,
    [EVENT_EXPIRED] = on_expired,
    [EVENT_REMOVED] = on_removed,
    [EVENT_HELD] = on_held,
    [EVENT_RELEASED] = on_released,
    [EVENT_REJECT] = on_reject,
    [EVENT_DISCARDED] = on_discarded,
    [EVENT_NOTICE] = on_notice,
    [EVENT_DELIVERY] = on_delivery,
    [EVENT_CONNECT_FAIL] = on_connect_fail,
    [EVENT_ETRN] = on_etrn,
    [EVENT_STARTING] = on_starting,
    [EVENT_STARTED] = on_started,
    [EVENT_STOPPING] = on_stopping,
    [EVENT_STOPPED] = on_stopped,
    [EVENT_CONGESTED] = on_congested,
    [EVENT_STRESS_ON] = on_stress,
    [EVENT_STRESS_OFF] = on_stress,
};

/* Tags */

static const struct mta_service *service_kind(const struct mta *mta, struct slice service)
{
    for (size_t at; (at = slice_find(service, '/')) < service.n;)
        service = slice_skip(service, at + 1);
    for (const struct mta_service *s = mta->services; s->daemon; s++)
        if (slice_eq(slice_of(s->daemon), service))
            return s;
    return NULL;
}

static const struct alias *find_alias(const struct tally *t, struct slice app)
{
    for (const struct alias *a = t->aliases; a; a = a->next)
        if (slice_eq(slice_of(a->app), app))
            return a;
    return NULL;
}

/* The name of the group: the service, with what an alias puts before it. */
static struct slice group_name(const struct tally *t, const struct event *e, char buffer[64])
{
    const struct alias *a = find_alias(t, e->app);
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

/*
 * Where a tag is cached: by its length and its last octets, where tags differ. A tag that is only the
 * instance's name stands for several services (mta_postfix.c).
 */
static uint64_t hash_tag(const struct event *e)
{
    uint64_t end = 0;
    size_t n = e->tag.n < 8 ? e->tag.n : 8;
    memcpy(&end, e->tag.p + e->tag.n - n, n);
    if (e->tag.n == e->app.n)
        end ^= slice_hash(e->service, 0);
    end = (end ^ e->tag.n) * 0x9e3779b97f4a7c15u;
    return end ^ end >> 32;
}

/* Equal hashes of equal lengths mean equal last octets: most tags are told by their first ones then. */
static bool is_tag(const struct tag *tag, uint64_t hash, struct slice text)
{
    if (tag->hash != hash || tag->length != text.n)
        return false;
    if (text.n < 8 || text.n > 16)
        return memcmp(tag->text, text.p, text.n) == 0;
    return memcmp(tag->text, text.p, 8) == 0;
}

static struct tag *find_tag(struct tally *t, const struct event *e)
{
    uint64_t h = hash_tag(e);
    struct tag *tag = &t->tags[h % TAGS];
    if (is_tag(tag, h, e->tag))
        return tag;
    const struct alias *a = find_alias(t, e->app);
    struct instance *i = tally_instance(t, a ? slice_of(a->name) : e->app);
    if (!i || e->tag.n >= TAG_LENGTH)
        return NULL;
    *tag = (struct tag){.hash = h, .instance = i, .length = (uint8_t)e->tag.n};
    memcpy(tag->text, e->tag.p, e->tag.n);
    tag->is = service_kind(t->mta, e->service);
    return tag;
}

/* The service that a line is about, made at its first event. NULL: the line is not a service's. */
static struct service *line_service(struct tally *t, struct tag *tag, const struct event *e)
{
    char buffer[64], longer[64];
    if (!tag->is || tag->service)
        return tag->service;
    struct slice name = group_name(t, e, buffer);
    if (!(tag->is->flags & MTA_SERVICE_BY_RELAY))
        return tag->service =
                   tally_service(t, tag->instance, tag->is, name, tag->is->hierarchy, SLICE(""));
    if (e->kind != EVENT_DELIVERY)
        return NULL;
    name = slice_head(name, 31);
    memcpy(longer, name.p, name.n);
    longer[name.n] = '/';
    struct slice relay = slice_head(e->relay, sizeof longer - name.n - 1);
    if (relay.n)
        memcpy(longer + name.n + 1, relay.p, relay.n);
    name = (struct slice){longer, name.n + 1 + relay.n};
    return tally_service(t, tag->instance, tag->is, name, tag->is->hierarchy, SLICE(""));
}

void tally_event(struct tally *t, const struct event *e)
{
    tally_handler *handler = (unsigned)e->kind < EVENT_KINDS ? handlers[e->kind] : NULL;
    if (!handler)
        return;
    struct tag *tag = find_tag(t, e);
    if (!tag)
        return;
    if (t->first_ms == MODEL_NEVER)
        t->first_ms = e->time_ms;
    t->at = tally_at(t, e);
    handler(t, tag->instance, line_service(t, tag, e), e);
}

const struct message *tally_message(const struct tally *t, uint32_t appl, struct queue_id id)
{
    return appl > UINT16_MAX ? NULL : messages_find(&t->messages, (uint16_t)appl, id);
}

struct messages *tally_messages(struct tally *t)
{
    return &t->messages;
}

void tally_levels(struct tally *t)
{
    model_sort(t->model, MODEL_PEER);
    model_sort(t->model, MODEL_DESTINATION);
    destination_levels(t);
}
