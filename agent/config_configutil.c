/*
 * The alarm parameters of Sun's Messaging Server (Monitoring guide, Table 27-6, and Administration
 * Reference), and its local.snmp.* options, from a file of lines "NAME = VALUE" as `configutil -l` prints them.
 * Other parameters are passed over: the file is that server's whole configuration. Owns nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "config_schema.h"

#define LINE_MAX_LENGTH 4096

enum parameter {
    DESCRIPTION,
    STATINTERVAL,
    THRESHOLD,
    THRESHOLDDIRECTION,
    WARNINGINTERVAL,
    PARAMETERS
};
static const char *const parameter_names[PARAMETERS + 1] = {
    "msgalarmdescription",        "msgalarmstatinterval",    "msgalarmthreshold",
    "msgalarmthresholddirection", "msgalarmwarninginterval", NULL};

enum notice { HOST, PORT, RCPT, SENDER, TEMPLATE, NOTICES };
static const char *const notice_names[NOTICES + 1] = {
    "msgalarmnoticehost",   "msgalarmnoticeport",     "msgalarmnoticercpt",
    "msgalarmnoticesender", "msgalarmnoticetemplate", NULL};

struct reading {
    struct config *config;
    struct err_list *errors;
    unsigned line;
    struct config_snmp snmp;
};

static int index_of(const char *const *names, struct slice name)
{
    for (int i = 0; names[i]; i++)
        if (slice_eq(name, slice_of(names[i])))
            return i;
    return -1;
}

static void unknown(struct reading *r, const char *const *names, const char *whole,
                    struct slice name)
{
    char text[64];
    snprintf(text, sizeof text, "%.*s", (int)(name.n < 63 ? name.n : 63), name.p);
    int best = 0;
    for (int i = 1; names[i]; i++)
        if (config_distance(text, names[i]) < config_distance(text, names[best]))
            best = i;
    err_add(r->errors, r->config->configutil, r->line, "unknown parameter %.100s; did you mean %s?",
            whole, names[best]);
}

/* A whole number in low..high; *ok says whether it is one. */
static int64_t number(struct reading *r, const char *name, const char *value, int64_t low,
                      int64_t high, bool *ok)
{
    char *end;
    errno = 0;
    long long n = strtoll(value, &end, 10);
    *ok = !errno && end != value && !*end && n >= low && n <= high;
    if (!*ok)
        err_add(r->errors, r->config->configutil, r->line,
                "%s is \"%.100s\", but must be a whole number from %lld to %lld", name, value,
                (long long)low, (long long)high);
    return n;
}

static struct config_alarm *alarm_of(struct config *c, struct slice id, unsigned line)
{
    struct config_alarm *all = c->seed_alarms.items;
    for (unsigned i = 0; i < c->seed_alarms.count; i++)
        if (slice_eq(slice_of(all[i].name), id))
            return &all[i];
    all = realloc(all, (c->seed_alarms.count + 1) * sizeof *all);
    char *name = strndup(id.p, id.n);
    if (!all || !name)
        abort();
    struct config_alarm *a = &all[c->seed_alarms.count++];
    c->seed_alarms.items = all;
    memset(a, 0, sizeof *a);
    config_defaults(config_alarm_settings, a);
    a->at = (struct config_at){config_copy(c->configutil), line};
    a->name = name;
    return a;
}

static void set_text(char **member, const char *value)
{
    free(*member);
    *member = config_copy(*value ? value : NULL);
}

static void take_alarm(struct reading *r, struct slice id, int which, const char *name,
                       const char *value)
{
    struct config_alarm *a = alarm_of(r->config, id, r->line);
    int64_t n = 0;
    bool ok = true;
    switch (which) {
    case DESCRIPTION:
        set_text(&a->description, value);
        break;
    case STATINTERVAL:
        n = number(r, name, value, 0, 604800, &ok);
        a->interval_s = ok ? (uint32_t)n : a->interval_s;
        break;
    case THRESHOLD:
        n = number(r, name, value, INT32_MIN, INT32_MAX, &ok);
        a->threshold = ok ? n : a->threshold;
        break;
    case THRESHOLDDIRECTION:
        n = number(r, name, value, -1, 1, &ok);
        if (ok && n == 0)
            err_add(r->errors, r->config->configutil, r->line,
                    "%s is 0, but must be -1 (below) or 1 (above)", name);
        set_text(&a->direction, n < 0 ? "below" : "above");
        break;
    default: /* WARNINGINTERVAL */
        n = number(r, name, value, 0, 8736, &ok);
        a->repeat_s = ok ? (uint32_t)(n * 3600) : a->repeat_s;
    }
}

static void take_notice(struct reading *r, int which, const char *name, const char *value)
{
    struct config_notice *notice = &r->config->notice;
    char **texts[NOTICES] = {&notice->host, NULL, &notice->recipient, &notice->sender,
                             &notice->template};
    bool ok;
    notice->enabled = true; /* as the server did */
    if (which == PORT) {
        int64_t n = number(r, name, value, 1, 65535, &ok);
        notice->port = ok && !notice->port ? (uint32_t)n : notice->port;
    } else if (*value && !*texts[which]) { /* mailmond's own file comes first */
        set_text(texts[which], value);
    }
}

/* alarm.ID.ATTRIBUTE or alarm.ATTRIBUTE */
static void take(struct reading *r, const char *name, const char *value)
{
    struct slice rest = slice_of(name);
    config_snmp_take(&r->snmp, r->config, r->errors, r->line, name, value);
    if (!slice_take(&rest, SLICE("alarm.")))
        return;
    struct slice id = {NULL, 0};
    for (size_t i = 0; i < rest.n; i++) /* an id may have dots */
        if (rest.p[i] == '.')
            id = slice_head(rest, i);
    struct slice attribute = id.p ? slice_skip(rest, id.n + 1) : rest;
    const char *const *names = id.p ? parameter_names : notice_names;
    int which = index_of(names, attribute);
    if (which < 0)
        unknown(r, names, name, attribute);
    else if (id.p)
        take_alarm(r, id, which, name, value);
    else
        take_notice(r, which, name, value);
}

/* Without the blanks around it and one pair of quotes. */
static char *trim(char *text)
{
    text += strspn(text, " \t");
    size_t n = strlen(text);
    while (n && strchr(" \t\r\n", text[n - 1]))
        n--;
    if (n >= 2 && text[0] == '"' && text[n - 1] == '"') {
        text++;
        n -= 2;
    }
    text[n] = '\0';
    return text;
}

void config_read_configutil(struct config *c, const config_t *tree, struct err_list *errors)
{
    char line[LINE_MAX_LENGTH];
    struct reading r = {.config = c, .errors = errors};
    if (!c->configutil)
        return;
    FILE *in = fopen(c->configutil, "re");
    if (!in) {
        config_fault(errors, config_lookup(tree, "configutil"), "%s cannot be read: %s",
                     c->configutil, strerror(errno));
        return;
    }
    bool begins = true;
    while (fgets(line, sizeof line, in)) {
        bool whole = strchr(line, '\n') != NULL;
        char *equals = strchr(line, '=');
        r.line += begins;
        if (begins && equals) {
            *equals = '\0';
            take(&r, trim(line), trim(equals + 1));
        }
        begins = whole; /* what follows in an endless line is not a line */
    }
    config_snmp_apply(&r.snmp, c, tree);
    if (ferror(in))
        err_add(errors, c->configutil, 0, "cannot be read: %s", strerror(errno));
    fclose(in);
}
