/*
 * From a URI to a connection: names, addresses, sockets, TLS, what the certificate says. The sockets
 * are our own and then given to libldap, so that resolving, connecting and TLS are timed apart and a
 * host's second address is tried when its first is dead.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <openldap.h>
#include "../agent/clock.h"
#include "ldap_client.h"

#define MESSAGE_MAX (8u << 20) /* octets of one message; an entry of cn=Monitor has hundreds */

static enum response_status status_of(int error)
{
    return error == ECONNREFUSED                   ? RESPONSE_REFUSED
           : error == ETIMEDOUT || error == EAGAIN ? RESPONSE_TIMED_OUT
           : error == EACCES || error == EPERM     ? RESPONSE_AUTH_FAILED
                                                   : RESPONSE_DOWN;
}

/* Waits until a connection is made; 0 or an errno. */
static int wait_connected(int fd, int64_t wait_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int error = 0, n;
    socklen_t size = sizeof error;
    do
        n = poll(&p, 1, (int)wait_ms);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        return ETIMEDOUT;
    if (n < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        return errno;
    return error;
}

static bool bind_source(struct ldap_client *c, int fd, int family)
{
    struct sockaddr_storage a = {.ss_family = (sa_family_t)family};
    struct sockaddr_in *four = (struct sockaddr_in *)&a;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&a;
    if (!c->q->source[0])
        return true;
    void *to = family == AF_INET ? (void *)&four->sin_addr : (void *)&six->sin6_addr;
    return inet_pton(family, c->q->source, to) == 1 &&
           bind(fd, (struct sockaddr *)&a, family == AF_INET ? sizeof *four : sizeof *six) == 0;
}

/* 0 or an errno; on success c->fd is connected and blocks. */
static int try_address(struct ldap_client *c, const struct addrinfo *a, int64_t wait_ms)
{
    int one = 1, error = 0;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (!bind_source(c, fd, a->ai_family))
        error = EADDRNOTAVAIL;
    else if (connect(fd, a->ai_addr, a->ai_addrlen) < 0)
        error = errno == EINPROGRESS ? wait_connected(fd, wait_ms) : errno;
    if (!error && fcntl(fd, F_SETFL, 0) < 0)
        error = errno;
    if (error)
        close(fd);
    else
        c->fd = fd;
    return error;
}

/* Each address gets its share of the time that is left. */
static bool connect_any(struct ldap_client *c, const struct addrinfo *list)
{
    int64_t left_ms = c->q->timeout_ms - (clock_us(CLOCK_MONOTONIC) - c->began_us) / 1000;
    int64_t count = 0;
    int error = EHOSTUNREACH;
    for (const struct addrinfo *a = list; a; a = a->ai_next)
        count++;
    ldap_client_step(c, LDAP_STEP_CONNECT);
    for (const struct addrinfo *a = list; a; a = a->ai_next) {
        error = try_address(c, a, count > 1 ? left_ms / count : left_ms);
        if (!error)
            return true;
    }
    return ldap_client_fail(c, status_of(error), "connect: %s", strerror(error));
}

static bool connect_tcp(struct ldap_client *c)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    char port[16];
    hints.ai_family = c->q->family == 4 ? AF_INET : c->q->family == 6 ? AF_INET6 : AF_UNSPEC;
    snprintf(port, sizeof port, "%d", c->url->lud_port);
    ldap_client_step(c, LDAP_STEP_RESOLVE);
    int error = getaddrinfo(c->url->lud_host, port, &hints, &list);
    if (error)
        return ldap_client_fail(c, error == EAI_AGAIN ? RESPONSE_TIMED_OUT : RESPONSE_DOWN,
                                "%s: %s", c->url->lud_host, gai_strerror(error));
    bool ok = connect_any(c, list);
    freeaddrinfo(list);
    return ok;
}

/* ldapi:/// is wherever the server's makers put it. */
static const char *usual_socket(void)
{
    static const char *const paths[] = {"/run/slapd/ldapi", "/run/ldapi", "/run/openldap/ldapi",
                                        "/usr/local/var/run/ldapi"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        if (access(paths[i], F_OK) == 0)
            return paths[i];
    return paths[0];
}

static bool connect_local(struct ldap_client *c)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    const char *path = c->url->lud_host && *c->url->lud_host ? c->url->lud_host : usual_socket();
    ldap_client_step(c, LDAP_STEP_CONNECT);
    if (strlen(path) >= sizeof a.sun_path)
        return ldap_client_fail(c, RESPONSE_DOWN, "%s: too long for a socket", path);
    strcpy(a.sun_path, path);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof a) < 0)
        return ldap_client_fail(c, status_of(errno), "%s: %s", path, strerror(errno));
    return true;
}

/* A layer below libldap's messages and above TLS, which counts what comes in. */

