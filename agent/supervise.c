/*
 * Two children, a signal descriptor and a pipe on which they say that they are ready. A child that
 * dies is reaped before its successor is started, since each side of the shared memory has one user.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "clock.h"
#include "account.h"
#include "log.h"
#include "program.h"
#include "slots.h"
#include "supervise.h"

#define READY_FD      12
#define WAKE_FD       13 /* eventfd: the collect process wakes the publish process */
#define EXIT_RELOAD   75 /* a child's wish to be started again at once */
#define BACKOFF_FIRST 100
#define BACKOFF_LAST  10000
#define STEADY_MS     10000 /* lived so long: the next death is a new trouble */
#define STOP_MS       10000

enum { COLLECT, PUBLISH, CHILDREN };

struct child {
    const char *program;
    pid_t pid; /* 0: not running */
    int64_t started_ms, start_at_ms;
    int backoff_ms;
    bool ready;
};

static struct {
    const struct supervise_options *options;
    struct supervise_settings settings;
    struct child children[CHILDREN];
    int signals, ready_pipe, pid_file;
    int waiting; /* write end of the pipe on which the starter waits, or -1 */
    bool stopping, announced;
    int64_t stop_at_ms;
    int exit_code;
} self = {.children = {{.program = "mailmond-collect"}, {.program = "mailmond-publish"}},
          .waiting = -1,
          .pid_file = -1};

const char *supervise_program_dir(void)
{
    static char dir[512];
    if (!program_beside(self.children[COLLECT].program, dir, sizeof dir) || access(dir, X_OK) != 0)
        return LIBEXECDIR;
    *strrchr(dir, '/') = '\0';
    return dir;
}

/* Settings */

static void take_setting(struct supervise_settings *s, char *line)
{
    const struct {
        const char *name;
        char *to;
        size_t size;
    } known[] = {{"run_dir=", s->run_dir, sizeof s->run_dir},
                 {"state_dir=", s->state_dir, sizeof s->state_dir},
                 {"log=", s->log, sizeof s->log},
                 {"log_level=", s->log_level, sizeof s->log_level},
                 {"snmp=", s->snmp, sizeof s->snmp}};
    line[strcspn(line, "\n")] = 0;
    const size_t fifos = sizeof s->fifos / sizeof s->fifos[0];
    for (unsigned i = 0; strncmp(line, "fifo=", 5) == 0 && i < fifos; i++)
        if (!s->fifos[i][0]) {
            snprintf(s->fifos[i], sizeof s->fifos[i], "%.*s", (int)sizeof s->fifos[i] - 1,
                     line + 5);
            break;
        }
    for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++) {
        size_t n = strlen(known[i].name);
        if (strncmp(line, known[i].name, n) == 0)
            snprintf(known[i].to, known[i].size, "%.*s", (int)known[i].size - 1, line + n);
    }
}

/* Arguments of a child: its own, then those that all have. Returns how many. */
static int add_common(const struct supervise_options *o, const char **argv, int n)
{
    if (o->config) {
        argv[n++] = "--config";
        argv[n++] = o->config;
    }
    return n;
}

static void exec_program(const struct supervise_options *o, const char **argv)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", o->program_dir, argv[0]);
    execv(path, (char *const *)argv);
    fprintf(stderr, "mailmond: %s: %s\n", path, strerror(errno));
    _exit(127);
}

static int cannot_ask(void)
{
    fprintf(stderr, "mailmond: mailmond-collect cannot be asked for the settings: %s\n",
            strerror(errno));
    return 1;
}

int supervise_ask(const struct supervise_options *o, struct supervise_settings *s)
{
    const char *argv[8] = {"mailmond-collect", "--settings"};
    int n = add_common(o, argv, 2), out[2], status = -1;
    if (o->state) {
        argv[n++] = "--state";
        argv[n++] = o->state;
    }
    argv[n] = NULL;
    memset(s, 0, sizeof *s);
    if (pipe2(out, O_CLOEXEC) < 0)
        return cannot_ask();
    pid_t pid = fork();
    if (pid == 0) {
        dup2(out[1], 1);
        exec_program(o, argv);
    }
    close(out[1]);
    FILE *f = fdopen(out[0], "r");
    char line[4096];
    while (f && fgets(line, sizeof line, f))
        take_setting(s, line);
    if (f)
        fclose(f);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return cannot_ask();
    if (WIFEXITED(status) && WEXITSTATUS(status) == SUPERVISE_BAD_CONFIG)
        return SUPERVISE_BAD_CONFIG;
    if (WIFSIGNALED(status))
        fprintf(stderr,
                "mailmond: mailmond-collect was killed by signal %d when asked for the settings\n",
                WTERMSIG(status));
    return status == 0 && s->run_dir[0] ? 0 : 1;
}

