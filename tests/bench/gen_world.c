/*
 * The world of gen_postfix_log: random numbers, domains, mailboxes, clients, and the heads of
 * lines. All of it follows from options.seed; no clock is read.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "gen.h"

struct options options;
struct domain *domains;
unsigned domain_count, remote_count;
uint64_t line_count, byte_count;
uint64_t clock_us = 1795132800000000; /* 2026-11-20T00:00:00Z */

const char *const group_tag[GROUPS] = {
    [IN_SMTPD] = "smtpd",           [IN_SUBMISSION] = "submission/smtpd",
    [IN_SMTPS] = "smtps/smtpd",     [IN_REINJECT] = "reinject/smtpd",
    [IN_POSTSCREEN] = "postscreen", [IN_PICKUP] = "pickup",
    [IN_CLEANUP] = "cleanup",       [OUT_SMTP] = "smtp",
    [OUT_RELAY] = "relay/smtp",     [OUT_LMTP] = "lmtp",
    [OUT_LOCAL] = "local",          [OUT_VIRTUAL] = "virtual",
    [OUT_DOVECOT] = "pipe",         [OUT_MAILMAN] = "pipe",
    [OUT_ERROR] = "error",          [OUT_RETRY] = "retry",
};

static uint64_t rng_state;

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}
uint64_t rng(void)
{
    return mix(rng_state += 0x9e3779b97f4a7c15u);
}
unsigned rnd(unsigned n)
{
    return (unsigned)(((rng() >> 32) * n) >> 32);
}
bool chance(double p)
{
    return (double)(rng() >> 11) < p * 9007199254740992.0;
}
bool rarely(double p)
{
    return chance(p * options.rare);
}
unsigned skewed(unsigned n)
{
    double u = (double)(rng() >> 11) / 9007199254740992.0;
    return (unsigned)(u * u * u * (double)n);
}

static const char *const words[] = {"alpine", "bright", "cedar", "delta", "ember",  "fjord",
                                    "garnet", "harbor", "iris",  "jade",  "kernel", "lumen",
                                    "meadow", "north",  "onyx",  "pilot"};
static const char *const endings[] = {"example",     "example.com", "example.net",
                                      "example.org", "mail.test",   "corp.invalid"};

static void name_domain(struct domain *d, unsigned i, const char *ending)
{
    unsigned k = rnd(256);
    snprintf(d->name, sizeof d->name, "%s-%s%u.%s", words[k >> 4], words[k & 15], i, ending);
}

/* Most remote domains work nearly always, some are slow to accept, a few are dead. */
static float trouble(void)
{
    unsigned k = rnd(100);
    return k < 80 ? 0.02F : k < 96 ? 0.4F : 0.97F;
}

static enum group local_transport(unsigned i)
{
    static const enum group order[] = {OUT_LMTP,  OUT_LMTP,    OUT_VIRTUAL, OUT_LOCAL,
                                       OUT_LMTP,  OUT_DOVECOT, OUT_VIRTUAL, OUT_LMTP,
                                       OUT_LOCAL, OUT_MAILMAN};
    return order[i % 10];
}

static enum group remote_transport(unsigned i)
{
    if (i < 20 / options.rare) /* the most frequent domains are reachable */
        return i % 7 == 6 ? OUT_RELAY : OUT_SMTP;
    return i % 40 == 21 ? OUT_ERROR : i % 200 == 22 ? OUT_RETRY : i % 9 == 8 ? OUT_RELAY : OUT_SMTP;
}

void world_init(void)
{
    rng_state = mix(options.seed + 1);
    remote_count = options.domains;
    domain_count = remote_count + 40;
    domains = calloc(domain_count, sizeof *domains);
    if (!domains)
        abort();
    for (unsigned i = 0; i < remote_count; i++) {
        name_domain(&domains[i], i, endings[rnd(6)]);
        domains[i].transport = remote_transport(i);
        domains[i].trouble = i < 20 / options.rare ? 0.02F : trouble();
    }
    for (unsigned i = remote_count; i < domain_count; i++) {
        name_domain(&domains[i], i, "hosted.example");
        domains[i].transport = local_transport(i);
        domains[i].trouble = 0.02F;
    }
    snprintf(domains[remote_count - 1].name, sizeof domains[0].name, "evil.example");
    domains[remote_count - 1].transport = OUT_SMTP;
}

struct mailbox mailbox_remote(void)
{
    uint32_t seed = (uint32_t)rng();
    return (struct mailbox){seed, skewed(remote_count)};
}
struct mailbox mailbox_local(void)
{
    uint32_t seed = (uint32_t)rng();
    return (struct mailbox){seed, remote_count + skewed(domain_count - remote_count)};
}

/* Local parts that imitate the rest of a line: they are legal, and people do send them. */
static const char *const hostile[] = {
    "\"a, status=sent (x)\"",
    "\"x>, relay=none, delay=1, delays=0/0/0/0, dsn=2.0.0, status=sent (250 ok)\"",
    "\"x>, size=1, nrcpt=99 (queue active)\"",
    "\"a@b>, orig_to=<c@d\"",
    "\"two words, and a comma\"",
    "\"q\\\"uote>, relay=mx.example[192.0.2.1]:25\"",
    "\"]: 554 5.7.1 Relay access denied; from=<x\"",
    "o'brien+tag=x{y}",
};

