/*
 * Sendmail and OpenSMTPD on this host, by the text of their configuration files; no tool is asked. What the
 * operator configured is never changed, only completed. The text is cut, never trusted: a line of
 * another form is skipped. An instance of each kind is found, the one at the usual place.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "detect.h"

struct kind {
    const char *type, *name;
    const char *const *config_files; /* the first that exists counts; ends with NULL */
    const char *queue_directory;
    void (*read)(struct config_mta *m, struct slice text);
};

static void set(char **member, struct slice value)
{
    if (!*member && value.n)
        *member = detect_copy(value);
}

static struct slice next_word(struct slice *line)
{
    while (line->n && (*line->p == ' ' || *line->p == '\t'))
        *line = slice_skip(*line, 1);
    size_t n = 0;
    while (n < line->n && line->p[n] != ' ' && line->p[n] != '\t')
        n++;
    struct slice word = slice_head(*line, n);
    *line = slice_skip(*line, n);
    return word;
}

/* address: as written; what is no number is every address. */
static void add_listener(struct config_mta *m, struct slice address, unsigned port)
{
    char text[INET6_ADDRSTRLEN + 16], host[INET6_ADDRSTRLEN] = "";
    unsigned char bytes[16];
    if (port == 0)
        return;
    slice_take(&address, SLICE("IPv6:"));
    if (slice_take(&address, SLICE("[")) && slice_ends(address, SLICE("]")))
        address.n--;
    if (address.n && address.n < sizeof host)
        memcpy(host, address.p, address.n);
    bool four = inet_pton(AF_INET, host, bytes) == 1;
    bool six = !four && inet_pton(AF_INET6, host, bytes) == 1;
    snprintf(text, sizeof text, six ? "[%s]:%u" : "%s:%u", four || six ? host : "", port);
    detect_add(&m->listen, slice_of(text));
}

/* "Port=submission, Addr=127.0.0.1, Name=MSA" */
static void daemon_options(struct config_mta *m, struct slice options)
{
    struct slice port = SLICE("25"), address = {NULL, 0};
    while (options.n) {
        struct slice one = slice_head(options, slice_find(options, ','));
        options = slice_skip(options, one.n + 1);
        one = slice_trim(one);
        if (slice_take(&one, SLICE("Port=")) || slice_take(&one, SLICE("P=")))
            port = one;
        else if (slice_take(&one, SLICE("Addr=")) || slice_take(&one, SLICE("A=")))
            address = one;
    }
    add_listener(m, address, detect_port(port));
}

void detect_sendmail_options(struct config_mta *m, struct slice text)
{
    struct slice line;
    bool want_listen = m->listen.count == 0, told = false;
    while (detect_line(&text, &line)) {
        struct slice queue = line;
        if (!slice_take(&line, SLICE("O ")))
            continue;
        queue = line;
        if (slice_take(&queue, SLICE("QueueDirectory="))) {
            const char *star = queue.n ? memchr(queue.p, '*', queue.n) : NULL;
            if (star) /* several: all below the directory that they are in */
                while (queue.n && (queue.p + queue.n > star || queue.p[queue.n] != '/'))
                    queue.n--;
            set(&m->queue_directory, queue);
        } else if (slice_take(&line, SLICE("StatusFile="))) {
            set(&m->statistics_file, line);
        } else if (slice_take(&line, SLICE("PidFile="))) {
            set(&m->pid_file, line);
        } else if (want_listen && slice_take(&line, SLICE("DaemonPortOptions="))) {
            daemon_options(m, line);
            told = true;
        }
    }
    if (want_listen && !told)
        add_listener(m, (struct slice){NULL, 0}, 25);
}

