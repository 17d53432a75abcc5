/*
 * The settings of round trips; routes from healthmon's sequence.cfg; and the responses that routes name by
 * URLs: each becomes one of `responses`, so that every hop has a row.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "config_schema.h"

#define IN(member)  offsetof(struct config_route, member)
#define SEQ(member) (offsetof(struct config, sequence) + offsetof(struct config_sequence, member))
#define DAY_S       86400
#define LINES_MAX   2000

static const char *const submits[] = {"smtp", "submission", "smtps", "lmtp", NULL};
static const char *const retrieves[] = {"pop3", "pop3s", "imap", "imaps", NULL};

const struct setting route_settings[] = {
    {.name = "name",
     .kind = SETTING_TEXT,
     .high = CONFIG_NAME_OCTETS,
     .offset = IN(name),
     .example = "\"relay1 to store1\"",
     .help = "What the row is called; it keeps its number as long as it keeps its name."},
    {.name = "submit",
     .kind = SETTING_TEXT,
     .offset = IN(submit),
     .example = "\"smtp://relay1.example.com\"",
     .help = "Where the message is submitted: the name of one of `responses`, or a URL: smtp, "
             "submission, smtps or lmtp."},
    {.name = "retrieve",
     .kind = SETTING_TEXT,
     .offset = IN(retrieve),
     .example = "\"pop3://proxy1.example.com\"",
     .help = "Where it is looked for: the name of one of `responses` with a user, or a URL: pop3, "
             "pop3s, "
             "imap or imaps; left out: nowhere, an accepted message is a success."},
    {.name = "user",
     .kind = SETTING_TEXT,
     .offset = IN(user),
     .example = "\"probe1\"",
     .help = "Whose mailbox it is, if `retrieve` is a URL."},
    {.name = "password_file",
     .kind = SETTING_PATH,
     .offset = IN(password_file),
     .example = "\"/etc/mailmond/probe1.password\"",
     .help = "Its first line is the password. No other account may read it."},
    {.name = "recipient",
     .kind = SETTING_TEXT,
     .offset = IN(recipient),
     .example = "\"probe1@example.com\"",
     .help = "To whom the message is sent."},
    {.name = "sender",
     .kind = SETTING_TEXT,
     .offset = IN(sender),
     .example = "\"probe1@example.com\"",
     .help = "From whom; left out: the recipient."},
    {.name = "hops",
     .kind = SETTING_TEXTS,
     .offset = IN(hops),
     .example = "( \"lmtp://store1.example.com\" )",
     .help = "Names of `responses`, or URLs, that the message passes between submit and retrieve: "
             "they are "
             "asked as well to find the one at fault."},
    {.name = "search_header",
     .kind = SETTING_TEXT,
     .offset = IN(search_header),
     .example = "\"In-Reply-To\"",
     .help = "The header field that has the Message-ID of what was sent: \"In-Reply-To\" finds the "
             "answer of "
             "a reflector; left out: Message-ID."},
    {.name = "interval",
     .kind = SETTING_DURATION_S,
     .offset = IN(interval_s),
     .low = 1,
     .high = 7 * DAY_S,
     .number = 300,
     .example = "\"5 min\"",
     .help = "How often a message is sent."},
    {.name = "minute",
     .kind = SETTING_NUMBER,
     .offset = IN(minute),
     .high = 60,
     .number = 60,
     .example = "5",
     .help = "At this minute of each hour in place of the interval; 60: by the interval."},
    {.name = "late",
     .kind = SETTING_DURATION_S,
     .offset = IN(late_s),
     .low = 1,
     .high = DAY_S,
     .number = 60,
     .example = "\"60 s\"",
     .help = "What arrives after this time is late."},
    {.name = "lost",
     .kind = SETTING_DURATION_S,
     .offset = IN(lost_s),
     .low = 1,
     .high = DAY_S,
     .number = 240,
     .example = "\"4 min\"",
     .help = "What has not arrived by this time is lost, until it arrives all the same."},
    {.name = NULL},
};

const struct setting sequence_settings[] = {
    {.name = "file",
     .kind = SETTING_PATH,
     .offset = SEQ(file),
     .example = "\"/etc/mailmond/sequence.cfg\"",
     .help = "Lines \"<minute> DMSG -u <store> -s <relay> -p <proxy>\", as healthmon reads them."},
    {.name = "domain",
     .kind = SETTING_TEXT,
     .offset = SEQ(domain),
     .example = "\"example.com\"",
     .help = "Domain of the users (-u); left out: their bare names."},
    {.name = "sender",
     .kind = SETTING_TEXT,
     .offset = SEQ(sender),
     .example = "\"probe@example.com\"",
     .help = "From whom the messages are; left out: the user."},
    {.name = "password_file",
     .kind = SETTING_PATH,
     .offset = SEQ(password_file),
     .example = "\"/etc/mailmond/probe.password\"",
     .help = "Its first line is the password of all of them."},
    {.name = "submit_protocol",
     .kind = SETTING_WORD,
     .offset = SEQ(submit_protocol),
     .text = "smtp",
     .words = submits,
     .example = "\"smtp\"",
     .help = "What is spoken with the relays."},
    {.name = "submit_port",
     .kind = SETTING_NUMBER,
     .offset = SEQ(submit_port),
     .high = 65535,
     .example = "25",
     .help = "Their port; 0: the protocol's own."},
    {.name = "retrieve_protocol",
     .kind = SETTING_WORD,
     .offset = SEQ(retrieve_protocol),
     .text = "pop3",
     .words = retrieves,
     .example = "\"pop3\"",
     .help = "What is spoken with the proxies."},
    {.name = "retrieve_port",
     .kind = SETTING_NUMBER,
     .offset = SEQ(retrieve_port),
     .high = 65535,
     .example = "110",
     .help = "Their port; 0: the protocol's own."},
    {.name = NULL},
};

/* A new item of a list, with the defaults; `at` is copied. */
static void *append(struct config_list *list, const struct setting *members, size_t size,
                    const struct config_at *at)
{
    char *items = realloc(list->items, (list->count + 1) * size);
    if (!items)
        abort();
    list->items = items;
    char *item = items + list->count++ * size;
    memset(item, 0, size);
    config_defaults(members, item);
    *(struct config_at *)(void *)item = (struct config_at){config_copy(at->file), at->line};
    return item;
}

