/*
 * The settings as data: one line each, in the order in which they are printed. Checking, defaults,
 * printing and releasing all walk these tables; a unit test holds them and mailmond.conf(5)
 * together.
 */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include <libconfig.h>
#include <limits.h>
#include "config.h"

enum setting_kind {
    SETTING_TEXT,        /* char * */
    SETTING_PATH,        /* char *, an absolute path */
    SETTING_LOG,         /* char *, a path, "journal" or "fifo:/path" */
    SETTING_WORD,        /* char *, one of `words` */
    SETTING_CHOICE,      /* bool: words[0] or words[1] */
    SETTING_BOOL,        /* bool */
    SETTING_NUMBER,      /* uint32_t in low..high */
    SETTING_INTEGER,     /* int64_t within 32 bits with a sign; INT64_MIN: not set */
    SETTING_DURATION_MS, /* uint32_t, milliseconds in low..high */
    SETTING_DURATION_S,  /* uint32_t, seconds in low..high */
    SETTING_TIME,        /* uint32_t, minutes since midnight, written "23:59" */
    SETTING_TEXTS,       /* struct config_strings */
    SETTING_GROUP,       /* `members`, in the same struct */
    SETTING_LIST,        /* struct config_list: groups of `members` in structs of `item_size` */
    SETTING_MTAS         /* a list of groups of `members`, each a struct config_mta */
};

struct setting {
    const char *name;
    enum setting_kind kind;
    size_t offset;       /* of the member in struct config, or in the struct of a list's item */
    uint32_t low, high;  /* range of a number, in its unit; high of a text: its octets, 0: any */
    uint32_t number;     /* default of a number or bool */
    const char *text;    /* default of a text, NULL: not set */
    const char *example; /* as written in the file */
    const char *const *words; /* also of SETTING_TEXTS, which may have these only */
    const struct setting *members;
    size_t item_size; /* of SETTING_LIST */
    const char *help; /* one or two sentences, for the printed file */
};

/* The top level; ends with a NULL name, as every table does. */
extern const struct setting config_settings[];
/* Round trips (config_schema_route.c): settings; what sequence.cfg and the URLs of hops add to the lists. */
extern const struct setting route_settings[], sequence_settings[];
void config_routes(struct config *c, struct err_list *errors);
/* Alarms by mail (config_schema_mail.c): settings; defaults and what they need together. */
extern const struct setting config_mail_settings[];
void config_check_mail(struct config *c, const config_t *tree, struct err_list *errors);
/* The history (config_schema_history.c). */
extern const struct setting config_history_settings[], config_report_settings[];
void config_check_report(const struct config *c, const config_t *tree, struct err_list *errors);
/* An instance of a mail transfer agent, by its kind (config_schema_mta.c, config_schema_sun.c). */
extern const struct setting config_postfix_settings[], config_sendmail_settings[],
    config_opensmtpd_settings[], config_exim_settings[], config_sun_settings[];
/* An instance of a server of mailboxes; log events, quotas (config_schema_access.c). */
extern const struct setting config_dovecot_settings[], config_cyrus_settings[],
    config_log_event_settings[], config_quota_settings[];
extern const char *const show_users_words[]; /* in the order of enum access_users */
/* A service to be asked (config_schema_response.c); the labels of mailmonResponseProtocol, ends with NULL. */
extern const struct setting response_settings[];
extern const char *const response_protocols[];
/* Disks, processes, files, daily records (config_schema_system.c). */
extern const struct setting disk_settings[], process_settings[], file_settings[], record_settings[];
/* A directory server (config_schema_directory.c). */
extern const struct setting config_directory_settings[];
/* Rules of alarms, storm limits, configutil (config_schema_alarm.c). */
extern const struct setting config_alarm_settings[], config_notification_settings[];

/* Puts the defaults of all settings into *base (zeroed: a struct config or config_mta). */
void config_defaults(const struct setting *settings, void *base);
/* Releases what the settings' members own. */
void config_release(const struct setting *settings, void *base);
/* Releases a list: what `s` says of its items. */
void config_release_list(const struct setting *s, struct config_list *list);
/* Like strdup, but never NULL for a string: a process that cannot even configure itself aborts. */
char *config_copy(const char *text);

