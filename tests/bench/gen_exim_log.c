/*
 * gen_exim_log: makes an Exim main log of any size, and what it amounts to as JSON.
 *
 *   gen_exim_log -o LOG -j TRUTH [-b bytes] [-s seed] [-m messages in flight] [-a]
 *
 * The same options make the same bytes. -a: with the log selectors received_recipients,
 * smtp_connection, pid, queue_time and delivery_size. Independent of mailmond: the simulation knows what
 * happened, and nothing is ever parsed here. A steady number of messages is in flight, each waiting its turn in
 * random order. The invariant: whoever writes a line also tells the truth about it.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RCPT_MAX 6
#define DOMAINS  400
#define START    1795000000 /* 2026-11-18 */

enum group { IN_SMTP, IN_LOCAL, IN_OWN, OUT_REMOTE, OUT_LOCAL, OUT_PIPE, OUT_NONE, GROUPS };
static const char *const names[GROUPS] = {
    "smtp-in", "local-in", "own-in", "remote_smtp", "local_delivery", "address_pipe", ":routing:"};

enum field {
    RECEIVED_MESSAGES,
    RECEIVED_OCTETS,
    RECEIVED_RECIPIENTS,
    TRANSMITTED_MESSAGES,
    TRANSMITTED_OCTETS,
    TRANSMITTED_RECIPIENTS,
    REJECTED_MESSAGES,
    REJECTED_RECIPIENTS,
    ACCUMULATED_INBOUND,
    ACCUMULATED_OUTBOUND,
    FAILED_OUTBOUND,
    ATTEMPTED_MESSAGES,
    ATTEMPTED_RECIPIENTS,
    ATTEMPTED_OCTETS,
    FAILED_MESSAGES,
    FAILED_RECIPIENTS,
    FAILED_OCTETS,
    EXPIRED,
    QUEUE_TIME_COUNT,
    QUEUE_TIME_SUM_MS,
    BOUNCES,
    FIELDS
};
static const char *const fields[FIELDS] = {
    "received_messages",    "received_octets",     "received_recipients",
    "transmitted_messages", "transmitted_octets",  "transmitted_recipients",
    "rejected_messages",    "rejected_recipients", "accumulated_inbound",
    "accumulated_outbound", "failed_outbound",     "attempted_messages",
    "attempted_recipients", "attempted_octets",    "failed_messages",
    "failed_recipients",    "failed_octets",       "expired",
    "queue_time_count",     "queue_time_sum_ms",   "bounces_generated"};

static uint64_t of_mta[FIELDS], of_group[GROUPS][FIELDS];
static uint64_t deferrals[DOMAINS], deliveries[DOMAINS];
static bool seen_group[GROUPS], seen_domain[DOMAINS];

struct rcpt {
    enum { WAITING, DONE } state;
    enum { REMOTE, LOCAL, LIST, PIPE } kind;
    unsigned domain, user;
    bool tried;
};
struct message {
    bool used, null_sender, ever_tried, any_sent, frozen;
    char id[24];
    int64_t arrival_s;
    uint64_t size;
    unsigned count, attempts, sent, failed; /* bit per group */
    enum group origin;
    struct rcpt rcpt[RCPT_MAX];
};

static struct {
    uint64_t bytes, seed;
    unsigned in_flight;
    bool all;
    const char *log, *truth;
} options = {.bytes = 200000000, .seed = 1, .in_flight = 20000};
static FILE *out;
static uint64_t written, lines, state;
static int64_t clock_ms = INT64_C(1000) * START;
static unsigned next_pid = 1000;

