/*
 * AgentX on the wire (RFC 2741): Get and GetNext of a master agent, and the Responses to them. Pure: no
 * I/O, no clock, no allocation; whatever the octets are, nothing beyond them is read.
 */
#ifndef AGENTX_H
#define AGENTX_H

#include "lookup.h"
#include "slice.h"

/* What a request must name to be answered. */
struct agentx_session {
    uint32_t id;
    struct slice context; /* of length 0: the default context */
};

/* Octets of the PDU that begins at p, as its header tells: 4 GiB and 19 octets at most. 0: the n octets
 * are not yet a header. */
uint64_t agentx_length(const uint8_t *p, size_t n);

/*
 * Writes the Response to a whole PDU and returns its octets. 0: this is nothing to be answered here; it
 * is no Get or GetNext, of another session or context, malformed, or its Response is longer than `room`.
 */
size_t agentx_answer(const struct agentx_session *session, const struct view *v,
                     const struct table_time *now, const uint8_t *pdu, size_t length,
                     uint8_t *response, size_t room);

#endif
