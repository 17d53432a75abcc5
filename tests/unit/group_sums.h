/* What the groups of an application add up to, as docs/postfix.md has it. For unit tests and fuzzers. */
#ifndef GROUP_SUMS_H
#define GROUP_SUMS_H

#include "../../agent/model.h"

/* in: received by its inbound services; out: transmitted by its transports. Other members stay 0. */
static inline void group_sums(const struct model *m, const struct appl *appl, struct group *in,
                              struct group *out)
{
    *in = *out = (struct group){0};
    for (uint32_t n = 0; n < m->tables[MODEL_GROUP].count; n++) {
        const struct group *g = model_row(m, MODEL_GROUP, n);
        if (g->row.key[0] != appl->row.key[0])
            continue;
        if (g->hierarchy == -1) {
            in->received_messages += g->received_messages;
            in->received_bytes += g->received_bytes;
            in->received_recipients += g->received_recipients;
        } else if (g->hierarchy == -2) {
            out->transmitted_messages += g->transmitted_messages;
            out->transmitted_bytes += g->transmitted_bytes;
            out->transmitted_recipients += g->transmitted_recipients;
        }
    }
}

#endif
