/*
 * Directory servers (LDAP): each is asked at its interval what it says of itself, by a process of its
 * own that may hang as long as it likes (ldap_run.h). A question that comes to nothing makes its source
 * not ok; no other server waits for it.
 */
#include <stdlib.h>
#include "../agent/secret.h"
#include "directory_rows.h"
#include "ldap_probe.h"
#include "socket.h"

struct directory {
    const struct config_directory *config;
    struct collect *collect;
    struct source *row;
    struct directory_rows rows;
    int64_t next_ms, began_ms;
    bool busy;
    bool changed; /* its memory, since the last checkpoint */
};
STORE_LAYOUT(struct directory_memory, 664);

static struct directory *directories;
static unsigned count;

/* SASL EXTERNAL over a local socket, unless somebody is named: the account of this process. */
static bool request(const struct directory *d, struct ldap_request *q, char error[512])
{
    const struct config_directory *c = d->config;
    ldap_request_init(q, LDAP_JOB_MONITOR);
    q->timeout_ms = c->timeout_ms;
    q->starttls = c->starttls;
    q->strict = 1;
    q->external = !c->bind_dn && strncmp(c->uri, "ldapi:", 6) == 0;
    snprintf(q->uri, sizeof q->uri, "%s", c->uri);
    snprintf(q->bind_dn, sizeof q->bind_dn, "%s", c->bind_dn ? c->bind_dn : "");
    snprintf(q->ca_file, sizeof q->ca_file, "%s", c->ca_file ? c->ca_file : "");
    return !c->password_file ||
           secret_read(c->password_file, q->password, sizeof q->password, error);
}

static enum source_status source_of(const struct ldap_result *r)
{
    switch (r->status) {
    case RESPONSE_UP:
        return r->monitor ? r->facts.left_out ? SOURCE_TRUNCATED : SOURCE_OK : SOURCE_DENIED;
    case RESPONSE_AUTH_FAILED:
        return SOURCE_DENIED;
    case RESPONSE_TLS_ERROR:
    case RESPONSE_PROTOCOL_ERROR:
        return SOURCE_MALFORMED;
    case RESPONSE_DOWN:
    case RESPONSE_REFUSED:
        return SOURCE_MISSING;
    default:
        return SOURCE_STALE;
    }
}

/* Texts of the operator's kind: what is wrong and where it is written how to mend it. */
static void tell(struct directory *d, const struct ldap_result *r)
{
    enum source_status status = source_of(r);
    struct slice why = TEXT_GET(r->error);
    char text[255];
    snprintf(text, sizeof text, "%.*s", (int)why.n, why.p ? why.p : "");
    if (r->status == RESPONSE_UP && !r->monitor)
        snprintf(text, sizeof text, "it answers, but shows no numbers%s%.*s; see docs/openldap.md",
                 why.n ? ": " : "", (int)why.n, why.p ? why.p : "");
    else if (status == SOURCE_TRUNCATED)
        snprintf(text, sizeof text, "more databases or consumers than are shown");
    d->row->items += r->own[LDAP_ENTRIES];
    d->row->bytes += r->own[LDAP_BYTES_SENT];
    source_status(d->collect, d->row, status, text);
}

/* The sockets of a server on this host, by its listeners. */
static void watch_sockets(struct directory *d, const struct ldap_result *r)
{
    uint16_t ports[SOCKET_PORTS_MAX];
    unsigned n = 0;
    if (!r->monitor)
        return;
    for (uint64_t i = 0; r->local == 1 && i < r->facts.listener_count && n < SOCKET_PORTS_MAX; i++)
        ports[n++] = (uint16_t)r->facts.listeners[i];
    socket_watch(d->collect, d->rows.appl->row.key[0], ports, n);
}

static void done(void *arg, const struct ldap_result *r, const char *error)
{
    struct directory *d = arg;
    struct collect *c = d->collect;
    d->busy = false;
    d->row->duration_ms = (uint64_t)(c->monotonic_ms - d->began_ms);
    if (r) {
        directory_rows_take(&d->rows, r, c->monotonic_ms);
        d->row->duration_ms = r->total_us / 1000;
        d->changed = true;
        watch_sockets(d, r);
        tell(d, r);
    } else {
        directory_rows_unknown(&d->rows, c->monotonic_ms);
        source_status(c, d->row, SOURCE_STALE, error);
    }
    model_dirty(c->model, MODEL_SOURCE, d->row);
}

