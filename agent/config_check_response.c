/*
 * What a schema cannot say of responses: what fits together, names used twice, files of passwords. Nothing
 * is changed here.
 */
#include <arpa/inet.h>
#include <string.h>
#include "config_schema.h"

static bool one_of(const char *word, const char *const *words)
{
    for (; word && *words; words++)
        if (strcmp(word, *words) == 0)
            return true;
    return false;
}

static void check_needed(const struct config_response *r, struct err_list *errors)
{
    if (!r->name)
        err_add(errors, r->at.file, r->at.line,
                "responses: what is it called? Write name = \"mx1 smtp\"");
    if (!r->protocol)
        err_add(errors, r->at.file, r->at.line,
                "responses: what is spoken? Write protocol = \"smtp\"");
    if (!r->host)
        err_add(errors, r->at.file, r->at.line,
                "responses: which server? Write host = \"mx1.example.com\"");
    else if (strlen(r->host) > 253)
        err_add(errors, r->at.file, r->at.line, "responses: the host's name is too long");
    if (one_of(r->protocol, (const char *const[]){"tcp", NULL}) && !r->port)
        err_add(errors, r->at.file, r->at.line,
                "responses: tcp has no port of its own: write port");
}

static void check_times(const struct config_response *r, struct err_list *errors)
{
    if (r->step_timeout_ms > r->timeout_ms)
        err_add(errors, r->at.file, r->at.line,
                "responses: step_timeout (%u ms) is longer than timeout (%u ms)",
                r->step_timeout_ms, r->timeout_ms);
    if (r->warn_after_ms > r->fail_after_ms)
        err_add(errors, r->at.file, r->at.line,
                "responses: warn_after (%u ms) is later than fail_after (%u ms)", r->warn_after_ms,
                r->fail_after_ms);
}

static void check_source(const struct config_response *r, struct err_list *errors)
{
    unsigned char address[16];
    if (r->source && inet_pton(AF_INET, r->source, address) != 1 &&
        inet_pton(AF_INET6, r->source, address) != 1)
        err_add(errors, r->at.file, r->at.line,
                "responses: source must be an address, such as \"192.0.2.7\", not \"%.100s\"",
                r->source);
}

/* Texts become words of a protocol: a line end in one would be another command. */
static void check_texts(const struct config_response *r, struct err_list *errors)
{
    const struct {
        const char *name, *text;
    } texts[] = {{"user", r->user},     {"mailbox", r->mailbox},     {"expect", r->expect},
                 {"sender", r->sender}, {"recipient", r->recipient}, {"path", r->path},
                 {"helo", r->helo},     {"base", r->base},           {"filter", r->filter}};
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++)
        for (const char *c = texts[i].text; c && *c; c++)
            if ((unsigned char)*c < ' ' || *c == 127) {
                err_add(errors, r->at.file, r->at.line,
                        "responses: %s must not hold control characters", texts[i].name);
                break;
            }
}

static void check_fit(const struct config_response *r, struct err_list *errors)
{
    static const char *const starttls[] = {"smtp", "submission",  "lmtp", "imap",
                                           "pop3", "managesieve", "ldap", NULL};
    static const char *const smtp[] = {"smtp", "submission", "smtps", "lmtp", NULL};
    static const char *const mute[] = {"tcp", NULL};
    static const char *const ldap[] = {"ldap", "ldaps", NULL};
    if (r->starttls && !one_of(r->protocol, starttls))
        err_add(errors, r->at.file, r->at.line, "responses: %s has no STARTTLS; leave starttls out",
                r->protocol ? r->protocol : "it");
    if ((r->sender || r->recipient) && !one_of(r->protocol, smtp))
        err_add(errors, r->at.file, r->at.line,
                "responses: sender and recipient are for smtp, submission, smtps and lmtp");
    if (r->recipient && !r->sender)
        err_add(errors, r->at.file, r->at.line,
                "responses: recipient needs a sender, such as sender = \"postmaster@example.com\"");
    if ((r->base || r->filter) && !one_of(r->protocol, ldap))
        err_add(errors, r->at.file, r->at.line,
                "responses: base and filter are for ldap and ldaps");
    if ((r->base && strlen(r->base) > 255) || (r->filter && strlen(r->filter) > 255))
        err_add(errors, r->at.file, r->at.line,
                "responses: base or filter is longer than 255 octets");
    if (r->filter && !r->base)
        err_add(errors, r->at.file, r->at.line,
                "responses: filter needs a base, such as base = \"dc=example,dc=com\"");
    if (r->tls_name && one_of(r->protocol, ldap))
        err_add(errors, r->at.file, r->at.line,
                "responses: ldap checks the certificate for host; leave tls_name out");
    if (r->expect && !one_of(r->protocol, mute))
        err_add(errors, r->at.file, r->at.line, "responses: expect is for tcp");
    if (r->user && one_of(r->protocol, mute))
        err_add(errors, r->at.file, r->at.line, "responses: tcp has no login");
    if (!r->user != !r->password_file)
        err_add(errors, r->at.file, r->at.line,
                "responses: user and password_file belong together; there is only %s",
                r->user ? "user" : "password_file");
}

static void check_password(const struct config_response *r, struct err_list *errors)
{
    char why[512];
    if (!config_password_good(r->password_file, why))
        err_add(errors, r->at.file, r->at.line, "responses: password_file: %s", why);
}

static bool loopback(const char *host)
{
    return host && (strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 ||
                    strcmp(host, "localhost") == 0);
}

static void warn(struct config *c, const struct config_response *r)
{
    static const char *const open[] = {"smtp",        "submission", "lmtp", "imap", "pop3",
                                       "managesieve", "http",       "ldap", NULL};
    if (r->user && !r->starttls && !loopback(r->host) && one_of(r->protocol, open))
        err_add(&c->warnings, r->at.file, r->at.line,
                "responses: the password goes over the network for all to read: starttls = true "
                "hides it");
}

void config_check_responses(struct config *c, struct err_list *errors)
{
    const struct config_response *r = c->responses.items;
    for (unsigned i = 0; i < c->responses.count; i++) {
        check_needed(&r[i], errors);
        check_times(&r[i], errors);
        check_source(&r[i], errors);
        check_texts(&r[i], errors);
        check_fit(&r[i], errors);
        check_password(&r[i], errors);
        warn(c, &r[i]);
        for (unsigned k = 0; k < i; k++)
            if (r[i].name && r[k].name && strcmp(r[i].name, r[k].name) == 0)
                err_add(errors, r[i].at.file, r[i].at.line,
                        "responses: a second entry with the name %s (the first is in line %u): "
                        "give it another name",
                        r[i].name, r[k].at.line);
    }
}