const char *mailbox_text(struct mailbox m, char text[256])
{
    static const char *const people[] = {
        "anna", "bob",        "carol", "dave",  "erin",     "frank",   "grace",  "heidi",
        "ivan", "postmaster", "info",  "sales", "no-reply", "billing", "office", "newsletter"};
    const char *at = domains[m.domain].name;
    unsigned kind = m.seed % 100, n = (m.seed >> 8) % 1000;
    const char *a = people[m.seed >> 28], *b = people[(m.seed >> 24) & 15];
    if (m.seed % (251 / options.rare) == 0)
        snprintf(text, 256, "%s@%s", hostile[(m.seed >> 10) % 8], at);
    else if (kind < 60)
        snprintf(text, 256, "%s.%s%u@%s", a, b, n, at);
    else if (kind < 90)
        snprintf(text, 256, "%s@%s", a, at);
    else
        snprintf(text, 256, "bounces+%u-%06x-%s=%s@%s", n, m.seed & 0xffffff, a, b, at);
    if (m.seed % 127 == 1) /* domains are equal whatever their case */
        for (char *p = strrchr(text, '@'); *p; p += 2)
            if (*p >= 'a' && *p <= 'z')
                *p = (char)(*p - 32);
    return text;
}

/* Client i has always the same address and name, in either instance. */
void client_text(unsigned client, char name[128], char bare[48])
{
    if (client == CLIENT_LOOPBACK) {
        strcpy(bare, "127.0.0.1");
        strcpy(name, "localhost[127.0.0.1]");
        return;
    }
    uint32_t h = client * 2654435761u; /* odd: no two clients below 2^22 meet */
    if (client % 9 == 4)
        snprintf(bare, 48, "2001:db8:%x::%x", (client >> 12) + 1, (client & 0xfff) + 1);
    else
        snprintf(bare, 48, "100.%u.%u.%u", 64 + ((h >> 16) & 63), (h >> 8) & 255, h & 255);
    if (client % 5 == 3)
        snprintf(name, 128, "unknown[%s]", bare);
    else if (client % 5 == 2)
        snprintf(name, 128, "host-%u-%u.dynamic.%s-isp.example[%s]", h & 255, client,
                 words[client % 16], bare);
    else
        snprintf(name, 128, "mx%u.%s[%s]", client % 9, domains[client % remote_count].name, bare);
}

static FILE *log_file;
static char head_time[48];
static uint64_t head_second;

void line_open(void)
{
    log_file = fopen(options.log, "w");
    if (!log_file) {
        perror(options.log);
        exit(1);
    }
    setvbuf(log_file, NULL, _IOFBF, 1 << 20);
}
void line_close(void)
{
    if (fclose(log_file) != 0) {
        perror(options.log);
        exit(1);
    }
}

static void format_second(uint64_t second)
{
    time_t t = (time_t)second;
    struct tm tm;
    gmtime_r(&t, &tm);
    strftime(head_time, sizeof head_time,
             options.head == HEAD_BSD ? "%b %e %H:%M:%S" : "%Y-%m-%dT%H:%M:%S", &tm);
    head_second = second;
}

/* Time passes with each line, 6 ms on average. Returns the length of the head. */
static int head(char *to, size_t size, const char *prefix, const char *service, unsigned pid)
{
    clock_us += rnd(12000);
    if (clock_us / 1000000 != head_second)
        format_second(clock_us / 1000000);
    const char *slash = service ? "/" : "";
    unsigned us = (unsigned)(clock_us % 1000000);
    if (!service)
        service = "";
    if (options.head == HEAD_BSD)
        return snprintf(to, size, "%s mx1 %s%s%s[%u]: ", head_time, prefix, slash, service, pid);
    if (options.head == HEAD_RFC3339)
        return snprintf(to, size, "%s.%06u+00:00 mx1 %s%s%s[%u]: ", head_time, us, prefix, slash,
                        service, pid);
    return snprintf(to, size, "<22>1 %s.%06u+00:00 mx1 %s%s%s %u - - ", head_time, us, prefix,
                    slash, service, pid);
}

static void write_line(char *text, int used, size_t size, const char *format, va_list args)
{
    int length = vsnprintf(text + used, size - (size_t)used - 1, format, args);
    if (length < 0 || (size_t)(used + length) > size - 2)
        abort();
    used += length;
    text[used++] = '\n';
    fwrite(text, 1, (size_t)used, log_file);
    byte_count += (uint64_t)used;
    line_count++;
}

void line(unsigned instance, const char *service, unsigned pid, const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    int used = head(text, sizeof text, instance ? "postfix-out" : "postfix", service, pid);
    write_line(text, used, sizeof text, format, args);
    va_end(args);
}

void line_other(const char *tag, unsigned pid, const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    int used = head(text, sizeof text, tag, NULL, pid);
    write_line(text, used, sizeof text, format, args);
    va_end(args);
}
