/* See ldap_probe.h. Only translates; ldap_run.c does it. */
#include <stdio.h>
#include <stdlib.h>
#include "../agent/secret.h"
#include "ldap_probe.h"

struct asked {
    void (*done)(void *arg, const struct probe_result *result);
    void *arg;
    char appl[64];
};

static void (*tell_own)(const char *appl, const uint64_t own[LDAP_NUMBERS]);

void ldap_probe_counted(void (*counted)(const char *appl, const uint64_t own[LDAP_NUMBERS]))
{
    tell_own = counted;
}

static void copy(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
}

static void request(const struct probe_request *r, struct ldap_request *q)
{
    bool six = strchr(r->host, ':') != NULL;
    ldap_request_init(q, LDAP_JOB_PROBE);
    snprintf(q->uri, sizeof q->uri, "%s://%s%.400s%s:%u",
             r->protocol == PROTOCOL_LDAPS ? "ldaps" : "ldap", six ? "[" : "", r->host,
             six ? "]" : "", (unsigned)r->port);
    q->timeout_ms = r->timeout_ms ? r->timeout_ms : 30000;
    q->step_timeout_ms = r->step_timeout_ms ? r->step_timeout_ms : 10000;
    q->starttls = r->want.starttls;
    q->strict = r->strict;
    q->family = r->family == PROBE_IPV4 ? 4 : r->family == PROBE_IPV6 ? 6 : 0;
    copy(q->bind_dn, sizeof q->bind_dn, r->want.user);
    copy(q->password, sizeof q->password, r->want.password);
    copy(q->ca_file, sizeof q->ca_file, r->ca_file);
    copy(q->source, sizeof q->source, r->source);
    copy(q->base, sizeof q->base, r->base);
    copy(q->filter, sizeof q->filter, r->filter);
}

static void clear(struct probe_result *p)
{
    memset(p, 0, sizeof *p);
    for (unsigned i = 0; i < STEPS; i++)
        p->steps_us[i] = PROBE_NO_TIME;
    p->messages = p->unseen = DIALOG_UNKNOWN;
    p->cert_not_after_s = INT64_MIN;
    p->status = RESPONSE_UNKNOWN;
}

static void translate(const struct ldap_result *r, struct probe_result *p)
{
    static const enum dialog_step steps[LDAP_STEPS] = {
        [LDAP_STEP_RESOLVE] = STEP_RESOLVE, [LDAP_STEP_CONNECT] = STEP_CONNECT,
        [LDAP_STEP_TLS] = STEP_TLS,         [LDAP_STEP_LOGIN] = STEP_LOGIN,
        [LDAP_STEP_SEARCH] = STEP_SEARCH,   [LDAP_STEP_QUIT] = STEP_QUIT};
    struct slice text = TEXT_GET(r->error), fault = TEXT_GET(r->cert_error);
    if (!text.p)
        text = TEXT_GET(r->reply);
    p->status = (enum response_status)r->status;
    p->step = steps[r->step];
    for (int i = 0; i < LDAP_STEPS; i++)
        if (r->steps_us[i] != MODEL_ABSENT)
            p->steps_us[steps[i]] =
                (uint32_t)(r->steps_us[i] < PROBE_NO_TIME ? r->steps_us[i] : PROBE_NO_TIME - 1);
    p->total_us = r->total_us;
    p->found = (uint32_t)(r->entries < UINT32_MAX ? r->entries : UINT32_MAX);
    if (r->cert_not_after_s)
        p->cert_not_after_s = r->cert_not_after_s;
    snprintf(p->cert_error, sizeof p->cert_error, "%.*s", (int)fault.n, fault.p ? fault.p : "");
    snprintf(p->reply, sizeof p->reply, "%.*s", (int)text.n, text.p ? text.p : "");
}

static void on_result(void *arg, const struct ldap_result *r, const char *error)
{
    struct asked *a = arg;
    struct probe_result p;
    clear(&p);
    if (r)
        translate(r, &p);
    else
        snprintf(p.reply, sizeof p.reply, "%s", error);
    if (r && tell_own && a->appl[0])
        tell_own(a->appl, r->own);
    a->done(a->arg, &p);
    free(a);
}

bool ldap_probe_ask(struct collect *c, const struct probe_request *r,
                    void (*done)(void *arg, const struct probe_result *result), void *arg)
{
    struct ldap_request q;
    struct asked *a = malloc(sizeof *a);
    if (!a)
        return false;
    a->done = done;
    a->arg = arg;
    copy(a->appl, sizeof a->appl, r->appl);
    request(r, &q);
    bool ok = ldap_run(c, a->appl, &q, on_result, a);
    secret_wipe(&q, sizeof q);
    if (!ok)
        free(a);
    return ok;
}
