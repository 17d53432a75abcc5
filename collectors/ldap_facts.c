/* See ldap_facts.h. The layouts are data: entry, attribute, number. */
#include <strings.h>
#include <time.h>
#include "ldap_facts.h"

/* DNs in lower case. NULL: see the line above. */
static const struct {
    const char *entry, *attribute;
    enum ldap_number number;
} known[] = {
    /* OpenLDAP */
    {"cn=total,cn=connections,cn=monitor", "monitorCounter", LDAP_CONNECTIONS},
    {"cn=current,cn=connections,cn=monitor", "monitorCounter", LDAP_OPEN},
    {"cn=max file descriptors,cn=connections,cn=monitor", "monitorCounter", LDAP_DESCRIPTORS},
    {"cn=operations,cn=monitor", "monitorOpInitiated", LDAP_INITIATED},
    {"cn=operations,cn=monitor", "monitorOpCompleted", LDAP_COMPLETED},
    {"cn=bind,cn=operations,cn=monitor", "monitorOpInitiated", LDAP_BIND},
    {"cn=unbind,cn=operations,cn=monitor", "monitorOpInitiated", LDAP_UNBIND},
    {"cn=search,cn=operations,cn=monitor", "monitorOpInitiated", LDAP_SEARCH},
    {"cn=compare,cn=operations,cn=monitor", "monitorOpInitiated", LDAP_COMPARE},
    {"cn=modify,cn=operations,cn=monitor", "monitorOpInitiated", LDAP_MODIFY},
    {"cn=modrdn,cn=operations,cn=monitor", "monitorOpInitiated", LDAP_MODRDN},
    {"cn=add,cn=operations,cn=monitor", "monitorOpInitiated", LDAP_ADD},
    {"cn=delete,cn=operations,cn=monitor", "monitorOpInitiated", LDAP_DELETE},
    {"cn=abandon,cn=operations,cn=monitor", "monitorOpInitiated", LDAP_ABANDON},
    {"cn=extended,cn=operations,cn=monitor", "monitorOpInitiated", LDAP_EXTENDED},
    {"cn=bytes,cn=statistics,cn=monitor", "monitorCounter", LDAP_BYTES_SENT},
    {"cn=pdu,cn=statistics,cn=monitor", "monitorCounter", LDAP_PDUS},
    {"cn=entries,cn=statistics,cn=monitor", "monitorCounter", LDAP_ENTRIES},
    {"cn=referrals,cn=statistics,cn=monitor", "monitorCounter", LDAP_REFERRALS},
    {"cn=max,cn=threads,cn=monitor", "monitoredInfo", LDAP_THREADS_MAX},
    {"cn=active,cn=threads,cn=monitor", "monitoredInfo", LDAP_THREADS_ACTIVE},
    {"cn=pending,cn=threads,cn=monitor", "monitoredInfo", LDAP_THREADS_PENDING},
    {"cn=read,cn=waiters,cn=monitor", "monitorCounter", LDAP_READ_WAITERS},
    {"cn=write,cn=waiters,cn=monitor", "monitorCounter", LDAP_WRITE_WAITERS},
    /* 389 */
    {"cn=monitor", "totalConnections", LDAP_CONNECTIONS},
    {"cn=monitor", "currentConnections", LDAP_OPEN},
    {"cn=monitor", "dTableSize", LDAP_DESCRIPTORS},
    {"cn=monitor", "opsInitiated", LDAP_INITIATED},
    {"cn=monitor", "opsCompleted", LDAP_COMPLETED},
    {"cn=monitor", "entriesSent", LDAP_ENTRIES},
    {"cn=monitor", "bytesSent", LDAP_BYTES_SENT},
    {"cn=monitor", "readWaiters", LDAP_READ_WAITERS},
    {"cn=monitor", "threads", LDAP_THREADS_MAX},
    {"cn=snmp,cn=monitor", "unauthBinds", LDAP_UNAUTH_BINDS},
    {"cn=snmp,cn=monitor", "simpleAuthBinds", LDAP_SIMPLE_BINDS},
    {"cn=snmp,cn=monitor", "strongAuthBinds", LDAP_STRONG_BINDS},
    {"cn=snmp,cn=monitor", "bindSecurityErrors", LDAP_BIND_SECURITY_ERRORS},
    {"cn=snmp,cn=monitor", "readOps", LDAP_READ},
    {"cn=snmp,cn=monitor", "compareOps", LDAP_COMPARE},
    {"cn=snmp,cn=monitor", "addEntryOps", LDAP_ADD},
    {"cn=snmp,cn=monitor", "removeEntryOps", LDAP_DELETE},
    {"cn=snmp,cn=monitor", "modifyEntryOps", LDAP_MODIFY},
    {"cn=snmp,cn=monitor", "modifyRDNOps", LDAP_MODRDN},
    {"cn=snmp,cn=monitor", "listOps", LDAP_LIST},
    {"cn=snmp,cn=monitor", "searchOps", LDAP_SEARCH},
    {"cn=snmp,cn=monitor", "oneLevelSearchOps", LDAP_ONE_LEVEL},
    {"cn=snmp,cn=monitor", "wholeSubtreeSearchOps", LDAP_SUBTREE},
    {"cn=snmp,cn=monitor", "referrals", LDAP_REFERRALS},
    {"cn=snmp,cn=monitor", "chainings", LDAP_CHAININGS},
    {"cn=snmp,cn=monitor", "securityErrors", LDAP_SECURITY_ERRORS},
    {"cn=snmp,cn=monitor", "errors", LDAP_ERRORS},
    {"cn=snmp,cn=monitor", "bytesRecv", LDAP_BYTES_RECEIVED},
    {"cn=snmp,cn=monitor", "masterEntries", LDAP_MASTER_ENTRIES},
    {"cn=snmp,cn=monitor", "supplierEntries", LDAP_MASTER_ENTRIES}, /* since 2.0 */
    {"cn=snmp,cn=monitor", "copyEntries", LDAP_COPY_ENTRIES},
    {"cn=snmp,cn=monitor", "cacheEntries", LDAP_CACHE_ENTRIES},
    {"cn=snmp,cn=monitor", "cacheHits", LDAP_CACHE_HITS},
    {"cn=snmp,cn=monitor", "slaveHits", LDAP_SLAVE_HITS},
    {"cn=snmp,cn=monitor", "consumerHits", LDAP_SLAVE_HITS},
};

