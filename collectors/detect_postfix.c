/*
 * Postfix's instances on this host, by its own tools: postmulti(1) lists them, postconf(1) tells
 * their main.cf and master.cf. What the operator configured is never changed, only completed. The
 * output of the tools is cut, never trusted: a line of another form is skipped.
 */
#include <arpa/inet.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>
#include "detect.h"

#define PATH             "/usr/sbin:/usr/local/sbin:/opt/postfix/sbin:/opt/local/sbin:/usr/pkg/sbin"
#define CONFIG_DIRECTORY "/etc/postfix"
#define QUEUE_DIRECTORY  "/var/spool/postfix"
#define WORDS            8 /* of a line of master.cf (master(5)): NAME TYPE ... COMMAND, then arguments */

static struct slice next_word(struct slice *line)
{
    *line = slice_trim(*line);
    struct slice word = slice_head(*line, slice_find(*line, ' '));
    *line = slice_trim(slice_skip(*line, word.n));
    return word;
}

bool detect_postfix_instance(struct slice *text, struct detect_instance *i)
{
    struct slice line;
    while (detect_line(text, &line)) {
        i->name = next_word(&line);
        next_word(&line); /* group */
        i->enabled = slice_eq(next_word(&line), SLICE("y"));
        i->directory = next_word(&line);
        if (slice_starts(i->directory, SLICE("/")) && line.n == 0)
            return true;
    }
    return false;
}

struct slice detect_postfix_value(struct slice text, const char *name)
{
    return detect_value(text, name, SLICE("="));
}

/* "SERVICE/TYPE/NAME = value" of `postconf -P`; the service's name may have a slash in it. */
struct override {
    struct slice service, type, name, value;
};

static bool next_override(struct slice *text, struct override *o)
{
    struct slice line;
    while (detect_line(text, &line)) {
        struct slice path = line;
        o->name = next_word(&path);
        if (!slice_take(&path, SLICE("=")))
            continue;
        o->value = slice_trim(path);
        const char *slash = o->name.n ? memrchr(o->name.p, '/', o->name.n) : NULL;
        if (!slash)
            continue;
        o->service = slice_head(o->name, (size_t)(slash - o->name.p));
        o->name = slice_skip(o->name, o->service.n + 1);
        slash = o->service.n ? memrchr(o->service.p, '/', o->service.n) : NULL;
        if (!slash)
            continue;
        o->type = slice_skip(o->service, (size_t)(slash - o->service.p) + 1);
        o->service = slice_head(o->service, (size_t)(slash - o->service.p));
        return true;
    }
    return false;
}

static bool find_override(struct slice text, struct slice service, struct slice type,
                          struct slice name, struct slice *value)
{
    struct override o;
    while (next_override(&text, &o))
        if (slice_eq(o.service, service) && slice_eq(o.type, type) && slice_eq(o.name, name)) {
            *value = o.value;
            return true;
        }
    return false;
}

/* An endpoint of master.cf or of a transport: "smtp", "127.0.0.1:10025", "[::1]:25",
 * "localhost:smtp". */
struct endpoint {
    /* numeric; empty: every address, or a name that is not looked up */
    char host[INET6_ADDRSTRLEN];
    bool six, loopback;
    unsigned port;
};

static struct endpoint endpoint_of(struct slice text)
{
    struct endpoint e = {.port = 0};
    const char *colon = text.n ? memrchr(text.p, ':', text.n) : NULL;
    struct slice host = slice_head(text, colon ? (size_t)(colon - text.p) : 0);
    e.port = detect_port(colon ? slice_skip(text, host.n + 1) : text);
    if (slice_take(&host, SLICE("[")) && slice_ends(host, SLICE("]")))
        host.n--;
    e.loopback = slice_eq(host, SLICE("localhost"));
    if (host.n == 0 || host.n >= sizeof e.host)
        return e;
    memcpy(e.host, host.p, host.n);
    unsigned char address[16];
    if (inet_pton(AF_INET, e.host, address) == 1)
        e.loopback = address[0] == 127;
    else if (inet_pton(AF_INET6, e.host, address) == 1)
        e.six = true, e.loopback = slice_eq(host, SLICE("::1"));
    else
        e.host[0] = '\0';
    return e;
}

/* service: its name in mtaGroupTable, empty: smtpd. */
static void add_listener(struct config_mta *m, const struct endpoint *e, const char *service)
{
    char text[320];
    const char *blank = *service ? " " : "";
    if (e->port == 0)
        return;
    if (e->loopback && !e->host[0]) {
        snprintf(text, sizeof text, "127.0.0.1:%u%s%s", e->port, blank, service);
        detect_add(&m->listen, slice_of(text));
        snprintf(text, sizeof text, "[::1]:%u%s%s", e->port, blank, service);
    } else {
        snprintf(text, sizeof text, e->six ? "[%s]:%u%s%s" : "%s:%u%s%s", e->host, e->port, blank,
                 service);
    }
    detect_add(&m->listen, slice_of(text));
}