static void ask(struct directory *d)
{
    struct ldap_request q;
    char error[512] = "";
    if (!request(d, &q, error)) {
        source_status(d->collect, d->row, SOURCE_DENIED, error);
        d->next_ms = d->collect->monotonic_ms + (int64_t)d->config->interval_s * 1000;
    } else if (ldap_run(d->collect, d->config->name, &q, done, d)) {
        d->busy = true;
        d->began_ms = d->collect->monotonic_ms;
        d->next_ms = d->began_ms + (int64_t)d->config->interval_s * 1000;
    }
    secret_wipe(&q, sizeof q);
}

static void tick(struct collect *c)
{
    for (unsigned i = 0; i < count; i++)
        if (!directories[i].busy && c->monotonic_ms >= directories[i].next_ms)
            ask(&directories[i]);
}

static void source_name(struct slice appl, char name[300])
{
    snprintf(name, 300, "%.*s directory", (int)(appl.n < 254 ? appl.n : 254), appl.p ? appl.p : "");
}

/*
 * A server that is no longer configured has no rows; its memory stays, should it come back. A row of
 * applTable that somebody else has taken over does not look like ours.
 */
static void drop(struct collect *c, uint32_t index)
{
    uint32_t key[3] = {index, 0, 0};
    struct appl *a = model_find(c->model, MODEL_APPL, key, NULL);
    char name[300];
    if (!a || !directory_rows_is(a))
        return;
    source_name(TEXT_GET(a->name), name);
    key[0] = names_index(c->names, MODEL_SOURCE, 0, slice_of(name));
    void *row = model_find(c->model, MODEL_SOURCE, key, NULL);
    if (row)
        model_remove(c->model, MODEL_SOURCE, row);
    model_remove(c->model, MODEL_APPL, a);
}

/* What the process before this one kept. */
static bool load(void *arg, uint32_t slot, const void *data, size_t size)
{
    for (unsigned i = 0; i < count; i++) {
        struct directory_rows *rows = &directories[i].rows;
        if (rows->appl->row.key[0] != slot)
            continue;
        if (size == sizeof rows->memory)
            memcpy(&rows->memory, data, size);
        return true;
    }
    drop(arg, slot);
    return true;
}

static bool save(struct collect *c, struct checkpoint *to)
{
    (void)c;
    for (unsigned i = 0; i < count; i++) {
        struct directory *d = &directories[i];
        if (d->changed && !checkpoint_put(to, STORE_DIRECTORY, d->rows.appl->row.key[0],
                                          &d->rows.memory, sizeof d->rows.memory))
            return false;
        d->changed = false;
    }
    return true;
}

/* A response time was measured of one of ours. */
static void on_probe(const char *appl, const uint64_t own[LDAP_NUMBERS])
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(directories[i].config->name, appl) == 0) {
            directory_rows_own(&directories[i].rows, own);
            directories[i].changed = true;
        }
}

static bool place(struct collect *c, struct directory *d, const struct config_directory *config)
{
    char name[300];
    d->config = config;
    d->collect = c;
    d->rows.model = c->model;
    d->rows.names = c->names;
    d->rows.sessions = config->sessions;
    source_name(slice_of(config->name), name);
    if (!directory_rows_place(&d->rows, slice_of(config->name)))
        return false;
    TEXT_SET(d->rows.appl->url, slice_of(config->uri));
    d->row = source_place(c, SOURCE_DIRECTORY, name, config->uri, d->rows.appl->row.key[0],
                          config->interval_s);
    return d->row != NULL;
}

static bool start(struct collect *c)
{
    const struct config_directory *list = c->config->directories.items;
    count = c->config->directories.count;
    directories = calloc(count + 1, sizeof *directories);
    if (!directories)
        return false;
    for (unsigned i = 0; i < count; i++)
        if (!place(c, &directories[i], &list[i]))
            return false;
    ldap_probe_counted(on_probe);
    return store_load(c->store, STORE_DIRECTORY, load, c);
}

static void stop(struct collect *c)
{
    (void)c;
    ldap_run_stop();
    ldap_probe_counted(NULL);
    free(directories);
    directories = NULL;
    count = 0;
}

const struct collector collector_directory = {"directory", start, tick, save, stop};