/* "listen on lo port 587 tls …" */
void detect_opensmtpd_listeners(struct config_mta *m, struct slice text)
{
    struct slice line;
    if (m->listen.count)
        return;
    while (detect_line(&text, &line)) {
        if (!slice_eq(next_word(&line), SLICE("listen")) ||
            !slice_eq(next_word(&line), SLICE("on")))
            continue;
        struct slice address = next_word(&line), word;
        unsigned port = 25;
        if (slice_eq(address, SLICE("socket")))
            continue;
        while ((word = next_word(&line)).n && *word.p != '#') {
            if (slice_eq(word, SLICE("port")))
                port = detect_port(next_word(&line));
            else if (slice_eq(word, SLICE("smtps")))
                port = 465;
        }
        add_listener(m, address, port);
    }
}

static const char *const sendmail_files[] = {"/etc/mail/sendmail.cf", "/etc/sendmail.cf", NULL};
static const char *const opensmtpd_files[] = {"/etc/smtpd.conf", "/etc/opensmtpd/smtpd.conf",
                                              "/etc/mail/smtpd.conf", NULL};
static const struct kind sendmail_kind = {"sendmail", "sendmail", sendmail_files,
                                          "/var/spool/mqueue", detect_sendmail_options};
static const struct kind opensmtpd_kind = {"opensmtpd", "opensmtpd", opensmtpd_files,
                                           "/var/spool/smtpd", detect_opensmtpd_listeners};

static char *read_text(const char *root, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s%s", root, name);
    return detect_text(path);
}

static const char *find_file(const struct kind *k, const char *root)
{
    char path[4096];
    for (const char *const *f = k->config_files; *f; f++) {
        snprintf(path, sizeof path, "%s%s", root, *f);
        if (access(path, F_OK) == 0)
            return *f;
    }
    return NULL;
}

static void fill(const struct kind *k, struct config_mta *m, const char *root,
                 struct err_list *notes)
{
    const char *usual = find_file(k, root);
    if (usual)
        set(&m->config_file, slice_of(usual));
    char *text = m->config_file ? read_text(root, m->config_file) : NULL;
    if (text)
        k->read(m, slice_of(text));
    else if (m->config_file)
        detect_note(m, notes, "%s may not be read; its listeners are not known", m->config_file);
    free(text);
    set(&m->name, slice_of(k->name));
    set(&m->queue_directory, slice_of(k->queue_directory));
    if (!m->log && !(m->log = detect_syslog_file(root)))
        detect_note(m, notes, "no log was found below /var/log: does syslog write mail to a file?");
}

static void add_found(const struct kind *k, struct config *c, const char *root,
                      struct err_list *notes)
{
    const char *file = find_file(k, root);
    if (!file || detect_has(c, k->type))
        return;
    struct config_mta m = config_mta_new(k->type);
    fill(k, &m, root, notes);
    detect_note(&m, notes, "found: %s, queue %s, log %s", m.config_file, m.queue_directory,
                m.log ? m.log : "unknown");
    detect_add_mta(c, m);
}

static void detect(const struct kind *k, struct config *c, const char *root, struct err_list *notes)
{
    root = root ? root : "";
    for (unsigned i = 0; i < c->mta_count; i++)
        if (strcmp(c->mtas[i].type, k->type) == 0 && !detect_elsewhere(&c->mtas[i], notes))
            fill(k, &c->mtas[i], root, notes);
    if (c->detect)
        add_found(k, c, root, notes);
    for (unsigned i = 0; i < c->mta_count && !*root; i++) {
        const struct config_mta *m = &c->mtas[i];
        if (strcmp(m->type, k->type) != 0 || m->elsewhere)
            continue;
        detect_readable(m, m->queue_directory, true, notes);
        if (m->log)
            detect_readable(m, m->log, false, notes);
    }
}

void detect_sendmail(struct config *c, const char *root, struct err_list *notes)
{
    detect(&sendmail_kind, c, root, notes);
}

void detect_opensmtpd(struct config *c, const char *root, struct err_list *notes)
{
    detect(&opensmtpd_kind, c, root, notes);
}