/* Is the endpoint where this filter ("smtp:[127.0.0.1]:10025") hands mail to? */
static bool leads_to(struct slice filter, const struct endpoint *e)
{
    if (!slice_cut(&filter, ':').p) /* the transport */
        return false;
    struct endpoint to = endpoint_of(filter);
    return to.loopback && to.port == e->port;
}

/* Does any content_filter of this instance hand mail to the endpoint? *any: is there a filter at
 * all? */
static bool filter_leads_to(struct slice settings, struct slice overrides, const struct endpoint *e,
                            bool *any)
{
    struct slice filter = detect_postfix_value(settings, "content_filter");
    bool found = filter.n && leads_to(filter, e);
    *any = filter.n > 0;
    struct override o;
    while (next_override(&overrides, &o))
        if (slice_eq(o.name, SLICE("content_filter")) && o.value.n) {
            *any = true;
            found |= leads_to(o.value, e);
        }
    return found;
}

/*
 * syslog_name of a service -> its name in mtaGroupTable: without the instance, with the daemon. False
 * if it has none of its own.
 */
static bool group_name(const struct config_mta *m, struct slice tag, char text[256])
{
    struct slice own = tag;
    if (slice_take(&own, slice_of(m->name)) && (own.n == 0 || slice_take(&own, SLICE("/"))))
        tag = own;
    text[0] = '\0';
    if (tag.n == 0 || tag.n > 256 - 8 || memchr(tag.p, '$', tag.n))
        return false;
    snprintf(text, 256, "%.*s/smtpd", (int)tag.n, tag.p);
    return true;
}

/*
 * An smtpd on the loopback interface takes mail back from a content filter if a filter hands mail
 * right to it, or if it is told not to filter again (FILTER_README of Postfix).
 */
static void check_internal(struct config_mta *m, struct slice service, const struct endpoint *e,
                           struct slice settings, struct slice overrides, struct err_list *notes)
{
    bool any;
    struct slice filter, tag = {NULL, 0}, main_tag = detect_postfix_value(settings, "syslog_name");
    bool unfiltered =
        find_override(overrides, service, SLICE("inet"), SLICE("content_filter"), &filter) &&
        filter.n == 0;
    if (!e->loopback)
        return;
    bool target = filter_leads_to(settings, overrides, e, &any);
    if (!target && !(any && unfiltered))
        return;
    find_override(overrides, service, SLICE("inet"), SLICE("syslog_name"), &tag);
    char text[256];
    if (!slice_eq(tag, main_tag) && group_name(m, tag, text))
        detect_add(&m->internal_services, slice_of(text));
    else
        detect_note(
            m, notes,
            "mail that comes back from the content filter to %.*s is counted twice: give that "
            "service a name of its own in master.cf (-o syslog_name=%s/reinject)",
            (int)service.n, service.p, m->name);
}

/* Is the transport that of a content filter, "filter:dummy"? */
static bool is_filter(struct slice settings, struct slice overrides, struct slice transport)
{
    struct slice filter = detect_postfix_value(settings, "content_filter");
    struct override o;
    bool found = filter.n && slice_eq(slice_head(filter, slice_find(filter, ':')), transport);
    while (!found && next_override(&overrides, &o))
        found = slice_eq(o.name, SLICE("content_filter")) && o.value.n &&
                slice_eq(slice_head(o.value, slice_find(o.value, ':')), transport);
    return found;
}

/*
 * A content filter that pipe(8) starts hands mail back by the sendmail command, as the account that it runs as
 * (FILTER_README of Postfix), or to an smtpd, which is found by itself.
 */
static void check_pipe(struct config_mta *m, struct slice transport, struct slice arguments,
                       struct err_list *notes)
{
    char text[256];
    struct slice user = {NULL, 0};
    while (arguments.n && !user.n) {
        struct slice word = next_word(&arguments);
        if (slice_take(&word, SLICE("user=")))
            user = slice_head(word, slice_find(word, ':'));
    }
    snprintf(text, sizeof text, "%.*s", (int)user.n, user.p ? user.p : "");
    const struct passwd *account = user.n < sizeof text ? getpwnam(text) : NULL;
    snprintf(text, sizeof text, "pipe/%.*s", (int)transport.n, transport.p);
    if (transport.n < sizeof text - 5)
        detect_add(&m->internal_services, slice_of(text));
    if (!account) {
        detect_note(m, notes, "content filter %.*s runs as %.*s, which is no account of this host",
                    (int)transport.n, transport.p, (int)user.n, user.p ? user.p : "");
        return;
    }
    snprintf(text, sizeof text, "pickup/uid=%u", (unsigned)account->pw_uid);
    detect_add(&m->internal_services, slice_of(text));
}