/* A number that is the whole of a value. */
static bool whole_number(struct slice value, uint64_t *number)
{
    return slice_number(&value, number) && value.n == 0 && *number < MODEL_ABSENT;
}

static bool two_digits(struct slice *s, int *value)
{
    if (s->n < 2 || !slice_digit(s->p[0]) || !slice_digit(s->p[1]))
        return false;
    *value = (s->p[0] - '0') * 10 + (s->p[1] - '0');
    *s = slice_skip(*s, 2);
    return true;
}

int64_t ldap_time(struct slice text)
{
    int part[7];
    for (int i = 0; i < 7; i++) /* century, year, month, day, hour, minute, second */
        if (!two_digits(&text, &part[i]))
            return 0;
    if (slice_take(&text, SLICE(".")))
        while (text.n && slice_digit(*text.p))
            text = slice_skip(text, 1);
    if (!slice_eq(text, SLICE("Z")) || part[0] < 19)
        return 0;
    struct tm tm = {.tm_year = part[0] * 100 + part[1] - 1900,
                    .tm_mon = part[2] - 1,
                    .tm_mday = part[3],
                    .tm_hour = part[4],
                    .tm_min = part[5],
                    .tm_sec = part[6]};
    if (part[2] < 1 || part[2] > 12 || part[3] < 1 || part[3] > 31 || part[4] > 23 ||
        part[5] > 59 || part[6] > 60)
        return 0;
    time_t t = timegm(&tm);
    return t > 0 ? t : 0;
}

void ldap_facts_init(struct ldap_facts *f)
{
    memset(f, 0, sizeof *f);
    f->version.length = f->monitor_base.length = f->context.length = TEXT_ABSENT;
    for (int i = 0; i < LDAP_NUMBERS; i++)
        f->numbers[i] = MODEL_ABSENT;
}

/* Entries of which there are several */

/* "cn=WORD N,REST" -> N and REST. */
static bool numbered(struct slice *dn, const char *word, uint64_t *number)
{
    struct slice s = *dn;
    if (!slice_take(&s, SLICE("cn=")) || !slice_take(&s, slice_of(word)) ||
        !slice_take(&s, SLICE(" ")) || !slice_number(&s, number) || !slice_take(&s, SLICE(",")))
        return false;
    *dn = s;
    return true;
}

