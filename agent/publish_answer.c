/*
 * Answers SNMP requests from the slots, by the agent library's handlers: for the embedded master, for
 * AgentX when the fast path is off, and for what it leaves. Both ways use lookup.c, so both give the same
 * answers.
 *
 * The slot is pinned by the first request of a turn of the main loop and released at its end.
 */
#include <time.h>
#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>
#include <net-snmp/agent/net-snmp-agent-includes.h>
#include "clock.h"
#include "lookup.h"
#include "publish_answer.h"

_Static_assert(OID_MAX >= MAX_OID_LEN, "every OID the library parses must fit");

static struct {
    struct slots *slots;
    bool begun;  /* in this turn */
    bool pinned; /* false when nothing was published yet: the view is empty then */
    struct answer_moment moment;
    int64_t zone_minute; /* the minute for which now.zone_min was worked out */
} turn;

void answer_open(struct slots *slots)
{
    turn.slots = slots;
    turn.zone_minute = -1;
}

/* localtime_r is dear, and zones change by the minute at most. */
static void note_zone(int64_t real_ms)
{
    int64_t minute = real_ms / 60000;
    if (minute == turn.zone_minute)
        return;
    time_t seconds = (time_t)(real_ms / 1000);
    struct tm tm;
    turn.zone_minute = minute;
    turn.moment.now.zone_min = localtime_r(&seconds, &tm) ? (int32_t)(tm.tm_gmtoff / 60) : 0;
}

const struct answer_moment *answer_begin(void)
{
    struct table_time *now = &turn.moment.now;
    if (turn.begun)
        return &turn.moment;
    turn.begun = true;
    turn.pinned = slots_pin(turn.slots, &turn.moment.view);
    if (!turn.pinned)
        memset(&turn.moment.view, 0, sizeof turn.moment.view);
    now->monotonic_ms = clock_ms(CLOCK_MONOTONIC);
    now->real_ms = clock_ms(CLOCK_REALTIME);
    /* of a connected subagent this is the master's: each of its responses brings it */
    now->uptime_cs = (uint32_t)netsnmp_get_agent_uptime();
    note_zone(now->real_ms);
    return &turn.moment;
}

void answer_end(void)
{
    if (turn.pinned)
        slots_unpin(turn.slots);
    turn.begun = turn.pinned = false;
}

/* Net-SNMP keeps sub-identifiers in longs. */
static void name_from(struct oid_name *name, const oid *ids, size_t length)
{
    name->length = (uint32_t)(length < OID_MAX ? length : OID_MAX);
    for (uint32_t i = 0; i < name->length; i++)
        name->ids[i] = (uint32_t)ids[i];
}

static void set_name(netsnmp_variable_list *vb, const struct oid_name *name)
{
    oid ids[OID_MAX];
    for (uint32_t i = 0; i < name->length; i++)
        ids[i] = name->ids[i];
    snmp_set_var_objid(vb, ids, name->length);
}

static void set_oid(netsnmp_variable_list *vb, const struct value *value)
{
    oid ids[sizeof value->oid / sizeof *value->oid];
    for (uint32_t i = 0; i < value->length; i++)
        ids[i] = value->oid[i];
    snmp_set_var_typed_value(vb, ASN_OBJECT_ID, ids, value->length * sizeof(oid));
}

static void set_value(netsnmp_variable_list *vb, const struct value *value)
{
    struct counter64 wide = {value->number >> 32, value->number & 0xffffffff};
    long number = (long)value->number;
    switch (value->type) {
    case SMI_OCTETS:
        snmp_set_var_typed_value(vb, ASN_OCTET_STR, value->octets, value->length);
        break;
    case SMI_OID:
        set_oid(vb, value);
        break;
    case SMI_COUNTER64:
        snmp_set_var_typed_value(vb, ASN_COUNTER64, &wide, sizeof wide);
        break;
    default: /* the codes of enum smi are those of the wire */
        snmp_set_var_typed_value(vb, (u_char)value->type, &number, sizeof number);
    }
}

static bool answer_get(netsnmp_variable_list *vb)
{
    struct oid_name name;
    struct value value;
    name_from(&name, vb->name, vb->name_length);
    switch (lookup_get(&turn.moment.view, &turn.moment.now, &name, &value)) {
    case LOOKUP_FOUND:
        set_value(vb, &value);
        return true;
    case LOOKUP_NO_INSTANCE:
        snmp_set_var_typed_value(vb, SNMP_NOSUCHINSTANCE, NULL, 0);
        return false;
    default:
        snmp_set_var_typed_value(vb, SNMP_NOSUCHOBJECT, NULL, 0);
        return false;
    }
}

/* The cell after vb's name and before `end`; false leaves vb as it is. */
static bool answer_next(netsnmp_variable_list *vb, const struct oid_name *end)
{
    struct oid_name name;
    struct value value;
    name_from(&name, vb->name, vb->name_length);
    if (!lookup_next(&turn.moment.view, &turn.moment.now, &name, end, &name, &value))
        return false;
    set_name(vb, &name);
    set_value(vb, &value);
    return true;
}

/* --- the agent library's way ----------------------------------------------------------------- */

/* Of GETBULK the library wants the repetitions in the variables that follow, as long as there are
 * any. */
static void answer_bulk(netsnmp_request_info *request)
{
    struct oid_name end;
    name_from(&end, request->range_end, request->range_end_len);
    while (answer_next(request->requestvb, &end) && request->repeat > 0 &&
           request->requestvb->next_variable) {
        netsnmp_variable_list *answered = request->requestvb;
        request->repeat--;
        request->requestvb = answered->next_variable;
        snmp_set_var_objid(request->requestvb, answered->name, answered->name_length);
        request->inclusive = 0;
    }
}

int answer_requests(netsnmp_mib_handler *handler, netsnmp_handler_registration *registration,
                    netsnmp_agent_request_info *info, netsnmp_request_info *requests)
{
    (void)handler, (void)registration;
    answer_begin();
    for (netsnmp_request_info *r = requests; r; r = r->next) {
        struct oid_name end;
        if (r->processed)
            continue;
        switch (info->mode) {
        case MODE_GET:
            answer_get(r->requestvb);
            break;
        case MODE_GETNEXT:
            name_from(&end, r->range_end, r->range_end_len);
            answer_next(r->requestvb, &end);
            break;
        case MODE_GETBULK:
            answer_bulk(r);
            break;
        default:
            netsnmp_set_request_error(info, r, SNMP_ERR_NOTWRITABLE);
        }
    }
    return SNMP_ERR_NOERROR;
}
