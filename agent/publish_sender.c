/*
 * The process of one receiver. It uses Net-SNMP's single-session calls only, which know nothing of the
 * agent's sockets. A session is made anew after a failure, so that a receiver may change its address
 * or its engineID.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>
#include <net-snmp/library/snmp_parse_args.h>
#include "publish_notify.h"
#include "publish_sender.h"

#define ARGUMENTS_MAX 50
#define TIMEOUT_US    1000000L /* of an inform, if the directive has no -t */
#define RETRIES       2        /* if it has no -r */

/* --- directives ------------------------------------------------------------------------------ */

static bool asked_inform; /* -Ci; the library hands options to a function without an argument */

static void take_option(int argc, char *const *argv, int option)
{
    (void)argc, (void)argv;
    if (option == 'C' && optarg && strchr(optarg, 'i'))
        asked_inform = true;
}

/* HOST [COMMUNITY [PORT]] */
static bool parse_sink(char *text, long version, const char *community, struct sender_target *t)
{
    char *rest, *host = strtok_r(text, " \t", &rest);
    char *named = host ? strtok_r(NULL, " \t", &rest) : NULL;
    char *port = named ? strtok_r(NULL, " \t", &rest) : NULL;
    char peer[sizeof t->peer];
    if (!host || *host == '-')
        return false;
    snprintf(peer, sizeof peer, "%s%s%s", host, port ? ":" : "", port ? port : "");
    snmp_sess_init(&t->session);
    t->session.version = version;
    t->session.peername = strdup(peer);
    t->session.community = (u_char *)strdup(named ? named : community);
    t->session.community_len = strlen(named ? named : community);
    return true;
}

/* [-Ci] [SNMPCMD OPTIONS] HOST */
static bool parse_session(char *text, struct sender_target *t)
{
    static char program[] = "trapsess";
    char *argv[ARGUMENTS_MAX + 1] = {program}, word[512], *at = text;
    int argc = 1;
    while (at && argc < ARGUMENTS_MAX) {
        at = copy_nword(at, word, sizeof word);
        if (*word)
            argv[argc++] = strdup(word);
    }
    asked_inform = false;
    if (argc < 2 ||
        netsnmp_parse_args(argc, argv, &t->session, "C:", take_option,
                           NETSNMP_PARSE_ARGS_NOLOGGING | NETSNMP_PARSE_ARGS_NOZERO) < 0)
        return false;
    t->inform = asked_inform;
    return t->session.peername != NULL;
}

/* For a trap this engine is the authority (RFC 3412): no other is asked. */
static void set_engine(netsnmp_session *s)
{
    u_char id[64];
    size_t n = snmpv3_get_engineID(id, sizeof id);
    if (s->version != SNMP_VERSION_3 || s->securityEngineIDLen > 0 || n == 0)
        return;
    s->securityEngineID = netsnmp_memdup(id, n);
    s->securityEngineIDLen = n;
}

bool sender_parse(const char *directive, const char *community, const char *context,
                  struct sender_target *t)
{
    size_t n = strcspn(directive, " \t");
    char *text = strdup(directive + n + strspn(directive + n, " \t"));
    bool ok = false;
    if (text && n == 8 && strncasecmp(directive, "trapsink", n) == 0)
        ok = parse_sink(text, SNMP_VERSION_1, community, t);
    else if (text && n == 9 && strncasecmp(directive, "trap2sink", n) == 0)
        ok = parse_sink(text, SNMP_VERSION_2c, community, t);
    else if (text && n == 10 && strncasecmp(directive, "informsink", n) == 0)
        ok = t->inform = parse_sink(text, SNMP_VERSION_2c, community, t);
    else if (text)
        ok = parse_session(text, t);
    free(text);
    if (!ok)
        return false;
    if (context && t->session.contextNameLen == 0) {
        t->session.contextName = strdup(context);
        t->session.contextNameLen = strlen(context);
    }
    if (!t->inform)
        set_engine(&t->session);
    if (t->session.timeout == SNMP_DEFAULT_TIMEOUT)
        t->session.timeout = TIMEOUT_US;
    if (t->session.retries == SNMP_DEFAULT_RETRIES)
        t->session.retries = RETRIES;
    snprintf(t->peer, sizeof t->peer, "%s", t->session.peername);
    return true;
}

/* --- sending --------------------------------------------------------------------------------- */