/* systemd: sd_notify(3)'s protocol, one datagram */

static void notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof a.sun_path)
        return;
    strcpy(a.sun_path, path);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (path[0] == '@')
        a.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&a, length) < 0)
        log_warning("systemd is not told \"%s\": %s", state, strerror(errno));
    close(fd);
}

/* Children */

/* A child born while its parent dies would never hear of that: its own request comes too late. */
static void in_child(const char **argv, pid_t parent)
{
    sigset_t none;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    exec_program(self.options, argv);
}

/* The parent of a directory must exist; what is in it belongs to the accounts of the children. */
static bool make_directory(const char *path)
{
    if (mkdir(path, 0755) == 0 || errno == EEXIST)
        return true;
    log_error("%s: cannot be made: %s", path, strerror(errno));
    return false;
}

static void start(struct child *c)
{
    char model[16], back[16], ready[16], wake[16], engine[600];
    snprintf(model, sizeof model, "%d", SUPERVISE_MODEL_FD);
    snprintf(back, sizeof back, "%d", SUPERVISE_BACK_FD);
    snprintf(ready, sizeof ready, "%d", READY_FD);
    snprintf(wake, sizeof wake, "%d", WAKE_FD);
    make_directory(self.settings.state_dir); /* somebody may have removed it */
    snprintf(engine, sizeof engine, "%s/" ACCOUNT_PUBLISHER, self.settings.state_dir);
    const char *argv[20] = {c->program,   "--model-fd", model,       "--back-fd", back,
                            "--ready-fd", ready,        "--wake-fd", wake};
    int n = add_common(self.options, argv, 9);
    argv[n++] = c == &self.children[COLLECT] ? "--state" : "--engine-dir";
    argv[n++] = c == &self.children[COLLECT] ? self.settings.state_dir : engine;
    if (self.options->foreground)
        argv[n++] = "--foreground";
    argv[n] = NULL;
    c->started_ms = clock_ms(CLOCK_MONOTONIC);
    pid_t parent = getpid();
    c->pid = fork();
    if (c->pid == 0)
        in_child(argv, parent);
    if (c->pid < 0) {
        log_error("fork: %s", strerror(errno));
        c->pid = 0;
        c->start_at_ms = c->started_ms + BACKOFF_LAST;
    }
}

static void plan_restart(struct child *c, bool at_once)
{
    int64_t now = clock_ms(CLOCK_MONOTONIC);
    if (at_once || now - c->started_ms >= STEADY_MS)
        c->backoff_ms = 0;
    c->start_at_ms = now + (at_once ? 0 : c->backoff_ms ? c->backoff_ms : BACKOFF_FIRST);
    c->backoff_ms = c->backoff_ms ? c->backoff_ms * 2 : BACKOFF_FIRST;
    if (c->backoff_ms > BACKOFF_LAST)
        c->backoff_ms = BACKOFF_LAST;
}

/*
 * Opens the FIFOs of the settings, and then closes those of the last ones: what is in one stays in it, and
 * who writes to it gets no SIGPIPE, while the collector is started again.
 */
static void hold_fifos(const struct supervise_settings *s)
{
    static int held[8] = {-1, -1, -1, -1, -1, -1, -1, -1};
    const unsigned count = sizeof held / sizeof held[0];
    int before[sizeof held / sizeof held[0]];
    struct stat st;
    memcpy(before, held, sizeof held);
    for (unsigned i = 0; i < count; i++) {
        bool is_fifo = s->fifos[i][0] && stat(s->fifos[i], &st) == 0 && S_ISFIFO(st.st_mode);
        held[i] = is_fifo ? open(s->fifos[i], O_RDWR | O_NONBLOCK | O_CLOEXEC) : -1;
    }
    for (unsigned i = 0; i < count; i++)
        if (before[i] >= 0)
            close(before[i]);
}

