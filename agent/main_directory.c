/*
 * mailmond-directory: one conversation with one directory server. Takes a request from its standard
 * input, writes one result to its standard output, ends. mailmond-collect starts it for each question,
 * so that whatever libldap and its TLS library do (wait, leak, crash), they do it to this process
 * alone, and none exists where no directory is asked.
 *
 * The deadline is a signal: what is known then is written and the process ends, wherever it was.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "clock.h"
#include "../collectors/ldap_client.h"
#include "account.h"

static struct ldap_request request;
static struct ldap_result result;
static int64_t began_us;

static bool read_all(void *to, size_t size)
{
    char *p = to;
    while (size) {
        ssize_t n = read(STDIN_FILENO, p, size);
        if (n == 0 || (n < 0 && errno != EINTR))
            return false;
        if (n > 0)
            p += n, size -= (size_t)n;
    }
    return true;
}

static bool write_all(const void *from, size_t size)
{
    const char *p = from;
    while (size) {
        ssize_t n = write(STDOUT_FILENO, p, size);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0)
            p += n, size -= (size_t)n;
    }
    return true;
}

/* Only what a signal handler may do. What was half written is made to fit by the reader's check. */
static void on_deadline(int number)
{
    (void)number;
    static const char text[] = ": no answer within the time allowed";
    struct slice step = slice_of(ldap_step_names[result.step]);
    result.status = RESPONSE_TIMED_OUT;
    result.monitor = 0;
    result.total_us = (uint64_t)(clock_us(CLOCK_MONOTONIC) - began_us);
    memcpy(result.error.bytes, step.p, step.n);
    memcpy(result.error.bytes + step.n, text, sizeof text - 1);
    result.error.length = (uint8_t)(step.n + sizeof text - 1);
    _exit(write_all(&result, sizeof result) ? 0 : 1);
}

static bool heed_deadline(void)
{
    struct sigaction act = {.sa_handler = on_deadline};
    sigset_t none;
    sigemptyset(&none);
    return sigaction(SIGALRM, &act, NULL) == 0 && sigprocmask(SIG_SETMASK, &none, NULL) == 0;
}

int main(int argc, char **argv)
{
    pid_t parent = getppid();
    if (argc > 1) {
        bool version = strcmp(argv[1], "--version") == 0;
        fputs(version ? "mailmond-directory " VERSION "\n"
                      : "usage: mailmond-directory\n\nAsks a directory server; mailmond-collect "
                        "starts it. See mailmond(8).\n",
              version ? stdout : stderr);
        return version ? 0 : 2;
    }
    signal(SIGPIPE, SIG_IGN);
    closefrom(STDERR_FILENO + 1); /* the shared model is not for this process */
    if (!account_end_with(parent) || !read_all(&request, sizeof request) ||
        !ldap_request_check(&request, sizeof request))
        return 1;
    ldap_result_init(&result, request.job);
    began_us = clock_us(CLOCK_MONOTONIC);
    if (!heed_deadline())
        return 1;
    ldap_client_run(&request, &result);
    sigset_t alarm;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    sigprocmask(SIG_BLOCK, &alarm, NULL); /* the result is whole: no second one */
    return write_all(&result, sizeof result) ? 0 : 1;
}
