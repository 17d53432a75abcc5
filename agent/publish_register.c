/*
 * The library tells nobody what becomes of a registration, but for a line in its log. So a callback of ours runs
 * behind its own for each subtree: a refusal that was logged meanwhile is of this subtree. What was refused is
 * registered again by Register PDUs of our own, whose answers come like any other's.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>
#include <net-snmp/agent/net-snmp-agent-includes.h>
#include <net-snmp/agent/agent_callbacks.h>
#include "clock.h"
#include "publish_pdu.h"
#include "publish_register.h"

#define REGISTER 3                          /* agentx-Register-PDU, RFC 2741 6.2.3 */
#define REFUSED  "registering pdu failed: " /* what the library logs */
/* For an answer, of a master that did not answer: it will obey what was sent. */
#define HURRY_US  1000
#define RETRY_MS  10000 /* it may be refused for ever */
#define NAME_MOST 32    /* sub-identifiers: more than a column's name has */
#define MOST      1000  /* fewer than 65536, see on_answer */

struct refused {
    oid name[NAME_MOST];
    size_t length;
    bool still;
};

static struct {
    const char *context;
    int priority;
    long timeout_us;
    netsnmp_session *session;
    uint16_t generation; /* of the session: an answer to an older one tells nothing */
    bool logged;         /* a refusal, of the subtree that is being registered */
    bool hurry;
    int why;
    int64_t last_ms; /* when the subtree before was done */
    int64_t retry_at;
    struct refused *list; /* of this session, in the order of registration */
    unsigned count, still;
} reg;

/* --- what the library does ------------------------------------------------------------------- */

static void remember(const oid *name, size_t length)
{
    struct refused *list = reg.count < MOST && length <= NAME_MOST
                               ? realloc(reg.list, (reg.count + 1) * sizeof *list)
                               : NULL;
    if (!list)
        return;
    reg.list = list;
    struct refused *r = &list[reg.count++];
    *r = (struct refused){.length = length, .still = true};
    memcpy(r->name, name, length * sizeof *name);
    reg.still++;
}

/* Runs behind the library's own callback, which sent the PDU and waited for the answer. */
static int registered(int major, int minor, void *server_argument, void *client_argument)
{
    (void)major, (void)minor, (void)client_argument;
    const struct register_parameters *p = server_argument;
    int64_t now = clock_ms(CLOCK_MONOTONIC);
    if (!reg.session)
        return SNMP_ERR_NOERROR;
    if (reg.logged)
        remember(p->name, p->namelen);
    reg.logged = false;
    if (!reg.hurry && now - reg.last_ms >= reg.timeout_us / 1000) {
        reg.hurry = true;
        reg.session->timeout = HURRY_US;
    }
    reg.last_ms = now;
    return SNMP_ERR_NOERROR;
}

void registrations_open(const char *context, int priority)
{
    reg.context = context;
    reg.priority = priority;
    netsnmp_register_callback(SNMP_CALLBACK_APPLICATION, SNMPD_CALLBACK_REGISTER_OID, registered,
                              NULL, NETSNMP_CALLBACK_LOWEST_PRIORITY);
}

void registrations_session(netsnmp_session *session)
{
    free(reg.list);
    reg.list = NULL;
    reg.count = reg.still = 0;
    reg.logged = reg.hurry = false;
    reg.retry_at = 0;
    reg.generation++;
    reg.session = session;
    reg.timeout_us = session ? session->timeout : 0;
    reg.last_ms = clock_ms(CLOCK_MONOTONIC);
}

bool registrations_take_message(const char *message)
{
    if (strncmp(message, REFUSED, sizeof REFUSED - 1) != 0)
        return false;
    reg.logged = true;
    reg.why = atoi(message + sizeof REFUSED - 1);
    return true;
}

unsigned registrations_refused(int *why)
{
    *why = reg.why;
    return reg.still;
}

/* --- once more ------------------------------------------------------------------------------- */

/* magic: the generation, and which of the list, in 32 bits since a pointer may have no more. */
static int on_answer(int operation, netsnmp_session *session, int reqid, netsnmp_pdu *pdu,
                     void *magic)
{
    (void)session, (void)reqid;
    uint32_t which = (uint32_t)(uintptr_t)magic, i = which & 0xffff;
    if (operation != NETSNMP_CALLBACK_OP_RECEIVED_MESSAGE || which >> 16 != reg.generation ||
        i >= reg.count || !reg.list[i].still)
        return 1;
    if (pdu->errstat == SNMP_ERR_NOERROR) {
        reg.list[i].still = false;
        reg.still--;
    } else {
        reg.why = (int)pdu->errstat;
    }
    return 1;
}

static void send_again(uint32_t i)
{
    netsnmp_pdu *pdu = pdu_new(reg.session, REGISTER, reg.context);
    if (!pdu)
        return;
    pdu->priority = reg.priority;
    uint32_t magic = (uint32_t)reg.generation << 16 | i;
    if (!snmp_add_null_var(pdu, reg.list[i].name, reg.list[i].length) ||
        !snmp_async_send(reg.session, pdu, on_answer, (void *)(uintptr_t)magic))
        snmp_free_pdu(pdu);
}

void registrations_pump(int64_t now_ms)
{
    if (reg.hurry && reg.session) {
        reg.hurry = false;
        reg.session->timeout = reg.timeout_us;
    }
    if (!reg.session || reg.still == 0)
        return;
    if (reg.retry_at == 0)
        reg.retry_at = now_ms + RETRY_MS;
    if (now_ms < reg.retry_at)
        return;
    reg.retry_at = now_ms + RETRY_MS;
    for (uint32_t i = 0; i < reg.count; i++)
        if (reg.list[i].still)
            send_again(i);
}

int registrations_wait_ms(int64_t now_ms)
{
    if (!reg.session || reg.still == 0)
        return -1;
    return reg.retry_at > now_ms ? (int)(reg.retry_at - now_ms) : 0;
}