/* Names before the first slash that are not the instance's own. */
static void add_tag(struct config_mta *m, struct slice service, struct slice tag)
{
    struct slice first = slice_head(tag, slice_find(tag, '/'));
    if (slice_eq(first, SLICE("$service_name")) || slice_eq(first, SLICE("${service_name}")))
        first = service;
    if (first.n && !memchr(first.p, '$', first.n) && !slice_eq(first, slice_of(m->name)))
        detect_add(&m->syslog_names, first);
}

void detect_postfix_services(struct config_mta *m, struct slice settings, struct slice services,
                             struct slice overrides, struct err_list *notes)
{
    struct slice line, words[WORDS], rest = overrides;
    bool want_internal = m->internal_services.count == 0;
    bool want_listen = m->listen.count == 0;
    struct override o;
    add_tag(m, (struct slice){NULL, 0}, detect_postfix_value(settings, "syslog_name"));
    while (next_override(&rest, &o))
        if (slice_eq(o.name, SLICE("syslog_name")))
            add_tag(m, o.service, o.value);
    while (detect_line(&services, &line)) {
        for (int i = 0; i < WORDS; i++)
            words[i] = next_word(&line);
        bool smtpd = slice_eq(words[7], SLICE("smtpd"));
        bool listener = smtpd || slice_eq(words[7], SLICE("postscreen"));
        if (want_internal && slice_eq(words[7], SLICE("pipe")) &&
            is_filter(settings, overrides, words[0]))
            check_pipe(m, words[0], line, notes);
        if (!slice_eq(words[1], SLICE("inet")) || !listener)
            continue;
        struct endpoint e = endpoint_of(words[0]);
        char text[256];
        struct slice tag = {NULL, 0};
        find_override(overrides, words[0], SLICE("inet"), SLICE("syslog_name"), &tag);
        group_name(m, tag, text);
        if (want_listen)
            add_listener(m, &e, text);
        if (want_internal && smtpd)
            check_internal(m, words[0], &e, settings, overrides, notes);
    }
}

static const char *const asked[] = {"syslog_name", "queue_directory", "maillog_file",
                                    "content_filter"};

/* main.cf of an instance as far as it matters here, or NULL. */
static char *ask_settings(const char *path, char *directory)
{
    char *argv[16] = {"postconf", "-c", directory, "-x"};
    for (unsigned i = 0; i < sizeof asked / sizeof asked[0]; i++)
        argv[4 + i] = (char *)asked[i];
    return detect_run(path, argv);
}

static void fill_log(struct config_mta *m, struct slice maillog, struct err_list *notes)
{
    if (m->log)
        return;
    if (slice_starts(maillog, SLICE("/dev/")))
        detect_note(
            m, notes,
            "it logs to %.*s, which cannot be followed: set log to the file in which that is kept "
            "(of a container's runtime) or to \"journal\", or maillog_file in main.cf to a file "
            "below /var",
            (int)maillog.n, maillog.p);
    else if (slice_starts(maillog, SLICE("/")))
        m->log = detect_copy(maillog);
    else if (!(m->log = detect_syslog_file("")))
        detect_note(m, notes,
                    "no log was found below /var/log: does syslog write mail to a file? Else set "
                    "maillog_file in main.cf, or log here");
}

/* Completes an instance whose name and config_directory are known. */
static void fill(struct config_mta *m, const char *path, const char *settings,
                 struct err_list *notes)
{
    struct slice main_cf = slice_of(settings);
    struct slice queue = detect_postfix_value(main_cf, "queue_directory");
    if (!m->queue_directory)
        m->queue_directory =
            detect_copy(slice_starts(queue, SLICE("/")) ? queue : SLICE(QUEUE_DIRECTORY));
    fill_log(m, detect_postfix_value(main_cf, "maillog_file"), notes);
    if (!settings) {
        detect_note(m, notes, "postconf -c %s does not answer; %s", m->config_directory,
                    "its listeners and the names of its services are not known");
        return;
    }
    char *services =
        detect_run(path, (char *[]){"postconf", "-c", m->config_directory, "-M", NULL});
    char *overrides =
        detect_run(path, (char *[]){"postconf", "-c", m->config_directory, "-Px", NULL});
    detect_postfix_services(m, main_cf, slice_of(services), slice_of(overrides), notes);
    free(services);
    free(overrides);
}