static struct ldap_database *find_database(struct ldap_facts *f, uint64_t number)
{
    for (uint64_t i = 0; i < f->database_count; i++)
        if (f->databases[i].number == number)
            return &f->databases[i];
    if (f->database_count == LDAP_DATABASES_MAX) {
        f->left_out++;
        return NULL;
    }
    struct ldap_database *d = &f->databases[f->database_count++];
    *d = (struct ldap_database){.number = number,
                                .backend.length = TEXT_ABSENT,
                                .context.length = TEXT_ABSENT,
                                .directory.length = TEXT_ABSENT,
                                .shadow = MODEL_ABSENT,
                                .entries = MODEL_ABSENT,
                                .pages_max = MODEL_ABSENT,
                                .pages_used = MODEL_ABSENT,
                                .pages_free = MODEL_ABSENT};
    return d;
}

static struct ldap_consumer *add_consumer(struct ldap_facts *f, uint64_t database, uint64_t number)
{
    if (f->consumer_count == LDAP_CONSUMERS_MAX) {
        f->left_out++;
        return NULL;
    }
    struct ldap_consumer *c = &f->consumers[f->consumer_count++];
    *c = (struct ldap_consumer){
        .number = number, .database = database, .provider.length = TEXT_ABSENT};
    return c;
}

static struct ldap_session *add_session(struct ldap_facts *f, uint64_t number)
{
    if (f->session_count == LDAP_SESSIONS_MAX)
        return NULL;
    struct ldap_session *s = &f->sessions[f->session_count++];
    *s = (struct ldap_session){.number = number,
                               .peer.length = TEXT_ABSENT,
                               .peer_port = MODEL_ABSENT,
                               .local_port = MODEL_ABSENT,
                               .user.length = 0};
    return s;
}

void ldap_facts_entry(struct ldap_facts *f, struct slice dn, struct ldap_entry *e)
{
    uint64_t number, inner;
    *e = (struct ldap_entry){.root = dn.n == 0};
    if (dn.n >= sizeof e->name)
        return;
    for (size_t i = 0; i < dn.n; i++)
        e->name[i] = (char)(dn.p[i] >= 'A' && dn.p[i] <= 'Z' ? dn.p[i] + 32 : dn.p[i]);
    struct slice rest = {e->name, dn.n};
    if (numbered(&rest, "connection", &number)) {
        if (slice_eq(rest, SLICE("cn=connections,cn=monitor")))
            e->session = add_session(f, number);
    } else if (numbered(&rest, "listener", &number)) {
        e->listener = slice_eq(rest, SLICE("cn=listeners,cn=monitor"));
    } else if (numbered(&rest, "database", &number)) {
        if (slice_eq(rest, SLICE("cn=databases,cn=monitor")))
            e->database = find_database(f, number);
    } else if (numbered(&rest, "consumer", &number) && numbered(&rest, "database", &inner)) {
        if (slice_eq(rest, SLICE("cn=databases,cn=monitor")))
            e->consumer = add_consumer(f, inner, number);
    }
}

/* Values */

/* Which kind of server says so? Sun's and Oracle's elder servers have the entries of 389. */
static void take_vendor(struct ldap_facts *f, struct slice vendor)
{
    static const char *const kin[] = {"389", "Red Hat", "Fedora", "Sun", "Oracle", "Netscape"};
    for (size_t i = 0; i < sizeof kin / sizeof kin[0]; i++)
        if (slice_starts_same(vendor, kin[i]))
            f->server = LDAP_SERVER_389;
    if (f->server == LDAP_SERVER_389)
        TEXT_SET(f->monitor_base, SLICE("cn=monitor"));
}

static void take_root(struct ldap_facts *f, struct slice attribute, struct slice value)
{
    if (slice_same(attribute, "objectClass") && slice_same(value, "OpenLDAProotDSE"))
        f->server = LDAP_SERVER_OPENLDAP;
    else if (slice_same(attribute, "monitorContext") && value.n)
        TEXT_SET(f->monitor_base, value);
    else if (slice_same(attribute, "vendorName"))
        take_vendor(f, value);
    else if (slice_same(attribute, "vendorVersion"))
        TEXT_SET(f->version, value);
    else if (slice_same(attribute, "namingContexts") && value.n && !TEXT_GET(f->context).p)
        TEXT_SET(f->context, value);
}

