/*
 * Instances of which a central log tells: the lines of one host are theirs. What only this machine could tell of
 * another one is a contradiction.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "config_schema.h"
#include "host_name.h"

#define HOSTS_MAX 64 /* of one log: MAILLOG_HOSTS */

void config_this_host(char name[256])
{
    if (gethostname(name, 255) != 0)
        *name = '\0';
    name[255] = '\0';
}

static bool is_each(const char *host)
{
    return strcmp(host, CONFIG_EACH_HOST) == 0;
}

static bool is_elsewhere(const char *host)
{
    char here[256];
    config_this_host(here);
    return host && !host_name_fits(slice_of(host), slice_of(here));
}

/* What an instance of another host has of this one, and each instance of "*" of one host. */
static const char *const here_only[] = {"config_directory", "config_file",    "pid_file",
                                        "listen",           "proc_directory", NULL};
static const char *const one_host_only[] = {
    "queue_directory", "queue_command",      "statistics_file",
    "reject_log",      "panic_log",          "who",
    "metrics",         "statistics_command", NULL};

static void refuse(const config_setting_t *group, const char *const *names, const char *format,
                   const char *host, struct err_list *errors)
{
    for (const char *const *name = names; *name; name++) {
        const config_setting_t *at = config_setting_get_member(group, *name);
        if (at)
            config_fault(errors, at, format, *name, host);
    }
}

static void check_group(const config_setting_t *group, struct err_list *errors)
{
    const config_setting_t *at = config_setting_get_member(group, "host");
    const char *host = at ? config_setting_get_string(at) : NULL;
    if (!host || !*host)
        return; /* told already, if it is wrong */
    if (is_each(host))
        refuse(group, one_host_only,
               "%s is of one host, but host = \"%s\" means many: leave it out, or name the hosts",
               host, errors);
    else if (!host_name_good(slice_of(host)) || strlen(host) >= HOST_NAME_ROOM)
        config_fault(errors, at,
                     "host cannot be \"%.100s\": write the name as the log has it, such as \"mx1\" "
                     "or \"mx1.example.org\" (at most %d letters), or \"*\" for each host",
                     host, HOST_NAME_ROOM - 1);
    if (is_elsewhere(host))
        refuse(group, here_only,
               "%s is of this machine, but host = \"%s\" is another one, of which only the log "
               "tells: leave one of them out",
               host, errors);
}

static void check_groups(const config_setting_t *list, struct err_list *errors)
{
    int count = list ? config_setting_length(list) : 0;
    for (int i = 0; i < count; i++)
        check_group(config_setting_get_elem(list, (unsigned)i), errors);
}

/* The hosts that are named, each once. */
struct hosts {
    const char *names[HOSTS_MAX];
    unsigned count;
};

static void add(struct config *c, struct hosts *all, const char *host, const char *file,
                unsigned line, struct err_list *errors)
{
    if (!host || is_each(host))
        return;
    for (unsigned i = 0; i < all->count; i++) {
        if (host_name_same(slice_of(all->names[i]), slice_of(host)))
            return;
        if (host_name_fits(slice_of(all->names[i]), slice_of(host)))
            err_add(&c->warnings, file, line,
                    "host = \"%.100s\" and host = \"%.100s\" are two hosts; if they are one, write "
                    "the same name",
                    all->names[i], host);
    }
    if (all->count == HOSTS_MAX)
        err_add(errors, file, line, "host = \"%.100s\": more than %d hosts cannot be told apart",
                host, HOSTS_MAX);
    else
        all->names[all->count++] = host;
}

static void take_list(struct config *c, struct hosts *all, struct config_list *list,
                      struct err_list *errors)
{
    for (unsigned i = 0; i < list->count; i++) {
        struct config_access *a = (struct config_access *)list->items + i;
        a->elsewhere = is_elsewhere(a->host);
        add(c, all, a->host, a->at.file, a->at.line, errors);
    }
}

void config_check_hosts(struct config *c, const config_t *tree, struct err_list *errors)
{
    struct hosts all = {.count = 0};
    for (const struct setting *s = config_settings; s->name; s++)
        if (s->kind == SETTING_MTAS)
            check_groups(config_lookup(tree, s->name), errors);
    check_groups(config_lookup(tree, "dovecot"), errors);
    check_groups(config_lookup(tree, "cyrus"), errors);
    for (unsigned i = 0; i < c->mta_count; i++) {
        struct config_mta *m = &c->mtas[i];
        m->elsewhere = is_elsewhere(m->host);
        add(c, &all, m->host, m->source_file, m->source_line, errors);
    }
    take_list(c, &all, &c->dovecots, errors);
    take_list(c, &all, &c->cyruses, errors);
}

/* name: NULL, it is called as its kind. */
static void put_host(const char *host, char **name, const char *kind)
{
    char text[512];
    if (!host)
        return;
    snprintf(text, sizeof text, "%s/%s", host, *name ? *name : kind);
    free(*name);
    *name = config_copy(text);
}

void config_name_hosts(struct config *c)
{
    struct config_access *dovecots = c->dovecots.items, *cyruses = c->cyruses.items;
    for (unsigned i = 0; i < c->mta_count; i++)
        put_host(c->mtas[i].host, &c->mtas[i].name, c->mtas[i].type);
    for (unsigned i = 0; i < c->dovecots.count; i++)
        put_host(dovecots[i].host, &dovecots[i].name, "dovecot");
    for (unsigned i = 0; i < c->cyruses.count; i++)
        put_host(cyruses[i].host, &cyruses[i].name, "cyrus");
}
