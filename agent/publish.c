/*
 * The publisher: registers the tables with the agent library, keeps the AgentX session alive, and
 * turns the loop. What a request is answered with is publish_answer.c's business, the embedded
 * master is publish_master.c's.
 *
 * The library keeps one agent per process in globals, so the state here is one static struct too.
 * All of it runs in one thread; while the library waits for the master (at most TIMEOUT_US at a
 * time) nothing else happens here, which is why collecting is another process.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>
#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>
#include <net-snmp/agent/net-snmp-agent-includes.h>
#include <net-snmp/agent/agent_callbacks.h>
#include <net-snmp/agent/agent_sysORTable.h>
#include <net-snmp/library/large_fd_set.h>
#include "clock.h"
#include "log.h"
#include "publish.h"
#include "publish_answer.h"
#include "publish_fast.h"
#include "tables.h"
#include "publish_master.h"
#include "publish_notify.h"
#include "publish_register.h"
#include "publish_sinks.h"
#include "table.h"

/* Better than the default 127 of snmpd's own mta_sendmail code, which then loses its columns. */
#define PRIORITY 100
/* For an answer of the master. Never again: a stream loses nothing, and a copy would be obeyed
 * twice. */
#define TIMEOUT_US             900000
#define DUPLICATE_REGISTRATION 263 /* RFC 2741, 6.2.16 */

/* What the tables belong to; each has an entry in the master's sysORTable. */
static const struct mib {
    oid id[12];
    size_t length;
    bool whole; /* ours alone: registered once, not column by column */
    const char *description;
} mibs[] = {
    {{1, 3, 6, 1, 2, 1, 27}, 7, false, "NETWORK-SERVICES-MIB (RFC 2788) by mailmond"},
    {{1, 3, 6, 1, 2, 1, 28}, 7, false, "MTA-MIB (RFC 2789) by mailmond"},
    {{1, 3, 6, 1, 2, 1, 66}, 7, false, "DIRECTORY-SERVER-MIB (RFC 2605) by mailmond"},
    {{ARC}, sizeof((oid[]){ARC}) / sizeof(oid), true, "MAILMON-MIB by mailmond"},
};
#define MIBS (sizeof mibs / sizeof *mibs)

static struct {
    const struct publish_options *options;
    struct slots_back back, handed; /* as it is, and as the collector knows it */
    bool connected;
    unsigned registrations;
    uint64_t refused_logged;
    struct log_storm library_says;
    int away_logged; /* why it was away when that was last said: an errno, -1: not said yet */
} publish = {.away_logged = -1};

/* --- registrations --------------------------------------------------------------------------- */

static void register_subtree(const char *name, const oid *id, size_t length)
{
    netsnmp_handler_registration *r = netsnmp_create_handler_registration(
        name, answer_requests, id, length, HANDLER_CAN_RONLY | HANDLER_CAN_GETBULK);
    if (!r) {
        log_error("%s: no memory to register it", name);
        return;
    }
    r->priority = PRIORITY;
    if (publish.options->config->context)
        r->contextName = strdup(publish.options->config->context);
    /* the library frees r when this fails; a refusal by the master is not seen here but in take_log
     */
    if (netsnmp_register_handler(r) != MIB_REGISTERED_OK)
        log_error("%s could not be registered", name);
    publish.registrations++;
}

static const struct mib *mib_of(const struct table *t)
{
    for (size_t i = 0; i < MIBS; i++) {
        size_t n = 0;
        while (n < mibs[i].length && n < t->entry_length && mibs[i].id[n] == t->entry[n])
            n++;
        if (n == mibs[i].length)
            return &mibs[i];
    }
    return NULL;
}

/* By column: of two registrations the longer one wins, and snmpd has some of these columns itself.
 */
static void register_columns(const struct table *t)
{
    oid id[OID_MAX];
    for (uint32_t i = 0; i < t->entry_length; i++)
        id[i] = t->entry[i];
    for (uint32_t i = 0; i < t->column_count; i++) {
        id[t->entry_length] = t->columns[i].id;
        register_subtree(t->columns[i].name, id, t->entry_length + 1);
    }
}

