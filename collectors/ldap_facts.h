/*
 * What a directory server says of itself, as numbers: OpenLDAP's cn=Monitor (slapd-monitor(5); the
 * attributes of the mdb backend and of a syncrepl consumer), and the entries cn=monitor and
 * cn=snmp,cn=monitor of 389 Directory Server and its elders. Pure: entry by entry and value by value
 * into one flat struct without pointers, which can travel between processes as it is. Everything
 * read is a stranger's: what does not parse is left absent, what does not fit is counted.
 */
#ifndef LDAP_FACTS_H
#define LDAP_FACTS_H

#include "../agent/model.h"

enum ldap_server {
    LDAP_SERVER_UNKNOWN, /* answers LDAP and says no more */
    LDAP_SERVER_OPENLDAP,
    LDAP_SERVER_389 /* 389, Red Hat, Sun, Oracle, Netscape Directory Server */
};

/* The single numbers; MODEL_ABSENT where the server does not say. Counters since its start, but for
 * those marked as levels. */
enum ldap_number {
    LDAP_CONNECTIONS,
    LDAP_OPEN, /* level: connections now open */
    LDAP_INITIATED,
    LDAP_COMPLETED,
    LDAP_BIND,
    LDAP_UNBIND,
    LDAP_SEARCH,
    LDAP_COMPARE,
    LDAP_MODIFY,
    LDAP_MODRDN,
    LDAP_ADD,
    LDAP_DELETE,
    LDAP_ABANDON,
    LDAP_EXTENDED,
    LDAP_BYTES_SENT,
    LDAP_BYTES_RECEIVED,
    LDAP_PDUS,
    LDAP_ENTRIES,
    LDAP_REFERRALS,
    LDAP_UNAUTH_BINDS,
    LDAP_SIMPLE_BINDS,
    LDAP_STRONG_BINDS,
    LDAP_BIND_SECURITY_ERRORS,
    LDAP_READ,
    LDAP_LIST,
    LDAP_ONE_LEVEL,
    LDAP_SUBTREE,
    LDAP_CHAININGS,
    LDAP_SECURITY_ERRORS,
    LDAP_ERRORS,
    LDAP_CACHE_HITS,
    LDAP_SLAVE_HITS,
    LDAP_MASTER_ENTRIES, /* levels from here on */
    LDAP_COPY_ENTRIES,
    LDAP_CACHE_ENTRIES,
    LDAP_THREADS_MAX,
    LDAP_THREADS_ACTIVE,
    LDAP_THREADS_PENDING,
    LDAP_READ_WAITERS,
    LDAP_WRITE_WAITERS,
    LDAP_DESCRIPTORS, /* how many there can be */
    LDAP_NUMBERS
};

#define LDAP_DATABASES_MAX 16
#define LDAP_CONSUMERS_MAX 16
#define LDAP_SESSIONS_MAX  256
#define LDAP_LISTENERS_MAX 8

/* A database that serves a naming context. */
struct ldap_database {
    uint64_t number; /* "Database 2" */
    struct text64 backend;
    struct text128 context;                              /* its first naming context */
    struct text128 directory;                            /* where its files are */
    uint64_t shadow;                                     /* 1: a copy of another server's */
    uint64_t entries, pages_max, pages_used, pages_free; /* mdb */
};

/* A syncrepl consumer: what this server did to get a copy from another. Times are the server's real
 * time in seconds; 0: never or not told. */
struct ldap_consumer {
    uint64_t number, database;
    struct text255 provider; /* URI */
    int64_t last_connect_s, last_contact_s, next_connect_s;
};

/* An open connection. */
struct ldap_session {
    uint64_t number;     /* the server's, not used again until it restarts; 389: the descriptor */
    struct text64 peer;  /* address without the port; absent: a local socket */
    uint64_t peer_port;  /* MODEL_ABSENT: not told */
    uint64_t local_port; /* of the listener */
    struct text128 user; /* DN it is bound as; length 0: anonymous */
    int64_t since_s;
};

struct ldap_facts {
    uint64_t server; /* enum ldap_server */
    struct text64 version;
    struct text128 monitor_base; /* where its numbers are; absent: nowhere that it says */
    struct text128 context;      /* first naming context, for display */
    int64_t started_s, now_s;    /* by the server's clock; 0: not told */
    uint64_t front_end;          /* 1: some database passes requests on to other servers */
    uint64_t numbers[LDAP_NUMBERS];
    uint64_t database_count, consumer_count, session_count, listener_count;
    uint64_t listeners[LDAP_LISTENERS_MAX]; /* TCP ports */
    uint64_t left_out; /* databases and consumers beyond the room; of sessions, some are enough */
    struct ldap_database databases[LDAP_DATABASES_MAX];
    struct ldap_consumer consumers[LDAP_CONSUMERS_MAX];
    struct ldap_session sessions[LDAP_SESSIONS_MAX];
};

/* Where the values of an entry go; made by ldap_facts_entry. */
struct ldap_entry {
    char name[256]; /* the DN in lower case; empty: the root DSE, or too long to be one of ours */
    bool root;
    struct ldap_database *database;
    struct ldap_consumer *consumer;
    struct ldap_session *session;
    bool listener;
};

/* Nothing known: numbers MODEL_ABSENT, texts absent, lists empty. */
void ldap_facts_init(struct ldap_facts *f);
/* An entry begins; the empty DN is the root DSE, which must come first. */
void ldap_facts_entry(struct ldap_facts *f, struct slice dn, struct ldap_entry *e);
/* One value of an attribute of it. Returns the number that it was, or LDAP_NUMBERS. */
enum ldap_number ldap_facts_value(struct ldap_facts *f, struct ldap_entry *e,
                                  struct slice attribute, struct slice value);
/* When all were taken: sums over databases, and numbers that the server leaves at zero because it
 * does not keep them. */
void ldap_facts_end(struct ldap_facts *f);
/* Seconds since the epoch of a generalizedTime in UTC ("20261122035912Z", RFC 4517 3.3.13); 0: it is
 * none, or OpenLDAP's "never" in the year 0. */
int64_t ldap_time(struct slice text);

#endif
