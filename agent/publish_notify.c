/*
 * The order of notifications, and the way through AgentX: a Notify PDU of our own whose answer is seen,
 * since the library's own send_v2trap tells nobody whether the master took it.
 */
#include <string.h>
#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>
#include <net-snmp/agent/net-snmp-agent-includes.h>
#include "log.h"
#include "publish_notify.h"
#include "publish_pdu.h"
#include "publish_sinks.h"
#include "tables.h"

#define NOTIFY           12 /* agentx-Notify-PDU, RFC 2741 6.2.10 */
#define REFUSED_MAX      3
#define REFUSED_RETRY_MS 1000

static struct {
    const struct publish_options *options;
    netsnmp_session *session;
    uint64_t accepted, given_up;
    uint64_t sent;       /* in flight; 0: none */
    uint64_t generation; /* of the session: an answer to an older one tells nothing */
    int64_t retry_at;
    unsigned refused; /* how often the master refused this one */
} notify;

/* --- varbinds -------------------------------------------------------------------------------- */

/* The OBJECTS of both notifications, in their order. */
static const struct object {
    const struct table *table;
    const char *name;
} objects[] = {
    {&mailmonAlarmLogTable, "mailmonAlarmLogNumber"},
    {&mailmonAlarmTable, "mailmonAlarmId"},
    {&mailmonAlarmTable, "mailmonAlarmInstance"},
    {&mailmonAlarmLogTable, "mailmonAlarmLogEvent"},
    {&mailmonAlarmLogTable, "mailmonAlarmLogSeverity"},
    {&mailmonAlarmLogTable, "mailmonAlarmLogValue"},
    {&mailmonAlarmLogTable, "mailmonAlarmLogThreshold"},
    {&mailmonAlarmLogTable, "mailmonAlarmLogText"},
    {&mailmonAlarmTable, "mailmonAlarmCrossings"},
};
enum { NUMBER, ID, INSTANCE, EVENT, SEVERITY, VALUE, THRESHOLD, TEXT, CROSSINGS };

static uint32_t column_id(const struct object *o)
{
    for (uint32_t i = 0; i < o->table->column_count; i++)
        if (strcmp(o->table->columns[i].name, o->name) == 0)
            return o->table->columns[i].id;
    abort();
}

static bool add(netsnmp_pdu *pdu, int object, const struct transition *x, u_char type,
                const void *value, size_t size)
{
    const struct object *o = &objects[object];
    oid name[MAX_OID_LEN];
    size_t n = 0;
    while (n < o->table->entry_length) {
        name[n] = o->table->entry[n];
        n++;
    }
    name[n++] = column_id(o);
    name[n++] = o->table == &mailmonAlarmTable ? x->alarm_index : x->number;
    return snmp_pdu_add_variable(pdu, name, n, type, value, size) != NULL;
}

static bool add_integer(netsnmp_pdu *pdu, int object, const struct transition *x, u_char type,
                        int64_t number)
{
    long value = (long)number;
    if (type != ASN_INTEGER)
        value = (long)(uint32_t)number;
    return add(pdu, object, x, type, &value, sizeof value);
}

/* Cut on a boundary of UTF-8 characters (RFC 3629). */
static bool add_text(netsnmp_pdu *pdu, int object, const struct transition *x, struct slice text)
{
    size_t n = text.n;
    if (n > NOTIFY_TEXT_MAX) {
        n = NOTIFY_TEXT_MAX;
        while (n > NOTIFY_TEXT_MAX - 3 && ((unsigned char)text.p[n] & 0xc0) == 0x80)
            n--;
    }
    return add(pdu, object, x, ASN_OCTET_STR, text.p ? text.p : "", n);
}

bool notify_varbinds(netsnmp_pdu *pdu, const struct transition *x, const uint32_t *uptime)
{
    static const oid sys_uptime[] = {1, 3, 6, 1, 2, 1, 1, 3, 0};
    static const oid trap_oid[] = {1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0};
    oid which[] = {ARC, 0, x->event == ALARM_EVENT_CLEARED ? 2 : 1};
    long ticks = uptime ? (long)*uptime : 0;
    bool ok = !uptime || snmp_pdu_add_variable(pdu, sys_uptime, OID_LENGTH(sys_uptime),
                                               ASN_TIMETICKS, &ticks, sizeof ticks);
    return ok &&
           snmp_pdu_add_variable(pdu, trap_oid, OID_LENGTH(trap_oid), ASN_OBJECT_ID, which,
                                 sizeof which) &&
           add_integer(pdu, NUMBER, x, ASN_GAUGE, (int64_t)x->number) &&
           add_text(pdu, ID, x, TEXT_GET(x->id)) &&
           add_text(pdu, INSTANCE, x, TEXT_GET(x->instance)) &&
           add_integer(pdu, EVENT, x, ASN_INTEGER, (int64_t)x->event) &&
           add_integer(pdu, SEVERITY, x, ASN_INTEGER, (int64_t)x->severity) &&
           add_integer(pdu, VALUE, x, ASN_INTEGER, x->value) &&
           add_integer(pdu, THRESHOLD, x, ASN_INTEGER, x->threshold) &&
           add_text(pdu, TEXT, x, TEXT_GET(x->text)) &&
           add_integer(pdu, CROSSINGS, x, ASN_COUNTER, (int64_t)x->crossings);
}

