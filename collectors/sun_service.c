/*
 * Events of Sun's service logs -> rows, see sun_service.h; what is common to all servers is the access tally's.
 * Invariant: a function of the lines alone.
 */
#include "sun_service.h"
#include "access_internal.h"
#include "log_event.h"

#include <stdio.h>
#include <stdlib.h>

struct sun_service_log {
    struct model *model;
    struct names *names;
    struct access_log *log;
    char instance[64], service[32];
    uint32_t source;
    struct sun_expire *expire;
    struct log_event *rows[SUN_CATEGORIES][SUN_LEVELS];
};

struct sun_service_log *sun_service_log(struct model *m, struct names *n, struct access_log *log,
                                        const char *instance, const char *service, uint32_t source,
                                        struct sun_expire *expire)
{
    struct sun_service_log *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    *l = (struct sun_service_log){
        .model = m, .names = n, .log = log, .source = source, .expire = expire};
    snprintf(l->instance, sizeof l->instance, "%s", instance);
    snprintf(l->service, sizeof l->service, "%s", service);
    return l;
}

static void count_category(struct sun_service_log *l, const struct event *e)
{
    static const uint8_t severities[SUN_LEVELS] = {
        0,
        SEVERITY_CRITICAL,
        SEVERITY_MAJOR,
        SEVERITY_WARNING,
        SEVERITY_INDETERMINATE,
        SEVERITY_INDETERMINATE,
        SEVERITY_INDETERMINATE,
    };
    unsigned category = e->entry >> 8, level = e->entry & 0xff;
    if (!category || category >= SUN_CATEGORIES || !level || level >= SUN_LEVELS)
        return;
    struct log_event **row = &l->rows[category][level];
    if (!*row) {
        char name[160];
        int n = snprintf(name, sizeof name, "%s: %s %s %s", l->instance, l->service,
                         sun_categories[category], sun_levels[level]);
        *row = log_event_place(l->model, l->names, (struct slice){name, (size_t)n},
                               severities[level], l->source);
    }
    struct slice line = l->log->tally->users == USERS_PLAIN ? e->text : (struct slice){NULL, 0};
    if (*row)
        log_event_count(l->model, *row, e->time_ms - l->log->tally->real_minus_monotonic_ms, line);
}

/* Whatever it is that happened: somebody must run reconstruct ("Needs reconstruct", "Run reconstruct -m soon"). */
static void count_reconstruct(struct sun_service_log *l, const struct event *e)
{
    if (slice_search(e->text, SLICE("eeds reconstruct")) == e->text.n &&
        slice_search(e->text, SLICE("un reconstruct")) == e->text.n)
        return;
    char name[96];
    int n = snprintf(name, sizeof name, "%s: reconstruct needed", l->instance);
    struct log_event *row = log_event_place(l->model, l->names, (struct slice){name, (size_t)n},
                                            SEVERITY_MAJOR, l->source);
    struct slice line = l->log->tally->users == USERS_PLAIN ? e->text : (struct slice){NULL, 0};
    if (row)
        log_event_count(l->model, row, e->time_ms - l->log->tally->real_minus_monotonic_ms, line);
}

static void learn(uint64_t *counter, uint64_t n)
{
    *counter = (*counter == MODEL_ABSENT ? 0 : *counter) + n;
}

/* What leaves the store: in the row of the instance's store. */
static void count_expired(struct sun_service_log *l, const struct event *e)
{
    struct sun_expired is = sun_expire_take(l->expire, e);
    if (!is.expunged && !is.purged && !is.is_run)
        return;
    struct slice name = slice_of(l->instance);
    struct mail_store *s = names_place(l->names, l->model, MODEL_MAIL_STORE, name);
    if (!s)
        return;
    TEXT_SET(s->name, name);
    learn(&s->expunged, is.expunged);
    if (is.purged)
        learn(&s->purged, is.purged);
    if (is.is_run) {
        s->last_expire_at = e->time_ms - l->log->tally->real_minus_monotonic_ms;
        s->last_expire_s = is.run_s;
    }
    model_dirty(l->model, MODEL_MAIL_STORE, s);
}

void sun_service_event(void *counter, const struct event *e)
{
    struct sun_service_log *l = counter;
    count_category(l, e);
    if (e->kind == EVENT_SERVER_LOG && strcmp(l->service, "msgtrace") != 0)
        count_reconstruct(l, e);
    count_expired(l, e);
    access_tally_event(l->log, e);
    struct access *a = access_tally_access(l->log, e->access.protocol);
    if (!a || !e->recipients)
        return;
    if (e->kind == EVENT_LOGOUT)
        learn(&a->mailboxes_selected, e->recipients);
    else if (e->kind == EVENT_TRAFFIC)
        learn(&a->fetched, e->recipients);
    else
        return;
    model_dirty(l->model, MODEL_ACCESS, a);
}
