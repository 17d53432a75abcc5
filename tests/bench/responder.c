/*
 * A server that answers each line of SMTP after a known time, thousands at once, for bench_probe.py: it
 * greets, says 250 to everything, and 221 to QUIT. Each PORT:DELAY_US listens on 127.0.0.1; with a file of
 * key and certificate behind it, it speaks TLS.
 *
 *   responder PORT:DELAY_US[:PEM]...
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PORTS  64
#define EVENTS 256

/* A delay is the same for all of a port: what is due next is at the front of the port's queue. */
struct answer {
    struct answer *next;
    int64_t due_ns;
    struct peer *to;
    const char *text;
    bool last;
};

struct port {
    int fd;
    int64_t delay_ns;
    struct answer *first, **end;
    SSL_CTX *tls; /* NULL: none */
};

struct peer { /* what epoll tells: a listener or a connection of its port */
    struct port *port;
    int fd;
    SSL *tls;
    bool greeted;
    unsigned owed; /* answers that are not given yet */
    bool gone;
};

static struct port ports[PORTS];
static unsigned port_count;
static int epoll;

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void answer(struct peer *to, const char *text, bool last)
{
    struct port *p = to->port;
    struct answer *a = malloc(sizeof *a);
    if (!a)
        exit(1);
    *a = (struct answer){NULL, now_ns() + p->delay_ns, to, text, last};
    to->owed++;
    *p->end = a;
    p->end = &a->next;
}

static struct peer *watch(struct port *p, int fd)
{
    struct peer *peer = calloc(1, sizeof *peer);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = peer};
    if (!peer)
        exit(1);
    *peer = (struct peer){.port = p, .fd = fd};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
    return peer;
}

static void greet(struct peer *peer)
{
    peer->greeted = true;
    answer(peer, "220 responder.test ESMTP\r\n", false);
}

static void take(struct port *p)
{
    int on = 1;
    for (int fd; (fd = accept4(p->fd, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct peer *peer = watch(p, fd);
        peer->tls = p->tls ? SSL_new(p->tls) : NULL;
        if (peer->tls)
            SSL_set_fd(peer->tls, fd);
        else
            greet(peer);
    }
}

/* It is freed when nothing is owed to it any more. */
static void forget(struct peer *peer)
{
    if (!peer->gone)
        close(peer->fd);
    peer->gone = true;
    if (peer->owed)
        return;
    SSL_free(peer->tls);
    free(peer);
}

/* Octets of a line; 0: none yet; -1: it is over. */
static int receive(struct peer *peer, char *line, int room)
{
    if (!peer->tls) {
        ssize_t n = recv(peer->fd, line, (size_t)room, 0);
        return n > 0 ? (int)n : -1;
    }
    int n =
        SSL_is_init_finished(peer->tls) ? SSL_read(peer->tls, line, room) : SSL_accept(peer->tls);
    int why = n > 0 ? SSL_ERROR_NONE : SSL_get_error(peer->tls, n);
    if (!peer->greeted && SSL_is_init_finished(peer->tls)) {
        greet(peer);
        return 0;
    }
    return n > 0 ? n : why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static void hear(struct peer *peer)
{
    char line[512];
    int n = receive(peer, line, sizeof line);
    if (n < 0)
        forget(peer);
    if (n <= 0)
        return;
    bool quit = strncmp(line, "QUIT", 4) == 0;
    answer(peer, quit ? "221 bye\r\n" : "250-responder.test\r\n250 SIZE 1000\r\n", quit);
}

/* Gives what is due; returns the nanoseconds until the next, or -1. */
static int64_t give(struct port *p)
{
    int64_t now = now_ns();
    while (p->first && p->first->due_ns <= now) {
        struct answer *a = p->first;
        p->first = a->next;
        if (!p->first)
            p->end = &p->first;
        struct peer *to = a->to;
        to->owed--;
        if (to->gone) {
            forget(to);
        } else if (to->tls) {
            SSL_write(to->tls, a->text, (int)strlen(a->text));
        } else {
            send(to->fd, a->text, strlen(a->text), MSG_NOSIGNAL);
            if (a->last)
                shutdown(to->fd, SHUT_WR);
        }
        free(a);
    }
    return p->first ? p->first->due_ns - now : -1;
}

static void listen_on(const char *text)
{
    struct port *p = &ports[port_count++];
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    unsigned port, delay_us;
    const char *file = strchr(strchr(text, ':') ? strchr(text, ':') + 1 : text, ':');
    int on = 1;
    if (sscanf(text, "%u:%u", &port, &delay_us) != 2)
        exit(2);
    a.sin_port = htons((uint16_t)port);
    p->delay_ns = delay_us * 1000LL;
    p->end = &p->first;
    p->tls = file ? SSL_CTX_new(TLS_server_method()) : NULL;
    if (file && (SSL_CTX_use_certificate_file(p->tls, file + 1, SSL_FILETYPE_PEM) != 1 ||
                 SSL_CTX_use_PrivateKey_file(p->tls, file + 1, SSL_FILETYPE_PEM) != 1))
        exit(1);
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(p->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(p->fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(p->fd, 4096) != 0) {
        perror(text);
        exit(1);
    }
    watch(p, p->fd);
}

int main(int argc, char **argv)
{
    struct rlimit files = {20000, 20000};
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    epoll = epoll_create1(0);
    for (int i = 1; i < argc && i <= PORTS; i++)
        listen_on(argv[i]);
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct epoll_event events[EVENTS];
        int64_t wait = -1;
        for (unsigned i = 0; i < port_count; i++) {
            int64_t left = give(&ports[i]);
            if (left >= 0 && (wait < 0 || left < wait))
                wait = left;
        }
        struct timespec t = {wait / 1000000000, wait % 1000000000};
        int n = epoll_pwait2(epoll, events, EVENTS, wait < 0 ? NULL : &t, NULL);
        for (int i = 0; i < n; i++) {
            struct peer *peer = events[i].data.ptr;
            if (peer->fd == peer->port->fd)
                take(peer->port);
            else
                hear(peer);
        }
    }
}