static void register_all(void)
{
    for (uint32_t i = 0; i < tables_count; i++) {
        const struct mib *m = mib_of(tables[i]);
        assert(m);
        if (!m->whole)
            register_columns(tables[i]);
    }
    for (size_t i = 0; i < MIBS; i++) {
        if (mibs[i].whole)
            register_subtree(mibs[i].description, mibs[i].id, mibs[i].length);
        register_sysORTable((oid *)mibs[i].id, mibs[i].length, mibs[i].description);
    }
}

/* --- what the library tells ------------------------------------------------------------------ */

/* Messages of the library that say_state() says better, once. */
static bool known_message(const char *message)
{
    return strncmp(message, "NET-SNMP version", 16) == 0 ||
           strncmp(message, "AgentX master", 13) == 0;
}

static enum log_level level_of(int priority)
{
    return priority <= LOG_ERR       ? LOG_LEVEL_ERROR
           : priority == LOG_WARNING ? LOG_LEVEL_WARNING
           : priority == LOG_NOTICE  ? LOG_LEVEL_NOTICE
                                     : LOG_LEVEL_DEBUG;
}

/* Whoever reaches the port makes the library complain: of each datagram that is none, before it knows a community. */
static void say_of_library(const struct snmp_log_message *m)
{
    enum log_level level = level_of(m->priority);
    bool last = false;
    if (level == LOG_LEVEL_DEBUG ||
        log_storm_takes(&publish.library_says, clock_ms(CLOCK_MONOTONIC), &last))
        log_msg(level, "net-snmp: %.*s%s", (int)strcspn(m->msg, "\n"), m->msg,
                last ? " (what else it says is left out for a minute)" : "");
}

static int take_log(int major, int minor, void *server_argument, void *client_argument)
{
    (void)major, (void)minor, (void)client_argument;
    const struct snmp_log_message *m = server_argument;
    if (!registrations_take_message(m->msg) && !known_message(m->msg) &&
        !master_take_message(m->msg))
        say_of_library(m);
    return SNMP_ERR_NOERROR;
}

static int session_made(int major, int minor, void *server_argument, void *client_argument)
{
    (void)major, (void)minor, (void)client_argument;
    netsnmp_session *session = server_argument;
    session->timeout = TIMEOUT_US;
    session->retries = 0;
    return SNMP_ERR_NOERROR;
}

/* The session is open; the registrations follow at once, before this turn of the loop ends. */
static int session_opened(int major, int minor, void *server_argument, void *client_argument)
{
    (void)major, (void)minor, (void)client_argument;
    publish.connected = true;
    registrations_session(server_argument);
    if (publish.options->config->fast_path)
        fast_attach(server_argument, publish.options->config->context);
    notify_session(server_argument);
    return SNMP_ERR_NOERROR;
}

static int session_lost(int major, int minor, void *server_argument, void *client_argument)
{
    (void)major, (void)minor, (void)server_argument, (void)client_argument;
    publish.connected = false;
    registrations_session(NULL);
    notify_session(NULL);
    return SNMP_ERR_NOERROR;
}

/* --- the state of the session ---------------------------------------------------------------- */

static const char *agentx_address(void)
{
    const char *address = publish.options->config->agentx;
    return address ? address : NETSNMP_AGENTX_SOCKET;
}