/* Milliseconds of "250 ms", "5 s", "10 min", "2 h", "1 d"; -1 if text is none of these. */
int64_t config_duration(const char *text);

/* The path of the file in which a setting is written; may use `path`. */
const char *config_source(const config_setting_t *at, char path[PATH_MAX]);
/* Adds a fault (or a warning) about a setting, with the file and line where it is written. */
void config_fault(struct err_list *errors, const config_setting_t *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The row of this name, or NULL. */
const struct setting *config_find_setting(const struct setting *settings, const char *name);
/* What the file says of a setting into its member of *base; faults are added to `errors`. */
void config_read_setting(struct err_list *errors, const config_setting_t *at,
                         const struct setting *s, void *base);
/* The same of each setting of a group; those that `settings` does not have are faults. */
void config_read_group(struct err_list *errors, const config_setting_t *group,
                       const struct setting *settings, void *base);
/* Reads the file that `configutil` names (config_configutil.c). */
void config_read_configutil(struct config *c, const config_t *tree, struct err_list *errors);

/*
 * Its local.snmp.* options (config_configutil_snmp.c): taken line by line, then applied where the file of `tree` is
 * silent.
 */
enum config_snmp_option {
    CONFIG_SNMP_ENABLE, /* of the server's own subagent: nothing to mailmond */
    CONFIG_SNMP_STANDALONE,
    CONFIG_SNMP_LISTENADDR,
    CONFIG_SNMP_PORT,
    CONFIG_SNMP_CACHETTL,
    CONFIG_SNMP_SERVERTIMEOUT,
    CONFIG_SNMP_DIRECTORYSCAN,
    CONFIG_SNMP_ENABLECONTEXTNAME,
    CONFIG_SNMP_CONTEXTNAME,
    CONFIG_SNMP_OPTIONS
};
struct config_snmp {
    unsigned line[CONFIG_SNMP_OPTIONS]; /* 0: not there */
    int64_t number[CONFIG_SNMP_OPTIONS];
    char text[CONFIG_SNMP_OPTIONS][256];
    char domain[256]; /* service.defaultdomain */
};
void config_snmp_take(struct config_snmp *s, const struct config *c, struct err_list *errors,
                      unsigned line, const char *name, const char *value);
void config_snmp_apply(const struct config_snmp *s, struct config *c, const config_t *tree);
/*
 * Can this file of a password be used? It is read as secret_read does; one that this account may not read is no
 * fault, since whoever only checks need not be able to. true: also where it is NULL.
 */
bool config_password_good(const char *file, char why[512]);
/* What only all settings together can tell: names used twice, listeners, accounts, open access. */
void config_check(struct config *c, const config_t *tree, struct err_list *errors);
/* Parts of it. Directory servers: names, URIs, who asks. */
void config_check_directories(struct config *c, struct err_list *errors);
/* Instances whose lines are those of one host; says which are elsewhere. */
void config_check_hosts(struct config *c, const config_t *tree, struct err_list *errors);
/* Of all that may log through syslog; member: of the struct. */
#define CONFIG_HOST(member)                                                                        \
    {                                                                                              \
        .name = "host", .kind = SETTING_TEXT, .offset = (member), .example = "\"mx1\"",            \
        .help = "Where several hosts log to one file: only lines of this one are the instance's, " \
                "which is shown as mx1/NAME; \"*\": an instance for each host that is found."      \
    }
/* Services to be asked: names, what their protocols have. */
void config_check_responses(struct config *c, struct err_list *errors);
/* Servers of mailboxes, log events, quotas: names, protocols, metrics, and that each has what it needs. */
void config_check_access(const struct config *c, struct err_list *errors);
/* Disks, processes and files: that each has what it needs. */
void config_check_system(const struct config *c, struct err_list *errors);

#endif