/* "OpenLDAP: slapd 2.5.13+dfsg-5 (Feb  8 2023 01:56:12)" -> "slapd 2.5.13+dfsg-5" */
static void take_version(struct ldap_facts *f, struct slice value)
{
    slice_take(&value, SLICE("OpenLDAP: "));
    value = slice_head(value, slice_search(value, SLICE(" (")));
    TEXT_SET(f->version, value);
}

static bool passes_on(struct slice backend)
{
    static const char *const kinds[] = {"ldap", "meta", "asyncmeta", "relay", "dnssrv"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (slice_same(backend, kinds[i]))
            return true;
    return false;
}

static void take_database(struct ldap_facts *f, struct ldap_database *d, struct slice attribute,
                          struct slice value)
{
    const struct {
        const char *name;
        uint64_t *to;
    } counts[] = {{"olmMDBEntries", &d->entries},
                  {"olmMDBPagesMax", &d->pages_max},
                  {"olmMDBPagesUsed", &d->pages_used},
                  {"olmMDBPagesFree", &d->pages_free}};
    uint64_t number;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        if (slice_same(attribute, counts[i].name) && whole_number(value, &number))
            *counts[i].to = number;
    if (slice_same(attribute, "monitoredInfo")) {
        TEXT_SET(d->backend, value);
        if (passes_on(value))
            f->front_end = 1;
    } else if (slice_same(attribute, "namingContexts") && value.n && !TEXT_GET(d->context).p) {
        TEXT_SET(d->context, value);
    } else if (slice_same(attribute, "monitorIsShadow")) {
        d->shadow = slice_same(value, "TRUE");
    } else if (slice_same(attribute, "olmDbDirectory")) {
        TEXT_SET(d->directory, value);
    }
}

static void take_consumer(struct ldap_consumer *c, struct slice attribute, struct slice value)
{
    if (slice_same(attribute, "olmSRProviderURIList"))
        TEXT_SET(c->provider, slice_head(value, slice_find(value, ' ')));
    else if (slice_same(attribute, "olmSRLastConnect"))
        c->last_connect_s = ldap_time(value);
    else if (slice_same(attribute, "olmSRLastContact"))
        c->last_contact_s = ldap_time(value);
    else if (slice_same(attribute, "olmSRNextConnect"))
        c->next_connect_s = ldap_time(value);
}

/* "IP=192.0.2.1:389" or "IP=[2001:db8::1]:389" -> address and port; false: a local socket. */
static bool take_address(struct slice value, struct slice *address, uint64_t *port)
{
    if (!slice_take(&value, SLICE("IP=")))
        return false;
    if (slice_take(&value, SLICE("["))) {
        *address = slice_cut(&value, ']');
        return slice_take(&value, SLICE(":")) && whole_number(value, port);
    }
    *address = slice_cut(&value, ':');
    return whole_number(value, port);
}

static void take_session(struct ldap_session *s, struct slice attribute, struct slice value)
{
    struct slice address;
    uint64_t port;
    if (slice_same(attribute, "monitorConnectionAuthzDN")) {
        TEXT_SET(s->user, value);
    } else if (slice_same(attribute, "monitorConnectionStartTime")) {
        s->since_s = ldap_time(value);
    } else if (slice_same(attribute, "monitorConnectionPeerAddress") &&
               take_address(value, &address, &port)) {
        TEXT_SET(s->peer, address);
        s->peer_port = port;
    } else if (slice_same(attribute, "monitorConnectionLocalAddress") &&
               take_address(value, &address, &port)) {
        s->local_port = port;
    }
}

static void take_listener(struct ldap_facts *f, struct slice attribute, struct slice value)
{
    struct slice address;
    uint64_t port;
    if (!slice_same(attribute, "monitorConnectionLocalAddress") ||
        !take_address(value, &address, &port) || port > UINT16_MAX)
        return;
    for (uint64_t i = 0; i < f->listener_count; i++)
        if (f->listeners[i] == port)
            return;
    if (f->listener_count < LDAP_LISTENERS_MAX)
        f->listeners[f->listener_count++] = port;
}

/* 389: "24:20261122040334Z:0:0:-:cn=Directory Manager:0:0:0:24:ip=127.0.0.1": descriptor, since,
 * operations begun and done, waiting or not, user, ... A DN may hold colons. */
static void take_389_session(struct ldap_facts *f, struct slice value)
{
    uint64_t number;
    if (!slice_number(&value, &number) || !slice_take(&value, SLICE(":")))
        return;
    struct ldap_session *s = add_session(f, number);
    if (!s)
        return;
    s->since_s = ldap_time(slice_cut(&value, ':'));
    for (int i = 0; i < 3; i++)
        slice_cut(&value, ':');
    size_t at = slice_search(value, SLICE(":ip="));
    struct slice peer = slice_skip(value, at + 4), user = slice_head(value, at);
    for (int i = 0; i < 4; i++) { /* the four numbers behind the user */
        size_t end = user.n;
        while (end && user.p[end - 1] != ':')
            end--;
        if (end)
            user.n = end - 1;
    }
    if (!slice_same(user, "NULLDN"))
        TEXT_SET(s->user, user);
    if (at < value.n && !slice_eq(peer, SLICE("local")))
        TEXT_SET(s->peer, peer);
}

/* What the entry at the top of either tree says beside numbers. */
static void take_top(struct ldap_facts *f, struct slice attribute, struct slice value)
{
    if (slice_same(attribute, "monitoredInfo"))
        take_version(f, value);
    else if (slice_same(attribute, "startTime"))
        f->started_s = ldap_time(value);
    else if (slice_same(attribute, "currentTime"))
        f->now_s = ldap_time(value);
    else if (slice_same(attribute, "connection"))
        take_389_session(f, value);
}

enum ldap_number ldap_facts_value(struct ldap_facts *f, struct ldap_entry *e,
                                  struct slice attribute, struct slice value)
{
    if (e->root)
        take_root(f, attribute, value);
    else if (e->database)
        take_database(f, e->database, attribute, value);
    else if (e->consumer)
        take_consumer(e->consumer, attribute, value);
    else if (e->session)
        take_session(e->session, attribute, value);
    else if (e->listener)
        take_listener(f, attribute, value);
    else if (strcmp(e->name, "cn=monitor") == 0)
        take_top(f, attribute, value);
    else if (strcmp(e->name, "cn=start,cn=time,cn=monitor") == 0 &&
             slice_same(attribute, "monitorTimestamp"))
        f->started_s = ldap_time(value);
    else if (strcmp(e->name, "cn=current,cn=time,cn=monitor") == 0 &&
             slice_same(attribute, "monitorTimestamp"))
        f->now_s = ldap_time(value);
    uint64_t number;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(e->name, known[i].entry) == 0 && slice_same(attribute, known[i].attribute) &&
            whole_number(value, &number)) {
            f->numbers[known[i].number] = number;
            return known[i].number;
        }
    return LDAP_NUMBERS;
}