/* --- what there is --------------------------------------------------------------------------- */

bool notify_after(uint64_t number, struct transition *x, uint32_t *count, uint64_t *last)
{
    struct view v;
    bool found = false;
    *count = 0;
    *last = 0;
    if (!slots_pin(notify.options->slots, &v))
        return false;
    const struct view_table *t = &v.tables[MODEL_TRANSITION];
    *count = t->count;
    for (uint32_t i = 0; i < t->count; i++) {
        const struct transition *row = (const void *)(t->rows + (size_t)i * t->row_size);
        *last = row->number;
        if (!found && row->number > number) {
            *x = *row;
            found = true;
        }
    }
    slots_unpin(notify.options->slots);
    return found;
}

/* --- through AgentX -------------------------------------------------------------------------- */

static void accept_sent(void)
{
    notify.accepted = notify.sent;
    notify.sent = 0;
    notify.refused = 0;
}

/* Something is wrong with this one: the others shall not wait for it for ever. */
static void refuse_sent(long error)
{
    notify.retry_at = -1;
    if (++notify.refused < REFUSED_MAX) {
        notify.sent = 0;
        return;
    }
    log_error("the master agent refused notification %lu: AgentX error %ld; it is given up",
              (unsigned long)notify.sent, error);
    notify.given_up++;
    accept_sent();
}

static int on_answer(int operation, netsnmp_session *session, int reqid, netsnmp_pdu *pdu,
                     void *magic)
{
    (void)session, (void)reqid;
    if (operation == NETSNMP_CALLBACK_OP_RESEND || notify.sent == 0 ||
        (uint64_t)(uintptr_t)magic != notify.generation)
        return 1;
    if (operation != NETSNMP_CALLBACK_OP_RECEIVED_MESSAGE) {
        notify.sent = 0; /* the master is busy, or gone: again, a ping later */
        notify.retry_at = -1;
    } else if (pdu->errstat != SNMP_ERR_NOERROR) {
        refuse_sent(pdu->errstat);
    } else {
        accept_sent();
    }
    return 1;
}

static netsnmp_pdu *make_pdu(const struct transition *x)
{
    netsnmp_pdu *pdu = pdu_new(notify.session, NOTIFY, notify.options->config->context);
    if (!pdu)
        return NULL;
    /* without sysUpTime.0: the master adds its own */
    if (notify_varbinds(pdu, x, NULL))
        return pdu;
    snmp_free_pdu(pdu);
    return NULL;
}

static void send_next(int64_t now_ms)
{
    struct transition x;
    uint32_t count;
    uint64_t last;
    if (notify.retry_at == -1) /* set by an answer, which knows no clock */
        notify.retry_at = now_ms + (notify.refused ? REFUSED_RETRY_MS
                                                   : notify.options->config->agentx_ping_s * 1000);
    if (!notify.session || notify.sent || now_ms < notify.retry_at ||
        !notify_after(notify.accepted, &x, &count, &last))
        return;
    netsnmp_pdu *pdu = make_pdu(&x);
    notify.sent = x.number;
    if (pdu &&
        snmp_async_send(notify.session, pdu, on_answer, (void *)(uintptr_t)notify.generation))
        return;
    snmp_free_pdu(pdu);
    notify.sent = 0;
    notify.retry_at = now_ms + REFUSED_RETRY_MS;
}

/* --- both ways ------------------------------------------------------------------------------- */

void notify_open(const struct publish_options *options, uint64_t accepted)
{
    notify.options = options;
    notify.accepted = accepted;
}

void notify_session(netsnmp_session *session)
{
    notify.session = session;
    notify.generation++;
    notify.sent = 0;
    notify.retry_at = 0;
}

void notify_pump(int64_t now_ms)
{
    if (notify.options->config->standalone)
        sinks_pump(now_ms, &notify.accepted, &notify.given_up);
    else
        send_next(now_ms);
}

int notify_wait_ms(int64_t now_ms)
{
    if (notify.options->config->standalone)
        return sinks_wait_ms(now_ms);
    if (!notify.session || notify.sent || notify.retry_at == 0)
        return -1;
    return notify.retry_at > now_ms ? (int)(notify.retry_at - now_ms) : 0;
}

uint64_t notify_accepted(void)
{
    return notify.accepted;
}

uint64_t notify_given_up(void)
{
    return notify.given_up;
}
