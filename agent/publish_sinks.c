/*
 * The receivers, as the loop sees them: a process each, a transition to it, an answer from it. What the
 * process does is publish_sender.c's business. Invariant: a receiver has at most one transition, and
 * gets the next only when it was accepted.
 */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>
#include <net-snmp/agent/net-snmp-agent-includes.h>
#include "log.h"
#include "publish_notify.h"
#include "publish_sender.h"
#include "publish_sinks.h"

#define RETRY_FIRST_MS 1000
#define RETRY_LAST_MS  60000
#define GIVE_UP        128 /* transitions that a receiver misses at once when it is too far behind */

struct sink {
    struct sender_target target;
    int fd; /* -1: no process */
    pid_t pid;
    uint64_t done, sent; /* sent: with its process; 0: none */
    int64_t retry_at, retry_ms;
    bool failing;
};

static struct {
    const struct publish_options *options;
    struct sink *all;
    unsigned count;
    uint64_t given_up;
} sinks;

bool sinks_take(const char *directive)
{
    static const char *const names[] = {"trapsink", "trap2sink", "informsink", "trapsess",
                                        "trapcommunity"};
    size_t n = strcspn(directive, " \t");
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i]) == n && strncasecmp(directive, names[i], n) == 0)
            return true;
    return false;
}

bool sinks_open(const struct publish_options *options)
{
    const struct config_strings *d = &options->config->directives;
    const char *community = "public";
    sinks.options = options;
    sinks.all = calloc(d->count + 1, sizeof *sinks.all);
    if (!sinks.all)
        return false;
    for (unsigned i = 0; i < d->count; i++)
        if (strncasecmp(d->items[i], "trapcommunity", 13) == 0 && sinks_take(d->items[i]))
            community = d->items[i] + 13 + strspn(d->items[i] + 13, " \t");
    for (unsigned i = 0; i < d->count; i++) {
        struct sink *s = &sinks.all[sinks.count];
        if (!sinks_take(d->items[i]) || strncasecmp(d->items[i], "trapcommunity", 13) == 0)
            continue;
        if (!sender_parse(d->items[i], community, options->config->context, &s->target)) {
            log_error("%s: snmp.directives: \"%.*s ...\": write it as in snmpd.conf(5), with the "
                      "receiver's address",
                      options->config->file ? options->config->file : "configuration",
                      (int)strcspn(d->items[i], " \t"), d->items[i]);
            return false;
        }
        s->fd = -1;
        sinks.count++;
    }
    return true;
}

/* --- a receiver's process -------------------------------------------------------------------- */

/* Nothing of the agent is left to the process but its own end of the pair and the standard files. */
static void run(const struct sink *s, int fd, pid_t parent)
{
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    signal(SIGALRM, SIG_DFL);
    signal(SIGHUP, SIG_IGN);
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent || dup2(fd, 3) != 3)
        _exit(EXIT_FAILURE);
    snmp_disable_calllog();
    close_range(4, ~0u, 0);
    sender_run(&s->target, 3);
    _exit(EXIT_SUCCESS);
}

static void start(struct sink *s)
{
    int pair[2];
    pid_t parent = getpid();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        return;
    s->pid = fork();
    if (s->pid == 0)
        run(s, pair[1], parent);
    close(pair[1]);
    s->fd = pair[0];
    if (s->pid > 0)
        return;
    close(s->fd);
    s->fd = -1;
}

static void end(struct sink *s)
{
    if (s->fd < 0)
        return;
    close(s->fd);
    s->fd = -1;
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
}

void sinks_close(void)
{
    for (unsigned i = 0; i < sinks.count; i++)
        end(&sinks.all[i]);
}

/* --- what it answers ------------------------------------------------------------------------- */

static void accepted(struct sink *s)
{
    s->done = s->sent;
    s->sent = 0;
    s->retry_at = s->retry_ms = 0;
    if (s->failing)
        log_notice("the receiver %s takes notifications again", s->target.peer);
    s->failing = false;
}