static void add(uint64_t *sum, uint64_t n)
{
    if (n != MODEL_ABSENT && n <= UINT32_MAX)
        *sum = *sum == MODEL_ABSENT ? n : *sum + n;
}

/* 389 has lines for what it does not keep; they say 0 for ever. */
static void drop_unkept(struct ldap_facts *f)
{
    static const enum ldap_number unkept[] = {
        LDAP_READ,           LDAP_LIST,         LDAP_CHAININGS,
        LDAP_BYTES_RECEIVED, LDAP_CACHE_HITS,   LDAP_SLAVE_HITS,
        LDAP_MASTER_ENTRIES, LDAP_COPY_ENTRIES, LDAP_CACHE_ENTRIES};
    for (size_t i = 0; i < sizeof unkept / sizeof unkept[0]; i++)
        if (f->numbers[unkept[i]] == 0)
            f->numbers[unkept[i]] = MODEL_ABSENT;
}

void ldap_facts_end(struct ldap_facts *f)
{
    if (f->server == LDAP_SERVER_389) {
        drop_unkept(f);
        return;
    }
    for (uint64_t i = 0; i < f->database_count; i++)
        add(&f->numbers[f->databases[i].shadow == 1 ? LDAP_COPY_ENTRIES : LDAP_MASTER_ENTRIES],
            f->databases[i].entries);
}