/* Why the master cannot be reached, as far as the socket's file tells; 0: it does not tell. */
static int why_away(void)
{
    const char *path = agentx_address();
    struct stat st;
    if (strncmp(path, "unix:", 5) == 0)
        path += 5;
    if (path[0] == '/' && stat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
        return ENOTSOCK;
    return path[0] != '/' || access(path, W_OK) == 0 ? 0 : errno;
}

static void say_away(int why)
{
    const char *address = agentx_address();
    unsigned seconds = publish.options->config->agentx_ping_s;
    if (why == EACCES)
        log_error(
            "no permission for the master agent's socket %s: give it to this account's group with "
            "`agentXPerms 0660 0555 root GROUP` in snmpd.conf, see snmpd.conf.example; trying "
            "again every %u s",
            address, seconds);
    else if (why)
        log_warning("the master agent is away: %s: %s; is snmpd running, with `master agentx` in "
                    "snmpd.conf? trying again every %u s",
                    address, strerror(why), seconds);
    else
        log_warning("the master agent at %s does not answer; trying again every %u s", address,
                    seconds);
}

static void say_refused(uint64_t refused, int why)
{
    publish.refused_logged = refused;
    if (refused == 0)
        log_notice("the master agent accepts all registrations again");
    else if (why == DUPLICATE_REGISTRATION)
        log_error(
            "the master agent refused %u of %u registrations: another agent already registered "
            "them, perhaps a second mailmond in the same context; they are tried again",
            (unsigned)refused, publish.registrations);
    else
        log_error("the master agent refused %u of %u registrations: AgentX error %d; "
                  "they are tried again",
                  (unsigned)refused, publish.registrations, why);
}

/* Tells the collector, when there is news. */
static void hand_back(enum master_state state)
{
    publish.back.master_state = state;
    publish.back.acknowledged = notify_accepted();
    publish.back.given_up = notify_given_up();
    if (memcmp(&publish.back, &publish.handed, sizeof publish.back) == 0)
        return;
    publish.handed = publish.back;
    slots_back_set(publish.options->slots, &publish.back);
}

/* Logs and hands back what has changed; called after each turn, does nothing in most of them. */
static void say_state(void)
{
    int error, why = publish.connected ? -1 : why_away();
    uint64_t refused = registrations_refused(&error);
    if (!publish.connected && why != publish.away_logged)
        say_away(why);
    if (publish.connected && publish.back.master_state != MASTER_CONNECTED)
        log_notice("connected to the master agent at %s", agentx_address());
    publish.away_logged = why;
    if (publish.connected && refused != publish.refused_logged)
        say_refused(refused, error);
    publish.back.registrations_refused = refused;
    hand_back(publish.connected ? MASTER_CONNECTED : MASTER_AWAY);
}

/* --- the loop -------------------------------------------------------------------------------- */

/* What is waited for beside the library: notifications, the receivers' processes, refused registrations. */
static void add_waits(netsnmp_large_fd_set *fds, int *highest, struct timeval *wait, int *block)
{
    int64_t now = clock_ms(CLOCK_MONOTONIC);
    int own[64], left = notify_wait_ms(now), again = registrations_wait_ms(now);
    left = left < 0 || (again >= 0 && again < left) ? again : left;
    unsigned n = sinks_fds(own, 63);
    if (publish.options->wake_fd >= 0)
        own[n++] = publish.options->wake_fd;
    for (unsigned i = 0; i < n; i++) {
        NETSNMP_LARGE_FD_SET(own[i], fds);
        if (own[i] >= *highest)
            *highest = own[i] + 1;
    }
    struct timeval least = {left / 1000, left % 1000 * 1000};
    if (left >= 0 && (*block || timercmp(&least, wait, <))) {
        *wait = least;
        *block = 0;
    }
}

/* Waits for the library's sockets or its next timer and lets it work. */
static void turn(netsnmp_large_fd_set *fds)
{
    int highest = 0, block = 1;
    struct timeval wait = {0, 0};
    uint64_t count;
    NETSNMP_LARGE_FD_ZERO(fds);
    snmp_select_info2(&highest, fds, &wait, &block);
    add_waits(fds, &highest, &wait, &block);
    int ready = select(highest, fds->lfs_setptr, NULL, NULL, block ? NULL : &wait);
    int wake = publish.options->wake_fd;
    if (ready > 0 && wake >= 0 && NETSNMP_LARGE_FD_ISSET(wake, fds) &&
        read(wake, &count, sizeof count) < 0 && errno != EAGAIN)
        log_debug("the wake-up cannot be read: %m");
    if (ready > 0)
        snmp_read2(fds);
    else if (ready == 0)
        snmp_timeout();
    run_alarms();
    netsnmp_check_outstanding_agent_requests();
    answer_end();
    registrations_pump(clock_ms(CLOCK_MONOTONIC));
    notify_pump(clock_ms(CLOCK_MONOTONIC));
}

static void tell_ready(void)
{
    int fd = publish.options->ready_fd;
    if (fd < 0)
        return;
    if (write(fd, "p", 1) != 1)
        log_debug("nobody reads that this is ready: %m");
    close(fd);
}

/*
 * Tells the library to be a subagent and to be quiet about it. init_snmp is left out: it prepares SNMPv3 too, keys,
 * certificates and a generator of random numbers, which no subagent uses and which take 1.1 MB (docs/decisions/35). Of
 * what it does only the event at its end matters: there the library connects.
 */
static void start_subagent(void)
{
    const struct config *config = publish.options->config;
    /* also keeps it from reading any file of the host */
    netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DONT_PERSIST_STATE, 1);
    netsnmp_ds_set_boolean(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_NO_CONNECTION_WARNINGS, 1);
    netsnmp_ds_set_boolean(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_ROLE, 1);
    if (config->agentx)
        netsnmp_ds_set_string(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_X_SOCKET, config->agentx);
    init_agent("mailmond");
    registrations_open(config->context, PRIORITY);
    /* after init_agent, which sets its own; also the interval of attempts to connect */
    netsnmp_ds_set_int(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_AGENTX_PING_INTERVAL,
                       (int)config->agentx_ping_s);
    register_all();
    snmp_call_callbacks(SNMP_CALLBACK_LIBRARY, SNMP_CALLBACK_POST_READ_CONFIG, NULL);
    say_state();
}

