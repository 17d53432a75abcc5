/* What mailmond-collect prints and ends with; see main_modes.h. */
#include "main_modes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../collectors/collector.h"
#include "host_name.h"
#include "main_explain.h"
#include "main_read.h"

static int read_mode(const struct arguments *a)
{
    struct read_options o = {.mta = mta_find(a->read),
                             .server = access_find(a->read),
                             .host = slice_of(a->host),
                             .files = a->files,
                             .file_count = a->count,
                             .messages_max = a->messages_max,
                             .statistics = a->statistics};
    if ((o.mta || o.server) && a->count > 0)
        return read_files(&o);
    struct format f;
    if (o.mta || o.server || format_find(a->read, &f))
        fprintf(stderr, "mailmond: --read %s: no file is named\n", a->read);
    return 2;
}

static int explain_mode(const struct arguments *a)
{
    struct format f;
    if (!format_find(a->explain, &f))
        return 2;
    if (a->count > 0)
        return explain_files(&f, slice_of(a->host), a->count, a->files);
    fprintf(stderr, "mailmond: --explain %s: no file is named\n", f.name);
    return 2;
}

/* Is it the name of a host, or every one's? */
static bool is_host(const char *name)
{
    struct slice s = slice_of(name);
    bool good =
        !name || strcmp(name, MAILLOG_EACH) == 0 || (host_name_good(s) && s.n < HOST_NAME_ROOM);
    if (!good)
        fprintf(stderr, "mailmond: --host %s: that is no name of a host\n", name);
    return good;
}

int modes_of_files(const struct arguments *a)
{
    return !is_host(a->host) ? 2
           : a->read         ? read_mode(a)
           : a->explain      ? explain_mode(a)
           : a->count > 0    ? arguments_wrong()
                             : -1;
}

void modes_print_list(const struct err_list *list, const char *prefix)
{
    for (unsigned i = 0; i < list->count; i++)
        fprintf(stderr, "%s%s\n", prefix, list->lines[i]);
}

/* The FIFOs that are read, which the supervisor holds open. */
static void print_fifo(const char *log)
{
    if (log && strncmp(log, "fifo:", 5) == 0)
        printf("fifo=%s\n", log + 5);
}

static void print_fifos(const struct config *c)
{
    const struct config_list *const servers[] = {&c->dovecots, &c->cyruses};
    for (unsigned i = 0; i < c->mta_count; i++)
        print_fifo(c->mtas[i].log);
    for (unsigned k = 0; k < sizeof servers / sizeof servers[0]; k++)
        for (unsigned i = 0; i < servers[k]->count; i++)
            print_fifo(((const struct config_access *)servers[k]->items + i)->log);
    for (unsigned i = 0; i < c->log_events.count; i++)
        print_fifo(((const struct config_log_event *)c->log_events.items + i)->source);
}

/* What the supervisor must know of a valid configuration, a line for each. */
static void print_settings(const struct arguments *a, const struct config *c)
{
    printf("run_dir=%s\nstate_dir=%s\nlog=%s\nlog_level=%s\n", c->run_dir,
           a->state ? a->state : c->state_dir, c->log, c->log_level);
    printf("snmp=%d|%s|%s|%s|%u|%d", c->standalone, c->listen, c->agentx ? c->agentx : "",
           c->context ? c->context : "", c->agentx_ping_s, c->fast_path);
    uint64_t directives = 0; /* they may hold secrets: only their hash leaves this process */
    for (unsigned i = 0; i < c->directives.count; i++)
        directives = slice_hash(slice_of(c->directives.items[i]), directives);
    printf("|%016llx\n", (unsigned long long)directives);
    print_fifos(c);
}

void modes_print_run_dir(const char *file)
{
    char *run_dir = config_run_dir(file);
    printf("run_dir=%s\n", run_dir);
    free(run_dir);
}

int modes_of_config(const struct arguments *a, const struct config *c,
                    const struct alarm_rules *rules, const struct err_list *notes)
{
    if (a->settings)
        print_settings(a, c);
    else if (a->dump_config || a->detect)
        config_dump(c, stdout);
    if (a->check || a->detect) {
        modes_print_list(&c->warnings, "warning: ");
        modes_print_list(notes, "");
    }
    if (a->check)
        alarm_rules_print(rules, stdout);
    if (a->check)
        printf("%s: ok, %u mail systems\n", c->file ? c->file : "no configuration file",
               config_systems(c));
    return a->settings || a->dump_config || a->detect || a->check ? 0 : -1;
}
