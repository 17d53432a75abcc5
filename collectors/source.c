/*
 * mailmonSourceTable: each input, how it fares, and one log line for each change.
 */
#include "../agent/log.h"
#include "collector.h"

struct source *source_place(struct collect *c, enum source_kind kind, const char *name,
                            const char *target, uint32_t appl, uint32_t interval_s)
{
    struct source *s = names_place(c->names, c->model, MODEL_SOURCE, slice_of(name));
    if (!s)
        return NULL;
    TEXT_SET(s->name, slice_of(name));
    TEXT_SET(s->target, slice_of(target));
    s->kind = kind;
    s->appl = appl;
    s->interval_s = interval_s;
    s->status = SOURCE_STALE; /* until it is read for the first time */
    model_dirty(c->model, MODEL_SOURCE, s);
    return s;
}

struct source *source_place_queue(struct collect *c, const struct instance_of_mta *i)
{
    char name[64];
    snprintf(name, sizeof name, "%s queue", i->config->name);
    return source_place(c, SOURCE_SPOOL, name, i->config->queue_directory, i->appl->row.key[0],
                        c->config->queue_interval_s);
}

static const char *const words[] = {"",          "ok",        "stale",       "missing", "denied",
                                    "malformed", "truncated", "catching up", "disabled"};

void source_status(struct collect *c, struct source *s, enum source_status status,
                   const char *error)
{
    struct slice name = TEXT_GET(s->name);
    bool well = status == SOURCE_OK || status == SOURCE_CATCHING_UP;
    if (well)
        s->last_success_at = c->monotonic_ms;
    if (error && *error)
        TEXT_SET(s->last_error, slice_of(error));
    model_touch(c->model, MODEL_SOURCE);
    if (s->status == status && (well || s->told)) /* one that was never read begins as stale */
        return;
    if (!well) {
        s->errors++;
        log_warning("%.*s: %s%s%s", (int)name.n, name.p, words[status], error && *error ? ": " : "",
                    error ? error : "");
    } else if (s->told) {
        log_notice("%.*s: ok again", (int)name.n, name.p);
    }
    s->status = status;
    s->told = !well;
    model_dirty(c->model, MODEL_SOURCE, s);
}

void source_drop_unplaced(struct collect *c)
{
    for (uint32_t i = c->model->tables[MODEL_SOURCE].count; i-- > 0;) {
        struct source *s = model_row(c->model, MODEL_SOURCE, i);
        if (s->status != MODEL_ABSENT)
            continue;
        if (s->kind == SOURCE_LOG) {
            s->status = SOURCE_DISABLED;
            model_dirty(c->model, MODEL_SOURCE, s);
        } else {
            model_remove(c->model, MODEL_SOURCE, s);
        }
    }
}
