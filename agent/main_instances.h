/*
 * The mail systems of this host as the configuration has them: the tally, what its instances are called in logs,
 * and a row of applTable for each.
 */
#ifndef MAIN_INSTANCES_H
#define MAIN_INSTANCES_H

#include "../collectors/collector.h"

/*
 * Makes c->tally and c->instances of c->config, and takes the tally back from c->store. An instance that finds no
 * row is left out (logged). false: memory is short, or the store cannot be read.
 */
bool instances_make(struct collect *c);

#endif
