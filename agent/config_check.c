/*
 * What a schema cannot say: settings that contradict each other or the host. The rules name the
 * line of the setting at fault and what would be right. Nothing is changed here, only `warnings`
 * grows.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include "config_schema.h"
#include "log_facility.h"
#include "secret.h"

bool config_password_good(const char *file, char why[512])
{
    char secret[256];
    errno = 0;
    bool good = !file || secret_read(file, secret, sizeof secret, why) || errno == EACCES;
    secret_wipe(secret, sizeof secret);
    return good;
}

/* The port number at the end of an address: 1..65535. */
static bool is_port(struct slice s)
{
    uint64_t port;
    return slice_number(&s, &port) && s.n == 0 && port >= 1 && port <= 65535;
}

static bool is_address(struct slice s, int family)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char address[16];
    if (s.n >= sizeof text)
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return inet_pton(family, text, address) == 1;
}

/* ":25", "192.0.2.1:25", "[2001:db8::1]:25" */
static bool is_listener(struct slice s)
{
    s = slice_head(s, slice_find(s, ' ')); /* what follows is the service's name */
    if (slice_take(&s, SLICE("["))) {
        struct slice address = slice_cut(&s, ']');
        return address.p && is_address(address, AF_INET6) && slice_take(&s, SLICE(":")) &&
               is_port(s);
    }
    struct slice address = slice_cut(&s, ':');
    return address.p && (address.n == 0 || is_address(address, AF_INET)) && is_port(s);
}

static void check_names(const struct config *c, const struct config_mta *m, unsigned before,
                        struct err_list *errors)
{
    for (unsigned i = 0; i < before; i++) {
        const struct config_mta *other = &c->mtas[i];
        bool same_type = strcmp(m->type, other->type) == 0;
        if (strcmp(m->host ? m->host : "", other->host ? other->host : "") != 0)
            continue;
        if (m->name && other->name && strcmp(m->name, other->name) == 0)
            err_add(errors, m->source_file, m->source_line,
                    "a second instance with the name %s (the first is in line %u): give each %s",
                    m->name, other->source_line,
                    same_type && strcmp(m->type, "postfix") == 0
                        ? "the name that postmulti -l shows"
                        : "a name of its own");
        if (!same_type)
            continue;
        if (m->config_directory && other->config_directory &&
            strcmp(m->config_directory, other->config_directory) == 0)
            err_add(errors, m->source_file, m->source_line,
                    "a second instance with the config_directory %s (the first is in line %u)",
                    m->config_directory, other->source_line);
        if (!m->name && !m->config_directory && !other->name && !other->config_directory)
            err_add(errors, m->source_file, m->source_line,
                    "a second instance without name: which one is it?");
    }
}

/* The listeners as the file has them: what it says wrongly is not in struct config. */
static void check_listeners(const config_setting_t *list, struct err_list *errors)
{
    int count = list ? config_setting_length(list) : 0;
    for (int i = 0; i < count; i++) {
        const config_setting_t *listen =
            config_setting_get_member(config_setting_get_elem(list, (unsigned)i), "listen");
        int listeners = listen ? config_setting_length(listen) : 0;
        for (int k = 0; k < listeners; k++) {
            const config_setting_t *at = config_setting_get_elem(listen, (unsigned)k);
            const char *text = config_setting_get_string(at);
            if (text && *text && !is_listener(slice_of(text)))
                config_fault(errors, at,
                             "listen cannot be \"%.100s\": write \":25\", \"192.0.2.1:25\" or "
                             "\"[2001:db8::1]:25\", and a service's name behind a blank",
                             text);
        }
    }
}

