/*
 * The settings of directory servers, and what must be right about them beyond their types.
 */
#include <stdlib.h>
#include <string.h>
#include "config_schema.h"

#define DIRECTORY(member) offsetof(struct config_directory, member)

const struct setting config_directory_settings[] = {
    {.name = "name",
     .kind = SETTING_TEXT,
     .high = CONFIG_NAME_OCTETS,
     .offset = DIRECTORY(name),
     .example = "\"slapd\"",
     .help = "Name of the server, in applTable; left out: slapd."},
    {.name = "uri",
     .kind = SETTING_TEXT,
     .offset = DIRECTORY(uri),
     .text = "ldapi:///",
     .example = "\"ldaps://ldap.example.com\"",
     .help = "Where it listens: \"ldapi:///\", \"ldapi://%2Frun%2Fslapd%2Fldapi\", "
             "\"ldap://HOST:PORT\" or \"ldaps://HOST:PORT\"."},
    {.name = "bind_dn",
     .kind = SETTING_TEXT,
     .offset = DIRECTORY(bind_dn),
     .example = "\"cn=monitor,dc=example,dc=com\"",
     .help = "Who asks, with password_file. Left out: by ldapi:// the account of mailmond (SASL "
             "EXTERNAL), else nobody."},
    {.name = "password_file",
     .kind = SETTING_PATH,
     .offset = DIRECTORY(password_file),
     .example = "\"/etc/mailmond/ldap.password\"",
     .help = "File with the password of bind_dn in its first line, readable for root alone."},
    {.name = "starttls",
     .kind = SETTING_BOOL,
     .offset = DIRECTORY(starttls),
     .example = "true",
     .help = "Encrypt what goes over ldap://."},
    {.name = "ca_file",
     .kind = SETTING_PATH,
     .offset = DIRECTORY(ca_file),
     .example = "\"/etc/ssl/certs/ca-certificates.crt\"",
     .help = "Certificates of the authorities that are trusted; left out: as ldap.conf(5) says."},
    {.name = "interval",
     .kind = SETTING_DURATION_S,
     .offset = DIRECTORY(interval_s),
     .low = 1,
     .high = 86400,
     .number = 60,
     .example = "\"60 s\"",
     .help = "How often it is asked."},
    {.name = "timeout",
     .kind = SETTING_DURATION_MS,
     .offset = DIRECTORY(timeout_ms),
     .low = 100,
     .high = 600000,
     .number = 10000,
     .example = "\"10 s\"",
     .help = "How long it may take to answer. A plain number is in milliseconds."},
    {.name = "sessions",
     .kind = SETTING_BOOL,
     .offset = DIRECTORY(sessions),
     .number = 1,
     .example = "true",
     .help = "Show who is connected, in assocTable and mailmonSessionTable."},
    {.name = NULL},
};

void config_add_directory(struct config *c, const char *name, const char *uri)
{
    struct config_directory *list =
        realloc(c->directories.items, (c->directories.count + 1) * sizeof *list);
    if (!list)
        abort();
    struct config_directory *d = &list[c->directories.count++];
    memset(d, 0, sizeof *d);
    config_defaults(config_directory_settings, d);
    free(d->uri);
    d->name = config_copy(name);
    d->uri = config_copy(uri);
    c->directories.items = list;
}

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static bool is_local(const struct config_directory *d)
{
    static const char *const local[] = {"ldapi:", "ldap://127.", "ldap://localhost",
                                        "ldap://[::1]"};
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++)
        if (starts(d->uri, local[i]))
            return true;
    return false;
}

/* "ldap://HOST", "ldap://HOST:PORT", "ldap://[ADDRESS]:PORT", "ldapi://%2Fpath"; a slash may end it. */
static bool is_uri(const char *uri)
{
    struct slice s = slice_of(uri);
    bool local = slice_take(&s, SLICE("ldapi://"));
    if (!local && !slice_take(&s, SLICE("ldap://")) && !slice_take(&s, SLICE("ldaps://")))
        return false;
    if (slice_ends(s, SLICE("/")))
        s.n--;
    if (slice_find(s, '/') < s.n || slice_find(s, ' ') < s.n || slice_find(s, '?') < s.n)
        return false;
    return local ? s.n == 0 || slice_starts(s, SLICE("%2F")) || slice_starts(s, SLICE("%2f"))
                 : s.n > 0 && s.n < 400 && *s.p != ':';
}

static void check_access(struct config *c, const struct config_directory *d,
                         struct err_list *errors)
{
    const char *file = d->at.file;
    char why[512];
    if (d->bind_dn && strlen(d->bind_dn) > 255)
        err_add(errors, file, d->at.line, "bind_dn is longer than 255 octets");
    if (d->bind_dn && !d->password_file)
        err_add(errors, file, d->at.line,
                "bind_dn needs a password_file = \"/etc/mailmond/...\"; leave it out for %s",
                starts(d->uri, "ldapi:") ? "SASL EXTERNAL" : "an anonymous look");
    if (d->password_file && !d->bind_dn)
        err_add(errors, file, d->at.line,
                "password_file: whose password? Write such as bind_dn = "
                "\"cn=monitor,dc=example,dc=com\"");
    if (!config_password_good(d->password_file, why))
        err_add(errors, file, d->at.line, "password_file: %s", why);
    if (d->password_file && starts(d->uri, "ldap:") && !d->starttls && !is_local(d))
        err_add(&c->warnings, file, d->at.line,
                "the password goes over the network as it is: write starttls = true or an "
                "ldaps:// uri");
}

void config_check_directories(struct config *c, struct err_list *errors)
{
    struct config_directory *list = c->directories.items;
    for (unsigned i = 0; i < c->directories.count; i++) {
        struct config_directory *d = &list[i];
        if (!d->name)
            d->name = config_copy("slapd");
        for (unsigned k = 0; k < i; k++)
            if (strcmp(list[k].name, d->name) == 0)
                err_add(errors, d->at.file, d->at.line,
                        "a second directory with the name %s (the first is in line %u): give each "
                        "a name of its own",
                        d->name, list[k].at.line);
        for (unsigned k = 0; k < c->mta_count; k++)
            if (c->mtas[k].name && strcmp(c->mtas[k].name, d->name) == 0)
                err_add(errors, d->at.file, d->at.line,
                        "%s is the name of a mail system: give the directory one of its own",
                        d->name);
        if (!is_uri(d->uri))
            err_add(errors, d->at.file, d->at.line,
                    "uri cannot be \"%.100s\": write \"ldapi:///\", \"ldapi://%%2Fpath\", "
                    "\"ldap://HOST:PORT\" or \"ldaps://HOST:PORT\"",
                    d->uri);
        if (d->starttls && !starts(d->uri, "ldap:"))
            err_add(errors, d->at.file, d->at.line, "starttls is for ldap:// alone; take it out");
        check_access(c, d, errors);
    }
}
