/*
 * The embedded master agent. Net-SNMP reads its settings from files only, so the directives of our
 * own configuration are given to it as a file in memory; the host's snmpd.conf is never read.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>
#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>
#include <net-snmp/agent/net-snmp-agent-includes.h>
#include "log.h"
#include "publish_master.h"
#include "publish_sinks.h"

#define ENDPOINTS      64 /* more than anybody configures */
#define LISTEN_TRIES   30
#define LISTEN_WAIT_US 100000

_Static_assert(sizeof NETSNMPMIBS > 1, "libnetsnmpmibs.so was not found");

static struct {
    const struct config *config;
    char path[32]; /* the file in memory; empty: not being read */
    bool wrong;    /* a directive was not understood */
    unsigned told; /* the last line that was complained of */
} master;

/* --- who may ask ----------------------------------------------------------------------------- */

/* --- the settings ---------------------------------------------------------------------------- */

/* Without a word on who may ask, this host may; config.c has seen to it that then nobody else can.
 */
static void write_settings(FILE *out)
{
    const struct config_strings *d = &master.config->directives;
    for (unsigned i = 0; i < d->count; i++)
        fprintf(out, "%s\n", sinks_take(d->items[i]) ? "" : d->items[i]);
    if (!config_grants_access(d))
        fputs("rocommunity public 127.0.0.1\nrocommunity6 public ::1\n", out);
}

/* The file in memory stays open: the library reads it by its name in /proc, twice. */
static bool make_settings(void)
{
    int fd = memfd_create("snmp.directives", MFD_CLOEXEC);
    FILE *out = fd < 0 ? NULL : fdopen(dup(fd), "w");
    if (out)
        write_settings(out);
    if (!out || fclose(out) != 0) {
        log_error("cannot make a file in memory for snmp.directives: %m");
        return false;
    }
    snprintf(master.path, sizeof master.path, "/proc/self/fd/%d", fd);
    return true;
}

/* "PATH: line N: Error: text" is told as of the N-th directive. */
bool master_take_message(const char *message)
{
    size_t n = strlen(master.path);
    unsigned line;
    int text = 0;
    if (strncmp(message, "Error opening specified endpoint", 32) == 0)
        return true; /* start_to_listen says why */
    if (n == 0)
        return false;
    if (strncmp(message, "net-snmp: ", 10) == 0)
        return true; /* "N error(s) in config file(s)" */
    if (strncmp(message, master.path, n) != 0 ||
        sscanf(message + n, ": line %u: %n", &line, &text) != 1 || text == 0)
        return false;
    const struct config_strings *d = &master.config->directives;
    const char *what = message + n + text;
    master.wrong = true;
    if (line == master.told) /* the library reads it twice */
        return true;
    master.told = line;
    log_error("%s: snmp.directives: \"%s\": %.*s",
              master.config->file ? master.config->file : "configuration",
              line >= 1 && line <= d->count ? d->items[line - 1] : "", (int)strcspn(what, "\n"),
              what);
    return true;
}

/* --- the start ------------------------------------------------------------------------------- */

/* They are in a library that a subagent has no use for: it is loaded here, with what it needs itself, not linked. */
static bool add_modules(void)
{
    static const char *const modules[] = {"init_system_mib", "init_sysORTable",   "init_snmp_mib",
                                          "init_snmpEngine", "init_snmpMPDStats", "init_usmStats",
                                          "init_usmUser",    "init_vacm_vars"};
    void *library = dlopen(NETSNMPMIBS, RTLD_NOW);
    for (size_t i = 0; library && i < sizeof modules / sizeof *modules; i++) {
        void (*init)(void) = (void (*)(void))dlsym(library, modules[i]);
        if (!init)
            library = NULL;
        else
            init();
    }
    if (!library)
        log_error("cannot load the modules of the embedded master: %s", dlerror());
    return library;
}

/*
 * The publisher of a mailmond that was killed has two seconds to end, and keeps its addresses until then: a
 * successor that is started at once waits.
 */
static bool start_to_listen(const char *listen)
{
    for (int tries = LISTEN_TRIES; init_master_agent() != 0; tries--) {
        int error = errno;
        for (int i = 0; i < ENDPOINTS; i++) /* those before the one that failed */
            netsnmp_deregister_agent_nsap(i);
        if (error != EADDRINUSE || tries == 0) {
            log_error("cannot listen on %s: %s", listen, strerror(error));
            return false;
        }
        usleep(LISTEN_WAIT_US);
    }
    return true;
}

bool master_open(const struct publish_options *options, void (*registrations)(void))
{
    static char no_smux[] = "!smux,smux"; /* it would bind TCP port 199 */
    const char *listen = options->config->listen;
    master.config = options->config;
    if (!make_settings())
        return false;
    set_persistent_directory(options->engine_dir);
    netsnmp_ds_set_boolean(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_NO_ROOT_ACCESS, 1);
    netsnmp_ds_set_string(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_PORTS, listen);
    netsnmp_ds_set_string(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_OPTIONALCONFIG, master.path);
    add_to_init_list(no_smux);
    init_agent("mailmond");
    if (!add_modules())
        return false;
    registrations();
    init_snmp("mailmond");
    master.path[0] = '\0';
    if (master.wrong) {
        log_error(
            "the embedded master does not start: snmp.directives must be as in snmpd.conf(5)");
        return false;
    }
    return sinks_open(options) && start_to_listen(listen);
}
