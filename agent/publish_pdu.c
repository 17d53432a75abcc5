/* See publish_pdu.h. What the library calls a community is AgentX's context. */
#include <string.h>
#include "publish_pdu.h"

#define NON_DEFAULT_CONTEXT 0x08 /* RFC 2741, 6.1.1 */

netsnmp_pdu *pdu_new(const netsnmp_session *session, int type, const char *context)
{
    netsnmp_pdu *pdu = snmp_pdu_create(type);
    if (!pdu)
        return NULL;
    pdu->version = session->version;
    pdu->sessid = session->sessid;
    if (context) {
        pdu->flags |= NON_DEFAULT_CONTEXT;
        pdu->community = (u_char *)strdup(context);
        pdu->community_len = strlen(context);
    }
    return pdu;
}