/* Its name in the log: the first part of syslog_name, which postmulti sets to the instance's name.
 */
static char *name_of(const char *settings)
{
    struct slice tag = detect_postfix_value(slice_of(settings), "syslog_name");
    tag = slice_head(tag, slice_find(tag, '/'));
    return detect_copy(tag.n ? tag : SLICE("postfix"));
}

static void check_readable(const struct config_mta *m, struct err_list *notes)
{
    static const char *const queues[] = {"incoming", "active", "deferred", "hold", "maildrop"};
    struct err_list denied = {NULL, 0, 0};
    char path[4096];
    if (access(m->queue_directory, F_OK) != 0)
        detect_readable(m, m->queue_directory, true, &denied);
    for (unsigned i = 0; i < sizeof queues / sizeof queues[0] && denied.count == 0; i++) {
        snprintf(path, sizeof path, "%s/%s", m->queue_directory, queues[i]);
        detect_readable(m, path, true, &denied); /* one of them stands for all */
    }
    if (m->log)
        detect_readable(m, m->log, false, &denied);
    for (unsigned i = 0; i < denied.count; i++)
        err_add(notes, NULL, 0, "%s", denied.lines[i]);
    err_free(&denied);
}

/* The directory of a configured instance that does not tell: by its name, else the default one. */
static char *directory_of(struct slice list, const char *name)
{
    struct detect_instance i;
    while (detect_postfix_instance(&list, &i))
        if (slice_eq(i.name, name ? slice_of(name) : SLICE("-")))
            return detect_copy(i.directory);
    return detect_copy(SLICE(CONFIG_DIRECTORY));
}

static const struct config_mta *find_mta(const struct config *c, const char *name,
                                         struct slice directory)
{
    for (unsigned i = 0; i < c->mta_count; i++) {
        const struct config_mta *m = &c->mtas[i];
        if (strcmp(m->type, "postfix") == 0 && !m->elsewhere &&
            ((name && strcmp(m->name, name) == 0) ||
             (directory.p && slice_eq(slice_of(m->config_directory), directory))))
            return m;
    }
    return NULL;
}

static void add_mta(struct config *c, const char *path, struct slice directory,
                    struct err_list *notes)
{
    if (find_mta(c, NULL, directory))
        return;
    struct config_mta m = config_mta_new("postfix");
    free(m.config_directory);
    m.config_directory = detect_copy(directory);
    char *settings = ask_settings(path, m.config_directory);
    m.name = name_of(settings);
    if (find_mta(c, m.name, (struct slice){NULL, 0})) {
        detect_note(
            &m, notes,
            "%s logs under the same name as another instance and is left out: set syslog_name "
            "in its main.cf",
            m.config_directory);
        config_mta_release(&m);
    } else {
        fill(&m, path, settings, notes);
        detect_note(&m, notes, "found: %s, queue %s, log %s", m.config_directory, m.queue_directory,
                    m.log ? m.log : "unknown");
        detect_add_mta(c, m);
    }
    free(settings);
}

static void add_found(struct config *c, const char *path, struct slice list, struct err_list *notes)
{
    struct detect_instance i;
    bool listed = false;
    while (detect_postfix_instance(&list, &i)) {
        listed = true;
        if (i.enabled)
            add_mta(c, path, i.directory, notes);
        else if (!find_mta(c, NULL, i.directory))
            err_add(notes, NULL, 0, "postfix instance %.*s: not enabled (postmulti -l), left out",
                    (int)i.name.n, i.name.p);
    }
    if (!listed && access(CONFIG_DIRECTORY "/main.cf", F_OK) == 0)
        add_mta(c, path, SLICE(CONFIG_DIRECTORY), notes);
}

void detect_postfix(struct config *c, const char *path, struct err_list *notes)
{
    path = path ? path : PATH;
    char *list = detect_run(path, (char *[]){"postmulti", "-l", NULL});
    for (unsigned i = 0; i < c->mta_count; i++) {
        struct config_mta *m = &c->mtas[i];
        if (strcmp(m->type, "postfix") != 0 || detect_elsewhere(m, notes))
            continue;
        if (!m->config_directory)
            m->config_directory = directory_of(slice_of(list), m->name);
        char *settings = ask_settings(path, m->config_directory);
        if (!m->name)
            m->name = name_of(settings);
        fill(m, path, settings, notes);
        free(settings);
    }
    if (c->detect)
        add_found(c, path, slice_of(list), notes);
    free(list);
    for (unsigned i = 0; i < c->mta_count; i++)
        if (strcmp(c->mtas[i].type, "postfix") == 0 && !c->mtas[i].elsewhere)
            check_readable(&c->mtas[i], notes);
}