static void failed(struct sink *s, int64_t now_ms, const char *why)
{
    s->sent = 0;
    s->retry_ms = s->retry_ms ? s->retry_ms * 2 : RETRY_FIRST_MS;
    if (s->retry_ms > RETRY_LAST_MS)
        s->retry_ms = RETRY_LAST_MS;
    s->retry_at = now_ms + s->retry_ms;
    if (!s->failing)
        log_warning("the receiver %s takes no notifications: %s; they wait, and it is tried again",
                    s->target.peer, why);
    s->failing = true;
}

static void hear(struct sink *s, int64_t now_ms)
{
    struct sender_answer a;
    ssize_t n = s->fd < 0 ? -1 : recv(s->fd, &a, sizeof a, 0);
    if (s->fd < 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
        return;
    if (n != (ssize_t)sizeof a) {
        end(s);
        failed(s, now_ms, "its process ended");
    } else if (s->sent && a.number == s->sent) {
        a.error[sizeof a.error - 1] = '\0';
        if (a.ok)
            accepted(s);
        else
            failed(s, now_ms, a.error);
    }
}

static void offer(struct sink *s, int64_t now_ms)
{
    struct sender_job job;
    uint32_t count;
    uint64_t last;
    memset(&job, 0, sizeof job);
    if (s->sent || now_ms < s->retry_at || !notify_after(s->done, &job.transition, &count, &last))
        return;
    if (s->fd < 0)
        start(s);
    job.uptime_cs = (uint32_t)netsnmp_get_agent_uptime();
    s->sent = job.transition.number;
    if (s->fd < 0 || send(s->fd, &job, sizeof job, MSG_NOSIGNAL) != (ssize_t)sizeof job)
        failed(s, now_ms, "its process cannot be reached");
}

/* A receiver that is behind a full slot, while another is not, misses some. */
static void leave_behind(uint64_t first, uint64_t last)
{
    for (unsigned i = 0; i < sinks.count; i++) {
        struct sink *s = &sinks.all[i];
        if (s->done >= first + GIVE_UP || s->done >= last)
            continue;
        uint64_t to = first + GIVE_UP - 1;
        sinks.given_up += to - s->done;
        s->done = to;
    }
}

void sinks_pump(int64_t now_ms, uint64_t *all_accepted, uint64_t *given_up)
{
    struct transition x;
    uint32_t count;
    uint64_t last = 0, least = UINT64_MAX, most = 0;
    for (unsigned i = 0; i < sinks.count; i++) {
        struct sink *s = &sinks.all[i];
        if (s->done < *all_accepted)
            s->done = *all_accepted;
        hear(s, now_ms);
        offer(s, now_ms);
        least = s->done < least ? s->done : least;
        most = s->done > most ? s->done : most;
    }
    bool any = notify_after(*all_accepted, &x, &count, &last);
    if (sinks.count == 0 && any)
        *all_accepted = last;
    else if (sinks.count)
        *all_accepted = least;
    if (any && count == model_kinds[MODEL_TRANSITION].capacity && most >= last && least < last)
        leave_behind(x.number, last);
    *given_up = sinks.given_up;
}

int sinks_wait_ms(int64_t now_ms)
{
    int64_t wait = -1;
    for (unsigned i = 0; i < sinks.count; i++) {
        const struct sink *s = &sinks.all[i];
        int64_t left = s->retry_at - now_ms;
        if (!s->sent && s->retry_at && (wait < 0 || left < wait))
            wait = left > 0 ? left : 0;
    }
    return (int)wait;
}

unsigned sinks_fds(int *fds, unsigned room)
{
    unsigned n = 0;
    for (unsigned i = 0; i < sinks.count && n < room; i++)
        if (sinks.all[i].fd >= 0)
            fds[n++] = sinks.all[i].fd;
    return n;
}
