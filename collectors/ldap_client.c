/*
 * The conversation itself, and what it counts of itself: operations when they are sent, messages
 * and octets as they arrive. See ldap_client.h.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include "../agent/clock.h"
#include "ldap_client.h"

/* The signal comes when the step, or all of it, has taken too long. */
static void set_deadline(const struct ldap_client *c)
{
    int64_t left_ms = c->q->timeout_ms - (clock_us(CLOCK_MONOTONIC) - c->began_us) / 1000;
    if (c->q->step_timeout_ms && left_ms > c->q->step_timeout_ms)
        left_ms = c->q->step_timeout_ms;
    if (left_ms < 1)
        left_ms = 1;
    struct itimerval t = {.it_value = {left_ms / 1000, left_ms % 1000 * 1000}};
    setitimer(ITIMER_REAL, &t, NULL);
}

void ldap_client_step(struct ldap_client *c, enum ldap_step step)
{
    int64_t now = clock_us(CLOCK_MONOTONIC);
    if (c->step_began_us && c->r->steps_us[c->r->step] == MODEL_ABSENT)
        c->r->steps_us[c->r->step] = (uint64_t)(now - c->step_began_us);
    c->r->step = step;
    c->step_began_us = now;
    set_deadline(c);
}

void ldap_client_step_done(struct ldap_client *c)
{
    c->r->steps_us[c->r->step] = (uint64_t)(clock_us(CLOCK_MONOTONIC) - c->step_began_us);
    c->step_began_us = 0;
}

bool ldap_client_fail(struct ldap_client *c, enum response_status status, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    c->r->status = status;
    TEXT_SET(c->r->error, slice_of(text));
    return false;
}

/* Nobody understood what was sent: the server has counted a connection and no operation. */
static void forget_requests(struct ldap_result *r)
{
    uint64_t connections = r->own[LDAP_CONNECTIONS];
    memset(r->own, 0, sizeof r->own);
    r->own[LDAP_CONNECTIONS] = connections;
}

bool ldap_client_lost(struct ldap_client *c, int code)
{
    c->lost = true;
    bool talks = c->octets > 0 && c->r->own[LDAP_PDUS] == 0; /* but not LDAP */
    if (c->r->own[LDAP_PDUS] == 0)
        forget_requests(c->r);
    if (code == LDAP_TIMEOUT)
        return ldap_client_fail(c, RESPONSE_TIMED_OUT, "%s: no answer",
                                ldap_step_names[c->r->step]);
    if (code == LDAP_DECODING_ERROR || talks)
        return ldap_client_fail(c, RESPONSE_PROTOCOL_ERROR, "%s: the answer is not LDAP",
                                ldap_step_names[c->r->step]);
    if (code == LDAP_SERVER_DOWN)
        return ldap_client_fail(c, RESPONSE_DOWN, "%s: the server closed the connection",
                                ldap_step_names[c->r->step]);
    return ldap_client_fail(c, RESPONSE_PROTOCOL_ERROR, "%s: %s", ldap_step_names[c->r->step],
                            ldap_err2string(code));
}

LDAPMessage *ldap_client_next(struct ldap_client *c, int id)
{
    LDAPMessage *m = NULL;
    memcpy(c->before, c->r->own, sizeof c->before);
    int type = ldap_result(c->ld, id, LDAP_MSG_ONE, NULL, &m);
    if (type <= 0) {
        int code = LDAP_TIMEOUT;
        if (type < 0)
            ldap_get_option(c->ld, LDAP_OPT_RESULT_CODE, &code);
        ldap_msgfree(m);
        ldap_client_lost(c, code);
        return NULL;
    }
    c->r->own[LDAP_PDUS]++;
    c->r->own[LDAP_BYTES_SENT] += c->octets - c->octets_counted;
    c->octets_counted = c->octets;
    c->r->own[LDAP_ENTRIES] += type == LDAP_RES_SEARCH_ENTRY;
    c->r->own[LDAP_REFERRALS] += type == LDAP_RES_SEARCH_REFERENCE;
    return m;
}

