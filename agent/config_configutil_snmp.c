/*
 * The options of the SNMP subagent of Sun's Messaging Server (local.snmp.*, Administration Guide, Appendix A), from
 * the file that the setting `configutil` names. What mailmond's own file says comes first. Owns nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "config_schema.h"

static const struct {
    const char *name;
    bool number;
    int64_t low, high;
} options[CONFIG_SNMP_OPTIONS] = {
    [CONFIG_SNMP_ENABLE] = {"enable", true, 0, 1},
    [CONFIG_SNMP_STANDALONE] = {"standalone", true, 0, 1},
    [CONFIG_SNMP_LISTENADDR] = {"listenaddr", false, 0, 0},
    [CONFIG_SNMP_PORT] = {"port", true, 1, 65535},
    [CONFIG_SNMP_CACHETTL] = {"cachettl", true, 0, 86400},
    [CONFIG_SNMP_SERVERTIMEOUT] = {"servertimeout", true, 1, 3600},
    [CONFIG_SNMP_DIRECTORYSCAN] = {"directoryscan", true, 0, 1},
    [CONFIG_SNMP_ENABLECONTEXTNAME] = {"enablecontextname", true, 0, 1},
    [CONFIG_SNMP_CONTEXTNAME] = {"contextname", false, 0, 0},
};

static void unknown(const struct config *c, struct err_list *errors, unsigned line,
                    const char *name)
{
    unsigned best = 0;
    for (unsigned i = 1; i < CONFIG_SNMP_OPTIONS; i++)
        if (config_distance(name, options[i].name) < config_distance(name, options[best].name))
            best = i;
    err_add(errors, c->configutil, line, "unknown parameter local.snmp.%.100s; did you mean %s?",
            name, options[best].name);
}

/* A number; yes, no, true and false are 1 and 0. */
static bool read_number(const char *value, int64_t *n)
{
    static const char *const words[] = {"no", "yes", "false", "true"};
    for (unsigned i = 0; i < 4; i++)
        if (strcasecmp(value, words[i]) == 0) {
            *n = i & 1;
            return true;
        }
    char *end;
    errno = 0;
    *n = strtoll(value, &end, 10);
    return !errno && end != value && !*end;
}

void config_snmp_take(struct config_snmp *s, const struct config *c, struct err_list *errors,
                      unsigned line, const char *name, const char *value)
{
    unsigned i = 0;
    if (strcmp(name, "service.defaultdomain") == 0)
        snprintf(s->domain, sizeof s->domain, "%s", value);
    if (strncmp(name, "local.snmp.", 11) != 0)
        return;
    while (i < CONFIG_SNMP_OPTIONS && strcmp(options[i].name, name + 11) != 0)
        i++;
    if (i == CONFIG_SNMP_OPTIONS) {
        unknown(c, errors, line, name + 11);
        return;
    }
    snprintf(s->text[i], sizeof s->text[i], "%s", value);
    s->line[i] = line;
    if (options[i].number && (!read_number(value, &s->number[i]) || s->number[i] < options[i].low ||
                              s->number[i] > options[i].high))
        err_add(errors, c->configutil, line,
                "%s is \"%.100s\", but must be a number from %lld to %lld", name, value,
                (long long)options[i].low, (long long)options[i].high);
}

static bool has(const struct config_snmp *s, unsigned option, const config_t *tree, const char *own)
{
    return s->line[option] && !config_lookup(tree, own);
}

static void replace(char **member, const char *text)
{
    free(*member);
    *member = config_copy(text);
}

/* An address without a port, or a port without an address: the other one stays. */
static void set_listen(const struct config_snmp *s, struct config *c)
{
    const char *host = s->text[CONFIG_SNMP_LISTENADDR];
    char text[300];
    bool any = strcasecmp(host, "INADDR_ANY") == 0, six = strchr(host, ':') && *host != '[';
    int64_t port = s->line[CONFIG_SNMP_PORT] ? s->number[CONFIG_SNMP_PORT] : 161;
    snprintf(text, sizeof text, "%s:%s%s%s:%lld", six ? "udp6" : "udp", six ? "[" : "",
             any     ? "0.0.0.0"
             : *host ? host
                     : "127.0.0.1",
             six ? "]" : "", (long long)port);
    replace(&c->listen, text);
}

/* Of those that do not say it themselves. */
static void set_step_timeouts(const struct config_snmp *s, struct config *c, const config_t *tree)
{
    struct config_response *all = c->responses.items;
    for (unsigned i = 0; i < c->responses.count; i++) {
        char path[64];
        int64_t ms = s->number[CONFIG_SNMP_SERVERTIMEOUT] * 1000;
        snprintf(path, sizeof path, "responses.[%u].step_timeout", i);
        if (has(s, CONFIG_SNMP_SERVERTIMEOUT, tree, path))
            all[i].step_timeout_ms = ms < all[i].timeout_ms ? (uint32_t)ms : all[i].timeout_ms;
    }
}

void config_snmp_apply(const struct config_snmp *s, struct config *c, const config_t *tree)
{
    if (has(s, CONFIG_SNMP_STANDALONE, tree, "snmp.mode"))
        c->standalone = s->number[CONFIG_SNMP_STANDALONE] != 0;
    if ((s->line[CONFIG_SNMP_LISTENADDR] || s->line[CONFIG_SNMP_PORT]) &&
        !config_lookup(tree, "snmp.listen"))
        set_listen(s, c);
    if (has(s, CONFIG_SNMP_CACHETTL, tree, "queue.interval") && s->number[CONFIG_SNMP_CACHETTL])
        c->queue_interval_s = (uint32_t)s->number[CONFIG_SNMP_CACHETTL];
    set_step_timeouts(s, c, tree);
    const char *context = s->text[CONFIG_SNMP_CONTEXTNAME];
    if (has(s, CONFIG_SNMP_ENABLECONTEXTNAME, tree, "snmp.context") &&
        s->number[CONFIG_SNMP_ENABLECONTEXTNAME])
        replace(&c->context, *context ? context : *s->domain ? s->domain : NULL);
    c->no_directory_scan =
        s->line[CONFIG_SNMP_DIRECTORYSCAN] && !s->number[CONFIG_SNMP_DIRECTORYSCAN];
}
