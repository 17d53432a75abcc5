/*
 * The configuration: libconfig's tree checked against a schema and copied into plain structs. Knows
 * no collector's insides. A syntax error stops with file:line; all unknown names, wrong types and
 * impossible values are then reported at once, each with what would be right.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdint.h>
#include <stdio.h>
#include "err.h"
#include "log.h"
#include "model.h"

#define CONFIG_FILE         "/etc/mailmond/mailmond.conf"
#define STATE_DIR           "/var/lib/mailmond"
#define RUN_DIR             "/run/mailmond"

#define CONFIG_MESSAGES_MAX 100000000

/* What a row has room for: two names that differ behind it would be one. */
#define CONFIG_NAME_OCTETS 63

/* An instance for each host that is found in the log. */
#define CONFIG_EACH_HOST "*"

struct config_strings {
    char **items;
    unsigned count;
};

/* Where something was written, for messages; file NULL: nowhere, it was detected or is built in. */
struct config_at {
    char *file;
    unsigned line;
};

/* A list of groups: `count` structs, each of which begins with its struct config_at. */
struct config_list {
    void *items;
    unsigned count;
};

/* One MTA instance. Members that the file leaves out are NULL: detection or the MTA's own defaults
 * fill them. */
struct config_mta {
    char *type; /* "postfix": struct mta, name */
    char *name; /* applName, and syslog_name of Postfix: "postfix", "postfix-out" */
    char *config_directory;
    char *config_file; /* of a mail system that has one file: sendmail.cf */
    char *queue_directory;
    char *pid_file;
    char *statistics_file;
    char *reject_log,
        *panic_log; /* logs beside the main one, of Exim: followed, their lines counted */
    char *log;      /* path of the log file; several instances may share one */
    char *host;     /* whose lines of the log are its; CONFIG_EACH_HOST; NULL: nobody else's */
    bool elsewhere; /* `host` is not this machine: only the log tells of it */
    struct config_strings syslog_names;      /* further tags that belong to it: "submission" for -o
                                           syslog_name=submission */
    struct config_strings internal_services; /* inbound services behind a content filter, as
                                  mtaGroupName has them ("reinject/smtpd"): not counted again */
    /* "ADDRESS:PORT" or ":PORT" of its listeners, and " SERVICE" if it is not the usual one */
    struct config_strings listen;
    /* Sun's Messaging Server: where it is installed, and what it is asked. */
    char *base_directory, *log_directory, *store_directory;
    char *service_log;                 /* of syslog, where its services write there; NULL: none */
    struct config_strings partitions;  /* of its message store: directories */
    struct config_strings log_options; /* as in option.dat, where that may not be read */
    struct config_strings utilities;   /* that are run: "imsimta counters" */
    struct config_strings utility_prefix; /* before each: "sudo" "-n" ... */
    uint32_t utility_interval_s;
    uint32_t max_life_time_s;            /* of an SMTP server, as detected; 0: not known */
    struct config_strings queue_command; /* tells when queued mail is tried next, empty: none */
    struct config_strings statistics_command; /* tells its own statistics, empty: none */
    uint32_t queue_command_interval_s, statistics_command_interval_s;
    char *source_file; /* where it was written, for messages; NULL: detected */
    unsigned source_line;
};

/* A file system to watch, by a path on it. */
struct config_disk {
    struct config_at at;
    char *path;
    char *kind;                      /* one of disk_kind_words, in the order of enum disk_kind */
    uint32_t lock_threshold_percent; /* used; default 99 */
};

/* Processes that are to run. What is left out of name, arguments, user and pid_file is not looked at. */
struct config_process {
    struct config_at at;
    char *name;      /* mailmonProcessName; NULL: that of the process */
    char *process;   /* as the kernel has it: at most 15 octets */
    char *arguments; /* a part of the command line */
    char *user;
    char *pid_file;                /* only the process that is written there */
    char *appl;                    /* applName of what stands and falls with it */
    uint32_t min;                  /* default 1 */
    uint32_t max;                  /* 0: any number */
    uint32_t max_life_time_s;      /* 0: any age */
    uint32_t max_life_connections; /* 0: any number */
};

/* Files whose number, size and age are watched. */
struct config_file {
    struct config_at at;
    char *name;    /* mailmonFileName; NULL: the pattern */
    char *pattern; /* glob(7) */
};

/* A service that is asked for its response time. Texts that the file leaves out are NULL. */
struct config_response {
    struct config_at at;
    char *name;     /* mailmonResponseName */
    char *protocol; /* "smtp", as mailmonResponseProtocol */
    char *host, *source, *address_family;
    char *user, *password_file, *mailbox;
    char *tls_name, *ca_file;
    char *sender, *recipient, *expect, *path, *helo, *base, *filter;
    char *appl;    /* applName */
    uint32_t port; /* 0: the protocol's own */
    uint32_t interval_s, timeout_ms, step_timeout_ms, warn_after_ms, fail_after_ms;
    bool starttls, tls_verify;
};