/* RFC 4511, 4.1.9 and appendix A.2 */
static enum response_status status_of(int code)
{
    static const struct {
        int code;
        enum response_status status;
    } known[] = {
        {LDAP_SUCCESS, RESPONSE_UP},
        {LDAP_SIZELIMIT_EXCEEDED, RESPONSE_UP},
        {LDAP_BUSY, RESPONSE_CONGESTED},
        {LDAP_UNAVAILABLE, RESPONSE_CONGESTED},
        {LDAP_TIMELIMIT_EXCEEDED, RESPONSE_TIMED_OUT},
        {LDAP_ADMINLIMIT_EXCEEDED, RESPONSE_CONGESTED},
        {LDAP_INVALID_CREDENTIALS, RESPONSE_AUTH_FAILED},
        {LDAP_INAPPROPRIATE_AUTH, RESPONSE_AUTH_FAILED},
        {LDAP_INSUFFICIENT_ACCESS, RESPONSE_AUTH_FAILED},
        {LDAP_AUTH_METHOD_NOT_SUPPORTED, RESPONSE_AUTH_FAILED},
        {LDAP_STRONG_AUTH_REQUIRED, RESPONSE_AUTH_FAILED},
        {LDAP_CONFIDENTIALITY_REQUIRED, RESPONSE_AUTH_FAILED},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].code == code)
            return known[i].status;
    return RESPONSE_PROTOCOL_ERROR;
}

bool ldap_client_outcome(struct ldap_client *c, LDAPMessage *m, const char *what)
{
    int code = LDAP_DECODING_ERROR;
    char *text = NULL, **referrals = NULL, reply[512];
    int parsed = ldap_parse_result(c->ld, m, &code, NULL, &text, &referrals, NULL, 1);
    if (parsed != LDAP_SUCCESS)
        return ldap_client_lost(c, parsed);
    c->r->own[LDAP_COMPLETED]++;
    c->code = code;
    if (code == LDAP_REFERRAL && referrals && referrals[0])
        snprintf(reply, sizeof reply, "%d %s to %s", code, ldap_err2string(code), referrals[0]);
    else
        snprintf(reply, sizeof reply, "%d %s%s%s", code, ldap_err2string(code),
                 text && *text ? ": " : "", text ? text : "");
    TEXT_SET(c->r->reply, slice_of(reply));
    ldap_memfree(text);
    ldap_memvfree((void **)referrals);
    enum response_status status = status_of(code);
    return status == RESPONSE_UP || ldap_client_fail(c, status, "%s: %s", what, reply);
}

/* Bind */

static bool login(struct ldap_client *c)
{
    struct berval password = {strlen(c->q->password), (char *)(uintptr_t)c->q->password};
    struct berval nothing = {0, (char *)(uintptr_t) ""};
    int id;
    if (!c->q->external && !c->q->bind_dn[0])
        return true; /* anonymous needs no bind */
    ldap_client_step(c, LDAP_STEP_LOGIN);
    int code = c->q->external ? ldap_sasl_bind(c->ld, "", "EXTERNAL", &nothing, NULL, NULL, &id)
                              : ldap_sasl_bind(c->ld, c->q->bind_dn, LDAP_SASL_SIMPLE, &password,
                                               NULL, NULL, &id);
    if (code != LDAP_SUCCESS)
        return ldap_client_lost(c, code);
    c->r->own[LDAP_INITIATED]++;
    c->r->own[LDAP_BIND]++;
    LDAPMessage *m = ldap_client_next(c, id);
    if (!m || !ldap_client_outcome(c, m, "bind"))
        return false;
    ldap_client_step_done(c);
    return true;
}

/* Search */

static void take_value(struct ldap_client *c, struct ldap_entry *e, const char *attribute,
                       const struct berval *value)
{
    struct slice text = {value->bv_val, value->bv_len};
    enum ldap_number n = ldap_facts_value(&c->r->facts, e, slice_of(attribute), text);
    if (n != LDAP_NUMBERS)
        c->r->included[n] = n == LDAP_OPEN ? 1 : c->before[n];
}

static void take_entry(struct ldap_client *c, LDAPMessage *m)
{
    BerElement *at = NULL;
    struct ldap_entry e;
    char *dn = ldap_get_dn(c->ld, m);
    if (!dn)
        return;
    ldap_facts_entry(&c->r->facts, slice_of(dn), &e);
    for (char *a = ldap_first_attribute(c->ld, m, &at); a; a = ldap_next_attribute(c->ld, m, at)) {
        struct berval **values = ldap_get_values_len(c->ld, m, a);
        for (int i = 0; values && values[i]; i++)
            take_value(c, &e, a, values[i]);
        ldap_value_free_len(values);
        ldap_memfree(a);
    }
    ber_free(at, 0);
    ldap_memfree(dn);
}

