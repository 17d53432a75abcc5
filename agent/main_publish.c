/*
 * mailmond-publish: the process that talks SNMP. It reads its configuration, opens what needs root,
 * becomes another account and serves the slots it inherited from the supervisor. It can read no log
 * and no spool, and ends with its parent.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "account.h"
#include "config.h"
#include "log.h"
#include "publish.h"

#define PROGRAM "mailmond-publish"

struct arguments {
    const char *config, *engine_dir;
    int model_fd, back_fd, ready_fd, wake_fd;
    bool foreground;
};

static volatile int stop, hangup;

static const char usage_text[] =
    "usage: " PROGRAM " --model-fd N --back-fd N --engine-dir DIR [--config FILE] [--ready-fd N]\n"
    "                        [--wake-fd N] [--foreground]\n"
    "\n"
    "Shows mailmond's model over SNMP. mailmond starts this program; its files are the shared\n"
    "memory that mailmond made.\n"
    "\n"
    "  --config FILE     configuration, default " CONFIG_FILE "\n"
    "  --model-fd N      open file with the model\n"
    "  --back-fd N       open file for what flows back\n"
    "  --ready-fd N      is sent one byte when it serves\n"
    "  --wake-fd N       eventfd, written when there are notifications\n"
    "  --engine-dir DIR  keeps the SNMPv3 engine's identity\n"
    "  --foreground      log to the standard error\n"
    "  --help, --version\n";

static bool parse_fd(const char *text, int *fd)
{
    char *end;
    errno = 0;
    long n = strtol(text, &end, 10);
    if (errno || end == text || *end || n < 0 || n > 1 << 20)
        return false;
    *fd = (int)n;
    return true;
}

/* Returns -1 to go on, else an exit code. */
static int parse_arguments(int argc, char **argv, struct arguments *a)
{
    enum { CONFIG = 1, MODEL, BACK, READY, WAKE, ENGINE, FOREGROUND, HELP, VERSION_ };
    static const struct option options[] = {{"config", required_argument, NULL, CONFIG},
                                            {"model-fd", required_argument, NULL, MODEL},
                                            {"back-fd", required_argument, NULL, BACK},
                                            {"ready-fd", required_argument, NULL, READY},
                                            {"wake-fd", required_argument, NULL, WAKE},
                                            {"engine-dir", required_argument, NULL, ENGINE},
                                            {"foreground", no_argument, NULL, FOREGROUND},
                                            {"help", no_argument, NULL, HELP},
                                            {"version", no_argument, NULL, VERSION_},
                                            {0}};
    bool good = true;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case CONFIG:
            a->config = optarg;
            break;
        case MODEL:
            good &= parse_fd(optarg, &a->model_fd);
            break;
        case BACK:
            good &= parse_fd(optarg, &a->back_fd);
            break;
        case READY:
            good &= parse_fd(optarg, &a->ready_fd);
            break;
        case WAKE:
            good &= parse_fd(optarg, &a->wake_fd);
            break;
        case ENGINE:
            a->engine_dir = optarg;
            break;
        case FOREGROUND:
            a->foreground = true;
            break;
        case HELP:
            fputs(usage_text, stdout);
            return EXIT_SUCCESS;
        case VERSION_:
            puts(PROGRAM " " VERSION);
            return EXIT_SUCCESS;
        default:
            good = false;
        }
    }
    if (good && optind == argc && a->model_fd >= 0 && a->back_fd >= 0 && a->engine_dir)
        return -1;
    fputs(usage_text, stderr);
    return EXIT_FAILURE;
}

/* A library call that outlasts the alarm is not waited for: there is nothing here to lose. */
static void on_signal(int number)
{
    if (number == SIGALRM)
        _exit(EXIT_SUCCESS);
    stop = 1;
    alarm(2);
}

/* Without SA_RESTART: a signal ends a wait. What the parent had blocked is unblocked. */
static void on_hangup(int number)
{
    (void)number;
    hangup = 1;
}

static void set_signals(void)
{
    struct sigaction act = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};
    struct sigaction again = {.sa_handler = on_hangup};
    sigset_t none;
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGALRM, &act, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGHUP, &again, NULL); /* the supervisor starts a new publisher where more matters */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static struct config *load_config(const char *file)
{
    struct err_list errors = {0};
    struct config *c = config_load(file, &errors);
    for (unsigned i = 0; i < errors.count; i++)
        fprintf(stderr, "%s\n", errors.lines[i]);
    err_free(&errors);
    return c;
}

/* The collect process may be about to give the directory above to its account. */
static bool may_write(const char *directory)
{
    for (int i = 0; i < 40 && !stop; i++) {
        if (access(directory, W_OK | X_OK) == 0)
            return true;
        if (errno == EROFS) {
            log_warning("%s: %m: engineBoots of SNMPv3 cannot be kept", directory);
            return true;
        }
        usleep(50000);
    }
    return false;
}

static int serve(const struct arguments *a, const struct config *config, pid_t parent)
{
    struct publish_options options = {.config = config,
                                      .engine_dir = a->engine_dir,
                                      .ready_fd = a->ready_fd,
                                      .wake_fd = a->wake_fd};
    options.slots = slots_open_reader(a->model_fd, a->back_fd);
    if (!options.slots) {
        log_error("cannot map the shared memory: %m");
        return EXIT_FAILURE;
    }
    const char *keeps = config->standalone ? a->engine_dir : NULL; /* a subagent has no engine */
    if (keeps && mkdir(keeps, 0700) != 0 && errno != EEXIST) {
        log_error("cannot make %s: %m", a->engine_dir);
        return EXIT_FAILURE;
    }
    if (!publish_open(&options) || !account_become(config->publish_user, keeps))
        return EXIT_FAILURE;
    if (!account_end_with(parent))
        return EXIT_SUCCESS;
    if (keeps && !may_write(keeps)) {
        log_error("cannot write into %s: %m", a->engine_dir);
        return EXIT_FAILURE;
    }
    int code = publish_run(&stop, &hangup);
    slots_close(options.slots);
    return code;
}

int main(int argc, char **argv)
{
    struct arguments a = {.model_fd = -1, .back_fd = -1, .ready_fd = -1, .wake_fd = -1};
    pid_t parent = getppid();
    int code = parse_arguments(argc, argv, &a);
    if (code >= 0)
        return code;
    set_signals();
    struct config *config = load_config(a.config);
    if (!config)
        return EXIT_FAILURE;
    const char *to = a.foreground || !config->log ? "stderr" : config->log;
    if (!log_open(PROGRAM, to, log_level_named(config->log_level)))
        log_warning("cannot log to %s: %m", to);
    code = serve(&a, config, parent);
    config_free(config);
    return code;
}
