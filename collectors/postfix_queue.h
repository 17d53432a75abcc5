/*
 * Postfix's queue as files: their names and their records. Part of mta_postfix.c's implementation
 * of `struct mta`; both functions have the contracts that mta.h gives there.
 */
#ifndef POSTFIX_QUEUE_H
#define POSTFIX_QUEUE_H

#include "mta.h"

/*
 * Does `s` begin with a queue id, short or long (Postfix, global/mail_queue.h)? Returns the id's
 * length, 0 if not. What follows it is the caller's business.
 */
size_t postfix_id_length(struct slice s);
/* Is all of `s` a queue id? Then *id is what queue_id_pack would give. */
bool postfix_id_exact(struct slice s, struct queue_id *id);

/* mta.h: queue_name, queue_file. */
bool postfix_queue_name(struct slice name, struct queue_id *id, int64_t *arrival_s);
bool postfix_queue_file(struct slice content, struct queue_file *f);

#endif
