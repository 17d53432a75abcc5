/*
 * One probe from the command line, by the same process and with the same result as those of the daemon.
 * The lines are those of Sun's immonitor-access.
 */
#include "clock.h"
#include "main_ask.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "../collectors/ldap_probe.h"
#include "../collectors/prober.h"
#include "../collectors/response.h"

#define STATUS_USAGE 64

static const char *const step_words[STEPS] = {"",
                                              "Resolve Time",
                                              "Connect Time",
                                              "TLS Time",
                                              "Greeting Time",
                                              "Helo Time",
                                              "Login Time",
                                              "Mail From Time",
                                              "Rcpt To Time",
                                              "Data Time",
                                              "Sending File Time",
                                              "Request Time",
                                              "Select Time",
                                              "Search Time",
                                              "Retrieve Time",
                                              "Delete Time",
                                              "Quit Time"};

static const char *const status_words[] = {
    "",          "unknown",        "up",           "slow",     "down", "refused", "timed out",
    "TLS error", "protocol error", "login failed", "congested"};

struct asking {
    bool done;
    struct probe_result result;
};

static void on_result(void *arg, const struct probe_result *result)
{
    struct asking *a = arg;
    a->result = *result;
    a->done = true;
}

/* HOST, HOST:PORT, [ADDRESS] or [ADDRESS]:PORT */
static bool take_host(struct slice s, struct config_response *r)
{
    struct slice host = s;
    uint64_t port = 0;
    if (slice_take(&s, SLICE("["))) {
        host = slice_head(s, slice_find(s, ']'));
        s = slice_skip(s, host.n + 1);
    } else {
        host = slice_head(s, slice_find(s, ':'));
        s = slice_skip(s, host.n);
    }
    if (slice_take(&s, SLICE(":")) && (!slice_number(&s, &port) || port == 0 || port > 65535))
        return false;
    r->host = strndup(host.p, host.n);
    r->port = (uint32_t)port;
    return s.n == 0 && host.n > 0;
}

/* ldap://HOST/BASE??sub?FILTER (RFC 4516) */
static void take_search(struct slice s, struct config_response *r)
{
    struct slice base = slice_head(s, slice_find(s, '?'));
    if (base.n)
        r->base = strndup(base.p, base.n);
    for (int i = 0; i < 3; i++)
        s = slice_skip(s, slice_find(s, '?') + 1);
    if (s.n && base.n)
        r->filter = strndup(s.p, s.n);
}

/* A URL as a configured service; false: it is none. */
static bool take_url(const char *url, struct config_response *r)
{
    struct slice s = slice_of(url);
    size_t at = slice_search(s, SLICE("://"));
    struct slice scheme = slice_head(s, at), rest = slice_skip(s, at + 3);
    struct slice protocol = slice_head(scheme, slice_find(scheme, '+'));
    *r = (struct config_response){.timeout_ms = 30000,
                                  .step_timeout_ms = 10000,
                                  .warn_after_ms = 5000,
                                  .fail_after_ms = 10000};
    r->starttls = slice_eq(slice_skip(scheme, protocol.n), SLICE("+starttls"));
    if (protocol.n != scheme.n && !r->starttls)
        return false;
    r->protocol = strndup(protocol.p, protocol.n);
    if (!r->protocol)
        return false;
    struct slice host = slice_head(rest, slice_find(rest, '/'));
    if (rest.n > host.n + 1 && ldap_probe_is(response_protocol_named(r->protocol)))
        take_search(slice_skip(rest, host.n + 1), r);
    else if (rest.n > host.n + 1)
        r->path = strndup(rest.p + host.n, rest.n - host.n);
    return response_protocol_named(r->protocol) && take_host(host, r);
}

static const struct config_response *named(const struct config *c, const char *name)
{
    const struct config_response *r = c->responses.items;
    for (unsigned i = 0; i < c->responses.count; i++)
        if (strcmp(r[i].name, name) == 0)
            return &r[i];
    return NULL;
}

static void print_certificate(const struct probe_result *p)
{
    time_t t = (time_t)p->cert_not_after_s;
    struct tm day;
    char text[32] = "";
    if (p->cert_not_after_s == INT64_MIN || !gmtime_r(&t, &day))
        return;
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &day);
    printf("Certificate: until %s UTC%s%s\n", text, p->cert_error[0] ? "; " : "", p->cert_error);
}

static void print(const struct config_response *r, const struct probe_request *q,
                  const struct probe_result *p, enum response_status status)
{
    printf("%c%s Statistics for: %s:%u\n", toupper((unsigned char)r->protocol[0]), r->protocol + 1,
           r->host, q->port);
    for (unsigned i = 1; i < STEPS; i++)
        if (p->steps_us[i] != PROBE_NO_TIME)
            printf("%s: %.3f ms\n", step_words[i], p->steps_us[i] / 1000.0);
    printf("Total Time: %.3f ms\n", (double)p->total_us / 1000);
    if (p->messages != DIALOG_UNKNOWN)
        printf("Messages: %llu\n", (unsigned long long)p->messages);
    print_certificate(p);
    printf("Status: %s\nReply: %s\n", status_words[status], p->reply);
}

static int ask(const struct config_response *r)
{
    char password[256], error[320];
    struct collect c = {.loop = uv_default_loop(), .monotonic_ms = clock_ms(CLOCK_MONOTONIC)};
    struct probe_request request;
    struct asking a = {0};
    if (r->user &&
        !response_password(r->password_file, password, sizeof password, error, sizeof error)) {
        fprintf(stderr, "mailmond: %s\n", error);
        return 2;
    }
    response_request(r, r->user ? password : NULL, &request);
    const char *fault = ldap_probe_is(request.protocol) ? NULL : probe_unfit(&request);
    if (fault) {
        fprintf(stderr, "mailmond: --probe: %s\n", fault);
        return STATUS_USAGE;
    }
    if (!prober_ask(&c, &request, on_result, &a))
        return 2;
    while (!a.done)
        uv_run(c.loop, UV_RUN_ONCE);
    c.stopping = true;
    prober_stop();
    enum response_status status = response_judge(r, &a.result);
    print(r, &request, &a.result, status);
    explicit_bzero(password, sizeof password);
    return status == RESPONSE_UP ? 0 : status == RESPONSE_SLOW ? 1 : 2;
}

int ask_once(const struct config *c, const char *what)
{
    struct config_response url;
    const struct config_response *r = named(c, what);
    if (!r && strstr(what, "://") && take_url(what, &url))
        r = &url;
    if (r)
        return ask(r);
    fprintf(
        stderr,
        "mailmond: --probe %s: no response of this name is configured, and it is no URL such as "
        "smtp://mx1.example.com:25 or imap+starttls://mail.example.com\n",
        what);
    return STATUS_USAGE;
}
