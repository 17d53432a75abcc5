/*
 * What a mail system of this host is asked about itself, so that it need not be configured: its
 * instances, directories, log, listeners. The parsers are pure functions on the output of its
 * tools; detect.c runs the tools and looks at the files.
 */
#ifndef DETECT_H
#define DETECT_H

#include "../agent/config.h"

/*
 * Fills what the configuration leaves out of its Postfix instances and, if c->detect, adds those
 * that it does not name. Runs postmulti(1) and postconf(1) from the directories of `path`
 * ("/usr/sbin:..."; NULL: the usual ones); without them the default directories are assumed. notes:
 * what was found, what may not be read by this process and what would mend that. Takes up to 5 s
 * for each command: not for the loop. c owns what is added.
 */
void detect_postfix(struct config *c, const char *path, struct err_list *notes);

/*
 * The same for Sun's Messaging Server: looks at directories, asks no tool. path: the base directories of instances,
 * ":" between them; NULL: the usual ones.
 */
void detect_sun(struct config *c, const char *path, struct err_list *notes);
/* The same for Exim, of `exim -bP`, else from the text of its configuration. */
void detect_exim(struct config *c, const char *path, struct err_list *notes);
/* The value of a main setting in `exim -bP`'s output or a configuration; p == NULL: not there. */
struct slice detect_exim_value(struct slice text, const char *name);
/*
 * The file of log "main", "reject" or "panic" for this log_file_path (empty: Exim's own default). false: it
 * logs to syslog only.
 */
bool detect_exim_log(struct slice log_file_path, const char *spool, const char *log,
                     char path[4096]);
/* Adds listeners: daemon_smtp_ports (empty: 25), local_interfaces (empty: any). */
void detect_exim_listeners(struct config_mta *m, struct slice ports, struct slice interfaces);

/*
 * The same for Sendmail and OpenSMTPD, by their configuration files. root: of the file system; NULL: that of this
 * host.
 */
void detect_sendmail(struct config *c, const char *root, struct err_list *notes);
void detect_opensmtpd(struct config *c, const char *root, struct err_list *notes);
/* Fills what sendmail.cf says and m leaves out: queue, statistics and pid file, listeners. */
void detect_sendmail_options(struct config_mta *m, struct slice text);
/* Adds the listeners of smtpd.conf if m has none. */
void detect_opensmtpd_listeners(struct config_mta *m, struct slice text);

/* A line of `postmulti -l`: "NAME GROUP ENABLED DIRECTORY", a name of "-" is the default instance.
 */
struct detect_instance {
    struct slice name, directory;
    bool enabled;
};
/* Takes the next one off the text; skips lines of any other form. false: no more. */
bool detect_postfix_instance(struct slice *text, struct detect_instance *i);
/* The value of a "name = value" line of `postconf`; p == NULL: not there. */
struct slice detect_postfix_value(struct slice text, const char *name);
/*
 * Adds to listen, syslog_names and internal_services of m what is not there yet. settings,
 * services, overrides: output of `postconf -x`, `postconf -M`, `postconf -Px`. m->name must be set.
 */
void detect_postfix_services(struct config_mta *m, struct slice settings, struct slice services,
                             struct slice overrides, struct err_list *notes);

/*
 * If c->detect and no directory server is configured: adds those that listen on a local socket of
 * this host. list: as /proc/net/unix (NULL: that). c owns what is added.
 */
void detect_directories(struct config *c, const char *list, struct err_list *notes);
/* The socket of a directory server in a line of proc_net_unix(5); p == NULL: it is none. */
struct slice detect_directory_socket(struct slice line);
/* A name for a server, and the URI, of its socket's path. */
void detect_directory_name(struct slice path, char name[64]);
void detect_directory_uri(struct slice path, char uri[512]);

/*
 * Servers of mailboxes: fill what the configuration leaves out (the log) and, if c->detect and none of
 * the kind is configured, add the one that runs. c owns what is added.
 */
void detect_dovecot(struct config *c, struct err_list *notes);
void detect_cyrus(struct config *c, struct err_list *notes);
/* The value of a line of doveconf(1), "name = value", or of imapd.conf(5), "name: value". */
struct slice detect_dovecot_value(struct slice text, const char *name);
struct slice detect_cyrus_value(struct slice text, const char *name);
/* Where logins are logged; NULL: not to a file of its own. The caller frees it. */
char *detect_dovecot_log(struct slice text);
/* Adds the services of Dovecot's setting `protocols`. */
void detect_dovecot_protocols(struct config_access *a, struct slice list);

/*
 * Runs argv[0] from one of the directories of `path` without a shell and with an environment of its
 * own. What it printed (at most 1 MiB), which the caller frees; NULL with errno if it is not there,
 * fails, or is not done within 5 s.
 */
char *detect_run(const char *path, char *const argv[]);
/* The first 1 MiB of a file, which the caller frees; NULL: it may not be read, or path is NULL. */
char *detect_text(const char *path);
/* The log to which syslog writes mail: the first usual one below root ("" in earnest) that exists, else
 * "journal" if journald keeps one (and this was built with it), or NULL. The caller frees it. */
char *detect_syslog_file(const char *root);
/* Pieces of all of them. A copy, which the caller frees; never NULL. */
char *detect_copy(struct slice text);
/* Adds an item to a list that has no such yet. */
void detect_add(struct config_strings *list, struct slice item);
/* Adds an instance, which c owns from then on. */
void detect_add_mta(struct config *c, struct config_mta m);
/* Cuts the next line off; false at the end. */
bool detect_line(struct slice *text, struct slice *line);
/* The value of the first line "NAME SEPARATOR VALUE", without blanks around; p == NULL: there is none. */
struct slice detect_value(struct slice text, const char *name, struct slice separator);
/* A number, or the port of a TCP service of this name; 0: neither. */
unsigned detect_port(struct slice text);
/*
 * Is it an instance of another host? Then nothing here tells of it but the log, which is completed, and its name.
 */
bool detect_elsewhere(struct config_mta *m, struct err_list *notes);
/* Is an instance of this kind configured that is of this host? */
bool detect_has(const struct config *c, const char *type);
/* Adds a note if this process may not read a log (or a directory): why, and what would mend it. */
void detect_readable(const struct config_mta *m, const char *path, bool is_directory,
                     struct err_list *notes);
/* Adds a note about an instance, with the line where it is configured, if it is. */
void detect_note(const struct config_mta *m, struct err_list *notes, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