/* Has the publish process start anew if what it serves on is configured otherwise now. */
static void compare_settings(void)
{
    struct supervise_settings s;
    if (supervise_ask(self.options, &s) != 0)
        return;
    if (strcmp(s.snmp, self.settings.snmp) != 0 && self.children[PUBLISH].pid) {
        log_notice("the SNMP settings changed: mailmond-publish is restarted");
        kill(self.children[PUBLISH].pid, SIGTERM);
    }
    snprintf(s.state_dir, sizeof s.state_dir, "%s", self.settings.state_dir);
    self.settings = s;
    hold_fifos(&s);
}

static void signal_all(int number)
{
    for (struct child *c = self.children; c < self.children + CHILDREN; c++)
        if (c->pid)
            kill(c->pid, number);
}

static void stop_all(int exit_code)
{
    self.exit_code = exit_code;
    self.stopping = true;
    self.stop_at_ms = clock_ms(CLOCK_MONOTONIC) + STOP_MS;
    notify("STOPPING=1");
    signal_all(SIGTERM);
}

/* A child that ends by itself before both served: the fault is the operator's to mend. */
static void give_up(const struct child *c, int status)
{
    log_error("%s ended with code %d before it served: mailmond does not start", c->program,
              WEXITSTATUS(status));
    stop_all(WEXITSTATUS(status) == SUPERVISE_BAD_CONFIG ? SUPERVISE_BAD_CONFIG : 1);
}

static void on_death(struct child *c, int status)
{
    bool reload = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_RELOAD;
    c->pid = 0;
    if (self.stopping)
        return;
    if (reload)
        compare_settings();
    else if (WIFSIGNALED(status))
        log_error("%s was killed by signal %d: restarting it", c->program, WTERMSIG(status));
    else if (!self.announced) /* it said why: nothing that a restart would mend */
        give_up(c, status);
    else if (WEXITSTATUS(status) == SUPERVISE_BAD_CONFIG)
        log_error("%s cannot be started again: the configuration has faults (mailmond --check)",
                  c->program);
    else
        log_error("%s ended with code %d: restarting it", c->program, WEXITSTATUS(status));
    plan_restart(c, reload);
}

static void reap(void)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        for (struct child *c = self.children; c < self.children + CHILDREN; c++)
            if (c->pid == pid)
                on_death(c, status);
}

static void on_signal(void)
{
    struct signalfd_siginfo s;
    while (read(self.signals, &s, sizeof s) == (ssize_t)sizeof s) {
        if (s.ssi_signo == SIGHUP) {
            log_reopen();
            signal_all(SIGHUP);
        } else if (s.ssi_signo != SIGCHLD) {
            stop_all(0);
        }
    }
    reap();
}

/* Each child writes the letter of its work when it serves; both have: we are ready. One may have been started again. */
static void on_ready(void)
{
    char text[16];
    ssize_t n = read(self.ready_pipe, text, sizeof text);
    for (ssize_t i = 0; i < n; i++)
        self.children[text[i] == 'p' ? PUBLISH : COLLECT].ready = true;
    if (!self.children[COLLECT].ready || !self.children[PUBLISH].ready || self.announced)
        return;
    self.announced = true;
    notify("READY=1");
    log_notice("mailmond %s is ready", VERSION);
    if (self.waiting >= 0 && write(self.waiting, "", 1) == 1)
        close(self.waiting);
    self.waiting = -1;
}

/* Starts what is due; returns the milliseconds until the next is, -1: nothing is. */
static int start_due(void)
{
    int64_t now = clock_ms(CLOCK_MONOTONIC), next = -1;
    for (struct child *c = self.children; c < self.children + CHILDREN; c++) {
        if (c->pid || self.stopping)
            continue;
        if (c->start_at_ms <= now)
            start(c);
        else if (next < 0 || c->start_at_ms - now < next)
            next = c->start_at_ms - now;
    }
    if (self.stopping)
        next = self.stop_at_ms > now ? self.stop_at_ms - now : 0;
    return (int)next;
}

static bool children_left(void)
{
    return self.children[COLLECT].pid || self.children[PUBLISH].pid;
}

static void loop(void)
{
    while (!self.stopping || children_left()) {
        struct pollfd p[] = {{self.signals, POLLIN, 0}, {self.ready_pipe, POLLIN, 0}};
        int wait = start_due();
        if (poll(p, 2, wait) < 0 && errno != EINTR)
            return;
        if (p[0].revents)
            on_signal();
        if (p[1].revents)
            on_ready();
        if (self.stopping && clock_ms(CLOCK_MONOTONIC) >= self.stop_at_ms)
            signal_all(SIGKILL);
    }
}