/* A round trip: what is submitted to one service is looked for at another. Both are names of `responses`;
 * config_routes makes those that are written as URLs. */
struct config_route {
    struct config_at at;
    char *name;                 /* mailmonRouteName */
    char *submit;               /* response that takes the message */
    char *retrieve;             /* response in whose mailbox it is looked for; NULL: nowhere */
    struct config_strings hops; /* responses that are asked on a failure, in the order of the way */
    char *sender, *recipient;
    char *user, *password_file; /* of `retrieve`, if that is a URL */
    char *search_header;        /* header field by which it is found; NULL: Message-ID */
    uint32_t interval_s, late_s, lost_s;
    uint32_t minute; /* of each hour, as in sequence.cfg; 60: by the interval */
};

/* healthmon's sequence.cfg, and what its lines leave open. */
struct config_sequence {
    char *file;
    char *domain; /* of the users; NULL: their bare names */
    char *sender;
    char *password_file;
    char *submit_protocol, *retrieve_protocol;
    uint32_t submit_port, retrieve_port; /* 0: the protocol's own */
};

/* One directory server that is asked for its numbers. */
struct config_directory {
    struct config_at at;
    char *name; /* in applTable */
    char *uri;
    char *bind_dn, *password_file; /* both or none */
    char *ca_file;
    bool starttls;
    bool sessions; /* show who is connected */
    uint32_t interval_s, timeout_ms;
};

/* A number that the file left out. */
#define CONFIG_UNSET UINT32_MAX

/* A section of `alarms`, or what configutil says of one. What is left out is NULL, CONFIG_UNSET or
 * INT64_MIN: then what came before it holds, see alarm_rule.h. */
struct config_alarm {
    struct config_at at;
    char *name, *object, *instances, *where, *kind, *rate, *direction, *severity;
    char *unit, *description;
    bool enabled;
    struct config_strings values;
    int64_t threshold, clear_threshold;
    uint32_t divide, deviations, samples, hold_s, interval_s, repeat_s, instances_max;
    struct config_strings on_raise, on_clear, restart; /* programs with their arguments */
    uint32_t action_timeout_s, restart_wait_s, retry_timeout_s;
};

/* mail { }: whom to tell of alarms by mail, and through which host; also alarm.msgalarmnotice* of
 * configutil, for what the file leaves out. */
struct config_notice {
    bool enabled;
    char *host, *recipient, *sender;
    char *tls; /* "none", "starttls", "smtps" */
    char *user, *password_file, *ca_file;
    char *template_file;
    char *template; /* the text of configutil's template; NULL: the seed's form */
    char *server_instance;
    uint32_t port; /* 0: that of the protocol */
    bool cleared;  /* tell also when an alarm is cleared */
    uint32_t give_up_s;
};

/* A server of mailboxes. Texts that the file leaves out are NULL; detection fills them. */
struct config_access {
    struct config_at at;
    char *name; /* "dovecot": applications are "dovecot/imap" ... */
    char *log;
    char *host;     /* as of an MTA */
    bool elsewhere; /* likewise */
    char *pid_file;
    char *proc_directory; /* Cyrus: a file for each session */
    /* tags of its lines, if they differ from the server's own */
    struct config_strings syslog_names;
    struct config_strings protocols; /* services that are shown before their first line */
    struct config_strings who;       /* a command that lists the sessions, empty: none */
    char *metrics;                   /* URL on this host, or path; NULL: none are fetched */
    uint32_t interval_s;             /* of who, proc_directory and metrics */
};

/* A text to look for in a log. */
struct config_log_event {
    struct config_at at;
    char *name;     /* mailmonLogEventName */
    char *source;   /* path of the log */
    char *pattern;  /* literal; '*' stands for any text within the line */
    char *severity; /* a word of enum alarm_severity */
};

/* A command that tells who uses how much of his quota. */
struct config_quota {
    struct config_at at;
    char *name;
    char *format; /* "dovecot" or "cyrus" */
    struct config_strings command;
    uint32_t interval_s, timeout_s;
    uint32_t warn_percent;
};

