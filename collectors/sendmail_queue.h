/* Sendmail's queue files, as "Sendmail Installation and Operation Guide", appendix B, has them. */
#ifndef SENDMAIL_QUEUE_H
#define SENDMAIL_QUEUE_H

#include "mta.h"

/* In the order of the groups. */
enum { SENDMAIL_QUEUED, SENDMAIL_HELD, SENDMAIL_LOST };
extern const struct mta_queue sendmail_queues[];

/* struct mta, spool_file: qf (queued), hf (quarantined), Qf (cannot be processed), df (the body). */
bool sendmail_spool_file(struct slice path, struct mta_spool_file *f);
/* struct mta, queue_file, of a control file: size is that of the header. */
bool sendmail_queue_file(struct slice content, struct queue_file *f);
/*
 * struct mta, statistics: sendmail.st as a Sendmail 8.10 or later of this host's word size writes it
 * (sendmail/mailstats.h): connections from others.
 */
bool sendmail_statistics(struct slice content, uint64_t *inbound);

#endif
