/*
 * From the configuration of a service to a request, and from a result to a status.
 */
#include "response.h"
#include "../agent/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

bool response_password(const char *file, char *password, size_t size, char *error,
                       size_t error_size)
{
    char why[512];
    if (secret_read(file, password, size, why))
        return true;
    snprintf(error, error_size, "%s", why);
    return false;
}

enum response_protocol response_protocol_named(const char *name)
{
    if (strcmp(name, "ldap") == 0)
        return PROTOCOL_LDAP;
    return strcmp(name, "ldaps") == 0 ? PROTOCOL_LDAPS : dialog_protocol_named(slice_of(name));
}

uint16_t response_port(enum response_protocol p)
{
    return p == PROTOCOL_LDAP ? 389 : p == PROTOCOL_LDAPS ? 636 : dialog_port(p);
}

/* This host's name for EHLO, once. */
static const char *own_name(void)
{
    static char name[256];
    if (!*name && (gethostname(name, sizeof name - 1) != 0 || !*name))
        snprintf(name, sizeof name, "mailmond");
    return name;
}

static enum probe_family family(const char *word)
{
    if (word && strcmp(word, "ipv4") == 0)
        return PROBE_IPV4;
    return word && strcmp(word, "ipv6") == 0 ? PROBE_IPV6 : PROBE_ANY;
}

void response_request(const struct config_response *r, const char *password,
                      struct probe_request *request)
{
    enum response_protocol p = response_protocol_named(r->protocol);
    bool imap = p == PROTOCOL_IMAP || p == PROTOCOL_IMAPS;
    *request = (struct probe_request){
        .protocol = p,
        .family = family(r->address_family),
        .port = r->port ? (uint16_t)r->port : response_port(p),
        .strict = r->tls_verify,
        .timeout_ms = r->timeout_ms,
        .step_timeout_ms = r->step_timeout_ms,
        .host = r->host,
        .source = r->source,
        /* Dovecot takes a login in the clear only if both ends have one address. */
        .marked = !password || r->starttls || dialog_implicit_tls(p),
        .ca_file = r->ca_file,
        .tls_name = r->tls_name,
        .base = r->base,
        .filter = r->filter,
        .appl = r->appl,
        .want = {.helo = r->helo ? r->helo : own_name(),
                 .expect = r->expect,
                 .user = password ? r->user : NULL,
                 .password = password,
                 .mailbox = imap && password ? r->mailbox : NULL,
                 .sender = r->sender && strcmp(r->sender, "<>") == 0 ? "" : r->sender,
                 .recipient = r->recipient,
                 .path = r->path,
                 .starttls = r->starttls},
    };
}

enum response_status response_judge(const struct config_response *r,
                                    const struct probe_result *result)
{
    if (result->status != RESPONSE_UP)
        return result->status;
    if (result->total_us > (uint64_t)r->fail_after_ms * 1000)
        return RESPONSE_TIMED_OUT;
    return result->total_us > (uint64_t)r->warn_after_ms * 1000 ? RESPONSE_SLOW : RESPONSE_UP;
}