static void check_log(const struct config *c, const config_t *tree, struct err_list *errors)
{
    struct slice log = slice_of(c->log);
    if (*c->log == '/' || slice_eq(log, SLICE("stderr")) || slice_eq(log, SLICE("syslog")))
        return;
    if (slice_take(&log, SLICE("syslog:"))) {
        if (log_facility(log.p) < 0)
            config_fault(
                errors, config_lookup(tree, "log"),
                "log: unknown syslog facility \"%.100s\": write mail, daemon, user or local0 "
                "to local7",
                log.p);
        return;
    }
    config_fault(
        errors, config_lookup(tree, "log"),
        "log cannot be \"%.100s\": write \"stderr\", \"syslog\", \"syslog:mail\" or an absolute "
        "path",
        c->log);
}

static void check_account(const char *name, const config_t *tree, const char *path,
                          struct err_list *errors)
{
    if (name && !getpwnam(name))
        config_fault(
            errors, config_lookup(tree, path),
            "%s: there is no account \"%.100s\" on this host; make it (useradd --system) or "
            "name another",
            path, name);
}

/* One transport of snmp.listen: TRANSPORT:ADDRESS:PORT, snmpd.conf(5)'s agentaddress in its full
 * form. */
static bool is_transport(struct slice s, bool *loopback)
{
    struct slice kind = slice_cut(&s, ':');
    *loopback = true;
    if (!kind.p || s.n == 0)
        return false;
    if (slice_eq(kind, SLICE("unix")))
        return *s.p == '/';
    bool six = slice_eq(kind, SLICE("udp6")) || slice_eq(kind, SLICE("tcp6"));
    if (!six && !slice_eq(kind, SLICE("udp")) && !slice_eq(kind, SLICE("tcp")))
        return false;
    if (six) {
        if (!slice_take(&s, SLICE("[")))
            return false;
        struct slice address = slice_cut(&s, ']');
        *loopback = slice_eq(address, SLICE("::1"));
        return address.p && is_address(address, AF_INET6) && slice_take(&s, SLICE(":")) &&
               is_port(s);
    }
    struct slice address = slice_cut(&s, ':');
    *loopback = slice_starts(address, SLICE("127."));
    return address.p && is_address(address, AF_INET) && is_port(s);
}

static struct slice first_word(const char *line)
{
    line += strspn(line, " \t");
    return (struct slice){line, strcspn(line, " \t")};
}

bool config_grants_access(const struct config_strings *directives)
{
    static const char *const words[] = {
        "rocommunity", "rwcommunity",   "rocommunity6", "rwcommunity6", "rouser",    "rwuser",
        "access",      "authcommunity", "authuser",     "authgroup",    "authaccess"};
    for (unsigned i = 0; i < directives->count; i++)
        for (size_t k = 0; k < sizeof words / sizeof words[0]; k++) {
            struct slice word = first_word(directives->items[i]);
            if (word.n == strlen(words[k]) && strncasecmp(word.p, words[k], word.n) == 0)
                return true;
        }
    return false;
}

static void check_listen(const struct config *c, const config_t *tree, struct err_list *errors)
{
    const config_setting_t *at = config_lookup(tree, "snmp.listen");
    struct slice rest = slice_of(c->listen);
    bool beyond = false;
    while (at && rest.p && rest.n) {
        struct slice one = slice_cut(&rest, ',');
        if (!one.p) {
            one = rest;
            rest = (struct slice){NULL, 0};
        }
        bool loopback;
        if (!is_transport(slice_trim(one), &loopback))
            config_fault(
                errors, at,
                "listen cannot be \"%.*s\": write such as \"udp:127.0.0.1:1161\", "
                "\"udp6:[::1]:1161\", \"tcp:192.0.2.1:161\" or \"unix:/run/mailmond/snmp\"",
                (int)(one.n < 100 ? one.n : 100), one.p);
        beyond |= !loopback;
    }
    if (c->standalone && beyond && !config_grants_access(&c->directives))
        config_fault(
            errors, at,
            "listen is open to other hosts, but no directive says who may ask: add such as "
            "directives = ( \"createUser monitor SHA-256 SECRET AES SECRET\", \"rouser monitor "
            "authpriv\" );");
}