struct search {
    const char *base, *filter;
    int scope, limit;
    const char *const *attributes;
    bool facts; /* the entries go into the facts; else they are counted */
};

static void count_search(struct ldap_client *c, int scope)
{
    c->r->own[LDAP_INITIATED]++;
    c->r->own[LDAP_SEARCH]++;
    c->r->own[LDAP_ONE_LEVEL] += scope == LDAP_SCOPE_ONELEVEL;
    c->r->own[LDAP_SUBTREE] += scope == LDAP_SCOPE_SUBTREE;
}

static bool search(struct ldap_client *c, const struct search *s)
{
    int id;
    int code =
        ldap_search_ext(c->ld, s->base, s->scope, s->filter, (char **)(uintptr_t)s->attributes, 0,
                        NULL, NULL, NULL, s->limit, &id);
    if (code != LDAP_SUCCESS)
        return ldap_client_lost(c, code);
    count_search(c, s->scope);
    for (;;) {
        LDAPMessage *m = ldap_client_next(c, id);
        if (!m)
            return false;
        if (ldap_msgtype(m) == LDAP_RES_SEARCH_RESULT)
            return ldap_client_outcome(c, m, "search");
        if (ldap_msgtype(m) == LDAP_RES_SEARCH_ENTRY) {
            if (s->facts)
                take_entry(c, m);
            else
                c->r->entries++;
        }
        ldap_msgfree(m);
    }
}

/* The jobs */

static bool read_root(struct ldap_client *c)
{
    static const char *const attributes[] = {"objectClass",    "vendorName",     "vendorVersion",
                                             "monitorContext", "namingContexts", NULL};
    return search(c, &(struct search){.base = "",
                                      .filter = "(objectClass=*)",
                                      .scope = LDAP_SCOPE_BASE,
                                      .attributes = attributes,
                                      .facts = true});
}

/* Connections last and at most so many: a busy server has thousands. */
static bool read_openldap(struct ldap_client *c, const char *base)
{
    static const char *const numbers[] = {"monitorCounter",
                                          "monitorOpInitiated",
                                          "monitorOpCompleted",
                                          "monitoredInfo",
                                          "monitorTimestamp",
                                          "monitorIsShadow",
                                          "namingContexts",
                                          "olmDbDirectory",
                                          "olmMDBEntries",
                                          "olmMDBPagesMax",
                                          "olmMDBPagesUsed",
                                          "olmMDBPagesFree",
                                          "monitorConnectionLocalAddress",
                                          "olmSRLastConnect",
                                          "olmSRLastContact",
                                          "olmSRProviderURIList",
                                          "olmSRNextConnect",
                                          NULL};
    static const char *const sessions[] = {
        "monitorConnectionAuthzDN", "monitorConnectionPeerAddress", "monitorConnectionLocalAddress",
        "monitorConnectionStartTime", NULL};
    char connections[192];
    snprintf(connections, sizeof connections, "cn=Connections,%s", base);
    return search(c, &(struct search){.base = base,
                                      .filter = "(!(objectClass=monitorConnection))",
                                      .scope = LDAP_SCOPE_SUBTREE,
                                      .attributes = numbers,
                                      .facts = true}) &&
           search(c, &(struct search){.base = connections,
                                      .filter = "(objectClass=monitorConnection)",
                                      .scope = LDAP_SCOPE_ONELEVEL,
                                      .limit = LDAP_SESSIONS_MAX,
                                      .attributes = sessions,
                                      .facts = true});
}

static bool read_389(struct ldap_client *c, const char *base)
{
    return search(c, &(struct search){.base = base,
                                      .filter = "(objectClass=*)",
                                      .scope = LDAP_SCOPE_SUBTREE,
                                      .facts = true});
}

/* Is it an answer, and none of trouble, that the numbers may not be read? */
static bool denied(const struct ldap_client *c)
{
    return !c->lost &&
           (c->r->status == RESPONSE_PROTOCOL_ERROR || c->r->status == RESPONSE_AUTH_FAILED);
}

