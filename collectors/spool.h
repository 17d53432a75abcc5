/*
 * Queues in which a message is several files, in directories of any name: Sendmail's, OpenSMTPD's. All of
 * it is walked at each refresh; a control file is read once for each of its states. What mailq.c does with
 * inotify for Postfix's and Exim's queues would cost more here than it saves: these queues are
 * walked in milliseconds, and the caller waits longer after a long walk. No libuv: a worker's item.
 */
#ifndef SPOOL_H
#define SPOOL_H

#include "mailq.h"

struct spool;
/* mta, which has spool_file, and its names must outlive the object. NULL when memory is short. */
struct spool *spool_new(const struct mta *mta, const char *queue_directory);
void spool_free(struct spool *s);
/* One walk. Fills the result as mailq_refresh does; never asks the log (`wanted`). May block on the disk. */
void spool_refresh(struct spool *s, const struct mailq_request *request,
                   struct mailq_result *result);

#endif
