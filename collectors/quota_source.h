/*
 * Who is near or over a quota, from several sources: each says its owners anew from time to time; the rows
 * and totals are of all sources together, whoever asks them.
 */
#ifndef QUOTA_SOURCE_H
#define QUOTA_SOURCE_H

#include "access_listing.h"
#include "collector.h"

struct quota_source;
/* row: of the source, which counts its owners. Owners from warn_percent on have rows. NULL: memory is short. Freed
   when the collector of quotas stops. */
struct quota_source *quota_source_new(struct collect *c, struct source *row, uint32_t warn_percent);
/* A new answer: begin, each owner, end. accounts: how many the source says it has, if that is more than were taken. */
void quota_source_begin(struct quota_source *q);
void quota_source_take(struct quota_source *q, const struct access_usage *u);
void quota_source_end(struct quota_source *q, uint64_t accounts);

#endif