static bool starts_word(struct slice word, const char *with)
{
    return word.n >= strlen(with) && strncasecmp(word.p, with, strlen(with)) == 0;
}

/* Does a directive of this name carry a password or a community? */
static bool is_secret(struct slice word)
{
    return starts_word(word, "createUser") || starts_word(word, "rocommunity") ||
           starts_word(word, "rwcommunity") || starts_word(word, "com2sec") ||
           starts_word(word, "authcommunity");
}

static void check_directives(struct config *c, const config_t *tree, struct err_list *errors)
{
    const config_setting_t *list = config_lookup(tree, "snmp.directives");
    int count = list ? config_setting_length(list) : 0;
    bool warned = false;
    for (int i = 0; i < count; i++) {
        const config_setting_t *at = config_setting_get_elem(list, (unsigned)i);
        const char *line = config_setting_get_string(at);
        if (!line)
            continue;
        if (line[strcspn(line, "\r\n")])
            config_fault(errors, at, "directives: one line each; write a list of them");
        struct slice word = first_word(line);
        struct stat st;
        char path[PATH_MAX];
        const char *file = config_source(at, path);
        if (!warned && is_secret(word) && stat(file, &st) == 0 && (st.st_mode & 0004)) {
            config_fault(&c->warnings, at,
                         "%.*s is a secret, but everybody may read this file: chmod o-r %s",
                         (int)word.n, word.p, file);
            warned = true;
        }
    }
}

/* AgentX runs over a stream (RFC 2741, section 8), and the publisher has no keys of its own (docs/decisions/35). */
static bool is_agentx_socket(const char *text)
{
    static const char *const other[] = {"udp", "udp6", "tlstcp", "dtlsudp", "dtlsudp6", "ssh"};
    size_t n = strcspn(text, ":");
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (strncasecmp(text, other[i], n) == 0 && !other[i][n])
            return false;
    return *text == '/' || strchr(text, ':');
}

static void check_snmp(struct config *c, const config_t *tree, struct err_list *errors)
{
    check_listen(c, tree, errors);
    check_directives(c, tree, errors);
    if (c->context && strlen(c->context) > 32) /* vacmContextName, RFC 3415 */
        config_fault(errors, config_lookup(tree, "snmp.context"),
                     "context is longer than the 32 octets that SNMP allows");
    if (c->agentx && !is_agentx_socket(c->agentx))
        config_fault(errors, config_lookup(tree, "snmp.agentx_socket"),
                     "agentx_socket cannot be \"%.100s\": write an absolute path or such as "
                     "\"tcp:127.0.0.1:705\"",
                     c->agentx);
    if (!c->standalone && c->directives.count)
        config_fault(&c->warnings, config_lookup(tree, "snmp.directives"),
                     "directives have no effect with mode \"agentx\": write them into snmpd.conf");
    if (c->standalone && c->agentx)
        config_fault(&c->warnings, config_lookup(tree, "snmp.agentx_socket"),
                     "agentx_socket has no effect with mode \"standalone\"");
}

void config_check(struct config *c, const config_t *tree, struct err_list *errors)
{
    check_log(c, tree, errors);
    check_account(c->user, tree, "user", errors);
    check_account(c->publish_user, tree, "publish_user", errors);
    check_snmp(c, tree, errors);
    for (const struct setting *s = config_settings; s->name; s++)
        if (s->kind == SETTING_MTAS)
            check_listeners(config_lookup(tree, s->name), errors);
    for (unsigned i = 0; i < c->mta_count; i++)
        check_names(c, &c->mtas[i], i, errors);
    config_check_hosts(c, tree, errors);
    config_check_mail(c, tree, errors);
    config_check_report(c, tree, errors);
    config_check_system(c, errors);
    config_check_access(c, errors);
    config_routes(c, errors); /* makes responses of hops */
    config_check_responses(c, errors);
    config_check_directories(c, errors);
}