static void start_master(void)
{
    /* at once, so that engineBoots grows even if this start ends in a crash */
    snmp_store("mailmond");
    log_notice("serving on %s",
               netsnmp_ds_get_string(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_PORTS));
    hand_back(MASTER_EMBEDDED);
}

bool publish_open(const struct publish_options *options)
{
    publish.options = options;
    slots_back_get(options->slots, &publish.back); /* what a publisher before this one left */
    notify_open(options, publish.back.acknowledged);
    publish.back.master_state = publish.back.registrations_refused = 0;
    answer_open(options->slots);
    /* neither MIB texts nor configuration files of the host */
    setenv("MIBS", "", 1);
    setenv("MIBDIRS", "", 1);
    setenv("SNMPCONFPATH", options->engine_dir, 1);
    snmp_disable_log();
    snmp_enable_calllog();
    snmp_register_callback(SNMP_CALLBACK_LIBRARY, SNMP_CALLBACK_LOGGING, take_log, NULL);
    if (options->config->standalone)
        return master_open(options, register_all);
    snmp_register_callback(SNMP_CALLBACK_LIBRARY, SNMP_CALLBACK_SESSION_INIT, session_made, NULL);
    snmp_register_callback(SNMP_CALLBACK_APPLICATION, SNMPD_CALLBACK_INDEX_START, session_opened,
                           NULL);
    snmp_register_callback(SNMP_CALLBACK_APPLICATION, SNMPD_CALLBACK_INDEX_STOP, session_lost,
                           NULL);
    return true;
}

int publish_run(const volatile int *stop, volatile int *hangup)
{
    bool standalone = publish.options->config->standalone;
    netsnmp_large_fd_set fds;
    netsnmp_large_fd_set_init(&fds, FD_SETSIZE);
    if (standalone)
        start_master();
    else
        start_subagent();
    tell_ready();
    while (!*stop) {
        turn(&fds);
        if (*hangup) {
            *hangup = 0;
            log_reopen();
        }
        if (standalone)
            hand_back(MASTER_EMBEDDED);
        else
            say_state();
    }
    sinks_close();
    netsnmp_large_fd_set_cleanup(&fds);
    snmp_shutdown("mailmond");
    return EXIT_SUCCESS;
}
