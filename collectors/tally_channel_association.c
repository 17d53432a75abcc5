/*
 * Entries of Sun's log about connections: counted for the channel, the MTA, and what of it takes mail.
 */
#include "tally_channel_internal.h"

/* What of the MTA took the association; NULL: nothing that has a row of its own. */
static struct appl *part_of(const struct work *w)
{
    if (!(w->e->flags & (EVENT_SMTP | EVENT_SUBMISSION)))
        return NULL;
    return tally_part(w->t, w->i->appl,
                      w->e->flags & EVENT_SUBMISSION ? PART_SUBMISSION : PART_SMTP, true);
}

void channel_opened(const struct work *w)
{
    struct group *g = w->s->group;
    struct appl *a = w->i->appl;
    if (w->e->flags & EVENT_OUTBOUND) {
        g->accumulated_outbound++;
        a->accumulated_outbound++;
        g->last_outbound_at = g->last_attempt_at = a->last_outbound_at = w->t->at;
        return;
    }
    g->accumulated_inbound++;
    a->accumulated_inbound++;
    g->last_inbound_at = a->last_inbound_at = w->t->at;
    struct appl *part = part_of(w);
    if (part) {
        part->accumulated_inbound++;
        part->last_inbound_at = w->t->at;
        model_dirty(w->t->model, MODEL_APPL, part);
    }
    struct peer *p = tally_peer(w->t, w->i, w->e);
    if (p)
        p->connections++;
}

void channel_not_opened(const struct work *w)
{
    struct group *g = w->s->group;
    struct appl *a = w->i->appl;
    if (w->e->flags & EVENT_OUTBOUND) {
        g->failed_outbound++;
        a->failed_outbound++;
        g->last_attempt_at = w->t->at;
        TEXT_SET(g->outbound_failure_reason, w->e->text);
        return;
    }
    g->rejected_inbound++;
    a->rejected_inbound++;
    TEXT_SET(g->inbound_rejection_reason, w->e->text);
    struct appl *part = part_of(w);
    if (part) {
        part->rejected_inbound++;
        model_dirty(w->t->model, MODEL_APPL, part);
    }
    struct peer *p = tally_peer(w->t, w->i, w->e);
    if (p)
        p->rejected++;
}

void channel_authenticated(const struct work *w)
{
    struct peer *p = w->e->flags & EVENT_SASL ? NULL : tally_peer(w->t, w->i, w->e);
    if (p)
        p->auth_failures++;
}
