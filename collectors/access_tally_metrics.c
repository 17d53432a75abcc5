/*
 * The server's own counters into cells that the log leaves absent. Invariant: a cell is counted by the log or
 * by metrics, never by both; a counter that was reset counts on.
 */
#include "access_internal.h"
#include "access_metrics.h"

_Static_assert(sizeof((struct access){0}.metric_before) / sizeof(uint64_t) == ACCESS_METRICS,
               "a place for each metric");

static uint64_t *cell(struct access *a, enum access_metric k)
{
    uint64_t *const cells[ACCESS_METRICS] = {&a->mailboxes_selected, &a->appended, &a->octets_in};
    return cells[k];
}

/* reset: the server began to count anew since it was last asked. */
static void take(struct access *a, enum access_metric k, uint64_t value, bool reset)
{
    uint64_t *before = &a->metric_before[k], *counter = cell(a, k);
    if (value == MODEL_ABSENT || (*before == MODEL_ABSENT && *counter != MODEL_ABSENT))
        return;
    uint64_t more = *before == MODEL_ABSENT || reset || value < *before ? value : value - *before;
    *counter = (*counter == MODEL_ABSENT ? 0 : *counter) + more;
    *before = value;
}

static void forget(struct access *a)
{
    for (unsigned k = 0; k < ACCESS_METRICS; k++)
        if (a->metric_before[k] != MODEL_ABSENT)
            a->metric_before[k] = *cell(a, k) = MODEL_ABSENT;
}

void access_tally_metrics(struct access_log *log, const struct access_metrics *m)
{
    struct model *model = log->tally->model;
    for (unsigned p = 1; p < ACCESS_PROTOCOLS; p++) {
        const struct access_service *s = &log->services[p];
        if (!s->appl)
            continue;
        bool reset = m && m->started_s && m->started_s != s->access->metrics_since_s;
        for (unsigned k = 0; m && k < ACCESS_METRICS; k++)
            take(s->access, k, m->values[p][k], reset);
        if (m)
            s->access->metrics_since_s = m->started_s;
        else
            forget(s->access);
        if (m && m->version.n && TEXT_GET(s->appl->version).n == 0)
            TEXT_SET(s->appl->version, m->version);
        model_dirty(model, MODEL_ACCESS, s->access);
        model_dirty(model, MODEL_APPL, s->appl);
    }
}