struct config {
    char *file; /* NULL: none was found, all is default */
    char *state_dir;
    char *run_dir;      /* pid file */
    char *user;         /* account of the collect process, NULL: see account_become */
    char *publish_user; /* account of the publish process, NULL: see account_become */
    char *log;          /* see log_open */
    char *log_level;
    bool detect; /* look for mail systems beside the configured ones; default: only if none is */
    uint32_t interval_ms;              /* tick of the log followers, default 1000 */
    bool no_directory_scan;            /* of Sun's queues: local.snmp.directoryscan = 0 */
    uint32_t queue_interval_s;         /* refresh of the queues, default 10 */
    uint32_t queue_rescan_s;           /* full scan to reconcile, default 600 */
    uint32_t checkpoint_s;             /* default 15 */
    uint32_t messages_max;             /* in flight, default 1,000,000 */
    uint32_t files_per_second;         /* queue files looked into, default 200 */
    uint32_t capacities[MODEL_TABLES]; /* 0: default */
    /* snmp { } */
    bool standalone;                  /* embedded master */
    char *listen;                     /* "udp:127.0.0.1:1161" */
    char *agentx;                     /* AgentX socket; NULL: Net-SNMP's default */
    char *context;                    /* SNMPv3 context of all registrations; NULL: default */
    uint32_t agentx_ping_s;           /* default 3 */
    bool fast_path;                   /* default true */
    struct config_strings directives; /* Net-SNMP's own, one a line, for the embedded master */
    struct config_mta *mtas;
    unsigned mta_count;
    uint32_t system_interval_s;   /* of host, disks, processes and files, default 60 */
    struct config_list disks;     /* struct config_disk */
    struct config_list processes; /* struct config_process */
    struct config_list files;     /* struct config_file */
    char *records_directory;      /* of qmonitor.log and systest.log; NULL: they are not written */
    uint32_t records_interval_s;  /* default 300 */
    uint32_t records_keep_days;   /* 0: for ever; default 30 */
    struct config_list responses; /* struct config_response */
    struct config_list routes;    /* struct config_route */
    struct config_sequence sequence;
    struct config_list directories; /* struct config_directory */
    struct config_list alarms;      /* struct config_alarm */
    struct config_list seed_alarms; /* the same, from the file that `configutil` names */
    char *configutil;
    struct config_notice notice;
    uint32_t notify_per_minute; /* 0: as many as there are */
    uint32_t flap_changes;      /* 0: an alarm may change as often as it likes */
    uint32_t flap_time_s;
    /* history { } */
    uint32_t history_days; /* 0: none */
    uint32_t history_fine_days, history_baseline_weeks, history_series_max;
    /* report { } */
    uint32_t report_at_min; /* since midnight, local time */
    char *report_directory, *report_template;
    bool report_mail;                      /* as `mail` says */
    struct config_strings history_columns; /* descriptors; empty: config_history_columns */
    struct config_list dovecots;           /* struct config_access */
    struct config_list cyruses;            /* struct config_access */
    struct config_list log_events;         /* struct config_log_event */
    struct config_list quotas;             /* struct config_quota */
    char *show_users;                      /* one of show_users_words */
    struct err_list warnings;              /* what is allowed but unwise, for the log */
};

/*
 * Reads a file (NULL: CONFIG_FILE if it exists, else only defaults) and what it includes. Returns
 * NULL when anything is wrong; `errors` then has every fault. The caller frees both.
 */
struct config *config_load(const char *file, struct err_list *errors);
/*
 * The run_dir of a file that may be faulty, as far as it can be read; else the default. To be freed by the
 * caller.
 */
char *config_run_dir(const char *file);
/* How many mail systems are configured and found: transfer agents, servers of mailboxes, directories. */
unsigned config_systems(const struct config *c);
void config_free(struct config *c);
/* A mail transfer agent of this type (the name of a section) with the defaults of all settings. To be released, or
 * given to a struct config, which then owns what it has. */
struct config_mta config_mta_new(const char *type);
/* Releases what it owns, by its type. */
void config_mta_release(struct config_mta *m);
/* Adds a server of mailboxes with the defaults of all settings; c owns it. */
struct config_access *config_add_dovecot(struct config *c);
struct config_access *config_add_cyrus(struct config *c);
/* Adds a directory server that was found, with the defaults. */
void config_add_directory(struct config *c, const char *name, const char *uri);
/* The name of this machine, as far as it has one. */
void config_this_host(char name[256]);
/*
 * Puts the host before the names of the instances that have one, as they are shown: "mx1/postfix". To be called once,
 * when detection is over, which knows them by what they call themselves.
 */
void config_name_hosts(struct config *c);
/* The response of this name; NULL: there is none, or `name` is NULL. */
const struct config_response *config_response_named(const struct config *c, const char *name);
/* Edit distance (Levenshtein) of two names, to guess which was meant; large if one is too long. */
unsigned config_distance(const char *a, const char *b);
/* The columns that are remembered if the file names none. */
extern const struct config_strings config_history_columns;
/* Does one of Net-SNMP's directives say who may ask (snmpd.conf(5), ACCESS CONTROL)? */
bool config_grants_access(const struct config_strings *directives);
/* Prints a configuration file that yields c: every setting, defaults included, with comments. */
void config_dump(const struct config *c, FILE *out);

/* The utilities of Sun's Messaging Server that may be run, in the order of sun_command.c; ends with NULL. */
extern const char *const config_sun_utilities[];
/* The words for enum disk_kind, without the 0; ends with NULL. */
extern const char *const disk_kind_words[];

#endif
