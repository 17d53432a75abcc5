/*
 * The events that concern associations and the mail system as a whole.
 */
#include "tally_internal.h"

/* Counts a connection, unless one is owed. The first one that is told begins the count. */
static void count_connection(uint64_t *counter, uint64_t *debt)
{
    if (*counter == MODEL_ABSENT)
        *counter = *debt = 0;
    if (*debt)
        --*debt;
    else
        ++*counter;
}

void on_connect(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    if (e->pid && !i->elsewhere)
        served_add(&t->served, e->pid, t->at);
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
        p->connections = p->connections == MODEL_ABSENT ? 1 : p->connections + 1;
    if (e->id.n)
        session_begin(t, i, s, e);
}

void on_disconnect(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    s = session_service(t, i, s, e);
    if (s && s->is && s->is->flags & MTA_SERVICE_OWN)
        s = NULL; /* of this host's programs */
    session_end(t, i, e);
    tally_entry(t, s, ENTRY_CLOSED, e, SLICE(""));
    struct entry *bad = e->bad_commands ? tally_entry(t, s, ENTRY_BAD_COMMAND, e, SLICE("")) : NULL;
    if (bad)
        bad->count += e->bad_commands - 1;
}

void on_connection_reject(struct tally *t, struct instance *i, struct service *s,
                          const struct event *e)
{
    if (!s)
        return;
    struct group *g = s->group;
    model_add(&g->rejected_inbound, 1);
    i->appl->rejected_inbound++;
    if (e->flags & EVENT_BUSY)
        i->appl->log_congested_at = tally_at(t, e);
    if (e->flags & EVENT_COUNTED && g->accumulated_inbound != MODEL_ABSENT) {
        model_add(&g->connect_debt, 1);
        i->appl->connect_debt += !(s->is->flags & MTA_SERVICE_SCREENS);
    }
    TEXT_SET(g->inbound_rejection_reason, e->text);
    model_dirty(t->model, MODEL_GROUP, g);
    model_dirty(t->model, MODEL_APPL, i->appl);
    tally_entry(t, s, ENTRY_CONNECTION_REJECTED, e, e->text);
    tally_error(t, s, e->code, SIDE_INBOUND);
    struct peer *p = session_peer(t, i, e);
    if (p)
        p->rejected++;
}

void on_abort(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    s = session_service(t, i, s, e);
    session_end(t, i, e);
    tally_entry(t, s, ENTRY_ABORTED, e, e->text);
}

void on_tls(struct tally *t, struct instance *i, struct service *s, const struct event *e)
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

void on_auth_fail(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    tally_entry(t, s, ENTRY_AUTHENTICATION, e, e->text);
    struct peer *p = session_peer(t, i, e);
    if (p)
        p->auth_failures++;
}

void on_connect_fail(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    if (!s) {
        message_connect_failed(t, i, e);
        return;
    }
    model_add(&s->group->failed_outbound, 1);
    s->group->last_attempt_at = tally_at(t, e);
    TEXT_SET(s->group->outbound_failure_reason, e->text);
    i->appl->failed_outbound++;
    model_dirty(t->model, MODEL_GROUP, s->group);
    model_dirty(t->model, MODEL_APPL, i->appl);
    tally_entry(t, s, ENTRY_CONNECTION_FAILED, e, e->text);
}

void on_etrn(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    (void)i;
    tally_entry(t, s, ENTRY_ETRN, e, e->text);
}

/* The mail system as a whole */

static void set_log_status(struct tally *t, struct instance *i, uint64_t status)
{
    i->appl->log_status = status;
    i->appl->stress = 0;
    i->appl->log_congested_at = MODEL_NEVER;
    model_dirty(t->model, MODEL_APPL, i->appl);
}

void on_started(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    (void)s;
    set_log_status(t, i, APPL_UP);
    i->appl->started_at = tally_at(t, e);
    i->run_told_ms = (int64_t)e->delay_ms;
    if (e->text.n)
        TEXT_SET(i->appl->version, e->text);
}

void on_queue_run(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    (void)s;
    if (i->run_at != MODEL_NEVER)
        i->run_seen_ms = tally_at(t, e) - i->run_at;
    i->run_at = tally_at(t, e);
}

void on_starting(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    (void)s, (void)e;
    set_log_status(t, i, APPL_RESTARTING);
}

void on_stopping(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    (void)s, (void)e;
    set_log_status(t, i, APPL_QUIESCING);
}

void on_stopped(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    (void)s, (void)e;
    set_log_status(t, i, APPL_DOWN);
}

void on_congested(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    (void)s;
    i->appl->log_congested_at = tally_at(t, e);
    model_dirty(t->model, MODEL_APPL, i->appl);
}

void on_stress(struct tally *t, struct instance *i, struct service *s, const struct event *e)
{
    (void)s;
    i->appl->stress = e->kind == EVENT_STRESS_ON;
    model_dirty(t->model, MODEL_APPL, i->appl);
}
