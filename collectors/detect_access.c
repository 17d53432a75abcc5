/*
 * Dovecot and Cyrus IMAP: what doveconf(1) prints and imapd.conf(5) says. One running server of each is looked
 * for; others are named in the configuration. See detect.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "detect.h"

#define PATH       "/usr/bin:/usr/sbin:/bin:/sbin:/usr/local/bin:/usr/local/sbin"
#define IMAPD_CONF "/etc/imapd.conf"
#define TEXT_MAX   65536

struct slice detect_dovecot_value(struct slice text, const char *name)
{
    return detect_value(text, name, SLICE("="));
}

struct slice detect_cyrus_value(struct slice text, const char *name)
{
    return detect_value(text, name, SLICE(":"));
}

void detect_dovecot_protocols(struct config_access *a, struct slice list)
{
    static const char *const known[][2] = {{"imap", "imap"},
                                           {"pop3", "pop3"},
                                           {"lmtp", "lmtp"},
                                           {"sieve", "managesieve"},
                                           {"submission", "submission"}};
    while ((list = slice_trim(list)).n) {
        struct slice word = slice_head(list, slice_find(list, ' '));
        list = slice_skip(list, word.n);
        for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++)
            if (slice_eq(word, slice_of(known[i][0])))
                detect_add(&a->protocols, slice_of(known[i][1]));
    }
}

char *detect_dovecot_log(struct slice text)
{
    struct slice log = detect_dovecot_value(text, "info_log_path");
    if (!log.n)
        log = detect_dovecot_value(text, "log_path");
    return log.n && *log.p == '/' ? detect_copy(log) : NULL;
}

static void note(const struct config_access *a, const char *type, struct err_list *notes)
{
    struct config_mta m = {.type = (char *)(uintptr_t)type,
                           .name = a->name ? a->name : (char *)(uintptr_t)type,
                           .source_file = a->at.file,
                           .source_line = a->at.line};
    if (a->log && !a->at.file)
        detect_note(&m, notes, "found: log %s", a->log);
    if (a->log)
        detect_readable(&m, a->log, false, notes);
    else
        detect_note(&m, notes,
                    "it is not known where it logs; name the file by log = \"/var/log/mail.log\"");
}

/* Is one of them of this host? */
static bool has_own(const struct config_list *list)
{
    const struct config_access *all = list->items;
    for (unsigned i = 0; i < list->count; i++)
        if (!all[i].elsewhere)
            return true;
    return false;
}

/* Adds the server if its master left a pid file. */
static void find_dovecot(struct config *c, struct slice text)
{
    struct slice base = detect_dovecot_value(text, "base_dir");
    char file[4096];
    snprintf(file, sizeof file, "%.*s/master.pid", (int)base.n, base.p ? base.p : "");
    if (!base.n || access(file, F_OK) != 0)
        return;
    struct config_access *a = config_add_dovecot(c);
    a->name = detect_copy(SLICE("dovecot"));
    a->pid_file = detect_copy(slice_of(file));
    detect_dovecot_protocols(a, detect_dovecot_value(text, "protocols"));
}

void detect_dovecot(struct config *c, struct err_list *notes)
{
    char words[5][16] = {"doveconf", "log_path", "info_log_path", "base_dir", "protocols"};
    char *argv[] = {words[0], words[1], words[2], words[3], words[4], NULL};
    char *output = c->detect || c->dovecots.count ? detect_run(PATH, argv) : NULL;
    if (c->detect && !has_own(&c->dovecots) && output)
        find_dovecot(c, slice_of(output));
    for (unsigned i = 0; i < c->dovecots.count; i++) {
        struct config_access *a = (struct config_access *)c->dovecots.items + i;
        if (!a->log && output && !a->elsewhere)
            a->log = detect_dovecot_log(slice_of(output));
        if (!a->log)
            a->log = detect_syslog_file("");
        note(a, "dovecot", notes);
    }
    free(output);
}

void detect_cyrus(struct config *c, struct err_list *notes)
{
    static const char *const pid_files[] = {"/run/cyrus-master.pid", "/var/run/cyrus-master.pid",
                                            "/run/cyrus/master.pid"};
    static char text[TEXT_MAX];
    FILE *in = c->detect || c->cyruses.count ? fopen(IMAPD_CONF, "re") : NULL;
    struct slice s = {text, in ? fread(text, 1, sizeof text, in) : 0};
    if (in)
        fclose(in);
    for (unsigned i = 0;
         c->detect && s.n && !has_own(&c->cyruses) && i < sizeof pid_files / sizeof pid_files[0];
         i++)
        if (access(pid_files[i], F_OK) == 0) {
            struct config_access *a = config_add_cyrus(c);
            a->name = detect_copy(SLICE("cyrus"));
            a->pid_file = detect_copy(slice_of(pid_files[i]));
        }
    for (unsigned i = 0; i < c->cyruses.count; i++) {
        struct config_access *a = (struct config_access *)c->cyruses.items + i;
        struct slice proc = detect_cyrus_value(s, "proc_path");
        if (!a->proc_directory && proc.n && !a->elsewhere)
            a->proc_directory = detect_copy(proc);
        if (!a->log)
            a->log = detect_syslog_file("");
        note(a, "cyrus", notes);
    }
}