static int count_setup(Sockbuf_IO_Desc *d, void *arg)
{
    d->sbiod_pvt = arg;
    return 0;
}

static ber_slen_t count_read(Sockbuf_IO_Desc *d, void *buffer, ber_len_t size)
{
    struct ldap_client *c = d->sbiod_pvt;
    ber_slen_t n = LBER_SBIOD_READ_NEXT(d, buffer, size);
    if (n > 0)
        c->octets += (uint64_t)n;
    return n;
}

static ber_slen_t count_write(Sockbuf_IO_Desc *d, void *buffer, ber_len_t size)
{
    return LBER_SBIOD_WRITE_NEXT(d, buffer, size);
}

static int count_control(Sockbuf_IO_Desc *d, int option, void *arg)
{
    return LBER_SBIOD_CTRL_NEXT(d, option, arg);
}

static Sockbuf_IO count_io = {.sbi_setup = count_setup,
                              .sbi_ctrl = count_control,
                              .sbi_read = count_read,
                              .sbi_write = count_write};

static bool hand_over(struct ldap_client *c)
{
    int local = strcmp(c->url->lud_scheme, "ldapi") == 0, version = LDAP_VERSION3;
    Sockbuf *sb = NULL;
    ber_len_t most = MESSAGE_MAX;
    int code = ldap_init_fd(c->fd, local ? LDAP_PROTO_IPC : LDAP_PROTO_TCP, c->q->uri, &c->ld);
    if (code != LDAP_SUCCESS)
        return ldap_client_fail(c, RESPONSE_DOWN, "libldap: %s", ldap_err2string(code));
    c->fd = -1;
    ldap_set_option(c->ld, LDAP_OPT_PROTOCOL_VERSION, &version);
    ldap_set_option(c->ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
    ldap_set_option(c->ld, LDAP_OPT_RESTART, LDAP_OPT_ON);
    if (ldap_get_option(c->ld, LDAP_OPT_SOCKBUF, &sb) == LDAP_OPT_SUCCESS && sb)
        ber_sockbuf_add_io(sb, &count_io, LBER_SBIOD_LEVEL_APPLICATION, c);
    if (sb)
        ber_sockbuf_ctrl(sb, LBER_SB_OPT_SET_MAX_INCOMING, &most);
    c->r->own[LDAP_CONNECTIONS]++;
    return true;
}

static bool same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    const struct sockaddr_in *four[2] = {(const void *)a, (const void *)b};
    const struct sockaddr_in6 *six[2] = {(const void *)a, (const void *)b};
    if (a->ss_family == AF_INET)
        return four[0]->sin_addr.s_addr == four[1]->sin_addr.s_addr;
    return a->ss_family == AF_UNIX ||
           memcmp(&six[0]->sin6_addr, &six[1]->sin6_addr, sizeof six[0]->sin6_addr) == 0;
}

/* Our port, by which the server's list of connections is told which is ours; and whether the server is
 * on this host: both ends then have one address. */
static void note_ends(struct ldap_client *c)
{
    struct sockaddr_storage ours, theirs;
    socklen_t size = sizeof ours, their_size = sizeof theirs;
    if (getsockname(c->fd, (struct sockaddr *)&ours, &size) < 0 ||
        getpeername(c->fd, (struct sockaddr *)&theirs, &their_size) < 0)
        return;
    if (ours.ss_family == AF_INET)
        c->r->local_port = ntohs(((struct sockaddr_in *)&ours)->sin_port);
    if (ours.ss_family == AF_INET6)
        c->r->local_port = ntohs(((struct sockaddr_in6 *)&ours)->sin6_port);
    c->r->local = same_address(&ours, &theirs);
}

bool ldap_client_connect(struct ldap_client *c)
{
    bool local = strcmp(c->url->lud_scheme, "ldapi") == 0;
    if (!(local ? connect_local(c) : connect_tcp(c)))
        return false;
    ldap_client_step_done(c);
    note_ends(c);
    return hand_over(c);
}

/* TLS */

/* The server's certificate, once there is TLS; NULL: none to be had. The caller frees it. */
static X509 *certificate(const struct ldap_client *c)
{
    struct berval der = {0, NULL};
    if (ldap_get_option(c->ld, LDAP_OPT_X_TLS_PEERCERT, &der) != LDAP_OPT_SUCCESS || !der.bv_val)
        return NULL;
    const unsigned char *p = (const unsigned char *)der.bv_val;
    X509 *x = d2i_X509(NULL, &p, (long)der.bv_len);
    ldap_memfree(der.bv_val);
    return x;
}

static void note_end(struct ldap_result *r, const X509 *x)
{
    struct tm tm;
    if (x && ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) == 1)
        r->cert_not_after_s = timegm(&tm);
}

