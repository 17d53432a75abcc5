/*
 * What utilities of Sun's Messaging Server told, as rows: channels' counters, access services, quotas, the message
 * store. Counters of the server live as long as its processes; here they are counted on, from
 * readings that the store keeps beside the rows.
 */
#ifndef SUN_ROWS_H
#define SUN_ROWS_H

#include "quota_source.h"

struct sun_output {
    struct collect *collect;
    const struct instance_of_mta *of;
    struct source *row; /* of the utility: items are what was understood, where it prints a list */
    struct quota_source *quotas; /* of imquotacheck; else NULL */
};

/* Takes in what a utility printed. false: it is not understood. well: of `stored`, did it say so? */
typedef bool sun_take_output(const struct sun_output *to, struct slice text, bool well);
sun_take_output sun_take_counters, sun_take_imap, sun_take_pop, sun_take_http, sun_take_database,
    sun_take_stored;
/* sun_rows_store.c */
sun_take_output sun_take_values, sun_take_disk_usage, sun_take_responses, sun_take_quotas,
    sun_take_readers, sun_take_reconstruct;
/* sun_rows_session.c */
sun_take_output sun_take_logged_in, sun_take_last_access;

/* The readings that counters are counted on from: taken back at the start, put into a checkpoint if they changed.
 * false: the store cannot be read; memory is short. */
bool sun_rows_load(struct collect *c);
bool sun_rows_save(struct checkpoint *to);

#endif
