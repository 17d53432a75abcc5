/*
 * mailmond: the front end. Reads options, runs the supervisor, shows the running daemon's model, and
 * leaves what needs a library to mailmond-collect.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "clock.h"
#include "dump.h"
#include "log.h"
#include "supervise.h"
#include "tables.h"

static const char usage_text[] =
    "usage: mailmond [OPTION]...                  run the daemon\n"
    "       mailmond --dump                       show the tables of the running daemon\n"
    "       mailmond --read FORMAT FILE...        show the tables that these logs give (no "
    "daemon)\n"
    "       mailmond --explain FORMAT FILE...     show what is understood of each line\n"
    "       mailmond --probe NAME|URL             ask a service once\n"
    "       mailmond --what-if                    what the rules would have told of the history\n"
    "       mailmond --check | --dump-config | --detect\n"
    "\n"
    "The SNMP agent for mail systems: publishes NETWORK-SERVICES-MIB, MTA-MIB,\n"
    "DIRECTORY-SERVER-MIB and MAILMON-MIB as an AgentX subagent, or as a master agent of its own.\n"
    "\n"
    "  --config FILE      configuration (default /etc/mailmond/mailmond.conf, if it exists)\n"
    "  --state DIR        state directory (default /var/lib/mailmond)\n"
    "  --foreground       stay in the foreground and log to the standard error\n"
    "  --check            check the configuration, say what was found and what may not be read\n"
    "  --dump-config      print the effective configuration\n"
    "  --detect           print what is found on this host as a configuration file\n"
    "  --dump             print the running daemon's model, a line for each cell\n"
    "  --read FORMAT      read logs of this format (postfix, exim ...) from start to end, print "
    "the\n"
    "                     model\n"
    "    --statistics     ... and lines, octets and memory, on the standard error\n"
    "    --host HOST      ... lines of this host only, of a log of several; '*': each is an "
    "instance\n"
    "    --messages-max N ... with this bound on the messages in flight\n"
    "  --explain FORMAT   print each line of logs of this format and what is understood of it\n"
    "    --host HOST      ... lines of this host only\n"
    "  --probe NAME|URL   ask a service once and print how long each step took\n"
    "  --what-if          judge the stored history by the configuration's rules\n"
    "    --from DAY       ... from this day on (YYYY-MM-DD)\n"
    "    --to DAY         ... up to this day\n"
    "  --tables           list the columns that are served\n"
    "  --help, --version\n"
    "\n"
    "Without a configuration file mailmond finds the mail systems of this host by itself.\n"
    "See mailmond(8) and mailmond.conf(5).\n";

enum { CONFIG = 1, STATE, FOREGROUND, DUMP, TABLES, HELP, SHOW_VERSION, PASS_ON };

/* PASS_ON: what mailmond-collect does. */
static const struct option options[] = {
    {"config", required_argument, NULL, CONFIG},
    {"state", required_argument, NULL, STATE},
    {"foreground", no_argument, NULL, FOREGROUND},
    {"dump", no_argument, NULL, DUMP},
    {"tables", no_argument, NULL, TABLES},
    {"help", no_argument, NULL, HELP},
    {"version", no_argument, NULL, SHOW_VERSION},
    {"check", no_argument, NULL, PASS_ON},
    {"dump-config", no_argument, NULL, PASS_ON},
    {"detect", no_argument, NULL, PASS_ON},
    {"read", required_argument, NULL, PASS_ON},
    {"explain", required_argument, NULL, PASS_ON},
    {"probe", required_argument, NULL, PASS_ON},
    {"statistics", no_argument, NULL, PASS_ON},
    {"what-if", no_argument, NULL, PASS_ON},
    {"from", required_argument, NULL, PASS_ON},
    {"to", required_argument, NULL, PASS_ON},
    {"host", required_argument, NULL, PASS_ON},
    {"messages-max", required_argument, NULL, PASS_ON},
    {NULL, 0, NULL, 0},
};

/* getopt has moved arguments about: `all` are the arguments as they were given. */
static int pass_on(const char *program_dir, char **all)
{
    char path[600];
    snprintf(path, sizeof path, "%s/mailmond-collect", program_dir);
    all[0] = path;
    execv(path, all);
    fprintf(stderr, "mailmond: %s: %s\n", path, strerror(errno));
    return 1;
}

static int open_of(long pid, int number, int flags)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/fd/%d", pid, number);
    return open(path, flags | O_CLOEXEC);
}

