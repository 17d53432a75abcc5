/*
 * Exim's spool as files. A message is ID-H (envelope, header) and ID-D (body) in input, or with
 * split_spool_directory in input/X, X being the last digit of the time in the id; ID-J while it is
 * delivered. It exists when its -H does. Part of mta_exim.c's implementation of `struct mta`; the
 * contracts are in mta.h. Source: chapter "Format of spool files" of Exim's specification, spool_out.c.
 */
#ifndef EXIM_QUEUE_H
#define EXIM_QUEUE_H

#include "mta.h"

/* queue_name, queue_file and queue_file_name of mta.h; the second with what -J says is done. */
bool exim_queue_name(struct slice name, struct queue_id *id, int64_t *arrival_s);
bool exim_queue_file(struct slice content, struct queue_file *f);
bool exim_queue_file_journal(struct slice content, struct slice journal, struct queue_file *f);
void exim_queue_file_name(struct queue_id id, char name[MTA_FILE_NAME]);
/* See mta.h, attempt: the output of exim_dumpdb. Source: chapter "Exim utilities", exim_dbutil.c. */
bool exim_attempt(struct slice *text, int64_t now_s, struct mta_attempt *a);

#endif