static uint64_t rng(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static unsigned rnd(unsigned n)
{
    return (unsigned)(rng() % n);
}

static void digits(char *to, uint64_t value, unsigned n)
{
    static const char base[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    while (n-- > 0) {
        to[n] = base[value % 62];
        value /= 62;
    }
}

/* 6-6-2 as before 4.97, or 6-11-4; as in a spool that saw the change. */
static void make_id(char id[24])
{
    bool old = rnd(5) != 0;
    digits(id, (uint64_t)clock_ms / 1000, 6);
    id[6] = id[old ? 13 : 18] = '-';
    digits(id + 7, rng() % 50000000000u, old ? 6 : 11);
    digits(id + (old ? 14 : 19), rng(), old ? 2 : 4);
    id[old ? 16 : 23] = '\0';
}

static void line(unsigned pid, const char *id, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void line(unsigned pid, const char *id, const char *format, ...)
{
    static int64_t second;
    static char stamp[32];
    va_list args;
    if (clock_ms / 1000 != second) {
        second = clock_ms / 1000;
        time_t t = (time_t)second;
        struct tm tm;
        strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", gmtime_r(&t, &tm));
    }
    int n = fprintf(out, "%s ", stamp);
    if (options.all)
        n += fprintf(out, "[%u] ", pid);
    if (id)
        n += fprintf(out, "%s ", id);
    va_start(args, format);
    n += vfprintf(out, format, args);
    va_end(args);
    fputc('\n', out);
    written += (uint64_t)n + 1;
    lines++;
}

static void add(enum group g, enum field f, uint64_t n)
{
    seen_group[g] = true;
    of_group[g][f] += n;
}

static void address(char text[96], const struct rcpt *r)
{
    static const char *const first[] = {"anna", "ben", "carl", "dora", "info", "sales", "no-reply"};
    if (r->kind == REMOTE)
        snprintf(text, 96, "%s.%u@d%u.example.net", first[r->user % 7], r->user, r->domain);
    else
        snprintf(text, 96, "%s%u@local.test", first[r->user % 7], r->user);
}

static void count_received(struct message *m, unsigned recipients)
{
    add(m->origin, RECEIVED_MESSAGES, 1);
    add(m->origin, RECEIVED_OCTETS, m->size);
    of_mta[RECEIVED_MESSAGES]++;
    of_mta[RECEIVED_OCTETS] += m->size;
    add(m->origin, RECEIVED_RECIPIENTS, recipients);
    of_mta[RECEIVED_RECIPIENTS] += recipients;
}

/* Without received_recipients a recipient counts when it is done with. */
static void count_done(const struct message *m)
{
    if (options.all)
        return;
    add(m->origin, RECEIVED_RECIPIENTS, 1);
    of_mta[RECEIVED_RECIPIENTS]++;
}

static void begin(struct message *m, const char *bounce_of)
{
    static const char *const hosts[] = {"mail", "mx1", "smtp-out-7", "relay"};
    char sender[96], text[96], rcpts[700] = "", subject[64] = "";
    unsigned pid = next_pid++, client = rnd(500);
    make_id(m->id);
    m->used = true;
    m->arrival_s = clock_ms / 1000;
    m->size = 400 + rng() % 60000;
    for (unsigned i = 0; options.all && i < m->count; i++) {
        address(text, &m->rcpt[i]);
        snprintf(rcpts + strlen(rcpts), sizeof rcpts - strlen(rcpts), "%s %s", i ? "" : " for",
                 text);
    }
    if (options.all && rnd(4) == 0)
        snprintf(subject, sizeof subject, " T=\"Re: \\\"offer\\\" for a@b.test => %u\"", rnd(1000));
    struct rcpt from = {.kind = REMOTE, .domain = rnd(DOMAINS), .user = rnd(5000)};
    address(sender, &from);
    if (bounce_of) {
        m->origin = IN_OWN;
        line(pid, m->id, "<= <> R=%s U=Debian-exim P=local S=%llu%s%s", bounce_of,
             (unsigned long long)m->size, subject, rcpts);
        add(IN_OWN, BOUNCES, 1);
    } else if (rnd(10) == 0) {
        m->origin = IN_LOCAL;
        line(pid, m->id, "<= %s U=www-data P=local S=%llu%s%s", sender, (unsigned long long)m->size,
             subject, rcpts);
    } else {
        m->origin = IN_SMTP;
        if (options.all) {
            line(pid, NULL, "SMTP connection from [198.51.%u.%u]:%u (TCP/IP connection count = %u)",
                 client / 256, client % 256, 1024 + rnd(60000), 1 + rnd(20));
            add(IN_SMTP, ACCUMULATED_INBOUND, 1);
            of_mta[ACCUMULATED_INBOUND]++;
        }
        line(pid, m->id,
             "<= %s H=%s.d%u.example.net (helo%u) [198.51.%u.%u] P=esmtps "
             "X=TLS1.3:ECDHE_X25519__RSA_PSS_RSAE_SHA256__AES_256_GCM:256 CV=no S=%llu "
             "id=%016llx@d%u.example.net%s%s",
             m->null_sender ? "<>" : sender, hosts[client % 4], client, client, client / 256,
             client % 256, (unsigned long long)m->size, (unsigned long long)rng(), client, subject,
             rcpts);
        if (options.all)
            line(pid, NULL,
                 "SMTP connection from %s.d%u.example.net (helo%u) [198.51.%u.%u] closed by QUIT",
                 hosts[client % 4], client, client, client / 256, client % 256);
    }
    count_received(m, options.all ? m->count : 0);
}

/* Recipients of one domain lie side by side, as Exim takes them together. */
static void fill(struct message *m)
{
    *m = (struct message){.count = rnd(4) ? 1 : 1 + rnd(RCPT_MAX), .null_sender = rnd(25) == 0};
    if (m->null_sender)
        m->count = 1;
    unsigned domain = rnd(DOMAINS);
    bool list = false;
    for (unsigned i = 0; i < m->count; i++) {
        struct rcpt *r = &m->rcpt[i];
        if (i && rnd(2))
            domain = (domain + 1 + rnd(3)) % DOMAINS;
        *r = (struct rcpt){.domain = domain, .user = i * 1000 + rnd(1000)};
        unsigned what = rnd(10);
        r->kind = what < 6 ? REMOTE : what < 8 || list ? LOCAL : what < 9 ? LIST : PIPE;
        list |= r->kind == LIST || r->kind == PIPE; /* of what becomes others, one in a message */
    }
}

static void sent(struct message *m, enum group g)
{
    uint64_t delay_ms = (uint64_t)(clock_ms / 1000 - m->arrival_s) * 1000;
    add(g, TRANSMITTED_RECIPIENTS, 1);
    of_mta[TRANSMITTED_RECIPIENTS]++;
    if (!m->any_sent) {
        of_mta[TRANSMITTED_MESSAGES]++;
        of_mta[TRANSMITTED_OCTETS] += m->size;
    }
    m->any_sent = true;
    if (m->sent & 1u << g)
        return;
    m->sent |= 1u << g;
    add(g, TRANSMITTED_MESSAGES, 1);
    add(g, TRANSMITTED_OCTETS, m->size);
    add(g, QUEUE_TIME_COUNT, 1);
    add(g, QUEUE_TIME_SUM_MS, delay_ms);
}

static void failed(struct message *m, enum group g)
{
    add(g, FAILED_RECIPIENTS, 1);
    if (m->failed & 1u << g)
        return;
    m->failed |= 1u << g;
    add(g, FAILED_MESSAGES, 1);
    add(g, FAILED_OCTETS, m->size);
}

/* What queue_time and delivery_size add to a delivery. */
static const char *tail(const struct message *m)
{
    static char text[64];
    text[0] = '\0';
    if (options.all)
        snprintf(text, sizeof text, " QT=%llds", (long long)(clock_ms / 1000 - m->arrival_s));
    return text;
}

static void deliver_local(struct message *m, struct rcpt *r, unsigned pid)
{
    char text[96];
    address(text, r);
    unsigned copies = r->kind == LIST ? 3 : 1;
    enum group g = r->kind == PIPE ? OUT_PIPE : OUT_LOCAL;
    for (unsigned i = 0; i < copies; i++) {
        if (r->kind == PIPE)
            line(pid, m->id,
                 "=> |/usr/bin/filter -f \"R=no T=no\" <%s> R=system_aliases T=address_pipe%s",
                 text, tail(m));
        else if (r->kind == LIST)
            line(pid, m->id, "=> member%u <%s> R=local_user T=local_delivery%s", i, text, tail(m));
        else
            line(pid, m->id, "=> %.*s <%s> R=local_user T=local_delivery%s",
                 (int)strcspn(text, "@"), text, text, tail(m));
        sent(m, g);
    }
    r->state = DONE;
    count_done(m);
}

static void attempted(struct message *m, bool *first)
{
    add(OUT_REMOTE, ATTEMPTED_RECIPIENTS, 1);
    if (!*first) {
        add(OUT_REMOTE, ATTEMPTED_MESSAGES, 1);
        add(OUT_REMOTE, ATTEMPTED_OCTETS, m->size);
    }
    *first = true;
}

static void give_up(struct message *m, struct rcpt *r, unsigned pid, const char *text)
{
    line(pid, m->id, "** %s: retry timeout exceeded", text);
    of_group[OUT_REMOTE][EXPIRED] += !(m->failed & 1u << OUT_REMOTE);
    failed(m, OUT_REMOTE);
    count_done(m);
    r->state = DONE;
}

/* One connection, or none, to a domain's host: recipients from *i on. */
static bool deliver_remote(struct message *m, unsigned *i, unsigned pid, bool *attempt, bool over)
{
    unsigned domain = m->rcpt[*i].domain, fate = rnd(100), trouble = domain % 20 == 0 ? 60 : 8;
    bool any_failed = false, first = true;
    char text[96];
    if (fate < trouble) {
        line(pid, m->id, "H=mx.d%u.example.net [203.0.%u.%u] Connection timed out", domain,
             domain / 256, domain % 256);
        add(OUT_REMOTE, FAILED_OUTBOUND, 1);
        of_mta[FAILED_OUTBOUND]++;
    }
    for (bool counted = false; *i < m->count; ++*i) {
        struct rcpt *r = &m->rcpt[*i];
        if (r->state == DONE || r->kind != REMOTE)
            continue;
        if (r->domain != domain)
            break;
        address(text, r);
        if (fate < trouble) {
            line(pid, m->id, "== %s R=dnslookup T=remote_smtp defer (110): Connection timed out",
                 text);
            attempted(m, attempt);
            deferrals[domain]++;
            seen_domain[domain] = true;
            if (over) {
                give_up(m, r, pid, text);
                any_failed = true;
            }
            continue;
        }
        if (!counted) {
            add(OUT_REMOTE, ACCUMULATED_OUTBOUND, 1);
            of_mta[ACCUMULATED_OUTBOUND]++;
        }
        counted = true;
        if (rnd(20) == 0) {
            line(pid, m->id,
                 "** %s R=dnslookup T=remote_smtp H=mx.d%u.example.net [203.0.%u.%u] "
                 "X=TLS1.3:AES:256 CV=yes: SMTP error from remote mail server after RCPT TO:<%s>: "
                 "550 5.1.1 <%s>: Recipient address rejected => T=x",
                 text, domain, domain / 256, domain % 256, text, text);
            failed(m, OUT_REMOTE);
            any_failed = true;
        } else {
            line(pid, m->id,
                 "%c> %s R=dnslookup T=remote_smtp H=mx.d%u.example.net [203.0.%u.%u] "
                 "X=TLS1.3:ECDHE_X25519__RSA_PSS_RSAE_SHA256__AES_256_GCM:256 CV=yes "
                 "C=\"250 2.0.0 Ok: queued as %09llX\"%s",
                 first ? '=' : '-', text, domain, domain / 256, domain % 256,
                 (unsigned long long)(rng() & 0xfffffffff), tail(m));
            first = false;
            sent(m, OUT_REMOTE);
            if (seen_domain[domain])
                deliveries[domain]++;
        }
        r->state = DONE;
        count_done(m);
    }
    return any_failed;
}

static void complete(struct message *m, unsigned pid)
{
    for (unsigned i = 0; i < m->count; i++)
        if (m->rcpt[i].state != DONE)
            return;
    line(pid, m->id, "Completed%s", tail(m));
    m->used = false;
}

static void attempt(struct message *m, unsigned depth);

static void bounce(const struct message *of, unsigned depth)
{
    struct message m = {.count = 1, .null_sender = true};
    m.rcpt[0] = (struct rcpt){.kind = LOCAL, .user = rnd(5000)};
    begin(&m, of->id);
    attempt(&m, depth + 1);
}

static void attempt(struct message *m, unsigned depth)
{
    unsigned pid = next_pid++;
    bool attempted_once = false, any_failed = false;
    if (m->attempts++ && rnd(3) == 0) { /* its time has not come */
        for (unsigned i = 0; i < m->count; i++)
            if (m->rcpt[i].state != DONE) {
                char text[96];
                address(text, &m->rcpt[i]);
                line(pid, m->id,
                     "== %s R=dnslookup T=remote_smtp defer (-54): retry time not reached for "
                     "any host for 'd%u.example.net'",
                     text, m->rcpt[i].domain);
            }
        return;
    }
    for (unsigned i = 0; i < m->count; i++)
        if (m->rcpt[i].state != DONE && m->rcpt[i].kind != REMOTE)
            deliver_local(m, &m->rcpt[i], pid);
    for (unsigned i = 0; i < m->count;) {
        if (m->rcpt[i].state == DONE || m->rcpt[i].kind != REMOTE)
            i++;
        else
            any_failed |= deliver_remote(m, &i, pid, &attempted_once, m->attempts > 12);
    }
    if (any_failed && depth == 0)
        bounce(m, depth);
    complete(m, pid);
}

static void reject(void)
{
    unsigned client = rnd(500);
    line(
        next_pid++, NULL,
        "H=(helo%u) [198.51.%u.%u] F=<spam%u@d%u.example.net> %srejected RCPT <x%u@local.test>: %s",
        client, client / 256, client % 256, rnd(100), rnd(DOMAINS), rnd(4) ? "" : "temporarily ",
        rnd(1000), rnd(2) ? "relay not permitted" : "Unrouteable address");
    add(IN_SMTP, REJECTED_MESSAGES, 1);
    add(IN_SMTP, REJECTED_RECIPIENTS, 1);
}

static void write_fields(FILE *f, const uint64_t values[FIELDS])
{
    for (unsigned i = 0; i < FIELDS; i++)
        fprintf(f, "%s\"%s\": %llu", i ? ", " : "", fields[i], (unsigned long long)values[i]);
}

static void write_truth(void)
{
    FILE *f = fopen(options.truth, "w");
    if (!f)
        exit(2);
    fprintf(f, "{\"lines\": %llu, \"bytes\": %llu, \"seed\": %llu, \"mta\": {",
            (unsigned long long)lines, (unsigned long long)written,
            (unsigned long long)options.seed);
    write_fields(f, of_mta);
    fprintf(f, "},\n\"groups\": {");
    const char *comma = "";
    for (unsigned g = 0; g < GROUPS; g++) {
        if (!seen_group[g])
            continue;
        fprintf(f, "%s\n\"%s\": {", comma, names[g]);
        write_fields(f, of_group[g]);
        fprintf(f, "}");
        comma = ",";
    }
    fprintf(f, "},\n\"destinations\": {");
    comma = "";
    for (unsigned d = 0; d < DOMAINS; d++)
        if (seen_domain[d]) {
            fprintf(f, "%s\n\"d%u.example.net\": {\"deferrals\": %llu, \"deliveries\": %llu}",
                    comma, d, (unsigned long long)deferrals[d], (unsigned long long)deliveries[d]);
            comma = ",";
        }
    fprintf(f, "}}\n");
    fclose(f);
}

int main(int argc, char **argv)
{
    for (int c; (c = getopt(argc, argv, "b:s:m:ao:j:")) != -1;) {
        if (c == 'b')
            options.bytes = strtoull(optarg, NULL, 10);
        else if (c == 's')
            options.seed = strtoull(optarg, NULL, 10);
        else if (c == 'm')
            options.in_flight = (unsigned)strtoul(optarg, NULL, 10);
        else if (c == 'a')
            options.all = true;
        else if (c == 'o')
            options.log = optarg;
        else if (c == 'j')
            options.truth = optarg;
    }
    out = options.log ? fopen(options.log, "w") : NULL;
    struct message *all = calloc(options.in_flight ? options.in_flight : 1, sizeof *all);
    if (!out || !options.truth || !options.in_flight || !all) {
        fputs("usage: gen_exim_log -o LOG -j TRUTH [-b bytes] [-s seed] [-m in flight] [-a]\n",
              stderr);
        return 2;
    }
    state = options.seed;
    while (written < options.bytes) {
        struct message *m = &all[rnd(options.in_flight)];
        clock_ms += rnd(25); /* all lines of one step have one time */
        if (rnd(8) == 0)
            reject();
        if (m->used) {
            attempt(m, 0);
        } else {
            fill(m);
            begin(m, NULL);
            if (rnd(10))
                attempt(m, 0);
        }
    }
    if (fclose(out) != 0)
        return 2;
    write_truth();
    free(all);
    return 0;
}