static void say(struct sender_answer *a, const char *what, const char *detail)
{
    snprintf(a->error, sizeof a->error, "%s%s%s", what, detail ? ": " : "", detail ? detail : "");
}

static void *open_session(const struct sender_target *t, struct sender_answer *a)
{
    netsnmp_session session = t->session;
    netsnmp_transport *transport = netsnmp_transport_open_client("snmptrap", session.peername);
    if (!transport) {
        say(a, "its address cannot be used", NULL);
        return NULL;
    }
    /* for a v3 inform this asks for the engineID, and waits */
    void *opened = netsnmp_sess_config_and_open_transport(&session, transport) == SNMPERR_SUCCESS
                       ? snmp_sess_add(&session, transport, NULL, NULL)
                       : NULL;
    if (!opened)
        say(a, "no session", snmp_api_errstring(session.s_snmp_errno));
    return opened;
}

/* RFC 3584 section 3.2: the enterprise is the notification without its last number and the 0 before. */
static netsnmp_pdu *make_v1(const struct sender_job *job)
{
    netsnmp_pdu *pdu = snmp_pdu_create(SNMP_MSG_TRAP);
    netsnmp_pdu *all = snmp_pdu_create(SNMP_MSG_TRAP2);
    in_addr_t address = get_myaddr();
    if (!pdu || !all || !notify_varbinds(all, &job->transition, NULL)) {
        snmp_free_pdu(pdu);
        snmp_free_pdu(all);
        return NULL;
    }
    netsnmp_variable_list *trap_oid = all->variables;
    size_t n = trap_oid->val_len / sizeof(oid);
    free(pdu->enterprise);
    pdu->enterprise = snmp_duplicate_objid(trap_oid->val.objid, n - 2);
    pdu->enterprise_length = n - 2;
    pdu->trap_type = SNMP_TRAP_ENTERPRISESPECIFIC;
    pdu->specific_type = (long)trap_oid->val.objid[n - 1];
    pdu->time = job->uptime_cs;
    memcpy(pdu->agent_addr, &address, sizeof pdu->agent_addr);
    pdu->variables = trap_oid->next_variable;
    trap_oid->next_variable = NULL;
    snmp_free_pdu(all);
    return pdu;
}

static netsnmp_pdu *make_pdu(const struct sender_target *t, const struct sender_job *job)
{
    if (t->session.version == SNMP_VERSION_1)
        return make_v1(job);
    netsnmp_pdu *pdu = snmp_pdu_create(t->inform ? SNMP_MSG_INFORM : SNMP_MSG_TRAP2);
    if (pdu && notify_varbinds(pdu, &job->transition, &job->uptime_cs))
        return pdu;
    snmp_free_pdu(pdu);
    return NULL;
}

static bool inform(void *session, netsnmp_pdu *pdu, struct sender_answer *a)
{
    netsnmp_pdu *response = NULL;
    int status = snmp_sess_synch_response(session, pdu, &response);
    bool ok = status == STAT_SUCCESS && response && response->errstat == SNMP_ERR_NOERROR;
    if (status == STAT_TIMEOUT)
        say(a, "no answer", NULL);
    else if (!ok && response)
        say(a, "it answered", snmp_errstring((int)response->errstat));
    else if (!ok)
        say(a, "no answer", snmp_api_errstring(snmp_sess_session(session)->s_snmp_errno));
    snmp_free_pdu(response);
    return ok;
}

static bool trap(void *session, netsnmp_pdu *pdu, struct sender_answer *a)
{
    if (snmp_sess_send(session, pdu))
        return true;
    say(a, "it cannot be sent", snmp_api_errstring(snmp_sess_session(session)->s_snmp_errno));
    snmp_free_pdu(pdu);
    return false;
}

void sender_run(const struct sender_target *t, int fd)
{
    static struct sender_job job;
    void *session = NULL;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (poll(&p, 1, -1) > 0 && recv(fd, &job, sizeof job, 0) == (ssize_t)sizeof job) {
        struct sender_answer a = {.number = job.transition.number};
        if (!session)
            session = open_session(t, &a);
        netsnmp_pdu *pdu = session ? make_pdu(t, &job) : NULL;
        if (pdu)
            a.ok = t->inform ? inform(session, pdu, &a) : trap(session, pdu, &a);
        if (!a.ok && session) {
            snmp_sess_close(session);
            session = NULL;
        }
        if (send(fd, &a, sizeof a, MSG_NOSIGNAL) != (ssize_t)sizeof a)
            return;
    }
}