/* A server that answers but does not let us read its numbers is up. */
static bool monitor(struct ldap_client *c)
{
    struct ldap_facts *f = &c->r->facts;
    char base[128];
    if (!read_root(c))
        return denied(c);
    struct slice monitor_base = TEXT_GET(f->monitor_base);
    snprintf(base, sizeof base, "%.*s", (int)monitor_base.n, monitor_base.p ? monitor_base.p : "");
    bool read =
        *base && (f->server == LDAP_SERVER_389 ? read_389(c, base) : read_openldap(c, base));
    ldap_facts_end(f);
    c->r->monitor = read && f->numbers[LDAP_CONNECTIONS] != MODEL_ABSENT;
    return read || !*base || denied(c);
}

static bool probe(struct ldap_client *c)
{
    static const char *const attributes[] = {LDAP_NO_ATTRS, NULL};
    bool named = c->q->filter[0] != 0;
    if (!search(c, &(struct search){.base = c->q->base,
                                    .filter = named ? c->q->filter : "(objectClass=*)",
                                    .scope = named ? LDAP_SCOPE_SUBTREE : LDAP_SCOPE_BASE,
                                    .limit = 1,
                                    .attributes = attributes}))
        return false;
    return c->r->entries > 0 ||
           ldap_client_fail(c, RESPONSE_PROTOCOL_ERROR,
                            "search: nothing is found by %s below \"%s\"",
                            named ? c->q->filter : "(objectClass=*)", c->q->base);
}

static bool talk(struct ldap_client *c)
{
    if (!ldap_client_connect(c) || !ldap_client_tls(c) || !login(c))
        return false;
    ldap_client_step(c, LDAP_STEP_SEARCH);
    bool ok = c->q->job == LDAP_JOB_MONITOR ? monitor(c) : probe(c);
    if (ok)
        ldap_client_step_done(c);
    return ok;
}

/* Takes its leave where there still is somebody to hear it. */
static void leave(struct ldap_client *c, bool ok)
{
    if (!c->ld)
        return;
    if (ok)
        ldap_client_step(c, LDAP_STEP_QUIT);
    if (!c->lost) {
        c->r->own[LDAP_INITIATED]++;
        c->r->own[LDAP_COMPLETED]++;
        c->r->own[LDAP_UNBIND]++;
    }
    ldap_unbind_ext(c->ld, NULL, NULL);
    if (ok)
        ldap_client_step_done(c);
}

/* The steps alone: what libldap needs for itself is not the server's time. */
static uint64_t total_us(const struct ldap_client *c)
{
    uint64_t sum = c->step_began_us ? (uint64_t)(clock_us(CLOCK_MONOTONIC) - c->step_began_us) : 0;
    for (int i = 0; i < LDAP_STEPS; i++)
        if (c->r->steps_us[i] != MODEL_ABSENT)
            sum += c->r->steps_us[i];
    return sum;
}

static bool converse(struct ldap_client *c)
{
    bool ok = talk(c);
    leave(c, ok);
    if (c->fd >= 0)
        close(c->fd);
    return ok;
}

/* A bad certificate is only noted: the same again, with anybody. */
static bool converse_trusting(struct ldap_client *c)
{
    struct ldap_result *r = c->r;
    for (int i = 0; i < LDAP_STEPS; i++)
        r->steps_us[i] = MODEL_ABSENT;
    r->status = RESPONSE_UNKNOWN;
    r->error.length = TEXT_ABSENT;
    *c = (struct ldap_client){.q = c->q,
                              .r = r,
                              .url = c->url,
                              .fd = -1,
                              .code = -1,
                              .trusting = true,
                              .began_us = clock_us(CLOCK_MONOTONIC)};
    return converse(c);
}

void ldap_client_run(const struct ldap_request *q, struct ldap_result *r)
{
    struct ldap_client c = {.q = q, .r = r, .fd = -1, .code = -1};
    c.began_us = clock_us(CLOCK_MONOTONIC);
    if (ldap_url_parse(q->uri, &c.url) != LDAP_URL_SUCCESS) {
        ldap_client_fail(&c, RESPONSE_DOWN, "%s is not an LDAP URI", q->uri);
        return;
    }
    bool ok = converse(&c);
    if (!ok && !q->strict && r->status == RESPONSE_TLS_ERROR && r->cert_not_after_s)
        ok = converse_trusting(&c);
    ldap_free_urldesc(c.url);
    r->total_us = total_us(&c);
    if (ok)
        r->status = RESPONSE_UP;
}
