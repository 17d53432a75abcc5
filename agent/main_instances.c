/* From the configuration to the mail systems that are counted; see main_instances.h. */
#include "main_instances.h"

#include <stdlib.h>
#include <string.h>
#include "log.h"

/* What it calls itself: its name without the host. */
static struct slice own_name(const struct config_mta *m)
{
    return slice_skip(slice_of(m->name), m->host ? strlen(m->host) + 1 : 0);
}

static bool same_host(const struct config_mta *a, const struct config_mta *b)
{
    return strcmp(a->host ? a->host : "", b->host ? b->host : "") == 0;
}

/* Does another instance of this kind, of the same host, call itself so? */
static bool is_instance(const struct config *c, const struct config_mta *of, struct slice name)
{
    for (unsigned i = 0; i < c->mta_count; i++)
        if (strcmp(c->mtas[i].type, of->type) == 0 && same_host(&c->mtas[i], of) &&
            slice_eq(name, own_name(&c->mtas[i])))
            return true;
    return false;
}

/*
 * What a tag stands for: "postfix/smtpd" and, with -o syslog_name=submission, "submission/smtpd" are
 * services of the same instance. Where tags name instances, the name of another is no further name of
 * this one; where they do not, a tag is just one of the instance's own.
 */
static void name_instance(struct collect *c, const struct config_mta *m, const struct mta *mta)
{
    struct tally *t = c->tally;
    struct slice name = slice_of(m->name), own = own_name(m);
    struct slice host = slice_of(m->host);
    for (unsigned i = 0; i < m->syslog_names.count; i++) {
        struct slice app = slice_of(m->syslog_names.items[i]);
        if (!(mta->flags & MTA_NAMED_BY_TAG))
            tally_alias(t, mta, host, app, name, SLICE(""));
        else if (!slice_eq(app, own) && is_instance(c->config, m, app))
            log_warning("instance %s: lines of \"%s\" belong to the instance of that name", m->name,
                        m->syslog_names.items[i]);
        else if (!slice_eq(app, own) && slice_find(app, '/') == app.n)
            tally_alias(t, mta, host, app, name, app);
    }
    for (unsigned i = 0; i < m->internal_services.count; i++)
        tally_internal_service(t, name, slice_of(m->internal_services.items[i]));
}

static void place_instance(struct collect *c, const struct config_mta *m)
{
    const struct mta *mta = mta_find(m->type);
    if (m->host && strcmp(m->host, CONFIG_EACH_HOST) == 0)
        return; /* hosts become instances when they log */
    struct appl *appl = mta ? tally_appl(c->tally, mta, slice_of(m->name)) : NULL;
    if (appl && m->elsewhere)
        tally_set_elsewhere(c->tally, appl);
    if (appl)
        c->instances[c->instance_count++] =
            (struct instance_of_mta){m, mta, appl, MTA_LEVELS_NONE, 0};
    else
        log_error("%s instance %s is left out: another mail system has the name, or applTable is "
                  "full",
                  m->type, m->name);
}

bool instances_make(struct collect *c)
{
    const struct config *config = c->config;
    c->instances = calloc(config->mta_count + 1, sizeof *c->instances);
    c->tally = tally_new(c->model, c->names, config->messages_max, true);
    if (!c->instances || !c->tally)
        return false;
    char here[256];
    config_this_host(here);
    tally_here(c->tally, slice_of(here));
    for (unsigned i = 0; i < config->mta_count; i++) {
        const struct mta *mta = mta_find(config->mtas[i].type);
        if (mta)
            name_instance(c, &config->mtas[i], mta);
    }
    if (!tally_load(c->tally, c->store))
        return false;
    for (unsigned i = 0; i < config->mta_count; i++)
        place_instance(c, &config->mtas[i]);
    return tally_wait_for_strangers(c->tally);
}