static void set(char **member, const char *text)
{
    free(*member);
    *member = config_copy(text);
}

const struct config_response *config_response_named(const struct config *c, const char *name)
{
    const struct config_response *all = c->responses.items;
    for (unsigned i = 0; name && i < c->responses.count; i++)
        if (all[i].name && strcmp(all[i].name, name) == 0)
            return &all[i];
    return NULL;
}

/* "smtp://host:25", "imap://[2001:db8::1]"; false: it is no such URL. */
static bool parse_url(const char *text, char protocol[16], char host[256], uint32_t *port)
{
    const char *rest = strstr(text, "://");
    size_t n = rest ? (size_t)(rest - text) : 0, length;
    if (n == 0 || n > 15)
        return false;
    memcpy(protocol, text, n);
    protocol[n] = '\0';
    rest += 3;
    if (*rest == '[') {
        length = strcspn(++rest, "]");
        if (rest[length] != ']')
            return false;
    } else {
        length = strcspn(rest, ":/");
    }
    if (length == 0 || length > 255)
        return false;
    memcpy(host, rest, length);
    host[length] = '\0';
    rest += length + (rest[length] == ']');
    char *end = (char *)(uintptr_t)rest;
    unsigned long number = *rest == ':' ? strtoul(rest + 1, &end, 10) : 0;
    *port = (uint32_t)number;
    return number <= 65535 && (*end == '\0' || strcmp(end, "/") == 0);
}

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(word, *words) == 0)
            return true;
    return false;
}

/*
 * Makes a hop of a route one of `responses`, if it is a URL. Its user is part of the row's name, since
 * two mailboxes of one server are two rows.
 */
static void make_hop(struct config *c, const struct config_route *r, char **hop, const char *what,
                     const char *const *protocols, bool login, struct err_list *errors)
{
    char protocol[16], host[256], name[400];
    uint32_t port;
    if (!*hop || config_response_named(c, *hop))
        return;
    if (!strstr(*hop, "://")) {
        err_add(errors, r->at.file, r->at.line,
                "routes: %s: there is no response \"%.100s\"; name one of `responses`, or write a "
                "URL such as %s://host",
                what, *hop, protocols[0]);
        return;
    }
    if (!parse_url(*hop, protocol, host, &port) || !is_one_of(protocol, protocols)) {
        err_add(errors, r->at.file, r->at.line,
                "routes: %s cannot be \"%.200s\": write such as %s://host:port", what, *hop,
                protocols[0]);
        return;
    }
    snprintf(name, sizeof name, "%s%s%s", *hop, login && r->user ? " " : "",
             login && r->user ? r->user : "");
    if (!config_response_named(c, name)) {
        struct config_response *made =
            append(&c->responses, response_settings, sizeof *made, &r->at);
        set(&made->name, name);
        set(&made->protocol, protocol);
        set(&made->host, host);
        made->port = port;
        made->interval_s = r->interval_s < 60 ? 60 : r->interval_s;
        if (login) {
            set(&made->user, r->user);
            set(&made->password_file, r->password_file);
        }
    }
    set(hop, name);
}

