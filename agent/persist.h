/*
 * The model's rows and the names in the store: which octets of a row outlive the process, and how
 * its instants survive a reboot (kept as real time, turned back when read).
 */
#ifndef PERSIST_H
#define PERSIST_H

#include "names.h"
#include "store.h"

/* Puts the rows that changed since the last checkpoint, and forgets that they did. */
bool persist_save(struct model *m, struct names *n, struct checkpoint *c,
                  int64_t real_minus_monotonic_ms);
/* Restores rows and names into an empty model. */
bool persist_load(struct model *m, struct names *n, struct store *s,
                  int64_t real_minus_monotonic_ms);

#endif