/* Set-up */

static bool move_fd(int from, int to, bool inherit)
{
    if (from < 0 || dup3(from, to, inherit ? 0 : O_CLOEXEC) < 0)
        return false;
    close(from);
    return true;
}

static bool make_memory(void)
{
    uint32_t most[MODEL_TABLES];
    int model, back, ready[2];
    for (int t = 0; t < MODEL_TABLES; t++) /* sparse: what is not used costs nothing */
        most[t] = model_kinds[t].capacity * MODEL_CAPACITY_FACTOR;
    return slots_create(most, &model, &back) == 0 && move_fd(model, SUPERVISE_MODEL_FD, true) &&
           move_fd(back, SUPERVISE_BACK_FD, true) && pipe2(ready, O_NONBLOCK) == 0 &&
           move_fd(ready[1], READY_FD, true) && move_fd(eventfd(0, EFD_NONBLOCK), WAKE_FD, true) &&
           fcntl(ready[0], F_SETFD, FD_CLOEXEC) == 0 && (self.ready_pipe = ready[0]) >= 0;
}

/* Why there is no memory, as far as it can be told. */
static void say_cannot_start(void)
{
    struct rlimit limit;
    int error = errno;
    if (error == ENOMEM && getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        log_error(
            "cannot start: %s: the limit of address space is %llu MB, and the shared memory, of "
            "which "
            "little is used, takes a gigabyte of addresses: lift it (ulimit -v, LimitAS=), and "
            "limit what is used instead (MemoryMax=)",
            strerror(error), (unsigned long long)limit.rlim_cur >> 20);
    else
        log_error("cannot start: %s", strerror(error));
}

static bool block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return false;
    signal(SIGPIPE, SIG_IGN);
    self.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return self.signals >= 0;
}

static bool write_pid(void)
{
    char path[600], text[32];
    snprintf(path, sizeof path, "%s/mailmond.pid", self.settings.run_dir);
    self.pid_file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (self.pid_file < 0 || flock(self.pid_file, LOCK_EX | LOCK_NB) < 0) {
        log_error("%s: %s", path,
                  errno == EWOULDBLOCK ? "mailmond is running already" : strerror(errno));
        return false;
    }
    int n = snprintf(text, sizeof text, "%d\n", (int)getpid());
    if (fchmod(self.pid_file, 0644) < 0) /* whatever the umask */
        log_warning("%s: %s", path, strerror(errno));
    return ftruncate(self.pid_file, 0) == 0 && write(self.pid_file, text, (size_t)n) == n;
}

/*
 * Goes to the background: the starter stays until the daemon serves (0) or gave up (1). Returns -1
 * in the daemon.
 */
static int detach(void)
{
    int wait[2];
    char byte;
    if (pipe2(wait, O_CLOEXEC) < 0)
        return 1;
    pid_t pid = fork();
    if (pid < 0)
        return 1;
    if (pid > 0) {
        close(wait[1]);
        return read(wait[0], &byte, 1) == 1 ? 0 : 1;
    }
    close(wait[0]);
    self.waiting = wait[1];
    setsid();
    int null = open("/dev/null", O_RDWR);
    if (null >= 0 && strcmp(self.settings.log, "stderr") != 0)
        for (int fd = 0; fd < 3; fd++)
            dup2(null, fd);
    return chdir("/") == 0 ? -1 : 1;
}

int supervise_run(const struct supervise_options *o)
{
    self.options = o;
    int answer = supervise_ask(o, &self.settings);
    if (answer != 0)
        return answer;
    if (!o->foreground && !getenv("NOTIFY_SOCKET")) {
        int code = detach();
        if (code >= 0)
            return code;
    }
    log_open("mailmond", o->foreground ? "stderr" : self.settings.log,
             log_level_named(self.settings.log_level));
    if (!make_directory(self.settings.run_dir) || !make_directory(self.settings.state_dir) ||
        !write_pid())
        return 1;
    hold_fifos(&self.settings);
    if (!make_memory() || !block_signals()) {
        say_cannot_start();
        return 1;
    }
    loop();
    if (ftruncate(self.pid_file, 0) < 0)
        log_warning("%s/mailmond.pid: %s", self.settings.run_dir, strerror(errno));
    log_notice("mailmond has stopped");
    return self.exit_code;
}