static void check_route(struct config *c, unsigned number, struct err_list *errors)
{
    struct config_route *r = (struct config_route *)c->routes.items + number;
    const char *missing = !r->name        ? "name"
                          : !r->submit    ? "submit"
                          : !r->recipient ? "recipient"
                                          : NULL;
    const struct config_route *before = c->routes.items;
    if (missing) {
        err_add(errors, r->at.file, r->at.line, "routes: %s is missing", missing);
        return;
    }
    for (unsigned i = 0; i < number; i++)
        if (before[i].name && strcmp(before[i].name, r->name) == 0)
            err_add(errors, r->at.file, r->at.line,
                    "routes: a second route with the name %.100s (the first is in line %u)",
                    r->name, before[i].at.line);
    if (r->lost_s < r->late_s)
        err_add(errors, r->at.file, r->at.line,
                "routes: lost (%u s) must not be less than late (%u s)", r->lost_s, r->late_s);
    for (const char *const *a =
             (const char *const[]){r->recipient, r->sender ? r->sender : "", NULL};
         *a; a++)
        if (strpbrk(*a, " <>\r\n\t"))
            err_add(errors, r->at.file, r->at.line,
                    "routes: \"%.200s\" must be an address such as probe@example.com", *a);
    if (r->retrieve && strstr(r->retrieve, "://") && (!r->user || !r->password_file))
        err_add(errors, r->at.file, r->at.line,
                "routes: retrieve needs user and password_file: whose mailbox is it?");
    make_hop(c, r, &r->submit, "submit", submits, false, errors);
    for (unsigned i = 0; i < r->hops.count; i++)
        make_hop(c, r, &r->hops.items[i], "hops", response_protocols, false, errors);
    make_hop(c, r, &r->retrieve, "retrieve", retrieves, true, errors);
    const struct config_response *mailbox = config_response_named(c, r->retrieve);
    if (mailbox &&
        (!is_one_of(mailbox->protocol ? mailbox->protocol : "", retrieves) || !mailbox->user))
        err_add(errors, r->at.file, r->at.line,
                "routes: retrieve: the response \"%.100s\" must speak pop3 or imap and have a user",
                r->retrieve);
}

/* sequence.cfg */

/* The value behind an option of a line, as "-u ims1"; false: it is not there, or too long. */
static bool option(const char *line, const char *name, char value[128])
{
    char wanted[8];
    snprintf(wanted, sizeof wanted, " %s ", name);
    const char *at = strstr(line, wanted);
    return at && sscanf(at + strlen(wanted), "%127s", value) == 1;
}

static bool has_route(const struct config *c, const char *name)
{
    const struct config_route *all = c->routes.items;
    for (unsigned i = 0; i < c->routes.count; i++)
        if (all[i].name && strcmp(all[i].name, name) == 0)
            return true;
    return false;
}

static void add_line(struct config *c, const char *line, unsigned number, struct err_list *errors)
{
    const struct config_sequence *q = &c->sequence;
    struct config_at at = {q->file, number};
    char user[128], relay[128], proxy[128], text[700];
    unsigned minute;
    int n = 0;
    if (sscanf(line, " %u DMSG%n", &minute, &n) != 1 || n == 0 || minute > 59 ||
        !option(line + n, "-u", user) || !option(line + n, "-s", relay) ||
        !option(line + n, "-p", proxy)) {
        err_add(errors, q->file, number,
                "not a line of sequence.cfg: write <minute> DMSG -u <store> -s <relay> -p <proxy>");
        return;
    }
    snprintf(text, sizeof text, "%s/%s/%s %02u", user, relay, proxy, minute);
    if (has_route(c, text))
        return; /* from a configuration that --dump-config printed */
    struct config_route *r = append(&c->routes, route_settings, sizeof *r, &at);
    r->minute = minute;
    r->interval_s = 3600;
    set(&r->name, text);
    snprintf(text, sizeof text, q->submit_port ? "%s://%s:%u" : "%s://%s", q->submit_protocol,
             relay, q->submit_port);
    set(&r->submit, text);
    snprintf(text, sizeof text, q->retrieve_port ? "%s://%s:%u" : "%s://%s", q->retrieve_protocol,
             proxy, q->retrieve_port);
    set(&r->retrieve, text);
    snprintf(text, sizeof text, "%s%s%s", user, q->domain ? "@" : "", q->domain ? q->domain : "");
    set(&r->recipient, text);
    set(&r->sender, q->sender);
    set(&r->user, user);
    set(&r->password_file, q->password_file);
}

static void read_sequence(struct config *c, struct err_list *errors)
{
    char line[1024];
    FILE *in = c->sequence.file ? fopen(c->sequence.file, "re") : NULL;
    if (c->sequence.file && !in)
        err_add(errors, c->sequence.file, 0, "cannot be read: %s", strerror(errno));
    for (unsigned number = 1; in && fgets(line, sizeof line, in); number++) {
        size_t blank = strspn(line, " \t\r\n");
        if (line[blank] == '\0' || line[blank] == '#')
            continue;
        if (number > LINES_MAX) {
            err_add(errors, c->sequence.file, number, "more than %d lines", LINES_MAX);
            break;
        }
        add_line(c, line, number, errors);
    }
    if (in)
        fclose(in);
}

void config_routes(struct config *c, struct err_list *errors)
{
    read_sequence(c, errors);
    for (unsigned i = 0; i < c->routes.count; i++)
        check_route(c, i, errors);
}
