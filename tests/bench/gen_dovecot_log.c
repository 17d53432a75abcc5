/*
 * gen_dovecot_log OCTETS SEED: the log of a busy Dovecot by syslog, on stdout, and what happened in it as
 * JSON on stderr. Sessions of IMAP and POP3 overlap, as many as SLOTS; one connection in ten fails.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define SLOTS 3000

struct session {
    uint64_t id; /* 0: free */
    uint32_t user, address, pid;
    int pop3;
};

static struct session slots[SLOTS];
static uint64_t state;
static unsigned long octets, seconds;
static struct {
    unsigned long long logins, failed_logins, aborted, tls, in, out, expunged, fetched;
} totals[2];
static unsigned long long stored, deliveries;

static uint32_t next(uint32_t below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % below;
}

static void head(void)
{
    seconds += next(40) == 0;
    octets +=
        (unsigned long)printf("Nov %2lu %02lu:%02lu:%02lu mx1 dovecot: ", 1 + seconds / 86400 % 28,
                              seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
}

static const char *name(const struct session *s)
{
    static char text[17];
    snprintf(text, sizeof text, "%08llx/+%06llX", (unsigned long long)(s->id & 0xffffffff),
             (unsigned long long)(s->id >> 32 & 0xffffff));
    return text;
}

static void tail(const struct session *s, const char *message, int tls)
{
    octets += (unsigned long)printf(
        "%s-login: %s: user=<user%u@example%u.org>, method=PLAIN, rip=192.0.%u.%u, "
        "lip=198.51.100.7, ",
        s->pop3 ? "pop3" : "imap", message, s->user, s->user % 50, s->address >> 8 & 7,
        s->address & 255);
    if (s->pid)
        octets += (unsigned long)printf("mpid=%u, ", s->pid);
    octets += (unsigned long)printf("%ssession=<%s>\n", tls ? "TLS, " : "", name(s));
}

static void begin(struct session *s)
{
    *s = (struct session){.id = (uint64_t)next(0x7fffffff) << 24 ^ next(0x7fffffff) ^ 1,
                          .user = next(5000),
                          .address = next(2048),
                          .pop3 = next(10) < 3};
    int what = (int)next(100), tls = next(10) < 7;
    head();
    if (what < 6) {
        char text[96];
        unsigned attempts = 1 + next(3);
        snprintf(text, sizeof text,
                 "Disconnected: Connection closed (auth failed, %u attempts in %u secs)", attempts,
                 next(30));
        totals[s->pop3].failed_logins += attempts;
        tail(s, text, tls);
        s->id = 0;
    } else if (what < 10) {
        totals[s->pop3].aborted++;
        tail(s, "Disconnected: Aborted login by logging out (no auth attempts in 0 secs)", tls);
        s->id = 0;
    } else {
        s->pid = 1000 + next(60000);
        totals[s->pop3].logins++;
        totals[s->pop3].tls += (unsigned)tls;
        tail(s, "Login", tls);
    }
}

static void end(struct session *s)
{
    unsigned in = next(5000), out = next(400000), expunged = next(4), fetched = next(30);
    head();
    if (s->pop3) {
        octets += (unsigned long)printf("pop3(user%u@example%u.org)<%u><%s>: Disconnected: Logged "
                                        "out top=0/0, retr=%u/%u, del=%u/%u, size=%u\n",
                                        s->user, s->user % 50, s->pid, name(s), fetched, out,
                                        expunged, fetched + expunged, out * 2);
    } else {
        octets += (unsigned long)printf(
            "imap(user%u@example%u.org)<%u><%s>: Disconnected: Logged out in=%u out=%u "
            "deleted=%u expunged=%u trashed=0 hdr_count=%u hdr_bytes=%u body_count=%u "
            "body_bytes=%u\n",
            s->user, s->user % 50, s->pid, name(s), in, out, expunged, expunged, fetched,
            fetched * 800, fetched, out / 2);
        totals[0].in += in;
    }
    totals[s->pop3].out += out;
    totals[s->pop3].expunged += expunged;
    totals[s->pop3].fetched += fetched;
    s->id = 0;
}

static void deliver(void)
{
    unsigned pid = 500 + next(50), count = 1 + next(3);
    head();
    octets += (unsigned long)printf("lmtp(%u): Connect from local\n", pid);
    for (unsigned i = 0; i < count; i++) {
        head();
        octets +=
            (unsigned long)printf("lmtp(user%u@example.org)<%u><%08x>: msgid=<%08x@example.net>: "
                                  "saved mail to INBOX\n",
                                  next(5000), pid, next(0x7fffffff), next(0x7fffffff));
    }
    head();
    octets +=
        (unsigned long)printf("lmtp(%u): Disconnect from local: Logged out (state=READY)\n", pid);
    deliveries++;
    stored += count;
}

static void print_service(const char *service, int pop3)
{
    fprintf(stderr,
            "\"%s\": {\"GoodLogins\": %llu, \"FailedLogins\": %llu, \"FailedConnections\": %llu, "
            "\"TlsSessions\": %llu, \"OctetsIn\": %llu, \"OctetsOut\": %llu, \"Expunged\": %llu, "
            "\"Fetched\": %llu},\n",
            service, totals[pop3].logins, totals[pop3].failed_logins, totals[pop3].aborted,
            totals[pop3].tls, totals[pop3].in, totals[pop3].out, totals[pop3].expunged,
            totals[pop3].fetched);
}

int main(int argc, char **argv)
{
    unsigned long limit = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
    state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    if (!limit) {
        fprintf(stderr, "usage: gen_dovecot_log OCTETS SEED >LOG 2>TRUTH\n");
        return 2;
    }
    while (octets < limit) {
        struct session *s = &slots[next(SLOTS)];
        if (next(12) == 0)
            deliver();
        else if (s->id)
            end(s);
        else
            begin(s);
    }
    unsigned long now[2] = {0, 0};
    for (unsigned i = 0; i < SLOTS; i++)
        if (slots[i].id)
            now[slots[i].pop3]++;
    fputs("{", stderr);
    print_service("imap", 0);
    print_service("pop3", 1);
    fprintf(stderr,
            "\"lmtp\": {\"Connections\": %llu, \"Appended\": %llu}, \"now\": {\"imap\": %lu, "
            "\"pop3\": %lu}}\n",
            deliveries, stored, now[0], now[1]);
    return ferror(stdout) != 0;
}