/* The process of a pid file; -1 and a message: there is none. */
static long running(const char *path)
{
    char proc[64];
    long pid = 0;
    FILE *f = fopen(path, "re");
    if (!f && errno != ENOENT) {
        fprintf(stderr, "mailmond: %s: %s\n", path, strerror(errno));
        return -1;
    }
    bool found = f && fscanf(f, "%ld", &pid) == 1 && pid > 0;
    if (f)
        fclose(f);
    snprintf(proc, sizeof proc, "/proc/%ld", pid);
    if (found && access(proc, F_OK) == 0)
        return pid;
    fprintf(stderr, "mailmond: no daemon is running (%s)\n", path);
    return -1;
}

static struct slots *open_running(const char *run_dir)
{
    char path[600];
    snprintf(path, sizeof path, "%s/mailmond.pid", run_dir);
    long pid = running(path);
    if (pid < 0)
        return NULL;
    int model = open_of(pid, SUPERVISE_MODEL_FD, O_RDONLY);
    int back = open_of(pid, SUPERVISE_BACK_FD, O_RDONLY);
    struct slots *s = model >= 0 && back >= 0 ? slots_open_observer(model, back) : NULL;
    if (!s)
        fprintf(stderr, "mailmond: the memory of process %ld cannot be read: %s%s\n", pid,
                strerror(errno), errno == EACCES ? " (only its own account and root may)" : "");
    return s;
}

static int dump(const struct supervise_options *o)
{
    struct supervise_settings settings;
    struct view v;
    int answer = supervise_ask(o, &settings);
    if (answer == SUPERVISE_BAD_CONFIG)
        fprintf(stderr,
                "mailmond: the configuration has faults; this is of the daemon in %s, which "
                "may run with an earlier one\n",
                settings.run_dir);
    else if (answer != 0)
        return answer;
    struct slots *s = open_running(settings.run_dir);
    if (!s)
        return 1;
    if (!slots_copy(s, &v)) {
        fprintf(stderr, "mailmond: the daemon has not read everything yet; try again\n");
        return 1;
    }
    struct table_time now = {.monotonic_ms = clock_ms(CLOCK_MONOTONIC),
                             .real_ms = clock_ms(CLOCK_REALTIME)};
    time_t t = (time_t)(now.real_ms / 1000);
    struct tm local;
    localtime_r(&t, &local);
    now.zone_min = (int32_t)(local.tm_gmtoff / 60);
    now.uptime_cs = (uint32_t)(now.monotonic_ms / 10); /* the host's: no master is asked */
    bool ok = dump_view(&v, &now, stdout) && fflush(stdout) == 0;
    slots_view_free(&v);
    slots_close(s);
    return ok ? 0 : 1;
}

/* The path of what need not exist yet. */
static bool whole_path(const char *path, char whole[PATH_MAX])
{
    char here[PATH_MAX];
    return *path != '/' && getcwd(here, sizeof here) &&
           snprintf(whole, PATH_MAX, "%s/%s", here, path) < PATH_MAX;
}

static int run(int argc, char **argv, char **all)
{
    struct supervise_options o = {.program_dir = supervise_program_dir()};
    bool want_dump = false, want_pass = false;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == CONFIG)
            o.config = optarg;
        else if (c == STATE)
            o.state = optarg;
        else if (c == FOREGROUND)
            o.foreground = true;
        else if (c == DUMP)
            want_dump = true;
        else if (c == PASS_ON)
            want_pass = true;
        else if (c == TABLES)
            return tables_list(stdout), 0;
        else if (c == HELP)
            return fputs(usage_text, stdout), 0;
        else if (c == SHOW_VERSION)
            return puts("mailmond " VERSION), 0;
        else
            return fputs("Try mailmond --help.\n", stderr), 2;
    }
    if (want_pass)
        return pass_on(o.program_dir, all);
    char config[PATH_MAX], state[PATH_MAX]; /* the daemon leaves this directory */
    if (o.config && realpath(o.config, config))
        o.config = config;
    if (o.state && whole_path(o.state, state))
        o.state = state;
    if (optind < argc) {
        fprintf(stderr, "mailmond: %s: unexpected argument; try mailmond --help\n", argv[optind]);
        return 2;
    }
    return want_dump ? dump(&o) : supervise_run(&o);
}

int main(int argc, char **argv)
{
    char **all = calloc((size_t)argc + 1, sizeof *all);
    if (!all)
        return 1;
    memcpy(all, argv, (size_t)argc * sizeof *all);
    int code = run(argc, argv, all);
    free(all);
    return code;
}