static bool names_host(X509 *x, const char *host)
{
    return X509_check_host(x, host, 0, 0, NULL) == 1 || X509_check_ip_asc(x, host, 0) == 1;
}

/* Why libldap did not trust it; libldap itself often says "(unknown error code)". */
static const char *certificate_fault(X509 *x, const char *host)
{
    return X509_cmp_current_time(X509_get0_notAfter(x)) < 0    ? "the certificate has expired"
           : X509_cmp_current_time(X509_get0_notBefore(x)) > 0 ? "the certificate is not valid yet"
           : !names_host(x, host) ? "the certificate is for another host"
                                  : "the certificate is not signed by a known authority";
}

static void set_trust(struct ldap_client *c, int require)
{
    int client = 0;
    ldap_set_option(c->ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &require);
    if (c->q->ca_file[0])
        ldap_set_option(c->ld, LDAP_OPT_X_TLS_CACERTFILE, c->q->ca_file);
    ldap_set_option(c->ld, LDAP_OPT_X_TLS_NEWCTX, &client);
}

static bool send_starttls(struct ldap_client *c)
{
    int id;
    int code = ldap_start_tls(c->ld, NULL, NULL, &id);
    if (code != LDAP_SUCCESS)
        return ldap_client_lost(c, code);
    c->r->own[LDAP_INITIATED]++;
    c->r->own[LDAP_EXTENDED]++;
    LDAPMessage *m = ldap_client_next(c, id);
    return m && ldap_client_outcome(c, m, "StartTLS");
}

static bool start_tls(struct ldap_client *c, int require, char error[256])
{
    set_trust(c, require);
    int code = ldap_install_tls(c->ld);
    char *text = NULL;
    if (code == LDAP_SUCCESS)
        return true;
    ldap_get_option(c->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &text);
    snprintf(error, 256, "%s", text && *text ? text : ldap_err2string(code));
    ldap_memfree(text);
    return false;
}

/*
 * A second conversation that trusts anybody and says nothing, to see the certificate that the first
 * did not trust. What is wrong with it goes into `error`.
 */
static void look_at_certificate(const struct ldap_client *failed, char error[256])
{
    struct ldap_result apart;
    struct ldap_client c = *failed;
    char ignored[256];
    X509 *x = NULL;
    ldap_result_init(&apart, LDAP_JOB_PROBE);
    c.r = &apart;
    c.ld = NULL;
    c.lost = false;
    c.octets = c.octets_counted = 0;
    if (ldap_client_connect(&c) && (!c.q->starttls || send_starttls(&c)) &&
        start_tls(&c, LDAP_OPT_X_TLS_NEVER, ignored) && (x = certificate(&c))) {
        note_end(failed->r, x);
        snprintf(error, 256, "%s", certificate_fault(x, c.url->lud_host));
    }
    X509_free(x);
    if (c.ld)
        ldap_unbind_ext(c.ld, NULL, NULL);
    unsigned leaves = x ? 1 : 0; /* of the first one the server heard no more */
    apart.own[LDAP_UNBIND] += leaves;
    apart.own[LDAP_INITIATED] += leaves;
    apart.own[LDAP_COMPLETED] += leaves;
    for (int i = 0; i < LDAP_NUMBERS; i++)
        failed->r->own[i] += apart.own[i];
}

/* No TLS: why, by a look at the certificate, whose time is not the server's. */
static bool refuse(struct ldap_client *c, char error[256])
{
    int64_t step_began_us = c->step_began_us, began_us = clock_us(CLOCK_MONOTONIC);
    c->lost = true;
    look_at_certificate(c, error);
    c->step_began_us = step_began_us + (clock_us(CLOCK_MONOTONIC) - began_us);
    TEXT_SET(c->r->cert_error, slice_of(error));
    return ldap_client_fail(c, RESPONSE_TLS_ERROR, "TLS: %s", error);
}

bool ldap_client_tls(struct ldap_client *c)
{
    char error[256] = "";
    bool wanted = c->q->starttls || strcmp(c->url->lud_scheme, "ldaps") == 0;
    if (!wanted)
        return true;
    ldap_client_step(c, LDAP_STEP_TLS);
    if (c->q->starttls && !send_starttls(c)) {
        if (!c->lost && c->r->status == RESPONSE_PROTOCOL_ERROR)
            c->r->status = RESPONSE_TLS_ERROR; /* it does not know StartTLS */
        return false;
    }
    if (!start_tls(c, c->trusting ? LDAP_OPT_X_TLS_NEVER : LDAP_OPT_X_TLS_DEMAND, error))
        return refuse(c, error);
    ldap_client_step_done(c);
    X509 *x = certificate(c);
    note_end(c->r, x);
    X509_free(x);
    return true;
}
