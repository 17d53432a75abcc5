/*
 * mailmond-probe: talks to servers for mailmond-collect, which starts it and holds the other end of
 * its standard input: requests come in, results go out (prober.h). It has no privilege, reads no
 * file but those of certificates and of the resolver, and ends when its parent is gone.
 */
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "../collectors/prober.h"

#define MOST 3000 /* more than are sent here at once: some still take their leave */

static struct probes *probes;
static bool gone;

struct waiting {
    uint64_t id;
};

static void on_done(void *arg, const struct probe_result *result)
{
    struct waiting *w = arg;
    struct prober_answer answer = {.id = w->id, .result = *result};
    free(w);
    /* It waits if the collector is behind: times are the kernel's, they stay right. */
    while (send(STDIN_FILENO, &answer, sizeof answer, MSG_NOSIGNAL) < 0 && errno == EINTR)
        ;
}

static void refuse(struct waiting *w, const char *why)
{
    struct probe_result r = {.status = RESPONSE_UNKNOWN, .cert_not_after_s = INT64_MIN};
    for (unsigned i = 0; i < STEPS; i++)
        r.steps_us[i] = PROBE_NO_TIME;
    r.messages = r.unseen = DIALOG_UNKNOWN;
    snprintf(r.reply, sizeof r.reply, "%s", why);
    on_done(w, &r);
}

static void on_request(struct watch *watch, uint32_t events)
{
    static char message[sizeof(uint64_t) + PROBE_PACKED_MAX];
    struct probe_request request;
    (void)watch, (void)events;
    ssize_t n = recv(STDIN_FILENO, message, sizeof message, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    gone = n <= 0;
    struct waiting *w = gone ? NULL : malloc(sizeof *w);
    if (!w || (size_t)n < sizeof w->id) {
        free(w);
        return;
    }
    memcpy(&w->id, message, sizeof w->id);
    struct slice packed = {message + sizeof w->id, (size_t)n - sizeof w->id};
    const char *fault = probe_unpack(packed, &request) ? probe_unfit(&request) : "no request";
    if (fault)
        refuse(w, fault);
    else if (!probes_start(probes, &request, on_done, w))
        refuse(w, "too many probes at once");
    explicit_bzero(message, (size_t)n);
}

/* What the collector has open and may do is not for a process that talks to strangers. */
static void give_up(void)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0}};
    close_range(STDERR_FILENO + 1, ~0u, 0);
    syscall(SYS_capset, &head, none);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_DUMPABLE, 0); /* there are passwords in memory */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN); /* the terminal's, for the parent */
}

int main(void)
{
    struct rlimit files;
    struct watch watch = {on_request};
    give_up();
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    probes = probes_new(MOST);
    if (!probes || !probes_watch(probes, STDIN_FILENO, &watch)) {
        fprintf(stderr, "mailmond-probe: it is started by mailmond-collect, on a socket: %s\n",
                strerror(errno));
        return 1;
    }
    while (!gone)
        probes_turn(probes, -1);
    return 0; /* no farewells: mailmond is going down and the sockets close with it */
}
