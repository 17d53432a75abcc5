/* From the configuration to the mail systems that are counted; see main_instances.h. */
#include "main_instances.h"

#include <stdlib.h>
#include <string.h>
#include "log.h"

/* Is this the name of an instance of the configuration, of this kind? */
static bool is_instance(const struct config *c, const char *type, struct slice name)
{
    for (unsigned i = 0; i < c->mta_count; i++)
        if (strcmp(c->mtas[i].type, type) == 0 && slice_eq(name, slice_of(c->mtas[i].name)))
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
    struct slice name = slice_of(m->name);
    for (unsigned i = 0; i < m->syslog_names.count; i++) {
        struct slice app = slice_of(m->syslog_names.items[i]);
        if (!(mta->flags & MTA_NAMED_BY_TAG))
            tally_alias(t, mta, app, name, SLICE(""));
        else if (!slice_eq(app, name) && is_instance(c->config, m->type, app))
            log_warning("instance %s: lines of \"%s\" belong to the instance of that name", m->name,
                        m->syslog_names.items[i]);
        else if (!slice_eq(app, name) && slice_find(app, '/') == app.n)
            tally_alias(t, mta, app, name, app);
    }
    for (unsigned i = 0; i < m->internal_services.count; i++)
        tally_internal_service(t, name, slice_of(m->internal_services.items[i]));
}

static void place_instance(struct collect *c, const struct config_mta *m)
{
    const struct mta *mta = mta_find(m->type);
    struct appl *appl = mta ? tally_appl(c->tally, mta, slice_of(m->name)) : NULL;
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
