/*
 * What passes between the collect process and a mailmond-directory that it started: one request in,
 * one result out, each a struct of fixed size without pointers that begins with a mark and its size.
 * Whoever reads one checks it: the process that talks to directory servers is not trusted, since
 * those are not.
 */
#ifndef LDAP_RECORD_H
#define LDAP_RECORD_H

#include "ldap_facts.h"

enum ldap_job {
    LDAP_JOB_MONITOR = 1, /* ask what the server says of itself */
    LDAP_JOB_PROBE        /* look something up, and measure that */
};

/* Texts end with a NUL; an empty one is not set. */
struct ldap_request {
    uint32_t mark, size;
    uint32_t job;        /* enum ldap_job */
    uint32_t timeout_ms; /* for all of it */
    uint32_t starttls;   /* 1: on ldap:// */
    uint32_t external;   /* 1: SASL EXTERNAL, who the socket or the certificate says */
    char uri[512];       /* ldap://HOST:PORT, ldaps://HOST:PORT, ldapi://%2Fpath */
    char bind_dn[256];   /* with password; empty: anonymous, unless external */
    char password[256];
    char ca_file[512];           /* empty: what ldap.conf(5) says */
    char source[64];             /* address to come from; empty: any */
    char base[256], filter[256]; /* of a probe; empty: the root DSE */
    uint32_t family;             /* 0, 4 or 6 */
    uint32_t step_timeout_ms;    /* for each step; 0: none but timeout_ms */
    uint32_t strict;             /* 1: no word to a server whose certificate is bad */
    uint32_t pad;
};

enum ldap_step {
    LDAP_STEP_RESOLVE,
    LDAP_STEP_CONNECT,
    LDAP_STEP_TLS,
    LDAP_STEP_LOGIN,
    LDAP_STEP_SEARCH,
    LDAP_STEP_QUIT,
    LDAP_STEPS
};
extern const char *const ldap_step_names[LDAP_STEPS];

struct ldap_result {
    uint32_t mark, size;
    uint32_t job;
    uint32_t status;               /* enum response_status: up, down, refused, timedOut, ... */
    uint32_t step;                 /* enum ldap_step: the last one begun */
    uint64_t steps_us[LDAP_STEPS]; /* MODEL_ABSENT: not come to */
    uint64_t total_us;
    uint64_t entries;         /* found by a probe's search */
    uint64_t monitor;         /* 1: the server let us read its numbers */
    uint64_t local;           /* 1: the server is on this host */
    uint64_t local_port;      /* our end of the connection; 0: a local socket */
    struct text255 reply;     /* result code and text of the last answer */
    struct text255 error;     /* what went wrong, for the operator; absent: nothing */
    int64_t cert_not_after_s; /* real time; 0: no certificate was seen */
    struct text128 cert_error;
    /* What of the server's counters this conversation caused: all of it, and the part that the
       numbers in `facts` have in them. */
    uint64_t own[LDAP_NUMBERS], included[LDAP_NUMBERS];
    struct ldap_facts facts;
};

/* A request with its mark and size; all else is empty. */
void ldap_request_init(struct ldap_request *r, enum ldap_job job);
/* Is this a whole request of ours? Ends its texts if they have no end. */
bool ldap_request_check(struct ldap_request *r, size_t size);
/* A result to which nothing has happened yet. */
void ldap_result_init(struct ldap_result *r, enum ldap_job job);
/*
 * Is this a whole result of that job? What is in it is then within bounds: counts, enumerations and
 * times; texts have no control characters. Numbers may be any.
 */
bool ldap_result_check(struct ldap_result *r, size_t size, enum ldap_job job);

#endif
