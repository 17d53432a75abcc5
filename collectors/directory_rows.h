/*
 * From what a directory server says of itself to rows: applTable, DIRECTORY-SERVER-MIB, open
 * connections, full databases. Pure but for the model: no I/O, no clock.
 *
 * Counters are the server's, since it started: when it starts anew they begin again at 0 and
 * applUptime says when that was. What our own questions added to them is taken off again, and a
 * counter never goes back while the server runs.
 */
#ifndef DIRECTORY_ROWS_H
#define DIRECTORY_ROWS_H

#include "../agent/names.h"
#include "ldap_record.h"
#include "trend.h"

/* What the store keeps of a server, by applIndex. */
struct directory_memory {
    int64_t started_s;            /* the server's start, by its clock; 0: none was told yet */
    uint64_t own[LDAP_NUMBERS];   /* our share of its counters since then */
    uint64_t shown[LDAP_NUMBERS]; /* as shown last */
};

/* A connection that has a row. */
struct directory_session {
    uint64_t number;
    int64_t since_s;
    uint32_t assoc; /* assocIndex */
    bool seen;
};

struct directory_rows {
    struct model *model;
    struct names *names;
    struct appl *appl;
    bool sessions; /* show them */
    struct directory_memory memory;
    struct trend available_kb[LDAP_DATABASES_MAX]; /* of each database, in the server's order */
    struct directory_session open[LDAP_SESSIONS_MAX];
    unsigned open_count;
};

/* Makes the row in applTable. false: it is full, or memory is short. */
bool directory_rows_place(struct directory_rows *d, struct slice name);
/* Is this row of applTable of a directory server? */
bool directory_rows_is(const struct appl *a);
/* Takes the outcome of a question, whether it went well or not. */
void directory_rows_take(struct directory_rows *d, const struct ldap_result *r, int64_t now_ms);
/* No outcome: what is now is not known. */
void directory_rows_unknown(struct directory_rows *d, int64_t now_ms);
/* Counts in what another conversation of ours added to the server's counters. */
void directory_rows_own(struct directory_rows *d, const uint64_t own[LDAP_NUMBERS]);

#endif
